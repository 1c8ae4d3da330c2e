"""What the demo and the real-data run share: scoring predicted scans, pictures, the page's rows."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ynet3d.evaluation import CaseEvaluation, Evaluation, evaluate_pair
from ynet3d.labels import Label
from ynet3d.pipelines.segmentations import SEGMENTATION
from ynet3d.reporting import Case, CaseRow, Headline, Picture, save_overlay
from ynet3d.volumes import Volume, read_label


@dataclass(frozen=True)
class JobResult:
    """How a demo or real-data run ended: figures, words for the user, whether it met its bar."""

    summary: dict[str, Any]
    words: str
    passed: bool


@dataclass(frozen=True)
class Scored:
    """A predicted scan compared with its reference."""

    evaluation: CaseEvaluation
    row: CaseRow
    pictures: Case
    grid_difference_mm: float  # between mask file and source scan, at the worst corner


def score_scan(
    name: str,
    dataset: str,
    folder: Path,
    found: dict[str, Any],
    *,
    image: Volume,
    reference: Volume,
    page_folder: Path,
) -> Scored:
    """Score the mask in `folder` (as `predict_files` left it) and draw it against the reference.

    The mask is read back from its file; its geometry is compared with `image`, voxel for voxel.
    """
    mask = read_label(folder / SEGMENTATION)
    evaluation = evaluate_pair(mask, reference, name)
    liver, tumour = evaluation.classes["liver"], evaluation.classes["tumour"]
    has_tumour = bool(tumour.counts.reference)
    note = f"Dice liver {liver.metrics.dice:.3f}"
    if has_tumour:
        note += f", tumour {tumour.metrics.dice:.3f}"
    save_overlay(image, mask, folder / "comparison.png", title=name, note=note, reference=reference)
    row = CaseRow(
        case=name,
        dataset=dataset,
        dice_liver=liver.metrics.dice,
        dice_tumour=tumour.metrics.dice if has_tumour else None,
        liver_ml=liver.prediction_ml,
        reference_liver_ml=liver.reference_ml,
        tumour_ml=tumour.prediction_ml,
        reference_tumour_ml=tumour.reference_ml,
        lesions=found["lesion_count"],
        remark="" if has_tumour else "no tumour in the reference",
    )
    pictures = case_pictures(name, folder, found, page_folder)
    return Scored(evaluation, row, pictures, mask.grid_distance_mm(image))


def case_pictures(name: str, folder: Path, found: dict[str, Any], page_folder: Path) -> Case:
    """The pictures in `folder`, for a page in `page_folder`."""
    alts = {
        "comparison.png": f"{name}: reference outline against ours, three planes and a montage",
        "overlay.png": f"{name}: liver and tumours over the CT, three planes and a montage",
        "surface.png": f"{name}: surface of liver and tumours from three sides",
    }
    relative = folder.relative_to(page_folder)
    pictures = [
        Picture(str(relative / file), alt) for file, alt in alts.items() if (folder / file).exists()
    ]
    return Case(name, found["summary"], pictures)


def mean_dice(evaluation: Evaluation, name: str, *, with_reference: bool) -> float:
    """Mean Dice of a class; with `with_reference`, over the cases whose reference has it.

    0 where there is no such case, so that a bar is never met by accident.
    """
    summary = evaluation.summary[name]["dice"]
    return (summary.mean_with_reference if with_reference else summary.mean) or 0.0


def dice_headlines(evaluation: Evaluation, what: str) -> list[Headline]:
    """The two large numbers of a page: liver and tumour Dice, with their number of cases."""
    having = evaluation.summary["tumour"]["dice"].cases_with_reference
    return [
        Headline(
            f"{mean_dice(evaluation, 'liver', with_reference=False):.3f}",
            "mean Dice, liver",
            f"{len(evaluation.cases)} {what}",
            Label.LIVER,
        ),
        Headline(
            f"{mean_dice(evaluation, 'tumour', with_reference=True):.3f}",
            "mean Dice, tumour",
            f"the {having} of them with a tumour",
            Label.TUMOUR,
        ),
    ]


def dice_summary(evaluation: Evaluation) -> dict[str, Any]:
    """The figures that every `summary.json` begins with."""
    return {
        "liver_dice": round(mean_dice(evaluation, "liver", with_reference=False), 4),
        "tumour_dice": round(mean_dice(evaluation, "tumour", with_reference=True), 4),
        "tumour_dice_is": "mean over the cases whose reference has a tumour",
        "cases": len(evaluation.cases),
        "cases_with_tumour": evaluation.summary["tumour"]["dice"].cases_with_reference,
    }


def versions(*further: str) -> dict[str, str]:
    """Packages that decide a result, for the page, and `further` ones."""
    return {name: version(name) for name in ("ynet3d", "torch", "monai", "numpy", *further)}


#: What training and evaluation drew, for a page in the folder above theirs.
RUN_PICTURES = (
    Picture("run/curves.png", "Loss and Dice against the epoch", "Training"),
    Picture("evaluation/dice.png", "Dice of each case", "Dice of each case"),
    Picture(
        "evaluation/lesions.png",
        "Recall of tumours by size, each tumour, false positives per scan",
        "Tumours one by one",
    ),
    Picture(
        "evaluation/volumes.png",
        "Predicted against reference volumes of liver and tumour",
        "Volumes",
    ),
)

READING = (
    "Liver is the organ, labels 1 and 2, as LiTS scores it. Tumour Dice is empty where the "
    "reference has no tumour."
)
