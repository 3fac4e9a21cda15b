"""Which records a question is about, as the database and the kinds of records can tell.

A verdict on a worker with a machine is in no column: :mod:`compat.catalogue.finding` sees to those.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from compat.catalogue import facets
from compat.catalogue.census import Kind
from compat.catalogue.order import met_on_the_way
from compat.catalogue.question import Criteria
from compat.catalogue.workers import Worker
from compat.models import ModelRecord
from compat.models.search import matching

RARE = 5000
"""Up to so many records are found and then ordered; of more, the order is walked along until a page is full."""


def few(found: facets.CubeSums) -> bool:
    """Whether a question with these numbers finds so few records that they are best looked up."""
    return found.total <= RARE


def scope(criteria: Criteria, *, along: bool = False) -> QuerySet[ModelRecord]:
    """What the question singles out by other than facets: search, author and list."""
    records = ModelRecord.objects.all()
    if criteria.words:
        records = matching(records, criteria.words, along=along)
    if criteria.author and along:
        owned = Q()
        for author in criteria.author:
            owned |= Q(search_text__startswith=f"{author.lower()}/")
        records = records.filter(owned)
    elif criteria.author:
        owners = [author.lower() for author in criteria.author]
        records = records.alias(owner_lowered=Lower("owner")).filter(owner_lowered__in=owners)
    if criteria.list:
        records = records.filter(list_entries__curated_list__slug=criteria.list)
    return records


def narrowed(
    criteria: Criteria, worker: Worker, *, by_verdict: bool = True, found: facets.CubeSums | None = None
) -> QuerySet[ModelRecord]:
    """Every condition of the question, for the rows themselves; ``by_verdict`` leaves out those on the verdict.

    ``found`` are the question's numbers. They tell which way is the shorter one, which a database does not see by
    itself: to look up the records of the few fact sheets that occur, or to walk along the order asked for.
    """
    many = found is not None and not few(found)
    along = many and connection.vendor == "sqlite"
    records = scope(criteria, along=along)
    if criteria.min_params is not None:
        records = records.filter(parameters__gte=_count(criteria.min_params))
    if criteria.max_params is not None:
        records = records.filter(parameters__lte=_count(criteria.max_params))
    if criteria.min_context is not None:
        records = records.filter(context__gte=criteria.min_context)
    if found is not None and by_verdict and few(found):
        records = records.filter(sheet__in=found.sheets)
    sheets = facets.sheets(criteria if by_verdict else _any_verdict(criteria), worker.profile.slug)
    if sheets is not None and many:
        records = met_on_the_way(records, sheets)
    elif sheets is not None:
        records = records.filter(sheet__in=sheets.values("id"))
    for facet in facets.FACETS:
        if facet.of_record:
            records = records.filter(facet.condition(facets.wanted(criteria, facet.name), along=along))
    return records


def _count(billions: float) -> int:
    return int(billions * 10**9)


def _any_verdict(criteria: Criteria) -> Criteria:
    return criteria.changed(compatible="false", confidence=(), cause=())


def within(criteria: Criteria) -> Callable[[Kind], bool]:
    """Whether a kind has the size and the context that are asked for."""
    low = _count(criteria.min_params) if criteria.min_params is not None else None
    high = _count(criteria.max_params) if criteria.max_params is not None else None
    context = criteria.min_context

    def fitting(kind: Kind) -> bool:
        size = kind.parameters
        if (low is not None and (size is None or size < low)) or (high is not None and (size is None or size > high)):
            return False
        return context is None or (kind.context is not None and kind.context >= context)

    return fitting


def singled(criteria: Criteria) -> QuerySet[ModelRecord] | None:
    """The records that search, author, list and several languages single out; None where nothing of that is asked."""
    if not (criteria.words or criteria.author or criteria.list or criteria.language):
        return None
    language = next(facet for facet in facets.FACETS if facet.name == "language")
    return scope(criteria).filter(language.condition(criteria.language)).order_by()
