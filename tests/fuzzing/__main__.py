"""`python -m fuzzing run`: try inputs and count; `replay FILE`: try one again that was kept."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from time import monotonic

from fuzzing.case import Case, load_case
from fuzzing.counting import Counts
from fuzzing.mutation import make_case
from fuzzing.running import run
from fuzzing.seeds import KINDS, make_seeds
from fuzzing.trying import ALLOWED


def main() -> None:
    """Exit code 1 if an input came to what none may."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="try many inputs")
    running.add_argument("--inputs", type=int, default=12_000)
    running.add_argument("--seed", type=int, default=0)
    running.add_argument("--minutes", type=float, default=20.0)
    running.add_argument("--jobs", type=int, default=2)
    running.add_argument("--kind", choices=KINDS, action="append")
    running.add_argument("--out", type=Path, default=Path("fuzz"))
    again = commands.add_parser("replay", help="try one input again")
    again.add_argument("file", type=Path, nargs="+")
    words = parser.parse_args()
    sys.exit(_replay(words.file) if words.command == "replay" else _run(words))


def _run(words: argparse.Namespace) -> int:
    seeds = make_seeds()
    kinds = words.kind or KINDS
    each = -(-words.inputs // len(kinds))
    inputs = [(kind, number) for kind in kinds for number in range(each)]
    counts = Counts(seed=words.seed)
    until = monotonic() + 60 * words.minutes
    kept: dict[str, int] = {}

    def make(kind: str, number: int) -> Case:
        return make_case(seeds, kind, words.seed, number)

    def warm(kind: str) -> Case:
        return seeds[kind][0]

    for kind, number, outcome in run(inputs, make, warm=warm, jobs=words.jobs, until=until):
        counts.add(kind, outcome)
        if outcome.outcome in ALLOWED:
            continue
        cause = f"{kind} {outcome.outcome} {outcome.detail[:60]}"
        kept[cause] = kept.get(cause, 0) + 1
        print(f"{kind} {words.seed}-{number}: {outcome.outcome}: {outcome.detail}", flush=True)
        if kept[cause] <= 3:  # more of one cause tell nothing new
            words.out.mkdir(parents=True, exist_ok=True)
            make(kind, number).save(words.out / f"{kind}-{words.seed}-{number}.zip")
    print(counts.table())
    if words.out.is_dir() or counts.forbidden:
        words.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(counts.as_json(), indent=2)
        (words.out / "counts.json").write_text(text, encoding="utf-8")
    return 1 if counts.forbidden or counts.total < min(words.inputs, len(inputs)) else 0


def _replay(files: list[Path]) -> int:
    seeds = make_seeds()
    code = 0
    for file in files:
        case = load_case(file)
        found = run([(case.kind, 0)], lambda *_, case=case: case, warm=lambda kind: seeds[kind][0])
        for _, _, outcome in found:
            print(f"{file} ({case.note}): {outcome.outcome}: {outcome.detail}")
            code |= outcome.outcome not in ALLOWED
    return code


if __name__ == "__main__":
    main()
