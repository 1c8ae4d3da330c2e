"""A process that opens weights and sends the first windows through (see `forward`).

python -m ynet3d.benchmarks.first_pass WEIGHTS CACHE
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ynet3d.inference import Predictor
from ynet3d.progress import Progress


def main(weights: str, cache: str) -> None:
    """The first logits of a scan of 64 x 128 x 128 voxels on the network grid."""
    predictor = Predictor(weights, device="cpu", runtime="openvino", cache=Path(cache))
    shape, networks = predictor.prepare((64, 128, 128), Progress(quiet=True))
    for running in networks:
        running.forward(torch.zeros(shape))


if __name__ == "__main__":
    main(*sys.argv[1:])
