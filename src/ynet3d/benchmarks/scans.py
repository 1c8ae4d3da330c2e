"""Scans to measure with: as large and as hard to compress as clinical CT, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt

from ynet3d.phantoms import Phantom, PhantomOptions, make_phantom
from ynet3d.volumes import Volume

_SEED = 3
_DRAWN_SLICES = 100
_NOISE_HU = 10.0


@dataclass(frozen=True, eq=False)
class BenchmarkScan:
    """A CT (int16, HU) and its true label map on the same grid."""

    image: Volume
    label: Volume


def benchmark_scan(slices: int, *, matrix: int = 512, seed: int = 0) -> BenchmarkScan:
    """A phantom stretched to `slices` slices of `matrix` x `matrix`, with noise of its own in each.

    `seed` is that of the noise; the patient is always the same.

    The phantom keeps its extent in mm, so that the liver, and all work on it, grows with them.
    With its noise a scan shrinks by gzip to about 1 / 1.7, one of 3D-IRCADb to 1 / 2.0.
    """
    drawn = _phantom(matrix, min(slices, _DRAWN_SLICES))
    count = drawn.image.shape[2]
    nearest = np.arange(slices) * count // slices
    generator = np.random.default_rng(seed)
    image = np.empty((matrix, matrix, slices), dtype=np.int16, order="F")
    for index, source in enumerate(nearest):
        image[:, :, index] = _noisy(drawn.image.array[:, :, source], generator)
    label = np.asfortranarray(drawn.label.array[:, :, nearest])
    affine = drawn.image.affine.copy()
    affine[:3, 2] *= count / slices
    return BenchmarkScan(Volume(image, affine), Volume(label, affine))


def _noisy(plane: npt.NDArray[np.int16], generator: np.random.Generator) -> npt.NDArray[np.int16]:
    noise = generator.standard_normal(plane.shape, dtype=np.float32) * np.float32(_NOISE_HU)
    return np.maximum(np.rint(plane + noise), -1024).astype(np.int16)


def write_as_others_do(volume: Volume, path: Path) -> None:
    """Write a .nii.gz with nibabel, hence zlib, as scans that come from elsewhere are packed."""
    nibabel.save(nibabel.Nifti1Image(volume.array, volume.affine), path)


@cache
def _phantom(matrix: int, slices: int) -> Phantom:
    """Kept, because scans of several lengths are made of the same one."""
    options = PhantomOptions(orientation="LPS", matrix=matrix, slices=slices, tumours=6)
    return make_phantom(_SEED, options)
