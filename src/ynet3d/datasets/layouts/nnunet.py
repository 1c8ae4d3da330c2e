"""nnU-Net's raw data: labels named in `dataset.json`, images as `imagesTr/case_0000.nii.gz`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ynet3d.datasets.case import Case
from ynet3d.datasets.label_source import coded
from ynet3d.datasets.layouts.found import Found, read_json, read_patients
from ynet3d.errors import InputError
from ynet3d.label_names import labels_of_names
from ynet3d.labels import Label
from ynet3d.volumes import is_volume_path, strip_suffix
from ynet3d.volumes.formats import natural_key

_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")
_PARTS = (("imagesTr", "labelsTr"), ("imagesTs", "labelsTs"))


def is_nnunet(folders: Sequence[Path]) -> bool:
    """Whether there are a `dataset.json` and images with numbered channels, or labels by name."""
    root = folders[0]
    if not (root / "dataset.json").is_file():
        return False
    return bool(_images(root / "imagesTr")) or "channel_names" in read_json(root / "dataset.json")


def read_nnunet(folders: Sequence[Path]) -> Found:
    """The cases of `imagesTr` and `imagesTs`, with labels mapped by their names in `dataset.json`.

    Both versions of nnU-Net are understood. A `cases.csv` with the columns case and patient says
    whose each case is; without one, every case is taken for a patient of its own.

    Raises:
        InputError: `dataset.json` is absent or damaged, names labels other than liver and tumour,
            or an image has several channels.
    """
    root = folders[0]
    description = root / "dataset.json"
    if not description.is_file():
        raise InputError(
            f"{root} has no dataset.json: give the folder of one data set (DatasetXXX_Name)."
        )
    content = read_json(description)
    classes = _classes(content.get("labels"), description)
    listed = content.get("dataset")
    patients = read_patients(root)
    cases: list[Case] = []
    alone: list[tuple[str, Path]] = []
    for name, image, label in _listed(root, listed) if listed else _in_folders(root):
        if image is None and label is not None:
            alone.append((name, label))
        elif image is not None:
            sought = f"there is no {name} in labels{'Ts' if 'Ts' in image.parent.name else 'Tr'}"
            source = None if label is None else coded(label, classes, named_in=description)
            cases.append(Case(name, patients.get(name, name), image, source, sought))
    licence = content.get("licence") or content.get("license")
    title = content.get("name")
    return Found(
        tuple(cases),
        tuple(alone),
        name=str(title) if title else None,
        licence=str(licence) if licence else None,
    )


def _in_folders(root: Path) -> Iterator[tuple[str, Path | None, Path | None]]:
    """Name, image and label of each case, found by their file names."""
    for images_name, labels_name in _PARTS:
        images, labels = _images(root / images_name), _labels(root / labels_name)
        for name in sorted(images.keys() | labels.keys(), key=natural_key):
            yield name, images.get(name), labels.get(name)


def _images(folder: Path) -> dict[str, Path]:
    images: dict[str, Path] = {}
    for path in _volumes(folder):
        match = _CHANNEL.fullmatch(strip_suffix(path))
        if match is None:
            continue
        if match["channel"] != "0000":
            raise InputError(
                f"{path} is another channel of case {match['case']}, where a CT has one: give a "
                f"data set with {match['case']}_0000 alone."
            )
        other = images.setdefault(match["case"], path)
        if other != path:
            raise InputError(
                f"{folder} has both {other.name} and {path.name}, which would be the same case: "
                "keep one."
            )
    return images


def _labels(folder: Path) -> dict[str, Path]:
    labels: dict[str, Path] = {}
    for path in _volumes(folder):
        other = labels.setdefault(strip_suffix(path), path)
        if other != path:
            raise InputError(
                f"{folder} has both {other.name} and {path.name}, two labels for one case: keep "
                "one."
            )
    return labels


def _volumes(folder: Path) -> list[Path]:
    return sorted(filter(is_volume_path, folder.iterdir())) if folder.is_dir() else []


def _listed(root: Path, listed: Any) -> Iterator[tuple[str, Path | None, Path | None]]:
    """Name, image and label of each case, as `dataset.json` lists them under "dataset"."""
    for name, entry in listed.items() if isinstance(listed, dict) else [("", None)]:
        entry = entry if isinstance(entry, dict) else {}
        images = entry.get("images")
        if not isinstance(images, list) or len(images) != 1:
            raise InputError(
                f"{root / 'dataset.json'} lists {images!r} as the images of case {name!r}, where "
                "one CT is expected: correct the entry."
            )
        label = entry.get("label")
        yield name, root / str(images[0]), root / str(label) if label else None


def _classes(labels: Any, path: Path) -> dict[int, Label]:
    """The class of each value of the label maps; other organs and vessels are background."""
    values = _values_by_name(labels, path)
    classes = {0: Label.BACKGROUND}
    strange = []
    for (name, numbers), label in zip(values.items(), labels_of_names([*values]), strict=True):
        if label is None or (label is not Label.BACKGROUND and 0 in numbers):
            strange.append(name)
            continue
        for number in numbers:
            classes[number] = max(classes.get(number, Label.BACKGROUND), label)
    if strange:
        raise InputError(
            f"{path} names {', '.join(map(repr, strange))} among its labels, and it is not clear "
            "whether that is liver, a tumour of the liver or something else: name them so "
            "('liver', 'liver tumour'), or recode the label maps to 0, 1 and 2."
        )
    if Label.LIVER not in classes.values():
        raise InputError(
            f"{path} names no liver among its labels ({', '.join(map(repr, values)) or 'none'}): "
            "give a data set of the liver, or name its label so."
        )
    return classes


def _values_by_name(labels: Any, path: Path) -> dict[str, list[int]]:
    """Label values by name: nnU-Net 2 has names to values, version 1 has values to names."""
    found: dict[str, list[int]] = {}
    try:
        for key, value in labels.items():
            if str(key).isdecimal() and isinstance(value, str):
                found.setdefault(value, []).append(int(key))
            else:
                found[str(key)] = [int(v) for v in (value if isinstance(value, list) else [value])]
    except (AttributeError, TypeError, ValueError):
        raise InputError(
            f"{path} has the labels {labels!r}, where names and values are expected, for instance "
            '{"background": 0, "liver": 1, "tumour": 2}: correct them.'
        ) from None
    return found
