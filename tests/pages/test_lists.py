"""Curated lists: in the curator's order, judged for the visitor's worker."""

from __future__ import annotations

import pytest

from compat.models import CuratedList, ListEntry, ModelRecord
from marketplace import starter
from tests.markup import Page

pytestmark = pytest.mark.django_db


def make(title, *repo_ids, **more):
    curated = CuratedList.objects.create(title=title, slug=title.lower().replace(" ", "-")[:50], **more)
    for place, repo_id in enumerate(repo_ids):
        kept = ModelRecord.objects.get(repo_id=repo_id)
        ListEntry.objects.create(curated_list=curated, record=kept, position=place, note=f"note {place}")
    return curated


def test_no_list_yet(client):
    page = Page(client.get("/lists/"))
    assert "No list yet" in page.text


def test_the_starter_lists_are_shown_with_their_sizes(client):
    starter.create_lists()
    page = Page(client.get("/lists/"))
    for curated in CuratedList.objects.all():
        assert curated.title in page.text
        assert f"{curated.entries.count()} models" in page.text
        assert client.get(curated.get_absolute_url()).status_code == 200


def test_lists_come_in_the_curators_order_then_by_title(client):
    for title, position in (("Last", 2), ("Zebra", 1), ("First", 0), ("Apple", 1)):
        make(title, position=position)
    order = ["/lists/first/", "/lists/apple/", "/lists/zebra/", "/lists/last/"]
    assert [link for link in Page(client.get("/lists/")).links if link in order] == order


def test_entries_come_in_the_curators_order_with_notes_and_badges(client):
    order = ("t5-small", "microsoft/phi-2", "BAAI/bge-m3")
    response = client.get(make("Mixed", *order).get_absolute_url())
    page = Page(response)
    shown = [link for link in page.links if link in {f"/models/{repo_id}/" for repo_id in order}]
    assert shown == [f"/models/{repo_id}/" for repo_id in order]
    assert all(f"note {place}" in page.text for place in range(3))
    assert len(page.classed("badge")) == 3
    assert "3 models, 1 runs on rbee" in page.text


def test_a_list_can_be_browsed_with_filters(client):
    page = Page(client.get(make("Mixed", "t5-small", "microsoft/phi-2").get_absolute_url()))
    address = next(link for link in page.links if "list=mixed" in link)
    response = client.get(address)
    assert response.context["page"].total == 2
    assert "in Mixed" in Page(response).text


def test_an_empty_list_says_so(client):
    assert "has no models yet" in Page(client.get(make("Empty").get_absolute_url())).text


def test_an_unpublished_or_unknown_list_is_not_found(client):
    hidden = make("Hidden", "microsoft/phi-2", published=False)
    assert client.get(hidden.get_absolute_url()).status_code == 404
    assert "Hidden" not in Page(client.get("/lists/")).text
    response = client.get("/lists/nothing/")
    assert response.status_code == 404
    assert "There is no list “nothing”" in Page(response).text


def test_what_a_curator_writes_stays_text(client):
    attack = "<img src=x onerror=alert(1)>"
    curated = make(attack, "microsoft/phi-2", description=f"{attack}\n\nsecond line")
    curated.slug = "odd"
    curated.save()
    curated.entries.update(note=attack)
    for address in ("/lists/odd/", "/lists/", "/", "/models/?list=odd"):
        response = client.get(address)
        assert response.status_code == 200
        page = Page(response)
        assert attack in page.text
        assert not page.forbidden
        assert not [tag for tag, _ in page.tags if tag == "img"]
