"""Pages take the same number of database queries however many rows they show."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compat.catalogue import current
from compat.ingest import store as sync
from compat.models import CuratedList, ListEntry, ModelRecord
from tests.samples import record, renamed

pytestmark = pytest.mark.django_db


def queries(client, address):
    """How many queries a page takes when nothing is remembered but the index."""
    current.forget_index()
    current.current_index()
    with CaptureQueriesContext(
        connection,
    ) as context:
        response = client.get(address)
    assert response.status_code == 200
    return len(context), response


@pytest.fixture
def few_and_many():
    """Ten records of one owner, thirty of another."""
    items = renamed(10, "ownerten") + renamed(30, "ownerthirty")
    counts = sync.store_raw([(item["id"], item) for item in items], origin="file")
    assert counts.new == 40


@pytest.mark.usefixtures("few_and_many")
@pytest.mark.parametrize(
    "question", ["author={}", "q={}", "q={}&sort=likes", "author={}&format=safetensors&language=en"]
)
def test_browse(client, question):
    address = f"/models/?compatible=false&{question}"
    few, first = queries(client, address.format("ownerten"))
    many, second = queries(client, address.format("ownerthirty"))
    assert len(first.context["page"].rows) < len(second.context["page"].rows)
    # The names of models that are elsewhere, and those that the catalogue does not have, are a query each.
    assert abs(few - many) <= 2
    assert max(few, many) <= 13


def test_a_search_is_asked_once_for_page_facets_and_the_next_page(client):
    first, _ = queries(client, "/models/?q=b&compatible=false")
    with CaptureQueriesContext(connection) as context:
        client.get("/models/?q=b&compatible=false&page=2")
    assert len(context) == first - 1


def test_a_page_further_on_takes_no_more(client):
    assert queries(client, "/models/?compatible=false")[0] == queries(client, "/models/?compatible=false&page=9")[0]


def test_detail(client):
    for name, files in (("sample/two", 2), ("sample/sixty", 60)):
        siblings = [{"rfilename": f"part{n}-Q4_K_M.gguf", "size": n + 1} for n in range(files)]
        sync.store_raw([("1", record("microsoft/phi-2", id=name, siblings=siblings))], origin="file")
    few, first = queries(client, "/models/sample/two/")
    many, second = queries(client, "/models/sample/sixty/")
    assert len(first.context["page"].variants) < len(second.context["page"].variants)
    assert few == many <= 14


def test_detail_of_a_model_with_many_relatives(client):
    few, _ = queries(client, "/models/microsoft/phi-2/")
    items = [
        record("microsoft/phi-2", id=f"sample/tuned-{n}", cardData={"base_model": "microsoft/phi-2"}) for n in range(30)
    ]
    sync.store_raw([(item["id"], item) for item in items], origin="file")
    many, _ = queries(client, "/models/microsoft/phi-2/")
    assert many <= few + 1 <= 15


def test_report(client):
    assert queries(client, "/report/?top=10")[0] == queries(client, "/report/?top=5000")[0] <= 7


def test_home(client):
    few, _ = queries(client, "/")
    sync.store_raw([(item["id"], item) for item in renamed(30)], origin="file")
    assert queries(client, "/")[0] == few <= 12


def test_lists(client):
    def make(title, count):
        curated = CuratedList.objects.create(title=title, slug=title)
        ListEntry.objects.bulk_create(
            ListEntry(curated_list=curated, record=kept) for kept in ModelRecord.objects.all()[:count]
        )

    make("ten", 10)
    one_list, _ = queries(client, "/lists/")
    make("thirty", 30)
    assert queries(client, "/lists/")[0] == one_list <= 4
    assert queries(client, "/lists/ten/")[0] == queries(client, "/lists/thirty/")[0] <= 8


def test_a_worker(client):
    assert queries(client, "/workers/rbee/")[0] <= 7
