"""In which language pages are answered, and what is said to caches about it."""

import re

import pytest
from django.conf import settings

PAGES = (
    "/",
    "/models/",
    "/machine/",
    "/workers/",
    "/lists/",
    "/report/",
    "/accuracy/",
    "/compare/",
    "/log/?id=microsoft/phi-2",
    "/nothing/",
    "/api/docs",
)
LANGUAGE = re.compile(r'<html lang="([^"]+)" dir="ltr">')


def language_of(response):
    """What a page says of itself, in its header and in its text."""
    told = LANGUAGE.search(response.content.decode())
    assert told
    assert response["Content-Language"] == told[1]
    return told[1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("accept", "cookie", "language"),
    [
        ("", "", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "", "de"),
        ("zh-CN,zh;q=0.9", "", "zh-hans"),
        ("fr,it;q=0.9", "", "en"),
        ("fr,de;q=0.1", "", "de"),
        ("de", "en", "en"),
        ("", "de", "de"),
        ("de", "xx", "de"),
        ("\0;q=x,,", "../de", "en"),
    ],
)
def test_the_choice_goes_before_the_browser_and_english_is_what_remains(client, accept, cookie, language):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = cookie
    assert language_of(client.get("/models/", headers={"accept-language": accept})) == language


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["de", "zh-hans"])
def test_every_page_is_answered_in_every_language(client, path, language):
    response = client.get(path, headers={"accept-language": language})
    assert response.status_code == (404 if path == "/nothing/" else 200)
    assert language_of(response) == language
    english = client.get(path).content.decode()
    assert "Skip to content" in english
    assert "Skip to content" not in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/api/models", "/api/v1/models", "/feed.xml", "/robots.txt", "/healthz", "/admin/login/"]
)
def test_what_machines_and_operators_read_is_english_and_depends_on_no_language(client, path):
    plain = client.get(path)
    german = client.get(path, headers={"accept-language": "de"})
    assert "Accept-Language" not in german.get("Vary", "")
    if path != "/admin/login/":  # Its form has a token that differs.
        assert german.content == plain.content
    else:
        assert "Log in" in german.content.decode()


@pytest.mark.django_db
def test_a_cache_in_front_keeps_the_english_page_alone(client):
    english = client.get("/models/")
    assert english["Cache-Control"].startswith("public")
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in english["Vary"].split(",")}
    german = client.get("/models/", headers={"accept-language": "de"})
    assert german["Cache-Control"] == "private, no-cache"
    assert "CDN-Cache-Control" not in german
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    assert client.get("/models/")["Cache-Control"] == "private, no-cache"


@pytest.mark.django_db
def test_answers_that_the_site_keeps_are_kept_for_each_language(client, settings):
    settings.PAGE_CACHE_MB = 8
    client.handler.load_middleware()
    for _ in range(2):
        for language in ("en", "de", "zh-hans"):
            assert language_of(client.get("/lists/", headers={"accept-language": language})) == language
    assert "Age" in client.get("/lists/", headers={"accept-language": "de"})


@pytest.mark.django_db
def test_a_choice_is_kept_in_the_browser_and_leads_back(client):
    there = "http://testserver/models/?q=qwen"
    response = client.post("/language/", {"language": "de"}, headers={"referer": there})
    assert response.status_code == 302
    assert response["Location"] == there
    cookie = response.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert (cookie.value, cookie["samesite"], bool(cookie["httponly"])) == ("de", "Lax", True)
    assert cookie["max-age"] >= 30 * 24 * 3600
    assert language_of(client.get("/models/?q=qwen")) == "de"


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["xx", "", "de\r\nSet-Cookie: a=b"])
def test_a_language_that_is_not_there_is_not_kept(client, language):
    response = client.post("/language/", {"language": language, "next": "https://elsewhere.example/"})
    assert response.status_code == 302
    assert response["Location"] == "/"
    assert settings.LANGUAGE_COOKIE_NAME not in response.cookies
    assert client.get("/language/").status_code == 405


@pytest.mark.django_db
def test_every_page_offers_every_language_by_its_own_name(client):
    for language in ("en", "de", "zh-hans"):
        text = client.get("/lists/", headers={"accept-language": language}).content.decode()
        for code, name in settings.LANGUAGES:
            chosen = ' aria-current="true"' if code == language else ""
            assert f'name="language" value="{code}" lang="{code}"{chosen}>{name}</button>' in text


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "said"), [("de", "Modelle auflisten und suchen"), ("zh-hans", "列出和搜索模型")])
def test_the_page_of_the_api_says_in_each_language_what_an_operation_does(client, language, said):
    page = client.get("/api/docs", headers={"accept-language": language}).content.decode()
    assert said in page
    assert not re.findall(r"<h2[^>]*>[A-Z][a-z]+ (?:much|good|one|every|the|and) [^<]*</h2>", page)
    schema = client.get("/api/openapi.json", headers={"accept-language": language})
    assert "List and search models" in schema.content.decode()
