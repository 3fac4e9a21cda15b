"""The ledger that ships is what the estimates and the measured points give today."""

from __future__ import annotations

import json

import pytest

from compat.estimate.ledger import read_ledger, shipped_ledger
from compat.strict_data import DataError
from tools.evaluation import ledger as making
from tools.evaluation.ledger import TARGET, compare_points, make_ledger, render_ledger
from tools.evaluation.point_rows import MemoryPoint
from tools.evaluation.points import memory_points, speed_points

AGAIN = "the estimates moved: run `python -m tools.evaluation.ledger` again, and look at what changed"


def test_the_shipped_ledger_is_what_the_tool_makes_now():
    assert render_ledger(make_ledger()) == TARGET.read_text("utf-8"), AGAIN


def test_what_is_written_is_read_again():
    ledger = make_ledger()
    assert read_ledger(render_ledger(ledger)) == ledger
    assert shipped_ledger() is shipped_ledger()
    empty = compare_points((), ())
    assert read_ledger(render_ledger(empty)) == empty


def test_the_tool_says_whether_anything_changed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(making, "TARGET", tmp_path / "ledger.json")
    making.main()
    making.main()
    assert capsys.readouterr().out == "ledger.json: changed\nledger.json: unchanged\n"
    assert (tmp_path / "ledger.json").read_text("utf-8") == TARGET.read_text("utf-8")


def changed(**changes):
    found = json.loads(TARGET.read_bytes())
    found["memory"]["rows"][0].update(changes)
    return json.dumps(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed(medain=0.1), "ledger.json: memory: rows 1 (all): medain is not a field here"),
        (changed(median="0.1"), "ledger.json: memory: rows 1 (all): median should be float or int, not '0.1'"),
        (changed(n=None), "ledger.json: memory: rows 1 (all): n should be int, not None"),
        (json.dumps(json.loads(TARGET.read_bytes()) | {"speed": []}), "ledger.json: speed should be a table, not []"),
        ('{"memory": 3}', "ledger.json: memory should be a table, not 3"),
        ("{}", "ledger.json: memory is missing"),
        ("{", "ledger.json: not valid JSON: "),
    ],
    ids=[
        "an unknown field",
        "a text for a number",
        "nothing for a number",
        "a list for a table",
        "a number for a table",
        "a table is missing",
        "half a file",
    ],
)
def test_a_ledger_that_is_not_one_is_refused_by_field(text, words):
    with pytest.raises(DataError) as caught:
        read_ledger(text)
    assert str(caught.value).startswith(words)


def test_a_model_is_looked_up_once():
    asked = []
    point = {
        "model_id": "someone/my-own", "quant": "F16", "engine": "llama.cpp", "processor_only": True,
        "kv_mib": 640.0, "quality": "high", "source": "x",
    }  # fmt: skip
    points = [MemoryPoint.model_validate({**point, "ctx": n}) for n in (1024, 2048, 4096)]
    compare_points(points, (), asked.append)
    assert len(asked) == len(set(asked))
    assert "someone/my-own" in asked


def test_both_kinds_of_points_are_here():
    ledger = make_ledger()
    assert len(memory_points()) == ledger.memory.points > 350
    assert len(speed_points()) == ledger.speed.points > 1000
