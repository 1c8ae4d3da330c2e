"""From suites and a base recipe to runs that can be trained: one whole recipe each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ynet3d.errors import InputError
from ynet3d.experiments.suite import Suite, SuiteRun, select_runs
from ynet3d.networks import Complexity, complexity, network_entry, width_for_flop
from ynet3d.recipes import Recipe
from ynet3d.recipes.load import parse_recipe

#: Width of the first stage in the paper's VGG19.
FULL_WIDTH = 64


@dataclass(frozen=True)
class PlannedRun:
    """A network to train: its place in the suites, its recipe, its cost.

    Attributes:
        cost: parameters and FLOP of one input of `input_size` (D, H, W).
    """

    name: str
    title: str
    family: str
    recipe: Recipe
    width: int
    cost: Complexity
    input_size: tuple[int, int, int]


def plan_runs(
    suites: Sequence[Suite],
    base: Recipe,
    *,
    width: int | None = None,
    only: Sequence[str] = (),
) -> list[PlannedRun]:
    """The runs of `suites` under the settings of `base`, each once.

    Args:
        width: of the suites' reference network; by default the base recipe's, or the paper's 64.

    Raises:
        InputError: a run cannot be made, or two suites define one name differently.
    """
    chosen = width or _own_width(base) or FULL_WIDTH
    size = _input_size(base)
    wanted = select_runs(suites, only)
    targets: dict[str, int] = {}
    for suite in suites:
        run = suite.run(suite.reference)
        options = _options(run)
        flop = complexity(run.network, size=size, width=chosen, **options).flop
        for member in suite.runs:
            targets.setdefault(member.name, flop)
    return [_plan(run, base, chosen, targets[run.name], size) for run in wanted]


def plan_run(name: str, title: str, recipe: Recipe) -> PlannedRun:
    """A run of one recipe as it is.

    Raises:
        InputError: the recipe predicts scans of any size at once.
    """
    size = _input_size(recipe)
    options: dict[str, Any] = dict(recipe.network.options)
    cost = complexity(recipe.network.name, size=size, **options)
    return PlannedRun(name, title, title, recipe, _own_width(recipe) or FULL_WIDTH, cost, size)


def _input_size(recipe: Recipe) -> tuple[int, int, int]:
    size = recipe.patches.size if recipe.patches else recipe.preprocessing.size
    if size is None:
        raise InputError(
            f"The recipe {recipe.name} predicts scans of any size at once, so its cost cannot be "
            "told: give it patches, or preprocessing.size."
        )
    return size


def _own_width(base: Recipe) -> int | None:
    value = base.network.options.get("width")
    return value if isinstance(value, int) else None


def _options(run: SuiteRun) -> dict[str, Any]:
    entry = network_entry(run.network)
    for name in (*run.options, "width"):
        if name not in entry.options:
            raise InputError(
                f"The run {run.name} sets the option {name} of {run.network}, which has "
                f"{', '.join(sorted(entry.options))}: correct the suite."
            )
    return dict(run.options)


def _plan(
    run: SuiteRun, base: Recipe, chosen: int, flop: int, size: tuple[int, int, int]
) -> PlannedRun:
    options = _options(run)
    width = _width(run, chosen, flop, size, options)
    options["width"] = width
    content = base.model_dump(mode="json")
    _merge(content, run.recipe)
    content["network"] = {
        "name": run.network,
        "options": options,
        "initialisation": base.network.initialisation,
    }
    recipe = parse_recipe(content, origin=f"recipe of the run {run.name}")
    cost = complexity(run.network, size=size, **options)
    return PlannedRun(run.name, run.title, run.family or run.title, recipe, width, cost, size)


def _width(
    run: SuiteRun, chosen: int, flop: int, size: tuple[int, int, int], options: Mapping[str, Any]
) -> int:
    if isinstance(run.width, int):
        return run.width
    rule = run.width
    if rule == "published":
        default = network_entry(run.network).options["width"]
        if chosen == FULL_WIDTH and isinstance(default, int):
            return default
        rule = "equal-flop"
    if rule == "reference":
        multiple = network_entry(run.network).width_multiple
        return max(1, round(chosen * run.width_scale / multiple)) * multiple
    return width_for_flop(
        run.network,
        flop * run.width_scale**2,
        size=size,
        **options,
    )


def _merge(content: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(content.get(key), dict):
            _merge(content[key], value)
        else:
            content[key] = value
