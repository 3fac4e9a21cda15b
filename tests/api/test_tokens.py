"""API tokens as programs use them: what they change, how a bad one is told, and other sites' tokens left alone."""

from __future__ import annotations

import dataclasses
import html
import time
from datetime import timedelta
from types import SimpleNamespace

import httpx2
import huggingface_hub
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from marketplace.api import rates, tokens
from marketplace.models import ApiToken, digest_of

pytestmark = pytest.mark.django_db
CHEAP = "/api/v1/compatibility/check"
PASSED = 405
"""An address that is limited like any other; asked in the wrong way, it needs no database."""


@pytest.fixture
def limits(settings):
    """Sets the rates. By the day, so that no window ends while a test runs."""

    def told(anonymous, token):
        settings.API_RATE, settings.API_TOKEN_RATE = rates.parse_rate(anonymous), rates.parse_rate(token)

    return told


def made(name="a program", **fields):
    """A token's secret."""
    token = ApiToken(name=name, **fields)
    secret = token.renew()
    token.save()
    return secret


def ask(client, secret, address=CHEAP):
    return client.get(address, headers={"Authorization": f"Bearer {secret}"})


# --- a good token ----------------------------------------------------------------------------------------------


def test_a_token_is_a_client_of_its_own_with_the_rate_of_tokens(limits, client):
    limits("1/day", "3/day")
    one, other = made("one"), made("other")
    assert client.get(CHEAP).headers["RateLimit-Policy"] == '"default";q=1;w=86400'
    assert client.get(CHEAP).status_code == 429
    found = [ask(client, one) for _ in range(4)]
    assert [response.status_code for response in found] == [PASSED] * 3 + [429]
    assert {response.headers["RateLimit-Policy"] for response in found} == {'"token";q=3;w=86400'}
    assert found[2].headers["RateLimit"].startswith('"token";r=0;t=')
    assert ask(client, other).status_code == PASSED


def test_a_token_is_the_same_client_from_every_address(limits, client):
    limits("1/day", "1/day")
    headers = {"Authorization": f"Bearer {made()}"}
    statuses = [client.get(CHEAP, headers=headers, REMOTE_ADDR=f"192.0.2.{n}").status_code for n in range(2)]
    assert statuses == [PASSED, 429]


@pytest.mark.parametrize(
    ("own", "policy"), [("7/day", '"token";q=7;w=86400'), ("off", None), ("", '"token";q=3;w=86400')]
)
def test_a_token_may_have_a_rate_of_its_own(limits, client, own, policy):
    limits("1/day", "3/day")
    assert ask(client, made(rate=own)).headers.get("RateLimit-Policy") == policy


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER  {} "])
def test_the_scheme_may_be_written_in_any_way(limits, client, form):
    limits("1/day", "3/day")
    response = client.get(CHEAP, headers={"Authorization": form.format(made())})
    assert response.headers["RateLimit-Policy"].startswith('"token"')


def test_answers_are_the_same_with_and_without_a_token(limits, client):
    limits("9/day", "9/day")
    without, with_one = client.get("/api/v1/workers"), ask(client, made(), "/api/v1/workers")
    assert without.content == with_one.content
    for header in ("ETag", "Cache-Control", "Vary"):
        assert without.headers.get(header) == with_one.headers.get(header), header
    assert with_one.headers["Cache-Control"].startswith("public")


# --- a bad one -------------------------------------------------------------------------------------------------


def refused(response, said):
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert response.headers["Cache-Control"] == "no-store"
    assert "WWW-Authenticate" in response.headers["Access-Control-Expose-Headers"]
    assert said in response.json()["detail"]


def test_a_bad_token_is_no_silent_anonymous_answer(client):
    refused(ask(client, "rh_" + "x" * 43), "does not know this API token")
    refused(ask(client, made("off", active=False)), "was switched off")
    over = timezone.now() - timedelta(seconds=1)
    refused(ask(client, made("over", expires=over)), f"expired on {over:%Y-%m-%d at %H:%M} UTC")
    assert ask(client, made("still", expires=timezone.now() + timedelta(hours=1))).status_code == PASSED


@pytest.mark.parametrize(
    "secret",
    ["rh_", "rh_" + "x" * 5000, "rh_é", "rh_' OR 1=1 --", "rh_x, Bearer rh_y", "rh_\x7f", "rh_" + "x" * 42 + " "],
)
def test_odd_tokens_are_refused_alike(client, secret):
    refused(ask(client, secret), "does not know this API token")


def test_a_token_without_its_last_letter_or_in_other_letters_is_unknown(client):
    secret = made()
    for wrong in (secret[:-1], secret + "A", "rh_" + secret[3:].swapcase()):
        refused(ask(client, wrong), "does not know this API token")


def test_the_fingerprint_is_no_token(client):
    refused(ask(client, "rh_" + digest_of(made())), "does not know this API token")


def test_wrong_tokens_count_for_the_address_they_come_from(limits, client):
    limits("2/day", "9/day")
    good = made()
    assert ask(client, good).status_code == PASSED
    statuses = [ask(client, f"rh_{n}").status_code for n in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert ask(client, good).status_code == PASSED


def test_who_tried_too_many_wrong_tokens_is_refused_without_a_look_into_the_database(
    limits, client, django_assert_num_queries
):
    limits("2/day", "9/day")
    good, other = made("good"), made("other")
    assert ask(client, good).status_code == PASSED
    for n in range(2):
        with django_assert_num_queries(1):
            assert ask(client, f"rh_{n}").status_code == 401
    with django_assert_num_queries(0):
        response = ask(client, "rh_another")
    assert (response.status_code, response.headers["RateLimit"].partition(";t=")[0]) == (429, '"default";r=0')
    assert client.get(CHEAP).status_code == PASSED, "requests without a token are counted apart"
    tokens._known[digest_of(good)] = dataclasses.replace(tokens._known[digest_of(good)], read=-1e9)
    assert ask(client, good).status_code == PASSED, "a token once seen is looked up whoever else is at the address"
    assert ask(client, other).status_code == 429


def test_neighbours_without_a_token_keep_no_token_out(limits, client):
    limits("1/day", "9/day")
    secret = made()
    assert [client.get(CHEAP).status_code for _ in range(2)] == [PASSED, 429]
    assert ask(client, secret).status_code == PASSED


@pytest.mark.parametrize("address", ["/api/v1/workers", "/api/models/microsoft/phi-2"])
def test_a_database_that_fails_is_told_to_programs_of_other_sites_too(client, address, caplog):
    class Broken:
        def __call__(self, execute, sql, params, many, context):
            raise OperationalError("database is locked")

    with connection.execute_wrapper(Broken()):
        response = ask(client, "rh_some", address)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cache-Control"] == "no-store"
    found = response.json()
    assert "cannot use its database" in (found.get("detail") or found["error"])
    assert "database is locked" in caplog.text
    assert "rh_some" not in caplog.text


def test_an_expired_token_is_refused_the_moment_it_expires(client, monkeypatch):
    expires = timezone.now() + timedelta(hours=2)
    secret = made(expires=expires)
    for now, status in ((expires - timedelta(microseconds=1), PASSED), (expires, 401)):
        monkeypatch.setattr(tokens, "timezone", SimpleNamespace(now=lambda now=now: now))
        assert ask(client, secret).status_code == status


def test_the_hubs_own_client_says_what_is_wrong(site, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    default = huggingface_hub.utils._http.default_client_factory
    huggingface_hub.set_client_factory(lambda: httpx2.Client(transport=httpx2.WSGITransport(app=site)))
    try:
        assert HfApi(endpoint="https://testserver", token=made()).model_info("microsoft/phi-2")
        with pytest.raises(HfHubHTTPError) as error:
            HfApi(endpoint="https://testserver", token="rh_wrong").model_info("microsoft/phi-2")
    finally:
        huggingface_hub.set_client_factory(default)
    assert not isinstance(error.value, RepositoryNotFoundError)
    assert "This site does not know this API token" in str(error.value)


def test_the_hubs_api_refuses_in_the_hubs_shape(client):
    response = ask(client, "rh_wrong", "/api/models/microsoft/phi-2")
    assert (response.status_code, response.headers["Cache-Control"]) == (401, "no-store")
    assert response.json() == {"error": "This site does not know this API token. See that it was copied whole."}
    assert response.headers["X-Error-Message"] == "Invalid credentials in Authorization header"
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


# --- tokens of other sites -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["Bearer hf_abcdefghijklmnopqrstuvwxyz", "Basic cmhfOng=", "Bearer", "rh_x", "Token rh_x", "Bearer RH_x", ""],
)
def test_what_is_not_ours_is_left_unread(limits, client, caplog, django_assert_num_queries, header):
    limits("9/day", "9/day")
    with django_assert_num_queries(0):
        response = client.get(CHEAP, headers={"Authorization": header})
    assert response.status_code == PASSED
    assert response.headers["RateLimit-Policy"].startswith('"default"')
    assert not tokens._known
    assert "hf_" not in caplog.text


# --- a site that wants a token ---------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/api/v1/workers", "/api/models?limit=1", "/api/openapi.json"])
def test_where_a_token_is_needed_only_a_token_opens(settings, client, address):
    settings.API_ANONYMOUS = False
    secret = made()
    for headers in ({}, {"Authorization": "Bearer hf_one"}):
        response = client.get(address, headers=headers)
        assert (response.status_code, response.headers["Cache-Control"]) == (401, "no-store")
        assert "wants a token" in response.content.decode()
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="api"')
    opened = ask(client, secret, address)
    assert opened.status_code == 200
    assert opened.headers["Cache-Control"] == "private, max-age=60, stale-while-revalidate=600"
    tag = opened.headers["ETag"]
    again = client.get(address, headers={"Authorization": f"Bearer {secret}", "If-None-Match": tag})
    assert again.status_code == 304
    assert again.headers["Cache-Control"].startswith("private")
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 401


def test_where_a_token_is_needed_pages_stay_open(settings, client):
    settings.API_ANONYMOUS = False
    for address in ("/", "/models/", "/api/docs", "/healthz"):
        assert client.get(address).status_code == 200, address
    assert client.options("/api/v1/workers", headers={"Origin": "https://a.example"}).status_code == 204


# --- what it costs ---------------------------------------------------------------------------------------------


def test_a_token_is_looked_up_once_in_a_while(client, django_assert_num_queries):
    secret = made()
    with django_assert_num_queries(2):  # the token, and that it was used
        ask(client, secret)
    with django_assert_num_queries(0):
        for _ in range(5):
            ask(client, secret)


def test_a_token_switched_off_elsewhere_is_refused_within_a_minute(client, monkeypatch):
    assert tokens.FRESH < 60
    secret = made()
    assert ask(client, secret).status_code == PASSED
    ApiToken.objects.update(active=False)
    monkeypatch.setattr(tokens, "FRESH", 0.2)
    time.sleep(0.25)
    assert ask(client, secret).status_code == 401
    ApiToken.objects.all().delete()
    time.sleep(0.25)
    refused(ask(client, secret), "does not know")


@pytest.mark.parametrize(("minutes", "written"), [(None, True), (61, True), (59, False)])
def test_the_last_use_is_written_at_most_once_an_hour(client, minutes, written):
    before = None if minutes is None else timezone.now() - timedelta(minutes=minutes)
    secret = made(last_used=before)
    ask(client, secret)
    first = ApiToken.objects.get().last_used
    assert (first != before) is written
    tokens.forget_tokens()
    ask(client, secret)
    assert ApiToken.objects.get().last_used == first


def test_a_refused_token_was_not_used(client):
    ask(client, made(active=False))
    assert ApiToken.objects.get().last_used is None


def test_the_remembered_tokens_are_bounded(client, monkeypatch):
    monkeypatch.setattr(tokens, "MOST", 3)
    secrets = [made(str(n)) for n in range(5)]
    for secret in [*secrets, "rh_wrong"]:
        ask(client, secret)
    assert list(tokens._known) == [digest_of(secret) for secret in secrets[2:]]


# --- the documentation -----------------------------------------------------------------------------------------


def test_the_document_tells_of_tokens_and_limits(client):
    document = client.get("/api/openapi.json").json()
    assert document["security"] == [{}, {"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                assert {"RateLimit", "RateLimit-Policy"} <= set(answer["headers"]), status
            for status, header in (("401", "WWW-Authenticate"), ("429", "Retry-After")):
                assert header in operation["responses"][status]["headers"]
                assert "application/problem+json" in operation["responses"][status]["content"]
            for answer in operation["responses"].values():
                for header in answer["headers"].values():
                    assert header["$ref"].removeprefix("#/components/headers/") in document["components"]["headers"]


def test_the_documentation_page_names_both_refusals(client):
    text = html.unescape(client.get("/api/docs").content.decode())
    assert "More requests than the client's rate allows." in text
    assert "The token is wrong, expired or switched off, or this site wants one." in text
