"""Small requests stay small: only uploads may bring more than a few kilobytes."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ynet3d.serving.uploads import TooLargeError

#: Bytes of a login or of a question; such bodies are kept in memory as a whole.
SMALL_BODY = 64 * 1024
#: These count for themselves what they write to disk.
_UPLOADS = re.compile(r"/api/jobs|/api/jobs/[^/]+/mask|/infer/[^/]+|/session/|/datastore/.*")


class SmallBodies:
    """Refuses bodies that are larger than what is asked for, before they are in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count its body."""
        if scope["type"] != "http" or _UPLOADS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        if (announced_bytes(Headers(scope=scope)) or 0) > SMALL_BODY:
            await _refused()(scope, receive, send)
            return
        await self._app(scope, counted(receive, SMALL_BODY, _TOO_LARGE), send)


def counted(receive: Receive, most: int, too_large: str) -> Receive:
    """What gives the messages of a request, and raises TooLargeError beyond `most` bytes of body.

    Args:
        too_large: the sentence of that error.
    """
    left = most

    async def count() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLargeError(too_large)
        return message

    return count


def announced_bytes(headers: Headers) -> int | None:
    """How large the sender says that the body is; None if it does not say, or says nonsense."""
    given = headers.get("content-length", "")
    return int(given) if re.fullmatch(r"[0-9]{1,18}", given) else None


_TOO_LARGE = f"The request is larger than the {SMALL_BODY} bytes that are expected here."


def _refused() -> JSONResponse:
    return JSONResponse({"detail": _TOO_LARGE}, 413)
