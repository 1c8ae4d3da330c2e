"""Weights: safetensors beside JSON, never pickle."""

from ynet3d.weights.store import (
    Weights,
    build_network,
    describe_weights,
    initial_network,
    load_weights,
    rewrite_facts,
    save_weights,
)

__all__ = [
    "Weights",
    "build_network",
    "describe_weights",
    "initial_network",
    "load_weights",
    "rewrite_facts",
    "save_weights",
]
