"""PyTorch, OpenVINO, ONNX Runtime: ways to run a network, each checked against torch float32."""

from ynet3d.inference.runtimes.choose import Running, RuntimeChooser
from ynet3d.inference.runtimes.names import PRECISIONS, RUNTIMES
from ynet3d.inference.runtimes.parity import Forward, Parity, compare_labels
from ynet3d.inference.runtimes.torch_runtime import TorchForward

__all__ = [
    "PRECISIONS",
    "RUNTIMES",
    "Forward",
    "Parity",
    "Running",
    "RuntimeChooser",
    "TorchForward",
    "compare_labels",
]
