"""Tokens in the admin: made by a curator, shown once and kept nowhere, switched off at once."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from marketplace.api import tokens
from marketplace.models import ApiToken
from tests.markup import Page

pytestmark = pytest.mark.django_db

LIST = "admin:marketplace_apitoken_changelist"
ADD = "admin:marketplace_apitoken_add"
CHANGE = "admin:marketplace_apitoken_change"
GOOD = {"name": "Nightly report", "active": "on", "expires_0": "", "expires_1": "", "rate": ""}
CHEAP = "/api/v1/compatibility/check"
PASSED = 405
"""Asked in the wrong way it needs no database, and passes the door."""


@pytest.fixture(autouse=True)
def _nothing_remembered():
    tokens.forget_tokens()


@pytest.fixture
def curator(client):
    """Somebody who may do nothing but keep tokens."""
    user = User.objects.create_user("curator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__model="apitoken"))
    client.force_login(user)
    return client


def added(curator, **changes):
    return curator.post(reverse(ADD), {**GOOD, **changes})


def secret_in(response):
    (secret,) = set(re.findall(r"rh_[\w-]{43}", response.content.decode()))
    return secret


def status(client, secret):
    return client.get(CHEAP, headers={"Authorization": f"Bearer {secret}"}).status_code


def test_a_token_is_made_shown_and_works(curator, client):
    response = added(curator, rate="5000/hour")
    assert response.status_code == 200
    secret, token = secret_in(response), ApiToken.objects.get()
    assert "Copy the token now" in Page(response).text
    assert (token.name, token.rate, token.active) == ("Nightly report", "5000/hour", True)
    assert token.created_by.username == "curator"
    assert secret.startswith(token.prefix)
    assert len(token.prefix) == 11
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert status(client, secret) == PASSED


def test_every_token_has_another_secret(curator):
    secrets = {secret_in(added(curator, name=str(n))) for n in range(20)}
    assert len(secrets) == len({secret[:11] for secret in secrets}) == 20


def test_the_secret_is_kept_nowhere(curator):
    response = added(curator)
    secret = secret_in(response)
    assert "no-store" in response.headers["Cache-Control"]
    assert "messages" not in response.cookies
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            assert secret not in repr(cursor.fetchall()), table
    assert all(secret not in cookie.value for cookie in curator.cookies.values())
    assert secret not in repr(dict(curator.session))
    token = ApiToken.objects.get()
    for address in (reverse(LIST), reverse(CHANGE, args=[token.pk]), reverse("admin:index")):
        assert secret not in curator.get(address).content.decode(), address


def test_sending_the_form_again_makes_no_second_token(curator):
    added(curator)
    again = added(curator)
    assert "already exists" in str(again.context["adminform"].form.errors["name"])
    assert ApiToken.objects.count() == 1


def test_the_pages_keep_the_strict_policy_and_say_what_they_ask(curator):
    pages = [curator.get(reverse(ADD)), added(curator)]
    pages += [curator.get(reverse(LIST)), curator.get(reverse(CHANGE, args=[ApiToken.objects.get().pk]))]
    for response in pages:
        assert response.status_code == 200
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        assert not Page(response).forbidden
    assert "Such as 10000/hour, or off for no limit." in Page(pages[0]).text
    assert "digest" not in pages[3].content.decode()


def test_the_change_page_tells_but_never_changes_what_was_made(curator):
    added(curator)
    token = ApiToken.objects.get()
    address = reverse(CHANGE, args=[token.pk])
    response = curator.get(address)
    text = Page(response).text
    assert f"{token.prefix}…" in text
    assert "curator" in text
    names = {told.get("name") for tag, told in Page(response).tags if tag == "input"}
    assert not names & {"prefix", "digest", "secret", "created_by", "last_used"}
    sent = {**GOOD, "name": "Renamed", "digest": "0" * 64, "prefix": "rh_other", "created_by": ""}
    assert curator.post(address, sent).status_code == 302
    changed = ApiToken.objects.get()
    assert changed.name == "Renamed"
    assert (changed.digest, changed.prefix, changed.created_by) == (token.digest, token.prefix, token.created_by)


def test_a_token_is_switched_off_and_on_at_once(curator, client):
    secret = secret_in(added(curator))
    assert status(client, secret) == PASSED
    address = reverse(CHANGE, args=[ApiToken.objects.get().pk])
    curator.post(address, {name: value for name, value in GOOD.items() if name != "active"})
    assert status(client, secret) == 401
    curator.post(address, GOOD)
    assert status(client, secret) == PASSED


def test_several_are_switched_off_or_deleted_from_the_list(curator, client):
    secrets = [secret_in(added(curator, name=str(n))) for n in range(3)]
    assert {status(client, secret) for secret in secrets} == {PASSED}
    first, second, third = ApiToken.objects.order_by("name")
    chosen = {"action": "switch_off", "_selected_action": [first.pk, second.pk]}
    assert "Switched off: 2." in Page(curator.post(reverse(LIST), chosen, follow=True)).text
    assert [status(client, secret) for secret in secrets] == [401, 401, PASSED]
    chosen = {"action": "delete_selected", "_selected_action": [third.pk], "post": "yes"}
    curator.post(reverse(LIST), chosen)
    assert status(client, secrets[2]) == 401
    curator.post(reverse("admin:marketplace_apitoken_delete", args=[first.pk]), {"post": "yes"})
    assert list(ApiToken.objects.all()) == [second]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("rate", "fast"),
        ("rate", "0/minute"),
        ("rate", "10/fortnight"),
        ("expires", "2020-01-01"),
        ("expires", "tomorrow"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(curator, field, value):
    changes = {"expires_0": value, "expires_1": "12:00"} if field == "expires" else {field: value}
    response = added(curator, **changes)
    assert field in response.context["adminform"].form.errors
    assert not ApiToken.objects.exists()


def test_a_rate_at_fault_says_what_to_write(curator):
    errors = added(curator, rate="<b>fast").context["adminform"].form.errors["rate"]
    assert "“<b>fast” is not a rate: use a number and a time of at most a day, such as 300/minute" in errors[0]


def test_an_expired_token_can_still_be_renamed(curator):
    added(curator)
    over = (timezone.now() - timedelta(days=1)).replace(microsecond=0)
    ApiToken.objects.update(expires=over)
    address = reverse(CHANGE, args=[ApiToken.objects.get().pk])
    kept = {"expires_0": f"{over:%Y-%m-%d}", "expires_1": f"{over:%H:%M:%S}"}
    assert curator.post(address, {**GOOD, **kept, "name": "Old"}).status_code == 302
    assert ApiToken.objects.get().name == "Old"


def test_html_in_a_name_stays_text(curator):
    response = added(curator, name="<script>alert(1)</script>")
    assert b"<script>alert" not in response.content
    assert b"<script>alert" not in curator.get(reverse(LIST)).content


def test_the_list_takes_the_same_number_of_queries_however_long(curator, django_assert_max_num_queries):
    for number in range(30):
        ApiToken.objects.create(name=str(number), digest=str(number), created_by=User.objects.get())
    with django_assert_max_num_queries(8):
        assert "curator" in Page(curator.get(reverse(LIST))).text


def test_tokens_outlive_whoever_made_them(curator, client):
    secret = secret_in(added(curator))
    User.objects.all().delete()
    assert ApiToken.objects.get().created_by is None
    assert status(client, secret) == PASSED


def test_who_may_not_keep_tokens_sees_none(client):
    client.force_login(User.objects.create_user("other", is_staff=True))
    for address in (reverse(ADD), reverse(LIST)):
        assert client.get(address).status_code == 403
    client.logout()
    assert client.get(reverse(ADD)).status_code == 302


def test_who_may_only_look_changes_nothing(client):
    token = ApiToken.objects.create(name="one", digest="1")
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_apitoken"))
    client.force_login(user)
    assert client.get(reverse(CHANGE, args=[token.pk])).status_code == 200
    chosen = {"action": "switch_off", "_selected_action": [token.pk]}
    client.post(reverse(LIST), chosen)
    assert ApiToken.objects.get().active
    assert client.post(reverse(ADD), GOOD).status_code == 403
