"""Phantoms on disk, named as LiTS names its cases."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ynet3d.errors import InputError, YnetError
from ynet3d.files import WRITING, ensure_output_folder, write_json
from ynet3d.phantoms.dicom import write_series
from ynet3d.phantoms.options import PhantomOptions
from ynet3d.phantoms.phantom import Phantom, make_phantom
from ynet3d.progress import Progress
from ynet3d.volumes.writing import write_label, write_volume


def write_phantoms(
    folder: str | Path,
    *,
    cases: int,
    seed: int,
    options: PhantomOptions | None = None,
    dicom: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Write `volume-N.nii.gz` and `segmentation-N.nii.gz` for N from 0 to `cases` - 1.

    Case N is patient `seed` + N. With `dicom`, `dicom-N/` holds the same CT as a DICOM series.
    `phantoms.json` says how they were made. A case already complete in the folder is left as it is
    unless `overwrite`.

    Returns:
        The paths of the volumes, in order.

    Raises:
        InputError: the folder cannot be written, or holds other phantoms or other scans.
        YnetError: a file could not be written.
    """
    folder = ensure_output_folder(folder)
    progress = progress or Progress(quiet=True)
    options = options or PhantomOptions()
    _claim(folder, {"seed": seed, "options": options.model_dump()}, overwrite=overwrite)
    volumes = []
    with progress.task("Making phantoms", total=cases) as task:
        for case in range(cases):
            volume = folder / f"volume-{case}.nii.gz"
            label = folder / f"segmentation-{case}.nii.gz"
            series = folder / f"dicom-{case}"
            wanted = [volume, label, *([series] if dicom else [])]
            if overwrite or not all(path.exists() for path in wanted):
                phantom = make_phantom(seed + case, options)
                write_volume(phantom.image, volume)
                write_label(phantom.label, label)
                if dicom:
                    _write_dicom_folder(phantom, series, options)
            volumes.append(volume)
            task.advance(note=volume.name)
    return volumes


def _claim(folder: Path, settings: dict[str, Any], *, overwrite: bool) -> None:
    """Write the settings into the folder, unless what is there was made in another way."""
    file = folder / "phantoms.json"
    if file.is_file():
        if not overwrite and json.loads(file.read_text("utf-8")) != settings:
            raise InputError(
                f"{folder} holds phantoms of another seed or with other options: add --overwrite "
                "to make them again, or give another folder."
            )
    elif any(folder.glob("volume-*")):
        raise InputError(
            f"{folder} holds scans (volume-*) that are not phantoms of ours, which would be lost: "
            "give another folder."
        )
    write_json(file, settings)


def _write_dicom_folder(phantom: Phantom, series: Path, options: PhantomOptions) -> None:
    """Write all slices under a temporary name, then move the folder into place."""
    temporary = Path(tempfile.mkdtemp(prefix=WRITING, dir=series.parent))
    try:
        write_series(phantom.image, temporary, seed=phantom.seed, options=options)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o777 & ~mask)
        if series.exists():
            shutil.rmtree(series)
        os.replace(temporary, series)
    except OSError as error:
        raise YnetError(f"{series} could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
