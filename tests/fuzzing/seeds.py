"""All valid inputs by their class; the same bytes at every start."""

from __future__ import annotations

import pickle
import tempfile
import uuid
from pathlib import Path
from random import Random
from unittest import mock

from fuzzing import dicom_seeds, text_seeds, volume_seeds
from fuzzing.case import Case
from fuzzing.processes import in_child

#: Input classes, in the order of the table.
KINDS = (
    *("nifti", "nifti-gzip", "nrrd", "metaimage", "zip"),
    *("dicom-single", "dicom-series", "dicom-compressed", "dicom-enhanced", "dicom-seg"),
    *("dicom-zip", "weights", "checkpoint", "recipe", "suite", "split", "dataset", "results"),
)


def _load_libraries() -> None:
    """Import in this process what every child needs; nothing here starts a thread."""
    import pydicom.pixels  # noqa: F401 - before children are forked
    import SimpleITK  # noqa: F401 - as above
    import torch

    from fuzzing import targets

    torch.set_num_threads(1)
    targets.small_run()


def make_seeds() -> dict[str, list[Case]]:
    """Valid inputs of every kind, made in a child: other libraries leave threads behind."""
    _load_libraries()
    with tempfile.TemporaryDirectory(prefix="fuzz-seeds-") as name:
        kept = Path(name) / "seeds"
        code = in_child(lambda: kept.write_bytes(pickle.dumps(_seeds(Path(name)))))
        if code != 0:
            raise RuntimeError(f"the seeds could not be made (exit code {code})")
        seeds: dict[str, list[Case]] = pickle.loads(kept.read_bytes())
    return seeds


def _seeds(folder: Path) -> dict[str, list[Case]]:
    numbers = Random(0)
    with (
        mock.patch("uuid.uuid4", side_effect=lambda: uuid.UUID(int=numbers.getrandbits(128))),
        mock.patch("secrets.randbelow", side_effect=numbers.randrange),
    ):
        cases = [
            *volume_seeds.nifti_seeds(),
            *volume_seeds.gzip_seeds(),
            *volume_seeds.nrrd_seeds(),
            *volume_seeds.metaimage_seeds(),
            *volume_seeds.zip_seeds(),
            *dicom_seeds.single_seeds(folder / "single"),
            *dicom_seeds.series_seeds(folder / "series"),
            *dicom_seeds.compressed_seeds(folder / "compressed"),
            *dicom_seeds.enhanced_seeds(folder / "enhanced"),
            *dicom_seeds.seg_seeds(folder / "seg"),
            *dicom_seeds.dicom_zip_seeds(folder / "zip"),
            *text_seeds.weights_seeds(folder),
            *text_seeds.checkpoint_seeds(folder),
            *text_seeds.recipe_seeds(),
            *text_seeds.suite_seeds(),
            *text_seeds.split_seeds(),
            *text_seeds.dataset_seeds(),
            *text_seeds.result_seeds(),
        ]
    return {kind: [case for case in cases if case.kind == kind] for kind in KINDS}
