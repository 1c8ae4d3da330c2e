"""Masks of lesions, drawn and random, and the LiTS scorer's detection written out by voxels."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import ndimage

SHAPE = (40, 8, 4)
AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])

Mask = np.ndarray


def mask(*boxes: tuple[slice | int, slice | int, slice | int]) -> Mask:
    """A mask that is True in these boxes."""
    array = np.zeros(SHAPE, dtype=bool)
    for box in boxes:
        array[box] = True
    return array


def line(start: int, stop: int, j: int = 0) -> tuple[slice, int, int]:
    """Voxels start to stop - 1 along the first axis, in row j of the first slice."""
    return slice(start, stop), j, 0


def cube(i: int, j: int = 0) -> tuple[slice, slice, slice]:
    """64 voxels, 4 along each axis."""
    return slice(i, i + 4), slice(j, j + 4), slice(0, 4)


def literal_scorer(
    prediction: Mask, reference: Mask, minimum_iou: float
) -> tuple[int, np.ndarray, np.ndarray]:
    """The scorer's detection, voxel by voxel, as its definitions read (for a non-empty reference).

    Returns:
        Number detected; predictions left, marked in bytes; reference with merged lesions numbered
        alike.
    """
    predicted, number = ndimage.label(prediction)
    referred, _ = ndimage.label(reference)
    meeting = [p for p in range(1, number + 1) if (referred[predicted == p] > 0).any()]
    # Each reference lesion goes to the prediction that covers most of it; those of one prediction
    # are one from now on.
    merged = referred.copy()
    first_of: dict[int, int] = {}
    for r in range(1, referred.max() + 1):
        cover = np.bincount(predicted[referred == r], minlength=number + 1)
        cover[0] = 0
        if cover.any():
            merged[referred == r] = first_of.setdefault(int(cover.argmax()), r)
    # Each prediction goes to one of these, and is painted with its number.
    painted = np.zeros(prediction.shape, dtype=np.uint8)
    target = {}
    for p in meeting:
        shares = np.bincount(merged[predicted == p], minlength=1)
        shares[0] = 0
        target[p] = int(shares.argmax())
        painted[predicted == p] = target[p] % 256
    detected = len(set(target.values()))
    done = set()
    for p, r in target.items():
        if r in done:
            continue
        done.add(r)
        together = np.isin(predicted, [q for q in target if target[q] == r])
        shared = (together & (merged == r)).sum()
        union = ((painted == p) | (merged == r)).sum()  # p where r is meant: the scorer's fault
        if shared / union <= minimum_iou:
            painted[painted == r] = 0
            detected -= len(np.unique(referred[merged == r]))
    return detected, painted, merged


@st.composite
def noisy_pairs(draw: st.DrawFn) -> tuple[Mask, Mask]:
    """A random reference and a prediction that is like it, but for some flips."""
    shape = draw(npst.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.15, 0.3, 0.5]))
    reference = random.random(shape) < density
    flips = random.random(shape) < draw(st.sampled_from([0.05, 0.2, 0.5]))
    return reference ^ flips, reference


@st.composite
def masks(draw: st.DrawFn, largest: int = 8) -> Mask:
    """Random masks of any shape and memory order, from sparse to dense."""
    shape = draw(npst.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=largest))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mask = random.random(shape) < draw(st.sampled_from([0, 0.05, 0.2, 0.5, 1]))
    return mask.transpose(draw(st.permutations([0, 1, 2])))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Mask, Mask]:
    """A random reference of blobs, and a prediction that is like it but for some flips."""
    reference = draw(masks())
    if draw(st.booleans()):
        reference = ndimage.binary_closing(reference)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    flips = random.random(reference.shape) < draw(st.sampled_from([0.02, 0.1, 0.4]))
    return reference ^ flips, reference


@st.composite
def affines(draw: st.DrawFn) -> np.ndarray:
    """Any order and direction of axes."""
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    sides = draw(st.permutations([0.7, 0.9, 2.5]))
    for axis, world in enumerate(draw(st.permutations([0, 1, 2]))):
        affine[world, axis] = draw(st.sampled_from([-1, 1])) * sides[axis]
    return affine
