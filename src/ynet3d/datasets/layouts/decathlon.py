"""Medical Segmentation Decathlon, Task03_Liver: `dataset.json` lists images and labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ynet3d.datasets.case import Case
from ynet3d.datasets.label_source import LabelFile
from ynet3d.datasets.layouts.found import Found, read_json
from ynet3d.errors import InputError
from ynet3d.volumes import strip_suffix

_NAMES_OF_TUMOUR = ("cancer", "tumour", "tumor", "lesion")


def is_decathlon(folders: Sequence[Path]) -> bool:
    """Whether there is a `dataset.json` with a training list."""
    return any(
        isinstance(read_json(folder / "dataset.json").get("training"), list)
        for folder in folders
        if (folder / "dataset.json").is_file()
    )


def read_decathlon(folders: Sequence[Path]) -> Found:
    """The cases that `dataset.json` lists; those of its test list have no label.

    Raises:
        InputError: `dataset.json` is absent or damaged, or its labels are not liver and cancer.
    """
    root = folders[0]
    if not (root / "dataset.json").is_file():
        raise InputError(f"{root} has no dataset.json: give the folder of Task03_Liver itself.")
    content = read_json(root / "dataset.json")
    training, test = content.get("training"), content.get("test", [])
    if not isinstance(training, list) or not isinstance(test, list):
        raise InputError(
            f"{root / 'dataset.json'} has no list named training: give Task03_Liver as published."
        )
    _check_labels(content.get("labels"), root / "dataset.json")
    cases: list[Case] = []
    for entry in training:
        if not isinstance(entry, dict) or not {"image", "label"} <= entry.keys():
            raise InputError(
                f"{root / 'dataset.json'} has the training entry {entry!r}, where image and label "
                "are expected: give Task03_Liver as published."
            )
        image, label = root / str(entry["image"]), root / str(entry["label"])
        name = strip_suffix(image)
        cases.append(Case(name=name, patient=name, image=image, label=LabelFile(label)))
    for entry in test:
        listed = entry.get("image") if isinstance(entry, dict) else entry
        image = root / str(listed)
        name = strip_suffix(image)
        cases.append(Case(name, name, image, label_sought="it is of the test set"))
    licence = content.get("licence") or content.get("license")
    title = content.get("name")
    return Found(
        tuple(cases),
        name=str(title) if title else None,
        licence=str(licence) if licence else None,
    )


def _check_labels(labels: Any, path: Path) -> None:
    names = {str(k): str(v).lower() for k, v in labels.items()} if isinstance(labels, dict) else {}
    is_tumour = any(word in names.get("2", "") for word in _NAMES_OF_TUMOUR)
    if names.get("1") != "liver" or not is_tumour:
        raise InputError(
            f"{path} names its labels {names or 'not at all'}, where 1 liver and 2 cancer are "
            "expected: give Task03_Liver, or list the cases in a CSV if the values are those."
        )
