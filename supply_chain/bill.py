"""A software bill of materials: what is installed, as CycloneDX JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from supply_chain.lock import REPOSITORY
from ynet3d.errors import YnetError
from ynet3d.files import write_json

#: Where a package was installed from on this machine is nobody's business.
_LOCAL = "file:"


def make_bill(target: Path) -> dict[str, Any]:
    """Write the bill of the environment that this runs in; what it says.

    Raises:
        YnetError: the environment could not be read.
    """
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", "pyproject.toml"),
        *("--output-reproducible", "--of", "JSON", "-o", "-", sys.executable),
    ]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise YnetError(f"The environment could not be listed: {done.stderr.strip()[-500:]}")
    bill: dict[str, Any] = json.loads(done.stdout)
    for component in bill["components"]:
        references = component.pop("externalReferences", [])
        kept = [one for one in references if not one["url"].startswith(_LOCAL)]
        if kept:
            component["externalReferences"] = kept
    write_json(target, bill)
    return bill
