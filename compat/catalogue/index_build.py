"""Making an index: the catalogue read once, from one snapshot of the database, into columns."""

from __future__ import annotations

import hashlib
import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import CharField, Max, Min, Sum
from django.db.models.functions import Cast

from compat.architectures import name_words
from compat.architectures.name_hints import without_maker
from compat.catalogue.builds import BuildBy, Candidate, memberships
from compat.catalogue.columns import BesideColumn, MadeColumn, RecordColumn, SheetColumns
from compat.catalogue.facets import RANGES
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import (
    CAUSE_CODES,
    INDEXED,
    UNJUDGED,
    Column,
    IndexColumns,
    OrderColumns,
    Units,
    ids_in_order,
)
from compat.catalogue.needs import needs_name
from compat.catalogue.order import ORDERS
from compat.catalogue.packers import trusted_owners
from compat.catalogue.spelling import NameWords
from compat.catalogue.suggesting import PARTS, Known, Others, of_model, points_of
from compat.catalogue.well_known import Build, well_known
from compat.estimate.label_sizes import is_dynamic
from compat.extraction.relatives import Relation
from compat.models import (
    BuildCorrection,
    Catalogue,
    FactSheet,
    ModelRecord,
    RecordRelation,
    RecordTags,
    RecordVariant,
    Verdict,
)
from compat.shapes.known import namesake

_AT_ONCE = 5000
_RANGED = tuple(dict.fromkeys(bound.column for bound in RANGES))
"""The numbers of a record that questions bound."""
_NEED_COLUMNS = ("owner", "sheet_id", "parameters", "shape_facts", "name", "seeing", "projector_bytes", "packed_model")


def build_index() -> CatalogueIndex:
    """The index of the catalogue as it is now. A query for each table and order that is read."""
    start = time.perf_counter()
    with _snapshot():
        state = Catalogue.current_version()
        columns = _read()
    return CatalogueIndex(*state, columns, time.perf_counter() - start)


@contextmanager
def _snapshot() -> Iterator[None]:
    """All queries inside see the database at one moment, and keep no writer waiting."""
    if connection.in_atomic_block:
        yield
        return
    begin = {"sqlite": "BEGIN DEFERRED", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
    with connection.cursor() as cursor:
        cursor.execute(begin[connection.vendor])
        try:
            yield
        finally:
            cursor.execute("COMMIT")


_WEIGHED = ("record_id", "size_bytes", "bits", "as_made", "tensors", "key")
"""What of a variant beside its facts decides how large its weights are, and how much they keep."""


class _Numbers(dict[Any, int]):
    """Numbers for things in the order in which they are first met."""

    def of(self, thing: Any) -> int:
        """The number of a thing."""
        return self.setdefault(thing, len(self))


def _read() -> IndexColumns:
    sheets = list(FactSheet.objects.order_by("id").values_list("id", flat=True))
    sheet_row = {pk: row for row, pk in enumerate(sheets)}
    groups, needs, words = _Numbers(), _Numbers(), NameWords()
    members: list[int] = []
    sizes_of_need: list[int] = []
    ids: list[int] = []
    numbers: list[int] = []
    for pk, need, sizes, rest in _records(words):
        number = needs.of(need)
        if number == len(members):
            members.append(pk)
            sizes_of_need.append(len(sizes))
        ids.append(pk)
        numbers.append(groups.of((number, *rest)))
    group = np.array(numbers, dtype=np.int32)
    keys = list(groups)
    need_of = np.fromiter((key[0] for key in keys), np.int32, len(keys))
    told = list(needs)
    need_sheet = np.fromiter((sheet_row[need[0]] for need in told), np.int32, len(told))
    facets, texts = _facet_columns(keys, need_sheet[need_of], sheets)
    levels, causes, rules = _verdicts(sheet_row)
    id_column = np.array(ids, dtype=np.int64)
    orders = _orders(id_column, group)
    trusted = np.fromiter((key[-1] for key in keys), np.bool_, len(keys))
    ranges = {
        name: np.fromiter((_or_unknown(key[place]) for key in keys), np.int64, len(keys))
        for place, name in enumerate(_RANGED, start=1)
    }
    need_digest = np.array([_digest(need) for need in told], dtype="V16")
    # What was put into columns is let go before the models are told apart, which takes as much memory again.
    size = len(keys)
    del groups, keys, needs, told, numbers, ids
    of_code = [tuple(use) for use in texts["use"]]
    uses = [of_code[code] for code in facets["use"][group].tolist()]
    models = _models(orders["popular"], group, size, uses, trusted[group])
    return IndexColumns(
        ids=id_column,
        group=group,
        counts=np.bincount(group, minlength=size),
        trusted=trusted,
        **models,
        sheet=need_sheet[need_of],
        need=need_of,
        ranges=ranges,
        facets=facets,
        orders=orders,
        sheet_ids=np.array(sheets, dtype=np.int64),
        levels=levels,
        causes=causes,
        need_sheet=need_sheet,
        need_first=np.concatenate([[0], np.cumsum(sizes_of_need, dtype=np.int64)]).astype(np.int64),
        need_member=np.array(members, dtype=np.int64),
        need_digest=need_digest,
        texts={
            "facets": texts,
            "engines": list(rules),
            "rules": list(rules.values()),
            "recorded": _recorded(),
            "words": words.most_used(),
            "names": _names(id_column, orders["popular"], models["model"], models["model_self"]),
        },
    )


_OF_MODELS = ("id", "repo_id", "parameters", "family", "downloads", "created", "gone", "parameters_from")


def _models(
    popular: OrderColumns, group: Column, groups: int, uses: Sequence[tuple[str, ...]], trusted: Column
) -> dict[str, Any]:
    """The columns that say which model each record is a build of, and what both are to those who look for one."""
    rank = np.empty(len(group), dtype=np.int64)
    rank[popular.rows] = np.arange(len(group))
    relations = _Beside(RecordRelation.objects.order_by("record_id", "id").values_list("record_id", "base", "kind"))
    records = ModelRecord.objects.order_by("id").values_list(*_OF_MODELS)
    candidates, merits, counted = list[Candidate](), list[Known](), list[str]()
    told = zip(records.iterator(_AT_ONCE), rank.tolist(), uses, trusted.tolist(), strict=True)
    same: dict[Any, Any] = {}
    for (pk, repo_id, parameters, family, downloads, created, gone, counted_from), place, for_what, known in told:
        made_from = tuple(same.setdefault(one, Relation(*one)) for one in relations.of(pk))
        family, counted_from = same.setdefault(family, family), same.setdefault(counted_from, counted_from)
        candidates.append(Candidate(repo_id, made_from, parameters, family, place))
        merits.append(Known(repo_id, parameters, downloads, created, known, for_what, bool(gone), made_from))
        counted.append(counted_from)
    numbers = _Numbers()
    found = memberships(candidates, BuildCorrection.by_repository())
    del candidates, same
    model = np.fromiter((numbers.of(one.model) for one in found), np.int32, len(found))
    by = np.fromiter((one.by for one in found), np.int8, len(found))
    rows = np.argsort(model, kind="stable").astype(np.int32)
    itself = np.full(len(numbers), -1, dtype=np.int32)
    own = np.flatnonzero(by == BuildBy.ITSELF)
    itself[model[own]] = own
    first = np.searchsorted(model[rows], np.arange(len(numbers) + 1)).astype(np.int32)
    builds = [
        Build(one.repo_id, number, place, one.downloads, told_by, "gone" if one.gone else "")
        for one, number, place, told_by in zip(merits, model.tolist(), rank.tolist(), counted, strict=True)
    ]
    others = Others.of(merits)
    of_models = [
        of_model([merits[row] for row in rows[start:end]], merits[row_itself] if row_itself >= 0 else None, name)
        for name, row_itself, start, end in zip(numbers, itself.tolist(), first[:-1], first[1:], strict=True)
    ]
    return {
        "model": model,
        "model_by": by,
        "model_rows": rows,
        "model_first": first,
        "model_self": itself,
        "models": Units.of(model, group, groups),
        "merit": _points(merits, others),
        "model_merit": _points(of_models, others),
        "model_line": _lines(numbers),
        "model_created": np.array([int(one.created.timestamp()) if one.created else -1 for one in of_models]),
        "well_known": np.array(well_known(builds), dtype=np.int32),
    }


def _lines(models: Iterable[str]) -> Column:
    """The line of each model, as a number; by its id in lower case, or what its builds call it."""
    numbers, found = _Numbers(), list[int]()
    for name in models:
        owner, _, rest = name.rpartition("/")
        letters = _LETTERS.match("-".join(without_maker(name_words(rest))))
        found.append(numbers.of((owner, letters[0])) if owner and letters else -1)
    return np.array(found, dtype=np.int32)


_LETTERS = re.compile(r"[a-z]+")


def _points(known: Iterable[Known], others: Others) -> Column:
    points = chain.from_iterable(points_of(one, others) for one in known)
    return np.fromiter(points, dtype=np.int8).reshape(-1, len(PARTS))


MOST_NAMES = 20_000
"""So many names of models are kept with an index, those of the best known: mostly one of them is what is typed."""


def _names(ids: Column, popular: OrderColumns, model: Column, model_self: Column) -> tuple[list[int], list[str]]:
    """The rows of the best known models, and their ids in lower case; a model is called by its own repository."""
    of_rows = model[popular.rows]
    _, first = np.unique(of_rows, return_index=True)
    first = np.sort(first)[:MOST_NAMES]
    own = model_self[of_rows[first]]
    rows = np.where(own >= 0, own, popular.rows[first]).tolist()
    named: dict[int, str] = {}
    for start in range(0, len(rows), _AT_ONCE):
        some = ids[rows[start : start + _AT_ONCE]].tolist()
        named |= dict(ModelRecord.objects.filter(id__in=some).order_by().values_list("id", "repo_id"))
    keys = ids[rows].tolist()
    return rows, [named[key].lower() for key in keys]


def _recorded() -> list[str]:
    dates = ModelRecord.objects.order_by().exclude(as_of="").aggregate(first=Min("as_of"), last=Max("as_of"))
    return [dates["first"], dates["last"]] if dates["last"] else []


def _or_unknown(number: int | None) -> int:
    return -1 if number is None else number


def _digest(value: object) -> bytes:
    return hashlib.blake2b(repr(value).encode(), digest_size=16).digest()


def _records(words: NameWords) -> Iterator[tuple[int, tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]]:
    """(id, what its memory need depends on, its variants' sizes, all else that groups differ by) of every record.

    The words of their names are counted on the way.
    """
    own = [facet.column for facet in INDEXED if isinstance(facet.column, RecordColumn)]
    beside = [facet.column for facet in INDEXED if isinstance(facet.column, BesideColumn)]
    spoken = [
        _Beside(column.model._default_manager.order_by("record_id", column.name).values_list("record_id", column.name))  # noqa: SLF001 - Django's public name for it
        for column in beside
    ]
    made = [facet.column for facet in INDEXED if isinstance(facet.column, MadeColumn)]
    tags = _Beside(RecordTags.objects.order_by("record_id").values_list("record_id", "lines"))
    variants = _Beside(RecordVariant.objects.order_by("record_id", "position").values_list(*_WEIGHED))
    # As text, which needs no converting of every row.
    records = ModelRecord.objects.annotate(seeing=Cast("projector", CharField())).order_by("id")
    columns = (
        *("id", *_NEED_COLUMNS, *_RANGED),
        *(column.name for column in own),
        *(name for column in made for name in column.names),
    )
    kept = len(_RANGED) + len(own)
    published = _Published()
    texts: dict[Any, Any] = {}
    trusted = _trusted()
    for pk, owner, sheet, parameters, facts, name, seeing, projector, packed, *rest in records.values_list(
        *columns
    ).iterator(_AT_ONCE):
        words.add(owner, name)
        facts = texts.setdefault(facts, facts)
        sizes = tuple((*told, is_dynamic(key)) for *told, key in variants.of(pk))
        shape = published.shape_of(facts, parameters, name, sheet)
        need = (sheet, parameters, facts, shape, seeing, projector, bool(packed), *sizes)
        several = (tuple(value for (value,) in rows.of(pk)) for rows in spoken)
        lines = "".join(line for (line,) in tags.of(pk))
        further = _made(made, rest[kept:], lines)
        told = (*rest[:kept], *several, *further, owner.lower() in trusted)
        yield pk, need, sizes, tuple(texts.setdefault(value, value) for value in told)


def _trusted() -> Collection[str]:
    """The owners whose builds are trusted. Two queries."""
    downloads = ModelRecord.objects.order_by().values_list("owner").annotate(Sum("downloads"))
    bases = RecordRelation.objects.order_by().values_list("base", flat=True).iterator(_AT_ONCE)
    return trusted_owners(downloads, Counter(base.partition("/")[0].lower() for base in bases).items())


def _made(columns: Sequence[MadeColumn], values: Sequence[Any], tags: str) -> Iterator[tuple[str, ...]]:
    """What is made of the values of some columns, one column's behind the other's, and of the tags."""
    begin = 0
    for column in columns:
        yield column.read(*values[begin : begin + len(column.names)], tags)
        begin += len(column.names)


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


class _Published:
    """Which published shape a record's memory need leans on, as a digest; empty where on none."""

    def __init__(self) -> None:
        # By identity: the published shapes are a table that is read once, and comparing them whole is slow.
        self._digests: dict[int, bytes] = {id(None): b""}
        self._refused: set[int] = set()
        self._looked_up = 0

    def shape_of(self, facts: str, parameters: int | None, name: str, sheet: int) -> bytes:
        """The digest of the shape of the model that a record is named after, if it has to be looked at."""
        if not needs_name(facts, parameters) or sheet in self._refused:
            return b""
        self._looked_up += 1
        if self._looked_up == _AT_ONCE:
            # Of so many, it is worth to know those that every engine refuses: their needs are never asked for.
            best = Verdict.objects.order_by().values("sheet").annotate(best=Max("confidence"))
            self._refused = set(best.filter(best=0).values_list("sheet", flat=True))
        known = namesake(name)
        if id(known) not in self._digests:
            self._digests[id(known)] = _digest(known)
        return self._digests[id(known)]


def _facet_columns(
    keys: Sequence[tuple[Any, ...]], sheet: Column, sheets: Sequence[int]
) -> tuple[dict[str, Column], dict[str, list[list[str]]]]:
    """A code a group for every facet, and the values of every code."""
    columns: dict[str, Column] = {}
    texts: dict[str, list[list[str]]] = {}
    # What a group's key holds behind its need and its numbers: the records' own columns, then those beside them.
    kinds = (RecordColumn, BesideColumn, MadeColumn)
    in_key = [facet for kind in kinds for facet in INDEXED if isinstance(facet.column, kind)]
    for place, facet in enumerate(in_key, start=1 + len(_RANGED)):
        codes = _Numbers()
        read = facet.column.read if isinstance(facet.column, RecordColumn) else tuple
        columns[facet.name] = np.fromiter((codes.of(read(key[place])) for key in keys), np.int32, len(keys))
        texts[facet.name] = [list(values) for values in codes]
    for facet in INDEXED:
        if isinstance(facet.column, SheetColumns):
            codes, read_sheet = _Numbers(), facet.column.read
            rows = FactSheet.objects.order_by("id").values_list(*facet.column.names).iterator(_AT_ONCE)
            of_sheet = np.fromiter((codes.of(read_sheet(*row)) for row in rows), np.int32, len(sheets))
            columns[facet.name] = of_sheet[sheet]
            texts[facet.name] = [list(values) for values in codes]
    return columns, texts


def _verdicts(sheet_row: dict[int, int]) -> tuple[Column, Column, dict[str, str]]:
    """(confidence, code of the cause) by engine and sheet, and the version of each engine's rules.

    The version is empty while some of an engine's verdicts are of another one.
    """
    engines = sorted(Verdict.objects.order_by().values_list("profile", flat=True).distinct())
    levels = np.full((len(engines), len(sheet_row)), UNJUDGED, dtype=np.int8)
    causes = np.zeros((len(engines), len(sheet_row)), dtype=np.int8)
    row_of = {engine: row for row, engine in enumerate(engines)}
    versions: dict[str, set[str]] = {engine: set() for engine in engines}
    stored = Verdict.objects.values_list("profile", "sheet_id", "confidence", "cause", "rules")
    for engine, sheet, level, cause, version in stored.iterator(_AT_ONCE):
        at = row_of[engine], sheet_row[sheet]
        levels[at], causes[at] = level, CAUSE_CODES[cause]
        versions[engine].add(version)
    return levels, causes, {engine: "".join(found) if len(found) == 1 else "" for engine, found in versions.items()}


def _orders(ids: Column, group: Column) -> dict[str, OrderColumns]:
    found = {}
    for name, order in ORDERS.items():
        rows = np.searchsorted(ids, np.concatenate([ids_in_order(part) for part in order.ranges()])).astype(np.int32)
        found[name] = OrderColumns(rows, group[rows])
    return found
