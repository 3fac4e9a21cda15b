"""The list of graphics cards, and what reading it says of a file that is wrong."""

from __future__ import annotations

import json

import pytest

from compat.engines.hardware import GIB, read_accelerators
from compat.strict_data import DataError

CARD = {"name": "Demo 9000", "vendor": "nvidia", "kind": "gpu", "gb": 24, "gb_s": 1010, "cc": 8.9, "src": [0]}
SHARED = {"name": "Demo M1", "vendor": "apple", "kind": "unified", "gb_options": [16, 24], "src": [1]}


def text(*cards: dict[str, object], **changes: object) -> str:
    return json.dumps({"note": "demo", "sources": ["a table", "another"], "accelerators": cards, **changes})


def test_a_good_file_is_read():
    card, shared = read_accelerators(text(CARD, SHARED))
    assert (card.memory, card.bandwidth, card.compute_capability) == (24 * GIB, 1010e9, 8.9)
    assert card.sources == ("a table",)
    assert shared.memory is None
    assert shared.memory_options == (16 * GIB, 24 * GIB)


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in CARD.items() if name != key}


WRONG = [
    ("not JSON", text(CARD)[:-1], "demo.json: not valid JSON: "),
    ("a list", "[]", "demo.json: should be a table, not []"),
    ("a field in another place", text(CARD, colour="red"), "demo.json: colour is not a field here"),
    (
        "a misspelt field",
        text(SHARED, {**without("gb"), "gib": 24}),
        "demo.json: accelerators 2 (Demo 9000): gib is not a field here",
    ),
    (
        "an unknown vendor",
        text({**CARD, "vendor": "nvdia"}),
        "demo.json: accelerators 1 (Demo 9000): vendor should be one of nvidia, amd, apple, intel, qualcomm, not",
    ),
    (
        "an unknown kind",
        text({**CARD, "kind": "card"}),
        "demo.json: accelerators 1 (Demo 9000): kind should be one of gpu, unified, not 'card'",
    ),
    (
        "text for a number",
        text({**CARD, "gb": "24"}),
        "demo.json: accelerators 1 (Demo 9000): gb should be float or int, not '24'",
    ),
    (
        "no memory at all",
        text({**CARD, "gb": 0}),
        "demo.json: accelerators 1 (Demo 9000): gb should be greater than 0, not 0",
    ),
    ("a missing vendor", text(without("vendor")), "demo.json: accelerators 1 (Demo 9000): vendor is missing"),
    ("a missing name", text(without("name")), "demo.json: accelerators 1: name is missing"),
    ("a card without memory", text(without("gb")), "demo.json: accelerators 1 (Demo 9000): gb is missing"),
    (
        "sizes of a card",
        text({**CARD, "gb_options": [8]}),
        "demo.json: accelerators 1 (Demo 9000): gb_options is only for kind unified",
    ),
    (
        "CUDA without NVIDIA",
        text({**CARD, "vendor": "amd"}),
        "demo.json: accelerators 1 (Demo 9000): cc is only for vendor nvidia",
    ),
    (
        "AMD's generation without AMD",
        text({**CARD, "gfx": "gfx942"}),
        "demo.json: accelerators 1 (Demo 9000): gfx is only for vendor amd",
    ),
    (
        "a generation by another name",
        text({**SHARED, "vendor": "amd", "gfx": "RDNA3"}),
        "demo.json: accelerators 1 (Demo M1): gfx String should match pattern",
    ),
    ("no source", text({**CARD, "src": []}), "demo.json: accelerators 1 (Demo 9000): src is empty"),
    (
        "a source that is not there",
        text({**CARD, "src": [0, 2]}),
        "demo.json: accelerators 1 (Demo 9000): src names source 2, but they end at 1",
    ),
    (
        "a source before the first",
        text({**CARD, "src": [-1]}),
        "demo.json: accelerators 1 (Demo 9000): src names source -1, but they end at 1",
    ),
    (
        "a card twice",
        text(CARD, SHARED, {**CARD, "name": "DEMO 9000", "gb": 24.0, "gb_s": 900}),
        "demo.json: accelerators 3 (DEMO 9000): name and gb are those of entry 1",
    ),
    ("no card", text(), "demo.json: accelerators is empty"),
    (
        "a field twice",
        text(CARD).replace('"gb": 24', '"gb": 24, "gb": 48'),
        "demo.json: 'gb' stands twice in one object",
    ),
]


@pytest.mark.parametrize(("content", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_file_is_refused_with_file_card_and_field(content, message):
    with pytest.raises(DataError) as caught:
        read_accelerators(content, "demo.json")
    assert str(caught.value).startswith(message)


def test_one_name_in_two_sizes_is_two_cards():
    small, large = read_accelerators(text(CARD, {**CARD, "gb": 48}))
    assert (small.memory, large.memory) == (24 * GIB, 48 * GIB)
