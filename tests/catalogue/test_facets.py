"""Every number beside a choice equals what counting all rows by hand gives, and the pages hold exactly those rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace

import pytest
from django.http import QueryDict

from compat import catalogue as queries
from compat.catalogue.current import current_index
from compat.catalogue.facets import FACETS, SHOWN_AT_FIRST, SHOWN_AT_MOST
from compat.catalogue.index_columns import INDEX_CAUSES
from compat.catalogue.order import ORDERS
from compat.catalogue.question import CONFIDENCES, Question
from compat.catalogue.uses import uses_of
from compat.catalogue.workers import workers
from compat.ingest import store as sync
from compat.models import CuratedList, ListEntry, ModelRecord, RecordLanguage, RecordTags, RecordVariant, Verdict
from compat.models.engines import engines
from compat.rules import Confidence
from marketplace import starter
from tests.catalogue.test_search import says
from tests.samples import record

pytestmark = pytest.mark.django_db

GATED = (
    record("meta-llama/Llama-2-7b-hf", id="sample/gated-llama", gated="auto"),
    record("microsoft/phi-2", id="sample/gated-phi", gated="manual"),
    record("BAAI/bge-m3", id="sample/gated-bge", gated=True),
    record("microsoft/phi-2", id="sample/open-phi", gated=False),
    record("BAAI/bge-m3", id="sample/open-bge", gated=False),
)
GATES = {"": "unknown", "open": "false", "auto": "true", "manual": "true"}
"""What ``gated=`` selects a record by, under what the record keeps; the real records tell no gate."""


@pytest.fixture(autouse=True)
def _more_records():
    """The real records tell no gate and hold no list."""
    sync.store_raw([("sample", item) for item in GATED], origin="file")
    starter.create_lists()


@dataclass
class Plain:
    """One record with all that a question can be about."""

    record: ModelRecord
    verdict: Verdict
    quantizations: set[str]
    languages: set[str]
    lists: set[str]
    tags: set[str]
    model: int
    alike: list[Plain]
    """All builds of its model."""

    @property
    def score(self):
        """How good its verdict is, beside those of other builds of its model: what runs, then the nearest refusal."""
        return (self.verdict.confidence, 0 if self.verdict.confidence else INDEX_CAUSES.index(self.verdict.cause))

    def sure(self, asked):
        """Whether its verdict is as sure as asked."""
        return not asked.confidence or Confidence(self.verdict.confidence).word in asked.confidence

    @cached_property
    def values(self):
        """Facet values by the parameter's name."""
        return {
            "confidence": {Confidence(self.verdict.confidence).word},
            "architecture": {self.record.family, self.record.architecture},
            "format": set(self.record.formats.split()),
            "task": {self.record.task},
            "license": {self.record.license},
            "gated": {GATES[self.record.gated]},
            "quantization": self.quantizations,
            "language": self.languages,
            "use": {
                use.name
                for use in uses_of(
                    self.record.name,
                    self.record.task,
                    self.tags,
                    self.record.architecture,
                    projector=self.record.projector,
                )
            },
        }

    def shown(self, asked):
        """Whether it is on the side of the verdict that is asked for."""
        if asked.cause and self.verdict.cause not in asked.cause:
            return False
        return {
            "true": self.verdict.confidence > 0,
            "only-incompatible": self.verdict.confidence == 0,
            "false": True,
        }[asked.compatible]

    def said(self, asked):
        """Whether its own id holds the words."""
        text = self.record.repo_id.lower()
        bare = "".join(c for c in self.record.name.lower() if c.isascii() and c.isalnum())
        return all(says(word, f"{text} {bare}", self.record.parameters) for word in asked.words)

    def passes(self, asked, but=""):
        """Whether it passes every filter but the verdict, and but one facet."""
        kept = self.record
        whole = asked.unit == "repository"
        return all(
            (
                self.said(asked) if whole else any(other.said(asked) for other in self.alike),
                not asked.author or kept.owner.lower() in {a.lower() for a in asked.author},
                asked.min_params is None or (kept.parameters or -1) >= asked.min_params * 10**9,
                asked.max_params is None
                or (kept.parameters is not None and kept.parameters <= asked.max_params * 10**9),
                asked.min_context is None or (kept.context or -1) >= asked.min_context,
                not asked.list or asked.list in self.lists.union(*(() if whole else (o.lists for o in self.alike))),
                *(
                    not wanted(asked, name) or bool(self.values[name] & wanted(asked, name))
                    for name in self.values
                    if name not in (but, "confidence")
                ),
            )
        )


def wanted(asked, name):
    value = getattr(asked, name)
    return set(value) if isinstance(value, tuple) else {value} - {""}


def model_of_each():
    """The number of the model that each record is a build of, by the record's key."""
    columns = current_index().columns
    return dict(zip(columns.ids.tolist(), columns.model.tolist(), strict=True))


def everything(profile):
    verdicts = {verdict.sheet_id: verdict for verdict in Verdict.objects.filter(profile=profile)}
    model, alike = model_of_each(), defaultdict(list)
    rows = {
        kept.pk: Plain(kept, verdicts[kept.sheet_id], set(), set(), set(), set(), model[kept.pk], alike[model[kept.pk]])
        for kept in ModelRecord.objects.all()
    }
    for row in rows.values():
        row.alike.append(row)
    for pk, lines in RecordTags.objects.values_list("record", "lines"):
        rows[pk].tags.update(lines.split("\n"))
    for pk, value in RecordVariant.objects.exclude(quantization="").values_list("record", "quantization"):
        rows[pk].quantizations.add(value)
    for pk, value in RecordLanguage.objects.values_list("record", "code"):
        rows[pk].languages.add(value)
    for pk, value in ListEntry.objects.values_list("record", "curated_list__slug"):
        rows[pk].lists.add(value)
    return list(rows.values())


def read(query):
    return Question.from_query(QueryDict(query), workers())


QUESTIONS = (
    "",
    "compatible=false",
    "compatible=only-incompatible",
    "confidence=high",
    "confidence=high&confidence=low",
    "confidence=none&confidence=medium&compatible=false",
    "compatible=only-incompatible&cause=context",
    "compatible=only-incompatible&cause=context&cause=unknown&cause=format",
    "cause=architecture&compatible=false",
    "architecture=llama",
    "architecture=llama&architecture=qwen&compatible=false",
    "architecture=qwen2&compatible=false",
    "format=gguf",
    "format=safetensors&format=gguf",
    "format=safetensors&format=gguf&architecture=qwen&compatible=false",
    "task=text-generation",
    "task=text-generation&task=fill-mask&compatible=false",
    "license=apache-2.0&license=mit",
    "gated=true",
    "gated=true&compatible=false",
    "gated=false",
    "gated=false&compatible=only-incompatible",
    "gated=unknown&architecture=phi",
    "gated=unknown&compatible=false",
    "quantization=Q4_K_M&compatible=false",
    "quantization=Q4_K_M&quantization=AWQ&quantization=Q8_0&compatible=false",
    "language=en",
    "language=en&language=zh&language=de&compatible=false",
    "use=code&compatible=false",
    "use=chat&use=embedding&architecture=qwen&compatible=false",
    "language=en&quantization=Q4_K_M&format=gguf&compatible=false",
    "min_params=1&max_params=8",
    "min_params=0&compatible=false",
    "max_params=0.5&compatible=false",
    "min_context=8192",
    "min_context=40000&compatible=only-incompatible",
    "q=llama",
    "q=qwen+7b&compatible=false",
    "q=microsoft/phi-2",
    "q=zzzzzz",
    "author=microsoft&author=MISTRALAI&compatible=false",
    "list=small-and-open",
    "list=seven-to-nine-billion&compatible=false&architecture=llama",
    "q=b&architecture=llama&architecture=mistral&license=apache-2.0&confidence=high&min_params=1&language=en",
    "task=nonsense",
    "format=tensor&compatible=false",
    "architecture=lla&compatible=false",
)


def best(asked, rows):
    """Of every model, or every repository, of some rows the best one."""
    found = {}
    for row in rows:
        unit = row.record.pk if asked.unit == "repository" else row.model
        if unit not in found or row.score > found[unit].score:
            found[unit] = row
    return found


def expected(asked, rows):
    """The best of all that is found, by what is counted."""
    passing = best(asked, [row for row in rows if row.passes(asked)])
    return {unit: row for unit, row in passing.items() if row.sure(asked) and row.shown(asked)}


def counted(asked, rows, facet):
    """How many are found with each value of a facet, whatever is chosen of it."""
    near = [row for row in rows if row.passes(asked, but=facet)]
    if facet == "confidence":
        found = [row for row in best(asked, near).values() if row.shown(asked)]
        return Counter(Confidence(row.verdict.confidence).word for row in found)
    values = {value for row in near for value in row.values[facet]}
    having = {value: best(asked, [row for row in near if value in row.values[facet]]) for value in values}
    return Counter(
        {
            value: n
            for value, rows in having.items()
            if (n := sum(row.sure(asked) and row.shown(asked) for row in rows.values()))
        }
    )


def assert_page_is_right(asked, rows, page):
    assert page.total == len(expected(asked, rows))
    sure = [row for row in best(asked, [row for row in rows if row.passes(asked)]).values() if row.sure(asked)]
    assert dict(page.by_confidence) == Counter(row.verdict.confidence for row in sure)
    for view in page.facets:
        counts = counted(asked, rows, view.name)
        for value in view.values:
            assert value.count == counts[value.value], (view.name, value)
            assert value.selected == (value.value in wanted(asked, view.name))
            before, after = wanted(asked, view.name), wanted(read(value.query), view.name)
            assert after == ({value.value} - before if view.name == "gated" else before ^ {value.value})
        offered = {value.value for value in view.values}
        there = set(counts) - {""}
        if view.name == "architecture":
            there &= {row.record.family for row in rows} | wanted(asked, view.name)
        assert offered >= there or len(offered) >= SHOWN_AT_MOST
        assert offered >= wanted(asked, view.name)
        counts = [value.count for value in view.values if not value.selected]
        if view.name == "confidence":
            levels = [CONFIDENCES.index(value.value) for value in view.values if value.count]
            assert levels == sorted(levels)
        else:
            assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("unit", ["", "repository"], ids=["model", "repository"])
@pytest.mark.parametrize("query", QUESTIONS, ids=lambda q: q or "nothing")
def test_counts_equal_a_count_by_hand(query, unit):
    asked = read(f"{query}&unit={unit}")
    page = queries.browse(asked)
    assert_page_is_right(asked, everything(page.profile.slug), page)


def test_a_gate_is_asked_for_terms_open_or_not_told():
    def ids(gated):
        return {kept.repo_id for kept in all_rows(Question(compatible="false", gated=gated, unit="repository"))}

    assert ids("true") == {"sample/gated-llama", "sample/gated-phi", "sample/gated-bge"}
    assert ids("false") == {"sample/open-phi", "sample/open-bge"}
    assert ids("unknown") == {kept.repo_id for kept in ModelRecord.objects.all()} - ids("true") - ids("false")
    whole = queries.browse(Question(compatible="false", unit="repository"))
    view = next(view for view in whole.facets if view.name == "gated")
    assert {value.label: value.count for value in view.values} == {
        "Not in our record": ModelRecord.objects.count() - 5,
        "Asks for terms": 3,
        "Open": 2,
    }


def test_counts_are_right_on_every_engine():
    for slug in engines():
        for query in ("", "compatible=only-incompatible", "format=gguf&language=en&language=zh&compatible=false"):
            asked = read(f"worker={slug}&{query}")
            assert_page_is_right(asked, everything(slug), queries.browse(asked))


def all_verdicts(prefix):
    """Confidence and cause of every record as the pages of a worker show them."""
    asked = read(f"{prefix}&compatible=false&unit=repository")
    found = {}
    for number in range(1, queries.browse(asked).paging.pages + 1):
        for row in queries.browse(asked.changed(page=number)).rows:
            assert row.record.pk not in found
            found[row.record.pk] = SimpleNamespace(confidence=int(row.result.level), cause=row.result.cause)
    return found


@pytest.mark.parametrize(
    "machine", ["worker=llama-cpp&memory=6&ram=8", "worker=vllm&memory=24&context=32768", "memory=1"]
)
def test_counts_are_right_on_a_machine_whose_memory_is_told(machine):
    shown = all_verdicts(machine)
    rows = everything(next(iter(engines())))
    assert len(shown) == len(rows)
    if "llama-cpp" not in machine:  # which takes what does not fit into system memory
        assert "memory" in {verdict.cause for verdict in shown.values()}
    for row in rows:
        row.verdict = shown[row.record.pk]
    for query in (
        "",
        "compatible=false",
        "compatible=only-incompatible&cause=memory",
        "format=gguf&format=safetensors&language=en",
        "quantization=Q4_K_M&compatible=false",
        "q=llama&confidence=high&confidence=medium",
        "license=apache-2.0&architecture=qwen",
    ):
        for unit in ("model", "repository"):
            asked = read(f"{machine}&{query}&unit={unit}")
            assert_page_is_right(asked, rows, queries.browse(asked))
            assert_rows_are_right(asked, rows)


def assert_rows_are_right(asked, rows):
    """Every unit that is found is shown once, and of each one of its best."""
    of = {row.record.pk: row for row in rows}
    shown = [of[kept.pk] for kept in all_rows(asked)]
    wanted_rows = expected(asked, rows)
    assert len(shown) == len(wanted_rows)
    for row in shown:
        unit = row.record.pk if asked.unit == "repository" else row.model
        assert row.score == wanted_rows[unit].score
        assert row.passes(asked)


def test_a_taken_choice_shows_its_count_however_rare_it_is():
    rows = everything(next(iter(engines())))
    for name in ("quantization", "language"):
        values = sorted({value for row in rows for value in row.values[name]})
        for value in values:
            asked = Question(compatible="false", unit="repository", **{name: (value,)})
            view = next(view for view in queries.browse(asked).facets if view.name == name)
            chosen = next(choice for choice in view.values if choice.value == value)
            assert chosen.count == sum(value in row.values[name] for row in rows), (name, value)


@pytest.mark.parametrize("query", [q for q in QUESTIONS if "compatible" not in q], ids=lambda q: q or "nothing")
def test_what_is_not_shown_adds_up(query):
    asked = read(query)
    page = queries.browse(asked)
    if asked.confidence or asked.cause:
        assert not page.hidden
        return
    assert page.total + sum(hidden.count for hidden in page.hidden) == page.found_at_all
    for hidden in page.hidden:
        other = queries.browse(read(hidden.query))
        assert other.total == hidden.count
        assert {row.result.cause for row in other.rows} == {hidden.cause}
    whole = queries.browse(read(page.everything))
    assert whole.total == page.found_at_all


def all_rows(asked):
    """The ids on all pages, in order."""
    first = queries.browse(asked)
    found = [row.record for row in first.rows]
    for number in range(2, first.paging.pages + 1):
        page = queries.browse(asked.changed(page=number))
        assert page.total == first.total
        assert 0 < len(page.rows) <= queries.PAGE_SIZE
        found += [row.record for row in page.rows]
    assert len(found) == first.total
    return found


@pytest.mark.parametrize("sort", ORDERS)
def test_no_row_is_repeated_or_skipped_over_the_pages(sort):
    records = all_rows(Question(compatible="false", sort=sort, unit="repository"))
    assert len({kept.pk for kept in records}) == len(records) == ModelRecord.objects.count()


@pytest.mark.parametrize(
    "query", ["q=llama&compatible=false", "language=en&language=zh", "format=gguf&sort=name", "q=b"]
)
@pytest.mark.parametrize("unit", ["", "repository"], ids=["model", "repository"])
def test_the_pages_hold_exactly_what_passes(query, unit):
    asked = read(f"{query}&unit={unit}")
    assert_rows_are_right(asked, everything(queries.browse(asked).profile.slug))


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("popular", lambda kept: kept.popularity),
        ("likes", lambda kept: -1 if kept.likes is None else kept.likes),
        ("params", lambda kept: -1 if kept.parameters is None else kept.parameters),
        ("trending", lambda kept: float("-inf") if kept.trending is None else kept.trending),
        ("created", lambda kept: kept.created.timestamp() if kept.created else float("-inf")),
        ("recent", lambda kept: kept.modified.timestamp() if kept.modified else float("-inf")),
    ],
)
def test_rows_come_in_the_order_asked_for_and_untold_ones_last(sort, key):
    keys = [key(kept) for kept in all_rows(Question(compatible="false", sort=sort, unit="repository"))]
    assert keys == sorted(keys, reverse=True)


def test_names_come_in_alphabetical_order():
    names = [kept.name.lower() for kept in all_rows(Question(compatible="false", sort="name", unit="repository"))]
    letters = [name[0] for name in names if name[0].isalpha()]
    assert letters == sorted(letters)


@pytest.mark.parametrize("query", ["compatible=false", "worker=vllm", "worker=llama-cpp&format=gguf"])
@pytest.mark.parametrize("sort", ORDERS)
def test_a_model_stands_where_the_first_of_its_builds_does(query, sort):
    models = model_of_each()
    one_by_one = all_rows(read(f"{query}&sort={sort}&unit=repository"))
    together = all_rows(read(f"{query}&sort={sort}"))
    assert [models[kept.pk] for kept in together] == list(dict.fromkeys(models[kept.pk] for kept in one_by_one))


def test_a_model_asked_for_by_its_name_comes_first():
    for question in ("phi-2", "PHI-2", "microsoft/phi-2", "https://huggingface.co/microsoft/phi-2"):
        assert queries.browse(Question(q=question)).rows[0].record.repo_id == "microsoft/phi-2"


def test_every_facet_is_a_parameter_with_words_for_its_values():
    assert all(hasattr(Question(), facet.name) for facet in FACETS)
    for view in queries.browse(Question(compatible="false")).facets:
        assert all(value.label for value in view.values)
        assert len(view.first) <= SHOWN_AT_FIRST + view.taken
        assert {*view.first, *view.rest} == {*view.values}


def test_numbers_follow_a_change_of_the_catalogue_at_once():
    before = queries.browse(Question(compatible="false")).total
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/phi-again"))], origin="file")
    assert queries.browse(Question(compatible="false")).total == before + 1


def test_an_unpublished_list_is_no_list():
    CuratedList.objects.update(published=False)
    with pytest.raises(ValueError, match="no list “small-and-open”"):
        queries.browse(Question(list="small-and-open"))
