"""Rights in the admin: to look is not to act, what a right allows can be done, and nothing else."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import RequestFactory
from django.urls import reverse

from compat.ingest.reading import extract_again
from compat.ingest.store import store_raw
from compat.management.lanes import Lanes
from compat.models import (
    CuratedList,
    HubFetch,
    ListEntry,
    ModelRecord,
    RecordVariant,
    SiteWorker,
    Verdict,
    Webhook,
    WebhookDelivery,
)
from compat.webhooks import outbox, signing
from compat.webhooks.hosts import read_hosts
from marketplace.models import ApiToken
from tests.samples import record
from tests.webhook_queue import BACKEND

pytestmark = pytest.mark.django_db

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
PHI = "microsoft/phi-2"


def allowed(client, *codenames):
    """Log somebody in who has these rights and no others."""
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    assert user.user_permissions.count() == len(codenames)
    client.force_login(user)
    return user


def changelist(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def change(record):
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=[record.pk])


def act(client, action, *chosen, **more):
    data = {"action": action, "_selected_action": [one.pk for one in chosen], **more}
    return client.post(changelist(type(chosen[0])), data, follow=True).content.decode()


def phi():
    return ModelRecord.objects.get(repo_id=PHI)


# --- to look is not to act ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_who_may_only_look_is_offered_nothing_to_do(client, model):
    opts = model._meta
    request = RequestFactory().get("/")
    request.user = allowed(client, f"view_{opts.model_name}")
    page = admin.site._registry[model]
    assert page.has_view_permission(request)
    assert list(page.get_actions(request)) == []
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)
    assert client.get(changelist(model)).status_code == 200


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_every_action_names_the_right_it_needs(model):
    for action in admin.site._registry[model].actions:
        function = getattr(admin.site._registry[model], action)
        assert function.allowed_permissions, f"{model._meta.label}.{action} may be used by whoever may look"


def test_a_viewer_cannot_have_everything_judged_again(client):
    allowed(client, "view_verdict")
    Verdict.objects.filter(profile="rbee").update(rules="0.old")
    assert "being judged again" not in act(client, "judge_again", Verdict.objects.first())
    assert Verdict.objects.filter(rules="0.old").exists()


def test_a_curator_cannot_have_everything_judged_again_but_an_operator_can(client):
    old = Verdict.objects.filter(profile="rbee")
    old.update(rules="0.old")
    curator = allowed(client, "view_verdict", "view_modelrecord", "change_curatedlist", "change_listentry")
    assert "being judged again" not in act(client, "judge_again", Verdict.objects.first())
    assert old.filter(rules="0.old").exists()
    curator.user_permissions.add(Permission.objects.get(codename="change_enginesetting"))
    assert "being judged again" in act(client, "judge_again", Verdict.objects.first())
    assert Lanes().work_off() == 1
    assert not old.filter(rules="0.old").exists()


def test_a_viewer_cannot_have_records_refreshed(client):
    allowed(client, "view_modelrecord")
    assert "being refreshed" not in act(client, "refresh", phi())
    assert not HubFetch.objects.exists()


@pytest.mark.parametrize("right", ["change_modelrecord", "change_curatedlist"])
def test_who_keeps_records_or_lists_can_have_records_refreshed(client, right):
    allowed(client, right, "view_modelrecord")
    assert "1 of 1 are being refreshed" in act(client, "refresh", phi())
    assert HubFetch.objects.get().repo_id == PHI


def test_a_viewer_of_engines_and_workers_changes_neither(client):
    worker = SiteWorker.objects.create(name="Big box", slug="big-box", engine="vllm")
    allowed(client, "view_enginesetting", "view_siteworker")
    assert client.post(change(worker), {"name": "Other"}).status_code == 403
    setting = reverse("admin:compat_enginesetting_change", args=["rbee"])
    assert client.post(setting, {"enabled": "on", "context_policy": "cap"}).status_code == 403
    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": worker.pk, "form-0-position": 9, "_save": "x"}
    client.post(changelist(SiteWorker), form)
    assert SiteWorker.objects.get().position == 0


def test_a_viewer_of_lists_changes_none(client):
    curated = CuratedList.objects.create(title="Ours", slug="ours")
    allowed(client, "view_curatedlist", "view_listentry")
    form = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": curated.pk, "form-0-position": 9, "_save": "x"}
    client.post(changelist(CuratedList), form)
    act(client, "delete_selected", curated, post="yes")
    assert (
        client.post(reverse("admin:compat_curatedlist_delete", args=[curated.pk]), {"post": "yes"}).status_code == 403
    )
    assert CuratedList.objects.get().position == 0


def test_a_viewer_of_webhooks_and_deliveries_sends_and_shows_nothing(client, settings):
    settings.TASKS = BACKEND
    settings.WEBHOOK_HOSTS = read_hosts(["hooks.example.org"])
    secret = signing.new_secret()
    hook = Webhook.objects.create(name="Bot", url="https://hooks.example.org/", secret=secret, events=["sync.failed"])
    delivery = outbox.put_event(hook, "sync.failed", {})
    WebhookDelivery.objects.update(state="failed")
    allowed(client, "view_webhook", "view_webhookdelivery")
    for action in ("ping", "rotate_secret", "show_secret"):
        assert secret not in act(client, action, hook)
    act(client, "again", delivery)
    act(client, "delete_selected", delivery, post="yes")
    assert Webhook.objects.get().secret == secret
    assert list(WebhookDelivery.objects.values_list("state", flat=True)) == ["failed"]


def test_a_viewer_of_tokens_switches_none_off(client):
    token = ApiToken.objects.create(name="one", digest="1")
    allowed(client, "view_apitoken")
    act(client, "switch_off", token)
    assert ApiToken.objects.get().active


# --- deleting records --------------------------------------------------------------------------------------------


def test_a_record_with_variants_is_deleted_from_its_page(client):
    allowed(client, "view_modelrecord", "delete_modelrecord")
    record = phi()
    assert record.variants.exists()
    sure = client.get(reverse("admin:compat_modelrecord_delete", args=[record.pk])).content.decode()
    assert "Are you sure" in sure
    assert "Variant: " in sure
    assert client.get(f"/models/{PHI}/").status_code == 200
    sent = client.post(reverse("admin:compat_modelrecord_delete", args=[record.pk]), {"post": "yes"})
    assert sent.status_code == 302
    assert not ModelRecord.objects.filter(repo_id=PHI).exists()
    assert not RecordVariant.objects.filter(record=record.pk).exists()


def test_several_records_with_variants_are_deleted_at_once(client):
    allowed(client, "view_modelrecord", "delete_modelrecord")
    chosen = list(ModelRecord.objects.filter(variants__isnull=False).distinct()[:3])
    before = ModelRecord.objects.count()
    assert "Are you sure" in act(client, "delete_selected", *chosen)
    assert "Successfully deleted 3 model records" in act(client, "delete_selected", *chosen, post="yes")
    assert ModelRecord.objects.count() == before - 3


@pytest.mark.parametrize("at_once", [False, True])
def test_what_is_named_after_a_deleted_record_is_guessed_no_more(client, at_once):
    allowed(client, "view_modelrecord", "delete_modelrecord")
    packed = {"id": "packer/Thing-3B-GGUF", "siblings": [{"rfilename": "m.gguf"}]}
    store_raw([("1", record(PHI, id="maker/Thing-3B")), ("2", packed)], origin="file")
    assert ModelRecord.objects.get(repo_id=packed["id"]).architecture == "phi"
    model = ModelRecord.objects.get(repo_id="maker/Thing-3B")
    if at_once:
        act(client, "delete_selected", model, post="yes")
    else:
        client.post(reverse("admin:compat_modelrecord_delete", args=[model.pk]), {"post": "yes"})
    assert ModelRecord.objects.get(repo_id=packed["id"]).architecture == ""


def test_what_a_deleted_record_told_of_another_is_forgotten(client):
    allowed(client, "view_modelrecord", "delete_modelrecord")
    packed = {"id": "packer/phi-GGUF", "tags": [f"base_model:quantized:{PHI}"], "siblings": [{"rfilename": "m.gguf"}]}
    store_raw([("1", packed)], origin="file")
    told = ModelRecord.objects.get(repo_id=packed["id"])
    assert (told.architecture, told.architecture_from) == ("phi", "relative")
    act(client, "delete_selected", phi(), post="yes")
    deleted = ModelRecord.objects.get(repo_id=packed["id"])
    assert deleted.architecture == ""
    extract_again()
    assert ModelRecord.objects.get(repo_id=packed["id"]).architecture == ""


def test_pages_do_not_count_a_deleted_record(client):
    allowed(client, "view_modelrecord", "delete_modelrecord")
    curated = CuratedList.objects.create(title="Ours", slug="ours")
    other = ModelRecord.objects.exclude(repo_id=PHI).first()
    ListEntry.objects.bulk_create(ListEntry(curated_list=curated, record=record) for record in (phi(), other))

    def total():
        return client.get("/api/v1/models?compatible=false&author=microsoft").json()["total"]

    before = total()
    act(client, "delete_selected", phi(), post="yes")
    assert total() == before - 1
    assert f"/models/{PHI}/" not in client.get("/lists/ours/").content.decode()
    assert list(curated.entries.values_list("record", flat=True)) == [other.pk]


def test_who_may_not_delete_records_deletes_none(client):
    allowed(client, "view_modelrecord", "change_modelrecord", "delete_recordvariant")
    act(client, "delete_selected", phi(), post="yes")
    assert client.post(reverse("admin:compat_modelrecord_delete", args=[phi().pk]), {"post": "yes"}).status_code == 403
    assert phi()


def test_variants_and_verdicts_are_still_deleted_by_nobody(client):
    client.force_login(User.objects.create_superuser("operator"))
    for model in (RecordVariant, Verdict):
        one = model.objects.first()
        act(client, "delete_selected", one, post="yes")
        assert (
            client.post(
                reverse(f"admin:compat_{model._meta.model_name}_delete", args=[one.pk]), {"post": "yes"}
            ).status_code
            == 403
        )
        assert model.objects.filter(pk=one.pk).exists()
