"""Accelerators of several kinds in one machine, out of text."""

from __future__ import annotations

import pytest

from compat.engines.cards import Cards, read_cards
from compat.engines.machine_text import read_machine

SMI = """GPU 0: NVIDIA GeForce RTX 3060 (UUID: GPU-1)
GPU 1: NVIDIA GeForce RTX 4090 (UUID: GPU-2)
GPU 2: NVIDIA GeForce RTX 3060 (UUID: GPU-3)
"""


@pytest.mark.parametrize(
    ("text", "cards"),
    [
        ("3060 12GB", [Cards("RTX 3060 12 GB")]),
        ("2x RTX 3060 12 GB, RTX 3050 8GB", [Cards("RTX 3060 12 GB", 2), Cards("RTX 3050 8 GB")]),
        ("3090 + 2x3080 10gb", [Cards("RTX 3090"), Cards("RTX 3080 10 GB", 2)]),
        ("RTX 4090 48 GB and 4090", [Cards("RTX 4090", 1, 48.0), Cards("RTX 4090")]),
        ("", []),
    ],
)
def test_kinds_are_read_and_written_alike(text, cards):
    found, unread = read_cards(text)
    assert (list(found), unread) == (cards, ())
    assert read_cards(", ".join(one.words for one in found)) == (found, ())


def test_what_names_no_accelerator_is_told():
    assert read_cards("3090, toaster + 64 GB") == ((Cards("RTX 3090"),), ("toaster", "64 GB"))


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("4090 + 3060", {"accelerator": "RTX 4090", "beside": "RTX 3060"}),
        ("3060 12GB + 4090, 64GB RAM", {"accelerator": "RTX 4090", "beside": "RTX 3060 12 GB", "ram": "64"}),
        ("2x3090 and 2x3060 12gb", {"accelerator": "RTX 3090", "count": "2", "beside": "2x RTX 3060 12 GB"}),
        (SMI, {"accelerator": "RTX 4090", "beside": "2x RTX 3060"}),
    ],
)
def test_a_machine_of_several_kinds_is_read_as_it_is(text, parameters):
    assert read_machine(text).parameters == parameters
