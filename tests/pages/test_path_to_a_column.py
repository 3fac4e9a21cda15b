"""A browse page is few calls away from its columns and queries, by the way that ARCHITECTURE.md writes down."""

from __future__ import annotations

import re
import sys
from types import FrameType
from typing import Any

import pytest

from tests.own_database import ROOT

MOST = 7
"""Calls of our own from the view to numpy or to the database, both ends counted."""
VIEW = ("marketplace/pages/browse.py", "browse")
ESTIMATE = "compat/estimate/"
"""What a machine that nobody asked for needs is arithmetic, not reading."""

Step = tuple[str, str]


def steps_from_the_view(frame: FrameType | None) -> list[Step]:
    """The functions of this project from the view to a frame; none where the view is not among its callers."""
    steps: list[Step] = []
    while frame is not None:
        file, function = frame.f_code.co_filename, frame.f_code.co_name
        if file.startswith((f"{ROOT}/compat/", f"{ROOT}/marketplace/")) and not function.startswith("<"):
            steps.append((file.removeprefix(f"{ROOT}/"), function))
            if steps[-1] == VIEW:
                return steps[::-1]
        frame = frame.f_back
    return []


def walked(client, address: str) -> set[tuple[Step, ...]]:
    """Every way from the view to a call of numpy or of the database, while a page is made."""
    ways = set()

    def note(frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call":
            return
        owner = f"{getattr(called, '__module__', None)} {type(getattr(called, '__self__', None)).__module__}"
        if "numpy" in owner or called.__name__.startswith("execute"):
            ways.add(tuple(steps_from_the_view(frame)))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        answer = client.get(address)
    finally:
        sys.setprofile(before)
    assert answer.status_code == 200
    return ways - {()}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "/models/?worker=vllm&page=2",
        "/models/?q=qwen&license=apache-2.0&sort=likes&min_params=1&compatible=false",
        "/models/?worker=llama-cpp&memory=23&confidence=high&architecture=llama",
        "/models/?author=microsoft&language=en",
    ],
)
def test_a_browse_page_is_few_calls_from_its_columns_and_queries(client, address):
    # What an engine would load of the catalogue is a part of the index, made when first a machine is asked for.
    client.get("/models/?worker=llama-cpp&memory=48")
    ways = walked(client, address)
    read = [way for way in ways if not any(file.startswith(ESTIMATE) for file, _ in way)]
    assert len(read) > 5
    assert max(map(len, read)) <= MOST, max(read, key=len)


@pytest.mark.django_db
def test_the_way_that_is_written_down_is_walked(client):
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("## From an address to a column")[1].split("## ")[0]
    written = tuple(
        (file, function) for function, file in re.findall(r"^\d\. `(\w+)` in `([\w/.]+)`", text, re.MULTILINE)
    )
    assert 3 < len(written) <= MOST
    client.get("/models/")
    assert written in walked(client, "/models/?worker=vllm&license=mit")
