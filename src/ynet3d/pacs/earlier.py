"""What of our making a PACS already holds of a scan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ynet3d.dicom_output import Kind
from ynet3d.dicom_output.equipment import EQUIPMENT
from ynet3d.pacs.client import Json, Pacs, value

#: Modality and number of our series. The number is looked at first: the metadata of others' SEGs
#: may take hundreds of megabytes.
_OURS = {(kind.name, str(kind.series_number)): kind for kind in Kind}


@dataclass(frozen=True)
class Earlier:
    """An object that this program made, as it lies in a PACS."""

    kind: Kind
    series: str
    instance: str
    date: str

    def __str__(self) -> str:
        day = f" of {self.date[:4]}-{self.date[4:6]}-{self.date[6:]}" if len(self.date) == 8 else ""
        return f"{self.kind.name}{day} in series {self.series}"


def earlier_objects(
    pacs: Pacs, study: str, sources: Collection[str], *, series: Sequence[Json] | None = None
) -> list[Earlier]:
    """Objects of ours in a study that refer to one of the series `sources`.

    Args:
        series: of the study, where they are known.
    """
    found: list[Earlier] = []
    for item in pacs.series(study) if series is None else series:
        kind = _OURS.get((value(item, "Modality"), value(item, "SeriesNumber")))
        if kind is None:
            continue
        uid = value(item, "SeriesInstanceUID")
        for data in pacs.metadata(study, uid):
            ours = value(data, "Manufacturer") == EQUIPMENT["manufacturer"]
            if ours and any(refers(data, source) for source in sources):
                date = value(data, "InstanceCreationDate") or value(data, "ContentDate")
                found.append(Earlier(kind, uid, value(data, "SOPInstanceUID"), date))
    return sorted(found, key=lambda item: list(Kind).index(item.kind))


def sentence(earlier: Sequence[Earlier]) -> str:
    """What is there, for people: "SEG of 2026-11-27 in series 1.2.3, SR of ..."."""
    return ", ".join(str(item) for item in earlier)


def refers(item: Any, uid: str) -> bool:
    """Whether a UID stands anywhere in DICOM's JSON."""
    if isinstance(item, dict):
        return any(refers(inside, uid) for inside in item.values())
    if isinstance(item, list):
        return any(refers(inside, uid) for inside in item)
    return bool(item == uid)
