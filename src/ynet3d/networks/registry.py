"""Networks by name, one place for the command line, the recipes and Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import nn

from ynet3d.errors import InputError


@dataclass(frozen=True)
class NetworkEntry:
    """A registered network: its name, where it comes from, and how to build it.

    `width_multiple` is what its option `width` has to be a multiple of.
    """

    name: str
    source: str
    build: Callable[..., nn.Module]
    width_multiple: int = 1

    @property
    def options(self) -> dict[str, Any]:
        """Keyword options and their defaults, without the two that every network has."""
        parameters = inspect.signature(self.build).parameters.values()
        return {
            parameter.name: parameter.default
            for parameter in parameters
            if parameter.name not in ("in_channels", "num_classes")
        }


_NETWORKS: dict[str, NetworkEntry] = {}
Network = TypeVar("Network", bound=type[nn.Module])


def register_network(
    name: str, *, source: str, width_multiple: int = 1
) -> Callable[[Network], Network]:
    """Class decorator: make a network known as `name`; `source` is its publication."""

    def register(network: Network) -> Network:
        if name in _NETWORKS:
            raise ValueError(f"a network called {name!r} is registered already")
        _NETWORKS[name] = NetworkEntry(name, source, network, width_multiple)
        return network

    return register


def list_networks() -> list[str]:
    """Names of all registered networks."""
    return sorted(_NETWORKS)


def network_entry(name: str) -> NetworkEntry:
    """The registered network called `name`.

    Raises:
        InputError: there is none of that name.
    """
    if name not in _NETWORKS:
        raise InputError(
            f"There is no network called {name!r}: choose one of {', '.join(list_networks())}."
        )
    return _NETWORKS[name]


def create_network(
    name: str, *, in_channels: int = 1, num_classes: int = 3, **options: Any
) -> nn.Module:
    """Build a network by name.

    Input (N, in_channels, D, H, W) of any size, output logits (N, num_classes, D, H, W).

    Raises:
        InputError: unknown name, or an option that this network does not have or refuses.
    """
    entry = network_entry(name)
    unknown = sorted(set(options) - set(entry.options))
    if unknown:
        raise InputError(
            f"The network {name} has no option {unknown[0]!r}: "
            f"it has {', '.join(sorted(entry.options))}."
        )
    try:
        return entry.build(in_channels=in_channels, num_classes=num_classes, **options)
    except (TypeError, ValueError) as error:
        raise InputError(f"The network {name} cannot be built: {error}.") from error
