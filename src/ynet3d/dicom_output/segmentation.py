"""A DICOM SEG by highdicom."""

from __future__ import annotations

from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from ynet3d.dicom_output.codes import ARTIFICIAL_INTELLIGENCE, LIVER
from ynet3d.dicom_output.equipment import EQUIPMENT
from ynet3d.dicom_output.kinds import Kind
from ynet3d.dicom_output.regions import Origin, Region, Regions, rgb
from ynet3d.dicom_output.source import DicomSource
from ynet3d.errors import YnetError


class _OrganAndLesions(hd.seg.Segmentation):
    """A SEG from numbers of segments in which the first segment is all that is not 0.

    highdicom takes overlapping segments as one whole mask each, which for tens of tumours is more
    than a laptop's memory; from an array of numbers it takes each segment plane by plane, here.
    `_check_organ` makes sure that it did.
    """

    @staticmethod
    def _get_segment_pixel_array(  # type: ignore[override]  # takes what other versions pass, too
        pixel_array: npt.NDArray[Any], segment_number: int, **options: Any
    ) -> npt.NDArray[np.uint8]:
        inside = pixel_array != 0 if segment_number == 1 else pixel_array == segment_number
        return inside.astype(np.uint8)


def make_segmentation(regions: Regions, source: DicomSource, origin: Origin) -> pydicom.Dataset:
    """A SEG of type BINARY with a segment for each region, on the slices of its series.

    Planes in which a segment is empty have no frame. Frames are not compressed: what the standard
    has for frames of one bit is read by few programs.

    Raises:
        ValueError: there is no region (a SEG cannot be empty).
    """
    if not regions.regions:
        raise ValueError("a SEG needs a region")
    filled = regions.filled_slices()
    span = slice(filled[0], filled[-1] + 1)
    images: list[pydicom.Dataset] = list(source.images[span])
    pixels: npt.NDArray[Any] = regions.slices[span]
    if source.frames is not None:  # every frame of the image, in its own order
        images = list(source.images)
        pixels = np.zeros(regions.slices.shape, dtype=regions.slices.dtype)
        pixels[list(source.frames)] = regions.slices
    result = _OrganAndLesions(
        source_images=images,
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[_description(region, origin) for region in regions.regions],
        series_instance_uid=generate_uid(prefix=None),
        series_number=Kind.SEG.series_number,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label="LIVER",
        content_description="Liver and its tumours; research use only",
        series_description="3DYNet liver and tumours (research use only)",
        **EQUIPMENT,
    )
    if len(regions.regions) > 1:
        result.SegmentsOverlap = "YES"
    _check_organ(result, regions)
    return result


def _description(region: Region, origin: Origin) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=region.number,
        segment_label=region.name,
        segmented_property_category=region.category,
        segmented_property_type=region.kind,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=origin.name,
            family=ARTIFICIAL_INTELLIGENCE,
            version=origin.version,
            source="ynet3d",
            parameters=dict(origin.parameters) or None,
        ),
        tracking_uid=region.tracking_uid,
        tracking_id=region.name,
        anatomic_regions=[LIVER] if region.lesion is not None else None,
        display_color=hd.color.CIELabColor.from_rgb(*rgb(region.colour)),
    )


def _check_organ(result: pydicom.Dataset, regions: Regions) -> None:
    """The first segment's frames have to be the whole organ's, voxel for voxel."""
    wanted = np.count_nonzero(regions.slices)
    if len(regions.regions) > 1:
        numbers = [
            int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
            for frame in result.PerFrameFunctionalGroupsSequence
        ]
        frames = numbers.count(1)
    else:
        frames = int(result.NumberOfFrames)
    bits = np.unpackbits(np.frombuffer(result.PixelData, dtype=np.uint8), bitorder="little")
    found = np.count_nonzero(bits[: frames * result.Rows * result.Columns])
    if found != wanted:
        raise YnetError(
            f"The SEG's liver came out with {found} voxels instead of {wanted}: another version of "
            f"highdicom than {hd.__version__} is needed; please report it."
        )
