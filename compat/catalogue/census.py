"""The census: how many records have which facts, counted by the database.

Records with the same fact sheet, licence, parameter count and context are one *kind*; whatever facets count is a sum
over kinds, so a million records are looked at once for each change of the catalogue, not once for each question.
Searches, authors and lists single out records by their ids: for those the same is counted over what they find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import BigIntegerField, Count, ExpressionWrapper, F, QuerySet

from compat.models import ModelRecord

_COLUMNS = ("license", "parameters", "context")


class Kind(NamedTuple):
    """What records of one kind share. ``parameters`` and ``context`` are None where they are not told.

    ``fit`` is the number of their memory need, where lots tell those apart (see :mod:`compat.catalogue.lots`).
    """

    sheet: int
    license: str
    parameters: int | None
    context: int | None
    fit: int = -1


@dataclass(frozen=True, slots=True)
class Census:
    """Numbers of records by kind, and by language and kind; a record that speaks two languages counts for both."""

    kinds: Sequence[tuple[Kind, int]]
    languages: Sequence[tuple[str, Kind, int]]

    def __len__(self) -> int:
        """How many numbers it holds."""
        return len(self.kinds) + len(self.languages)

    def speaking(self, code: str) -> Census:
        """The census of the records that speak one language, without their other languages."""
        return Census([(kind, n) for spoken, kind, n in self.languages if spoken == code], ())


def count(records: QuerySet[ModelRecord] | None = None) -> Census:
    """The census of some records, or of the whole catalogue. Two queries."""
    every = ModelRecord.objects.all() if records is None else records
    # The index that all is counted by is read from end to end; of some records, or with their languages, a database
    # would look up each in turn by its order. A sum is in no index, which keeps it from that.
    counted = every.order_by().annotate(facts=ExpressionWrapper(F("sheet_id") + 0, BigIntegerField()))
    kinds = (every.order_by() if records is None else counted).values_list(
        "sheet_id" if records is None else "facts", *_COLUMNS
    )
    spoken = counted.filter(languages__isnull=False).values_list("facts", *_COLUMNS)
    spoken = spoken.annotate(code=F("languages__code"))
    return Census(
        [(Kind(*row[:-1]), row[-1]) for row in kinds.annotate(n=Count("id"))],
        [(row[-2], Kind(*row[:-2]), row[-1]) for row in spoken.annotate(n=Count("id"))],
    )
