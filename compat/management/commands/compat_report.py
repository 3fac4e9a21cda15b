"""Print how much of the best known models runs: the original's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compat.management.command import Answer, CatalogueCommand
from compat.management.console import (
    VERDICT_SHAPES,
    VERDICT_STYLES,
    Cell,
    Column,
    PlainScreen,
    Screen,
    Told,
    bar,
)
from compat.management.questions import EMPTY, add_worker, positive, question_of_options

if TYPE_CHECKING:
    from compat.catalogue import Report
    from compat.catalogue.alternatives import Coverage
    from compat.catalogue.question import Question
    from compat.catalogue.workers import Worker


class Command(CatalogueCommand):
    """``compat_report``"""

    help = "Print how many of the best known models run, and why the others do not. The parts add up."
    examples = (
        ("compat_report", "the 200 best known models on the first worker"),
        ("compat_report --top 1000 --worker vllm --memory 24", "a thousand models on vLLM with 24 GB"),
        ("compat_report --top 50 --json", "the numbers for a program"),
        ("compat_report --alternatives --memory 24", "what there is to take instead, on every engine with 24 GB"),
    )

    def arguments(self, parser: CommandParser) -> None:
        """How many models, which worker."""
        parser.add_argument(
            "--top", metavar="N", type=positive, default=200, help="how many of the best known models (200)"
        )
        parser.add_argument(
            "--alternatives",
            action="store_true",
            help="instead, on every engine: of those that do not run, how many have something to take in their place",
        )
        add_worker(parser)

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """The same numbers as the report's page."""
        from compat import catalogue

        criteria, available = question_of_options(options)
        if options["alternatives"]:
            return _covered(options["top"], criteria, available)
        report = catalogue.report(options["top"], criteria, available)
        if not report.total:
            raise CommandError(EMPTY)
        return Answer(report.as_json(), lambda screen: _show(report, screen))


def _covered(top: int, criteria: Question, available: Mapping[str, Worker]) -> Answer:
    """How many of those that do not run have an alternative, on every engine with the machine that is told."""
    from compat.catalogue.alternatives import coverage_of
    from compat.catalogue.rows import worker_of

    engines = [slug for slug, one in available.items() if not one.registered]
    found = [coverage_of(top, worker_of(criteria.changed(worker=slug), available)) for slug in engines]
    if not any(one.looked_at for one in found):
        raise CommandError(EMPTY)
    told = [
        {
            "worker": one.worker.slug,
            "models": one.looked_at,
            "refused": one.refused,
            "nearest": dict(one.nearest),
            "none": list(one.none),
        }
        for one in found
    ]
    return Answer({"top": top, "engines": told}, lambda screen: _show_covered(found, screen))


def _show_covered(found: Sequence[Coverage], screen: Screen) -> None:
    kinds = ("build", "family", "use")
    columns = [Column(name, right=name != "Engine") for name in ("Engine", "Refused", "Build", "Family", "Use", "None")]
    numbers = [(one.refused, *(one.nearest[kind] for kind in kinds), len(one.none)) for one in found]
    rows = [[one.worker.profile.name, *(f"{n:,}" for n in some)] for one, some in zip(found, numbers, strict=True)]
    screen.table(columns, rows)
    for one in found:
        if one.none:
            screen.line(f"{one.worker.profile.name}, none known: {', '.join(one.none)}")


def _show(report: Report, screen: Screen) -> None:
    assumed = " ".join(report.worker.remarks)
    title = f"Top {report.total:,} models on {report.worker.label}" + (f" ({assumed.rstrip('.')})" if assumed else "")
    if isinstance(screen, PlainScreen):
        screen.line(title)
        screen.line(f"{'Total':<40}{report.total:>8,}{100:>9.1f} %")
        for line in report.lines:
            screen.line(f"{line.label:<40}{line.count:>8,}{line.percent:>9.1f} %")
        return
    screen.line(Cell(title, "bold"))
    columns = [
        Column("Verdict or cause", bends=True),
        Column("Models", right=True),
        Column("Share", right=True),
        Column("", drawn=True),
    ]
    rows: list[list[Told]] = [_row(Cell("Total"), report.total, report.total, "")]
    for line in report.lines:
        key = "high" if line.key == "compatible" else "unknown" if line.key == "unknown" else "none"
        rows.append(_row(Cell(line.label), line.count, report.total, VERDICT_STYLES[key]))
        if line.key == "compatible":
            rows += _levels(report)
    screen.table(columns, rows)


def _levels(report: Report) -> list[list[Told]]:
    """How sure it is of those that run, as rows below their sum."""
    from compat.rules import Confidence

    rows = []
    for level in (Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW):
        style = VERDICT_STYLES[level.word]
        label = Cell(f"  {VERDICT_SHAPES[level.word]} {level.badge}", style)
        rows.append(_row(label, report.by_confidence.get(level, 0), report.total, style))
    return rows


def _row(label: Cell, count: int, total: int, style: str) -> list[Told]:
    return [label, f"{count:,}", f"{100 * count / total:.1f} %", Cell(bar(count, total), style or "bright_black")]
