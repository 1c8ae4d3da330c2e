"""What reads each kind of input, as the product does, and what a result has to be."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.case import OUTSIDE, OUTSIDE_VALUE
from fuzzing.text_seeds import SPLIT_CASES, small_run
from ynet3d.datasets import Case as ScanCase
from ynet3d.datasets import open_dataset
from ynet3d.datasets.dataset import DataSet
from ynet3d.datasets.split_file import read_split
from ynet3d.evaluation.comparison.score_files import read_scores
from ynet3d.experiments.suite import load_suite
from ynet3d.pipelines.segmentations import read_statistics
from ynet3d.recipes import Recipe, load_recipe
from ynet3d.training.checkpoint import load_checkpoint
from ynet3d.volumes import (
    Volume,
    list_series,
    read_label,
    read_volume,
    series_as_json,
    series_table,
)
from ynet3d.weights import load_weights

#: Voxels that no input here can hold: the largest unpacks to 64 MiB.
_MOST_VOXELS = 2**27


class WrongResultError(Exception):
    """A reader gave something that cannot be right."""


def read(kind: str, path: Path) -> None:
    """Give `path` to the reader of its kind.

    Raises:
        WrongResultError: what came back is no sane volume.
    """
    _READERS[kind](path)


def _volume(path: Path) -> None:
    check_volume(read_volume(path))


def _mask(path: Path) -> None:
    label = read_label(path)
    check_volume(label)
    if label.array.dtype != np.uint8:
        raise WrongResultError(f"labels of type {label.array.dtype}")


def _dicom(path: Path) -> None:
    found = list_series(path)
    for series in found:
        if not all(map(math.isfinite, (series.span_mm, *series.spacing_mm))):
            raise WrongResultError(f"a series of {series.span_mm} mm")
    json.dumps(series_as_json(found), allow_nan=False)
    series_table(found, title="x")
    _volume(path)


def check_volume(volume: Volume) -> None:
    """Finite geometry, voxels that can be there, a type that readers promise."""
    if not np.isfinite(volume.affine).all():
        raise WrongResultError("an affine that is not finite")
    if not all(math.isfinite(size) and size > 0 for size in volume.spacing):
        raise WrongResultError(f"voxels of {volume.spacing} mm")
    if not math.isfinite(volume.voxel_ml) or len(volume.orientation) != 3:
        raise WrongResultError(f"voxels of {volume.voxel_ml} mL, {volume.orientation}")
    if min(volume.shape) < 1 or math.prod(volume.shape) > _MOST_VOXELS:
        raise WrongResultError(f"a shape of {volume.shape}")
    if (volume.array == OUTSIDE_VALUE).mean() > 0.2:
        raise WrongResultError(f"voxels of {OUTSIDE}, which lies in another folder")
    if volume.array.dtype not in (np.int16, np.float32, np.uint8):
        raise WrongResultError(f"voxels of type {volume.array.dtype}")


def _split(path: Path) -> None:
    cases = tuple(ScanCase(name, name, Path(name)) for name in SPLIT_CASES)
    read_split(path, dataset=DataSet("x", "lits", path.parent, cases))


def _dataset(path: Path) -> None:
    found = open_dataset(path)
    found.labelled  # noqa: B018 - reads what it is made of
    for case in found.cases:
        case.image.exists()


def _results(path: Path) -> Any:
    return read_scores(path) if path.is_dir() else read_statistics(path.parent)


def _recipe(path: Path) -> None:
    recipe = load_recipe(str(path), changes=["training.epochs=2"])
    Recipe.model_validate(recipe.model_dump(mode="json"))


def _checkpoint(path: Path) -> None:
    load_checkpoint(path, *small_run(), None)


_READERS: dict[str, Callable[[Path], Any]] = {
    **dict.fromkeys(("nifti", "nifti-gzip", "nrrd", "metaimage", "zip"), _volume),
    **dict.fromkeys(
        ("dicom-series", "dicom-compressed", "dicom-single", "dicom-enhanced", "dicom-zip"), _dicom
    ),
    "dicom-seg": _mask,
    "weights": load_weights,
    "checkpoint": _checkpoint,
    "recipe": _recipe,
    "suite": lambda path: load_suite(str(path)),
    "split": _split,
    "dataset": _dataset,
    "results": _results,
}
