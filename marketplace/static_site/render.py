"""Pages of the exported site: the site's own look, with relative links and every engine's verdict on board."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.backends.django import DjangoTemplates
from django.utils.safestring import SafeString, mark_safe

from compat.catalogue import Report
from compat.catalogue.columns import license_label
from compat.engines import EngineProfile
from compat.rules import CompatibilityResult
from marketplace import VERSION

from .catalogue import Catalogue, Detail, Entry, ListView, slug_of
from .folder import digest_of
from .tags import CODES, SPRITE

PAGE_SIZE = 50
NEWEST = 50
HUB = "https://huggingface.co/"
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


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant's line: what every engine says of it, and on which it is the best one."""

    variant: Any
    result: CompatibilityResult
    codes: str
    best_on: str
    best: bool


@dataclass(frozen=True, slots=True)
class Take:
    """What to download, and on which engines that is the answer."""

    variant: Any
    on: str
    default: bool


class Renderer:
    """Makes the content of every file. ``base`` is the address the site will have; empty where it is not told.

    ``live`` is the address of a running site, which knows the models that are not exported; empty without one.
    """

    def __init__(self, catalogue: Catalogue, base: str, live: str = "") -> None:
        self.catalogue = catalogue
        self.base, self.live = (told.rstrip("/") + "/" if told else "" for told in (base, live))
        self._profiles = catalogue.profiles
        self._slugs = [profile.slug for profile in self._profiles]
        self._engine = DjangoTemplates(
            {
                "NAME": "static_site",
                "DIRS": [settings.BASE_DIR / "templates"],
                "APP_DIRS": False,
                "OPTIONS": {
                    "builtins": ["marketplace.templatetags.show", "marketplace.static_site.tags"],
                    "context_processors": [],
                },
            }
        )
        self.assets = {name: _asset(name) for name in ASSETS}
        self._hashed = {name: path for name, (path, _) in self.assets.items()}
        self._shell = lru_cache(maxsize=None)(self._make_shell)
        self._verdict = lru_cache(maxsize=20_000)(self._make_verdict)
        self._other = lru_cache(maxsize=20_000)(self._make_other)

    def page(self, template: str, root: str, section: str, **context: Any) -> str:
        """A whole page; ``root`` leads from it to the site's first page."""
        shell = self._shell(root, section)
        common = {"root": root, "shell": shell, "policy": POLICY, "hub": HUB, "live": self.live}
        common["default"] = self._slugs[0]
        made = self._make(template, common | context)
        return made.replace(SPRITE, f'<use href="{root}{self._hashed["icons/sprite.svg"]}#')

    def _make(self, template: str, context: Mapping[str, Any]) -> str:
        return self._engine.get_template(f"static_site/{template}").render(dict(context))

    def _make_shell(self, root: str, section: str) -> Mapping[str, SafeString]:
        """What all pages of one depth and section have in common, made once."""
        context = {
            "root": root,
            "section": section,
            "assets": self._hashed,
            "sprite": root + self._hashed["icons/sprite.svg"],
            "profiles": self._profiles,
            "codes": json.dumps(CODES, separators=(",", ":")),
            "version": VERSION,
            "feed": self.base,
            "live": self.live,
        }
        return {name: mark_safe(self._make(f"_{name}.html", context)) for name in ("head", "header", "footer")}  # noqa: S308 - made by an escaping template

    def _make_verdict(self, number: int, result: CompatibilityResult) -> SafeString:
        """One engine's verdict in full; the same for many models, so made once for each result."""
        context = {"profile": self._profiles[number], "result": result, "default": not number}
        return mark_safe(self._make("_verdict.html", context))  # noqa: S308 - made by an escaping template

    def _make_other(self, place: int) -> SafeString:
        """A line that leads to a model, by its place; the best known ones are offered on many pages."""
        return mark_safe(self._make("_other.html", {"other": self.catalogue.entries[place]}))  # noqa: S308 - made by an escaping template

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
        entry = detail.entry
        outcomes = entry.verdicts.outcomes
        runs = [outcome.compatible for outcome in outcomes]
        best = entry.verdicts.best
        return self.page(
            "detail.html",
            "../../",
            "models",
            page=detail.page,
            entry=entry,
            canonical=self.base and f"{self.base}models/{entry.slug}/",
            verdicts=[self._verdict(number, outcome) for number, outcome in enumerate(outcomes)],
            takes=[
                Take(variant, self._names(on), 0 in on)
                for variant in detail.variants
                if (on := [n for n in range(len(best)) if runs[n] and best[n] == variant.position])
            ],
            refused_on=self._names([n for n in range(len(best)) if not runs[n]]),
            variants=[
                Variant(
                    row.variant,
                    row.result,
                    entry.verdicts.codes_of(row.variant.position),
                    self._names([n for n in range(len(best)) if runs[n] and best[n] == row.variant.position]),
                    row.best and runs[0],
                )
                for row in detail.page.variants
            ],
            alternatives=[self._other(other.place) for other in self.catalogue.alternatives(entry)],
            bases=[
                (relation, self.catalogue.by_id.get(relation.repo_id)) for relation in detail.page.extraction.relations
            ],
        )

    def _names(self, numbers: Iterable[int]) -> str:
        return " ".join(self._slugs[number] for number in numbers)

    def detail_json(self, detail: Detail) -> str:
        """The same for programs."""
        record, facts = detail.entry.record, detail.page.extraction
        verdicts = {
            profile.slug: outcome.as_json()
            | {"best": detail.variants[best].label if outcome.compatible and best < len(detail.variants) else None}
            for profile, outcome, best in zip(
                self._profiles, detail.entry.verdicts.outcomes, detail.entry.verdicts.best, strict=True
            )
        }
        return _json(
            {
                "id": record.repo_id,
                "hub": HUB + record.repo_id,
                "sha": record.sha or None,
                "task": record.task or None,
                "license": record.license or None,
                "architecture": facts.architecture.value,
                "family": facts.family,
                "parameters": record.parameters,
                "maxContextLength": record.context,
                "formats": record.formats.split(),
                "sizeBytes": record.size_bytes,
                "downloads": record.downloads,
                "likes": record.likes,
                "gated": record.gated or False,
                "created": _stamp(record.created),
                "modified": _stamp(record.modified),
                "asOf": record.as_of or None,
                "verdicts": verdicts,
                "variants": [
                    {
                        "label": variant.label,
                        "format": variant.format or None,
                        "quantization": variant.quantization or None,
                        "sizeBytes": variant.size_bytes,
                        "files": variant.files,
                    }
                    for variant in detail.variants
                ],
            }
        )

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
        return [(self.list_paths(number)[0], self.browse(number)) for number in numbers]

    def browse(self, number: int) -> str:
        """One page of the list, best known first."""
        last = self.pages[-1]
        root = "../" if number == 1 else "../../"
        around = [n for n in self.pages if n in (1, last) or abs(n - number) <= 2]
        gaps = [n for n, before in zip(around[1:], around, strict=False) if n - before > 1]
        return self.page(
            "browse.html",
            root,
            "models",
            rows=self._rows(self.shown(number)),
            number=number,
            pages=last,
            around=[(n, browse_path(n), n in gaps) for n in around],
            before=browse_path(number - 1) if number > 1 else "",
            after=browse_path(number + 1) if number < last else "",
            total=len(self.catalogue.entries),
        )

    def _rows(self, entries: Sequence[Entry]) -> list[tuple[Entry, Any]]:
        best = self.catalogue.best_variants(entries)
        return [(entry, best.get(entry.place)) for entry in entries]

    def home(self, lists: Sequence[ListView], changed: datetime | None) -> str:
        """The first page."""
        entries = self.catalogue.entries
        sure = [entry for entry in entries if entry.codes[0] in "23"][:8]
        return self.page(
            "home.html",
            "",
            "",
            canonical=self.base,
            total=len(entries),
            worker=self._profiles[0].name,
            shares=[_Share.of(report) for report in self.reports],
            rows=self._rows(sure or entries[:8]),
            sure=bool(sure),
            lists=lists[:6],
            changed=changed,
        )

    @cached_property
    def reports(self) -> list[Report]:
        """Every engine's numbers."""
        return self.catalogue.reports()

    def report(self) -> str:
        """How much runs, on every engine."""
        return self.page("report.html", "../", "report", reports=self.reports, total=len(self.catalogue.entries))

    def report_json(self) -> str:
        """The same numbers for programs."""
        return _json([report.as_json() for report in self.reports])

    def lists(self, lists: Sequence[ListView]) -> str:
        """All curated lists."""
        return self.page("lists.html", "../", "lists", lists=lists)

    def curated(self, view: ListView) -> str:
        """One curated list."""
        return self.page("list.html", "../../", "lists", view=view, curated=view.curated)

    def search(self) -> str:
        """The page where search happens."""
        return self.page("search.html", "../", "search", total=len(self.catalogue.entries))

    def not_found(self) -> str:
        """Shown at any depth, so its links begin at the site's root."""
        return self.page("not_found.html", urlsplit(self.base).path or "/", "")

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
        workers = [[profile.slug, profile.name] for profile in self._profiles]
        return _json({"version": VERSION, "codes": CODES, "workers": workers, "models": models})

    def sitemap(self, addresses: Iterable[tuple[str, datetime | None]]) -> str:
        """Every page, with the day its model last changed where the Hub told it."""
        told = [(self.base or "/", path, moment) for path, moment in addresses]
        return self._make("sitemap.xml", {"pages": told})

    def feed(self) -> str:
        """The newest models of the export, as Atom. Models of unknown age are left out."""
        dated = [entry for entry in self.catalogue.entries if entry.record.created]
        newest = sorted(dated, key=lambda entry: (-entry.record.created.timestamp(), entry.place))[:NEWEST]  # type: ignore[union-attr]
        updated = max((_later(entry) for entry in newest), default=datetime(1970, 1, 1, tzinfo=UTC))
        context = {
            "base": self.base or "/",
            "id": uuid5(NAMESPACE_URL, self.base or "RunsHere"),
            "hub": HUB,
            "updated": _stamp(updated),
            "worker": self._profiles[0].name,
            "entries": [(entry, _stamp(entry.record.created), _stamp(_later(entry))) for entry in newest],
        }
        return self._make("feed.xml", context)


@dataclass(frozen=True, slots=True)
class _Share:
    """An engine's numbers as a picture needs them."""

    profile: EngineProfile
    by_confidence: Mapping[int, int]
    unknown: int
    running: int

    @classmethod
    def of(cls, report: Report) -> _Share:
        counts = {line.key: line.count for line in report.lines}
        return cls(report.profile, report.by_confidence, counts["unknown"], counts["compatible"])


def browse_path(number: int) -> str:
    """Where a page of the list is, from the site's root."""
    return "models/" if number == 1 else f"pages/{number}/"


def model_path(repo_id: str) -> str:
    """Where a model's page is, from the site's root."""
    return f"models/{slug_of(repo_id)}/"


def _later(entry: Entry) -> datetime:
    """When a dated model last changed."""
    moments = [moment for moment in (entry.record.modified, entry.record.created) if moment]
    return max(moments)


def _stamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _asset(name: str) -> tuple[str, bytes]:
    """An asset's path with its digest in the name, so that a host may keep it for ever; and its content."""
    found = finders.find(name)
    if not isinstance(found, str):
        raise FileNotFoundError(f"The site's own file {name} is missing.")
    content = Path(found).read_bytes()
    stem, _, suffix = name.rpartition("/")[2].rpartition(".")
    return f"assets/{stem}.{digest_of(content)[:10]}.{suffix}", content
