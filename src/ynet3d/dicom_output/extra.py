"""Whether what writes DICOM is installed."""

from __future__ import annotations

from ynet3d.errors import require_package


def require_highdicom() -> None:
    """Say how to install highdicom where it is missing.

    Raises:
        MissingExtraError: it is not installed.
    """
    purpose = "Writing DICOM SEG, reports and structure sets"
    require_package("highdicom", extra="dicom", purpose=purpose)
