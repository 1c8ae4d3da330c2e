"""An archive in object storage: a real server with S3's protocol, started here (moto)."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto")
pytest.importorskip("flask")

from tests.archive_cases import Scripted, Unweighted, put, write_archive
from ynet3d.archive import RunOptions, predict_archive
from ynet3d.archive.storage import Place
from ynet3d.archive.summary import Summary


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket on a server of its own; this process and its children find it as any other."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    try:
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < end
                time.sleep(0.1)
        Place("s3://scans").fs.mkdir("scans")
        yield "s3://scans"
    finally:
        server.kill()
        server.wait()


def predict(bucket: str, temp: Path) -> Summary:
    return predict_archive(
        f"{bucket}/in",
        f"{bucket}/out",
        settings=Unweighted(),
        options=RunOptions(workers=2, backoff_s=0.05, temp=temp),
        worker=Scripted,
    )


def test_from_s3_to_s3_and_again(bucket: str, tmp_path: Path) -> None:
    archive = Place(f"{bucket}/in")
    names = {"a/scan.nii.gz": "good 1", "b/scan.nii.gz": "good 2", "b/broken.nii.gz": "bad"}
    for path, content in names.items():
        put(archive.inside(path), content.encode())
    temp = write_archive(tmp_path / "temp", {"mine.txt": "stays"})
    summary = predict(bucket, temp)
    assert (summary.done, summary.failed) == (2, 1)
    assert [path.name for path in temp.iterdir()] == ["mine.txt"]  # no copies of scans stay
    out = Place(f"{bucket}/out")
    there = out.sizes()
    mask = "cases/b-scan/segmentation.nii.gz"
    assert {mask, "cases/b-scan/archive.json", "manifest.csv", "summary.json"} <= set(there)
    assert f"{bucket}/in/b/broken.nii.gz holds no CT." in (
        out.inside("manifest.csv").read() or b""
    ).decode("utf-8")
    before = out.inside("cases/a-scan/segmentation.nii.gz").read()
    # A damaged result is made again; a lost manifest is found again from the results.
    put(out.inside(mask), b"good 2 by nobody")
    assert predict(bucket, temp).run_done == 1
    assert b"nobody" not in (out.inside(mask).read() or b"nobody")
    out.inside("manifest.sqlite").remove()
    summary = predict(bucket, temp)
    assert (summary.done, summary.run_done) == (2, 0)
    assert out.inside("cases/a-scan/segmentation.nii.gz").read() == before
