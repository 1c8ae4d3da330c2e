"""Runtimes: the logits of PyTorch, refused where masks differ, converted once."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import run
from small_runs import (
    save_constant_weights,
    save_small_weights,
    small_recipe,
    small_scan,
)

from ynet3d.errors import InputError, MissingExtraError
from ynet3d.inference import Predictor
from ynet3d.inference.runtimes import Parity, Running, RuntimeChooser, choose, compare_labels
from ynet3d.inference.runtimes.cache import RuntimeCache
from ynet3d.inference.runtimes.sample import phantom_sample
from ynet3d.progress import Progress
from ynet3d.recipes import Preprocessing
from ynet3d.volumes import write_volume
from ynet3d.weights import load_weights

CPU = torch.device("cpu")
QUIET = Progress(quiet=True)
WHOLE = (1, 1, 16, 16, 32)
PATCHES = {"size": [16, 16, 16]}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


def chooser(path: Path, cache: Path, *, runtime: str, precision: str) -> RuntimeChooser:
    loaded = load_weights(path)
    return RuntimeChooser(
        loaded.network,
        loaded.recipe,
        checksum=loaded.facts["sha256"],
        device=CPU,
        runtime=runtime,
        precision=precision,
        cache=cache,
    )


def one_hot(labels: list[int]) -> torch.Tensor:
    """Logits (1, 3, 1, 1, voxels) that say `labels`."""
    return torch.eye(3)[labels].T[None, :, None, None]


def test_parity_by_hand() -> None:
    expected = [0] * 4 + [1] * 4 + [2] * 2
    found = [0] * 4 + [1] * 3 + [2] * 3
    parity = compare_labels(one_hot(expected), one_hot(found), precision="bf16", on="ten voxels")
    assert parity.agreement == pytest.approx(0.9)
    assert parity.dice == pytest.approx({"liver": 6 / 7, "tumour": 4 / 5})
    assert not parity.passed
    assert "90.000%" in parity.words
    assert "tumour 0.8000" in parity.words
    assert Parity.from_json(json.loads(json.dumps(parity.as_json()))) == parity


def test_logits_that_are_no_numbers_agree_nowhere() -> None:
    broken = one_hot([0, 1]).clone()
    broken[0, 0, 0, 0, 0] = float("nan")
    assert compare_labels(one_hot([0, 1]), broken, precision="fp32", on="").agreement == 0


@pytest.mark.parametrize(
    ("precision", "agreement", "overlap", "passed"),
    [
        ("bf16", 0.999, 0.999, True),
        ("bf16", 0.9989, 1.0, False),
        ("bf16", 1.0, 0.9989, False),
        ("int8", 0.999, 0.995, True),
        ("int8", 0.999, 0.9949, False),
        ("fp32", 0.9999, 0.998, False),
    ],
)
def test_limits(precision: str, agreement: float, overlap: float, passed: bool) -> None:
    assert Parity(precision, agreement, {"liver": 1.0, "tumour": overlap}, "").passed is passed


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
@pytest.mark.parametrize("count", [1, 2])
def test_the_logits_of_torch(tmp_path: Path, runtime: str, count: int) -> None:
    recipe = small_recipe(patches=PATCHES)
    path = save_small_weights(tmp_path / "w.safetensors", recipe)
    running = chooser(path, tmp_path, runtime=runtime, precision="fp32").open(
        (2, 1, 16, 16, 16), QUIET
    )
    windows = torch.rand(count, 1, 16, 16, 16)
    with torch.inference_mode():
        expected = load_weights(path).network(windows)
    found = running.forward(windows)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_windows_do_not_change_those_before(tmp_path: Path, weights: Path) -> None:
    running = chooser(weights, tmp_path, runtime="openvino", precision="fp32").open(WHOLE, QUIET)
    first = running.forward(torch.zeros(WHOLE))
    kept = first.clone()
    running.forward(torch.ones(WHOLE))
    assert torch.equal(first, kept)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores of a thread: Linux")
@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_computing_binds_no_thread_to_a_core(tmp_path: Path, weights: Path, runtime: str) -> None:
    """Several processes that each bound theirs to the first core would share it."""
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("one core")
    running = chooser(weights, tmp_path, runtime=runtime, precision="fp32").open(WHOLE, QUIET)
    windows, seen = torch.zeros(WHOLE), set[frozenset[int]]()
    over, looked = threading.Event(), threading.Event()

    def look() -> None:
        while not over.is_set():
            for thread in Path("/proc/self/task").iterdir():
                with contextlib.suppress(OSError):  # it has ended
                    seen.add(frozenset(os.sched_getaffinity(int(thread.name))))
            looked.set()

    watch = threading.Thread(target=look)
    watch.start()
    looked.wait()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        running.forward(windows)
    over.set()
    watch.join()
    assert seen == {frozenset(allowed)}


def test_converted_once(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened() -> Running:
        way = chooser(weights, tmp_path, runtime="openvino", precision="fp32")
        return way.open(WHOLE, QUIET)

    first = opened()

    def not_again(*words: object, **options: object) -> None:
        raise AssertionError("converted or checked again")

    monkeypatch.setattr(choose, "to_openvino", not_again)
    monkeypatch.setattr(choose, "compare_labels", not_again)
    assert opened().parity == first.parity
    with pytest.raises(AssertionError):  # another size is another network
        chooser(weights, tmp_path, runtime="openvino", precision="fp32").open(
            (1, 1, 16, 16, 16), QUIET
        )


def test_another_mask_is_refused(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poor(*words: object, precision: str, **options: object) -> Parity:
        return Parity(precision, 0.5, {"liver": 0.4}, "a test")

    monkeypatch.setattr(choose, "compare_labels", poor)
    with pytest.raises(InputError, match=r"50\.000% of voxels alike, Dice liver 0\.4000"):
        chooser(weights, tmp_path, runtime="openvino", precision="fp32").open(WHOLE, QUIET)
    # Said again from what was kept, and "auto" falls back to what needs no check.
    with pytest.raises(InputError, match="use --precision auto"):
        chooser(weights, tmp_path, runtime="openvino", precision="fp32").open(WHOLE, QUIET)
    running = chooser(weights, tmp_path, runtime="auto", precision="auto").open(WHOLE, QUIET)
    assert (running.runtime, running.precision) == ("torch", "fp32")


def test_int8_of_a_network_that_allows_it(tmp_path: Path) -> None:
    path = save_constant_weights(tmp_path / "liver.safetensors", 1)
    running = chooser(path, tmp_path, runtime="openvino", precision="int8").open(WHOLE, QUIET)
    assert (running.forward(torch.rand(WHOLE)).argmax(1) == 1).all()
    assert running.parity is not None
    assert running.parity.precision == "int8"


@pytest.mark.parametrize(
    ("runtime", "precision", "sentence"),
    [
        ("tensorrt", "auto", "no runtime 'tensorrt': choose one of auto, torch"),
        ("auto", "fp8", "no precision 'fp8': choose one of auto"),
        ("onnx", "int8", "runtime onnx has no precision int8"),
        ("openvino", "training", "openvino has no precision training"),
    ],
)
def test_names(
    tmp_path: Path,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
    runtime: str,
    precision: str,
    sentence: str,
) -> None:
    scan = tmp_path / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    words = ("predict", scan, "-o", tmp_path / "out", "-w", weights)
    done = run(capsys, *words, "--runtime", runtime, "--precision", precision)
    assert done.code == 2
    assert sentence in done.err
    assert not (tmp_path / "out" / "segmentation.nii.gz").exists()


@pytest.mark.parametrize(
    ("runtime", "package"), [("openvino", "openvino"), ("onnx", "onnxruntime")]
)
def test_a_missing_package(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package}.*pip install 'ynet3d\[runtimes\]'"):
        chooser(weights, tmp_path, runtime=runtime, precision="fp32").open(WHOLE, QUIET)
    running = chooser(weights, tmp_path, runtime="auto", precision="fp32").open(WHOLE, QUIET)
    assert running.runtime != runtime


def test_the_statistics_say_what_ran(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = tmp_path / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    out = tmp_path / "out"
    words = ["predict", scan, "-o", out, "-w", weights, "--device", "cpu"]
    done = run(capsys, *words, "--runtime", "openvino", "--cache", tmp_path / "cache")
    assert done.code == 0, done
    (said,) = json.loads((out / "statistics.json").read_text("utf-8"))["runtime"]
    assert said["name"] == "openvino"
    assert said["parity"]["passed"]
    assert list((tmp_path / "cache").glob("*/network.xml"))


def test_weights_without_a_file_run_as_trained() -> None:
    loaded_less = RuntimeChooser(
        torch.nn.Conv3d(1, 3, 1), small_recipe(), checksum=None, device=CPU
    ).open(WHOLE, QUIET)
    assert (loaded_less.runtime, loaded_less.precision) == ("torch", "training")


def test_masks_do_not_depend_on_the_runtime(weights: Path) -> None:
    scan, _ = small_scan()
    expected = Predictor(weights, device="cpu", runtime="torch", precision="fp32")(scan)
    predictor = Predictor(weights, device="cpu", runtime="openvino")
    assert (predictor(scan).array == expected.array).mean() > 0.998
    assert [running.runtime for running in predictor.running] == ["openvino"]


def test_networks_without_a_checksum_never_meet(tmp_path: Path) -> None:
    found = []
    for label in (1, 2):
        path = save_constant_weights(tmp_path / f"{label}.safetensors", label)
        loaded = load_weights(path)
        way = RuntimeChooser(
            loaded.network,
            loaded.recipe,
            checksum=None,
            device=CPU,
            runtime="openvino",
            precision="fp32",
            cache=tmp_path / "cache",
        )
        logits = way.open(WHOLE, QUIET).forward(torch.rand(WHOLE))
        found.append(set(logits.argmax(1).unique().tolist()))
    assert found == [{1}, {2}]
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = RuntimeCache("0" * 64, WHOLE, tmp_path / "file")
    made = cache.file("name", lambda path: path.write_text("made") and None)
    assert made.read_text() == "made"


def test_a_cache_keeps_what_is_made_beside_and_nothing_half_made(tmp_path: Path) -> None:
    cache = RuntimeCache("0" * 64, WHOLE, tmp_path)

    def fails(path: Path) -> None:
        path.write_text("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        cache.file("a.xml", fails)
    assert not list(cache.folder.iterdir())

    def makes(path: Path) -> None:
        path.write_text("xml")
        path.with_suffix(".bin").write_text("bin")

    assert cache.file("a.xml", makes).with_suffix(".bin").read_text() == "bin"
    assert sorted(path.name for path in cache.folder.iterdir()) == ["a.bin", "a.xml"]


def test_old_networks_are_forgotten(tmp_path: Path) -> None:
    folders = [RuntimeCache(f"{number:064d}"[::-1], WHOLE, tmp_path).folder for number in range(9)]
    assert folders[-1].is_dir()
    assert len(list(tmp_path.iterdir())) == 6


def test_scans_of_any_size_are_not_converted_for_each(tmp_path: Path) -> None:
    recipe = small_recipe(preprocessing={"size": None, "spacing_mm": [4.0, 3.0, 3.0]})
    path = save_small_weights(tmp_path / "w.safetensors", recipe)
    running = chooser(path, tmp_path / "cache", runtime="auto", precision="auto").open(WHOLE, QUIET)
    assert (running.runtime, running.precision, running.parity) == ("torch", "fp32", None)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("shape", [(1, 1, 24, 64, 64), (3, 1, 16, 24, 24), (1, 1, 8, 300, 300)])
def test_the_sample_shows_a_liver(shape: tuple[int, int, int, int, int]) -> None:
    grid = Preprocessing(size=None, spacing_mm=(6.0, 5.0, 5.0))
    sample = phantom_sample(shape, grid)
    assert tuple(sample.shape) == shape
    assert sample.dtype == torch.float32
    assert 0 <= float(sample.min()) < float(sample.max()) <= 1
    middle = sample[0, 0, shape[2] // 2]
    assert np.ptp(middle.numpy()) > 0.2


def test_the_windows_of_a_sample_differ() -> None:
    sample = phantom_sample((3, 1, 16, 24, 24), Preprocessing(size=(24, 48, 48)))
    assert not torch.equal(sample[0], sample[1])
    assert not torch.equal(sample[1], sample[2])
