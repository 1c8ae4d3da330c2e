"""Objects from files into a PACS, and what it says about each."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom

from ynet3d.dicom_output import Kind
from ynet3d.errors import InputError, YnetError
from ynet3d.pacs.client import Pacs
from ynet3d.pacs.refusals import HttpRefusalError, explained

#: Failure and warning reasons of PS3.18, table I.2-2, and PS3.4, B.2.3, in words.
_DUPLICATE = 0x0111
_REASONS = {
    0x0110: "processing failure",
    _DUPLICATE: "an object with this UID is there already",
    0x0122: "it does not take objects of this kind",
    0x0124: "not authorised",
    0xA700: "out of resources",
    0xA900: "the object does not match its kind",
    0xB000: "elements were changed",
    0xB006: "elements were discarded",
    0xB007: "the object does not match its kind",
    0xC000: "cannot be understood",
    0xC122: "this transfer syntax is not taken",
}


def read_objects(paths: Mapping[Kind, Path]) -> dict[Kind, pydicom.Dataset]:
    """DICOM objects that this program wrote.

    Raises:
        InputError: one cannot be read.
    """
    return {kind: _read_object(path) for kind, path in paths.items()}


def _read_object(path: Path) -> pydicom.Dataset:
    try:
        data = pydicom.dcmread(path)
        if data.SOPInstanceUID and data.StudyInstanceUID and data.SeriesInstanceUID:
            return data
    except Exception:  # pydicom raises many kinds
        pass
    raise InputError(f"{path} is damaged: write it again with `ynet3d dicom export`.")


def store(pacs: Pacs, objects: Mapping[Kind, pydicom.Dataset]) -> list[Kind]:
    """Store objects, each in a request of its own; return what was stored.

    A report goes after its SEG, and not at all if that was refused.

    Raises:
        YnetError: not all were stored; the sentence names those that were, and why not the others.
    """
    started = time.monotonic()
    stored: list[Kind] = []
    refused: dict[Kind, str] = {}
    with pacs.progress.task("Storing", total=len(objects)) as task:
        for kind in (kind for kind in Kind if kind in objects):
            if kind is Kind.SR and Kind.SEG in refused:
                refused[kind] = "it refers to the SEG"
                continue
            try:
                reason = _store_one(pacs, kind, objects[kind])
            except YnetError as error:
                if stored:
                    error.args = (f"{_names(stored)} stored, but not the rest. {error}",)
                raise
            if reason:
                refused[kind] = reason
            else:
                stored.append(kind)
            task.advance()
    if refused:
        why = "; ".join(f"{kind.name}: {reason}" for kind, reason in refused.items())
        raise YnetError(
            f"{pacs.connection.url} refused {_names(list(refused))} ({why}) and stored "
            f"{_names(stored) or 'nothing'}."
        )
    pacs.progress.say(f"Stored {_names(stored)} in {time.monotonic() - started:.1f} s.")
    return stored


def _store_one(pacs: Pacs, kind: Kind, data: pydicom.Dataset) -> str:
    """Why an object was refused; "" if it was stored."""
    try:
        answer = pacs.store(data)
    except HttpRefusalError as refusal:
        failed = _failed_in(refusal.content)
        if not failed:
            doing = "storing objects (STOW-RS)"
            raise explained(refusal, pacs.connection, doing) from None
        answer = failed
    instance = str(data.SOPInstanceUID)
    for item in answer.get("FailedSOPSequence") or []:
        if str(item.get("ReferencedSOPInstanceUID") or instance) != instance:
            continue
        code = int(item.get("FailureReason") or 0)
        if code != _DUPLICATE:  # what an attempt whose answer was lost has stored
            return _reason(code)
    for item in answer.get("ReferencedSOPSequence") or []:
        code = int(item.get("WarningReason") or 0)
        if code:
            pacs.progress.say(f"Note: {kind.name} stored with a warning: {_reason(code)}.")
    return ""


def _failed_in(content: bytes) -> pydicom.Dataset | None:
    try:
        answer: Any = json.loads(content)
        data = pydicom.Dataset.from_json(answer[0] if isinstance(answer, list) else answer)
    except Exception:  # whatever is wrong with it, the status says enough
        return None
    return data if data.get("FailedSOPSequence") else None


def _reason(code: int) -> str:
    if 0xA900 <= code <= 0xA9FF:
        code = 0xA900
    elif 0xA700 <= code <= 0xA7FF:
        code = 0xA700
    elif 0xC000 <= code <= 0xCFFF and code not in _REASONS:
        code = 0xC000
    words = _REASONS.get(code, "no reason is given" if not code else "another reason")
    return f"{words}, {code:04X}h" if code else words


def _names(kinds: Sequence[Kind]) -> str:
    names = [kind.name for kind in kinds]
    return (
        " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part) if names else ""
    )
