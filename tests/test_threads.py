"""Work in several threads: order, errors, and a thread that dies without a word."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import Future

import pytest

from ynet3d.threads import in_threads


def test_results_come_in_order_of_the_items() -> None:
    def late_if_first(item: int) -> int:
        time.sleep(0.05 if item == 0 else 0)
        return item * item

    assert list(in_threads(late_if_first, range(20), workers=4)) == [n * n for n in range(20)]


def test_no_items_need_no_threads() -> None:
    assert list(in_threads(str, [], workers=2)) == []


def test_no_more_than_the_workers_are_at_work() -> None:
    at_work, most = 0, 0
    lock = threading.Lock()

    def count(item: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.01)
        with lock:
            at_work -= 1

    list(in_threads(count, range(12), workers=3))
    assert most == 3


def test_the_first_error_in_order_ends_it_and_the_rest_is_left_out() -> None:
    done = []

    def fail_at_two(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        done.append(item)
        time.sleep(0.01)
        return item

    results = in_threads(fail_at_two, range(1000), workers=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert len(done) < 100


def test_who_asks_no_further_gets_what_was_begun_finished() -> None:
    done = []

    def work(item: int) -> int:
        time.sleep(0.02)
        done.append(item)
        return item

    results = in_threads(work, range(1000), workers=2)
    next(results)
    results.close()
    assert len(done) < 10
    assert not [one for one in threading.enumerate() if one.name.startswith("in-threads-")]


@pytest.mark.parametrize("dies_at", [0, 3])
def test_a_thread_that_dies_in_the_pool_is_missed(
    dies_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that runs out while Python notes the error: nobody will ever end that future."""
    logging.getLogger("concurrent.futures").addHandler(logging.NullHandler())

    def cannot_note(self: Future[int], error: BaseException) -> None:
        raise MemoryError

    monkeypatch.setattr(Future, "set_exception", cannot_note)

    def work(item: int) -> int:
        if item == dies_at:
            raise MemoryError
        return item

    begun = time.monotonic()
    with pytest.raises(MemoryError, match="a thread died"):
        list(in_threads(work, range(6), workers=2))
    assert time.monotonic() - begun < 30


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of address space: Linux")
def test_no_thread_is_started_without_room_for_it() -> None:
    """In a process of its own, as the limit cannot be taken back."""
    code = """
import resource
from ynet3d.threads import in_threads
print(list(in_threads(str, range(2), workers=2)))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 20 * 2**20,) * 2)
list(in_threads(print, range(2), workers=2))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stdout == "['0', '1']\n"
    assert told.stderr.endswith("MemoryError: no room for 2 threads\n")
