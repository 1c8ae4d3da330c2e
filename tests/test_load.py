"""The load test itself, small: a real server under questions, half requests and attacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from benchmarks.load.asking import Tally
from benchmarks.load.attacks import RATE
from benchmarks.load.phases import Plan
from benchmarks.load.run import ATTACKS, run_load
from tests.serving_cases import context, finished_job, idle_server
from tests.small_runs import save_constant_weights, small_scan


def test_a_server_under_load(tmp_path: Path) -> None:
    out = tmp_path / "load"
    with idle_server(out / "server" / "data") as server:
        done = finished_job(context(server), *small_scan())
    weights = save_constant_weights(tmp_path / "liver.safetensors", 1)
    plan = Plan(
        rate=20,
        seconds=3,
        jobs=20,
        half_open=30,
        slices=8,
        matrix=32,
        weights=str(weights),
    )
    found = run_load(out, plan, say=lambda _: None)
    assert found["errors"] == {}
    assert found["counted"]["jobs that were uploaded and are lost"] == 0
    names = [phase["name"] for phase in found["phases"]]
    assert names[1:4] == ["Uploads", "20 scans wait", "30 half-open requests"]
    for phase in found["phases"]:
        usual = [row for row in phase["rows"] if row["kind"] not in ATTACKS]
        assert sum(row["answers"] for row in usual) == (20 if phase["name"] == "Uploads" else 60)
    refused = [row for row in found["phases"][-1]["rows"] if row["kind"] in ATTACKS]
    assert sum(row["answers"] for row in refused) == RATE * plan.seconds
    assert not any("200" in row["statuses"] or "500" in row["statuses"] for row in refused)
    assert all("429" in row["statuses"] for row in refused if row["kind"].startswith("wrong"))
    assert json.loads((out / "load.json").read_text("utf-8"))["errors"] == {}
    assert "| p50 ms |" in (out / "load.md").read_text("utf-8")
    assert (out / "load.png").stat().st_size > 10_000
    log = (out / "server" / "server.log").read_text("utf-8")
    assert "Traceback" not in log
    assert done.id not in log
    assert (out / "server" / "token").read_text("utf-8") not in log


def test_errors_are_counted_with_their_kind() -> None:
    tally = Tally()
    tally.statuses["list"]["500"] += 1
    tally.seconds["list"].append(0.25)
    tally.errors["list: 500"] += 1
    tally.ended = tally.began + 1
    (row,) = tally.rows()
    assert (row["errors"], row["answers"], row["max_ms"]) == (1, 1, 250)
