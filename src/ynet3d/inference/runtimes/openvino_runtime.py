"""Networks in Intel's OpenVINO: the fastest on most CPUs, in float32, bfloat16 or int8."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ynet3d.errors import MissingExtraError
from ynet3d.inference.runtimes.batches import filled_up
from ynet3d.inference.runtimes.tracing import quiet_tracing, traceable

Shape = tuple[int, int, int, int, int]

_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}  # what int8 leaves over


def import_openvino(purpose: str = "--runtime openvino") -> Any:
    """The package.

    Raises:
        MissingExtraError: it is not installed.
    """
    # It would ask a server on the internet whether it may count its users.
    os.environ.setdefault("OPENVINO_TELEMETRY_DISABLED", "1")
    try:
        import openvino
    except ImportError:
        raise MissingExtraError("openvino", extra="runtimes", purpose=purpose) from None
    return openvino


def to_openvino(network: nn.Module, shape: Shape, *, dynamic: bool = False) -> Any:
    """OpenVINO's model of `network` for inputs of `shape` (N, 1, D, H, W).

    Args:
        dynamic: for any N, and any D, H, W that the network takes without padding.
    """
    openvino = import_openvino()
    with quiet_tracing():
        model = openvino.convert_model(
            traceable(network),
            example_input=torch.zeros(shape),
            input=[-1, 1, -1, -1, -1] if dynamic else list(shape),
        )
    model.inputs[0].get_tensor().set_names({"image"})
    model.outputs[0].get_tensor().set_names({"logits"})
    return model


def quantised(model: Any, samples: Sequence[torch.Tensor]) -> Any:
    """`model` in int8: ranges of its maps are taken from `samples` (N, 1, D, H, W), by NNCF."""
    try:
        import logging

        import nncf
    except ImportError:
        raise MissingExtraError("nncf", extra="runtimes", purpose="Precision int8") from None
    nncf.set_log_level(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # its own bars
        warnings.simplefilter("ignore")
        return nncf.quantize(
            model,
            nncf.Dataset([sample.numpy() for sample in samples]),
            subset_size=len(samples),
            preset=nncf.QuantizationPreset.MIXED,
        )


def save_openvino(model: Any, path: Path) -> None:
    """Write `path` (.xml) and the .bin beside it; weights stay in the precision they have."""
    import_openvino().save_model(model, path, compress_to_fp16=False)


class OpenVinoForward:
    """A model of a file, compiled: windows (N, 1, D, H, W) float32 to logits, on the CPU.

    Args:
        shape: what the file was made for; fewer windows than N are filled up.
        precision: "fp32", "bf16", or "int8" for a quantised file.
        cache: where OpenVINO keeps what it compiled.
    """

    def __init__(self, path: Path, shape: Shape, *, precision: str, cache: Path | None) -> None:
        openvino = import_openvino()
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            # Each process would bind its threads to the first cores, and leave the others idle.
            "ENABLE_CPU_PINNING": False,
        }
        if cache is not None:
            settings["CACHE_DIR"] = str(cache)
        self._shape = shape
        self._request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()

    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes, D, H, W) float32."""
        image = filled_up(windows, self._shape[0])
        found = self._request.infer({0: image}, share_inputs=True, share_outputs=True)
        # Copied: the request writes its next logits to the same place.
        return torch.from_numpy(found[0][: len(windows)].copy())
