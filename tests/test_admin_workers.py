"""Registering workers: what an operator can say, what is refused in words, and that visitors can pick them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from compat.catalogue.workers import Machine, workers
from compat.engines import all_profiles
from compat.engines.accelerator_names import accelerator_labels
from compat.engines.cards import Cards
from compat.models import SiteWorker
from tests.markup import Page

pytestmark = pytest.mark.django_db

LIST = "admin:compat_siteworker_changelist"
ADD = "admin:compat_siteworker_add"
GOOD = {
    "name": "Big box",
    "slug": "big-box",
    "engine": "vllm",
    "accelerator": "RTX 4090",
    "count": 2,
    "memory_gb": "",
    "ram_gb": "128",
    "context": 32768,
    "ram_bandwidth": "89.6",
    "kv": "fp8",
    "slots": "",
    "published": "on",
    "position": 0,
}


@pytest.fixture
def operator(client):
    client.force_login(User.objects.create_superuser("operator"))
    return client


def added(operator, **changes):
    """The worker that is made, or the form's errors by field."""
    response = operator.post(reverse(ADD), {**GOOD, **changes})
    if response.status_code == 302:
        return SiteWorker.objects.get(), {}
    return None, response.context["adminform"].form.errors


def test_a_worker_is_registered_and_offered_to_visitors(operator, client):
    worker, errors = added(operator)
    assert not errors
    assert workers()["big-box"].machine == Machine("RTX 4090", 2, None, 128.0, 89.6)
    assert (worker.context, worker.kv) == (32768, "fp8")
    client.logout()
    assert "Big box" in Page(client.get("/workers/")).text
    page = client.get("/models/", {"worker": "big-box"}).context["page"]
    assert page.worker.registered
    assert client.get("/workers/big-box/").status_code == 200


def test_a_machine_of_unlike_cards_is_registered(operator):
    worker, errors = added(operator, count=1, beside="2x3060 12GB; 3050 8gb")
    assert not errors
    assert worker.beside == "2x RTX 3060 12 GB, RTX 3050 8 GB"
    machine = workers()["big-box"].machine
    assert machine.beside == (Cards("RTX 3060 12 GB", 2), Cards("RTX 3050 8 GB"))
    assert "RTX 4090 + 2 \u00d7 RTX 3060 12 GB" in Page(operator.get(reverse(LIST))).text


@pytest.mark.parametrize(
    ("beside", "words"), [("toaster", "not an accelerator"), ("RX 7600", "several makers"), ("16x3060", "are 18")]
)
def test_cards_that_do_not_go_with_the_others_are_refused(operator, beside, words):
    _, errors = added(operator, beside=beside)
    assert words in " ".join(errors["beside"])


def test_the_list_says_engine_and_machine(operator, django_assert_max_num_queries):
    added(operator)
    SiteWorker.objects.create(name="Gone", slug="gone", engine="an-engine-that-was")
    with django_assert_max_num_queries(10):
        text = Page(operator.get(reverse(LIST))).text
    assert "vLLM" in text
    assert "2 × RTX 4090" in text  # noqa: RUF001 - the multiplication sign is meant
    assert "an-engine-that-was: no longer known" in text
    assert "not told" in text


def test_every_engine_can_be_chosen_and_no_other(operator):
    page = Page(operator.get(reverse(ADD)))
    offered = {told["value"] for tag, told in page.tags if tag == "option"}
    assert offered >= set(all_profiles())
    _, errors = added(operator, engine="nobody")
    assert "engine" in errors


def test_the_accelerator_is_plain_text(operator):
    page = Page(operator.get(reverse(ADD)))
    field = next(told for _, told in page.tags if told.get("name") == "accelerator")
    assert field["type"] == "text"
    assert "list" not in field
    assert not [tag for tag, _ in page.tags if tag == "datalist"]


@pytest.mark.parametrize("label", ["RTX 4090", "V100 32 GB", " A100 80 GB ", ""])
def test_known_accelerators_are_taken_as_they_are(operator, label):
    worker, errors = added(operator, accelerator=label, memory_gb="" if label else "24")
    assert not errors
    assert worker.accelerator == label.strip()


def test_an_unknown_accelerator_is_refused_with_near_ones(operator):
    worker, errors = added(operator, accelerator="V100 64 GB")
    assert worker is None
    (message,) = errors["accelerator"]
    assert "“V100 64 GB” is not an accelerator this site knows" in message
    assert "V100 16 GB" in message
    (message,) = added(operator, accelerator="<script>")[1]["accelerator"]
    assert "Did you mean" not in message
    assert "give its memory alone" in message


def test_html_in_an_error_stays_text(operator):
    response = operator.post(reverse(ADD), {**GOOD, "accelerator": "<script>alert(1)</script>"})
    assert b"<script>alert" not in response.content


@pytest.mark.parametrize("field", ["memory_gb", "ram_gb", "ram_bandwidth"])
@pytest.mark.parametrize("value", ["0", "-4", "1e9", "nan", "inf", "many"])
def test_memory_must_be_something(operator, field, value):
    worker, errors = added(operator, **{field: value})
    assert worker is None
    assert field in errors


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", "0"),
        ("count", "17"),
        ("context", "0"),
        ("context", "-1"),
        ("kv", "q1"),
        ("slots", "0"),
        ("slots", "257"),
        ("slug", "a b"),
        ("name", ""),
    ],
)
def test_other_senseless_values_are_refused(operator, field, value):
    worker, errors = added(operator, **{field: value})
    assert worker is None
    assert field in errors


@pytest.mark.parametrize("label", ["Apple M2", "GB10", "Ryzen AI Max+ 395"])
def test_two_computers_are_not_one(operator, label):
    worker, errors = added(operator, accelerator=label, memory_gb="96", count=2)
    assert worker is None
    assert f"A machine has one {label}" in errors["count"][0]
    assert added(operator, accelerator=label, memory_gb="96", count=1)[0]


def test_two_workers_cannot_share_a_slug(operator):
    added(operator)
    _, errors = added(operator, name="Another")
    assert "slug" in errors


def test_the_word_that_leaves_the_engine_to_the_machine_is_no_slug(operator):
    _, errors = added(operator, slug="auto")
    assert "take another slug" in errors["slug"][0]


def test_every_label_passes_the_form(operator):
    from compat.admin import SiteWorkerForm

    for label in accelerator_labels():
        form = SiteWorkerForm({**GOOD, "accelerator": label, "count": 1})
        assert form.is_valid(), (label, form.errors)


def test_unpublished_workers_are_not_offered(operator, client):
    data = dict(GOOD)
    del data["published"]
    operator.post(reverse(ADD), data)
    assert "big-box" not in workers()
    assert client.get("/workers/big-box/").status_code == 404


def test_a_changed_machine_changes_the_numbers_at_once(operator):
    worker, _ = added(operator, accelerator="", memory_gb="96", count=1)
    before = operator.get("/models/?worker=big-box").context["page"].total
    change = reverse("admin:compat_siteworker_change", args=[worker.pk])
    assert operator.post(change, {**GOOD, "accelerator": "", "memory_gb": "8", "count": 1}).status_code == 302
    after = operator.get("/models/?worker=big-box").context["page"]
    assert after.total < before
    assert after.total == operator.get("/workers/big-box/").context["page"].running


def test_a_curator_of_lists_may_not_register_workers(client):
    curator = User.objects.create_user("curator", is_staff=True)
    curator.user_permissions.set(Permission.objects.filter(content_type__model="curatedlist"))
    client.force_login(curator)
    assert client.get(reverse(ADD)).status_code == 403
    client.logout()
    assert client.get(reverse(LIST)).status_code == 302


def test_a_type_of_cache_that_the_engine_lacks_is_refused_with_those_it_has(operator):
    worker, errors = added(operator, kv="q8_0")
    assert worker is None
    assert errors["kv"] == ["This engine has no such type: take auto or fp8."]
    assert added(operator, engine="llama-cpp", kv="q8_0")[0].kv == "q8_0"
