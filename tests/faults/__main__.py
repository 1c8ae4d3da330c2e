"""`python -m faults run`: do every fault many times, count, and write the table."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import monotonic

from faults.children import load_everything
from faults.outcomes import ALLOWED, NOT_HERE, Counts, Task
from faults.registry import FAULTS


def main() -> None:
    """Exit code 1 if a try ended as none may, or a fault was not tried as often as asked for."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    running = parser.add_subparsers(required=True).add_parser("run", help="do them all")
    running.add_argument("--seed", type=int, default=0)
    running.add_argument("--minutes", type=float, default=20.0, help="for all, at most")
    running.add_argument("--times", type=float, default=1.0, help="factor of how often")
    running.add_argument("--few", action="store_true", help="only so often as tests do")
    running.add_argument("--only", choices=FAULTS, action="append")
    running.add_argument("--out", type=Path, default=Path("faults"))
    sys.exit(run(parser.parse_args()))


def run(words: argparse.Namespace) -> int:
    """Do the faults that are asked for."""
    load_everything()
    counts, short = Counts(), []
    names = words.only or [name for name in FAULTS if FAULTS[name].few or not words.few]
    end = monotonic() + 60 * words.minutes
    for place, name in enumerate(names):
        planned = FAULTS[name]
        times = planned.few if words.few else max(1, round(planned.times * words.times))
        # What is left is shared by those that are left; half of it may be taken by one.
        left = end - monotonic()
        until = monotonic() + left / min(2, len(names) - place)
        started = monotonic()
        with tempfile.TemporaryDirectory(prefix="ynet3d-faults-") as folder:
            task = Task(Path(folder), times, Random(f"{words.seed} {name}"), until)
            for outcome in planned.fault(task):
                counts.add(planned.title, outcome)
                if outcome.outcome not in ALLOWED:
                    print(f"{name}: {outcome.outcome}: {outcome.detail}", flush=True)
        counts.seconds[planned.title] = monotonic() - started
        found = counts.found.get(planned.title)
        tried = found.total() if found else 0
        if tried < min(times, 100) and not (found and found[NOT_HERE]):
            short.append(f"{name} {tried} of {times}")
        print(f"{planned.title}: {dict(found or {})}, {monotonic() - started:.0f} s", flush=True)
    words.out.mkdir(parents=True, exist_ok=True)
    about = {"seed": words.seed, "date": datetime.now(UTC).isoformat(timespec="seconds")}
    text = json.dumps({**about, **counts.as_json(), "too_few": short}, indent=2)
    (words.out / "faults.json").write_text(text + "\n", encoding="utf-8")
    (words.out / "faults.md").write_text(counts.table() + "\n", encoding="utf-8")
    print(counts.table())
    if short:
        print(f"Time ran out: {', '.join(short)}.")
    return 1 if counts.forbidden or short else 0


if __name__ == "__main__":
    main()
