"""Search the catalogue from a terminal: the browse page's question, and the JSON API's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compat.management.command import Answer, CatalogueCommand, Exit
from compat.management.console import Column, Screen, Told, verdict_cell
from compat.management.questions import EMPTY, add_worker, asked, positive

if TYPE_CHECKING:
    from compat.queries.api import Listing
    from compat.queries.rows import Row

MOST = 10_000
_FILTERS = (
    ("compatible", "WHICH", "true: what runs (the default); false: everything; only-incompatible: what does not run"),
    ("gated", "WHETHER", "true: its terms must be accepted first; false: open"),
    ("min_params", "BILLIONS", "at least so many billions of parameters"),
    ("max_params", "BILLIONS", "at most so many billions of parameters"),
    ("min_context", "TOKENS", "made for a context of at least so many tokens"),
    ("list", "SLUG", "only the models of a curated list"),
    ("sort", "ORDER", "popular (the default), trending, likes, recent, created, params or name"),
)
_SEVERAL = (
    ("confidence", "WORD", "high, medium, low or none: how sure the verdict is"),
    ("cause", "WORD", "why a model does not run, such as memory or context"),
    ("task", "TASK", "its task, such as text-generation"),
    ("architecture", "NAME", "architecture family or model_type, such as llama"),
    ("format", "NAME", "weight format, such as safetensors or gguf"),
    ("quantization", "NAME", "quantization of one of its variants, such as Q4_K_M"),
    ("license", "NAME", "licence, such as apache-2.0"),
    ("language", "CODE", "language code, such as en"),
    ("author", "NAME", "the account it belongs to"),
)


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
        parser.add_argument("q", nargs="*", metavar="WORDS", help="words that the model's id must hold")
        group = parser.add_argument_group("filters")
        for name, metavar, what in _SEVERAL:
            group.add_argument(_option(name), metavar=metavar, action="append", help=what)
        for name, metavar, what in _FILTERS:
            group.add_argument(_option(name), metavar=metavar, help=what)
        add_worker(parser)
        parser.add_argument("--limit", metavar="N", type=positive, default=30, help="how many models at most (30)")
        parser.add_argument("--cursor", metavar="TEXT", default="", help="go on from “nextCursor” of a --json answer")

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """The query behind the pages and the JSON API; its JSON is that of ``/api/v1/models``."""
        from compat.criteria import CriteriaError
        from compat.queries.api import listing
        from marketplace.api import serialise

        if options["limit"] > MOST:
            raise CommandError(f"--limit is {options['limit']:,}: {MOST:,} is the most.", returncode=Exit.USAGE)
        names = [name for name, _, _ in (*_FILTERS, *_SEVERAL)]
        criteria, available = asked(options, names, q=" ".join(options["q"] or ()))
        try:
            found = listing(criteria, available, options["limit"], options["cursor"])
        except CriteriaError as error:
            raise CommandError(str(error), returncode=Exit.USAGE) from None
        notes = (_sums(found, options["limit"]),)
        return Answer(serialise.listing(found), lambda screen: _show(found, screen), notes=notes)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _sums(found: Listing, limit: int) -> str:
    """How many there are, and what is not among them: nothing vanishes in silence."""
    if not found.total and not found.hidden and found.changed is None:
        return EMPTY
    which = {"true": " that run", "only-incompatible": " that do not run"}.get(found.criteria.compatible, "")
    shown = f"{len(found.items):,} of " if len(found.items) < found.total else ""
    said = f"{shown}{found.total:,} {'model' if found.total == 1 else 'models'}{which} on {found.worker.label}."
    if found.hidden:
        said += f" Not shown: {', '.join(f'{count:,} {cause}' for cause, count in found.hidden.items() if count)}."
    if found.next:
        on = "--limit shows more." if limit < MOST else "--cursor shows more: give it “nextCursor” of a --json answer."
        said += f" {on}"
    return said


def _show(found: Listing, screen: Screen) -> None:
    if not found.items:
        return
    memory = any(item.row.fit and item.row.fit.need for item in found.items)
    columns = [
        Column("Model", bends=True),
        Column("Verdict"),
        Column("Params", right=True),
        Column("Context", right=True),
        Column("Memory" if memory else "Size", right=True),
        Column("Downloads", right=True, spare=True),
        Column("Take", spare=True),
        Column("Mind", bends=True, below=True),
    ]
    screen.table(columns, [_cells(item.row) for item in found.items])


def _cells(row: Row) -> list[Told]:
    from marketplace.show import count, gib, size, whole_need

    record, best = row.record, row.best
    need = gib(whole_need(row.fit)) if row.fit and row.fit.need else size(best.size_bytes) if best else ""
    take = best.quantization or best.format if best and row.result.compatible else ""
    return [
        record.repo_id,
        verdict_cell(row.result),
        record.parameters_text if record.parameters else "-",
        count(record.context) or "-",
        need or "-",
        count(record.downloads) or "-",
        take or "-",
        row.result.brief,
    ]
