"""A suite: which networks an experiment compares, and what differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from ynet3d.documents import DocumentError, parse_yaml, read_text
from ynet3d.errors import InputError
from ynet3d.recipes.schema import Option

Width = PositiveInt | Literal["reference", "published", "equal-flop"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SuiteRun(_Frozen):
    """One network of a suite.

    Attributes:
        name: unique; the same name in two suites is one and the same run.
        title: what tables and pictures call it.
        network: registered name.
        options: of the network, without its width.
        width: a number; "reference": that of the experiment; "equal-flop": the one whose FLOPs
            come nearest to the suite's reference; "published": the network's default, unless the
            experiment was narrowed (`--width`), then as "equal-flop".
        width_scale: factor on the width, to compare several.
        recipe: values that differ from the experiment's recipe, for instance
            `{training: {loss: cross_entropy}}`.
        family: runs of one family are one line in the picture of Dice against cost.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str
    network: str
    options: dict[str, Option] = Field(default_factory=dict)
    width: Width = "reference"
    width_scale: float = Field(default=1.0, gt=0)
    recipe: dict[str, dict[str, Any]] = Field(default_factory=dict)
    family: str = ""


class Comparison(_Frozen):
    """A question that some of a suite's runs answer."""

    question: str
    runs: tuple[str, ...]


class Suite(_Frozen):
    """Networks to compare; `reference` names the run that the others are measured against."""

    name: str
    about: str
    reference: str
    runs: tuple[SuiteRun, ...]
    comparisons: tuple[Comparison, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Suite:
        names = [run.name for run in self.runs]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two runs are named {min(twice)}")
        named = [self.reference, *(name for group in self.comparisons for name in group.runs)]
        for name in named:
            if name not in names:
                raise ValueError(f"{name} is none of its runs")
        return self

    def run(self, name: str) -> SuiteRun:
        """The run of that name."""
        return next(run for run in self.runs if run.name == name)


def list_suites() -> list[str]:
    """Names of the suites that come with the package."""
    folder = resources.files("ynet3d.experiments") / "suites"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir())


def load_suite(name_or_path: str) -> Suite:
    """A suite by name or YAML file.

    Raises:
        InputError: no such suite, not YAML, or a value that a suite cannot have.
    """
    if name_or_path in list_suites():
        source = resources.files("ynet3d.experiments") / "suites" / f"{name_or_path}.yaml"
        text = source.read_text("utf-8")
    elif Path(name_or_path).is_file():
        try:
            text = read_text(Path(name_or_path))
        except (OSError, DocumentError) as error:
            raise InputError(f"The suite {name_or_path} cannot be read: {error}.") from None
    else:
        raise InputError(
            f"There is no suite called {name_or_path!r}: choose of {', '.join(list_suites())}, or "
            "give the path of a YAML file."
        )
    try:
        return Suite.model_validate(parse_yaml(text))
    except DocumentError as error:
        raise InputError(f"The suite {name_or_path} is not valid YAML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the suite"
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"The suite {name_or_path} is not valid: {place}: {message}.") from None


def select_runs(suites: Sequence[Suite], only: Sequence[str]) -> list[SuiteRun]:
    """The runs of all suites, each once, in order; those named in `only` if any are.

    Raises:
        InputError: `only` names a run that no suite has, or two suites differ in a run.
    """
    runs: dict[str, SuiteRun] = {}
    for suite in suites:
        for run in suite.runs:
            if runs.setdefault(run.name, run) != run:
                raise InputError(f"Two suites define the run {run.name} differently: rename one.")
    for name in only:
        if name not in runs:
            raise InputError(f"There is no run {name} here: choose of {', '.join(runs)}.")
    return [run for run in runs.values() if not only or run.name in only]
