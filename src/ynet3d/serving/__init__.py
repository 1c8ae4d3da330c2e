"""A server with a page: scans in, masks and measurements out; and a client for it.

Imports nothing heavy by itself: `create_app`, `serve` and `Client` need the extra `serve`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ynet3d.serving.settings import ServerSettings

if TYPE_CHECKING:
    from ynet3d.serving.client import Client

__all__ = ["Client", "ServerSettings"]


def __getattr__(name: str) -> Any:
    if name == "Client":
        from ynet3d.serving.client import Client

        return Client
    raise AttributeError(name)
