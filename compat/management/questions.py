"""Options that several commands share, and the question made of them: named and read like the browse parameters."""

from __future__ import annotations

from argparse import ArgumentTypeError, _ArgumentGroup
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compat.management.command import Exit

if TYPE_CHECKING:
    from compat.catalogue.question import Question
    from compat.catalogue.workers import Worker

EMPTY = "The catalogue is empty. Load the snapshot first: manage.py load_records --bundled"


def positive(text: str) -> int:
    """A whole number above zero."""
    number = _number(text)
    if not number:
        raise ArgumentTypeError(f"{text[:60]!r} is not a whole number above zero")
    return number


def not_negative(text: str) -> int:
    """A whole number, zero included."""
    number = _number(text)
    if number is None:
        raise ArgumentTypeError(f"{text[:60]!r} is not a whole number")
    return number


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None


def add_worker(parser: CommandParser) -> None:
    """The worker to judge for, and the machine it runs on."""
    from compat.catalogue.question import WORKER

    add_options(parser.add_argument_group("worker"), WORKER)


def add_options(group: _ArgumentGroup, names: Iterable[str]) -> None:
    """Browse parameters as options, in the words of their declaration."""
    from compat.catalogue.question import PARAMETERS

    for one in (PARAMETERS[name] for name in names):
        action = "append" if one.many else "store"
        group.add_argument(one.option, metavar=one.metavar, action=action, help=one.help.replace("%", "%%"))


def question_of_options(
    options: Mapping[str, Any], names: Iterable[str] = (), **more: object
) -> tuple[Question, Mapping[str, Worker]]:
    """The question that options ask about a worker and, with more ``names``, about models; and the workers there are.

    A value that makes no sense is wrong usage, and so is any option that is no text.
    """
    from compat.catalogue.question import PARAMETERS, WORKER, DictQuery, QuestionError, did_you_mean
    from compat.catalogue.reading import read_question
    from compat.catalogue.workers import AUTO, workers

    for name, value in options.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not _is_text(text):
                raise CommandError(f"{_named(name)} is {text[:60]!r}, which is not UTF-8.", returncode=Exit.USAGE)
    available = workers()
    slug = options["worker"]
    if slug and slug not in {AUTO, *available}:
        raise CommandError(
            f"There is no worker “{slug[:60]}”.{did_you_mean(slug, available, 1)} There are: {', '.join(available)}.",
            returncode=Exit.USAGE,
        )
    try:
        given = DictQuery({name: options[name] for name in (*WORKER, *names)} | more)
        return read_question(given, available, tuple(PARAMETERS)), available
    except QuestionError as error:
        raise CommandError(" ".join(one.message for one in error.problems), returncode=Exit.USAGE) from None


def _is_text(value: str) -> bool:
    """Whether it can be encoded: Python keeps an argument's bytes that are not UTF-8 as halves of characters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _named(name: str) -> str:
    """An option as it is written, or an argument without one."""
    return {"q": "A word", "id": "An id"}.get(name, f"--{name.replace('_', '-')}")
