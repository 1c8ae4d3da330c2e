"""BIDS-style folders: `sub-01/[ses-1/]ct/sub-01_ct.nii.gz`, labels below `derivatives`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ynet3d.datasets.case import Case
from ynet3d.datasets.label_source import LabelSource, MaskFiles, coded
from ynet3d.datasets.layouts.bids_names import BidsName, read_names_of_values
from ynet3d.datasets.layouts.found import Found, read_json
from ynet3d.errors import InputError
from ynet3d.label_names import label_of_name
from ynet3d.labels import Label
from ynet3d.volumes import is_volume_path
from ynet3d.volumes.formats import natural_key

_DERIVATIVES = "derivatives"
_SUFFIXES_OF_LABELS = ("dseg", "mask")
_PLAIN = {0: Label.BACKGROUND, 1: Label.LIVER, 2: Label.TUMOUR}


@dataclass(frozen=True)
class _Mask:
    """A label file: `label` is its entity of that name ("" for a map of all classes)."""

    path: Path
    folder: Path
    label: str


def is_bids(folders: Sequence[Path]) -> bool:
    """Whether any CT of a subject lies there."""
    return any(True for _ in _scans(folders[0]))


def read_bids(folders: Sequence[Path]) -> Found:
    """Every CT of every subject, with its labels; cases of one subject are of one patient.

    Labels lie below `derivatives` (or in the second folder) under the name of the image:
    `..._dseg` with 0, 1 and 2 or with a table that names its values, or binary masks such as
    `..._label-liver_mask` and `..._label-tumour_mask` (or `_dseg`). Masks of other structures are
    passed over.

    Raises:
        InputError: a case has two labels for one thing, or a label whose name is not clear.
    """
    root = folders[0]
    below = folders[1] if len(folders) > 1 else root / _DERIVATIVES
    labels = _labels(below)
    cases: list[Case] = []
    sought = f"there is no {{0}}_dseg and no {{0}}_label-liver_mask below {below}"
    for name, path in _scans(root):
        source = _source(name.case, labels.pop(name.key, []))
        cases.append(Case(name.case, name.subject, path, source, sought.format(name.case)))
    cases.sort(key=lambda case: natural_key(case.name))
    alone = sorted(
        ((BidsName.of(masks[0].path).case, masks[0].path) for masks in labels.values()),
        key=lambda item: natural_key(item[0]),
    )
    return Found(tuple(cases), tuple(alone), *_described(root))


def _scans(root: Path) -> Iterator[tuple[BidsName, Path]]:
    for pattern in ("sub-*/*/sub-*", "sub-*/ses-*/*/sub-*"):
        for path in sorted(root.glob(pattern)):
            name = BidsName.of(path)
            if name.suffix.casefold() == "ct" and is_volume_path(path):
                yield name, path


def _labels(below: Path) -> dict[frozenset[str], list[_Mask]]:
    """Label files by the image that they belong to."""
    found: dict[frozenset[str], list[_Mask]] = {}
    for path in sorted(below.rglob("sub-*")) if below.is_dir() else []:
        name = BidsName.of(path)
        if name.suffix in _SUFFIXES_OF_LABELS and is_volume_path(path) and path.is_file():
            found.setdefault(name.key, []).append(_Mask(path, below, name.label))
    return found


def _source(case: str, masks: Sequence[_Mask]) -> LabelSource | None:
    if not masks:
        return None
    whole = [mask for mask in masks if not mask.label]
    parts = [mask for mask in masks if mask.label]
    if len(whole) > 1 or (whole and parts):
        raise _two(case, masks)
    if whole:
        path = whole[0].path
        names, table = read_names_of_values(path, whole[0].folder)
        return coded(path, names or _PLAIN, named_in=table)
    chosen: dict[str, tuple[Path, Label]] = {}
    for mask in parts:
        label = label_of_name(mask.label)
        if label is None:
            raise InputError(
                f"The mask {mask.path} is of {mask.label!r}, and it is not clear whether that is "
                "liver, tumour or something else: name it label-liver or label-tumour, or take it "
                "away."
            )
        if mask.label in chosen:
            raise _two(case, [each for each in parts if each.label == mask.label])
        if label is not Label.BACKGROUND:
            chosen[mask.label] = (mask.path, label)
    if not chosen:
        return None
    folder = next(iter(chosen.values()))[0].parent
    return MaskFiles(folder, tuple(chosen.values()))


def _two(case: str, masks: Sequence[_Mask]) -> InputError:
    names = " and ".join(str(mask.path) for mask in masks[:2])
    return InputError(
        f"Case {case} has {len(masks)} labels for the same thing ({names}): keep one, or name the "
        "folder of those to use with --labels."
    )


def _described(root: Path) -> tuple[str | None, str | None]:
    """Name and licence that `dataset_description.json` gives."""
    description = root / "dataset_description.json"
    content = read_json(description) if description.is_file() else {}
    name, licence = content.get("Name"), content.get("License")
    return (str(name) if name else None), (str(licence) if licence else None)
