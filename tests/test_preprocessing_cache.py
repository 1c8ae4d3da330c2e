"""The cache: keyed by content and recipe, read without the source, never half-written."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from small_runs import small_scan

from ynet3d.datasets import Case, LabelFile
from ynet3d.errors import InputError, YnetError
from ynet3d.labels import Label
from ynet3d.preprocessing import (
    CaseCache,
    PreparedCase,
    cache,
    label_to_network_grid,
    to_network_grid,
)
from ynet3d.progress import Progress
from ynet3d.recipes import Preprocessing
from ynet3d.volumes import write_label, write_volume

PREPROCESSING = Preprocessing(window_hu=(-100, 200), size=(9, 10, 12))


def write_case(folder: Path, seed: int = 0, *, tumour: bool = True) -> Case:
    folder.mkdir(parents=True, exist_ok=True)
    image, label = small_scan(seed, tumour=tumour)
    write_volume(image, folder / "volume.nii.gz")
    write_label(label, folder / "segmentation.nii.gz")
    return case_in(folder)


def case_in(folder: Path) -> Case:
    label = LabelFile(folder / "segmentation.nii.gz")
    return Case(folder.name, folder.name, folder / "volume.nii.gz", label)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path / "data" / "case-0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("the source was read")

    monkeypatch.setattr(Case, "read_image", refuse)
    monkeypatch.setattr(Case, "read_label", refuse)


def test_an_entry_is_the_case_on_the_network_grid(case: Case, folder: Path) -> None:
    prepared = CaseCache(folder, PREPROCESSING).get(case)
    image, label = small_scan(0)
    assert prepared.name == "case-0"
    assert np.array_equal(prepared.image, to_network_grid(image, PREPROCESSING))
    assert np.array_equal(prepared.label, label_to_network_grid(label, PREPROCESSING))
    assert (prepared.image.dtype, prepared.label.dtype) == (np.float32, np.uint8)
    for kind in (Label.LIVER, Label.TUMOUR):
        assert np.array_equal(prepared.voxels[kind], np.argwhere(prepared.label == kind))
    for array in (prepared.image, prepared.label):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_prepared_cases_keep_no_file_open(case: Case, folder: Path) -> None:
    """A data set has more cases than some systems allow open files."""
    opened = Path("/proc/self/fd")
    if not opened.is_dir():
        pytest.skip("only Linux tells which files are open")
    before = len(list(opened.iterdir()))
    prepared = [CaseCache(folder, PREPROCESSING).get(case) for _ in range(5)]
    assert all(entry.image.max() <= 1 for entry in prepared)
    assert len(list(opened.iterdir())) <= before


def test_a_case_without_tumour_has_no_tumour_voxels(tmp_path: Path, folder: Path) -> None:
    prepared = CaseCache(folder, PREPROCESSING).get(write_case(tmp_path / "a", tumour=False))
    assert prepared.voxels[Label.TUMOUR].shape == (0, 3)
    assert len(prepared.voxels[Label.LIVER]) > 0


def test_a_large_organ_is_sampled_evenly(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_VOXELS_KEPT", 20)
    prepared = CaseCache(folder, PREPROCESSING).get(case)
    everywhere = np.argwhere(prepared.label == Label.LIVER)
    kept = prepared.voxels[Label.LIVER]
    assert 20 <= len(kept) < 40 < len(everywhere)
    assert len(np.unique(kept, axis=0)) == len(kept)
    assert (prepared.label[tuple(kept.T)] == Label.LIVER).all()
    np.testing.assert_allclose(kept.mean(axis=0), everywhere.mean(axis=0), rtol=0, atol=0.75)


def test_a_second_call_reads_no_source(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = CaseCache(folder, PREPROCESSING).get(case)
    no_reading(monkeypatch)
    second = CaseCache(folder, PREPROCESSING).get(case)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.label, second.label)
    assert len(entries(folder)) == 1


def test_a_data_set_that_moved_keeps_its_cache(
    case: Case, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CaseCache(folder, PREPROCESSING).get(case)
    shutil.move(tmp_path / "data" / "case-0", tmp_path / "case-other")
    no_reading(monkeypatch)
    moved = case_in(tmp_path / "case-other")
    assert CaseCache(folder, PREPROCESSING).get(moved).name == "case-other"


@pytest.mark.parametrize("part", ["image", "label"])
def test_changed_content_gives_a_new_entry(case: Case, folder: Path, part: str) -> None:
    before = CaseCache(folder, PREPROCESSING).get(case)
    image, label = small_scan(1)
    if part == "image":
        write_volume(image, case.image)
    else:
        assert case.label_path is not None
        write_label(label, case.label_path)
    after = CaseCache(folder, PREPROCESSING).get(case)
    assert len(entries(folder)) == 2
    assert np.array_equal(before.image, after.image) == (part != "image")
    assert np.array_equal(before.label, after.label) == (part != "label")


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(window_hu=(-100, 201), size=(9, 10, 12)),
        Preprocessing(window_hu=(-100, 200), size=(9, 10, 11)),
        Preprocessing(window_hu=(-100, 200), size=None, spacing_mm=(8.0, 6.0, 6.0)),
    ],
)
def test_another_recipe_gives_a_new_entry(
    case: Case, folder: Path, preprocessing: Preprocessing
) -> None:
    CaseCache(folder, PREPROCESSING).get(case)
    other = CaseCache(folder, preprocessing).get(case)
    assert len(entries(folder)) == 2
    assert np.array_equal(other.image, to_network_grid(small_scan(0)[0], preprocessing))


def test_cases_are_prepared_in_order(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [write_case(tmp_path / name, seed) for seed, name in enumerate("ba")]
    prepared = CaseCache(folder, PREPROCESSING).prepare(
        cases, progress=Progress(), title="Preparing"
    )
    assert [item.name for item in prepared] == ["b", "a"]
    assert "Preparing 2/2" in capsys.readouterr().err
    assert len(entries(folder)) == 2


def test_a_label_of_3_is_refused(case: Case, folder: Path) -> None:
    label = small_scan(0)[1]
    label.array[label.array == 2] = 3
    assert case.label_path is not None
    write_label(label, case.label_path)
    with pytest.raises(InputError, match=r"case-0 .*\b3\b") as caught:
        CaseCache(folder, PREPROCESSING).get(case)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert entries(folder) == []


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
        (OSError(28, "No space left on device"), YnetError),
    ],
)
@pytest.mark.parametrize("array_name", ["image", "label", "liver", "tumour"])
def test_interrupted_writing_leaves_no_entry(
    case: Case,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    seen: type[BaseException],
    array_name: str,
) -> None:
    save = np.save

    def failing_save(path: Path, array: np.ndarray) -> None:
        if path.stem == array_name:
            raise error
        save(path, array)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", failing_save)
        with pytest.raises(seen):
            CaseCache(folder, PREPROCESSING).get(case)
    assert entries(folder) == []
    assert CaseCache(folder, PREPROCESSING).get(case).image.shape == (9, 10, 12)


def test_a_full_disk_is_one_sentence(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(YnetError) as caught:
        CaseCache(folder, PREPROCESSING).get(case)
    assert str(caught.value) == f"The cache {folder} could not be written: No space left on device."
    assert caught.value.exit_code == 1


def test_a_file_in_the_way_is_one_sentence(case: Case, folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(YnetError, match=r"could not be written: .*\.$"):
        CaseCache(folder, PREPROCESSING).get(case)


def test_two_processes_at_once_make_one_entry(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one finishes while this one is still computing."""

    def after_the_other(*arguments: object) -> np.ndarray:
        monkeypatch.setattr(cache, "label_to_network_grid", label_to_network_grid)
        CaseCache(folder, PREPROCESSING).get(case)
        return label_to_network_grid(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "label_to_network_grid", after_the_other)
    prepared = CaseCache(folder, PREPROCESSING).get(case)
    assert np.array_equal(prepared.image, to_network_grid(small_scan(0)[0], PREPROCESSING))
    assert len(entries(folder)) == 1


def test_a_missing_file_is_named(case: Case, folder: Path) -> None:
    case.image.unlink()
    with pytest.raises(InputError, match=r"volume\.nii\.gz"):
        CaseCache(folder, PREPROCESSING).get(case)


def test_too_little_memory_to_read_a_prepared_case_is_said_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    case = PreparedCase("a", tmp_path, {})
    with pytest.raises(YnetError, match="start again"):
        _ = case.image
    monkeypatch.setattr(np, "load", no_memory)
    with pytest.raises(OSError, match="Cannot allocate memory"):
        _ = case.image
