"""Several phases, studies and parts: which series is taken, and what the list says of each."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from dicom_files import write_ct_series
from volume_cases import hu_array

from ynet3d.errors import InputError
from ynet3d.volumes import Phase, list_series, read_volume
from ynet3d.volumes.dicom_phase import guess_phase, seconds_between

AFFINE = np.diag([-0.75, -0.5, 2.5, 1.0])
SHAPE = (6, 5, 8)


def series(folder: Path, seed: int, *, slices: int = 8, **changes: Any) -> np.ndarray:
    array = hu_array(seed, (6, 5, slices))
    write_ct_series(folder, array, AFFINE, **changes)
    return array


@pytest.mark.parametrize(
    ("description", "phase"),
    [
        ("ABD PORTAL VENOUS 1.5 B30f", Phase.PORTAL_VENOUS),
        ("Abdomen_portalvenös 5.0", Phase.PORTAL_VENOUS),
        ("Foie temps veineux", Phase.PORTAL_VENOUS),
        ("fase venosa", Phase.PORTAL_VENOUS),
        ("Liver PV", Phase.PORTAL_VENOUS),
        ("abdomen 70s", Phase.PORTAL_VENOUS),
        ("late arterial", Phase.ARTERIAL),
        ("Oberbauch art. 1,0", Phase.ARTERIAL),
        ("portal venous inflow", Phase.ARTERIAL),
        ("35 sec liver", Phase.ARTERIAL),
        ("Abd w/o contrast", Phase.NATIVE),
        ("NATIV 3.0", Phase.NATIVE),
        ("pre-contrast", Phase.NATIVE),
        ("Spätphase", Phase.DELAYED),
        ("delay 5 min", Phase.DELAYED),
        ("3min", Phase.DELAYED),
        ("180 s", Phase.DELAYED),
        ("abdomen w/wo contrast", Phase.UNKNOWN),
        ("arterial and portal venous", Phase.UNKNOWN),
        ("ABD/PEL 5.0 B30s", Phase.UNKNOWN),
        ("C-A-P 1.25mm", Phase.UNKNOWN),
        ("cartilage, advent, plane, 0.70s", Phase.UNKNOWN),
        ("", Phase.UNKNOWN),
    ],
)
def test_phase_by_words(description: str, phase: Phase) -> None:
    assert guess_phase(description) is phase


def test_phase_by_what_else_is_said() -> None:
    assert guess_phase("Abd", contrast_phase="PRE_CONTRAST") is Phase.NATIVE
    assert guess_phase("Abd", contrast_phase="POST_CONTRAST") is Phase.UNKNOWN
    assert guess_phase("Abd", protocol="Liver venous") is Phase.PORTAL_VENOUS
    assert guess_phase("Abd", protocol="native, arterial, venous") is Phase.UNKNOWN
    assert guess_phase("art", protocol="venous", delay_s=200) is Phase.ARTERIAL, "order of trust"
    delays = [(-60, "native"), (5, ""), (35, "arterial"), (70, "portal venous"), (180, "delayed")]
    for delay, phase in [*delays, (4000, ""), (-9000, "")]:
        assert guess_phase("Abd", delay_s=delay) == phase


def test_times() -> None:
    assert seconds_between("101500", "101610.5") == 70.5
    assert seconds_between("20200101101500.0+0100", "10:16:10") == 70
    assert seconds_between("", "101500") is None
    assert seconds_between("noon", "101500") is None


def test_portal_venous_wins_over_more_slices(tmp_path: Path) -> None:
    series(tmp_path / "a", 1, slices=12, SeriesDescription="arterial")
    wanted = series(tmp_path / "b", 2, SeriesDescription="portal venous", series_uid="1.2.2")
    # A portal venous stack of a few slices is bolus tracking, or a part of the body.
    series(tmp_path / "c", 3, slices=4, SeriesDescription="portal venous", series_uid="1.2.3")
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.array, wanted)
    assert volume.metadata["phase"] == "portal venous"
    found = list_series(tmp_path)
    assert [item.phase.value for item in found] == ["portal venous", "arterial", "portal venous"]
    assert [item.images for item in found] == [8, 12, 4]


def test_portal_venous_by_the_time_of_injection(tmp_path: Path) -> None:
    series(tmp_path / "a", 1, slices=12, ContrastBolusStartTime="100000", AcquisitionTime="100035")
    wanted = series(tmp_path / "b", 2, ContrastBolusStartTime="100000", AcquisitionTime="100110")
    assert np.array_equal(read_volume(tmp_path).array, wanted)


def test_only_short_portal_venous_series(tmp_path: Path) -> None:
    wanted = series(tmp_path / "a", 1, slices=12)
    series(tmp_path / "b", 2, slices=4, SeriesDescription="venous")
    assert np.array_equal(read_volume(tmp_path).array, wanted)


@pytest.mark.parametrize(
    "trait",
    [
        {"AcquisitionNumber": ("1", "2")},
        {"TemporalPositionIdentifier": ("1", "2")},
        {"ConvolutionKernel": ("B30f", "B70f")},
        {"AcquisitionTime": ("100035", "100110"), "ContrastBolusStartTime": ("100000", "100000")},
    ],
)
def test_two_scans_of_one_series_uid(trait: dict[str, tuple[str, str]], tmp_path: Path) -> None:
    arrays = [
        series(
            tmp_path,
            at,
            prefix=f"phase{at}-",
            series_uid="1.2.5",
            SOPInstanceUID=lambda k, at=at: f"1.2.5.{at}.{k + 1}",
            **{name: values[at] for name, values in trait.items()},
        )
        for at in (0, 1)
    ]
    for at in (0, 1):
        volume = read_volume(tmp_path, series=f"1.2.5#{at + 1}")
        assert np.array_equal(volume.array, arrays[at])
        assert volume.metadata["other_series"] == ()
    taken = 1 if "AcquisitionTime" in trait else 0  # 70 s is portal venous
    for wanted in (None, "1.2.5"):
        volume = read_volume(tmp_path, series=wanted)
        assert np.array_equal(volume.array, arrays[taken])
        names = [other.name for other in volume.metadata["other_series"]]
        assert names == [f"1.2.5#{2 - taken}"]
    with pytest.raises(InputError, match=r"holds no series 1.2.5#3: .*1.2.5#1, 8 x CT slice"):
        read_volume(tmp_path, series="1.2.5#3")


def test_several_studies_in_nested_folders_and_a_zip(tmp_path: Path) -> None:
    root = tmp_path / "cd"
    wanted = series(root / "a" / "b" / "c", 1, study_uid="1.2.1", series_uid="1.2.1.1", slices=9)
    series(root / "a" / "d", 2, study_uid="1.2.1", series_uid="1.2.1.2")
    series(root / "e", 3, study_uid="1.2.2", series_uid="1.2.2.1")
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "slices": 1}
    series(root / "e", 4, study_uid="1.2.2", series_uid="1.2.2.2", prefix="s", **scout)
    path = tmp_path / "cd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in root.rglob("*.dcm"):
            archive.write(file, file.relative_to(tmp_path))
    for source in (root, path):
        volume = read_volume(source)
        assert np.array_equal(volume.array, wanted)
        assert volume.metadata["StudyInstanceUID"] == "1.2.1"
        names = [other.name for other in volume.metadata["other_series"]]
        assert names == ["1.2.1.2", "1.2.2.1"]
        assert [item.taken for item in list_series(source)] == [True, False, False, False]


def test_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series(tmp_path / "a", 1, series_uid="1.2.1", SeriesDescription="portal venous", SeriesNumber=4)
    series(tmp_path / "b", 2, slices=9, series_uid="1.2.2", leave_out=(4,), study_uid="1.9")
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "slices": 1, "series_uid": "1.2.3"}
    series(tmp_path / "c", 3, **scout)
    series(tmp_path / "d", 4, slices=4, series_uid="1.2.4", PixelSpacing=[0, 0])
    done = run(capsys, "dicom", "list", tmp_path, "--json")
    assert done.code == 0, done
    found = {item["series"]: item for item in json.loads(done.out)}
    assert json.loads(done.out)[0]["series"] == "1.2.1"
    assert {uid: (item["usable"], item["taken"]) for uid, item in found.items()} == {
        "1.2.1": (True, True),
        "1.2.2": (False, False),
        "1.2.3": (False, False),
        "1.2.4": (False, False),
    }
    first = found["1.2.1"]
    assert first["phase"] == "portal venous"
    assert first["spacing_mm"] == [0.5, 0.75, 2.5]
    assert (first["images"], first["number"], first["modality"]) == (8, "4", "CT")
    assert found["1.2.2"]["problem"].startswith("It lacks 1 slice between")
    assert found["1.2.2"]["study"] == "1.9"
    assert "localizer" in found["1.2.3"]["problem"]
    assert "no size" in found["1.2.4"]["problem"]
    assert "hantom" not in done.out, "nothing about the patient"

    done = run(capsys, "dicom", "list", tmp_path)
    assert done.code == 0, done
    assert "Taken without --series: 1 (1.2.1)." in done.out
    assert "lacks 1 slice" in done.out


def test_list_of_what_is_no_dicom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.txt").write_text("hello")
    for path in (tmp_path, tmp_path / "x.txt"):
        done = run(capsys, "dicom", "list", path)
        done.assert_refused(match="holds no DICOM images")
    run(capsys, "dicom", "list", tmp_path / "no").assert_refused(match="does not exist")
