"""What the rows of a list tell, each by itself: all that is stored of them, ready to be written.

That depends on nothing but the row, and so can be worked out anywhere: ``compat/ingest/ahead.py`` does it in a process
beside this one. Knows neither Django nor the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from compat.engines import all_profiles
from compat.extraction.columns import Prepared, prepared_of
from compat.extraction.facts import VariantFacts
from compat.hub import HubBadPayload
from compat.hub.documents import Document, Kind, Packed, PackedRecord, Told, packed, told
from compat.ingest.lacking import lacks_documents, lacks_headers
from compat.ingest.selection import Selection, changed_before
from compat.rules.judge import rules_version, verdict_of

Policies = Mapping[str, str]
"""Engines by their slugs, each with its context policy."""
_NO_TIME = datetime.min.replace(tzinfo=UTC)
"""When a page was read is known to whoever asked for it."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was worked out: by a record's digest what it tells by itself, facts and verdicts by their sheet's digest.

    A verdict is also told by the version of the rules and the profile that it was made by, so that none is taken that
    an operator's change has overtaken.
    """

    read: Mapping[str, Prepared] = field(default_factory=dict)
    facts: Mapping[str, Sequence[VariantFacts]] = field(default_factory=dict)
    verdicts: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)


NOTHING = Ahead()


class Asked(NamedTuple):
    """What is meant of a list: a selection's models; of changes those ``since`` a time, up to the first older one."""

    selection: Selection
    since: datetime | None = None


class Row(NamedTuple):
    """A row of a list as it is kept: its id, digest, commit and packed data.

    It lacks documents or headers where nothing of it was read yet but this; ``gated`` says that it asks for terms.
    """

    repo_id: str
    digest: str
    sha: str
    data: bytes
    lacks_documents: bool
    lacks_headers: bool
    gated: bool

    def told(self, read: datetime) -> Told:
        """What it tells, and was read at some time."""
        data = Packed(self.data)
        record = PackedRecord(self.repo_id, self.digest, data)
        return Told(record, (Document(Kind.LIST, self.sha, read, data),))


class Rows(NamedTuple):
    """What a page holds of what is meant, and which rows cannot be kept: where, and why.

    ``ended``: nothing that follows can be meant.
    """

    taken: list[Row]
    refused: list[tuple[str, str]]
    ended: bool
    ahead: Ahead


def rows_of(page: Sequence[Mapping[str, Any]], asked: Asked, policies: Policies, seen: set[str]) -> Rows:
    """What the rows of a page tell, and facts that are not among those ``seen`` before, with the engines' verdicts."""
    profiles = [all_profiles()[slug].with_context_policy(policy) for slug, policy in policies.items()]
    versions = [(profile, rules_version(profile)) for profile in profiles]
    rows = Rows([], [], ended=False, ahead=NOTHING)
    read: dict[str, Prepared] = {}
    facts: dict[str, Sequence[VariantFacts]] = {}
    verdicts: dict[tuple[str, str], Mapping[str, Any]] = {}
    ended = False
    for raw in page:
        try:
            item = told(Kind.LIST, raw, _NO_TIME)
        except HubBadPayload as error:
            rows.refused.append((str(raw.get("id", "a record without id"))[:200], str(error)))
            continue
        model, digest = item.record.model, item.record.digest
        if asked.since is not None:
            ended = ended or changed_before(model, asked.since)
        elif asked.selection.ends_at(model):
            ended = True
            break
        if not asked.selection.takes(model):
            continue
        (first,) = item.documents
        lacking = lacks_documents(model, ()), lacks_headers(model, ())
        rows.taken.append(Row(model.id, digest, first.sha, packed(first.data), *lacking, bool(model.gated)))
        read[digest], judged = prepared_of(item.record)
        sheet = read[digest].parts.sheet
        if sheet not in seen:
            seen.add(sheet)
            facts[sheet] = judged
            for profile, version in versions:
                verdicts[sheet, version] = verdict_of(judged, profile, version)
    return rows._replace(ended=ended, ahead=Ahead(read, facts, verdicts))
