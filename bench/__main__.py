"""Load rate, verdict rate, and p50/p95 of the pages, on the bundled snapshot in a database of its own."""

from __future__ import annotations

import gc
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

PAGES = {
    "home": ["/"],
    "browse": [
        "/models/",
        "/models/?page=2",
        "/models/?architecture=llama",
        "/models/?format=gguf&sort=likes",
        "/models/?license=apache-2.0&max_params=8",
        "/models/?compatible=false",
        "/models/?compatible=only-incompatible&cause=context",
        "/models/?quantization=Q4_K_M&compatible=false",
    ],
    "search": [f"/models/?q={word}" for word in ("l", "ll", "lla", "llam", "llama", "qwen+7b", "phi-2", "gguf", "zzz")],
    "detail": [
        f"/models/{name}/"
        for name in (
            "microsoft/phi-2",
            "meta-llama/Llama-3.2-1B",
            "unsloth/Qwen3.6-35B-A3B-GGUF",
            "mistralai/Mistral-7B-Instruct-v0.2",
            "t5-small",
        )
    ],
    "report": ["/report/"],
}
ROUNDS = 200


def main() -> None:
    """Measure and print; takes about a minute."""
    folder = Path(tempfile.mkdtemp(prefix="runshere-bench-"))
    os.environ.setdefault("BENCH_DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
    os.environ["DATABASE_URL"] = os.environ["BENCH_DATABASE_URL"]
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    os.environ["DEBUG"] = "false"
    os.environ.setdefault("SECRET_KEY", "measuring")
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
    load()
    verdicts()
    pages()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory: {most:.0f} MB at most, all of the above in one process")


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds and result of one call."""
    gc.collect()
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def load() -> None:
    """Records a second from a file, new and unchanged, beside only reading the file as JSON."""
    import gzip
    import json

    from compat import sync
    from compat.engines import ensure_settings
    from compat.files import BUNDLED, RecordFile

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
    from compat import sync
    from compat.engine import judge_all
    from compat.engines import engines
    from compat.metadata.facts import VariantFacts
    from compat.models import FactSheet, ModelRecord

    sheets = [
        [VariantFacts.from_json(fact) for fact in facts] for facts in FactSheet.objects.values_list("facts", flat=True)
    ]
    profiles = list(engines().values())
    pure, _ = timed(lambda: [judge_all(facts, profile) for profile in profiles for facts in sheets])
    stored, _ = timed(lambda: sync.reevaluate(everything=True))
    judged, records = len(sheets) * len(profiles), ModelRecord.objects.count()
    print(f"verdicts: {judged / pure:,.0f}/s by the rules alone, {judged / stored:,.0f}/s stored")
    print(
        f"          {records:,} records x {len(profiles)} engines judged again in {stored:.2f} s "
        f"({len(sheets):,} different sets of facts; {records * len(profiles) / stored:,.0f} record verdicts/s)"
    )


def pages() -> None:
    """Milliseconds a page takes inside the server, after one round to warm up; and its weight compressed."""
    import gzip

    from django.test import Client

    from compat import memo

    client = Client(headers={"host": "127.0.0.1"})
    print(f"{'page':<10}{'p50 ms':>9}{'p95 ms':>9}{'cold ms':>9}{'kB gzip':>9}")
    for name, urls in PAGES.items():
        memo.forget()
        cold = [timed(lambda url=url: client.get(url))[0] for url in urls]  # type: ignore[misc]
        weight = max(len(gzip.compress(client.get(url).content, 6)) for url in urls)
        times = []
        for url in islice(cycle(urls), ROUNDS):
            start = time.perf_counter()
            assert client.get(url).status_code == 200
            times.append(1000 * (time.perf_counter() - start))
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{name:<10}{statistics.median(times):>9.1f}{p95:>9.1f}{1000 * max(cold):>9.1f}{weight / 1000:>9.1f}")


if __name__ == "__main__":
    sys.exit(main())
