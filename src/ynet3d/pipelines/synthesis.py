"""Data sets and masks on disk to a sheet of synthetic beside real slices."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ynet3d.datasets import open_dataset
from ynet3d.progress import Progress
from ynet3d.recipes import load_recipe
from ynet3d.synthesis import find_masks, prepare_maps
from ynet3d.synthesis.preview import write_preview


def preview_synthesis(
    out: Path,
    *,
    data: Path | None = None,
    masks: Path | None = None,
    recipe: str = "real-small",
    changes: Sequence[str] = (),
    seed: int = 0,
    count: int = 4,
    outlines: bool = True,
    cache: Path | None = None,
    kind: str = "auto",
    labels: Path | None = None,
    progress: Progress,
) -> None:
    """Write the sheet `out`; of `masks`, as many patients as there are pictures are made.

    Raises:
        InputError: data set, masks or recipe cannot be used, or neither data nor masks are given.
    """
    chosen = load_recipe(recipe, changes=changes)
    cases = [] if data is None else open_dataset(data, kind=kind, labels=labels).labelled
    sources = [] if masks is None else find_masks(masks)
    order = np.random.default_rng(seed).permutation(len(sources))[:count]
    with tempfile.TemporaryDirectory(prefix="ynet3d-") as temporary:
        folder = cache or Path(temporary)
        maps = prepare_maps([sources[int(i)] for i in order], folder, progress=progress)
        write_preview(
            out, chosen, cases=cases, maps=maps, seed=seed, count=count, outlines=outlines
        )
