"""The command line through its real entry point, in this process or in one of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ynet3d.cli.main import main


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def assert_refused(self, *, match: str, code: int = 2) -> None:
        """Exit code `code` and one sentence on standard error that holds `match`."""
        assert self.code == code, self
        errors = [line for line in self.err.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1, self.err
        assert match in errors[0]
        assert errors[0].endswith((".", "'"))
        assert "Traceback" not in self.err + self.out
        assert "Unexpected failure" not in self.err


def run(capsys: pytest.CaptureFixture[str], *words: object) -> Outcome:
    """`ynet3d words...` in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return Outcome(code or 0, captured.out, captured.err)


def command(*words: object) -> list[str]:
    """The installed command, for a process of its own."""
    return [str(Path(sys.executable).parent / "ynet3d"), *map(str, words)]


def run_apart(*words: object, timeout: float = 120) -> Outcome:
    """`ynet3d words...` in a process of its own."""
    done = subprocess.run(command(*words), capture_output=True, encoding="utf-8", timeout=timeout)
    return Outcome(done.returncode, done.stdout, done.stderr)


def left_in(folder: Path) -> list[str]:
    """Everything under a folder, hidden and temporary files too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
