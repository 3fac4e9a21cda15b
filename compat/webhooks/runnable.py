"""Which models run now that did not run before, worked out by the functions that pages use.

What stood before a change is looked up inside its transaction, then again after it. Where nothing is known of before,
such as an engine that was just switched on, nothing is said to be new; a record that is new itself is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from compat.batches import BATCH, batched
from compat.catalogue.rows import row_of, rows_of
from compat.catalogue.verdict import SheetAnswer, sheet_answers
from compat.catalogue.workers import Worker, workers
from compat.models import ListEntry, ModelRecord, RecordVariant, Verdict, Webhook
from compat.rules import Confidence

from . import events, outbox, runs

_RAN = 1
"""Taken for what is not known of before: that something still runs is no news."""
Standing = dict[str, dict[str, int]]
"""The confidence of each record by worker; in what a change did, 0 where a record ran before and does not any more."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """The workers that matter to some webhook: engines by rules alone, and machines, whose memory counts too."""

    hooks: Sequence[Webhook]
    engines: Mapping[str, str]
    machines: Mapping[str, Worker]
    by_hook: Mapping[int, Collection[str]]


def _watched() -> _Watched | None:
    """None where no webhook wants to know. One query then, or none."""
    hooks = outbox.hooks_wanting(events.NEWLY_RUNNABLE)
    if not hooks or runs.is_first_fill():
        return None
    available = workers()
    alone = [slug for slug, worker in available.items() if not worker.registered]
    by_hook = {hook.pk: ([hook.worker] if hook.worker in available else []) if hook.worker else alone for hook in hooks}
    slugs = {slug for watched in by_hook.values() for slug in watched}
    return _Watched(
        hooks,
        {slug: available[slug].profile.slug for slug in slugs if available[slug].hardware is None},
        {slug: available[slug] for slug in slugs if available[slug].hardware is not None},
        by_hook,
    )


# --- records that are written ------------------------------------------------------------------------------------


@contextmanager
def watch_records(repo_ids: Sequence[str]) -> Iterator[None]:
    """Around the writing of records: tell of those that run then and did not before.

    For engines the sheets are enough: a record whose facts change points to another sheet, and what is said of a sheet
    is not changed by writing records.
    """
    watched = _watched()
    if watched is None:
        yield
        return
    left, machines = _sheets(repo_ids), _on_machines(watched, repo_ids)
    yield
    found: Standing = {}
    moved = {repo_id: sheet for repo_id, sheet in _sheets(repo_ids).items() if left.get(repo_id) != sheet}
    levels = _levels(watched, [*{left[repo_id] for repo_id in moved if repo_id in left}, *moved.values()])
    for repo_id, sheet in moved.items():
        before = left.get(repo_id)
        for slug, profile in watched.engines.items():
            level = levels.get((sheet, profile), 0)
            _note(found, repo_id, slug, 0 if before is None else levels.get((before, profile), _RAN), level)
    for repo_id, standing in _on_machines(watched, repo_ids).items():
        for slug, level in standing.items():
            _note(found, repo_id, slug, machines.get(repo_id, {}).get(slug, 0), level)
    _tell(watched, found)


def _note(found: Standing, repo_id: str, slug: str, before: int, after: int) -> None:
    """Keep that a record began or ceased to run on a worker."""
    if bool(before) != bool(after):
        found.setdefault(repo_id, {})[slug] = after


def _sheets(repo_ids: Sequence[str]) -> dict[str, int]:
    return dict(ModelRecord.objects.filter(repo_id__in=repo_ids).values_list("repo_id", "sheet_id"))


def _on_machines(watched: _Watched, repo_ids: Sequence[str]) -> Standing:
    """A query, and three for each machine; none where there is no machine."""
    if not watched.machines:
        return {}
    found: Standing = {}
    records = list(ModelRecord.objects.filter(repo_id__in=repo_ids).defer("search_text"))
    for slug, worker in watched.machines.items():
        for row in rows_of(records, worker):
            found.setdefault(row.record.repo_id, {})[slug] = int(row.level)
    return found


# --- fact sheets that are judged again ---------------------------------------------------------------------------


@contextmanager
def watch_sheets(sheets: Sequence[int]) -> Iterator[None]:
    """Around the judging of fact sheets: tell of the records whose facts are accepted then and were not before."""
    watched = _watched()
    if watched is None:
        yield
        return
    levels, known = _levels(watched, sheets), _answers(watched, sheets)
    yield
    found: Standing = {}
    after = _levels(watched, sheets)
    before = {key: levels.get(key, _RAN if level else 0) for key, level in after.items()}
    changed = {sheet for (sheet, profile), level in after.items() if bool(level) != bool(before[sheet, profile])}
    for record in _records(changed):
        for slug, profile in watched.engines.items():
            key = record.sheet_id, profile
            _note(found, record.repo_id, slug, before.get(key, 0), after.get(key, 0))
    for slug, newly in _answers(watched, sheets).items():
        _on_machine(watched.machines[slug], known[slug], newly, found)
    _tell(watched, found)


def _levels(watched: _Watched, sheets: Sequence[int]) -> dict[tuple[int, str], int]:
    """What is said of each sheet for each engine that matters. One query, or none."""
    if not watched.engines or not sheets:
        return {}
    stored = Verdict.objects.filter(sheet__in=sheets, profile__in=set(watched.engines.values()))
    return {(sheet, profile): level for sheet, profile, level in stored.values_list("sheet", "profile", "confidence")}


def _answers(watched: _Watched, sheets: Sequence[int]) -> dict[str, dict[int, SheetAnswer]]:
    return {slug: sheet_answers(sheets, worker) for slug, worker in watched.machines.items()}


def _on_machine(
    worker: Worker, before: Mapping[int, SheetAnswer], after: Mapping[int, SheetAnswer], found: Standing
) -> None:
    """Another answer to the facts may name another variant, which may fit where the first did not."""
    changed = [sheet for sheet, answer in after.items() if answer != before[sheet]]
    for chunk in batched(_records(changed), BATCH):
        variants: dict[int, list[RecordVariant]] = {}
        for variant in RecordVariant.objects.filter(record__in=chunk).order_by("record_id", "position"):
            variants.setdefault(variant.record_id, []).append(variant)
        for record in chunk:
            own = variants.get(record.pk, [])
            was, level = (row_of(record, own, known[record.sheet_id], worker).level for known in (before, after))
            _note(found, record.repo_id, worker.slug, int(was), int(level))


def _records(sheets: Iterable[int]) -> Iterator[ModelRecord]:
    return ModelRecord.objects.filter(sheet__in=set(sheets)).defer("search_text").order_by("pk").iterator(BATCH)


# --- telling -----------------------------------------------------------------------------------------------------


def _tell(watched: _Watched, found: Standing) -> None:
    if not found:
        return
    popularity = {
        repo_id: number
        for chunk in batched(found, BATCH)
        for repo_id, number in ModelRecord.objects.filter(repo_id__in=chunk).values_list("repo_id", "popularity")
    }
    for hook in watched.hooks:
        own = _for(hook, watched.by_hook[hook.pk], found)
        if own:
            outbox.gather_models(
                hook,
                {
                    repo_id: (popularity[repo_id], {slug: _word(level) for slug, level in levels.items()})
                    for repo_id, levels in own.items()
                },
                runs.gathering_patience(),
            )


def _word(level: int) -> str:
    return Confidence(level).word if level else events.CEASED


def _for(hook: Webhook, slugs: Collection[str], found: Standing) -> Standing:
    """As much of it as a webhook is told."""
    own = {
        repo_id: kept
        for repo_id, levels in found.items()
        if (kept := {slug: level for slug, level in levels.items() if slug in slugs})
    }
    if hook.curated_list_id is None or not own:
        return own
    listed = set(ListEntry.objects.filter(curated_list=hook.curated_list_id).values_list("record__repo_id", flat=True))
    return {repo_id: levels for repo_id, levels in own.items() if repo_id in listed}
