"""Reading and writing volumes, and their geometry."""

from ynet3d.volumes.checks import Problem, check_ct, ct_problems
from ynet3d.volumes.dicom_headers import holds_dicom
from ynet3d.volumes.dicom_listing import series_as_json
from ynet3d.volumes.dicom_phase import Phase
from ynet3d.volumes.dicom_series import SeriesSummary
from ynet3d.volumes.dicom_stack import on_source_slices
from ynet3d.volumes.dicom_table import series_table
from ynet3d.volumes.formats import find_volumes, is_label_name, is_volume_path, strip_suffix
from ynet3d.volumes.orientation import CANONICAL, Reorientation, turned_like
from ynet3d.volumes.placing import on_common_grid, placed_on
from ynet3d.volumes.reading import (
    dicom_images,
    find_labels,
    list_series,
    read_label,
    read_label_pair,
    read_volume,
)
from ynet3d.volumes.resampling import nearest_on_grid
from ynet3d.volumes.volume import Volume, in_lps
from ynet3d.volumes.writing import write_label, write_volume

__all__ = [
    "CANONICAL",
    "Phase",
    "Problem",
    "Reorientation",
    "SeriesSummary",
    "Volume",
    "check_ct",
    "ct_problems",
    "dicom_images",
    "find_labels",
    "find_volumes",
    "holds_dicom",
    "in_lps",
    "is_label_name",
    "is_volume_path",
    "list_series",
    "nearest_on_grid",
    "on_common_grid",
    "on_source_slices",
    "placed_on",
    "read_label",
    "read_label_pair",
    "read_volume",
    "series_as_json",
    "series_table",
    "strip_suffix",
    "turned_like",
    "write_label",
    "write_volume",
]
