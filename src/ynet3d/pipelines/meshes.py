"""A segmentation on disk to surfaces on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ynet3d.errors import InputError
from ynet3d.files import ensure_output_folder, staged_files, write_json
from ynet3d.labels import RESEARCH_USE
from ynet3d.meshes import FORMATS, NamedSurface, require_vtk, surfaces_of, write_surfaces
from ynet3d.pipelines.segmentations import read_segmentation
from ynet3d.progress import Progress
from ynet3d.volumes import Volume

_LIST = "meshes.json"


@dataclass(frozen=True)
class MeshFiles:
    """What was written: the surfaces, and the names of the files in `folder`."""

    folder: Path
    surfaces: tuple[NamedSurface, ...]
    files: tuple[str, ...]


def write_meshes(
    segmentation: str | Path,
    out: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
    progress: Progress | None = None,
) -> MeshFiles:
    """Write closed surfaces of the liver and of each tumour, and `meshes.json`, which lists them.

    Args:
        segmentation: a label map (0 background, 1 liver, 2 tumour), or a folder of `ynet3d
            predict`.
        out: folder to write to. Files that an earlier call listed there and that are not written
            again are removed.
        formats: of `FORMATS`.

    Raises:
        MissingExtraError: VTK is not installed.
        InputError: an unknown format; the segmentation cannot be read, or is empty.
    """
    _checked(formats)
    require_vtk()
    label = read_segmentation(segmentation)
    if not label.array.any():
        raise InputError(
            f"{segmentation} marks neither liver nor tumour, so that there is nothing to make a "
            "surface of: give a segmentation that is not empty."
        )
    return write_surfaces_of(label, out, formats=formats, progress=progress)


def write_surfaces_of(
    label: Volume,
    out: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
    progress: Progress | None = None,
) -> MeshFiles:
    """As `write_meshes`, for a label map in memory that is not empty."""
    progress = progress or Progress(quiet=True)
    chosen = _checked(formats)
    count, surfaces = surfaces_of(label)
    folder = ensure_output_folder(out)
    made = tuple(progress.track(surfaces, "Surfaces", total=count))
    with staged_files(folder, last=_LIST) as staging:
        files = tuple(write_surfaces(made, staging, chosen))
        write_json(staging / _LIST, _content(made, files))
        _remove_earlier(folder, files)
    return MeshFiles(folder, made, files)


def parse_formats(text: str) -> tuple[str, ...]:
    """Formats from `stl,glb`.

    Raises:
        InputError: one is unknown, or there is none.
    """
    return _checked([part.strip().lower().lstrip(".") for part in text.split(",") if part.strip()])


def _checked(formats: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        found = f"the format {unknown[0]!r}" if unknown else "no format"
        raise InputError(
            f"For the surfaces {found} was given, expected some of {', '.join(FORMATS)}."
        )
    return tuple(dict.fromkeys(formats))


def _content(surfaces: Sequence[NamedSurface], files: Sequence[str]) -> dict[str, object]:
    return {
        "coordinates": "mm in DICOM's patient axes (LPS: to the left, to the back, to the head)",
        "surfaces": [
            {
                "name": one.name,
                "mask_ml": one.mask_ml,
                "surface_ml": one.surface.volume_ml,
                "triangles": len(one.surface.faces),
                "colour": one.colour,
                "opacity": one.opacity,
            }
            for one in surfaces
        ],
        "files": list(files),
        "notice": RESEARCH_USE,
    }


def _remove_earlier(folder: Path, files: Sequence[str]) -> None:
    """A tumour that is there no longer must not leave its surface behind."""
    try:
        earlier = json.loads((folder / _LIST).read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for name in earlier:
        if isinstance(name, str) and name not in files and Path(name).name == name:
            (folder / name).unlink(missing_ok=True)
