"""Who may call the server, and what every answer says to browsers."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ynet3d.serving.settings import ServerSettings, is_loopback
from ynet3d.serving.tries import TooManyTriesError, Tries, same_secret

LOG = logging.getLogger("ynet3d.serving")
COOKIE = "ynet3d"

#: The page loads nothing but what this server sends. NiiVue keeps a font in its code (data:) and
#: hands files to itself as blobs; it evaluates code only for formats that are not used here.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; font-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
#: Open to everybody: nothing here tells of a scan, and without them nobody could log in.
_OPEN = ("/", "/api/login", "/api/health", "/auth/", "/auth/token", "/favicon.ico")
_OPEN_FOLDERS = ("/static/", "/viewer/")


class Access:
    """Tells callers by token, keeps other sites' pages out, and adds headers; one log line each.

    Without a token the server is for this machine alone. Pages of other sites that run in a browser
    on it could still call it; they are known by their Origin, and by a Host that is not this
    machine's (a name of theirs that they point to 127.0.0.1).
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, tries: Tries) -> None:
        self._app, self._settings, self._tries = app, settings, tries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith(_OPEN_FOLDERS):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (refusal or self._app)(scope, receive, send_with_headers)
        finally:
            # Without the query: it may hold a patient's or a series' identifier.
            milliseconds = 1000 * (time.monotonic() - started)
            LOG.debug("%s %s %d %.0f ms", scope["method"], scope["path"], status, milliseconds)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._settings.token is None and not is_loopback(_host_name(host)):
            return _refused(403, f"This server does not answer to the name {host!r}.")
        origin = headers.get("origin")
        if origin is not None and not self._trusted(origin, host):
            return _refused(403, "Pages of other sites may not use this server.")
        path = scope["path"]
        token = self._settings.token
        if token is None or path in _OPEN or path.startswith(_OPEN_FOLDERS):
            return None
        return self._stranger(headers, address_of(scope), token)

    def _stranger(self, headers: Headers, address: str, token: str) -> ASGIApp | None:
        # Before anything is counted: a cookie cannot be guessed, and others of this address go on.
        if has_cookie(headers, token):
            return None
        given = bearer(headers)
        try:
            if given is not None and self._tries.is_right(address, given, token):
                return None
        except TooManyTriesError as error:
            return _refused(429, str(error), error.headers)
        detail = "A token is needed: log in, or send it as a bearer token."
        return _refused(401, detail, {"www-authenticate": "Bearer"})

    def _trusted(self, origin: str, host: str) -> bool:
        if origin in self._settings.allowed_origins:
            return True
        # The scheme may differ behind a proxy that ends TLS.
        return origin in (f"http://{host}", f"https://{host}")


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # "[::1" and other halves
        return ""


def address_of(scope: Scope) -> str:
    """Where a request comes from; of a proxy on this machine, what it says (X-Forwarded-For)."""
    client = scope.get("client")
    return client[0] if client else ""


def bearer(headers: Mapping[str, str]) -> str | None:
    """The token that a request brings."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" and given.strip() else None


def has_cookie(headers: Mapping[str, str], token: str) -> bool:
    """Whether a request brings the cookie of a login."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return False
    return cookie is not None and same_secret(cookie.value, cookie_of(token))


def cookie_of(token: str) -> str:
    """What the cookie holds: not the token itself."""
    return hmac.new(token.encode(), b"ynet3d cookie", hashlib.sha256).hexdigest()


def _refused(status: int, detail: str, headers: dict[str, str] | None = None) -> ASGIApp:
    return JSONResponse({"detail": detail}, status, headers)
