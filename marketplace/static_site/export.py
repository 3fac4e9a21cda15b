"""One export from beginning to end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from compat.batches import batched
from compat.catalogue import curated_list, published_lists

from .catalogue import CHUNK, Catalogue
from .channels import Channels
from .folder import Counts, SiteFolder, open_folder
from .makers import Job, make_pages
from .render import Renderer

Progress = Callable[[int], None]
LISTS_AT_ONCE = 10
"""So many pages of the list are one job."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did."""

    models: int
    files: Counts


def export(
    output: Path, top: int, base: str, progress: Callable[[int], Progress], live: str = "", processes: int = 1
) -> Exported:
    """Write the ``top`` best known models to a folder. ``progress`` is told how many pages there are, then each step.

    ``base`` is the address the exported site will have, ``live`` that of a running one with the whole catalogue. So
    many ``processes`` make pages where there is work for several and no transaction is open.

    Raises :class:`~marketplace.static_site.folder.FolderError` where the folder cannot be used, and
    :class:`~concurrent.futures.process.BrokenProcessPool` where one of the processes is ended from outside.
    """
    with open_folder(output) as folder:
        catalogue = Catalogue(top)
        renderer = Renderer(catalogue, base, live)
        for path, content in renderer.assets.values():
            folder.put(path, content)
        _write_keyed(folder, renderer, progress, processes)
        _write_rest(folder, catalogue, renderer)
        return Exported(len(catalogue.entries), folder.finish())


def _write_keyed(folder: SiteFolder, renderer: Renderer, progress: Callable[[int], Progress], processes: int) -> None:
    """Every model, and the list of all: made only where something they show has changed, of which the keys say."""
    catalogue = renderer.catalogue
    engines = [(one.slug, one.profile.digest) for one in catalogue.workers]
    common = f"{_release()} {renderer.base} {renderer.live} {engines}"
    models = {entry.place: _digest(f"{common} {catalogue.key_of(entry)}") for entry in catalogue.entries}
    lists = {
        number: _digest(f"{common} {len(models)} {number} {[models[entry.place] for entry in renderer.shown(number)]}")
        for number in renderer.pages
    }
    keys: dict[str, str] = {}

    def stale(told: Mapping[int, str], paths_of: Callable[[int], Sequence[str]]) -> Iterator[int]:
        for number, key in told.items():
            paths = paths_of(number)
            keys.update(dict.fromkeys(paths, key))
            if not all(folder.is_fresh(path, key) for path in paths):
                yield number

    jobs: list[Job] = [
        *((Renderer.model_files, some) for some in batched(stale(models, renderer.model_paths), CHUNK)),
        *((Renderer.list_files, some) for some in batched(stale(lists, renderer.list_paths), LISTS_AT_ONCE)),
    ]
    with make_pages(renderer, jobs, processes) as parts:
        total = len(models) + len(lists)
        advance = progress(total)
        advance(total - sum(len(numbers) for _, numbers in jobs))
        for (_, numbers), files in zip(jobs, parts, strict=True):
            for path, content in files:
                folder.put(path, content, keys[path])
            advance(len(numbers))


def _write_rest(folder: SiteFolder, catalogue: Catalogue, renderer: Renderer) -> None:
    """Every page there is one of."""
    lists = published_lists()
    channels = Channels(renderer)
    for one in lists:
        page = curated_list(one.slug)
        folder.put(f"lists/{one.slug}/index.html", renderer.curated(page))
        folder.put(f"lists/{one.slug}/feed.xml", channels.curated(page))
    folder.put("lists/index.html", renderer.lists(lists))
    folder.put("report/index.html", renderer.report())
    folder.put("report/report.json", renderer.report_json())
    folder.put("search/index.html", renderer.search())
    folder.put("models/index.json", renderer.index())
    folder.put("404.html", renderer.not_found())
    folder.put("feed.xml", channels.newest())
    folder.put("sitemap.xml", channels.sitemap())
    folder.put("robots.txt", channels.robots())
    folder.put(".nojekyll", "")
    folder.put("index.html", renderer.home(lists))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


@cache
def _release() -> str:
    """Changes with anything of the program that could change a page: its code and its templates."""
    state = hashlib.blake2b(digest_size=12)
    for pattern in ("compat/**/*.py", "marketplace/**/*.py", "templates/**/*", "static/**/*"):
        for path in sorted(settings.BASE_DIR.glob(pattern)):
            if path.is_file():
                state.update(path.read_bytes())
    return state.hexdigest()
