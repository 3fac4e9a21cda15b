"""Reading records together with their relatives, whose records tell what these leave out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet, Value, Window
from django.db.models.functions import Lower, RowNumber

from compat.extraction.columns import Parts, Prepared, parts_of
from compat.extraction.extract import UNCOUNTED, Extraction, extract, needs_relatives, own_shape_facts, witness_of
from compat.extraction.facts import Fact, Provenance, VariantFacts, provenance_of
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
    completed_by,
    of_architecture,
    relations_of,
    shape_facts_by,
)
from compat.hub.payloads import HubModel, ParsedRecord
from compat.models.composed import ComposedQuery
from compat.models.record import FormerName, ModelRecord, RecordRelation, current_names

NOTHING: Mapping[str, Prepared] = MappingProxyType({})
NO_NAMES: Mapping[str, str] = MappingProxyType({})


class ReadRecord:
    """A record with its facts, and with what shapes its memory estimate.

    What was ``prepared`` of it elsewhere is taken from there; what that leaves out is read where it is asked for. What
    it was made from goes by the id that it has now, where it was ``renamed``: ids by former ones in lower case.
    """

    def __init__(self, parsed: ParsedRecord, prepared: Prepared | None = None) -> None:
        self.parsed = parsed
        self.renamed: Mapping[str, str] = NO_NAMES
        self._prepared = prepared

    @cached_property
    def extraction(self) -> Extraction:
        """Its facts."""
        return extract(self.parsed.model)

    @cached_property
    def shape_facts(self) -> str:
        """What shapes its memory estimate."""
        if self._prepared:
            return str(self._prepared.parts.columns["shape_facts"])
        return own_shape_facts(self.parsed.model)

    @cached_property
    def witness_as_told(self) -> Witness:
        """What it tells its relatives, which go by the names that it tells."""
        if self._prepared:
            return self._prepared.witness
        return witness_of(self.parsed.model, self.extraction, self.shape_facts)

    @cached_property
    def witness(self) -> Witness:
        """What it tells its relatives."""
        told = self.witness_as_told
        return (
            replace(told, relations=under_names(told.repo_id, told.relations, self.renamed)) if self.renamed else told
        )

    @property
    def asks(self) -> bool:
        """Whether its relatives may tell something that it leaves out."""
        return self._prepared.asks if self._prepared else needs_relatives(self.extraction)

    @cached_property
    def parts(self) -> Parts:
        """What of it is kept in columns."""
        found = self._prepared.parts if self._prepared else parts_of(self.parsed, self.extraction, self.shape_facts)
        if not self.renamed:
            return found
        told = (Relation(*one) for one in found.relations)
        relations = under_names(self.parsed.id, told, self.renamed)
        return found._replace(relations=[(one.repo_id, one.kind) for one in relations])

    def judged(self) -> tuple[VariantFacts, ...]:
        """The facts the rules judge, one entry a variant."""
        return self.extraction.judged

    def after(self, relatives: Sequence[Relative]) -> ReadRecord:
        """The same with what its relatives tell."""
        if not relatives:
            return self
        told = ReadRecord(self.parsed)
        told.renamed = self.renamed
        told.extraction = extract(self.parsed.model, relatives)
        read_itself = self._prepared.read_itself if self._prepared else self.extraction.architecture.provenance in READ
        own = self.shape_facts or read_itself
        alike = of_architecture(relatives, told.extraction.architecture)
        if self.witness.converted_from:
            told.shape_facts = completed_by(alike, self.shape_facts)
        else:
            told.shape_facts = self.shape_facts if own else shape_facts_by(alike)
        return told


def under_names(repo_id: str, relations: Iterable[Relation], renamed: Mapping[str, str]) -> tuple[Relation, ...]:
    """What a repository was made from, each once, under the ids that these have now."""
    now = ((renamed.get(one.repo_id.lower(), one.repo_id), one.kind) for one in relations)
    return tuple(Relation(base, kind) for base, kind in dict(now).items() if base != repo_id)


def read_with_relatives(batch: Sequence[ParsedRecord], prepared: Mapping[str, Prepared] = NOTHING) -> list[ReadRecord]:
    """Every record as the catalogue stores it, with what its relatives, of the batch or stored, tell. Three queries.

    ``prepared`` is what some records tell by themselves, by their digests.
    """
    alone = [ReadRecord(parsed, prepared.get(parsed.digest)) for parsed in batch]
    if renamed := _renamed(base for one in alone for base in one.witness_as_told.relations):
        for one in alone:
            one.renamed = renamed
    own = [one.witness for one in alone]
    asking = [one.witness for one in alone if one.asks]
    ids = {one.repo_id for one in own}
    witnesses = Witnesses([*own, *(found for found in _stored_witnesses(asking) if found.repo_id not in ids)])
    heard = {one.repo_id: witnesses.relatives_of(one) for one in asking}
    return [one.after(heard.get(one.parsed.id, ())) for one in alone]


class Bases(NamedTuple):
    """What a record says it was made from, under the ids that these have now; ``known`` are keys of those there are."""

    relations: tuple[Relation, ...]
    known: Mapping[str, int]


def bases_of(model: HubModel) -> Bases:
    """What a record says it was made from. One query at most."""
    told = relations_of(model)
    if not told:
        return Bases((), {})
    ids = [one.repo_id for one in told]
    rows = _BASES.rows(ids, sorted({repo_id.lower() for repo_id in ids}))
    renamed = {former: repo_id for repo_id, _, former in rows if former}
    return Bases(under_names(model.id, told, renamed), {repo_id: pk for repo_id, pk, _ in rows})


_BASES = ComposedQuery(
    lambda ids, lowered: (
        ModelRecord.objects.filter(repo_id__in=ids)
        .order_by()
        .values_list("repo_id", "pk", Value(""))
        .union(
            FormerName.objects.filter(lowered__in=lowered)
            .order_by()
            .values_list("record__repo_id", "record_id", "lowered"),
            all=True,
        )
    )
)


def extraction_of(model: HubModel, relations: Sequence[Relation] | None = None, *, heard: bool = False) -> Extraction:
    """The extraction of one record as the catalogue would store it, its relatives' records included. Three queries.

    ``relations`` are its bases where :func:`bases_of` told them before, which spares a query. Where relatives told
    something of it when it was stored (``heard``), it is not read without them first.
    """
    bases = tuple(bases_of(model).relations if relations is None else relations)
    asking = Witness(model.id, bases)
    if not heard:
        alone = extract(model)
        if not needs_relatives(alone):
            return alone
        asking = replace(witness_of(model, alone, own_shape_facts(model)), relations=bases)
    told = (one for one in _stored_witnesses([asking]) if one.repo_id != model.id)
    relatives = Witnesses(told).relatives_of(asking)
    return extract(model, relatives) if relatives or heard else alone


def _renamed(relations: Iterable[Relation]) -> Mapping[str, str]:
    """The ids that bases have now, of those renamed, by their former ones in lower case. One query at most."""
    bases = {one.repo_id for one in relations}
    return current_names(bases) if bases else NO_NAMES


def _stored_witnesses(asking: Sequence[Witness]) -> list[Witness]:
    """What the catalogue's records that may be related to some read of themselves. Two queries at most."""
    if not asking:
        return []
    bases = {base for one in asking for base in (one.made_from, one.packed_id) if base}
    originals = {one.likely_converted_from for one in asking if one.likely_converted_from}
    names = {one.name for one in asking if one.names_a_size}.union(one.packed_name for one in asking if one.packed_name)
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


def waiting_for(arrived: Sequence[ReadRecord], known: Container[str]) -> list[int]:
    """The stored records to which what arrived may tell something that they leave out, by their keys. One query.

    What is not ``known``, so new, and tells nothing changes nothing; what is known may have told something before.
    """
    ids = {one.parsed.id for one in arrived}
    own = [one.witness for one in arrived if one.witness.architectures or one.parsed.id in known]
    telling = {one.repo_id for one in own}
    originals = {one.converted_from for one in own if one.converted_from}
    names = {one.name for one in own if one.names_a_size}
    made_from = {*telling, *originals}
    packed = {name for one in own for name in one.names_when_packed}
    rows = _WAITING.rows(sorted(originals), sorted(made_from), sorted(names), sorted(packed))
    return sorted({pk for pk, repo_id in rows if repo_id not in ids})


def _waiting(
    originals: Sequence[str], made_from: Sequence[str], names: Sequence[str], packed: Sequence[str]
) -> QuerySet[ModelRecord, tuple[int, str]]:
    """Records that lack something and are among originals, made from or named after some models, or of some names."""
    waiting = ModelRecord.objects.filter(_LACKING).order_by()
    made = RecordRelation.objects.filter(base__in=made_from).exclude(kind__in=UNLIKE).values("record")
    related = [
        waiting.filter(repo_id__in=originals),
        waiting.filter(pk__in=made),
        waiting.alias(lower=Lower("name")).filter(lower__in=names),
        waiting.filter(packed_model__in=packed),
    ]
    first, *others = (some.values_list("pk", "repo_id") for some in related)
    return first.union(*others, all=True)


_BY_RELATIVES = [one for one in Provenance if one.heard]
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
