"""Fetching a series: written as it comes, complete, and whole again after a broken transfer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import write_ct_series
from fake_pacs import END, MULTIPART, Answer, FakePacs, fake_pacs, part

from ynet3d.errors import YnetError
from ynet3d.pacs import Connection
from ynet3d.progress import Progress
from ynet3d.volumes import SeriesSummary, list_series

pytest.importorskip("dicomweb_client")

from ynet3d.pacs.choosing import Chosen
from ynet3d.pacs.client import Pacs
from ynet3d.pacs.fetching import fetch

STUDY, SERIES = "1.2.70", "1.2.70.2"
PATH = f"/studies/{STUDY}/series/{SERIES}"


class Said(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("series")
    array = np.arange(6 * 5 * 4, dtype=np.int16).reshape(6, 5, 4)
    return write_ct_series(folder, array, np.eye(4), study_uid=STUDY, series_uid=SERIES)


@pytest.fixture
def server(files: list[Path]) -> Iterator[FakePacs]:
    with fake_pacs() as running:
        for file in files:
            one = Answer(part(file.read_bytes()) + END, kind=MULTIPART)
            running.say("GET", f"{PATH}/instances/{uid_of(file)}", one)
        yield running


def uid_of(file: Path) -> str:
    return str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)


def fetched(server: FakePacs, files: list[Path], folder: Path, said: Progress) -> int:
    summary: SeriesSummary = list_series(files[0].parent)[0]
    chosen = Chosen(STUDY, summary, {SERIES: [uid_of(file) for file in files]}, ())
    return fetch(Pacs(Connection(server.url, timeout_s=5).checked(), said), chosen, folder)


def assert_complete(files: list[Path], folder: Path) -> None:
    found = {uid_of(path): pydicom.dcmread(path) for path in folder.iterdir()}
    assert len(found) == len(files)
    for file in files:
        assert found[uid_of(file)] == pydicom.dcmread(file)


def test_written_as_it_comes(server: FakePacs, files: list[Path], tmp_path: Path) -> None:
    """The server sends the third image only once the first lies on disk."""
    on_disk: list[bool] = []

    def chunks(_: dict[str, str]) -> Iterator[bytes]:
        for number, file in enumerate(files):
            if number == 2:
                end = time.monotonic() + 4
                while not list(tmp_path.iterdir()) and time.monotonic() < end:
                    time.sleep(0.01)
                on_disk.append(bool(list(tmp_path.iterdir())))
            yield part(file.read_bytes())
        yield END

    server.say("GET", PATH, Answer(chunks, kind=MULTIPART))
    said = Said()
    size = fetched(server, files, tmp_path, said)
    assert on_disk == [True]
    assert_complete(files, tmp_path)
    assert size == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert len(server.asked) == 1
    assert said.lines[0].startswith("Fetched 4 images (0.0 MB)")


def test_a_transfer_that_breaks_off(server: FakePacs, files: list[Path], tmp_path: Path) -> None:
    """In the middle of the third image; and a stream that ends early as if it were complete."""

    def broken(_: dict[str, str]) -> Iterator[bytes | None]:
        yield part(files[0].read_bytes()) + part(files[1].read_bytes())
        yield part(files[2].read_bytes()[:400])
        yield None

    server.say("GET", PATH, Answer(broken, kind=MULTIPART))
    said = Said()
    (tmp_path / "a").mkdir()
    fetched(server, files, tmp_path / "a", said)
    assert_complete(files, tmp_path / "a")
    assert any("2 of 4 images are still missing" in line for line in said.lines)
    assert len(server.asked) == 3

    early = part(files[0].read_bytes()) + END
    server.say("GET", PATH, Answer(early, kind=MULTIPART))
    (tmp_path / "b").mkdir()
    fetched(server, files, tmp_path / "b", said)
    assert_complete(files, tmp_path / "b")


def test_servers_that_do_not_know_as_stored(
    server: FakePacs, files: list[Path], tmp_path: Path
) -> None:
    """406 to any transfer syntax: asked for again without one."""
    whole = b"".join(part(file.read_bytes()) for file in files) + END
    server.say("GET", PATH, Answer(b"", 406), Answer(whole, kind=MULTIPART))
    fetched(server, files, tmp_path, Said())
    assert_complete(files, tmp_path)
    accepted = [asked.headers["Accept"] for asked in server.asked]
    assert ["transfer-syntax=*" in text for text in accepted] == [True, False]


def test_images_that_are_not_there(server: FakePacs, files: list[Path], tmp_path: Path) -> None:
    """Listed, but neither in the stream nor by itself."""
    whole = b"".join(part(file.read_bytes()) for file in files[1:]) + END
    server.say("GET", PATH, Answer(whole, kind=MULTIPART))
    del server.answers["GET", f"{PATH}/instances/{uid_of(files[0])}"]
    with pytest.raises(YnetError, match="404"):
        fetched(server, files, tmp_path, Said())
    other = Answer(part(files[1].read_bytes()) + END, kind=MULTIPART)
    server.say("GET", f"{PATH}/instances/{uid_of(files[0])}", other)
    (tmp_path / "other").mkdir()
    with pytest.raises(YnetError, match="sent 3 of 4 images under the UIDs"):
        fetched(server, files, tmp_path / "other", Said())
