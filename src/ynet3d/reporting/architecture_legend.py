"""The legend of a network's figure: one entry for each kind of box and sign in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ynet3d.reporting.architecture_shapes import Layout, Slab, size_text

ROW = 0.26  # height of a row, in inches
SYMBOL, _SPACE = 0.22, 0.2  # width of box or sign, and between entries
_ROLES = ("input", "encoder", "skip", "decoder", "head")


@dataclass(frozen=True)
class Entry:
    """A text, and the `colour` of its box or the joint whose sign it explains."""

    text: str
    colour: str | None = None
    joint: str | None = None


def legend_entries(layout: Layout, face: Callable[[Slab], str]) -> list[Entry]:
    """Convolutions by where they stand, then what resamples, then the signs of joints."""
    rows = max(slab.branch for slab in layout.slabs if slab.role == "encoder") + 1
    entries: dict[str, Entry] = {}
    plain = ("convolution", "depthwise convolution", "transformer block")
    slabs = sorted(layout.slabs, key=lambda s: (s.kind not in plain, _ROLES.index(s.role)))
    for slab in slabs:
        if slab.role == "input":
            continue
        kernel = f"{size_text(slab.kernel)} " if "conv" in slab.kind or "pool" in slab.kind else ""
        text = f"{kernel}{slab.kind}"
        if slab.kind in plain:
            number = f" {slab.branch + 1}" if slab.role == "encoder" and rows > 1 else ""
            place = {"head": "classes", "skip": "on a skip"}.get(slab.role, slab.role)
            text = f"{text}, {place}{number}"
        entries.setdefault(text, Entry(text, colour=face(slab)))
    for joint in layout.joints:
        entries.setdefault(joint.kind, Entry(joint.kind, joint=joint.kind))
    return list(entries.values())


def legend_rows(
    entries: list[Entry], *, width: float, font_size: float
) -> list[list[tuple[float, Entry]]]:
    """Rows of (left edge from the middle, entry), none wider than `width` inches."""
    rows: list[list[tuple[float, Entry]]] = [[]]
    taken = [0.0]
    for entry in entries:
        needed = SYMBOL + 0.0079 * font_size * len(entry.text) + _SPACE
        if taken[-1] + needed > width and rows[-1]:
            rows.append([])
            taken.append(0.0)
        rows[-1].append((taken[-1], entry))
        taken[-1] += needed
    return [
        [(left - total / 2, entry) for left, entry in row]
        for row, total in zip(rows, taken, strict=True)
    ]
