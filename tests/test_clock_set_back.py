"""A clock that ran ahead and was set back: what was noted at times that have yet to come holds nobody up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from compat.hub import HubSettings
from compat.ingest import jobs, lease, sync
from compat.ingest.closed import is_known_as_closed
from compat.ingest.freshness import is_stale, may_ask, out_of_date, refusal_to
from compat.ingest.hub_quota import account_of
from compat.ingest.selection import Selection
from compat.ingest.sync import Extent
from compat.models import ClosedRecord, HubFetch, HubSelection, Job, ModelRecord, RecordDocument
from compat.tasks import fetch_now
from tests.hub_server import HubServer
from tests.ingest.conftest import NO_WAITING
from tests.ingest.test_sync_service import Told, models
from tests.samples import record

pytestmark = pytest.mark.django_db

ELSEWHERE = "process 1 on elsewhere/x.1.1"
YEARS = timedelta(days=3650)


@pytest.fixture
def ahead():
    """A time that has yet to come."""
    return timezone.now() + YEARS


def test_a_lease_that_would_last_for_years_is_taken(ahead):
    held = HubSelection.objects.create(key="k", name="x", holder=ELSEWHERE, held_until=ahead)
    assert lease.take(held) == ELSEWHERE


def test_a_job_that_would_be_held_or_wait_for_years_is_done(ahead):
    Job.objects.create(kind="judge", holder=ELSEWHERE, held_until=ahead, wanted=ahead, heard=ahead, most_attempts=5)
    jobs.give_up_lost()
    assert Job.objects.get().state == "waiting"
    Job.objects.update(due=ahead)
    assert jobs.take(["judge"]) is not None


def test_a_request_that_was_made_in_years_to_come_is_made_now(ahead):
    fetch = HubFetch.objects.create(repo_id="a/b", requested=ahead, asker="x")
    assert may_ask(fetch)
    for number in range(300):
        HubFetch.objects.create(repo_id=f"a/{number}", requested=ahead, asker="x")
    assert refusal_to("x", new=True) is None


def test_a_record_that_was_fetched_in_years_to_come_is_stale_and_takes_what_the_hub_tells_now(ahead, settings):
    with HubServer([record("microsoft/phi-2")]) as hub:
        settings.HUB = replace(HubSettings(endpoint=hub.url, **NO_WAITING))
        fetch_now("microsoft/phi-2")
        ModelRecord.objects.filter(repo_id="microsoft/phi-2").update(fetched=ahead)
        RecordDocument.objects.filter(record__repo_id="microsoft/phi-2").update(read=ahead)
        phi = ModelRecord.objects.get(repo_id="microsoft/phi-2")
        assert is_stale(phi)
        assert phi in out_of_date()
        hub.put(record("microsoft/phi-2", sha="f" * 40, downloads=5))
        fetch_now("microsoft/phi-2")
    phi.refresh_from_db()
    assert (phi.sha, phi.downloads) == ("f" * 40, 5)
    assert not is_stale(phi)


def test_a_closed_repository_is_not_left_alone_for_years(ahead, settings):
    phi = ModelRecord.objects.get(repo_id="microsoft/phi-2")
    closed = ClosedRecord.objects.create(record=phi, to=account_of(settings.HUB), until=timezone.now() + timedelta(1))
    assert is_known_as_closed(phi.repo_id)
    ClosedRecord.objects.filter(pk=closed.pk).update(until=ahead)
    assert not is_known_as_closed(phi.repo_id)


def test_a_selection_that_is_current_as_of_years_to_come_is_read_whole(ahead, settings):
    ModelRecord.objects.all().delete()
    with HubServer(models(4)) as hub:
        settings.HUB = replace(HubSettings(endpoint=hub.url, **NO_WAITING))
        sync.sync(Selection(limit=None), Extent(documents=False), Told())
        HubSelection.objects.update(began=ahead, whole=ahead, current=ahead)
        hub.put(record("microsoft/phi-2", id="sample/new"))
        hub.remove("sample/phi-1")
        counts, error = sync.sync(Selection(limit=None), Extent(documents=False), Told())
    assert (counts.new, counts.gone, error) == (1, 1, "")
