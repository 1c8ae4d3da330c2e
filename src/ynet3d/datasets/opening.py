"""Opening a data set, whatever its layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ynet3d.datasets.dataset import DataSet
from ynet3d.datasets.layouts.bids import is_bids, read_bids
from ynet3d.datasets.layouts.chaos import is_chaos, read_chaos
from ynet3d.datasets.layouts.decathlon import is_decathlon, read_decathlon
from ynet3d.datasets.layouts.found import Found, visible_files
from ynet3d.datasets.layouts.ircadb import is_ircadb, read_ircadb
from ynet3d.datasets.layouts.lits import is_lits, read_lits
from ynet3d.datasets.layouts.nnunet import is_nnunet, read_nnunet
from ynet3d.datasets.layouts.pairs import is_pairs, read_pairs
from ynet3d.datasets.layouts.table import is_table, read_table
from ynet3d.errors import InputError
from ynet3d.volumes.formats import volume_suffix


@dataclass(frozen=True)
class Layout:
    """One way in which a data set lies on disk: how to recognise it, and how to read it.

    Both functions take the folders to look into: one, or that of the images and that of the labels.
    """

    fits: Callable[[Sequence[Path]], bool]
    read: Callable[[Sequence[Path]], Found]
    description: str


#: In the order in which `kind="auto"` tries them.
LAYOUTS: dict[str, Layout] = {
    "nnunet": Layout(
        is_nnunet,
        read_nnunet,
        "nnU-Net's DatasetXXX_Name with its dataset.json, imagesTr and labelsTr",
    ),
    "decathlon": Layout(is_decathlon, read_decathlon, "Task03_Liver with its dataset.json"),
    "ircadb": Layout(
        is_ircadb, read_ircadb, "3D-IRCADb patient folders with PATIENT_DICOM and MASKS_DICOM"
    ),
    "chaos": Layout(
        is_chaos, read_chaos, "CHAOS's CT patients with DICOM_anon and Ground (masks as PNG)"
    ),
    "bids": Layout(
        is_bids, read_bids, "BIDS-style sub-*/ct/sub-*_ct.nii.gz with labels below derivatives"
    ),
    "csv": Layout(is_table, read_table, "a CSV with the columns image and label"),
    "lits": Layout(is_lits, read_lits, "volume-N.nii[.gz] with segmentation-N.nii[.gz]"),
    "pairs": Layout(
        is_pairs,
        read_pairs,
        "images/ and labels/ (or imagesTr/ and labelsTr/) with the same names, or scan.nii.gz "
        "beside scan_label.nii.gz (or _seg, _mask)",
    ),
}


#: Folders that are a part of a data set.
_PARTS = ("imagesTr", "imagesTs", "labelsTr", "labelsTs", "images", "labels", "derivatives")


def open_dataset(
    path: str | Path,
    *,
    kind: str = "auto",
    labels: str | Path | None = None,
    licence: str | None = None,
) -> DataSet:
    """Find the cases of a data set without reading them.

    Args:
        path: the folder of the data set, or a CSV.
        kind: a name in `LAYOUTS`, or "auto" to recognise it.
        labels: folder of the labels, if they do not lie in `path`, which then holds the images.
        licence: what is known of the data's licence, if the data set does not say it itself.

    Raises:
        InputError: no such path or kind, no layout fits, or nothing is found.
    """
    root = Path(path)
    if kind != "auto" and kind not in LAYOUTS:
        raise InputError(f"{kind} is not a kind of data set: use auto, {', '.join(LAYOUTS)}.")
    folders = _folders(root, kind, None if labels is None else Path(labels))
    if kind == "auto" and root.is_file():
        kind = "csv"
    elif kind == "auto":
        allowed = LAYOUTS if len(folders) == 1 else ("lits", "bids", "pairs")
        fitting = [name for name in allowed if LAYOUTS[name].fits(folders)]
        if not fitting:
            raise InputError(_nothing_fits(root))
        if {"ircadb", "lits"} <= set(fitting):
            raise InputError(
                f"{root} holds both 3D-IRCADb patients and LiTS volumes, which are two data sets: "
                "give the folder of one, or the kind (ircadb or lits)."
            )
        kind = fitting[0]
    found = LAYOUTS[kind].read(folders)
    if not found.cases and not found.without_image:
        raise InputError(
            f"{root} has no case in the layout {kind} ({LAYOUTS[kind].description}), only "
            f"{_content(root)}: check the folder, or leave the kind to auto."
        )
    return DataSet(
        name=found.name or root.resolve().name,
        kind=kind,
        root=root,
        cases=found.cases,
        without_image=found.without_image,
        licence=licence or found.licence or _licence(root),
    )


def _folders(root: Path, kind: str, labels: Path | None) -> list[Path]:
    folders = [root] if labels is None else [root, labels]
    for folder in folders:
        if not folder.exists():
            raise InputError(f"{folder} does not exist: check the path of the data set.")
    is_csv = kind in ("auto", "csv") and len(folders) == 1 and root.suffix.lower() == ".csv"
    for folder in folders:
        if folder.is_file() and not is_csv:
            raise InputError(
                f"{folder} is a file, where the folder of a data set or a CSV is expected: give "
                "the folder that it lies in."
            )
    return folders


def _licence(root: Path) -> str | None:
    """The first line of a licence file in the folder."""
    if root.is_dir():
        for file in sorted(root.iterdir()):
            if file.is_file() and file.stem.upper() in ("LICENSE", "LICENCE"):
                lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
                return next((line.strip() for line in lines if line.strip()), None)
    return None


def _nothing_fits(root: Path) -> str:
    found = f"{root} holds {_content(root)}, which is no data set that is understood"
    for folder, kind in _nearby(root):
        return f"{found}, but {folder} is one ({kind}): give that folder."
    layouts = "; ".join(f"{name} ({layout.description})" for name, layout in LAYOUTS.items())
    return f"{found}: arrange it as one of these: {layouts}."


def _nearby(root: Path) -> Iterator[tuple[Path, str]]:
    """Data sets directly below `root`, or the one that `root` is a part of."""
    candidates = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if root.resolve().name in _PARTS:
        candidates.append(root.resolve().parent)
    for folder in candidates:
        for kind, layout in LAYOUTS.items():
            with suppress(InputError):
                if layout.fits([folder]):
                    yield folder, kind


def _content(root: Path) -> str:
    """What a folder holds, in a few words."""
    if root.is_file():
        return "a CSV without such rows"
    suffixes = Counter(volume_suffix(f) or f.suffix or "no suffix" for f in visible_files(root))
    if not suffixes:
        return "no files"
    kinds = [f"{count} of {suffix}" for suffix, count in suffixes.most_common(4)]
    return f"{suffixes.total()} files ({', '.join(kinds)})"
