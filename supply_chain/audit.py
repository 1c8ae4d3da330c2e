"""Locked packages against known vulnerabilities, by pip-audit, which asks a service for them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from supply_chain.lock import LOCK, REPOSITORY, TORCH_LOCK

#: Exit code where nothing, or not everything, could be asked: neither good nor bad.
UNREACHABLE = 3
_SERVICES = ("pypi", "osv")


def audit() -> int:
    """Print what was found; 0 for nothing, 1 for something, 3 where no service could tell."""
    best: list[dict[str, Any]] = []
    for service in _SERVICES:
        packages = _ask(service)
        asked = [one for one in packages if "skip_reason" not in one]
        print(f"{service}: told of {len(asked)} of {len(packages)} packages")
        if len(asked) > len(best):
            best = asked
        if packages and len(asked) == len(packages):
            break
    else:
        print(
            f"NOT AUDITED: no vulnerability service told of all packages from here, one of "
            f"{len(best)} at most. Nothing is known about the others: run `make audit` where the "
            "internet is."
        )
        return _tell(best) or UNREACHABLE
    return _tell(best)


def _tell(packages: list[dict[str, Any]]) -> int:
    found = [(one, hole) for one in packages for hole in one["vulns"]]
    for one, hole in found:
        mended = ", ".join(hole["fix_versions"]) or "no version yet"
        print(f"{one['name']} {one['version']}: {hole['id']}, mended in {mended}")
    if packages:
        print(f"{len(found)} known vulnerabilities in {len(packages)} packages")
    return int(bool(found))


def _ask(service: str) -> list[dict[str, Any]]:
    """The packages, each with `vulns` or `skip_reason`; none if the service cannot be reached.

    pip-audit ends well, with nothing found, where the service knows none of the packages, as some
    mirrors of PyPI do: its exit code is not enough.
    """
    command = [
        *(sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--timeout", "15"),
        *("--progress-spinner", "off", "--format", "json", "-s", service),
        *(word for lock in (LOCK, TORCH_LOCK) for word in ("-r", lock.name)),
    ]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False
    )
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        print(f"{service}: {last[0][:200]}")
        return []
    return packages
