"""`ynet3d dicomweb` with servers that fail, refuse, or are something else."""

from __future__ import annotations

import base64
import io
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from command_line import run
from fake_pacs import Answer, FakePacs, dicom_json, fake_pacs, store_answer
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

pytest.importorskip("dicomweb_client")

STUDY, SERIES = "1.2.50", "1.2.50.2"
CT = {"SeriesInstanceUID": SERIES, "Modality": "CT", "NumberOfSeriesRelatedInstances": 7}
TOKEN = "a-token-that-nobody-may-see"
SERIES_OF_STUDY = f"/studies/{STUDY}/series"


@pytest.fixture
def pacs() -> Iterator[FakePacs]:
    with fake_pacs() as server:
        server.say("GET", "/studies", *studies(STUDY))
        server.say("GET", SERIES_OF_STUDY, *pages(CT))
        image = {"SliceThickness": 2.5, "ProtocolName": "Liver portal"}
        server.say("GET", f"{SERIES_OF_STUDY}/{SERIES}/instances", Answer(dicom_json(image)))
        yield server


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("ynet3d.pacs.session.time.sleep", waited.append)
    return waited


def pages(*objects: dict[str, object]) -> list[Answer]:
    """A server that ignores limit and offset, and says the same whatever page is asked for."""
    return [Answer(dicom_json(*objects))]


def studies(*uids: str) -> list[Answer]:
    return pages(*({"StudyInstanceUID": uid} for uid in uids))


def test_passing_failures_are_tried_again_and_said(
    pacs: FakePacs, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    pacs.answers["GET", "/studies"][:0] = [
        Answer(b"", 503),
        Answer(b"", 502),
        Answer(b"", 429, headers={"Retry-After": "7"}),
    ]
    done = run(capsys, "dicomweb", "list", pacs.url, "--json")
    assert done.code == 0, done
    assert waits == [1, 2, 7]
    assert "503 Service Unavailable. Trying again in 1 s (attempt 2 of 4)." in done.err
    (row,) = json.loads(done.out)
    assert (row["series"], row["images"], row["slice_mm"]) == (SERIES, "7", "2.5")
    assert row["phase"] == "portal venous"

    pacs.say("GET", "/studies", Answer(b"", 503))
    waits.clear()
    done = run(capsys, "dicomweb", "list", pacs.url, "--attempts", 3)
    done.assert_refused(match="503 Service Unavailable; 3 attempts", code=1)
    assert waits == [1, 2]


def test_pages(pacs: FakePacs, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that gives three at a time, and one that gives the same whatever is asked for."""
    uids = [f"1.2.60.{number}" for number in range(8)]

    def three(query: dict[str, str]) -> bytes:
        start = int(query["offset"])
        return dicom_json(*({"StudyInstanceUID": uid} for uid in uids[start : start + 3]))

    pacs.say("GET", "/studies", Answer(three))
    for uid in uids:
        pacs.say("GET", f"/studies/{uid}/series", *pages({**CT, "SeriesInstanceUID": f"{uid}.1"}))
        pacs.say("GET", f"/studies/{uid}/series/{uid}.1/instances", Answer())
    rows = json.loads(run(capsys, "dicomweb", "list", pacs.url, "--json").out)
    assert [row["study"] for row in rows] == uids
    done = run(capsys, "dicomweb", "list", pacs.url, "--limit", 4)
    assert "There are more studies" in done.out
    assert f"Study 4: {uids[3]}" in done.out
    assert uids[4] not in done.out


@pytest.mark.parametrize(
    ("answer", "match", "code"),
    [
        (Answer(b"<html>Log in</html>", kind="text/html; charset=utf-8"), "a web page", 2),
        (Answer(b'["a", "b"]', kind="application/json"), "JSON that is not DICOM's", 2),
        (Answer(b"hello", kind="text/plain"), "something that is not DICOM", 2),
        (Answer(b"", 404), "no DICOMweb service for the search for studies (404", 2),
        (Answer(b"", 401), "asks for a login (401)", 2),
        (Answer(b"", 403), "does not allow the search for studies (403)", 2),
        (Answer(b"", 418), "refused the search for studies (418", 1),
        (Answer(b"", 501), "no DICOMweb service", 2),
    ],
)
def test_other_answers(
    answer: Answer, match: str, code: int, pacs: FakePacs, capsys: pytest.CaptureFixture[str]
) -> None:
    pacs.say("GET", "/studies", answer)
    run(capsys, "dicomweb", "list", pacs.url, "-q").assert_refused(match=match, code=code)


def test_addresses(
    pacs: FakePacs, waits: list[float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for url, match, code in (
        ("pacs.example/dicom-web", "no address of a DICOMweb service", 2),
        ("ftp://pacs.example", "no address of a DICOMweb service", 2),
        ("http://[x", "no address of a server", 2),
        ("http://me:secret@pacs.example", "holds a login", 2),
        ("http://pacs.example/studies?x=1", "behind a ? or #", 2),
        (f"http://127.0.0.1:{port}", "cannot be reached (connection refused; 4 attempts)", 1),
        (pacs.url.replace("http:", "https:"), "does not speak TLS", 2),
    ):
        done = run(capsys, "dicomweb", "list", url)
        done.assert_refused(match=match, code=code)
        assert "secret" not in done.err
    assert waits == [1, 2, 4]
    done = run(capsys, "dicomweb", "list", pacs.url, "--ca-file", tmp_path / "none.pem")
    done.assert_refused(match="no file of certificates")


def test_certificates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that nobody trusts is refused, unless its file is given."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes a certificate, is not here")
    key, certificate, both = (tmp_path / name for name in ("key.pem", "ca.pem", "both.pem"))
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    words += f" -subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run([openssl, *words.split()], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    with fake_pacs(certificate=both) as pacs:
        pacs.say("GET", "/studies", Answer())
        done = run(capsys, "dicomweb", "list", pacs.url)
        done.assert_refused(match="is not trusted (self-signed certificate)")
        done = run(capsys, "dicomweb", "list", pacs.url, "--ca-file", certificate)
        done.assert_refused(match="no study with CT that matches")


def test_logins(
    pacs: FakePacs,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A token is sent, is in no output, and neither ~/.netrc nor both kinds at once are taken."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    run(capsys, "dicomweb", "list", pacs.url)
    assert "Authorization" not in pacs.asked[-1].headers
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    words = ("dicomweb", "list", pacs.url)
    done = run(capsys, *words, "--token-file", file)
    assert pacs.asked[-1].headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in done.out + done.err
    pacs.say("GET", "/studies", Answer(b"", 401))
    done = run(capsys, *words, "--token-file", file, "--debug")
    done.assert_refused(match="refuses the login (401)")
    assert TOKEN not in done.out + done.err

    # Redirected: the other server does not get it.
    with fake_pacs() as other:
        other.say("GET", "/studies", Answer())
        there = {"Location": f"{other.url}/studies"}
        pacs.say("GET", "/studies", Answer(b"", 307, headers=there))
        run(capsys, *words, "--token-file", file)
        assert "Authorization" not in other.asked[-1].headers

    empty = tmp_path / "empty"
    empty.write_text("\n", encoding="utf-8")
    for options, match in (
        (("--token-file", file, "--user", "me"), "Both a token and a user's password"),
        (("--token-file", empty), "no token in"),
        (("--token-file", tmp_path / "none"), "cannot be read"),
        (("--password-file", file), "without a name"),
        (("--user", "me:secret"), "has a colon"),
    ):
        run(capsys, *words, *options).assert_refused(match=match)


def test_a_password_is_asked_for(
    pacs: FakePacs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unseen on a terminal; a line of what is piped in; but not before the address is right."""
    words = ("dicomweb", "list", pacs.url, "--user", "me")
    monkeypatch.setattr("sys.stdin", io.StringIO("pa:ß\nmore\n"))
    run(capsys, *words)
    sent = pacs.asked[-1].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode("utf-8") == "me:pa:ß"
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    asked: list[str] = []
    monkeypatch.setattr("getpass.getpass", lambda text: asked.append(text) or "secret")
    assert "secret" not in run(capsys, *words).out
    assert asked == ["Password: "]
    run(capsys, "dicomweb", "list", "nowhere", "--user", "me").assert_refused(match="no address")
    assert len(asked) == 1


def write_objects(folder: Path) -> dict[str, str]:
    """A SEG and an SR, as far as storing looks at them; UIDs by modality."""
    (folder / "dicom").mkdir(parents=True)
    uids = {"SEG": "1.2.50.9001.1", "SR": "1.2.50.9002.1"}
    for (modality, uid), name in zip(uids.items(), ("segmentation", "report"), strict=True):
        source = pydicom.Dataset()
        source.SeriesInstanceUID = SERIES
        data = pydicom.Dataset()
        data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
        data.SOPInstanceUID = uid
        data.StudyInstanceUID, data.SeriesInstanceUID = STUDY, uid[:-2]
        data.Modality, data.Manufacturer = modality, "ynet3d"
        data.ReferencedSeriesSequence = [source]
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.save_as(folder / "dicom" / f"{name}.dcm", enforce_file_format=True)
    return uids


@pytest.mark.parametrize("status", [202, 409])
def test_a_part_is_refused(
    status: int, pacs: FakePacs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both ways to say so: 202 with what failed, and 409 where all of a request did."""
    uids = write_objects(tmp_path)
    seg = Answer(store_answer(stored=(uids["SEG"],)), kind="application/dicom+json; charset=utf-8")
    refused = Answer(store_answer(failed={uids["SR"]: 0x0122}), status)
    pacs.say("POST", "/studies", seg, refused)
    words = ("dicomweb", "store", pacs.url, tmp_path)
    done = run(capsys, *words)
    match = "refused SR (SR: it does not take objects of this kind, 0122h) and stored SEG."
    done.assert_refused(match=match, code=1)
    posts = [asked for asked in pacs.asked if asked.method == "POST"]
    assert [uids["SEG"].encode() in post.body for post in posts] == [True, False]
    host = pacs.url.split("/")[2]
    assert all(post.headers["Host"] == host for post in posts)

    # A SEG that is refused leaves no report that refers to it; one that is there already is fine.
    pacs.say("POST", "/studies", Answer(store_answer(failed={uids["SEG"]: 0xA711}), status))
    done = run(capsys, *words)
    match = "SEG: out of resources, A700h; SR: it refers to the SEG"
    done.assert_refused(match=match, code=1)
    there = [Answer(store_answer(failed={uid: 0x0111}), status) for uid in uids.values()]
    pacs.say("POST", "/studies", *there)
    assert run(capsys, *words).out == "Stored: SEG, SR.\n"


def test_servers_that_store_nothing(
    pacs: FakePacs, waits: list[float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_objects(tmp_path)
    words = ("dicomweb", "store", pacs.url, tmp_path)
    elsewhere = {"Location": "https://pacs.example/dicom-web/studies"}
    for answer, match, code in (
        (Answer(b"", 404), "no DICOMweb service for storing objects (STOW-RS) (404", 2),
        (Answer(b"", 405), "no DICOMweb service for storing objects (STOW-RS) (405", 2),
        (Answer(b"", 403), "does not allow storing objects", 2),
        (Answer(b"", 413), "refuses objects of this size", 1),
        (Answer(b"", 308, headers=elsewhere), "elsewhere to https://pacs.example", 2),
        (Answer(b"<p>hello", kind="text/html"), "a web page", 2),
        (Answer(b"", 500), "failed at storing objects (STOW-RS) (500", 1),
    ):
        pacs.say("POST", "/studies", answer)
        run(capsys, *words).assert_refused(match=match, code=code)
    assert waits == [1, 2, 4]
    pacs.say("GET", SERIES_OF_STUDY, Answer())
    run(capsys, *words).assert_refused(match=f"holds no study {STUDY}")
    run(capsys, *words[:-1], tmp_path / "dicom").assert_refused(match="holds no study")
    run(capsys, *words[:-1], tmp_path / "none").assert_refused(match="holds no segmentation.dcm")


def test_the_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run(capsys, "dicomweb", "list", "https://pacs.example")
    done.assert_refused(match="pip install 'ynet3d[pacs]'", code=1)
