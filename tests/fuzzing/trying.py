"""Trying one input: what it comes to, told by the rules that hold for all readers."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

from fuzzing import targets
from fuzzing.case import Case
from fuzzing.processes import Watch, lift_limits, limit_input, use_temporary_folder
from ynet3d.errors import MissingExtraError, YnetError

#: What an input may come to, and what it may never.
RESULT, REFUSED = "result", "clear error"
ALLOWED = (RESULT, REFUSED)
FORBIDDEN = (
    *("other exception", "unclear error", "wrong result", "memory", "hang", "crash"),
    *("left its folder", "left files behind", "noise"),
)
_LONGEST_SENTENCE = 1500
_MEMORY = re.compile(r"bad_alloc|allocat(e|ion)\b|out of memory", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        outcome: one of `ALLOWED` or `FORBIDDEN`.
        detail: the sentence, or where the exception came from.
        seconds: of the processor that it took.
    """

    outcome: str
    detail: str = ""
    seconds: float = 0.0

    as_json = asdict


class Tester:
    """Tries inputs, each in a folder of its own, in this process, which should be a child."""

    def __init__(self, sandbox: Path) -> None:
        self._inputs, self._temporary = sandbox / "a" / "in", sandbox / "a" / "tmp"
        self._temporary.mkdir(parents=True)
        self._noise = sandbox / "stderr"
        use_temporary_folder(self._temporary)
        descriptor = os.open(self._noise, os.O_CREAT | os.O_RDWR | os.O_APPEND)
        os.dup2(descriptor, 2)
        os.dup2(descriptor, 1)
        self._watch = Watch(sandbox)

    def warm_up(self, case: Case) -> None:
        """Read a valid input without limits: libraries load what they need, once."""
        self._inputs.mkdir()
        with contextlib.suppress(YnetError):
            targets.read(case.kind, case.write(self._inputs))
        for path in self._temporary.iterdir():
            shutil.rmtree(path, ignore_errors=True)

    def try_case(self, case: Case) -> Outcome:
        """Read it with every limit in force, and look at what is left."""
        shutil.rmtree(self._inputs, ignore_errors=True)
        self._inputs.mkdir()
        path = case.write(self._inputs)
        before = _listing(self._inputs)
        os.truncate(self._noise, 0)
        self._watch.broken.clear()
        start = process_time()
        limit_input(case.size)
        self._watch.active = True
        try:
            found = _attempt(case.kind, path)
        finally:
            self._watch.active = False
            lift_limits()
        seconds = process_time() - start
        sys.stderr.flush()
        if found.outcome in ALLOWED:
            found = self._traces(before) or found
        return Outcome(found.outcome, found.detail, seconds)

    def _traces(self, before: dict[str, int]) -> Outcome | None:
        """What the input left where it should not have."""
        if self._watch.broken:
            return Outcome("left its folder", self._watch.broken[0])
        left = [path.name for path in self._temporary.iterdir()]
        for path in self._temporary.iterdir():
            shutil.rmtree(path, ignore_errors=True)
        changed = _listing(self._inputs) != before
        if left or changed:
            return Outcome("left files behind", f"{left}, input changed: {changed}")
        noise = self._noise.read_text("utf-8", "replace").strip()
        return Outcome("noise", noise[:600]) if noise else None


def _attempt(kind: str, path: Path) -> Outcome:
    try:
        targets.read(kind, path)
    except YnetError as error:
        return _judged(error)
    except targets.WrongResultError as error:
        return Outcome("wrong result", str(error))
    except MemoryError:
        return Outcome("memory", _where())
    except BaseException:
        return Outcome("other exception", _where())
    return Outcome(RESULT)


def _judged(error: YnetError) -> Outcome:
    """Whether an error is one clear sentence."""
    text = str(error)
    ending = "]'" if isinstance(error, MissingExtraError) else "."
    if _MEMORY.search(text):
        return Outcome("memory", text[:600])
    if not text.isprintable() or not text.endswith(ending) or len(text) > _LONGEST_SENTENCE:
        return Outcome("unclear error", f"{len(text)} characters: {text[:500]!r}")
    if re.search(r"/ynet3d-\w{8}", text):
        return Outcome("unclear error", f"names a temporary file: {text[:500]}")
    return Outcome(REFUSED, text)


def _where() -> str:
    """The exception, and the last of our own lines on its way."""
    kind, error, trace = sys.exc_info()
    frames = traceback.extract_tb(trace)[-60:]
    ours = [f for f in frames if "/ynet3d/" in f.filename]
    last = ours[-1] if ours else frames[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return f"{kind.__name__ if kind else ''} at {place}: {str(error)[:300]}"


def _listing(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.lstat().st_size for path in sorted(folder.rglob("*"))
    }
