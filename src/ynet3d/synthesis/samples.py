"""Synthesis as a step of training: each sample changed as its own random numbers say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.recipes import Preprocessing, Synthesis
from ynet3d.synthesis.fields import Spacing
from ynet3d.synthesis.insertion import draw_lesions, insert_lesions

Image = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LesionInserter:
    """Puts lesions into samples of the network grid, as a recipe's section `synthesis` says."""

    options: Synthesis
    preprocessing: Preprocessing

    def __call__(
        self, image: Image, label: Labels, generator: np.random.Generator
    ) -> tuple[Image, Labels]:
        """Image (D, H, W) in [0, 1] and its labels, with lesions or as they were."""
        spacing: Spacing | None = self.preprocessing.spacing_mm
        lesions = draw_lesions(generator, self.options)
        if not lesions or spacing is None:  # the recipe's own check
            return image, label
        low, high = self.preprocessing.window_hu
        width = np.float32(high - low)
        hu, marks = insert_lesions(
            image * width + np.float32(low),
            label,
            spacing=spacing,
            generator=generator,
            options=self.options,
            lesions=lesions,
        )
        return np.clip((hu - np.float32(low)) / width, 0, 1), marks
