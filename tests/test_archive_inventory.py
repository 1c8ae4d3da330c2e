"""Which scans an archive holds, from trees and lists, here and elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fsspec")

import fsspec

from tests.archive_cases import put, write_archive
from ynet3d.archive.inventory import find_scans
from ynet3d.archive.storage import Place
from ynet3d.errors import InputError, MissingExtraError

DICOM = "\0" * 128 + "DICM" + "\0" * 400


@pytest.fixture
def memory() -> Iterator[str]:
    """A folder of fsspec's file system in memory."""
    url = f"memory://{uuid.uuid4().hex}"
    yield url
    fsspec.filesystem("memory").rm(url, recursive=True)


def tree(folder: Path) -> Path:
    return write_archive(
        folder,
        {
            "volume-10.nii.gz": "x",
            "volume-9.nii": "x",
            "segmentation-9.nii": "x",
            "p1/CT.MHD": "x",
            "p1/CT.raw": "x",
            "p1/scan.nrrd": "x",
            "p1/scan_label.nrrd": "x",
            "p1/notes.txt": "x",
            "p2/study/series/IM0001": DICOM,
            "p2/study/series/IM0002": DICOM,
            "p3/sent.zip": "x",
            "p4/DICOMDIR": DICOM,
            "p4/inner/IM1": DICOM,
            "p5/a.dcm": "x",
            "p5/mask.nii": "x",
            ".hidden/x.nii": "x",
            "out/cases/a/segmentation.nii.gz": "x",
        },
    )


FOUND = [
    *("p1/CT.MHD", "p1/scan.nrrd", "p2/study/series", "p3/sent.zip", "p4", "p5"),
    *("volume-9.nii", "volume-10.nii.gz"),
]


def test_tree_here(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in")
    (folder / "p1" / "circle").symlink_to(folder)
    scans = find_scans(str(folder), leave_out=Place(folder / "out"))
    assert [scan.input for scan in scans] == [str(folder / name) for name in FOUND]
    assert [scan.name for scan in scans][:4] == ["p1-CT", "p1-scan", "p2-study-series", "p3-sent"]
    assert all(scan.mark for scan in scans)


def test_tree_elsewhere(tmp_path: Path, memory: str) -> None:
    fsspec.filesystem("memory").put(str(tree(tmp_path / "in")), memory, recursive=True)
    inside = f"{memory}/in" if fsspec.filesystem("memory").isdir(f"{memory}/in") else memory
    scans = find_scans(inside, leave_out=Place(f"{inside}/out"))
    start = Place(inside).url + "/"
    assert [scan.input.removeprefix(start) for scan in scans] == FOUND


def test_a_changed_file_has_another_mark(tmp_path: Path) -> None:
    folder = write_archive(tmp_path, {"a.nii": "x", "b.nii": "x"})
    before = find_scans(str(folder))
    (folder / "a.nii").write_text("xy", encoding="utf-8")
    after = find_scans(str(folder))
    assert [one.mark == other.mark for one, other in zip(before, after, strict=True)] == [
        False,
        True,
    ]


def test_lists(tmp_path: Path) -> None:
    folder = write_archive(tmp_path, {"a/x.nii": "x", "a/y.nii": "x"})
    text = folder / "list.txt"
    text.write_text(f"# some\na/x.nii\n\n{folder / 'a' / 'y.nii'}\nmissing.nii\n", encoding="utf-8")
    scans = find_scans(str(text))
    inputs = [folder / "a/x.nii", folder / "a/y.nii", folder / "missing.nii"]
    assert [scan.input for scan in scans] == list(map(str, inputs))
    table = folder / "list.csv"
    table.write_text("name,scan,series\nfirst,a/x.nii,\n,a/y.nii,1.2.3\n", encoding="utf-8-sig")
    scans = find_scans(str(table))
    assert [(scan.name, scan.series) for scan in scans] == [("first", None), ("y", "1.2.3")]


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.csv", "file\nx.nii\n", "no column `input`"),
        ("a.txt", "# nothing\n", "names no scans"),
        ("a.txt", "x.nii\nx.nii\n", "twice"),
    ],
)
def test_bad_lists(tmp_path: Path, name: str, content: str, match: str) -> None:
    write_archive(tmp_path, {name: content})
    with pytest.raises(InputError, match=match):
        find_scans(str(tmp_path / name))


def test_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no scans"):
        find_scans(str(write_archive(tmp_path / "in", {"readme.md": "x"})))
    with pytest.raises(InputError, match="nothing at"):
        find_scans(str(tmp_path / "absent"))
    with pytest.raises(InputError, match="cannot be opened"):
        Place("nonsense://x")


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **options: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    with pytest.raises(MissingExtraError, match=r"s3fs.*pip install 'ynet3d\[archive\]'"):
        Place("s3://bucket/scans")


def test_copies_of_what_lies_elsewhere(tmp_path: Path, memory: str) -> None:
    place = Place(memory)
    for name in ("scan.mhd", "scan.raw", "other.raw", "series/1", "series/deep/2"):
        put(place.inside(name), name.encode())
    scan = place.inside("scan.mhd").fetch(tmp_path)
    assert scan.read_bytes() == b"scan.mhd"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.mhd", "scan.raw"]
    series = place.inside("series").fetch(tmp_path)
    assert (series / "deep" / "2").read_bytes() == b"series/deep/2"
    with pytest.raises(InputError, match="nothing at"):
        place.inside("absent.nii").fetch(tmp_path)
