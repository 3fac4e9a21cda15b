"""Values that are kept: made once, dropped when they are too many, and made beside a request where that takes long."""

from __future__ import annotations

import time
from threading import Event, Thread

import pytest

from compat.catalogue import memo


def test_a_value_is_made_once():
    made = []
    for _ in range(3):
        assert memo.kept("key", lambda: made.append(1) or "value") == "value"
    assert made == [1]


def test_the_least_used_are_dropped():
    for number in range(memo.MOST + 10):
        memo.kept(number, lambda: "made")
        memo.kept(0, lambda: "kept")
    assert memo.kept(0, lambda: "again") == "made"
    assert memo.kept(1, lambda: "again") == "again"


def test_large_values_are_dropped_before_small_ones_are_many():
    half = memo.MOST_PARTS // 2
    for number in range(4):
        memo.kept(number, lambda: range(half), len)
    assert memo.kept(3, lambda: "again") == range(half)
    assert memo.kept(0, lambda: "again") == "again"


def test_a_quick_value_follows_the_version_at_once():
    assert memo.newest("quick", 1, lambda before: (1, before)) == (1, None)
    assert memo.at_hand("quick", 2, pytest.fail) == 2
    assert memo.newest("quick", 2, lambda before: (2, before)) == (2, (1, None))


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(memo, "PATIENCE", 0.0)


@pytest.mark.usefixtures("_impatient")
def test_a_slow_value_serves_on_while_it_is_made_anew():
    going = Event()

    def slow(before):
        assert going.wait(10)
        return f"after {before}"

    memo.newest("slow", 1, lambda _: time.sleep(0.01) or "first")
    assert memo.at_hand("slow", 2, slow) == 1
    assert memo.newest("slow", 1, slow) == memo.newest("slow", 2, slow) == "first"
    going.set()
    until = time.monotonic() + 10
    while memo.at_hand("slow", 2, slow) != 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert memo.newest("slow", 2, pytest.fail) == "after first"
    # A request that began before the change ends with what came after.
    assert memo.newest("slow", 1, pytest.fail) == "after first"


@pytest.mark.usefixtures("_impatient")
def test_one_that_could_not_be_made_is_tried_again(monkeypatch):
    failures = []
    monkeypatch.setattr("threading.excepthook", lambda told: failures.append(told.exc_type))

    def fails(_before):
        raise RuntimeError

    memo.newest("slow", 1, lambda _: time.sleep(0.01) or "first")
    assert memo.newest("slow", 2, fails) == "first"
    until = time.monotonic() + 10
    while not failures and time.monotonic() < until:
        time.sleep(0.01)
    assert failures == [RuntimeError]
    while memo.at_hand("slow", 2, lambda _: "second") != 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert memo.newest("slow", 2, pytest.fail) == "second"


def test_the_first_value_is_made_by_one_and_waited_for_by_all():
    made, found = [], []

    def make(_before):
        made.append(1)
        time.sleep(0.2)
        return "value"

    threads = [Thread(target=lambda: found.append(memo.newest("new", 1, make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (made, found) == ([1], ["value"] * 4)
