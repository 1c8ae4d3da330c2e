"""Where an experiment's figures come from: data, split, software, hardware."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ynet3d.datasets import DataSet, Split, dataset_fingerprint
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


def hardware() -> dict[str, Any]:
    """Processor, cores, memory in GB, and GPUs."""
    import torch

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "gpus": gpus,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None
