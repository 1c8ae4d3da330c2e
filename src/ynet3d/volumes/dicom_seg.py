"""DICOM SEG masks: the frames of liver and tumour segments as one label map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError, YnetError
from ynet3d.labels import Label
from ynet3d.volumes.dicom_geometry import check_same_plane, gappy_grid, sort_slices
from ynet3d.volumes.dicom_groups import first_item, functional_group, read_numbers
from ynet3d.volumes.dicom_headers import read_headers, scan_folder
from ynet3d.volumes.dicom_pixels import decodable, missing_decoder
from ynet3d.volumes.dicom_plane import Plane
from ynet3d.volumes.dicom_segments import Segment, classes_of
from ynet3d.volumes.placing import placed_on
from ynet3d.volumes.promises import check_affine
from ynet3d.volumes.volume import Volume

MODALITY = "SEG"
#: In the metadata of what is read from a SEG.
SEG_FORMAT = "DICOM SEG"
_ADVICE = "export the segmentation again, on the grid of its scan"


@dataclass(frozen=True, kw_only=True)
class Frame(Plane):
    """One frame of a SEG.

    Attributes:
        number: from 0, in the order of the file.
        segment: whose mask it is; None in a label map, whose pixels are the segments' numbers.
    """

    number: int
    segment: int | None


def find_seg(path: Path) -> Path | None:
    """The DICOM SEG that `path` is, or the one below the folder `path`; None if there is none.

    Raises:
        InputError: there are several.
    """
    if path.is_file():
        return path if any(h.modality == MODALITY for h in read_headers(path)) else None
    found = [header.path for header in scan_folder(path) if header.modality == MODALITY]
    if len(found) > 1:
        names = ", ".join(str(file.relative_to(path)) for file in found[:3])
        raise InputError(
            f"{path} holds {len(found)} DICOM SEG files ({names}{', ...' if len(found) > 3 else ''}"
            "): give the path of one."
        )
    return found[0] if found else None


def read_seg(path: Path, *, like: Volume | None = None) -> Volume:
    """Read a DICOM SEG: BINARY, FRACTIONAL (set from half of the maximum on) or LABELMAP.

    What the segments stand for is told by their coded types and labels (`classes_of`); tumour wins
    where it overlaps liver.

    Args:
        like: a scan on the grid that the SEG was drawn on. A SEG leaves out planes without a mask,
            so its own grid is often a part of that; with `like`, the label map is put onto it.

    Returns:
        array (column, row, slice) uint8: 0 background, 1 liver, 2 tumour, absent planes empty, on
        the grid that the SEG's frames span; with `like`, on the grid of `like`.

    Raises:
        InputError: damaged, unclear segments, frames that are no even stack, or that do not lie on
            voxels of `like`.
        MissingExtraError: a compression that no installed package can decode.
    """
    try:
        return _read(path, like)
    except YnetError:
        raise
    except Exception as error:  # pydicom raises many kinds, some only when a value is looked at
        raise _damaged(path, error) from None


def _read(path: Path, like: Volume | None) -> Volume:
    data = _header(path)
    classes = classes_of(_segments(data), str(path))
    frames = _frames(data, path)
    check_same_plane(frames, str(path), advice=_ADVICE)
    planes = sort_slices(frames)
    steps = [_step_along(frames[0].normal, like)] if like is not None else []
    steps += _stated_steps(data)
    affine, index = gappy_grid([plane[0] for plane in planes], str(path), steps_mm=steps)
    place = {f.number: int(k) for plane, k in zip(planes, index, strict=True) for f in plane}

    shape = (frames[0].columns, frames[0].rows, int(index[-1]) + 1)
    label = np.zeros(shape, dtype=np.uint8, order="F")
    wanted = [f for f in frames if f.segment is None or classes.get(f.segment, Label.BACKGROUND)]
    for frame, pixels in _pixels(data, path, wanted):
        plane = label[:, :, place[frame.number]]
        np.maximum(plane, _classes(pixels, frame, classes, data).T, out=plane)
    check_affine(affine, path)
    metadata = {
        "format": SEG_FORMAT,
        "orientation_stated": True,
        "FrameOfReferenceUID": str(data.get("FrameOfReferenceUID") or ""),
    }
    volume = Volume(label, affine, source=str(path), metadata=metadata)
    return volume if like is None else placed_on(volume, like)


def _header(path: Path) -> Any:
    import pydicom

    try:
        data = pydicom.dcmread(path, force=True, stop_before_pixels=True)
        kind = str(data.get("SegmentationType") or "")
        frames = int(data.get("NumberOfFrames") or 0)
        described = "PerFrameFunctionalGroupsSequence" in data and "SegmentSequence" in data
    except Exception as error:  # pydicom raises many kinds
        raise _damaged(path, error) from None
    if kind not in ("BINARY", "FRACTIONAL", "LABELMAP") or not frames or not described:
        raise InputError(
            f"{path} is a DICOM SEG without segments, frames or a type that is known (type "
            f"{kind or 'not said'}, {frames} frames): {_ADVICE}."
        )
    return data


def _segments(data: Any) -> list[Segment]:
    segments = []
    for item in data.SegmentSequence:
        code = first_item(item, "SegmentedPropertyTypeCodeSequence")
        scheme = str(code.get("CodingSchemeDesignator") or "") if code is not None else ""
        value = str(code.get("CodeValue") or "") if code is not None else ""
        region = first_item(item, "AnatomicRegionSequence")
        segments.append(
            Segment(
                number=int(item.get("SegmentNumber", 0)),
                label=str(item.get("SegmentLabel") or ""),
                meaning="" if code is None else str(code.get("CodeMeaning") or ""),
                code=(scheme, value),
                region="" if region is None else str(region.get("CodeMeaning") or ""),
            )
        )
    return segments


def _frames(data: Any, path: Path) -> list[Frame]:
    """All frames with their place, from what they have of their own and what they share."""
    shared = first_item(data, "SharedFunctionalGroupsSequence")
    label_map = data.SegmentationType == "LABELMAP"
    frames = []
    try:
        for number, own in enumerate(data.PerFrameFunctionalGroupsSequence):
            position = functional_group(own, shared, "PlanePositionSequence")
            orientation = functional_group(own, shared, "PlaneOrientationSequence")
            measures = functional_group(own, shared, "PixelMeasuresSequence")
            identified = functional_group(own, shared, "SegmentIdentificationSequence")
            frames.append(
                Frame(
                    number=number,
                    segment=None if label_map else int(identified.ReferencedSegmentNumber),
                    rows=int(data.Rows),
                    columns=int(data.Columns),
                    position=read_numbers(position, "ImagePositionPatient", 3),
                    orientation=read_numbers(orientation, "ImageOrientationPatient", 6),
                    pixel_spacing=read_numbers(measures, "PixelSpacing", 2),
                )
            )
    except (AttributeError, ValueError, TypeError):
        raise _without_place(path) from None
    if any(None in (f.position, f.orientation, f.pixel_spacing) for f in frames):
        raise _without_place(path)
    return frames


def _without_place(path: Path) -> InputError:
    return InputError(
        f"{path} has frames that do not say where they lie in the patient, or whose segment they "
        f"are: {_ADVICE}."
    )


def _stated_steps(data: Any) -> list[float]:
    """Distance between planes in mm as the file says it, else how thick they are."""
    shared = first_item(data, "SharedFunctionalGroupsSequence")
    measures = functional_group(
        data.PerFrameFunctionalGroupsSequence[0], shared, "PixelMeasuresSequence"
    )
    steps = [measures.get(name) for name in ("SpacingBetweenSlices", "SliceThickness")]
    return [abs(float(step)) for step in steps if step][:1]


def _step_along(normal: npt.NDArray[np.float64], like: Volume) -> float:
    """Distance in mm between neighbouring voxels of `like` along its axis nearest `normal`."""
    axes = like.affine[:3, :3] / np.asarray(like.spacing)
    cosines = np.abs((normal * (-1, -1, 1)) @ axes)
    nearest = int(cosines.argmax())
    return float(cosines[nearest] * like.spacing[nearest])


def _pixels(
    data: Any, path: Path, frames: Sequence[Frame]
) -> Iterator[tuple[Frame, npt.NDArray[Any]]]:
    """Decode `frames` one at a time."""
    import pydicom
    from pydicom.pixels import iter_pixels
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    syntax = str(data.file_meta.get("TransferSyntaxUID") or "")
    if syntax and not decodable(syntax):
        raise missing_decoder(path, syntax)
    try:
        source: Any = path
        indices = [frame.number for frame in frames]
        decoded: Iterable[npt.NDArray[Any]]
        # pydicom 3 neither inflates a file for single frames nor finds them between whole bytes.
        if syntax == DeflatedExplicitVRLittleEndian:
            source = pydicom.dcmread(path)
        if data.get("BitsAllocated") == 1 and data.Rows * data.Columns % 8:
            whole = pydicom.dcmread(path).pixel_array.reshape(-1, data.Rows, data.Columns)
            decoded = (whole[index] for index in indices)
        else:
            decoded = iter_pixels(source, indices=indices) if frames else ()
        yield from zip(frames, decoded, strict=True)
    except YnetError:
        raise
    except Exception as error:  # decoders raise many kinds
        raise _damaged(path, error) from None


def _classes(
    pixels: npt.NDArray[Any], frame: Frame, classes: dict[int, Label], data: Any
) -> npt.NDArray[np.uint8]:
    """Label of each pixel (row, column) of one frame."""
    if frame.segment is None:
        table = np.zeros(int(pixels.max(initial=0)) + 1, dtype=np.uint8)
        for number, label in classes.items():
            if number < len(table):
                table[number] = label
        return table[pixels]
    if data.SegmentationType == "FRACTIONAL":
        inside = 2 * pixels.astype(np.uint16) >= int(data.MaximumFractionalValue)
    else:
        inside = pixels != 0
    return inside * np.uint8(classes[frame.segment])


def _damaged(path: Path, error: Exception) -> InputError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return InputError(
        f"{path} is a damaged DICOM SEG, or cut short ({reason.rstrip('.')}): copy or export it "
        "again."
    )
