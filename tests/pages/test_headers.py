"""What every page must keep to: a strict content policy, no inline code, and links that lead somewhere."""

from __future__ import annotations

import re
from collections import Counter, deque
from urllib.parse import quote, urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from marketplace import starter
from tests.markup import Page

pytestmark = pytest.mark.django_db

PLACES = {
    "/": 200,
    "/models/": 200,
    "/models/?compatible=false&q=llama": 200,
    "/models/?sort=nonsense": 400,
    "/models/?page=9999": 404,
    "/models/microsoft/phi-2/": 200,
    "/models/meta-llama/Llama-3.1-70B-Instruct/": 200,
    "/models/nobody/nothing/": 404,
    "/workers/": 200,
    "/workers/rbee/": 200,
    "/lists/": 200,
    "/lists/small-and-open/": 200,
    "/report/": 200,
    "/report/?top=x": 400,
    "/nonsense/": 404,
    "/healthz": 200,
    "/admin/login/": 200,
}


@pytest.fixture(autouse=True)
def _lists():
    starter.create_lists()


@pytest.mark.parametrize("path", PLACES)
def test_every_answer_carries_the_strict_headers(client, path):
    response = client.get(path)
    assert response.status_code == PLACES[path]
    policy = {part.split()[0]: part.split()[1:] for part in response["Content-Security-Policy"].split(";")}
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", [path for path in PLACES if path not in ("/healthz", "/admin/login/")])
def test_no_page_needs_inline_code_or_another_site(client, path):
    response = client.get(path)
    page = Page(response)
    assert page.forbidden == []
    assert page.title
    assert [tag for tag, _ in page.tags].count("main") == 1
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert page.assets
    assert not [asset for asset in page.assets if urlsplit(asset).netloc]
    ids = Counter(told["id"] for _, told in page.tags if told.get("id"))
    assert not [name for name, times in ids.items() if times > 1]
    assert "HX-Request" in response.get("Vary", "") or path == "/nonsense/"


def test_every_asset_is_there(client):
    assets = {asset.split("#")[0] for path in PLACES if path != "/healthz" for asset in Page(client.get(path)).assets}
    for asset in assets:
        assert finders.find(asset.removeprefix("/static/")), asset


def test_every_icon_is_in_the_sheet(client):
    sheet = finders.find("icons/sprite.svg")
    with open(sheet, encoding="utf-8") as file:  # noqa: PTH123 - finders may answer with any path
        known = set(re.findall(r'id="([^"]+)"', file.read()))
    used = {
        asset.partition("#")[2]
        for path in PLACES
        if path not in ("/healthz", "/admin/login/")
        for asset in Page(client.get(path)).assets
        if "sprite" in asset
    }
    assert used <= known


def shape(address):
    """Addresses that show the same kind of page: parameters by name, models as one."""
    parts = urlsplit(address)
    names = sorted({pair.partition("=")[0] for pair in parts.query.split("&")})
    path = re.sub(r"^(/models|/workers|/lists)/.+", r"\1/*", parts.path)
    return path, tuple(names)


def test_every_link_leads_somewhere():
    """A walk over the site, a few of each kind of page, without the memory that a cookie is."""
    waiting = deque(["/"])
    seen = {"/"}
    kinds = Counter()
    visited = 0
    while waiting and visited < 80:
        address = waiting.popleft()
        if urlsplit(address).path.startswith("/admin/"):
            assert Client().get(address).status_code < 400
            continue
        if kinds[shape(address)] >= 3:
            continue
        kinds[shape(address)] += 1
        visited += 1
        response = Client().get(address)
        page = Page(response)
        # A base model that the catalogue lacks has a page that says so and offers to fetch it.
        lacking = response.status_code == 404 and "is not in this catalogue" in page.text
        assert response.status_code < 400 or lacking, address
        assert not page.forbidden, address
        for link in page.internal():
            if link not in seen:
                seen.add(link)
                waiting.append(link)
    assert visited >= 50


def test_links_off_the_site_give_nothing_away(client):
    for path in PLACES:
        page = Page(client.get(path)) if path != "/healthz" else None
        for tag, told in page.tags if page else ():
            if tag == "a" and urlsplit(told.get("href", "")).netloc:
                assert told["href"].startswith("https://")
                assert "noopener" in told["rel"]


def test_pages_are_compressed(client):
    response = client.get("/models/", headers={"Accept-Encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response["Vary"]
    assert len(response.content) < 60_000


@pytest.mark.parametrize("place", ["http://[", "http://[x]/", "http://\u2100/", "http%3A%2F%2F%5B", "\x01", "//["])
def test_a_place_that_is_no_address_is_as_none(client, place):
    """Where htmx says the visitor is may be anything that a program sends."""
    headers = {"HX-Request": "true", "HX-Target": "results"}
    named = {"HX-Trigger-Name": "q", "HX-Current-URL": quote(place), "HX-Current-URL-URI-AutoEncoded": "true"}
    for told in ({"HX-Current-URL": place}, named):
        response = client.get("/models/?q=llama", headers=headers | told)
        assert response.status_code == 200
        assert response["HX-Push-Url"] == "/models/?q=llama"
