"""The temperature of a run's or a cross-validation's networks, kept in their weights' JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ynet3d.datasets import Case, open_dataset
from ynet3d.datasets.split_file import FOLDS_FILE
from ynet3d.devices import explained_memory_errors
from ynet3d.errors import InputError
from ynet3d.evaluation.calibration import (
    Calibration,
    Judgement,
    ScanSample,
    Where,
    calibrate,
    fittable,
)
from ynet3d.evaluation.reliability_plot import save_reliability_plot
from ynet3d.files import write_json
from ynet3d.inference.calibrating import SURROUNDINGS_MM, sample_scan
from ynet3d.pipelines.unseen import Unseen, logits_of, unseen_by_folds, unseen_by_run
from ynet3d.progress import Progress
from ynet3d.weights import rewrite_facts

FIGURES, PICTURE = "calibration.json", "reliability.png"
_RULE = (
    "The temperature of lowest negative log-likelihood over the voxels that fitted_on names, each "
    "scan counting the same. 'held_out' is each patient with the temperature that the others give; "
    "'against' is what speaks against the best one, and then the recipe's temperature stays. "
    "expected_calibration_error: Guo et al. 2017. surroundings: voxels in the box of the "
    f"reference's liver and {SURROUNDINGS_MM:g} mm, the probability of their likeliest label and "
    "whether it is right; tumour: the same of voxels called tumour; lesions: mean probability of "
    "tumour over a claimed tumour, and whether it touches one of the reference."
)


def calibrate_run(
    run: Path,
    dataset_path: Path,
    *,
    kind: str = "auto",
    labels: Path | None = None,
    on: Where = "surroundings",
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fit the temperature on scans that the networks of `run` did not see, and put it into them.

    Leaves `calibration.json` and `reliability.png` in the run's folder; the weights' JSON has the
    temperature under "recipe" and the figures under "calibration". The tensors stay as they are.

    Args:
        run: of `ynet3d train` (its validation cases), or the folder of a cross-validation (all
            scans of its finished folds, and one temperature for all folds).
        dataset_path: the data set that it was trained on.
        on: the voxels that it is fitted on.

    Returns:
        What `calibration.json` says.

    Raises:
        InputError: no run, no data set, or scans of fewer than two patients.
    """
    progress = progress or Progress(quiet=True)
    dataset = open_dataset(dataset_path, kind=kind, labels=labels)
    if (run / FOLDS_FILE).is_file():
        networks, folder = unseen_by_folds(run, dataset), run
    else:
        networks = [unseen_by_run(run, dataset)]
        folder = networks[0].weights.path.parent
    cases = [case for network in networks for case in network.cases]
    _check_patients(run, cases, "unseen case(s)", "give a run with more of them.")
    before = networks[0].weights.recipe.inference.temperature
    with explained_memory_errors("close other programs, or use a machine with more memory"):
        scans = _samples(networks, device, progress)
    _check_patients(
        run, fittable(scans, on), "unseen case(s) with a claimed tumour", "use --on surroundings."
    )
    found = calibrate(scans, before, on=on)
    figures = {"fitted_on": on} | _figures(found, [case.name for case in cases])
    title = f"Reliability on {len(cases)} scans, each by a network that did not see it"
    save_reliability_plot(found, folder / PICTURE, title=title)
    write_json(folder / FIGURES, figures)
    for network in networks:
        inference = network.weights.recipe.inference
        inference = inference.model_copy(update={"temperature": figures["temperature"]})
        rewrite_facts(network.weights, inference, {"calibration": figures})
    return figures


def _check_patients(run: Path, scans: Sequence[Case | ScanSample], words: str, remedy: str) -> None:
    if len({scan.patient for scan in scans}) < 2:
        raise InputError(
            f"The run {run} has {len(scans)} {words}, of fewer than the 2 patients that are needed "
            f"to fit on some and judge on others: {remedy}"
        )


def _samples(networks: Sequence[Unseen], device: str, progress: Progress) -> list[ScanSample]:
    found = []
    with progress.task("Asking", total=sum(len(network.cases) for network in networks)) as task:
        for network in networks:
            inference = network.weights.recipe.inference
            for case, logits, image, label in logits_of(
                network.weights, network.cases, inference, device=device
            ):
                found.append(
                    sample_scan(
                        logits, image, label, inference, name=case.name, patient=case.patient
                    )
                )
                task.advance(note=case.name)
    return found


def _figures(found: Calibration, names: Sequence[str]) -> dict[str, Any]:
    left_out = list(found.left_out.values())
    return {
        "temperature": round(found.adopted, 4),
        "adopted": "best" if found.against is None else "before",
        "against": found.against,
        "before": _judged(found.at_before) | {"temperature": found.before},
        "held_out": _judged(found.held_out)
        | {"temperatures": [round(min(left_out), 4), round(max(left_out), 4)]},
        "best": round(found.best, 4),
        "cases": list(names),
        "patients": len(left_out),
        "rule": _RULE,
    }


def _judged(one: Judgement) -> dict[str, Any]:
    return {
        "loss": round(one.loss, 6),
        "surroundings": one.surroundings.as_json(),
        "tumour": one.tumour.as_json(),
        "lesions": one.lesions.as_json(),
    }
