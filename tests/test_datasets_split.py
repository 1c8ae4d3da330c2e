"""Splits: by patient, exact sizes, the same from the same seed; and the split file."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ynet3d.datasets import Case, DataSet, LabelFile, make_split, read_split, write_split
from ynet3d.errors import InputError

few = settings(deadline=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)
#: Number of cases of each patient.
patients = st.lists(st.integers(1, 4), min_size=3, max_size=40)
ratios = st.tuples(st.floats(0.1, 1000), st.floats(0.1, 1000), st.floats(0.1, 1000))


def dataset(sizes: list[int]) -> DataSet:
    cases = [
        Case(f"case-{p}-{c}", f"patient-{p}", Path(f"{p}-{c}.nii"), LabelFile(Path("label.nii")))
        for p, size in enumerate(sizes)
        for c in range(size)
    ]
    return DataSet("made up", "csv", Path("list.csv"), tuple(cases))


@given(sizes=patients, ratio=ratios, seed=seeds)
@few
def test_patients_never_straddle(
    sizes: list[int], ratio: tuple[float, float, float], seed: int
) -> None:
    data = dataset(sizes)
    split = make_split(data, ratio=ratio, seed=seed)
    where: dict[str, set[str]] = {}
    for part, names in split.parts.items():
        for name in names:
            where.setdefault(data.case(name).patient, set()).add(part)
    assert all(len(parts) == 1 for parts in where.values())
    placed = Counter(name for names in split.parts.values() for name in names)
    assert placed == Counter(case.name for case in data.cases)
    assert all(split.parts.values())
    backwards = replace(data, cases=data.cases[::-1])
    assert make_split(backwards, ratio=ratio, seed=seed) == split


@given(count=st.integers(3, 200), ratio=ratios, seed=seeds)
@few
def test_sizes_of_single_cases_are_exact(
    count: int, ratio: tuple[float, float, float], seed: int
) -> None:
    split = make_split(dataset([1] * count), ratio=ratio, seed=seed)
    sizes = [len(names) for names in split.parts.values()]
    exact = [count * weight / sum(ratio) for weight in ratio]
    assert sum(sizes) == count
    # A part lifted to one case takes that case from the largest part: at most two are lifted.
    lifted = sum(value < 1 for value in exact)
    for size, value in zip(sizes, exact, strict=True):
        assert size == 1 or abs(size - value) < 1 + lifted


@given(sizes=patients, seed=seeds, folds=st.integers(2, 3))
@few
def test_folds(sizes: list[int], seed: int, folds: int) -> None:
    data = dataset(sizes)
    split = make_split(data, seed=seed, folds=folds)
    assert split.folds == folds
    validated: list[str] = []
    for fold in range(1, folds + 1):
        one = split.with_fold(fold)
        assert one.train
        assert one.validation
        assert one.test == ()
        assert not {data.case(n).patient for n in one.train} & {
            data.case(n).patient for n in one.validation
        }
        assert len(one.train) + len(one.validation) == len(data.cases)
        validated.extend(one.validation)
    assert sorted(validated) == sorted(case.name for case in data.cases)


def test_the_papers_split() -> None:
    split = make_split(dataset([1] * 130), seed=0)
    assert (len(split.train), len(split.validation), len(split.test)) == (100, 15, 15)
    assert split.summary() == "made up, seed 0: train 100, validation 15, test 15"
    assert make_split(dataset([1] * 130), seed=1).test != split.test
    scaled = make_split(dataset([1] * 26), seed=0)
    assert (len(scaled.train), len(scaled.validation), len(scaled.test)) == (20, 3, 3)


def test_every_case_is_equally_likely_to_be_tested() -> None:
    data = dataset([1] * 10)
    drawn = Counter(name for seed in range(400) for name in make_split(data, seed=seed).test)
    assert len(drawn) == 10
    # 400 draws of one in ten: 40 each, standard deviation 6.
    assert all(16 <= count <= 64 for count in drawn.values())


def test_two_parts_and_parts_of_nothing() -> None:
    split = make_split(dataset([1] * 10), ratio=(8, 2), seed=0)
    assert (len(split.train), len(split.validation), split.test) == (8, 2, ())
    split = make_split(dataset([1] * 10), ratio=(8, 0, 2), seed=0)
    assert (len(split.train), split.validation, len(split.test)) == (8, (), 2)
    split = make_split(dataset([1, 1]), seed=0)
    assert (len(split.train), len(split.validation), len(split.test)) == (1, 1, 0)


@pytest.mark.parametrize(
    "ratio",
    [(), (1,), (0, 1, 1), (-1, 1, 1), (float("nan"), 1, 1), (1, 1, 1, 1), (1, float("inf"))],
)
def test_bad_ratio(ratio: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="not one of a split"):
        make_split(dataset([1] * 5), ratio=ratio, seed=0)


def test_bad_folds_and_nothing_to_split() -> None:
    with pytest.raises(InputError, match="6 folds were asked for"):
        make_split(dataset([2] * 5), seed=0, folds=6)
    with pytest.raises(InputError, match="1 folds were asked for"):
        make_split(dataset([2] * 5), seed=0, folds=1)
    with pytest.raises(InputError, match="has no labelled case"):
        make_split(dataset([]), seed=0)
    with pytest.raises(InputError, match="Fold 4 was asked for, but the split has 3"):
        make_split(dataset([1] * 5), seed=0, folds=3).with_fold(4)


def test_unlabelled_cases_are_left_out() -> None:
    data = dataset([1] * 6)
    data = replace(data, cases=(*data.cases, Case("bare", "bare", Path("bare.nii"))))
    split = make_split(data, seed=0)
    assert sum(len(names) for names in split.parts.values()) == 6


@pytest.mark.parametrize("name", ["split.yaml", "split.json"])
@pytest.mark.parametrize("folds", [None, 3])
def test_file_round_trip(tmp_path: Path, name: str, folds: int | None) -> None:
    data = dataset([1, 2, 1, 3, 1, 1])
    split = make_split(data, seed=5, folds=folds)
    write_split(split, tmp_path / name)
    assert read_split(tmp_path / name, dataset=data) == split


def test_names_that_look_like_numbers(tmp_path: Path) -> None:
    cases = tuple(
        Case(name, name, Path(name), LabelFile(Path("label"))) for name in ("7", "010", "1e3", "no")
    )
    data = DataSet("numbers", "csv", Path("list.csv"), cases)
    split = make_split(data, seed=0)
    write_split(split, tmp_path / "split.yaml")
    assert read_split(tmp_path / "split.yaml", dataset=data) == split


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("parts: {train: [case-0-0, nobody]}", "names the case nobody"),
        ("parts: {train: [case-0-0], test: [case-0-0]}", "case-0-0 in both train and test"),
        ("parts: {train: [case-0-0, case-0-0]}", "case-0-0 in train twice"),
        ("parts: {train: [case-1-0], test: [case-1-1]}", "patient patient-1 in two parts"),
        ("parts: {train: case-0-0}", "the part train, where lists"),
        ("parts: {training: [case-0-0]}", "the part training, where lists"),
        ("parts: {train: [case-0-0], fold-1: [case-1-0]}", "mixes folds"),
        ("seed: x\nparts: {train: [case-0-0]}", "a seed or a ratio that is no number"),
        ("- a\n- b", "not a split file"),
        ("parts: [unclosed", "cannot be read as YAML"),
        ("\x00", "cannot be read as YAML"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "split.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence) as caught:
        read_split(path, dataset=dataset([1, 2, 1]))
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_split(tmp_path / "split.yaml", dataset=dataset([1]))
