"""How long `ynet3d` takes to say anything, and whether scoring masks loads PyTorch."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ynet3d.benchmarks.whole_case import run_measured
from ynet3d.errors import YnetError
from ynet3d.volumes import Volume, write_label

_COMMAND = (sys.executable, "-m", "ynet3d.cli.main")
_EVALUATE = """
import sys
from ynet3d.cli.main import main
try:
    main(["evaluate", *sys.argv[1:], "--quiet"])
except SystemExit as ended:
    assert not ended.code, ended.code
print("\\nloaded torch:", "torch" in sys.modules)
"""


@dataclass(frozen=True)
class StartUp:
    """What starting costs.

    Attributes:
        help_processor_seconds, help_seconds: of `ynet3d --help`, warm: by processor and clock.
        evaluate_loads_torch: whether `ynet3d evaluate` of a small mask did.
    """

    help_processor_seconds: float
    help_seconds: float
    evaluate_loads_torch: bool


def measure_start_up(*, repeats: int = 5) -> StartUp:
    """Start the command anew each time; the first start, which reads from the disk, is left out.

    Raises:
        YnetError: a command failed.
    """
    runs = [run_measured([*_COMMAND, "--help"]) for _ in range(1 + repeats)][1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        label = np.zeros((8, 8, 8), np.uint8)
        label[2:6, 2:6, 2:6] = 1
        write_label(Volume(label, np.eye(4)), folder / "mask.nii.gz")
        mask = str(folder / "mask.nii.gz")
        said = _run([sys.executable, "-c", _EVALUATE, mask, mask, "-o", str(folder / "out")])
    return StartUp(
        min(run.processor_seconds for run in runs),
        min(run.seconds for run in runs),
        said.endswith("loaded torch: True\n"),
    )


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise YnetError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
