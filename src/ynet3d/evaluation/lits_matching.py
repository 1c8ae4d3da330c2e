"""The LiTS challenge scorer's matching and counting of lesions, its miscounts included.

Written from the scorer's definitions (PatrickChrist/lits-challenge-scoring, `detect_lesions`), of
which each step below is a statement about the table of overlaps. Numbers matter in it: they must be
those of `find_lesions(..., connectivity=6, numbering="place")`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ynet3d.evaluation.overlaps import Group, Overlaps

#: The scorer keeps detected lesions in an array of bytes, where numbers begin again after 255.
_MARKS = 256


@dataclass(frozen=True)
class LitsDetection:
    """What the scorer makes of one case at one threshold.

    Attributes:
        detected: its number of detected lesions; true positives of either side, can be negative.
        objects: the merged lesions that it then compares voxel by voxel. With more than 255
            reference lesions their numbers run over, and an object can lack its reference.
    """

    detected: int
    objects: tuple[Group, ...]


@dataclass(frozen=True)
class LitsMatching:
    """The scorer's matching of one case, before any threshold.

    Attributes:
        merged: the reference lesions as merged, by the lowest number in each.
        groups: merged predictions with the merged reference they share, in order of their lowest
            prediction.
    """

    merged: dict[int, tuple[int, ...]]
    groups: tuple[Group, ...]


def lits_matching(overlaps: Overlaps) -> LitsMatching:
    """Merge and match as the scorer does.

    1. A reference lesion belongs to the prediction that shares most voxels with it (the lowest
       number among equals); references of one prediction are merged and go by the lowest number.
    2. A prediction is matched to the merged reference with which it shares most voxels (again the
       lowest number among equals), whether or not it is the one they were merged for.
    3. Predictions of one merged reference are merged.
    """
    owner = {
        reference: min(predictions, key=lambda p: (-predictions[p], p))
        for reference, predictions in overlaps.by_reference.items()
    }
    by_owner: dict[int, list[int]] = {}
    merged: dict[int, tuple[int, ...]] = {}
    for reference in range(1, len(overlaps.reference_voxels) + 1):
        if reference in owner:
            by_owner.setdefault(owner[reference], []).append(reference)
        else:
            merged[reference] = (reference,)
    merged.update((references[0], tuple(references)) for references in by_owner.values())
    leader = {reference: first for first, references in merged.items() for reference in references}

    matched: dict[int, list[int]] = {}
    for prediction, references in sorted(overlaps.by_prediction.items()):
        shared: dict[int, int] = {}
        for reference, voxels in references.items():
            shared[leader[reference]] = shared.get(leader[reference], 0) + voxels
        best = min(shared, key=lambda first: (-shared[first], first))
        matched.setdefault(best, []).append(prediction)
    groups = sorted(
        (Group(tuple(predictions), merged[first]) for first, predictions in matched.items()),
        key=lambda group: group.prediction[0],
    )
    return LitsMatching(merged, tuple(groups))


def lits_detection(overlaps: Overlaps, matching: LitsMatching, minimum_iou: float) -> LitsDetection:
    """Count detected lesions as the scorer does, which is one per group, less the undetected.

    A group counts as undetected if shared / union <= `minimum_iou`. Two faults are kept:

    - The union is taken of the merged reference and of the predictions matched to the reference
      *whose number is that of the group's prediction*, not of the group's own predictions; groups
      found undetected before no longer count as matched.
    - A merged reference adds 1 when detected, but takes away the number of lesions merged in it
      when not.
    """
    painted: dict[int, list[int]] = {}
    for group in matching.groups:
        painted.setdefault(group.reference[0] % _MARKS, []).extend(group.prediction)
    painted.pop(0, None)  # the background
    detected = len(matching.groups)
    for group in matching.groups:
        beside = painted.get(group.prediction[0], [])
        union = (
            sum(overlaps.reference_voxels[r - 1] for r in group.reference)
            + sum(overlaps.prediction_voxels[p - 1] for p in beside)
            - overlaps.shared(beside, group.reference)
        )
        if overlaps.shared(group.prediction, group.reference) / union <= minimum_iou:
            painted.pop(group.reference[0], None)
            detected -= len(group.reference)
    objects = [
        Group(tuple(sorted(predictions)), matching.merged.get(mark, ()))
        for mark, predictions in sorted(painted.items())
    ]
    return LitsDetection(detected, tuple(objects))
