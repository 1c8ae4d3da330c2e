"""`ynet3d`: one sentence for each thing that goes wrong, and an exit code that says which kind.

0: done. 1: something failed. 2: the words or the input cannot be used. 130: stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ynet3d.cli import (
    archive,
    bench,
    calibration,
    case_report,
    compare,
    cross_validate,
    data,
    demo,
    dicom,
    dicomweb,
    evaluation,
    experiment,
    export,
    follow_up,
    mesh,
    networks,
    phantom,
    prediction,
    serve,
    synth,
    training,
    tuning,
    weights,
)
from ynet3d.errors import AlreadyToldError, YnetError, is_out_of_memory
from ynet3d.processes import check_alone

app = typer.Typer(
    name="ynet3d",
    help="Finds the liver and its tumours in CT scans. Research use only; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("predict")(prediction.predict)
app.command("archive")(archive.archive)
app.command("serve")(serve.serve)
app.command("mesh")(mesh.mesh)
app.command("report")(case_report.report)
app.command("follow-up")(follow_up.follow_up)
app.command("evaluate")(evaluation.evaluate)
app.command("compare")(compare.compare)
app.command("train")(training.train)
app.command("tune")(tuning.tune)
app.command("calibrate")(calibration.calibrate)
app.command("experiment")(experiment.experiment)
app.command("cross-validate")(cross_validate.cross_validate)
app.command("export")(export.export)
app.command("networks")(networks.networks)
app.command("bench")(bench.bench)
app.command("phantom")(phantom.phantom)
app.command("demo")(demo.demo)
app.command("real")(demo.real)
app.add_typer(data.app, name="data")
app.add_typer(dicom.app, name="dicom")
app.add_typer(dicomweb.app, name="dicomweb")
app.add_typer(synth.app, name="synth")
app.add_typer(weights.app, name="weights")


def _version(wanted: bool) -> None:
    if wanted:
        from ynet3d import __version__

        typer.echo(f"ynet3d {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand not in (None, "train"):
        check_alone(str(context.invoked_subcommand))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends with SystemExit."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        app(args=[word for word in words if word != "--debug"])
    except AlreadyToldError as error:
        raise SystemExit(error.exit_code) from None
    except YnetError as error:
        _fail(str(error), error.exit_code)
    except Exception as error:
        if debug:
            raise
        if is_out_of_memory(error):
            _fail("Out of memory: close other programs, or use a machine with more of it.", 1)
        _fail(
            f"Unexpected failure ({type(error).__name__}: {error}): please report it, "
            "with the output of the same command with --debug at its end.",
            1,
        )


def _fail(sentence: str, code: int) -> None:
    print(f"Error: {sentence}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
