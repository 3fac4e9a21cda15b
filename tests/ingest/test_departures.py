"""Repositories that are gone from the Hub, disabled there or renamed: what records, pages, lists and programs say."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from compat.hub import HubNotFound, HubUnauthorized
from compat.hub.documents import Kind, told
from compat.ingest import store
from compat.ingest.departures import note_gone, note_renamed
from compat.ingest.reading import extract_again
from compat.models import (
    CuratedList,
    FormerName,
    ListEntry,
    Measurement,
    ModelRecord,
    RecordDocument,
    RecordRelation,
    Webhook,
    WebhookDelivery,
)
from compat.public_api import check_model_compatibility, get_huggingface_model
from compat.tasks import fetch_now
from tests.hub_server import HubServer
from tests.ingest.conftest import NO_WAITING
from tests.markup import Page
from tests.samples import record

pytestmark = pytest.mark.django_db
PHI, MOVED = "microsoft/phi-2", "phi-house/phi-two"
NOW = timezone.now()
FILES = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]


def answer(kind=Kind.LIST, minutes=0, **fields):
    one = record(PHI, siblings=FILES, **fields)
    one.pop("_source", None)
    return told(kind, one, timezone.now() + timedelta(minutes=minutes), {Kind.CONFIG: {"config": one["config"]}})


@pytest.fixture
def known():
    ModelRecord.objects.all().delete()
    store.store_told([answer()], origin="hub")
    return ModelRecord.objects.get(repo_id=PHI)


@pytest.fixture
def hub(settings):
    with HubServer([record(PHI, siblings=FILES)]) as server:
        settings.HUB = type(settings.HUB)(endpoint=server.url, **NO_WAITING)
        yield server


def kept(repo_id=PHI):
    return ModelRecord.objects.get(repo_id=repo_id)


def runs(repo_id=PHI):
    return check_model_compatibility(get_huggingface_model(repo_id)).compatible


# --- gone ----------------------------------------------------------------------------------------------------------


def test_what_is_gone_does_not_run_and_says_since_when(client, known):
    assert runs()
    assert note_gone(PHI, "missing")
    assert not runs()
    found = kept()
    assert (found.gone, found.gone_since is not None, found.context) == ("missing", True, 2048)
    page = Page(client.get(f"/models/{PHI}/"))
    assert "Gone from the Hub, known since" in page.text
    assert "There is nothing to run: gone from the Hub." in page.text
    assert "hf download" not in page.text
    assert "Open on the Hub" not in page.text
    shown = client.get(f"/api/v1/models/{PHI}").json()
    assert (shown["gone"], shown["compatibility"]["compatible"]) == ("missing", False)
    assert shown["goneSince"]


def test_to_be_told_again_is_no_news_and_the_first_time_stays(known):
    note_gone(PHI, "missing")
    since = kept().gone_since
    assert not note_gone(PHI, "missing")
    assert kept().gone_since == since
    assert RecordDocument.objects.filter(kind=Kind.REFUSAL).count() == 1
    assert note_gone(PHI, "disabled")
    assert kept().gone == "disabled"


def test_of_what_has_no_record_nothing_is_kept(known):
    assert not note_gone("nobody/nothing", "missing")
    assert ModelRecord.objects.count() == 1


@pytest.mark.parametrize("kind", [Kind.LIST, Kind.DETAIL])
def test_the_hub_that_tells_of_it_again_takes_the_word_back(known, kind):
    note_gone(PHI, "missing")
    store.store_told([answer(kind, minutes=9)], origin="hub")
    assert kept().gone == ""
    assert runs()
    assert not RecordDocument.objects.filter(kind=Kind.REFUSAL).exists()


def test_an_older_answer_or_a_line_of_a_file_does_not_bring_it_back(known):
    note_gone(PHI, "missing")
    store.store_told([answer(minutes=-9)], origin="hub")
    store.store_raw([("a line", json.dumps(record(PHI, likes=5)))], origin="file")
    assert kept().gone == "missing"


def test_lists_and_searches_leave_it_out_and_say_so(client, known):
    store.store_told([told(Kind.LIST, record(PHI, id="sample/other", siblings=FILES), NOW)], origin="hub")
    note_gone(PHI, "missing")
    names = [item["id"] for item in client.get("/api/v1/models?q=phi").json()["items"]]
    assert PHI not in names
    told_ = client.get("/api/v1/models?compatible=only-incompatible&cause=gone").json()
    assert [item["id"] for item in told_["items"]] == [PHI]
    assert client.get("/api/v1/models").json()["hidden"]["gone"] == 1
    page = Page(client.get("/models/"))
    assert "gone from the Hub" in page.text
    assert PHI not in [one["id"] for one in client.get("/api/models?limit=9").json()]
    assert client.get(f"/api/models/{PHI}").status_code == 404
    assert PHI not in client.get("/sitemap-models.xml").content.decode()


def test_a_curated_list_keeps_it_and_says_so(client, known):
    curated = CuratedList.objects.create(title="Mine", slug="mine", published=True)
    ListEntry.objects.create(curated_list=curated, record=known)
    note_gone(PHI, "missing")
    assert "gone from the Hub" in Page(client.get("/lists/mine/")).text


def test_curators_find_it(client, known):
    note_gone(PHI, "missing")
    client.force_login(get_user_model().objects.create_superuser("boss", password="x"))
    assert PHI in Page(client.get("/admin/compat/modelrecord/?gone__exact=missing")).text
    assert PHI not in Page(client.get("/admin/compat/modelrecord/?gone__exact=disabled")).text
    for name in ("hubselection", "job", "hubwindow", "hubfetch"):
        assert client.get(f"/admin/compat/{name}/").status_code == 200
    assert client.get(f"/admin/compat/modelrecord/{known.pk}/change/").status_code == 200


def test_a_list_that_marks_a_repository_as_disabled_counts_as_well(known):
    store.store_told([answer(minutes=1, disabled=True)], origin="hub")
    assert (kept().gone, kept().gone_since) == ("disabled", None)
    assert not runs()


def test_a_fetch_that_the_hub_refuses_notes_it(known, hub):
    hub.remove(PHI)
    with pytest.raises(HubNotFound):
        fetch_now(PHI)
    assert kept().gone == "missing"
    hub.put(record(PHI, siblings=FILES))
    fetch_now(PHI)
    assert kept().gone == ""


@pytest.mark.parametrize("fault", [{"status": 404, "body": b"<html>"}, {"status": 401, "body": b"{}"}])
def test_any_other_refusal_says_nothing_of_the_repository(known, hub, fault):
    hub.fail_next(**fault)
    with pytest.raises((HubNotFound, HubUnauthorized)):
        fetch_now(PHI)
    assert kept().gone == ""
    assert runs()


def test_a_hub_that_trickles_holds_a_fetch_for_a_bounded_time_and_keeps_what_was_read(known, hub, monkeypatch):
    monkeypatch.setattr("compat.tasks.MOST_SECONDS", 1.0)
    hub.put(record(PHI, sha="e" * 40, siblings=FILES))
    hub.fail_next(99, path="/resolve/", trickle=0.05)
    begun = time.monotonic()
    assert fetch_now(PHI) == (PHI, "changed")
    assert time.monotonic() - begun < 10
    assert kept().sha == "e" * 40


# --- renamed -------------------------------------------------------------------------------------------------------


def renamed(**fields):
    one = record(PHI, id=MOVED, siblings=FILES, **fields)
    one.pop("_source", None)
    return told(Kind.DETAIL, one, timezone.now() + timedelta(minutes=5))


@pytest.mark.parametrize("met_before", [False, True])
def test_a_renamed_repository_is_one_record_with_all_that_belonged_to_it(client, known, met_before):
    if met_before:
        store.store_told([told(Kind.LIST, record(PHI, id=MOVED, siblings=FILES), NOW)], origin="hub")
    curated = CuratedList.objects.create(title="Mine", slug="mine", published=True)
    ListEntry.objects.create(curated_list=curated, record=known, note="good")
    Measurement.objects.create(repo_id=PHI, engine="rbee", digest="x", made=NOW)
    note_renamed(PHI, renamed())
    found = ModelRecord.objects.get()
    assert (found.repo_id, found.owner, found.name) == (MOVED, "phi-house", "phi-two")
    assert found.context == 2048, "what was read at its commit came along"
    assert [entry.record for entry in ListEntry.objects.all()] == [found]
    assert Measurement.objects.get().repo_id == MOVED
    assert FormerName.objects.get().record == found
    for path in (f"/models/{PHI}/", f"/models/{PHI.upper()}/", f"/api/v1/models/{PHI}"):
        answer_ = client.get(path + "?worker=vllm")
        assert (answer_.status_code, answer_["Location"]) == (
            301,
            path.replace(path.split("models/")[1].strip("/"), MOVED) + "?worker=vllm",
        )
    answer_ = client.get(f"/api/models/{PHI}?blobs=true")
    assert (answer_.status_code, answer_["Location"]) == (307, f"/api/models/{MOVED}?blobs=true")
    assert get_huggingface_model(PHI) == found


@pytest.mark.parametrize("met_before", [False, True])
def test_what_is_named_after_the_old_name_is_guessed_no_more(known, met_before):
    names = {"maker/Thing-3B": "sample/Thing-3B-GGUF", "maker/Other-3B": "sample/Other-3B-GGUF"}
    if met_before:
        store.store_told([told(Kind.LIST, record(PHI, id="maker/Other-3B", siblings=FILES), NOW)], origin="hub")
    store.store_told([told(Kind.LIST, record(PHI, id="maker/Thing-3B", siblings=FILES), NOW)], origin="hub")
    store.store_told(
        [told(Kind.LIST, {"id": one, "siblings": [{"rfilename": "m.gguf"}]}, NOW) for one in names.values()],
        origin="hub",
    )
    assert kept(names["maker/Thing-3B"]).architecture == "phi"
    note_renamed("maker/Thing-3B", told(Kind.DETAIL, record(PHI, id="maker/Other-3B", siblings=FILES), NOW))
    assert kept(names["maker/Thing-3B"]).architecture == ""
    assert kept(names["maker/Other-3B"]).architecture == "phi"


def test_what_is_named_after_a_model_that_is_gone_from_the_hub_still_is(known):
    store.store_told([told(Kind.LIST, record(PHI, id="maker/Thing-3B", siblings=FILES), NOW)], origin="hub")
    packed = {"id": "sample/Thing-3B-GGUF", "siblings": [{"rfilename": "m.gguf"}]}
    store.store_told([told(Kind.LIST, packed, NOW)], origin="hub")
    note_gone("maker/Thing-3B", "missing")
    assert (kept(packed["id"]).architecture, kept(packed["id"]).gone) == ("phi", "")


PACKED = "packer/phi-GGUF"


def packing(of, name=PACKED, minutes=0):
    payload = {"id": name, "sha": "f" * 40, "tags": ["gguf", f"base_model:quantized:{of}"], "siblings": FILES_OF_GGUF}
    return told(Kind.LIST, payload, NOW + timedelta(minutes=minutes))


FILES_OF_GGUF = [{"rfilename": "model.Q4_K_M.gguf", "size": 1_789_239_136}]


def is_a_build_of(client, base):
    page = client.get(f"/models/{PACKED}/").context["page"]
    (above,) = page.bases
    assert (above.relation.repo_id, above.row.record.repo_id) == (base, base)
    assert (page.model.name, page.model.known) == (base, True)
    assert [one["id"] for one in client.get(f"/api/v1/models/{base}").json()["builds"]] == [PACKED]
    assert [one["id"] for one in client.get(f"/api/v1/models/{PACKED}").json()["bases"]] == [base]
    record_ = kept(PACKED)
    assert (record_.architecture, record_.architecture_from) == ("phi", "relative")
    return record_


@pytest.mark.parametrize("met_before", [False, True])
def test_what_was_made_from_a_renamed_model_still_is_whenever_it_is_read(client, known, met_before):
    if met_before:
        store.store_told([told(Kind.LIST, record(PHI, id=MOVED, siblings=FILES), NOW)], origin="hub")
    store.store_told([packing(PHI)], origin="hub")
    is_a_build_of(client, PHI)
    note_renamed(PHI, renamed())
    before = is_a_build_of(client, MOVED)
    extract_again()
    assert is_a_build_of(client, MOVED) == before
    assert MOVED in client.get(f"/models/{PACKED}/").content.decode()


def test_what_arrives_after_its_model_was_renamed_is_made_from_the_one_it_is_now(client, known):
    note_renamed(PHI, renamed())
    store.store_told([packing(PHI), packing(PHI, "packer/phi-other-GGUF")], origin="hub")
    store.store_told([packing(PHI, minutes=9)], origin="hub")
    assert kept(PACKED).architecture == "phi"
    assert set(RecordRelation.objects.values_list("base", flat=True)) == {MOVED}


def test_one_that_names_its_model_under_both_names_is_made_from_it_once(client, known):
    both = packing(PHI)
    tags = [*both.record.payload["tags"], f"base_model:quantized:{MOVED}"]
    store.store_told([told(Kind.LIST, {**both.record.payload, "tags": tags}, NOW)], origin="hub")
    note_renamed(PHI, renamed())
    is_a_build_of(client, MOVED)
    extract_again()
    is_a_build_of(client, MOVED)


def test_two_renames_lead_to_the_last_name(client, known):
    note_renamed(PHI, renamed())
    note_renamed(MOVED, told(Kind.DETAIL, record(PHI, id="third/home", siblings=FILES), NOW + timedelta(minutes=6)))
    for old in (PHI, MOVED):
        assert client.get(f"/models/{old}/")["Location"] == "/models/third/home/"


def test_a_name_that_the_hub_uses_again_is_a_model_of_its_own(client, known):
    note_renamed(PHI, renamed())
    store.store_told([answer(minutes=9)], origin="hub")
    assert client.get(f"/models/{PHI}/").status_code == 200
    assert ModelRecord.objects.count() == 2


def test_a_file_that_still_has_the_old_name_tells_of_the_record(known):
    note_renamed(PHI, renamed())
    store.store_raw([("a line", json.dumps(record(PHI)))], origin="snapshot")
    assert ModelRecord.objects.get().repo_id == MOVED


def test_a_fetch_follows_it(client, known, hub):
    hub.put(record(PHI, id=MOVED, siblings=FILES))
    hub.remove(PHI)
    hub.renames[PHI] = MOVED
    assert fetch_now(PHI)[0] == MOVED
    assert ModelRecord.objects.get().repo_id == MOVED
    assert client.get(f"/models/{PHI}/").status_code == 301


# --- webhooks ------------------------------------------------------------------------------------------------------


def test_webhooks_are_told(known, settings):
    settings.WEBHOOK_HOSTS = type(settings.WEBHOOK_HOSTS)() or ("hooks.example.org",)
    curated = CuratedList.objects.create(title="Mine", slug="mine")
    everything = Webhook.objects.create(name="all", url="https://hooks.example.org/", secret="s", events=["model.gone"])
    Webhook.objects.create(
        name="list", url="https://hooks.example.org/", secret="s", events=["model.gone"], curated_list=curated
    )
    note_gone(PHI, "missing")
    note_gone(PHI, "missing")
    note_renamed(PHI, renamed())
    events = [json.loads(one.body)["data"] for one in WebhookDelivery.objects.order_by("pk")]
    assert {one.webhook for one in WebhookDelivery.objects.all()} == {everything}
    assert [(one["why"], one["renamedTo"]) for one in events] == [("missing", None), ("renamed", MOVED)]
    assert events[1]["url"] == f"/models/{MOVED}/"
