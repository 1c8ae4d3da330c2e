"""Writes both reports of one case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ynet3d import __version__
from ynet3d.errors import InputError
from ynet3d.files import atomic_path, write_text
from ynet3d.reporting.case_report.content import content_of
from ynet3d.reporting.case_report.extras import require_extras
from ynet3d.reporting.case_report.key_slices import KeySlices
from ynet3d.reporting.case_report.surface_scene import SurfaceScene
from ynet3d.reporting.views import refuse_other_grids
from ynet3d.volumes import Volume

REPORT_FILES = ("report.html", "report.pdf")


def write_case_report(
    image: Volume,
    label: Volume,
    found: Mapping[str, Any],
    folder: str | Path,
    *,
    now: datetime | None = None,
) -> list[Path]:
    """Write `report.html` and `report.pdf`.

    Args:
        image: CT in HU.
        label: 0 background, 1 liver, 2 tumour, on the image's grid.
        found: `statistics` of the mask; what `predict` adds in `statistics.json` is shown too.
        folder: where to; made if it is not there.
        now: date of the report, by default the present.

    Returns:
        The two files.

    Raises:
        InputError: the mask lies on another grid, or `found` is of another mask.
        MissingExtraError: a package that only reports need is missing.
        YnetError: the files cannot be written.
    """
    require_extras()
    from ynet3d.reporting.case_report.html import render_html
    from ynet3d.reporting.case_report.pdf import render_pdf

    refuse_other_grids(image, {"label map": label})
    content = content_of(found, label, version=__version__, now=now)
    slices = KeySlices(image, label, content.lesions)
    if slices.count != len(content.lesions):
        raise InputError(
            f"The statistics are of {len(content.lesions)} lesions, but the mask has "
            f"{slices.count}: give the statistics of this mask, or predict again."
        )
    scene = SurfaceScene(label, content.lesions)
    html, pdf = (Path(folder) / name for name in REPORT_FILES)
    write_text(html, render_html(content, slices, scene))
    with atomic_path(pdf) as temporary:
        temporary.write_bytes(render_pdf(content, slices, scene))
    return [html, pdf]
