"""Odd DICOM files: encodings, padding, private things, and files that pydicom brings along."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from command_line import run
from dicom_files import write_ct_series
from pydicom import uid as uids
from pydicom.encaps import encapsulate
from small_runs import save_small_weights
from volume_cases import hu_array

from ynet3d.errors import InputError, MissingExtraError
from ynet3d.volumes import list_series, read_volume
from ynet3d.volumes.dicom_headers import is_dicomdir, read_headers
from ynet3d.volumes.dicom_pixels import HuReader, missing_decoder, syntax_decodable

AFFINE = np.array([[-0.75, 0, 0, 90.0], [0, -0.5, 0, 80.0], [0, 0, 2.5, -300.0], [0, 0, 0, 1.0]])
CT = hu_array(1, (6, 5, 6))
FILES = Path(pydicom.__file__).parent / "data" / "test_files"


def unsigned(array: np.ndarray) -> dict[str, Any]:
    stored = (array.astype(np.int32) + 1024).astype("<u2")
    return {
        "PixelRepresentation": 0,
        "PixelData": lambda k: np.ascontiguousarray(stored[:, :, k].T).tobytes(),
    }


def test_unsigned_pixels(tmp_path: Path) -> None:
    array = np.where(CT > 2000, 50000, CT.astype(np.int32))
    write_ct_series(tmp_path, CT, AFFINE, **unsigned(array))
    volume = read_volume(tmp_path)
    assert volume.array.dtype == np.float32, "50000 is beyond int16"
    assert np.array_equal(volume.array, array)


@pytest.mark.parametrize("padding", [63536, -2000])
def test_padding_without_its_sign_becomes_air(padding: int, tmp_path: Path) -> None:
    array = np.full(CT.shape, 40, np.int32)
    array[:2] = 63536 - 1024
    write_ct_series(
        tmp_path,
        CT,
        AFFINE,
        **unsigned(array),
        PixelPaddingValue=padding % 65536,
    )
    volume = read_volume(tmp_path)
    assert volume.array.dtype == np.int16
    assert np.unique(volume.array[:2]).tolist() == [-1024]
    assert np.unique(volume.array[2:]).tolist() == [40]


def test_padding_that_is_a_value_of_tissue_is_left(tmp_path: Path) -> None:
    write_ct_series(tmp_path, CT, AFFINE, PixelPaddingValue=int(CT[2, 2, 2]) + 1024)
    assert np.array_equal(read_volume(tmp_path).array, CT)


@pytest.mark.parametrize("signed", [0, 1])
def test_drawings_in_the_high_bits(signed: int, tmp_path: Path) -> None:
    """Old scanners keep an overlay in bit 12 and above of the pixels."""
    values = np.clip(CT, -1024, 900).astype(np.int32)
    stored = values + 1024 if not signed else values
    drawn = (stored & 0x0FFF) | (np.arange(6)[:, None, None] % 2 << 12)
    for path in write_ct_series(tmp_path, CT, AFFINE):
        data = pydicom.dcmread(path)
        k = round((float(data.ImagePositionPatient[2]) + 300) / 2.5)
        data.BitsStored, data.HighBit, data.PixelRepresentation = 12, 11, signed
        data.RescaleIntercept = "0" if signed else "-1024"
        data.PixelData = np.ascontiguousarray(drawn[:, :, k].T).astype("<u2").tobytes()
        data.add_new((0x6000, 0x0100), "US", 16)
        data.add_new((0x6000, 0x0102), "US", 12)
        data.save_as(path)
    assert np.array_equal(read_volume(tmp_path).array, values)


def test_big_endian_and_implicit(tmp_path: Path) -> None:
    for name, syntax in (
        ("big", uids.ExplicitVRBigEndian),
        ("implicit", uids.ImplicitVRLittleEndian),
    ):
        for path in write_ct_series(tmp_path / name, CT, AFFINE):
            data = pydicom.dcmread(path)
            plain = pydicom.Dataset(data)
            plain.file_meta = data.file_meta
            plain.file_meta.TransferSyntaxUID = syntax
            if name == "big":
                plain.PixelData = np.frombuffer(data.PixelData, "<i2").astype(">i2").tobytes()
            pydicom.dcmwrite(path, plain, enforce_file_format=True)
        assert np.array_equal(read_volume(tmp_path / name).array, CT)


@pytest.mark.parametrize("kind", ["implicit", "explicit", "big", "meta"])
def test_no_preamble_no_extension(kind: str, tmp_path: Path) -> None:
    for path in write_ct_series(tmp_path, CT, AFFINE):
        data = pydicom.dcmread(path)
        path.unlink()
        bare = path.with_suffix("")
        if kind == "meta":  # the meta header without the 132 bytes before it
            data.save_as(bare)
            bare.write_bytes(bare.read_bytes()[132:])
            continue
        if kind == "big":
            data.PixelData = np.frombuffer(data.PixelData, "<i2").astype(">i2").tobytes()
        plain = pydicom.Dataset(data)
        plain.save_as(bare, implicit_vr=kind == "implicit", little_endian=kind != "big")
        assert bare.read_bytes()[128:132] != b"DICM"
    assert np.array_equal(read_volume(tmp_path).array, CT)
    with pytest.raises(InputError, match=r"single DICOM file \(one CT slice\)"):
        read_volume(next(tmp_path.iterdir()))


def test_private_elements_do_no_harm(tmp_path: Path) -> None:
    for path in write_ct_series(tmp_path, CT, AFFINE):
        data = pydicom.dcmread(path)
        block = data.private_block(0x0009, "ODD 1.0", create=True)
        block.add_new(0x01, "SQ", [pydicom.Dataset()])
        block.add_new(0x02, "UN", b"\x01\x02\x03\x04")
        data.private_block(0x7FDF, "ODD 1.0", create=True).add_new(0x01, "OB", b"\0" * 300)
        data.save_as(path)
    assert np.array_equal(read_volume(tmp_path).array, CT)


def test_maps_that_are_not_hu_are_no_scan(tmp_path: Path) -> None:
    write_ct_series(tmp_path / "a", hu_array(2, (6, 5, 9)), AFFINE, RescaleType="MGML")
    with pytest.raises(InputError, match="found 9 x CT image of MGML instead of HU"):
        read_volume(tmp_path)
    write_ct_series(tmp_path / "b", CT, AFFINE, RescaleType="HU")
    assert np.array_equal(read_volume(tmp_path).array, CT)


def test_slope_of_zero(tmp_path: Path) -> None:
    write_ct_series(tmp_path, CT, AFFINE, RescaleSlope="0")
    with pytest.raises(InputError, match="a rescale slope of 0"):
        read_volume(tmp_path)


def renamed_syntax(folder: Path, syntax: str) -> None:
    for path in write_ct_series(folder, CT, AFFINE):
        data = pydicom.dcmread(path)
        data.PixelData = encapsulate([data.PixelData])
        data["PixelData"].VR = "OB"
        data.file_meta.TransferSyntaxUID = syntax
        data.save_as(path, implicit_vr=False, little_endian=True)


def test_syntax_that_nothing_decodes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    renamed_syntax(tmp_path / "video", uids.MPEG2MPML)
    with pytest.raises(InputError, match=r"nothing here can decode \(MPEG2"):
        read_volume(tmp_path / "video")
    assert "nothing here can decode" in list_series(tmp_path / "video")[0].problem
    renamed_syntax(tmp_path / "private", "1.2.840.113619.5.2.99")
    weights = save_small_weights(tmp_path_factory.mktemp("weights") / "small.safetensors")
    out = tmp_path / "out"
    done = run(capsys, "predict", tmp_path / "private", "-o", out, "-w", weights)
    done.assert_refused(match="nothing here can decode (1.2.840.113619.5.2.99)")
    assert not out.exists() or not list(out.iterdir())


def test_which_package_decodes() -> None:
    def said(syntax: str) -> str:
        error = missing_decoder(Path("x.dcm"), syntax)
        assert isinstance(error, MissingExtraError)
        return str(error)

    assert "pylibjpeg-openjpeg" in said(uids.HTJ2KLossless)
    assert "pyjpegls" in said(uids.JPEGLSLossless)
    assert "pip install 'ynet3d[dicom-codecs]'" in said(uids.JPEG2000)
    for syntax in (uids.JPEGBaseline8Bit, uids.JPEGExtended12Bit, uids.JPEGLossless, uids.JPEG2000):
        assert syntax_decodable(syntax)


@pytest.mark.parametrize(
    "name",
    [
        "JPGExtended.dcm",  # 12 bits, which pydicom says it can decode, and cannot with Pillow
        "JPEG2000.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_bigendian.dcm",
        "image_dfl.dcm",
        "CT_small.dcm",
    ],
)
def test_files_of_pydicom(name: str, tmp_path: Path) -> None:
    """SimpleITK is the second opinion."""
    mine = HuReader().read(read_headers(FILES / name)[0])
    image = sitk.ImageFileReader()
    image.SetImageIO("GDCMImageIO")
    image.SetFileName(str(FILES / name))
    assert np.array_equal(mine, sitk.GetArrayFromImage(image.Execute())[0])


@pytest.mark.parametrize("name", ["rtplan.dcm", "ExplVR_BigEndNoMeta.dcm", "no_meta.dcm"])
def test_files_of_pydicom_without_image(name: str) -> None:
    assert read_headers(FILES / name) == []


@pytest.mark.parametrize("name", ["badVR.dcm", "MR_truncated.dcm"])
def test_damaged_files_of_pydicom(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is damaged|is a damaged") as caught:
        HuReader().read(read_headers(FILES / name)[0])
    assert "\n" not in str(caught.value)


def test_jpeg_baseline(tmp_path: Path) -> None:
    """Eight bits, lossy: what Pillow decodes, with slope and intercept."""
    from PIL import Image

    expected = np.zeros((48, 40, 4))
    for path in write_ct_series(tmp_path, hu_array(2, (48, 40, 4)), AFFINE):
        data = pydicom.dcmread(path)
        k = round((float(data.ImagePositionPatient[2]) + 300) / 2.5)
        pixels = np.add.outer(np.arange(40) * 3, np.arange(48) * 2 + 5 * k).astype(np.uint8)
        coded = BytesIO()
        Image.fromarray(pixels).save(coded, "JPEG", quality=90)
        expected[:, :, k] = np.asarray(Image.open(coded)).T * 8.0 - 1024
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
        data.RescaleSlope = "8"
        data.PixelData = encapsulate([coded.getvalue()])
        data["PixelData"].VR = "OB"
        data.file_meta.TransferSyntaxUID = uids.JPEGBaseline8Bit
        data.save_as(path)
    assert np.array_equal(read_volume(tmp_path).array, expected)


def test_dicomdir(tmp_path: Path) -> None:
    cd = tmp_path / "cd"
    shutil.copytree(FILES / "dicomdirtests", cd)
    assert is_dicomdir(cd / "DICOMDIR")
    assert is_dicomdir(cd / "DICOMDIR-bigEnd")
    assert not is_dicomdir(cd / "77654033" / "CT2" / "17106")
    found = list_series(cd / "DICOMDIR")
    assert {item.modality for item in found} >= {"CT", "MR", "CR"}
    assert len({item.study_uid for item in found}) >= 3
    write_ct_series(cd / "IMAGES", CT, AFFINE, file_name=lambda k: f"IM{k:05d}")
    assert np.array_equal(read_volume(cd / "DICOMDIR").array, CT)


def test_dicomdir_without_its_files(tmp_path: Path) -> None:
    shutil.copy(FILES / "dicomdirtests" / "DICOMDIR", tmp_path)
    for path in (tmp_path, tmp_path / "DICOMDIR"):
        with pytest.raises(InputError, match="holds no DICOM images"):
            read_volume(path)
