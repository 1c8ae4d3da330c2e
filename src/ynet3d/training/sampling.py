"""Which sample a network sees at which step: decided by (seed, epoch, position) alone.

No state is carried from step to step, so a resumed run sees the samples of an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from ynet3d.labels import Label
from ynet3d.preprocessing import PreparedCase
from ynet3d.preprocessing.augmentation import Augmenter
from ynet3d.recipes import Patches, Recipe
from ynet3d.synthesis import Synthesiser, TissueMap

#: Tells the random numbers of synthesis from those of the sample.
_SYNTHESIS = 1
_Voxel = TypeVar("_Voxel", bound=np.generic)


@dataclass(frozen=True)
class Sampler:
    """Training samples of an epoch, in a random order that depends on the epoch."""

    cases: Sequence[PreparedCase]
    recipe: Recipe
    augmenter: Augmenter
    maps: Sequence[TissueMap] = ()  # what wholly synthetic samples are made of
    part: Callable[[int], range] = range  # of so many samples of a batch, those of this process

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch; the last may be smaller."""
        return -(-self._samples_per_epoch // self.recipe.training.batch_size)

    @property
    def _samples_per_epoch(self) -> int:
        patches = self.recipe.patches
        return len(self.cases) * (patches.per_case if patches else 1)

    def batch(self, epoch: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (N, 1, D, H, W) float32 and label (N, 1, D, H, W) uint8 of one step.

        Of the batch only this process's part, which may be empty (N = 0) in a last, smaller batch.
        """
        seed = self.recipe.training.seed
        indices = self._indices(epoch, step)
        mine = [indices[position] for position in self.part(len(indices))]
        samples = [self._sample(index % len(self.cases), [seed, epoch, index]) for index in mine]
        if not samples:
            patches = self.recipe.patches
            shape = patches.size if patches else self.cases[0].image.shape
            return torch.empty(0, 1, *shape), torch.empty(0, 1, *shape, dtype=torch.uint8)
        images, labels = zip(*samples, strict=True)
        return torch.stack(images), torch.stack(labels)

    def cases_of(self, epoch: int, step: int) -> list[str]:
        """The names of the cases that the batch of one step is made of."""
        return [self.cases[index % len(self.cases)].name for index in self._indices(epoch, step)]

    def _indices(self, epoch: int, step: int) -> list[int]:
        size = self.recipe.training.batch_size
        generator = np.random.default_rng([self.recipe.training.seed, epoch])
        order = generator.permutation(self._samples_per_epoch)
        return [int(index) for index in order[step * size : (step + 1) * size]]

    def _sample(self, index: int, seed: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        case, generator = self.cases[index], np.random.default_rng(seed)
        image, label = case.image, case.label
        if self.recipe.patches is not None:
            centre = _patch_centre(case, image.shape, self.recipe.patches, generator)
            size = self.recipe.patches.size
            image, label = _patch(image, centre, size), _patch(label, centre, size)
        if self.recipe.synthesis.wanted:
            # Numbers of its own: places and augmentation are those of a run without synthesis.
            change = Synthesiser.of(self.recipe, self.maps)
            image, label = change(image, label, np.random.default_rng([*seed, _SYNTHESIS]))
        return self.augmenter(
            torch.from_numpy(np.array(image))[None],
            torch.from_numpy(np.array(label))[None],
            seed=int(generator.integers(2**31)),
        )


def _patch_centre(
    case: PreparedCase,
    shape: tuple[int, ...],
    patches: Patches,
    generator: np.random.Generator,
) -> npt.NDArray[np.intp]:
    draw = generator.random()
    if draw < patches.tumour_probability and len(case.voxels[Label.TUMOUR]):
        voxels = case.voxels[Label.TUMOUR]
    elif draw < patches.tumour_probability + patches.liver_probability:
        voxels = case.voxels[Label.LIVER]
    else:
        voxels = np.empty((0, 3), np.int32)
    if len(voxels):
        # Anywhere in the inner half of the patch, or a network learns that tumours are central.
        away = generator.uniform(-0.25, 0.25, 3) * patches.size
        return (voxels[generator.integers(len(voxels))] + away).astype(np.intp)
    return generator.integers(shape)


def _patch(
    array: npt.NDArray[_Voxel], centre: npt.NDArray[np.intp], size: tuple[int, int, int]
) -> npt.NDArray[_Voxel]:
    """The patch of `size` nearest to `centre` that lies inside; padded with 0 where none can."""
    corner = [
        int(np.clip(middle - want // 2, 0, max(0, have - want)))
        for middle, want, have in zip(centre, size, array.shape, strict=True)
    ]
    inside = tuple(slice(start, start + want) for start, want in zip(corner, size, strict=True))
    part = array[inside]
    missing = [want - have for want, have in zip(size, part.shape, strict=True)]
    if not any(missing):
        return part
    return np.pad(part, [(lack // 2, lack - lack // 2) for lack in missing])
