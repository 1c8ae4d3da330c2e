"""Secrets are compared, and wrong ones counted by who sends them: people's own can be guessed."""

from __future__ import annotations

import hashlib
import hmac
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


class TooManyTriesError(Exception):
    """Somebody has guessed too often; `headers` of the answer say when to try again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "Too many wrong tokens came from this address: wait a minute, then try again."
        )
        self.headers = {"retry-after": str(seconds)}


class Tries:
    """Who has sent which wrong secrets lately.

    The same wrong secret again is no guess: a program with an old token shuts nobody out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._wrong: OrderedDict[str, dict[bytes, float]] = OrderedDict()

    def is_right(self, address: str, given: str, token: str) -> bool:
        """Whether a secret is the token; a wrong one is remembered.

        Raises:
            TooManyTriesError: this address has to wait, whatever it sends.
        """
        if seconds := self.wait(address):
            raise TooManyTriesError(seconds)
        right = same_secret(given, token)
        if not right:
            self.wrong(address, given)
        return right

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
        digest = _digest(secret)
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


def same_secret(given: str, expected: str) -> bool:
    """Compare in a time that says nothing of where the two differ."""
    # Hashes have one length, so that not even the secret's length shows in the time.
    return hmac.compare_digest(_digest(given), _digest(expected))


def _digest(text: str) -> bytes:
    # JSON may hold halves of a surrogate pair, which UTF-8 has no place for.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _network(address: str) -> str:
    """An IPv6 address stands for its network of 64 bits, which one owner has all of."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if known.version == 4:
        return address
    return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))
