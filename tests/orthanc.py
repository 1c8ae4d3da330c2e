"""An Orthanc server of a test's own: a free port, its own configuration, storage and users."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

USER, PASSWORD = "radiology", "s3cret:with colon"
_PLUGIN = "libOrthancDicomWeb.so"
_PLUGIN_FOLDERS = ("/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins")
_LONGEST_START_S = 60.0


@dataclass(frozen=True)
class Orthanc:
    """A running server, looked into by its own interface instead of DICOMweb."""

    root: str

    @property
    def url(self) -> str:
        """Of its DICOMweb service."""
        return f"{self.root}/dicom-web"

    def ask(self, path: str, data: bytes | None = None, *, method: str | None = None) -> bytes:
        """Orthanc's own REST interface, with the login."""
        request = urllib.request.Request(f"{self.root}{path}", data=data, method=method)
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
        return content

    def upload(self, files: list[Path]) -> None:
        """Put DICOM files in."""
        for file in files:
            self.ask("/instances", file.read_bytes())

    def objects(self, study: str, modality: str) -> list[pydicom.Dataset]:
        """The objects of a modality that a study holds, as their files are."""
        query: dict[str, Any] = {
            "Level": "Instance",
            "Query": {"StudyInstanceUID": study, "Modality": modality},
        }
        found = json.loads(self.ask("/tools/find", json.dumps(query).encode()))
        return [
            pydicom.dcmread(BytesIO(self.ask(f"/instances/{one}/file"))) for one in sorted(found)
        ]

    def remove(self, modality: str) -> None:
        """Take all objects of a modality out."""
        query = {"Level": "Series", "Query": {"Modality": modality}}
        for one in json.loads(self.ask("/tools/find", json.dumps(query).encode())):
            self.ask(f"/series/{one}", method="DELETE")


@contextmanager
def running_orthanc(folder: Path) -> Iterator[Orthanc]:
    """Start Orthanc with DICOMweb and a login, and end it afterwards; skip where there is none."""
    binary = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
    plugins = [Path(place) / _PLUGIN for place in _PLUGIN_FOLDERS]
    plugin = next((path for path in plugins if path.is_file()), None)
    if binary is None or plugin is None:
        pytest.skip("Orthanc is not here (apt-get install orthanc orthanc-dicomweb)")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    storage = folder / "storage"
    storage.mkdir(parents=True)
    settings = {
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "StorageDirectory": str(storage),
        "IndexDirectory": str(storage),
        "Plugins": [str(plugin)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    config = folder / "orthanc.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([binary, str(config)], stdout=log, stderr=log)
    try:
        server = Orthanc(f"http://127.0.0.1:{port}")
        _wait_for(server, process, folder / "orthanc.log")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(server: Orthanc, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            server.ask("/system")
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    pytest.fail(f"Orthanc did not start: {log.read_text(errors='replace')[-500:]}")
