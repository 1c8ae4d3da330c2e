"""A prediction on disk and its scan to a report on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ynet3d.errors import InputError
from ynet3d.files import ensure_output_folder
from ynet3d.pipelines.scans import read_ct
from ynet3d.pipelines.segmentations import (
    SEGMENTATION,
    read_segmentation,
    read_statistics,
    series_of,
)
from ynet3d.reporting import statistics
from ynet3d.reporting.case_report import require_extras, write_case_report
from ynet3d.reporting.plausibility import doubts
from ynet3d.volumes import Volume, strip_suffix, turned_like


def report_prediction(
    prediction: str | Path,
    scan: str | Path,
    out: str | Path | None = None,
    *,
    series: str | None = None,
    hu_offset: int = 0,
) -> list[Path]:
    """Write `report.html` and `report.pdf` for a folder that `predict` wrote, or any mask.

    Args:
        prediction: folder with `segmentation.nii.gz`; without `statistics.json` the mask is
            measured anew, and the report cannot say what made it.
        scan: the CT that was predicted; its axes may run otherwise, as of the same scan as DICOM.
        out: folder to write to, by default `prediction`.
        series: SeriesInstanceUID; else the one that the prediction names.
        hu_offset: as when it was predicted.

    Returns:
        The files.

    Raises:
        InputError: the folder holds no prediction, or of another scan.
        MissingExtraError: a package that only reports need is missing.
    """
    require_extras()
    folder = Path(prediction)
    mask = folder / SEGMENTATION
    if not mask.is_file():
        raise InputError(
            f"There is no {SEGMENTATION} in {folder}: give a folder that `ynet3d predict` wrote."
        )
    found = read_statistics(folder)
    target = ensure_output_folder(folder if out is None else out)
    series = series or series_of(found, scan)
    image, notes = read_ct(Path(scan), series=series, hu_offset=hu_offset)
    label = read_segmentation(folder)
    # The statistics count slices as the mask has them.
    image = turned_like(image, label)
    if not image.same_grid(label):
        raise InputError(
            f"The mask {mask} (shape {label.shape}) is not of the scan {scan} (shape "
            f"{image.shape}), or they lie apart: give the scan that was predicted."
        )
    if found is None:
        found = _measured(folder, label, image, notes)
    return write_case_report(image, label, found, target)


def _measured(folder: Path, label: Volume, image: Volume, notes: list[str]) -> dict[str, Any]:
    found = statistics(label, image)
    name = strip_suffix(Path(folder.resolve().name))
    return {"scan": name, **found, "notes": [*notes, *doubts(label, found, image)]}
