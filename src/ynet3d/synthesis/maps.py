"""Tissue maps on disk: made once for each set of masks, and looked up at every training step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.cache_entries import cache_entry, is_whole
from ynet3d.components import voxels_of
from ynet3d.datasets import Case, open_dataset
from ynet3d.datasets.layouts.ircadb_masks import IrcadbMasks
from ynet3d.errors import InputError
from ynet3d.labels import Label
from ynet3d.progress import Progress
from ynet3d.synthesis.fields import Spacing
from ynet3d.synthesis.mask_reading import Structures, read_ircadb_structures, resampled_label
from ynet3d.synthesis.surroundings import complete
from ynet3d.synthesis.tissues import LIVER_RANGE, Tissue

#: Voxels of a stored map, mm: pictures of coarser voxels show partial volume.
MAP_SPACING: Spacing = (2.0, 1.25, 1.25)
#: Raised when the same masks would give another map.
_LAYOUT = 4
_VOXELS_KEPT = 20_000
#: How far beyond the liver a map reaches, along the body.
_BEYOND_MM = 70.0


@dataclass(frozen=True)
class MaskSource:
    """Masks of one patient, from which CT is made: of many organs, or of the liver alone.

    Attributes:
        name: of the patient or case.
        masks: 3D-IRCADb's MASKS_DICOM, folder or zip; None for a labelled case.
        case: a labelled case, whose image only tells the grid; None for `masks`.
    """

    name: str
    masks: Path | None = None
    case: Case | None = None

    def fingerprint(self) -> str:
        """A digest of what is in the files."""
        if self.case is not None:
            return self.case.fingerprint()
        assert self.masks is not None
        return Case(name=self.name, patient=self.name, image=self.masks).fingerprint()

    def read(self) -> Structures:
        """The masks on the grid of tissue maps, without crumbs of liver far from the liver.

        Raises:
            InputError: unreadable, or no liver.
        """
        found = self._read()
        found.masks["liver"] = _without_crumbs(found.masks["liver"])
        return found

    def _read(self) -> Structures:
        if self.masks is not None:
            return read_ircadb_structures(self.masks, spacing=MAP_SPACING)
        assert self.case is not None
        label = resampled_label(self.case.read_label(), MAP_SPACING)
        if not label.any():
            raise InputError(f"The label of case {self.name} shows no liver to make CT of.")
        masks = {"liver": label > 0}
        if (label == Label.TUMOUR).any():
            masks["tumour"] = label == Label.TUMOUR
        return Structures(MAP_SPACING, masks)


@dataclass(frozen=True, eq=False)
class TissueMap:
    """A stored map.

    Attributes:
        voxels: for liver and tumour, an even sample of their voxels, (n, 3) indices; n may be 0.
    """

    name: str
    folder: Path
    voxels: dict[Label, npt.NDArray[np.int32]]

    @property
    def tissue(self) -> npt.NDArray[np.uint8]:
        """(D, H, W) values of `Tissue`, `MAP_SPACING` apart, memory-mapped."""
        found: npt.NDArray[np.uint8] = np.load(
            self.folder / "tissue.npy", mmap_mode="r", allow_pickle=False
        )
        return found


def find_masks(folder: str | Path, *, leave_out: Sequence[str] = ()) -> list[MaskSource]:
    """The patients of a data set whose masks can be used, less those named in `leave_out`.

    3D-IRCADb's masks are taken with all organs, of other data sets the labels. Leave out who is
    validated or tested on: 3D-IRCADb's patients are among those of LiTS.

    Raises:
        InputError: no data set, no masks, or a name to be left out that is not there.
    """
    dataset = open_dataset(folder)
    found = [MaskSource(name, masks=path) for name, path in dataset.without_image]
    for case in dataset.labelled:
        if isinstance(case.label, IrcadbMasks):
            found.append(MaskSource(case.name, masks=case.label.path))
        else:
            found.append(MaskSource(case.name, case=case))
    names = [source.name for source in found]
    for name in leave_out:
        if name not in names:
            raise InputError(f"{folder} has no masks of {name}, only of {', '.join(names)}.")
    kept = [source for source in found if source.name not in leave_out]
    if not kept:
        raise InputError(f"{folder} has no masks that may be used: give masks of the liver.")
    return kept


def prepare_maps(
    sources: Sequence[MaskSource], folder: Path, *, progress: Progress
) -> list[TissueMap]:
    """Maps of all `sources`, in order; those missing in the cache `folder` are made, 20 s each."""
    with progress.task("Preparing label maps", total=len(sources)) as task:
        made = []
        for source in sources:
            made.append(_prepared(source, folder))
            task.advance()
    return made


def _prepared(source: MaskSource, folder: Path) -> TissueMap:
    what = {"layout": _LAYOUT, "spacing": MAP_SPACING, "masks": source.fingerprint()}
    digest = hashlib.blake2b(json.dumps(what, sort_keys=True).encode(), digest_size=16).hexdigest()
    entry = folder / f"map-{digest}"
    if not is_whole(entry):
        tissue = complete(_cropped(source.read()), np.random.default_rng(int(digest[:15], 16)))
        _store(tissue, entry)
    voxels = {
        kind: np.load(entry / f"{kind.name.lower()}.npy", allow_pickle=False)
        for kind in (Label.LIVER, Label.TUMOUR)
    }
    return TissueMap(source.name, entry, voxels)


def _store(tissue: npt.NDArray[np.uint8], entry: Path) -> None:
    low, high = LIVER_RANGE
    liver, tumour = (tissue >= low) & (tissue <= high), tissue == Tissue.TUMOUR
    with cache_entry(entry) as temporary:
        np.save(temporary / "tissue.npy", tissue)
        np.save(temporary / "liver.npy", voxels_of(liver, most=_VOXELS_KEPT))
        np.save(temporary / "tumour.npy", voxels_of(tumour, most=_VOXELS_KEPT))


def _without_crumbs(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """`mask` without parts of less than a hundredth of the largest."""
    pieces, count = ndimage.label(mask)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept: npt.NDArray[np.bool_] = (sizes >= 0.01 * sizes.max())[pieces] & mask
    return kept


def _cropped(found: Structures) -> Structures:
    """The part of the body around the liver."""
    liver, body = found.masks["liver"], found.masks.get("body", found.masks["liver"])
    levels = np.flatnonzero(liver.any(axis=(1, 2)))
    beyond = round(_BEYOND_MM / found.spacing[0])
    box = [slice(max(0, int(levels[0]) - beyond), int(levels[-1]) + beyond + 1)]
    for axis in (1, 2):
        line = np.flatnonzero(body.any(axis=(0, 3 - axis)))
        box.append(slice(max(0, int(line[0]) - 6), int(line[-1]) + 7))
    masks = {name: np.ascontiguousarray(mask[tuple(box)]) for name, mask in found.masks.items()}
    return Structures(found.spacing, {name: mask for name, mask in masks.items() if mask.any()})
