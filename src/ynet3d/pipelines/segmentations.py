"""Finding and reading a prediction that a command is given: its mask, and its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ynet3d.deidentification import pseudonym_uid
from ynet3d.documents import DocumentError, read_json
from ynet3d.errors import InputError
from ynet3d.labels import NUM_CLASSES
from ynet3d.volumes import Volume, list_series, read_label

#: Names of the mask, and of what is known of it, in a folder of `ynet3d predict`.
SEGMENTATION, STATISTICS = "segmentation.nii.gz", "statistics.json"
#: In the statistics of a prediction that does not tell whose scan it is of.
DEIDENTIFIED = "deidentified"
_NEEDED = ("summary", "liver_ml", "tumour_ml", "tumour_share", "lesion_count", "lesions")


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


def read_statistics(folder: str | Path) -> dict[str, Any] | None:
    """What `ynet3d predict` wrote beside a mask; None where there is nothing.

    Raises:
        InputError: it is not what was written.
    """
    path = Path(folder) / STATISTICS
    if not path.is_file():
        return None
    remedy = "predict again, or remove it, and the mask is measured anew"
    try:
        found = read_json(path)
    except (OSError, DocumentError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}): {remedy}.") from None
    missing = [key for key in _NEEDED if not isinstance(found, dict) or key not in found]
    if missing:
        raise InputError(
            f"{path} is not as `ynet3d predict` writes it (it has no {missing[0]}): {remedy}."
        )
    result: dict[str, Any] = found
    return result


def series_of(content: Mapping[str, Any] | None, scan: str | Path) -> str | None:
    """The series that a prediction was made from, as `read_volume` takes it; None for any.

    Args:
        content: of its statistics, where a de-identified series has its pseudonym.
        scan: where it lies.
    """
    series = (content or {}).get("series") or None
    if content is None or series is None or not content.get(DEIDENTIFIED):
        return series
    names = [each.name for each in list_series(scan)]
    return next((name for name in names if pseudonym_uid(name) == series), series)
