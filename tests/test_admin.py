"""The admin: quick on every page, read-only where it should be, background work enqueued."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from compat.ingest.store import store_raw
from compat.management.lanes import Lanes
from compat.models import CuratedList, EngineSetting, HubFetch, ListEntry, ModelRecord, Verdict
from tests.samples import record

pytestmark = pytest.mark.django_db

LISTED = (
    "modelrecord",
    "recordvariant",
    "verdict",
    "enginesetting",
    "curatedlist",
    "job",
    "schedule",
    "hubfetch",
    "visitoraddition",
)


@pytest.fixture
def operator(client):
    client.force_login(User.objects.create_superuser("operator"))
    return client


def changelist(name):
    return reverse(f"admin:compat_{name}_changelist")


@pytest.mark.parametrize("name", LISTED)
def test_every_list_opens_with_few_queries(operator, name, django_assert_max_num_queries):
    # The list of jobs has above it how the whole site is.
    with django_assert_max_num_queries(26 if name == "job" else 12):
        assert operator.get(changelist(name)).status_code == 200


def test_records_are_found_by_the_sites_own_search(operator):
    page = operator.get(changelist("modelrecord"), {"q": "https://huggingface.co/microsoft/phi-2"}).content.decode()
    assert ">microsoft/phi-2<" in page
    assert "1 model record" in page


def test_a_record_shows_its_verdicts_and_cannot_be_edited(operator):
    record = ModelRecord.objects.get(repo_id="microsoft/phi-2")
    address = reverse("admin:compat_modelrecord_change", args=[record.pk])
    page = operator.get(address).content.decode()
    assert "rbee: Runs" in page
    assert "max_position_embeddings" in page
    assert operator.post(address, {"repo_id": "other/name"}).status_code == 403


def test_an_answer_with_html_in_it_is_shown_as_text(operator):
    changed = record("microsoft/phi-2", cardData={"note": "<script>alert(1)</script>"})
    store_raw([("1", changed)], origin="file")
    kept = ModelRecord.objects.get(repo_id="microsoft/phi-2")
    page = operator.get(reverse("admin:compat_modelrecord_change", args=[kept.pk])).content.decode()
    assert "<script>alert(1)" not in page


def test_a_verdict_says_how_many_records_share_it(operator):
    page = operator.get(changelist("verdict"), {"profile": "rbee", "o": "-5"})
    assert page.status_code == 200
    verdict = Verdict.objects.filter(profile="rbee").first()
    assert operator.get(reverse("admin:compat_verdict_change", args=[verdict.pk])).status_code == 200


def test_changing_the_context_policy_judges_again(operator):
    record = ModelRecord.objects.filter(sheet__verdicts__profile="rbee", sheet__verdicts__cause="context").first()
    setting = EngineSetting.objects.get(slug="rbee")
    address = reverse("admin:compat_enginesetting_change", args=[setting.pk])
    operator.post(address, {"enabled": "on", "context_policy": "cap"})
    assert Lanes().work_off() == 1
    assert record.sheet.verdicts.get(profile="rbee").compatible
    operator.post(address, {"enabled": "on", "context_policy": ""})
    assert Lanes().work_off() == 1
    assert record.sheet.verdicts.get(profile="rbee").cause == "context"


def test_refreshing_asks_the_hub_once_a_record(operator, settings):
    settings.HUB = type(settings.HUB)(offline=True)
    chosen = list(ModelRecord.objects.values_list("pk", flat=True)[:3])
    data = {"action": "refresh", "_selected_action": chosen}
    first = operator.post(changelist("modelrecord"), data, follow=True).content.decode()
    again = operator.post(changelist("modelrecord"), data, follow=True).content.decode()
    assert "3 of 3 are being refreshed" in first
    assert "0 of 3 are being refreshed" in again
    assert set(HubFetch.objects.values_list("state", flat=True)) == {"failed"}
    assert "offline" in HubFetch.objects.first().error


def test_a_curator_makes_a_list_that_visitors_see_in_order(client):
    curator = User.objects.create_user("curator", is_staff=True)
    curator.user_permissions.set(
        Permission.objects.filter(
            content_type__app_label="compat", content_type__model__in=["curatedlist", "listentry"]
        )
    )
    client.force_login(curator)
    names = ["microsoft/phi-2", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"]
    ids = [ModelRecord.objects.get(repo_id=name).pk for name in names]
    found = client.get(
        reverse("admin:autocomplete"),
        {"app_label": "compat", "model_name": "listentry", "field_name": "record", "term": "phi-2"},
    ).json()
    assert names[0] in [result["text"] for result in found["results"]]
    entries = {"entries-TOTAL_FORMS": 2, "entries-INITIAL_FORMS": 0}
    for place, pk in enumerate(reversed(ids)):
        entries |= {
            f"entries-{place}-record": pk,
            f"entries-{place}-position": place,
            f"entries-{place}-note": f"note {place}",
        }
    data = {"title": "Picks <b>", "slug": "picks", "description": "", "published": "on", "position": 0, **entries}
    assert client.post(reverse("admin:compat_curatedlist_add"), data).status_code == 302
    assert ListEntry.objects.count() == 2
    page = client.get("/lists/picks/").content.decode()
    assert page.index("TinyLlama-1.1B") < page.index("phi-2</a>")
    assert "Picks &lt;b&gt;" in page
    assert "/lists/picks/" in client.get("/").content.decode()
    CuratedList.objects.update(published=False)
    assert client.get("/lists/picks/").status_code == 404


def test_visitors_are_sent_to_the_login(client):
    assert client.get(changelist("modelrecord")).status_code == 302
