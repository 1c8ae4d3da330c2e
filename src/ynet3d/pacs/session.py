"""One HTTP session with a PACS: login, certificates, patience, and tries again."""

from __future__ import annotations

import time
from typing import Any

import requests
from requests.models import PreparedRequest
from urllib3.exceptions import NameResolutionError

from ynet3d import __version__
from ynet3d.errors import InputError, YnetError
from ynet3d.pacs.connection import Connection
from ynet3d.pacs.refusals import HttpRefusalError, NotDicomwebError, may_pass, named
from ynet3d.progress import Progress

_CONNECT_S = 10.0
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
_JSON = ("application/dicom+json", "application/json")


class PacsSession(requests.Session):
    """What dicomweb-client sends its requests through.

    Every request is tried again, after waits that double, when the server cannot be reached or
    fails in a way that may pass. Storing an object again under its UIDs changes nothing.

    Raises (from `request`):
        InputError: the server does not exist, or its certificate is not trusted.
        YnetError: it cannot be reached.
        HttpRefusalError: a status that is no success.
        NotDicomwebError: a web page.
    """

    def __init__(self, connection: Connection, progress: Progress) -> None:
        super().__init__()
        self._connection, self._progress = connection, progress
        # A function, also where there is no login: else requests takes one from ~/.netrc.
        self.auth = self._authorised
        self.headers["Accept"] = _JSON[0]  # else the answer to a store may be XML
        self.headers["User-Agent"] = f"ynet3d/{__version__}"

    def _authorised(self, request: PreparedRequest) -> PreparedRequest:
        if self._connection.login.header:
            request.headers["Authorization"] = self._connection.login.header
        return request

    def rebuild_auth(self, prepared_request: PreparedRequest, response: requests.Response) -> None:
        """Leave the login out where a redirect leads to another host; take none from ~/.netrc."""
        before, after = response.request.url or "", prepared_request.url or ""
        if self.should_strip_auth(before, after):
            prepared_request.headers.pop("Authorization", None)

    def request(  # type: ignore[override]  # all options pass through
        self, method: str, url: str, **options: Any
    ) -> requests.Response:
        """Send a request, if need be several times; see the class for what is raised."""
        headers = dict(options.pop("headers", None) or {})
        headers.pop("Host", None)  # dicomweb-client states it without the port
        options |= {
            "headers": headers,
            "timeout": (_CONNECT_S, self._connection.timeout_s),
            # Said with each request: a certificate file named by the environment goes before the
            # session's own.
            "verify": True if self._connection.ca_file is None else str(self._connection.ca_file),
            # A store that is sent elsewhere would arrive there as a search.
            "allow_redirects": method.upper() != "POST",
        }
        attempt = 1
        while True:
            last = attempt >= self._connection.attempts
            try:
                response = super().request(method, url, **options)
            except _BROKEN as error:
                if last or not _may_come(error):
                    raise self._unreachable(error, attempt) from None
                self._wait(attempt, _reason(error))
            else:
                if last or not may_pass(response.status_code):
                    return self._looked_at(response)
                response.close()
                self._wait(attempt, named(response.status_code), _asked_wait_s(response))
            attempt += 1

    def _wait(self, attempt: int, reason: str, asked_s: float = 0.0) -> None:
        seconds = min(max(_FIRST_WAIT_S * 2 ** (attempt - 1), asked_s), _LONGEST_WAIT_S)
        self._progress.say(
            f"{self._connection.url}: {reason}. Trying again in {seconds:g} s "
            f"(attempt {attempt + 1} of {self._connection.attempts})."
        )
        time.sleep(seconds)

    def _looked_at(self, response: requests.Response) -> requests.Response:
        """An answer that may be DICOMweb, its content type without parameters if it is JSON."""
        status = response.status_code
        if status >= 300:
            location = response.headers.get("Location", "")
            content = b"" if status < 400 else response.content[:10_000_000]
            raise HttpRefusalError(status, location=location, content=content)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            response.close()
            raise NotDicomwebError("a web page")
        if kind in _JSON:  # dicomweb-client knows it by these very words
            response.headers["Content-Type"] = kind
        return response

    def _unreachable(self, error: requests.RequestException, attempts: int) -> YnetError:
        url = self._connection.url
        if isinstance(error, requests.exceptions.SSLError):
            text = str(error)
            if "WRONG_VERSION_NUMBER" in text or "record layer" in text:
                return InputError(f"{url} does not speak TLS: check the port, or give http://.")
            return InputError(
                f"The certificate of {url} is not trusted ({_tls_reason(text)}): give the file of "
                "the authority that signed it with --ca-file."
            )
        if not _may_come(error):
            return InputError(f"There is no server of the name in {url}: check the address.")
        tries = f"{attempts} attempt{'s' if attempts > 1 else ''}"
        return YnetError(
            f"{url} cannot be reached ({_reason(error)}; {tries}): check the address, and whether "
            "the server runs and may be reached from here."
        )


def _may_come(error: requests.RequestException) -> bool:
    """Whether the server may be there in a while."""
    if isinstance(error, requests.exceptions.SSLError):
        return False
    cause = error.args[0] if error.args else None
    return not isinstance(getattr(cause, "reason", None), NameResolutionError)


def _reason(error: requests.RequestException) -> str:
    text = str(error)
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if "refused" in text.lower():
        return "connection refused"
    return "the connection broke off" if "aborted" in text or "reset" in text else "no connection"


def _tls_reason(text: str) -> str:
    """OpenSSL's own words, as "self-signed certificate", out of all that is around them."""
    found = text.partition("certificate verify failed: ")[2]
    return found.partition(" (_ssl")[0] or "the TLS handshake failed"


def _asked_wait_s(response: requests.Response) -> float:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0.0
