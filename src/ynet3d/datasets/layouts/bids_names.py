"""File names of BIDS: entities such as `sub-01` and `label-liver`, and a suffix."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ynet3d.errors import InputError
from ynet3d.label_names import labels_of_names
from ynet3d.labels import Label
from ynet3d.volumes import strip_suffix

#: Entities that say what was derived, and not from which image.
_DERIVED = ("label", "seg", "desc", "space", "res", "den", "atlas")


@dataclass(frozen=True)
class BidsName:
    """A file name in its parts.

    Attributes:
        entities: as (key, value), in their order.
        suffix: the word at the end, such as "ct" or "dseg".
    """

    entities: tuple[tuple[str, str], ...]
    suffix: str

    @classmethod
    def of(cls, path: Path) -> BidsName:
        """The parts of a file's name; words without a hyphen are taken for suffixes, and the last
        one counts."""
        entities: list[tuple[str, str]] = []
        suffix = ""
        for word in strip_suffix(path).split("_"):
            key, hyphen, value = word.partition("-")
            if hyphen:
                entities.append((key, value))
            else:
                suffix = word
        return cls(tuple(entities), suffix)

    @property
    def subject(self) -> str:
        """`sub-01`: whose image it is."""
        return next((f"sub-{value}" for key, value in self.entities if key == "sub"), "")

    @property
    def label(self) -> str:
        """What a mask is of; "" if it does not say."""
        return next((value for key, value in self.entities if key == "label"), "")

    @property
    def case(self) -> str:
        """The entities of the image alone, as text."""
        return "_".join(f"{key}-{value}" for key, value in self.entities if key not in _DERIVED)

    @property
    def key(self) -> frozenset[str]:
        """The entities of the image alone, for comparing."""
        return frozenset(self.case.split("_"))


def read_names_of_values(path: Path, below: Path) -> tuple[dict[int, Label], Path]:
    """The class of each value of a `_dseg`, from the table beside it or one higher up.

    BIDS puts it into `..._dseg.tsv` with the columns index and name, beside the label map or,
    for all of them, into `dseg.tsv` in a folder above.

    Returns:
        The classes, empty without a table, and the path of the table.

    Raises:
        InputError: no such columns, or a name that is not clear.
    """
    own = path.with_name(f"{strip_suffix(path)}.tsv")
    shared = [folder / "dseg.tsv" for folder in path.parents if folder.is_relative_to(below)]
    table = next((candidate for candidate in (own, *shared) if candidate.is_file()), own)
    if not table.is_file():
        return {}, table
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = [
                (int(row["index"]), row["name"].strip())
                for row in csv.DictReader(stream, delimiter="\t")
            ]
    except (KeyError, ValueError, AttributeError, TypeError, csv.Error):
        raise InputError(
            f"{table} is not a table of label values: columns index and name, separated by tabs, "
            "were expected."
        ) from None
    classes = {0: Label.BACKGROUND}
    for (value, name), label in zip(rows, labels_of_names([n for _, n in rows]), strict=True):
        if label is None:
            raise InputError(
                f"{table} names {name!r} for the value {value}, and it is not clear whether that "
                "is liver, a tumour of the liver or something else: name it so ('liver', 'liver "
                "tumour')."
            )
        classes[value] = label
    return classes, table
