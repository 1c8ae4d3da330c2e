"""Lock files with hashes, for every platform that the packages themselves support."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ynet3d.errors import YnetError
from ynet3d.files import write_text

REPOSITORY = Path(__file__).resolve().parents[1]
LOCK, TORCH_LOCK = REPOSITORY / "requirements.lock", REPOSITORY / "requirements-torch.lock"

#: torch and what its builds for GPUs bring: many install another build of it from elsewhere.
_TORCH = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
_ENTRY = re.compile(
    r"([A-Za-z0-9._-]+)==([^\s;]+)(?: ; ([^\\]+?))?((?: --hash=sha256:[0-9a-f]{64})+)"
)
_HEAD = (
    "# {what}, for every platform, by hash. Made by `make lock`; see docs/supply-chain.md.\n"
    "# pip install --no-deps --require-hashes -r {name}\n"
)


@dataclass(frozen=True)
class Locked:
    """One package of a lock: its name, version, on which platforms, and its files' hashes."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def read_lock(text: str) -> list[Locked]:
    """The packages of a lock file.

    Raises:
        YnetError: a line that is none of a lock.
    """
    packages = []
    for entry in _entries(text):
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise YnetError(f"This is no entry of a lock file: {entry[:80]!r}.")
        hashes = tuple(re.findall(r"sha256:([0-9a-f]{64})", found[4]))
        packages.append(Locked(found[1], found[2], found[3] or "", hashes))
    return packages


def make_lock() -> None:
    """Write both lock files; versions that are locked already stay, unless constraints move them.

    Raises:
        YnetError: nothing could be resolved.
    """
    known = "".join(path.read_text("utf-8") for path in (LOCK, TORCH_LOCK) if path.is_file())
    versions = "".join(
        f"{one.name}=={one.version}{f' ; {one.marker}' if one.marker else ''}\n"
        for one in read_lock(known)
    )
    pinned = {line.split("==")[0] for line in _pins()}
    kept = "".join(
        line + "\n" for line in versions.splitlines() if line.split("==")[0] not in pinned
    )
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--universal", "--generate-hashes"),
        *("--no-header", "--no-annotate", "--quiet", "--python-version", "3.11"),
        *("--extra", "all", "--constraint", "constraints.txt", "--constraint", "-"),
        "pyproject.toml",
    ]
    done = subprocess.run(
        command, cwd=REPOSITORY, input=kept, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise YnetError(f"The packages could not be resolved: {done.stderr.strip()}")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", done.stdout.strip())
    for path, what, ours in (
        (LOCK, "ynet3d[all] without torch", False),
        (TORCH_LOCK, "torch as it is on PyPI", True),
    ):
        chosen = [block for block in blocks if bool(_TORCH.fullmatch(block.split("==")[0])) == ours]
        write_text(path, _HEAD.format(what=what, name=path.name) + "\n".join(chosen) + "\n")


def _pins() -> list[str]:
    text = (REPOSITORY / "constraints.txt").read_text("utf-8")
    return [line for line in text.splitlines() if "==" in line and not line.startswith("#")]


def _entries(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line).strip() for line in joined.splitlines()]
