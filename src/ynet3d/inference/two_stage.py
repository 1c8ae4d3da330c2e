"""Two networks one after the other: the liver in the whole scan, then tumours in its box."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ynet3d.inference.ensemble import OneOrMore
from ynet3d.inference.postprocessing import postprocess
from ynet3d.inference.predictor import Predictor
from ynet3d.inference.runtimes import Running
from ynet3d.preprocessing.cropping import cropped, liver_box
from ynet3d.progress import Progress
from ynet3d.recipes import Inference
from ynet3d.volumes import Volume

#: Around the liver, for refining weights that were trained on whole scans.
_MARGIN_MM = 20.0


class TwoStagePredictor:
    """Predicts with `coarse` where the liver is, and with `fine` what lies in its box.

    The box is that of the largest organ that `coarse` finds, wider by the margin that the recipe of
    `fine` was trained with (`preprocessing.crop_to_liver_mm`). Outside of it all is background;
    without a liver, everywhere.
    """

    def __init__(
        self,
        coarse: OneOrMore,
        fine: OneOrMore,
        *,
        device: str = "auto",
        runtime: str = "auto",
        precision: str = "auto",
        cache: Path | None = None,
    ) -> None:
        """As `Predictor`, for each of the two.

        Raises:
            InputError: weights that cannot be used, alone or together, or no such device.
        """
        self.coarse = Predictor(
            coarse, device=device, runtime=runtime, precision=precision, cache=cache
        )
        self.fine = Predictor(
            fine,
            device=device,
            runtime=runtime,
            precision=precision,
            cache=cache,
            in_liver_box=True,
        )
        self.weights = self.coarse.weights
        margin = self.fine.weights.recipe.preprocessing.crop_to_liver_mm
        self.margin_mm = _MARGIN_MM if margin is None else margin
        self.confidence: Volume | None = None  # as of `Predictor`

    @property
    def running(self) -> list[Running]:
        """What the last volume was predicted with: the first stage's, then the second's."""
        return [*self.coarse.running, *self.fine.running]

    def __call__(
        self, volume: Volume, *, progress: Progress | None = None, checked: bool = False
    ) -> Volume:
        """As `Predictor`: label map on the grid of `volume` (CT in HU)."""
        organ = self.coarse(volume, progress=progress, checked=checked)
        box = liver_box(postprocess(organ, Inference(largest_liver_component=True)), self.margin_mm)
        result, sure = np.zeros_like(organ.array), np.zeros_like(organ.array)
        if box is not None:
            # The whole scan has been checked: in the box, a CT need not hold air.
            fine = self.fine(cropped(volume, box), progress=progress, checked=True)
            result[box] = fine.array
            assert self.fine.confidence is not None
            sure[box] = self.fine.confidence.array
        self.confidence = organ.with_array(sure)
        return organ.with_array(result)


def make_predictor(
    weights: OneOrMore,
    *,
    refine: OneOrMore | None = None,
    device: str = "auto",
    runtime: str = "auto",
    precision: str = "auto",
    cache: Path | None = None,
) -> Predictor | TwoStagePredictor:
    """A predictor of one stage, or of two with `refine` as the second; the rest as `Predictor`."""
    if refine is None:
        return Predictor(weights, device=device, runtime=runtime, precision=precision, cache=cache)
    return TwoStagePredictor(
        weights, refine, device=device, runtime=runtime, precision=precision, cache=cache
    )


def predict(
    volume: Volume,
    *,
    weights: OneOrMore,
    refine: OneOrMore | None = None,
    device: str = "auto",
    runtime: str = "auto",
    precision: str = "auto",
) -> Volume:
    """Liver and tumours of a CT: label map on the grid of `volume` (HU), see `Predictor`."""
    predictor = make_predictor(
        weights, refine=refine, device=device, runtime=runtime, precision=precision
    )
    return predictor(volume)
