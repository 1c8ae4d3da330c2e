"""The words of `python -m benchmarks.load`."""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import fields
from pathlib import Path

from benchmarks.load.phases import Plan
from benchmarks.load.run import run_load
from ynet3d.errors import YnetError


def main(words: list[str] | None = None) -> int:
    """Run the load test and print its table; 1 if anything went wrong in it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=Path("load"))
    for option in fields(Plan):
        kind = {"float": float, "int": int}.get(str(option.type), str)
        parser.add_argument(f"--{option.name.replace('_', '-')}", type=kind, default=option.default)
    given = vars(parser.parse_args(words))
    out = given.pop("out")
    shutil.rmtree(out / "server", ignore_errors=True)  # thousands of jobs of an earlier run
    try:
        found = run_load(out, Plan(**given))
    except YnetError as error:
        print(error, file=sys.stderr)
        return 1
    print((out / "load.md").read_text("utf-8"))
    if found["errors"]:
        print(f"Errors: {found['errors']}", file=sys.stderr)
    return int(bool(found["errors"]))


if __name__ == "__main__":
    sys.exit(main())
