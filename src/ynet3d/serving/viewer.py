"""NiiVue, the viewer of the page: fetched once, checked, kept in the user's cache folder.

NiiVue (BSD-2-Clause) is JavaScript. The packages of it on PyPI hold it only built into an
application of their own (a Jupyter widget, a Streamlit component) that exports nothing, so that no
page can use it as a module. Its npm package does: it is fetched by npm, with whatever registry npm
is set up for, in one version, whose content must have the known hash.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from ynet3d.cache_entries import cache_entry
from ynet3d.errors import InputError, YnetError

PACKAGE, VERSION = "@niivue/niivue", "0.69.0"
#: SHA-512 of the package as npm states it (base64), and how it is called on disk.
INTEGRITY = (
    "YMjQvJgD1W2b7DuoxkwlC4VxbrgIePRJ5qyQzXKxi2v2MBVg285P/CIQyg46oDDGDIcaNlbd+MhtO/edMbXJkA=="
)
TARBALL = f"niivue-niivue-{VERSION}.tgz"
_MEMBER, _MODULE = "package/dist/index.js", "niivue.js"
_SECONDS = 300


def viewer_module(cache: Path | None = None) -> Path | None:
    """The file of NiiVue, if it has been fetched."""
    path = _folder(cache) / _MODULE
    return path if path.is_file() else None


def fetch_viewer(package: Path | None = None, *, cache: Path | None = None) -> Path:
    """Fetch NiiVue with npm, or take it from its package as a file, unless it is there.

    Args:
        package: `niivue-niivue-0.69.0.tgz`, fetched elsewhere (`npm pack @niivue/niivue@0.69.0`).
        cache: by default the user's cache folder.

    Raises:
        InputError: `package` is not that package, to the last byte.
        YnetError: npm is missing, or cannot fetch it.
    """
    present = viewer_module(cache)
    if present is not None:
        return present
    with tempfile.TemporaryDirectory(prefix="ynet3d-") as name:
        tarball = package or _pack(Path(name))
        _check(tarball)
        with cache_entry(_folder(cache)) as folder, tarfile.open(tarball) as archive:
            member = archive.extractfile(_MEMBER)
            if member is None:
                raise YnetError(f"{tarball} holds no {_MEMBER}.")
            with (folder / _MODULE).open("wb") as file:
                shutil.copyfileobj(member, file)
    return _folder(cache) / _MODULE


def _folder(cache: Path | None) -> Path:
    return (cache or user_cache_path("ynet3d")) / f"niivue-{VERSION}"


def _pack(folder: Path) -> Path:
    beside = str(Path(sys.executable).parent)  # where pip puts an npm
    npm = shutil.which("npm") or shutil.which("npm", path=beside)
    advice = (
        f"On a machine with npm, `npm pack {PACKAGE}@{VERSION}` makes {TARBALL}: give it here with "
        "--viewer-package."
    )
    if npm is None:
        raise YnetError(f"The viewer is fetched by npm, which is not installed. {advice}")
    words = [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise YnetError(f"npm could not fetch the viewer ({error}). {advice}") from error
    if done.returncode or not (folder / TARBALL).is_file():
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise YnetError(f"npm could not fetch the viewer ({last}). {advice}")
    return folder / TARBALL


def _check(tarball: Path) -> None:
    try:
        digest = hashlib.sha512(tarball.read_bytes()).digest()
    except OSError as error:
        raise InputError(f"{tarball} cannot be read ({error.strerror}): give {TARBALL}.") from None
    if base64.b64encode(digest).decode() != INTEGRITY:
        raise InputError(
            f"{tarball} is not {PACKAGE} {VERSION} as it was published (its SHA-512 differs): "
            f"fetch it again with `npm pack {PACKAGE}@{VERSION}`."
        )
