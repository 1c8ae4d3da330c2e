"""The series that a mask belongs to: headers, geometry, and what they lack."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from ynet3d.errors import InputError
from ynet3d.volumes import Volume, dicom_images, turned_like
from ynet3d.volumes.dicom_geometry import check_same_plane, sort_slices
from ynet3d.volumes.dicom_headers import CT_IMAGE_STORAGE, CT_SLICE, SliceHeader
from ynet3d.volumes.dicom_plane import Plane
from ynet3d.volumes.dicom_series import choose_series
from ynet3d.volumes.dicom_stack import stack_of

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
        images: headers without pixels, in the order of the slices; or one of a multi-frame image.
            Elements that must not be empty are filled (see `notes`).
        planes: where each slice lies, LPS mm, in the same order.
        frames: index in a multi-frame image of each slice; None for one file per slice.
        grid: affine (RAS mm) and shape (column, row, plane) of the series as `read_volume` reads
            it, its voxels all 0.
        nearest: the plane of `grid` at each slice: 0, 1, 2, ... unless uneven slices are resampled.
        notes: what the series lacks and what was done about it, in sentences.
    """

    images: tuple[pydicom.Dataset, ...]
    planes: tuple[Plane, ...]
    frames: tuple[int, ...] | None
    grid: Volume
    nearest: npt.NDArray[np.int64]
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
        path: folder (and folders inside), zip, DICOMDIR, or the file of a multi-frame image.
        series: as for `read_volume`, which takes the same series by the same rule.

    Raises:
        InputError: no such series, no even stack, or slices that cannot be referred to because they
            have no SOP Instance UIDs of their own.
    """
    path = Path(path)
    with dicom_images(path) as (headers, folder):
        if not headers:
            raise InputError(
                f"{path} holds no DICOM images: give the folder or zip of the series that the mask "
                "belongs to."
            )
        if folder.is_file() and all(h.frame is None or h.role != CT_SLICE for h in headers):
            raise InputError(
                f"{path} is a single DICOM file (one {headers[0].role}): give the folder or zip of "
                "the series that the mask belongs to."
            )
        chosen = choose_series(headers, folder, series=series)
        # Copies of a slice are harmless here: `read_volume` has looked at their pixels.
        check_same_plane(chosen, str(path))
        slices = [place[0] for place in sort_slices(chosen)]
        frames = _frames(slices, str(path))
        images = [
            pydicom.dcmread(header.path, force=True, stop_before_pixels=True)
            for header in (slices[:1] if frames else slices)
        ]
    stack = stack_of(slices, str(path))
    _measure(images, slices, multi_frame=frames is not None)
    notes = _completed(images, str(path))
    if stack.warning:
        notes.append(
            f"{path} has uneven slices, and the mask lies on a grid that was made from them: each "
            "slice has the mask of the nearest plane of that grid."
        )
    shape = (slices[0].columns, slices[0].rows, stack.planes)
    return DicomSource(
        images=tuple(images),
        planes=tuple(slices),
        frames=frames,
        grid=Volume(np.broadcast_to(np.uint8(0), shape), stack.affine, source=str(path)),
        nearest=np.clip(np.rint(stack.places).astype(np.int64), 0, stack.planes - 1),
        notes=tuple(notes),
    )


def _frames(slices: Sequence[SliceHeader], name: str) -> tuple[int, ...] | None:
    """The frame of each slice, if they are those of a multi-frame image."""
    if all(header.frame is None for header in slices):
        return None
    if len({header.path for header in slices}) > 1:
        raise InputError(
            f"{name} has its slices in several multi-frame images, which a SEG cannot refer to "
            "together: save them as one image, or as a classic series (one file per slice)."
        )
    return tuple(cast(int, header.frame) for header in slices)


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
