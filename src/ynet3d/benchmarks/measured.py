"""What is measured, at which sizes, against which targets: one function a measurement."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ynet3d.benchmarks.rows import BYTES, Findings, Point, Row, rate_unit

if TYPE_CHECKING:
    from ynet3d.benchmarks.gpu import GpuTimes
    from ynet3d.benchmarks.suite import Context

_GIGA = 1e9
_TRAINING_RATIO, _LOSS_DIFFERENCE = 3.0, 0.05
_HELP_SECONDS = 0.3
_CASE_SECONDS = 6.0
_CASE_GB = {300: 2.0, 1000: 4.0}


def ceilings(context: Context) -> Findings:
    """What the machine can do; no targets of ours."""
    found = context.ceilings
    rows = [
        Row(
            "ceilings",
            f"matrix product, {precision}",
            f"{rate / _GIGA:,.0f} G{rate_unit(precision)}/s, "
            f"{rate / found.operations['fp32']:.1f} times fp32",
            ratio=rate / found.operations["fp32"],
        )
        for precision, rate in found.operations.items()
    ]
    rows += [
        Row("ceilings", f"matrix product, {precision}", reason=reason)
        for precision, reason in found.missing.items()
    ]
    rates = {
        "copy of memory, read and written": found.copy_bytes,
        "disk, written": found.disk_write_bytes,
        "disk, read": found.disk_read_bytes,
    }
    rows += [
        Row("ceilings", name, f"{rate / _GIGA:.1f} GB/s", ratio=rate / found.copy_bytes)
        for name, rate in rates.items()
        if rate is not None
    ]
    return Findings(tuple(rows))


def training(context: Context) -> Findings:
    """A training step on the CPU against plain PyTorch."""
    from ynet3d.benchmarks.training_step import measure_training_step

    width, repeats = (2, 1) if context.quick else (16, 2)
    whole, patches = (64, 128, 128), (48, 96, 96)
    if context.quick:
        whole = patches = (16, 16, 16)
    rows, points, details = [], [], []
    for size, batch, normalisation in (
        (whole, 1, "none"),
        (whole, 1, "instance"),
        (patches, 2, "instance"),
    ):
        step = measure_training_step(
            width=width, normalisation=normalisation, size=size, batch=batch, repeats=repeats
        )
        shape = " x ".join(map(str, (batch, *size)))
        rows.append(
            Row(
                "training",
                "training step, bf16 against plain fp32: "
                f"3dynet, width {width}, normalisation {normalisation}, {shape}",
                f"{step.our_seconds:.2f} s against {step.plain_seconds:.2f} s "
                f"({step.flop / step.our_seconds / _GIGA:,.0f} GFLOP/s)",
                ratio=step.ratio,
                limit=_TRAINING_RATIO,
            )
        )
        details.append(asdict(step))
        if batch == 1:
            points += [
                _training_point("ours", "bf16", step, step.our_seconds),
                _training_point("plain", "fp32", step, step.plain_seconds),
            ]
    return Findings(tuple(rows), tuple(points), {"steps": details})


def loss_curves(context: Context) -> Findings:
    """Whether a training in bfloat16 learns what one in float32 does."""
    from ynet3d.benchmarks.pictures import save_loss_curves
    from ynet3d.benchmarks.training_step import measure_loss_curves

    width = 2 if context.quick else 8
    size, steps = ((16, 16, 16), 4) if context.quick else ((24, 48, 48), 80)
    rows, curves = [], []
    for normalisation in ("none", "instance"):
        curve = measure_loss_curves(
            width=width, normalisation=normalisation, size=size, steps=steps
        )
        difference, noise = (curve.difference(one) for one in (curve.ours, curve.reordered))
        rows.append(
            Row(
                "loss-curves",
                "loss curves agree, bf16 against plain fp32: mean difference over the last "
                f"{max(1, steps // 4)} of {steps} steps, normalisation {normalisation}",
                f"{difference:.1%} of the loss (fp32 summed in another order: {noise:.1%})",
                ratio=difference,
                limit=_LOSS_DIFFERENCE,
                at_least=False,
            )
        )
        curves.append(curve)
    save_loss_curves(curves, context.folder / "loss_curves.png")
    return Findings(tuple(rows), details={"curves": [asdict(curve) for curve in curves]})


def _training_point(whose: str, precision: str, step: Any, seconds: float) -> Point:
    from ynet3d.benchmarks.work import TRAINING_PASSES

    norm = "" if step.normalisation == "none" else f", {step.normalisation} norm"
    return Point(
        f"training, {whose} {precision}{norm}",
        precision,
        step.flop,
        TRAINING_PASSES * step.work.values * BYTES[precision],
        seconds,
    )


def start_up(context: Context) -> Findings:
    """The time to say anything."""
    from ynet3d.benchmarks.startup import measure_start_up

    found = measure_start_up(repeats=1 if context.quick else 5)
    rows = (
        Row(
            "start-up",
            "`ynet3d --help`, warm, processor time in seconds",
            f"{found.help_processor_seconds:.2f} s (by the clock {found.help_seconds:.2f} s)",
            ratio=found.help_processor_seconds,
            limit=_HELP_SECONDS,
            at_least=False,
        ),
        Row(
            "start-up",
            "`ynet3d evaluate` loads no torch",
            "torch was loaded" if found.evaluate_loads_torch else "torch was not loaded",
            ratio=float(found.evaluate_loads_torch),
            limit=0.0,
            at_least=False,
        ),
    )
    return Findings(rows, details=asdict(found))


def whole_case(context: Context) -> Findings:
    """A scan's file to its mask, statistics and pictures, without the network."""
    from ynet3d.benchmarks.whole_case import measure_whole_case

    matrix, lengths = (64, (24,)) if context.quick else (512, (100, 300, 1000))
    cases = {
        slices: measure_whole_case(slices=slices, matrix=matrix, runs=1 if context.quick else 2)
        for slices in lengths
    }
    rows = []
    for slices, case in cases.items():
        scan = f"{matrix} x {matrix} x {slices} .nii.gz to mask, statistics and pictures"
        seconds = f"{case.seconds:.1f} s (processor {case.processor_seconds:.1f} s)"
        limit = _CASE_SECONDS if slices == 300 else None
        rows += [
            Row(
                "whole-case", f"{scan}, without the network, in seconds", seconds,
                ratio=case.seconds, limit=limit, at_least=False,
            ),
            Row(
                "whole-case", f"{scan}, without the network, peak GB", f"{case.peak_gb:.2f} GB",
                ratio=case.peak_gb, limit=_CASE_GB.get(slices), at_least=False,
            ),
        ]  # fmt: skip
    return Findings(
        tuple(rows), details={str(slices): asdict(one) for slices, one in cases.items()}
    )


def gpu(context: Context) -> Findings:
    """The paper's own size on a GPU."""
    import torch

    from ynet3d.benchmarks.ceilings import measure_ceilings
    from ynet3d.benchmarks.gpu import measure_gpu
    from ynet3d.recipes import load_recipe

    if not torch.cuda.is_available():
        return Findings(tuple(_gpu_rows(None, None, reason="no CUDA device")))
    device = torch.device("cuda")
    width, size = (4, (16, 32, 32)) if context.quick else (64, (64, 256, 256))
    recipe = load_recipe("paper", changes=[f"network.options.width={width}"])
    limits = measure_ceilings(device, quick=context.quick)
    found = measure_gpu(recipe, size=size, device=device)
    rows = _gpu_rows(found, limits.operations.get("bf16"))
    details = {"ceilings": asdict(limits), "times": asdict(found)}
    return Findings(tuple(rows), details=details)


def _gpu_rows(times: GpuTimes | None, peak_rate: float | None, *, reason: str = "") -> list[Row]:
    """Rows of target 3; without `times`, each says the `reason`."""
    what = "recipe paper, 3dynet, width 64, 64 x 256 x 256, batch 1"
    names = {
        "training": (
            f"GPU training step in bf16, share of the matrix product's rate: {what}",
            0.45,
        ),
        "prediction": ("GPU prediction in bf16, share of the matrix product's rate", 0.60),
        "plain": ("GPU training step in bf16 against plain fp32", 5.0),
        "memory": ("GPU training, peak GB, activations checkpointed", 12.0),
        "loader": ("loader with augmentation, batches for each training step", 2.0),
    }
    found: dict[str, tuple[float, str] | str] = dict.fromkeys(names, reason)
    if times is not None:
        found = _gpu_figures(times, peak_rate)
    rows = []
    for name, (target, limit) in names.items():
        at_least, value = name != "memory", found[name]
        if isinstance(value, str):
            row = Row("gpu", target, limit=limit, at_least=at_least, reason=value)
        else:
            row = Row("gpu", target, value[1], value[0], limit, at_least)
        rows.append(row)
    return rows


def _gpu_figures(times: GpuTimes, peak_rate: float | None) -> dict[str, tuple[float, str] | str]:
    """For each row the ratio and its words, or why there is none."""
    found: dict[str, tuple[float, str] | str] = {}
    step, no_rate = times.fastest_step_seconds, "no bfloat16 rate of this GPU"
    full = "the GPU's memory is too small"
    passes = {
        "training": (step, times.flop),
        "prediction": (times.prediction_seconds, times.work.flop),
    }
    for name, (seconds, flop) in passes.items():
        if seconds is None or peak_rate is None:
            found[name] = full if seconds is None else no_rate
            continue
        rate = flop / seconds
        found[name] = (rate / peak_rate, f"{seconds:.3f} s, {rate / 1e12:.1f} TFLOP/s")
    if step is None or times.plain_seconds is None:
        found["plain"] = full
    else:
        words = f"{step:.3f} s against {times.plain_seconds:.3f} s"
        found["plain"] = (times.plain_seconds / step, words)
    if times.checkpointed_peak_bytes is None or times.checkpointed_seconds is None:
        found["memory"] = full
    else:
        peak = times.checkpointed_peak_bytes / _GIGA
        kept = "out of memory" if times.peak_bytes is None else f"{times.peak_bytes / _GIGA:.1f} GB"
        words = f"{peak:.1f} GB, {times.checkpointed_seconds:.3f} s a step (maps kept: {kept})"
        found["memory"] = (peak, words)
    if step is None:
        found["loader"] = full
    else:
        words = f"{times.loader_seconds:.3f} s a batch, {step:.3f} s a step"
        found["loader"] = (step / times.loader_seconds, words)
    return found
