"""Cases prepared several at a time: in order, no more than asked for, nothing half-written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from test_preprocessing_cache import PREPROCESSING, entries, write_case

from ynet3d.datasets import Case
from ynet3d.errors import InputError
from ynet3d.preprocessing import CaseCache, PreparedCase
from ynet3d.progress import Progress, Task

QUIET = Progress(quiet=True)


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    return [write_case(tmp_path / "data" / f"case-{seed}", seed) for seed in range(6)]


def prepare(folder: Path, cases: list[Case], workers: int | None) -> list[PreparedCase]:
    cache = CaseCache(folder, PREPROCESSING)
    return cache.prepare(cases, progress=QUIET, title="", workers=workers)


@pytest.mark.parametrize("workers", [1, 3, None])
def test_any_number_of_workers_gives_the_same(
    workers: int | None, cases: list[Case], tmp_path: Path
) -> None:
    expected = [CaseCache(tmp_path / "one by one", PREPROCESSING).get(case) for case in cases]
    found = prepare(tmp_path / "cache", cases, workers)
    assert [case.name for case in found] == [case.name for case in cases]
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.label, other.label)
    assert len(entries(tmp_path / "cache")) == len(cases)


def test_the_same_scan_twice_is_one_entry(cases: list[Case], tmp_path: Path) -> None:
    found = prepare(tmp_path / "cache", [cases[0]] * 4, 4)
    assert len(found) == 4
    assert len(entries(tmp_path / "cache")) == 1


def test_no_case_is_no_work(tmp_path: Path) -> None:
    assert prepare(tmp_path / "cache", [], None) == []


def test_no_more_scans_in_memory_than_workers(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, inside, most = threading.Lock(), 0, 0
    both = threading.Barrier(2, timeout=30)  # two at a time: each waits for another
    store = CaseCache._store

    def counted(self: CaseCache, case: Case, entry: Path) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        both.wait()
        store(self, case, entry)
        with lock:
            inside -= 1

    monkeypatch.setattr(CaseCache, "_store", counted)
    prepare(tmp_path / "cache", cases, 2)
    assert most == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_case_keeps_its_sentence_and_leaves_no_half_entry(
    workers: int, cases: list[Case], tmp_path: Path
) -> None:
    cases[1].image.write_bytes(b"no scan")
    cases[5].image.write_bytes(b"no scan either")
    with pytest.raises(InputError) as caught:
        prepare(tmp_path / "cache", cases, workers)
    assert str(cases[1].image) in str(caught.value)
    assert str(caught.value).endswith(".")
    kept = entries(tmp_path / "cache")
    assert kept
    assert not [entry for entry in kept if entry.name.startswith(".")]


class _StoppedAfterOne(Progress):
    """Ctrl-C reaches the main thread while it waits for cases."""

    @contextmanager
    def task(self, description: str, *, total: int, done: int = 0) -> Iterator[Task]:
        class Stopping(Task):
            def advance(self, steps: int = 1, note: str = "") -> None:
                raise KeyboardInterrupt

        yield Stopping()


def test_stopping_keeps_whole_cases_only(cases: list[Case], tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = CaseCache(folder, PREPROCESSING)
    with pytest.raises(KeyboardInterrupt):
        cache.prepare(cases, progress=_StoppedAfterOne(quiet=True), title="", workers=2)
    kept = entries(folder)
    assert kept
    for entry in kept:
        parts = ["checksums.json"]
        parts += [f"{part}.npy" for part in ("image", "label", "liver", "tumour")]
        assert sorted(file.name for file in entry.iterdir()) == parts
    assert len(prepare(folder, cases, None)) == len(cases)
    assert len(entries(folder)) == len(cases)
