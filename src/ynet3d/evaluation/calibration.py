"""Does a network that says 80 % hold in 80 % of cases? The one temperature that makes it so.

Logits divided by a temperature (Guo et al. 2017, "On calibration of modern neural networks") keep
their order, so masks stay as they are; the temperature is the one of lowest negative
log-likelihood. With it fitted and judged on the same scans, the judgement would be too kind, so
each patient is also judged with the temperature that the others give. The loss of each scan is a
curve over all temperatures that are tried: fitting without a patient is then a sum less one row.

A network may be too sure of its tumours and not sure enough of the rest, and one temperature
cannot mend both. What users are told is how sure it is of a tumour, so a temperature that makes
this worse is not taken; the one fitted on voxels called tumour alone may do better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ynet3d.evaluation.reliability import Reliability
from ynet3d.labels import Label

Floats = npt.NDArray[np.float64]
Logits = npt.NDArray[np.float32]
Where = Literal["tumour", "surroundings"]

#: Temperatures that are tried, 5 % apart; between them a parabola finds the lowest loss.
TEMPERATURES: Floats = np.geomspace(0.1, 10.0, 95)
#: Of the mean loss, to call a temperature better.
_LEAST_GAIN = 1e-6
#: As Guo et al. (2017) have it; tumours are too few for as many.
VOXEL_BINS, LESION_BINS = 15, 5


@dataclass(frozen=True, eq=False)
class VoxelSample:
    """Some voxels: logits (classes, n), and what the reference says there (n,)."""

    logits: Logits
    labels: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LesionSample:
    """A tumour that a network claims.

    Attributes:
        logits: (classes, n), of some of its voxels.
        right: it shares a voxel with a tumour of the reference.
    """

    logits: Logits
    right: bool


@dataclass(frozen=True, eq=False)
class ScanSample:
    """What a network said about a scan that it had not seen.

    Attributes:
        patient: whose scan it is; one patient's scans are never on both sides.
        surroundings: voxels in the liver's surroundings, one at least.
        tumour: voxels that the network calls tumour; there may be none.
    """

    name: str
    patient: str
    surroundings: VoxelSample
    tumour: VoxelSample
    lesions: tuple[LesionSample, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """How far what is said is what holds.

    Attributes:
        loss: mean negative log-likelihood, over scans of the mean over voxels, in nats, of what the
            temperature was fitted on.
        surroundings: how sure the network is of each voxel's label, and whether that is right.
        tumour: the same of the voxels that it calls tumour.
        lesions: mean probability over a claimed tumour's voxels, and whether there is one.
    """

    loss: float
    surroundings: Reliability
    tumour: Reliability
    lesions: Reliability


@dataclass(frozen=True)
class Calibration:
    """The temperature to use, and what led to it.

    Attributes:
        best: lowest mean loss over all scans.
        adopted: `best`, or `before` if there is something against it.
        against: what, in words.
        left_out: patient to the temperature that the other patients give.
        at_before, held_out: with `before`; and each patient with the temperature of the others.
    """

    before: float
    best: float
    adopted: float
    against: str | None
    left_out: dict[str, float]
    at_before: Judgement
    held_out: Judgement


def fittable(scans: Sequence[ScanSample], on: Where) -> list[ScanSample]:
    """The scans that have such voxels; of two patients at least, if `calibrate` is to work."""
    return [scan for scan in scans if getattr(scan, on).labels.size]


def calibrate(
    scans: Sequence[ScanSample], before: float = 1.0, *, on: Where = "surroundings"
) -> Calibration:
    """Fit the temperature on all scans, and judge it on patients that it was not fitted on.

    Args:
        scans: `fittable` ones of two patients at least, each of which counts the same, and others.
        before: the temperature that is kept unless another one gains.
        on: the voxels that it is fitted on.
    """
    fitted = fittable(scans, on)
    curves = np.stack([loss_curve(getattr(scan, on), TEMPERATURES) for scan in fitted])
    whose = np.array([scan.patient for scan in fitted])
    left_out = {
        patient: lowest(curves[whose != patient].mean(axis=0))
        for patient in dict.fromkeys(scan.patient for scan in scans)
    }
    best = lowest(curves.mean(axis=0))
    at_before = judge(scans, lambda scan: before, on=on)
    held_out = judge(scans, lambda scan: left_out[scan.patient], on=on)
    against = _against(best, at_before, held_out)
    adopted = best if against is None else before
    return Calibration(before, best, adopted, against, left_out, at_before, held_out)


def _against(best: float, before: Judgement, held_out: Judgement) -> str | None:
    if before.loss - held_out.loss <= _LEAST_GAIN:
        return "it gains nothing on patients left out"
    if best in (TEMPERATURES[0], TEMPERATURES[-1]):
        return "no temperature fits: the best is the last that was tried"
    if (held_out.lesions.error or 0.0) > (before.lesions.error or 0.0):
        return "the error of claimed tumours rises"
    return None


def loss_curve(voxels: VoxelSample, temperatures: Floats) -> Floats:
    """Mean negative log-likelihood (nats) of `voxels` at each temperature, (temperatures,)."""
    logits, labels = voxels.logits, voxels.labels
    told = np.take_along_axis(logits, labels[None].astype(np.intp), axis=0)
    # What is above the told label, then how far the rest is below that: nothing overflows.
    above = logits - told
    top = above.max(axis=0)
    above -= top
    mean_top = top.mean(dtype=np.float64)
    return np.array(
        [
            mean_top / one
            + np.log(np.exp(above / np.float32(one)).sum(axis=0)).mean(dtype=np.float64)
            for one in temperatures
        ]
    )


def lowest(curve: Floats, temperatures: Floats = TEMPERATURES) -> float:
    """The temperature where `curve` is lowest, between those tried by a parabola; at most the last.

    The loss is convex in 1 / temperature, so there is one such place.
    """
    at = int(np.argmin(curve))
    if at in (0, len(curve) - 1):
        return float(temperatures[at])
    x = np.log(temperatures[at - 1 : at + 2])
    y = curve[at - 1 : at + 2]
    bend, slope, _ = np.polyfit(x - x[1], y, 2)
    shift = -slope / (2 * bend) if bend > 0 else 0.0
    return float(np.exp(np.clip(x[1] + shift, x[0], x[2])))


def judge(
    scans: Sequence[ScanSample], temperature: Callable[[ScanSample], float], *, on: Where
) -> Judgement:
    """All `scans` together, each at its own temperature; the loss is that on `on`."""
    losses, surroundings, tumour, lesions = [], *(list[Reliability]() for _ in range(3))
    for scan in scans:
        one = temperature(scan)
        if getattr(scan, on).labels.size:
            losses.append(float(loss_curve(getattr(scan, on), np.array([one]))[0]))
        surroundings.append(_voxels(scan.surroundings, one))
        tumour.append(_voxels(scan.tumour, one))
        lesions.append(_lesions(scan.lesions, one))
    parts = (Reliability.together(part) for part in (surroundings, tumour, lesions))
    return Judgement(float(np.mean(losses)), *parts)


def _voxels(voxels: VoxelSample, temperature: float) -> Reliability:
    said = _softmax(voxels.logits, temperature)
    right = said.argmax(axis=0) == voxels.labels
    return Reliability.of(said.max(axis=0), right, bins=VOXEL_BINS)


def _lesions(lesions: Sequence[LesionSample], temperature: float) -> Reliability:
    def confidences() -> Iterator[float]:
        for lesion in lesions:
            said = _softmax(lesion.logits, temperature)
            yield float(said[Label.TUMOUR].mean(dtype=float))

    right = np.array([lesion.right for lesion in lesions], dtype=bool)
    return Reliability.of(np.array(list(confidences())), right, bins=LESION_BINS)


def _softmax(logits: Logits, temperature: float) -> Logits:
    scaled = (logits - logits.max(axis=0)) / np.float32(temperature)
    np.exp(scaled, out=scaled)
    return scaled / scaled.sum(axis=0)
