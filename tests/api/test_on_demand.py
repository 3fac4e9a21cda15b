"""Models that the catalogue lacks or has had for long, as programs meet them."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from compat.models import HubFetch, ModelRecord
from tests.hub_server import HubServer
from tests.own_database import ROOT
from tests.samples import record

pytestmark = pytest.mark.django_db

NEW = "sample/phi-new"
OURS = "/api/v1/models/"
HUBS = "/api/models/"


@pytest.fixture
def hub(settings):
    """A Hub that has one model the catalogue lacks."""
    with HubServer([record("microsoft/phi-2", id=NEW), record("microsoft/phi-2", likes=123456)]) as server:
        settings.HUB = dataclasses.replace(
            settings.HUB, endpoint=server.url, max_attempts=1, backoff=0.0, offline=False
        )
        yield server


def words(response):
    told = response.json()
    return told.get("detail") or told["error"]


@pytest.mark.parametrize("address", [OURS + NEW, f"{OURS}{NEW}/compatibility", HUBS + NEW, f"{HUBS}{NEW}/tree/main"])
def test_an_unknown_model_is_said_to_be_fetched_and_then_is_there(client, hub, address):
    first = client.get(address)
    assert first.status_code == 404
    assert "It is being fetched from the Hub" in words(first)
    assert (first["Retry-After"], first["Cache-Control"]) == ("2", "no-store")
    assert ModelRecord.objects.filter(repo_id=NEW).exists()
    second = client.get(address)
    assert second.status_code == 200 or "does not know all files" in words(second)
    assert [path for path in hub.paths() if path == f"/api/models/{NEW}"] == [f"/api/models/{NEW}"]


@pytest.mark.parametrize("address", [OURS + NEW, HUBS + NEW, f"{OURS}microsoft/phi-2", f"{HUBS}microsoft/phi-2"])
def test_a_question_for_the_headers_alone_fetches_nothing(client, hub, address):
    assert client.head(address).status_code in (200, 404)
    assert not hub.requests
    assert not HubFetch.objects.exists()


@pytest.mark.parametrize("kind", [OURS, HUBS])
def test_a_missing_model_is_remembered_as_missing(client, hub, kind):
    client.get(f"{kind}nobody/nothing")
    response = client.get(f"{kind}nobody/nothing")
    assert response.status_code == 404
    assert " ".join(HubFetch.objects.get().error.split()) in words(response)
    assert 3500 < int(response["Retry-After"]) <= 3600
    assert len(hub.requests) == 1


@pytest.mark.parametrize("kind", [OURS, HUBS])
def test_offline_it_is_simply_not_there(client, kind):
    response = client.get(f"{kind}nobody/nothing")
    assert response.status_code == 404
    assert "works offline" in words(response)
    assert "Retry-After" not in response


@pytest.mark.parametrize("address", ["microsoft/phi-2", "microsoft/phi-2/compatibility"])
def test_a_stale_record_is_answered_at_once_and_refreshed_after_the_response(client, hub, address):
    first = client.get(OURS + address)
    assert first.status_code == 200
    again = client.get(OURS + address, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 200, "the newer record has a tag of its own"
    assert ModelRecord.objects.get(repo_id="microsoft/phi-2").likes == 123456
    assert [path for path in hub.paths() if path.startswith(HUBS) and "/tree/" not in path] == [
        f"{HUBS}microsoft/phi-2"
    ]


def test_the_documentation_shows_the_answer(client, hub):
    page = (ROOT / "docs" / "freshness.md").read_text("utf-8")
    shown = re.search(r"^\$ curl -s \S+?(/api/\S+)\n(\{.*\})$", page, re.MULTILINE)
    assert client.get(shown[1]).json() == json.loads(shown[2])


def test_the_hubs_clients_have_records_refreshed_too(client, hub):
    assert client.get(f"{HUBS}microsoft/phi-2").json()["likes"] != 123456
    assert client.get(f"{HUBS}microsoft/phi-2").json()["likes"] == 123456


def test_a_client_that_only_asks_for_changes_still_finds_stale_records(client, hub, settings):
    tag = client.get(f"{OURS}microsoft/phi-2")["ETag"]
    settings.RECORD_TTL = 4 * 10**9  # a period of its own, as if time had passed
    assert client.get(f"{OURS}microsoft/phi-2")["ETag"] != tag
