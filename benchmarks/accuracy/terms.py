"""The terms that all share: data, split, device, threads. A folder of results keeps to one set."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ynet3d.datasets import (
    DataSet,
    Split,
    chosen_split,
    dataset_fingerprint,
    read_split,
    write_split,
)
from ynet3d.datasets.split_file import SPLIT_FILE
from ynet3d.errors import InputError
from ynet3d.files import write_json

_TERMS = "terms.json"


@dataclass(frozen=True)
class Terms:
    """What every entry gets alike.

    Attributes:
        data: name of the data set; `fingerprint` of its content.
        threads: cores that every process keeps to, and computing threads of PyTorch.
        device: as in `ynet3d train --device`.
        cases: how many are in each part of the split.
    """

    data: str
    fingerprint: str
    threads: int
    device: str
    cases: dict[str, int]


def agree(
    dataset: DataSet, out: Path, *, split_file: Path | None, threads: int | None, device: str
) -> tuple[Terms, Split]:
    """The terms of the results in `out`, made now if it holds none.

    Raises:
        InputError: other terms than those that results in `out` were made under, a split without
            train, validation and test cases, or more threads than this process may use.
    """
    stored_split = out / SPLIT_FILE
    split = chosen_split(dataset, split_file, stored_split, seed=0)
    terms = Terms(
        dataset.name,
        dataset_fingerprint(dataset),
        _threads(threads),
        device,
        {part: len(names) for part, names in split.parts.items()},
    )
    if (out / _TERMS).is_file():
        _compare(json.loads((out / _TERMS).read_text("utf-8")), terms, out)
        if read_split(stored_split, dataset=dataset).parts != split.parts:
            raise _other("split", out)
    elif out.is_dir() and any(path.name != SPLIT_FILE for path in out.iterdir()):
        raise InputError(
            f"The folder {out} holds files that are not of this comparison: choose another with -o."
        )
    else:
        write_split(split, stored_split)
        write_json(out / _TERMS, asdict(terms))
    return terms, split


def keep_to(threads: int) -> None:
    """Bind this process, and those that it starts, to so many cores and threads."""
    import torch

    torch.set_num_threads(threads)
    if hasattr(os, "sched_setaffinity"):  # not on macOS and Windows
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def _threads(wanted: int | None) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    most = cores or 1
    if wanted is not None and not 1 <= wanted <= most:
        raise InputError(f"--threads is {wanted}, expected 1 to {most} on this machine.")
    return wanted or most


def _compare(stored: dict[str, Any], terms: Terms, out: Path) -> None:
    for name, value in asdict(terms).items():
        if name != "data" and stored[name] != value:  # folders get renamed
            raise _other({"cases": "split", "fingerprint": "data"}.get(name, name), out)


def _other(what: str, out: Path) -> InputError:
    return InputError(
        f"The results in {out} were made under other terms ({what}), and would not be comparable: "
        "give the same, or another folder with -o."
    )
