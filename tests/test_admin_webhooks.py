"""Webhooks in the admin: refused addresses, secrets for superusers only, test events, and edited lists."""

from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook as Official

from compat.models import CuratedList, ListEntry, ModelRecord, SiteWorker, Webhook, WebhookDelivery
from compat.webhooks import outbox, signing
from compat.webhooks.hosts import read_hosts
from tests.webhook_queue import BACKEND, time_passes, work
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.django_db

LIST = reverse("admin:compat_webhook_changelist")
ADD = reverse("admin:compat_webhook_add")
DELIVERIES = reverse("admin:compat_webhookdelivery_changelist")
GOOD = {
    "name": "Chat bot",
    "url": "https://hooks.example.org/models",
    "events": ["models.newly_runnable", "list.changed"],
    "worker": "",
    "curated_list": "",
    "active": "on",
}


@pytest.fixture(autouse=True)
def _site(settings):
    settings.TASKS = BACKEND
    settings.WEBHOOK_HOSTS = read_hosts(["hooks.example.org"])


@pytest.fixture
def operator(client):
    client.force_login(User.objects.create_superuser("operator"))
    return client


@pytest.fixture
def helper(client):
    """Somebody who may do everything with webhooks but is no superuser."""
    user = User.objects.create_user("helper", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__model__in=["webhook", "webhookdelivery"]))
    client.force_login(user)
    return client


def added(client, **changes):
    response = client.post(ADD, {**GOOD, **changes})
    errors = response.context["adminform"].form.errors if response.context else {}
    return Webhook.objects.last(), errors


def act(client, action, *hooks, where=LIST):
    return client.post(where, {"action": action, "_selected_action": [hook.pk for hook in hooks]}, follow=True)


def change(hook):
    return reverse("admin:compat_webhook_change", args=[hook.pk])


# --- making one --------------------------------------------------------------------------------------------------


def test_a_webhook_is_added_with_a_secret_of_its_own(operator):
    hook, errors = added(operator)
    assert not errors
    assert hook.events == ["models.newly_runnable", "list.changed"]
    assert hook.active
    assert hook.secret.startswith("whsec_")
    assert "secret was made" in operator.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://evil.example.net/", "not among the hosts that may be told. Add it to WEBHOOK_HOSTS"),
        ("http://hooks.example.org/", "Use https"),
        ("hooks.example.org", "not a web address"),
        ("", "required"),
        ("https://hooks.example.org/" + "x" * 600, "at most 500 characters"),
    ],
)
def test_an_address_that_may_not_be_told_is_refused_with_what_to_do(operator, url, words):
    hook, errors = added(operator, url=url)
    assert hook is None
    assert words in errors["url"][0]


@pytest.mark.parametrize(
    ("field", "value"), [("events", []), ("events", ["nonsense"]), ("worker", "none"), ("name", "")]
)
def test_other_senseless_values_are_refused(operator, field, value):
    hook, errors = added(operator, **{field: value})
    assert hook is None
    assert field in errors


def test_without_hosts_the_admin_says_what_to_set(operator, settings):
    settings.WEBHOOK_HOSTS = ()
    for page in (LIST, ADD):
        assert "WEBHOOK_HOSTS is empty. Set it to the hosts" in operator.get(page).content.decode()
    _, errors = added(operator)
    assert "WEBHOOK_HOSTS is empty" in errors["url"][0]


def test_workers_and_lists_can_be_chosen(operator):
    SiteWorker.objects.create(name="Big box", slug="big-box", engine="vllm", memory_gb=96)
    picks = CuratedList.objects.create(title="Picks", slug="picks")
    page = operator.get(ADD).content.decode()
    assert "Big box, a worker of this site" in page
    hook, errors = added(operator, worker="big-box", curated_list=picks.pk)
    assert not errors
    assert (hook.worker, hook.curated_list) == ("big-box", picks)
    assert "big-box, Picks" in operator.get(LIST).content.decode()


def test_activating_again_forgets_why_it_was_switched_off(operator):
    hook, _ = added(operator)
    Webhook.objects.update(active=False, stopped="It answered 410.", failures=30, failing_since=timezone.now())
    assert "It answered 410." in operator.get(change(hook)).content.decode()
    assert operator.post(change(hook), GOOD).status_code == 302
    hook.refresh_from_db()
    assert (hook.active, hook.stopped, hook.failures, hook.failing_since) == (True, "", 0, None)


def test_saving_keeps_the_secret(operator):
    hook, _ = added(operator)
    operator.post(change(hook), {**GOOD, "name": "Other name", "secret": "whsec_AAAA"})
    assert Webhook.objects.get().secret == hook.secret
    assert Webhook.objects.get().name == "Other name"


# --- secrets -----------------------------------------------------------------------------------------------------


def test_the_secret_is_on_no_page_but_the_one_that_a_superuser_asks_for(operator):
    hook, _ = added(operator)
    for page in (LIST, change(hook), reverse("admin:compat_webhook_history", args=[hook.pk]), DELIVERIES):
        assert hook.secret not in operator.get(page).content.decode()
    response = act(operator, "show_secret", hook)
    assert hook.secret in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert LogEntry.objects.filter(object_id=hook.pk, change_message__contains="Looked at the secret").count() == 1


def test_others_do_not_see_the_secret_whatever_they_may(helper):
    hook, errors = added(helper)
    assert not errors
    assert "Show the secret</option>" not in helper.get(LIST).content.decode()
    assert hook.secret not in act(helper, "show_secret", hook).content.decode()
    assert not LogEntry.objects.filter(change_message__contains="Looked").exists()


def test_a_new_secret_leaves_the_old_one_a_day(operator):
    hook, _ = added(operator)
    old = hook.secret
    assert "New secrets are made" in act(operator, "rotate_secret", hook).content.decode()
    hook.refresh_from_db()
    assert hook.secret != hook.previous_secret == old
    assert 23 < (hook.previous_until - timezone.now()).total_seconds() / 3600 <= 24
    page = act(operator, "show_secret", hook).content.decode()
    assert old in page
    assert hook.secret in page
    Webhook.objects.update(previous_until=timezone.now())
    assert old not in act(operator, "show_secret", hook).content.decode()


@pytest.mark.parametrize("lookup", ["secret__gte", "secret", "previous_secret__startswith", "secret__regex"])
def test_nobody_can_ask_the_list_about_a_secret(client, operator, lookup):
    added(operator)
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_webhook"))
    client.force_login(viewer)
    assert client.get(LIST, {lookup: "whsec_M"}).status_code == 400
    assert client.get(LIST, {"active__exact": "1"}).status_code == 200


def test_nobody_can_ask_the_list_about_the_digest_of_a_token(operator):
    tokens = reverse("admin:marketplace_apitoken_changelist")
    assert operator.get(tokens, {"digest__gte": "8"}).status_code == 400
    assert operator.get(tokens, {"active__exact": "1"}).status_code == 200


def test_a_second_new_secret_within_a_day_is_refused(operator):
    hook, _ = added(operator)
    act(operator, "rotate_secret", hook)
    before = Webhook.objects.values("secret", "previous_secret", "previous_until").get()
    assert "No secret was changed: an old one still signs" in act(operator, "rotate_secret", hook).content.decode()
    assert Webhook.objects.values("secret", "previous_secret", "previous_until").get() == before


def test_saving_a_form_does_not_activate_what_was_switched_off_meanwhile(operator):
    hook, _ = added(operator)
    assert 'name="initial-active"' in operator.get(change(hook)).content.decode()
    Webhook.objects.update(active=False, stopped="It answered 410.", failures=30)
    response = operator.post(change(hook), {**GOOD, "name": "Other name", "initial-active": "True"})
    assert response.status_code == 302
    hook.refresh_from_db()
    assert (hook.name, hook.active, hook.stopped, hook.failures) == ("Other name", False, "It answered 410.", 30)


def test_secrets_are_never_logged(operator, settings, caplog):
    with Receiver() as receiver:
        settings.WEBHOOK_HOSTS = read_hosts([receiver.host])
        receiver.answer_next(status=500)
        hook, _ = added(operator, url=receiver.url + "&token=in-the-address")
        act(operator, "ping", hook)
        caplog.set_level("DEBUG")
        work()
    assert "was not delivered: It answered 500." in caplog.text
    assert hook.secret not in caplog.text
    own = [entry.getMessage() for entry in caplog.records if entry.name.startswith("compat")]
    assert not [line for line in own if "in-the-address" in line]


# --- test events and deliveries ----------------------------------------------------------------------------------


def test_a_test_event_is_sent_and_its_result_is_in_the_admin(operator, settings):
    with Receiver() as receiver:
        settings.WEBHOOK_HOSTS = read_hosts([receiver.host])
        receiver.answer_next(status=200, body=b"<b>thanks</b>")
        hook, _ = added(operator, url=receiver.url)
        Webhook.objects.update(active=False)
        assert "Test events on their way: 1" in act(operator, "ping", hook).content.decode()
        assert "not yet tried" in operator.get(change(hook)).content.decode()
        work()
        (request,) = receiver.requests
    event = Official(hook.secret).verify(request.body, request.headers)
    assert (event["type"], event["data"]) == ("ping", {"webhook": "Chat bot"})
    delivery = WebhookDelivery.objects.get()
    page = operator.get(reverse("admin:compat_webhookdelivery_change", args=[delivery.pk])).content.decode()
    assert "&lt;b&gt;thanks&lt;/b&gt;" in page
    assert "delivered" in page
    assert "answered 200" in operator.get(change(hook)).content.decode()


def test_a_test_event_that_fails_is_not_tried_again(operator, settings):
    with Receiver() as receiver:
        settings.WEBHOOK_HOSTS = read_hosts([receiver.host])
        receiver.answer_next(times=2, status=404)
        hook, _ = added(operator, url=receiver.url)
        act(operator, "ping", hook)
        work()
        time_passes(hours=1)
        work()
        assert len(receiver.requests) == 1
    page = operator.get(DELIVERIES).content.decode()
    assert "It answered 404." in page
    assert WebhookDelivery.objects.get().state == "failed"


def test_a_delivery_can_be_made_again_under_its_own_id(operator, settings):
    with Receiver() as receiver:
        settings.WEBHOOK_HOSTS = read_hosts([receiver.host])
        hook, _ = added(operator, url=receiver.url)
        delivery = outbox.put_event(hook, "sync.failed", {})
        work()
        assert "Being delivered again: 1." in act(operator, "again", delivery, where=DELIVERIES).content.decode()
        work()
        first, second = receiver.requests
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert "Being delivered again: 1." in act(operator, "again", delivery, where=DELIVERIES).content.decode()


def test_deliveries_cannot_be_edited_and_open_with_few_queries(operator, django_assert_max_num_queries):
    hook, _ = added(operator)
    for _ in range(20):
        delivery = outbox.put_event(hook, "sync.failed", {})
    address = reverse("admin:compat_webhookdelivery_change", args=[delivery.pk])
    assert operator.post(address, {"body": "{}"}).status_code == 403
    for page in (DELIVERIES, LIST, address, change(hook)):
        with django_assert_max_num_queries(16):
            assert operator.get(page).status_code == 200


def test_who_may_only_look_at_deliveries_cannot_send(client, operator):
    hook, _ = added(operator)
    delivery = outbox.put_event(hook, "sync.failed", {})
    WebhookDelivery.objects.update(state="failed")
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_webhookdelivery", "view_webhook"]))
    client.force_login(viewer)
    assert "Being delivered again" not in act(client, "again", delivery, where=DELIVERIES).content.decode()
    assert WebhookDelivery.objects.get().state == "failed"
    assert "Deliver again</option>" not in client.get(DELIVERIES).content.decode()
    assert "Send a test event</option>" not in client.get(LIST).content.decode()
    client.logout()
    assert client.get(LIST).status_code == 302


def test_html_in_names_and_answers_stays_text(operator):
    hook, _ = added(operator, name="<script>alert(1)</script>")
    delivery = outbox.put_event(hook, "sync.failed", {"error": "<script>alert(2)</script>"})
    WebhookDelivery.objects.update(state="failed", error="<script>alert(3)</script>")
    for page in (LIST, change(hook), DELIVERIES, reverse("admin:compat_webhookdelivery_change", args=[delivery.pk])):
        assert "<script>alert" not in operator.get(page).content.decode()
    assert "<script>alert" not in act(operator, "show_secret", hook).content.decode()


def test_a_webhook_can_be_deleted_with_its_deliveries(operator):
    hook, _ = added(operator)
    outbox.put_event(hook, "sync.failed", {})
    address = reverse("admin:compat_webhook_delete", args=[hook.pk])
    assert operator.get(address).status_code == 200
    assert operator.post(address, {"post": "yes"}).status_code == 302
    assert not Webhook.objects.exists()
    assert not WebhookDelivery.objects.exists()


# --- lists that are edited ---------------------------------------------------------------------------------------


@pytest.fixture
def watching():
    return Webhook.objects.create(
        name="Watching", url=GOOD["url"], secret=signing.new_secret(), events=["list.changed"], worker="rbee"
    )


@pytest.fixture
def picks():
    picks = CuratedList.objects.create(title="Picks", slug="picks")
    ListEntry.objects.create(curated_list=picks, record=ModelRecord.objects.get(repo_id="microsoft/phi-2"))
    return picks


def edited(client, picks, *, title="Picks", published=True, records=(), **entry):
    """Save the list's form with these records as its entries."""
    old = list(picks.entries.all())
    data = {
        "title": title,
        "slug": picks.slug,
        "description": "",
        "position": 0,
        **({"published": "on"} if published else {}),
    }
    data |= {"entries-TOTAL_FORMS": len(old) + len(records), "entries-INITIAL_FORMS": len(old)}
    for place, one in enumerate(old):
        data |= {f"entries-{place}-id": one.pk, f"entries-{place}-record": one.record_id}
        data |= {f"entries-{place}-position": one.position, f"entries-{place}-note": one.note}
        data |= {f"entries-{place}-{name}": value for name, value in entry.items()}
    for place, record in enumerate(records, len(old)):
        data |= {f"entries-{place}-record": record.pk, f"entries-{place}-position": place, f"entries-{place}-note": ""}
    response = client.post(reverse("admin:compat_curatedlist_change", args=[picks.pk]), data)
    assert response.status_code == 302, response.context["errors"]


def events(hook):
    return [json.loads(delivery.body)["data"] for delivery in hook.deliveries.order_by("pk")]


def test_adding_a_model_to_a_list_is_told_with_its_verdict(operator, watching, picks):
    edited(operator, picks, records=[ModelRecord.objects.get(repo_id="t5-small")])
    (event,) = events(watching)
    assert [(model["id"], model["compatible"]) for model in event["added"]] == [("t5-small", False)]
    assert event["removed"] == []
    assert event["url"] == "/lists/picks/"


def test_removing_a_model_is_told(operator, watching, picks):
    edited(operator, picks, DELETE="on")
    (event,) = events(watching)
    assert [(model["id"], model["confidence"]) for model in event["removed"]] == [("microsoft/phi-2", "high")]


def test_renaming_is_told_and_a_note_or_an_order_is_not(operator, watching, picks):
    edited(operator, picks, note="quick", position="7")
    assert events(watching) == []
    edited(operator, picks, title="Our picks")
    (event,) = events(watching)
    assert (event["title"], event["previousTitle"], event["addedCount"]) == ("Our picks", "Picks", 0)


def test_publishing_counts_as_all_coming_and_hiding_as_all_leaving(operator, watching, picks):
    edited(operator, picks, published=False)
    edited(operator, picks, published=False, title="In secret")
    edited(operator, picks, title="In public")
    hidden, shown = events(watching)
    assert (hidden["published"], hidden["url"], hidden["removedCount"], hidden["title"]) == (False, None, 1, "Picks")
    assert (shown["published"], shown["addedCount"], shown["title"]) == (True, 1, "In public")
    assert shown["previousTitle"] is None


def test_the_tick_in_the_overview_is_told_too(operator, watching, picks):
    data = {
        "form-TOTAL_FORMS": 1,
        "form-INITIAL_FORMS": 1,
        "form-0-id": picks.pk,
        "form-0-position": 0,
        "_save": "Save",
    }
    assert operator.post(reverse("admin:compat_curatedlist_changelist"), data).status_code == 302
    assert [event["removedCount"] for event in events(watching)] == [1]


def test_a_new_list_and_a_deleted_one_are_told(operator, watching, picks):
    data = {"title": "New", "slug": "new", "description": "", "published": "on", "position": 0}
    phi = ModelRecord.objects.get(repo_id="microsoft/phi-2")
    data |= {"entries-TOTAL_FORMS": 1, "entries-INITIAL_FORMS": 0, "entries-0-record": phi.pk, "entries-0-position": 0}
    assert operator.post(reverse("admin:compat_curatedlist_add"), data).status_code == 302
    address = reverse("admin:compat_curatedlist_delete", args=[picks.pk])
    assert operator.post(address, {"post": "yes"}).status_code == 302
    act(operator, "delete_selected", CuratedList.objects.get(), where=reverse("admin:compat_curatedlist_changelist"))
    operator.post(
        reverse("admin:compat_curatedlist_changelist"),
        {"action": "delete_selected", "_selected_action": [CuratedList.objects.get().pk], "post": "yes"},
    )
    assert not CuratedList.objects.exists()
    assert [(e["list"], e["addedCount"], e["removedCount"]) for e in events(watching)] == [
        ("new", 1, 0),
        ("picks", 0, 1),
        ("new", 0, 1),
    ]


def test_a_list_that_a_webhook_names_cannot_be_deleted(operator, watching, picks):
    Webhook.objects.update(curated_list=picks)
    page = operator.get(reverse("admin:compat_curatedlist_delete", args=[picks.pk])).content.decode()
    assert "protected" in page
    assert "Watching" in page


def test_a_webhook_of_another_list_is_not_told(operator, watching, picks):
    Webhook.objects.update(curated_list=CuratedList.objects.create(title="Other", slug="other"))
    edited(operator, picks, DELETE="on")
    assert events(watching) == []
