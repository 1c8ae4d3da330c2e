"""What was found, in the words that stand on every picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ynet3d.reporting import style


def liver_words(found: Mapping[str, Any], *, verb: str = "found") -> str:
    """The liver of a table made by `statistics`."""
    if found["liver_ml"] == 0:
        return f"no liver {verb}"
    return f"liver {style.millilitres(found['liver_ml'])}"


def tumour_words(found: Mapping[str, Any], *, verb: str = "found") -> str:
    """The tumours of a table made by `statistics`."""
    count = int(found["lesion_count"])
    if count == 0:
        return f"no tumour {verb}"
    return f"{count} tumour{'s' if count > 1 else ''}, {style.millilitres(found['tumour_ml'])}"


def shortened(text: str, letters: int) -> str:
    """`text`, cut with an ellipsis to at most `letters` letters."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
