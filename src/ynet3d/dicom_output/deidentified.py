"""The headers of a series without whose they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from ynet3d.deidentification import pseudonym_uid
from ynet3d.dicom_output.source import DicomSource

#: All that is kept of a slice. What is not here cannot get into an object made from it.
_KEPT = (
    *("SOPClassUID", "Modality", "ImageType", "InstanceNumber", "NumberOfFrames"),
    *("Rows", "Columns", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PositionReferenceIndicator"),
    *("SamplesPerPixel", "PhotometricInterpretation", "PixelRepresentation"),
    *("BitsAllocated", "BitsStored", "HighBit"),
)
_REPLACED = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
#: Of the frames of a multi-frame image: sequences, and what is kept of their items.
_GROUPS = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "FrameContentSequence": ("StackID", "InStackPositionNumber", "DimensionIndexValues"),
}
_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_EMPTY = (
    *("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime"),
    "ReferringPhysicianName",
)
_METHOD = "ynet3d: geometry kept, UIDs replaced, all else removed"
#: What the profile calls a dummy, where a date must not be empty.
_NO_DATE, _NO_TIME = "19000101", "000000"
_DATES = {"DA": _NO_DATE, "TM": _NO_TIME, "DT": _NO_DATE + _NO_TIME}


def deidentified(source: DicomSource) -> DicomSource:
    """`source` with nothing but geometry, and other UIDs (`pseudonym_uid`) that belong together.

    The Basic Application Level Confidentiality Profile (PS3.15, E.1) names what to remove; here
    only what objects made from the slices need is taken over, which is less than it allows. The
    patient gets a name and an identifier made from the study's UID.
    """
    return replace(source, images=tuple(_cleaned(image) for image in source.images))


def _cleaned(image: pydicom.Dataset) -> pydicom.Dataset:
    result = _taken(image, _KEPT)
    result.file_meta = FileMetaDataset()
    result.file_meta.TransferSyntaxUID = image.file_meta.get("TransferSyntaxUID")
    for name in _REPLACED:
        setattr(result, name, UID(pseudonym_uid(str(image.get(name) or ""))))
    for name in _EMPTY:
        setattr(result, name, "")
    result.PatientName = "Anonymous"
    result.PatientID = f"anonymous-{int(result.StudyInstanceUID.split('.')[-1]) % 16**8:08x}"
    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = _METHOD
    for name in _FUNCTIONAL_GROUPS:
        if name in image:
            setattr(result, name, pydicom.Sequence([_group(item) for item in image[name].value]))
    return result


def _group(frame: pydicom.Dataset) -> pydicom.Dataset:
    result = pydicom.Dataset()
    for name, kept in _GROUPS.items():
        if frame.get(name):
            setattr(result, name, pydicom.Sequence([_taken(frame[name].value[0], kept)]))
    return result


def _taken(data: pydicom.Dataset, names: Iterable[str]) -> pydicom.Dataset:
    result = pydicom.Dataset()
    for name in names:
        if name in data:
            result[name] = data[name]
    return result


def without_dates(data: pydicom.Dataset) -> None:
    """Replace every date and time, those of the object's own making too, in place."""

    def replace_dates(_: pydicom.Dataset, element: pydicom.DataElement) -> None:
        if element.VR in _DATES and element.value:
            element.value = _DATES[element.VR]

    data.walk(replace_dates)
