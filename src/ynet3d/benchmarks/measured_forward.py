"""The rows of a forward pass on the CPU: runtimes against plain PyTorch and against the CPU."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ynet3d.benchmarks.rows import BYTES, Findings, Point, Row, rate_unit

if TYPE_CHECKING:
    from ynet3d.benchmarks.forward import ForwardTimes
    from ynet3d.benchmarks.suite import Context

_GIGA = 1e9
_RATIOS = {("openvino", "bf16"): 4.0, ("openvino", "int8"): 8.0}
_SHARE_OF_PRODUCT = 0.90
_START_SECONDS = 3.0


def forward(context: Context) -> Findings:
    """A pass of `3dynet` in each runtime, and how soon a second start has its first voxel."""
    from ynet3d.benchmarks.forward import measure_forward, measure_second_start

    width, size, repeats = (2, (16, 16, 16), 1) if context.quick else (16, (64, 256, 256), 3)
    rows: list[Row] = []
    points: list[Point] = []
    details: dict[str, Any] = {}
    for normalisation in ("none", "instance"):
        found = measure_forward(
            width=width, normalisation=normalisation, size=size, repeats=repeats
        )
        rows += _rows(found, context.ceilings.operations.get("bf16"))
        if normalisation == "none":
            points += _points(found)
        named = {" ".join(way): seconds for way, seconds in found.seconds.items()}
        details[normalisation] = asdict(found) | {"seconds": named}
    seconds = measure_second_start(width=width, repeats=repeats)
    rows.append(
        Row(
            "forward",
            "second start of a prediction to its first voxel, in seconds: 3dynet, "
            f"width {width}, recipe experiment-patches, openvino",
            f"{seconds:.1f} s",
            ratio=seconds,
            limit=_START_SECONDS,
            at_least=False,
        )
    )
    return Findings(tuple(rows), tuple(points), details)


def _rows(found: ForwardTimes, product: float | None) -> list[Row]:
    size = " x ".join(map(str, found.size))
    network = f"3dynet, width {found.width}, normalisation {found.normalisation}, {size}"
    rows = []
    for way, seconds in found.seconds.items():
        runtime, precision = way
        rate = found.rate(way)
        rows.append(
            Row(
                "forward",
                f"forward in {runtime} {precision} against plain fp32: {network}",
                f"{seconds:.2f} s against {found.plain_seconds:.2f} s "
                f"({rate / _GIGA:,.0f} G{rate_unit(precision)}/s)",
                ratio=found.ratio(way),
                limit=_RATIOS.get(way),
            )
        )
    way = ("openvino", "bf16")
    if way in found.seconds and product is not None:
        share = found.rate(way) / product
        rows.append(
            Row(
                "forward",
                f"forward in openvino bf16, share of the bf16 matrix product's rate: {network}",
                f"{found.rate(way) / _GIGA:,.0f} of {product / _GIGA:,.0f} GFLOP/s",
                ratio=share,
                limit=_SHARE_OF_PRODUCT,
            )
        )
    return rows


def _points(found: ForwardTimes) -> list[Point]:
    points = [
        Point(
            f"forward, {runtime} {precision}",
            precision,
            found.work.flop,
            found.work.values * BYTES[precision],
            seconds,
        )
        for (runtime, precision), seconds in found.seconds.items()
    ]
    plain = Point(
        "forward, plain fp32",
        "fp32",
        found.work.flop,
        found.work.values * BYTES["fp32"],
        found.plain_seconds,
    )
    return [plain, *points]
