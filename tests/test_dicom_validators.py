"""What other programs say of the objects: dicom3tools, DCMTK, dcmqi, plastimatch, where installed.

    apt-get install dicom3tools dcmtk
    pip install dcmqi plastimatch

Each is looked for on the path and beside the Python that runs the tests.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_masks import SHAPE, Case, make_case

from ynet3d.dicom_output import Kind
from ynet3d.dicom_output.writing import Written

#: What only the scan could mend: it has no study ID, and dicom3tools would like one for a DICOMDIR.
_OF_THE_SCAN = "needed to build DICOMDIR"


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def said_by(name: str, *words: object) -> str:
    done = subprocess.run(
        [program(name), *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return make_case(tmp_path_factory.mktemp("case") / "ct")


@pytest.fixture(scope="module")
def written(found: Case) -> Written:
    return found.write(found.folder.parent / "out", compressed=False)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("empty")
    return make_case(folder / "ct", np.zeros(SHAPE, dtype=np.uint8)).write(folder / "out")


@pytest.mark.parametrize("kind", list(Kind))
def test_dciodvfy(written: Written, kind: Kind) -> None:
    check = subprocess.run(
        [program("dciodvfy"), str(written.files[kind])], capture_output=True, text=True, timeout=120
    )
    lines = (check.stdout + check.stderr).splitlines()
    names = {Kind.SEG: "Segmentation", Kind.SR: "ComprehensiveSR", Kind.RTSTRUCT: "RTStructureSet"}
    assert names[kind] in lines
    odd = [line for line in lines if line != names[kind] and _OF_THE_SCAN not in line]
    assert odd == []


def test_dciodvfy_of_a_report_of_nothing(empty: Written) -> None:
    check = subprocess.run(
        [program("dciodvfy"), str(empty.files[Kind.SR])],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Error" not in check.stdout + check.stderr


def test_dcmtk(found: Case, written: Written) -> None:
    text = said_by("dsrdump", written.files[Kind.SR])
    for line in ('NUM:(,,"Long Axis")="5.0" (mm,UCUM,"mm")', "Tracking Identifier"):
        assert line in text
    packed = found.write(found.folder.parent / "packed", kinds={Kind.SEG}).files[Kind.SEG]
    assert "SegmentSequence" in said_by("dcmdump", packed)  # deflated


@pytest.mark.parametrize("compressed", [True, False])
def test_dcmqi_reads_the_segments(found: Case, tmp_path: Path, compressed: bool) -> None:
    seg = found.write(tmp_path / "out", kinds={Kind.SEG}, compressed=compressed).files[Kind.SEG]
    (tmp_path / "itk").mkdir()
    said_by("segimage2itkimage", "--inputDICOM", seg, "--outputDirectory", tmp_path / "itk")
    meta = json.loads((tmp_path / "itk" / "meta.json").read_text())
    segments = [segment for group in meta["segmentAttributes"] for segment in group]
    assert [s["SegmentLabel"] for s in segments] == ["Liver", "Liver tumour 1", "Liver tumour 2"]
    grid = sitk.GetImageFromArray(found.label.array.transpose(2, 1, 0))
    grid.SetSpacing(found.scan.spacing)
    grid.SetOrigin((found.scan.affine[:3, 3] * (-1, -1, 1)).tolist())
    masks = [
        sitk.GetArrayFromImage(
            sitk.Resample(
                sitk.ReadImage(str(path)), grid, sitk.Transform(), sitk.sitkNearestNeighbor
            )
        )
        for path in sorted((tmp_path / "itk").glob("*.nrrd"))
    ]
    label = found.label.array.transpose(2, 1, 0)
    assert np.array_equal(masks[0] > 0, label > 0)
    assert np.array_equal((masks[1] > 0) | (masks[2] > 0), label == 2)


def test_dcmqi_reads_the_report(found: Case, written: Written, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    said_by("tid1500reader", "--inputDICOM", written.files[Kind.SR], "--outputMetadata", target)
    groups = json.loads(target.read_text())["Measurements"]
    assert [group["TrackingIdentifier"] for group in groups] == [
        "Liver",
        "Liver tumour 1",
        "Liver tumour 2",
    ]
    volume = next(
        item
        for item in groups[1]["measurementItems"]
        if item["quantity"]["CodeMeaning"] == "Volume"
    )
    assert float(volume["value"]) == pytest.approx(found.found["lesions"][0]["ml"])


def test_plastimatch_reads_the_contours(found: Case, written: Written, tmp_path: Path) -> None:
    said_by(
        "plastimatch",
        "convert",
        "--input",
        written.files[Kind.RTSTRUCT],
        "--referenced-ct",
        found.folder,
        "--output-prefix",
        tmp_path / "masks",
        "--prefix-format",
        "nrrd",
    )
    label = found.label.array.transpose(2, 1, 0)
    liver = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "masks" / "Liver.nrrd")))
    assert np.array_equal(liver > 0, label > 0)
