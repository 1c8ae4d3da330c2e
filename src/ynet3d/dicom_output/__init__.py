"""Masks and measurements as DICOM objects: SEG, structured report, RT structure set.

`writing.write_dicom` writes them; it needs highdicom (the extra `dicom`), and whoever imports it
asks `require_highdicom` first.
"""

from ynet3d.dicom_output.extra import require_highdicom
from ynet3d.dicom_output.kinds import ALL_KINDS, Kind

__all__ = ["ALL_KINDS", "Kind", "require_highdicom"]
