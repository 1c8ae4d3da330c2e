"""A mask and its statistics to DICOM objects on disk."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ynet3d.dicom_output.deidentified import deidentified, without_dates
from ynet3d.dicom_output.kinds import ALL_KINDS, Kind
from ynet3d.dicom_output.regions import Origin, Regions, find_regions
from ynet3d.dicom_output.report import make_report
from ynet3d.dicom_output.segmentation import make_segmentation
from ynet3d.dicom_output.source import DicomSource, fitted
from ynet3d.dicom_output.structure_set import make_structure_set
from ynet3d.errors import InputError
from ynet3d.files import ensure_output_folder, staged_files
from ynet3d.volumes import Volume


@dataclass(frozen=True)
class Written:
    """What `write_dicom` wrote, and what there is to say about it."""

    files: Mapping[Kind, Path]
    notes: tuple[str, ...]


def write_dicom(
    label: Volume,
    source: DicomSource,
    folder: Path,
    *,
    found: Mapping[str, Any],
    origin: Origin,
    kinds: Collection[Kind] = ALL_KINDS,
    one_per_tumour: bool = True,
    compressed: bool = False,
    deidentify: bool = False,
) -> Written:
    """Write a mask of a CT series as SEG, structured report and RT structure set.

    An empty mask has a report only; objects of these kinds that lie in `folder` are then removed.

    Args:
        label: 0 background, 1 liver, 2 tumour, on the grid of `source`, in any order of axes.
        folder: where the files go, which are named as `Kind` says.
        found: `statistics` of `label`.
        origin: what made the mask.
        kinds: a report refers to the segments of a SEG, which so comes with it.
        one_per_tumour: a segment (and ROI) for each tumour, which a report needs, else one for all.
        compressed: the SEG deflated, tens of times smaller, which some programs cannot read.
        deidentify: the objects do not tell the patient, nor when anything was done, and refer to
            the slices by other UIDs, see `deidentified`.

    Raises:
        InputError: the mask does not fit the series, or `found` is of another mask, or a report of
            all tumours as one is asked for.
    """
    kinds = set(kinds)
    if Kind.SR in kinds:
        kinds.add(Kind.SEG)
        if not one_per_tumour:
            raise InputError(
                "A report measures each tumour and refers to its segment: ask for one segment per "
                "tumour, or for no report."
            )
    label = fitted(label, source)
    if deidentify:
        source = deidentified(source)
    regions = find_regions(label, one_per_tumour=one_per_tumour, planes=source.nearest)
    _check_statistics(label, found, len(list(regions.of_tumours())) if one_per_tumour else None)
    if regions.regions and not regions.slices.any():
        raise InputError(
            f"{label.source or 'The mask'} lies between two slices of {source.grid.source} "
            "altogether, where DICOM objects cannot refer to anything: take it as it is."
        )
    notes = list(source.notes)
    if not regions.regions:
        left_out = [kind.name for kind in (Kind.SEG, Kind.RTSTRUCT) if kind in kinds]
        if left_out:
            notes.append(
                f"The mask is empty, so no {' and no '.join(left_out)} was written: DICOM has none "
                "without a region."
            )
    with warnings.catch_warnings():
        # Of names and values that the scan has so already.
        warnings.simplefilter("ignore", UserWarning)
        objects = _make(regions, found, source, origin, kinds)
        if compressed and Kind.SEG in objects:
            objects[Kind.SEG].file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        if deidentify:
            for data in objects.values():
                without_dates(data)
        folder = ensure_output_folder(folder)
        with staged_files(folder) as staging:
            for kind, data in objects.items():
                pydicom.dcmwrite(staging / kind.file_name, data, enforce_file_format=True)
        for kind in kinds - objects.keys():  # of an earlier mask, and now wrong
            (folder / kind.file_name).unlink(missing_ok=True)
    return Written({kind: folder / kind.file_name for kind in objects}, tuple(notes))


def _make(
    regions: Regions,
    found: Mapping[str, Any],
    source: DicomSource,
    origin: Origin,
    kinds: Collection[Kind],
) -> dict[Kind, pydicom.Dataset]:
    objects: dict[Kind, pydicom.Dataset] = {}
    if regions.regions:
        if Kind.SEG in kinds:
            objects[Kind.SEG] = make_segmentation(regions, source, origin)
        if Kind.RTSTRUCT in kinds:
            objects[Kind.RTSTRUCT] = make_structure_set(regions, source, origin)
    if Kind.SR in kinds:
        objects[Kind.SR] = make_report(
            regions, found, source, origin, segmentation=objects.get(Kind.SEG)
        )
    return objects


def _check_statistics(label: Volume, found: Mapping[str, Any], tumours: int | None) -> None:
    liver_ml = int(np.count_nonzero(label.array)) * label.voxel_ml
    count = found["lesion_count"]
    same_volume = abs(found["liver_ml"] - liver_ml) <= 1e-3 * max(liver_ml, 1e-3)
    if not same_volume or tumours not in (None, count):
        raise InputError(
            f"The statistics are of another mask than {label.source or 'the one given'} "
            f"({found['liver_ml']:.1f} mL and {count} tumours, against {liver_ml:.1f} mL"
            f"{'' if tumours is None else f' and {tumours} tumours'}): take the statistics.json of "
            "the same prediction, or leave it out."
        )
