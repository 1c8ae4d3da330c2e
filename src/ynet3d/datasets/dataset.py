"""A data set: its cases, in order, and what is known about them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ynet3d.datasets.case import Case
from ynet3d.errors import InputError


@dataclass(frozen=True)
class DataSet:
    """Cases that belong together; nothing is read until a case is.

    Attributes:
        name: for logs and split files.
        kind: the layout it was read from, by its name in `LAYOUTS`.
        root: the folder (or the CSV) that was opened.
        cases: those with an image, in natural order, with unique names.
        without_image: name and path of labels whose image is not there.
        licence: one line, if the data set says so; None if unknown.
    """

    name: str
    kind: str
    root: Path
    cases: tuple[Case, ...]
    without_image: tuple[tuple[str, Path], ...] = ()
    licence: str | None = None

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(c.name for c in self.cases).items() if count > 1]
        if twice:
            paths = " and ".join(str(c.image) for c in self.cases if c.name == twice[0])
            raise InputError(
                f"Two cases of {self.root} have the name {twice[0]} ({paths}): names must be "
                "unique, so rename or remove one."
            )

    @property
    def labelled(self) -> tuple[Case, ...]:
        """The cases that have a label."""
        return tuple(case for case in self.cases if case.label is not None)

    def case(self, name: str) -> Case:
        """The case of that name.

        Raises:
            InputError: there is none.
        """
        for case in self.cases:
            if case.name == name:
                return case
        raise InputError(
            f"There is no case {name} in the data set {self.name} ({self.root}), which has "
            f"{self.examples()}: check the name."
        )

    def examples(self) -> str:
        """A few case names, for messages."""
        names = [case.name for case in self.cases]
        shown = ", ".join(names[:3])
        return shown if len(names) <= 3 else f"{shown}, ... ({len(names)} cases)"
