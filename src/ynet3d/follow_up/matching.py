"""Which lesion of the later scan is which of the earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.lesion_geometry import FoundLesions, find_lesions
from ynet3d.follow_up.alignment import Alignment
from ynet3d.labels import Label
from ynet3d.volumes import Volume

#: Without overlap, lesions whose middles lie farther apart are not the same.
LIMIT_MM = 20.0
#: A lesion without partner that lies by this share in one that has one has merged into it, or was
#: split off it.
_ABSORBED = 0.5

State = Literal["matched", "new", "gone", "merged", "split"]


@dataclass(frozen=True)
class LesionPair:
    """A lesion in one scan or in both, by its number in each (largest first, from 1).

    Attributes:
        before, after: numbers; None where it is not there.
        state: "matched"; "gone" or "new"; "merged" for an earlier lesion that has become part of a
            later one that continues another; "split" for a later one that was part of an earlier
            one that continues as another.
        other: the later lesion it merged into, or the earlier one it was split off.
        distance_mm: between the middles (centroids) after alignment, of matched ones.
        overlap: shared volume after alignment / that of the smaller one, of matched ones.
    """

    before: int | None
    after: int | None
    state: State
    other: int | None = None
    distance_mm: float | None = None
    overlap: float | None = None


def match_over_time(
    before: Volume, after: Volume, alignment: Alignment, *, limit_mm: float = LIMIT_MM
) -> list[LesionPair]:
    """Pair the lesions of two scans, each with at most one.

    Two can be one where they overlap after alignment, or where their middles lie within
    `limit_mm`. Of all ways to pair them the one with the largest sum of merits counts, a pair's
    merit being 2 x overlap (shared volume / the smaller one's) + 1 - distance / limit (not below
    0).

    Args:
        before, after: label maps, 0 background, 1 liver, 2 tumour; any grids.

    Returns:
        By the number in the earlier scan, then what is new by the number in the later one.
    """
    from scipy.optimize import linear_sum_assignment  # scipy takes half of the import, hence here

    earlier = find_lesions(before.array == Label.TUMOUR, before.affine)
    later = find_lesions(after.array == Label.TUMOUR, after.affine)
    distances = _distances(earlier, before, later, after, alignment)
    shared = _shared_ml(earlier, before, later, after, alignment)
    volumes = [np.array([lesion.volume_ml for lesion in one.lesions]) for one in (earlier, later)]
    overlaps = np.minimum(shared / np.minimum(volumes[0][:, None], volumes[1]), 1.0)
    merits = 2 * overlaps + np.clip(1 - distances / limit_mm, 0, None)
    rows, columns = linear_sum_assignment(merits, maximize=True)
    partner = {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if merits[row, column] > 0
    }
    pairs = [
        LesionPair(
            row + 1,
            partner[row] + 1,
            "matched",
            distance_mm=float(distances[row, partner[row]]),
            overlap=float(overlaps[row, partner[row]]),
        )
        if row in partner
        else _alone(row, shared[row] / volumes[0][row], list(partner.values()), "merged")
        for row in range(len(earlier.lesions))
    ]
    taken = set(partner.values())
    pairs += [
        _alone(column, shared[:, column] / volumes[1][column], list(partner), "split")
        for column in range(len(later.lesions))
        if column not in taken
    ]
    return pairs


def _alone(
    index: int,
    shares: npt.NDArray[np.float64],
    partners: Sequence[int],
    absorbed: Literal["merged", "split"],
) -> LesionPair:
    """A lesion without partner.

    Args:
        index: from 0.
        shares: of its volume, in each lesion of the other scan.
        partners: lesions of the other scan that have a partner.
        absorbed: what it is if it lies in one of these.
    """
    other = max(partners, key=lambda one: float(shares[one]), default=None)
    inside = other is not None and float(shares[other]) >= _ABSORBED
    number, into = index + 1, other + 1 if inside and other is not None else None
    if absorbed == "merged":
        return LesionPair(number, None, "merged" if inside else "gone", into)
    return LesionPair(None, number, "split" if inside else "new", into)


def _places(found: FoundLesions, volume: Volume) -> npt.NDArray[np.float64]:
    """(lesions, 3), centroids in RAS mm."""
    voxels = np.array([lesion.centroid for lesion in found.lesions]).reshape(-1, 3)
    return np.asarray(voxels @ volume.affine[:3, :3].T + volume.affine[:3, 3], dtype=np.float64)


def _distances(
    earlier: FoundLesions,
    before: Volume,
    later: FoundLesions,
    after: Volume,
    alignment: Alignment,
) -> npt.NDArray[np.float64]:
    """(earlier lesions, later lesions), mm between centroids."""
    to_before = alignment.to_before
    moved = _places(later, after) @ to_before[:3, :3].T + to_before[:3, 3]
    apart = _places(earlier, before)[:, None] - moved
    return np.asarray(np.linalg.norm(apart, axis=-1), dtype=np.float64)


def _shared_ml(
    earlier: FoundLesions,
    before: Volume,
    later: FoundLesions,
    after: Volume,
    alignment: Alignment,
) -> npt.NDArray[np.float64]:
    """(earlier lesions, later lesions), mL that they share.

    Each voxel of the scan with the smaller voxels is looked up in the other.
    """
    size = len(earlier.lesions), len(later.lesions)
    if not all(size):
        return np.zeros(size)
    if before.voxel_ml <= after.voxel_ml:
        to_after = np.asarray(np.linalg.inv(alignment.to_before), dtype=np.float64)
        return _counted(earlier, before, later, after, to_after) * before.voxel_ml
    return _counted(later, after, earlier, before, alignment.to_before).T * after.voxel_ml


def _counted(
    fine: FoundLesions,
    fine_volume: Volume,
    other: FoundLesions,
    other_volume: Volume,
    to_other: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """(fine lesions, other lesions), voxels of one whose middle lies in the other."""
    components, axes = fine.components, list(fine.axes)
    place = np.argwhere(components > 0)
    lesion = fine.number_of[components[tuple(place.T)]] - 1
    voxels = np.empty(place.shape)
    voxels[:, axes] = place + fine.offset
    step = np.linalg.inv(other_volume.affine) @ to_other @ fine_volume.affine
    there = np.rint(voxels @ step[:3, :3].T + step[:3, 3]).astype(np.int64)
    there = there[:, list(other.axes)] - other.offset
    inside = ((there >= 0) & (there < other.components.shape)).all(axis=1)
    number = other.number_of[other.components[tuple(there[inside].T)]]
    hit = number > 0
    counts = np.zeros((len(fine.lesions), len(other.lesions)))
    np.add.at(counts, (lesion[inside][hit], number[hit] - 1), 1.0)
    return counts
