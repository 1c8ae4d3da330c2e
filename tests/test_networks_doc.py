"""docs/networks.md: its counts are those of the code, and so are its options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ynet3d.networks import complexity, list_networks, network_entry, width_for_flop

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tables() -> list[list[list[str]]]:
    """The document's tables without their heads, as rows of cells."""
    text = (REPOSITORY / "docs" / "networks.md").read_text(encoding="utf-8")
    found = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    return [
        [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
        for table in found
    ]


def counts(name: str, **options: Any) -> tuple[str, str]:
    counted = complexity(name, **options)
    return f"{counted.parameters:,}", f"{counted.flop / 1e12:.2f}"


def test_every_network_with_its_counts_and_options(tables: list[list[list[str]]]) -> None:
    rows = {row[0].strip("`"): row[1:] for row in tables[0]}
    assert set(rows) == set(list_networks())
    for name, (parameters, flop, options, _) in rows.items():
        assert (parameters, flop) == counts(name)
        defaults = network_entry(name).options
        written = ", ".join(
            f"{key} {list(v) if isinstance(v, tuple) else v}" for key, v in defaults.items()
        )
        assert options == written


def test_every_option_is_explained(tables: list[list[list[str]]]) -> None:
    explained = {row[0].strip("`") for row in tables[1]}
    assert explained == {key for name in list_networks() for key in network_entry(name).options}


def test_equal_cost(tables: list[list[list[str]]]) -> None:
    for pair, fusion in ((tables[2][:2], "concat"), (tables[2][2:4], "none")):
        two, one = pair
        target = complexity("3dynet", fusion=fusion).flop
        assert tuple(two[2:]) == counts("3dynet", fusion=fusion)
        assert int(one[1]) == width_for_flop("3dynet", target, encoders=1)
        assert tuple(one[2:]) == counts("3dynet", encoders=1, width=int(one[1]))
    assert tuple(tables[2][4][2:]) == counts("3dynet", encoders=1)


def test_encoders(tables: list[list[list[str]]]) -> None:
    for kind, _, *cells in tables[3]:
        encoder = kind.strip("`")
        assert tuple(cells[:2]) == counts("3dynet", encoder=encoder)
        assert tuple(cells[2:]) == counts("3dynet", encoder=encoder, width=16)
