"""Options that several commands share, and the question made of them: named and read like the browse parameters."""

from __future__ import annotations

import difflib
from argparse import ArgumentTypeError
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from compat.management.command import Exit

if TYPE_CHECKING:
    from compat.catalogue.question import Criteria
    from compat.catalogue.workers import Worker

EMPTY = "The catalogue is empty. Load the snapshot first: manage.py load_records --bundled"


def positive(text: str) -> int:
    """A whole number above zero."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 9 or int(text) < 1:
        raise ArgumentTypeError(f"{text[:60]!r} is not a whole number above zero")
    return int(text)


def add_worker(parser: CommandParser) -> None:
    """The worker to judge for, and the machine it runs on."""
    group = parser.add_argument_group("worker")
    group.add_argument("--worker", metavar="SLUG", help="the engine or worker to judge for; the first one if not given")
    group.add_argument("--accelerator", metavar="NAME", help="its accelerator, such as “RTX 4090”")
    group.add_argument("--count", metavar="N", help="how many accelerators it has")
    group.add_argument("--memory", metavar="GB", help="the memory of one accelerator")
    group.add_argument("--ram", metavar="GB", help="its system memory")
    group.add_argument("--context", metavar="TOKENS", help="the context you want; 8192 if not given")
    group.add_argument("--kv", metavar="TYPE", help="the type of the KV cache: f16, q8_0 or q4_0")


def asked(
    options: Mapping[str, Any], names: Iterable[str] = (), **more: object
) -> tuple[Criteria, Mapping[str, Worker]]:
    """The question that options ask about a worker and, with more ``names``, about models; and the workers there are.

    A value that makes no sense is wrong usage, and so is any option that is no text.
    """
    from compat.catalogue.question import WORKER, Criteria, CriteriaError, DictQuery
    from compat.catalogue.workers import accelerator_labels, workers

    for name, value in options.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not _is_text(text):
                raise CommandError(f"{_named(name)} is {text[:60]!r}, which is not UTF-8.", returncode=Exit.USAGE)
    available = workers()
    slug = options["worker"]
    if slug and slug not in available:
        near = difflib.get_close_matches(slug[:60], available, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise CommandError(
            f"There is no worker “{slug[:60]}”.{hint} There are: {', '.join(available)}.", returncode=Exit.USAGE
        )
    try:
        given = DictQuery({name: options[name] for name in (*WORKER, *names)} | more)
        return Criteria.from_query(given, available), available
    except CriteriaError as error:
        messages = [one.message for one in error.problems]
        if any(one.parameter == "accelerator" for one in error.problems):
            near = difflib.get_close_matches(options["accelerator"][:60], accelerator_labels(), 3, 0.5)
            messages += [f"Or do you mean {' or '.join(near)}?"] if near else []
        raise CommandError(" ".join(messages), returncode=Exit.USAGE) from None


def _is_text(value: str) -> bool:
    """Whether it can be encoded: Python keeps an argument's bytes that are not UTF-8 as halves of characters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _named(name: str) -> str:
    """An option as it is written, or an argument without one."""
    return {"q": "A word", "id": "An id"}.get(name, f"--{name.replace('_', '-')}")
