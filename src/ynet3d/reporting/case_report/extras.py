"""The packages that only reports need, asked for before any work is done."""

from __future__ import annotations

from ynet3d.errors import require_package


def require_extras() -> None:
    """Make sure that a report can be made on this machine; imports nothing.

    Raises:
        MissingExtraError: a package is missing; the message says what to install.
    """
    for module, package in (("fpdf", "fpdf2"), ("trimesh", "trimesh")):
        require_package(module, package=package, extra="report", purpose="A report")
