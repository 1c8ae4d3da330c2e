"""Where the labels of a case are, and how they become 0 background, 1 liver, 2 tumour."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ynet3d.datasets.grids import grid_difference
from ynet3d.errors import InputError
from ynet3d.labels import Label
from ynet3d.volumes import Volume, read_label

_VALUES = 256


@dataclass(frozen=True)
class LabelSource(ABC):
    """The labels of one case.

    Attributes:
        path: file or folder, for messages.
    """

    path: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file or folder that is read, for fingerprints."""
        return (self.path,)

    @property
    def coding(self) -> str:
        """What the values stand for where the files do not say it, for fingerprints."""
        return ""

    @abstractmethod
    def read(self, image: Volume) -> Volume:
        """The label map, uint8, values not yet checked; `image` gives the grid if one is needed."""


@dataclass(frozen=True)
class LabelFile(LabelSource):
    """A label map in one file, with a grid of its own."""

    def read(self, image: Volume) -> Volume:
        """The label map as the file has it; `image` only gives a DICOM SEG its grid."""
        return read_label(self.path, like=image)


@dataclass(frozen=True)
class CodedLabelFile(LabelSource):
    """A label map whose values are named elsewhere.

    Attributes:
        classes: what each value stands for, as (value, label), in ascending order.
        named_in: where that is said, for messages.
    """

    classes: tuple[tuple[int, Label], ...]
    named_in: Path

    @property
    def coding(self) -> str:
        """The classes of the values."""
        return ",".join(f"{value}={label:d}" for value, label in self.classes)

    def read(self, image: Volume) -> Volume:
        """The label map as 0, 1 and 2.

        Raises:
            InputError: unreadable, or a value that has no name.
        """
        label = read_label(self.path, like=image)
        table = np.zeros(_VALUES, dtype=np.uint8)
        known = np.zeros(_VALUES, dtype=bool)
        for value, name in self.classes:
            table[value], known[value] = name, True
        found = np.zeros(_VALUES, dtype=bool)
        for k in range(label.shape[2]):
            plane = label.array[:, :, k]
            found[plane] = True
            plane[...] = table[plane]
        strange = np.flatnonzero(found & ~known)
        if strange.size:
            raise InputError(
                f"{self.path} holds the value{'s' if strange.size > 1 else ''} "
                f"{', '.join(map(str, strange[:5]))}, which {self.named_in} does not name: name "
                "it there, or correct the label map."
            )
        return label


def coded(path: Path, classes: Mapping[int, Label], *, named_in: Path) -> LabelSource:
    """A label map with values named by `classes`, which may already be 0, 1 and 2."""
    if all(value == label for value, label in classes.items()):
        return LabelFile(path)
    return CodedLabelFile(path, tuple(sorted(classes.items())), named_in)


@dataclass(frozen=True)
class MaskFiles(LabelSource):
    """Binary masks in files of their own, on the grid of the image; tumour wins over liver.

    Attributes:
        path: the folder that they lie in.
        masks: path and label of each.
    """

    masks: tuple[tuple[Path, Label], ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The masks."""
        return tuple(path for path, _ in self.masks)

    @property
    def coding(self) -> str:
        """The label of each mask, in their order."""
        return ",".join(f"{label:d}" for _, label in self.masks)

    def read(self, image: Volume) -> Volume:
        """The masks joined into one label map.

        Raises:
            InputError: a mask is unreadable, not binary, or not on the grid of `image`.
        """
        joined = np.zeros(image.shape, dtype=np.uint8, order="F")
        for path, label in self.masks:
            mask = read_label(path, like=image)
            difference = grid_difference(image, mask)
            if difference is not None:
                raise InputError(
                    f"The mask {path} is not on the grid of its image: {difference}; resample the "
                    "mask to the image's grid."
                )
            values = np.flatnonzero(np.bincount(mask.array.ravel(order="K"), minlength=_VALUES))
            if len(values[values > 0]) > 1:
                raise InputError(
                    f"The mask {path} holds the values {', '.join(map(str, values))}, where a "
                    "mask of one structure has 0 and one other value: save each structure as a "
                    "mask of its own, or all of them as one label map."
                )
            np.maximum(joined, (mask.array > 0) * np.uint8(label), out=joined)
        return Volume(joined, image.affine, source=str(self.path))
