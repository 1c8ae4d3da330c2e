"""Who takes part: each network once for each budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ynet3d.errors import InputError
from ynet3d.experiments.plan import PlannedRun, plan_run, plan_runs
from ynet3d.experiments.suite import load_suite
from ynet3d.recipes import Recipe, load_recipe
from ynet3d.recipes.load import parse_recipe

#: Those of the paper's Table 1 that are not a variant of 3DYNet.
PAPER_NETWORKS = ("3dynet", "unet3d", "vnet")
NNUNET_CONFIGURATIONS = ("2d", "3d_fullres", "3d_lowres")
#: So many that the minutes always end a training, whatever the recipe says.
_EPOCHS_WITHOUT_END = 1_000_000


@dataclass(frozen=True)
class Entry:
    """One training: a network and its budget.

    Attributes:
        name: unique, of files and folders.
        family: the network; its entries differ in the budget alone.
        title: what tables and pictures call the network.
        minutes: wall-clock budget of its training.
        ours: one of this package's recipes, as against the paper's networks and nnU-Net.
        run: what this package trains; None for nnU-Net.
        configuration: what nnU-Net trains, for instance "3d_fullres"; None for the others.
    """

    name: str
    family: str
    title: str
    minutes: float
    ours: bool = False
    run: PlannedRun | None = None
    configuration: str | None = None


def plan_entries(
    minutes: Sequence[float],
    *,
    paper_recipe: str,
    recipes: Sequence[str],
    configurations: Sequence[str],
) -> list[Entry]:
    """All entries, by budget, in the order of the table.

    Args:
        minutes: budgets; each network is trained anew for each.
        paper_recipe: name or YAML file; the settings that the paper's networks share.
        recipes: names or YAML files of this package's own entries.
        configurations: of nnU-Net.

    Raises:
        InputError: a recipe cannot be used, two entries have one name, or a budget is not above 0.
    """
    entries: list[Entry] = []
    for budget in sorted(minutes):
        if not 0 < budget < float("inf"):
            raise InputError(f"The budget is {budget:g} minutes, expected more than 0.")
        base = _with_budget(load_recipe(paper_recipe), budget)
        for run in plan_runs([load_suite("paper")], base, only=PAPER_NETWORKS):
            entries.append(_entry(run, run.name, run.title, budget))
        for name in recipes:
            recipe = _with_budget(load_recipe(name), budget)
            run = plan_run(recipe.name, f"ynet3d {recipe.name}", recipe)
            entries.append(replace(_entry(run, run.name, run.title, budget), ours=True))
        for configuration in configurations:
            family = f"nnunet-{configuration}"
            title = f"nnU-Net v2 {configuration}"
            name = f"{family}-{budget:g}min"
            entries.append(Entry(name, family, title, budget, configuration=configuration))
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two entries are called {name}: give budget and recipe once each.")
    return entries


def select(entries: Sequence[Entry], families: Sequence[str]) -> list[Entry]:
    """The entries of these families, all if none is named.

    Raises:
        InputError: there is no such family.
    """
    known = list(dict.fromkeys(entry.family for entry in entries))
    for family in families:
        if family not in known:
            raise InputError(f"There is no network {family} here: choose of {', '.join(known)}.")
    return [entry for entry in entries if not families or entry.family in families]


def _entry(run: PlannedRun, family: str, title: str, budget: float) -> Entry:
    name = f"{Path(family).name}-{budget:g}min"
    return Entry(name, family, title, budget, run=replace(run, name=name, title=title))


def _with_budget(recipe: Recipe, minutes: float) -> Recipe:
    content = recipe.model_dump(mode="json")
    content["training"] |= {"minutes": minutes, "epochs": _EPOCHS_WITHOUT_END}
    return parse_recipe(content, origin=f"recipe {recipe.name}")
