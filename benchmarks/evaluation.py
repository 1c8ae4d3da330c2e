"""Time of evaluating one 512 x 512 x 300 case, against MONAI, surface-distance and MedPy.

    pip install medpy surface-distance
    python benchmarks/evaluation.py --runs 5

The reference is a phantom with a liver of real size and 10 tumours; the prediction is the
reference with its surfaces displaced smoothly by 1 to 2 mm. Ours and each peer score the same
masks, in turns, each peer's in the form that it is fastest with. Seconds are medians over the runs;
"cpu" is processor time over all cores, which other jobs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import edt
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ynet3d.evaluation import (
    CLASSES,
    ClassMetrics,
    confusion,
    evaluate_pair,
    label_components,
    surface_distances,
)
from ynet3d.evaluation.metrics import NSD_TOLERANCE_MM
from ynet3d.labels import Label
from ynet3d.phantoms import PhantomOptions, make_phantom
from ynet3d.volumes import Volume

Mask = npt.NDArray[np.bool_]
Metrics = dict[str, float]
Spacing = tuple[float, float, float]
Peer = Callable[[Any, Any, Spacing], Metrics]

ALL_LIMIT_S, NOISY_LIMIT_S = 1.5, 10.0
NOISE_PARTS = 5_000


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--medpy-runs", type=int, default=1, help="each takes minutes")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    arguments = parser.parse_args()
    reference = reference_case()
    prediction = reference.with_array(displaced(reference))
    noisy = reference.with_array(with_noise(prediction))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the runs")
    whole_cases(reference, {"prediction": prediction, "noisy prediction": noisy}, arguments.runs)
    for name in ("liver", "tumour"):
        masks = [CLASSES[name].mask(volume.array) for volume in (prediction, reference)]
        runs = {
            peer: arguments.medpy_runs if peer == "medpy" else arguments.runs
            for peer in arguments.peers
        }
        side_by_side(name, masks[0], masks[1], reference.spacing, runs)
    print(f"\nload {os.getloadavg()[0]:.1f} after the runs")


# The case.


def reference_case() -> Volume:
    """A phantom's labels, in the memory order of NIfTI."""
    options = PhantomOptions(orientation="LPS", slices=300, pixel_mm=0.75, slice_mm=1.0, tumours=10)
    label = make_phantom(3, options).label
    return label.with_array(np.asfortranarray(label.array))


def displaced(reference: Volume) -> npt.NDArray[np.uint8]:
    """The reference with the liver's surface moved by 2 mm and the tumours' by 1.5 mm (sd)."""
    random = np.random.default_rng(0)
    labels = np.zeros_like(reference.array)
    for labelled, sd_mm, patch_mm, value in (
        (reference.array > 0, 2.0, 12.0, Label.LIVER),
        (reference.array == Label.TUMOUR, 1.5, 6.0, Label.TUMOUR),
    ):
        box = tuple(
            slice(max(0, part.start - 20), part.stop + 20)
            for part in ndimage.find_objects(labelled.view(np.uint8))[0]
        )
        mask = np.ascontiguousarray(labelled[box])
        inside_mm = edt.edt(mask, anisotropy=reference.spacing) - edt.edt(
            ~mask, anisotropy=reference.spacing
        )
        coarse = [
            2 + int(size * side / patch_mm)
            for size, side in zip(mask.shape, reference.spacing, strict=True)
        ]
        noise = ndimage.zoom(
            random.normal(size=coarse).astype(np.float32),
            [size / few for size, few in zip(mask.shape, coarse, strict=True)],
        )
        labels[box][inside_mm + sd_mm * noise > 0] = value
    return labels


def with_noise(prediction: Volume) -> npt.NDArray[np.uint8]:
    """The prediction with so many specks of tumour that it has 5,000 of them in all."""
    random = np.random.default_rng(1)
    labels = prediction.array.copy(order="K")
    sites = np.stack(np.meshgrid(*[np.arange(2, size - 3, 7) for size in labels.shape]), axis=-1)
    sites = random.permutation(sites.reshape(-1, 3))
    free = [site for site in sites if not labels[_cube(site, 2)].any()]
    missing = NOISE_PARTS - int(label_components(labels == Label.TUMOUR).max())
    for site in free[:missing]:
        labels[_cube(site, int(random.integers(0, 3)))] = Label.TUMOUR
    assert label_components(labels == Label.TUMOUR).max() == NOISE_PARTS
    return labels


def _cube(site: npt.NDArray[np.int64], radius: int) -> tuple[slice, ...]:
    return tuple(slice(int(at) - radius, int(at) + radius + 1) for at in site)


# Measuring.


def measured(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds by the clock, seconds of processor time, and what the call returned."""
    clock, processor = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - clock, time.process_time() - processor, result


def whole_cases(reference: Volume, predictions: dict[str, Volume], runs: int) -> None:
    """Everything that `ynet3d evaluate` computes for a case, reading and writing left out."""
    print("\n| all metrics of | seconds | cpu | limit |\n|---|---|---|---|")
    for name, prediction in predictions.items():
        limit = NOISY_LIMIT_S if name.startswith("noisy") else ALL_LIMIT_S
        timed = [
            measured(partial(evaluate_pair, prediction, reference, "case")) for _ in range(runs)
        ]
        clock, processor = (statistics.median(run[part] for run in timed) for part in (0, 1))
        print(f"| {name} | {clock:.2f} | {processor:.2f} | {limit} |", flush=True)


def side_by_side(
    name: str,
    prediction: Mask,
    reference: Mask,
    spacing: Spacing,
    runs: dict[str, int],
) -> None:
    """Ours and each peer on the same masks, in turns."""
    columns = ("dice", "jaccard", "assd", "hd", "hd95", "nsd_2mm")
    print(f"\n| {name} | seconds | cpu | times ours | in cpu | {' | '.join(columns)} |")
    print("|---" * (5 + len(columns)) + "|")
    ours: list[tuple[float, float, Any]] = []
    lines = []
    for peer_name, repeats in runs.items():
        peer, prepared = PEERS[peer_name]
        try:
            installed = version(peer_name)
        except PackageNotFoundError:
            lines.append(f"| {peer_name} is not installed: pip install {peer_name} |")
            continue
        warm_up = prepared(np.pad(np.ones((3, 3, 3), np.bool_), 1))
        peer(warm_up, warm_up, spacing)
        theirs = prepared(prediction), prepared(reference)
        pairs = []
        for _ in range(repeats):
            one = measured(partial(our_metrics, prediction, reference, spacing))
            other = measured(partial(peer, *theirs, spacing))
            pairs.append((one, other))
        ours += [one for one, _ in pairs]
        ratios = [
            statistics.median(other[part] / one[part] for one, other in pairs) for part in (0, 1)
        ]
        lines.append(
            _line(f"{peer_name} {installed}", [other for _, other in pairs], ratios, columns)
        )
    print("\n".join([_line("ynet3d", ours, [1.0, 1.0], columns), *lines]), flush=True)


def _line(
    name: str,
    timed: list[tuple[float, float, Any]],
    ratios: list[float],
    columns: tuple[str, ...],
) -> str:
    clock, processor = (statistics.median(run[part] for run in timed) for part in (0, 1))
    values = [f"{timed[-1][2][column]:.3f}" if column in timed[-1][2] else "" for column in columns]
    figures = [f"{clock:.2f}", f"{processor:.2f}", *(f"{ratio:.1f}" for ratio in ratios)]
    return f"| {' | '.join([name, *figures, *values])} |"


# Ours and the peers, each as its documentation says.


def our_metrics(prediction: Mask, reference: Mask, spacing: Spacing) -> Metrics:
    """What the peers have, and more."""
    found = ClassMetrics.of(
        confusion(prediction, reference), surface_distances(prediction, reference, spacing)
    )
    assert found.assd_mm is not None
    assert found.msd_mm is not None
    assert found.hd95_mm is not None
    return {
        "dice": found.dice,
        "jaccard": found.jaccard,
        "assd": found.assd_mm,
        "hd": found.msd_mm,
        "hd95": found.hd95_mm,
        "nsd_2mm": found.nsd_2mm,
    }


def float_tensor(mask: Mask) -> Any:
    """One channel of a batch of one, as MONAI takes it."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()


def monai_metrics(prediction: Any, reference: Any, spacing: Spacing) -> Metrics:
    """MONAI's functions, on the processor."""
    metrics = importlib.import_module("monai.metrics")
    options: dict[str, Any] = {"include_background": True, "spacing": list(spacing)}
    hausdorff = metrics.compute_hausdorff_distance
    return {
        "dice": float(metrics.compute_dice(prediction, reference)),
        "jaccard": float(metrics.compute_iou(prediction, reference)),
        "assd": float(
            metrics.compute_average_surface_distance(
                prediction, reference, symmetric=True, **options
            )
        ),
        "hd": float(hausdorff(prediction, reference, **options)),
        "hd95": float(hausdorff(prediction, reference, percentile=95, **options)),
        "nsd_2mm": float(
            metrics.compute_surface_dice(
                prediction, reference, class_thresholds=[NSD_TOLERANCE_MM], **options
            )
        ),
    }


def surface_distance_metrics(prediction: Mask, reference: Mask, spacing: Spacing) -> Metrics:
    """DeepMind's surface-distance: distances once, then each metric. It has no Jaccard."""
    peer = importlib.import_module("surface_distance")
    distances = peer.compute_surface_distances(reference, prediction, spacing)
    return {
        "dice": float(peer.compute_dice_coefficient(reference, prediction)),
        "assd": float(np.mean(peer.compute_average_surface_distance(distances))),
        "hd": float(peer.compute_robust_hausdorff(distances, 100)),
        "hd95": float(peer.compute_robust_hausdorff(distances, 95)),
        "nsd_2mm": float(peer.compute_surface_dice_at_tolerance(distances, NSD_TOLERANCE_MM)),
    }


def medpy_metrics(prediction: Mask, reference: Mask, spacing: Spacing) -> Metrics:
    """MedPy's functions. It has no NSD."""
    peer = importlib.import_module("medpy.metric.binary")
    return {
        "dice": float(peer.dc(prediction, reference)),
        "jaccard": float(peer.jc(prediction, reference)),
        "assd": float(peer.assd(prediction, reference, spacing)),
        "hd": float(peer.hd(prediction, reference, spacing)),
        "hd95": float(peer.hd95(prediction, reference, spacing)),
    }


#: By the name that pip knows, with what it makes of a mask beforehand, which is not timed.
PEERS: dict[str, tuple[Peer, Callable[[Mask], Any]]] = {
    "monai": (monai_metrics, float_tensor),
    "surface-distance": (surface_distance_metrics, np.ascontiguousarray),
    "medpy": (medpy_metrics, np.ascontiguousarray),
}

if __name__ == "__main__":
    main()
