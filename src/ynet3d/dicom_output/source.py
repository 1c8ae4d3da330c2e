"""The series that a mask belongs to: headers, geometry, and what they lack."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from ynet3d.dicom_output.frames import MULTI_FRAME, frame_planes
from ynet3d.errors import InputError
from ynet3d.volumes import Volume, folder_of_dicom, turned_like
from ynet3d.volumes.dicom_geometry import check_same_plane, grid_affine, sort_slices
from ynet3d.volumes.dicom_headers import (
    CT_IMAGE_STORAGE,
    CT_SLICE,
    SliceHeader,
    read_slice_header,
    scan_folder,
)
from ynet3d.volumes.dicom_plane import Plane
from ynet3d.volumes.dicom_series import choose_series
from ynet3d.volumes.formats import is_dicom_head, read_head

#: How far a voxel of the mask may lie from that of the series, in voxels.
_TOLERANCE_VOXELS = 0.1
#: What every object of a study repeats, and what may be asked of it.
_IN_EVERY_OBJECT: dict[str, str | None] = {
    "PatientID": None,
    "PatientName": None,
    "PatientBirthDate": r"(\d{8})?",
    "PatientSex": "[MFO]?",
    "AccessionNumber": None,
    "StudyID": None,
    "StudyDate": r"(\d{8})?",
    "StudyTime": r"(\d{2}([0-5]\d([0-5]\d(\.\d{1,6})?)?)?)?",
    "ReferringPhysicianName": None,
}


@dataclass(frozen=True, eq=False)
class DicomSource:
    """A CT series as DICOM objects made from it need it.

    Attributes:
        images: headers without pixels, in the order of `grid`'s slices; or one of a multi-frame
            image. Elements that must not be empty are filled (see `notes`).
        planes: where each slice lies, LPS mm, in the same order.
        frames: index in a multi-frame image of each slice; None for one file per slice.
        grid: affine (RAS mm) and shape (column, row, slice), its voxels all 0.
        notes: what the series lacks and what was done about it, in sentences.
    """

    images: tuple[pydicom.Dataset, ...]
    planes: tuple[Plane, ...]
    frames: tuple[int, ...] | None
    grid: Volume
    notes: tuple[str, ...]

    @property
    def first(self) -> pydicom.Dataset:
        """One header, for what all share."""
        return self.images[0]

    def reference(self, k: int) -> pydicom.Dataset:
        """A reference to the image (and frame) of slice k."""
        image = self.images[0 if self.frames else k]
        item = pydicom.Dataset()
        item.ReferencedSOPClassUID = image.SOPClassUID
        item.ReferencedSOPInstanceUID = image.SOPInstanceUID
        if self.frames:
            item.ReferencedFrameNumber = self.frames[k] + 1
        return item


def read_source(path: str | Path, *, series: str | None = None) -> DicomSource:
    """Read the headers of a CT series, one file per slice or one multi-frame (enhanced) image.

    Args:
        path: folder (and folders inside), zip, or the file of a multi-frame image.
        series: SeriesInstanceUID; else the axial CT series of most slices, as `read_volume` takes.

    Raises:
        InputError: no such series, no even stack, or slices that cannot be referred to because they
            have no SOP Instance UIDs of their own.
    """
    path = Path(path)
    single = path.is_file() and is_dicom_head(read_head(path))
    with nullcontext(path) if single else folder_of_dicom(path) as folder:
        headers = _header_of(path) if single else scan_folder(folder)
        if not headers:
            raise InputError(
                f"{path} holds no DICOM images: give the folder or zip of the series that the mask "
                "belongs to."
            )
        frames = _multi_frame(headers, series)
        if frames is not None:
            image = pydicom.dcmread(frames.path, stop_before_pixels=True)
            return _stack([image], frame_planes(image, str(path)), str(path), multi_frame=True)
        chosen = choose_series(headers, folder, series=series)
        # Copies of a slice are harmless here: `read_volume` has looked at their pixels.
        check_same_plane(chosen, str(path))
        slices = [place[0] for place in sort_slices(chosen)]
        images = [
            pydicom.dcmread(header.path, force=True, stop_before_pixels=True) for header in slices
        ]
        return _stack(images, slices, str(path), multi_frame=False)


def fitted(label: Volume, source: DicomSource) -> Volume:
    """`label` with the axes of the series, after making sure that it lies on its very voxels.

    Returns:
        array uint8 (column, row, slice), 0 background, 1 liver, 2 tumour.

    Raises:
        InputError: another grid, or other values.
    """
    turned = turned_like(label, source.grid)
    apart = turned.grid_distance_mm(source.grid) / min(source.grid.spacing)
    if apart > _TOLERANCE_VOXELS:
        how = "another shape" if np.isinf(apart) else f"off by up to {apart:.2g} voxels"
        raise InputError(
            f"{label.source or 'The mask'} ({_grid(turned)}) does not fit the DICOM series "
            f"{source.grid.source} ({_grid(source.grid)}), {how}: give the series that it was made "
            "from, or name it with --series UID."
        )
    largest = int(label.array.max(initial=0))
    if largest > 2:
        raise InputError(
            f"{label.source or 'The mask'} has the label {largest}: 0 background, 1 liver and 2 "
            "tumour were expected."
        )
    return turned


def _header_of(path: Path) -> list[SliceHeader]:
    header = read_slice_header(path)
    if header is None or header.role != MULTI_FRAME:
        what = "no image" if header is None else f"one {header.role}"
        raise InputError(
            f"{path} is a single DICOM file ({what}): give the folder or zip of the series that "
            "the mask belongs to."
        )
    return [header]


def _multi_frame(headers: Sequence[SliceHeader], series: str | None) -> SliceHeader | None:
    """The one multi-frame image that is meant, if that is no series of slices."""
    images = [
        header
        for header in headers
        if header.role == MULTI_FRAME and series in (None, header.series_uid)
    ]
    slices = any(h.role == CT_SLICE and series in (None, h.series_uid) for h in headers)
    return images[0] if len(images) == 1 and not slices else None


def _stack(
    images: Sequence[pydicom.Dataset], planes: Sequence[Plane], name: str, *, multi_frame: bool
) -> DicomSource:
    check_same_plane(planes, name)
    order = list(range(len(planes)))
    if multi_frame:
        places = sort_slices(planes)
        if len(places) < len(planes):
            raise InputError(
                f"{name} has several frames at one position: it holds several scans (phases), and "
                "it is not clear which of them the mask belongs to."
            )
        order = [planes.index(place[0]) for place in places]
    sorted_planes = [planes[index] for index in order]
    affine = grid_affine(sorted_planes, name)
    _measure(images, sorted_planes, multi_frame=multi_frame)
    shape = (planes[0].columns, planes[0].rows, len(planes))
    return DicomSource(
        images=tuple(images),
        planes=tuple(sorted_planes),
        frames=tuple(order) if multi_frame else None,
        grid=Volume(np.broadcast_to(np.uint8(0), shape), affine, source=name),
        notes=tuple(_completed(images, name)),
    )


def _measure(
    images: Sequence[pydicom.Dataset], planes: Sequence[Plane], *, multi_frame: bool
) -> None:
    """State the size of voxels as the positions have it, in place.

    What is derived repeats it, and headers are at times without it or, against the standard, have a
    negative distance between slices.
    """
    apart = np.subtract(planes[-1].position, planes[0].position) @ planes[0].normal
    step = float(abs(apart)) / (len(planes) - 1)
    for image in images:
        measures = image
        if multi_frame:
            shared = image.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()]
            image.SharedFunctionalGroupsSequence = pydicom.Sequence(shared)
            measures = (shared[0].get("PixelMeasuresSequence") or [pydicom.Dataset()])[0]
            shared[0].PixelMeasuresSequence = pydicom.Sequence([measures])
            orientation = pydicom.Dataset()
            orientation.ImageOrientationPatient = _decimals(planes[0].orientation)
            shared[0].PlaneOrientationSequence = pydicom.Sequence([orientation])
            measures.PixelSpacing = _decimals(planes[0].pixel_spacing)
        measures.SpacingBetweenSlices = _decimals([step])[0]
        if not measures.get("SliceThickness") or float(measures.SliceThickness) <= 0:
            measures.SliceThickness = measures.SpacingBetweenSlices


def _decimals(values: Sequence[float]) -> list[str]:
    return [format_number_as_ds(float(value)) for value in values]


def _completed(images: Sequence[pydicom.Dataset], name: str) -> list[str]:
    """Fill what DICOM does not allow to be empty, in place; say what of it matters."""
    for image in images:
        meta = image.file_meta
        for element, twin in (
            ("SOPInstanceUID", "MediaStorageSOPInstanceUID"),
            ("SOPClassUID", "MediaStorageSOPClassUID"),
        ):
            if not image.get(element):
                setattr(image, element, UID(meta.get(twin) or ""))
        if not image.SOPClassUID:
            image.SOPClassUID = UID(CT_IMAGE_STORAGE)
        for element, pattern in _IN_EVERY_OBJECT.items():
            value = str(image.get(element) or "")
            if not value or (pattern is not None and not re.fullmatch(pattern, value.strip())):
                setattr(image, element, "")
        if not image.get("SpecificCharacterSet", "absent"):
            del image.SpecificCharacterSet
    instances = [str(image.SOPInstanceUID) for image in images]
    if not all(instances) or len(set(instances)) < len(instances):
        raise InputError(
            f"{name} has slices without a SOP Instance UID of their own, by which DICOM objects "
            "refer to them: export the series again with its UIDs."
        )
    notes = []
    for element, words, lost in (
        (
            "StudyInstanceUID",
            "Study Instance UID",
            "a viewer cannot file the objects with the scan",
        ),
        ("SeriesInstanceUID", "Series Instance UID", "a viewer must find the slices by their own"),
        (
            "FrameOfReferenceUID",
            "Frame of Reference UID",
            "nothing but the series ties the objects to the scan's coordinates",
        ),
    ):
        found = {str(image.get(element) or "") for image in images}
        if len(found) == 1 and "" not in found:
            continue
        notes.append(
            f"{name} has no {words}"
            + (" that its slices share" if len(found) > 1 else "")
            + f"; one was made from its slices' UIDs, so that {lost}."
        )
        made = _made_uid(element, instances)
        for image in images:
            setattr(image, element, made)
    return notes


def _made_uid(kind: str, instances: Sequence[str]) -> UID:
    """The same UID for the same slices, whenever it is asked for (PS3.5, B.2)."""
    text = " ".join((kind, *sorted(instances)))
    return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, text).int}")


def _grid(volume: Volume) -> str:
    shape = " x ".join(str(size) for size in volume.shape)
    spacing = " x ".join(f"{size:.4g}" for size in volume.spacing)
    return f"{shape} voxels of {spacing} mm"
