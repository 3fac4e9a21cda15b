"""Sitemaps and robots.txt: every page is told, in pages by id, and no walk over the catalogue tells how many."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat.models import CuratedList, ModelRecord
from marketplace import sitemaps

pytestmark = pytest.mark.django_db


def places(response):
    assert response.status_code == 200
    assert response["Content-Type"] == "application/xml"
    return [node.text for node in ET.fromstring(response.content).findall(".//{*}loc")]


def path_of(place):
    parts = urlsplit(place)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def told(client):
    return [place for one in places(client.get("/sitemap.xml")) for place in places(client.get(path_of(one)))]


def test_every_model_and_list_and_page_is_told_once(client, monkeypatch):
    monkeypatch.setattr(sitemaps, "AT_ONCE", 90)
    CuratedList.objects.create(title="Shown", slug="shown")
    CuratedList.objects.create(title="Draft", slug="draft", published=False)
    found = told(client)
    assert len(found) == len(set(found))
    models = {f"http://testserver{record.get_absolute_url()}" for record in ModelRecord.objects.all()}
    others = set(found) - models
    assert models <= set(found)
    assert "http://testserver/lists/shown/" in others
    assert "http://testserver/lists/draft/" not in others
    for place in others:
        assert client.get(path_of(place)).status_code == 200


def test_days_of_change_are_told(client):
    record = ModelRecord.objects.order_by("-popularity", "repo_id")[7]
    record.modified = datetime(2026, 3, 1, 12, tzinfo=UTC)
    record.save()
    page = record.pk // sitemaps.AT_ONCE + 1
    text = client.get(f"/sitemap-models.xml?p={page}").content.decode()
    line = next(line for line in text.split("<url>") if f"{record.get_absolute_url()}</loc>" in line)
    assert "<lastmod>2026-03-01</lastmod>" in line


def test_pages_are_found_by_key_alone(client, monkeypatch):
    monkeypatch.setattr(sitemaps, "AT_ONCE", 50)
    with CaptureQueriesContext(connection) as seen:
        pages = [place for place in places(client.get("/sitemap.xml")) if "models" in place]
    assert len(seen) <= 2
    assert not [query["sql"] for query in seen if "COUNT" in query["sql"].upper()]
    with CaptureQueriesContext(connection) as seen:
        assert places(client.get(path_of(pages[-1])))
    assert len(seen) == 2
    assert not [query["sql"] for query in seen if "OFFSET" in query["sql"].upper()]


def test_a_page_whose_models_are_gone_is_empty_and_one_that_never_was_is_not_found(client, monkeypatch):
    monkeypatch.setattr(sitemaps, "AT_ONCE", 50)
    first = ModelRecord.objects.order_by("pk").first().pk // 50
    ModelRecord.objects.filter(pk__gte=first * 50, pk__lt=first * 50 + 50).delete()
    assert places(client.get(f"/sitemap-models.xml?p={first + 1}")) == []
    for wrong in ("0", "999999", "-1", "x", "²"):
        assert client.get("/sitemap-models.xml", {"p": wrong}).status_code == 404
    assert client.get("/sitemap-nonesuch.xml").status_code == 404


def test_an_empty_catalogue_has_a_sitemap(client):
    ModelRecord.objects.all().delete()
    assert [path_of(place) for place in told(client)] == [
        "/",
        "/models/",
        "/lists/",
        "/report/",
        "/workers/",
        "/accuracy/",
        "/api/docs",
    ]


def test_robots_are_told_where_the_sitemap_is_and_what_to_leave(client):
    response = client.get("/robots.txt")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    rules = RobotFileParser()
    rules.parse(response.content.decode().splitlines())
    assert rules.site_maps() == ["http://testserver/sitemap.xml"]
    # As Google and the others read it, and RFC 9309: all lists that filters make.
    assert "Disallow: /models/*?" in response.content.decode().splitlines()
    for path in ("/", "/models/", "/models/microsoft/phi-2/", "/lists/shown/", "/report/", "/api/docs"):
        assert rules.can_fetch("*", path), path
    for path in ("/fetch/?id=a/b", "/admin/", "/api/v1/models"):
        assert not rules.can_fetch("*", path), path
