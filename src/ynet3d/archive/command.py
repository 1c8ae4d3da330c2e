"""The words of a command, checked, and a run that Ctrl-C and SIGTERM stop in peace."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ynet3d.archive.options import ArchiveSettings, RunOptions
from ynet3d.archive.run import predict_archive
from ynet3d.archive.summary import Summary
from ynet3d.archive.worker import CaseWorker
from ynet3d.errors import InputError
from ynet3d.progress import Progress
from ynet3d.stopping import stop_on_signals

Model = TypeVar("Model", bound=BaseModel)


def run_archive(
    archive: str | Path,
    out: str | Path,
    *,
    settings: ArchiveSettings | Mapping[str, Any],
    options: Mapping[str, Any],
    progress: Progress,
    worker: type[CaseWorker] = CaseWorker,
) -> Summary:
    """`predict_archive` with fields of its settings and options as words; `part` is "I/N".

    Raises:
        InputError: a word that is none of those possible; and as from `predict_archive`.
    """
    words = {**options, "part": _part(str(options.get("part", "1/1")))}
    if not isinstance(settings, ArchiveSettings):
        settings = _checked(ArchiveSettings, settings)
    chosen = _checked(RunOptions, words)
    with stop_on_signals() as stop:
        return predict_archive(
            archive,
            out,
            settings=settings,
            options=chosen,
            progress=progress,
            stop=stop,
            worker=worker,
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
