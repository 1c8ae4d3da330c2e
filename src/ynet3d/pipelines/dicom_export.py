"""A prediction on disk and its DICOM series to DICOM objects."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d.dicom_output import ALL_KINDS, Kind, require_highdicom
from ynet3d.errors import InputError
from ynet3d.pipelines.segmentations import (
    DEIDENTIFIED,
    SEGMENTATION,
    read_statistics,
    series_of,
)
from ynet3d.reporting import statistics
from ynet3d.volumes import read_label, read_volume

if TYPE_CHECKING:
    from ynet3d.dicom_output.writing import Written


def export_prediction(
    prediction: str | Path,
    scan: str | Path,
    out: str | Path,
    *,
    series: str | None = None,
    kinds: Collection[Kind] = ALL_KINDS,
    one_per_tumour: bool = True,
    compressed: bool = False,
    deidentify: bool = False,
) -> Written:
    """Write a prediction as DICOM objects that refer to the series it was made from.

    Args:
        prediction: a folder of `ynet3d predict`, or a mask file (0 background, 1 liver, 2 tumour);
            what a mask file holds is measured here, and what made it is not known.
        scan: the series: a folder, a zip, or a multi-frame image.
        out: folder for the files.
        series: SeriesInstanceUID; else the one that the prediction names, or the axial CT series of
            most slices.
        kinds, one_per_tumour, compressed, deidentify: see `write_dicom`; the objects of a
            prediction that was de-identified always are, too.

    Raises:
        InputError: no prediction, no such series, or a mask that does not fit it.
        MissingExtraError: highdicom is not installed.
    """
    require_highdicom()
    from ynet3d.dicom_output.regions import origin_of
    from ynet3d.dicom_output.source import fitted, read_source
    from ynet3d.dicom_output.writing import write_dicom

    prediction, scan = Path(prediction), Path(scan)
    mask, content = _prediction(prediction)
    series = series or series_of(content, scan)
    deidentify = deidentify or bool(content and content.get(DEIDENTIFIED))
    source = read_source(scan, series=series)
    label = fitted(read_label(mask, like=source.grid), source)
    found = content or statistics(label, read_volume(scan, series=series))
    return write_dicom(
        label,
        source,
        Path(out),
        found=found,
        origin=origin_of(content),
        kinds=kinds,
        one_per_tumour=one_per_tumour,
        compressed=compressed,
        deidentify=deidentify,
    )


def _prediction(path: Path) -> tuple[Path, dict[str, Any] | None]:
    """The mask, and the content of the statistics beside it."""
    if not path.exists():
        raise InputError(f"There is nothing at {path}: check the path of the prediction.")
    if not path.is_dir():
        return path, None
    mask = path / SEGMENTATION
    if not mask.is_file():
        raise InputError(
            f"{path} holds no {SEGMENTATION}: give a folder that `ynet3d predict` wrote, or a mask "
            "file."
        )
    return mask, read_statistics(path)
