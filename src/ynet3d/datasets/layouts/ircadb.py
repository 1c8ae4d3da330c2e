"""3D-IRCADb: patient folders, each with `PATIENT_DICOM` and `MASKS_DICOM` as a folder or a .zip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ynet3d.datasets.case import Case
from ynet3d.datasets.layouts.found import Found
from ynet3d.datasets.layouts.ircadb_masks import IrcadbMasks
from ynet3d.volumes.formats import natural_key

LICENCE = "CC BY-NC-ND 4.0 (3D-IRCADb-01, IRCAD)"


def is_ircadb(folders: Sequence[Path]) -> bool:
    """Whether any patient folder lies there."""
    return any(_patients(folder) for folder in folders)


def read_ircadb(folders: Sequence[Path]) -> Found:
    """The patients below `folders`; those with masks but no CT are listed apart."""
    cases: list[Case] = []
    masks_only: list[tuple[str, Path]] = []
    patients = {path: None for folder in folders for path in _patients(folder)}
    for patient in sorted(patients, key=lambda path: natural_key(path.name)):
        name = patient.resolve().name
        image, masks = _part(patient, "PATIENT_DICOM"), _part(patient, "MASKS_DICOM")
        if image is not None:
            label = None if masks is None else IrcadbMasks(masks)
            sought = "MASKS_DICOM is not there"
            cases.append(
                Case(name=name, patient=name, image=image, label=label, label_sought=sought)
            )
        elif masks is not None:
            masks_only.append((name, masks))
    return Found(tuple(cases), tuple(masks_only), licence=LICENCE)


def _patients(folder: Path) -> list[Path]:
    """Patient folders: `folder` itself, or those up to two levels below it."""
    candidates = [folder, *folder.glob("*/"), *folder.glob("*/*/")]
    return [
        path
        for path in candidates
        if path.is_dir() and (_part(path, "PATIENT_DICOM") or _part(path, "MASKS_DICOM"))
    ]


def _part(patient: Path, name: str) -> Path | None:
    """The folder of that name, else the zip."""
    folder, archive = patient / name, patient / f"{name}.zip"
    if folder.is_dir():
        return folder
    return archive if archive.is_file() else None
