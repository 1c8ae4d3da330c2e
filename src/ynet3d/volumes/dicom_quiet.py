"""pydicom warns of every value that bends the standard; scanners bend it in every file."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Words = ParamSpec("_Words")
_Result = TypeVar("_Result")


def without_warnings(read: Callable[_Words, _Result]) -> Callable[_Words, _Result]:
    """Let a reader pass over what pydicom and its decoders warn of: what matters is an error."""

    @functools.wraps(read)
    def quiet(*args: _Words.args, **kwargs: _Words.kwargs) -> _Result:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(*args, **kwargs)

    return quiet
