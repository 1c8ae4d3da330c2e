"""Who we are to a PACS. A secret comes from a file or a prompt, and is never shown."""

from __future__ import annotations

import base64
import getpass
import sys
from dataclasses import dataclass, field
from pathlib import Path

from ynet3d.errors import InputError

#: In the place of a file: ask on the terminal, or read a line of what is piped in.
PROMPT = Path("-")


@dataclass(frozen=True)
class Login:
    """A login, or none.

    Attributes:
        header: the value of the header Authorization; "" for no login. Left out of `repr`.
        words: the options that gave it, without a secret, for commands that are proposed.
    """

    header: str = field(default="", repr=False)
    words: tuple[str, ...] = ()


def read_login(
    *, token_file: Path | None = None, user: str | None = None, password_file: Path | None = None
) -> Login:
    """A bearer token or a user's password, from a file or (for `-`, or a user alone) a prompt.

    Raises:
        InputError: both or half of one are given, or a file has no secret in it.
    """
    if token_file is not None:
        if user is not None or password_file is not None:
            raise InputError(
                "Both a token and a user's password were given: log in with one of them."
            )
        token = _secret(token_file, "token")
        return Login(f"Bearer {token}", ("--token-file", str(token_file)))
    if user is None:
        if password_file is not None:
            raise InputError("--password-file was given without a name: add --user NAME.")
        return Login()
    if ":" in user:
        raise InputError(
            "The name of --user has a colon, which basic authentication cannot send: leave the "
            "password out, it is asked for or read with --password-file."
        )
    password = _secret(password_file or PROMPT, "password")
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    file = () if password_file is None else ("--password-file", str(password_file))
    return Login(f"Basic {encoded}", ("--user", user, *file))


def _secret(file: Path, what: str) -> str:
    """One line of a file, or of standard input: typed unseen on a terminal."""
    if file == PROMPT:
        asked = getpass.getpass(f"{what.capitalize()}: ") if sys.stdin.isatty() else _piped()
        secret, where = asked.strip("\r\n"), "standard input"
    else:
        where = str(file)
        try:
            secret = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise InputError(
                f"The {what} file {file} cannot be read: check its path and who may read it."
            ) from None
    if not secret or not secret.isprintable() or (what == "token" and not secret.isascii()):
        raise InputError(
            f"There is no {what} in {where}: one line of text with the {what} alone is expected."
        )
    return secret


def _piped() -> str:
    return sys.stdin.readline()
