"""What tests of refused scans share."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from ynet3d.errors import InputError
from ynet3d.volumes import read_volume

AFFINE = np.diag([-0.75, -0.75, 2.5, 1.0])


def refusal(path: Path, *, match: str) -> str:
    """The sentence with which `path` is refused."""
    with pytest.raises(InputError, match=match) as caught:
        read_volume(path)
    text = str(caught.value)
    assert str(path) in text
    assert text.endswith(".")
    assert "\n" not in text
    return text


def nifti(path: Path, array: np.ndarray) -> Path:
    nibabel.Nifti1Image(array, AFFINE).to_filename(path)
    return path
