"""Suites, and the recipes that they become."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from small_runs import small_recipe

from ynet3d.errors import InputError
from ynet3d.experiments.plan import plan_runs
from ynet3d.experiments.suite import Suite, list_suites, load_suite, select_runs
from ynet3d.networks import complexity, network_entry
from ynet3d.recipes import Recipe, load_recipe


def suite(*runs: dict[str, object], reference: str = "a") -> Suite:
    return Suite.model_validate({"name": "s", "about": "", "reference": reference, "runs": [*runs]})


def a(**more: object) -> dict[str, object]:
    return {"name": "a", "title": "A", "network": "3dynet", **more}


@pytest.mark.parametrize("name", list_suites())
def test_every_suite_becomes_runs(name: str) -> None:
    """At a small width, every network of every suite can be built, and costs what it should."""
    found = load_suite(name)
    runs = plan_runs([found], small_recipe(), width=4)
    assert [run.name for run in runs] == [run.name for run in found.runs]
    by_name = {run.name: run for run in runs}
    target = by_name[found.reference].cost.flop
    for run, planned in zip(found.runs, runs, strict=True):
        assert planned.recipe.network.options["width"] == planned.width
        multiple = network_entry(run.network).width_multiple
        if run.width in ("equal-flop", "published") and planned.width > 4 * multiple:
            assert planned.cost.flop == pytest.approx(target, rel=0.25), run.name


def test_all_suites_can_be_run_together() -> None:
    suites = [load_suite(name) for name in list_suites()]
    names = [run.name for run in select_runs(suites, [])]
    assert len(names) == len(set(names))


def test_paper_suite_is_the_paper_at_full_width() -> None:
    runs = {run.name: run for run in plan_runs([load_suite("paper")], load_recipe("paper"))}
    for name, run in runs.items():
        assert run.width == network_entry(run.recipe.network.name).options["width"], name
        assert run.recipe.training == load_recipe("paper").training
        assert run.recipe.preprocessing == load_recipe("paper").preprocessing
    assert runs["3dynet"].cost.parameters == 209_369_155


def test_runs_differ_from_the_base_recipe_only_where_the_suite_says() -> None:
    base = small_recipe()
    one = suite(
        a(),
        {"name": "b", "title": "B", "network": "3dynet", "recipe": {"training": {"loss": "dice"}}},
    )
    plain, changed = plan_runs([one], base)
    assert plain.recipe.model_copy(update={"network": base.network}) == base
    assert changed.recipe.training.loss == "dice"
    assert changed.recipe.model_copy(update={"training": base.training}) == plain.recipe


def test_widths() -> None:
    one = suite(
        a(),
        a(name="half", width_scale=0.5),
        a(name="fixed", width=3),
        a(name="twelve", width_scale=1.4, network="monai:SwinUNETR"),
        {"name": "equal", "title": "", "network": "unet3d", "width": "equal-flop"},
        {"name": "published", "title": "", "network": "unet3d", "width": "published"},
    )
    runs = {run.name: run for run in plan_runs([one], small_recipe(), width=8)}
    assert [runs[name].width for name in ("a", "half", "fixed", "twelve")] == [8, 4, 3, 12]
    assert runs["published"].width == runs["equal"].width
    flop = runs["a"].cost.flop
    nearest = abs(runs["equal"].cost.flop - flop)
    for other in (-1, 1):
        width = runs["equal"].width + other
        assert abs(complexity("unet3d", size=(16, 16, 32), width=width).flop - flop) >= nearest


def test_suites_share_runs_of_one_name() -> None:
    first = suite(a())
    second = suite(a(), a(name="b"), reference="b")
    assert [run.name for run in select_runs([first, second], [])] == ["a", "b"]
    assert [run.name for run in select_runs([first, second], ["b"])] == ["b"]
    with pytest.raises(InputError, match="define the run a differently"):
        select_runs([first, suite(a(width=5))], [])
    with pytest.raises(InputError, match="no run c here: choose of a, b"):
        select_runs([first, second], ["c"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reference": "x"}, "x is none of its runs"),
        ({"runs": [a(), a()]}, "two runs are named a"),
        ({"runs": [a(width="wide")]}, "runs.0.width"),
        ({"runs": [a(name="../a")]}, "runs.0.name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_suites_that_cannot_be(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    content = {"name": "s", "about": "", "reference": "a", "runs": [a()]} | change
    file = tmp_path / "suite.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(sentence)):
        load_suite(str(file))


def test_suite_by_wrong_name_or_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no suite called 'papper': choose of ablation"):
        load_suite("papper")
    file = tmp_path / "suite.yaml"
    file.write_text("runs: [", encoding="utf-8")
    with pytest.raises(InputError, match="not valid YAML"):
        load_suite(str(file))


def test_options_that_a_network_does_not_have() -> None:
    with pytest.raises(InputError, match="sets the option encoders of unet3d"):
        plan_runs([suite(a(network="unet3d", options={"encoders": 1}))], small_recipe())


def test_whole_scans_of_any_size_have_no_equal_flop() -> None:
    recipe = Recipe.model_validate(
        {"name": "x", "preprocessing": {"size": None, "spacing_mm": [4, 3, 3]}}
    )
    with pytest.raises(InputError, match=r"give it patches, or preprocessing\.size"):
        plan_runs([suite(a())], recipe)
