"""Exported networks: read by their own runtime in a process without this package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from command_line import left_in, run
from small_runs import save_small_weights, small_recipe, small_scan

from ynet3d.errors import InputError, YnetError
from ynet3d.exporting import FORMATS, export, export_weights
from ynet3d.inference import Predictor
from ynet3d.inference.runtimes import Parity
from ynet3d.volumes import read_label, write_volume
from ynet3d.weights import load_weights

#: Each reads NETWORK and an array of windows, and saves the logits.
READERS = {
    "onnx": """
import onnxruntime
session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
logits = session.run(["logits"], {"image": image})[0]
""",
    "openvino": """
import openvino
core = openvino.Core()
model = core.compile_model(core.read_model(network), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
logits = model({"image": image})["logits"]
""",
    "torchscript": """
import torch
with torch.inference_mode():
    logits = torch.jit.load(network)(torch.from_numpy(image)).numpy()
""",
}
_AROUND = """
import sys
import numpy as np
sys.modules["ynet3d"] = None
network, image, target = sys.argv[1], np.load(sys.argv[2]), sys.argv[3]
{reader}
np.save(target, logits)
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


def read_apart(to: str, network: Path, image: npt.NDArray[np.float32], folder: Path) -> Any:
    """The logits that another program gets from the file."""
    np.save(folder / "image.npy", image)
    words = [str(network), str(folder / "image.npy"), str(folder / "logits.npy")]
    program = _AROUND.format(reader=READERS[to])
    subprocess.run([sys.executable, "-c", program, *words], check=True)
    return np.load(folder / "logits.npy")


def of_torch(path: Path, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        return load_weights(path).network(torch.from_numpy(image)).numpy()


@pytest.mark.parametrize("to", list(READERS))
def test_read_without_this_package(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], to: str
) -> None:
    done = run(capsys, "export", weights, "-o", tmp_path / "out", "--to", to)
    assert done.code == 0, done
    network = {"onnx": "small.onnx", "openvino": "small.xml", "torchscript": "small.ts"}[to]
    more = ["small.bin"] if to == "openvino" else []
    assert left_in(tmp_path / "out") == sorted([network, "small.json", *more])
    facts = json.loads((tmp_path / "out" / "small.json").read_text("utf-8"))
    assert facts["parity"]["passed"]
    assert facts["input"]["shape"] == [1, 1, 16, 16, 32]
    assert facts["input"]["window_hu"] == [-100, 200]
    image = np.random.default_rng(0).random((1, 1, 16, 16, 32), dtype=np.float32)
    found = read_apart(to, tmp_path / "out" / network, image, tmp_path)
    expected = of_torch(weights, image)
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("to", list(READERS))
def test_dynamic_size(weights: Path, tmp_path: Path, to: str) -> None:
    done = export_weights(weights, tmp_path / "out", to=to, dynamic=True)
    image = np.random.default_rng(0).random((2, 1, 32, 16, 48), dtype=np.float32)
    found = read_apart(to, done.path, image, tmp_path)
    expected = of_torch(weights, image)
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
    facts = json.loads((tmp_path / "out" / "small.json").read_text("utf-8"))
    assert facts["input"]["multiples_of"] == [16, 16, 16]


def test_a_size_that_the_network_pads(weights: Path, tmp_path: Path) -> None:
    done = export_weights(weights, tmp_path / "out", to="onnx", size=(9, 17, 20))
    image = np.random.default_rng(0).random((1, 1, 9, 17, 20), dtype=np.float32)
    found = read_apart("onnx", done.path, image, tmp_path)
    expected = of_torch(weights, image)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("patches", [None, {"size": [16, 16, 16]}])
def test_monai_runs_the_bundle(tmp_path: Path, patches: dict[str, Any] | None) -> None:
    # On the scan's own spacing, so that both interpolate alike: what is left is the machinery.
    grid = {"window_hu": [-100, 200], "size": [18, 20, 24]}
    if patches:
        grid |= {"size": None, "spacing_mm": [4.0, 3.0, 3.0]}
    recipe = small_recipe(preprocessing=grid, patches=patches)
    weights = save_small_weights(tmp_path / "small.safetensors", recipe, seed=1)
    done = export_weights(weights, tmp_path / "out", to="monai-bundle")
    (tmp_path / "scans").mkdir()
    scan, _ = small_scan()
    write_volume(scan, tmp_path / "scans" / "scan.nii.gz")
    words = ["-m", "monai.bundle", "run", "--config_file", "configs/inference.json"]
    words += ["--bundle_root", ".", "--dataset_dir", str(tmp_path / "scans")]
    words += ["--output_dir", str(tmp_path / "eval")]
    subprocess.run([sys.executable, *words], cwd=done.path, check=True, capture_output=True)
    found = read_label(tmp_path / "eval" / "scan_seg.nii.gz")
    expected = Predictor(weights, device="cpu", runtime="torch", precision="fp32")(scan)
    assert found.same_grid(expected)
    assert len(np.unique(expected.array)) > 1
    assert (found.array == expected.array).mean() > 0.97


def test_nothing_is_left_of_an_export_that_gives_other_masks(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poor(*words: object, **options: object) -> Parity:
        return Parity("fp32", 0.5, {}, "a test")

    monkeypatch.setattr(export, "compare_labels", poor)
    with pytest.raises(YnetError, match="other masks"):
        export_weights(weights, tmp_path / "out", to="torchscript")
    assert left_in(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"to": "coreml"}, "no format 'coreml': choose one of onnx"),
        ({"to": "onnx", "size": (0, 16, 16)}, "at least 1"),
        ({"to": "onnx", "size": (16, 20, 16), "dynamic": True}, "multiples of 16 x 16 x 16"),
    ],
)
def test_what_is_refused(
    weights: Path, tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        export_weights(weights, tmp_path / "out", **options)


def test_a_recipe_for_any_size_needs_one(tmp_path: Path) -> None:
    grid = {"size": None, "spacing_mm": [4.0, 3.0, 3.0]}
    weights = save_small_weights(tmp_path / "w.safetensors", small_recipe(preprocessing=grid))
    with pytest.raises(InputError, match="give --size"):
        export_weights(weights, tmp_path / "out", to="torchscript")


def test_an_export_replaces_the_one_before(weights: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = export_weights(weights, tmp_path / "out", to="monai-bundle")
    assert (done.path / "models" / "model.ts").is_file()
    assert set(left_in(tmp_path / "out")) >= {"small.json"}
    assert "monai-bundle" in FORMATS
