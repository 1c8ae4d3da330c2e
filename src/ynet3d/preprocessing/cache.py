"""Preprocessed cases on disk, keyed by what went in: the files' content and the recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from ynet3d.cache_entries import cache_entry, is_whole
from ynet3d.components import voxels_of
from ynet3d.datasets import Case
from ynet3d.errors import InputError, YnetError, is_out_of_memory
from ynet3d.labels import Label
from ynet3d.preprocessing.cropping import cropped, liver_box
from ynet3d.preprocessing.grid import label_to_network_grid, to_network_grid
from ynet3d.progress import Progress
from ynet3d.recipes import Preprocessing
from ynet3d.threads import in_threads
from ynet3d.volumes import Volume, check_ct

#: Raised when the stored arrays change their meaning, so that old entries are not taken for new.
_LAYOUT = 1
_VOXELS_KEPT = 20_000
#: A large scan takes about a gigabyte while it is prepared.
_MOST_WORKERS = 4
_FOREGROUND = (Label.LIVER, Label.TUMOUR)


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A case on the network grid.

    Attributes:
        folder: where its arrays are.
        voxels: for liver and tumour, an even sample of their voxels, (n, 3) indices; n may be 0.
    """

    name: str
    folder: Path
    voxels: Mapping[Label, npt.NDArray[np.int32]]

    # Opened each time: an array that stays mapped keeps a file open, and some systems allow few.

    @property
    def image(self) -> npt.NDArray[np.float32]:
        """(D, H, W) float32 in [0, 1], memory-mapped."""
        return self._part("image")

    @property
    def label(self) -> npt.NDArray[np.uint8]:
        """(D, H, W) uint8, memory-mapped."""
        return self._part("label")

    def _part(self, part: str) -> npt.NDArray[Any]:
        try:
            return _stored(self.folder, part, mmap_mode="r")
        except (OSError, ValueError) as error:
            if is_out_of_memory(error):
                raise
            raise YnetError(
                f"The prepared case {self.name} in {self.folder} cannot be read any more "
                f"({error}): start again (a run: with --resume), and it is prepared anew."
            ) from error


class CaseCache:
    """A folder of preprocessed cases; entries are made when first asked for."""

    def __init__(self, folder: Path, preprocessing: Preprocessing) -> None:
        self._folder = folder
        self._preprocessing = preprocessing
        self._damaged: list[str] = []

    def prepare(
        self, cases: Sequence[Case], *, progress: Progress, title: str, workers: int | None = None
    ) -> list[PreparedCase]:
        """All `cases`, in order; what is missing is computed and stored, several at a time.

        Args:
            workers: cases at a time, each with its scan in memory; None for as many as torch has
                threads, but four at most.

        Raises:
            InputError: as from `get`, of the first case in order that failed; the rest is called
                off.
            KeyboardInterrupt: those that were begun are finished and kept.
        """
        workers = workers or min(_MOST_WORKERS, torch.get_num_threads())
        found = []
        try:
            with (
                progress.task(title, total=len(cases)) as task,
                closing(in_threads(self.get, cases, workers=workers)) as made,
            ):
                for case in made:
                    found.append(case)
                    task.advance()
        finally:
            if self._damaged:
                progress.say(_prepared_anew(self._damaged, self._folder))
                self._damaged.clear()
        return found

    def get(self, case: Case) -> PreparedCase:
        """One case, from the cache if it is there and whole.

        Raises:
            InputError: the case cannot be read, is no CT, or has labels other than 0, 1 and 2.
        """
        entry = self._folder / self._key(case)
        if not is_whole(entry):
            if entry.exists():
                self._damaged.append(case.name)
            self._store(case, entry)
        return load_prepared(case.name, entry)

    def _key(self, case: Case) -> str:
        preprocessing = self._preprocessing.model_dump()
        if preprocessing["crop_to_liver_mm"] is None:
            del preprocessing["crop_to_liver_mm"]  # as before there was one: old entries stay good
        what = {
            "layout": _LAYOUT,
            "preprocessing": preprocessing,
            "case": case.fingerprint(),
        }
        text = json.dumps(what, sort_keys=True).encode()
        return hashlib.blake2b(text, digest_size=16).hexdigest()

    def _store(self, case: Case, entry: Path) -> None:
        image_volume = case.read_image()
        check_ct(image_volume)
        label_volume = case.read_label(image=image_volume)
        image_volume, label_volume = prepared_part(
            image_volume, label_volume, self._preprocessing, name=case.name
        )
        image = to_network_grid(image_volume, self._preprocessing)
        del image_volume
        label = label_to_network_grid(label_volume, self._preprocessing)
        with cache_entry(entry) as temporary:
            store_prepared(temporary, image, label)


def _prepared_anew(names: Sequence[str], folder: Path) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (
        f"Damaged in the cache {folder}, or of an older version, and prepared anew: "
        f"{', '.join(sorted(names)[:3])}{more}."
    )


def prepared_part(
    image: Volume, label: Volume, preprocessing: Preprocessing, *, name: str
) -> tuple[Volume, Volume]:
    """What of a case is trained and validated on: all of it, or the box around its liver.

    Raises:
        InputError: it should be cropped to the liver and has none.
    """
    if preprocessing.crop_to_liver_mm is None:
        return image, label
    box = liver_box(label, preprocessing.crop_to_liver_mm)
    if box is None:
        raise InputError(
            f"The case {name} has no liver to crop to (preprocessing.crop_to_liver_mm): leave it "
            "out of the split."
        )
    return cropped(image, box), cropped(label, box)


def store_prepared(
    folder: Path, image: npt.NDArray[np.float32], label: npt.NDArray[np.uint8]
) -> None:
    """Write the arrays (D, H, W) of a prepared case into `folder`."""
    np.save(folder / "image.npy", image)
    np.save(folder / "label.npy", label)
    for kind in _FOREGROUND:
        np.save(folder / f"{kind.name.lower()}.npy", voxels_of(label == kind, most=_VOXELS_KEPT))


def load_prepared(name: str, folder: Path) -> PreparedCase:
    """The prepared case in `folder`."""
    voxels = {kind: _stored(folder, kind.name.lower()) for kind in _FOREGROUND}
    return PreparedCase(name, folder, voxels)


def _stored(folder: Path, part: str, *, mmap_mode: Literal["r"] | None = None) -> npt.NDArray[Any]:
    return np.load(folder / f"{part}.npy", mmap_mode=mmap_mode, allow_pickle=False)
