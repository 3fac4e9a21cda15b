"""What the API answers, posted back to it, gets the same verdict: one judge for all who ask."""

from __future__ import annotations

import json

import pytest

from compat import check_model_worker_compatibility, extract_model_metadata
from compat.engines import all_profiles
from compat.ingest.judging import reevaluate
from compat.models import EngineSetting
from tests.api.test_v1 import get, post
from tests.samples import every_record

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("slug", list(all_profiles()))
def test_every_answer_of_a_list_keeps_its_verdict(client, slug):
    EngineSetting.objects.update_or_create(slug=slug, defaults={"enabled": True})
    reevaluate()
    items = get(client, f"/api/v1/models?worker={slug}&compatible=false&limit=100")["items"]
    assert len(items) == 100
    told = [item["compatibility"] for item in items]
    by_metadata = [post(client, "check", {"worker": slug, "metadata": item["metadata"]}) for item in items[:40]]
    assert [{name: one[name] for name in told[0]} for one in by_metadata] == told[:40]
    for models in (items, [item["metadata"] for item in items]):
        found = post(client, "filter", {"worker": slug, "models": models})["results"]
        assert [{name: one[name] for name in told[0]} for one in found] == told
    whole = post(client, "check", {"worker": slug, "model": items[0]})
    assert {name: whole[name] for name in told[0]} == told[0]


def test_an_item_of_one_engine_is_judged_by_another_as_its_repository_is(client):
    EngineSetting.objects.update(enabled=True)
    reevaluate()
    items = list(every_item(client, ""))
    several = [item for item in items if len({one.get("format") for one in item["metadata"]["variants"]}) > 1]
    assert len(several) > 5
    for slug in all_profiles():
        there = {item["id"]: item for item in every_item(client, slug)}
        for models in (several, [item["metadata"] for item in several]):
            found = post(client, "filter", {"worker": slug, "models": models})["results"]
            told = [there[item["id"]]["compatibility"] for item in several]
            assert [{name: one[name] for name in told[0]} for one in found] == told, slug
        for item in several[:5]:
            checked = post(client, "check", {"worker": slug, "metadata": item["metadata"]})
            wanted = there[item["id"]]
            assert checked["metadata"] == wanted["metadata"]
            assert {**checked["variant"], "label": ""} == {**wanted["variant"], "label": ""}


def every_item(client, slug):
    cursor: str | None = ""
    while cursor is not None:
        found = get(client, f"/api/v1/models?worker={slug}&compatible=false&limit=200&cursor={cursor}")
        yield from found["items"]
        cursor = found["nextCursor"]


def test_metadata_of_a_model_is_judged_by_every_worker_as_the_model_is():
    EngineSetting.objects.update(enabled=True)
    for item in every_record()[::5]:
        metadata = extract_model_metadata(item)
        for slug in all_profiles():
            assert check_model_worker_compatibility(metadata, slug) == check_model_worker_compatibility(item, slug)


def test_a_fact_that_was_changed_since_is_believed_over_what_went_with_it(client):
    metadata = get(client, "/api/v1/models?q=microsoft/phi-2")["items"][0]["metadata"]
    assert post(client, "check", {"metadata": metadata})["compatible"]
    longer = post(client, "check", {"metadata": {**metadata, "maxContextLength": 131_072}})
    assert longer["cause"] == "context"
    assert post(client, "check", {"metadata": {**metadata, "architecture": "t5"}})["cause"] == "architecture"


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"colour": "red"}, "'colour' is no fact"),
        ({"gated": "yes"}, "valid boolean"),
        ({"context": 0}, "greater than or equal to 1"),
        ({"taskFrom": "hearsay"}, "Input should be"),
        ({"task": "x" * 1000}, "at most 200 characters"),
        ([], "valid dictionary"),
    ],
)
def test_facts_of_a_stranger_are_checked(client, facts, problem):
    metadata = {"architecture": "llama", "format": "safetensors", "facts": facts}
    assert problem in json.dumps(post(client, "check", {"metadata": metadata}, status=422))


@pytest.mark.parametrize(
    ("variants", "problem"),
    [
        ([{"colour": "red"}], "'colour' is no fact"),
        ([{"sizeBytes": "12 GB"}], "valid integer"),
        ([{"sizeBytes": -1}], "greater than or equal to 0"),
        (["gguf"], "valid dictionary"),
    ],
)
def test_variants_of_a_stranger_are_checked(client, variants, problem):
    metadata = {"architecture": "llama", "format": "safetensors", "facts": {"format": "gguf"}, "variants": variants}
    assert problem in json.dumps(post(client, "check", {"metadata": metadata}, status=422))


def test_a_record_where_metadata_is_looked_for_is_judged_as_the_record_it_is(client):
    record = {"id": "acme/plain-7b", "config": {"model_type": "llama"}, "tags": ["safetensors"]}
    alone = post(client, "check", {"model": record})
    assert post(client, "check", {"model": {"metadata": record}}) == alone


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({}, "model: id: Field required"),
        ({"id": 4}, "model: id: Input should be a valid string"),
        ({"architecture": 3, "format": "gguf"}, "model.architecture: Input should be a valid string"),
    ],
)
def test_an_item_that_is_none_is_told_where_it_stands(client, metadata, problem):
    assert post(client, "check", {"model": {"metadata": metadata}}, status=422)["detail"] == problem
