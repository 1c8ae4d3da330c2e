"""What a server refuses, in one sentence."""

from __future__ import annotations

from http import HTTPStatus

from ynet3d.errors import InputError, YnetError
from ynet3d.pacs.connection import EXAMPLE, Connection

#: What passes by itself: overload, restarts, proxies that wait. Not "not implemented".
_LASTING_5XX = (501, 505)
NOT_FOUND = 404
#: How a server says that it does not have a transaction at all.
NO_SUCH_SERVICE = (404, 405, 410, 501)


class HttpRefusalError(Exception):
    """An answer with a status that is no success.

    Attributes:
        content: of the answer, where a store says what it refused.
    """

    def __init__(self, status: int, *, location: str = "", content: bytes = b"") -> None:
        super().__init__(named(status))
        self.status, self.location, self.content = status, location, content


class NotDicomwebError(Exception):
    """An answer that no DICOMweb service gives; the text says what it was."""


def may_pass(status: int) -> bool:
    """Whether the same request may succeed in a while."""
    return status in (408, 429) or (status >= 500 and status not in _LASTING_5XX)


def named(status: int) -> str:
    """A status with its words, as "503 Service Unavailable"."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def explained(refusal: HttpRefusalError, connection: Connection, doing: str) -> YnetError:
    """The sentence for the user.

    Args:
        doing: what was refused, as "searching for studies".
    """
    url, status = connection.url, refusal.status
    if status == 401 and not connection.login.header:
        return InputError(f"{url} asks for a login (401): give --user NAME or --token-file FILE.")
    if status == 401:
        return InputError(
            f"{url} refuses the login (401): check the name and the password, or whether the token "
            "has expired."
        )
    if status == 403:
        return InputError(
            f"{url} does not allow {doing} (403): ask its administrator, or log in as somebody who "
            "may (--user, --token-file)."
        )
    if 300 <= status < 400:
        where = f" to {refusal.location}" if refusal.location else ""
        return InputError(f"{url} sends {doing} elsewhere{where} ({status}): give that address.")
    if status == 413:
        return YnetError(
            f"{url} refuses objects of this size (413): its limit, or that of a proxy before it, "
            "has to be raised."
        )
    if may_pass(status):
        return YnetError(
            f"{url} failed at {doing} ({named(status)}; {connection.attempts} attempts): try again "
            "later, or look into its log."
        )
    if status in NO_SUCH_SERVICE:
        return InputError(
            f"{url} has no DICOMweb service for {doing} ({named(status)}): give the address that "
            f"/studies is put behind, like {EXAMPLE}."
        )
    if status == 400:  # Orthanc's own interface has /studies as well, with other parameters
        return InputError(
            f"{url} does not understand {doing} (400): check that this is its DICOMweb service, "
            f"like {EXAMPLE}, or look into its log."
        )
    return YnetError(f"{url} refused {doing} ({named(status)}): look into its log.")


def not_dicomweb(error: Exception, connection: Connection, doing: str) -> YnetError:
    """The same for an answer that is not DICOMweb."""
    what = str(error) if isinstance(error, NotDicomwebError) else "something that is not DICOM"
    return InputError(
        f"{connection.url} answered {doing} with {what}: give the address of its DICOMweb service, "
        f"like {EXAMPLE}."
    )
