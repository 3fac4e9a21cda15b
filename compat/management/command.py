"""The one form of this project's commands: their help, their answers for people and for programs, their exit codes.

A command gives an :class:`Answer`; this module writes it, as a table or as one JSON document, and ends the process with
a code that a script can branch on. Called from Python (``call_command``) a command that failed raises
:class:`CommandError` with the same code as its ``returncode``.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sqlite3
import sys
import textwrap
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import partial
from typing import IO, Any, ClassVar, NoReturn, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
    SystemCheckError,
    handle_default_options,
)
from django.db import DEFAULT_DB_ALIAS, DatabaseError, OperationalError, connections

from compat.management.console import (
    PlainScreen,
    Screen,
    Stages,
    TerminalScreen,
    colours_wanted,
    is_terminal,
    progress,
)
from compat.timestamps import Json, iso_timestamp


class Exit(IntEnum):
    """How a command ended. docs/commands.md is the reference, and a test compares it with this."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO = 3
    NO_ANSWER = 4
    PARTLY = 5
    STOPPED = 130
    CLOSED = 141


MEANINGS: Mapping[Exit, str] = {
    Exit.DONE: "done",
    Exit.FAILED: "failed: nothing, or only a part, was done, and the message says which",
    Exit.USAGE: "wrong usage: an option or value makes no sense, and nothing was done",
    Exit.NO: "answered, and the answer is no",
    Exit.NO_ANSWER: "no answer could be had: the Hub was not reached, or too little is known",
    Exit.PARTLY: "done, but some records were rejected, and the message names them",
    Exit.STOPPED: "stopped by Ctrl-C",
    Exit.CLOSED: "nobody read the output to its end, as with “| head”",
}
EVERY = (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.STOPPED, Exit.CLOSED)
"""The codes with which every command may end."""


@dataclass(frozen=True)
class Answer:
    """What a command found or did.

    ``data`` is the JSON document, ``show`` writes the same for people. ``notes`` are hints, and go to standard error.
    ``problem`` says in a sentence why it is not all done; without one, another ``code`` than 0 is a plain answer.
    """

    data: Json
    show: Callable[[Screen], None]
    code: Exit = Exit.DONE
    problem: str = ""
    notes: tuple[str, ...] = ()


class HelpFormatter(DjangoHelpFormatter):
    """Django's, but lines of the description that begin with a blank stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = text.splitlines()
        return "\n".join(line if line.startswith(" ") else textwrap.fill(line, width) for line in lines)


class CatalogueCommand(BaseCommand):
    """What all commands share. A command defines ``help``, ``examples``, ``answer`` and perhaps ``arguments``."""

    examples: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Command lines after ``manage.py``, each with a few words on what it does."""
    codes: ClassVar[Mapping[Exit, str]] = {}
    """The exit codes this command has beside those of :data:`EVERY`, or which mean something more exact in it."""
    stopped: ClassVar[str] = "Nothing was changed."
    """What Ctrl-C leaves behind, as a sentence."""

    def arguments(self, parser: CommandParser) -> None:
        """The command's own options."""

    def answer(self, options: Mapping[str, Any]) -> Answer:
        """Do the work. Raises :class:`CommandError`, with an :class:`Exit` as ``returncode``, where it cannot."""
        raise NotImplementedError

    # --- the parser --------------------------------------------------------------------------------------------

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """With examples and exit codes at the end of its help; a wrong argument raises with the code for it."""
        kwargs = {"formatter_class": HelpFormatter, "epilog": self._epilog(), "allow_abbrev": False, **kwargs}
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # Django makes a parser of its own class, whose method cannot be another one but here.
        parser.error = partial(_refuse, parser)  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """The command's own options, then ``--json``."""
        self.arguments(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON document, for programs")

    def _epilog(self) -> str:
        lines = ["Examples:"]
        for line, what in self.examples:
            lines += [f"  manage.py {line}", f"      {what}"]
        lines += ["", "Exit codes:"]
        meanings = {code: MEANINGS[code] for code in EVERY} | dict(self.codes)
        lines += [f"  {code:<4} {meanings[code]}" for code in sorted(meanings)]
        return "\n".join(lines)

    # --- the answer --------------------------------------------------------------------------------------------

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the answer; CommandError where it comes with a problem."""
        self._quiet = options.get("verbosity") == 0
        self._code, self._written = Exit.DONE, False
        found = self.answer(options)
        if options["json"]:
            self._write_json(found.data | (_error(found.problem, found.code) if found.problem else {}))
        else:
            found.show(self._screen(options))
            if not self._quiet:
                for note in found.notes:
                    self.stderr.write(note, lambda text: text)
        self._code = found.code
        if found.problem:
            raise CommandError(found.problem, returncode=found.code)

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A bar or lines on standard error; nothing with ``--verbosity 0``. Noted on the job that goes on, if any."""
        from compat.ingest.jobs import stage

        with progress(what, total, quiet=self._quiet) as shown, stage(what, total) as noted:

            def advance(more: int) -> None:
                shown(more)
                noted(more)

            yield advance

    def stages(self) -> Stages:
        """The same for a run of several stages, which also says why it waits."""
        return Stages(quiet=self._quiet)

    def _screen(self, options: Mapping[str, Any]) -> Screen:
        forced = bool(options.get("force_color"))
        if forced or is_terminal(self.stdout):
            colours = forced or (colours_wanted() and not options.get("no_color"))
            return TerminalScreen(cast("IO[str]", self.stdout), colours=colours)
        return PlainScreen(self.stdout.write)

    def _write_json(self, data: Json) -> None:
        encoding = (getattr(self.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
        self.stdout.write(json.dumps(data, indent=2, ensure_ascii=encoding != "utf8", default=_value))
        self._written = True

    # --- as a process ------------------------------------------------------------------------------------------

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a process: every end is a sentence and a code, never a traceback for what is no fault in here."""
        self._called_from_command_line = True
        self._code, self._written = Exit.DONE, False
        _write_what_the_encoding_has()
        try:
            code = self._run(argv)
        finally:
            with suppress(ImproperlyConfigured):
                connections.close_all()
        if code:
            sys.exit(code)

    def _run(self, argv: list[str]) -> int:
        words = argv[2:]
        told = Namespace(json="--json" in words, traceback="--traceback" in words)
        try:
            options = self.create_parser(argv[0], argv[1]).parse_args(words)
            handle_default_options(options)
            self.execute(**vars(options))
            self.stdout.flush()
        except KeyboardInterrupt:
            return self._ends(f"Stopped. {self.stopped}", Exit.STOPPED, told)
        except BrokenPipeError:
            _let_go_of_stdout()
            return Exit.CLOSED
        except CommandError as error:
            if told.traceback:
                raise
            if isinstance(error, SystemCheckError):
                self.stderr.write(str(error), lambda text: text)
                return error.returncode
            return self._ends(str(error), error.returncode, told)
        except DatabaseError as error:
            if told.traceback or not _is_about_the_database(error):
                raise
            return self._ends(words_of_database_error(error), Exit.FAILED, told)
        except OSError as error:
            if told.traceback or error.errno not in _STORAGE:
                raise
            if error.filename:
                where = os.fsdecode(error.filename)
                return self._ends(
                    f"{where} cannot be written: {error.strerror}. {_STORAGE[error.errno]}", Exit.FAILED, told
                )
            if error.errno not in (errno.ENOSPC, errno.EIO, errno.EFBIG):
                raise
            _let_go_of_stdout()
            return self._ends(f"The output cannot be written: {error.strerror}.", Exit.FAILED, told)
        return self._code

    def _ends(self, sentence: str, code: int, told: Namespace) -> int:
        """Say why it ended: in words on standard error, and as the JSON document if none was written yet."""
        if told.json and not self._written:
            with suppress(OSError):
                self._write_json(_error(sentence, code))
                self.stdout.flush()
        self.stderr.write(f"Error: {sentence}" if code != Exit.STOPPED else f"\n{sentence}")
        return code


_ROOM = "Make room on its disk, then try again: what was done before is kept."
_STORAGE = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EIO: "Its disk fails.",
    errno.EROFS: "It lies where nothing can be written.",
    errno.EACCES: "Let this user write it and its folder.",
}
"""What to do where a file cannot be written, by the error's number."""
_DAMAGED = "It is damaged: stop the site, and restore a backup as docs/deploy.md says."
_NO_TABLES = "If it is new, run manage.py prepare first; if it was deleted or moved, restore a backup."
_UNREACHABLE = "See that it runs, and that DATABASE_URL names it."
_ADVICE = (
    ("locked", "Another process writes to it for long. Try again."),
    ("full", _ROOM),
    ("No space left", _ROOM),
    ("disk I/O error", "Its disk is full or fails: see to it, then try again. What was done before is kept."),
    ("readonly", "Let this user write the file and its folder."),
    ("read-only", "Let this user write it."),
    ("malformed", _DAMAGED),
    ("not a database", _DAMAGED),
    ("unable to open", "See that its folder is there, and that this user may write in it."),
    ("no such table", _NO_TABLES),
    ("relation", _NO_TABLES),
    ("does not exist", "Create it, or see that DATABASE_URL names the right one; then run manage.py prepare."),
    ("connect", _UNREACHABLE),
)


def words_of_database_error(error: Exception) -> str:
    """Which database cannot be used, why, and what to do."""
    told = connections.settings[DEFAULT_DB_ALIAS]
    host = f" on {told['HOST']}" if told.get("HOST") else ""
    reason = " ".join(str(error).split()).rstrip(".")
    advice = next(
        (advice for words, advice in _ADVICE if words in reason), "If it is new, run manage.py prepare first."
    )
    return f"The database cannot be used: {reason}. It is {told['NAME']}{host}. {advice}"


def _error(sentence: str, code: int) -> Json:
    # An argument that is not UTF-8 may be quoted in it.
    sentence = sentence.encode("utf-8", "backslashreplace").decode()
    return {"error": {"exitCode": int(code), "message": sentence}}


def _refuse(parser: CommandParser, message: str) -> NoReturn:
    sentence = message if message.endswith("?") else f"{message.rstrip('.')}."
    if re.match(r"unrecognized arguments:.* --machine\b", message) and "--accelerator" in parser.format_help():
        sentence += " Tell the machine with --accelerator, in any spelling: “RTX 4070 and 32 GB”."
    raise CommandError(f"{sentence} See {parser.prog} --help.", returncode=Exit.USAGE)


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return iso_timestamp(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _is_about_the_database(error: Exception) -> bool:
    """Whether it cannot be reached, is damaged or has no tables yet: other errors are faults of the program."""
    if type(error) is DatabaseError:
        return type(error.__cause__) is sqlite3.DatabaseError
    of = type(error.__cause__).__name__
    return isinstance(error, OperationalError) or of in ("UndefinedTable", "ReadOnlySqlTransaction")


def _write_what_the_encoding_has() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="plain_letters")


def _let_go_of_stdout() -> None:
    """Nothing can be written any more; without this the interpreter would try, and complain, once again at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
