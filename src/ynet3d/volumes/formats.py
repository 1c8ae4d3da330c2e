"""Which files are volumes: by name, and by their first bytes."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from ynet3d.errors import InputError

NIFTI_SUFFIXES = (".nii.gz", ".nii")
NRRD_SUFFIXES = (".nrrd", ".nhdr")
METAIMAGE_SUFFIXES = (".mha", ".mhd")
ITK_SUFFIXES = NRRD_SUFFIXES + METAIMAGE_SUFFIXES
FILE_SUFFIXES = NIFTI_SUFFIXES + ITK_SUFFIXES
ZIP_SUFFIX = ".zip"
#: A label map that lies beside its scan: `scan_label`, `scan-seg`, ...
LABEL_NAME = re.compile(
    r"(?P<name>.+)[_-](label|labels|seg|segmentation|mask)", flags=re.IGNORECASE
)
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

#: What can be given, for messages.
EXPECTED = (
    "a CT as .nii.gz, .nii, .nrrd, .nhdr, .mha or .mhd, a folder of DICOM slices, "
    "or a .zip of one of these"
)

_DICOM_PREAMBLE = 128
_HEAD_BYTES = 512
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"RIFF", "a RIFF file (WebP, AVI or WAV)"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"NRRD", "an NRRD volume"),
    (b"ObjectType", "a MetaImage volume"),
    (b"NDims", "a MetaImage volume"),
)


def volume_suffix(path: str | Path) -> str:
    """The suffix by which a volume file is known (".nii.gz", ".mha", ...), or "" for none."""
    name = Path(path).name.lower()
    for suffix in (*FILE_SUFFIXES, ZIP_SUFFIX, *DICOM_SUFFIXES):
        if name.endswith(suffix) and len(name) > len(suffix):
            return suffix
    return ""


def strip_suffix(path: str | Path) -> str:
    """File name without its volume suffix: "folder/scan.nii.gz" becomes "scan".

    Dots that belong to the name stay ("case.1.nii.gz" becomes "case.1").
    """
    name = Path(path).name
    suffix = volume_suffix(name)
    return name[: -len(suffix)] if suffix else name


def is_volume_path(path: str | Path) -> bool:
    """Whether the name is that of a single-file volume (NIfTI, NRRD, MetaImage)."""
    name = Path(path).name
    return volume_suffix(name) in FILE_SUFFIXES and not name.startswith(".")


def is_label_name(stem: str, stems: Collection[str]) -> bool:
    """Whether a file is called as label maps are, among files called `stems` (without suffixes).

    LiTS's `segmentation-7`, or `scan_label`, `scan_seg`, `scan_mask` beside `scan`.
    """
    match = LABEL_NAME.fullmatch(stem)
    return stem.startswith("segmentation-") or (match is not None and match["name"] in stems)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorting key that puts "volume-9" before "volume-10"."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def find_volumes(folder: str | Path) -> list[Path]:
    """Volume files lying directly in `folder`, in natural order of their names.

    Raises:
        InputError: `folder` does not exist or is not a folder.
    """
    folder = Path(folder)
    if not folder.exists():
        raise InputError(f"{folder} does not exist: give a folder of volumes.")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder: give a folder of volumes.")
    found = [path for path in folder.iterdir() if is_volume_path(path) and path.is_file()]
    return sorted(found, key=lambda path: natural_key(path.name))


def read_head(path: Path) -> bytes:
    """The first bytes of a file, enough for `describe_content`."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise InputError(
            f"{path} cannot be opened ({error.strerror}): check its name and permissions."
        ) from None


def describe_content(head: bytes) -> str:
    """What a file holds, told from its first bytes, as the end of "this file is ..."."""
    if not head:
        return "empty (0 bytes)"
    if is_dicom_head(head):
        return "a DICOM file"
    if is_nifti_head(head):
        return "an uncompressed NIfTI volume"
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return what
    text = set(range(32, 127)) | {9, 10, 12, 13}
    if all(byte in text or byte >= 0x80 for byte in head) and b"\x00" not in head:
        return "text"
    return "unknown binary data"


def is_dicom_head(head: bytes) -> bool:
    """Whether these first bytes carry the DICOM mark behind its preamble."""
    return head[_DICOM_PREAMBLE : _DICOM_PREAMBLE + 4] == b"DICM"


def is_nifti_head(head: bytes) -> bool:
    """Whether these first bytes are a NIfTI-1 or NIfTI-2 single-file header, of any byte order."""
    return head[344:348] in (b"n+1\x00", b"ni1\x00") or head[4:8] in (b"n+2\x00", b"ni2\x00")
