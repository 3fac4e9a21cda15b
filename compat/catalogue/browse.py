"""Browse and search: one page of the catalogue, with facets, what is not shown, and paging."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from compat.catalogue import facets
from compat.catalogue.current import index_now
from compat.catalogue.finding import Finding, found_by, holds_many, read_as
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.membership import ModelOf, models_of
from compat.catalogue.order import SPEED
from compat.catalogue.question import MACHINE, PARAMETERS, SORTS, Problem, Question, QuestionError
from compat.catalogue.rows import Row, known_record, worker_of
from compat.catalogue.spelling import fewer_words, likelier_words, meant_words
from compat.catalogue.suggesting import Standing
from compat.catalogue.workers import Worker, workers
from compat.engines import EngineProfile
from compat.engines.machine_text import read_machine
from compat.estimate import Fit
from compat.hub.payloads import is_repo_id
from compat.models import CuratedList
from compat.models.asked import MOST_WORDS, Asked, without_signs
from compat.models.described import Meaning, is_of_machine, parts_of, says_small, sort_meant

PAGE_SIZE = 30
CAUSE_WORDS = {
    "gone": "gone from the Hub",
    "architecture": "architecture",
    "task": "task",
    "format": "format",
    "context": "context",
    "quantization": "quantization",
    "platform": "platform",
    "memory": "memory",
    "cache": "type of cache",
    "unknown": "unknown",
}


class NoSuchPage(LookupError):  # noqa: N818 - named for what it tells, as Django names its own
    """A page beyond the last one; ``pages`` is how many there are."""

    def __init__(self, page: int, pages: int) -> None:
        super().__init__(f"There is no page {page:,}: this list has {pages:,}.")
        self.pages = pages


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter and the question without it."""

    label: str
    query: str


@dataclass(frozen=True, slots=True)
class ReadAs:
    """What of a search is no name: words as they were typed with what each is read as, words that are left out, the
    questions that may be meant instead, and that a pasted address leads to no model, where it does not.
    """

    means: tuple[tuple[str, str], ...]
    left: tuple[str, ...]
    offers: tuple[Chip, ...]
    other: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """How the words were read, for programs."""
        said = [self.other] if self.other else []
        said += [f"“{typed}” is read as {meant}." for typed, meant in self.means]
        if self.left:
            said.append(f"Left out, as no part of a name: {', '.join(self.left)}.")
        return tuple(said)


@dataclass(frozen=True, slots=True)
class Hidden:
    """How many models a list leaves out for one cause, and the question that shows them."""

    cause: str
    label: str
    count: int
    query: str


@dataclass(frozen=True, slots=True)
class Paging:
    """Where in the list a page is; neighbours are query strings, empty where there is none."""

    page: int
    pages: int
    previous: str
    next: str
    around: tuple[tuple[int, str, bool], ...]
    """Page numbers to offer, their query strings, and whether pages were left out before each."""


@dataclass(frozen=True, slots=True)
class BrowsePage:
    """The browse page's data. ``recorded``: see :attr:`~compat.catalogue.index.CatalogueIndex.recorded`; ``empty``:
    the catalogue has no record at all.
    """

    criteria: Question
    worker: Worker
    rows: list[Row]
    total: int
    by_confidence: Mapping[int, int]
    hidden: list[Hidden]
    facets: list[facets.FacetView]
    chips: list[Chip]
    paging: Paging
    recorded: tuple[str, ...]
    empty: bool
    curated: CuratedList | None
    asked: Row | None = None
    """The model that the search names by its id, whatever its verdict, where the list does not begin with it."""
    models: Mapping[int, ModelOf] = field(default_factory=dict)
    """The models of the rows, by their records' keys, where the list is one of models."""
    standings: Mapping[int, Standing] = field(default_factory=dict)
    """Why each row stands where it does, in the suggested order."""
    meant: str = ""
    """The words of this list, where nothing has those that were typed."""
    unpacked: str = ""
    """How weights should have been packed of what was typed, where nothing of that name is: this list is without it."""
    unlike: str = ""
    """What else was typed of it, where nothing of that name is so: this list is without it."""
    read: ReadAs | None = None
    """What of the search was read as a description; None where all of it is a name."""
    likelier: str = ""
    """The words that many have, where few have those that were typed and that may be a slip."""

    @property
    def profile(self) -> EngineProfile:
        """The worker's engine."""
        return self.worker.profile

    @property
    def no_speed(self) -> str:
        """Why nothing of the page that runs has a speed on the machine, mostly; empty where something has one.

        What of a row is not known is the reason only where all rows lack it.
        """
        told = [row for row in self.rows if row.speed is not None and row.result.compatible]
        if any(row.speed is not None and row.speed.tokens_per_second is not None for row in told):
            return ""
        placed = [row for row in told if row.fit is not None and row.fit.fit is not Fit.UNKNOWN]
        reasons = Counter(row.speed.reason for row in placed or told if row.speed is not None)
        return next((reason for reason, _ in reasons.most_common(1)), "")

    @property
    def found_at_all(self) -> int:
        """How many models match, whatever their verdict."""
        return sum(self.by_confidence.values())

    @property
    def active(self) -> int:
        """How many filters are on."""
        return len(self.chips)

    @property
    def everything(self) -> str:
        """The same question whatever the verdict."""
        return self.criteria.query(compatible="false", confidence=(), cause=())

    @property
    def asked_id(self) -> str:
        """The repository id that was searched for, if the question is one."""
        asked = self.criteria.asked_for.repo_id
        return asked if is_repo_id(asked) else ""


def browse(criteria: Question, available: Mapping[str, Worker] | None = None) -> BrowsePage:
    """One page of the catalogue with its facets. At most ten queries, whatever its size and the worker, and a few
    more where no record has the words: what was probably meant is looked for then.

    Raises :class:`NoSuchPage` beyond the last page, :class:`~compat.catalogue.question.QuestionError` for no such list.
    """
    worker = worker_of(criteria, available or workers())
    index, newest = index_now()
    curated = curated_of(criteria)
    asked_for = read_as(index, criteria.asked_for)
    meant = meant_by(index, asked_for)
    dropped = bool(meant) and meant == _named_words(asked_for)
    read = None if meant else read_as_description(index, asked_for, criteria, worker)
    criteria = criteria.changed(q=meant) if meant else criteria
    found = Finding(index, criteria, worker, models=criteria.unit != "repository")
    pages = max(1, -(-found.total // PAGE_SIZE))
    if criteria.page > pages:
        raise NoSuchPage(criteria.page, pages)
    numbers = found.numbers()
    ids = found.ids((criteria.page - 1) * PAGE_SIZE, PAGE_SIZE) if found.total else []
    named = found.answering_for(_named_record(criteria) if criteria.page == 1 else [])
    rows = index.rows.of(list(dict.fromkeys([*ids, *named])), worker, newest=newest)
    asked = [row for row in rows if row.record.pk in named and not found.are_one(row.record.pk, ids[:1])]
    shown = [row for row in rows if row.record.pk in ids]
    models = models_of(index, [row.record for row in rows]) if found.models else {}
    return BrowsePage(
        criteria=criteria,
        worker=worker,
        rows=shown,
        total=found.total,
        by_confidence=numbers.by_confidence,
        hidden=_hidden(numbers.hidden, criteria),
        facets=facets.facet_views(numbers.facets, criteria),
        chips=_chips(criteria, curated),
        paging=_paging(criteria, pages),
        recorded=index.recorded,
        empty=not len(index),
        curated=curated,
        asked=next(iter(asked), None),
        models=models,
        standings=found.standings(shown, {pk: model.created for pk, model in models.items()}),
        meant=meant,
        unpacked=" ".join(asked_for.widths) if dropped else "",
        unlike=" ".join(one.typed for one in asked_for.means) if dropped else "",
        read=read,
        likelier="" if meant or found.total > _FEW else likelier_than(index, criteria),
    )


def meant_by(index: CatalogueIndex, asked: Asked) -> str:
    """The words that were probably meant, where no record has those of a search; empty where nothing is near."""
    if not asked.words or found_by(index, asked):
        return ""

    def finds(words: tuple[str, ...]) -> bool:
        return bool(found_by(index, Asked(words)))

    if (asked.widths or asked.means) and finds(asked.words):
        return _named_words(asked)
    if asked.wider and finds(asked.wider):
        return " ".join(asked.wider)
    # Who pastes the address of one repository means no other.
    if asked.pasted or asked.other:
        return ""
    meant = meant_words(tuple(map(without_signs, asked.words)), index.words, finds)
    if not meant and len(asked.apart or asked.words) > 1:
        meant = tuple(map(without_signs, fewer_words(asked.words, finds)))
    return " ".join(meant)


def read_as_description(index: CatalogueIndex, asked: Asked, criteria: Question, worker: Worker) -> ReadAs | None:
    """What of a question's search was read as a description of a model; None where all of it is a name."""
    if asked.other:
        return ReadAs((), (), (), _LEADS_TO[asked.other])
    if not asked.described:
        return None
    offers = dict.fromkeys(_machines_offered(asked, criteria))
    offers |= dict.fromkeys(offer for word in asked.left for offer in _offered(word, criteria, worker))
    offers |= dict.fromkeys(_names_offered(index, criteria))
    return ReadAs(tuple((one.typed, _label(one)) for one in asked.means), asked.left, tuple(offers))


_LEADS_TO = {
    "blog": "That is the address of an article: this catalogue has models alone.",
    "collections": "That is the address of a collection: this catalogue has models alone.",
    "datasets": "That is the address of a dataset: this catalogue has models alone.",
    "docs": "That is the address of a documentation: this catalogue has models alone.",
    "papers": "That is the address of a paper: this catalogue has models alone.",
    "spaces": "That is the address of a Space: this catalogue has models alone.",
}


def _names_offered(index: CatalogueIndex, criteria: Question) -> Iterator[Chip]:
    """The names that hold all words of a search, whatever else these mean, where there are any."""
    if found_by(index, Asked(tuple(criteria.q.lower().split())[:MOST_WORDS])):
        yield Chip("Names that say all of it", criteria.query(q=f'"{criteria.q}"'))


def _machines_offered(asked: Asked, criteria: Question) -> Iterator[Chip]:
    """The same question on the machine that its words tell of."""
    parts = parts_of(criteria.q.lower().split())
    of_machine = [part for part in parts if part in asked.left and is_of_machine(part)]
    machine = read_machine(" ".join(of_machine))
    rest = " ".join(part for part in parts if part not in asked.left)
    bare = machine.bare if not machine.accelerator else None
    kinds = ("VRAM", "RAM") if bare is not None else ()
    for text in [" ".join((f"{bare:g}", "GB", kind)) for kind in kinds] or [" ".join(of_machine)]:
        told = read_machine(text)
        if told.whole:
            yield Chip(
                f"For “{text}”",
                criteria.query(q=rest, **{name: PARAMETERS[name].default for name in MACHINE} | dict(told.parameters)),
            )


def _label(meaning: Meaning) -> str:
    """What a page calls the value that words mean."""
    words = {facet.name: (facet.label, facet.word) for facet in facets.FACETS}
    label, word = words.get(meaning.parameter, ("Author", str))
    return f"{label}: {word(meaning.value)}"


def _offered(word: str, criteria: Question, worker: Worker) -> Iterator[Chip]:
    """The questions that a word may mean which says how a model is beside others."""
    sort = sort_meant(word)
    if sort and sort != criteria.sort and (sort != SPEED.name or worker.hardware is not None):
        yield Chip(SORTS[sort], criteria.query(sort=sort))
    if says_small(word) and criteria.max_params is None:
        bound = next(one for one in facets.RANGES if one.name == "max_params")
        yield Chip(bound.words(_SMALL), criteria.query(max_params=_SMALL))


_SMALL = 4.0
"""Billions of parameters that are offered to who asks for something small: what phones and old laptops hold."""


def _named_words(asked: Asked) -> str:
    """The words of a search that are a name, as they were typed."""
    return " ".join(map(without_signs, asked.apart or asked.words))


def likelier_than(index: CatalogueIndex, criteria: Question) -> str:
    """The words that many more models have, one slip of the keys from those that few have; empty for none."""
    asked = criteria.asked_for
    few = found_by(index, asked) if asked.words and not asked.pasted and not asked.repo_id else 0
    if not 0 < few <= _FEW:
        return ""
    least = few * _MANY_MORE
    words = tuple(map(without_signs, asked.words))
    return " ".join(likelier_words(words, index.words, lambda words: holds_many(words, least)))


_FEW, _MANY_MORE = 3, 20
"""What so few records are called may be a slip in the name of so many times as many."""


def _named_record(criteria: Question) -> list[int]:
    """The key of the record whose id is searched for, or none. One query where an id is searched for, else none."""
    record = known_record(criteria.asked_for.repo_id)
    return [record.pk] if record is not None else []


def curated_of(criteria: Question) -> CuratedList | None:
    """The list asked for. One query; raises :class:`~compat.catalogue.question.QuestionError` for no such list."""
    if not criteria.list:
        return None
    found = CuratedList.objects.filter(slug=criteria.list, published=True).first()
    if found is None:
        raise QuestionError([Problem("list", criteria.list, f"There is no list “{criteria.list}”.")])
    return found


def _hidden(counts: Mapping[str, int], criteria: Question) -> list[Hidden]:
    return [
        Hidden(
            cause,
            CAUSE_WORDS[cause],
            counts[cause],
            criteria.query(compatible="only-incompatible", cause=(cause,)),
        )
        for cause in CAUSE_WORDS
        if counts.get(cause)
    ]


def _chips(criteria: Question, curated: CuratedList | None) -> list[Chip]:
    chips = []
    if criteria.q:
        chips.append(Chip(f"“{criteria.q}”", criteria.query(q="")))
    if curated:
        chips.append(Chip(f"list: {curated.title}", criteria.query(list="")))
    if criteria.model:
        chips.append(Chip(f"builds of {criteria.model}", criteria.query(model="")))
    if criteria.base:
        chips.append(Chip(f"made from {criteria.base}", criteria.query(base="")))
    chips += [
        Chip(CAUSE_WORDS[cause] if cause == "gone" else f"refused for {CAUSE_WORDS[cause]}", query)
        for cause in criteria.cause
        for query in [criteria.toggled("cause", cause).query()]
    ]
    words = {facet.name: (facet.label, facet.word) for facet in facets.FACETS}
    words["author"] = ("Author", str)
    for name, (label, word) in words.items():
        chips += [
            Chip(f"{label}: {word(value)}", criteria.toggled(name, value).query())
            for value in facets.chosen_values(criteria, name)
        ]
    for bound in facets.RANGES:
        value = getattr(criteria, bound.name)
        if value is not None:
            chips.append(Chip(bound.words(value), criteria.changed(**{bound.name: None}).query()))
    return chips


def _paging(criteria: Question, pages: int) -> Paging:
    page = criteria.page
    near = sorted({1, pages, *range(max(1, page - 2), min(pages, page + 2) + 1)})
    return Paging(
        page,
        pages,
        criteria.query(page=page - 1) if page > 1 else "",
        criteria.query(page=page + 1) if page < pages else "",
        tuple(
            (number, criteria.query(page=number), index > 0 and number - near[index - 1] > 1)
            for index, number in enumerate(near)
        ),
    )
