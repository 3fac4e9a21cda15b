"""The original's functions under their Python names: what they take, answer and refuse."""

from __future__ import annotations

import dataclasses
import json

import pytest

import compat
from compat import (
    CompatibilityResult,
    ModelMetadata,
    check_model_compatibility,
    check_model_worker_compatibility,
    extract_model_metadata,
    filter_compatible_models,
    get_huggingface_model,
    is_model_compatible,
    list_compatible_models,
    list_huggingface_models,
    search_compatible_models,
    search_huggingface_models,
)
from compat.catalogue import UnknownModel
from compat.catalogue.question import QuestionError
from compat.engines import profile
from compat.hub import HubError, HubOffline
from compat.models import ModelRecord, Verdict
from compat.models.engines import engines
from compat.rules import judge
from tests.hub_server import HubServer
from tests.samples import every_record, record

FIVE = ["compatible", "confidence", "reasons", "warnings", "recommendations"]
SIX = ["architecture", "format", "quantization", "parameters", "sizeBytes", "maxContextLength"]


def metadata(architecture="llama", format="safetensors", context=8192, **more):  # noqa: A002 - the fact's own name
    return ModelMetadata(architecture, format, max_context_length=context, **more)


def test_every_promised_name_is_there():
    assert set(compat.__all__) >= {
        "get_huggingface_model", "list_huggingface_models", "search_huggingface_models", "check_model_compatibility",
        "filter_compatible_models", "search_compatible_models", "list_compatible_models", "is_model_compatible",
        "check_model_worker_compatibility", "extract_model_metadata",
    }  # fmt: skip
    for name in compat.__all__:
        found = getattr(compat, name)
        assert callable(found)
        assert found.__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        compat.nothing  # noqa: B018 - looking it up is the test


# --- six facts, no database ------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["llama", "mistral", "phi", "phi3", "qwen2", "qwen3", "gemma", "gemma2"])
def test_the_five_families_run(architecture):
    assert is_model_compatible(metadata(architecture)).confidence == "high"
    assert is_model_compatible(metadata(architecture, "gguf")).confidence == "medium"


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (metadata("bert"), "architecture"),
        (metadata("mllama"), "architecture"),
        (metadata("dolphin"), "architecture"),
        (metadata("llama", "pytorch"), "format"),
        (metadata("llama", "onnx"), "format"),
        (metadata("llama", context=32_769), "context"),
        (metadata("llama", context=131_072), "context"),
        (metadata("bert", "pytorch", 131_072), "architecture"),
        (metadata("llama", "pytorch", 131_072), "format"),
        (metadata("unknown"), "unknown"),
        (metadata("llama", "unknown"), "unknown"),
    ],
)
def test_what_is_refused_and_why(facts, cause):
    result = is_model_compatible(facts)
    assert (result.compatible, result.confidence, result.cause) == (False, "none", cause)
    assert result.reasons


def test_all_causes_are_told_the_first_first():
    result = is_model_compatible(metadata("bert", "pytorch", 131_072))
    assert len(result.reasons) == 3
    assert "32,768" in result.reasons[-1]


def test_the_context_limit_is_exact():
    assert is_model_compatible(metadata(context=32_768)).compatible
    assert not is_model_compatible(metadata(context=32_769)).compatible


@pytest.mark.parametrize("architecture", ["qwen2_moe", "qwen3_moe", "phimoe"])
def test_experts_of_a_family_are_unsure(architecture):
    result = is_model_compatible(metadata(architecture))
    assert result.confidence == "low"
    assert result.warnings


def test_results_and_metadata_serialise_as_the_originals():
    facts = metadata("llama", "gguf", quantization="Q4_K_M", parameters="8.0B", size_bytes=5)
    assert list(facts.as_json()) == SIX
    assert facts.as_json()["maxContextLength"] == 8192
    result = is_model_compatible(facts)
    assert isinstance(result, CompatibilityResult)
    assert list(result.as_json()) == FIVE
    assert json.loads(json.dumps(result.as_json()))["confidence"] == "medium"


NO_COUNTS = ("NaN", "nan", "inf", "-3B", "1e999", "7 bananas", "8x7B", "0B", "999999999T", "B", "\u0667B")
"""Texts of ``parameters`` that are no number of parameters a model can have."""


@pytest.mark.parametrize("text", NO_COUNTS)
def test_a_count_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"^parameters: .* no number of parameters"):
        metadata(parameters=text)


@pytest.mark.parametrize("text", ["unknown", "", "8.0B", "~8.0B", "270M", "1.2T", "1100048384", " 7b "])
def test_a_count_as_people_write_it_is_taken(text):
    assert is_model_compatible(metadata(parameters=text)).compatible


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parameters", 8_030_261_248),
        ("architecture", None),
        ("architecture", "NaN"),
        ("format", 7),
        ("format", "undefined"),
        ("quantization", 4),
        ("quantization", "Infinity"),
        ("quantization", "-4"),
        ("size_bytes", "16 GB"),
        ("size_bytes", -1),
        ("size_bytes", True),
        ("size_bytes", float("nan")),
        ("size_bytes", 2**62),
        ("max_context_length", 0),
        ("max_context_length", "8192"),
        ("max_context_length", True),
        ("max_context_length", 10**15),
    ],
)
def test_a_stated_fact_that_is_none_is_refused_by_its_name(field, value):
    stated = {"architecture": "llama", "format": "safetensors", field: value}
    with pytest.raises(ValueError, match=f"^{field}: "):
        ModelMetadata(**stated)


def test_a_quantization_is_understood_in_any_case():
    told = metadata("llama", "gguf", quantization="q4_k_m")
    assert check_on("llama-cpp", told) == check_on("llama-cpp", metadata("llama", "gguf", quantization="Q4_K_M"))
    assert check_on("vllm", metadata(quantization="gptq")) == check_on("vllm", metadata(quantization="GPTQ"))


@pytest.mark.parametrize("plain", ["", "unknown", "none", "fp16", "BF16"])
def test_a_plain_safetensors_model_is_no_packed_one(plain):
    assert check_on("vllm", metadata(quantization=plain)) == check_on("vllm", metadata())


def check_on(slug, facts):
    return judge(facts.variant_facts, profile(slug))


# --- models ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_record_and_its_hub_answer_get_the_same_verdict():
    for item in every_record()[::7]:
        kept = ModelRecord.objects.get(repo_id=item["id"])
        stored = Verdict.objects.get(sheet=kept.sheet_id, profile="rbee").result
        assert check_model_compatibility(item) == check_model_compatibility(kept) == stored
        assert extract_model_metadata(item) == extract_model_metadata(kept)


@pytest.mark.django_db
def test_filter_keeps_what_runs_in_its_order():
    items = every_record()
    kept = filter_compatible_models(items)
    assert kept == [item for item in items if check_model_compatibility(item).compatible]
    assert 0 < len(kept) < len(items)
    records = list(ModelRecord.objects.prefetch_related("documents").order_by("repo_id")[:50])
    assert filter_compatible_models(records) == [r for r in records if check_model_compatibility(r).compatible]


@pytest.mark.django_db
def test_each_worker_answers_for_itself():
    item = record("meta-llama/Llama-3.1-70B-Instruct")
    for slug in engines():
        result = check_model_worker_compatibility(item, slug)
        assert bool(filter_compatible_models([item], slug)) == result.compatible
    with pytest.raises(ValueError, match="no worker 'nobody'"):
        check_model_worker_compatibility(item, "nobody")
    with pytest.raises(ValueError, match="no worker 'nobody'"):
        filter_compatible_models([item], "nobody")


@pytest.mark.django_db
def test_metadata_may_be_checked_against_a_worker():
    assert check_model_worker_compatibility(metadata()) == is_model_compatible(metadata())
    assert check_model_worker_compatibility(metadata(), "rbee").confidence == "high"


@pytest.mark.django_db
def test_the_metadata_of_a_real_model():
    facts = extract_model_metadata(record("microsoft/phi-2"))
    assert (facts.architecture, facts.family, facts.format) == ("phi", "phi", "safetensors")
    assert (facts.parameters, facts.max_context_length) == ("2.8B", 2048)


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{}, {"id": "no id"}, {"id": "a/b", "likes": "x"}])
def test_what_is_no_model_is_refused(wrong):
    with pytest.raises(HubError):
        check_model_compatibility(wrong)


# --- lists -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [1, 50, 70])
def test_a_list_holds_as_many_as_asked_for_if_they_exist(limit):
    running = Verdict.objects.filter(profile="rbee", confidence__gt=0).values("sheet")
    exist = ModelRecord.objects.filter(sheet__in=running).count()
    found = list_compatible_models(limit=limit)
    assert len(found) == min(limit, exist)
    assert len({kept.pk for kept in found}) == len(found)
    assert len(list_huggingface_models(limit=limit)) == limit


@pytest.mark.django_db
def test_a_list_of_fifty_is_the_default():
    assert len(list_huggingface_models()) == 50
    assert len(list_compatible_models()) == 50


@pytest.mark.django_db
def test_lists_and_searches_are_ordered_and_narrowed():
    found = list_huggingface_models(limit=20)
    assert found == list(ModelRecord.objects.order_by("-popularity", "repo_id")[:20])
    assert {kept.family for kept in list_huggingface_models(architecture="llama")} == {"llama"}
    llamas = search_huggingface_models("llama", limit=500)
    assert len(llamas) == ModelRecord.objects.filter(search_text__contains="llama").count()
    running = search_compatible_models("llama", limit=500)
    assert set(running) <= set(llamas)
    assert all(check_model_compatibility(kept).compatible for kept in running)


@pytest.mark.django_db
def test_a_senseless_option_is_refused():
    for options in (
        {"sort": "nonsense"},
        {"worker": "nobody"},
        {"min_params": "x"},
        {"langauge": "de"},
        {"format": "banana"},
        {"page": 2},
    ):
        with pytest.raises(QuestionError):
            list_huggingface_models(**options)


# --- one model, perhaps from the Hub ---------------------------------------------------------------------------


@pytest.fixture
def hub(settings):
    with HubServer([record("microsoft/phi-2", id="sample/phi-new")]) as server:
        settings.HUB = dataclasses.replace(settings.HUB, endpoint=server.url, max_attempts=1, offline=False)
        yield server


@pytest.mark.django_db
def test_what_the_catalogue_has_is_not_asked_from_the_hub(hub):
    assert get_huggingface_model("microsoft/phi-2").repo_id == "microsoft/phi-2"
    assert hub.requests == []


@pytest.mark.django_db
def test_what_it_lacks_is_fetched_and_kept(hub):
    assert get_huggingface_model("sample/phi-new").origin == "hub"
    asked = len(hub.requests)
    assert get_huggingface_model("sample/phi-new").family == "phi"
    assert len(hub.requests) == asked > 0


@pytest.mark.django_db
def test_what_the_hub_lacks_is_an_error(hub):
    with pytest.raises(HubError, match="nobody/nothing"):
        get_huggingface_model("nobody/nothing")


@pytest.mark.django_db
def test_offline_is_an_error_and_impossible_ids_are_never_asked_for(hub, settings):
    with pytest.raises(UnknownModel, match="not the id of a model"):
        get_huggingface_model("../etc/passwd")
    settings.HUB = dataclasses.replace(settings.HUB, offline=True)
    with pytest.raises(HubOffline):
        get_huggingface_model("sample/phi-new")
    assert hub.requests == []
