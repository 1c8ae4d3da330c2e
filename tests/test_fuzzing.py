"""A short run of the fuzzer, and that it sees what it is there to see."""

from __future__ import annotations

import ctypes
import os
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fuzzing import targets
from fuzzing.case import Case, load_case
from fuzzing.mutation import make_case
from fuzzing.running import run
from fuzzing.seeds import KINDS, make_seeds
from fuzzing.trying import ALLOWED, REFUSED, RESULT, Outcome

from ynet3d.errors import InputError

if not hasattr(os, "fork"):
    pytest.skip("needs processes that are forked", allow_module_level=True)

_EACH = 8


@pytest.fixture(scope="module")
def seeds() -> dict[str, list[Case]]:
    return make_seeds()


def outcomes(case: Case, warm: Case) -> list[Outcome]:
    return [found for *_, found in run([(case.kind, 0)], lambda *_: case, warm=lambda _: warm)]


def test_valid_inputs_are_read(seeds: dict[str, list[Case]]) -> None:
    """Else the fuzzer would try how errors become errors."""
    cases = [(kind, number) for kind in KINDS for number in range(len(seeds[kind]))]
    found = run(cases, lambda kind, number: seeds[kind][number], warm=lambda kind: seeds[kind][0])
    wrong = [
        (kind, number, outcome.outcome, outcome.detail)
        for kind, number, outcome in found
        if outcome.outcome != (REFUSED if kind == "dicom-single" else RESULT)
    ]
    assert wrong == []


def test_spoilt_inputs_are_read_or_refused_in_a_sentence(seeds: dict[str, list[Case]]) -> None:
    inputs = [(kind, number) for kind in KINDS for number in range(_EACH)]
    counts: Counter[str] = Counter()
    for kind, number, found in run(
        inputs, lambda kind, number: make_case(seeds, kind, 7, number), warm=lambda k: seeds[k][0]
    ):
        assert found.outcome in ALLOWED, (kind, number, found)
        counts[found.outcome] += 1
    assert counts.total() == len(inputs)
    assert min(counts[RESULT], counts[REFUSED]) > len(inputs) / 20


def test_the_same_seed_gives_the_same_inputs(seeds: dict[str, list[Case]], tmp_path: Path) -> None:
    again = make_seeds()
    for kind in KINDS:
        one, other = make_case(seeds, kind, 3, 5), make_case(again, kind, 3, 5)
        assert one == other, kind
        assert any(make_case(seeds, kind, 3, n) != one for n in range(6, 9))
    one.save(tmp_path / "x.zip")
    assert load_case(tmp_path / "x.zip") == one


def _raises(_: Path) -> None:
    raise KeyError("x")


def _says(sentence: str) -> Callable[[Path], None]:
    def read(_: Path) -> None:
        raise InputError(sentence)

    return read


def _hangs(_: Path) -> None:
    while True:
        pass


def _takes_memory(_: Path) -> None:
    bytearray(2**31)


def _crashes(_: Path) -> None:
    ctypes.string_at(0)


def _calls_out(_: Path) -> None:
    with socket.socket() as out:
        out.settimeout(0.01)
        out.connect_ex(("127.0.0.1", 9))


@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (lambda path: None, RESULT),
        (_says("It is no scan: give one."), REFUSED),
        (_raises, "other exception"),
        (_says("It is no scan"), "unclear error"),
        (_hangs, "hang"),
        (_takes_memory, "memory"),
        (_crashes, "crash"),
        (_calls_out, "left its folder"),
        (lambda path: Path("/tmp/ynet3d-fuzz-was-here").open("w").close(), "left its folder"),
        (lambda path: Path("/etc/hostname").read_bytes(), "left its folder"),
        (lambda path: path.with_name("new").touch(), "left files behind"),
        (lambda path: os.write(2, b"a warning\n"), "noise"),
    ],
)
def test_it_sees_what_is_forbidden(
    read: Any, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case("recipe", {"recipe.yaml": b"name: x"}, "recipe.yaml")
    monkeypatch.setattr("fuzzing.processes.SECONDS", 0.5)
    warmed = []

    def first_warmed(kind: str, path: Path) -> None:
        warmed.append(kind)
        if len(warmed) > 1:
            read(path)

    monkeypatch.setattr(targets, "read", first_warmed)
    try:
        assert [found.outcome for found in outcomes(case, case)] == [outcome]
    finally:
        Path("/tmp/ynet3d-fuzz-was-here").unlink(missing_ok=True)
