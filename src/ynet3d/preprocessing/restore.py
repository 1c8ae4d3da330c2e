"""From the network's logits to labels on the source grid, in slabs.

The logits are interpolated, then the largest wins: labels themselves are never resampled. Where all
eight neighbours of a voxel say background, so does every mixture of them, hence only the box around
the other voxels is computed. This is exact, and most of a scan is background.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from ynet3d.components import bounding_box
from ynet3d.labels import Label
from ynet3d.portions import in_portions
from ynet3d.volumes import Reorientation, Volume

#: Interpolated logits held at a time, in bytes.
_SLAB_BYTES = 64 * 2**20


def labels_on_source_grid(logits: torch.Tensor, source: Volume) -> Volume:
    """Label map (uint8) on the grid of `source` from `logits` (classes, D, H, W).

    Memory: the label map and one slab, whatever the number of classes; thinner slabs, down to one
    slice, where that does not suffice.
    """
    return _on_source_grid(logits, source, None)


def labels_and_confidence(
    logits: torch.Tensor, source: Volume, *, temperature: float = 1.0
) -> tuple[Volume, Volume]:
    """As `labels_on_source_grid`, and how sure the network is of each tumour voxel.

    Args:
        temperature: that the logits are divided by first (Guo et al. 2017); the labels stay.

    Returns:
        The label map, and uint8 on the same grid: 255 times the probability of tumour where the
        label is tumour, else 0.
    """
    sure, target = _empty(source)
    labels = _on_source_grid(logits, source, _Confidence(target, temperature))
    return labels, sure


def _empty(source: Volume) -> tuple[Volume, npt.NDArray[np.uint8]]:
    """Zeros on the grid of `source`, and their view (D, H, W): writes go through."""
    array = np.zeros(source.shape, dtype=np.uint8, order=_memory_order(source.array))
    return source.with_array(array), Reorientation.of(source.affine).apply(array)


def _on_source_grid(logits: torch.Tensor, source: Volume, confidence: _Confidence | None) -> Volume:
    labels, target = _empty(source)
    logits = logits.detach().to("cpu", torch.float32)
    box = bounding_box(_largest(logits).numpy())
    if box is not None:
        axes = [
            _positions(new, old, side.start, side.stop - 1)
            for new, old, side in zip(target.shape, logits.shape[1:], box, strict=True)
        ]
        if all(len(axis.fine) for axis in axes):
            _fill(target, logits, axes, confidence)
    return labels


class _Confidence:
    """Fills `target` (D, H, W) with the probability of tumour, where that is the label."""

    def __init__(self, target: npt.NDArray[np.uint8], temperature: float) -> None:
        self._target, self._temperature = target, temperature

    def fill(
        self, place: tuple[slice, slice, slice], labels: torch.Tensor, logits: torch.Tensor
    ) -> None:
        """From the `labels` and interpolated `logits` of the part at `place`."""
        tumour = labels == int(Label.TUMOUR)
        # Of the tumour voxels alone: a softmax of all would take longer than all the rest.
        probability = (logits[:, tumour] / self._temperature).softmax(0)[int(Label.TUMOUR)]
        self._target[place][tumour.numpy()] = (probability * 255).round().to(torch.uint8).numpy()


class _Axis:
    """Where the fine samples of one axis lie between the coarse ones."""

    def __init__(self, fine: npt.NDArray[np.intp], position: npt.NDArray[np.float64], old: int):
        clipped = np.clip(position, 0, old - 1)
        lower = np.floor(clipped).astype(np.int64)
        self.fine = fine
        self.lower = lower
        self.upper = np.minimum(lower + 1, old - 1)
        self.weight = torch.from_numpy((clipped - lower).astype(np.float32))

    def source(self, span: slice = slice(None)) -> slice:
        """The coarse samples that the fine samples in `span` lie between."""
        return slice(int(self.lower[span][0]), int(self.upper[span][-1]) + 1)

    def mix(self, logits: torch.Tensor, dim: int, span: slice = slice(None)) -> torch.Tensor:
        """Linear interpolation of `logits` along `dim`, for the fine samples in `span`.

        Along `dim`, `logits` must begin with `source(span)`.
        """
        shape = [1] * logits.ndim
        shape[dim] = -1
        first = self.lower[span][0]
        # numpy's `take`: torch's `index_select` waits for its threads at each row, which takes
        # minutes where other programs keep the cores busy.
        low, high = (
            torch.from_numpy(np.take(logits.numpy(), index[span] - first, axis=dim))
            for index in (self.lower, self.upper)
        )
        return torch.lerp(low, high, self.weight[span].reshape(shape))


def _fill(
    target: npt.NDArray[np.uint8],
    logits: torch.Tensor,
    axes: list[_Axis],
    confidence: _Confidence | None,
) -> None:
    depth, height, width = axes
    classes = logits.shape[0]
    step = max(1, _SLAB_BYTES // (4 * classes * len(height.fine) * len(width.fine)))
    rows = slice(height.fine[0], height.fine[-1] + 1)
    columns = slice(width.fine[0], width.fine[-1] + 1)

    def fill(span: slice) -> None:
        part = logits[:, depth.source(span), height.source(), width.source()].contiguous()
        slab = width.mix(height.mix(depth.mix(part, 1, span), 2), 3)
        slices = depth.fine[span]
        place = (slice(slices[0], slices[-1] + 1), rows, columns)
        labels = _largest(slab)
        target[place] = labels.numpy()
        if confidence is not None:
            confidence.fill(place, labels, slab)

    for _ in in_portions(len(depth.fine), step, fill):
        pass


def _largest(logits: torch.Tensor) -> torch.Tensor:
    """`logits.argmax(0)` as uint8, several times faster for a few classes in large maps."""
    labels = torch.zeros(logits.shape[1:], dtype=torch.uint8)
    highest = logits[0]
    for label in range(1, len(logits)):
        labels.masked_fill_(logits[label] > highest, label)
        if label + 1 < len(logits):
            highest = torch.maximum(highest, logits[label])
    return labels


def _positions(new: int, old: int, low: int, high: int) -> _Axis:
    position = (np.arange(new) + 0.5) * old / new - 0.5
    fine = np.flatnonzero((position > low - 1) & (position < high + 1))
    return _Axis(fine, position[fine], old)


def _memory_order(array: npt.NDArray[np.generic]) -> Literal["F", "C"]:
    return "F" if array.flags.f_contiguous else "C"
