"""A trained network applied to volumes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch

from ynet3d.devices import channels_last, choose_device, explained_memory_errors
from ynet3d.errors import InputError
from ynet3d.inference.around_liver import Image, first_and_rest, mean_around_liver
from ynet3d.inference.ensemble import OneOrMore, load_members, mean_logits
from ynet3d.inference.network_pass import count_windows, network_logits, pass_shape
from ynet3d.inference.postprocessing import postprocess
from ynet3d.inference.runtimes import Running, RuntimeChooser
from ynet3d.networks import JoinedNetworks
from ynet3d.preprocessing import (
    labels_and_confidence,
    network_shape,
    network_spacing,
    to_network_grid,
)
from ynet3d.progress import Progress
from ynet3d.volumes import Volume, check_ct

_ADVICE = "close other programs, use --device cpu, or a machine with more memory"


class Predictor:
    """Holds a network on a device and predicts one volume after another."""

    def __init__(
        self,
        weights: OneOrMore,
        *,
        device: str = "auto",
        runtime: str = "auto",
        precision: str = "auto",
        cache: Path | None = None,
        in_liver_box: bool = False,
    ) -> None:
        """Load the network.

        Args:
            weights: loaded, or a path as `load_weights` takes it.
            device: auto, cpu, cuda or mps.
            runtime: auto, torch, openvino or onnx; auto takes the fastest that gives the masks of
                PyTorch in float32 (`inference.runtimes`).
            precision: auto, training (unchecked), fp32, bf16 or int8.
            cache: where converted networks are kept, by default the user's cache folder.
            in_liver_box: the volumes will be boxes around livers (`TwoStagePredictor`).

        Several weights predict together: the mean of their probabilities, cleaned as the recipe of
        the first says.

        Raises:
            InputError: the weights cannot be used, alone or together, or the device is not there.
        """
        self.device = choose_device(device)
        self.members = load_members(weights)
        self.weights = self.members[0]
        if self.weights.recipe.preprocessing.crop_to_liver_mm is not None and not in_liver_box:
            raise InputError(
                f"The weights {self.weights.path} know only the surroundings of the liver: give "
                "weights for whole scans, and these as the second stage (--refine)."
            )
        recipe = self.weights.recipe
        # Without windows, each scan's box would be an input of another shape, to be converted for.
        around = recipe.patches is not None and recipe.inference.others_around_liver_mm is not None
        self._parts = first_and_rest(self.weights) if around and len(self.members) == 1 else None
        with explained_memory_errors(f"the network does not fit on {self.device}; {_ADVICE}"):
            self._choosers = [
                RuntimeChooser(
                    channels_last(member.network, self.device).eval(),
                    member.recipe,
                    checksum=member.facts.get("sha256"),
                    device=self.device,
                    runtime=runtime,
                    precision=precision,
                    cache=cache,
                )
                for member in self._parts or self.members
            ]
        #: What the last volume was predicted with, one for each of the weights, or two for one
        #: that holds several networks: the first, and the others.
        self.running: list[Running] = []
        #: Of the last volume: 255 times the probability of tumour, in tumour voxels (uint8).
        self.confidence: Volume | None = None

    def __call__(
        self, volume: Volume, *, progress: Progress | None = None, checked: bool = False
    ) -> Volume:
        """Label map (uint8: 0 background, 1 liver, 2 tumour) on the grid of `volume` (CT in HU).

        Args:
            checked: `check_ct` has seen this volume already.

        Raises:
            InputError: the volume cannot be a CT in HU.
            YnetError: out of memory.
        """
        if not checked:
            check_ct(volume)
        with explained_memory_errors(f"the scan does not fit; {_ADVICE}"):
            return self._predict(volume, progress or Progress(quiet=True))

    def prepare(
        self, shape: tuple[int, int, int], progress: Progress
    ) -> tuple[tuple[int, int, int, int, int], list[Running]]:
        """What goes in at once for scans of `shape` (D, H, W) on the network grid, and networks.

        Converted and checked the first time, which takes seconds to minutes, then kept on disk.
        """
        windows = pass_shape(shape, self.weights.recipe)
        return windows, [chooser.open(windows, progress) for chooser in self._choosers]

    def _predict(self, volume: Volume, progress: Progress) -> Volume:
        recipe = self.weights.recipe
        shape = network_shape(volume, recipe.preprocessing)
        windows = count_windows(shape, recipe)
        _, self.running = self.prepare(shape, progress)
        image = to_network_grid(volume, recipe.preprocessing)
        if self._parts is not None:
            logits = self._around_liver(image, volume, progress)
        else:
            with progress.task("Predicting", total=windows * len(self.members)) as task:
                logits = mean_logits(
                    network_logits(running.forward, image, member.recipe, after_window=task.advance)
                    for running, member in zip(self.running, self.members, strict=True)
                )
        label, self.confidence = labels_and_confidence(
            logits, volume, temperature=recipe.inference.temperature
        )
        return postprocess(label, recipe.inference)

    def _around_liver(self, image: Image, volume: Volume, progress: Progress) -> torch.Tensor:
        """Logits for `image` (D, H, W) of `volume`: all networks', but one's far from the liver."""
        recipe = self.weights.recipe
        margin = recipe.inference.others_around_liver_mm
        assert margin is not None
        assert recipe.patches is not None
        assert self._parts is not None
        rest_network = self._parts[1].network
        assert isinstance(rest_network, JoinedNetworks)
        others = len(rest_network.members)

        def passing(running: Running, title: str) -> Callable[[Image], torch.Tensor]:
            def run(part: Image) -> torch.Tensor:
                depth, height, width = part.shape
                windows = count_windows((depth, height, width), recipe)
                with progress.task(title, total=windows) as task:
                    return network_logits(running.forward, part, recipe, after_window=task.advance)

            return run

        first, rest = self.running
        spacing = network_spacing(volume, recipe.preprocessing)
        depth, height, width = (math.ceil(margin / step) for step in spacing)
        return mean_around_liver(
            passing(first, "Predicting"),
            passing(rest, f"Predicting around the liver, {others} networks more"),
            image,
            others=others,
            margin_voxels=(depth, height, width),
            least=recipe.patches.size,
        )
