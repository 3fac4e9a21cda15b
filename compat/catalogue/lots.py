"""Every record in a few bytes of memory, for what no column tells: what fits a machine, and broad searches.

Records that share whatever a list, a facet or a memory estimate looks at are one *lot*. A lot is judged once for a
machine, and a million records of a search are counted by the number of their lot.
"""

from __future__ import annotations

import hashlib
import time
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from threading import Lock
from typing import Any

from django.db.models import CharField, Max
from django.db.models.functions import Cast

from compat.batches import batched
from compat.catalogue import census, memo
from compat.catalogue.census import Census, Kind
from compat.catalogue.needs import needs_name
from compat.catalogue.order import ORDERS, Order
from compat.estimate import find_shape
from compat.models import ModelRecord, RecordLanguage, RecordVariant, Verdict

_AT_ONCE = 5000
_COLUMNS = (
    *("id", "sheet_id", "license", "parameters", "context"),
    *("shape_facts", "name", "seeing", "projector_bytes"),
)


class Lots:
    """The lots of the whole catalogue as it was when this was made.

    ``ids`` are the records' ids, ascending; ``numbers`` the number of the lot of the record at the same place.
    ``kinds`` are the lots by number. A lot's ``fit`` is the number of its memory need: ``needs`` tells that of every
    fit in a digest that stays the same from one version of the catalogue to the next, and ``members`` a record of it.
    """

    def __init__(self) -> None:
        self.ids = array("q")
        self.numbers = array("I")
        self.kinds: list[Kind] = []
        self.spoken: list[tuple[str, ...]] = []
        self.needs: list[bytes] = []
        self.members = array("q")
        self.orders: dict[str, array[int]] = {}
        self._read()
        self.counts = Counter(self.numbers)

    def __len__(self) -> int:
        """How many records there are."""
        return len(self.ids)

    def _read(self) -> None:
        """Three queries, read side by side in the order of the ids."""
        lots: dict[tuple[Any, ...], int] = {}
        fits: dict[tuple[Any, ...], int] = {}
        texts: dict[Any, Any] = {}
        # By identity: the published shapes are a table that is read once, and comparing them whole is slow.
        shapes: dict[int, bytes] = {id(None): b""}
        languages = _Beside(RecordLanguage.objects.order_by("record_id", "code").values_list("record_id", "code"))
        sizes = _Beside(
            RecordVariant.objects.filter(size_bytes__isnull=False)
            .order_by("record_id", "position")
            .values_list("record_id", "position", "size_bytes")
        )
        # As text, which needs no converting of every row.
        records = ModelRecord.objects.annotate(seeing=Cast("projector", CharField()))
        refused: set[int] = set()
        looked_up = 0
        for row in records.order_by("id").values_list(*_COLUMNS).iterator(_AT_ONCE):
            pk, sheet, license_, parameters, context, facts, name, *projector = row
            facts = texts.setdefault(facts, facts)
            published = b""
            if needs_name(facts, parameters) and sheet not in refused:
                looked_up += 1
                if looked_up == _AT_ONCE:
                    refused = _refused_by_all()
                known = find_shape(name)
                if id(known) not in shapes:
                    shapes[id(known)] = _digest(known)
                published = shapes[id(known)]
            need = (sheet, parameters, facts, published, *projector, *sizes.of(pk))
            fit = fits.setdefault(need, len(fits))
            if fit == len(self.members):
                self.members.append(pk)
                self.needs.append(_digest(need))
            spoken = tuple(code for (code,) in languages.of(pk))
            lot = (fit, license_, context, spoken)
            number = lots.setdefault(lot, len(lots))
            if number == len(self.kinds):
                text, codes = texts.setdefault(license_, license_), texts.setdefault(spoken, spoken)
                self.kinds.append(Kind(sheet, text, parameters, context, fit))
                self.spoken.append(codes)
            self.ids.append(pk)
            self.numbers.append(number)

    def place_of(self, pk: int) -> int | None:
        """Where a record is; None for one that came later."""
        ids = self.ids
        if not ids:
            return None
        place = pk - ids[0]
        if not (0 <= place < len(ids) and ids[place] == pk):
            place = bisect_left(ids, pk)
        return place if place < len(ids) and ids[place] == pk else None

    def places_of(self, pks: Iterable[int]) -> array[int]:
        """Where some records are; those that came later are left out."""
        ids = self.ids
        if ids and ids[-1] - ids[0] == len(ids) - 1:
            first, last = ids[0], ids[-1]
            return array("I", (pk - first for pk in pks if first <= pk <= last))
        return array("I", (place for place in map(self.place_of, pks) if place is not None))

    def census(self, pks: Iterable[int] | None = None, language: str = "") -> Census:
        """The census of some records, or of all; of those that speak a language, if one is named."""
        numbers = self.numbers
        counts = self.counts if pks is None else Counter(map(numbers.__getitem__, self.places_of(pks)))
        kinds, spoken = self.kinds, self.spoken
        if language:
            counts = Counter({number: n for number, n in counts.items() if language in spoken[number]})
        return Census(
            [(kinds[number], n) for number, n in counts.items()],
            [(code, kinds[number], n) for number, n in counts.items() for code in spoken[number]],
        )

    def in_order(self, sort: str) -> array[int]:
        """The places of all records in an order, but for what is asked for by name. One or two queries, once."""
        if sort not in self.orders:
            places = array("I")
            for part in Order(ORDERS[sort]).parts(ModelRecord.objects.all()):
                for pks in batched(part.values_list("id", flat=True).iterator(_AT_ONCE), _AT_ONCE):
                    places.extend(self.places_of(pks))
            self.orders[sort] = places
        return self.orders[sort]


class _Beside:
    """Rows of another table in the order of the record's id, handed out record by record."""

    def __init__(self, rows: Any) -> None:
        self._groups = groupby(rows.iterator(_AT_ONCE), key=itemgetter(0))
        self._next = self._advance()

    def _advance(self) -> tuple[int, tuple[Any, ...]] | None:
        for pk, rows in self._groups:
            return pk, tuple(row[1:] for row in rows)
        return None

    def of(self, pk: int) -> Sequence[Any]:
        """The rows of one record, without its id. Records are to be asked for in the order of their ids."""
        while self._next is not None and self._next[0] < pk:
            self._next = self._advance()
        if self._next is None or self._next[0] != pk:
            return ()
        return self._next[1]


def _digest(value: object) -> bytes:
    return hashlib.blake2b(repr(value).encode(), digest_size=16).digest()


def _refused_by_all() -> set[int]:
    """The fact sheets that every engine refuses: their memory needs are never asked for. One query."""
    best = Verdict.objects.order_by().values("sheet").annotate(best=Max("confidence"))
    return set(best.filter(best=0).values_list("sheet", flat=True))


@dataclass(slots=True)
class Whole:
    """What is kept of the whole catalogue: its census, or from when they are first needed its lots, which tell more."""

    counted: Census | None = None
    lots: Lots | None = None
    making: Lock = field(default_factory=Lock)

    def census(self, language: str = "") -> Census:
        """The census, or that of the records that speak one language."""
        if self.lots is not None:
            return self.lots.census(language=language)
        assert self.counted is not None
        return self.counted.speaking(language) if language else self.counted


_NAME = "the whole catalogue"


def _made(before: Whole | None) -> Whole:
    if before is not None and before.lots is not None:
        return _made_with_lots(before)
    return Whole(census.count())


def _made_with_lots(before: Whole | None) -> Whole:
    lots = Lots()
    for sort in before.lots.orders if before is not None and before.lots is not None else ():
        lots.in_order(sort)
    return Whole(lots=lots)


def whole(version: int) -> Whole:
    """The whole catalogue's numbers, kept until it changes; of a large one, those before serve while these are made."""
    return memo.newest(_NAME, version, _made)


def version_at_hand(version: int) -> int:
    """The catalogue's version that answers are made from, while the numbers of a newer one are being made."""
    return memo.at_hand(_NAME, version, _made)


def lots_of(version: int) -> Lots:
    """The lots of the whole catalogue. Making them takes seconds where there are hundreds of thousands of records."""
    found = memo.newest(_NAME, version, _made_with_lots)
    with found.making:
        if found.lots is None:
            start = time.perf_counter()
            found.lots = Lots()
            memo.took(_NAME, time.perf_counter() - start)
        return found.lots
