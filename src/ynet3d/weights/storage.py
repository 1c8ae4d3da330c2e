"""Tensors of a network in fewer bytes: as float16, or kernels as int8 with scales.

They are storage alone: a network computes with float32 again once it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch

Storage = Literal["float16", "int8"]

_SCALE = ".scale"
_LARGEST = 127
#: Layers of smaller kernels hold few weights and stay float16.
_LEAST_KERNEL = 8


def stored(tensors: Mapping[str, torch.Tensor], storage: Storage) -> dict[str, torch.Tensor]:
    """`tensors` in fewer bytes.

    With "int8", kernels of a convolution become integers in [-127, 127], with a float16 scale for
    each channel of the tensor's first axis under its name and ".scale"; all others: float16.
    """
    found: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            found[name] = tensor
        elif storage == "int8" and tensor.ndim > 2 and tensor[0, 0].numel() >= _LEAST_KERNEL:
            kernels = tensor.float().flatten(1)
            scale = kernels.abs().amax(1) / _LARGEST
            # Rounded as it is stored, and never 0, so that integers and scale fit together.
            scale = scale.clamp_(min=2.0**-24).half()
            integers = (kernels / scale.float()[..., None]).round_().clamp_(-_LARGEST, _LARGEST)
            found[name] = integers.to(torch.int8).reshape(tensor.shape)
            found[name + _SCALE] = scale
        else:
            found[name] = tensor.half()
    return found


def restored(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What `stored` made smaller, as float32; other tensors as they are."""
    found = {}
    for name, tensor in tensors.items():
        if name.endswith(_SCALE) and name.removesuffix(_SCALE) in tensors:
            continue
        scale = tensors.get(name + _SCALE)
        if tensor.dtype == torch.int8 and scale is not None:
            found[name] = tensor.float() * scale.float().reshape(
                *scale.shape, *[1] * (tensor.ndim - scale.ndim)
            )
        else:
            found[name] = tensor.float() if tensor.dtype == torch.float16 else tensor
    return found
