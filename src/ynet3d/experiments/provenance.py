"""Where an experiment's figures come from: data, split, software, hardware."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

from ynet3d.datasets import DataSet, Split, dataset_fingerprint
from ynet3d.hardware import hardware
from ynet3d.pipelines.report import versions
from ynet3d.recipes import Recipe


def provenance(
    dataset: DataSet, licence: str | None, split: Split, recipe: Recipe, suites: Sequence[str]
) -> dict[str, Any]:
    """What must be known to repeat an experiment; goes into `provenance.json` and the report."""
    return {
        "data": {
            "name": dataset.name,
            "layout": dataset.kind,
            "cases": len(dataset.cases),
            "licence": licence,
            "fingerprint": dataset_fingerprint(dataset),
        },
        "split": {
            "seed": split.seed,
            "parts": {part: list(names) for part, names in split.parts.items()},
        },
        "suites": list(suites),
        "seed": recipe.training.seed,
        "recipe": recipe.model_dump(mode="json"),
        "versions": versions("scipy", "simpleitk", "nibabel")
        | {"python": platform.python_version()},
        "hardware": hardware(),
    }
