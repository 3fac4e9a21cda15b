"""One export from beginning to end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from django.conf import settings

from compat.queries import catalogue_state

from .catalogue import Catalogue
from .folder import Counts, SiteFolder, opened
from .render import PAGE_SIZE, Renderer, browse_path, model_path

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did."""

    models: int
    files: Counts


def export(output: Path, top: int, base: str, progress: Callable[[int], Progress], live: str = "") -> Exported:
    """Write the ``top`` best known models to a folder. ``progress`` is told how many there are, then each step.

    ``base`` is the address the exported site will have, ``live`` that of a running one with the whole catalogue.

    Raises :class:`~marketplace.static_site.folder.FolderError` where the folder cannot be used.
    """
    with opened(output) as folder:
        catalogue = Catalogue(top)
        advance = progress(len(catalogue.entries))
        renderer = Renderer(catalogue, base, live)
        for path, content in renderer.assets.values():
            folder.put(path, content)
        keys = _write_models(folder, catalogue, renderer, advance)
        _write_lists(folder, catalogue, renderer, keys)
        _write_rest(folder, catalogue, renderer)
        return Exported(len(catalogue.entries), folder.finish())


def _write_models(folder: SiteFolder, catalogue: Catalogue, renderer: Renderer, advance: Progress) -> list[str]:
    """Every model's page and JSON, made only where something they show has changed; the keys say of what."""
    common = f"{_release()} {renderer.base} {renderer.live} {[(one.slug, one.digest) for one in catalogue.profiles]}"
    keys = [_digest(f"{common} {catalogue.key_of(entry)}") for entry in catalogue.entries]
    stale = []
    for entry, key in zip(catalogue.entries, keys, strict=True):
        path = model_path(entry.record.repo_id)
        fresh = [folder.is_fresh(f"{path}{name}", key) for name in ("index.html", "model.json")]
        if not all(fresh):
            stale.append(entry)
    advance(len(keys) - len(stale))
    for detail in catalogue.details(stale):
        path, key = model_path(detail.entry.record.repo_id), keys[detail.entry.place]
        folder.put(f"{path}index.html", renderer.detail(detail), key)
        folder.put(f"{path}model.json", renderer.detail_json(detail), key)
        advance(1)
    return keys


def _write_lists(folder: SiteFolder, catalogue: Catalogue, renderer: Renderer, keys: list[str]) -> None:
    """The paged list of all models."""
    total = len(catalogue.entries)
    pages = max(1, -(-total // PAGE_SIZE))
    for number in range(1, pages + 1):
        shown = slice((number - 1) * PAGE_SIZE, number * PAGE_SIZE)
        key = _digest(f"{number} {pages} {total} {keys[shown]}")
        path = f"{browse_path(number)}index.html"
        if not keys or not folder.is_fresh(path, key):
            folder.put(path, renderer.browse(catalogue.entries[shown], number, pages), key)


def _write_rest(folder: SiteFolder, catalogue: Catalogue, renderer: Renderer) -> None:
    """Every page there is one of."""
    lists = catalogue.lists()
    changed = catalogue_state()[1]
    pages = max(1, -(-len(catalogue.entries) // PAGE_SIZE))
    addresses: list[tuple[str, datetime | None]] = [
        *((path, None) for path in ("", "lists/", "report/", "search/")),
        *((browse_path(number), None) for number in range(1, pages + 1)),
        *((f"lists/{view.curated.slug}/", None) for view in lists),
        *((model_path(entry.record.repo_id), entry.record.modified) for entry in catalogue.entries),
    ]
    for view in lists:
        folder.put(f"lists/{view.curated.slug}/index.html", renderer.curated(view))
    folder.put("lists/index.html", renderer.lists(lists))
    folder.put("report/index.html", renderer.report())
    folder.put("report/report.json", renderer.report_json())
    folder.put("search/index.html", renderer.search())
    folder.put("models/index.json", renderer.index())
    folder.put("404.html", renderer.not_found())
    folder.put("sitemap.xml", renderer.sitemap(addresses))
    folder.put("feed.xml", renderer.feed())
    folder.put(".nojekyll", "")
    folder.put("index.html", renderer.home(lists, changed))


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
