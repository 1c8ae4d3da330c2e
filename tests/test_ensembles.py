"""Several weights together: the mean of their probabilities, and only what was trained alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run
from small_runs import save_constant_weights, save_small_weights, small_recipe, small_scan
from torch import nn

import ynet3d
from ynet3d.errors import InputError
from ynet3d.inference import Predictor
from ynet3d.inference.ensemble import mean_logits
from ynet3d.progress import Progress
from ynet3d.volumes import Volume, write_volume
from ynet3d.weights import Weights


class Says(nn.Module):
    """The same logits for every voxel."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.logits.reshape(1, 3, 1, 1, 1).expand(len(image), 3, *image.shape[2:])


def test_the_mean_is_that_of_probabilities_not_of_logits() -> None:
    generator = torch.Generator().manual_seed(0)
    several = [3 * torch.randn(3, 2, 3, 4, generator=generator) for _ in range(3)]
    expected = torch.stack([logits.softmax(0) for logits in several]).mean(0)
    torch.testing.assert_close(mean_logits(iter(several)).exp(), expected)
    assert mean_logits([several[0]]) is several[0]
    assert torch.isfinite(mean_logits([torch.tensor([0.0, 1e4, 0.0])[:, None]] * 2)).all()


def test_two_that_are_sure_outvote_one_that_is_surer() -> None:
    """The mean of logits would be tumour."""
    recipe = small_recipe(training={"mixed_precision": False})
    scan = Volume(np.arange(1000, dtype=np.int16).reshape(10, 10, 10) - 500, np.eye(4))
    members = [Weights(Says(*x), recipe) for x in ((0, 5, 0), (0, 5, 0), (0, 0, 50))]
    mask = Predictor(members, device="cpu")(scan)
    assert (mask.array == 1).all()
    assert (ynet3d.predict(scan, weights=members[2:]).array == 2).all()


def test_each_window_of_each_member_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = small_recipe(patches={"size": (16, 16, 16)})
    member = Weights(Says(1, 0, 0), recipe)
    Predictor([member, member], device="cpu")(small_scan()[0], progress=Progress())
    assert "Predicting 6/6" in capsys.readouterr().err


def test_what_was_not_trained_alike_is_refused(tmp_path: Path) -> None:
    first = save_small_weights(tmp_path / "a.safetensors")
    other = small_recipe(preprocessing={"window_hu": [-100, 250], "size": [16, 16, 32]})
    second = save_small_weights(tmp_path / "b.safetensors", other)
    patched = small_recipe(patches={"size": (16, 16, 16)})
    third = save_small_weights(tmp_path / "c.safetensors", patched)
    with pytest.raises(InputError, match=r"a\.safetensors and .*b\.safetensors .*in preprocessing"):
        Predictor([first, second])
    with pytest.raises(InputError, match="in patches"):
        Predictor([first, third])
    with pytest.raises(InputError, match="no weights"):
        Predictor([])


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = tmp_path / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    files = [save_constant_weights(tmp_path / f"{n}.safetensors", n) for n in (1, 1, 2)]
    words = [word for file in files for word in ("-w", str(file))]
    assert run(capsys, "predict", scan, "-o", tmp_path / "out", "-q", *words).code == 0
    content = json.loads((tmp_path / "out" / "statistics.json").read_text("utf-8"))
    assert content["weights"]["file"] == "1.safetensors"
    assert [Path(other["file"]).name for other in content["ensemble_with"]] == [
        "1.safetensors",
        "2.safetensors",
    ]
