"""An archive with two workers: bad scans, killed workers, a killed run, damaged results."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.archive_cases import Scripted, Unweighted, rows, write_archive
from ynet3d.archive import RunOptions, predict_archive
from ynet3d.archive.manifest import Manifest, State
from ynet3d.archive.summary import Summary
from ynet3d.errors import InputError

MASK = "segmentation.nii.gz"
REPOSITORY = Path(__file__).resolve().parents[1]


def predict(archive: Path, out: Path, *, hu_offset: int = 0, **options: Any) -> Summary:
    return predict_archive(
        archive,
        out,
        settings=Unweighted(hu_offset=hu_offset),
        options=RunOptions(**{"workers": 2, "backoff_s": 0.05, **options}),
        worker=Scripted,
    )


def times(out: Path) -> dict[str, int]:
    masks = (out / "cases").glob(f"*/{MASK}")
    return {mask.parent.name: mask.stat().st_mtime_ns for mask in masks}


def test_bad_scans_and_killed_workers_among_good_ones(tmp_path: Path) -> None:
    archive = write_archive(
        tmp_path / "in",
        {
            "a/scan.nii.gz": "good 1",
            "b/scan.nii.gz": "good 2",
            "scan.nii.gz": "killed-once",
            "b/broken.nii.gz": "bad",
            "b/large.nrrd": "exhausted",
            "b/poison.mha": "killed",
        },
    )
    out = tmp_path / "out"
    summary = predict(archive, out, price_per_hour=3.6)
    found = rows(out)
    assert {name: (row["state"], row["attempts"]) for name, row in found.items()} == {
        "a-scan": ("done", 1),
        "b-scan": ("done", 1),
        "scan": ("done", 2),
        "b-broken": ("failed", 1),
        "b-large": ("failed", 3),
        "b-poison": ("failed", 3),
    }
    assert found["b-broken"]["error"] == f"{archive / 'b/broken.nii.gz'} holds no CT."
    assert "does not fit into memory" in found["b-large"]["error"]
    assert "signal 9" in found["b-poison"]["error"]
    assert (summary.done, summary.failed, summary.exit_code) == (3, 3, 2)
    assert summary.run_retried == 5
    assert summary.price_per_case == pytest.approx(0.001 * summary.run_seconds / 6, rel=0.2)
    assert found["scan"]["mask_sha256"]
    assert found["scan"]["liver_ml"] == 10
    assert {path.name for path in out.iterdir()} == {
        *("cases", "manifest.csv", "manifest.sqlite", "summary.json", ".lock")
    }
    assert len((out / "manifest.csv").read_text("utf-8").splitlines()) == 7


def test_goes_on_with_what_is_missing_or_damaged(tmp_path: Path) -> None:
    archive = write_archive(
        tmp_path / "in", {f"{name}.nii.gz": "good" for name in ("one", "two", "three", "four")}
    )
    out = tmp_path / "out"
    assert predict(archive, out).run_done == 4
    before = times(out)
    (out / "cases" / "one" / MASK).write_text("good by nobody", encoding="utf-8")
    (out / "cases" / "two" / "archive.json").write_text("{", encoding="utf-8")
    (archive / "three.nii.gz").write_text("good and changed", encoding="utf-8")
    write_archive(archive, {"five.nii.gz": "good"})
    summary = predict(archive, out)
    assert (summary.done, summary.run_done) == (5, 4)
    after = times(out)
    assert [name for name in before if before[name] == after[name]] == ["four"]
    assert "and changed" in (out / "cases" / "three" / MASK).read_text("utf-8")
    # Without its manifest, what is there is found again, and nothing is predicted.
    (out / "manifest.sqlite").unlink()
    summary = predict(archive, out)
    assert (summary.done, summary.run_done, times(out)) == (5, 0, after)


def test_other_settings_are_refused_until_all_is_made_again(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "in", {"one.nii.gz": "good", "two.nii.gz": "bad"})
    out = tmp_path / "out"
    predict(archive, out)
    before = times(out)
    with pytest.raises(InputError, match=r"other settings \(hu_offset\).*--again"):
        predict(archive, out, hu_offset=-1024)
    assert times(out) == before
    summary = predict(archive, out, hu_offset=-1024, again=True)
    assert (summary.run_done, summary.run_failed) == (1, 1)
    assert times(out) != before
    assert predict(archive, out, hu_offset=-1024).run_failed == 0
    assert predict(archive, out, hu_offset=-1024, retry_failed=True).run_failed == 1


def test_equal_names_do_not_meet(tmp_path: Path) -> None:
    archive = write_archive(
        tmp_path / "in",
        {"a-b/c.nii.gz": "good 1", "a/b-c.nii.gz": "good 2", "a/B-C.nrrd": "good 3"},
    )
    predict(archive, tmp_path / "out")
    found = rows(tmp_path / "out")
    assert len({name.casefold() for name in found}) == 3
    for name, row in found.items():
        mask = (tmp_path / "out" / "cases" / name / MASK).read_text("utf-8")
        assert mask.startswith(Path(row["input"]).read_text("utf-8"))


def test_the_last_slow_case_goes_to_an_idle_worker_too(tmp_path: Path) -> None:
    scans = {f"{number}.nii.gz": "good" for number in range(1, 5)} | {"0.nii.gz": "slow-first"}
    archive = write_archive(tmp_path / "in", scans)
    started = time.monotonic()
    summary = predict(archive, tmp_path / "out")
    assert (summary.done, summary.run_done, summary.run_stolen) == (5, 5, 1)
    assert time.monotonic() - started < 55  # the first copy sleeps for a minute
    assert rows(tmp_path / "out")["0"]["attempts"] == 1


def test_a_case_may_take_only_so_long(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "in", {"0.nii.gz": "slow 60", "1.nii.gz": "good"})
    predict(archive, tmp_path / "out", case_minutes=0.005)
    found = rows(tmp_path / "out")
    assert found["1"]["state"] == "done"
    assert (found["0"]["state"], found["0"]["attempts"]) == ("failed", 3)
    assert "0.005 minutes" in found["0"]["error"]


def test_parts_cover_the_archive_once(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "in", {f"{n}.nii.gz": "good" for n in range(5)})
    for part in (1, 2):
        predict(archive, tmp_path / f"out-{part}", part=(part, 2), workers=1)
    names = [sorted(rows(tmp_path / f"out-{part}")) for part in (1, 2)]
    assert names == [["0", "2", "4"], ["1", "3"]]


def start(archive: Path, out: Path) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.archive_cases", str(archive), str(out), "2"]
    return subprocess.Popen(words, cwd=REPOSITORY, stderr=subprocess.DEVNULL)


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def states(out: Path) -> list[str]:
    if not (out / "cases").is_dir():
        return []
    return [row["state"] for row in rows(out).values()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks at Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_or_stopped_and_started_again(tmp_path: Path, number: int) -> None:
    scans = {"0.nii.gz": "good", "1.nii.gz": "good", "2.nii.gz": "slow-first"}
    archive = write_archive(tmp_path / "in", {**scans, "3.nii.gz": "slow-first"})
    out = tmp_path / "out"
    run = start(archive, out)
    try:
        wait_for(lambda: sorted(states(out)) == ["done", "done", "running", "running"])
        wait_for(lambda: len(list(archive.glob("*.seen"))) == 2)
        task = Path(f"/proc/{run.pid}/task/{run.pid}/children")
        workers = [int(word) for word in task.read_text("ascii").split()]
        with pytest.raises(InputError, match="Another run is at work"):
            predict(archive, out)
        before = times(out)
        os.kill(run.pid, number)
        code = run.wait(60)
    finally:
        run.kill()
        run.wait()
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), 30)
    ended = sorted(states(out))
    if number == signal.SIGTERM:
        assert (code, ended) == (130, ["done", "done", "waiting", "waiting"])
    else:
        assert ended == ["done", "done", "running", "running"]
    summary = predict(archive, out)
    assert (summary.done, summary.run_done, summary.failed) == (4, 2, 0)
    assert {name: value for name, value in times(out).items() if name in before} == before
    attempts = [row["attempts"] for row in rows(out).values()]
    assert attempts == ([1, 1, 1, 1] if number == signal.SIGTERM else [1, 1, 2, 2])
    assert not list(out.glob(".working*"))


def test_a_scan_that_ends_the_run_three_times_fails(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "in", {"0.nii.gz": "good"})
    out = tmp_path / "out"
    predict(archive, out)
    manifest = Manifest(out / "manifest.sqlite")
    for attempts, state in ((2, State.WAITING), (3, State.FAILED)):
        manifest._run("UPDATE cases SET state = 'running', attempts = ?", attempts)
        manifest.recover()
        assert manifest.counts()[state] == 1
    manifest.close()
