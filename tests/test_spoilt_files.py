"""What the fuzzer found, each as the smallest file that shows it."""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fuzzing.volume_seeds import AFFINE, hu, metaimage_seeds, nifti_seeds, nrrd_seeds
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ynet3d.datasets import open_dataset
from ynet3d.documents import DocumentError, parse_json, parse_yaml
from ynet3d.errors import InputError, one_line
from ynet3d.evaluation.comparison.score_files import read_scores
from ynet3d.recipes import load_recipe
from ynet3d.training.checkpoint import RunState, load_checkpoint, save_checkpoint
from ynet3d.volumes import read_volume
from ynet3d.volumes.promises import MOST_PACKED

MHA = next(metaimage_seeds()).files["scan.mha"]
NRRD = next(nrrd_seeds()).files["scan.nrrd"]
NIFTI = next(nifti_seeds()).files["scan.nii"]


def refusal(path: Path, read: Callable[[Path], Any] = read_volume) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(InputError) as caught:
        read(path)
    text = str(caught.value)
    assert text.isprintable()
    assert text.endswith(".")
    return text


def spoilt(path: Path, data: bytes, old: bytes, new: bytes) -> Path:
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    return path


def with_dimensions(*sizes: int) -> bytes:
    return NIFTI[:42] + struct.pack("<3h", *sizes) + NIFTI[48:]


@pytest.mark.parametrize("packed", [False, True])
def test_nifti_that_promises_terabytes(packed: bool, tmp_path: Path) -> None:
    data = with_dimensions(32767, 32767, 32767)
    path = tmp_path / ("x.nii.gz" if packed else "x.nii")
    path.write_bytes(gzip.compress(data) if packed else data)
    assert "cut short" in refusal(path)


def test_gzip_at_its_best_is_not_taken_for_a_lie(tmp_path: Path) -> None:
    path = tmp_path / "x.nii.gz"
    zeros = bytes(256 * 256 * 100 * 2)
    path.write_bytes(gzip.compress(with_dimensions(256, 256, 100)[:352] + zeros, 9))
    assert path.stat().st_size > len(zeros) / MOST_PACKED
    assert read_volume(path).shape == (256, 256, 100)


@pytest.mark.parametrize("offset", [np.nan, np.inf, -np.inf, -5.0, 1e30])
def test_nifti_whose_voxels_begin_nowhere(offset: float, tmp_path: Path) -> None:
    path = tmp_path / "x.nii"
    path.write_bytes(NIFTI[:108] + struct.pack("<f", offset) + NIFTI[112:])
    refusal(path)


def test_damaged_nifti_header_is_not_told_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.nii"
    path.write_bytes(NIFTI[:254] + struct.pack("<h", 1792) + NIFTI[256:])
    read_volume(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".mha", ".nrrd"])
def test_itk_headers_that_promise_terabytes(suffix: str, tmp_path: Path) -> None:
    huge = b"200000 200000 200000"
    data = MHA if suffix == ".mha" else NRRD
    assert "cut short" in refusal(spoilt(tmp_path / f"x{suffix}", data, b"6 5 4", huge))


@pytest.mark.parametrize("place", ["outside", "absolute", "link"])
@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd", ".nhdr"])
def test_no_voxels_from_another_folder(suffix: str, place: str, tmp_path: Path) -> None:
    """A header that names a file elsewhere would show its bytes to whoever sees the scan."""
    secret = tmp_path / "secret.raw"
    secret.write_bytes(hu().tobytes(order="F"))
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / "link.raw").symlink_to(secret)
    named = {"outside": "../secret.raw", "absolute": str(secret), "link": "link.raw"}[place]
    path = folder / f"x{suffix}"
    if suffix in (".mha", ".mhd"):
        header = MHA[: MHA.index(b"LOCAL")] + named.encode() + b"\n"
    else:
        header = NRRD[: NRRD.index(b"\n\n")] + f"\ndata file: {named}\n\n".encode()
    path.write_bytes(header)
    assert "does not lie beside it" in refusal(path)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(path, f"scan/x{suffix}")
    if place != "link":
        assert "does not lie beside it" in refusal(tmp_path / "x.zip")
    path.write_bytes(header.replace(named.encode(), b"own.raw"))
    (folder / "own.raw").write_bytes(secret.read_bytes())
    assert np.array_equal(read_volume(path).array, hu()), "a file beside it is read"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"NDims = 3", b"NDims = 99999999"),
        (b"BinaryData = True", b"BinaryData = urTe"),
        (b"Offset = 0 0 0", b"Offset = " + b"0 0 0 " * 200),
        (b"Offset = 0 0 0", b"Offset = 0 0 0\nOffset = 0 0 1"),
        (b"Offset = 0 0 0", b"A" * 5000),
        (b"Offset = 0 0 0", b"Offset = nan 0 0"),
        (b"ElementDataFile = LOCAL", b"ElementDataFile = LIST"),
        (b"MET_SHORT", b"MET_OTHER"),
        (b"Offset = 0 0 0", b"#"),
        (b"Offset = 0 0 0", b"CompressedDataSize = nan"),
        (b"NDims = 3", b"NDims =\xa03"),
        (b"Offset = 0 0 0\n", b"Offset = 0 0 0\n\n"),
        (b"CompressedData = False", b"CompressedData = True"),
    ],
)
def test_metaimage_that_crashes_metaio_or_makes_it_talk(
    old: bytes, new: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    refusal(spoilt(tmp_path / "x.mha", MHA, old, new))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("line", [b"A" * 5000, b"A" * 50, b"\xff\0", b"space: " + b"x" * 3000])
def test_nrrd_that_crashes_itk(line: bytes, tmp_path: Path) -> None:
    refusal(spoilt(tmp_path / "x.nrrd", NRRD, b"endian: little", b"endian: little\n" + line))


@pytest.mark.parametrize("name", ["d/" * 1500 + "x", "", "\x1b[31m.dcm"])
def test_zip_names_that_are_none(name: str, tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("x")
    entry.filename = name
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(entry, b"x" * 200)
    assert "ynet3d-" not in refusal(tmp_path / "x.zip")


_BOMB = "a: &a [x, x]\nb: &b [*a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b]\n"


@pytest.mark.parametrize(
    "text",
    [
        *(_BOMB, "&a [*a]", "[" * 20_000 + "]" * 20_000, "{a: " * 2000, "- " * 3000),
        *("!!python/object/apply:os.system ['true']", "!!python/name:os.system", "a: 2026-13-45"),
        *("9" * 5000, "!!int x", "!!float ''", "a: \0", "--- a\n--- b", '"\\ud800"'),
    ],
)
def test_yaml_that_is_meant_to_hurt(text: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        parse_yaml(text)
    (tmp_path / "x.yaml").write_text(text)
    refusal(tmp_path / "x.yaml", lambda path: load_recipe(str(path)))


def test_yaml_of_recipes_is_read() -> None:
    assert parse_yaml("a: {b: [1, 0.5, true, null, x]}") == {"a": {"b": [1, 0.5, True, None, "x"]}}


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "9" * 5000, '{"a":' * 50_000, "", "nul", '"\\ud800"']
)
def test_json_that_is_meant_to_hurt(text: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError):
        parse_json(text)
    (tmp_path / "dataset.json").write_text(text)
    (tmp_path / "imagesTr").mkdir()
    refusal(tmp_path, open_dataset)


def test_numbers_of_an_evaluation(tmp_path: Path) -> None:
    rows = ["case,class,reference_ml,dice", "a,liver,nan,1", "a,liver_label1,1,1", "a,tumour,1,1"]
    (tmp_path / "cases.csv").write_text("\n".join(rows))
    assert "reference_ml" in refusal(tmp_path, read_scores)
    (tmp_path / "cases.csv").write_text("\n".join(rows).replace("nan", "2"))
    (tmp_path / "summary.json").write_text(json.dumps([1]))
    assert "summary" in refusal(tmp_path, read_scores)


def test_errors_are_one_printable_line() -> None:
    assert str(InputError("\x1b[31mred\x00\n.")) == "\\x1b[31mred\\x00 ."
    assert one_line("ä – ×") == "ä – ×"
    long = one_line("a" * 10_000 + "the end.")
    assert len(long) < 1300
    assert long.endswith("the end.")


def test_affine_of_the_seed_is_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.nii").write_bytes(NIFTI)
    assert np.allclose(read_volume(tmp_path / "x.nii").affine, AFFINE)


def test_a_table_with_a_name_longer_than_any(tmp_path: Path) -> None:
    table = tmp_path / "cases.csv"
    table.write_text(f"image,label\na.nii.gz,\n{'x' * 5000}.nii.gz,\n", encoding="utf-8")
    with pytest.raises(InputError, match="Line 3 of"):
        open_dataset(table)


def test_a_checkpoint_without_a_part_of_the_optimiser(tmp_path: Path) -> None:
    network = torch.nn.Linear(2, 1)
    optimiser = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    save_checkpoint(tmp_path, RunState(), network, optimiser, None)
    load_checkpoint(tmp_path, network, optimiser, None)
    path = tmp_path / "checkpoint.safetensors"
    with safe_open(path, framework="pt") as stored:
        facts = stored.metadata()
    del facts["sha256"]  # as before checkpoints had one
    tensors = load_file(path)
    del tensors["optimiser/0/step"]
    save_file(tensors, path, metadata=facts)
    with pytest.raises(InputError, match="is damaged or of another network"):
        load_checkpoint(tmp_path, network, optimiser, None)
