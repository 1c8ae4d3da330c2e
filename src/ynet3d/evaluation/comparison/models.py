"""The models of a comparison as a user gives them: folders of masks, or of evaluations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ynet3d.errors import InputError
from ynet3d.evaluation.cases import LiverConvention
from ynet3d.evaluation.comparison.comparing import Comparison, compare
from ynet3d.evaluation.comparison.output import prepare_folder
from ynet3d.evaluation.comparison.score_files import holds_evaluation, read_scores
from ynet3d.evaluation.comparison.scores import ModelScores
from ynet3d.evaluation.folders import evaluate
from ynet3d.evaluation.output import write_evaluation
from ynet3d.evaluation.pairing import label_files
from ynet3d.evaluation.relabelling import LabelMap
from ynet3d.progress import Progress
from ynet3d.volumes import strip_suffix


@dataclass(frozen=True)
class Model:
    """A model by name, and where its masks or its evaluation lie."""

    name: str
    path: Path


def name_models(paths: Sequence[str | Path], names: Sequence[str] = ()) -> tuple[Model, ...]:
    """Give each model a name: its own of `names`, or that of its folder or file.

    Raises:
        InputError: fewer than two models, one is given twice or does not exist, or the names are
            too few, too many, not all different, or no names of folders.
    """
    found = [Path(path) for path in paths]
    if len(found) < 2:
        raise InputError(
            f"{len(found)} model{' is' if len(found) == 1 else 's are'} given, but a comparison "
            "needs at least two: give two or more folders of predictions."
        )
    for path in found:
        if not path.exists():
            raise InputError(
                f"{path} does not exist: give a folder of label maps, or of an evaluation."
            )
    path, times = Counter(path.resolve() for path in found).most_common(1)[0]
    if times > 1:
        raise InputError(f"{path} is given {times} times: give each model once.")
    if names and len(names) != len(found):
        raise InputError(
            f"{len(names)} name{'s' if len(names) > 1 else ''} for {len(found)} models: "
            "give --name once for each model, in the same order, or not at all."
        )
    chosen = list(names) or [_own_name(path) for path in found]
    for name in chosen:
        if not name.strip() or name.startswith(".") or set(name) & set("/\\\n\r\t"):
            raise InputError(
                f"{name!r} cannot name a model, because a folder is named after it: "
                "give another with --name."
            )
    name, times = Counter(chosen).most_common(1)[0]
    if times > 1:
        raise InputError(
            f"{times} models are named {name}: give each a name of its own with --name, "
            "in the order of the models."
        )
    return tuple(Model(name, path) for name, path in zip(chosen, found, strict=True))


def score_models(
    models: Sequence[Model],
    references: str | Path | None = None,
    *,
    liver_convention: LiverConvention = "lits",
    prediction_labels: LabelMap | None = None,
    reference_labels: LabelMap | None = None,
    resample: bool = False,
    keep: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, ModelScores]:
    """Score the masks of each model; read what has been scored before.

    An evaluation (`cases.csv` of `ynet3d evaluate`) is read as it is, unless masks lie in the same
    folder and references are given.

    Args:
        models: see `name_models`.
        references: a label map or a folder of them; needed for masks.
        liver_convention, prediction_labels, reference_labels, resample: see `evaluate`; of masks.
        keep: folder in which a folder per model gets the evaluation of its masks.
        progress: where to tell how far it is; nothing is told by default.

    Returns:
        By name of the model, in the order given.

    Raises:
        InputError: a model has neither masks nor an evaluation, there are masks but no references,
            or nothing of a model can be scored.
    """
    progress = progress or Progress(quiet=True)
    done = {model.name: _is_done(model, references) for model in models}
    scores: dict[str, ModelScores] = {}
    for model in models:
        if done[model.name] or references is None:
            progress.say(f"{model.name}: read from {model.path / 'cases.csv'}")
            scores[model.name] = read_scores(model.path)
            continue
        progress.say(f"{model.name}: {model.path}")
        evaluation = evaluate(
            model.path,
            references,
            liver_convention=liver_convention,
            prediction_labels=prediction_labels,
            reference_labels=reference_labels,
            resample=resample,
            progress=progress,
        )
        if keep is not None:
            folder = write_evaluation(evaluation, Path(keep) / model.name)
            progress.say(f"{model.name}: its evaluation is kept in {folder}")
        scores[model.name] = ModelScores.of(evaluation)
    return scores


def compare_files(
    paths: Sequence[str | Path],
    references: str | Path | None = None,
    *,
    out: str | Path,
    names: Sequence[str] = (),
    liver_convention: LiverConvention = "lits",
    prediction_labels: LabelMap | None = None,
    reference_labels: LabelMap | None = None,
    resample: bool = False,
    data: str = "",
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Score what is not scored yet, and compare.

    Args:
        paths: a folder of masks or of an evaluation for each model.
        references: a label map or a folder of them; needed for masks.
        out: folder that gets the evaluations of masks, in `evaluations/`, and nothing else yet:
            see `write_comparison`.
        names: of the models; by default those of their folders.
        liver_convention, prediction_labels, reference_labels, resample: see `evaluate`; of masks.
        data: what the cases are, for the headings; by default where the references lie.
        seed: of the bootstrap.
        progress: where to tell how far it is; nothing is told by default.

    Raises:
        InputError: see `name_models`, `score_models` and `compare`.
    """
    models = name_models(paths, names)
    check_models(models, references)
    folder = prepare_folder(out)
    scores = score_models(
        models,
        references,
        liver_convention=liver_convention,
        prediction_labels=prediction_labels,
        reference_labels=reference_labels,
        resample=resample,
        keep=folder / "evaluations",
        progress=progress,
    )
    return compare(
        scores, data=data or (f"references {references}" if references else ""), seed=seed
    )


def check_models(models: Sequence[Model], references: str | Path | None) -> None:
    """Refuse models that cannot be scored, before any is.

    Raises:
        InputError: a model has neither masks nor an evaluation, or masks but no references.
    """
    if references is not None:
        label_files(Path(references))
    for model in models:
        _is_done(model, references)


def _is_done(model: Model, references: str | Path | None) -> bool:
    """Whether the evaluation in the folder is to be read; else there are masks to score."""
    evaluated = holds_evaluation(model.path)
    if evaluated and references is None:
        return True
    try:
        label_files(model.path)
    except InputError as error:
        if evaluated:
            return True
        raise InputError(
            f"The model {model.name} has neither label maps nor an evaluation (cases.csv) in "
            f"{model.path}: give a folder with files such as segmentation-3.nii.gz, or one that "
            "ynet3d evaluate wrote."
        ) from error
    if references is None:
        raise InputError(
            f"The label maps of {model.name} in {model.path} are not scored yet: say what they are "
            "to be compared with by --reference, or give a folder that ynet3d evaluate wrote."
        )
    return False


def _own_name(path: Path) -> str:
    resolved = path.resolve()
    return resolved.name if resolved.is_dir() else strip_suffix(resolved)
