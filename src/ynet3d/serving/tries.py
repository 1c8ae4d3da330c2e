"""Wrong secrets are counted by who sends them: a token that people chose can be guessed."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

#: Different wrong secrets that an address may send within so many seconds.
MOST_TRIES, WITHIN_SECONDS = 10, 60.0
#: Addresses that are remembered; the oldest is forgotten for one more.
_MOST_ADDRESSES = 10_000


class Tries:
    """Who has sent which wrong secrets lately.

    The same wrong secret again is no guess: a program with an old token shuts nobody out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._wrong: OrderedDict[str, dict[bytes, float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Whole seconds until this address may try a secret again; 0 for at once."""
        with self._lock:
            known = self._recent(_network(address))
            if len(known) < MOST_TRIES:
                return 0
            oldest = sorted(known.values())[-MOST_TRIES]
            return max(1, math.ceil(oldest + WITHIN_SECONDS - self._clock()))

    def wrong(self, address: str, secret: str) -> None:
        """Remember a wrong secret, as its hash."""
        digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            network = _network(address)
            known = self._recent(network)
            known.setdefault(digest, self._clock())
            self._wrong[network] = known
            self._wrong.move_to_end(network)
            if len(self._wrong) > _MOST_ADDRESSES:
                self._wrong.popitem(last=False)

    def _recent(self, network: str) -> dict[bytes, float]:
        since = self._clock() - WITHIN_SECONDS
        known = self._wrong.get(network, {})
        return {digest: moment for digest, moment in known.items() if moment > since}


def _network(address: str) -> str:
    """An IPv6 address stands for its network of 64 bits, which one owner has all of."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if known.version == 4:
        return address
    return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))
