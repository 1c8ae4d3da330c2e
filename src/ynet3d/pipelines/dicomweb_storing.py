"""The DICOM objects of a prediction on disk into a PACS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ynet3d.dicom_output import Kind
from ynet3d.errors import InputError
from ynet3d.pacs import Connection, require_dicomweb
from ynet3d.pipelines.extra_outputs import DICOM
from ynet3d.progress import Progress

_BY_DEFAULT = (Kind.SEG, Kind.SR)


def store_results(
    connection: Connection,
    results: str | Path,
    *,
    rtstruct: bool = False,
    again: bool = False,
    progress: Progress | None = None,
) -> tuple[Kind, ...]:
    """Store the DICOM objects of a prediction, those that the PACS does not have yet.

    Args:
        results: a folder of `run_study`, of `predict_files` with DICOM, or of `export_prediction`.
        again: also where the PACS has objects of ours of the same series already.

    Raises:
        InputError: no objects, no such study in the PACS, or all is there already.
        YnetError: the server failed, or refused some.
    """
    progress = progress or Progress(quiet=True)
    require_dicomweb()
    from ynet3d.pacs.client import Pacs, value
    from ynet3d.pacs.earlier import earlier_objects, sentence
    from ynet3d.pacs.storing import read_objects, store

    objects = read_objects(objects_in(Path(results), rtstruct=rtstruct))
    connection = connection.checked()
    pacs = Pacs(connection, progress)
    studies = {str(item.StudyInstanceUID) for item in objects.values()}
    if len(studies) > 1:
        raise InputError(f"The objects in {results} are of several studies: write them again.")
    study = studies.pop()
    found = pacs.series(study)
    ours = {str(item.SOPInstanceUID): kind for kind, item in objects.items()}
    sources = [
        value(item, "SeriesInstanceUID") for item in found if value(item, "Modality") == "CT"
    ]
    own = _sources(objects, sources)
    earlier = [] if again else earlier_objects(pacs, study, own, series=found)
    there = [item for item in earlier if item.instance in ours]
    others = [item for item in earlier if item.instance not in ours]
    missing = objects.keys() - {ours[item.instance] for item in there}
    if others or (there and not missing):
        raise InputError(
            f"{connection.url} already holds {sentence(others or there)}, made by ynet3d from the "
            "same series: give --again to store these all the same."
        )
    if there:
        progress.say(f"There already: {sentence(there)}.")
    return tuple(store(pacs, {kind: objects[kind] for kind in missing}))


def objects_in(folder: Path, *, rtstruct: bool) -> dict[Kind, Path]:
    """The files to store; an empty mask has a report only."""
    wanted = (*_BY_DEFAULT, Kind.RTSTRUCT) if rtstruct else _BY_DEFAULT
    for place in (folder / DICOM, folder):
        found = {kind: place / kind.file_name for kind in wanted}
        found = {kind: path for kind, path in found.items() if path.is_file()}
        if found:
            return found
    raise InputError(
        f"{folder} holds no {Kind.SEG.file_name} or {Kind.SR.file_name}: give a folder of `ynet3d "
        "dicomweb run` or `ynet3d predict --dicom`, or write them with `ynet3d dicom export`."
    )


def _sources(data: dict[Kind, Any], candidates: Sequence[str]) -> list[str]:
    """Which series of a study the objects refer to."""
    from ynet3d.pacs.earlier import refers

    content = [item.to_json_dict() for item in data.values()]
    return [uid for uid in candidates if refers(content, uid)]
