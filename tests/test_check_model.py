"""``check_model``: whether models run on a worker, as words and as the JSON API's object."""

from __future__ import annotations

import dataclasses
import json

import pytest
from django.core.management import CommandError, call_command

from compat import check_model_worker_compatibility, get_huggingface_model
from compat.management.command import Exit
from compat.models import ModelRecord, Verdict
from compat.models.engines import engines
from tests.hub_server import HubServer
from tests.own_database import OwnDatabase
from tests.samples import record

pytestmark = pytest.mark.django_db

FIVE = ["compatible", "confidence", "reasons", "warnings", "recommendations"]
CARD = ["--worker", "llama-cpp", "--memory", "24"]
MOE = "unsloth/Qwen3.5-35B-A3B-GGUF"
REFUSED = "meta-llama/Llama-3.1-70B-Instruct"


def check(*arguments, capsys, **options):
    call_command("check_model", *arguments, **options)
    return capsys.readouterr().out


def five(answer):
    return {key: answer[key] for key in FIVE}


def code_of(*arguments, **options):
    """What the process would end with."""
    with pytest.raises(CommandError) as caught:
        call_command("check_model", *arguments, **options)
    return caught.value.returncode


# --- one model -------------------------------------------------------------------------------------------------


def test_json_begins_with_the_originals_five_fields(capsys):
    answer = json.loads(check("microsoft/phi-2", "--json", capsys=capsys))
    assert list(answer)[:5] == FIVE
    assert answer["compatible"] is True
    assert answer["confidence"] == "high"
    assert answer["reasons"]
    assert answer["warnings"] == []


@pytest.mark.parametrize(
    "told", ["https://huggingface.co/microsoft/phi-2", "hf.co/microsoft/phi-2", "hf download microsoft/phi-2"]
)
def test_a_link_or_a_pasted_command_means_the_model_it_names(told, capsys):
    assert check(told, capsys=capsys) == check("microsoft/phi-2", capsys=capsys)


def test_words_name_model_engine_verdict_and_reasons(capsys):
    out = check("microsoft/phi-2", capsys=capsys)
    assert out.startswith("microsoft/phi-2 on rbee: Runs (confidence high)\n")
    assert "\n  Why: " in out
    assert "\n  Take: Safetensors (size and files not in our record)\n" in out


def test_a_refused_model_says_why_and_what_to_take_instead_and_is_no_error(capsys):
    out = check(REFUSED, capsys=capsys)
    assert "Won't run (confidence none)" in out
    assert "32,768" in out
    answer = json.loads(check(REFUSED, "--json", capsys=capsys))
    assert (answer["compatible"], answer["confidence"]) == (False, "none")
    assert answer["alternatives"]
    for other in answer["alternatives"]:
        assert other["compatibility"]["compatible"] is True
        assert f"\n  Instead: {other['id']} (" in out
    assert "  Take: " not in out


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
        assert five(answer) == stored.as_json()
        assert check_model_worker_compatibility(get_huggingface_model(repo_id), slug) == stored


@pytest.mark.parametrize("arguments", [[], CARD, [*CARD, "--context", "65536", "--kv", "q8_0"]], ids=len)
@pytest.mark.parametrize("repo_id", ["microsoft/phi-2", MOE, REFUSED])
def test_json_is_what_the_api_answers(repo_id, arguments, capsys, client):
    found = json.loads(check(repo_id, "--json", *arguments, capsys=capsys))
    asked = dict(zip((word.removeprefix("--") for word in arguments[::2]), arguments[1::2], strict=True))
    detail = client.get(f"/api/v1/models/{repo_id}", asked).json()
    compatibility = client.get(f"/api/v1/models/{repo_id}/compatibility", asked).json()
    best = next(one for one in detail["variants"] if one["best"])
    assert {**found, "variant": None} == {
        **compatibility,
        "variant": None,
        "memory": detail["memory"],
        "alternatives": detail["alternatives"],
    }
    assert found["variant"] == {key: best[key] for key in found["variant"]}
    assert set(found["variant"]) == {*compatibility["variant"], "files", "missingShards"}


def test_the_file_to_take_is_named_with_its_size_and_memory(capsys):
    answer = json.loads(check(MOE, "--json", *CARD, capsys=capsys))
    out = check(MOE, *CARD, capsys=capsys)
    assert answer["variant"]["files"]
    assert f"\n  Take: {answer['variant']['label']} ({answer['variant']['sizeBytes'] / 1e9:.1f} GB)\n" in out
    for name in answer["variant"]["files"]:
        assert f"\n  File: {name}\n" in out
    weights = next(part for part in answer["memory"]["parts"] if part["name"] == "Weights")
    (here,) = answer["memory"]["cards"]
    assert f"Memory: on the {here['name']} at 8,192 tokens: Weights {weights['bytes'] / 1024**3:.1f} GiB" in out
    assert f"; in all {here['needBytes'] / 1024**3:.1f} GiB of 24.0 GiB\n" in out
    for place in answer["memory"]["places"]:
        assert f"{place['name']} at 8,192 tokens: " in out


def test_a_larger_machine_changes_the_answer(capsys):
    small = json.loads(check(MOE, "--json", "--worker", "llama-cpp", "--memory", "4", capsys=capsys))
    assert (small["compatible"], small["cause"]) == (False, "memory")
    assert json.loads(check(MOE, "--json", *CARD, capsys=capsys))["compatible"] is True


def test_memory_that_is_not_known_is_called_so(capsys):
    out = check("TheBloke/phi-2-GGUF", *CARD, capsys=capsys)
    assert "Weights unknown" in out
    assert "Weights unknown (at least 0.6 GiB)" in out
    assert "free" not in out


def test_the_case_of_an_id_does_not_matter(capsys):
    assert json.loads(check("MICROSOFT/PHI-2", "--json", capsys=capsys))["compatible"] is True


# --- several ---------------------------------------------------------------------------------------------------


def test_several_are_answered_in_their_order_each_once(capsys):
    ids = [REFUSED, "microsoft/phi-2", REFUSED]
    found = json.loads(check(*ids, "--json", capsys=capsys))
    assert [one["id"] for one in found["items"]] == ids[:2]
    for one in found["items"]:
        assert one == json.loads(check(one["id"], "--json", capsys=capsys))
    out = check(*ids, capsys=capsys)
    assert out == "\n".join(check(repo_id, capsys=capsys) for repo_id in ids[:2])


def test_one_that_cannot_be_asked_keeps_none_of_the_others_back(settings, capsys):
    settings.HUB = dataclasses.replace(settings.HUB, offline=True)
    with pytest.raises(CommandError, match="HF_HUB_OFFLINE") as caught:
        call_command("check_model", "microsoft/phi-2", "nobody/nothing", REFUSED, "--json")
    assert caught.value.returncode == Exit.NO_ANSWER
    found = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in found["items"]] == ["microsoft/phi-2", "nobody/nothing", REFUSED]
    assert found["items"][0]["compatible"] is True
    assert found["items"][1]["error"]["exitCode"] == found["error"]["exitCode"] == Exit.NO_ANSWER


# --- what is no answer -----------------------------------------------------------------------------------------


def test_an_unknown_worker_is_an_error_that_names_the_known(capsys):
    with pytest.raises(CommandError) as caught:
        check("microsoft/phi-2", "--worker", "nobody", capsys=capsys)
    assert "“nobody”" in str(caught.value)
    assert all(slug in str(caught.value) for slug in engines())
    assert caught.value.returncode == Exit.USAGE
    with pytest.raises(CommandError, match=r"Did you mean vllm\?"):
        check("microsoft/phi-2", "--worker", "vlm", capsys=capsys)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--memory", "much"], "memory"),
        (["--memory", "0"], "memory"),
        (["--kv", "q1"], "q4_0"),
        (["--count", "99"], "16 is the most"),
        (["--context", "-1"], "context"),
        (["--accelerator", "Abacus"], "“Abacus”"),
        (["--machine", "4070 and 32 GB"], "--machine.* Tell the machine with --accelerator"),
        (["--accelerator", "4070 and 32 GB", "--ram", "64"], "ram is 64, and “4070 and 32 GB” tells 32"),
        (["--accelerator", "RTX 4091"], "Or do you mean RTX 4090"),
    ],
)
def test_a_senseless_machine_is_wrong_usage(arguments, word):
    with pytest.raises(CommandError, match=word) as caught:
        call_command("check_model", "microsoft/phi-2", *arguments)
    assert caught.value.returncode == Exit.USAGE


def test_a_machine_may_be_told_as_one_text(capsys):
    told = check("microsoft/phi-2", "--accelerator", "4070, 32 GB RAM", "--json", capsys=capsys)
    assert told == check("microsoft/phi-2", "--accelerator", "RTX 4070", "--ram", "32", "--json", capsys=capsys)
    assert told
    words = check("microsoft/phi-2", "--accelerator", "4070 and 32 GB", capsys=capsys)
    assert "\n  Mind: 32 GB is taken as system memory.\n" in words


@pytest.mark.parametrize("repo_id", ["../../etc/passwd", "a/b/c", "<script>", "x" * 500, "a b"])
def test_what_cannot_be_an_id_is_wrong_usage(repo_id, capsys):
    with pytest.raises(CommandError, match="not the id of a model") as caught:
        check(repo_id, capsys=capsys)
    assert caught.value.returncode == Exit.USAGE
    assert code_of("microsoft/phi-2", repo_id) == Exit.USAGE
    assert capsys.readouterr().out == ""


def test_an_unknown_model_offline_is_no_answer(settings, capsys):
    settings.HUB = dataclasses.replace(settings.HUB, offline=True)
    with pytest.raises(CommandError, match=r"(?i)offline") as caught:
        check("nobody/nothing", capsys=capsys)
    assert caught.value.returncode == Exit.NO_ANSWER


def test_an_unknown_model_is_asked_from_the_hub_and_kept(settings, capsys):
    with HubServer([record("microsoft/phi-2", id="sample/phi-new")]) as hub:
        settings.HUB = dataclasses.replace(settings.HUB, endpoint=hub.url, offline=False)
        out = check("sample/phi-new", capsys=capsys)
        asked = len(hub.requests)
        assert "sample/phi-new on rbee: Runs" in out
        assert check("sample/phi-new", capsys=capsys) == out
        assert len(hub.requests) == asked
    assert ModelRecord.objects.get(repo_id="sample/phi-new").origin == "hub"


def test_a_model_the_hub_does_not_have_is_a_failure_and_a_failing_hub_no_answer(settings, capsys):
    with HubServer() as hub:
        settings.HUB = dataclasses.replace(settings.HUB, endpoint=hub.url, offline=False, backoff=0.01)
        with pytest.raises(CommandError, match="nobody/nothing") as caught:
            check("nobody/nothing", capsys=capsys)
        assert caught.value.returncode == Exit.FAILED
        hub.fail_next(50, status=503)
        assert code_of("nobody/nothing") == Exit.NO_ANSWER


# --- as a process ----------------------------------------------------------------------------------------------


def test_its_exit_codes_tell_a_script_what_the_answer_is(tmp_path):
    with OwnDatabase(tmp_path, filled=True, HF_HUB_OFFLINE="1") as own:
        good = own.run("check_model", "microsoft/phi-2", "--json")
        assert (good.returncode, good.stderr) == (Exit.DONE, "")
        assert list(json.loads(good.stdout))[:5] == FIVE
        no = own.run("check_model", "microsoft/phi-2", REFUSED)
        assert (no.returncode, no.stderr) == (Exit.NO, "")
        unknown = own.run("check_model", "nobody/nothing", "--json")
        assert unknown.returncode == Exit.NO_ANSWER
        assert unknown.stderr.startswith("Error: ")
        assert "HF_HUB_OFFLINE" in unknown.stderr
        error = json.loads(unknown.stdout)["error"]
        assert error["exitCode"] == Exit.NO_ANSWER
        assert unknown.stderr == f"Error: {error['message']}\n"
        wrong = own.run("check_model", "microsoft/phi-2", "--worker", "nobody")
        assert (wrong.returncode, wrong.stdout) == (Exit.USAGE, "")


def test_the_ways_to_run_it_are_told_with_what_to_type(capsys):
    shown = check("meta-llama/Llama-3.1-8B", "--worker", "vllm", "--accelerator", "RTX 4090", capsys=capsys)
    assert "as asked: RTX 4090 18.0 GiB of 22.1 GiB" in shown
    assert "vllm serve meta-llama/Llama-3.1-8B --max-model-len 8192 --gpu-memory-utilization 0.92" in shown


def test_what_is_lacking_is_told_where_nothing_runs(capsys):
    shown = check("meta-llama/Llama-3.1-8B", "--worker", "vllm", "--memory", "5", capsys=capsys)
    assert "GiB more on the card." in shown
