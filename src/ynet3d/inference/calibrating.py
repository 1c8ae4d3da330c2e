"""What a network says about one scan, thinned out to what a calibration needs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from ynet3d.components import bounding_box, label_components
from ynet3d.evaluation.calibration import LesionSample, ScanSample, VoxelSample
from ynet3d.inference.postprocessing import postprocess
from ynet3d.labels import Label
from ynet3d.preprocessing import labels_on_source_grid
from ynet3d.preprocessing.cropping import liver_box
from ynet3d.preprocessing.points import logits_at
from ynet3d.recipes import Inference
from ynet3d.volumes import Reorientation, Volume

#: Around the reference's liver; farther away, being right is easy and would hide all else.
SURROUNDINGS_MM = 20.0
#: Voxels kept of a scan's surroundings, and of what is called tumour, drawn at random from always
#: the same seed: 1.6 MB at most.
VOXELS, TUMOUR_VOXELS = 100_000, 20_000
#: Voxels kept of a lesion, evenly thinned.
LESION_VOXELS = 1000

Voxels = npt.NDArray[np.intp]


def sample_scan(
    logits: torch.Tensor,
    image: Volume,
    reference: Volume,
    inference: Inference,
    *,
    name: str,
    patient: str,
) -> ScanSample:
    """Voxels in the liver's surroundings and the tumours that a user would be told of.

    All on the grid of the scan. Memory: one label map, and a few megabytes that are kept.

    Args:
        logits: (classes, D, H, W) on the network grid, any bias of the recipe included.
        reference: label map on the grid of `image`.
        inference: how the labels are cleaned before their tumours are counted.
    """
    turn = Reorientation.of(image.affine)
    truth = turn.apply(reference.array)
    found = turn.apply(postprocess(labels_on_source_grid(logits, image), inference).array)
    shape = (truth.shape[0], truth.shape[1], truth.shape[2])
    tumours = list(_lesions(found == Label.TUMOUR))
    called = np.concatenate([np.empty((0, 3), np.intp), *tumours])

    def sample(voxels: Voxels) -> VoxelSample:
        return VoxelSample(logits_at(logits, voxels, shape), truth[tuple(voxels.T)])

    return ScanSample(
        name=name,
        patient=patient,
        surroundings=sample(_surroundings(reference, turn)),
        tumour=sample(called[_some(len(called), TUMOUR_VOXELS)]),
        lesions=tuple(
            LesionSample(
                logits_at(logits, lesion[:: -(-len(lesion) // LESION_VOXELS)], shape),
                right=bool((truth[tuple(lesion.T)] == Label.TUMOUR).any()),
            )
            for lesion in tumours
        ),
    )


def _surroundings(reference: Volume, turn: Reorientation) -> Voxels:
    """(n, 3), canonical; of the whole scan if the reference has no liver."""
    box = liver_box(reference, SURROUNDINGS_MM) or tuple(slice(0, n) for n in reference.shape)
    low = np.array([side.start for side in box])
    size = np.array([side.stop - side.start for side in box])
    chosen = _some(int(size.prod()), VOXELS)
    source = np.stack(np.unravel_index(chosen, size), axis=1) + low
    turned = source[:, turn.permutation]
    last = np.array(reference.shape)[list(turn.permutation)] - 1
    return np.where(turn.flips, last - turned, turned)


def _some(count: int, most: int) -> Voxels:
    """All numbers below `count`, or `most` of them."""
    if count <= most:
        return np.arange(count)
    return np.random.default_rng(0).integers(0, count, most)


def _lesions(tumour: npt.NDArray[np.bool_]) -> Iterator[Voxels]:
    """(n, 3) voxels of each component, indices as of `tumour`."""
    box = bounding_box(tumour)
    if box is None:
        return
    components = label_components(np.ascontiguousarray(tumour[box]))
    flat = np.flatnonzero(components)
    number = components.ravel()[flat]
    order = np.argsort(number, kind="stable")
    ends = np.flatnonzero(np.diff(number[order])) + 1
    start = np.array([side.start for side in box])
    for lesion in np.split(flat[order], ends):
        yield np.stack(np.unravel_index(lesion, components.shape), axis=1) + start
