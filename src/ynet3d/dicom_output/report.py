"""The measurements as a structured report (TID 1500) by highdicom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pydicom
from highdicom import sr
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from ynet3d.dicom_output import codes
from ynet3d.dicom_output.equipment import EQUIPMENT
from ynet3d.dicom_output.kinds import Kind
from ynet3d.dicom_output.regions import Origin, Region, Regions
from ynet3d.dicom_output.source import DicomSource

#: Of a lesion in `statistics.json`: name, unit and derivation of each key, where it has the key.
_OF_A_LESION: dict[str, tuple[Code, Code, Code | None]] = {
    "ml": (codes.VOLUME, codes.MILLILITRE, None),
    "longest_axial_diameter_mm": (codes.LONG_AXIS, codes.MILLIMETRE, None),
    "perpendicular_diameter_mm": (codes.SHORT_AXIS, codes.MILLIMETRE, None),
    "greatest_diameter_mm": (codes.DIAMETER, codes.MILLIMETRE, codes.MAXIMUM),
    "hu": (codes.ATTENUATION, codes.HOUNSFIELD, codes.MEAN),
    "hu_sd": (codes.ATTENUATION, codes.HOUNSFIELD, codes.STANDARD_DEVIATION),
}


def make_report(
    regions: Regions,
    found: Mapping[str, Any],
    source: DicomSource,
    origin: Origin,
    *,
    segmentation: pydicom.Dataset | None,
) -> pydicom.Dataset:
    """Volume of the liver; volume, diameters and HU of each tumour; or that there is none.

    Args:
        regions: with one region for each tumour.
        found: `statistics` of the mask.
        segmentation: the SEG whose segments are measured; None for an empty mask.

    Returns:
        A Comprehensive SR: preliminary, unverified, for research.
    """
    algorithm = sr.AlgorithmIdentification(
        name=origin.name,
        version=origin.version,
        parameters=[f"{key}={value}" for key, value in origin.parameters.items()] or None,
    )
    if segmentation is None:
        groups: list[Any] = [_nothing_found(found, algorithm)]
    else:
        groups = [
            sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=sr.TrackingIdentifier(
                    uid=region.tracking_uid, identifier=region.name
                ),
                referenced_segment=sr.ReferencedSegment(
                    sop_class_uid=segmentation.SOPClassUID,
                    sop_instance_uid=segmentation.SOPInstanceUID,
                    segment_number=region.number,
                    source_series=sr.SourceSeriesForSegmentation(source.first.SeriesInstanceUID),
                ),
                finding_category=region.category,
                finding_type=region.kind,
                finding_sites=[sr.FindingSite(codes.LIVER)] if region.lesion else None,
                algorithm_id=algorithm,
                measurements=_measurements(region, found),
                qualitative_evaluations=_evaluations(region, found),
            )
            for region in regions.regions
        ]
    content = sr.MeasurementReport(
        observation_context=_observer(),
        procedure_reported=codes.CT,
        imaging_measurements=groups,
        title=Code("126000", "DCM", "Imaging Measurement Report"),
    )
    images = list(source.images)
    return sr.ComprehensiveSR(
        evidence=images if segmentation is None else [segmentation, *images],
        content=content,
        series_instance_uid=generate_uid(prefix=None),
        series_number=Kind.SR.series_number,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description="3DYNet measurements (research use only)",
        **EQUIPMENT,
    )


def _observer() -> sr.ObservationContext:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=generate_uid(prefix=None),
        name="ynet3d (research use only)",
        manufacturer_name=EQUIPMENT["manufacturer"],
        model_name=EQUIPMENT["manufacturer_model_name"],
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=sr.CodedConcept("121007", "DCM", "Device"),
            observer_identifying_attributes=device,
        )
    )


def _measurements(region: Region, found: Mapping[str, Any]) -> list[sr.Measurement]:
    if region.lesion is None:
        liver = [
            _measurement(codes.VOLUME, found["liver_ml"], codes.MILLILITRE),
            _measurement(codes.NUMBER_OF_LESIONS, found["lesion_count"], codes.NO_UNITS),
        ]
        for value, derivation in zip(
            organ_hu(found), (codes.MEAN, codes.STANDARD_DEVIATION), strict=True
        ):
            if value is not None:
                liver.append(
                    _measurement(codes.ATTENUATION, value, codes.HOUNSFIELD, derivation=derivation)
                )
        return liver
    lesion = found["lesions"][region.lesion - 1]
    return [
        _measurement(name, lesion[key], unit, derivation=derivation)
        for key, (name, unit, derivation) in _OF_A_LESION.items()
        if lesion.get(key) is not None
    ]


def organ_hu(found: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Mean and standard deviation of HU of the liver with its tumours, as its segment has them.

    `liver_hu` and `liver_hu_sd` in `statistics.json` are those without tumours; what is missing
    there is None here.
    """
    lesions: Sequence[Mapping[str, Any]] = found["lesions"]
    parts: list[tuple[float, Any, Any]]
    parts = [(lesion["ml"], lesion.get("hu"), lesion.get("hu_sd")) for lesion in lesions]
    healthy_ml = found["liver_ml"] - found["tumour_ml"]
    if healthy_ml > 1e-9:  # else there are tumours only, and no HU of the rest
        parts.append((healthy_ml, found.get("liver_hu"), found.get("liver_hu_sd")))
    total = sum(ml for ml, _, _ in parts)
    if not total or any(mean is None for _, mean, _ in parts):
        return None, None
    mean = sum(ml * mean for ml, mean, _ in parts) / total
    if any(spread is None for _, _, spread in parts):
        return float(mean), None
    variance = sum(ml * (spread**2 + (each - mean) ** 2) for ml, each, spread in parts) / total
    return float(mean), float(variance) ** 0.5


def _evaluations(region: Region, found: Mapping[str, Any]) -> list[sr.QualitativeEvaluation] | None:
    if region.lesion is None and not found["lesion_count"]:
        return [sr.QualitativeEvaluation(name=codes.LESION, value=codes.ABSENT)]
    return None


def _nothing_found(found: Mapping[str, Any], algorithm: sr.AlgorithmIdentification) -> Any:
    """A group without a region: nothing was segmented, so there is no lesion either."""
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=generate_uid(prefix=None), identifier="Liver (not found)"
        ),
        finding_category=codes.ANATOMICAL_STRUCTURE,
        finding_type=codes.LIVER,
        algorithm_id=algorithm,
        measurements=[
            _measurement(codes.VOLUME, found["liver_ml"], codes.MILLILITRE),
            _measurement(codes.NUMBER_OF_LESIONS, found["lesion_count"], codes.NO_UNITS),
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name=codes.LIVER, value=codes.ABSENT),
            sr.QualitativeEvaluation(name=codes.LESION, value=codes.ABSENT),
        ],
    )


def _measurement(
    name: Code, value: float, unit: Code, *, derivation: Code | None = None
) -> sr.Measurement:
    # A decimal string holds 16 characters: six significant figures always fit.
    rounded = value if isinstance(value, int) else float(f"{value:.6g}")
    return sr.Measurement(name=name, value=rounded, unit=unit, derivation=derivation)
