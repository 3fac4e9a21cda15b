"""The page that takes an engine's log: without JavaScript, with hostile text, with the right to keep and without."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile

from compat.logs import MOST_BYTES, TOO_LONG
from compat.models import Measurement
from tests.logs.real_logs import log
from tests.markup import Page

pytestmark = pytest.mark.django_db

LLAMA = "meta-llama/Llama-3.1-8B"
ADDRESS = f"/log/?id={LLAMA}&worker=ollama"
R1 = log("ollama-0.9-deepseek-r1-8b-journald")


def keeper(client):
    user = User.objects.create_user("keeper")
    user.user_permissions.add(Permission.objects.get(codename="add_measurement"))
    client.force_login(user)
    return user


def kept_field(page):
    return next(form.fields["keep"] for form in page.forms if "keep" in form.fields)


def test_a_models_page_leads_to_it_with_the_visitors_worker(client):
    page = Page(client.get(f"/models/{LLAMA}/?worker=ollama&accelerator=RTX+3090"))
    link = next(link for link in page.internal() if link.startswith("/log/"))
    assert link == f"/log/?id={LLAMA}&worker=ollama&accelerator=RTX+3090"
    assert client.get(link).status_code == 200


def test_the_form_works_without_javascript_and_is_labelled(client):
    response = client.get(ADDRESS)
    page = Page(response)
    assert "Compare with your engine's log" in page.text
    assert "at most 2 MiB" in page.text
    assert not page.forbidden
    assert response["Cache-Control"] == "no-store"
    labelled = {attributes.get("for") for tag, attributes in page.tags if tag == "label"}
    assert {"log-text", "log-file"} <= labelled


def test_a_pasted_log_is_compared_part_by_part(client):
    page = Page(client.post(ADDRESS, {"log": R1}))
    text = page.text.replace("\xa0", " ")
    for words in ("Weights", "4,403 MiB", "KV cache", "1,024 MiB", "Compute buffers", "560 MiB", "5,987 MiB"):
        assert words in text, words
    assert "Ollama on GTX 1080" in text
    assert "DeepSeek R1 Distill Llama 8B" in text
    assert not page.forbidden


def test_a_file_does_as_well(client):
    file = SimpleUploadedFile("server.log", R1.encode("utf-16"))
    assert "4,403" in Page(client.post(ADDRESS, {"log": "", "file": file})).text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "There is no log"),
        ({"log": "hello"}, "Nothing in this text"),
        ({"log": "x" * (MOST_BYTES + 1)}, "larger than 2 MiB"),
        ({"file": SimpleUploadedFile("a.log", b"x" * (MOST_BYTES + 1))}, "larger than 2 MiB"),
        ({"file": SimpleUploadedFile("a.png", bytes(5000))}, "no text"),
    ],
    ids=["nothing", "no log", "long", "long file", "picture"],
)
def test_what_cannot_be_read_is_answered_with_what_to_do(client, given, words):
    response = client.post(ADDRESS, given)
    assert response.status_code == 422
    assert words in Page(response).text
    # htmx shows an answer of success alone.
    if "file" not in given:
        assert client.post(ADDRESS, given, headers={"HX-Request": "true"}).status_code == 200


@pytest.mark.parametrize("form", ["multipart", "urlencoded"])
def test_a_paste_that_is_too_long_for_a_form_is_told_what_a_file_is(client, form):
    client.handler.enforce_csrf_checks = True
    text = "x" * 3_000_000
    if form == "multipart":
        response = client.post(ADDRESS, {"log": text})
    else:
        response = client.post(ADDRESS, f"log={text}", content_type="application/x-www-form-urlencoded")
    page = Page(response)
    assert response.status_code == 422
    assert "larger than 2 MiB" in page.text
    assert "Give the part" in page.text
    assert "Ollama" in page.text
    assert "log-text" in {attributes.get("id") for tag, attributes in page.tags if tag == "textarea"}
    assert text[:100] not in page.text
    assert not page.forbidden
    client.handler.enforce_csrf_checks = False
    file = SimpleUploadedFile("a.log", text.encode())
    assert TOO_LONG in Page(response).text
    assert TOO_LONG in Page(client.post(ADDRESS, {"file": file})).text


def test_another_models_log_is_not_compared(client):
    page = Page(client.post(ADDRESS, {"log": log("llama-cpp-glm-5.2-4gpu")}))
    assert "Nothing was compared" in page.text
    assert "glm-dsa" in page.text
    assert "33,728" not in page.text


def test_what_a_log_says_stays_text(client):
    attack = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    hostile = R1.replace("DeepSeek R1 Distill Llama 8B", attack).replace("CUDA0", "<b>CUDA0</b>")
    response = client.post(ADDRESS, {"log": hostile})
    page = Page(response)
    assert not page.forbidden
    assert not [tag for tag, _ in page.tags if tag in ("img", "b") and "onerror" in str(_)]
    assert "<script>alert(2)" not in response.content.decode()


def test_a_form_from_elsewhere_is_refused(client):
    client.handler.enforce_csrf_checks = True
    assert client.post(ADDRESS, {"log": R1}).status_code == 403


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/log/", 400),
        ("/log/?id=a/b/c", 400),
        ("/log/?id=%00", 400),
        ("/log/?id=nobody/nothing", 302),
        (f"/log/?id={LLAMA}&worker=nobody", 400),
        (f"/log/?id={LLAMA}&wurst=1", 400),
    ],
)
def test_an_address_that_makes_no_sense_is_told_so(client, address, status):
    assert client.get(address).status_code == status
    assert client.post(address, {"log": R1}).status_code == status


def test_a_visitor_may_compare_and_not_keep(client):
    page = Page(client.post(ADDRESS, {"log": R1}))
    assert "log in as somebody with the right" in page.text
    assert not [form for form in page.forms if "keep" in form.fields]
    forged = signing.dumps({"repo_id": LLAMA}, salt="measurement")
    response = client.post(ADDRESS, {"keep": forged}, follow=True)
    assert "needs a person with the right" in Page(response).text
    assert Measurement.objects.count() == 0


def test_whoever_may_keeps_it_and_pages_show_it(client):
    user = keeper(client)
    page = Page(client.post(ADDRESS, {"log": R1}))
    response = client.post(ADDRESS, {"keep": kept_field(page)}, follow=True)
    assert "Kept as a measurement" in Page(response).text
    one = Measurement.objects.get()
    assert (one.repo_id, one.engine, one.accelerator, one.by) == (LLAMA, "ollama", "GTX 1080", user)
    text = Page(client.get(f"/models/{LLAMA}/?worker=ollama&accelerator=GTX+1080")).text.replace("\xa0", " ")
    assert "Measured here" in text
    assert "5,987 MiB" in text
    assert "Measured here" not in Page(client.get(f"/models/{LLAMA}/?worker=ollama&accelerator=RTX+3090")).text


@pytest.mark.parametrize("keep", ["", "x", "eyJhIjoxfQ:1:2"])
def test_what_this_site_did_not_compare_is_not_kept(client, keep):
    keeper(client)
    response = client.post(ADDRESS, {"keep": keep}, follow=True)
    assert "too old to be kept, or not from here" in Page(response).text
    assert Measurement.objects.count() == 0


def test_what_stopped_or_was_planned_offers_no_keeping(client):
    keeper(client)
    for name in ("ollama-out-of-memory-compute", "ollama-0.5-llama3.1-8b-offload", "llama-cpp-glm-5.2-4gpu"):
        page = Page(client.post(ADDRESS, {"log": log(name)}))
        assert not [form for form in page.forms if "keep" in form.fields], name


def test_the_accuracy_page_counts_it_and_gives_it_as_points(client):
    assert "Nothing yet" in Page(client.get("/accuracy/")).text
    assert client.get("/accuracy/?format=measured").content == b""
    keeper(client)
    page = Page(client.post(ADDRESS, {"log": R1}))
    client.post(ADDRESS, {"keep": kept_field(page)})
    client.logout()
    shown = Page(client.get("/accuracy/"))
    assert "Measured here" in shown.text
    assert "Nothing yet" not in shown.text
    lines = client.get("/accuracy/?format=measured")
    assert lines["Content-Type"].startswith("application/jsonl")
    assert lines.json()["weights_mib"] == 4403.49
    assert client.get("/accuracy/?format=measured-speed").content == b""
