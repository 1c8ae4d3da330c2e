"""Finding and reading the segmentation that a command is given."""

from __future__ import annotations

from pathlib import Path

from ynet3d.errors import InputError
from ynet3d.labels import NUM_CLASSES
from ynet3d.volumes import Volume, read_label

#: Name of the mask in a folder of `ynet3d predict`.
SEGMENTATION = "segmentation.nii.gz"


def read_segmentation(path: str | Path) -> Volume:
    """Read a label map, or that in a folder of `ynet3d predict`.

    Args:
        path: a label map of any kind that `read_label` reads, or such a folder.

    Raises:
        InputError: it cannot be read, or holds other labels than 0, 1 and 2.
    """
    path = Path(path)
    inside = path / SEGMENTATION
    label = read_label(inside if inside.is_file() else path)
    highest = int(label.array.max()) if label.array.size else 0
    if highest >= NUM_CLASSES:
        raise InputError(
            f"{label.source or path} holds the label {highest}, but 0 (background), 1 (liver) and "
            "2 (tumour) are expected: give the label map, not the image, and recode other labels."
        )
    return label
