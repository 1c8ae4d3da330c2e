"""Reading and writing volumes, and their geometry."""

from ynet3d.volumes.checks import Problem, check_ct, ct_problems
from ynet3d.volumes.dicom_headers import holds_dicom
from ynet3d.volumes.dicom_series import SeriesSummary
from ynet3d.volumes.formats import find_volumes, is_label_name, is_volume_path, strip_suffix
from ynet3d.volumes.orientation import CANONICAL, Reorientation, turned_like
from ynet3d.volumes.placing import on_common_grid, placed_on
from ynet3d.volumes.reading import (
    find_labels,
    folder_of_dicom,
    list_series,
    read_label,
    read_label_pair,
    read_volume,
)
from ynet3d.volumes.resampling import nearest_on_grid
from ynet3d.volumes.volume import Volume
from ynet3d.volumes.writing import write_label, write_volume

__all__ = [
    "CANONICAL",
    "Problem",
    "Reorientation",
    "SeriesSummary",
    "Volume",
    "check_ct",
    "ct_problems",
    "find_labels",
    "find_volumes",
    "folder_of_dicom",
    "holds_dicom",
    "is_label_name",
    "is_volume_path",
    "list_series",
    "nearest_on_grid",
    "on_common_grid",
    "placed_on",
    "read_label",
    "read_label_pair",
    "read_volume",
    "strip_suffix",
    "turned_like",
    "write_label",
    "write_volume",
]
