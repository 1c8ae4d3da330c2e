"""A trained network applied to volumes."""

from __future__ import annotations

from ynet3d.devices import channels_last, choose_device, explained_memory_errors
from ynet3d.errors import InputError
from ynet3d.inference.ensemble import OneOrMore, load_members, mean_logits
from ynet3d.inference.network_pass import count_windows, network_logits
from ynet3d.inference.postprocessing import postprocess
from ynet3d.preprocessing import labels_on_source_grid, network_shape, to_network_grid
from ynet3d.progress import Progress
from ynet3d.volumes import Volume, check_ct

_ADVICE = "close other programs, use --device cpu, or a machine with more memory"


class Predictor:
    """Holds a network on a device and predicts one volume after another."""

    def __init__(
        self, weights: OneOrMore, *, device: str = "auto", in_liver_box: bool = False
    ) -> None:
        """`weights`: loaded, or a path as `load_weights` takes it; `device`: auto, cpu, cuda, mps.

        Several weights predict together: the mean of their probabilities, cleaned as the recipe of
        the first says. `in_liver_box`: the volumes will be such boxes (`TwoStagePredictor`).

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
        with explained_memory_errors(f"the network does not fit on {self.device}; {_ADVICE}"):
            self._networks = [
                channels_last(member.network, self.device).eval() for member in self.members
            ]

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

    def _predict(self, volume: Volume, progress: Progress) -> Volume:
        recipe = self.weights.recipe
        windows = count_windows(network_shape(volume, recipe.preprocessing), recipe)
        image = to_network_grid(volume, recipe.preprocessing)
        with progress.task("Predicting", total=windows * len(self.members)) as task:
            logits = mean_logits(
                network_logits(
                    network, image, member.recipe, device=self.device, after_window=task.advance
                )
                for network, member in zip(self._networks, self.members, strict=True)
            )
        return postprocess(labels_on_source_grid(logits, volume), recipe.inference)
