"""A case without its network, here and in nnU-Net v2: the same scan, the same logits, in one run.

    python benchmarks/against_nnunet.py --nnunet-python VENV/bin/python --spacing network

Run it in the environment of this package; nnU-Net v2 has one of its own (`pip install nnunetv2`).
From the file to the array the network gets, and from the network's logits to the written mask:
nnU-Net's `DefaultPreprocessor.run_case` and `export_prediction_from_logits` with the plans that its
planner writes for CT, against what `ynet3d predict` calls. Neither makes statistics or pictures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

#: Median spacing of LiTS, which nnU-Net's planner takes for its `3d_fullres`; (z, y, x) in mm.
LITS_SPACING_MM = (1.0, 0.767578125, 0.767578125)
THREADS = 2
_SCAN, _LOGITS, _SETTINGS, _RESULT = "scan.nii.gz", "logits.npy", "settings.json", "result.json"


def main() -> None:
    """Measure both and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nnunet-python", help="Python of an environment with nnunetv2")
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument(
        "--spacing",
        choices=["network", "lits"],
        default="network",
        help="network: the grid of recipe `paper`; lits: 1 x 0.77 x 0.77 mm, nnU-Net's for LiTS",
    )
    parser.add_argument("--part", choices=["ours", "nnunet"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part is not None:
        measure = {"ours": ours, "nnunet": nnunet}[arguments.part]
        (arguments.folder / _RESULT).write_text(json.dumps(measure(arguments.folder)), "utf-8")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: what a parent holds counts as its children's memory.
        prepare = [sys.executable, "-c", _PREPARE, name, str(arguments.slices), arguments.spacing]
        subprocess.run(prepare, check=True)
        pythons = {"ours": sys.executable, "nnunet": arguments.nnunet_python}
        results = {part: measured(python, part, folder) for part, python in pythons.items()}
        agree = agreement(folder)
    print(f"512 x 512 x {arguments.slices}, {arguments.spacing}: {results['ours']['grid']}")
    print("| | preprocessing s | export s | both s | whole process s | peak GB |")
    print("|---|---|---|---|---|---|")
    for part, found in results.items():
        both = found["before"] + found["after"]
        print(
            f"| {part} | {found['before']:.2f} | {found['after']:.2f} | {both:.2f} "
            f"| {found['process']:.1f} | {found['peak_gb']:.2f} |"
        )
    first, second = (found["before"] + found["after"] for found in results.values())
    print(f"nnU-Net takes {second / first:.1f} times as long. {agree}")


_PREPARE = """
import json, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, "benchmarks")
from against_nnunet import prepare
prepare(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
"""


def prepare(folder: Path, slices: int, spacing: str) -> None:
    """The scan, the logits on the network grid, and what either side has to know."""
    from ynet3d.benchmarks.scans import benchmark_scan, write_as_others_do
    from ynet3d.benchmarks.whole_case import true_logits
    from ynet3d.preprocessing import network_shape
    from ynet3d.recipes import Preprocessing, load_recipe

    scan = benchmark_scan(slices)
    write_as_others_do(scan.image, folder / _SCAN)
    preprocessing = load_recipe("paper").preprocessing
    if spacing == "lits":
        preprocessing = Preprocessing(
            window_hu=preprocessing.window_hu, size=None, spacing_mm=LITS_SPACING_MM
        )
    shape = network_shape(scan.image, preprocessing)
    np.save(folder / _LOGITS, true_logits(scan.label, preprocessing))
    across, down, up = scan.image.spacing
    fine = (slices, 512, 512)
    target = [
        size * old / new for size, old, new in zip((up, down, across), fine, shape, strict=True)
    ]
    settings = {"preprocessing": preprocessing.model_dump(), "spacing_mm": target, "shape": shape}
    (folder / _SETTINGS).write_text(json.dumps(settings), "utf-8")


def measured(python: str, part: str, folder: Path) -> dict[str, Any]:
    """Run one side in a process of its own; its seconds and its peak memory."""
    from ynet3d.benchmarks.whole_case import run_measured  # not in nnU-Net's environment

    command = [python, __file__, "--part", part, "--folder", str(folder)]
    run = run_measured(command, environment={"nnUNet_def_n_proc": str(THREADS)})
    found: dict[str, Any] = json.loads((folder / _RESULT).read_text("utf-8"))
    return {**found, "process": run.seconds, "peak_gb": run.peak_gb}


def ours(folder: Path) -> dict[str, Any]:
    """What `ynet3d predict` does before and after its network, to the written mask."""
    import torch

    from ynet3d.pipelines.scans import read_ct
    from ynet3d.preprocessing import labels_on_source_grid, to_network_grid
    from ynet3d.recipes import Preprocessing
    from ynet3d.volumes import write_label

    torch.set_num_threads(THREADS)
    settings = json.loads((folder / _SETTINGS).read_text("utf-8"))
    preprocessing = Preprocessing.model_validate(settings["preprocessing"])
    started = time.perf_counter()
    volume, _ = read_ct(folder / _SCAN)
    image = to_network_grid(volume, preprocessing)
    before = time.perf_counter() - started
    logits = torch.from_numpy(np.load(folder / _LOGITS))
    assert image.shape == logits.shape[1:]
    started = time.perf_counter()
    write_label(labels_on_source_grid(logits, volume), folder / "ours.nii.gz")
    return {
        "before": before,
        "after": time.perf_counter() - started,
        "grid": " x ".join(map(str, image.shape)),
    }


def nnunet(folder: Path) -> dict[str, Any]:
    """nnU-Net v2's preprocessing and export, in its own environment."""
    import torch
    from nnunetv2.inference.export_prediction import export_prediction_from_logits
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    torch.set_num_threads(THREADS)
    settings = json.loads((folder / _SETTINGS).read_text("utf-8"))
    dataset = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "liver": 1, "tumour": 2},
        "file_ending": ".nii.gz",
    }
    plans = PlansManager(_plans(settings["spacing_mm"], settings["shape"]))
    configuration = plans.get_configuration("3d_fullres")
    started = time.perf_counter()
    data, _, properties = DefaultPreprocessor(verbose=False).run_case(
        [str(folder / _SCAN)], None, plans, configuration, dataset
    )
    before = time.perf_counter() - started
    grid = data.shape[1:]
    del data
    logits = torch.from_numpy(np.load(folder / _LOGITS))
    if grid != logits.shape[1:]:
        raise SystemExit(f"nnU-Net's grid is {grid}, the logits' {tuple(logits.shape[1:])}")
    started = time.perf_counter()
    export_prediction_from_logits(
        logits,
        properties,
        configuration,
        plans,
        dataset,
        str(folder / "nnunet"),
        num_threads_torch=THREADS,
    )
    after = time.perf_counter() - started
    return {"before": before, "after": after, "grid": " x ".join(map(str, grid))}


def _plans(spacing: list[float], shape: list[int]) -> dict[str, Any]:
    """Plans as nnU-Net's planner writes them for CT, as far as these two steps read them."""
    resampling = "resample_data_or_seg_to_shape"
    image = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    configuration = {
        "spacing": spacing,
        "patch_size": shape,
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": resampling,
        "resampling_fn_data_kwargs": image,
        "resampling_fn_seg": resampling,
        "resampling_fn_seg_kwargs": {**image, "is_seg": True, "order": 1},
        "resampling_fn_probabilities": resampling,
        "resampling_fn_probabilities_kwargs": {**image, "order": 1},
        "architecture": {},
    }
    return {
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "label_manager": "LabelManager",
        "configurations": {"3d_fullres": configuration},
        "foreground_intensity_properties_per_channel": {
            "0": {"mean": 100.0, "std": 40.0, "percentile_00_5": -20.0, "percentile_99_5": 200.0}
        },
    }


def agreement(folder: Path) -> str:
    """How alike the two masks are."""
    from ynet3d.volumes import read_label

    one, other = (read_label(folder / f"{name}.nii.gz") for name in ("ours", "nnunet"))
    if not one.same_grid(other):
        return "The masks lie on different grids."
    dice = [
        2
        * np.sum((one.array == label) & (other.array == label))
        / np.sum((one.array == label).astype(int) + (other.array == label))
        for label in (1, 2)
    ]
    return f"Dice between the two masks: liver {dice[0]:.4f}, tumour {dice[1]:.4f}."


if __name__ == "__main__":
    main()
