"""``check_model``: one model, one worker, one answer, as words and as the original's object."""

from __future__ import annotations

import dataclasses
import json

import pytest
from django.core.management import CommandError, call_command

from compat import check_model_worker_compatibility, get_huggingface_model
from compat.engines import engines
from compat.models import ModelRecord, Verdict
from tests.hub_server import HubServer
from tests.own_database import OwnDatabase
from tests.samples import RECORDS, record

pytestmark = pytest.mark.django_db

FIVE = ["compatible", "confidence", "reasons", "warnings", "recommendations"]


def check(*arguments, capsys, **options):
    call_command("check_model", *arguments, **options)
    return capsys.readouterr().out


def test_json_is_exactly_the_originals_five_fields(capsys):
    answer = json.loads(check("microsoft/phi-2", "--json", capsys=capsys))
    assert list(answer) == FIVE
    assert answer["compatible"] is True
    assert answer["confidence"] == "high"
    assert answer["reasons"]
    assert answer["warnings"] == []


def test_words_name_model_engine_verdict_and_reasons(capsys):
    out = check("microsoft/phi-2", capsys=capsys)
    assert out.startswith("microsoft/phi-2 on rbee: Runs (confidence high)\n")
    assert "\n  Why: " in out


def test_a_refused_model_says_why_and_is_no_error(capsys):
    out = check("meta-llama/Llama-3.1-70B-Instruct", capsys=capsys)
    assert "Won't run (confidence none)" in out
    assert "32,768" in out
    answer = json.loads(check("meta-llama/Llama-3.1-70B-Instruct", "--json", capsys=capsys))
    assert (answer["compatible"], answer["confidence"]) == (False, "none")


def test_a_model_of_which_too_little_is_told_is_unknown(capsys):
    verdict = Verdict.objects.filter(profile="rbee", cause="unknown").first()
    kept = ModelRecord.objects.filter(sheet=verdict.sheet_id).first()
    assert "Unknown (confidence none)" in check(kept.repo_id, capsys=capsys)


@pytest.mark.parametrize("repo_id", ["microsoft/phi-2", "BAAI/bge-m3", "Brooooooklyn/Qwen3.6-27B-UD-Q4_K_XL-mlx"])
def test_every_engine_answers_as_its_stored_verdict(repo_id, capsys):
    sheet = ModelRecord.objects.get(repo_id=repo_id).sheet_id
    for slug in engines():
        answer = json.loads(check(repo_id, "--json", "--worker", slug, capsys=capsys))
        stored = Verdict.objects.get(sheet=sheet, profile=slug).result
        assert answer == stored.as_json()
        assert check_model_worker_compatibility(get_huggingface_model(repo_id), slug) == stored


def test_the_case_of_an_id_does_not_matter(capsys):
    assert json.loads(check("MICROSOFT/PHI-2", "--json", capsys=capsys))["compatible"] is True


def test_an_unknown_worker_is_an_error_that_names_the_known(capsys):
    with pytest.raises(CommandError) as caught:
        check("microsoft/phi-2", "--worker", "nobody", capsys=capsys)
    assert "“nobody”" in str(caught.value)
    assert all(slug in str(caught.value) for slug in engines())


@pytest.mark.parametrize("repo_id", ["../../etc/passwd", "a/b/c", "<script>", "x" * 500, "a b"])
def test_what_cannot_be_an_id_is_an_error(repo_id, capsys):
    with pytest.raises(CommandError, match="not the id of a model"):
        check(repo_id, capsys=capsys)


def test_an_unknown_model_offline_is_an_error(settings, capsys):
    settings.HUB = dataclasses.replace(settings.HUB, offline=True)
    with pytest.raises(CommandError, match=r"(?i)offline"):
        check("nobody/nothing", capsys=capsys)


def test_an_unknown_model_is_asked_from_the_hub_and_kept(settings, capsys):
    with HubServer([record("microsoft/phi-2", id="sample/phi-new")]) as hub:
        settings.HUB = dataclasses.replace(settings.HUB, endpoint=hub.url)
        out = check("sample/phi-new", capsys=capsys)
        asked = len(hub.requests)
        assert "sample/phi-new on rbee: Runs" in out
        assert check("sample/phi-new", capsys=capsys) == out
        assert len(hub.requests) == asked
    assert ModelRecord.objects.get(repo_id="sample/phi-new").origin == "hub"


def test_a_model_the_hub_does_not_have_is_an_error(settings, capsys):
    with HubServer() as hub:
        settings.HUB = dataclasses.replace(settings.HUB, endpoint=hub.url)
        with pytest.raises(CommandError, match="nobody/nothing"):
            check("nobody/nothing", capsys=capsys)


def test_as_a_process(tmp_path):
    with OwnDatabase(tmp_path, HF_HUB_OFFLINE="1") as own:
        assert own.run("load_records", RECORDS).returncode == 0
        good = own.run("check_model", "microsoft/phi-2", "--json")
        assert good.returncode == 0, good.stderr
        assert list(json.loads(good.stdout)) == FIVE
        unknown = own.run("check_model", "nobody/nothing", "--json")
        assert unknown.returncode == 1
        assert unknown.stdout == ""
        assert unknown.stderr.startswith("CommandError: ")
        assert "HF_HUB_OFFLINE" in unknown.stderr
        assert own.run("check_model", "microsoft/phi-2", "--worker", "nobody").returncode == 1
