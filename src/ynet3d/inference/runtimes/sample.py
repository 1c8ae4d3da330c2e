"""An input to check and calibrate runtimes on: the liver of a phantom, as a network sees it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from ynet3d.components import bounding_box
from ynet3d.labels import Label
from ynet3d.preprocessing import label_to_network_grid, to_network_grid
from ynet3d.recipes import Preprocessing

if TYPE_CHECKING:
    from ynet3d.phantoms import Phantom

Shape = tuple[int, int, int, int, int]

SEED = 4207
_TUMOURS = 4
_MATRIX, _SLICES = 128, 48  # finer ones take many seconds to make, and say no more here


def phantom_sample(shape: Shape, preprocessing: Preprocessing) -> torch.Tensor:
    """Windows (N, 1, D, H, W) of a phantom on the network grid; the first is centred on the liver.

    The others lie around it. Where the phantom is smaller than a window, its border is repeated.
    """
    phantom = _phantom()
    image = to_network_grid(phantom.image, preprocessing)
    label = label_to_network_grid(phantom.label, preprocessing)
    box = bounding_box(label >= Label.LIVER)
    assert box is not None  # every phantom has a liver
    centre = [(side.start + side.stop) // 2 for side in box]
    size = shape[2:]
    missing = [max(0, want - have) for want, have in zip(size, image.shape, strict=True)]
    image = np.pad(image, [(lack // 2, lack - lack // 2) for lack in missing], mode="edge")
    windows = []
    for number in range(shape[0]):
        corner = [
            int(np.clip(middle + lack // 2 - want // 2 + shift, 0, have - want))
            for middle, lack, want, have, shift in zip(
                centre, missing, size, image.shape, _shift(number, size), strict=True
            )
        ]
        inside = tuple(slice(c, c + want) for c, want in zip(corner, size, strict=True))
        windows.append(torch.from_numpy(image[inside].copy())[None])
    return torch.stack(windows)


def sample_words(shape: Shape) -> str:
    """What `phantom_sample` gives, for people."""
    size = " x ".join(map(str, shape[2:]))
    return f"{shape[0]} window{'s' * (shape[0] > 1)} of {size} of a phantom"


@lru_cache(maxsize=1)  # it takes seconds to make, and several networks may be checked
def _phantom() -> Phantom:
    from ynet3d.phantoms import PhantomOptions, make_phantom  # most starts check nothing

    options = PhantomOptions(
        matrix=_MATRIX, slices=_SLICES, tumours=_TUMOURS, pixel_mm=3.0, orientation="LPS"
    )
    return make_phantom(SEED, options)


def _shift(number: int, size: tuple[int, ...]) -> list[int]:
    """The windows lie about the first one at a third of their size along one axis each."""
    shift = [0, 0, 0]
    if number:
        axis = (number - 1) % 3
        shift[axis] = (size[axis] // 3) * (1 if number % 2 else -1)
    return shift
