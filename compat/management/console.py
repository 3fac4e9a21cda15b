"""How commands show things: a bar while they work, tables and sentences at the end.

On a terminal they are coloured and as wide as the window; anywhere else they are plain text with nothing cut off.
Colour never speaks alone: what it says is also said by a word, and on a terminal by a shape.
"""

from __future__ import annotations

import codecs
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    # Both take a moment to import, and most commands need neither.
    from rich.console import Console
    from rich.text import Text

    from compat.ingest.store import Counts
    from compat.rules import CompatibilityResult

_EVERY = 10.0
_WIDE = 110
"""From so many columns on a terminal shows a table's spare columns."""
_WIDEST_TEXT = 100
_NARROWEST = 12
"""So narrow a column that bends may become."""

VERDICT_STYLES = {"high": "green", "medium": "cyan", "low": "yellow", "none": "red", "unknown": "bright_black"}
VERDICT_SHAPES = {"high": "●", "medium": "○", "low": "◇", "none": "✕", "unknown": "◌"}
_PARTS = "▏▎▍▌▋▊▉"
_LETTERS = {
    "●": "+", "○": "o", "◇": "?", "✕": "x", "◌": "-", "█": "#", "“": '"', "”": '"', "…": "...", "→": "->", "—": "-",
    "≥": ">=", "≤": "<=", "·": "-", "\N{EN DASH}": "-", "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{NO-BREAK SPACE}": " ", "\N{MULTIPLICATION SIGN}": "x", **dict.fromkeys(_PARTS, ""),
}  # fmt: skip
"""What stands for a character that the terminal's encoding does not have."""


def plain_letters(error: UnicodeError) -> tuple[str, int]:
    """An encoding's error handler: writes the nearest plain letters instead of failing."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_LETTERS.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


codecs.register_error("plain_letters", plain_letters)


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text. ``style`` colours it on a terminal, and ``mark`` is a shape shown before it there."""

    text: str
    style: str = ""
    mark: str = ""


Told = Cell | str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. On a narrow terminal a ``spare`` one is left out, and a ``below`` one goes below the first.

    One that ``bends`` is wrapped where a line is too long for the terminal; the others always stay whole. A ``drawn``
    one is a picture: it is shown on a terminal only.
    """

    title: str
    right: bool = False
    bends: bool = False
    spare: bool = False
    below: bool = False
    drawn: bool = False


class Screen(Protocol):
    """Where an answer is shown."""

    def line(self, *parts: Told) -> None:
        """One line, its parts joined; it is wrapped on a terminal."""
        ...

    def labelled(self, rows: Sequence[tuple[str, Told]]) -> None:
        """Texts, each with a word that says what it is. A label that repeats is not repeated on a terminal."""
        ...

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Told]]) -> None:
        """Rows below their columns' titles."""
        ...


def verdict_cell(result: CompatibilityResult) -> Cell:
    """A verdict as on a badge: shape, colour and word."""
    kind = "unknown" if result.cause == "unknown" else result.confidence
    word = "Unknown" if result.cause == "unknown" else result.level.badge
    return Cell(word, VERDICT_STYLES[kind], VERDICT_SHAPES[kind])


def bar(part: float, whole: float, width: int = 24) -> str:
    """A bar filled to part of the whole, exact to an eighth of a character; what is not nothing is always seen."""
    eighths = int(8 * width * part / whole + 0.5) if whole else 0
    if part and not eighths:
        eighths = 1
    full, rest = divmod(eighths, 8)
    return "█" * full + (_PARTS[rest - 1] if rest else "")


class PlainScreen:
    """Plain text for files, pipes and logs: columns aligned by blanks, nothing cut off, nothing drawn."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write

    def line(self, *parts: Told) -> None:
        """One line."""
        self._write("".join(_text(part) for part in parts))

    def labelled(self, rows: Sequence[tuple[str, Told]]) -> None:
        """Each with its label."""
        for label, told in rows:
            self._write(f"  {label}: {_text(told)}")

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Told]]) -> None:
        """Two blanks at least between columns."""
        shown = [place for place, column in enumerate(columns) if not column.drawn]
        lines = [[columns[place].title for place in shown]]
        lines += [[_text(row[place]) for place in shown] for row in rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(shown))]
        for line in lines:
            cells = [
                text.rjust(width) if columns[place].right else text.ljust(width)
                for text, width, place in zip(line, widths, shown, strict=True)
            ]
            self._write("  ".join(cells).rstrip())


def _text(told: Told) -> str:
    return told if isinstance(told, str) else told.text


class TerminalScreen:
    """Colours, shapes and wrapped text, as wide as the window."""

    def __init__(self, file: IO[str], *, colours: bool) -> None:
        self._console = console_on(file, colours=colours)
        self.wide = self._console.width >= _WIDE

    def line(self, *parts: Told) -> None:
        """One line, wrapped."""
        from rich.text import Text

        whole = Text()
        for part in parts:
            whole.append_text(_styled(part))
        self._console.print(whole, width=self._width)

    def labelled(self, rows: Sequence[tuple[str, Told]]) -> None:
        """Labels at the left, texts wrapped beside them."""
        from rich.table import Table

        grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        grid.add_column(style="bright_black", no_wrap=True)
        grid.add_column(overflow="fold")
        before = ""
        for label, told in rows:
            grid.add_row(f"  {label}" if label != before else "", _styled(told))
            before = label
        self._console.print(grid, width=self._width)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Told]]) -> None:
        """A table without lines; what is too long is wrapped, never cut off."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        shown = [place for place, one in enumerate(columns) if self.wide or not (one.spare or one.below)]
        below = [place for place, one in enumerate(columns) if one.below and place not in shown]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black")
        for place in shown:
            one = columns[place]
            width = max(len(one.title), *(_styled(row[place]).cell_len for row in rows)) if rows else len(one.title)
            table.add_column(
                one.title,
                justify="right" if one.right else "left",
                overflow="fold",
                no_wrap=not one.bends,
                min_width=min(width, _NARROWEST) if one.bends else width,
            )
        for row in rows:
            first, *cells = (_styled(row[place]) for place in shown)
            texts = filter(None, (_text(row[place]) for place in below))
            notes = [Padding(Text(text, "bright_black"), (0, 0, 0, 2)) for text in texts]
            table.add_row(Group(first, *notes), *cells)
        # Where even that is too wide the terminal itself wraps: a number with its end cut off would be a wrong one.
        self._console.print(table, crop=False)

    @property
    def _width(self) -> int:
        return min(self._console.width, _WIDEST_TEXT)


def _styled(told: Told) -> Text:
    from rich.text import Text

    if isinstance(told, str):
        return Text(told)
    return Text(f"{told.mark} {told.text}" if told.mark else told.text, style=told.style)


def console_on(file: IO[str], *, colours: bool) -> Console:
    """A console that writes to this file as to a terminal, and reads nothing into what it is given to write."""
    from rich.console import Console

    # Another system of colours than none is not forced: a terminal tells by TERM what it can show.
    return Console(
        file=file,
        force_terminal=True,
        color_system="auto" if colours else None,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )


def is_terminal(file: Any) -> bool:
    """Whether somebody looks at it, on a terminal that can move its cursor."""
    return bool(file.isatty()) and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")


def colours_wanted() -> bool:
    """Whether the environment leaves colours on: any value of ``NO_COLOR`` switches them off."""
    return not os.environ.get("NO_COLOR")


@contextmanager
def progress(what: str, total: int | None, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A function to call with how much more is done. On a terminal it moves a bar, else it prints now and then."""
    if quiet:
        yield lambda done: None
        return
    if is_terminal(sys.stderr):
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console_on(sys.stderr, colours=colours_wanted()),
            transient=True,
            # The bar alone is drawn: what the command writes meanwhile must reach its own stream untouched.
            redirect_stdout=False,
            redirect_stderr=False,
        ) as shown:
            task = shown.add_task(what, total=total)
            yield lambda done: shown.advance(task, done)
        return
    done, last = 0, time.monotonic()

    def advance(more: int) -> None:
        nonlocal done, last
        done += more
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            share = f" ({100 * done // total} %)" if total else ""
            print(f"{what}: {done:,}{share}", file=sys.stderr, flush=True)  # noqa: T201 - this is the console

    yield advance


class Stages:
    """What a long run does, stage by stage, on standard error: a bar on a terminal, else a line now and then."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet, self._stack = quiet, ExitStack()
        self._advance: Callable[[int], None] = lambda done: None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def begin(self, what: str, total: int | None) -> None:
        """A stage begins, of so many things if that is known."""
        self._stack.close()
        self._advance = self._stack.enter_context(progress(what, total, quiet=self._quiet))

    def advance(self, more: int) -> None:
        """So many more of the stage are done."""
        self._advance(more)

    def say(self, text: str) -> None:
        """A sentence, at once and on a line of its own."""
        if not self._quiet:
            clear = "\r\x1b[2K" if is_terminal(sys.stderr) else ""
            print(f"{clear}{text}", file=sys.stderr, flush=True)  # noqa: T201 - this is the console


def summary(counts: Counts, seconds: float) -> str:
    """What a filling of the catalogue did, with the first reasons for what was rejected."""
    rate = f", {counts.total / seconds:,.0f} a second" if seconds >= 1 else ""
    done = (
        f"{counts.new:,} new, {counts.changed:,} changed, {counts.unchanged:,} unchanged, {counts.rejected:,} rejected"
    )
    lines = [f"{counts.total:,} records in {seconds:.1f} s{rate}: {done}."]
    if counts.older:
        lines.append(f"{counts.older:,} left alone: the catalogue has newer facts of them, or your own.")
    lines += [f"  rejected: {problem}" for problem in counts.problems]
    if counts.rejected > len(counts.problems):
        lines.append(f"  ... and {counts.rejected - len(counts.problems):,} more")
    return "\n".join(lines)


def counts_json(counts: Counts, seconds: float) -> dict[str, Any]:
    """The same for programs. ``problems`` holds the first fifty reasons."""
    return {
        "total": counts.total,
        "new": counts.new,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
        "older": counts.older,
        "rejected": counts.rejected,
        "problems": list(counts.problems),
        "seconds": round(seconds, 3),
    }
