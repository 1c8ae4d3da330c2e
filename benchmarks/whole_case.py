"""Peak memory and time of `ynet3d predict` for a 512 x 512 x N scan, against the network alone.

    python benchmarks/whole_case.py --weights demo/run --slices 1000

The scan is a phantom stretched to N slices. "The network alone" is one prediction of an array of
the network grid's size with the same weights, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ynet3d.phantoms import PhantomOptions, make_phantom
from ynet3d.preprocessing import network_shape
from ynet3d.volumes import Volume, write_volume
from ynet3d.weights import load_weights

NETWORK_ALONE = """
import sys
import numpy as np
from ynet3d.inference import Predictor, network_logits
predictor = Predictor(sys.argv[1], device="cpu")
image = np.random.default_rng(0).random([int(n) for n in sys.argv[2:]], dtype=np.float32)
network_logits(predictor.weights.network, image, predictor.weights.recipe, device=predictor.device)
"""


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--slices", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        volume = stretched_phantom(arguments.slices)
        write_volume(volume, folder / "scan.nii.gz")
        grid = network_shape(volume, load_weights(arguments.weights).recipe.preprocessing)
        size = " x ".join(map(str, grid))
        alone, network_seconds = measure(
            [sys.executable, "-c", NETWORK_ALONE, arguments.weights, *map(str, grid)]
        )
        words = ["predict", str(folder / "scan.nii.gz"), "--out", str(folder / "out")]
        options = ["--weights", arguments.weights, "--device", "cpu", "--quiet"]
        program = str(Path(sys.executable).parent / "ynet3d")
        whole, seconds = measure([program, *words, *options])
        found = json.loads((folder / "out" / "statistics.json").read_text())
    print(
        f"512 x 512 x {arguments.slices} (network grid {size}): {seconds:.1f} s, of it the "
        f"network's process {network_seconds:.1f} s; peak {whole:.2f} GB, network alone "
        f"{alone:.2f} GB, beyond it {whole - alone:.2f} GB. {found['summary']}"
    )


def stretched_phantom(slices: int) -> Volume:
    """A full-size phantom with its slices repeated to make `slices` of them."""
    phantom = make_phantom(3, PhantomOptions(orientation="LPS", slices=100)).image
    nearest = np.arange(slices) * phantom.shape[2] // slices
    affine = phantom.affine.copy()
    affine[:3, 2] *= phantom.shape[2] / slices
    return Volume(np.asfortranarray(phantom.array[:, :, nearest]), affine)


def measure(command: list[str]) -> tuple[float, float]:
    """Peak resident memory in GB, and seconds, of a command."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    return usage.ru_maxrss * 1024 / 1e9, time.monotonic() - started


if __name__ == "__main__":
    main()
