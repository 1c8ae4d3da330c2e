"""`ynet3d predict`: masks on the source grid, files in their places, several inputs at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name it has everywhere
import torch
from command_line import left_in, run, run_apart
from dicom_files import write_ct_series
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib import image as pictures
from small_runs import SHAPE, save_constant_weights, save_small_weights, small_recipe, small_scan
from volume_cases import affines, hu_array

import ynet3d
from ynet3d.errors import InputError
from ynet3d.pipelines.prediction import predict_files
from ynet3d.volumes import Volume, read_label, read_volume, write_volume
from ynet3d.weights import Weights

FILES = ["lesions.csv", "overlay.png", "segmentation.nii.gz", "statistics.json", "surface.png"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")


def write_scan(path: Path, seed: int = 0) -> Path:
    write_volume(small_scan(seed)[0], path)
    return path


def test_one_input(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = write_scan(tmp_path / "scan.nii.gz")
    out = tmp_path / "new" / "out"
    done = run(capsys, "predict", scan, "-o", out, "-w", weights, "--device", "cpu")
    assert done.code == 0, done
    assert left_in(out) == FILES
    found = json.loads((out / "statistics.json").read_text())
    assert found["scan"] == "scan"
    assert found["weights"]["recipe"] == "small"
    assert found["grid"]["shape"] == list(SHAPE)
    assert found["summary"] in done.out
    assert "esearch use only" in found["notice"]
    for name in ("overlay.png", "surface.png"):
        picture = pictures.imread(out / name)
        assert min(picture.shape[:2]) > 300
        assert np.ptp(picture[..., :3]) > 0.5
    mask = ynet3d.predict(read_volume(scan), weights=weights, device="cpu")
    written = read_label(out / "segmentation.nii.gz")
    assert np.array_equal(mask.array, written.array)
    assert np.array_equal(mask.affine, written.affine)


def test_several_inputs(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files, a folder of files beside LiTS's labels, and one that is bad and stops nothing."""
    folder = tmp_path / "scans"
    folder.mkdir()
    write_scan(folder / "volume-1.nii.gz")
    write_scan(folder / "volume-2.nrrd", 1)
    shutil.copy(folder / "volume-1.nii.gz", folder / "segmentation-1.nii.gz")
    bad = tmp_path / "bad.nii.gz"
    bad.write_text("no scan")
    out = tmp_path / "out"
    done = run(capsys, "predict", folder, bad, "-o", out, "-w", weights)
    assert done.code == 2
    assert "1 of 3 scans failed." in done.err
    assert left_in(out) == sorted(
        [f"{name}/{file}" for name in ("volume-1", "volume-2") for file in FILES]
        + ["volume-1", "volume-2"]
    )


def test_dicom_beside_a_mask(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mask in the folder of a series is not the scan; several series are told about."""
    folder = tmp_path / "study"
    image, label = small_scan()
    write_ct_series(folder, image.array, image.affine, series_uid="1.2.1")
    write_ct_series(folder / "b", image.array[:, :, :9], image.affine, series_uid="1.2.2")
    write_volume(label, folder / "liver.nrrd")
    done = run(capsys, "predict", folder, "-o", tmp_path / "out", "-w", weights)
    assert done.code == 0, done
    found = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert found["series"] == "1.2.1"
    assert found["grid"]["shape"] == list(SHAPE)
    assert "2 axial CT series" in found["notes"][0]
    assert found["notes"][0] in " ".join(done.err.split())


def test_label_maps_are_not_scans(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pairs"
    folder.mkdir()
    image, label = small_scan()
    write_volume(image, folder / "a.nii.gz")
    write_volume(label, folder / "a_label.nii.gz")
    assert run(capsys, "predict", folder, "-o", tmp_path / "out", "-w", weights).code == 0
    assert left_in(tmp_path / "out") == FILES
    mask = folder / "a_label.nii.gz"
    done = run(capsys, "predict", mask, "-o", tmp_path / "mask", "-w", weights)
    done.assert_refused(match="a mask")
    with pytest.raises(InputError, match="a mask"):
        ynet3d.predict(read_volume(mask), weights=weights, device="cpu")


def test_a_link_keeps_its_own_name(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = write_scan(tmp_path / "0123abcd.nii.gz")
    links = [tmp_path / "one.nii.gz", tmp_path / "two.nii.gz"]
    for link in links:
        link.symlink_to(stored)
    assert run(capsys, "predict", *links, "-o", tmp_path / "out", "-w", weights).code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"one", "two"}


def test_nothing_found_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = write_scan(tmp_path / "scan.nii.gz")
    for label, sentence in ((0, "No liver found."), (1, "No tumour found.")):
        weights = save_constant_weights(tmp_path / f"{label}.safetensors", label)
        done = run(capsys, "predict", scan, "-o", tmp_path / str(label), "-w", weights)
        assert done.code == 0, done
        assert sentence in done.out
        assert left_in(tmp_path / str(label)) == FILES


def test_predicting_again_replaces_the_files(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan, out = write_scan(tmp_path / "scan.nii.gz"), tmp_path / "out"
    out.mkdir()
    (out / "segmentation.nii.gz").write_text("old")
    (out / "notes.txt").write_text("mine")
    assert run(capsys, "predict", scan, "-o", out, "-w", weights).code == 0
    assert left_in(out) == sorted(["notes.txt", *FILES])
    assert read_label(out / "segmentation.nii.gz").shape == SHAPE


@pytest.fixture(scope="module")
def positional_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights: what they call a voxel depends on where it lies."""
    return save_small_weights(tmp_path_factory.mktemp("w") / "w.safetensors", seed=3)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(affine=affines(), kind=st.sampled_from(["nii.gz", "nrrd", "mha", "dicom"]))
def test_masks_lie_on_the_source_grid(
    positional_weights: Path,
    tmp_path_factory: pytest.TempPathFactory,
    affine: np.ndarray,
    kind: str,
) -> None:
    """Any order and direction of axes, oblique too: the geometry is the source's, to the bit."""
    folder = tmp_path_factory.mktemp("grid")
    array = hu_array(1, (7, 6, 5))
    if kind == "dicom":
        if np.linalg.det(affine[:3, :3]) < 0:  # cannot be said in DICOM
            affine = affine @ np.diag([-1.0, 1, 1, 1])
        source = folder / "series"
        write_ct_series(source, array, affine, series_uid="1.2.3")
    else:
        source = folder / f"scan.{kind}"
        write_volume(Volume(array, affine), source)
    # Named, because a series that is not axial is not taken by itself.
    series = "1.2.3" if kind == "dicom" else None
    done, _ = predict_files(
        [source], folder / "out", weights=positional_weights, device="cpu", series=series
    )
    mask = nibabel.load(folder / "out" / "segmentation.nii.gz")
    scan = read_volume(source, series=series)
    assert mask.shape == scan.shape
    # NIfTI holds an affine as float32, so that is what "the same" can mean.
    assert np.array_equal(mask.affine, scan.affine.astype(np.float32))
    if kind == "nii.gz":
        before = nibabel.load(source).header
        for field in ("dim", "pixdim", "srow_x", "srow_y", "srow_z", "sform_code", "qform_code"):
            assert np.array_equal(mask.header[field], before[field])
    elif kind != "dicom":
        original = sitk.ReadImage(str(source))
        written = sitk.ReadImage(str(folder / "out" / "segmentation.nii.gz"))
        assert written.GetSize() == original.GetSize()
        assert np.allclose(written.GetSpacing(), original.GetSpacing(), rtol=1e-6)
        assert np.allclose(written.GetOrigin(), original.GetOrigin(), atol=1e-4)
        assert np.allclose(written.GetDirection(), original.GetDirection(), atol=1e-6)
    assert done[0].statistics["grid"]["shape"] == list(array.shape)


def test_left_and_right_stay(tmp_path: Path) -> None:
    """A bright block at the patient's right front top is found there in every storage order.

    The network passes HU through: everything above the middle of the window is tumour.
    """

    class Threshold(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.cat([torch.full_like(image, 0.4), torch.zeros_like(image), image], 1)

    recipe = small_recipe(preprocessing={"window_hu": [-100, 200], "size": [20, 20, 20]})
    predictor = ynet3d.Predictor(Weights(Threshold(), recipe), device="cpu")
    hu = np.full((20, 20, 20), -100, np.int16)
    hu[2:5, 12:17, 13:18] = 200
    affine = np.diag([-2.0, -2.0, 3.0, 1.0])
    for axes in ([0, 1, 2], [2, 0, 1], [1, 0, 2]):
        for flips in np.ndindex(2, 2, 2):
            array = hu.transpose(axes)
            turned = affine[:, [*axes, 3]].copy()
            for axis in np.flatnonzero(flips):
                array = np.flip(array, axis)
                turned[:3, 3] += turned[:3, axis] * (array.shape[axis] - 1)
                turned[:3, axis] *= -1
            mask = predictor(Volume(np.ascontiguousarray(array), turned))
            assert np.array_equal(mask.array == 2, array == 200)
            centre = np.argwhere(mask.array == 2).mean(0) @ turned[:3, :3].T + turned[:3, 3]
            assert np.allclose(centre, affine[:3, :3] @ [3, 14, 15])


def test_the_installed_command(weights: Path, tmp_path: Path) -> None:
    """In a process of its own: results on standard output, progress on standard error."""
    scan = write_scan(tmp_path / "scan.mha")
    done = run_apart("predict", scan, "-o", tmp_path / "out", "-w", weights)
    assert done.code == 0, done
    assert done.out.startswith("scan: ")
    assert "Predicting 1/1" in done.err
    quiet = run_apart("predict", scan, "-o", tmp_path / "out", "-w", weights, "--quiet")
    assert quiet.err == ""


@pytest.mark.real
def test_real_dicom(real_data: Path, tmp_path: Path) -> None:
    """A real series (5 mm, padding of -3024 HU) straight from its zip."""
    weights = save_constant_weights(tmp_path / "w.safetensors", 1)
    source = next((real_data / "dicom_unlabelled").glob("*.zip"))
    done = run_apart("predict", source, "-o", tmp_path / "out", "-w", weights, "--quiet")
    assert done.code == 0, done
    mask, scan = read_label(tmp_path / "out" / "segmentation.nii.gz"), read_volume(source)
    assert mask.same_grid(scan, tolerance_mm=1e-3)


def test_a_wrong_path_is_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from ynet3d.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as end:\n    print(end.code, 'torch' in sys.modules)\n"
    )
    words = ["predict", str(tmp_path / "nowhere"), "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout == "2 False\n"
    assert "There is nothing at" in done.stderr


def test_dicom_objects(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--dicom` adds a folder of objects, for DICOM alone, and says so before it predicts."""
    pytest.importorskip("highdicom", reason="highdicom, which writes the objects, is missing")
    scan = small_scan()[0]
    write_ct_series(tmp_path / "ct", scan.array.astype(np.int16), scan.affine)
    out = tmp_path / "out"
    words = ("predict", tmp_path / "ct", "-o", out, "-w", weights, "--device", "cpu", "--dicom")
    done = run(capsys, *words)
    assert done.code == 0, done
    mask = read_label(out / "segmentation.nii.gz")
    assert mask.array.any()
    objects = ["contours.dcm", "report.dcm", "segmentation.dcm"]
    assert left_in(out) == sorted([*FILES, "dicom", *(f"dicom/{name}" for name in objects)])
    back = read_label(out / "dicom" / "segmentation.dcm", like=mask)
    assert np.array_equal(back.array, mask.array)
    nifti = write_scan(tmp_path / "scan.nii.gz")
    run(capsys, "predict", nifti, "-o", tmp_path / "no", "-w", weights, "--dicom").assert_refused(
        match="give the DICOM folder or zip, or leave --dicom out"
    )
    assert left_in(tmp_path / "no") == []


def test_dicom_objects_of_an_empty_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("highdicom", reason="highdicom, which writes the objects, is missing")
    nothing = save_constant_weights(tmp_path / "nothing.safetensors", 0)
    scan = small_scan()[0]
    write_ct_series(tmp_path / "ct", scan.array.astype(np.int16), scan.affine)
    out = tmp_path / "out"
    done = run(capsys, "predict", tmp_path / "ct", "-o", out, "-w", nothing, "--dicom")
    assert done.code == 0, done
    assert [path.name for path in (out / "dicom").iterdir()] == ["report.dcm"]
    assert any(
        "empty" in note for note in json.loads((out / "statistics.json").read_text())["notes"]
    )
