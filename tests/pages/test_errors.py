"""Addresses that lead nowhere, requests that make no sense, and a site that breaks."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import DatabaseError, OperationalError
from django.test import Client

from compat import catalogue as queries
from compat.models import Verdict
from tests.markup import Page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/nonsense/", "/models/../admin/", "/workers/a/b/", "/%3Cscript%3E/", "/.env", "/api"]
)
def test_nothing_is_at_an_unknown_address_and_the_page_leads_on(client, path):
    response = client.get(path)
    assert response.status_code == 404
    page = Page(response)
    assert "There is nothing at this address" in page.text or "is not in this catalogue" in page.text
    assert "/models/" in page.links
    assert "Resolver404" not in page.text
    assert "<script>" not in page.text
    assert not page.forbidden


def test_a_form_sent_from_elsewhere_is_refused_with_a_page():
    response = Client(enforce_csrf_checks=True).post("/fetch/", {"id": "a/b"})
    assert response.status_code == 403
    page = Page(response)
    assert "This is not allowed" in page.text
    assert not page.forbidden


def test_a_senseless_request_is_refused_with_a_page(client):
    response = client.post("/fetch/", {"id": "<script>"})
    assert response.status_code == 400
    page = Page(response)
    assert "makes no sense" in page.text
    assert not page.forbidden


def test_a_host_that_is_not_ours_is_refused(client):
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_a_site_that_breaks_shows_a_page_without_details(monkeypatch):
    def broken():
        raise RuntimeError("secret detail")

    monkeypatch.setattr(queries, "published_lists", broken)
    response = Client(raise_request_exception=False).get("/lists/")
    assert response.status_code == 500
    page = Page(response)
    assert "Something broke on our side" in page.text
    assert "secret detail" not in page.text
    assert not page.forbidden


@pytest.mark.parametrize(("problem", "status"), [(RuntimeError, 500), (OperationalError, 503)])
def test_a_site_that_breaks_says_so_in_the_visitors_language(monkeypatch, problem, status):
    def broken():
        raise problem("gone")

    monkeypatch.setattr(queries, "published_lists", broken)
    response = Client(raise_request_exception=False).get("/lists/", headers={"Accept-Language": "de"})
    assert response.status_code == status
    assert '<html lang="de">' in response.content.decode()


def test_health_tells_the_catalogues_version(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json()["status"] == "ok"
    assert response.json()["catalogue"] >= 1


def test_health_says_when_the_database_does_not_answer(client, monkeypatch):
    def broken():
        raise DatabaseError("gone")

    monkeypatch.setattr(queries, "catalogue_state", broken)
    response = client.get("/healthz")
    assert response.status_code == 503
    assert "gone" not in response.content.decode()


@pytest.mark.parametrize("path", ["/", "/models/", "/lists/", "/report/", "/workers/", "/models/microsoft/phi-2/"])
def test_pages_are_read_only(client, path):
    assert client.post(path).status_code == 405
    assert client.head(path).status_code == 200


def test_the_site_is_whole_again_once_stale_verdicts_are_judged(client):
    Verdict.objects.all().delete()
    call_command("reevaluate")
    assert client.get("/models/").context["page"].total > 0
