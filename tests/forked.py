"""Commands in processes that are forked from one which has loaded what they need.

To load Django and this project takes a process longer than what most tests want of it. One loads what depends on no
environment, once for each process that tests. A fork of it takes an environment and loads what rests on that, as each
start does: settings, models, addresses. Each command is then a fork of that one: a process of its own, with its own
connections, which ends by itself or is killed like any other.

A process that looks at its interpreter, or is started to be watched, is started as a site starts it.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_MESSAGE = 200_000
"""Bytes; what is asked goes through a socket in one piece."""
_LOADED = (
    "django.contrib.admin.options", "django.core.management.commands.migrate", "django.core.serializers.json",
    "django.db.migrations.executor", "django.db.models", "django.http", "django.template.defaulttags",
    "django.test.client", "jinja2", "numpy", "psycopg", "pydantic", "whitenoise.middleware",
    "compat.architectures", "compat.engines", "compat.estimate", "compat.extraction", "compat.hub", "compat.logs",
    "compat.rules", "compat.shapes",
)  # fmt: skip
"""What rests on no settings."""


class Forked:
    """A process that forks others; its environment is the one that it is given, or that of the tests."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def within(self, environment: Mapping[str, str]) -> Forked:
        """A fork of it that has loaded this project in an environment."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._ask({"environment": dict(environment)}, its)
        return Forked(ours)

    def run(
        self, command: Sequence[str], *, timeout: float, said: str = "", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Python with arguments to its end, in its own environment or another; ``said`` is its standard input."""
        with ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            files[0].write(said.encode())
            files[0].seek(0)
            ours, its = map(stack.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            self._ask({"command": list(command), "environment": environment and dict(environment)}, its, *files)
            its.close()
            ours.settimeout(timeout)
            process = int(ours.recv(20))
            try:
                code = int(ours.recv(20))
            except TimeoutError as error:
                os.kill(process, 9)
                raise subprocess.TimeoutExpired(list(command), timeout) from error
            for file in files:
                file.seek(0)
            _, out, err = (file.read().decode() for file in files)
        return subprocess.CompletedProcess(list(command), code, out, err)

    def _ask(self, asked: dict[str, Any], *given: Any) -> None:
        socket.send_fds(self._control, [json.dumps(asked).encode()], [one.fileno() for one in given])

    def close(self) -> None:
        """Let it end."""
        self._control.close()


PLAIN = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PGOPTIONS") if name in os.environ}
"""What every process of the tests has of the environment."""


def takes(environment: Mapping[str, str]) -> bool:
    """Whether a fork can take an environment: not where a new interpreter would be another one in it."""
    looked_at = [name for name in {**PLAIN, **environment} if name.startswith(("PYTHON", "LANG", "LC_"))]
    return all(environment.get(name) == PLAIN.get(name) for name in looked_at if name != "PYTHONUNBUFFERED")


@functools.cache
def first() -> Forked:
    """The one of this process that has loaded what depends on no environment."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(its.fileno())], cwd=ROOT, pass_fds=[its.fileno()],
            env=PLAIN | {"PYTHONUNBUFFERED": "1"}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    made = Forked(ours)
    atexit.register(process.wait)
    atexit.register(made.close)
    return made


def _next(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What is asked next, in a fork that is to do it; the process that waits for it tells its number and its end."""
    while True:
        message, given, *_ = socket.recv_fds(control, _MESSAGE, 4)
        if not message:
            os._exit(0)
        asked = json.loads(message)
        if not os.fork():
            watched = os.fork() if "command" in asked else 0
            if not watched:
                control.close()
                return asked, given
            with socket.socket(fileno=given[0]) as told:
                told.send(b"%d" % watched)
                told.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(watched, 0)[1]))
            os._exit(0)
        for one in given:
            os.close(one)
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG):
            pass


def _load() -> None:
    """Load what depends on no environment."""
    for name in _LOADED:
        module = importlib.import_module(name)
        if name.startswith("compat."):
            for one in pkgutil.walk_packages(module.__path__, f"{name}."):
                importlib.import_module(one.name)
    from compat.engines import all_profiles
    from compat.extraction.version import facts_version
    from compat.rules.judge import rules_version

    facts_version()
    for profile in all_profiles().values():
        rules_version(profile)


def _load_site() -> None:
    """Load what depends on the environment."""
    import django
    from django.urls import reverse

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()
    reverse("healthz")


def _become(command: list[str], given: list[int]) -> None:
    """Do in this process what Python does with these arguments; it ends by itself."""
    os.close(given[0])
    for number, file in enumerate(given[1:]):
        os.dup2(file, number)
        os.close(file)
    if command[0] == "-c":
        sys.argv = ["-c", *command[2:]]
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(command[1], "<string>", "exec"), main.__dict__)
    else:
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")


def main() -> None:
    """Do what is asked through the socket whose number is the argument."""
    _load()
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        # What is there now stays where it is: a collection in a fork would copy every page that it looks at.
        gc.collect()
        gc.freeze()
        asked, given = _next(control)
        if asked["environment"]:
            os.environ.clear()
            os.environ.update(asked["environment"])
        if "command" in asked:
            return _become(asked["command"], given)
        control = socket.socket(fileno=given[0])
        _load_site()


if __name__ == "__main__":
    main()
