"""Which prediction belongs to which reference, by name; never by order, never by guess."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ynet3d.errors import InputError
from ynet3d.volumes import find_labels, strip_suffix
from ynet3d.volumes.formats import natural_key

#: `ynet3d predict` writes this name into a folder per input.
_IN_FOLDER_PER_CASE = "segmentation"
_LITS_NAME = re.compile(r"(volume|segmentation)-(.+)")
_LISTED = 5


@dataclass(frozen=True)
class Pair:
    """Two label maps of one case, which is named after the reference."""

    name: str
    prediction: Path
    reference: Path


def match_pairs(predictions: str | Path, references: str | Path) -> list[Pair]:
    """Pair two files, or the files of two folders by their names.

    `volume-3`, `segmentation-3` and `3` name the same case (LiTS), and so does a folder of such a
    name with `segmentation.nii.gz` in it (`ynet3d predict` for several inputs). Where a folder
    holds LiTS segmentations, its `volume-*` files are taken for the CTs and left out.

    Returns:
        Pairs in natural order of their names.

    Raises:
        InputError: a path does not exist, a case has no partner, or two files claim one case.
    """
    found, expected = _label_files(Path(predictions)), _label_files(Path(references))
    if Path(references).is_file() and len(found) == 1:
        return [Pair(_case_name(expected[0]), found[0], expected[0])]
    by_key = _by_key(found, "predictions")
    references_by_key = _by_key(expected, "references")
    without_prediction = [key for key in references_by_key if key not in by_key]
    without_reference = [key for key in by_key if key not in references_by_key]
    if without_prediction or without_reference:
        problems = []
        if without_prediction:
            names = _listing(references_by_key[key] for key in without_prediction)
            problems.append(f"no prediction in {predictions} for {names}")
        if without_reference:
            names = _listing(by_key[key] for key in without_reference)
            problems.append(f"no reference in {references} for {names}")
        raise InputError(
            f"There is {' and '.join(problems)}, but both must hold the same cases: give them the "
            "same names (volume-3, segmentation-3 and 3 count as one), or move the others away."
        )
    return [Pair(_case_name(path), by_key[key], path) for key, path in references_by_key.items()]


def _label_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise InputError(f"{path} does not exist: give a label map, or a folder of label maps.")
    inside = find_labels(path)
    if any(_is_lits(file, "segmentation") for file in inside):
        inside = [file for file in inside if not _is_lits(file, "volume")]
    nested = [
        file
        for folder in path.iterdir()
        if folder.is_dir() and not folder.name.startswith(".")
        for file in find_labels(folder)
        if strip_suffix(file) == _IN_FOLDER_PER_CASE
    ]
    files = sorted(inside + nested, key=lambda file: natural_key(_case_name(file)))
    if not files:
        raise InputError(
            f"{path} holds no label map: give a folder with files such as segmentation-3.nii.gz, "
            "or with a folder per case that has a segmentation.nii.gz."
        )
    return files


def _is_lits(path: Path, kind: str) -> bool:
    match = _LITS_NAME.fullmatch(strip_suffix(path))
    return match is not None and match[1] == kind


def _case_name(path: Path) -> str:
    name = strip_suffix(path)
    return path.absolute().parent.name if name == _IN_FOLDER_PER_CASE else name


def _key(path: Path) -> str:
    match = _LITS_NAME.fullmatch(_case_name(path))
    return match[2] if match else _case_name(path)


def _by_key(files: list[Path], role: str) -> dict[str, Path]:
    by_key: dict[str, Path] = {}
    for file in files:
        other = by_key.setdefault(_key(file), file)
        if other is not file:
            raise InputError(
                f"Among the {role}, {other} and {file} are both of case {_key(file)}: keep one."
            )
    return by_key


def _listing(paths: Iterable[Path]) -> str:
    names = [_case_name(path) for path in paths]
    text = ", ".join(names[:_LISTED])
    return text if len(names) <= _LISTED else f"{text} and {len(names) - _LISTED} more"
