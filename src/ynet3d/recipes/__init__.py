"""Typed, frozen configuration of a run, and the recipes that come with the package."""

from ynet3d.recipes.load import list_recipes, load_recipe
from ynet3d.recipes.schema import (
    Augmentation,
    Inference,
    NetworkChoice,
    Patches,
    Preprocessing,
    Recipe,
    Synthesis,
    Training,
    TumourKinds,
)

__all__ = [
    "Augmentation",
    "Inference",
    "NetworkChoice",
    "Patches",
    "Preprocessing",
    "Recipe",
    "Synthesis",
    "Training",
    "TumourKinds",
    "list_recipes",
    "load_recipe",
]
