"""Synthesis as a step of training: each sample changed as its own random numbers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ynet3d.labels import Label
from ynet3d.recipes import Patches, Preprocessing, Recipe, Synthesis
from ynet3d.synthesis.appearance import draw_appearance
from ynet3d.synthesis.fat import draw_loss_hu, make_fatty
from ynet3d.synthesis.fields import Shape
from ynet3d.synthesis.insertion import draw_lesions, insert_lesions
from ynet3d.synthesis.lesions import draw_lesion
from ynet3d.synthesis.maps import MAP_SPACING, TissueMap
from ynet3d.synthesis.rendering import draw_scanner, render

Image = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Synthesiser:
    """Changes samples of the network grid, as a recipe's section `synthesis` says.

    Attributes:
        maps: what wholly synthetic samples are made of; none are made without.
    """

    options: Synthesis
    preprocessing: Preprocessing
    patches: Patches | None
    maps: Sequence[TissueMap] = ()

    @classmethod
    def of(cls, recipe: Recipe, maps: Sequence[TissueMap] = ()) -> Synthesiser:
        """As `recipe` says."""
        return cls(recipe.synthesis, recipe.preprocessing, recipe.patches, maps)

    def __call__(
        self, image: Image, label: Labels, generator: np.random.Generator
    ) -> tuple[Image, Labels]:
        """Image (D, H, W) in [0, 1] and its labels: changed, as they were, or others."""
        spacing = self.preprocessing.spacing_mm
        if spacing is None:  # the recipe's own check
            return image, label
        low, high = self.preprocessing.window_hu
        width = np.float32(high - low)
        whole = bool(self.maps) and generator.random() < self.options.whole_probability
        if whole:
            depth, height, columns = image.shape
            hu, label = self.whole((depth, height, columns), generator)
            lesions = draw_lesions(generator, self.options)
        else:
            lesions = draw_lesions(generator, self.options)
            probability = self.options.fatty_probability
            fatty = probability > 0 and generator.random() < probability
            if not lesions and not fatty:
                return image, label
            hu = image * width + np.float32(low)
            if fatty:
                loss = draw_loss_hu(generator)
                hu = make_fatty(hu, label, spacing=spacing, loss_hu=loss)
        if lesions:
            hu, label = insert_lesions(
                hu,
                label,
                spacing=spacing,
                generator=generator,
                options=self.options,
                lesions=lesions,
            )
        return np.clip((hu - np.float32(low)) / width, 0, 1), label

    def whole(self, shape: Shape, generator: np.random.Generator) -> tuple[Image, Labels]:
        """CT (D, H, W) in HU and labels of a part of one of the maps, without inserted lesions."""
        chosen = self.maps[int(generator.integers(len(self.maps)))]
        spacing = self.preprocessing.spacing_mm
        assert spacing is not None
        tissue = chosen.tissue
        contrast = draw_lesion(generator, self.options).contrast_hu
        keep = bool(generator.random() < 0.7)
        return render(
            tissue,
            tissue_spacing=MAP_SPACING,
            centre=self._centre(chosen, tissue.shape, shape, generator),
            shape=shape,
            spacing=spacing,
            appearance=draw_appearance(generator, tumour_contrast=contrast, keep_tumours=keep),
            scanner=draw_scanner(generator),
            generator=generator,
            keep_tumours=keep,
        )

    def _centre(
        self,
        chosen: TissueMap,
        have: tuple[int, ...],
        want: Shape,
        generator: np.random.Generator,
    ) -> tuple[float, float, float]:
        """As patches of real scans are chosen; inside of the map where it is large enough."""
        spacing = self.preprocessing.spacing_mm
        assert spacing is not None
        size = np.array(want) * spacing / np.array(MAP_SPACING)
        centre = np.array(have) / 2.0
        if self.patches is not None:
            draw = generator.random()
            kind = Label.TUMOUR if draw < self.patches.tumour_probability else Label.LIVER
            voxels = chosen.voxels[kind]
            voxels = voxels if len(voxels) else chosen.voxels[Label.LIVER]
            if draw < self.patches.tumour_probability + self.patches.liver_probability:
                centre = (
                    voxels[generator.integers(len(voxels))]
                    + generator.uniform(-0.25, 0.25, 3) * size
                )
            else:
                centre = generator.uniform(0, 1, 3) * have
            for axis in range(3):
                # As scans: their air beside the body is no wider than a few centimetres.
                room = (30.0 if axis else 0.0) / MAP_SPACING[axis]
                low, high = size[axis] / 2 - room, have[axis] - size[axis] / 2 + room
                middle = have[axis] / 2
                centre[axis] = np.clip(centre[axis], min(low, middle), max(high, middle))
        first, second, third = (float(value) for value in centre)
        return first, second, third
