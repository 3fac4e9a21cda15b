"""Load rate, verdict rate, and p50/p95 of every kind of request.

By default on the bundled snapshot in a database of its own. ``--records N`` makes a catalogue of that size there first
(see :mod:`bench.big`), and ``BENCH_DATABASE_URL`` names another database, which is filled only if it is empty.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import gzip
import io
import json
import os
import platform
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from django.http import HttpResponse

from bench.big import fill
from bench.requests import DEEP, NEVER_SEEN, REQUESTS

if TYPE_CHECKING:
    from django.test import Client

ROUNDS = 120
SECONDS = 3.0
"""A kind is measured this many times, or for this long, whatever ends first; but every address at least once."""
CURSORS = 40
"""How many parts of a list are followed."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; about two minutes for the snapshot."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--records", type=int, help="measure a catalogue of so many records made from the snapshot")
    parser.add_argument("--only", choices=("load", "requests", "export"), help="measure only this")
    told = parser.parse_args(arguments)
    _start()
    parts: dict[str, Callable[[], None]] = {"load": _load_and_judge, "requests": requests, "export": exports}
    from compat.models import ModelRecord

    if told.records or told.only or ModelRecord.objects.exists():
        total = fill(told.records or 0)
        parts = {name: part for name, part in parts.items() if name != "load"}
    else:
        _load_and_judge()
        total = ModelRecord.objects.count()
    print(f"{total:,} records")
    for name, part in parts.items():
        if name != "load" and told.only in (None, name):
            part()


def _start() -> None:
    """Settings as a site has them, but the database and the static files' names."""
    folder = Path(tempfile.mkdtemp(prefix="runshere-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["DATABASE_URL"] = os.environ.get("BENCH_DATABASE_URL") or f"sqlite:///{folder}/bench.sqlite3"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    os.environ["DEBUG"] = "false"
    os.environ.setdefault("SECRET_KEY", "measuring")
    # One client asks more here than any visitor may.
    os.environ["API_RATE"] = "off"
    # What is measured is making an answer; `bench.throughput` measures those that are kept.
    os.environ["PAGE_CACHE_MB"] = "0"
    os.environ.setdefault("INDEX_ROOT", f"{folder}/index")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    engine = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {engine}")


Answer = TypeVar("Answer")


def timed(work: Callable[[], Answer]) -> tuple[float, Answer]:
    """Seconds and result of one call."""
    gc.collect()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def memory() -> str:
    """What this process holds for itself: without the pages of the database that the system shares and may drop."""
    told = Path("/proc/self/status")
    lines = dict(line.split(":", 1) for line in told.read_text().splitlines()) if told.exists() else {}
    if "RssAnon" in lines:
        return f"{int(lines['RssAnon'].split()[0]) / 1024:.0f} MB"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most"


# --- load and judge --------------------------------------------------------------------------------------------


def _load_and_judge() -> None:
    load()
    verdicts()


def load() -> None:
    """Records a second from a file, new and unchanged, beside only reading the file as JSON."""

    from compat.ingest import store as sync
    from compat.ingest.from_files import BUNDLED, RecordFile
    from compat.models.engines import ensure_settings

    ensure_settings()

    def store() -> sync.Counts:
        with RecordFile(BUNDLED) as lines:
            return sync.store_raw(lines, origin="snapshot")

    def only_read() -> int:
        with gzip.open(BUNDLED) as lines:
            return sum(1 for line in lines if json.loads(line))

    baseline, total = timed(only_read)
    first, counts = timed(store)
    again, _ = timed(store)
    assert isinstance(counts, sync.Counts)
    assert counts.new == total
    print(
        f"load: {counts.new / first:,.0f} records/s new, {counts.new / again:,.0f}/s unchanged ({counts.new:,} records)"
    )
    print(f"      {first / baseline:.0f} times as long as only reading the same file as JSON")


def verdicts() -> None:
    """Verdicts a second, by the rules alone and with storing."""
    from compat.extraction.facts import VariantFacts
    from compat.ingest.judging import reevaluate
    from compat.models import FactSheet, ModelRecord
    from compat.models.engines import engines
    from compat.rules import judge_all

    sheets = [
        [VariantFacts.from_json(fact) for fact in facts] for facts in FactSheet.objects.values_list("facts", flat=True)
    ]
    profiles = list(engines().values())
    pure, _ = timed(lambda: [judge_all(facts, profile) for profile in profiles for facts in sheets])
    stored, _ = timed(lambda: reevaluate(everything=True))
    judged, records = len(sheets) * len(profiles), ModelRecord.objects.count()
    print(f"verdicts: {judged / pure:,.0f}/s by the rules alone, {judged / stored:,.0f}/s stored")
    print(
        f"          {records:,} records x {len(profiles)} engines judged again in {stored:.2f} s "
        f"({len(sheets):,} different sets of facts; {records * len(profiles) / stored:,.0f} record verdicts/s)"
    )


# --- requests --------------------------------------------------------------------------------------------------


def requests() -> None:
    """Milliseconds a request takes inside the server, and its weight compressed.

    ``new`` is the slowest question of the kind when it is asked for the first time, in a process that has answered
    others before.
    """
    from django.core.management import call_command
    from django.test import Client

    from compat.catalogue import current
    from compat.ingest.changes import raise_catalogue_version
    from marketplace.serve import look_for_cycles_seldom, return_large_blocks

    return_large_blocks()
    look_for_cycles_seldom()
    client = Client(headers={"host": "127.0.0.1"})
    made, _ = timed(lambda: call_command("build_index", verbosity=0, stdout=io.StringIO()))
    current.forget_index()
    start, _ = timed(lambda: _asked(client, "/models/"))
    print(f"index with what every engine would load {made:.1f} s; first page of a new process {1000 * start:,.0f} ms")
    print(f"memory: {memory()}, of which the index and its making have a part")
    _line("machine, never seen", [_seconds(client, address) for address in NEVER_SEEN])
    raise_catalogue_version()
    changed, _ = timed(lambda: _asked(client, "/models/"))
    print(f"first page after the catalogue changed {1000 * changed:,.0f} ms")
    made, _ = timed(_newest_index)
    print(f"index made anew beside it in {made:.1f} s")
    print(f"{'request':<22}{'p50 ms':>9}{'p95 ms':>9}{'new ms':>9}{'kB gzip':>9}")
    for kind, addresses in REQUESTS.items():
        new, weight = [], 0
        for address in addresses:
            seconds, response = timed(partial(_asked, client, address))
            new.append(seconds)
            weight = max(weight, len(gzip.compress(response.content, 6)))
        times, until = [], time.perf_counter() + SECONDS
        for number, address in enumerate(cycle(addresses)):
            if number >= len(addresses) and (number >= ROUNDS or time.perf_counter() > until):
                break
            times.append(_seconds(client, address))
        _line(kind, times, max(new), weight)
    for kind, address in DEEP.items():
        _line(kind, _followed(client, address))
    tag = _asked(client, "/api/v1/models?limit=50").headers["ETag"]
    _line("api list, 304", [_seconds(client, "/api/v1/models?limit=50", 304, tag) for _ in range(ROUNDS)])
    print(f"memory: {memory()}, all of the above in one process")


def _newest_index() -> None:
    """Wait until the index of the newest version is there, which is made beside the requests."""
    from compat.catalogue import current

    while not current.index_now()[1]:
        time.sleep(0.1)


def _asked(client: Client, address: str, status: int = 200, tag: str = "") -> HttpResponse:
    headers = {"If-None-Match": tag} if tag else {}
    response = client.get(address, headers=headers)
    assert response.status_code == status, (address, response.status_code)
    assert isinstance(response, HttpResponse)
    return response


def _seconds(client: Client, address: str, status: int = 200, tag: str = "") -> float:
    start = time.perf_counter()
    _asked(client, address, status, tag)
    return time.perf_counter() - start


def _followed(client: Client, address: str) -> list[float]:
    """Seconds of each part of a list whose cursors are followed."""
    times, next_ = [], address
    for _ in range(CURSORS):
        start = time.perf_counter()
        response = _asked(client, next_)
        times.append(time.perf_counter() - start)
        if "Link" in response.headers:
            next_ = response.headers["Link"].split(">")[0].removeprefix("<").removeprefix("http://127.0.0.1")
        else:
            cursor = json.loads(response.content)["nextCursor"]
            if not cursor:
                break
            next_ = f"{address}&cursor={cursor}"
    return times


def _line(kind: str, times: list[float], new: float | None = None, weight: int = 0) -> None:
    p50 = 1000 * statistics.median(times)
    p95 = 1000 * statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else p50
    first = f"{1000 * new:>9.1f}" if new is not None else " " * 9
    print(f"{kind:<22}{p50:>9.1f}{p95:>9.1f}{first}" + (f"{weight / 1000:>9.1f}" if weight else ""))


# --- the exported site -----------------------------------------------------------------------------------------


def exports() -> None:
    """Seconds to write the site as plain files: the first time, and again where nothing changed."""
    from django.core.management import call_command

    for top in (100, 10_000):
        with tempfile.TemporaryDirectory(prefix="runshere-bench-") as folder, Path(os.devnull).open("w") as silence:

            def write(top: int = top, folder: str = folder, silence: object = silence) -> None:
                call_command("export_site", top=top, output=Path(folder), stdout=silence, stderr=silence)

            first, _ = timed(write)
            again, _ = timed(write)
            print(f"export of the top {top:,}: {first:.2f} s, again {again:.2f} s")


if __name__ == "__main__":
    main()
