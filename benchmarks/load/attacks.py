"""Requests that must be refused, while others work: what was sent, and what may be answered."""

from __future__ import annotations

import asyncio
import random
import time

from benchmarks.load.asking import Asker, Tally, timed
from benchmarks.load.phases import Plan, Scene

_PATHS = (
    *("/api/jobs/../../../etc/passwd", "/static/..%2f..%2fapp.py", "/static/%2e%2e/%2e%2e/app.py"),
    *(
        "/static//etc/passwd",
        "/static/%00",
        "/viewer/..%2fapp.py",
        "/api/jobs/%2e%2e%2fqueue.sqlite",
    ),
    *("/api/jobs/JOB/files/..%2f..%2f..%2fqueue.sqlite", "/api/jobs/JOB/files/%2fetc%2fpasswd"),
    *("/api/jobs/JOB/files/..%5cinput%5cscan.nii.gz", "/datastore/image?image=../../etc/passwd"),
)
_BOMB = b"x" * 300_000
RATE = 60.0


async def attack(scene: Scene, plan: Plan, port: int, seed: int) -> Tally:
    """No token, wrong tokens, paths, bodies: mixed, at a fixed rate, each on a connection."""
    chance, tally = random.Random(seed), Tally()
    stranger = Asker(port, {})
    tasks = []
    for number in range(int(RATE * plan.seconds)):
        pause = tally.began + number / RATE - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(_one(scene, stranger, tally, number, chance)))
    await asyncio.gather(*tasks)
    tally.ended = time.monotonic()
    stranger.close()
    return tally


async def _one(
    scene: Scene, stranger: Asker, tally: Tally, number: int, chance: random.Random
) -> None:
    kind = ("no token", "wrong token", "wrong login", "path", "large body", "no scan")[number % 6]
    known = False
    headers, request = "", ("GET", f"/api/jobs/{scene.done}", b"")
    allowed: tuple[int, ...] = (401,)
    if kind == "wrong token":
        headers, allowed = f"authorization: Bearer guess-{number}\r\n", (401, 429)
    elif kind == "wrong login":
        request = ("POST", "/api/login", b'{"token": "guess-%d"}' % number)
        headers, allowed = "content-type: application/json\r\n", (401, 429)
    elif kind == "path":
        path = chance.choice(_PATHS).replace("JOB", scene.done)
        request, allowed, known = ("GET", path, b""), (400, 404, 422), True
    elif kind == "large body":
        path = chance.choice(["/api/login", "/auth/token"])
        request, allowed = ("POST", path, _BOMB), (413,)
    elif kind == "no scan":
        request = ("POST", "/api/jobs?name=..%2f..%2fx.nii.gz", _BOMB)
        allowed, known = (422,), True
    asker = scene.asker if known else stranger
    await timed(asker, tally, kind, request, allowed=allowed, headers=headers, fresh=True)
