"""A trained network applied to volumes."""

from __future__ import annotations

from pathlib import Path

from ynet3d.devices import channels_last, choose_device, explained_memory_errors
from ynet3d.inference.network_pass import count_windows, network_logits, pass_shape
from ynet3d.inference.postprocessing import postprocess
from ynet3d.inference.runtimes import Running, RuntimeChooser
from ynet3d.preprocessing import labels_on_source_grid, network_shape, to_network_grid
from ynet3d.progress import Progress
from ynet3d.volumes import Volume, check_ct
from ynet3d.weights import Weights, load_weights

_ADVICE = "close other programs, use --device cpu, or a machine with more memory"


class Predictor:
    """Holds a network on a device and predicts one volume after another."""

    def __init__(
        self,
        weights: Weights | str | Path,
        *,
        device: str = "auto",
        runtime: str = "auto",
        precision: str = "auto",
        cache: Path | None = None,
    ) -> None:
        """Load the network.

        Args:
            weights: loaded, or a path as `load_weights` takes it.
            device: auto, cpu, cuda or mps.
            runtime: auto, torch, openvino or onnx; auto takes the fastest that gives the masks of
                PyTorch in float32 (`inference.runtimes`).
            precision: auto, training (unchecked), fp32, bf16 or int8.
            cache: where converted networks are kept, by default the user's cache folder.

        Raises:
            InputError: the weights cannot be used, or the device is not there.
        """
        self.device = choose_device(device)
        self.weights = weights if isinstance(weights, Weights) else load_weights(weights)
        with explained_memory_errors(f"the network does not fit on {self.device}; {_ADVICE}"):
            network = channels_last(self.weights.network, self.device).eval()
        self._chooser = RuntimeChooser(
            network,
            self.weights.recipe,
            checksum=self.weights.facts.get("sha256"),
            device=self.device,
            runtime=runtime,
            precision=precision,
            cache=cache,
        )
        #: What the last volume was predicted with.
        self.running: Running | None = None

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
    ) -> tuple[tuple[int, int, int, int, int], Running]:
        """The network ready for scans of `shape` (D, H, W) on its grid, and what goes in at once.

        Converted and checked the first time, which takes seconds to minutes, then kept on disk.
        """
        windows = pass_shape(shape, self.weights.recipe)
        return windows, self._chooser.open(windows, progress)

    def _predict(self, volume: Volume, progress: Progress) -> Volume:
        recipe = self.weights.recipe
        shape = network_shape(volume, recipe.preprocessing)
        windows = count_windows(shape, recipe)
        _, self.running = self.prepare(shape, progress)
        image = to_network_grid(volume, recipe.preprocessing)
        with progress.task("Predicting", total=windows) as task:
            logits = network_logits(self.running.forward, image, recipe, after_window=task.advance)
        return postprocess(labels_on_source_grid(logits, volume), recipe.inference)


def predict(
    volume: Volume,
    *,
    weights: str | Path | Weights,
    device: str = "auto",
    runtime: str = "auto",
    precision: str = "auto",
) -> Volume:
    """Liver and tumours of a CT: label map on the grid of `volume` (HU), see `Predictor`."""
    return Predictor(weights, device=device, runtime=runtime, precision=precision)(volume)
