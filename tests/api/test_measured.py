"""What this site measured of a model, as its page shows it: in the API's answer and in the assistant's."""

from __future__ import annotations

import pytest

from compat.catalogue.measured import compare, kept_fields
from compat.catalogue.rows import find_record
from compat.catalogue.workers import workers
from compat.ingest.measurements import keep
from compat.logs import read_log
from compat.models import Measurement
from marketplace.assistant import tools
from tests.logs.real_logs import log
from tests.markup import Page

pytestmark = pytest.mark.django_db

LLAMA, BENCHED = "meta-llama/Llama-3.1-8B", "unsloth/Qwen3.5-9B-GGUF"
R1 = log("ollama-0.9-deepseek-r1-8b-journald")


def kept(text=R1, repo_id=LLAMA):
    record = find_record(repo_id)
    found = compare(record, list(record.variants.all()), workers()["llama-cpp"], read_log(text))
    return keep(kept_fields(record, found), None)


def asked(client, repo_id=LLAMA, query="worker=ollama"):
    """The same question at the three doors: page, API, assistant."""
    page = Page(client.get(f"/models/{repo_id}/?{query}")).text.replace("\xa0", " ")
    told = client.get(f"/api/v1/models/{repo_id}?{query}").json()["measured"]
    worker = dict(pair.split("=") for pair in query.replace("+", " ").split("&"))
    return page, told, tools.call_tool("does_it_run", {"model": repo_id, **worker})


def test_a_kept_load_is_told_at_every_door_in_the_same_numbers(client):
    one = kept()
    page, told, assistant = asked(client)
    (only,) = told
    assert only["measuredBytes"] == one.measured_bytes
    assert f"{one.measured_bytes / 2**20:,.0f} MiB" in page
    assert only["estimatedBytes"] == one.estimated_bytes
    assert [part["name"] for part in only["parts"]] == ["weights", "kv", "compute"]
    assert sum(part["measured"] for part in only["parts"]) == only["measuredBytes"]
    assert (only["engine"], only["machine"], only["count"], only["decode"]) == ("ollama", "GTX 1080", 1, None)
    assert only["options"]["slots"] == 4
    assert assistant.structured["measured"] == told
    assert "Measured here on" in assistant.text
    assert "memory 5.8 GiB, estimated 5.9 GiB" in assistant.text


def test_a_speed_is_told_without_memory(client):
    kept(log("llama-bench"), BENCHED)
    _, (only,), assistant = asked(client, BENCHED, "worker=llama-cpp")
    assert (only["measuredBytes"], only["parts"], only["decode"]["measured"]) == (None, [], 37.75)
    assert "37.8 tokens a second, estimated" in assistant.text


@pytest.mark.parametrize("query", ["worker=llama-cpp", "worker=ollama&accelerator=RTX+3090"])
def test_another_engine_or_machine_is_not_told_of_it(client, query):
    kept()
    page, told, assistant = asked(client, query=query)
    assert "Measured here" not in page
    assert told == assistant.structured["measured"] == []
    assert "Measured here" not in assistant.text


def test_the_newest_five_are_told_the_newest_first(client):
    for number in range(7):
        kept(R1.replace("560.00", f"56{number}.00"))
    _, told, _ = asked(client)
    newest = Measurement.objects.order_by("-made", "-pk").values_list("measured_bytes", flat=True)[:5]
    assert [one["measuredBytes"] for one in told] == list(newest)


def test_the_openapi_document_describes_it(client):
    schemas = client.get("/api/openapi.json").json()["components"]["schemas"]
    detail = schemas["ModelDetail"]["properties"]["measured"]
    assert detail["items"]["$ref"].endswith("/MeasurementOut")
    assert "measured" in schemas["ModelDetail"]["required"]
    assert set(schemas["MeasurementOut"]["properties"]) >= {"made", "engine", "parts", "measuredBytes", "decode"}
