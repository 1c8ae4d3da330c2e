"""How long matching the lesions of one case takes, and against a pass over the scan per lesion.

    python benchmarks/lesions.py

Scenes: 10 round tumours of 12 to 50 mm in a scan of 512 x 512 x 300 voxels, predicted shifted
and rescaled; the same with 200 and with 5,000 specks of 5 voxels added to the prediction. The other
way is what definitions read like, and how the LiTS scorer is written: each predicted lesion is
looked for in the whole scan, and those that meet the reference are counted against each of its
lesions in the box around them. It is run up to 200 specks. Times are of the CPU, all threads, since
they depend less on what else the machine does.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from ynet3d.evaluation.conventions import CONVENTIONS, Convention
from ynet3d.evaluation.lesions import LesionMatching, match_lesions

SHAPE = (512, 512, 300)
SPACING = np.array([0.8, 0.8, 1.5])
AFFINE = np.diag([*SPACING, 1.0])


def tumours() -> tuple[np.ndarray, np.ndarray]:
    """Prediction and reference with 10 tumours each, in the order of a NIfTI file in memory."""
    random = np.random.default_rng(0)
    prediction, reference = (np.zeros(SHAPE, dtype=bool, order="F") for _ in range(2))
    for _ in range(10):
        centre = random.uniform([120, 150, 80], [320, 350, 220])
        radius = random.uniform(6, 25)
        add_ball(reference, centre, radius)
        shifted = centre + random.normal(0, 1.5, 3) / SPACING
        add_ball(prediction, shifted, radius * random.uniform(0.85, 1.15))
    return prediction, reference


def add_ball(mask: np.ndarray, centre: np.ndarray, radius_mm: float) -> None:
    first = np.floor(centre - radius_mm / SPACING).astype(int)
    last = np.ceil(centre + radius_mm / SPACING).astype(int) + 1
    axes = np.ogrid[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    apart = sum(
        ((axis - at) * side) ** 2 for axis, at, side in zip(axes, centre, SPACING, strict=True)
    )
    mask[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] |= apart <= radius_mm**2


def with_specks(prediction: np.ndarray, number: int) -> np.ndarray:
    noisy = prediction.copy(order="F")
    places = np.random.default_rng(1).integers(2, np.array(SHAPE) - 2, (number, 3))
    for step in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 1, 1)):
        noisy[tuple((places + step).T)] = True
    return noisy


def pass_per_lesion(prediction: np.ndarray, reference: np.ndarray) -> dict[tuple[int, int], int]:
    """Only which lesions share how many voxels, without sizes, diameters and distances."""
    (predicted, _), (referred, references) = (
        ndimage.label(mask, output=np.int16) for mask in (prediction, reference)
    )
    meeting = set(np.unique(predicted[referred > 0]).tolist()) - {0}
    reduced = predicted.copy()
    for number in np.unique(predicted):
        if number and number not in meeting:
            reduced[reduced == number] = 0
    (box,) = ndimage.find_objects(((reduced > 0) | (referred > 0)).astype(np.int8))
    predicted, referred = predicted[box], referred[box]
    return {
        (p, r): int(np.count_nonzero((predicted == p) & (referred == r)))
        for p in meeting
        for r in range(1, references + 1)
    }


def seconds(work: Callable[..., object], *arguments: object, repeats: int = 3) -> list[float]:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work(*arguments)
        times.append(time.process_time() - start)
    return times


def match(prediction: np.ndarray, reference: np.ndarray, convention: Convention) -> LesionMatching:
    return match_lesions(prediction, reference, affine=AFFINE, convention=convention)


def main() -> None:
    clean, reference = tumours()
    print("| scene | predicted | convention | first run | best run | a pass per lesion | ratio |")
    print("|---|---|---|---|---|---|---|")
    for specks in (0, 200, 5000):
        prediction = with_specks(clean, specks)
        other = None
        if specks <= 200:
            other = min(seconds(pass_per_lesion, prediction, reference, repeats=1))
        for convention in CONVENTIONS:
            times = seconds(match, prediction, reference, convention)
            lesions = len(match(prediction, reference, convention).prediction)
            against = " | " if other is None else f"{other:.1f} | {other / min(times):.0f}"
            scene = f"10 tumours, {specks} specks" if specks else "10 tumours"
            own = f"{times[0]:.2f} | {min(times):.2f}"
            print(f"| {scene} | {lesions} | {convention} | {own} | {against} |")


if __name__ == "__main__":
    main()
