"""The exported edition of the site's pages: relative addresses of files, and every engine's verdict on board."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from django.utils.safestring import SafeString

from .catalogue import Catalogue, slug_of

HUB = "https://huggingface.co/"
_ROOT = f"@{secrets.token_hex(8)}/"
"""Stands for the way from a page to the site's first one, which differs with a page's depth. Nobody can guess it."""
_PAGES = {
    "home": "",
    "browse": "models/",
    "index": "models/index.json",
    "lists": "lists/",
    "report": "report/",
    "search": "search/",
    "feed": "feed.xml",
}


def browse_path(number: int) -> str:
    """Where a page of the list is, from the site's root."""
    return "models/" if number == 1 else f"pages/{number}/"


def model_path(repo_id: str) -> str:
    """Where a model's page is, from the site's root."""
    return f"models/{slug_of(repo_id)}/"


def rooted(text: str, root: str) -> str:
    """A page's text with its addresses; ``root`` leads from it to the site's first page."""
    return text.replace(f'"{_ROOT}"', f'"{root or "./"}"').replace(_ROOT, root)


class Files:
    """Pages as files. ``live`` is the address of a running site, which knows the models that are not exported."""

    exported = True

    def __init__(self, catalogue: Catalogue, assets: Mapping[str, str], live: str) -> None:
        self._catalogue = catalogue
        self._assets = assets
        self._live = live

    def path(self, name: str, *args: str) -> str:
        """Where a page is, from the site's root; a whole address for a model that is not exported."""
        if name == "list":
            return f"lists/{args[0]}/"
        if name == "list-feed":
            return f"lists/{args[0]}/feed.xml"
        if name != "detail":
            return _PAGES[name]
        if args[0] in self._catalogue.by_id:
            return model_path(args[0])
        return f"{self._live}models/{args[0]}/" if self._live else f"{HUB}{args[0]}"

    def page(self, name: str, *args: str) -> str:
        """The address of a page, by the name its route has."""
        path = self.path(name, *args)
        return path if path.startswith(("https://", "http://")) else _ROOT + path

    def browse(self, query: str) -> str:
        """The address of a page of the list, the only question that files answer."""
        return _ROOT + browse_path(int(parse_qs(query).get("page", ["1"])[0]))

    def file(self, path: str) -> str:
        """The address of a style sheet, script or icon."""
        return _ROOT + self._assets[path]

    def only_on(self, workers: Sequence[str]) -> SafeString:
        """The attributes of what is shown for some engines only; the script shows and hides it."""
        hidden = "" if self._catalogue.workers[0].slug in workers else " hidden"
        return SafeString(f' data-for="{" ".join(workers)}"{hidden}')

    def verdicts_of(self, repo_id: str, position: int | None = None) -> SafeString:
        """The attribute with a character an engine, of which the script makes badges; none where it is not exported."""
        entry = self._catalogue.by_id.get(repo_id)
        if entry is None:
            return SafeString("")
        codes = entry.codes if position is None else entry.verdicts.codes_of(position)
        return SafeString(f' data-v="{codes}"')
