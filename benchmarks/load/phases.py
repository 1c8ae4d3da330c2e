"""What users do: status, lists, results at a fixed rate, uploads; and half-open connections."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass

from benchmarks.load.asking import Asker, Tally, timed

#: Of a hundred questions.
MIX = {"status": 60, "list": 15, "results": 20, "health": 5}


@dataclass(frozen=True)
class Plan:
    """How much of what.

    Attributes:
        rate: questions a second, of all kinds together; seconds: of each phase.
        jobs: small scans that are queued beside, within `upload_seconds` at most.
        half_open: connections that begin a request and never end it.
        slices, matrix: of the scan that is predicted all the while.
        weights: as for `ynet3d serve`; by default those of this package.
    """

    rate: float = 300.0
    seconds: float = 30.0
    jobs: int = 5000
    upload_seconds: float = 120.0
    half_open: int = 900
    slices: int = 64
    matrix: int = 256
    weights: str | None = None


@dataclass
class Scene:
    """What the questions are about: a job with results, jobs that wait, a scan to send."""

    asker: Asker
    done: str
    files: list[str]
    scan: bytes
    waiting: list[str]

    def question(self, kind: str, chance: random.Random) -> tuple[str, str, bytes]:
        """One request of a kind."""
        if kind == "list":
            return "GET", "/api/jobs?limit=50", b""
        if kind == "health":
            return "GET", "/api/health", b""
        if kind == "results":
            return "GET", f"/api/jobs/{self.done}/files/{chance.choice(self.files)}", b""
        return "GET", f"/api/jobs/{chance.choice([self.done, *self.waiting])}", b""

    async def send(self, content: bytes, tally: Tally, kind: str = "upload") -> str | None:
        """Queue a scan; its identifier."""
        request = ("POST", "/api/jobs?name=scan.nii.gz", content)
        status, body = await timed(self.asker, tally, kind, request, allowed=(201,))
        return str(json.loads(body)["id"]) if status == 201 else None

    async def keep_busy(self) -> None:
        """See to it that a scan is always being predicted."""
        while True:
            _, body = await self.asker.ask("GET", "/api/health")
            if json.loads(body)["jobs"]["queued"] < 2:
                sent = await self.send(self.scan, Tally())
                if sent is not None:
                    self.waiting = [*self.waiting[-20:], sent]
            await asyncio.sleep(0.5)


async def ask_steadily(scene: Scene, plan: Plan, seed: int) -> Tally:
    """Questions at a fixed rate, whether or not earlier ones are answered."""
    chance, tally = random.Random(seed), Tally()
    kinds = chance.choices(list(MIX), list(MIX.values()), k=int(plan.rate * plan.seconds))
    tasks = []
    for number, kind in enumerate(kinds):
        due = tally.began + number / plan.rate
        if (pause := due - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        request = scene.question(kind, chance)
        tasks.append(asyncio.create_task(timed(scene.asker, tally, kind, request, due=due)))
    await asyncio.gather(*tasks)
    tally.ended = time.monotonic()
    return tally


async def fill_queue(scene: Scene, plan: Plan, small: bytes) -> tuple[Tally, list[str]]:
    """Upload small scans, eight at a time; the identifiers of those that were taken."""
    tally, sent = Tally(), list[str]()
    left = iter(range(plan.jobs))

    async def sender() -> None:
        for _ in left:
            if time.monotonic() - tally.began > plan.upload_seconds:
                return
            identifier = await scene.send(small, tally)
            if identifier is not None:
                sent.append(identifier)

    await asyncio.gather(*(sender() for _ in range(8)))
    tally.ended = time.monotonic()
    return tally, sent


async def hold_half_open(port: int, count: int, cookie: str, seen: dict[str, int]) -> None:
    """Begin requests and never end them; closed ones begin again, until this is cancelled."""
    upload = (
        f"POST /api/jobs?name=a.nii.gz HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: ynet3d={cookie}\r\n"
        "content-length: 1000000\r\n\r\n"
    ).encode()
    kinds = {"silent": b"", "header": b"GET / HTTP/1.1\r\nx-a: ", "body": upload}

    async def one(number: int) -> None:
        kind = list(kinds)[number % 3]
        await asyncio.sleep(number / count)  # not all in one moment
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                seen["not let in"] = seen.get("not let in", 0) + 1
                await asyncio.sleep(0.5)
                continue
            try:
                writer.write(kinds[kind])
                seen["opened"] = seen.get("opened", 0) + 1
                while not reader.at_eof():
                    if kind != "silent":
                        writer.write(b"a")
                    try:
                        await asyncio.wait_for(reader.read(1000), 1.0)
                    except TimeoutError:
                        continue
            except OSError:
                pass
            finally:
                writer.close()
            seen["closed by the server"] = seen.get("closed by the server", 0) + 1
            await asyncio.sleep(2.0)

    await asyncio.gather(*(one(number) for number in range(count)))
