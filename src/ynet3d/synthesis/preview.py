"""A sheet of synthetic beside real slices, so that anyone can judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ynet3d.datasets import Case
from ynet3d.errors import InputError
from ynet3d.files import save_figure
from ynet3d.labels import Label
from ynet3d.preprocessing import label_to_network_grid, to_network_grid
from ynet3d.recipes import Recipe
from ynet3d.reporting import style
from ynet3d.reporting.canvas import Canvas
from ynet3d.reporting.drawing import draw_ct, draw_mask
from ynet3d.synthesis.maps import TissueMap
from ynet3d.synthesis.samples import Synthesiser

#: Part of the body that a tile shows, mm (width, height), and its pixels for each mm.
_FIELD_MM = (350.0, 270.0)
_PIXELS_PER_MM = 0.95
_GAP, _HEAD, _LINE = 8, 34, 26
#: Slices of a wholly synthetic picture.
_SLICES = 32


@dataclass(frozen=True, eq=False)
class _Tile:
    title: str
    hu: npt.NDArray[np.float32]  # (H, W)
    label: npt.NDArray[np.uint8]


def write_preview(
    target: Path,
    recipe: Recipe,
    *,
    cases: Sequence[Case] = (),
    maps: Sequence[TissueMap] = (),
    seed: int = 0,
    count: int = 4,
    outlines: bool = True,
) -> None:
    """Write a PNG: real slices, the same cases with synthetic lesions, and CT made from `maps`.

    Everything lies on the recipe's grid and in its window, as a network sees it.

    Args:
        cases: labelled ones; `count` of them are drawn.
        maps: label maps to make CT of.
        outlines: draw liver and tumours as they are labelled.

    Raises:
        InputError: neither cases nor maps, or the recipe has no spacing.
    """
    spacing = recipe.preprocessing.spacing_mm
    if spacing is None:
        raise InputError(f"The recipe {recipe.name} has no spacing_mm, which synthesis needs.")
    if not cases and not maps:
        raise InputError("There is nothing to show: give a labelled data set, masks, or both.")
    generator = np.random.default_rng(seed)
    rows: list[tuple[str, list[_Tile]]] = []
    if cases:
        picked = generator.permutation(len(cases))[:count]
        pairs = [_with_lesions(cases[int(i)], recipe, generator) for i in picked]
        rows.append(("As given", [real for real, _ in pairs]))
        rows.append(("The same, with synthetic lesions", [made for _, made in pairs]))
    if maps:
        change = Synthesiser(recipe.synthesis, recipe.preprocessing, None, maps)
        tiles = [_whole(change, recipe, generator) for _ in range(count)]
        rows.append(("Wholly synthetic, from label maps", tiles))
    _draw(target, rows, spacing, recipe.preprocessing.window_hu, outlines=outlines)


def _with_lesions(
    case: Case, recipe: Recipe, generator: np.random.Generator
) -> tuple[_Tile, _Tile]:
    """The slice of a case where most was put in, before and after."""
    volume = case.read_image()
    image = to_network_grid(volume, recipe.preprocessing)
    label = label_to_network_grid(case.read_label(image=volume), recipe.preprocessing)
    always = recipe.synthesis.model_copy(update={"tumour_probability": 1.0})
    made, marks = Synthesiser(always, recipe.preprocessing, None)(image, label, generator)
    fresh = (marks == Label.TUMOUR) & (label != Label.TUMOUR)
    amounts = fresh.sum(axis=(1, 2)) if fresh.any() else (label > 0).sum(axis=(1, 2))
    index = int(np.argmax(amounts))
    low, high = recipe.preprocessing.window_hu

    def tile(values: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> _Tile:
        return _Tile(case.name, values[index] * (high - low) + low, labels[index])

    return tile(image, label), tile(made, marks)


def _whole(change: Synthesiser, recipe: Recipe, generator: np.random.Generator) -> _Tile:
    """A slice through the liver of a picture made from a label map."""
    spacing = recipe.preprocessing.spacing_mm
    assert spacing is not None
    shape = (_SLICES, round(_FIELD_MM[1] / spacing[1]), round(_FIELD_MM[0] / spacing[2]))
    hu, label = change.whole(shape, generator)
    amounts = (label > 0).sum(axis=(1, 2))
    index = int(generator.choice(np.flatnonzero(amounts >= 0.3 * amounts.max())))
    return _Tile("synthetic", hu[index], label[index])


def _draw(
    target: Path,
    rows: Sequence[tuple[str, Sequence[_Tile]]],
    spacing: tuple[float, float, float],
    window: tuple[float, float],
    *,
    outlines: bool,
) -> None:
    width, height = (round(mm * _PIXELS_PER_MM) for mm in _FIELD_MM)
    columns = max(len(tiles) for _, tiles in rows)
    canvas = Canvas(
        columns * (width + _GAP) + _GAP, _HEAD + len(rows) * (height + _LINE + _GAP) + _GAP
    )
    canvas.text(_GAP, _HEAD / 2, "Synthetic beside given slices, as a network sees them", size=17)
    for row, (title, tiles) in enumerate(rows):
        top = _HEAD + row * (height + _LINE + _GAP)
        canvas.text(_GAP, top + _LINE / 2, title, size=14)
        for column, tile in enumerate(tiles):
            axes = canvas.axes(_GAP + column * (width + _GAP), top + _LINE, width, height)
            hu, label = _fitted(tile, spacing, window[0])
            draw_ct(axes, hu, _FIELD_MM, window=window)
            if outlines:
                draw_mask(axes, label > 0, _FIELD_MM, style.LIVER, line=0.8)
                draw_mask(axes, label == Label.TUMOUR, _FIELD_MM, style.TUMOUR, line=1.1)
    save_figure(canvas.figure, target)


def _fitted(
    tile: _Tile, spacing: tuple[float, float, float], outside: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """The part of a slice in the field of view around the body; air where the slice ends."""
    size = (round(_FIELD_MM[1] / spacing[1]), round(_FIELD_MM[0] / spacing[2]))
    hu = np.full(size, outside, np.float32)
    label = np.zeros(size, np.uint8)
    body = tile.hu > outside + 1
    here, there = [], []
    for axis, (want, have) in enumerate(zip(size, tile.hu.shape, strict=True)):
        found = np.flatnonzero(body.any(axis=1 - axis))
        middle = (int(found[0]) + int(found[-1])) // 2 if len(found) else have // 2
        start = middle - want // 2
        first, last = max(0, start), min(have, start + want)
        here.append(slice(first - start, last - start))
        there.append(slice(first, last))
    hu[tuple(here)] = tile.hu[tuple(there)]
    label[tuple(here)] = tile.label[tuple(there)]
    return hu, label
