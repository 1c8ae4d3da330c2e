"""Measuring in a process of its own: what one measurement sets, no other one sees."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def apart(
    function: Callable[Arguments, Result], *words: Arguments.args, **options: Arguments.kwargs
) -> Result:
    """What `function` returns, called in a new process; both have to survive pickling."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *words, **options).result()
