"""Work in several threads that ends even where one of them dies."""

from __future__ import annotations

import itertools
import mmap
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_SECONDS_BETWEEN_LOOKS = 1.0
#: Of address space: a thread's stack, and what Python needs to start it.
_BYTES_OF_A_THREAD = 12 * 2**20
_pools = itertools.count()


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> Generator[Result]:
    """The results of `work`, in the order of `items`; up to `workers` at a time.

    Where memory is short, Python's threads leave others waiting for ever: one that dies before it
    has noted that it has started (`Thread.start` waits for that), and one of a pool that dies
    between the work and the note that it has ended. Here, none is started without room for it, and
    who waits looks who still lives.

    Raises:
        MemoryError: there is no room for the threads, or one died.
        Exception: what `work` raised, of the first item in order.

    Where it ends early, by an error or because nobody asks on, items that were begun are finished
    and the others left out.
    """
    _check_room(workers)
    begun: dict[int, threading.Thread] = {}

    def noted(number: int, item: Item) -> Result:
        begun[number] = threading.current_thread()
        return work(item)

    name = f"in-threads-{next(_pools)}-"
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    try:
        futures = [pool.submit(noted, number, item) for number, item in enumerate(items)]
        for number, future in enumerate(futures):
            while not wait([future], _SECONDS_BETWEEN_LOOKS).done:
                if _is_lost(future, begun.get(number), name):
                    raise MemoryError("a thread died, most likely because memory ran out")
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _check_room(threads: int) -> None:
    """Make sure that the system would give the memory that so many threads need to start."""
    try:
        mmap.mmap(-1, threads * _BYTES_OF_A_THREAD).close()
    except OSError as error:
        raise MemoryError(f"no room for {threads} threads") from error


def _is_lost(future: Future[Result], thread: threading.Thread | None, pool: str) -> bool:
    """Whether nobody will end what the future stands for."""
    if thread is not None:
        alive = thread.is_alive()
    else:
        alive = any(other.name.startswith(pool) for other in threading.enumerate())
    return not alive and not future.done()  # asked last: it may have ended meanwhile
