"""What is answered when something is wrong: one sentence, the same shape for every reason."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from ynet3d.errors import InputError, YnetError
from ynet3d.serving.uploads import DiskFullError, TooLargeError

LOG = logging.getLogger("ynet3d.serving")


class Problem(BaseModel):
    """What was found, what was expected, how to mend it."""

    detail: str


_MEANINGS = {
    400: "no HTTP request that can be read, or a sender that hung up",
    401: "no token, or a wrong one",
    403: "a page of another site, or a name that is not this server's",
    404: "no such thing",
    408: "the sender took too long",
    409: "not possible in this state",
    413: "too large",
    422: "not what is expected here",
    429: "too many different wrong tokens; see Retry-After",
    499: "the caller hung up",
    500: "the server failed; its log says why",
    503: "all connections are at work; see Retry-After",
    507: "the disk is full",
}
_BINARY = {"type": "string", "format": "binary"}
#: What any route may answer.
_EVERYWHERE = (400, 401, 403, 408, 413, 422, 429, 500, 503, 507)


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a route: these answers, as OpenAPI describes them."""
    return {code: {"model": Problem, "description": _MEANINGS[code]} for code in codes}


def problems_everywhere() -> dict[int | str, dict[str, Any]]:
    """The answers that any route may give."""
    return problems(*_EVERYWHERE)


def content(*kinds: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """For `responses` of a route: an answer of these types; headers with what they mean."""
    described = {
        name: {"description": meaning, "schema": {"type": "string"}}
        for name, meaning in (headers or {}).items()
    }
    kept = {kind: {"schema": {} if kind == "application/json" else _BINARY} for kind in kinds}
    return {"content": kept, "headers": described} if kept else {"headers": described}


def upload() -> dict[str, Any]:
    """For `openapi_extra` of a route: the body is the file itself."""
    return _body("application/octet-stream", _BINARY)


def form(*files: str) -> dict[str, Any]:
    """For `openapi_extra` of a route: a form with files, and with `params` as JSON."""
    fields: dict[str, Any] = dict.fromkeys(files, _BINARY) | {"params": {"type": "string"}}
    return _body("multipart/form-data", {"type": "object", "properties": fields})


def _body(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"content": {kind: {"schema": schema}}}}


def answer_problems(app: FastAPI) -> None:
    """One sentence to the user for every kind of error, and a line for the operator."""

    @app.exception_handler(YnetError)
    async def refused(request: Request, error: YnetError) -> JSONResponse:
        status = 500
        for kind, code in ((TooLargeError, 413), (InputError, 422), (DiskFullError, 507)):
            if isinstance(error, kind):
                status = code
                break
        # The sentence may name a file or a series, so that it does not go to the log.
        LOG.log(
            logging.WARNING if status < 500 else logging.ERROR,
            "%s: answered %d (%s)",
            request.url.path,
            status,
            type(error).__name__,
        )
        return JSONResponse({"detail": str(error)}, status)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # Not what was given: it may be a secret, or bytes that are no text.
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"detail": f"{place}: {first['msg']}."}, 422)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        LOG.warning("%s: the sender hung up midway; nothing was kept", request.url.path)
        return JSONResponse({"detail": "The sender hung up midway."}, 400)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "The server failed; its log says why."}, 500)
