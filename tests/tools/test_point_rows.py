"""The bundled points hold what they may, and what is said of a line that is wrong."""

from __future__ import annotations

import pytest

from compat.strict_data import DataError
from tools.evaluation import points
from tools.evaluation.point_rows import check_memory_point, check_speed_point
from tools.evaluation.points import memory_points, speed_points

MEMORY = {
    "model_id": "a/b",
    "quant": "Q8_0",
    "engine": "llama.cpp",
    "quality": "high",
    "source": "a log",
    "kv_mib": 8.5,
}
SPEED = {
    "accelerator": "RTX 4090",
    "model": "a/b",
    "engine": "llama.cpp",
    "measures": "decode",
    "tok_s": 100.0,
    "source": "a bench",
}


def test_points_are_read_as_they_stand_there():
    point = check_memory_point(MEMORY, "here")
    assert {key: getattr(point, key) for key in MEMORY} == MEMORY
    assert check_speed_point(SPEED, "here").sequences == 1


def test_every_bundled_point_says_where_it_is_from_and_what_it_measures():
    assert len(memory_points()) > 350
    assert len(speed_points()) > 1000
    parts = ("total_mib", "weights_mib", "file_mib", "kv_mib", "state_mib", "compute_mib")
    for point in memory_points():
        assert point.source
        assert any(getattr(point, part) for part in parts), point
    assert sum(point.date is not None for point in (*memory_points(), *speed_points())) > 1400


def without(point, key):
    return {name: value for name, value in point.items() if name != key}


@pytest.mark.parametrize(
    ("check", "line", "message"),
    [
        (check_memory_point, 3, "here: should be a table, not 3"),
        (check_memory_point, {**MEMORY, "kv_mb": 8}, "here: kv_mb is not a field here"),
        (
            check_memory_point,
            {**MEMORY, "quality": "good"},
            "here: quality should be one of high, medium, low, engine-run, not 'good'",
        ),
        (
            check_memory_point,
            {**MEMORY, "hparams": {"n_layers": 3}},
            "here: hparams: n_layers is not a field here",
        ),
        (check_memory_point, {**MEMORY, "ctx": 4096.5}, "here: ctx should be int, not 4096.5"),
        (check_memory_point, {**MEMORY, "ctx": "4096"}, "here: ctx should be int, not '4096'"),
        (check_memory_point, without(MEMORY, "source"), "here: source is missing"),
        (check_memory_point, {**MEMORY, "total_mib": 9.0}, "here: total_is is missing"),
        (check_speed_point, {**SPEED, "tok_sec": 3}, "here: tok_sec is not a field here"),
        (
            check_speed_point,
            {**SPEED, "measures": "speed"},
            "here: measures should be one of decode, prefill, overall, not 'speed'",
        ),
        (check_speed_point, {**SPEED, "tok_s": 0}, "here: tok_s should be greater than 0, not 0"),
        (check_speed_point, {**SPEED, "drafting": 1}, "here: drafting should be bool, not 1"),
        (check_speed_point, without(SPEED, "tok_s"), "here: tok_s is missing"),
    ],
)
def test_a_wrong_line_is_named_with_its_field(check, line, message):
    with pytest.raises(DataError) as caught:
        check(line, "here")
    assert str(caught.value).startswith(message)


def test_a_bundled_point_that_stands_there_twice_is_named(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    line = '{"model_id":"a/b","engine":"vllm","quality":"high","source":"x","kv_mib":8.5}\n'
    (tmp_path / "data" / "memory_points.jsonl").write_text(line + "\n" + line, "utf-8")
    monkeypatch.setattr(points, "files", lambda _: tmp_path)
    memory_points.cache_clear()
    try:
        with pytest.raises(DataError, match=r"memory_points\.jsonl line 3: is the same point as line 1"):
            memory_points()
    finally:
        memory_points.cache_clear()
