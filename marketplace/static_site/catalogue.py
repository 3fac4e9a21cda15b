"""What an export shows, read in bulk: a handful of queries, and a few for every chunk of pages that is made anew.

Pages get what the site's own pages get from ``compat.catalogue``; beside it stands what every engine says of a model.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from compat.batches import batched
from compat.catalogue import DetailPage, Report, Row, report_of, rows_of
from compat.catalogue.alternatives import MOST_ALTERNATIVES, alternatives_to
from compat.catalogue.current import current_index
from compat.catalogue.detail import RelatedRow, by_note, files_of, uses_of_record
from compat.catalogue.widths import VariantRow
from compat.catalogue.workers import workers
from compat.extraction.relatives import Relation
from compat.hub.documents import kept_record
from compat.models import ModelRecord, RecordRelation, RecordVariant, Verdict, payloads_of
from compat.models.lineage import read_with_relatives
from compat.rules import CompatibilityResult, Confidence
from compat.rules.judge import rules_version
from marketplace.pages.detail import Answer

CHUNK = 250
CAUSE_CODES = {
    "architecture": "a",
    "task": "t",
    "format": "f",
    "context": "c",
    "quantization": "q",
    "platform": "p",
    "gone": "g",
    "unknown": "u",
}
"""A refusal in one character, by its cause. What runs is its confidence: 1, 2 or 3."""
OTHER_CAUSE = "n"
_NOT_JUDGED = CompatibilityResult(
    compatible=False,
    confidence=Confidence.NONE.word,
    reasons=("This engine has not judged the model yet.",),
    warnings=(),
    recommendations=(),
    cause="unknown",
    brief="not judged yet",
)


CODES: dict[str, tuple[str, str, str]] = {
    **{str(int(level)): (f"v-{level.word}", level.badge, "") for level in reversed(Confidence) if level},
    **{code: ("v-none", Confidence.NONE.badge, cause) for cause, code in CAUSE_CODES.items()},
    OTHER_CAUSE: ("v-none", Confidence.NONE.badge, ""),
    CAUSE_CODES["gone"]: ("v-none", Confidence.NONE.badge, "gone from the Hub"),
    CAUSE_CODES["unknown"]: ("v-unknown", "Unknown", "too few facts"),
}
"""What each character stands for: class, word, and short cause."""


def code_of(confidence: int, cause: str) -> str:
    """A verdict in one character."""
    return str(confidence) if confidence else CAUSE_CODES.get(cause, OTHER_CAUSE)


@dataclass(frozen=True)
class SheetVerdicts:
    """What every engine says of one fact sheet; the results are read only where they are shown."""

    verdicts: tuple[tuple[int, str], ...]
    """For every engine, confidence and cause."""
    best: tuple[int, ...]
    raw: tuple[str, ...]

    @cached_property
    def codes(self) -> str:
        """The verdicts, a character an engine."""
        return "".join(code_of(*verdict) for verdict in self.verdicts)

    @cached_property
    def results(self) -> tuple[tuple[CompatibilityResult, ...], ...]:
        """For every engine, a result a variant."""
        return tuple(
            tuple(CompatibilityResult.from_stored(result) for result in json.loads(text)) or (_NOT_JUDGED,)
            for text in self.raw
        )

    @cached_property
    def outcomes(self) -> tuple[CompatibilityResult, ...]:
        """For every engine, the result of the best variant: the model's verdict."""
        return tuple(results[best] for results, best in zip(self.results, self.best, strict=True))

    def codes_of(self, position: int) -> str:
        """The verdicts on one variant."""
        found = (results[position] if position < len(results) else _NOT_JUDGED for results in self.results)
        return "".join(code_of(int(result.level), result.cause) for result in found)

    @cached_property
    def digest(self) -> str:
        """Changes with anything an engine says."""
        return hashlib.blake2b(repr((self.verdicts, self.best, self.raw)).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class Entry:
    """One model of the export, and how well known it is."""

    place: int
    record: ModelRecord
    verdicts: SheetVerdicts
    relations: tuple[tuple[str, str], ...]

    @property
    def slug(self) -> str:
        """Its folder below ``models/``."""
        return slug_of(self.record.repo_id)

    @property
    def codes(self) -> str:
        """Its verdicts, a character an engine."""
        return self.verdicts.codes

    @property
    def runs(self) -> bool:
        """Whether it runs on the default engine."""
        return self.codes[0].isdigit()


def slug_of(repo_id: str) -> str:
    """A repository's folder name: ids hold no double hyphen, so it is no other's."""
    return repo_id.replace("/", "--", 1)


@dataclass(frozen=True, slots=True)
class Detail:
    """A model's page as the site has it for the default engine, and every engine's answer."""

    entry: Entry
    page: DetailPage
    answers: tuple[Answer, ...]


class Catalogue:
    """The best known models of the catalogue, and everything about them that pages show."""

    def __init__(self, top: int) -> None:
        self.workers = tuple(worker for worker in workers().values() if not worker.registered)
        records = list(_best_known(top))
        verdicts = _verdicts({record.sheet_id for record in records}, [worker.slug for worker in self.workers])
        relations = _relations([record.pk for record in records])
        self.entries = [
            Entry(place, record, verdicts[record.sheet_id], tuple(relations.get(record.pk, ())))
            for place, record in enumerate(records)
        ]
        self.by_id = {entry.record.repo_id: entry for entry in self.entries}
        self._rows: dict[int, Row] = {}
        self._index = current_index()
        self._records = {entry.record.pk: entry.record for entry in self.entries}
        self._instead: dict[int, list[Entry]] = {}
        wanted = {base for entry in self.entries for base, _ in entry.relations}
        self._digests = {
            repo_id: digest
            for some in batched(sorted(wanted), CHUNK)
            for repo_id, digest in ModelRecord.objects.filter(repo_id__in=some).values_list("repo_id", "digest")
        }

    def alternatives(self, entry: Entry) -> list[Entry]:
        """What the site offers instead, as far as it is exported as well."""
        if entry.place not in self._instead:
            most = 2 * MOST_ALTERNATIVES
            found = alternatives_to(self._index, entry.record, self.workers[0], most, among=self._records)
            others = [self.by_id[one.repo_id] for one in found if one.repo_id in self.by_id]
            self._instead[entry.place] = [one for one in others if one.runs][:MOST_ALTERNATIVES]
        return self._instead[entry.place]

    def key_of(self, entry: Entry) -> str:
        """Changes with anything that a model's page shows."""
        record = entry.record
        linked = [(other.record.repo_id, other.codes, other.record.parameters) for other in self.alternatives(entry)]
        bases = [
            (base, kind, self._digests.get(base), self.by_id[base].codes if base in self.by_id else None)
            for base, kind in entry.relations
        ]
        own = (record.repo_id, record.digest, record.downloads, record.likes, record.updated, record.fetched)
        return hashlib.blake2b(
            repr((own, record.as_of, entry.verdicts.digest, linked, bases)).encode(), digest_size=12
        ).hexdigest()

    def rows(self, entries: Sequence[Entry]) -> list[Row]:
        """Models as the site's lists have them, for the default engine. Two queries a chunk, for each model once."""
        missing = [entry for entry in entries if entry.place not in self._rows]
        for some in batched(missing, CHUNK):
            rows = rows_of([entry.record for entry in some], self.workers[0])
            self._rows |= {entry.place: row for entry, row in zip(some, rows, strict=True)}
        return [self._rows[entry.place] for entry in entries]

    def details(self, entries: Sequence[Entry]) -> Iterator[Detail]:
        """The pages of some models. Five queries a chunk."""
        for some in batched(entries, CHUNK):
            others = [self.alternatives(entry) for entry in some]
            bases = [[self.by_id[base] for base, _ in entry.relations if base in self.by_id] for entry in some]
            self.rows(list({one.place: one for found in ([*some], *others, *bases) for one in found}.values()))
            pks = [entry.record.pk for entry in some]
            payloads = payloads_of(pks)
            variants: dict[int, list[RecordVariant]] = {}
            for variant in RecordVariant.objects.filter(record__in=pks).order_by("record_id", "position"):
                variants.setdefault(variant.record_id, []).append(variant)
            read = read_with_relatives([kept_record(payloads[pk]) for pk in pks])
            for entry, alternatives, one in zip(some, others, read, strict=True):
                own, found = variants.get(entry.record.pk, []), entry.verdicts
                page = DetailPage(
                    row=self._rows[entry.place],
                    worker=self.workers[0],
                    extraction=one.extraction,
                    source=by_note(one.parsed.model.source or {}),
                    files=files_of(one.parsed.model),
                    variants=[
                        VariantRow(
                            variant, result, variant.position == found.best[0], parameters=entry.record.parameters
                        )
                        for variant, result in zip(own, found.results[0], strict=False)
                    ],
                    bases=[RelatedRow(Relation(base, kind), self._row_of(base)) for base, kind in entry.relations],
                    alternatives=self.rows(alternatives),
                    uses=uses_of_record(entry.record, one.parsed.model),
                    rules=rules_version(self.workers[0].profile),
                    fetch=None,
                    memory=None,
                )
                answers = (
                    Answer(worker, outcome, own[best] if best < len(own) else None)
                    for worker, outcome, best in zip(self.workers, found.outcomes, found.best, strict=True)
                )
                yield Detail(entry, page, tuple(answers))

    def _row_of(self, repo_id: str) -> Row | None:
        entry = self.by_id.get(repo_id)
        return self.rows([entry])[0] if entry else None

    def reports(self) -> list[Report]:
        """The compatibility rate of the exported models, for every engine."""
        total = len(self.entries)
        return [
            report_of(worker, total, Counter(entry.verdicts.verdicts[number] for entry in self.entries))
            for number, worker in enumerate(self.workers)
        ]


def _best_known(top: int) -> QuerySet[ModelRecord]:
    """The catalogue's best known models, without the columns that no page shows."""
    return ModelRecord.objects.order_by("-popularity", "repo_id").defer("search_text", "shape_facts")[:top]


def _verdicts(sheets: set[int], profiles: Sequence[str]) -> dict[int, SheetVerdicts]:
    """Every engine's verdicts on some fact sheets. One query a thousand sheets."""
    told: dict[tuple[int, str], tuple[int, str, int, str]] = {}
    for some in batched(sorted(sheets), 1000):
        stored = Verdict.objects.filter(sheet__in=some, profile__in=profiles).annotate(
            text=Cast("results", TextField())
        )
        for sheet, profile, *rest in stored.values_list("sheet_id", "profile", "confidence", "cause", "best", "text"):
            told[sheet, profile] = (rest[0], rest[1], rest[2], rest[3])
    missing = (0, "unknown", 0, "[]")
    found = {}
    for sheet in sheets:
        rows = [told.get((sheet, profile), missing) for profile in profiles]
        verdicts = tuple((confidence, cause) for confidence, cause, _, _ in rows)
        found[sheet] = SheetVerdicts(verdicts, tuple(row[2] for row in rows), tuple(row[3] for row in rows))
    return found


def _relations(pks: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """By record, the repositories it was made from, with the kind of each. One query a thousand records."""
    found: dict[int, list[tuple[str, str]]] = {}
    for some in batched(pks, 1000):
        rows = RecordRelation.objects.filter(record__in=some).order_by("id")
        for pk, base, kind in rows.values_list("record_id", "base", "kind"):
            found.setdefault(pk, []).append((base, kind))
    return found
