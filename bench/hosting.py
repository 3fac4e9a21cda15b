"""What the three ways to serve the site cost, in requests and bytes: ``python -m bench.hosting [--views 10000]``.

Visitors are drawn by the downloads of the catalogue's models: each looks at the list and at two models. The cache is
the nginx of docs/cache.md, the plain files are those of ``export_site --top 100``. Needs nginx and a full catalogue.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from threading import local

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
os.environ.setdefault("SECRET_KEY", "only for measuring")

import django

django.setup()

from django.conf import settings  # noqa: E402 - here and below: known only to a project that is set up
from django.core.management import call_command  # noqa: E402

from compat.models import ModelRecord  # noqa: E402
from marketplace.static_site import export  # noqa: E402
from tests.running import free_port, running_site  # noqa: E402
from tests.test_cache_in_front import config, nginx  # noqa: E402

TOP = 100


def visitors(views: int) -> list[str]:
    """Addresses in the order they are asked for; the same ones each time."""
    told = ModelRecord.objects.filter(downloads__gt=0).order_by("-popularity")
    known = list(told.values_list("repo_id", "downloads"))
    names, weights = [name for name, _ in known], list(accumulate(count for _, count in known))
    chance = random.Random(7)
    paths: list[str] = []
    while len(paths) < views:
        paths += ["/models/", *(f"/models/{name}/" for name in chance.choices(names, cum_weights=weights, k=2))]
    return paths[:views]


class Visitors:
    """Ask for pages through a cache as browsers without a memory do; count what came and what the cache did."""

    def __init__(self, port: int) -> None:
        self._port, self._own = port, local()
        self.bytes, self.did = 0, Counter[str]()

    def ask(self, path: str) -> None:
        """One page."""
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        self._own.connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        response = self._own.connection.getresponse()
        body = response.read()
        assert response.status == 200, (path, response.status)
        self.bytes += len(body)
        self.did[response.headers["X-Cache"]] += 1


def packed(content: bytes) -> int:
    """Bytes on the wire."""
    return len(gzip.compress(content, 6))


def plain_files(folder: Path, paths: list[str]) -> None:
    """The first way: what a visit takes, and how many of the visits find their model."""
    done = export(folder, TOP, "https://models.example.org/", lambda _total: lambda _done: None)
    files = [path for path in folder.rglob("*") if path.is_file()]
    shared = sum(packed(path.read_bytes()) for path in (folder / "assets").iterdir())
    pages = {path.parent.name: packed(path.read_bytes()) for path in folder.glob("models/*--*/index.html")}
    looks = [path.split("/", 2)[2].strip("/").replace("/", "--") for path in paths if path != "/models/"]
    found = sum(name in pages for name in looks)
    size = sum(path.stat().st_size for path in files)
    first = packed((folder / "index.html").read_bytes()) + shared
    print(f"plain files   {done.models} models, {len(files)} files, {size / 1e6:.1f} MB")
    print(f"              first page {first / 1e3:.0f} kB with all it needs")
    print(f"              then {sum(pages.values()) / len(pages) / 1e3:.1f} kB a model; no request reaches a server")
    print(f"              {100 * found / len(looks):.0f} % of the models looked at are among them")


def behind_a_cache(folder: Path, paths: list[str], name: str, every: float) -> None:
    """The second way: what reaches the site."""
    inner, outer = free_port(), free_port()
    told = config("cache.md").replace("127.0.0.1:8000", f"127.0.0.1:{inner}").replace("listen 80;", f"listen {outer};")
    told = told.replace("/var/cache/nginx/runshere", str(folder / "cache"))
    environment = os.environ | {"ALLOWED_HOSTS": "127.0.0.1", "HF_HUB_OFFLINE": "1", "WEB_WORKERS": "2"}
    environment["STATIC_ROOT"] = str(settings.STATIC_ROOT)
    folder.mkdir(exist_ok=True)
    with running_site(environment, folder, inner) as site, nginx(folder, told, outer):
        asking = Visitors(outer)
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            for number, path in enumerate(paths):
                if every:
                    time.sleep(max(0.0, started + number * every - time.monotonic()))
                pool.submit(asking.ask, path)
        seconds = time.monotonic() - started
        time.sleep(1)
        reached = Counter(status for path, status in site.requests() if path.startswith("/models/"))
    did = ", ".join(f"{count:,} {what}" for what, count in asking.did.most_common())
    print(f"{name:13s} {len(paths):,} pages in {seconds:.0f} s, {len(set(paths)):,} different ones: {did}")
    print(f"              reached the site: {sum(reached.values()):,} ({dict(reached)})")
    print(f"              to visitors {asking.bytes / 1e6:.1f} MB, {asking.bytes / len(paths) / 1e3:.1f} kB a page")


def main() -> int:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=300, help="how long one page a second is asked for")
    options = parser.parse_args()
    if not ModelRecord.objects.exists():
        print("The catalogue is empty: run `make run` once, or set DATABASE_URL.", file=sys.stderr)
        return 1
    call_command("collectstatic", "--noinput", verbosity=0)
    paths = visitors(options.views)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        plain_files(folder / "dist", paths)
        behind_a_cache(folder / "burst", paths, "cache, burst", 0)
        if options.seconds:
            behind_a_cache(folder / "calm", paths[: options.seconds], "cache, calm", 1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
