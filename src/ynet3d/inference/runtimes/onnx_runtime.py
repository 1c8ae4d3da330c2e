"""Networks as ONNX files, and in Microsoft's ONNX Runtime on the CPU, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ynet3d.errors import MissingExtraError
from ynet3d.inference.runtimes.batches import filled_up
from ynet3d.inference.runtimes.tracing import quiet_tracing, traceable

Shape = tuple[int, int, int, int, int]

OPSET = 18
_AXES = {0: "batch", 2: "depth", 3: "height", 4: "width"}


def save_onnx(network: nn.Module, path: Path, shape: Shape, *, dynamic: bool = False) -> None:
    """Write `network` for inputs of `shape` (N, 1, D, H, W) as ONNX.

    Args:
        dynamic: for any N, and any D, H, W that the network takes without padding.
    """
    try:
        import onnx  # noqa: F401  # the exporter asks for it late
    except ImportError:
        raise MissingExtraError("onnx", extra="runtimes", purpose="ONNX") from None
    axes = {"image": _AXES, "logits": _AXES} if dynamic else {}
    with quiet_tracing(), torch.no_grad():
        torch.onnx.export(
            traceable(network),
            (torch.zeros(shape),),
            path,
            input_names=["image"],
            output_names=["logits"],
            opset_version=OPSET,
            dynamic_axes=axes,
            # The exporter by tracing: a few seconds where the newer one takes ten times that, and
            # what it gives is the same here.
            dynamo=False,
        )


class OnnxForward:
    """A model of a file in ONNX Runtime: windows (N, 1, D, H, W) float32 to logits, on the CPU."""

    def __init__(self, path: Path, shape: Shape) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError(
                "onnxruntime", extra="runtimes", purpose="--runtime onnx"
            ) from None
        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        self._shape = shape
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes, D, H, W) float32."""
        (logits,) = self._session.run(None, {"image": filled_up(windows, self._shape[0])})
        return torch.from_numpy(logits[: len(windows)])
