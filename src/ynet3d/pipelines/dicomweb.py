"""A study from a PACS, predicted, and what was found back into the PACS."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ynet3d.dicom_output import Kind, require_highdicom
from ynet3d.errors import InputError, YnetError
from ynet3d.files import ensure_output_folder
from ynet3d.pacs import Connection, require_dicomweb
from ynet3d.pacs.uids import check_uid
from ynet3d.pipelines.dicomweb_storing import objects_in
from ynet3d.pipelines.extra_outputs import ExtraOutputs
from ynet3d.pipelines.prediction import FilePrediction, predict_files
from ynet3d.progress import Progress
from ynet3d.temporary import used_folder

if TYPE_CHECKING:
    from ynet3d.inference.ensemble import OneOrMore
    from ynet3d.pacs.choosing import Chosen
    from ynet3d.pacs.client import Pacs


@dataclass(frozen=True)
class StudyRun:
    """A study that was predicted.

    Attributes:
        folder: with the results; None where they are in the PACS only.
        stored: what was stored in the PACS.
    """

    series: str
    folder: Path | None
    statistics: dict[str, Any]
    stored: tuple[Kind, ...]


def run_study(
    connection: Connection,
    study: str,
    *,
    series: str | None = None,
    out: str | Path | None = None,
    store: bool = True,
    rtstruct: bool = False,
    again: bool = False,
    weights: OneOrMore | None = None,
    device: str = "auto",
    runtime: str = "auto",
    meshes: bool = False,
    report: bool = False,
    progress: Progress | None = None,
) -> StudyRun:
    """Fetch the scan of a study by DICOMweb, predict it, and store SEG and SR beside it.

    Args:
        study, series: UIDs; the series is by default the one that `read_volume` would take.
        out: folder for what `predict_files` writes, with DICOM objects; by default one that is
            removed once they are stored.
        store: into the PACS; RTSTRUCT too if `rtstruct`.
        again: also where the PACS has objects of ours of this series already.
        weights, device, runtime, meshes, report: as for `predict_files`.

    Raises:
        InputError: the connection, the study or the folder cannot be used, or all is there already.
        YnetError: the server or the prediction failed. If only storing did, the results are kept,
            and the sentence says how to store them.
    """
    progress = progress or Progress(quiet=True)
    require_dicomweb()
    require_highdicom()
    if out is None and not store:
        raise InputError("Without storing and without a folder nothing would remain: add -o OUT.")
    check_uid(study, "study")
    if series is not None:
        check_uid(series.partition("#")[0], "series")
    ExtraOutputs(dicom=True, meshes=meshes, report=report).check([])
    folder = None if out is None else ensure_output_folder(out)
    from ynet3d.pacs.choosing import choose
    from ynet3d.pacs.client import Pacs
    from ynet3d.pacs.storing import read_objects
    from ynet3d.pacs.storing import store as store_objects

    connection = connection.checked()
    pacs = Pacs(connection, progress)
    chosen = choose(pacs, study, series=series)
    if store and not again:
        _refuse_twice(pacs, chosen)
    predict = partial(
        predict_files,
        weights=weights,
        device=device,
        runtime=runtime,
        dicom=True,
        meshes=meshes,
        report=report,
        progress=progress,
    )
    with _kept(folder) as home:
        done = _fetch_and_predict(pacs, chosen, home, predict)
    stored: list[Kind] = []
    if store:
        with _told_how_to_store(connection, home, rtstruct, progress):
            stored = store_objects(pacs, read_objects(objects_in(home, rtstruct=rtstruct)))
        if folder is None:
            shutil.rmtree(home, ignore_errors=True)
    return StudyRun(chosen.summary.name, folder, done.statistics, tuple(stored))


def _fetch_and_predict(
    pacs: Pacs,
    chosen: Chosen,
    home: Path,
    predict: Callable[..., tuple[list[FilePrediction], Any]],
) -> FilePrediction:
    """Write the results of the chosen series into `home`; nothing of the scan stays.

    What a killed run has left of its scan there is taken away, too.
    """
    from ynet3d.pacs.fetching import fetch

    try:
        # Beside the results, because a temporary folder may lie in memory.
        with used_folder(home, ".fetched") as temporary:
            scan = temporary / (chosen.summary.uid or chosen.study)
            scan.mkdir()
            fetch(pacs, chosen, scan)
            try:
                done, _ = predict(
                    [scan],
                    home,
                    series=chosen.summary.name or None,
                    notes=[_passed_over(chosen)] if chosen.others else [],
                    paths_in_notes=False,
                )
            except YnetError as error:
                error.args = (str(error).replace(str(scan), f"Series {scan.name}"),)
                raise
    except OSError as error:
        raise YnetError(f"{home} could not be written: {error.strerror or error}.") from error
    pacs.progress.say(f"Predicted in {done[0].statistics['seconds']} s.")
    return done[0]


@contextmanager
def _kept(folder: Path | None) -> Iterator[Path]:
    """`folder`, or a temporary one that stays if the block succeeds."""
    if folder is not None:
        yield folder
        return
    home = Path(tempfile.mkdtemp(prefix="ynet3d-dicomweb-"))
    try:
        yield home
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise


@contextmanager
def _told_how_to_store(
    connection: Connection, home: Path, rtstruct: bool, progress: Progress
) -> Iterator[None]:
    """Add to a failure where the results are, and the command that stores them."""
    words = ["ynet3d", "dicomweb", "store", connection.url, str(home.absolute())]
    words += [*(["--rtstruct"] if rtstruct else []), *connection.words]
    how = f"The results are kept in {home}; `{shlex.join(words)}` stores them."
    try:
        yield
    except YnetError as error:
        error.args = (f"{error} {how}",)
        raise
    except KeyboardInterrupt:
        progress.say(how)
        raise


def _refuse_twice(pacs: Pacs, chosen: Chosen) -> None:
    from ynet3d.pacs.earlier import earlier_objects, sentence

    earlier = earlier_objects(pacs, chosen.study, chosen.images)
    if earlier:
        raise InputError(
            f"{pacs.connection.url} already holds {sentence(earlier)}, made by ynet3d from series "
            f"{chosen.summary.name}: give --again to store another, or --no-store -o OUT to only "
            "look."
        )


def _passed_over(chosen: Chosen) -> str:
    taken, largest = chosen.summary, chosen.others[0]
    phases = [item.phase.value or "no phase told" for item in (taken, largest)]
    more = f" and {len(chosen.others) - 1} more" if len(chosen.others) > 1 else ""
    return (
        f"Study {chosen.study} holds {len(chosen.others) + 1} axial CT series; {taken.name} was "
        f"taken ({taken.images} slices, {phases[0]}), not {largest.name} ({largest.images} slices, "
        f"{phases[1]}){more}: name another with --series."
    )
