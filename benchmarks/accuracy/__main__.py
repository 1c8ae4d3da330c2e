"""The words of `python -m benchmarks.accuracy`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.accuracy.contest import Options, run_contest
from benchmarks.accuracy.entries import NNUNET_CONFIGURATIONS
from ynet3d.errors import YnetError
from ynet3d.progress import Progress


def main(words: list[str] | None = None) -> int:
    """Run the comparison and print its table; 1 if a network failed, 2 for unusable input."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description="Train and test networks, and nnU-Net v2, on equal terms.",
    )
    parser.add_argument("data", type=Path, help="folder or CSV of a labelled data set")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument(
        "--minutes", type=float, action="append", help="budget of each training; repeatable [55]"
    )
    parser.add_argument("--split", type=Path, help="a file of `ynet3d data split` [100/15/15]")
    parser.add_argument(
        "--paper-recipe", default=Options.paper_recipe, help="of the paper's networks [%(default)s]"
    )
    parser.add_argument(
        "--recipe", action="append", help="an own entry, by name or YAML file; repeatable [lite]"
    )
    parser.add_argument("--nnunet-python", type=Path, help="Python of an environment with nnunetv2")
    parser.add_argument(
        "--nnunet",
        action="append",
        choices=NNUNET_CONFIGURATIONS,
        help="configuration of nnU-Net; repeatable [3d_fullres]",
    )
    parser.add_argument("--threads", type=int, help="cores of every process [all]")
    parser.add_argument("--device", default=Options.device, help="cpu or cuda [%(default)s]")
    parser.add_argument(
        "--only", action="append", help="now just this network, for instance vnet; repeatable"
    )
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args(words)
    options = Options(
        minutes=given.minutes or [55.0],
        split=given.split,
        paper_recipe=given.paper_recipe,
        recipes=given.recipe or Options.recipes,
        configurations=given.nnunet or Options.configurations,
        nnunet_python=given.nnunet_python,
        threads=given.threads,
        device=given.device,
        only=given.only or (),
    )
    try:
        rows = run_contest(given.data, given.out, options, progress=Progress(quiet=given.quiet))
    except YnetError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    print((given.out / "accuracy.md").read_text("utf-8"))
    return int(any(row.failure is not None for row in rows))


if __name__ == "__main__":
    sys.exit(main())
