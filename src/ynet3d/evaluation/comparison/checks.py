"""What must hold before two models can be compared."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ynet3d.errors import InputError
from ynet3d.evaluation.cases import CLASSES
from ynet3d.evaluation.comparison.scores import ModelScores

_LISTED = 3


def check_comparable(scores: Mapping[str, ModelScores]) -> None:
    """Refuse models whose scores say nothing about each other.

    Raises:
        InputError: fewer than two models, no case in common, or scores that were made against
            different references.
    """
    if len(scores) < 2:
        raise InputError(
            f"{len(scores)} model{' is' if len(scores) == 1 else 's are'} given, but a comparison "
            "needs at least two: give two or more folders of predictions."
        )
    if not set.intersection(*(set(model.cases) for model in scores.values())):
        names = "; ".join(
            f"{name}: {_listing(list(model.cases))}" for name, model in scores.items()
        )
        raise InputError(
            f"No case is scored for every model ({names}): give predictions of the same cases "
            "under the same names."
        )
    first = next(iter(scores))
    known = {case: (first, found) for case, found in scores[first].cases.items()}
    for name, model in scores.items():
        for case, found in model.cases.items():
            other_name, expected = known.setdefault(case, (name, found))
            for class_name in CLASSES:
                one, other = found[class_name], expected[class_name]
                volumes = (other.reference_ml, one.reference_ml)
                if one.in_reference != other.in_reference or not _agree(*volumes):
                    raise InputError(
                        f"The reference of {case} is not the same for {other_name} and {name} "
                        f"({class_name}: {_volume(other.reference_ml, other.in_reference)} and "
                        f"{_volume(one.reference_ml, one.in_reference)}): evaluate both against "
                        "the same references."
                    )


def _agree(one: float | None, other: float | None) -> bool:
    return one is None or other is None or math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)


def _volume(volume_ml: float | None, in_reference: bool) -> str:
    if volume_ml is None:
        return "some" if in_reference else "none"
    return f"{volume_ml:.6g} mL"


def _listing(names: list[str]) -> str:
    text = ", ".join(names[:_LISTED])
    return text if len(names) <= _LISTED else f"{text} and {len(names) - _LISTED} more"
