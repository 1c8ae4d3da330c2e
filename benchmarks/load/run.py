"""All phases, one after the other, on one server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load.asking import Asker, Tally, timed
from benchmarks.load.attacks import attack
from benchmarks.load.phases import Plan, Scene, ask_steadily, fill_queue, hold_half_open
from benchmarks.load.report import write_report
from benchmarks.load.server import Running, running_server
from ynet3d.errors import YnetError
from ynet3d.hardware import hardware
from ynet3d.phantoms import PhantomOptions, make_phantom
from ynet3d.volumes import Volume, write_volume

ATTACKS = ("large body", "no scan", "no token", "path", "wrong login", "wrong token")
_FIRST_SECONDS = 900.0


def run_load(out: Path, plan: Plan, *, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Run all phases and write the report; what it says.

    A finished job that `out/server/data` has already is asked for instead of a new one.

    Raises:
        YnetError: the server could not be started, or predicted nothing.
    """
    out.mkdir(parents=True, exist_ok=True)
    say("Making a scan")
    options = PhantomOptions(matrix=plan.matrix, slices=plan.slices)
    write_volume(make_phantom(7, options).image, out / "scan.nii.gz")
    small = Volume(np.full((8, 8, 8), 40, np.int16), np.diag([3.0, 3.0, 3.0, 1.0]))
    write_volume(small, out / "small.nii.gz")
    with running_server(out / "server", plan.weights) as server:
        found = asyncio.run(_phases(server, plan, out, say))
    write_report(found, out)
    return found


async def _phases(
    server: Running, plan: Plan, out: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    asker = Asker(server.port, {"cookie": f"ynet3d={server.cookie}"})
    scan, small = ((out / f"{name}.nii.gz").read_bytes() for name in ("scan", "small"))
    scene = Scene(asker, "", [], scan, [])
    say("Predicting the first scan")
    await _first_result(scene)
    busy = asyncio.create_task(scene.keep_busy())
    phases: list[tuple[str, Tally]] = []
    counted: dict[str, Any] = {}

    async def phase(name: str) -> None:
        say(name)
        phases.append((name, await ask_steadily(scene, plan, len(phases))))

    await phase("A scan is predicted")

    say(f"Uploading {plan.jobs} scans")
    tally, sent = await fill_queue(scene, plan, small)
    phases.append(("Uploads", tally))
    scene.waiting = sent[:: max(1, len(sent) // 200)]
    await phase(f"{len(sent)} scans wait")

    seen: dict[str, int] = {}
    held = asyncio.create_task(hold_half_open(server.port, plan.half_open, server.cookie, seen))
    await phase(f"{plan.half_open} half-open requests")
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)

    name = "Attacks beside"
    say(name)
    usual, hostile = await asyncio.gather(
        ask_steadily(scene, plan, len(phases)), attack(scene, plan, server.port, 1)
    )
    busy.cancel()
    await asyncio.gather(busy, return_exceptions=True)
    rows = [*usual.rows(), *hostile.rows()]

    health = json.loads((await asker.ask("GET", "/api/health"))[1])
    counted["half-open requests"] = ", ".join(f"{key}: {count}" for key, count in seen.items())
    states = (f"{state} {count}" for state, count in health["jobs"].items())
    counted["jobs at the end"] = ", ".join(states)
    counted["jobs that were uploaded and are lost"] = await _lost(scene, sent)
    if (memory := server.memory_mb()) is not None:
        counted["most memory of the server itself, MB"] = round(memory)
    asker.close()
    machine = hardware()
    errors = sum((tally.errors for _, tally in phases), usual.errors + hostile.errors)
    counted["errors"] = sum(errors.values())
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{machine['cores']} cores ({machine['processor']})",
        "plan": asdict(plan),
        "attacks": list(ATTACKS),
        "phases": [{"name": name, "rows": tally.rows()} for name, tally in phases]
        + [{"name": name, "rows": rows}],
        "counted": counted,
        "errors": dict(errors),
    }


async def _first_result(scene: Scene) -> None:
    tally, end = Tally(), time.monotonic() + _FIRST_SECONDS
    known = json.loads((await scene.asker.ask("GET", "/api/jobs"))[1])
    sent = next((job["id"] for job in known if job["state"] == "done"), None)
    sent = sent or await scene.send(scene.scan, tally)
    if sent is None:
        raise YnetError(f"The server took no scan: {dict(tally.errors)}.")
    while time.monotonic() < end:
        job = json.loads((await scene.asker.ask("GET", f"/api/jobs/{sent}"))[1])
        if job["state"] == "done":
            scene.done, scene.files = sent, ["segmentation.nii.gz", "statistics.json"]
            return
        if job["state"] not in ("queued", "running"):
            raise YnetError(f"The first scan was not predicted: {job['message']}")
        await asyncio.sleep(0.3)
    raise YnetError(f"The first scan was not predicted within {_FIRST_SECONDS:g} s.")


async def _lost(scene: Scene, sent: list[str]) -> int:
    lost, tally = 0, Tally()
    for identifier in sent:
        request = ("GET", f"/api/jobs/{identifier}", b"")
        status, _ = await timed(scene.asker, tally, "again", request)
        lost += status != 200
    return lost
