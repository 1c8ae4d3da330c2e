"""A server that says over HTTP whatever a test wants a PACS to say."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydicom.datadict import dictionary_VR, tag_for_keyword

BOUNDARY = "between-parts"
MULTIPART = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


@dataclass(frozen=True)
class Answer:
    """What to say; `body` may be a function of the query that gives chunks one by one."""

    body: bytes | Callable[[dict[str, str]], Any] = b"[]"
    status: int = 200
    kind: str = "application/dicom+json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class FakePacs:
    """Answers by method and path; of several answers each is given once, the last for good."""

    def __init__(self, port: int, *, scheme: str = "http") -> None:
        self.url = f"{scheme}://127.0.0.1:{port}/dicom-web"
        self.answers: dict[tuple[str, str], list[Answer]] = {}
        self.asked: list[Asked] = []

    def say(self, method: str, path: str, *answers: Answer) -> None:
        """What to answer to `path`, which begins behind the address of the service."""
        self.answers[method, path] = list(answers)

    def answer_to(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        answers = self.answers.get((asked.method, asked.path))
        if not answers:
            return Answer(b'{"Message": "unknown"}', 404)
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _do(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        asked = Asked(
            self.command,
            parts.path.removeprefix("/dicom-web"),
            dict(parse_qsl(parts.query)),
            dict(self.headers.items()),
            self.rfile.read(length),
        )
        answer = self.server.pacs.answer_to(asked)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        for name, text in answer.headers.items():
            self.send_header(name, text)
        if callable(answer.body):
            content = answer.body(asked.query)
            if not isinstance(content, bytes):
                self._send_chunks(content)
                return
        else:
            content = answer.body
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_chunks(self, chunks: Iterator[bytes | None]) -> None:
        """Chunked; None breaks the connection off."""
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            if chunk is None:
                self.close_connection = True
                return
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = _do  # noqa: N815  # the names that http.server calls

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    pacs: FakePacs
    daemon_threads = True


@contextmanager
def fake_pacs(*, certificate: Path | None = None) -> Iterator[FakePacs]:
    """A running server, with TLS if a file with key and certificate is given."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    server.pacs = FakePacs(server.server_address[1], scheme=scheme)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.pacs
    finally:
        server.shutdown()
        server.server_close()


def element(keyword: str, *values: Any) -> dict[str, Any]:
    """One element in DICOM's JSON."""
    key = f"{tag_for_keyword(keyword):08X}"
    return {key: {"vr": dictionary_VR(keyword), "Value": list(values)}}


def dicom_json(*objects: Mapping[str, Any]) -> bytes:
    """Objects, given by keywords, as an answer in DICOM's JSON."""
    content = []
    for item in objects:
        elements: dict[str, Any] = {}
        for keyword, found in item.items():
            elements |= element(keyword, *(found if isinstance(found, list) else [found]))
        content.append(elements)
    return json.dumps(content).encode()


def store_answer(*, stored: tuple[str, ...] = (), failed: Mapping[str, int] | None = None) -> bytes:
    """What a STOW-RS service says of the instances that it got."""
    answer: dict[str, Any] = {}
    if stored:
        items = [element("ReferencedSOPInstanceUID", uid) for uid in stored]
        answer |= element("ReferencedSOPSequence", *items)
    if failed:
        items = [
            element("ReferencedSOPInstanceUID", uid) | element("FailureReason", reason)
            for uid, reason in failed.items()
        ]
        answer |= element("FailedSOPSequence", *items)
    return json.dumps(answer).encode()


def part(content: bytes) -> bytes:
    """One part of a multipart answer, with the boundary before it."""
    return f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + content


END = f"\r\n--{BOUNDARY}--".encode()
