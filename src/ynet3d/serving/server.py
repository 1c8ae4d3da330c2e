"""Running the server until it is told to stop."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from ynet3d.errors import InputError, MissingExtraError, YnetError
from ynet3d.serving.settings import MIN_TOKEN_LENGTH, ServerSettings


def serve(settings: ServerSettings, *, viewer: Path | None = None, verbose: bool = False) -> None:
    """Serve until SIGINT or SIGTERM; what runs then waits in the queue for the next start.

    Raises:
        InputError: unsafe settings, a data folder in use, weights that are not there.
        MissingExtraError: the packages of a server are not installed.
        YnetError: the address or the data folder cannot be used.
    """
    require_server()
    from ynet3d.serving.app import create_app
    from ynet3d.serving.connections import uvicorn_server

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("uvicorn", "multipart", "python_multipart", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _check_weights(settings)
    app = create_app(settings, viewer=viewer)
    server = uvicorn_server(app, host=settings.host, port=settings.port)

    def has_started(record: logging.LogRecord) -> bool:
        return server.started  # why it did not start is said in one sentence, without a traceback

    log = logging.getLogger("uvicorn.error")
    log.addFilter(has_started)
    try:
        server.run()
    except SystemExit as error:
        if app.state.refusal is not None:
            raise app.state.refusal from None
        if error.code:
            raise YnetError(
                f"The server could not start on {settings.host}:{settings.port}: another program "
                "may use this port, give another --port."
            ) from None
        raise
    finally:
        log.removeFilter(has_started)


def read_token(file: Path) -> str:
    """The token in a file, so that it stands in no list of processes.

    Raises:
        InputError: it cannot be read, or is too short.
    """
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"The token file {file} cannot be read: check its path.") from None
    if len(token) < MIN_TOKEN_LENGTH:
        raise InputError(
            f"The token in {file} has {len(token)} characters, at least {MIN_TOKEN_LENGTH} are "
            "expected."
        )
    return token


def require_server() -> None:
    """Say how to install what a server needs.

    Raises:
        MissingExtraError: it is not installed.
    """
    from importlib.util import find_spec

    for module, package in (
        ("fastapi", "fastapi"),
        ("uvicorn", "uvicorn"),
        ("python_multipart", "python-multipart"),
        ("httpx", "httpx"),
    ):
        if find_spec(module) is None:
            raise MissingExtraError(package, extra="serve", purpose="The server")


def _check_weights(settings: ServerSettings) -> None:
    """Say at the start what would else fail each scan."""
    from ynet3d.weights.shipped import default_weights, list_shipped

    for name in settings.weights or (default_weights(),):
        if name not in list_shipped() and not Path(name).exists():
            raise InputError(
                f"There are no weights at {name}: give a .safetensors file, the folder of a run, "
                "or a name of `ynet3d weights list`."
            )
