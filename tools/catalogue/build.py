"""Make the bundled catalogue anew of record files, in the form that ``load_records`` takes.

    python -m tools.catalogue.build records.jsonl.gz
    python -m tools.catalogue.build newer.jsonl.gz compat/data/snapshot.jsonl.gz

Every record must pass the check that all records pass, whoever tells them; what is refused is left out and named. Where
several tell of one repository, the first one counts, and the others fill in what it leaves open. The Hub takes an id in
any case: ids that differ by that alone are one repository, and the fuller record of it counts. Nobody packs what is not
there: a date of a model that is younger than its conversions is a mistake of the source, and left out; so is what
a list makes up where it read nothing (:mod:`tools.catalogue.made_up`). Equal sources
make equal files, to the byte, and the file made of itself is itself: canonical JSON in the order of the ids, gzipped
without a date.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import django

from compat.extraction.original_name import original_name
from compat.extraction.relatives import CONVERTED, Witness, names_a_size, relations_of
from compat.hub.errors import HubBadPayload
from compat.hub.payloads import HubModel, parse_record
from compat.ingest.from_files import BUNDLED, RecordFile
from compat.management.commands.dump_records import record_line, replaced_file, zipped_file
from compat.timestamps import Json
from tools.catalogue.made_up import is_assumed, is_made_up

BY_KEY = ("config", "cardData")
"""Blocks that are completed key by key: each key is a fact of its own. The others are one answer each."""


@dataclass(slots=True)
class Catalogue:
    """Records by id, and what became of the lines: ``joined`` told of a repository that was told before."""

    records: dict[str, Json] = field(default_factory=dict)
    read: int = 0
    joined: int = 0
    refused: list[str] = field(default_factory=list)

    def add(self, path: Path) -> None:
        """Read a record file to its end. Raises :class:`SystemExit` where it is damaged or cut off."""
        with RecordFile(path) as lines:
            for where, line in lines:
                self.read += 1
                try:
                    self._add(line)
                except HubBadPayload as error:
                    self.refused.append(f"{path.name}, {where}: {error}")
        if lines.error:
            raise SystemExit(lines.error)

    def _add(self, line: bytes | HubBadPayload) -> None:
        if isinstance(line, HubBadPayload):
            raise line
        parsed = parse_record(line)
        known = self.records.get(parsed.model.id)
        if known:
            parsed = parse_record(completed(known, parsed.payload))
            self.joined += 1
        self.records[parsed.model.id] = parsed.payload

    def unite(self) -> None:
        """Make one record of those whose ids differ by letter case alone."""
        spellings: dict[str, list[Json]] = {}
        for record in self.records.values():
            spellings.setdefault(record["id"].lower(), []).append(record)
        owners = Counter(_owner(repo_id) for repo_id in self.records)
        for several in spellings.values():
            if len(several) == 1:
                continue
            repo_id = max((record["id"] for record in several), key=lambda one: (owners[_owner(one)], *_capitals(one)))
            whole, *others = sorted(several, key=_fullness, reverse=True)
            for other in others:
                whole = completed(whole, other)
            for record in several:
                del self.records[record["id"]]
            owned = {"author": _owner(repo_id)} if "author" in whole else {}
            self.records[repo_id] = parse_record(whole | {"id": repo_id} | owned).payload
            self.joined += len(others)

    def drop_late_dates(self) -> list[str]:
        """Leave out the dates of models that somebody had packed before; returns their ids.

        Where nothing says what a packing was made from, it is of those that its name is left with.
        """
        models = [parse_record(record).model for record in self.records.values()]
        named: dict[str, list[str]] = {}
        for model in models:
            if not _packed_from(model) and names_a_size(model.name.lower()):
                named.setdefault(_name(model.name), []).append(model.id)
        created = {model.id: model.created_at for model in models if model.created_at is not None}
        first: dict[str, datetime] = {}
        for model in models:
            packed = created.get(model.id)
            alike = () if relations_of(model) else named.get(_name(original_name(model.name) or ""), ())
            if packed is not None:
                for base in (*_packed_from(model), *alike):
                    first[base] = min(first.get(base, packed), packed)
        late = sorted(base for base in first.keys() & created.keys() if created[base] - first[base] > _BEFORE)
        for repo_id in late:
            self.records[repo_id] = without(self.records[repo_id], "createdAt")
        return late

    def drop_made_up_counts(self) -> list[str]:
        """Leave out counts of weights that were worked out of dimensions; returns the ids of their records.

        The same number is as little counted where a record does not tell the dimensions.
        """
        totals = {repo_id: _total(record) for repo_id, record in self.records.items()}
        made_up = {
            total
            for repo_id, total in totals.items()
            if total and is_made_up(self.records[repo_id].get("config") or {}, total)
        }
        found = sorted(repo_id for repo_id, total in totals.items() if total in made_up)
        for repo_id in found:
            # There are such files, as the list had a number to mend.
            self.records[repo_id] = self.records[repo_id] | {"safetensors": {}}
        return found

    def drop_assumed_contexts(self) -> list[str]:
        """Leave out contexts that a list assumed; returns the ids of their records."""
        found = sorted(repo_id for repo_id, record in self.records.items() if is_assumed(record.get("config") or {}))
        for repo_id in found:
            record = self.records[repo_id]
            config = {key: value for key, value in record["config"].items() if key != "max_position_embeddings"}
            self.records[repo_id] = record | {"config": config}
        return found

    def write(self, target: Path) -> bool:
        """Write the file, whole or not at all; returns whether it is another than before."""
        before = target.read_bytes() if target.exists() else b""
        with replaced_file(target) as out, zipped_file(out, wanted=True) as inner:
            for repo_id in sorted(self.records):
                inner.write(record_line(self.records[repo_id]))
        return target.read_bytes() != before


_BEFORE = timedelta(days=31)
"""Authors prepare their own conversions beside the original, and the order in which they begin tells nothing."""


def _packed_from(model: HubModel) -> set[str]:
    """The models of which it is told that this is a packing, in so many words or by being named after one."""
    told = relations_of(model)
    likely = Witness(model.id, told).likely_converted_from
    return {one.repo_id for one in told if one.kind == CONVERTED} | ({likely} if likely else set())


def _name(name: str) -> str:
    """A name in lower case, without what Meta left out of the names of its models later, and others did not."""
    return name.lower().removeprefix("meta-")


def without(record: Json, key: str) -> Json:
    """A record without one of its fields, and without the note on where that is from."""
    found = {name: value for name, value in record.items() if name not in (key, "_source")}
    notes = {name: note for name, note in (record.get("_source") or {}).items() if name != key}
    return found | ({"_source": notes} if notes else {})


def _total(record: Json) -> int | None:
    """How many weights a record tells that its files hold, where it tells no more of them than that."""
    block = record.get("safetensors")
    return block["total"] if isinstance(block, dict) and block.keys() == {"total"} else None


def _owner(repo_id: str) -> str:
    return repo_id.rpartition("/")[0]


def _capitals(repo_id: str) -> tuple[int, str]:
    """Lists lower the names they gather and nobody adds capitals: who has the most spells it as its author does."""
    return sum(letter.isupper() for letter in repo_id), repo_id


def _fullness(record: Json) -> tuple[bool, int, str]:
    """How much a record tells: a count that the Hub read from the files first, then facts."""
    counted = any(isinstance(record.get(block), dict) for block in ("safetensors", "gguf"))
    facts = sum(
        len(value) if isinstance(value, dict | list) else 1 for key, value in record.items() if key != "_source"
    )
    return counted, facts, str(record["id"])


def completed(record: Json, other: Mapping[str, object]) -> Json:
    """A record with what it leaves open and another one of the same repository tells, and the notes on where from."""
    joined = dict(record)
    notes, others = dict(record.get("_source") or {}), other.get("_source")
    for key, value in other.items():
        if key == "_source":
            continue
        told = joined.get(key)
        if told is None:
            joined[key] = value
            notes.pop(key, None)
            if isinstance(others, dict) and key in others:
                notes[key] = others[key]
        elif key in BY_KEY and isinstance(value, dict):
            joined[key] = value | told
    return joined | ({"_source": notes} if notes else {})


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the file and say what came of the lines."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.catalogue.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="a .jsonl or .jsonl.gz file")
    parser.add_argument("--output", type=Path, default=BUNDLED, help="the file to write; default: the one that ships")
    given = parser.parse_args(arguments)
    catalogue = Catalogue()
    for source in given.sources:
        catalogue.add(source)
    catalogue.unite()
    late = catalogue.drop_late_dates()
    made_up = catalogue.drop_made_up_counts()
    assumed = catalogue.drop_assumed_contexts()
    if not catalogue.records:
        raise SystemExit("No record of these files could be used.")
    state = "changed" if catalogue.write(given.output) else "unchanged"
    sys.stdout.write(
        f"{given.output.name}: {state}. {catalogue.read:,} lines read, {catalogue.joined:,} joined to a record before "
        f"them, {len(catalogue.refused):,} refused; {len(catalogue.records):,} records in "
        f"{given.output.stat().st_size:,} bytes.\n"
    )
    for repo_id in late:
        sys.stdout.write(f"  left out: the date of {repo_id}, which is younger than a conversion of it\n")
    if made_up:
        sys.stdout.write(
            f"  left out: {len(made_up):,} counts of weights that dimensions make, and no file was counted\n"
        )
    if assumed:
        sys.stdout.write(f"  left out: {len(assumed):,} contexts that lists assumed\n")
    for reason in catalogue.refused:
        sys.stdout.write(f"  refused: {reason}\n")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    os.environ.setdefault("DEBUG", "1")
    os.environ.setdefault("SECRET_KEY", "of no use outside this command")
    django.setup()
    main()
