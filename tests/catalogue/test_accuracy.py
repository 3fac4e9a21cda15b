"""The ledger: estimates held against measurements, on the command line and by what they promise."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from compat.catalogue.accuracy import find_shape_in_catalogue as resolve
from compat.estimate.ledger import Row, shipped_accuracy, shipped_ledger
from compat.models import ModelRecord
from tests.own_database import ROOT, TIMEOUT, environment
from tools.evaluation.accuracy import memory_accuracy
from tools.evaluation.ledger import compare_points
from tools.evaluation.points import load_points
from tools.evaluation.speed_points import speed_accuracy

pytestmark = pytest.mark.django_db

MEMORY, SPEED = load_points("memory_points"), load_points("speed_points")


@pytest.fixture
def shipped():
    return shipped_ledger()


def told(capsys, *arguments):
    call_command("accuracy", *arguments)
    return capsys.readouterr().out


def write(path, points):
    path.write_text("".join(json.dumps(point) + "\n" for point in points), "utf-8")
    return str(path)


def unseen_point(**changes):
    """A point of the bundled shape about a model that only the catalogue knows."""
    return {
        "model_id": "microsoft/phi-2", "quant": "F16", "ctx": 2048, "kv_dtype": "f16", "engine": "llama.cpp CPU",
        "kv_mib": 640.0, "quality": "high", "source": "x",
    } | changes  # fmt: skip


# --- what is promised ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "median", "p90"), [("kv", 0.01, 0.01), ("weights", 0.02, 0.02), ("total", 0.05, 0.15)]
)
def test_firm_memory_points_are_met(shipped, quantity, median, p90):
    row = shipped.memory.row("all", "all", quantity, "firm")
    assert row.n >= 50
    assert row.median < median
    assert row.p90 < p90


def test_no_engine_hides_behind_the_others(shipped):
    rows = [row for row in shipped.rows("memory", "engine") if row.quality == "firm" and row.quantity == "total"]
    assert len(rows) >= 2
    for row in rows:
        assert row.median < 0.05, row
        assert row.p90 < 0.15, row


def test_decode_speed_is_met(shipped):
    rows = [row for row in shipped.rows("speed", "all") if row.quantity == "decode"]
    assert rows
    for row in rows:
        assert row.median < 0.20, row


def test_every_engine_and_family_measured_has_its_row(shipped):
    for table, found in (("memory", memory_accuracy(MEMORY)), ("speed", speed_accuracy(SPEED))):
        for by in ("engine", "family"):
            names = {row.name for row in shipped.rows(table, by)}
            assert names == {getattr(one, by) for one in found.comparisons}
            assert names
    assert {"llama.cpp", "transformers", "vllm"} <= {row.name for row in shipped.rows("memory", "engine")}


def test_nothing_is_left_out_in_silence(shipped):
    assert shipped.memory.points == len(MEMORY)
    assert shipped.speed.points == len(SPEED)
    assert sum(shipped.speed.skipped.values()) + len(speed_accuracy(SPEED).comparisons) == len(SPEED)
    assert all(reason and n > 0 for table in (shipped.memory, shipped.speed) for reason, n in table.skipped.items())


# --- the catalogue helps ---------------------------------------------------------------------------------------


def test_a_shape_is_found_by_id_then_by_name():
    whole = ModelRecord.objects.exclude(shape_facts="").filter(repo_id="microsoft/phi-2").get()
    assert resolve("microsoft/phi-2").layers == 32
    assert resolve(" MICROSOFT/PHI-2 ") == resolve("phi-2") == resolve("somebody/phi-2")
    assert resolve("nobody/knows-this") is None
    assert whole.shape_facts


def test_a_model_of_the_catalogue_is_compared(django_assert_max_num_queries):
    points = [unseen_point(model_id="someone/my-own-phi", ctx=n, kv_mib=n * 0.3125) for n in (1024, 2048, 4096)]
    assert compare_points(points, (), resolve).memory.skipped == {"no shape is known for the model": 3}
    ModelRecord.objects.filter(repo_id="microsoft/phi-2").update(repo_id="someone/my-own-phi", name="my-own-phi")
    with django_assert_max_num_queries(1):
        found = compare_points(points, (), resolve)
    assert found.memory.row("all", "all", "kv", "high").max == 0


def test_the_shipped_ledger_asks_no_database(django_assert_num_queries):
    shipped_ledger.cache_clear()
    with django_assert_num_queries(0):
        assert shipped_ledger() is shipped_ledger()


# --- the command -----------------------------------------------------------------------------------------------


def test_both_tables_are_printed(capsys, shipped):
    out = told(capsys)
    memory, speed = out.split("Decode speed: error against measurement\n")
    assert memory.startswith("Memory: error against measurement\n")
    assert f"  {len(MEMORY)} points" in memory
    assert f"  {len(SPEED)} points" in speed
    for text, table in ((memory, shipped.memory), (speed, shipped.speed)):
        assert "median" in text
        assert all(reason in text for reason in table.skipped)
        assert all(row.name[:34] in text for row in table.rows)
    assert "upper bounds held" in memory


def test_json_is_the_same(capsys, shipped):
    found = json.loads(told(capsys, "--json"))
    evidence = found.pop("evidence")
    assert found == json.loads(json.dumps(shipped.as_json()))
    assert {"fact", "from", "words", "right", "cases", "atBest"} == set(evidence[0])
    assert set(found["memory"]) == {"points", "rows", "skipped", "bounds"}
    assert set(found["memory"]["rows"][0]) == set(Row.__dataclass_fields__)


def test_json_is_what_the_api_answers(capsys, client):
    assert json.loads(told(capsys, "--json")) == client.get("/api/v1/accuracy").json()


def test_points_of_ones_own_replace_the_shipped_ones(capsys, tmp_path):
    memory = write(tmp_path / "memory.jsonl", MEMORY[:40])
    speed = write(tmp_path / "speed.jsonl", SPEED[:30])
    found = json.loads(told(capsys, "--json", "--memory-points", memory, "--speed-points", speed))
    assert (found["memory"]["points"], found["speed"]["points"]) == (40, 30)
    half = json.loads(told(capsys, "--json", "--memory-points", memory))
    assert (half["memory"]["points"], half["speed"]["points"]) == (40, len(SPEED))
    assert half["memory"] == found["memory"]


def test_live_compares_now_and_finds_models_in_the_catalogue(capsys, shipped):
    now = json.loads(told(capsys, "--json", "--live"))
    assert now["speed"]["points"] == len(SPEED)
    assert now["memory"]["points"] == len(MEMORY)
    unknown = "no shape is known for the model"
    assert now["memory"]["skipped"].get(unknown, 0) <= shipped.memory.skipped[unknown]
    assert len(now["memory"]["rows"]) >= len(shipped.memory.rows)


@pytest.fixture(scope="module")
def shipped_alone(tmp_path_factory):
    """A folder that holds what is shipped, as the image does, and nothing else of the source."""
    folder = tmp_path_factory.mktemp("image")
    shutil.copy(ROOT / "manage.py", folder)
    for name in ("compat", "marketplace", "templates", "static"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def told_there(folder, *arguments):
    command = [sys.executable, "manage.py", "accuracy", *arguments]
    env = environment("sqlite:///:memory:")
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False)


def test_what_was_compared_is_shown_where_the_points_are_not(shipped_alone, shipped):
    done = told_there(shipped_alone, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(shipped_accuracy()))


@pytest.mark.parametrize("asked", [("--live",), ("--memory-points", "any.jsonl"), ("--speed-points", "any.jsonl")])
def test_where_the_source_is_not_the_command_says_what_is_missing(shipped_alone, asked):
    done = told_there(shipped_alone, *asked)
    assert done.returncode == 1
    assert "needs the folder tools/ of the project's source" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_file_is_an_empty_table(capsys, tmp_path):
    empty = write(tmp_path / "empty.jsonl", [])
    found = json.loads(told(capsys, "--json", "--memory-points", empty, "--speed-points", empty))
    assert found["memory"]["points"] == found["speed"]["points"] == 0
    assert found["memory"]["rows"] == []


@pytest.mark.parametrize("option", ["--memory-points", "--speed-points"])
@pytest.mark.parametrize(
    "content",
    [b"{ not JSON", b"[1, 2]\n", b'"text"\n', b"\xff\xfe\x00", b'{"engine": "llama.cpp"}\n{"kv_mib": "many"}\n{]'],
    ids=["half", "a list", "a text", "no text", "a bad line"],
)
def test_a_bad_file_is_an_error_in_words(tmp_path, option, content):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("accuracy", option, str(path))


@pytest.mark.parametrize("option", ["--memory-points", "--speed-points"])
@pytest.mark.parametrize("change", [{"total_mib": "many", "tok_s": "fast"}, {"ctx": "long"}, {"ctx": [1]}], ids=str)
def test_a_value_of_the_wrong_kind_is_an_error_in_words(tmp_path, option, change):
    points = MEMORY if option == "--memory-points" else SPEED
    path = write(tmp_path / "bad.jsonl", [{**point, **change} for point in points[:20]])
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("accuracy", option, path)


def test_a_missing_file_is_an_error_in_words(tmp_path):
    with pytest.raises(CommandError, match=r"nothing\.jsonl cannot be read: No such file"):
        call_command("accuracy", "--memory-points", str(tmp_path / "nothing.jsonl"))
    with pytest.raises(CommandError, match="cannot be read: Is a directory"):
        call_command("accuracy", "--speed-points", str(tmp_path))
