"""Which prediction belongs to which reference, by name; never by order, never by guess."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ynet3d.errors import InputError
from ynet3d.evaluation.failures import Failure
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


@dataclass(frozen=True)
class Pairing:
    """What belongs together, and what does not.

    Attributes:
        pairs: in natural order of their names.
        unpaired: references that cannot be paired: without prediction, or one of several.
        without_reference: names of the predictions that have none.
    """

    pairs: tuple[Pair, ...]
    unpaired: tuple[Failure, ...]
    without_reference: tuple[str, ...]


def match_pairs(predictions: str | Path, references: str | Path) -> Pairing:
    """Pair two files, or the files of two folders by their names.

    `volume-3`, `segmentation-3` and `3` name the same case (LiTS), and so does a folder of such a
    name with `segmentation.nii.gz` in it (`ynet3d predict` for several inputs). Where a folder
    holds LiTS segmentations, its `volume-*` files are taken for the CTs and left out.

    Raises:
        InputError: a path does not exist or holds no label map, or no two names match.
    """
    found, expected = label_files(Path(predictions)), label_files(Path(references))
    if Path(references).is_file() and len(found) == 1:
        return Pairing((Pair(_case_name(expected[0]), found[0], expected[0]),), (), ())
    found_by_key, expected_by_key = _by_key(found), _by_key(expected)
    if not set(found_by_key) & set(expected_by_key):
        raise InputError(
            f"No prediction in {predictions} ({_listing(found)}) has the name of a reference in "
            f"{references} ({_listing(expected)}): give them the same names (volume-3, "
            "segmentation-3 and 3 count as one)."
        )
    pairs: list[Pair] = []
    unpaired: list[Failure] = []
    for key, candidates in expected_by_key.items():
        name = _case_name(candidates[0])
        of_prediction = found_by_key.get(key, [])
        if not of_prediction:
            if not Path(predictions).is_file():  # one file is not meant to hold all cases
                reason = f"There is no prediction in {predictions}."
                unpaired.append(Failure(name, reason, missing=True))
        elif len(candidates) > 1:
            unpaired.append(Failure(name, _several(candidates, "references")))
        elif len(of_prediction) > 1:
            unpaired.append(Failure(name, _several(of_prediction, "predictions")))
        else:
            pairs.append(Pair(name, of_prediction[0], candidates[0]))
    without_reference = tuple(
        _case_name(files[0]) for key, files in found_by_key.items() if key not in expected_by_key
    )
    return Pairing(tuple(pairs), tuple(unpaired), without_reference)


def label_files(path: Path) -> list[Path]:
    """The label maps that a path holds: itself, or those in it and in its folders per case.

    Raises:
        InputError: it does not exist, or holds none.
    """
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


def _by_key(files: list[Path]) -> dict[str, list[Path]]:
    by_key: dict[str, list[Path]] = {}
    for file in files:
        by_key.setdefault(_key(file), []).append(file)
    return by_key


def _several(files: list[Path], role: str) -> str:
    names = " and ".join(str(file) for file in files)
    return f"Among the {role}, {names} are {len(files)} files of one case: keep one."


def _listing(files: list[Path]) -> str:
    names = [_case_name(file) for file in files]
    text = ", ".join(names[:_LISTED])
    return text if len(names) <= _LISTED else f"{text} and {len(names) - _LISTED} more"
