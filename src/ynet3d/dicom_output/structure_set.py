"""An RT structure set: the regions as contours on the slices of the scan.

Written with pydicom. The libraries for it were looked at and left: rt-utils 1.2.7 needs a package
(`dataclasses`) that no present Python installs; DicomRTTool is under the GPL; pydicomrt 0.9.1
outlines with OpenCV through the centres of the outermost pixels, so that a region shrinks by half a
pixel all around, and leaves out outlines of fewer than three points, which small lesions have.
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from ynet3d.dicom_output.codes import code_sequence
from ynet3d.dicom_output.contours import Polygon, outlines
from ynet3d.dicom_output.equipment import EQUIPMENT
from ynet3d.dicom_output.kinds import Kind
from ynet3d.dicom_output.regions import Origin, Region, Regions, rgb
from ynet3d.dicom_output.source import DicomSource
from ynet3d.volumes.dicom_plane import Plane

_STUDY_COMPONENT = "1.2.840.10008.3.1.2.3.1"  # what the referenced study is said to be of
#: Of the patient and the study, copied where the scan has it.
_COPIED = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "FrameOfReferenceUID",
)


def make_structure_set(regions: Regions, source: DicomSource, origin: Origin) -> pydicom.Dataset:
    """An RTSTRUCT with an ROI for each region; contours are closed, planar, in LPS mm.

    Raises:
        ValueError: there is no region.
    """
    if not regions.regions:
        raise ValueError("a structure set needs a region")
    now = datetime.datetime.now()
    data = _frame(source, now)
    data.StructureSetLabel = "3DYNet"
    data.StructureSetDescription = "Liver and its tumours; research use only, not approved"
    data.StructureSetDate, data.StructureSetTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    data.ReferencedFrameOfReferenceSequence = pydicom.Sequence([_referenced_frame(source)])
    rois, contours, observations = [], [], []
    for region in regions.regions:
        rois.append(_roi(region, source, origin))
        contours.append(_contours(region, regions, source))
        observations.append(_observation(region))
    data.StructureSetROISequence = pydicom.Sequence(rois)
    data.ROIContourSequence = pydicom.Sequence(contours)
    data.RTROIObservationsSequence = pydicom.Sequence(observations)
    data.ApprovalStatus = "UNAPPROVED"
    return data


def _frame(source: DicomSource, now: datetime.datetime) -> pydicom.Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = RTStructureSetStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    # Explicit VR has no room for coordinates of more than 64 KB, which long outlines need.
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    data = pydicom.Dataset()
    data.file_meta = meta
    for name in _COPIED:
        if name in source.first:
            data[name] = source.first[name]
    data.SOPClassUID, data.SOPInstanceUID = RTStructureSetStorage, meta.MediaStorageSOPInstanceUID
    data.InstanceCreationDate = now.strftime("%Y%m%d")
    data.InstanceCreationTime = now.strftime("%H%M%S")
    data.Modality = "RTSTRUCT"
    data.SeriesInstanceUID = generate_uid(prefix=None)
    data.SeriesNumber, data.InstanceNumber = Kind.RTSTRUCT.series_number, 1
    data.SeriesDescription = "3DYNet contours (research use only)"
    data.OperatorsName = ""
    data.PositionReferenceIndicator = str(source.first.get("PositionReferenceIndicator") or "")
    data.Manufacturer = EQUIPMENT["manufacturer"]
    data.ManufacturerModelName = EQUIPMENT["manufacturer_model_name"]
    data.SoftwareVersions = EQUIPMENT["software_versions"]
    return data


def _referenced_frame(source: DicomSource) -> pydicom.Dataset:
    series = pydicom.Dataset()
    series.SeriesInstanceUID = source.first.SeriesInstanceUID
    series.ContourImageSequence = pydicom.Sequence(
        [source.reference(k) for k in range(len(source.planes))]
    )
    study = pydicom.Dataset()
    study.ReferencedSOPClassUID = _STUDY_COMPONENT
    study.ReferencedSOPInstanceUID = source.first.StudyInstanceUID
    study.RTReferencedSeriesSequence = pydicom.Sequence([series])
    frame = pydicom.Dataset()
    frame.FrameOfReferenceUID = source.first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = pydicom.Sequence([study])
    return frame


def _roi(region: Region, source: DicomSource, origin: Origin) -> pydicom.Dataset:
    roi = pydicom.Dataset()
    roi.ROINumber = region.number
    roi.ReferencedFrameOfReferenceUID = source.first.FrameOfReferenceUID
    roi.ROIName = region.name
    roi.ROIGenerationAlgorithm = "AUTOMATIC"
    roi.ROIGenerationDescription = f"{origin.name} {origin.version}"[:64]
    return roi


def _observation(region: Region) -> pydicom.Dataset:
    observation = pydicom.Dataset()
    observation.ObservationNumber = observation.ReferencedROINumber = region.number
    observation.RTROIIdentificationCodeSequence = code_sequence(region.kind)
    # Whether a lesion is a gross tumour volume is for a physician to say.
    observation.RTROIInterpretedType = "ORGAN" if region.lesion is None else ""
    observation.ROIInterpreter = ""
    return observation


def _contours(region: Region, regions: Regions, source: DicomSource) -> pydicom.Dataset:
    contours: list[pydicom.Dataset] = []
    for k in regions.filled_slices():
        for polygon in outlines(regions.mask(region, k)):
            contour = pydicom.Dataset()
            contour.ContourImageSequence = pydicom.Sequence([source.reference(k)])
            contour.ContourGeometricType = "CLOSED_PLANAR"
            contour.NumberOfContourPoints = len(polygon)
            contour.ContourNumber = len(contours) + 1
            contour.ContourData = _decimals(in_patient(polygon, source.planes[k]))
            contours.append(contour)
    result = pydicom.Dataset()
    result.ReferencedROINumber = region.number
    result.ROIDisplayColor = list(rgb(region.colour))
    if contours:
        result.ContourSequence = pydicom.Sequence(contours)
    return result


def in_patient(polygon: Polygon, plane: Plane) -> npt.NDArray[np.float64]:
    """(n, 3) LPS mm of points (n, 2) given as (row, column) of a plane."""
    along_row, along_column = np.array(plane.orientation).reshape(2, 3)
    row, column = polygon.T
    points: npt.NDArray[np.float64] = (
        np.array(plane.position)
        + np.outer(column * plane.pixel_spacing[1], along_row)
        + np.outer(row * plane.pixel_spacing[0], along_column)
    )
    return points


def _decimals(points: npt.NDArray[np.float64]) -> list[Any]:
    """As decimal strings to a thousandth of a millimetre."""
    rounded = np.round(points.ravel(), 3) + 0.0  # no minus zero
    return [f"{value:.3f}".rstrip("0").rstrip(".") for value in rounded.tolist()]
