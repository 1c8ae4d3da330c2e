"""A patient of blocks, in every orientation, and what tests read from pictures of it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from PIL import Image

from ynet3d.labels import Label
from ynet3d.reporting import style
from ynet3d.volumes.volume import Volume

PERMUTATIONS = list(itertools.permutations(range(3)))
FLIPS = list(itertools.product([False, True], repeat=3))


def patient(spacing: tuple[float, float, float] = (3.0, 3.0, 6.0)) -> tuple[Volume, Volume]:
    """A body in RAS order: a liver cube of 60 mm to the right, front and head, a tumour in it.

    The tumour lies in the liver's right, front and upper corner.
    """
    size = np.array([252.0, 180.0, 240.0])
    shape = np.round(size / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -size / 2 + np.array(spacing) / 2
    x, y, z = (
        (np.arange(count) * step + start)[tuple(slice(None) if a == b else None for b in range(3))]
        for a, (count, step, start) in enumerate(zip(shape, spacing, affine[:3, 3], strict=True))
    )
    image = np.full(shape, -1000, np.int16)
    image[np.broadcast_to((x / 115) ** 2 + (y / 80) ** 2 < 1, shape)] = 0
    label = np.zeros(shape, np.uint8)
    label[(abs(x - 50) < 30) & (abs(y - 25) < 30) & (abs(z - 60) < 30)] = Label.LIVER
    label[(abs(x - 66) < 12) & (abs(y - 41) < 12) & (abs(z - 76) < 12)] = Label.TUMOUR
    return Volume(image, affine, "patient"), Volume(label, affine, "patient labels")


def turned(volume: Volume, permutation: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """The same patient stored along other axes."""
    array = volume.array.transpose(permutation)
    affine = volume.affine.copy()
    affine[:3, :3] = volume.affine[:3, list(permutation)]
    for axis, flip in enumerate(flips):
        if flip:
            array = np.flip(array, axis)
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
    return Volume(np.ascontiguousarray(array), affine, volume.source)


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def near(picture: np.ndarray, colour: str, tolerance: int = 40) -> np.ndarray:
    """Where the picture has (nearly) a colour."""
    target = np.array(style.rgb(colour)) * 255
    return np.abs(picture - target).max(axis=-1) < tolerance


def greenish(picture: np.ndarray) -> np.ndarray:
    return picture[..., 1] > np.maximum(picture[..., 0], picture[..., 2]) + 40


def orangeish(picture: np.ndarray) -> np.ndarray:
    return picture[..., 0] > picture[..., 2] + 40


def centre(mask: np.ndarray) -> tuple[float, float]:
    """Mean row and column, as shares of height and width."""
    rows, columns = np.nonzero(mask)
    return rows.mean() / mask.shape[0], columns.mean() / mask.shape[1]
