"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field

from ynet3d.errors import InputError

MIN_TOKEN_LENGTH = 16


class ServerSettings(BaseModel):
    """Where a server listens, what it accepts, and how long it keeps it.

    Attributes:
        data: folder of the queue and of the scans; one server at a time uses it.
        host, port: where to listen.
        token: what users must know; needed unless `host` is this machine alone.
        weights: as in `predict_files`; none for those of this package.
        device, runtime: what the network runs on and in, see `Predictor`.
        keep_hours: scans and results are deleted this long after their job has ended.
        upload_limit_mb: larger uploads are refused (MB of 10^6 bytes).
        unpacked_limit_mb: zips that say that they would unpack to more are refused.
        workers: predictions at a time; each holds a network and a scan in memory.
        allowed_origins: other sites whose pages may call this server (an OHIF elsewhere).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(default_factory=lambda: user_data_path("ynet3d") / "server")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    token: str | None = None
    weights: tuple[str, ...] = ()
    device: str = "auto"
    runtime: str = "auto"
    keep_hours: float = Field(default=24.0, gt=0)
    upload_limit_mb: float = Field(default=2000.0, gt=0)
    unpacked_limit_mb: float = Field(default=16000.0, gt=0)
    workers: int = Field(default=1, ge=1)
    allowed_origins: tuple[str, ...] = ()

    @property
    def upload_limit(self) -> int:
        """Bytes."""
        return int(self.upload_limit_mb * 1e6)

    @property
    def unpacked_limit(self) -> int:
        """Bytes."""
        return int(self.unpacked_limit_mb * 1e6)

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine reach the server."""
        return is_loopback(self.host)

    def checked(self) -> ServerSettings:
        """These settings, if it is safe to serve with them.

        Raises:
            InputError: others could reach the server without a token, or guess it.
        """
        if self.token is None and not self.is_local:
            raise InputError(
                f"--host {self.host} lets other machines reach the scans on this server, and no "
                "token was given: give --token-file with a secret of at least "
                f"{MIN_TOKEN_LENGTH} characters, or leave --host out."
            )
        if self.token is not None and len(self.token) < MIN_TOKEN_LENGTH:
            raise InputError(
                f"The token has {len(self.token)} characters, at least {MIN_TOKEN_LENGTH} are "
                "expected: make one with `python -c 'import secrets; "
                "print(secrets.token_urlsafe())'`."
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine seen from itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
