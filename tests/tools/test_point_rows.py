"""The bundled points hold what they may, and what is said of a line that is wrong."""

from __future__ import annotations

import json

import pytest

from compat.strict_data import DataError
from tools.evaluation.point_rows import ROWS, read_rows
from tools.evaluation.points import load_points

MEMORY = {
    "model_id": "a/b",
    "quant": "Q8_0",
    "engine": "llama.cpp",
    "quality": "high",
    "source": "a log",
    "kv_mib": 8.5,
}
SPEED = {
    "hardware": "RTX 4090",
    "hw_class": "DISCRETE_GPU",
    "gpu_count": 1,
    "model": "a/b",
    "engine": "llama.cpp",
    "batch": 1,
    "tok_s": 100,
    "metric": "decode tok/s",
    "source": "a bench",
}
GOOD = {"memory_points": MEMORY, "speed_points": SPEED}


def lines(*points: dict[str, object]) -> str:
    return "".join(json.dumps(point) + "\n" for point in points)


@pytest.mark.parametrize("name", ROWS)
def test_points_come_as_they_stand_there(name):
    point = GOOD[name]
    assert read_rows(lines(point) + "\n" + lines({**point, "note": "x"}), name) == (point, {**point, "note": "x"})
    assert len(load_points(name)) > 300


def without(point: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in point.items() if name != key}


WRONG = [
    ("memory_points", "{", "memory_points.jsonl line 1: not valid JSON"),
    ("memory_points", "3", "memory_points.jsonl line 1: should be a table, not 3"),
    (
        "memory_points",
        lines(MEMORY, {**MEMORY, "kv_mb": 8}),
        "memory_points.jsonl line 2: kv_mb is not a field here",
    ),
    (
        "memory_points",
        lines({**MEMORY, "quality": "good"}),
        "memory_points.jsonl line 1: quality should be one of high, medium, low, engine-run, not 'good'",
    ),
    (
        "memory_points",
        lines({**MEMORY, "hparams": {"n_layers": 3}}),
        "memory_points.jsonl line 1: hparams: n_layers is not a field here",
    ),
    (
        "memory_points",
        lines({**MEMORY, "ctx": 4096.5}),
        "memory_points.jsonl line 1: ctx should be int, not 4096.5",
    ),
    ("memory_points", lines({**MEMORY, "ctx": "4096"}), "memory_points.jsonl line 1: ctx should be int, not '4096'"),
    ("memory_points", lines(without(MEMORY, "source")), "memory_points.jsonl line 1: source is missing"),
    (
        "memory_points",
        lines(MEMORY, SPEED | MEMORY, MEMORY),
        "memory_points.jsonl line 2: hardware is not a field here",
    ),
    (
        "memory_points",
        lines(MEMORY) + "\n" + lines(dict(reversed(MEMORY.items()))),
        "memory_points.jsonl line 3: is the same point as line 1",
    ),
    ("speed_points", lines({**SPEED, "tok_sec": 3}), "speed_points.jsonl line 1: tok_sec is not a field here"),
    (
        "speed_points",
        lines({**SPEED, "hw_class": "GPU"}),
        "speed_points.jsonl line 1: hw_class should be one of DISCRETE_GPU, UNIFIED, CPU_ONLY, not 'GPU'",
    ),
    (
        "speed_points",
        lines({**SPEED, "tok_s": 0}),
        "speed_points.jsonl line 1: tok_s should be greater than 0, not 0",
    ),
    ("speed_points", lines({**SPEED, "mtp": 1}), "speed_points.jsonl line 1: mtp should be bool, not 1"),
    ("speed_points", lines(without(SPEED, "tok_s")), "speed_points.jsonl line 1: tok_s is missing"),
    ("speed_points", lines(SPEED, SPEED), "speed_points.jsonl line 2: is the same point as line 1"),
]


@pytest.mark.parametrize(("name", "text", "message"), WRONG, ids=[case[2] for case in WRONG])
def test_a_wrong_line_is_named_with_its_field(name, text, message):
    with pytest.raises(DataError) as caught:
        read_rows(text, name)
    assert str(caught.value).startswith(message)
