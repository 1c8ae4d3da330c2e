"""From slice positions to one regular grid, or a clear refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ynet3d.errors import InputError
from ynet3d.volumes.dicom_plane import Plane
from ynet3d.volumes.itk import LPS_TO_RAS

#: Two slices this near along the normal are at the same place.
SAME_POSITION_MM = 1e-3
#: A slice may lie this far from its place on the regular grid, in any direction.
PLACE_TOLERANCE_MM = 0.2
#: Pixel spacings of one series agree to this.
PIXEL_SPACING_TOLERANCE_MM = 1e-3
#: Direction cosines of one series agree to this (0.06 degrees).
COSINE_TOLERANCE = 1e-3
#: Planes of a stack with gaps may lie this share of a step from their places.
_PLACE_TOLERANCE_STEPS = 0.2
_ONE_SERIES = "name one series with --series UID, or take the odd files out"

AnyPlane = TypeVar("AnyPlane", bound=Plane)


def check_same_plane(slices: Sequence[Plane], name: str, *, advice: str = _ONE_SERIES) -> None:
    """All slices of a series have one size, one pixel spacing and one orientation.

    Args:
        advice: how to fix it, for the message.

    Raises:
        InputError: they differ.
    """
    advice = f"this is not one scan; {advice}"
    sizes = Counter(f"{header.columns} x {header.rows} pixels" for header in slices)
    if len(sizes) > 1:
        raise InputError(f"{name} mixes image sizes ({_counted(sizes.items())}): {advice}.")
    if _spread([header.pixel_spacing for header in slices]) > PIXEL_SPACING_TOLERANCE_MM:
        spacings = Counter(
            f"{header.pixel_spacing[1]:g} x {header.pixel_spacing[0]:g} mm" for header in slices
        )
        raise InputError(
            f"{name} mixes pixel spacings ({_counted(spacings.most_common(3))}): {advice}."
        )
    if min(slices[0].pixel_spacing) <= 0:
        raise InputError(f"{name} says that its pixels have no size: export it again.")
    if _spread([header.orientation for header in slices]) > COSINE_TOLERANCE:
        turns = Counter(
            ", ".join(f"{cosine:.3f}" for cosine in header.orientation) for header in slices
        )
        raise InputError(
            f"{name} mixes slice orientations ({_counted(turns.most_common(3))}): {advice}."
        )
    row, column = np.array(slices[0].orientation[:3]), np.array(slices[0].orientation[3:])
    wrong = (abs(row @ row - 1.0), abs(column @ column - 1.0), abs(row @ column))
    if max(wrong) > COSINE_TOLERANCE:
        raise InputError(
            f"{name} has row and column directions that are not perpendicular unit vectors "
            f"({', '.join(f'{value:g}' for value in slices[0].orientation)}): export it again."
        )


def sort_slices(slices: Sequence[AnyPlane]) -> list[list[AnyPlane]]:
    """Slices along their normal; those at one place share an entry."""
    normal = slices[0].normal

    def place(header: AnyPlane) -> float:
        return float(np.dot(header.position, normal))

    places: list[list[AnyPlane]] = []
    for header in sorted(slices, key=place):
        if places and abs(place(header) - place(places[-1][0])) <= SAME_POSITION_MM:
            places[-1].append(header)
        else:
            places.append([header])
    return places


def gappy_grid(
    slices: Sequence[Plane], name: str, *, steps_mm: Sequence[float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Affine (RAS mm) of sorted planes, one per position, of which some may be absent.

    Args:
        steps_mm: distances between neighbouring planes to try first; then those that the positions
            suggest, which is the mean distance if none is absent, else the smallest.

    Returns:
        The affine, and the index k of each plane.

    Raises:
        InputError: the planes fit no even spacing, or there is only one and no step is given.
    """
    positions = np.array([plane.position for plane in slices])
    normal = slices[0].normal
    along = (positions - positions[0]) @ normal
    if len(slices) == 1:
        if not steps_mm:
            raise InputError(
                f"{name} has one plane only and does not say how far apart planes are: give the "
                "mask with its spacing between slices."
            )
        return plane_affine(slices[0], normal * steps_mm[0]), np.zeros(1, dtype=np.int64)
    for step_mm in (*steps_mm, along[-1] / (len(slices) - 1), np.diff(along).min()):
        index = np.rint(along / step_mm).astype(np.int64)
        if np.diff(index).min() < 1:
            continue
        step = (positions[-1] - positions[0]) / index[-1]
        away = np.linalg.norm(positions - positions[0] - index[:, None] * step, axis=1)
        tolerance = min(PLACE_TOLERANCE_MM, _PLACE_TOLERANCE_STEPS * float(np.linalg.norm(step)))
        if away.max() <= tolerance:
            return plane_affine(slices[0], step), index
    gaps = sorted({round(float(gap), 2) for gap in np.diff(along)})
    raise InputError(
        f"{name} has planes in uneven steps (of {', '.join(f'{gap:g}' for gap in gaps[:4])}"
        f"{', ...' if len(gaps) > 4 else ''} mm): planes at multiples of one spacing were "
        "expected; export the mask on an evenly spaced scan."
    )


def plane_affine(first: Plane, step: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """RAS affine of planes like `first`, each a `step` (LPS mm) from the one before."""
    lps = np.eye(4)
    lps[:3, 0] = np.array(first.orientation[:3]) * first.pixel_spacing[1]
    lps[:3, 1] = np.array(first.orientation[3:]) * first.pixel_spacing[0]
    lps[:3, 2] = step
    lps[:3, 3] = first.position
    return LPS_TO_RAS @ lps


def _spread(rows: Sequence[tuple[float, ...]]) -> float:
    return float(np.ptp(np.array(rows), axis=0).max())


def _counted(items: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{what} in {count} slices" for what, count in items)
