"""`ynet3d bench`: verdicts by hand, files through the real command line, the same gradients."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from command_line import run
from PIL import Image

from ynet3d.benchmarks.ceilings import Ceilings
from ynet3d.benchmarks.gpu import measure_gpu
from ynet3d.benchmarks.measured import _gpu_rows
from ynet3d.benchmarks.output import as_markdown
from ynet3d.benchmarks.pictures import save_loss_curves, save_roofline
from ynet3d.benchmarks.rows import Point, Row
from ynet3d.benchmarks.suite import Benchmark, measurements
from ynet3d.benchmarks.training_step import LossCurves
from ynet3d.benchmarks.work import network_work
from ynet3d.networks import create_network
from ynet3d.recipes import load_recipe

MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "capabilities": ["avx2"],
    "memory_gb": 8.0,
    "gpus": [],
    "torch": "2.13.0",
    "threads": 2,
}


def benchmark(*rows: Row, points: tuple[Point, ...] = ()) -> Benchmark:
    ceilings = Ceilings("cpu", {"fp32": 1.5e11, "bf16": 9e11}, {"int8": "none"}, 6e10)
    return Benchmark("2026-01-02", MACHINE, False, ceilings, rows, points)


@pytest.mark.parametrize(
    ("ratio", "limit", "at_least", "reason", "verdict"),
    [
        (3.0, 3.0, True, "", "met"),
        (2.99, 3.0, True, "", "not met"),
        (0.3, 0.3, False, "", "met"),
        (0.31, 0.3, False, "", "not met"),
        (0.0, 0.0, False, "", "met"),
        (5.0, None, True, "", "no target"),
        (None, 3.0, True, "", "not measured"),
        (4.0, 3.0, True, "quick run", "not measured"),
    ],
)
def test_verdict(
    ratio: float | None, limit: float | None, at_least: bool, reason: str, verdict: str
) -> None:
    row = Row("group", "target", ratio=ratio, limit=limit, at_least=at_least, reason=reason)
    assert row.verdict == verdict
    assert row.as_json()["verdict"] == verdict


def test_markdown_says_why_nothing_was_measured() -> None:
    text = as_markdown(
        benchmark(
            Row("training", "step", "1 s against 4 s", ratio=4.0, limit=3.0),
            Row("gpu", "step", limit=0.45, reason="no CUDA device"),
        )
    )
    assert "| step | 1 s against 4 s | 4 | at least 3 | met |" in text
    assert "| step |  |  | at least 0.45 | not measured: no CUDA device |" in text
    assert "a processor, 2 cores (avx2)" in text


def test_work_of_a_network_of_one_convolution() -> None:
    with torch.device("meta"):
        network = torch.nn.Sequential(torch.nn.Conv3d(1, 5, 3, padding=1))
    work = network_work(network, (4, 6, 8), batch=2)
    voxels = 2 * 4 * 6 * 8
    assert work.flop == 2 * 5 * 27 * voxels
    assert work.values == voxels + 5 * voxels + 5 * 27 + 5


def test_work_counts_what_the_flop_counter_does() -> None:
    with torch.device("meta"):
        network = create_network("3dynet", width=2)
    one, two = (network_work(network, (16, 16, 16), batch=batch) for batch in (1, 2))
    assert two.flop == 2 * one.flop
    assert one.values < two.values < 2 * one.values  # weights are read once


def test_difference_of_loss_curves_is_over_the_last_quarter() -> None:
    curves = LossCurves("none", (9, 9, 9, 9, 9, 9, 2, 2), (1, 1, 1, 1, 1, 1, 2.2, 1.9), ())
    assert curves.difference(curves.ours) == pytest.approx(0.3 / 4)


def test_roofline_names_each_pass_and_its_share(tmp_path: Path, texts_drawn: list[str]) -> None:
    points = (
        Point("training, ours bf16", "bf16", 7e11, 4e9, 1.0),
        Point("training, plain fp32", "fp32", 7e11, 8e9, 5.0),
    )
    save_roofline(benchmark(points=points), tmp_path / "roofline.png")
    with Image.open(tmp_path / "roofline.png") as picture:
        assert picture.size == (1350, 840)
        assert len(picture.convert("RGB").getcolors(2**20) or ()) > 50
    said = " ".join(texts_drawn)
    assert "training, ours bf16: 700 GFLOP/s (78%)" in said
    assert "training, plain fp32: 140 GFLOP/s (93%)" in said


@pytest.fixture
def texts_drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from ynet3d.benchmarks import pictures

    said: list[str] = []
    place = pictures.place_labels
    monkeypatch.setattr(
        pictures,
        "place_labels",
        lambda axes, names, *rest, **options: (
            said.extend(names) or place(axes, names, *rest, **options)
        ),
    )
    return said


def test_roofline_without_any_pass(tmp_path: Path) -> None:
    save_roofline(benchmark(), tmp_path / "roofline.png")
    assert (tmp_path / "roofline.png").stat().st_size > 1000


def test_loss_curves_are_drawn(tmp_path: Path) -> None:
    curve = LossCurves("none", (2, 1, 0.5), (2, 1.1, 0.5), (2, 1, 0.5))
    save_loss_curves([curve, curve], tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size[0] > picture.size[1]


def test_quick_bench_through_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "bench"
    words = ["--quick", "--only", "ceilings", "--only", "loss-curves", "--only", "gpu", "--quiet"]
    outcome = run(capsys, "bench", "-o", out, *words)
    assert outcome.code == 0, outcome
    names = sorted(path.name for path in out.iterdir())
    assert names == ["bench.json", "bench.md", "loss_curves.png", "roofline.png"]
    found = json.loads((out / "bench.json").read_text(encoding="utf-8"))
    assert set(found) == {"date", "machine", "quick", "ceilings", "rows", "points", "details"}
    assert found["quick"] is True
    assert {"processor", "cores", "capabilities", "memory_gb", "torch"} <= set(found["machine"])
    assert found["ceilings"]["operations"]["fp32"] > 1e6
    assert found["ceilings"]["copy_bytes"] > 1e6
    assert {row["group"] for row in found["rows"]} == {"ceilings", "loss-curves", "gpu"}
    keys = {"group", "target", "measured", "ratio", "limit", "at_least", "reason", "verdict"}
    assert all(set(row) == keys for row in found["rows"])
    judged = [row["verdict"] for row in found["rows"] if row["group"] == "loss-curves"]
    assert judged == ["not measured", "not measured"]  # tiny sizes meet no target
    for curve in found["details"]["loss-curves"]["curves"]:
        assert curve["ours"] == pytest.approx(curve["plain"], rel=0.02)
        assert curve["reordered"] == pytest.approx(curve["plain"], rel=1e-3)


def test_gpu_measurements_run_small_on_a_cpu() -> None:
    recipe = load_recipe("paper", changes=["network.options.width=2"])
    times = measure_gpu(recipe, size=(16, 16, 16), device=torch.device("cpu"), repeats=1)
    rows = _gpu_rows(times, 1e12)
    assert [row.limit for row in rows] == [0.45, 0.60, 5.0, 12.0, 2.0]
    assert all(row.ratio is not None for row in rows)
    assert rows[0].ratio == pytest.approx(times.flop / times.fastest_step_seconds / 1e12)
    assert rows[1].ratio == pytest.approx(times.work.flop / times.prediction_seconds / 1e12)
    assert rows[3].at_least is False


def test_without_a_gpu_its_rows_say_so() -> None:
    rows = _gpu_rows(None, None, reason="no CUDA device")
    assert {row.verdict for row in rows} == {"not measured"}
    assert {row.reason for row in rows} == {"no CUDA device"}


def test_every_measurement_has_a_name_of_its_own() -> None:
    assert {"ceilings", "training", "start-up", "whole-case"} <= set(measurements())


def test_unknown_measurement(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    outcome = run(capsys, "bench", "-o", tmp_path / "out", "--only", "speed")
    outcome.assert_refused(match="no measurement 'speed'")
    assert not (tmp_path / "out").exists()
