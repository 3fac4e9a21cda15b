"""``find_models`` and ``list_workers``: the pages' and the API's answers, in a terminal."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command, load_command_class

from compat.catalogue.question import ALL_CAUSES, Question
from compat.management.command import Exit
from compat.models import EngineSetting, ModelRecord, SiteWorker
from marketplace import starter
from marketplace.api.parameters import LISTING
from marketplace.management.commands import find_models

pytestmark = pytest.mark.django_db


def told(command, *arguments, capsys):
    call_command(command, *map(str, arguments))
    return capsys.readouterr()


def found(*arguments, capsys):
    return json.loads(told("find_models", *arguments, "--json", capsys=capsys).out)


# --- find_models -----------------------------------------------------------------------------------------------


def test_it_takes_every_parameter_of_the_browse_page_and_of_the_api():
    parser = load_command_class("marketplace", "find_models").create_parser("manage.py", "find_models")
    names = set(vars(parser.parse_args([])))
    assert names >= set(Question.model_fields) - {"page"}
    assert names >= set(LISTING)


QUESTIONS = [
    "",
    "q=qwen&worker=vllm&memory=24",
    "q=llama+instruct&compatible=false&limit=7",
    "format=gguf&format=safetensors&sort=likes&limit=12",
    "compatible=only-incompatible&cause=context&limit=5",
    "worker=llama-cpp&accelerator=RTX+4090&count=2&context=16384&kv=q8_0&compatible=false",
    "min_params=1&max_params=8.5&min_context=4096&license=apache-2.0&sort=params",
    "author=Qwen&author=microsoft&gated=false&confidence=high",
    "list=small-and-open&compatible=false",
    "q=thereisnosuchmodelatall",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_json_is_what_the_api_answers(question, capsys, client):
    starter.create_lists()
    pairs = [pair.split("=") for pair in question.replace("+", " ").split("&") if pair]
    words = [value for name, value in pairs if name == "q"]
    options = [word for name, value in pairs if name != "q" for word in (f"--{name.replace('_', '-')}", value)]
    answer = found(*words, *options, capsys=capsys)
    assert answer == client.get(f"/api/v1/models?{question}").json()


def test_a_cursor_goes_on_where_the_answer_ended(capsys):
    whole = [item["id"] for item in found("--compatible", "false", "--limit", 50, capsys=capsys)["items"]]
    first = found("--compatible", "false", "--limit", 20, capsys=capsys)
    rest = found("--compatible", "false", "--limit", 30, "--cursor", first["nextCursor"], capsys=capsys)
    assert [item["id"] for item in (*first["items"], *rest["items"])] == whole


BYTES = "\udcff"
"""How Python keeps an argument's byte that is not UTF-8."""


@pytest.mark.parametrize(
    ("command", "arguments", "named"),
    [
        ("find_models", (BYTES,), "A word"),
        ("find_models", ("--author", BYTES), "--author"),
        ("find_models", ("--author", "Qwen", "--author", f"x{BYTES}"), "--author"),
        ("find_models", ("--list", BYTES), "--list"),
        ("find_models", ("--min-params", BYTES), "--min-params"),
        ("find_models", ("--cursor", BYTES), "--cursor"),
        ("find_models", ("--worker", BYTES), "--worker"),
        ("find_models", ("--accelerator", BYTES), "--accelerator"),
        ("check_model", (BYTES,), "An id"),
        ("compat_report", ("--worker", BYTES), "--worker"),
    ],
)
def test_bytes_that_are_no_text_are_wrong_usage(command, arguments, named):
    with pytest.raises(CommandError, match=rf"^{named} is '.*', which is not UTF-8\.$") as error:
        call_command(command, *arguments)
    assert error.value.returncode == Exit.USAGE
    str(error.value).encode("utf-8")


def test_it_says_how_to_see_more(capsys, monkeypatch):
    def said(limit):
        return told("find_models", "--compatible", "false", "--limit", limit, capsys=capsys).err

    assert said(5).endswith(" --limit shows more.\n")
    monkeypatch.setattr(find_models, "MOST", 5)
    assert said(5).endswith(" --cursor shows more: give it “nextCursor” of a --json answer.\n")
    assert said(4).endswith(" --limit shows more.\n")


def test_plain_text_is_a_line_a_model_with_its_whole_id_first(capsys):
    answer = found("--compatible", "false", "--limit", 300, capsys=capsys)
    shown = told("find_models", "--compatible", "false", "--limit", 300, capsys=capsys)
    head, *lines = shown.out.splitlines()
    assert head.split() == ["Model", "Verdict", "Params", "Context", "Size", "Downloads", "Take", "Mind"]
    assert [line.split()[0] for line in lines] == [item["id"] for item in answer["items"]]
    assert "\x1b" not in shown.out
    start, end = head.index("Verdict"), head.index("Params")
    words = {"high": "Runs", "medium": "Should run", "low": "Might run", "none": "Won't run"}
    for line, item in zip(lines, answer["items"], strict=True):
        verdict = item["compatibility"]
        expected = "Unknown" if verdict["cause"] == "unknown" else words[verdict["confidence"]]
        assert line[start:end].strip(" ~") == expected
        if item["downloads"] is not None:
            assert f" {item['downloads']:,} " in line
        if verdict["brief"]:
            assert line.endswith(verdict["brief"])
    assert {item["compatibility"]["confidence"] for item in answer["items"]} >= {"high", "low", "none"}


def test_what_is_not_shown_is_told_on_standard_error(capsys):
    shown = told("find_models", "qwen", "--limit", 3, capsys=capsys)
    answer = found("qwen", "--limit", 3, capsys=capsys)
    assert f"3 of {answer['total']:,} models that run on rbee." in shown.err
    for cause in ALL_CAUSES:
        if answer["hidden"].get(cause):
            assert f"{answer['hidden'][cause]:,} {cause}" in shown.err
    assert answer["hidden"]
    call_command("find_models", "qwen", verbosity=0)
    assert capsys.readouterr().err == ""


def test_nothing_found_is_told_and_is_no_failure(capsys):
    shown = told("find_models", "thereisnosuchmodelatall", capsys=capsys)
    assert (shown.out, shown.err) == ("", "0 models that run on rbee.\n")


def test_a_value_that_no_model_has_is_told_with_an_empty_list(capsys):
    shown = told("find_models", "--license", "wtfpl", capsys=capsys)
    assert shown.err == "0 models that run on rbee. No model of this catalogue has “wtfpl” as its license.\n"


def test_an_empty_catalogue_says_how_to_fill_it(capsys):
    from compat.models import Catalogue

    ModelRecord.objects.all().delete()
    Catalogue.objects.all().delete()
    assert "load_records --bundled" in told("find_models", capsys=capsys).err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sort", "size"], ["“size”", "popular", "trending"]),
        (["--max-params", "many"], ["max_params"]),
        (["--min-params", "9", "--max-params", "2"], ["below min_params"]),
        (["--list", "nothing"], ["There is no list “nothing”"]),
        (["--format", "banana"], ["“banana” is not a value of format", "safetensors"]),
        (["--architecture", "lama"], ["“lama”", "Did you mean llama"]),
        (["--license", "apache2.0", "--task", "x"], ["“apache2.0”", "apache-2.0", "“x” is not a value of task"]),
        (["--cursor", "rubbish"], ["cursor"]),
        (["--worker", "nobody"], ["There is no worker “nobody”"]),
        (["--limit", "0"], ["whole number above zero"]),
        (["--limit", "99999"], ["10,000 is the most"]),
        (["--cause", "x", "--confidence", "y"], ["“x”", "“y”"]),
        (["--nonsense"], ["--nonsense", "find_models --help"]),
        (["x" * 1500], ["1,500 characters"]),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_a_senseless_question_is_wrong_usage_and_says_what_would_make_sense(arguments, words):
    with pytest.raises(CommandError) as caught:
        call_command("find_models", *arguments)
    assert caught.value.returncode == Exit.USAGE
    for word in words:
        assert word in str(caught.value)


# --- list_workers ----------------------------------------------------------------------------------------------


@pytest.fixture
def box():
    return SiteWorker.objects.create(
        slug="big-box", name="Big box", engine="vllm", accelerator="RTX 4090", count=2, context=16384
    )


def test_workers_in_json_are_what_the_api_answers(box, capsys, client):
    answer = json.loads(told("list_workers", "--json", capsys=capsys).out)
    assert answer == client.get("/api/v1/workers").json()
    assert [item["slug"] for item in answer["items"] if item["default"]] == [answer["items"][0]["slug"]]


def test_workers_in_plain_text_are_a_line_each(box, capsys):
    answer = json.loads(told("list_workers", "--json", capsys=capsys).out)
    head, *lines = told("list_workers", capsys=capsys).out.splitlines()
    assert head.split() == ["Worker", "Engine", "Machine", "Run", "Of"]
    for line, item in zip(lines, answer["items"], strict=True):
        assert line.split()[0] == item["slug"]
        assert line.split()[-2:] == [f"{item['running']:,}", f"{item['total']:,}"]
    assert "2 \N{MULTIPLICATION SIGN} RTX 4090 at 16,384 tokens" in lines[-1]
    assert lines[-1].startswith("big-box ")


def test_what_is_listed_can_be_asked_for(box, capsys):
    for line in told("list_workers", capsys=capsys).out.splitlines()[1:]:
        slug = line.split()[0]
        assert found("--worker", slug, "--limit", 1, capsys=capsys)["worker"]["slug"] == slug


def test_an_engine_that_is_switched_off_is_neither_listed_nor_taken(capsys):
    EngineSetting.objects.filter(slug="ollama").update(enabled=False)
    assert "ollama" not in told("list_workers", capsys=capsys).out
    with pytest.raises(CommandError, match="no worker “ollama”"):
        call_command("find_models", "--worker", "ollama")
