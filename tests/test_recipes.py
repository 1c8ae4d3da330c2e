"""Recipes: those of the package, changes by key=value, and every way in which they can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from ynet3d.errors import InputError
from ynet3d.networks import list_networks
from ynet3d.recipes import list_recipes, load_recipe
from ynet3d.training.log import RECIPE, read_recipe, write_recipe
from ynet3d.weights import build_network


def test_shipped_recipes() -> None:
    assert {"demo", "paper", "real-small"} <= set(list_recipes())


@pytest.mark.parametrize("name", list_recipes())
def test_every_shipped_recipe_loads(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.about
    assert recipe.network.name in list_networks()
    if recipe.network.options:  # the published widths take too long here; test_networks has them
        build_network(recipe)


def test_paper_is_as_printed() -> None:
    recipe = load_recipe("paper")
    assert recipe.network.name == "3dynet"
    assert recipe.network.options == {}
    assert recipe.network.initialisation == "he_normal"
    assert recipe.preprocessing.window_hu == (-175, 250)
    assert recipe.preprocessing.size == (64, 256, 256)
    assert recipe.preprocessing.spacing_mm is None
    assert recipe.patches is None
    assert recipe.training.epochs == 500
    assert recipe.training.batch_size == 1
    assert recipe.training.learning_rate == 1e-4
    assert recipe.training.weight_decay == 0
    assert recipe.training.warmup_steps == 0
    assert recipe.training.dice_includes_background
    assert recipe.training.class_weights == (1, 1, 1)
    assert recipe.training.ema_decay == 0
    assert not recipe.inference.largest_liver_component
    assert recipe.inference.minimum_tumour_ml == 0


def test_changes() -> None:
    changes = [
        "training.epochs=3",
        "training.learning_rate=1e-3",  # YAML 1.1 reads this as text
        "network.options.width=4",
        "patches.size=[8, 16, 24]",  # paper has no patches: the group is made
        "patches.per_case=2",
        "training.gradient_clip=null",
        "about=a=b",
    ]
    recipe = load_recipe("paper", changes=changes)
    assert recipe.training.epochs == 3
    assert recipe.training.learning_rate == 1e-3
    assert recipe.network.options == {"width": 4}
    assert recipe.patches is not None
    assert recipe.patches.size == (8, 16, 24)
    assert recipe.patches.per_case == 2
    assert recipe.training.gradient_clip is None
    assert recipe.about == "a=b"
    assert load_recipe("paper").training.epochs == 500  # what is shipped is untouched


def test_size_or_spacing() -> None:
    spacing = ["preprocessing.size=null", "preprocessing.spacing_mm=[3, 2, 2]"]
    assert load_recipe("paper", changes=spacing).preprocessing.spacing_mm == (3, 2, 2)
    for changes in (spacing[:1], spacing[1:]):
        with pytest.raises(InputError, match="either size or spacing_mm"):
            load_recipe("paper", changes=changes)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("training.epoch=3", "training.epoch is 3"),
        ("trainning.epochs=3", "trainning"),
        ("training.epochs=many", "training.epochs is 'many'"),
        ("training.epochs=2.5", "training.epochs is 2.5"),
        ("training.epochs=0", "training.epochs is 0"),
        ("training.epochs=", "training.epochs is None"),
        ("training.learning_rate=-1", "training.learning_rate is -1"),
        ("training.learning_rate=.nan", "training.learning_rate is nan"),
        ("training.learning_rate=.inf", "training.learning_rate is inf"),
        ("training.ema_decay=1", "training.ema_decay is 1"),
        ("training.seed=-1", "training.seed is -1"),
        ("training.class_weights=[1, 1]", "training.class_weights"),
        ("augmentation.flip_probability=1.1", "augmentation.flip_probability is 1.1"),
        ("preprocessing.size=[0, 8, 8]", "preprocessing.size.0 is 0"),
        ("preprocessing.size=64", "preprocessing.size is 64"),
        ("preprocessing.window_hu=[250, -175]", r"window_hu is \[250.0, -175.0\]"),
        ("preprocessing.window_hu=[-.inf, .inf]", "window_hu"),
        ("patches.liver_probability=0.8", "is 1.13, at most 1"),
        ("inference.overlap=1", "inference.overlap is 1"),
        ("network.options.x=null", "network.options.x is None: an option is a number"),
        ("network.options.x=[[[1]]]", r"network.options.x is \[\[\[1\]\]\]: an option is"),
        ("network.options.x=.inf", "network.options.x is inf: an option is"),
        ("network.initialisation=zeros", "network.initialisation is 'zeros'"),
        ("training.epochs.first=1", "epochs is a value, not a group"),
        ("training.epochs", "is not key=value"),
        ("=3", "is not key=value"),
        ("training.epochs=[1,", "not valid YAML"),
    ],
)
def test_wrong_changes_are_one_sentence(change: str, place: str) -> None:
    with pytest.raises(InputError, match=place) as caught:
        load_recipe("paper", changes=[change])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_frozen() -> None:
    recipe = load_recipe("paper")
    with pytest.raises(ValidationError, match="frozen"):
        recipe.training.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", list_recipes())
def test_round_trip_through_a_run_folder(tmp_path: Path, name: str) -> None:
    changes = [
        "training.learning_rate=1.0e-05",
        "about='yes: é #1'",
        "network.options.x=true",
        "network.options.windows=[[0, 1], [0.25, 0.75]]",
    ]
    recipe = load_recipe(name, changes=changes)
    write_recipe(tmp_path / RECIPE, recipe)
    assert read_recipe(tmp_path) == recipe
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text("utf-8"))["name"] == name
    assert read_recipe(tmp_path).network.options["x"] is True
    assert read_recipe(tmp_path).network.options["windows"] == ((0, 1), (0.25, 0.75))


def test_a_recipe_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\ntraining: {epochs: 7}\n")
    assert load_recipe(str(file)).training.epochs == 7
    assert load_recipe(str(file), changes=["training.epochs=8"]).training.epochs == 8


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"training: [1,", "not valid YAML"),
        (b"- a\n- b\n", "not a YAML mapping"),
        (b"", "not a YAML mapping"),
        (b"\xff\xfe\x00", "cannot be read as text"),
        (b"training: {epochs: 7}\n", "name"),
        (b"name: mine\n1: 2\n", "not valid"),
    ],
)
def test_wrong_files(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        load_recipe(str(file))
    assert "\n" not in str(caught.value)


def test_unknown_name() -> None:
    with pytest.raises(InputError, match=r"no recipe called 'papper': choose one of demo, .*paper"):
        load_recipe("papper")


def test_no_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run to resume"):
        read_recipe(tmp_path)
