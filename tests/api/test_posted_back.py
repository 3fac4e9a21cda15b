"""What the API answers, posted back to it, gets the same verdict: one judge for all who ask."""

from __future__ import annotations

import json

import pytest

from compat.engines import all_profiles
from compat.ingest.judging import reevaluate
from compat.models import EngineSetting
from tests.api.test_v1 import get, post

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
