"""The ledger: estimates held against measurements, on the command line and by what they promise."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from compat import catalogue
from compat.catalogue.accuracy import find_record
from compat.catalogue.question import Question
from compat.engines import all_profiles
from compat.estimate.ledger import LEAST_POINTS, Row, accuracy_of, proofs, shipped_ledger
from compat.models import ModelRecord
from tests.own_database import ROOT, TIMEOUT, environment
from tools.evaluation.accuracy import memory_accuracy
from tools.evaluation.ledger import compare_points
from tools.evaluation.point_rows import MemoryPoint, SpeedPoint
from tools.evaluation.points import memory_points, speed_points
from tools.evaluation.speed_points import speed_accuracy

pytestmark = pytest.mark.django_db

MEMORY, SPEED = memory_points(), speed_points()


@pytest.fixture
def shipped():
    return shipped_ledger()


def told(capsys, *arguments):
    call_command("accuracy", *arguments)
    return capsys.readouterr().out


def write(path, points):
    lines = (point if isinstance(point, dict) else point.model_dump(exclude_defaults=True) for point in points)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return str(path)


def unseen_line(**changes):
    """A line about a model that only the catalogue knows."""
    return {
        "model_id": "microsoft/phi-2", "quant": "F16", "ctx": 2048, "kv_dtype": "f16", "engine": "llama.cpp CPU",
        "kv_mib": 640.0, "quality": "high", "source": "x",
    } | changes  # fmt: skip


def load(**changes):
    told = {"model_id": "microsoft/phi-2", "engine": "llama.cpp", "ctx": 2048, "quality": "high", "source": "x"}
    return MemoryPoint.model_validate(told | changes)


# --- what is judged is what is shown ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "card", "memory"),
    [
        ("llama.cpp", "RTX 3090", None),
        ("vLLM", "RTX 3090", None),
        ("Transformers", "A100", 80.0),
        ("MLX-LM", "Apple M4 Max", 64.0),
    ],
)
def test_the_number_judged_is_the_number_shown(engine, card, memory):
    profile = next(one for one in all_profiles().values() if one.name == engine)
    question = Question(worker=profile.slug, accelerator=card, memory=memory, context=4096, kv="f16")
    page = catalogue.detail("microsoft/phi-2", question)
    best = page.row.best
    run = {
        "engine": engine, "accelerator": card, "accelerator_gb": memory, "k_type": "f16", "format": best.format,
        "quant": best.quantization or None,
    }  # fmt: skip
    told = load(**run, ctx=4096, kv_mib=1.0, compute_mib=1.0, total_mib=1.0, total_is="process")
    judged = {one.quantity: one.estimated for one in memory_accuracy([told], find_record).comparisons}
    parts = {part.name: part.bytes for part in page.memory.fit.estimate.components}
    mib = 1024 * 1024
    shown = {"kv": parts["kv"] / mib, "compute": parts["compute"] / mib, "total": sum(parts.values()) / mib}
    assert judged == shown
    speed = {**run, "model": "microsoft/phi-2", "measures": "decode", "tok_s": 1.0, "source": "x"}
    [one] = speed_accuracy([SpeedPoint.model_validate(speed)], find_record).comparisons
    told_speed = page.memory.speed
    if not page.row.result.compatible:  # llama.cpp takes a GGUF build alone: a page promises no speed where it refuses
        assert (told_speed.tokens_per_second, one.estimated is not None) == (None, True)
        return
    assert (one.estimated, one.low, one.high) == (told_speed.tokens_per_second, told_speed.low, told_speed.high)


def test_every_engine_says_whether_it_is_proven(shipped):
    found = proofs(shipped)
    assert {one.slug for one in found} == set(all_profiles())
    for one in found:
        row = shipped.memory.engine_row(one.slug, "total")
        assert one.memory == (row.n if row else 0)
        assert one.memory_proven == (one.memory >= LEAST_POINTS)
    assert not next(one for one in found if one.slug == "tensorrt-llm").speed_proven
    assert next(one for one in found if one.slug == "llama-cpp").speed_proven


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


def test_a_record_is_found_by_id_then_by_name():
    whole = ModelRecord.objects.exclude(shape_facts="").get(repo_id="microsoft/phi-2")
    assert find_record("microsoft/phi-2") == find_record(" MICROSOFT/PHI-2 ") == whole
    assert find_record("phi-2") == find_record("somebody/phi-2") == whole
    assert find_record("nobody/knows-this") is None


def test_a_model_of_the_catalogue_is_compared(django_assert_max_num_queries):
    points = [load(model_id="someone/my-own-one", quant="F16", ctx=n, kv_mib=n * 0.3125) for n in (1024, 2048, 4096)]
    assert compare_points(points, (), find_record).memory.skipped == {"no shape is known for the model": 3}
    ModelRecord.objects.filter(repo_id="microsoft/phi-2").update(repo_id="someone/my-own-one", name="my-own-one")
    with django_assert_max_num_queries(4):  # the record once, its variants once a point
        found = compare_points(points, (), find_record)
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
        assert all(str(one) in text for one in table.bounds.broken)
        assert text.count("margin ") == len(table.margins)
    assert "bounds held" in memory
    assert all(f"  {one.name}: memory {one.memory:,}" in speed for one in proofs(shipped))


def test_json_is_the_same(capsys, shipped):
    found = json.loads(told(capsys, "--json"))
    evidence, engines, measured = (found.pop(name) for name in ("evidence", "engines", "measuredHere"))
    assert found == json.loads(json.dumps(shipped.as_json()))
    assert {"fact", "from", "words", "right", "cases", "atBest"} == set(evidence[0])
    assert [one["slug"] for one in engines] == [one.slug for one in proofs(shipped)]
    assert measured == []
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
    assert "notes" not in now


def test_lines_as_others_tell_them_are_compared_and_what_is_not_understood_is_said(capsys, tmp_path):
    path = write(tmp_path / "told.jsonl", [unseen_line(), unseen_line(cells=3)])
    found = json.loads(told(capsys, "--json", "--memory-points", path))
    assert found["notes"] == ["told.jsonl line 2: cells is not understood"]
    assert found["memory"]["points"] == 2
    kv = next(row for row in found["memory"]["rows"] if (row["by"], row["quantity"]) == ("all", "kv"))
    assert (kv["n"], kv["max"]) == (2, 0)
    assert "told.jsonl line 2: cells is not understood\n" in told(capsys, "--memory-points", path)


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
    assert json.loads(done.stdout) == json.loads(json.dumps({**accuracy_of(shipped), "measuredHere": None}))


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
    point = unseen_line() if option == "--memory-points" else {"model": "a/b", "hardware": "T4", "engine": "vllm"}
    path = write(tmp_path / "bad.jsonl", [{**point, **change}])
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("accuracy", option, path)


def test_a_missing_file_is_an_error_in_words(tmp_path):
    with pytest.raises(CommandError, match=r"nothing\.jsonl cannot be read: No such file"):
        call_command("accuracy", "--memory-points", str(tmp_path / "nothing.jsonl"))
    with pytest.raises(CommandError, match="cannot be read: Is a directory"):
        call_command("accuracy", "--speed-points", str(tmp_path))
