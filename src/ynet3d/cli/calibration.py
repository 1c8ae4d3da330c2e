"""`ynet3d calibrate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ynet3d.cli.options import Device, Kind, Labels, Quiet


class FittedOn(StrEnum):
    """What a temperature is fitted on."""

    TUMOUR = "tumour"
    SURROUNDINGS = "surroundings"


def calibrate(
    run: Annotated[
        Path, typer.Argument(help="A run of `ynet3d train`, or a folder of `cross-validate`.")
    ],
    data: Annotated[Path, typer.Argument(help="The data set that it was trained on.")],
    on: Annotated[
        FittedOn, typer.Option(help="Voxels to fit on: all near the liver, or those called tumour.")
    ] = FittedOn.SURROUNDINGS,
    kind: Kind = "auto",
    labels: Labels = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Make confidences honest: fit a temperature on scans that the networks did not see."""
    from ynet3d.pipelines.calibration import PICTURE, calibrate_run
    from ynet3d.progress import Progress

    found = calibrate_run(
        run,
        data,
        kind=kind,
        labels=labels,
        on=on.value,
        device=device,
        progress=Progress(quiet=quiet),
    )
    typer.echo(f"before: temperature {found['before']['temperature']:g}, {_row(found['before'])}")
    low, high = found["held_out"]["temperatures"]
    typer.echo(
        f"after: temperature {low:g} to {high:g} for patients left out, {_row(found['held_out'])}"
    )
    why = found["adopted"] if found["against"] is None else f"as before: {found['against']}"
    typer.echo(
        f"Kept: temperature {found['temperature']:g} ({why}), from "
        f"{len(found['cases'])} scans of {found['patients']} patients. See {PICTURE} there."
    )


def _row(one: dict[str, Any]) -> str:
    errors = (
        f"{words} {_percent(one[name]['expected_calibration_error'])}"
        for name, words in (("surroundings", "voxels"), ("tumour", "tumour voxels"))
    )
    lesions = one["lesions"]
    return (
        f"loss {one['loss']:.4f}, calibration error of {', '.join(errors)}, "
        f"{lesions['answers']} claimed tumours {_percent(lesions['expected_calibration_error'])}."
    )


def _percent(error: float | None) -> str:
    return "none" if error is None else f"{100 * error:.1f} %"
