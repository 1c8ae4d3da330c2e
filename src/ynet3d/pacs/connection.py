"""Where a PACS is, how it is reached, and what is needed for it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from ynet3d.errors import InputError, require_package
from ynet3d.pacs.login import Login

_LOCAL = ("localhost", "127.0.0.1", "::1")
EXAMPLE = "https://pacs.example/dicom-web"


@dataclass(frozen=True)
class Connection:
    """A DICOMweb service.

    Attributes:
        url: what `/studies` is put behind.
        ca_file: certificates (PEM) that are trusted instead of the usual ones.
        timeout_s: of silence, after which a server counts as gone.
        attempts: of each request that fails for a reason that may pass.
    """

    url: str
    login: Login = field(default_factory=Login)
    ca_file: Path | None = None
    timeout_s: float = 60.0
    attempts: int = 4

    def checked(self) -> Connection:
        """Itself, with a tidy address.

        Raises:
            InputError: this is no address of a DICOMweb service, or no file of certificates.
        """
        try:
            parts = urlsplit(self.url.strip())
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise InputError(f"This is no address of a server: give one like {EXAMPLE}.") from None
        if parts.username is not None or parts.password is not None:
            raise InputError(
                "The address holds a login, which would show in logs: leave it out, and give "
                "--user NAME (the password is asked for)."
            )
        if parts.scheme not in ("http", "https") or not host:
            raise InputError(
                f"{self.url} is no address of a DICOMweb service: give one like {EXAMPLE}."
            )
        if parts.query or parts.fragment:
            raise InputError(
                f"{self.url} has something behind a ? or #: give the address that /studies is put "
                f"behind, like {EXAMPLE}."
            )
        if self.ca_file is not None:
            _check_certificates(self.ca_file)
        tidy = parts._replace(path=parts.path.rstrip("/")).geturl()
        return replace(self, url=tidy)

    def with_login(self, login: Login) -> Connection:
        """The same as somebody."""
        return replace(self, login=login)

    @property
    def tells_secrets(self) -> bool:
        """Whether the login would go over a network unencrypted."""
        parts = urlsplit(self.url)
        return bool(self.login.header) and parts.scheme == "http" and parts.hostname not in _LOCAL

    @property
    def words(self) -> tuple[str, ...]:
        """The options that make this connection, without a secret."""
        ca = () if self.ca_file is None else ("--ca-file", str(self.ca_file))
        return (*self.login.words, *ca)


def require_dicomweb() -> None:
    """Say how to install what talks to a PACS, where it is missing.

    Raises:
        MissingExtraError: it is not installed.
    """
    purpose = "Talking to a PACS by DICOMweb"
    require_package("dicomweb_client", extra="pacs", purpose=purpose, package="dicomweb-client")


def _check_certificates(file: Path) -> None:
    try:
        ssl.create_default_context(cafile=str(file))
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise InputError(
            f"{file} is no file of certificates: give one in PEM format (BEGIN CERTIFICATE)."
        ) from None
