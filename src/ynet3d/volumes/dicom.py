"""One DICOM series to one volume in HU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError
from ynet3d.volumes.dicom_geometry import check_same_plane, sort_slices
from ynet3d.volumes.dicom_headers import CT_SLICE, MULTI_FRAME, SliceHeader, read_headers
from ynet3d.volumes.dicom_pixels import HuReader
from ynet3d.volumes.dicom_series import choose_series, rivals, summarise
from ynet3d.volumes.dicom_stack import Stack, stack_of
from ynet3d.volumes.promises import check_affine
from ynet3d.volumes.volume import Volume
from ynet3d.volumes.voxels import LabelStore, VoxelStore, new_store


def read_dicom(
    headers: Sequence[SliceHeader], source: Path, *, series: str | None = None, label: bool = False
) -> Volume:
    """Read one CT series from the images of a folder, or from one multi-frame file.

    Args:
        headers: of all images, as from `scan_folder`.
        series: what `SeriesSummary.name` says of the wanted one.

    Returns:
        array (column, row, slice), slices along the normal of their plane, in HU; affine in RAS mm.
        `metadata` has the UIDs by their DICOM names, `SOPInstanceUIDs` and `FrameNumbers` (from 1;
        empty for files of one slice) of the source's slices in their order, their places along k
        in `source_slices`, `resampled` (a sentence if slices were not evenly spaced, else ""),
        `phase`, and `other_series`: the axial CT series passed over. Nothing about the patient.

    Raises:
        InputError: no DICOM, no such series, or not one stack of slices.
        MissingExtraError: a compression that no installed package can decode.
    """
    chosen = choose_series(headers, source, series=series)
    summary = summarise(chosen)
    name = f"{source} (series {summary.name or 'without UID'})"
    check_same_plane(chosen, name)
    places = sort_slices(chosen)
    slices = [place[0] for place in places]
    stack = stack_of(slices, name)
    check_affine(stack.affine, source)

    store = new_store((slices[0].columns, slices[0].rows, stack.planes), str(source), label=label)
    _fill(store, places, stack, name, label=label)
    metadata = {
        "format": "DICOM",
        "orientation_stated": True,
        "StudyInstanceUID": slices[0].study_uid,
        "SeriesInstanceUID": slices[0].series_uid,
        "FrameOfReferenceUID": slices[0].frame_uid,
        "SOPInstanceUIDs": tuple(header.instance_uid for header in slices),
        "FrameNumbers": tuple(h.frame + 1 for h in slices if h.frame is not None),
        "source_slices": tuple(stack.places.tolist()),
        "resampled": stack.warning,
        "phase": summary.phase,
        "other_series": tuple(rivals(headers, summary, series=series)),
    }
    return Volume(store.array, stack.affine, source=str(source), metadata=metadata)


def refuse_single_file(path: Path) -> InputError:
    """What to say when one DICOM file is given that is no enhanced CT."""
    header = next(iter(read_headers(path)), None)
    if header is not None and header.role == MULTI_FRAME:
        return InputError(
            f"{path} is a multi-frame DICOM file whose frames do not say where they lie: export it "
            "as enhanced CT, as a classic series (one file per slice) or as NIfTI."
        )
    if header is not None and header.modality == "SEG":
        return InputError(
            f"{path} is a DICOM SEG, a mask, where a scan is expected: give the folder that holds "
            "all slices of the scan."
        )
    what = "no image" if header is None else f"one {header.role}"
    return InputError(
        f"{path} is a single DICOM file ({what}): give the folder that holds all slices of the "
        "scan."
    )


def is_enhanced(headers: Sequence[SliceHeader]) -> bool:
    """Whether these are the frames of CT whose places are known."""
    return any(header.frame is not None and header.role == CT_SLICE for header in headers)


def _fill(
    store: VoxelStore | LabelStore,
    places: Sequence[Sequence[SliceHeader]],
    stack: Stack,
    name: str,
    *,
    label: bool,
) -> None:
    """Decode slice after slice, and interpolate planes between two of them where needed."""
    reader = HuReader()
    below: npt.NDArray[Any] | None = None
    plane = 0
    for at, place in enumerate(places):
        pixels = reader.read(place[0])
        for twin in place[1:]:
            _check_duplicate(place[0], twin, pixels, reader, name)
        while stack.reaches(plane, at):
            share = stack.share(plane, at)
            values = pixels
            if share < 1 and label:
                values = pixels if share >= 0.5 or below is None else below
            elif share < 1 and below is not None:
                values = below + share * (np.asarray(pixels, dtype=np.float64) - below)
                values = np.rint(values) if _whole(pixels) and _whole(below) else values
            store.put(slice(plane, plane + 1), values.T[:, :, None])
            plane += 1
        below = pixels


def _whole(pixels: npt.NDArray[Any]) -> bool:
    return pixels.dtype.kind in "iu" or bool((np.rint(pixels) == pixels).all())


def _check_duplicate(
    kept: SliceHeader,
    twin: SliceHeader,
    pixels: npt.NDArray[Any],
    reader: HuReader,
    name: str,
) -> None:
    """Copies of a slice are harmless; two different slices at one place are two scans."""
    apart = np.abs(np.subtract(kept.position, twin.position)).max()
    if apart > 0.01 or not np.array_equal(reader.read(twin), pixels):
        raise InputError(
            f"{name} has different slices at one position ({_called(kept)} and {_called(twin)}): "
            "it holds several scans (phases) that nothing tells apart; keep the files of one of "
            "them."
        )


def _called(header: SliceHeader) -> str:
    return header.path.name + ("" if header.frame is None else f" frame {header.frame + 1}")
