"""``read_log`` and ``dump_measurements``: logs on the command line, and what was kept of them as points."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command, load_command_class

from compat.management.command import Exit
from compat.models import Measurement
from tests.logs.real_logs import DATA

pytestmark = pytest.mark.django_db

LLAMA = "meta-llama/Llama-3.1-8B"
R1 = str(DATA / "ollama-0.9-deepseek-r1-8b-journald.log")


def ran(*arguments, code=Exit.DONE):
    """What a command printed, which ends with this code."""
    out = io.StringIO()
    if code is Exit.DONE:
        call_command(*arguments, stdout=out)
        return out.getvalue()
    with pytest.raises((CommandError, SystemExit)) as raised:
        call_command(*arguments, stdout=out)
    told = raised.value
    assert (told.returncode if isinstance(told, CommandError) else told.code) == code
    return out.getvalue() + str(told)


def test_a_file_is_compared_and_nothing_kept():
    text = ran("read_log", LLAMA, R1, "--worker", "ollama")
    for words in ("Ollama on GTX 1080", "Weights", "4,403 MiB", "560 MiB", "DeepSeek R1"):
        assert words in text, words
    assert Measurement.objects.count() == 0


def test_json_is_that_of_the_api(client):
    document = json.loads(ran("read_log", LLAMA, R1, "--worker", "ollama", "--json"))
    body = json.dumps({"log": (DATA / R1).read_text("utf-8")})
    answer = client.post(f"/api/v1/models/{LLAMA}/log?worker=ollama", body, content_type="application/json").json()
    assert document == answer


def test_standard_input_is_read(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((DATA / R1).read_bytes())))
    assert "4,403 MiB" in ran("read_log", LLAMA, "-")


def test_keep_keeps_once_and_the_points_can_be_written(tmp_path):
    for _ in range(2):
        document = json.loads(ran("read_log", LLAMA, R1, "--keep", "--json"))
    assert document["kept"] == Measurement.objects.get().pk
    target = tmp_path / "points.jsonl"
    assert "1 point written" in ran("dump_measurements", str(target))
    assert json.loads(target.read_text("utf-8"))["model_id"] == LLAMA
    assert ran("dump_measurements", "-", "--speed") == ""
    assert json.loads(ran("dump_measurements", "-"))["kv_mib"] == 1024.0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((LLAMA, "nowhere.log"), Exit.FAILED, "cannot be read"),
        (("nobody/nothing", R1), Exit.FAILED, "no model"),
        ((LLAMA, str(DATA / "README.md")), Exit.FAILED, "Nothing in this text|tells no size"),
        ((LLAMA, R1, "--worker", "nobody"), Exit.USAGE, "no worker"),
        ((LLAMA, str(DATA / "ollama-out-of-memory-compute.log"), "--keep"), Exit.NO_ANSWER, "not kept"),
    ],
    ids=["file", "model", "no log", "worker", "stopped"],
)
def test_what_goes_wrong_has_its_code(arguments, code, words):
    text = ran("read_log", *arguments, code=code)
    assert any(word in text for word in words.split("|"))


def test_another_models_log_is_an_answer_of_no():
    command = load_command_class("marketplace", "read_log")
    out = io.StringIO()
    call_command(command, LLAMA, str(DATA / "llama-cpp-glm-5.2-4gpu.log"), stdout=out)
    assert "another model" in out.getvalue()
    assert command._code is Exit.NO


def test_points_are_not_written_where_they_cannot_be(tmp_path):
    assert "is a folder" in ran("dump_measurements", str(tmp_path), code=Exit.USAGE)
