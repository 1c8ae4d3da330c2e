"""CHAOS, the CT part: `Train_Sets/CT/1/DICOM_anon/*.dcm` and liver masks in `Ground/*.png`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ynet3d.datasets.case import Case
from ynet3d.datasets.layouts.chaos_masks import ChaosMasks
from ynet3d.datasets.layouts.found import Found
from ynet3d.errors import InputError
from ynet3d.volumes.formats import natural_key

LICENCE = "CC BY-NC-SA 4.0 (CHAOS)"
_IMAGES, _MASKS = "DICOM_anon", "Ground"
#: The MR part has a folder for each sequence.
_SEQUENCES = ("T1DUAL", "T2SPIR")
_DEPTH = 4


def is_chaos(folders: Sequence[Path]) -> bool:
    """Whether any patient folder of CHAOS lies there, of CT."""
    return any(_is_ct(path) for path in _patients(folders[0]))


def read_chaos(folders: Sequence[Path]) -> Found:
    """The CT patients, named `ct-1`; those of the test set have no masks. MR is left out.

    Raises:
        InputError: there are MR patients only.
    """
    patients = _patients(folders[0])
    of_ct = sorted(filter(_is_ct, patients), key=lambda path: natural_key(path.name))
    if patients and not of_ct:
        raise InputError(
            f"{folders[0]} holds the MR part of CHAOS only: give the folder CT, because only CT is "
            "understood here."
        )
    cases: list[Case] = []
    masks_only: list[tuple[str, Path]] = []
    for patient in of_ct:
        name = f"ct-{patient.resolve().name}"
        images, masks = patient / _IMAGES, patient / _MASKS
        if images.is_dir():
            label = ChaosMasks(masks, images) if masks.is_dir() else None
            cases.append(Case(name, name, images, label, f"there is no {masks}"))
        else:
            masks_only.append((name, masks))
    return Found(tuple(cases), tuple(masks_only), licence=LICENCE)


def _patients(folder: Path) -> list[Path]:
    """Folders with images or masks: `folder` itself, or those up to four levels below it."""
    found = [folder, *(p for depth in range(1, _DEPTH + 1) for p in folder.glob("*/" * depth))]
    return [p for p in found if (p / _IMAGES).is_dir() or (p / _MASKS).is_dir()]


def _is_ct(patient: Path) -> bool:
    return patient.resolve().name not in _SEQUENCES
