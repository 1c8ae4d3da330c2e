"""Connections whose other end takes its time: they wait for a while, and then make room for others.

uvicorn ends a connection that is idle between two requests, and no other: a request whose header or
body never ends, or an answer that nobody takes, would hold its connection for ever, and the machine
gives a process so many of them and no more.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

LOG = logging.getLogger("ynet3d.serving")
_TICK_SECONDS = 1.0
_LOG_SECONDS = 5.0
_LOOKED_AT = 16
#: Files that the server has open beside those of connections: queue, workers, libraries.
_OWN_FILES = 120


class Wait(StrEnum):
    """What a connection waits for, of its other end."""

    HEADER = "the header of a request"
    BODY = "the body of a request"
    REST = "the end of a body that was refused"
    READER = "an answer to be taken"


@dataclass(frozen=True)
class Patience:
    """How long the other end may take.

    Attributes:
        header_seconds: for the whole header of a request.
        body_seconds: until the first bytes of a body; then each `body_rate` bytes are good for
            another second, up to `body_credit_seconds` ahead.
        rest_seconds: for the rest of a body after its answer, which the sender may not read before.
        reader_seconds: for the next 64 kB of an answer.
        most: connections at a time. One more takes the place of that which has the smallest part
            of its time left, so that new ones come first.
    """

    header_seconds: float = 15.0
    body_seconds: float = 30.0
    body_rate: float = 1000.0
    body_credit_seconds: float = 60.0
    rest_seconds: float = 10.0
    reader_seconds: float = 60.0
    most: int = 400

    def seconds(self, wait: Wait) -> float:
        """Until it ends, if nothing comes."""
        return {
            Wait.HEADER: self.header_seconds,
            Wait.BODY: self.body_seconds,
            Wait.REST: self.rest_seconds,
            Wait.READER: self.reader_seconds,
        }[wait]


class Closed:
    """Counts connections that were closed, and tells the log now and then: there may be many."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._told = -_LOG_SECONDS

    def count(self, reason: str, now: float) -> None:
        """One more; `now` in seconds of any clock."""
        self.reasons[reason] += 1
        self._untold[reason] += 1
        if now - self._told >= _LOG_SECONDS:
            self._told = now
            for why, count in self._untold.items():
                LOG.warning("connections closed: %d, %s", count, why)
            self._untold.clear()


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP connection, with an end to its patience."""

    def __init__(self, *args: Any, patience: Patience, closed: Closed, **options: Any) -> None:
        super().__init__(*args, **options)
        self._patience, self._closed = patience, closed
        self._wait: Wait | None = None
        self._request: object | None = None
        self._received = 0
        self._deadline = 0.0
        self._tick: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait; with too many connections, end another, or this one."""
        super().connection_made(transport)
        self._wait = Wait.HEADER
        self._deadline = self.loop.time() + self._patience.header_seconds
        self._tick = self.loop.call_later(_TICK_SECONDS, self._look)
        if len(self.connections) > self._patience.most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Count what comes."""
        self._received += len(data)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._tick is not None:
            self._tick.cancel()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """The other end has taken a part of an answer: wait for the next one anew."""
        super().resume_writing()
        self._deadline = self.loop.time() + self._patience.reader_seconds

    def remaining(self) -> float | None:
        """Seconds that are left to the other end; None while it is this server's turn."""
        self._update()
        return None if self._wait is None else self._deadline - self.loop.time()

    def allowed(self) -> float:
        """Seconds that the other end has for what is waited for."""
        return 1.0 if self._wait is None else self._patience.seconds(self._wait)

    def end(self, reason: str) -> None:
        """Close; a request that has begun and has no answer yet gets one."""
        self._closed.count(reason, self.loop.time())
        if self._wait is Wait.HEADER:
            unanswered = bool(self.conn.trailing_data[0])
        else:
            unanswered = self._wait is Wait.BODY and not self.cycle.response_started
        if unanswered:
            self.transport.write(_answer(408, f"This connection was closed: {reason}."))
        if self._wait is Wait.READER:
            self.transport.abort()  # what waits to be sent would be waited for
        else:
            self.transport.close()

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        left = self.remaining()
        if left is not None and left <= 0:
            self.end(f"the server waited too long for {self._wait}")
        else:
            self._tick = self.loop.call_later(_TICK_SECONDS, self._look)

    def _update(self) -> None:
        now, wait = self.loop.time(), self._waits_for()
        if (wait, self.cycle) != (self._wait, self._request):
            self._wait, self._request = wait, self.cycle
            self._deadline = now + (0.0 if wait is None else self._patience.seconds(wait))
        elif wait is Wait.BODY:
            self._deadline = min(
                self._deadline + self._received / self._patience.body_rate,
                max(self._deadline, now + self._patience.body_credit_seconds),
            )
        if wait is not Wait.HEADER:
            self._received = 0

    def _waits_for(self) -> Wait | None:
        cycle = self.cycle
        if self.flow.write_paused:
            return Wait.READER
        if cycle is None:
            return Wait.HEADER
        if cycle.response_complete:
            return Wait.REST if cycle.more_body else Wait.HEADER
        return Wait.BODY if cycle.more_body and not self.flow.read_paused else None

    def _make_room(self) -> None:
        # Some of them will do: with all, each new connection would cost as much as hundreds.
        others = list(self.connections)
        if not (
            _end_one(random.sample(others, min(_LOOKED_AT, len(others))), self)
            or _end_one(others, self)
        ):
            self._closed.count("all others were at work", self.loop.time())
            self.transport.write(_answer(503, "The server is busy: try again in a moment."))
            self.transport.close()


def _end_one(connections: Sequence[object], newcomer: PatientProtocol) -> bool:
    """End the one with the smallest part of its time left; False if all are worked for."""
    waiting = [
        (left / one.allowed(), number, one)
        for number, one in enumerate(connections)
        if isinstance(one, PatientProtocol)
        and one is not newcomer
        and not one.transport.is_closing()
        and (left := one.remaining()) is not None
    ]
    if not waiting:
        return False
    min(waiting, key=lambda one: one[:2])[2].end("others needed its place")
    return True


def _answer(status: int, detail: str) -> bytes:
    phrase = {408: "Request Timeout", 503: "Service Unavailable"}[status]
    body = json.dumps({"detail": detail}).encode()
    return (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        f"retry-after: 5\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def room_for_connections(wanted: int) -> int:
    """How many connections this process may have: each takes up to two open files.

    The soft limit of open files is raised for them as far as the machine allows.
    """
    try:
        import resource
    except ImportError:  # Windows counts otherwise
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _OWN_FILES + 2 * wanted
    if soft < needed:
        soft = min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(8, min(wanted, (soft - _OWN_FILES) // 2))


def uvicorn_server(
    app: FastAPI, *, host: str, port: int, patience: Patience | None = None
) -> uvicorn.Server:
    """The server that runs the application."""
    patience = patience or Patience(most=room_for_connections(Patience.most))
    protocol: Any = functools.partial(PatientProtocol, patience=patience, closed=Closed())
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        # Its own log of requests holds their queries, and so names and identifiers.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)
