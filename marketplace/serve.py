"""The web server: ``python -m marketplace.serve``. Everything it is told stands here or in the environment."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import socket
import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from .env import Environment

IDLE_SECONDS = 15
"""Seconds within which the whole head of a request must be here, from the connection's start or the answer before."""
MOST_CONNECTIONS = 4096
"""Connections that a process holds; further ones wait in the system's queue."""
BACKLOG = 2048
"""How long that queue is."""
SPARE_FILES = 256
"""Files that a process needs beside its connections."""
STOPPING_SECONDS = 30
"""Seconds that a process has to finish its answers once it is asked to stop."""


def connections() -> int:
    """How many connections a process may hold: as many files as the system lets it open, but for those it needs."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + SPARE_FILES
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), most))
    return max(allowed - SPARE_FILES, allowed // 2)


def log_lines() -> dict[str, Any]:
    """The server's own log lines, on standard error in the form of the site's."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "{asctime} {levelname} web: {message}", "style": "{"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
    }


def free_address(host: str, port: int) -> str:
    """The address of a host, as numbers. Raises :class:`OSError` if somebody listens there already.

    The server would not notice: its processes share their port, also with those of another one.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
    return str(address[0])


_M_MMAP_THRESHOLD = -3
"""Of ``mallopt`` in glibc's ``malloc.h``."""
_LARGE = 1024**2


def return_large_blocks() -> None:
    """Have the C library give back at once what a question about the whole of a large catalogue took.

    By itself glibc raises what it calls large with every such block that is freed, up to 32 MB, and keeps the holes: a
    fifth of what a process holds at a million models. Other C libraries have no such bound.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def look_for_cycles_seldom() -> None:
    """Leave what there is now alone, and look seldom for what refers to itself among what comes."""
    gc.collect()
    gc.freeze()
    # A page makes some twenty thousand objects, nearly all of which go by themselves.
    gc.set_threshold(20_000, 10, 10)


def main() -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP starts the processes anew, one after the other."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    env = Environment()
    host = env.text("HOST", "127.0.0.1")
    try:
        port, workers = env.number("PORT", 8000, least=1), env.number("WEB_WORKERS", 2, least=1)
        # Loaded before the processes part, so that they share what never changes.
        from . import asgi  # noqa: F401 - for what its import loads
    except ImproperlyConfigured as error:
        sys.exit(f"The site cannot start: {error}")
    return_large_blocks()
    try:
        address = free_address(host, port)
    except OSError as error:
        sys.exit(
            f"The site cannot listen on {host}, port {port}: {error.strerror}. HOST and PORT say where it listens."
        )
    server = Server(
        "marketplace.asgi:application",
        address=address,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        workers=workers,
        backlog=BACKLOG,
        backpressure=connections(),
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_SECONDS * 1000, max_buffer_size=64 * 1024),
        respawn_failed_workers=True,
        workers_kill_timeout=STOPPING_SECONDS,
        log_level=LogLevels(env.text("LOG_LEVEL", "INFO").lower()),
        log_dictconfig=log_lines(),
    )
    look_for_cycles_seldom()
    server.serve()


if __name__ == "__main__":
    main()
