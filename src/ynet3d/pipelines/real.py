"""The main job on real CT: check, predict with the weights of this package, evaluate, show.

Those weights hold the networks of a cross-validation: every labelled scan is predicted by one that
has not learnt from its patient, all others by all of them.
"""

from __future__ import annotations

import time
from pathlib import Path

from ynet3d.datasets import (
    Case,
    CaseCheck,
    DataSet,
    LabelFile,
    check_case,
    check_dataset,
    open_dataset,
    write_check_csv,
)
from ynet3d.errors import InputError
from ynet3d.evaluation import Evaluation, summarise, write_evaluation
from ynet3d.files import ensure_output_folder, write_json
from ynet3d.pipelines.prediction import FilePrediction, predict_files
from ynet3d.pipelines.report import (
    READING,
    JobResult,
    Scored,
    case_pictures,
    dice_headlines,
    dice_summary,
    mean_dice,
    score_scan,
    versions,
)
from ynet3d.pipelines.segmentations import SEGMENTATION
from ynet3d.progress import Progress
from ynet3d.reporting import Page, Table, write_page
from ynet3d.volumes import read_label
from ynet3d.weights import Weights, load_weights
from ynet3d.weights.members import never_saw
from ynet3d.weights.shipped import default_weights

LIVER_BAR = 0.92
#: NIfTI keeps a grid in 32-bit numbers, which is this exact at half a metre.
GRID_BAR_MM = 1e-3
_LITS, _IRCADB = "lits_subset", "3dircadb01"
_LICENCES = {
    _LITS: "LiTS (Bilic et al. 2023), CC BY-NC-SA 4.0",
    _IRCADB: "3D-IRCADb-01, CC BY-NC-ND 4.0",
}
#: Series without labels of ours: each must be read and predicted, and there is no score.
_UNLABELLED = ("dicom_unlabelled", "jpeg2000_series")
#: Three slices with a mask: checked, but too few to predict.
_SLICES, _MASK = "dicom_seg_3slices", "liver_seg.nrrd"


def run_real(
    root: Path,
    out: Path,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> JobResult:
    """Run the job on the data sets in `root`; leaves `index.html` and `summary.json` in `out`.

    Args:
        weights: by default those of this package.

    Raises:
        InputError: the data sets are not in `root`, the weights cannot be used or have learnt from
            a scan that they should be judged on, or `out` cannot be written.
    """
    progress = progress or Progress()
    started = time.monotonic()
    if not (root / _LITS).is_dir():
        raise InputError(f"There is no folder {_LITS} in {root}: give the folder of the real data.")
    loaded = load_weights(default_weights() if weights is None else weights)
    ensure_output_folder(out)
    lits = open_dataset(root / _LITS, kind="lits", licence=_LICENCES[_LITS])
    ircadb = open_dataset(root / _IRCADB, kind="ircadb", licence=_LICENCES[_IRCADB])
    unlabelled = [
        Case(name, name, _series_path(root / name))
        for name in _UNLABELLED
        if (root / name).is_dir()
    ]
    judged = [(data, case, _judge(loaded, case)) for data in (lits, ircadb) for case in data.cases]
    checks = _check(lits, ircadb, unlabelled, root / _SLICES, out, progress)
    scored = [
        _score(_predict(case, network, out, device, progress), case, data, out)
        for data, case, network in judged
    ]
    others = [(_predict(case, loaded, out, device, progress), case) for case in unlabelled]
    evaluation = summarise([item.evaluation for item in scored])
    write_evaluation(evaluation, out / "evaluation")
    return _finish(
        out, loaded, scored, others, evaluation, checks, seconds=time.monotonic() - started
    )


def _judge(weights: Weights, case: Case) -> Weights:
    """The network that may be judged on `case`."""
    found = never_saw(weights, case.name)
    if found is None:
        raise InputError(
            f"The weights {weights.path} have learnt from {case.name}, so that scan cannot judge "
            "them: give weights of a cross-validation, packed with `ynet3d weights pack`."
        )
    return found


def _series_path(folder: Path) -> Path:
    zips = sorted(folder.glob("*.zip"))
    return zips[0] if zips else folder


def _check(
    lits: DataSet,
    ircadb: DataSet,
    unlabelled: list[Case],
    slices: Path,
    out: Path,
    progress: Progress,
) -> list[CaseCheck]:
    checks = [*check_dataset(lits, progress=progress), *check_dataset(ircadb, progress=progress)]
    checks += [check_case(case, expect_label=False) for case in unlabelled]
    if slices.is_dir():
        mask = LabelFile(slices / _MASK)
        checks.append(check_case(Case(slices.name, slices.name, slices, mask)))
    write_check_csv(checks, out / "checks.csv")
    alone = [c for c in checks if any(flag.code == "no-image" for flag in c.flags)]
    wrong = [c.name for c in checks if not c.ok and c not in alone]
    progress.say(
        f"Checked {len(checks) - len(alone)} scans, {len(wrong)} with errors"
        f"{' (' + ', '.join(wrong) + ')' if wrong else ''}, and {len(alone)} masks without a CT: "
        f"{out / 'checks.csv'}"
    )
    return checks


def _predict(
    case: Case, weights: Weights, out: Path, device: str, progress: Progress
) -> FilePrediction:
    folder = out / "predictions" / case.name
    done, _ = predict_files([case.image], folder, weights=weights, device=device, progress=progress)
    return done[0]


def _score(item: FilePrediction, case: Case, dataset: DataSet, out: Path) -> Scored:
    image = case.read_image()
    return score_scan(
        case.name,
        dataset.name,
        item.folder,
        item.statistics,
        image=image,
        reference=case.read_label(image=image),
        page_folder=out,
    )


def _finish(
    out: Path,
    weights: Weights,
    scored: list[Scored],
    others: list[tuple[FilePrediction, Case]],
    evaluation: Evaluation,
    checks: list[CaseCheck],
    *,
    seconds: float,
) -> JobResult:
    liver = mean_dice(evaluation, "liver", with_reference=False)
    tumour = mean_dice(evaluation, "tumour", with_reference=True)
    apart_mm = max(
        *(item.grid_difference_mm for item in scored),
        *(
            read_label(item.folder / SEGMENTATION).grid_distance_mm(case.read_image())
            for item, case in others
        ),
    )
    summary = {
        **dice_summary(evaluation),
        "per_case": {
            item.row.case: {"liver": item.row.dice_liver, "tumour": item.row.dice_tumour}
            for item in scored
        },
        "worst_grid_difference_mm": apart_mm,
        "weights": {"file": weights.path.name, "sha256": weights.facts.get("sha256")},
        "seconds_of_this_call": round(seconds, 1),
    }
    write_json(out / "summary.json", summary)
    pictures = [item.pictures for item in scored]
    pictures += [
        case_pictures(item.folder.name, item.folder, item.statistics, out) for item, _ in others
    ]
    write_page(
        out / "index.html",
        Page(
            title="3DYNet on real CT",
            lead=(
                f"The weights {weights.path.stem} on {len(scored)} scans, each predicted by a "
                "network of theirs that has learnt from no scan of that patient: LiTS scans, and "
                "3D-IRCADb patients straight from their DICOM files."
            ),
            headlines=dice_headlines(evaluation, "unseen scans"),
            rows=[item.row for item in scored],
            rows_text=READING,
            cases=pictures,
            tables=[_check_table(checks)],
            settings=weights.recipe.model_dump(mode="json"),
            files={
                "summary.json": "the figures of this page",
                "checks.csv": "what was checked in every data set",
                "evaluation/cases.csv": "metrics of each case and class",
                "evaluation/lesions.csv": "each tumour: found, missed or invented",
            },
            seconds=seconds,
            versions=versions(),
        ),
    )
    words = (
        f"{len(scored)} unseen real scans: liver Dice {liver:.3f}, tumour Dice {tumour:.3f}.\n"
        f"Open {out / 'index.html'} in a browser."
    )
    if liver < LIVER_BAR:
        words += f"\nBelow the bar (liver {LIVER_BAR})."
    if apart_mm > GRID_BAR_MM:
        words += f"\nA mask lies {apart_mm:.3g} mm from its scan's grid, which is a fault of ours."
    return JobResult(summary, words, liver >= LIVER_BAR and apart_mm <= GRID_BAR_MM)


def _check_table(checks: list[CaseCheck]) -> Table:
    rows = [
        (
            check.name,
            " x ".join(map(str, check.shape or ())),
            " x ".join(f"{size:.3g}" for size in check.spacing or ()),
            "" if check.liver_ml is None else f"{check.liver_ml:.0f}",
            "" if check.tumour_ml is None else f"{check.tumour_ml:.1f}",
            ", ".join(flag.code for flag in check.flags),
        )
        for check in checks
    ]
    columns = ("case", "shape", "spacing mm", "liver mL", "tumour mL", "flags")
    return Table("Checked cases", columns, rows, "The sentences behind the flags: checks.csv.")
