"""A record whose facts an engine has not judged yet is answered all the same, and never with a 500."""

from __future__ import annotations

import pytest

from compat.catalogue import current
from compat.models import ModelRecord, Verdict

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("worker", ["worker=vllm", "worker=vllm&memory=24", "worker=vllm&accelerator=RTX 4090"])
def test_pages_answer_where_a_verdict_is_missing(client, worker):
    record = ModelRecord.objects.get(repo_id="microsoft/phi-2")
    Verdict.objects.filter(sheet=record.sheet_id).delete()
    current.forget_index()
    assert client.get(f"/models/?{worker}&compatible=false").status_code == 200
    page = client.get(f"/models/microsoft/phi-2/?{worker}")
    assert page.status_code == 200
    assert "vLLM" in page.content.decode()
    assert client.get(f"/report/?{worker}&top=5000").status_code == 200


def test_a_list_counts_anew_when_a_curator_changes_it(admin_client):
    from compat.models import CuratedList, ListEntry

    curated = CuratedList.objects.create(title="Two", slug="two")
    records = ModelRecord.objects.order_by("-popularity")[:2]
    entries = [
        ListEntry.objects.create(curated_list=curated, record=record, position=n) for n, record in enumerate(records)
    ]
    assert "<b>2</b>" in admin_client.get("/models/?list=two&compatible=false").content.decode()
    form = {
        "title": "Two", "slug": "two", "description": "", "published": "on", "position": 0,
        "entries-TOTAL_FORMS": 2, "entries-INITIAL_FORMS": 2,
    }  # fmt: skip
    for n, entry in enumerate(entries):
        form |= {
            f"entries-{n}-id": entry.pk, f"entries-{n}-curated_list": curated.pk,
            f"entries-{n}-record": entry.record_id, f"entries-{n}-position": n, f"entries-{n}-note": "",
        }  # fmt: skip
    form["entries-1-DELETE"] = "on"
    assert admin_client.post(f"/admin/compat/curatedlist/{curated.pk}/change/", form).status_code == 302
    assert "<b>1</b>" in admin_client.get("/models/?list=two&compatible=false").content.decode()


def test_another_spelling_of_an_id_keeps_the_question(client):
    answer = client.get("/models/MICROSOFT/phi-2/?worker=vllm")
    assert answer.headers["Location"] == "/models/microsoft/phi-2/?worker=vllm"
