"""DICOM series as they come: several in one folder, odd headers, gaps, doubles, compression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from dicom_files import write_ct_series
from pydicom import uid as uids
from volume_cases import hu_array, rotation

from ynet3d.errors import InputError, MissingExtraError
from ynet3d.volumes import ct_problems, list_series, read_label, read_volume
from ynet3d.volumes.dicom_headers import CT_SLICE

SHAPE = (12, 10, 11)
AFFINE = np.array([[-0.75, 0, 0, 90.0], [0, -0.5, 0, 80.0], [0, 0, 2.5, -300.0], [0, 0, 0, 1.0]])
CT = hu_array(1, SHAPE)
LARGER = hu_array(2, (48, 40, 4))  # JPEG 2000 cannot be written smaller than 32 x 32


def series(
    folder: Path, array: np.ndarray = CT, affine: np.ndarray = AFFINE, **changes: Any
) -> str:
    """Write a series; its UID."""
    uid = str(changes.pop("series_uid", uids.generate_uid()))
    write_ct_series(folder, array, affine, series_uid=uid, **changes)
    return uid


def shifted(k: int, by: tuple[float, float, float]) -> list[float]:
    """LPS position of slice k, moved."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ AFFINE
    return [round(float(x), 6) for x in lps[:3, 2] * k + lps[:3, 3] + by]


def test_the_longest_axial_ct_is_taken(tmp_path: Path) -> None:
    coronal = AFFINE.copy()
    coronal[:3, :3] = np.array([[-1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    wanted = series(tmp_path / "study" / "deep" / "axial")
    short = series(tmp_path / "study" / "short", hu_array(2, (12, 10, 5)))
    crown = series(tmp_path / "study" / "coronal", hu_array(3, (12, 10, 30)), coronal)
    series(tmp_path / "other", hu_array(4, (12, 10, 40)), Modality="MR", study_uid="1.9")
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "prefix": "scout"}
    series(tmp_path / "other", hu_array(5, (12, 10, 50)), **scout)
    derived = series(tmp_path / "x", hu_array(6, (12, 10, 11)), ImageType=["DERIVED", "PRIMARY"])
    shots = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "ImageType": ["DERIVED", "SECONDARY"]}
    series(tmp_path / "x", hu_array(7, (12, 10, 70)), prefix="shot", **shots)
    (tmp_path / "study" / "notes.txt").write_text("hello")

    volume = read_volume(tmp_path)
    assert volume.metadata["SeriesInstanceUID"] == wanted
    assert np.array_equal(volume.array, CT)
    found = list_series(tmp_path)
    assert found[0].uid == wanted
    assert [item.uid for item in found if item.role == CT_SLICE] == [wanted, derived, short, crown]
    assert len(found) == 7
    assert np.array_equal(read_volume(tmp_path, series=short).array, hu_array(2, (12, 10, 5)))
    assert read_volume(tmp_path, series=crown).orientation[2] in "AP"
    with pytest.raises(InputError, match=f"holds no series 1.2.9: name one of .*{short}"):
        read_volume(tmp_path, series="1.2.9")
    other = next(item.uid for item in found if "MR" in item.role)
    with pytest.raises(InputError, match="is no CT scan"):
        read_volume(tmp_path, series=other)


def test_the_series_passed_over_are_known(tmp_path: Path) -> None:
    """A bolus-tracking run of a few originals does not win over a whole derived scan."""
    wanted = series(tmp_path / "a", ImageType=["DERIVED", "SECONDARY", "AXIAL"])
    short = series(tmp_path / "b", hu_array(2, (12, 10, 5)))
    volume = read_volume(tmp_path)
    assert volume.metadata["SeriesInstanceUID"] == wanted
    assert [other.uid for other in volume.metadata["other_series"]] == [short]
    assert read_volume(tmp_path, series=short).metadata["other_series"] == ()


def test_derived_series_alone_is_read(tmp_path: Path) -> None:
    series(tmp_path, ImageType=["DERIVED", "PRIMARY", "AXIAL"])
    assert np.array_equal(read_volume(tmp_path).array, CT)


def test_only_what_is_no_scan(tmp_path: Path) -> None:
    series(tmp_path, Modality="MR")
    series(tmp_path, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], prefix="scout")
    with pytest.raises(InputError, match=r"found 11 x .* MR and 11 x localizer"):
        read_volume(tmp_path)


def test_localizer_with_the_same_uid(tmp_path: Path) -> None:
    uid = series(tmp_path)
    scout = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "prefix": "scout"}
    series(tmp_path, hu_array(3, (30, 20, 2)), series_uid=uid, **scout)
    assert np.array_equal(read_volume(tmp_path).array, CT)


def test_blank_series_uid(tmp_path: Path) -> None:
    series(tmp_path, series_uid="")
    series(tmp_path, hu_array(3, (12, 10, 4)), series_uid="", SeriesNumber=3, prefix="three")
    assert np.array_equal(read_volume(tmp_path).array, CT)


@pytest.mark.parametrize("absent", ["SOPClassUID", "FrameOfReferenceUID", "InstanceNumber"])
def test_absent_elements(absent: str, tmp_path: Path) -> None:
    series(tmp_path, **{absent: None})
    assert np.array_equal(read_volume(tmp_path).array, CT)


def test_metadata_names_slices_but_no_patient(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path, CT, AFFINE, study_uid="1.2.77")
    volume = read_volume(tmp_path)
    instances = tuple(pydicom.dcmread(path).SOPInstanceUID for path in paths)
    assert volume.metadata["SOPInstanceUIDs"] == instances
    assert volume.metadata["StudyInstanceUID"] == "1.2.77"
    assert "hantom" not in repr(volume.metadata)


def test_missing_slices(tmp_path: Path) -> None:
    series(tmp_path, leave_out=(5, 6))
    with pytest.raises(InputError, match=r"lacks 2 slices between -290.00 and -282.50 mm"):
        read_volume(tmp_path)


def test_missing_end_slices_cannot_be_known(tmp_path: Path) -> None:
    series(tmp_path, leave_out=(0, 10))
    assert np.array_equal(read_volume(tmp_path).array, CT[:, :, 1:10])


def test_copies_of_a_slice(tmp_path: Path) -> None:
    uid = series(tmp_path)
    series(tmp_path, series_uid=uid, prefix="copy", leave_out=set(range(3, 11)))
    assert np.array_equal(read_volume(tmp_path).array, CT)


def test_two_phases_in_one_series(tmp_path: Path) -> None:
    uid = series(tmp_path)
    series(tmp_path, hu_array(8, SHAPE), series_uid=uid, prefix="late")
    with pytest.raises(InputError, match="different slices at one position"):
        read_volume(tmp_path)


def test_rounded_positions_are_fine(tmp_path: Path) -> None:
    series(tmp_path, ImagePositionPatient=lambda k: shifted(k, (0, 0, 0.05 * (-1) ** k)))
    assert read_volume(tmp_path).spacing == pytest.approx((0.75, 0.5, 2.5), abs=1e-3)


def test_slice_shifted_in_plane(tmp_path: Path) -> None:
    series(tmp_path, ImagePositionPatient=lambda k: shifted(k, (3.0 * (k == 4), 0, 0)))
    with pytest.raises(InputError, match=r"not a straight, even stack: .* 3.00 mm from its place"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"PixelSpacing": lambda k: [0.5, 0.75 + 0.1 * (k > 5)]}, "mixes pixel spacings"),
        (
            {"ImageOrientationPatient": lambda k: [1, 0, 0, 0, 1, 0] if k else [0, 1, 0, 1, 0, 0]},
            "mixes slice orientations",
        ),
        ({"ImageOrientationPatient": [1, 0, 0, 0.5, 1, 0]}, "not perpendicular"),
        ({"PixelSpacing": [0, 0]}, "no size"),
        ({"ImagePositionPatient": None}, "no axial CT series .* without position"),
        ({"PixelData": lambda k: b"\0" * (100 if k == 3 else 240)}, "damaged or cut short"),
        ({"PixelData": None}, "damaged or cut short"),
    ],
)
def test_odd_headers(changes: dict[str, Any], match: str, tmp_path: Path) -> None:
    series(tmp_path, **changes)
    with pytest.raises(InputError, match=match) as caught:
        read_volume(tmp_path)
    assert "\n" not in str(caught.value)


def test_mixed_image_size(tmp_path: Path) -> None:
    uid = series(tmp_path)
    series(tmp_path, hu_array(3, (6, 5, 3)), series_uid=uid, prefix="small")
    with pytest.raises(InputError, match="12 x 10 pixels in 11 slices, 6 x 5 pixels in 3 slices"):
        read_volume(tmp_path)


def test_single_slice(tmp_path: Path) -> None:
    series(tmp_path, CT[:, :, :1])
    with pytest.raises(InputError, match="is a single slice"):
        read_volume(tmp_path)


def test_truncated_file(tmp_path: Path) -> None:
    path = write_ct_series(tmp_path, CT, AFFINE)[4]
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match=f"{path.name} is damaged or cut short"):
        read_volume(tmp_path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"damaged|lacks 1 slice"):
        read_volume(tmp_path)


def test_gantry_tilt_is_kept_exactly(tmp_path: Path) -> None:
    """Every voxel keeps its true place: the grid is sheared, and a warning says so."""
    affine = AFFINE.copy()
    affine[1, 2] = 2.5 * np.tan(np.radians(15.0))
    series(tmp_path, CT, affine)
    volume = read_volume(tmp_path)
    assert np.abs(volume.affine - affine).max() < 1e-6
    (tilt,) = (item for item in ct_problems(volume) if item.code == "tilt")
    assert not tilt.fatal
    assert "15.0 degrees" in tilt.sentence


def test_oblique_is_no_tilt(tmp_path: Path) -> None:
    affine = AFFINE.copy()
    affine[:3, :3] = rotation(0.2, 0.1, 0.3) @ affine[:3, :3]
    series(tmp_path, CT, affine)
    assert "tilt" not in {item.code for item in ct_problems(read_volume(tmp_path))}


def test_slope_and_intercept_of_each_slice(tmp_path: Path) -> None:
    slopes = [1 + k % 3 for k in range(SHAPE[2])]
    intercepts = [-1000 - k for k in range(SHAPE[2])]
    series(
        tmp_path,
        RescaleSlope=lambda k: str(slopes[k]),
        RescaleIntercept=lambda k: str(intercepts[k]),
    )
    volume = read_volume(tmp_path)
    expected = (CT.astype(int) + 1024) * slopes + intercepts
    assert volume.array.dtype == np.int16
    assert np.array_equal(volume.array, expected)


def test_broken_slope_gives_float32(tmp_path: Path) -> None:
    series(tmp_path, RescaleSlope=lambda k: "1" if k < 8 else "0.5")
    volume = read_volume(tmp_path)
    expected = (CT + 1024.0) * np.where(np.arange(SHAPE[2]) < 8, 1.0, 0.5) - 1024
    assert volume.array.dtype == np.float32
    assert np.array_equal(volume.array, expected)


def test_padding_is_kept(tmp_path: Path) -> None:
    array = CT.copy()
    array[:2] = -3024
    series(tmp_path, array, PixelPaddingValue=-2000)
    assert np.array_equal(read_volume(tmp_path).array, array)


@pytest.mark.parametrize(
    "syntax",
    [
        uids.RLELossless,
        uids.JPEG2000Lossless,
        uids.JPEGLSLossless,
        uids.DeflatedExplicitVRLittleEndian,
    ],
)
def test_compressed(syntax: str, tmp_path: Path) -> None:
    if syntax == uids.DeflatedExplicitVRLittleEndian:
        for path in write_ct_series(tmp_path, LARGER, AFFINE):
            data = pydicom.dcmread(path)
            data.file_meta.TransferSyntaxUID = syntax
            data.save_as(path)
    else:
        write_ct_series(tmp_path, LARGER, AFFINE, transfer_syntax=syntax)
    assert np.array_equal(read_volume(tmp_path).array, LARGER)


def jpeg_lossless(folder: Path) -> None:
    """Compress a written series as JPEG lossless, by GDCM."""
    for path in write_ct_series(folder, LARGER, AFFINE):
        image = sitk.ReadImage(str(path), sitk.sitkInt16)
        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.SetFileName(str(path))
        writer.SetUseCompression(True)
        writer.SetCompressor("JPEG")
        writer.Execute(image)
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == uids.JPEGLosslessSV1


def test_jpeg_lossless_is_decoded_by_simpleitk(tmp_path: Path) -> None:
    jpeg_lossless(tmp_path)
    assert np.array_equal(read_volume(tmp_path).array, LARGER)


def test_missing_decoder_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ct_series(tmp_path, LARGER, AFFINE, transfer_syntax=uids.JPEG2000Lossless)

    def fail(reader: object) -> None:
        raise RuntimeError("no decoder")

    monkeypatch.setattr("ynet3d.volumes.dicom_pixels.decodable", lambda syntax: False)
    monkeypatch.setattr(sitk.ImageFileReader, "Execute", fail)
    with pytest.raises(MissingExtraError, match=r"JPEG 2000.*pip install 'ynet3d\[dicom-codecs\]'"):
        read_volume(tmp_path)


def test_simpleitk_decodes_as_pydicom_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ct_series(tmp_path, LARGER, AFFINE, transfer_syntax=uids.JPEG2000Lossless)
    monkeypatch.setattr("ynet3d.volumes.dicom_pixels.decodable", lambda syntax: False)
    assert np.array_equal(read_volume(tmp_path).array, LARGER)


def test_file_without_preamble(tmp_path: Path) -> None:
    for path in write_ct_series(tmp_path, CT, AFFINE):
        data = pydicom.dcmread(path)
        bare = pydicom.Dataset(data)
        path.unlink()
        bare.save_as(path.with_suffix(""), implicit_vr=True, little_endian=True)
    assert np.array_equal(read_volume(tmp_path).array, CT)


def test_label_from_dicom(tmp_path: Path) -> None:
    mask = np.where(CT > 0, 255, 0).astype(np.int16)
    series(tmp_path, mask)
    label = read_label(tmp_path)
    assert label.array.dtype == np.uint8
    assert np.array_equal(label.array, mask)
