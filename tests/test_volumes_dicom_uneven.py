"""Slices in uneven steps: resampled, so that every voxel keeps its place; a warning says how."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from dicom_files import write_ct_series
from volume_cases import hu_array

from ynet3d.errors import InputError
from ynet3d.volumes import ct_problems, on_source_slices, read_label, read_volume, series_as_json
from ynet3d.volumes.reading import list_series

AFFINE = np.array([[-0.75, 0, 0, 90.0], [0, -0.5, 0, 80.0], [0, 0, 2.5, -300.0], [0, 0, 0, 1.0]])
START = [-90.0, -80.0, -300.0]


def write(
    folder: Path, steps: Sequence[float], array: np.ndarray | None = None, *, tilt: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Slices `steps` mm apart; their HU and z."""
    z = np.concatenate([[0.0], np.cumsum(steps)])
    if array is None:
        array = hu_array(1, (6, 5, len(z)))
    places = [[START[0], START[1] + tilt * at, START[2] + at] for at in z]
    write_ct_series(
        folder,
        array,
        AFFINE,
        series_uid="1.2.3",
        ImagePositionPatient=lambda k: [round(float(x), 4) for x in places[k]],
    )
    return array, z


def test_multiples_of_one_step_keep_their_slices(tmp_path: Path) -> None:
    array, _ = write(tmp_path, [2.5] * 5 + [5.0] * 5)
    volume = read_volume(tmp_path)
    on_grid = [0, 1, 2, 3, 4, 5, 7, 9, 11, 13, 15]
    assert volume.shape == (6, 5, 16)
    assert np.array_equal(volume.array[:, :, on_grid], array)
    between = (array[:, :, 5].astype(float) + array[:, :, 6]) / 2
    assert volume.array.dtype == np.int16
    assert np.abs(volume.array[:, :, 6] - between).max() <= 0.5
    assert np.abs(volume.affine - AFFINE).max() < 1e-6
    assert np.array_equal(on_source_slices(volume), array)
    problem = ct_problems(volume)[0]
    assert (problem.code, problem.fatal) == ("resampled", False)
    assert (
        "(from 2.5 to 5 mm): its 11 slices were resampled to 16 planes 2.5 mm" in problem.sentence
    )
    assert "5 were interpolated, up to 2.5 mm from the nearest slice" in problem.sentence


@pytest.mark.parametrize("tilt", [0.0, 0.2])
def test_a_ramp_stays_a_ramp(tilt: float, tmp_path: Path) -> None:
    """HU that grow evenly along z are right at every plane, on the grid or not."""
    z = np.concatenate([[0.0], np.cumsum([2.0] * 6 + [3.1] * 6)])
    ramp = np.broadcast_to(np.rint(40 * z), (6, 5, 13)).astype(np.int16)
    write(tmp_path, [2.0] * 6 + [3.1] * 6, ramp, tilt=tilt)
    volume = read_volume(tmp_path)
    k = np.arange(volume.shape[2])
    planes = volume.affine[2, 3] + k * volume.affine[2, 2]
    assert np.allclose(planes[[0, -1]], [-300.0, -300.0 + z[-1]])
    assert np.abs(volume.array - 40 * (planes + 300.0)).max() <= 1.1
    assert volume.affine[1, 2] == pytest.approx(-tilt * volume.affine[2, 2], abs=1e-6)
    assert np.abs(on_source_slices(volume) - ramp).max() <= 40 * volume.spacing[2] / 2 + 1


def test_steps_that_drift(tmp_path: Path) -> None:
    """Each step is within the tolerance of the others, their sum is not."""
    write(tmp_path, [2.5] * 20 + [2.6] * 20)
    volume = read_volume(tmp_path)
    assert "uneven slice spacing (from 2.5 to 2.6 mm)" in volume.metadata["resampled"]
    assert volume.affine[2, 2] * (volume.shape[2] - 1) == pytest.approx(102.0)


def test_label_maps_are_not_blended(tmp_path: Path) -> None:
    mask = np.where(np.arange(11) < 6, 0, 200) * np.ones((6, 5, 1))
    write(tmp_path, [2.5] * 5 + [5.0] * 5, mask.astype(np.int16))
    label = read_label(tmp_path)
    assert label.shape == (6, 5, 16)
    assert np.unique(label.array).tolist() == [0, 200]
    assert np.array_equal(on_source_slices(label), mask)


def test_a_mask_goes_back_to_the_slices(tmp_path: Path) -> None:
    write(tmp_path, [2.5] * 5 + [5.0] * 5)
    volume = read_volume(tmp_path)
    mask = np.zeros(volume.shape, np.uint8)
    mask[:, :, 7:] = 1
    at_slices = on_source_slices(volume.with_array(mask))
    assert at_slices.shape[2] == len(volume.metadata["SOPInstanceUIDs"]) == 11
    assert at_slices[0, 0].tolist() == [0] * 6 + [1] * 5
    even = read_volume(write_even(tmp_path / "even"))
    assert even.metadata["resampled"] == ""
    assert np.array_equal(on_source_slices(even), even.array)


def write_even(folder: Path) -> Path:
    write(folder, [2.5] * 7)
    return folder


@pytest.mark.parametrize(
    ("steps", "match"),
    [
        ([2.5] * 4 + [12.0] * 4, "more than 10 mm between some slices"),
        ([2.5, 2.5, 5.0, 2.5, 2.5, 5.0, 2.5, 2.5, 2.5, 7.5, 2.5], "lacks 4 slices between"),
        ([2.5] * 8 + [5.0] + [2.5] * 8, "lacks 1 slice between"),
    ],
)
def test_refused(steps: list[float], match: str, tmp_path: Path) -> None:
    write(tmp_path, steps)
    with pytest.raises(InputError, match=match):
        read_volume(tmp_path)
    found = series_as_json(list_series(tmp_path))
    assert match in json.dumps(found[0]["problem"])
