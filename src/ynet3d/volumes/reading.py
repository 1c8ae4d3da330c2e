"""Reading volumes of every kind through one door."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ynet3d.errors import InputError, YnetError
from ynet3d.volumes.dicom import is_enhanced, read_dicom, refuse_single_file
from ynet3d.volumes.dicom_headers import (
    SliceHeader,
    is_dicom,
    is_dicomdir,
    read_headers,
    scan_folder,
)
from ynet3d.volumes.dicom_listing import listed_series
from ynet3d.volumes.dicom_quiet import without_warnings
from ynet3d.volumes.dicom_seg import SEG_FORMAT, find_seg, read_seg
from ynet3d.volumes.dicom_series import SeriesSummary
from ynet3d.volumes.formats import (
    DICOM_SUFFIXES,
    EXPECTED,
    FILE_SUFFIXES,
    ITK_SUFFIXES,
    NIFTI_SUFFIXES,
    ZIP_SUFFIX,
    describe_content,
    find_volumes,
    is_nifti_head,
    is_volume_path,
    natural_key,
    read_head,
    volume_suffix,
)
from ynet3d.volumes.itk import read_itk
from ynet3d.volumes.nifti import read_nifti
from ynet3d.volumes.placing import on_common_grid
from ynet3d.volumes.volume import Volume
from ynet3d.volumes.zips import unpacked


@without_warnings
def read_volume(path: str | Path, *, series: str | None = None) -> Volume:
    """Read a CT from NIfTI, NRRD, MetaImage, a DICOM folder, or a zip of one of these.

    Args:
        path: a file, or a folder of DICOM slices (nested folders and several series are fine), an
            enhanced multi-frame DICOM file, or a DICOMDIR, which stands for its folder.
        series: SeriesInstanceUID to take from DICOM; else the axial CT series of the portal venous
            phase if one says that it is, else that of most slices (`group_series`).

    Returns:
        array (i, j, k) in the source's voxel order, in HU: int16 where that is exact, else float32.

    Raises:
        InputError: there is no such path, or it does not hold one 3D volume.
    """
    return _read(_existing(path), series=series)


@without_warnings
def read_label(path: str | Path, *, like: Volume | None = None) -> Volume:
    """Read a label map, of the same kinds as `read_volume` or a DICOM SEG, as uint8.

    What the values mean is not checked here; the segments of a SEG become 0, 1 and 2.

    Args:
        path: a file, a folder (of DICOM slices, or with one DICOM SEG), or a zip of one of these.
        like: a volume on the grid that the labels belong to. A SEG leaves out empty planes, and is
            put onto that grid; other kinds have a whole grid of their own and keep it.

    Raises:
        InputError: it cannot be read, or a value is not a whole number from 0 to 255; for a SEG
            also unclear segments, and planes that are not those of `like`.
    """
    return _read(_existing(path), label=True, like=like)


def read_label_pair(one: str | Path, other: str | Path) -> tuple[Volume, Volume]:
    """Read two label maps to compare: a DICOM SEG is put onto the grid of the other.

    Two SEGs get the smallest grid that spans both. Other grids are left as they are, and may
    differ.

    Raises:
        InputError: as from `read_label`.
    """
    if _is_seg(_existing(one)) and not _is_seg(_existing(other)):
        second = read_label(other)
        return read_label(one, like=second), second
    first = read_label(one)
    if first.metadata.get("format") == SEG_FORMAT:
        return on_common_grid(first, read_label(other))
    return first, read_label(other, like=first)


def find_labels(folder: str | Path) -> list[Path]:
    """Files lying directly in `folder` that can be label maps: volumes and DICOM SEG files.

    Raises:
        InputError: `folder` does not exist or is not a folder.
    """
    masks = [
        path
        for path in Path(folder).glob("[!.]*")
        if volume_suffix(path) in DICOM_SUFFIXES and path.is_file() and find_seg(path)
    ]
    return sorted(find_volumes(folder) + masks, key=lambda path: natural_key(path.name))


@without_warnings
def list_series(path: str | Path) -> list[SeriesSummary]:
    """DICOM series in a folder, zip, DICOMDIR or file, the one that `read_volume` would take first.

    Raises:
        InputError: no such path, no DICOM image in it, or a damaged file.
    """
    path = _existing(path)
    if volume_suffix(path) == ZIP_SUFFIX and path.is_file():
        with _unpacked_as(path) as folder:
            return list_series(folder)
    folder = path.parent if path.is_file() and is_dicomdir(path) else path
    if not folder.is_dir():
        return listed_series(read_headers(path), path)
    headers = scan_folder(folder)
    _refuse_nested_zips(folder, headers)
    return listed_series(headers, folder)


@contextmanager
def dicom_images(path: str | Path) -> Iterator[tuple[list[SliceHeader], Path]]:
    """Yield headers of all DICOM images, and where they lie, for as long as they can be read.

    Args:
        path: folder (and folders inside), zip, DICOMDIR, or one file.

    Raises:
        InputError: no such path, a file of another kind, or a damaged one.
    """
    path = _existing(path)
    if path.is_dir():
        yield scan_folder(path), path
    elif volume_suffix(path) == ZIP_SUFFIX:
        with _unpacked_as(path) as folder:
            yield scan_folder(folder), folder
    elif is_dicomdir(path):
        yield scan_folder(path.parent), path.parent
    elif is_dicom(read_head(path)):
        yield read_headers(path), path
    else:
        raise InputError(f"{path} is no DICOM series: give the folder or the zip of all slices.")


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist: check the path, and give {EXPECTED}.")
    return path


def _is_seg(path: Path) -> bool:
    is_other = path.is_file() and volume_suffix(path) in (*FILE_SUFFIXES, ZIP_SUFFIX)
    return not is_other and find_seg(path) is not None


def _read(
    path: Path, *, series: str | None = None, label: bool = False, like: Volume | None = None
) -> Volume:
    if path.is_dir():
        return _read_folder(path, series=series, label=label, like=like)
    suffix = volume_suffix(path)
    if suffix in NIFTI_SUFFIXES:
        return read_nifti(path, label=label)
    if suffix in ITK_SUFFIXES:
        return read_itk(path, label=label)
    head = read_head(path)
    if suffix == ZIP_SUFFIX:
        if not head.startswith(b"PK"):
            raise InputError(f"{path} is {describe_content(head)}, not a zip: give {EXPECTED}.")
        return _read_zip(path, series=series, label=label, like=like)
    if is_dicom(head) or suffix in DICOM_SUFFIXES:
        return _read_dicom_file(path, series=series, label=label, like=like)
    if is_nifti_head(head):
        return read_nifti(path, label=label)
    raise InputError(
        f"{path} is {describe_content(head)}, and its name is not that of a volume: give "
        f"{EXPECTED}."
    )


def _read_dicom_file(path: Path, *, series: str | None, label: bool, like: Volume | None) -> Volume:
    if is_dicomdir(path):
        return _read_folder(path.parent, series=series, label=label, like=like)
    if label and find_seg(path):
        return read_seg(path, like=like)
    headers = read_headers(path)
    if is_enhanced(headers):
        return read_dicom(headers, path, series=series, label=label)
    raise refuse_single_file(path)


def _read_folder(path: Path, *, series: str | None, label: bool, like: Volume | None) -> Volume:
    files = _files(path)
    if not files:
        raise InputError(f"{path} is an empty folder: give {EXPECTED}.")
    volumes = [file for file in files if is_volume_path(file)]
    if volumes and len(volumes) == len(files):
        names = ", ".join(str(file.relative_to(path)) for file in volumes[:3])
        more = ", ..." if len(volumes) > 3 else ""
        raise InputError(
            f"{path} holds {len(volumes)} volume file{'s' if len(volumes) > 1 else ''} ({names}"
            f"{more}) and no DICOM: give one file, not its folder."
        )
    seg = find_seg(path) if label else None
    if seg is not None:
        return read_seg(seg, like=like)
    headers = scan_folder(path)
    _refuse_nested_zips(path, headers)
    return read_dicom(headers, path, series=series, label=label)


def _refuse_nested_zips(folder: Path, headers: Sequence[SliceHeader]) -> None:
    """Say what to do with a folder or zip that holds no images, but zips that may hold some."""
    zips = [file for file in _files(folder) if volume_suffix(file) == ZIP_SUFFIX]
    if zips and not headers:
        names = ", ".join(str(file.relative_to(folder)) for file in zips[:3])
        raise InputError(
            f"{folder} holds no DICOM images, but {len(zips)} zip{'s' if len(zips) > 1 else ''} "
            f"({names}{', ...' if len(zips) > 3 else ''}): give one of them, unpacked from it if "
            "need be."
        )


def _read_zip(path: Path, *, series: str | None, label: bool, like: Volume | None) -> Volume:
    with _unpacked_as(path) as folder:
        files = _files(folder)
        volumes = [file for file in files if is_volume_path(file)]
        # .nhdr and .mhd come with a data file beside them.
        single = len(volumes) == 1 and len(files) <= 2
        inside = volumes[0] if single else folder
        volume = _read(inside, series=series, label=label, like=like)
        return replace(volume, source=str(path))


@contextmanager
def _unpacked_as(path: Path) -> Iterator[Path]:
    """`unpacked`, with the zip's own name in every error instead of the temporary folder's."""
    try:
        with unpacked(path) as folder:
            try:
                yield folder
            except YnetError as error:
                text = str(error).replace(f"{folder}{os.sep}", f"{path}: ")
                error.args = (text.replace(str(folder), str(path)),)
                raise
    except OSError as error:
        raise YnetError(f"{path} could not be unpacked: {error.strerror or error}.") from None


def _files(folder: Path) -> list[Path]:
    """All files in a folder and those inside, hidden ones left out, in natural order."""
    found = [
        file
        for file in folder.rglob("*")
        if file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]
    return sorted(found, key=lambda file: natural_key(str(file)))
