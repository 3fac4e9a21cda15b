"""Search the catalogue from a terminal: the browse page's question, and the JSON API's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compat.management.command import Answer, CatalogueCommand, Exit
from compat.management.console import Column, Screen, Told, verdict_cell
from compat.management.questions import EMPTY, add_options, add_worker, positive, question_of_options

if TYPE_CHECKING:
    from compat.catalogue.listing import Listing
    from compat.catalogue.rows import Row

MOST = 10_000


class Command(CatalogueCommand):
    """``find_models [WORDS]``"""

    help = (
        "Search the catalogue, with the parameters of the browse page. Without any: what runs on the first worker, "
        "best known first. Options that take a name may be repeated: any of the names will do."
    )
    examples = (
        ("find_models qwen --worker vllm --memory 24", "what runs on vLLM with 24 GB"),
        ("find_models --format gguf --max-params 8 --sort likes --limit 10", "the best liked small GGUF models"),
        ("find_models llama --compatible only-incompatible --cause context", "which do not run for their context"),
        ("find_models qwen --license apache-2.0 --limit 200 --json", "for a program"),
    )

    def arguments(self, parser: CommandParser) -> None:
        """Words, filters, the worker, how many."""
        from compat.catalogue.reading import FILTERS

        parser.add_argument("q", nargs="*", metavar="WORDS", help="words that the model's id must hold")
        add_options(parser.add_argument_group("filters"), FILTERS)
        add_worker(parser)
        parser.add_argument("--limit", metavar="N", type=positive, default=30, help="how many models at most (30)")
        parser.add_argument("--cursor", metavar="TEXT", default="", help="go on from “nextCursor” of a --json answer")

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """The query behind the pages and the JSON API; its JSON is that of ``/api/v1/models``."""
        from compat.catalogue.listing import list_models
        from compat.catalogue.question import QuestionError
        from compat.catalogue.reading import FILTERS
        from marketplace.api import serialise

        if options["limit"] > MOST:
            raise CommandError(f"--limit is {options['limit']:,}: {MOST:,} is the most.", returncode=Exit.USAGE)
        criteria, available = question_of_options(options, FILTERS, q=" ".join(options["q"] or ()))
        try:
            found = list_models(criteria, available, options["limit"], options["cursor"])
        except QuestionError as error:
            raise CommandError(str(error), returncode=Exit.USAGE) from None
        notes = (_sums(found, options["limit"]),)
        return Answer(serialise.listing(found), lambda screen: _show(found, screen), notes=notes)


def _sums(found: Listing, limit: int) -> str:
    """How many there are, and what is not among them: nothing vanishes in silence."""
    from compat.catalogue.reading import describe_absences

    if not found.total and not found.hidden and found.changed is None:
        return EMPTY
    which = {"true": " that run", "only-incompatible": " that do not run"}.get(found.criteria.compatible, "")
    shown = f"{len(found.items):,} of " if len(found.items) < found.total else ""
    said = f"{shown}{found.total:,} {'model' if found.total == 1 else 'models'}{which} on {found.worker.label}."
    said += "".join(f" {sentence}" for sentence in found.worker.remarks)
    if found.hidden:
        said += f" Not shown: {', '.join(f'{count:,} {cause}' for cause, count in found.hidden.items() if count)}."
    said += "".join(f" {sentence}" for sentence in found.read)
    if found.meant:
        said += f" No model is called “{found.criteria.q}”. Did you mean “{found.meant}”?"
    elif not found.total:
        said += "".join(f" {sentence}" for sentence in describe_absences(found.criteria))
    if found.next:
        on = "--limit shows more." if limit < MOST else "--cursor shows more: give it “nextCursor” of a --json answer."
        said += f" {on}"
    return said


def _show(found: Listing, screen: Screen) -> None:
    if not found.items:
        return
    memory = any(item.row.fit and item.row.fit.need for item in found.items)
    speed = any(item.row.speed and item.row.speed.backend for item in found.items)
    columns = [
        Column("Model", bends=True),
        Column("Verdict"),
        Column("Params", right=True),
        Column("Context", right=True),
        Column("Memory" if memory else "Size", right=True),
        *([Column("Tokens/s", right=True)] if speed else []),
        Column("Downloads", right=True, spare=True),
        Column("Take", spare=True),
        Column("Mind", bends=True, below=True),
    ]
    screen.table(columns, [_cells(item.row, speed=speed) for item in found.items])


def _cells(row: Row, *, speed: bool) -> list[Told]:
    from marketplace.show import count, need_words, size, speed_number

    record, best = row.record, row.best
    need = need_words(row.fit) if row.fit and row.fit.need else size(best.size_bytes) if best else ""
    rate = row.speed.tokens_per_second if row.speed else None
    take = best.quantization or best.format if best and row.result.compatible else ""
    return [
        record.repo_id,
        verdict_cell(row.result),
        record.parameters_text if record.parameters else "-",
        count(record.context) or "-",
        need or "-",
        *([speed_number(rate) if rate else "-"] if speed else []),
        count(record.downloads) or "-",
        take or "-",
        row.result.brief,
    ]
