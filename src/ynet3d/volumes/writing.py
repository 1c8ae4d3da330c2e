"""Writing volumes and label maps on their own grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ynet3d.errors import InputError
from ynet3d.volumes.formats import NIFTI_SUFFIXES, volume_suffix
from ynet3d.volumes.itk import write_itk
from ynet3d.volumes.nifti import write_nifti
from ynet3d.volumes.volume import Volume


def write_volume(volume: Volume, path: str | Path) -> None:
    """Write a volume as .nii.gz, .nii, .nrrd or .mha, atomically, on its own grid.

    Raises:
        InputError: the suffix is none of these.
        YnetError: the file cannot be written.
    """
    path = Path(path)
    suffix = volume_suffix(path)
    if suffix in NIFTI_SUFFIXES:
        write_nifti(volume, path)
    elif suffix in (".nrrd", ".mha"):
        write_itk(volume, path)
    else:
        raise InputError(
            f"{path} has a name that does not say a format that can be written: end it with "
            ".nii.gz, .nii, .nrrd or .mha."
        )


def write_label(label: Volume, path: str | Path) -> None:
    """Write a label map (uint8 or bool) on its own grid; see `write_volume`."""
    if label.array.dtype not in (np.dtype(np.uint8), np.dtype(np.bool_)):
        raise ValueError(f"label maps are uint8, found {label.array.dtype}")
    write_volume(label, path)
