"""The words of a command, checked, and a run that Ctrl-C and SIGTERM stop in peace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ynet3d.archive.options import ArchiveSettings, RunOptions
from ynet3d.archive.run import predict_archive
from ynet3d.archive.summary import Summary
from ynet3d.errors import InputError
from ynet3d.progress import Progress

Model = TypeVar("Model", bound=BaseModel)


def run_archive(
    archive: str | Path,
    out: str | Path,
    *,
    settings: Mapping[str, Any],
    options: Mapping[str, Any],
    progress: Progress,
) -> Summary:
    """`predict_archive` with fields of its settings and options as words; `part` is "I/N".

    Raises:
        InputError: a word that is none of those possible; and as from `predict_archive`.
    """
    words = {**options, "part": _part(str(options.get("part", "1/1")))}
    checked = _checked(ArchiveSettings, settings), _checked(RunOptions, words)
    from ynet3d.training.stopping import stop_on_signals

    with stop_on_signals() as stop:
        return predict_archive(
            archive, out, settings=checked[0], options=checked[1], progress=progress, stop=stop
        )


def _part(text: str) -> tuple[int, int]:
    first, _, parts = text.partition("/")
    if not (first.isdecimal() and parts.isdecimal()):
        raise InputError(f"--part {text} is not of the form I/N: give for instance 1/20.")
    return int(first), int(parts)


def _checked(model: type[Model], words: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(dict(words))
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{first['loc'][0]}".replace("_", "-")
        raise InputError(f"{option} {first['input']} cannot be used: {first['msg']}.") from None
