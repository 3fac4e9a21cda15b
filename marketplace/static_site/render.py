"""What is in every file of the exported site: its pages, from the site's own templates, and the same for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.serializers.json import DjangoJSONEncoder
from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader

from compat.catalogue import HomePage, ListPage, Report
from compat.catalogue.browse import Paging
from compat.catalogue.columns import license_label
from compat.catalogue.overview import WorkerCard
from compat.models import CuratedList
from marketplace import VERSION
from marketplace.api import serialise
from marketplace.pages.detail import answered
from marketplace.rendering import environment_of

from .catalogue import CODES, Catalogue, Detail, Entry
from .edition import Files, browse_path, model_path, rooted
from .folder import digest_of

PAGE_SIZE = 50
ASSETS = (
    "css/site.css",
    "js/theme.js",
    "js/site.js",
    "js/static-search.js",
    "icons/sprite.svg",
    "icons/favicon.svg",
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)


class Renderer:
    """Makes the content of every file. ``base`` is the address the site will have; empty where it is not told.

    ``live`` is the address of a running site, which knows the models that are not exported; empty without one.
    """

    def __init__(self, catalogue: Catalogue, base: str, live: str = "") -> None:
        self.catalogue = catalogue
        self.base, self.live = (told.rstrip("/") + "/" if told else "" for told in (base, live))
        self.assets = {name: _asset(name) for name in ASSETS}
        self.edition = Files(catalogue, {name: path for name, (path, _) in self.assets.items()}, self.live)
        site = FileSystemLoader(settings.BASE_DIR / "templates")
        own = FileSystemLoader(settings.BASE_DIR / "templates/static_site")
        # Its own frame and its two own pages come first; they may extend the site's.
        loader = ChoiceLoader([own, site, PrefixLoader({"site": site})])
        self._templates = environment_of(self.edition, panels=20_000, loader=loader)
        self._templates.globals.update(
            version=VERSION,
            policy=POLICY,
            live=self.live,
            elsewhere="the whole catalogue" if self.live else "the Hub",
            workers=self.catalogue.workers,
            codes=json.dumps(CODES, separators=(",", ":")),
        )

    def page(self, template: str, path: str, section: str = "", **context: Any) -> str:
        """A whole page, for its place below the site's root."""
        canonical = self.base and self.base + path
        made = self._templates.get_template(template).render(canonical=canonical, section=section, **context)
        return rooted(made, "../" * path.count("/"))

    def model_paths(self, place: int) -> tuple[str, str]:
        """The files about a model."""
        path = model_path(self.catalogue.entries[place].record.repo_id)
        return f"{path}index.html", f"{path}model.json"

    def model_files(self, places: Sequence[int]) -> list[tuple[str, str]]:
        """Path and content of what tells of some models."""
        files: list[tuple[str, str]] = []
        for detail in self.catalogue.details([self.catalogue.entries[place] for place in places]):
            page, data = self.model_paths(detail.entry.place)
            files += [(page, self.detail(detail)), (data, self.detail_json(detail))]
        return files

    def detail(self, detail: Detail) -> str:
        """A model's page."""
        path = model_path(detail.entry.record.repo_id)
        return self.page("pages/detail.html", path, "detail", **answered(detail.page, detail.answers))

    def detail_json(self, detail: Detail) -> str:
        """The same for programs: what the API answers for the default engine, and every engine's verdict.

        Alternatives are left out: their counts of downloads change every day, and with them every file.
        """
        told = serialise.detail(detail.page, [], lambda record: (self.base or "/") + model_path(record.repo_id))
        for name in _NOT_EXPORTED:
            del told[name]
        told["verdicts"] = {
            answer.worker.slug: answer.result.as_json()
            | {"best": answer.best.label if answer.result.compatible and answer.best else None}
            for answer in detail.answers
        }
        return _json(told)

    @cached_property
    def pages(self) -> range:
        """The numbers of the pages of the list; an empty list has one."""
        return range(1, max(1, -(-len(self.catalogue.entries) // PAGE_SIZE)) + 1)

    def shown(self, number: int) -> Sequence[Entry]:
        """The models on a page of the list."""
        return self.catalogue.entries[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]

    def list_paths(self, number: int) -> tuple[str, ...]:
        """The files of a page of the list."""
        return (f"{browse_path(number)}index.html",)

    def list_files(self, numbers: Sequence[int]) -> list[tuple[str, str]]:
        """Path and content of some pages of the list."""
        self.catalogue.rows([entry for number in numbers for entry in self.shown(number)])
        return [(self.list_paths(number)[0], self.browse(number)) for number in numbers]

    def browse(self, number: int) -> str:
        """One page of the list, best known first."""
        last = self.pages[-1]
        around = [n for n in self.pages if n in (1, last) or abs(n - number) <= 2]
        gaps = {n for before, n in pairwise(around) if n - before > 1}
        paging = Paging(
            number,
            last,
            f"page={number - 1}" if number > 1 else "",
            f"page={number + 1}" if number < last else "",
            tuple((n, f"page={n}", n in gaps) for n in around),
        )
        return self.page(
            "pages/browse.html",
            browse_path(number),
            "browse",
            rows=self.catalogue.rows(self.shown(number)),
            profile=self.catalogue.workers[0].profile,
            paging=paging,
            total=len(self.catalogue.entries),
        )

    def home(self, lists: Sequence[CuratedList]) -> str:
        """The first page."""
        dates = sorted(entry.record.as_of for entry in self.catalogue.entries if entry.record.as_of)
        unknown = [sum(line.count for line in report.lines if line.key == "unknown") for report in self.reports]
        shares = [
            WorkerCard(report.worker, report.by_confidence, count)
            for report, count in zip(self.reports, unknown, strict=True)
        ]
        sure = [entry for entry in self.catalogue.entries if entry.codes[0] in "23"][:8]
        page = HomePage(
            worker=self.catalogue.workers[0],
            total=len(self.catalogue.entries),
            by_confidence=shares[0].by_confidence,
            unknown=shares[0].unknown,
            first=self.catalogue.rows(sure or self.catalogue.entries[:8]),
            lists=list(lists),
            recorded=(dates[0], dates[-1]) if dates else (),
        )
        return self.page("pages/home.html", "", page=page, shares=shares, samples=())

    @cached_property
    def reports(self) -> list[Report]:
        """Every engine's numbers."""
        return self.catalogue.reports()

    def report(self) -> str:
        """How much runs, on every engine."""
        context = {"page": self.reports[0], "reports": self.reports, "tops": (), "problem": ""}
        return self.page("pages/report.html", "report/", "report", **context)

    def report_json(self) -> str:
        """The same numbers for programs."""
        return _json([report.as_json() for report in self.reports])

    def lists(self, lists: Sequence[CuratedList]) -> str:
        """All curated lists."""
        return self.page("pages/lists.html", "lists/", "lists", lists=lists)

    def curated(self, page: ListPage) -> str:
        """One curated list."""
        return self.page("pages/list.html", f"lists/{page.curated.slug}/", "list", page=page)

    def search(self) -> str:
        """The page where search happens."""
        return self.page("pages/search.html", "search/", total=len(self.catalogue.entries))

    def not_found(self) -> str:
        """Shown at any depth, so its links begin at the site's root."""
        made = self._templates.get_template("404.html").render(canonical="", section="", exception="")
        return rooted(made, urlsplit(self.base).path or "/")

    def index(self) -> str:
        """What search needs, small: the engines, then a line a model with its verdicts, a character an engine."""
        models = [
            [
                entry.record.repo_id,
                entry.codes,
                entry.record.parameters_text if entry.record.parameters else "",
                license_label(entry.record.license),
            ]
            for entry in self.catalogue.entries
        ]
        workers = [[worker.slug, worker.name] for worker in self.catalogue.workers]
        return _json({"version": VERSION, "codes": CODES, "workers": workers, "models": models})


_NOT_EXPORTED = (
    *("alternatives", "measured", "model", "builds", "oneChange"),
    *("surerBuild", "perhapsBuild", "otherEngines"),
)
"""What the API tells of a model that changes with every day's downloads, or needs a machine."""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), cls=DjangoJSONEncoder)


def _asset(name: str) -> tuple[str, bytes]:
    """An asset's path with its digest in the name, so that a host may keep it for ever; and its content."""
    found = finders.find(name)
    if not isinstance(found, str):
        raise FileNotFoundError(f"The site's own file {name} is missing.")
    content = Path(found).read_bytes()
    stem, _, suffix = name.rpartition("/")[2].rpartition(".")
    return f"assets/{stem}.{digest_of(content)[:10]}.{suffix}", content
