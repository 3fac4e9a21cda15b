"""The JSON API says what the pages say, page by page of a list and model by model."""

from __future__ import annotations

import json
from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat import catalogue as queries
from compat import check_model_compatibility, get_huggingface_model
from compat.catalogue import current
from compat.catalogue.order import ORDERS
from compat.catalogue.workers import workers
from compat.ingest import store as sync
from compat.models import CuratedList, ListEntry, ModelRecord, SiteWorker
from tests.samples import record, renamed

pytestmark = pytest.mark.django_db
FIVE = {"compatible", "confidence", "reasons", "warnings", "recommendations"}
SIX = {"architecture", "format", "quantization", "parameters", "sizeBytes", "maxContextLength"}
TOLD = SIX | {"facts", "variants"}


def get(client, address, status=200, **headers):
    response = client.get(address, **headers)
    assert response.status_code == status, response.content[:500]
    return response.json()


def post(client, address, body, status=200):
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    response = client.post(f"/api/v1/compatibility/{address}", text, content_type="application/json")
    assert response.status_code == status, response.content[:500]
    return response.json()


def walked(client, address, limit):
    """Every item of a list, page by page, and how long the pages were."""
    ids, sizes, cursor = [], [], None
    while True:
        found = get(client, f"{address}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        ids += [item["id"] for item in found["items"]]
        sizes.append(len(found["items"]))
        cursor = found["nextCursor"]
        if cursor is None:
            return ids, sizes, found["total"]


# --- lists -----------------------------------------------------------------------------------------------------


def test_an_item_has_the_six_facts_and_a_verdict(client):
    found = get(client, "/api/v1/models?q=microsoft/phi-2")
    item = found["items"][0]
    assert item["id"] == "microsoft/phi-2"
    assert set(item["metadata"]) == TOLD
    assert item["metadata"]["architecture"] == "phi"
    assert item["compatibility"] == {"compatible": True, "confidence": "high", "cause": None, "brief": None}
    assert found["worker"]["slug"] == "rbee"


def test_fifty_asked_are_fifty_given(client):
    sync.store_raw([(item["id"], item) for item in renamed(300)], origin="file")
    found = get(client, "/api/v1/models?limit=50")
    assert found["total"] > 50
    assert len(found["items"]) == 50
    assert all(item["compatibility"]["compatible"] for item in found["items"])


@pytest.mark.parametrize("unit", ["model", "repository"])
@pytest.mark.parametrize(
    ("sort", "more"),
    [
        *product(ORDERS, ["compatible=false", "worker=vllm&memory=12", "compatible=false&q=qwen"]),
        *product(["speed"], ["worker=ollama&accelerator=RTX 4090", "worker=vllm&accelerator=RTX 4090&q=b"]),
    ],
)
def test_pages_and_cursors_give_the_same_models_in_the_same_order(client, sort, more, unit):
    more = f"{more}&unit={unit}"
    ids, sizes, total = walked(client, f"/api/v1/models?sort={sort}&{more}", 37)
    assert len(ids) == len(set(ids)) == total
    assert all(size == 37 for size in sizes[:-1])
    shown, number = [], 1
    while len(shown) < total:
        page = client.get(f"/models/?sort={sort}&{more}&page={number}").context["page"]
        assert page.total == total
        shown += [row.record.repo_id for row in page.rows]
        number += 1
    assert ids == shown


@pytest.mark.parametrize(
    "question",
    [
        "",
        "worker=llama-cpp",
        "worker=vllm&memory=8",
        "worker=vllm&accelerator=RTX 4090&context=32768",
        "q=llama&format=gguf",
        "task=text-generation&license=apache-2.0&min_params=1&max_params=9",
        "compatible=only-incompatible&cause=context",
        "confidence=medium&confidence=low",
    ],
)
@pytest.mark.parametrize("unit", ["model", "repository"])
def test_totals_and_hidden_counts_are_those_of_the_page(client, question, unit):
    found = get(client, f"/api/v1/models?{question}&unit={unit}")
    page = client.get(f"/models/?{question}&unit={unit}").context["page"]
    assert found["total"] == page.total
    assert found["hidden"] == {hidden.cause: hidden.count for hidden in page.hidden}
    for item, row in zip(found["items"], page.rows, strict=True):
        assert item["id"] == row.record.repo_id
        assert item["compatibility"]["confidence"] == row.result.confidence
        assert item["compatibility"]["cause"] == (row.result.cause or None)
        assert (item["fit"] or {}).get("sentence") == (row.fit.sentence if row.fit else None)


@pytest.mark.parametrize(
    ("sort", "more"),
    [*product(ORDERS, ["", "&worker=vllm&memory=12"]), ("speed", "&worker=vllm&accelerator=RTX 4090")],
)
def test_a_list_that_changes_meanwhile_neither_skips_nor_repeats(client, sort, more):
    address = f"/api/v1/models?compatible=false&sort={sort}{more}"
    before, _, _ = walked(client, address, 200)
    first = get(client, f"{address}&limit=60")
    seen = [item["id"] for item in first["items"]]
    ModelRecord.objects.filter(repo_id__in=[seen[3], seen[-1], before[70]]).delete()
    sync.store_raw([(item["id"], item) for item in renamed(40, "newcomer")], origin="file")
    cursor = first["nextCursor"]
    while cursor:
        found = get(client, f"{address}&limit=60&cursor={cursor}")
        seen += [item["id"] for item in found["items"]]
        cursor = found["nextCursor"]
    assert len(seen) == len(set(seen))
    assert [one for one in seen if not one.startswith("newcomer/")] == [one for one in before if one != before[70]]


def test_a_cursor_belongs_to_its_question(client):
    cursor = get(client, "/api/v1/models?limit=2")["nextCursor"]
    for address in ("sort=likes", "worker=vllm", "q=a"):
        found = get(client, f"/api/v1/models?{address}&cursor={cursor}", 400)
        assert found["errors"][0]["field"] == "cursor"
    assert get(client, f"/api/v1/models?limit=9&cursor={cursor}")["items"]


# --- one model -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("worker", ["rbee", "vllm", "llama-cpp"])
def test_every_model_has_one_verdict_everywhere(client, worker):
    listed = {}
    cursor = ""
    while cursor is not None:
        address = f"/api/v1/models?compatible=false&limit=200&worker={worker}" + (f"&cursor={cursor}" if cursor else "")
        found = get(client, address)
        listed |= {item["id"]: item for item in found["items"]}
        cursor = found["nextCursor"]
    assert len(listed) == ModelRecord.objects.count()
    for repo_id in list(listed)[::40]:
        result = get(client, f"/api/v1/models/{repo_id}/compatibility?worker={worker}")
        assert (result.pop("plans"), result.pop("lacks")) == ([], None)
        result.pop("surerBuild")
        result.pop("perhapsBuild")
        result.pop("otherEngines")
        page = client.get(f"/models/{repo_id}/?worker={worker}").context["page"]
        detail = get(client, f"/api/v1/models/{repo_id}?worker={worker}")
        assert {key: result[key] for key in FIVE} == page.result.as_json()
        assert detail["result"] == result
        assert detail["metadata"] == result["metadata"] == listed[repo_id]["metadata"]
        assert detail["compatibility"] == listed[repo_id]["compatibility"]
        six = page.extraction.metadata(page.extraction.variants[page.row.best.position]).as_json()
        assert {name: result["metadata"][name] for name in SIX} == six
        payload = ModelRecord.objects.get(repo_id=repo_id).payload
        given = post(client, "check", {"model": payload, "worker": worker})
        assert given == result


def test_a_machine_judges_given_models_like_stored_ones(client):
    SiteWorker.objects.create(name="Desk", slug="desk", engine="llama-cpp", memory_gb=8)
    current.forget_index()
    found = get(client, "/api/v1/models?compatible=false&limit=60&worker=desk&format=gguf")
    assert {item["fit"]["fit"] for item in found["items"] if item["fit"]} & {"fits", "too large", "partial offload"}
    payloads = {kept.repo_id: kept.payload for kept in ModelRecord.objects.prefetch_related("documents")}
    filtered = post(client, "filter", {"models": [payloads[item["id"]] for item in found["items"]], "worker": "desk"})
    for item, result in zip(found["items"], filtered["results"], strict=True):
        assert result["id"] == item["id"]
        assert {key: result[key] for key in item["compatibility"]} == item["compatibility"]


def test_compatibility_has_the_originals_fields_and_more_beside_them(client):
    found = get(client, "/api/v1/models/microsoft/phi-2/compatibility")
    assert {key: found[key] for key in FIVE} == check_model_compatibility(
        get_huggingface_model("microsoft/phi-2")
    ).as_json()
    assert set(found) - FIVE == {"id", "cause", "brief", "codes", "fit", "metadata", "guessed", "variant", "worker"} | {
        "plans",
        "lacks",
        "surerBuild",
        "perhapsBuild",
        "otherEngines",
    }


def test_detail_tells_variants_facts_and_alternatives(client):
    refused = next(item for item in get(client, "/api/v1/models?compatible=only-incompatible&cause=context")["items"])
    found = get(client, f"/api/v1/models/{refused['id']}?memory=24")
    assert found["result"]["cause"] == "context"
    assert found["facts"]["context"]["value"] > 32768
    assert found["facts"]["architecture"]["provenance"]
    assert all(item["compatibility"]["compatible"] for item in found["alternatives"])
    assert sum(variant["best"] for variant in found["variants"]) == 1


def test_a_model_without_an_owner(client):
    sync.store_raw([("1", record("microsoft/phi-2", id="plain"))], origin="file")
    assert get(client, "/api/v1/models/plain")["author"] is None
    assert get(client, "/api/v1/models/plain/compatibility")["compatible"] is True


# --- given models ----------------------------------------------------------------------------------------------


def test_six_facts(client):
    facts = {
        "architecture": "llama",
        "format": "safetensors",
        "quantization": None,
        "parameters": "8.0B",
        "sizeBytes": 16_060_522_496,
        "maxContextLength": 8192,
    }
    found = post(client, "check", {"metadata": facts})
    assert (found["compatible"], found["confidence"]) == (True, "high")
    assert {name: found["metadata"][name] for name in SIX} == facts
    assert post(client, "check", {"metadata": facts | {"maxContextLength": 32_769}})["cause"] == "context"
    assert post(client, "check", {"metadata": facts | {"architecture": "bert"}})["cause"] == "architecture"
    assert post(client, "check", {"metadata": facts | {"format": "pytorch"}})["cause"] == "format"


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        *(("parameters", text) for text in ("NaN", "inf", "-3B", "1e999", "7 bananas", "0", 7, None)),
        *(("sizeBytes", value) for value in ("16 GB", -1, True, 1.5, 2**62)),
        *(("maxContextLength", value) for value in ("8192", 0, -1, False, 10**15, None)),
        *(("quantization", value) for value in ("NaN", "-4", 4, ["GPTQ"])),
        *(("architecture", value) for value in ("null", "7", None)),
        *(("format", value) for value in ("undefined", "--", 1)),
    ],
)
def test_a_stated_fact_that_is_none_is_refused_by_its_name(client, fact, value):
    stated = {"architecture": "llama", "format": "safetensors", fact: value}
    found = post(client, "check", {"metadata": stated}, status=422)
    assert [error["field"] for error in found["errors"]] == [f"metadata.{fact}"]
    found = post(client, "filter", {"models": [stated]}, status=422)
    assert [error["field"] for error in found["errors"]] == [f"models.0.{fact}"]


@pytest.mark.parametrize("text", ["unknown", "", "~7B", "1100048384"])
def test_what_is_not_known_and_what_people_write_is_taken(client, text):
    facts = {"architecture": "llama", "format": "safetensors", "parameters": text}
    assert post(client, "check", {"metadata": facts})["metadata"]["parameters"] == text


def test_filter_keeps_what_runs_as_it_was_given(client):
    runs = {"id": "a/runs", "mine": 1, "siblings": [{"rfilename": "m.safetensors"}], "config": {"model_type": "llama"}}
    facts = {"architecture": "qwen2", "format": "gguf", "maxContextLength": 4096}
    found = post(client, "filter", {"models": [{"id": "a/silent"}, runs, facts, facts | {"format": "onnx"}]})
    assert found["models"] == [runs, facts]
    assert [one["compatible"] for one in found["results"]] == [False, True, True, False]
    assert [one["id"] for one in found["results"]] == ["a/silent", "a/runs", None, None]
    assert (found["total"], found["compatible"]) == (4, 2)
    assert post(client, "filter", {"models": []})["models"] == []


# --- the site --------------------------------------------------------------------------------------------------


def test_workers(client):
    found = get(client, "/api/v1/workers")["items"]
    assert [one["slug"] for one in found] == list(workers())
    assert found[0]["default"]
    assert sum(one["default"] for one in found) == 1
    for one in found:
        assert sum(one["byConfidence"].values()) == one["total"] == ModelRecord.objects.count()
        assert one["running"] == get(client, f"/api/v1/models?worker={one['slug']}&limit=1")["total"]


def test_lists(client):
    kept = list(ModelRecord.objects.order_by("repo_id")[:3])
    curated = CuratedList.objects.create(title="Three", slug="three", description="Three of them.")
    CuratedList.objects.create(title="Hidden", slug="hidden", published=False)
    for place, one in enumerate(reversed(kept)):
        ListEntry.objects.create(curated_list=curated, record=one, position=place, note=f"number {place}")
    items = get(client, "/api/v1/lists")["items"]
    assert [(one["slug"], one["size"]) for one in items] == [("three", 3)]
    found = get(client, "/api/v1/lists/three?worker=vllm")
    assert [one["id"] for one in found["items"]] == [one.repo_id for one in reversed(kept)]
    assert found["items"][0]["note"] == "number 0"
    assert found["worker"]["slug"] == "vllm"
    assert get(client, "/api/v1/lists/hidden", 404)["status"] == 404
    ids = {one["id"] for one in get(client, "/api/v1/models?list=three&compatible=false")["items"]}
    assert ids == {one.repo_id for one in kept}
    assert get(client, "/api/v1/models?list=none", 400)["errors"][0]["field"] == "list"


def test_report_is_the_pages(client):
    found = get(client, "/api/v1/report?top=150&worker=llama-cpp&memory=8")
    page = client.get("/report/?top=150&worker=llama-cpp&memory=8").context["page"]
    assert found == page.as_json()
    assert sum(value["count"] for value in found.values() if isinstance(value, dict)) == found["total"] == 150


def test_accuracy_is_the_pages(client):
    assert get(client, "/api/v1/accuracy") == client.get("/accuracy/?format=json").json()


# --- query counts ----------------------------------------------------------------------------------------------


def counted(client, address):
    current.forget_index()
    current.current_index()
    with CaptureQueriesContext(connection) as context:
        get(client, address)
    return len(context)


@pytest.mark.parametrize("more", ["", "&worker=vllm&memory=24"])
def test_a_list_takes_as_many_queries_whatever_its_length(client, more):
    address = "/api/v1/models?compatible=false" + more
    get(client, f"{address}&limit=1")
    found = []
    for limit in (2, 200):
        with CaptureQueriesContext(connection) as context:
            get(client, f"{address}&limit={limit}")
        found.append(len(context))
    # The names of models that are not on the list are a query, and those that the catalogue lacks another.
    assert abs(found[0] - found[1]) <= 2
    assert max(found) <= 9


def test_queries_of_one_model(client):
    assert counted(client, "/api/v1/models/microsoft/phi-2") <= 18
    assert counted(client, "/api/v1/models/microsoft/phi-2/compatibility") <= 14


def test_filter_takes_as_many_queries_whatever_is_given(client, django_assert_max_num_queries):
    models = [record("microsoft/phi-2", id=f"a/m{n}") for n in range(100)]
    with django_assert_max_num_queries(4):
        post(client, "filter", {"models": models})


def test_public_functions_agree(client):
    ids = [item["id"] for item in get(client, "/api/v1/models?limit=40&sort=popular")["items"]]
    from compat import list_compatible_models

    assert [one.repo_id for one in list_compatible_models(limit=40)] == ids
    assert queries.catalogue_state().version > 0


def test_two_computers_are_not_one(client):
    asked = {"accelerator": "Apple M2 Ultra", "memory": "192"}
    assert client.get("/api/v1/models", {**asked, "count": "1"}).status_code == 200
    refused = client.get("/api/v1/models", {**asked, "count": "2"})
    assert refused.status_code == 400
    assert "A machine has one Apple M2 Ultra" in refused.content.decode()
