"""Kept measurements in the admin: looked at, and deleted by whoever may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from compat.catalogue.measured import compare, kept_fields
from compat.catalogue.rows import find_record
from compat.catalogue.workers import workers
from compat.ingest.measurements import keep
from compat.logs import read_log
from compat.models import Measurement
from tests.logs.real_logs import log

pytestmark = pytest.mark.django_db

LLAMA = "meta-llama/Llama-3.1-8B"
LIST = "/admin/compat/measurement/"


@pytest.fixture
def one():
    record = find_record(LLAMA)
    text = log("ollama-0.9-deepseek-r1-8b-journald")
    found = compare(record, list(record.variants.all()), workers()["ollama"], read_log(text))
    return keep(kept_fields(record, found), None)


def login(client, *rights):
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)


def test_the_list_shows_machine_and_error(client, one):
    login(client, "view_measurement")
    page = client.get(LIST, {"q": "Llama-3.1"}).content.decode()
    assert LLAMA in page
    assert "GTX 1080" in page
    assert f"{100 * one.error:.1f} %" in page
    assert client.get(reverse("admin:compat_measurement_change", args=[one.pk])).status_code == 200


def test_who_may_only_look_deletes_nothing(client, one):
    login(client, "view_measurement")
    assert client.post(reverse("admin:compat_measurement_delete", args=[one.pk]), {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert Measurement.objects.count() == 1


def test_a_wrong_one_is_deleted(client, one):
    login(client, "view_measurement", "delete_measurement")
    client.post(reverse("admin:compat_measurement_delete", args=[one.pk]), {"post": "yes"})
    assert Measurement.objects.count() == 0
