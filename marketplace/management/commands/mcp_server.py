"""Answer assistants over the Model Context Protocol."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from compat.catalogue.workers import workers
from marketplace.assistant.tools import TOOLS

_NEEDED = ("mcp", "mcp_types", "anyio", "starlette", "uvicorn")


def listen_at(text: str) -> tuple[str, int]:
    """``HOST:PORT``, or a port alone for this machine only."""
    found = re.fullmatch(r"(?:(?P<host>[\w.-]+|\[[0-9A-Fa-f:]+\]):)?(?P<port>[0-9]{1,5})", text)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8010")
    return (found["host"] or "127.0.0.1").strip("[]"), int(found["port"])


class Command(BaseCommand):
    """``mcp_server``"""

    help = "Answer assistants over the Model Context Protocol (MCP): on standard input and output, or over HTTP."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Over what."""
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument(
            "--http",
            type=listen_at,
            metavar="HOST:PORT",
            help="answer at http://HOST:PORT/mcp instead, without a login",
        )
        ways.add_argument("--list", action="store_true", help="print the tools and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until the input ends or Ctrl-C."""
        if options["list"]:
            for tool in TOOLS:
                self.stdout.write(f"{tool.name}: {tool.description}")
            return
        try:
            from marketplace.assistant import server
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in _NEEDED:
                raise
            raise CommandError(
                "The package for the Model Context Protocol is not installed. Run: make setup-mcp"
            ) from None
        try:
            workers()
        except DatabaseError as error:
            raise CommandError(f"The database cannot be read: {error}. Run: manage.py prepare") from None
        connections.close_all()
        logging.getLogger("mcp").setLevel(logging.WARNING)
        if options["http"]:
            server.serve_http(*options["http"])
            return
        if sys.stdin.isatty():
            self.stderr.write("This waits for an assistant on standard input; docs/mcp.md tells how to connect one.")
        # A thread that waits for a line cannot be interrupted in Python, and nothing has to be put away at the end.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        asyncio.run(server.serve_stdio())
