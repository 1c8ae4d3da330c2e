"""Splitting a data set by patient: the paper's 100/15/15, any other ratio, or k folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ynet3d.datasets.case import Case
from ynet3d.datasets.dataset import DataSet
from ynet3d.errors import InputError
from ynet3d.volumes.formats import natural_key

PARTS = ("train", "validation", "test")
#: Training, validation and test cases in the paper (130 LiTS scans).
PAPER_RATIO = (100.0, 15.0, 15.0)


@dataclass(frozen=True)
class Split:
    """Which case is for what.

    Attributes:
        dataset: name of the data set.
        seed: that of the random choice.
        ratio: the parts' relative sizes as asked for (equal ones for folds).
        parts: names of cases by part: "train", "validation" and "test", or "fold-1" to "fold-k".
    """

    dataset: str
    seed: int
    ratio: tuple[float, ...]
    parts: Mapping[str, tuple[str, ...]]

    @property
    def train(self) -> tuple[str, ...]:
        """Names of the cases to train on (for folds: see `with_fold`)."""
        return self.parts.get("train", ())

    @property
    def validation(self) -> tuple[str, ...]:
        """Names of the cases that choose the best weights."""
        return self.parts.get("validation", ())

    @property
    def test(self) -> tuple[str, ...]:
        """Names of the cases kept apart for the end."""
        return self.parts.get("test", ())

    @property
    def folds(self) -> int:
        """How many folds there are; 0 if this is no split into folds."""
        return sum(name.startswith("fold-") for name in self.parts)

    def with_fold(self, fold: int) -> Split:
        """The split that validates on one fold (from 1) and trains on the others.

        Raises:
            InputError: there is no such fold.
        """
        if not 1 <= fold <= self.folds:
            raise InputError(
                f"Fold {fold} was asked for, but the split has {self.folds or 'no'} folds: give "
                "one of them, or make a split with folds."
            )
        chosen = f"fold-{fold}"
        rest = tuple(name for part, names in self.parts.items() if part != chosen for name in names)
        return Split(
            self.dataset,
            self.seed,
            (self.folds - 1.0, 1.0),
            {"train": rest, "validation": self.parts[chosen]},
        )

    def summary(self) -> str:
        """One line: exactly how many cases each part has."""
        sizes = ", ".join(f"{part} {len(names)}" for part, names in self.parts.items())
        return f"{self.dataset}, seed {self.seed}: {sizes}"


def make_split(
    dataset: DataSet,
    *,
    ratio: Sequence[float] = PAPER_RATIO,
    seed: int,
    folds: int | None = None,
) -> Split:
    """Share the labelled cases out at random; all cases of a patient go to the same part.

    Each part's number of cases is its share of `ratio`, rounded by largest remainder, and at least
    one while there are patients enough. Patients with several cases can make a part miss its number
    by a few; `Split.summary` gives the numbers that came out. The same seed and the same cases give
    the same split, in whatever order the cases were found.

    Args:
        ratio: relative sizes of train, validation and test, or of train and validation.
        folds: make that many parts of equal size instead.

    Raises:
        InputError: no labelled case, a ratio that makes no sense, or more folds than patients.
    """
    patients = _patients(dataset)
    names, weights = _parts_asked_for(ratio, folds, patients=len(patients))
    total = sum(len(cases) for cases in patients.values())
    need = np.array(_shares(weights, total, patients=len(patients)))
    generator = np.random.default_rng(seed)
    order = [list(patients.values())[index] for index in generator.permutation(len(patients))]
    # The patients of most cases first, because they are the hardest to place.
    order.sort(key=len, reverse=True)
    # A part that nothing is meant for stays empty.
    waiting = {part for part in range(len(names)) if need[part] > 0}
    chosen: list[list[str]] = [[] for _ in names]
    for position, cases in enumerate(order):
        left = len(order) - position
        part = _choose(need, len(cases), waiting if left <= len(waiting) else None, generator)
        need[part] -= len(cases)
        waiting.discard(part)
        chosen[part].extend(cases)
    parts = {
        name: tuple(sorted(cases, key=natural_key))
        for name, cases in zip(names, chosen, strict=True)
    }
    return Split(dataset.name, seed, weights, parts)


def _patients(dataset: DataSet) -> dict[str, list[str]]:
    """Names of labelled cases by patient, in an order that does not depend on the listing."""
    if not dataset.labelled:
        raise InputError(
            f"The data set {dataset.name} ({dataset.root}) has no labelled case, and a split is "
            f"for those: give a data set with labels{_where_sought(dataset)}."
        )

    def key(case: Case) -> tuple[list[tuple[int, int, str]], str]:
        return natural_key(case.name), case.name

    patients: dict[str, list[str]] = {}
    for case in sorted(dataset.labelled, key=key):
        patients.setdefault(case.patient, []).append(case.name)
    return patients


def _where_sought(dataset: DataSet) -> str:
    sought = dataset.cases[0].label_sought if dataset.cases else ""
    return f" (for {dataset.cases[0].name}, {sought})" if sought else ""


def _parts_asked_for(
    ratio: Sequence[float], folds: int | None, *, patients: int
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Names and weights of the parts."""
    if folds is not None:
        if not 2 <= folds <= patients:
            raise InputError(
                f"{folds} folds were asked for, but they must be from 2 to the number of patients "
                f"({patients}): choose another number."
            )
        return tuple(f"fold-{k + 1}" for k in range(folds)), (1.0,) * folds
    weights = tuple(float(weight) for weight in ratio)
    usable = all(math.isfinite(weight) and weight >= 0 for weight in weights)
    if len(weights) not in (2, 3) or not usable or weights[0] <= 0:
        raise InputError(
            f"The ratio {'/'.join(f'{weight:g}' for weight in weights)} is not one of a split: "
            "give two or three numbers, none negative and the first above 0, such as 100/15/15."
        )
    return PARTS[: len(weights)], weights


def _shares(weights: Sequence[float], total: int, *, patients: int) -> list[int]:
    """`total` cases shared out by largest remainder, at least one for each part if possible."""
    # The fractions first: weights may be too large to add up after a product.
    exact = [weight / max(weights) for weight in weights]
    exact = [total * weight / sum(exact) for weight in exact]
    shares = [math.floor(value) for value in exact]
    by_remainder = sorted(range(len(weights)), key=lambda p: (shares[p] - exact[p], p))
    for part in by_remainder[: total - sum(shares)]:
        shares[part] += 1
    wanted = [part for part, weight in enumerate(weights) if weight > 0]
    for part in wanted[:patients]:
        if shares[part] == 0:
            shares[shares.index(max(shares))] -= 1
            shares[part] = 1
    return shares


def _choose(
    need: np.ndarray, size: int, only: set[int] | None, generator: np.random.Generator
) -> int:
    """The part for a patient of `size` cases: drawn in proportion to what the parts still need."""
    allowed = np.array([only is None or part in only for part in range(len(need))])
    chance = np.where(allowed & (need >= size), need, 0)
    if chance.sum() > 0:
        return int(generator.choice(len(need), p=chance / chance.sum()))
    return int(np.argmax(np.where(allowed, need, np.iinfo(need.dtype).min)))
