"""Several data sets as one, in nnU-Net's raw layout: NIfTI images and labels, and patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ynet3d.datasets.case import Case
from ynet3d.datasets.dataset import DataSet
from ynet3d.errors import InputError
from ynet3d.files import ensure_output_folder, write_csv, write_json
from ynet3d.labels import Label
from ynet3d.progress import Progress
from ynet3d.volumes import write_label, write_volume
from ynet3d.volumes.formats import natural_key


def merge_datasets(
    datasets: Sequence[DataSet], out: Path, *, name: str | None = None, progress: Progress
) -> int:
    """Write all labelled cases into `out`, each on its own grid; how many these are.

    Leaves `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz` (0, 1, 2), `dataset.json`, and
    `cases.csv` (case, patient), which may be edited. Goes on where it stood when called again.

    Raises:
        InputError: no labelled case, two of one name, or one that cannot be read.
    """
    cases = [case for dataset in datasets for case in dataset.labelled]
    if not cases:
        raise InputError(f"{', '.join(d.name for d in datasets)}: no labelled case to merge.")
    names = [case.name for case in cases]
    twice = sorted({one for one in names if names.count(one) > 1}, key=natural_key)
    if twice:
        raise InputError(
            f"{len(twice)} cases have the same name in two data sets, the first {twice[0]}: merge "
            "data sets whose cases are told apart by their names."
        )
    ensure_output_folder(out)
    with progress.task("Merging", total=len(cases)) as task:
        for case in cases:
            _write(case, out)
            task.advance(note=case.name)
    licences = dict.fromkeys(d.licence or f"{d.name}: unknown" for d in datasets)
    write_csv(out / "cases.csv", ["case", "patient"], [[c.name, c.patient] for c in cases])
    write_json(
        out / "dataset.json",
        {
            "name": name or " and ".join(dataset.name for dataset in datasets),
            "licence": "; ".join(licences),
            "channel_names": {"0": "CT"},
            "labels": {label.name.lower(): int(label) for label in Label},
            "numTraining": len(cases),
            "file_ending": ".nii.gz",
        },
    )
    return len(cases)


def _write(case: Case, out: Path) -> None:
    image_path = out / "imagesTr" / f"{case.name}_0000.nii.gz"
    label_path = out / "labelsTr" / f"{case.name}.nii.gz"
    if image_path.is_file() and label_path.is_file():
        return
    image = case.read_image()
    write_label(case.read_label(image=image), label_path)
    write_volume(image, image_path)
