"""Reading records together with their relatives, whose records tell what these leave out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Window
from django.db.models.functions import Lower, RowNumber

from compat.extraction.extract import UNCOUNTED, Extraction, extract, needs_relatives, own_shape_facts, witness_of
from compat.extraction.facts import Fact, Provenance, provenance_of
from compat.extraction.relatives import (
    CONVERTED,
    MOST_OF_A_KIND,
    READ,
    UNLIKE,
    WEAK,
    Relation,
    Relative,
    Witness,
    Witnesses,
    of_architecture,
    shape_facts_by,
)
from compat.hub.payloads import HubModel, ParsedRecord
from compat.models.composed import ComposedQuery
from compat.models.record import ModelRecord, RecordRelation

NOTHING: Mapping[str, tuple[Extraction, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record with its facts, and with what shapes its memory estimate."""

    parsed: ParsedRecord
    extraction: Extraction
    shape_facts: str


def read_with_relatives(
    batch: Sequence[ParsedRecord], ahead: Mapping[str, tuple[Extraction, str]] = NOTHING
) -> list[ReadRecord]:
    """Every record as the catalogue stores it, with what its relatives, of the batch or stored, tell. Two queries.

    ``ahead`` is what some records tell by themselves, and of their layers, by their digests.
    """
    alone = [
        ReadRecord(parsed, *(ahead.get(parsed.digest) or (extract(parsed.model), own_shape_facts(parsed.model))))
        for parsed in batch
    ]
    own = [_witness(one) for one in alone]
    asking = [witness for one, witness in zip(alone, own, strict=True) if needs_relatives(one.extraction)]
    ids = {one.repo_id for one in own}
    witnesses = Witnesses([*own, *(found for found in _stored_witnesses(asking) if found.repo_id not in ids)])
    heard = {one.repo_id: witnesses.relatives_of(one) for one in asking}
    return [_heard(one, heard.get(one.parsed.model.id, ())) for one in alone]


def extraction_of(model: HubModel) -> Extraction:
    """The extraction of one record as the catalogue would store it, its relatives' records included. Two queries."""
    return read_with_relatives([ParsedRecord(model, {}, "")])[0].extraction


def _heard(alone: ReadRecord, relatives: Sequence[Relative]) -> ReadRecord:
    if not relatives:
        return alone
    extraction = extract(alone.parsed.model, relatives)
    own = alone.shape_facts or alone.extraction.architecture.provenance in READ
    alike = of_architecture(relatives, extraction.architecture)
    return ReadRecord(alone.parsed, extraction, alone.shape_facts if own else shape_facts_by(alike))


def _witness(read: ReadRecord) -> Witness:
    return witness_of(read.parsed.model, read.extraction, read.shape_facts)


def _stored_witnesses(asking: Sequence[Witness]) -> list[Witness]:
    """What the catalogue's records that may be related to some read of themselves. Two queries at most."""
    if not asking:
        return []
    bases = {one.made_from for one in asking if one.made_from}
    originals = {one.likely_converted_from for one in asking if one.likely_converted_from}
    names = {one.name for one in asking if one.names_a_size}
    found = _RELATED.rows(sorted(bases), sorted(originals.union(one.repo_id for one in asking)), sorted(names))
    rows = {row[0]: row for row in found}
    if not rows:
        return []
    relations: dict[int, list[Relation]] = defaultdict(list)
    for record, base, kind in _RELATIONS.rows(list(rows)):
        relations[record].append(Relation(base, kind))
    return [_witness_of(row, tuple(relations[pk])) for pk, row in rows.items()]


def _related(bases: Sequence[str], originals: Sequence[str], names: Sequence[str]) -> QuerySet[ModelRecord, Any]:
    """The records that read something themselves, and are among bases, conversions of originals, or of some names."""
    read = ModelRecord.objects.filter(architecture_from__in=_READ).order_by()
    related = [
        read.filter(repo_id__in=bases),
        read.filter(pk__in=_conversions(originals)),
        read.filter(pk__in=_copies(names)),
    ]
    first, *others = (some.values_list(*_COLUMNS) for some in related)
    return first.union(*others, all=True)


_RELATED = ComposedQuery(_related)
_RELATIONS = ComposedQuery(
    lambda records: (
        RecordRelation.objects.filter(record__id__in=records).order_by("pk").values_list("record_id", "base", "kind")
    )
)


_READ = sorted(READ)
_COLUMNS = (
    "pk",
    "repo_id",
    "architecture",
    "architecture_from",
    "context",
    "task",
    "parameters",
    "parameters_from",
    "shape_facts",
    "sheet__facts",
)


def _witness_of(row: tuple[Any, ...], relations: tuple[Relation, ...]) -> Witness:
    _, repo_id, architecture, architecture_from, context, task, parameters, parameters_from, shape, sheet = row
    return Witness.reading(
        repo_id,
        relations,
        architecture=Fact(architecture, provenance_of(architecture_from)),
        context=Fact(context, provenance_of(sheet[0].get("context_from", ""))),
        task=Fact(task or None, provenance_of(sheet[0].get("task_from", ""))),
        parameters=Fact(parameters, provenance_of(parameters_from)),
        shape_facts=shape,
    )


def _conversions(originals: Iterable[str]) -> QuerySet[RecordRelation, int]:
    """The records that are conversions of some models alone, the first few of each by their ids."""
    more = RecordRelation.objects.filter(record=OuterRef("record")).exclude(pk=OuterRef("pk"))
    found = RecordRelation.objects.filter(
        ~Exists(more), base__in=originals, kind=CONVERTED, record__architecture_from__in=_READ
    )
    place = Window(RowNumber(), partition_by="base", order_by="record__repo_id")
    return found.annotate(place=place).filter(place__lte=MOST_OF_A_KIND).values_list("record_id", flat=True)


def _copies(names: Iterable[str]) -> QuerySet[ModelRecord, int]:
    """The records of some names (in lower case), the first few of each by their ids."""
    found = ModelRecord.objects.alias(lower=Lower("name")).filter(lower__in=names, architecture_from__in=_READ)
    place = Window(RowNumber(), partition_by=Lower("name"), order_by="repo_id")
    return found.annotate(place=place).filter(place__lte=MOST_OF_A_KIND).values_list("pk", flat=True)


# --- whom a change concerns -----------------------------------------------------------------------------------


def waiting_for(arrived: Sequence[ReadRecord]) -> list[int]:
    """The stored records to which what arrived may tell something that they leave out, by their keys. One query."""
    own = [_witness(one) for one in arrived]
    ids = {one.repo_id for one in own}
    originals = {one.converted_from for one in own if one.converted_from}
    names = {one.name for one in own if one.names_a_size}
    made_from = {*ids, *originals}
    rows = _WAITING.rows(sorted(originals), sorted(made_from), sorted(names))
    return sorted({pk for pk, repo_id in rows if repo_id not in ids})


def _waiting(
    originals: Sequence[str], made_from: Sequence[str], names: Sequence[str]
) -> QuerySet[ModelRecord, tuple[int, str]]:
    """Records that lack something and are among originals, made from some models, or of some names."""
    waiting = ModelRecord.objects.filter(_LACKING).order_by()
    made = RecordRelation.objects.filter(base__in=made_from).exclude(kind__in=UNLIKE).values("record")
    related = [
        waiting.filter(repo_id__in=originals),
        waiting.filter(pk__in=made),
        waiting.alias(lower=Lower("name")).filter(lower__in=names),
    ]
    first, *others = (some.values_list("pk", "repo_id") for some in related)
    return first.union(*others, all=True)


_BY_RELATIVES = [Provenance.RELATIVE, Provenance.RELATIVES]
_LACKING = (
    Q(architecture_from__in=sorted(WEAK))
    | Q(parameters_from__in=[*UNCOUNTED, *_BY_RELATIVES])
    | Q(context=None)
    | Q(sheet__facts__0__context_from__in=sorted(WEAK))
    | Q(task="")
    | Q(sheet__facts__0__task_from__in=_BY_RELATIVES)
)
"""Records of which a relative may tell something, or has told it."""
_WAITING = ComposedQuery(_waiting)
