"""Recipes from YAML: those of the package by name, others by path, single values by `key=value`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ynet3d.documents import DocumentError, parse_yaml, read_text
from ynet3d.errors import InputError
from ynet3d.recipes.schema import Recipe


def list_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    folder = resources.files("ynet3d.recipes")
    return sorted(
        item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")
    )


def load_recipe(name_or_path: str, *, changes: Sequence[str] = ()) -> Recipe:
    """A recipe by name or YAML file, with `changes` such as "training.epochs=10" applied.

    Raises:
        InputError: no such recipe, not YAML, an unknown key, or a value out of its range.
    """
    content = _read(name_or_path)
    for change in changes:
        _apply(content, change)
    return parse_recipe(content, origin=f"recipe {name_or_path}")


def parse_recipe(content: Any, *, origin: str) -> Recipe:
    """Validate a mapping; `origin` says in the error where it came from."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = " ".join(".".join(str(part) for part in first["loc"]).split()) or "the recipe"
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"The {origin} is not valid: {place} is {first['input']!r}: {message}."
        ) from None


def _read(name_or_path: str) -> dict[str, Any]:
    if name_or_path in list_recipes():
        text = (resources.files("ynet3d.recipes") / f"{name_or_path}.yaml").read_text("utf-8")
    else:
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(
                f"There is no recipe called {name_or_path!r}: choose one of "
                f"{', '.join(list_recipes())}, or give the path of a YAML file."
            )
        try:
            text = read_text(path)
        except (OSError, DocumentError) as error:
            raise InputError(f"The recipe {path} cannot be read as text: {error}.") from None
    try:
        content = parse_yaml(text)
    except DocumentError as error:
        raise InputError(f"The recipe {name_or_path} is not valid YAML: {error}.") from None
    if not isinstance(content, dict):
        raise InputError(f"The recipe {name_or_path} is not a YAML mapping of keys to values.")
    return content


def _apply(content: dict[str, Any], change: str) -> None:
    key, separator, value = change.partition("=")
    if not separator or not key:
        raise InputError(f"--set {change!r} is not key=value, for instance training.epochs=10.")
    *parents, last = key.strip().split(".")
    place = content
    for parent in parents:
        inner = place.get(parent)
        if inner is None:
            inner = place[parent] = {}
        if not isinstance(inner, dict):
            raise InputError(f"--set {change!r}: {parent} is a value, not a group of values.")
        place = inner
    try:
        place[last] = parse_yaml(value)
    except DocumentError:
        raise InputError(f"--set {change!r}: the value is not valid YAML.") from None
