"""Bad input at the command line: one sentence, the right exit code, nothing half-written."""

from __future__ import annotations

import gzip
import json
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from command_line import Outcome, command, left_in, run, run_apart
from dicom_files import write_ct_series
from matplotlib import image as pictures
from small_runs import (
    AFFINE,
    SHAPE,
    save_constant_weights,
    save_small_weights,
    small_recipe,
    small_scan,
    write_small_dataset,
)

from ynet3d.volumes import Volume, write_label, write_volume


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


def hu() -> np.ndarray:
    return small_scan()[0].array.astype(np.float32)


def nifti(path: Path, array: np.ndarray) -> Path:
    nibabel.Nifti1Image(array, AFFINE).to_filename(path)
    return path


def with_value(value: float) -> np.ndarray:
    array = hu()
    array[3, 4, 5] = value
    return array


def photo(path: Path) -> None:
    pictures.imsave(path.with_suffix(".png"), np.random.default_rng(0).random((8, 8, 3)))
    path.with_suffix(".png").rename(path)


def truncated(path: Path) -> None:
    nifti(path, hu())
    path.write_bytes(path.read_bytes()[:-400])


def rgb(path: Path) -> None:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nifti(path, np.zeros(SHAPE, kind))


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "photo": (photo, "a PNG picture"),
    "text": (lambda path: path.write_text("hello"), "text"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "text in gzip": (lambda path: path.write_bytes(gzip.compress(b"hello" * 99)), "not NIfTI"),
    "truncated": (truncated, "cut short"),
    "2D": (lambda path: nifti(path, hu()[:, :, 0]), "2D"),
    "4D": (lambda path: nifti(path, np.stack([hu(), hu()], -1)), "4D"),
    "RGB": (rgb, "RGB"),
    "NaN": (lambda path: nifti(path, with_value(np.nan)), "NaN or infinite"),
    "infinite": (lambda path: nifti(path, with_value(np.inf)), "NaN or infinite"),
    "air": (lambda path: nifti(path, np.minimum(hu(), -900)), "all air"),
    "HU + 1024": (lambda path: nifti(path, np.maximum(hu() + 1024, 0)), "too high by about 1024"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_files_that_are_no_ct(
    kind: str, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, match = BAD_FILES[kind]
    scan = tmp_path / "scan.nii.gz"
    make(scan)
    out = tmp_path / "out"
    done = run(capsys, "predict", scan, "-o", out, "-w", weights)
    done.assert_refused(match=match)
    assert str(scan) in done.err
    assert not out.exists() or left_in(out) == []


def test_offset_can_be_said(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = nifti(tmp_path / "scan.nii.gz", (hu() + 1024).astype(np.int16))
    words = ("predict", scan, "-o", tmp_path / "out", "-w", weights, "--hu-offset", -1024)
    assert run(capsys, *words).code == 0


def test_paths_that_hold_no_scan(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, match in (("missing.nii.gz", "nothing at"), ("empty", "empty folder")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        done = run(capsys, "predict", tmp_path / name, "-o", tmp_path / "out", "-w", weights)
        done.assert_refused(match=match)


def dicom(folder: Path, **changes: object) -> Path:
    image = small_scan()[0]
    # DICOM grids are right-handed.
    write_ct_series(folder, image.array, image.affine, **changes)  # type: ignore[arg-type]
    return folder


def test_dicom_that_is_refused(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dicom(tmp_path / "gap", leave_out={7})
    dicom(tmp_path / "one")
    for name, extra, match in (
        ("gap", (), "lacks 1 slice"),
        ("one", ("--series", "1.2.3"), "1.2.3"),
    ):
        out = tmp_path / f"out-{name}"
        done = run(capsys, "predict", tmp_path / name, "-o", out, "-w", weights, *extra)
        done.assert_refused(match=match)
        assert left_in(out) == []


def test_dicom_with_two_series_and_a_localizer(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "study"
    dicom(folder, prefix="thick", series_uid="1.2.1", leave_out=range(9, 18))
    dicom(folder / "nested", prefix="thin", series_uid="1.2.2")
    dicom(
        folder,
        prefix="localizer",
        series_uid="1.2.3",
        leave_out=range(1, 18),
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    for extra, slices in (((), 18), (("--series", "1.2.1"), 9)):
        out = tmp_path / f"out-{slices}"
        done = run(capsys, "predict", folder, "-o", out, "-w", weights, *extra)
        assert done.code == 0, done
        grid = json.loads((out / "statistics.json").read_text())["grid"]
        assert grid["shape"] == [*SHAPE[:2], slices]


def test_weights_that_cannot_be_used(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = tmp_path / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    pickled = tmp_path / "model.pt"
    torch.save({"a": torch.zeros(1)}, pickled)
    (tmp_path / "foreign.safetensors").write_bytes(weights.read_bytes())
    (tmp_path / "foreign.json").write_text('{"format": "pt"}')
    (tmp_path / "cut.safetensors").write_bytes(weights.read_bytes()[:-100])
    shutil.copy(weights.with_suffix(".json"), tmp_path / "cut.json")
    other = small_recipe(network={"name": "vnet", "options": {"width": 2}})
    save_small_weights(tmp_path / "other.safetensors", other)
    facts = json.loads((tmp_path / "other.json").read_text())
    facts["recipe"] = small_recipe().model_dump(mode="json")
    (tmp_path / "other.json").write_text(json.dumps(facts))
    for name, match in (
        ("none.safetensors", "no weights at"),
        ("model.pt", "not safetensors"),
        ("foreign.safetensors", "does not describe weights"),
        ("cut.safetensors", "damaged"),
        ("other.safetensors", "another network"),
        ("", "holds no best.safetensors"),
    ):
        out = tmp_path / "out"
        done = run(capsys, "predict", scan, "-o", out, "-w", tmp_path / name)
        done.assert_refused(match=match)
        assert left_in(out) == []


def test_output_that_cannot_be_written(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = tmp_path / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below", Path("/proc/ynet3d")):
        done = run(capsys, "predict", scan, "-o", out, "-w", weights)
        done.assert_refused(match="output folder")
    assert file.read_text() == "mine"


def test_a_full_disk_leaves_nothing(
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ynet3d.pipelines import prediction

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(prediction, "save_surface", full)
    scan = tmp_path / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    out = tmp_path / "out"
    done = run(capsys, "predict", scan, "-o", out, "-w", weights)
    done.assert_refused(match="No space left on device", code=1)
    assert left_in(tmp_path) in (["scan.nii.gz"], ["out", "scan.nii.gz"])


def test_out_of_memory(tmp_path: Path) -> None:
    """A network grid that needs far more than the process may have."""
    recipe = small_recipe(preprocessing={"window_hu": [-100, 200], "size": [384, 512, 512]})
    weights = save_constant_weights(tmp_path / "large.safetensors", 1, recipe)
    scan = tmp_path / "scan.nii.gz"
    write_volume(small_scan()[0], scan)
    limit = 5 * 2**30
    done = subprocess.run(
        command("predict", scan, "-o", tmp_path / "out", "-w", weights, "--device", "cpu"),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    Outcome(done.returncode, done.stdout, done.stderr).assert_refused(match="emory", code=1)
    assert not (tmp_path / "out" / "segmentation.nii.gz").exists()


def test_labels_on_another_grid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_small_dataset(tmp_path / "data", cases=3)
    label = small_scan(1)[1]
    write_label(
        Volume(label.array, label.affine + np.eye(4, k=3) * 7), data / "segmentation-1.nii.gz"
    )
    checked = run(capsys, "data", "check", data)
    assert checked.code == 1
    assert "not on the grid of its image" in " ".join(checked.out.split())
    parts = {"train": ["volume-0", "volume-1"], "validation": ["volume-2"], "test": []}
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"dataset": "data", "seed": 0, "ratio": [2, 1, 0], "parts": parts}))
    trained = run(capsys, "train", data, "-o", tmp_path / "run", "--split", split)
    trained.assert_refused(match="not on the grid of its image")
    scored = run(
        capsys,
        "evaluate",
        data / "segmentation-1.nii.gz",
        data / "segmentation-0.nii.gz",
        "-o",
        tmp_path / "scores",
    )
    scored.assert_refused(match="grid")
    assert left_in(tmp_path / "scores") == []


def test_words_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_small_dataset(tmp_path / "data")
    out = tmp_path / "run"
    for words, match in (
        (("train", data, "-o", out, "--recipe", "none"), "no recipe called 'none'"),
        (("train", data, "-o", out, "--network", "none"), "no network called 'none'"),
        (("train", data, "-o", out, "--set", "training.epochs=no"), "training.epochs"),
        (("train", data, "-o", out, "--device", "tpu"), "no device 'tpu'"),
        (("train", data, "-o", out, "--resume"), "no run to resume"),
        (("train", tmp_path / "none", "-o", out), "none"),
        (("data", "split", data, "-o", out, "--ratio", "a/b"), "--ratio"),
        (("phantom", out, "--matrix", "4"), "matrix"),
        (("networks", "--size", "0", "1", "1"), "--size"),
        (("networks", "-o", "x.png"), "belong to --figure NAME"),
        (("networks", "--set", "width=4"), "belong to --figure NAME"),
        (("networks", "--figure", "vnet"), "give -o FILE.png"),
        (("networks", "--figure", "ynet", "-o", "x.png"), "no network called 'ynet'"),
        (("networks", "--figure", "vnet", "-o", "x.gif"), "should end in one of .png, .pdf, .svg"),
        (("networks", "--figure", "vnet", "-o", "x.png", "--set", "fusion=sum"), "no option"),
        (("networks", "--figure", "vnet", "-o", "x.png", "--set", "width"), "not key=value"),
        (("evaluate", tmp_path / "none", data, "-o", out), "none"),
    ):
        run(capsys, *words).assert_refused(match=match)
    assert not (out / "checkpoint.safetensors").exists()


def test_usage_errors_end_with_2_and_no_traceback() -> None:
    for words in (("predict",), ("nonsense",), ("predict", "--nonsense")):
        done = run_apart(*words)
        assert done.code == 2
        assert "Traceback" not in done.err
