"""Say whether models run, and why: what their pages say first, on the command line."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compat.engines.confidence import Confidence
from compat.management.command import Answer, CatalogueCommand, Exit
from compat.management.console import Cell, PlainScreen, Screen, Told, verdict_cell
from compat.management.questions import add_worker, question_of_options
from compat.timestamps import Json
from compat.wording import or_

if TYPE_CHECKING:
    from compat.catalogue.detail import DetailPage, MemoryPart, MemoryView
    from compat.estimate import Plans
    from compat.models import RecordVariant

_MOST_FILES = 8
_MOST_ALTERNATIVES = 4


@dataclass(frozen=True)
class Checked:
    """One model: its page, or why there is none."""

    repo_id: str
    page: DetailPage | None
    code: Exit
    problem: str = ""


class Command(CatalogueCommand):
    """``check_model ID...``"""

    help = (
        "Say whether models run on a worker, why, and which files to take; or what to take instead. "
        "A model the catalogue does not have is asked from the Hub, then kept. "
        "Of several models the most serious exit code counts: 1, then 4, then 3."
    )
    examples = (
        ("check_model microsoft/phi-2", "on the first worker"),
        ("check_model microsoft/phi-2 --worker llama-cpp --memory 8", "on a machine with one accelerator of 8 GB"),
        ("check_model Qwen/Qwen2.5-7B-Instruct microsoft/phi-2 --json", "several, for a program"),
    )
    codes = {
        Exit.DONE: f"every model runs: {or_([level.badge for level in reversed(Confidence) if level])}",
        Exit.FAILED: "failed: there is no such model, or something else went wrong that the message names",
        Exit.NO: f"a model does not run: {Confidence.NONE.badge}",
        Exit.NO_ANSWER: "it cannot be told: the record tells too little (Unknown), or the Hub gave no answer",
    }

    def arguments(self, parser: CommandParser) -> None:
        """The models and the worker."""
        parser.add_argument("id", nargs="+", help="a model's id, such as microsoft/phi-2, or a link to it")
        add_worker(parser)

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Ask for each model by itself: what is wrong with one does not keep the others from being answered."""
        criteria, available = question_of_options(options)
        repo_ids = dict.fromkeys(map(_id_of, options["id"]))
        with _failures_told_here():
            found = [_checked(repo_id, criteria, available) for repo_id in repo_ids]
        code = next((code for code in _SERIOUS if any(one.code is code for one in found)), Exit.DONE)
        problems = " ".join(one.problem for one in found if one.problem)
        if len(found) == 1 and found[0].page is None:
            raise CommandError(problems, returncode=code)
        documents = [_document(one) for one in found]
        data = documents[0] if len(found) == 1 else {"items": documents}
        return Answer(data, lambda screen: _show(found, screen), code, problems)


_SERIOUS = (Exit.FAILED, Exit.NO_ANSWER, Exit.NO)


def _id_of(told: str) -> str:
    """The id that is told, or that a link to the Hub or a pasted command names."""
    from compat.hub.payloads import is_repo_id
    from compat.models.asked import read_search

    repo_id = told if is_repo_id(told) else read_search(told).repo_id
    if not is_repo_id(repo_id):
        raise CommandError(
            f"“{told[:120]}” is not the id of a model; ids look like author/name.", returncode=Exit.USAGE
        )
    return repo_id


@contextmanager
def _failures_told_here() -> Iterator[None]:
    """The answer says why a model could not be fetched; the log need not say it beside it."""
    log = logging.getLogger("compat.tasks")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _checked(repo_id: str, criteria: Any, available: Mapping[str, Any]) -> Checked:
    from compat import catalogue, get_huggingface_model
    from compat.hub.errors import HubError, HubNotFound

    try:
        page = catalogue.detail(get_huggingface_model(repo_id).repo_id, criteria, available)
    except HubNotFound as error:
        return Checked(repo_id, None, Exit.FAILED, str(error))
    except HubError as error:
        return Checked(repo_id, None, Exit.NO_ANSWER, str(error))
    if page.result.compatible:
        return Checked(repo_id, page, Exit.DONE)
    return Checked(repo_id, page, Exit.NO_ANSWER if page.result.cause == "unknown" else Exit.NO)


def _document(one: Checked) -> Json:
    """The compatibility answer of the JSON API, with the parts of its detail answer that say what to take."""
    from compat.catalogue import listing
    from compat.estimate import Plans
    from marketplace.api import serialise

    if one.page is None:
        return {"id": one.repo_id, "error": {"exitCode": int(one.code), "message": one.problem}}
    whole = serialise.detail(one.page, listing.items_of(one.page.alternatives))
    best = next((variant for variant in whole["variants"] if variant["best"]), None)
    kept = ("position", "label", "format", "quantization", "sizeBytes", "files", "missingShards")
    return {
        **whole["result"],
        "variant": {key: best[key] for key in kept} if best else None,
        "memory": whole["memory"],
        "surerBuild": whole["surerBuild"],
        "perhapsBuild": whole["perhapsBuild"],
        "otherEngines": whole["otherEngines"],
        **serialise.plans(one.page.memory.plans if one.page.memory else Plans()),
        "alternatives": whole["alternatives"],
    }


def _show(found: list[Checked], screen: Screen) -> None:
    shown = [one.page for one in found if one.page is not None]
    for number, page in enumerate(shown):
        if number:
            screen.line("")
        word, plain = verdict_cell(page.result), isinstance(screen, PlainScreen)
        head = Cell(f"{page.record.repo_id} on {page.worker.label}", "bold", "")
        sure = f" (confidence {page.result.confidence})"
        screen.line(head, ": ", Cell(word.text if plain else f"{word.mark} {word.text}", f"bold {word.style}"), sure)
        screen.labelled(_lines(page, whole=plain))


def _lines(page: DetailPage, *, whole: bool) -> list[tuple[str, Told]]:
    """What there is to say, each line with its label. ``whole`` leaves nothing out."""
    result = page.result
    lines: list[tuple[str, Told]] = [("Why", text) for text in result.reasons]
    lines += [("Mind", text) for text in (*result.warnings, *page.worker.remarks)]
    lines += [("Advice", text) for text in page.said.recommendations]
    if result.compatible and page.row.best is not None:
        lines += _what_to_take(page.row.best, None if whole else _MOST_FILES)
    lines += _surer(page)
    if page.elsewhere:
        others = ", ".join(f"{one.worker.name} ({verdict_cell(one.result).text})" for one in page.elsewhere)
        lines.append(("Engines", f"Another engine takes it: {others}"))
    if page.memory is not None and page.is_up_to_memory:
        lines += _memory(page.memory, page.memory.context)
    if not result.compatible:
        for row in page.alternatives[: None if whole else _MOST_ALTERNATIVES]:
            size = f", {row.record.parameters_text} parameters" if row.record.parameters else ""
            word = verdict_cell(row.result)
            lines.append(("Instead", f"{row.record.repo_id} ({word.text}{size})"))
    if page.perhaps is not None and page.perhaps.fit is not None:
        lines.append(("Perhaps", f"{page.perhaps.record.repo_id}: its need is not known. {page.perhaps.fit.sentence}"))
    return lines


def _surer(page: DetailPage) -> list[tuple[str, Told]]:
    """The build of another repository that is surer here, if there is one, with what it needs and what to type."""
    found = page.surer_started
    if found is None:
        return []
    row = found.row
    build = f"{row.record.repo_id} ({row.best.label})" if row.best is not None else row.record.repo_id
    need = f" {row.fit.sentence}" if row.fit is not None else ""
    lines: list[tuple[str, Told]] = [("Surer", f"{build}: {verdict_cell(row.result).text}.{need}")]
    return lines + [("Start", text) for text in found.lines]


def _what_to_take(best: RecordVariant, most: int | None) -> list[tuple[str, Told]]:
    from compat.extraction.extract import format_label
    from marketplace.show import size

    untold = " and ".join(name for name, value in (("size", best.size_bytes), ("files", best.files)) if not value)
    about = [format_label(best.format), best.quantization, size(best.size_bytes)]
    about.append(f"{untold} not in our record" if untold else "")
    told = ", ".join(part for part in about if part and part not in best.label.replace(",", " ").split())
    lines: list[tuple[str, Told]] = [("Take", f"{best.label} ({told})")]
    lines += [("File", name) for name in best.files[:most]]
    if most is not None and len(best.files) > most:
        lines.append(("File", f"and {len(best.files) - most:,} more"))
    if best.missing_shards:
        lines.append(("Mind", f"The record lists all but {best.missing_shards:,} parts, so the size is not known."))
    return lines


def _memory(memory: MemoryView, context: int) -> list[tuple[str, Told]]:
    from marketplace.show import gib, margin_share, margin_words, pace, rate, wait

    def told(part: MemoryPart, here: int | None) -> str:
        if here is None:
            return f"{part.name} unknown" + (f" (at least {gib(part.least)})" if part.least else "")
        return f"{part.name} {gib(here)}" + (f" ({margin_words(part.margin)})" if part.margin else "")

    lines: list[tuple[str, Told]] = []
    for place in memory.places:
        parts = ", ".join(told(part, here) for part, here in place.parts)
        room = f" of {gib(place.room)}" if place.room else ""
        whole = f"; in all {gib(place.need)}{room}" if place.need is not None else ""
        lines.append(("Memory", f"{place.name} at {context:,} tokens: {parts}{whole}"))
    if memory.margin:
        lines.append(("Memory", f"Four in five measured loads lie within {margin_share(memory.margin)} of the whole."))
    if memory.longest:
        lines.append(("Memory", f"The longest context that fits is {memory.longest:,} tokens."))
    if memory.conversations:
        many = "" if memory.conversations == 1 else "s"
        lines.append(("Memory", f"{memory.conversations:,} conversation{many} of {context:,} tokens fit at once."))
    speed = memory.speed
    if speed and speed.tokens_per_second is not None:
        within = f"; four in five measured {margin_share(memory.speed_margin)}" if memory.speed_margin else ""
        lines.append(("Speed", f"{rate(speed)}, {pace(speed)} (by {speed.basis}{within})"))
    elif speed:
        lines.append(("Speed", f"No number: {speed.reason}"))
    if memory.reading and memory.reading.seconds is not None:
        what = "Text read" if memory.embeds else "First word"
        lines.append(
            ("Speed", f"{what} {wait(memory.reading)}, on {memory.reading.backend} (by {memory.reading.basis})")
        )
    lines += [("Assumed", text) for text in memory.assumed]
    return lines + _plans(memory.plans)


def _plans(found: Plans) -> list[tuple[str, Told]]:
    """The ways to run it, each with what it gives up and what to type."""
    from marketplace.show import gib

    lines: list[tuple[str, Told]] = []
    for plan in found.plans:
        cards = ", ".join(f"{card.name} {gib(card.need)} of {gib(card.room)}" for card in plan.needs)
        lines.append(("Plan", f"{', '.join(plan.changes) or 'as asked'}: {cards}"))
        lines += [("Gives up", text) for text in plan.gives_up]
        if isinstance(plan.line, str):
            lines.append(("Note", plan.line))
        else:
            lines += [("Start", text) for text in plan.line.lines]
            lines += [("Note", plan.line.note)] if plan.line.note else []
    return lines + ([("Lacks", found.lacks)] if found.lacks else [])
