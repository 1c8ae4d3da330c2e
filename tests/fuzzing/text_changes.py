"""Changes of YAML, JSON and tables: single values, and constructions that are meant to hurt."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import yaml

from fuzzing.byte_changes import change_bytes

_BOMB = "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" if before else f"{name}: &{name} [x, x, x]"
    for before, name in zip([None, *"abcdefghij"], "abcdefghijk", strict=True)
)
_YAML_ATTACKS = (
    "!!python/object/apply:os.system ['touch /tmp/ynet3d-fuzz-was-here']",
    "!!python/name:os.system",
    "!!python/object/new:type {}",
    "&a [*a]",
    "&a {b: *a}",
    "[" * 3000,
    "[" * 20000 + "]" * 20000,
    "{a: " * 2000,
    "- " * 3000,
    "? " * 1000,
    _BOMB,
    "2026-13-45",
    "2026-01-01",
    "1:99:99:99",
    "!!binary ####",
    "!!int x",
    "!!float ''",
    "!!timestamp x",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!pairs [a: 1]",
    "<<: 3",
    "<<: [1]",
    "0x",
    "0b",
    "9" * 5000,
    "-.inf",
    ".nan",
    "'\\ud800'",
    '"\\ud800"',
    '"\\x1b[2J"',
    "%YAML 9.9\n---",
    "--- a\n--- b",
    "@",
    "\t",
    "\0",
    "\ufeff",
    "\u2028",
    "{[1]: 2}",
    "{{}: 2}",
    "? [1, 2]\n: 3",
)
_JSON_ATTACKS = (
    "NaN",
    "Infinity",
    "1e999",
    "9" * 5000,
    "-" + "9" * 400,
    "[" * 100000,
    "[" * 100000 + "]" * 100000,
    '{"a":' * 50000,
    '"\\ud800"',
    '{"a": 1, "a": 2}',
    "",
    "null",
    "[]",
    '"x"',
    "0",
    "\ufeff{}",
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 255, 256, 10**6, 2**31, 2**63, -(2**63), 10**30, 10**400),
    *(0.0, 0.5, -0.5, 1e-320, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", "x", "1", "nan", "../../x", "/etc/hostname", "a\0b", "a\nb", "\x1b[31m", "\ud800"),
    *("<script>alert(1)</script>", "x" * 100_000, "{{7*7}}", "%s%n", "\u202e"),
    *([], [None], [1], [1, 2, 3], [0, 0, 0], [-1, -1, -1], [[[[[]]]]], ["x"] * 1000, [1e309]),
    *({}, {"": ""}, {"x": {"x": {"x": None}}}, [{}], {"a": [1, {"b": 2}]}, [10**9] * 3),
)


def change_text(data: bytes, random: Random, *, name: str) -> tuple[bytes, str]:
    """One change of a text file, by what its name says that it is."""
    if random.random() < 0.15:
        return change_bytes(data, random)
    text = data.decode("utf-8", "replace")
    kind = name.rpartition(".")[2]
    if kind in ("yaml", "json"):
        return _tree(text, random, kind)
    return _table(text, random)


def _tree(text: str, random: Random, kind: str) -> tuple[bytes, str]:
    attacks = _YAML_ATTACKS if kind == "yaml" else _JSON_ATTACKS
    way = random.random()
    if way < 0.06:
        return _encoded(random.choice(attacks)), "an attack alone"
    if "&" in text or len(text) > 50_000:  # an alias would be written out a billion times
        return _line(text, random, attacks)
    try:
        content = yaml.safe_load(text) if kind == "yaml" else json.loads(text)
    except Exception:
        return _line(text, random, attacks)
    if way < 0.3 and kind == "yaml":
        return _line(text, random, attacks)
    content, place = _with_change(content, random)
    if way < 0.4:
        # A text stands in for the attack, which no writer would write.
        mark = "ATTACK-HERE"
        content, place = _with_change(content, random, mark)
        written = json.dumps(content, default=str, skipkeys=True)
        return _encoded(written.replace(json.dumps(mark), random.choice(attacks))), place
    return _encoded(_json(content, random)), place


def _json(content: Any, random: Random) -> str:
    ascii_only = random.random() < 0.5
    return json.dumps(content, ensure_ascii=ascii_only, default=str, skipkeys=True)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _line(text: str, random: Random, attacks: tuple[str, ...]) -> tuple[bytes, str]:
    lines = text.splitlines() or [""]
    at = random.randrange(len(lines))
    key, found, _ = lines[at].partition(":")
    attack = random.choice(attacks)
    lines[at] = f"{key}: {attack}" if found else attack
    return _encoded("\n".join(lines) + "\n"), f"attack in line {at + 1}"


def _with_change(content: Any, random: Random, value: Any = None) -> tuple[Any, str]:
    """A copy with one value replaced, taken out, put in, or under another name."""
    content = copy.deepcopy(content)
    places = list(_places(content))
    if not places:
        return random.choice(_VALUES) if value is None else value, "all"
    holder, key = random.choice(places)
    chosen = random.choice(_VALUES) if value is None else value
    way = 0 if value is not None else random.randrange(6)
    if way == 1:
        del holder[key]
    elif way == 2 and isinstance(holder, dict):
        holder[random.choice(("x", "", "in_channels", "__class__", "a" * 300, "1"))] = chosen
    elif way == 2:
        holder.extend([chosen] * random.choice((1, 5)))
    elif way == 3 and isinstance(holder, dict):
        holder[str(key) + random.choice(("x", " ", "\0"))] = holder.pop(key)
    else:
        holder[key] = chosen
    return content, f"value of {str(key)[:40]!r}"


def _places(content: Any) -> Any:
    items = content.items() if isinstance(content, dict) else ()
    items = enumerate(content) if isinstance(content, list) else items
    for key, value in list(items):
        yield content, key
        yield from _places(value)


def _table(text: str, random: Random) -> tuple[bytes, str]:
    mark = "\t" if "\t" in text else ","
    rows = [line.split(mark) for line in text.splitlines()] or [[""]]
    row = random.choice(rows)
    way = random.randrange(7)
    value = random.choice(_VALUES)
    cell = value if isinstance(value, str) else str(value)[:200_000] if way else '"'
    if way < 4:
        row[random.randrange(len(row))] = cell
    elif way == 4:
        row.extend([cell] * random.choice((1, 20)))
    elif way == 5:
        del row[random.randrange(len(row)) :]
    else:
        rows.append(list(row))
    return _encoded("\n".join(mark.join(row) for row in rows) + "\n"), "a cell"
