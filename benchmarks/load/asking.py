"""An HTTP client of few lines, which costs less than the server does, and counts what it got."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

_SECONDS = 20.0
#: At a time, as some dozen browsers have.
_CONNECTIONS = 64


@dataclass
class Tally:
    """Seconds of each answer by kind of question, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    errors: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    def rows(self) -> list[dict[str, object]]:
        """One row for each kind: how many, how fast (ms), which answers, how many errors."""
        rows: list[dict[str, object]] = []
        for kind in sorted(self.statuses):
            taken = 1000 * np.array(self.seconds[kind])
            times: list[float | None] = [None] * 4  # where nothing was answered
            if taken.size:
                times = [float(one) for one in np.percentile(taken, [50, 95, 99, 100])]
            p50, p95, p99, longest = times
            rows.append(
                {
                    "kind": kind,
                    "answers": len(self.seconds[kind]),
                    "per_second": len(self.seconds[kind]) / max(1e-9, self.ended - self.began),
                    "errors": sum(
                        count for key, count in self.errors.items() if key.startswith(f"{kind}:")
                    ),
                    "p50_ms": p50,
                    "p95_ms": p95,
                    "p99_ms": p99,
                    "max_ms": longest,
                    "statuses": dict(self.statuses[kind]),
                }
            )
        return rows


class Asker:
    """Keeps connections open and asks over whichever is free."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._port = port
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, headers: str = "", fresh: bool = False
    ) -> tuple[int, bytes]:
        """Status and body of one answer; `fresh` takes a connection of its own.

        Raises:
            OSError, asyncio.IncompleteReadError, ValueError: there was no proper answer.
        """
        if fresh:
            headers += "connection: close\r\n"
            return await self._once(await self._open(), method, path, body, headers)
        async with self._places:
            if self._free:
                try:
                    return await self._once(self._free.pop(), method, path, body, headers)
                except (OSError, asyncio.IncompleteReadError):
                    pass  # it had been idle for too long: the server may close it at any time
            return await self._once(await self._open(), method, path, body, headers)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _once(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        method: str,
        path: str,
        body: bytes,
        headers: str,
    ) -> tuple[int, bytes]:
        reader, writer = streams
        keep = False
        try:
            length = f"content-length: {len(body)}\r\n" if body or method != "GET" else ""
            head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            head += f"{self._fixed}{headers}{length}\r\n"
            writer.write(head.encode("latin-1") + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            answered = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            status = int(lines[0].split(" ", 2)[1])
            content = b""
            if "content-length" in answered:
                content = await reader.readexactly(int(answered["content-length"]))
            elif status not in (204, 304):
                content = await reader.read()
            keep = answered.get("connection") != "close" and "content-length" in answered
            return status, content
        finally:
            if keep:
                self._free.append(streams)
            else:
                writer.close()

    def close(self) -> None:
        """Close all connections."""
        for _, writer in self._free:
            writer.close()
        self._free.clear()


async def timed(
    asker: Asker,
    tally: Tally,
    kind: str,
    request: tuple[str, str, bytes],
    *,
    allowed: Collection[int] = (200,),
    due: float | None = None,
    headers: str = "",
    fresh: bool = False,
) -> tuple[int, bytes]:
    """One question into the tally; status 0 if there was no answer. Seconds count from `due`."""
    due = time.monotonic() if due is None else due
    try:
        status, content = await asyncio.wait_for(
            asker.ask(*request, headers=headers, fresh=fresh), _SECONDS
        )
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
        tally.statuses[kind][type(error).__name__] += 1
        tally.errors[f"{kind}: {type(error).__name__}"] += 1
        return 0, b""
    tally.seconds[kind].append(time.monotonic() - due)
    tally.statuses[kind][str(status)] += 1
    if status not in allowed:
        tally.errors[f"{kind}: {status}"] += 1
    return status, content
