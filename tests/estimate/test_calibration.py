"""The constants of speed, and what reading them says of a file that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compat.engines.hardware import Accelerator, accelerators
from compat.estimate.speed_constants import (
    CLASS_WORDS,
    HARDWARE_CLASSES,
    calibration,
    hardware_class,
    read_calibration,
)
from compat.strict_data import DataError

PAIR = {"efficiency": 0.8, "launch": 4e-05, "low": 0.9, "high": 1.1, "runs": 3, "machines": 1}


def text(pair: dict[str, Any] = PAIR, name: str = "vllm|nvidia", **changes: object) -> str:
    return json.dumps({"note": "demo", "shared": {"vllm": {"experts": 0.9}}, "classes": {name: pair}, **changes})


def test_a_good_file_is_read():
    found = read_calibration(text())
    assert found.classes["vllm|nvidia"].efficiency == 0.8
    assert found.shared == {"vllm": {"experts": 0.9}}
    assert calibration().classes


def test_every_card_is_of_a_class_that_constants_can_name():
    assert {hardware_class(card) for card in accelerators()} <= set(HARDWARE_CLASSES) & set(CLASS_WORDS)
    assert hardware_class(Accelerator("x", "nvidia", "gpu", compute_capability=6.1)) in HARDWARE_CLASSES


WRONG = [
    ("not JSON", "{", "demo.json: not valid JSON: "),
    (
        "a misspelt field",
        text({**PAIR, "eficiency": 1}),
        "demo.json: classes: vllm|nvidia: eficiency is not a field here",
    ),
    (
        "a wrong value",
        text({**PAIR, "launch": -1}),
        "demo.json: classes: vllm|nvidia: launch should be greater than or equal to 0, not -1",
    ),
    (
        "a wrong type",
        text({**PAIR, "runs": "3"}),
        "demo.json: classes: vllm|nvidia: runs should be int, not '3'",
    ),
    (
        "a missing field",
        text({name: value for name, value in PAIR.items() if name != "high"}),
        "demo.json: classes: vllm|nvidia: high is missing",
    ),
    (
        "a range upside down",
        text({**PAIR, "low": 1.2}),
        "demo.json: classes: vllm|nvidia: low is 1.2, above high, which is 1.1",
    ),
    ("an unknown engine", text(name="vlm|nvidia"), "demo.json: classes: 'vlm|nvidia' should begin with one of "),
    (
        "an engine with another's kernels",
        text(name="ollama|nvidia"),
        "demo.json: classes: 'ollama|nvidia' should begin with one of ",
    ),
    (
        "an unknown class",
        text(name="vllm|nvdia"),
        "demo.json: classes: 'vllm|nvdia' should end with one of nvidia, amd",
    ),
    ("an unknown engine that shares", text(shared={"vlm": {}}), "demo.json: shared: 'vlm' should begin with one of "),
    (
        "an unknown variation",
        text(shared={"vllm": {"expert": 1}}),
        "demo.json: shared: vllm: expert is not one of experts, routing, state, cache, codes:wide",
    ),
    (
        "a pair twice",
        text().replace('"classes": {', '"classes": {"vllm|nvidia": {}, '),
        "demo.json: 'vllm|nvidia' stands twice in one object",
    ),
    ("no classes", json.dumps({"note": "demo", "shared": {}}), "demo.json: classes is missing"),
]


@pytest.mark.parametrize(("content", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_file_is_refused_with_file_entry_and_field(content, message):
    with pytest.raises(DataError) as caught:
        read_calibration(content, "demo.json")
    assert str(caught.value).startswith(message)
