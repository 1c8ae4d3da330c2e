"""Whether what writes DICOM is installed."""

from __future__ import annotations

from importlib.util import find_spec

from ynet3d.errors import MissingExtraError


def require_highdicom() -> None:
    """Say how to install highdicom where it is missing.

    Raises:
        MissingExtraError: it is not installed.
    """
    if find_spec("highdicom") is None:
        raise MissingExtraError(
            "highdicom", extra="dicom", purpose="Writing DICOM SEG, reports and structure sets"
        )
