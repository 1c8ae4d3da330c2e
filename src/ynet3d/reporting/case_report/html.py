"""`report.html`: everything in one file, that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from ynet3d.reporting import style
from ynet3d.reporting.case_report.content import Content
from ynet3d.reporting.case_report.key_slices import KeySlices
from ynet3d.reporting.case_report.lesion_table import Measure
from ynet3d.reporting.case_report.surface_scene import SurfaceScene
from ynet3d.reporting.templating import render

_SHOWN = 20  # rows before "Show all"
_PICTURED = 60
_ROWS = 400  # masks of noise have thousands


def render_html(content: Content, slices: KeySlices, scene: SurfaceScene) -> str:
    """The page of a case; all text is escaped, all pictures are data URIs."""
    low, high = (style.number(value) for value in slices.window)
    listed = content.lesions[:_ROWS]
    rows = [
        {
            "lesion": lesion,
            "picture": slices.thumbnail(int(lesion["id"])) if index < _PICTURED else None,
            "cells": [
                {"value": one.value(lesion), "text": one.text(lesion)} for one in content.measures
            ],
        }
        for index, lesion in enumerate(listed)
    ]
    return render(
        "case_report.html",
        content=content,
        planes=slices.planes(),
        slices=slices.slices(),
        window=f"{low} to {high}",
        rows=rows,
        groups=_groups(content.measures),
        shown=_SHOWN,
        pictured=_PICTURED,
        measured=any(lesion.get("diameters") for lesion in listed),
        stills=scene.stills(),
        viewer=scene.page(),
    )


def _groups(measures: Sequence[Measure]) -> list[dict[str, Any]]:
    """Columns under their common heads; those without one stand alone. Columns count from 1."""
    groups: list[dict[str, Any]] = []
    index = 1
    for name, members in groupby(measures, key=lambda one: one.group):
        together = list(members)
        for part in [together] if name else [[one] for one in together]:
            groups.append({"name": name, "measures": part, "index": index})
            index += len(part)
    return groups
