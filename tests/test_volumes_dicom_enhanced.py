"""Enhanced multi-frame CT: every frame where its functional groups say, in HU as they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from enhanced_files import write_enhanced_ct
from pydicom import uid as uids
from volume_cases import hu_array

from ynet3d.errors import InputError
from ynet3d.volumes import list_series, read_volume

AFFINE = np.array([[-0.75, 0, 0, 90.0], [0, -0.5, 0, 80.0], [0, 0, 2.5, -300.0], [0, 0, 0, 1.0]])
CT = hu_array(1, (6, 5, 8))


def test_frames_in_any_order(tmp_path: Path) -> None:
    order = [3, 0, 7, 1, 6, 2, 5, 4]
    path = write_enhanced_ct(tmp_path / "a" / "ct", CT, AFFINE, order=order)
    for source in (path, tmp_path):
        volume = read_volume(source)
        assert np.array_equal(volume.array, CT)
        assert np.abs(volume.affine - AFFINE).max() < 1e-6
        assert volume.metadata["FrameNumbers"] == tuple(order.index(k) + 1 for k in range(8))
        assert len(set(volume.metadata["SOPInstanceUIDs"])) == 1
    assert [item.images for item in list_series(path)] == [8]


def test_rescale_of_each_frame(tmp_path: Path) -> None:
    path = write_enhanced_ct(tmp_path / "x.dcm", CT, AFFINE, slope=lambda k: 1 + k % 3)
    expected = (CT.astype(int) + 1024) * (1 + np.arange(8) % 3) - 1024
    assert np.array_equal(read_volume(path).array, expected)


def test_compressed_frames(tmp_path: Path) -> None:
    array = hu_array(2, (40, 36, 4))
    for syntax in (uids.RLELossless, uids.JPEG2000Lossless):
        path = write_enhanced_ct(tmp_path / syntax, array, AFFINE, transfer_syntax=syntax)
        assert np.array_equal(read_volume(path).array, array)


def test_frames_through_simpleitk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = hu_array(2, (40, 36, 4))
    syntax = uids.JPEG2000Lossless
    path = write_enhanced_ct(tmp_path / "x", array, AFFINE, transfer_syntax=syntax)
    monkeypatch.setattr("ynet3d.volumes.dicom_pixels.decodable", lambda syntax: False)
    assert np.array_equal(read_volume(path).array, array)


def test_a_scan_in_several_files(tmp_path: Path) -> None:
    for part in (0, 1):
        half = slice(4 * part, 4 * part + 4)
        affine = AFFINE.copy()
        affine[2, 3] += 10.0 * part
        write_enhanced_ct(tmp_path / f"{part}.dcm", CT[:, :, half], affine)
    assert np.array_equal(read_volume(tmp_path).array, CT)


@pytest.mark.parametrize("name", ["TemporalPositionIndex", "FrameAcquisitionNumber", "StackID"])
def test_two_phases_in_one_file(name: str, tmp_path: Path) -> None:
    def content(k: int) -> dict[str, object]:
        number = 1 + (k >= 4)
        return {name: str(number) if name == "StackID" else number}

    path = write_enhanced_ct(
        tmp_path / "x.dcm", CT, AFFINE, content=content, places=lambda k: float(k % 4)
    )
    assert np.array_equal(read_volume(path, series="1.2.3#1").array, CT[:, :, :4])
    assert np.array_equal(read_volume(path, series="1.2.3#2").array, CT[:, :, 4:])
    assert len(read_volume(path).metadata["other_series"]) == 1


def test_localizer_among_the_frames(tmp_path: Path) -> None:
    path = write_enhanced_ct(
        tmp_path / "x.dcm", CT, AFFINE, frame_type=lambda k: "LOCALIZER" if k == 0 else "VOLUME"
    )
    assert np.array_equal(read_volume(path).array, CT[:, :, 1:])


def test_missing_frame(tmp_path: Path) -> None:
    path = write_enhanced_ct(tmp_path / "x.dcm", CT, AFFINE, order=[0, 1, 2, 4, 5, 6, 7])
    with pytest.raises(InputError, match="lacks 1 slice between"):
        read_volume(path)


def test_frames_without_places(tmp_path: Path) -> None:
    path = write_enhanced_ct(tmp_path / "x.dcm", CT, AFFINE, SharedFunctionalGroupsSequence=None)
    with pytest.raises(InputError, match="frames do not say where they lie"):
        read_volume(path)
    with pytest.raises(InputError, match=r"found 8 x multi-frame CT"):
        read_volume(tmp_path)


def test_frames_that_are_not_described(tmp_path: Path) -> None:
    path = write_enhanced_ct(tmp_path / "x.dcm", CT, AFFINE, NumberOfFrames=9)
    with pytest.raises(InputError, match="damaged DICOM file"):
        read_volume(path)


def test_cut_short(tmp_path: Path) -> None:
    path = write_enhanced_ct(tmp_path / "x.dcm", CT, AFFINE)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged or cut short"):
        read_volume(path)
