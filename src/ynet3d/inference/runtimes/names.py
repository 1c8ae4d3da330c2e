"""What runs a network, in which arithmetic: names for recipes, options and files; no torch here."""

from __future__ import annotations

from ynet3d.errors import InputError

RUNTIMES = ("auto", "torch", "openvino", "onnx")
#: "training": as the recipe trained and validated it, in PyTorch, unchecked.
PRECISIONS = ("auto", "training", "fp32", "bf16", "int8")

_OFFERED = {
    "torch": ("fp32", "bf16", "training"),
    "openvino": ("fp32", "bf16", "int8"),
    "onnx": ("fp32",),
}


def check_names(runtime: str, precision: str) -> None:
    """Make sure that this runtime exists and offers this precision.

    Raises:
        InputError: it does not; the sentence says what there is.
    """
    if runtime not in RUNTIMES:
        raise InputError(f"There is no runtime {runtime!r}: choose one of {', '.join(RUNTIMES)}.")
    if precision not in PRECISIONS:
        raise InputError(
            f"There is no precision {precision!r}: choose one of {', '.join(PRECISIONS)}."
        )
    offered = _OFFERED.get(runtime)
    if offered is not None and precision not in ("auto", *offered):
        raise InputError(
            f"The runtime {runtime} has no precision {precision}: choose auto or one of "
            f"{', '.join(offered)}, or another runtime."
        )
