"""LiTS: `volume-7.nii[.gz]` and `segmentation-7.nii[.gz]` in one folder, two, or nested ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ynet3d.datasets.case import Case
from ynet3d.datasets.label_source import LabelFile
from ynet3d.datasets.layouts.found import Found, read_patients, visible_files
from ynet3d.errors import InputError
from ynet3d.volumes.formats import natural_key

_NAME = re.compile(r"(?P<test>test-)?(?P<what>volume|segmentation)-(?P<number>[^.]+)\.nii(\.gz)?")


def is_lits(folders: Sequence[Path]) -> bool:
    """Whether any volume or segmentation with a name of LiTS lies there."""
    return any(_NAME.fullmatch(f.name) for folder in folders for f in visible_files(folder))


def read_lits(folders: Sequence[Path]) -> Found:
    """The cases below `folders`, named `volume-7` (test set: `test-volume-7`).

    A `cases.csv` with the columns case and patient, beside the volumes, says whose each case is;
    without one, every case is taken for a patient of its own.

    Raises:
        InputError: a case is there twice, or `cases.csv` cannot be used.
    """
    found: dict[str, dict[str, Path]] = {"volume": {}, "segmentation": {}}
    patients: dict[str, str] = {}
    files = {file: None for folder in folders for file in visible_files(folder)}
    for file in files:
        match = _NAME.fullmatch(file.name)
        if match is None:
            continue
        case = f"{match['test'] or ''}volume-{match['number']}"
        other = found[match["what"]].setdefault(case, file)
        if other != file:
            raise InputError(
                f"LiTS case {match['number']} is there twice, as {other} and {file}: keep one."
            )
    volumes, segmentations = found["volume"], found["segmentation"]
    for folder in dict.fromkeys(volume.parent for volume in volumes.values()):
        patients.update(read_patients(folder))
    cases = tuple(
        Case(
            name=name,
            patient=patients.get(name, patients.get(name.removeprefix("volume-"), name)),
            image=volumes[name],
            label=LabelFile(segmentations[name]) if name in segmentations else None,
            label_sought=f"no {name.replace('volume', 'segmentation')}.nii or .nii.gz was found",
        )
        for name in sorted(volumes, key=natural_key)
    )
    alone = sorted(segmentations.keys() - volumes.keys(), key=natural_key)
    return Found(cases, tuple((name, segmentations[name]) for name in alone))
