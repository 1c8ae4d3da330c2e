"""UIDs that people give."""

from __future__ import annotations

import re

from ynet3d.errors import InputError


def check_uid(uid: str, what: str) -> None:
    """Refuse what is no UID, before it becomes part of an address.

    Args:
        what: it is of, for the sentence.

    Raises:
        InputError: it is none.
    """
    if not re.fullmatch(r"[0-9.]{1,64}", uid):
        raise InputError(
            f"{uid or 'An empty text'} is no UID of a {what}: numbers and dots are expected, at "
            "most 64 of them, as `ynet3d dicomweb list` shows them."
        )
