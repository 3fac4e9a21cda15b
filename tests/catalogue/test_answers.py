"""The only reader: rows, relatives, alternatives and pages as plain data."""

from __future__ import annotations

import pytest

from compat import catalogue as queries
from compat.catalogue.question import Question
from compat.ingest import store as sync
from compat.models import ModelRecord, Verdict
from tests.samples import record

pytestmark = pytest.mark.django_db


def test_find_accepts_any_case_of_the_one_record():
    exact = queries.find_record("microsoft/phi-2")
    assert queries.find_record("Microsoft/PHI-2") == exact
    sync.store_raw([("1", record("microsoft/phi-2", id="microsoft/PHI-2"))], origin="file")
    assert queries.find_record("microsoft/PHI-2") == queries.find_record("microsoft/phi-2") == exact


@pytest.mark.parametrize("repo_id", ["nobody/nothing", "", "a\0b", "a/b/c", "%", "microsoft/phi_2", "x" * 10_000, "🦙"])
def test_find_says_what_is_not_there(repo_id):
    with pytest.raises(queries.UnknownModel):
        queries.find_record(repo_id)


def test_a_row_carries_its_stored_verdict_and_best_variant():
    for row in queries.browse(Question(compatible="false")).rows:
        verdict = Verdict.objects.get(sheet=row.record.sheet_id, profile="rbee")
        assert row.result == verdict.result
        assert row.best == row.record.variants.get(position=verdict.best)
        assert row.unknown == (verdict.cause == "unknown")
        assert bool(row.fix) <= (not row.result.compatible)


def test_a_page_beyond_the_last_is_named_with_how_many_there_are():
    with pytest.raises(queries.NoSuchPage, match="There is no page 9,999") as caught:
        queries.browse(Question(compatible="false", page=9999))
    last = queries.browse(Question(compatible="false", page=caught.value.pages))
    assert last.rows
    assert not last.paging.next


def test_no_rows_are_one_page():
    page = queries.browse(Question(q="zzzzzz"))
    assert (page.total, page.rows, page.paging.pages) == (0, [], 1)


def test_page_numbers_offered_are_near_first_and_last():
    pages = queries.browse(Question(compatible="false")).paging.pages
    paging = queries.browse(Question(compatible="false", page=7)).paging
    numbers = [number for number, _, _ in paging.around]
    assert numbers == sorted({1, 5, 6, 7, 8, 9, pages})
    assert {number for number, _, gap in paging.around if gap} == {5, pages}


def tuned(name, **more):
    return {**record("microsoft/phi-2", id=name), "cardData": {"base_model": "microsoft/phi-2"}, **more}


def test_alternatives_run_are_no_larger_and_are_never_the_model_itself():
    page = queries.detail("microsoft/phi-2")
    offered = [row.record.repo_id for row in page.alternatives]
    assert offered
    assert "microsoft/phi-2" not in offered
    assert len(offered) == len(set(offered)) <= 6
    assert all(row.result.compatible for row in page.alternatives)
    assert all(row.record.parameters <= page.record.parameters * 1.1 for row in page.alternatives)


def test_a_relation_is_shown_whether_or_not_its_base_is_there():
    sync.store_raw(
        [("1", tuned("sample/here")), ("2", tuned("sample/away", cardData={"base_model": "nobody/nothing"}))],
        origin="file",
    )
    here = queries.detail("sample/here").bases
    assert [(base.relation.repo_id, bool(base.row)) for base in here] == [("microsoft/phi-2", True)]
    away = queries.detail("sample/away").bases
    assert [(base.relation.repo_id, bool(base.row)) for base in away] == [("nobody/nothing", False)]


def test_every_variant_has_its_own_verdict_and_one_is_the_best():
    for kept in ModelRecord.objects.exclude(formats="").order_by("repo_id")[:40]:
        page = queries.detail(kept.repo_id)
        assert [row.variant.position for row in page.variants] == list(range(len(page.variants)))
        assert [row.best for row in page.variants].count(True) == 1
        best = next(row for row in page.variants if row.best)
        assert best.result == page.result
        assert all(row.result.level <= page.result.level for row in page.variants)


def test_the_catalogues_state_follows_its_changes():
    version, changed, _ = queries.catalogue_state()
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/more"))], origin="file")
    later, when, _ = queries.catalogue_state()
    assert later == version + 1
    assert when > changed
