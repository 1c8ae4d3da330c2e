"""The split file: YAML (or JSON) that a person can read and change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ynet3d.datasets.dataset import DataSet
from ynet3d.datasets.splitting import PARTS, Split, make_split
from ynet3d.documents import DocumentError, read_yaml
from ynet3d.errors import InputError
from ynet3d.files import write_json, write_text

#: What the split of a run or an experiment is called, in its folder.
SPLIT_FILE = "split.json"
#: What the split of a cross-validation is called, in its folder.
FOLDS_FILE = "folds.json"


def write_split(split: Split, path: str | Path) -> None:
    """Write data set, seed, ratio and the cases of each part, atomically; JSON if named .json."""
    content = {
        "dataset": split.dataset,
        "seed": split.seed,
        "ratio": list(split.ratio),
        "parts": {part: list(names) for part, names in split.parts.items()},
    }
    if Path(path).suffix.lower() == ".json":
        write_json(path, content)
    else:
        write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def read_split(path: str | Path, *, dataset: DataSet) -> Split:
    """Read a split file and make sure that it is one of `dataset`.

    Cases of the data set that the file does not name are left out. The name of the data set may
    differ, because folders get renamed.

    Raises:
        InputError: unreadable, a case that is not in the data set, or a case or a patient in two
            parts.
    """
    path = Path(path)
    content = _content(path)
    parts = _parts(content, path)
    known = {case.name: case for case in dataset.cases}
    part_of_case: dict[str, str] = {}
    part_of_patient: dict[str, tuple[str, str]] = {}
    for part, names in parts.items():
        for name in names:
            if name not in known:
                raise InputError(
                    f"{path} names the case {name} ({part}), which the data set {dataset.name} "
                    f"does not have (it has {dataset.examples()}): give the split of this data "
                    "set, or make a new one."
                )
            if name in part_of_case:
                where = f"both {part_of_case[name]} and {part}"
                where = f"{part} twice" if part_of_case[name] == part else where
                raise InputError(f"{path} has the case {name} in {where}: keep it once.")
            part_of_case[name] = part
            patient = known[name].patient
            other_part, other_name = part_of_patient.setdefault(patient, (part, name))
            if other_part != part:
                raise InputError(
                    f"{path} has patient {patient} in two parts (case {other_name} in "
                    f"{other_part}, case {name} in {part}): put all cases of a patient into one."
                )
    try:
        seed = int(content.get("seed", 0))
        ratio = tuple(float(weight) for weight in content.get("ratio", ()))
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{path} has a seed or a ratio that is no number: correct it, or make a new split."
        ) from None
    return Split(str(content.get("dataset", dataset.name)), seed, ratio, parts)


def chosen_split(dataset: DataSet, file: Path | None, stored: Path, *, seed: int) -> Split:
    """The split of `file`, else the one that is `stored`, else a new one by `seed`.

    Raises:
        InputError: as `read_split`; or no cases to train on, to validate on or to test on.
    """
    if file is not None:
        split = read_split(file, dataset=dataset)
    elif stored.is_file():
        split = read_split(stored, dataset=dataset)
    else:
        split = make_split(dataset, seed=seed)
    for part in PARTS:
        if not split.parts.get(part):
            raise InputError(
                f"The split of {dataset.name} has no {part} cases, and {PARTS[0]}, {PARTS[1]} and "
                f"{PARTS[2]} are needed: make one with `ynet3d data split`."
            )
    return split


def _content(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except FileNotFoundError:
        raise InputError(f"The split file {path} does not exist: check its path.") from None
    except (OSError, DocumentError) as error:
        raise InputError(
            f"The split file {path} cannot be read as YAML ({error}): make a new split."
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("parts"), dict):
        raise InputError(
            f"{path} is not a split file (it has no mapping named parts): make one with "
            "`ynet3d data split`."
        )
    return content


def _parts(content: dict[str, Any], path: Path) -> dict[str, tuple[str, ...]]:
    parts: dict[str, tuple[str, ...]] = {}
    for part, names in content["parts"].items():
        is_list = isinstance(names, list) and all(isinstance(n, str | int) for n in names)
        is_fold = str(part).startswith("fold-")
        if not is_list or not (part in PARTS or is_fold):
            raise InputError(
                f"{path} has the part {part}, where lists of case names under {', '.join(PARTS)} "
                "or fold-1, fold-2, ... are expected: correct it, or make a new split."
            )
        parts[str(part)] = tuple(str(name) for name in names)
    if any(part in PARTS for part in parts) and any(part not in PARTS for part in parts):
        raise InputError(f"{path} mixes folds with {', '.join(PARTS)}: keep one kind of parts.")
    return parts
