"""Image/label pairs: two folders (images/ and labels/), or one folder with suffixed labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ynet3d.datasets.case import Case
from ynet3d.datasets.label_source import LabelFile
from ynet3d.datasets.layouts.found import Found, read_patients
from ynet3d.errors import InputError
from ynet3d.volumes import is_volume_path, strip_suffix
from ynet3d.volumes.formats import DICOM_SUFFIXES, natural_key
from ynet3d.volumes.formats import LABEL_NAME as _LABEL

_FOLDERS = (("images", "labels"), ("imagesTr", "labelsTr"))
#: nnU-Net numbers the channels of an image.
_CHANNEL = re.compile(r"(?P<name>.+)_0000")


def is_pairs(folders: Sequence[Path]) -> bool:
    """Whether there are two folders of pairs, or volumes with labels named after them."""
    if len(folders) == 2 or _two_folders(folders[0]) is not None:
        return True
    stems = {stem for stem, _ in _volumes(folders[0])}
    return any((match := _LABEL.fullmatch(stem)) and match["name"] in stems for stem in stems)


def read_pairs(folders: Sequence[Path]) -> Found:
    """Match images and labels by name.

    In two folders, a label has the name of its image, with or without a suffix such as _label or
    _seg (and the image may end in nnU-Net's _0000); in one folder, the label has the suffix. An
    image may be a folder of DICOM slices, and a label a DICOM SEG. A `cases.csv` with the columns
    case and patient says whose each case is.

    Raises:
        InputError: the folders of pairs are not there, or two files have one name.
    """
    if len(folders) == 2:
        images, labels = _entries(folders[0]), _entries(folders[1])
    elif (two := _two_folders(folders[0])) is not None:
        images, labels = _entries(two[0]), _entries(two[1])
    else:
        entries = _entries(folders[0])
        labels = {
            stem: path
            for stem, path in entries.items()
            if _LABEL.fullmatch(stem) and path.is_file()
        }
        images = {stem: path for stem, path in entries.items() if stem not in labels}
    images = {stem: path for stem, path in images.items() if not _is_dicom_file(path)}
    by_case = {_case_of_label(stem, images): path for stem, path in labels.items()}
    if len(by_case) < len(labels):
        raise InputError(
            f"{next(iter(labels.values())).parent} has {len(labels)} labels for {len(by_case)} "
            "cases, so some case has two: keep one label for each."
        )
    beside = len(folders) == 1 and _two_folders(folders[0]) is None
    sought = "no {0}_label, {0}_seg or {0}_mask lies beside it"
    if not beside:
        sought = "neither {0} nor {0}_label, {0}_seg or {0}_mask lies in the folder of the labels"
    patients = read_patients(folders[0])
    cases = []
    for stem in sorted(images, key=natural_key):
        name = _case_of_image(stem)
        label = by_case.pop(name, None)
        source = None if label is None else LabelFile(label)
        cases.append(
            Case(name, patients.get(name, name), images[stem], source, sought.format(name))
        )
    alone = sorted(by_case, key=natural_key)
    return Found(tuple(cases), tuple((name, by_case[name]) for name in alone))


def _two_folders(root: Path) -> tuple[Path, Path] | None:
    for images, labels in _FOLDERS:
        if (root / images).is_dir() and (root / labels).is_dir():
            return root / images, root / labels
    return None


def _entries(folder: Path) -> dict[str, Path]:
    """Volumes, DICOM files and folders of such directly in `folder`, by name without suffix."""
    found: dict[str, Path] = {}
    for stem, path in _volumes(folder):
        other = found.setdefault(stem, path)
        if other != path:
            raise InputError(
                f"{folder} has both {other.name} and {path.name}, which would be the same case: "
                "keep one."
            )
    return found


def _volumes(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()):
        is_file = is_volume_path(path) or path.suffix.lower() == ".zip" or _is_dicom_file(path)
        if (path.is_dir() or is_file) and not path.name.startswith("."):
            yield (path.name if path.is_dir() else strip_suffix(path)), path


def _is_dicom_file(path: Path) -> bool:
    """Whether it can be a SEG; as an image, one DICOM file is only a slice."""
    return path.is_file() and path.suffix.lower() in DICOM_SUFFIXES


def _case_of_image(stem: str) -> str:
    match = _CHANNEL.fullmatch(stem)
    return match["name"] if match else stem


def _case_of_label(stem: str, images: dict[str, Path]) -> str:
    """The case a label belongs to: its own name if an image has it, else that without suffix."""
    names = {_case_of_image(image) for image in images}
    match = _LABEL.fullmatch(stem)
    return stem if stem in names or match is None else match["name"]
