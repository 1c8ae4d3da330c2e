"""One digest for a whole data set, so that a result can say exactly what it was made from."""

from __future__ import annotations

import hashlib

from ynet3d.datasets.dataset import DataSet
from ynet3d.progress import Progress


def dataset_fingerprint(dataset: DataSet, *, progress: Progress | None = None) -> str:
    """A digest (32 hexadecimal digits) of the cases: their names, patients and files' contents.

    It does not depend on where the data lie, on file times, on the layout or on the order of the
    cases. Every file is read once, and not again while it does not change (see
    `Case.fingerprint`).

    Raises:
        InputError: a file is missing or cannot be read.
    """
    progress = progress or Progress(quiet=True)
    digest = hashlib.blake2b(digest_size=16)
    cases = sorted(dataset.cases, key=lambda case: case.name)
    for case in progress.track(cases, "Reading for the fingerprint", total=len(cases)):
        for word in (case.name, case.patient, case.fingerprint()):
            digest.update(f"{len(word)}:{word}".encode())
    return digest.hexdigest()
