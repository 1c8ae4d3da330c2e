"""The weights inside this package, by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

#: What `ynet3d predict` uses without --weights.
DEFAULT = "lite"


def list_shipped() -> dict[str, Path]:
    """Names of the weights in this package, and their files."""
    folder = Path(str(resources.files("ynet3d") / "shipped"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
