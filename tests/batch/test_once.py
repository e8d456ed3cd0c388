"""Is a value made once for all who ask, its error told to all, and the one asked for longest ago forgotten first?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from backtester.batch.once import Once


def test_many_threads_wait_for_one_that_makes_it() -> None:
    once, made, begun, go = Once(3), [], threading.Event(), threading.Event()

    def make() -> str:
        made.append(threading.get_ident())
        begun.set()
        go.wait()
        return "it"

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(once.get, "key", make) for _ in range(8)]
        begun.wait()
        go.set()
        assert [each.result() for each in asked] == ["it"] * 8
    assert len(made) == 1


def test_an_error_is_told_to_all_who_ask() -> None:
    once = Once(2)
    for _ in range(2):
        with pytest.raises(ValueError, match="no such luck"):
            once.get("key", lambda: int("no such luck"))
    assert once.get("other", lambda: 1) == 1


def test_the_one_asked_for_longest_ago_is_forgotten_first() -> None:
    once, made = Once(2), []

    def get(key: str) -> None:
        once.get(key, lambda: made.append(key))

    for key in "abacab":
        get(key)
    assert made == ["a", "b", "c", "b"]
