"""Atom feeds: new models that run, and every curated list."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from compat import catalogue as queries
from compat.catalogue.question import Question
from compat.catalogue.workers import workers
from compat.models import CuratedList, ListEntry, ModelRecord
from marketplace.feeds import NEWEST

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"


def entries(response):
    assert response.status_code == 200
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    return list(ET.fromstring(response.content).iter(f"{ATOM}entry"))


def links(entry):
    return entry.find(f"{ATOM}link").get("href")


@pytest.fixture
def curated():
    made = CuratedList.objects.create(title="Small <ones>", slug="small", description="For a laptop")
    for position, record in enumerate(ModelRecord.objects.order_by("name", "id")[:5]):
        ListEntry.objects.create(curated_list=made, record=record, position=position, note=f"Note {position}")
    return made


def test_the_newest_models_that_run_come_first(client):
    found = entries(client.get("/feed.xml"))
    dates = [entry.findtext(f"{ATOM}published") for entry in found]
    assert dates == sorted(dates, reverse=True)
    titles = [entry.findtext(f"{ATOM}title") for entry in found]
    rows = queries.browse(Question(sort="created", unit="repository")).rows
    assert titles[: len(rows)] == [row.record.repo_id for row in rows if row.record.created]
    assert len(rows) <= len(titles) <= NEWEST
    worker = next(iter(workers().values()))
    records = list(ModelRecord.objects.filter(repo_id__in=titles))
    assert all(row.result.compatible for row in queries.rows_of(records, worker))
    assert {links(entry) for entry in found} == {f"http://testserver/models/{title}/" for title in titles}


def test_models_whose_age_is_unknown_are_left_out_and_an_empty_feed_stays_the_same(client):
    ModelRecord.objects.update(created=None)
    first = client.get("/feed.xml")
    assert entries(first) == []
    assert client.get("/feed.xml").content == first.content


def test_a_list_is_told_in_the_curators_order_with_notes(client, curated):
    response = client.get("/lists/small/feed.xml")
    found = entries(response)
    assert ET.fromstring(response.content).findtext(f"{ATOM}title") == "RunsHere: Small <ones>"
    order = list(curated.entries.order_by("position").values_list("record__repo_id", flat=True))
    assert [entry.findtext(f"{ATOM}title") for entry in found] == order
    assert [entry.findtext(f"{ATOM}summary").rpartition(". ")[2] for entry in found] == [f"Note {n}" for n in range(5)]


def test_what_xml_cannot_say_is_left_out(client, curated):
    CuratedList.objects.update(title="a\x08b")
    ListEntry.objects.update(note="c\x1fd ]]> <script>")
    found = entries(client.get("/lists/small/feed.xml"))
    assert found[0].findtext(f"{ATOM}summary").endswith("cd ]]> <script>")


def test_a_list_that_is_not_published_has_no_feed(client, curated):
    CuratedList.objects.update(published=False)
    assert client.get("/lists/small/feed.xml").status_code == 404
    assert client.get("/lists/nonesuch/feed.xml").status_code == 404


def test_pages_name_their_feeds(client, curated):
    head = client.get("/").content.decode().partition("</head>")[0]
    assert '<link rel="alternate" href="/feed.xml" type="application/atom+xml"' in head
    head = client.get("/lists/small/").content.decode().partition("</head>")[0]
    assert 'href="/lists/small/feed.xml"' in head


def test_a_feed_is_the_same_for_everybody_and_may_be_kept(client):
    response = client.get("/feed.xml")
    assert set(response["Cache-Control"].split(", ")) == {"max-age=600", "public"}
    assert "Cookie" not in response.get("Vary", "")
    other = Client()
    other.cookies["worker"] = "worker=vllm&memory=24"
    assert other.get("/feed.xml").content == response.content
    again = client.get("/feed.xml", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304


def test_queries_do_not_grow_with_the_entries(client, curated):
    def asked(address):
        with CaptureQueriesContext(connection) as seen:
            entries(client.get(address))
        return len(seen)

    client.get("/feed.xml")
    assert asked("/feed.xml") <= 8
    few = asked("/lists/small/feed.xml")
    for record in ModelRecord.objects.exclude(list_entries__curated_list=curated)[:20]:
        ListEntry.objects.create(curated_list=curated, record=record)
    assert asked("/lists/small/feed.xml") == few
