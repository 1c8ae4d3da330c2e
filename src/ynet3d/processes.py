"""Starting this package in other processes."""

from __future__ import annotations

import os
from pathlib import Path


def python_path() -> str:
    """PYTHONPATH with which another Python finds this very package, however this one found it."""
    source = str(Path(__file__).resolve().parents[1])
    return os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
