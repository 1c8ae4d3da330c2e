"""Looking through a data set for what would spoil training or scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from ynet3d.datasets.case import Case
from ynet3d.datasets.dataset import DataSet
from ynet3d.datasets.grids import grid_difference
from ynet3d.errors import InputError, YnetError
from ynet3d.labels import NUM_CLASSES, Label
from ynet3d.progress import Progress
from ynet3d.volumes import Volume, ct_problems

#: Below this is fat or air. At most 0.6 % of the voxels of a liver lie there in 27 real scans
#: (25 of LiTS, 2 of 3D-IRCADb), and at least 3.6 % once the mask is flipped along any axis.
_FAT_HU = -30.0
_MOST_FAT = 0.02


class Severity(Enum):
    """How much a flag matters."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Flag:
    """Something to know about a case: a short code for tables, and one sentence."""

    code: str
    sentence: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True)
class CaseCheck:
    """What was found in one case; what could not be read is None.

    Attributes:
        name: of the case.
        patient: whose it is.
        shape: voxels (i, j, k) of the image.
        spacing: mm along (i, j, k).
        orientation: where the image's axes run to, for instance "LPS".
        hu_range: lowest and highest finite HU.
        labels: the values of the label map, ascending.
        liver_ml: organ (label 1 or 2) in mL, on the label's own grid.
        tumour_ml: label 2 in mL, on the label's own grid.
        flags: what is wrong or worth knowing.
    """

    name: str
    patient: str
    shape: tuple[int, int, int] | None = None
    spacing: tuple[float, float, float] | None = None
    orientation: str | None = None
    hu_range: tuple[float, float] | None = None
    labels: tuple[int, ...] | None = None
    liver_ml: float | None = None
    tumour_ml: float | None = None
    flags: tuple[Flag, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the case can be used as it is (warnings and information do not hinder)."""
        return all(flag.severity is not Severity.ERROR for flag in self.flags)


def check_dataset(dataset: DataSet, *, progress: Progress) -> list[CaseCheck]:
    """Read every case, one at a time, and say what was found; a bad case never stops the rest.

    Labels whose image is not there come last, as checks of their own.
    """
    some_labelled = bool(dataset.labelled)
    checks = [
        check_case(case, expect_label=some_labelled)
        for case in progress.track(dataset.cases, "Checking", total=len(dataset.cases))
    ]
    for name, path in dataset.without_image:
        sentence = f"{path} has no image: put the image of case {name} in its place."
        checks.append(CaseCheck(name, name, flags=(Flag("no-image", sentence),)))
    return checks


def check_case(case: Case, *, expect_label: bool = True) -> CaseCheck:
    """Read one case and say what was found.

    Args:
        expect_label: whether a case without a label deserves a warning.
    """
    try:
        image = case.read_image()
    except (YnetError, OSError, MemoryError) as error:
        code = "unreadable-image" if case.image.exists() else "no-image"
        return CaseCheck(case.name, case.patient, flags=(Flag(code, _sentence(error)),))
    flags = [
        Flag(p.code, p.sentence, Severity.ERROR if p.fatal else Severity.WARNING)
        for p in ct_problems(image)
    ]
    label = None
    if case.label is None:
        severity = Severity.WARNING if expect_label else Severity.INFORMATION
        text = (
            f"Case {case.name} has no label ({case.label_sought or 'none was given'}): it can be "
            "predicted, but not trained on or scored."
        )
        flags.append(Flag("no-label", text, severity))
    else:
        try:
            label = case.read_label_as_found(image=image)
        except (YnetError, OSError, MemoryError) as error:
            code = "unreadable-label" if case.label.path.exists() else "no-label"
            flags.append(Flag(code, _sentence(error)))
    values: tuple[int, ...] | None = None
    liver_ml = tumour_ml = None
    if label is not None:
        counts = _counts(label)
        values = tuple(int(value) for value in np.flatnonzero(counts))
        tumour_ml = float(counts[Label.TUMOUR]) * label.voxel_ml
        liver_ml = float(counts[Label.LIVER]) * label.voxel_ml + tumour_ml
        flags.extend(_label_flags(case, image, label, values))
    return CaseCheck(
        name=case.name,
        patient=case.patient,
        shape=image.shape,
        spacing=image.spacing,
        orientation=image.orientation,
        hu_range=_hu_range(image),
        labels=values,
        liver_ml=liver_ml,
        tumour_ml=tumour_ml,
        flags=tuple(flags),
    )


def _label_flags(
    case: Case, image: Volume, label: Volume, values: tuple[int, ...]
) -> Iterator[Flag]:
    difference = grid_difference(image, label)
    if difference is not None:
        yield Flag(
            "grid",
            f"The label of case {case.name} is not on the grid of its image: {difference}; "
            "resample the label to the image's grid.",
        )
    strange = [str(value) for value in values if value >= NUM_CLASSES]
    if strange:
        yield Flag(
            "label-values",
            f"The label of case {case.name} has the value{'s' if len(strange) > 1 else ''} "
            f"{', '.join(strange)} besides 0 (background), 1 (liver) and 2 (tumour): recode it.",
        )
    if Label.LIVER not in values:
        yield Flag(
            "no-liver",
            f"The label of case {case.name} has no voxel of liver (1): check that it belongs to "
            "this image and is coded as 0, 1, 2.",
        )
    elif difference is None:
        share = _share_of_fat(image, label)
        if share > _MOST_FAT:
            yield Flag(
                "liver-hu",
                f"Of the voxels that the label of case {case.name} calls liver, "
                f"{100 * share:.0f} % are fat or air (below {_FAT_HU:g} HU), where a liver has "
                "next to none: check that the label is of this image, not flipped, and with its "
                "slices in the right order (a very fatty liver can be an exception).",
                Severity.WARNING,
            )
    if Label.TUMOUR not in values:
        text = f"The label of case {case.name} has no tumour, which is fine for a healthy liver."
        yield Flag("no-tumour", text, Severity.INFORMATION)


def _share_of_fat(image: Volume, label: Volume) -> float:
    """Share of the liver's voxels (label 1) that are not soft tissue."""
    inside = fat = 0
    for k in range(label.shape[2]):
        hu = image.array[:, :, k][label.array[:, :, k] == Label.LIVER]
        inside += hu.size
        fat += int(np.count_nonzero(hu < _FAT_HU))
    return fat / inside


def _counts(label: Volume) -> npt.NDArray[np.int64]:
    """Voxels of each value 0..255, slice by slice, because bincount widens its input to 64 bits."""
    counts = np.zeros(256, dtype=np.int64)
    for k in range(label.shape[2]):
        counts += np.bincount(label.array[:, :, k].ravel(), minlength=256)
    return counts


def _hu_range(image: Volume) -> tuple[float, float] | None:
    array = image.array
    if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)):
        array = array[np.isfinite(array)]
    return (float(array.min()), float(array.max())) if array.size else None


def _sentence(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "There is not enough memory to read it: close other programs, or crop the scan."
    if isinstance(error, OSError) and not isinstance(error, InputError):
        return f"{error.filename or 'A file'} cannot be read ({error.strerror}): check its access."
    return str(error)
