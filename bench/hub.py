"""A first sync of a whole Hub, and the hourly one after it: repositories a second and memory.

``python -m bench.hub --records 1000000`` starts a Hub on loopback that lists so many repositories, made from those of
the bundled snapshot, and runs ``manage.py sync_models --all --no-config`` against it in a database of its own
(``BENCH_DATABASE_URL`` names another, empty one). Then one repository in a hundred changes, and it is run again. The
Hub is a process of its own and takes its part of the same cores.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

PROJECT = Path(__file__).resolve().parents[1]
BUNDLED = PROJECT / "compat/data/snapshot.jsonl.gz"
CHANGED = 100
"""Of so many repositories one changes in an hour."""
OLDEST = datetime(2022, 3, 2, tzinfo=UTC)


class ManyModels:
    """Rows of a list of ``size`` repositories, each of the snapshot's copied under ids of its own.

    Row ``n`` is the n-th most downloaded. What a copy says it is made from is the copy of that model of the same round,
    so that each has as many relatives as the original. ``changed`` is the time of the last change of one row in a
    hundred.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.changed: datetime | None = None

    @cached_property
    def originals(self) -> list[dict[str, Any]]:
        with gzip.open(BUNDLED, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    @cached_property
    def ids(self) -> frozenset[str]:
        return frozenset(record["id"] for record in self.originals)

    def row(self, place: int, fields: Sequence[str]) -> dict[str, Any]:
        """What the Hub lists of one repository: the wanted fields that it knows."""
        number, which = divmod(place, len(self.originals))
        record = self.originals[which]
        tail = f"-{number:04d}" if number else ""
        touched = self.changed is not None and place % CHANGED == 0
        modified = self.changed if touched else OLDEST + timedelta(seconds=place * 7919 % 140_000_000)
        assert modified is not None
        whole = {
            **record,
            "_id": f"{place:024x}",
            "id": copied(record["id"], tail),
            "sha": f"{place * 7919 + (1 if touched else 0):040x}",
            "downloads": (self.size - place) * 3 + (1 if touched else 0),
            "likes": (self.size - place) // 50,
            "lastModified": modified.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "private": False,
            "gated": False,
            "disabled": False,
        }
        if tail:
            self._rename_bases(whole, tail)
        return {name: whole[name] for name in ("_id", "id", *fields) if name in whole}

    def _rename_bases(self, row: dict[str, Any], tail: str) -> None:
        if tags := row.get("tags"):
            row["tags"] = [self._renamed_tag(tag, tail) for tag in tags]
        card = row.get("cardData")
        if isinstance(card, dict) and (base := card.get("base_model")):
            named = [
                copied(name, tail) if name in self.ids else name for name in ([base] if isinstance(base, str) else base)
            ]
            row["cardData"] = {**card, "base_model": named[0] if isinstance(base, str) else named}

    def _renamed_tag(self, tag: str, tail: str) -> str:
        found = _BASE.match(tag)
        base = tag[found.end() :] if found else ""
        return tag[: -len(base)] + copied(base, tail) if base in self.ids else tag

    def places(self, sort: str) -> Sequence[int]:
        """Which rows a list holds, in its order; by change, those alone that changed and some that did not."""
        if sort != "lastModified":
            return range(self.size)
        changed = range(0, self.size, CHANGED) if self.changed else range(0)
        return [*changed, *(place for place in range(min(self.size, 2000)) if place % CHANGED)]


def copied(repo_id: str, tail: str) -> str:
    """The id of a copy: an account and a name of at most 96 characters each, as the Hub has them."""
    owner, slash, name = repo_id.rpartition("/")
    return f"{owner}{slash}{name[: 96 - len(tail)].rstrip('-.')}{tail}"


_BASE = re.compile(r"base_model:(?:\w+:)?(?=[^:]+$)")


class _Handler(BaseHTTPRequestHandler):
    models: ClassVar[ManyModels]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path != "/api/models":
            self._send(404, b"{}", {})
            return
        query = parse_qs(asked.query)
        size, start = int(query["limit"][0]), 0
        if "cursor" in query:
            start = int(base64.b64decode(unquote(query["cursor"][0])))
        places = self.models.places(query["sort"][0])
        part = places[start : start + size]
        page = [self.models.row(place, query.get("expand[]", [])) for place in part]
        headers: dict[str, str] = {}
        if len(part) == size:
            kept = urlencode([(name, one) for name, all_ in query.items() for one in all_ if name != "cursor"])
            cursor = quote(base64.b64encode(str(start + size).encode()).decode(), safe="")
            address = f"http://{self.headers['Host']}/api/models?{kept}&cursor={cursor}"
            headers["Link"] = f'<{address}>; rel="next"'
        self._send(200, gzip.compress(json.dumps(page).encode(), 1), {**headers, "Content-Encoding": "gzip"})

    def do_POST(self) -> None:
        """A new hour: one repository in a hundred changes now."""
        self.models.changed = datetime.now(UTC)
        self._send(200, b"{}", {})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def serve(size: int) -> None:
    """Be the Hub, and print its port."""
    _Handler.models = ManyModels(size)
    assert _Handler.models.ids
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def measure(size: int) -> None:
    """Print what a first sync takes, and what the next one does."""
    import httpx

    with tempfile.TemporaryDirectory(prefix="runshere-bench-") as folder:
        hub = subprocess.Popen(
            [sys.executable, "-m", "bench.hub", "--serve", "--records", str(size)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        try:
            assert hub.stdout
            endpoint = f"http://127.0.0.1:{int(hub.stdout.readline())}"
            environ = {
                **os.environ,
                "DATABASE_URL": os.environ.get("BENCH_DATABASE_URL") or f"sqlite:///{folder}/hub.sqlite3",
                "INDEX_ROOT": f"{folder}/index",
                "DEBUG": "false",
                "SECRET_KEY": "measuring",
                "HF_ENDPOINT": endpoint,
            }
            print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {size:,} repositories")
            _run(environ, "migrate", "--verbosity", "0")
            first = _line("first sync", size, *_run(environ, "sync_models", "--all", "--no-config", "--json"))
            httpx.post(endpoint)
            again = _line("one hour later", size, *_run(environ, "sync_models", "--all", "--no-config", "--json"))
            print(f"the hourly sync takes 1/{first / again:.0f} of the first")
        finally:
            hub.kill()
            hub.wait()


class _Used(NamedTuple):
    """What a command took: seconds, seconds of the processor, and the most megabytes, of all its processes together."""

    seconds: float
    processor: float
    megabytes: float


def _run(environ: Mapping[str, str], *command: str) -> tuple[_Used, str]:
    """What a command took, and what it printed."""
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "manage.py", *command], stdout=subprocess.PIPE, text=True, cwd=PROJECT, env=environ
    ) as process:
        assert process.stdout
        held = _Held(process.pid)
        held.start()
        text = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {text[-2000:]}")
    return _Used(seconds, used.ru_utime + used.ru_stime, max(held.most, used.ru_maxrss / 1024)), text


class _Held(Thread):
    """Looks a few times a second how many megabytes a process and its children hold, as long as it is there."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.most = 0.0

    def run(self) -> None:
        while (now := _held(self._process)) > 0:
            self.most = max(self.most, now)
            time.sleep(0.2)


def _held(process: int) -> float:
    try:
        status = Path(f"/proc/{process}/status").read_text()
        threads = Path(f"/proc/{process}/task").glob("*/children")
        children = [child for told in threads for child in told.read_text().split()]
    except OSError:
        return 0.0
    own = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
    return (int(own[1]) / 1024 if own else 0.0) + sum(_held(int(child)) for child in children)


def _line(what: str, size: int, used: _Used, text: str) -> float:
    told, seconds = json.loads(text), used.seconds
    seen = sum(told[name] for name in ("new", "changed", "unchanged", "older", "rejected"))
    print(
        f"{what}: {seconds:,.1f} s ({used.processor:,.1f} s of the processor), {size / seconds:,.0f} repositories/s of "
        f"the Hub, at most {used.megabytes:,.0f} MB; "
        f"{told['new']:,} new, {told['changed']:,} changed, of {seen:,} read"
    )
    return seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or be the Hub."""
    parser = argparse.ArgumentParser(prog="python -m bench.hub", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000, help="how many repositories the Hub has (100,000)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args(arguments)
    (serve if told.serve else measure)(told.records)


if __name__ == "__main__":
    main()
