"""The environment of the site's templates: what they may call, and how they write addresses.

Templates are Jinja's; the admin's own stay Django's. A new filter or function is a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from django.conf import settings
from django.template import defaultfilters
from django.template.backends.jinja2 import Jinja2, Template
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from django.utils.translation import get_language, get_language_info, gettext, ngettext
from django_htmx.jinja import htmx_script
from jinja2 import Environment, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from compat.catalogue import Row
from compat.catalogue.columns import license_label
from compat.catalogue.facets import FacetValue, FacetView
from compat.catalogue.membership import ModelOf
from compat.catalogue.needs import files_of_variant
from compat.catalogue.suggesting import Standing
from compat.engines import EngineProfile
from compat.estimate.quality import quality_of
from compat.estimate.run_line import hub_line
from compat.extraction.extract import format_label
from compat.extraction.languages import language_label
from compat.extraction.task import task_label
from compat.rules import CompatibilityResult
from marketplace.addresses import with_query

from . import show
from .compiled_templates import CompiledTemplates
from .sessions import has_session
from .translating import TranslatedTemplates, told


def _in_words(label: Callable[[str], str]) -> Callable[[str], str]:
    """A label that is English elsewhere, as pages say it."""
    return lambda value: told(label(value))


FILTERS = {
    "ago": show.ago,
    "between": show.between,
    "code_spans": show.code_spans,
    "compact": show.compact,
    "count": show.count,
    "date": show.date,
    "day": show.day,
    "deviation": show.deviation,
    "error_share": show.error_share,
    "few": show.few,
    "floatformat": defaultfilters.floatformat,
    "format_label": _in_words(format_label),
    "gib": show.gib,
    "fullest_words": show.fullest_words,
    "mib": show.mib,
    "need_words": show.need_words,
    "pace": show.pace,
    "wait": show.wait,
    "kilo": show.kilo,
    "language_label": _in_words(language_label),
    "level_class": show.level_class,
    "license_label": _in_words(license_label),
    "linebreaksbr": defaultfilters.linebreaksbr,
    "made_by": show.made_by,
    "made_of": show.made_of,
    "margin_share": show.margin_share,
    "margin_words": show.margin_words,
    "part_hint": show.part_hint,
    "percent": show.percent,
    "plan_title": show.plan_title,
    "report_links": show.report_links,
    "size": show.size,
    "rate": show.rate,
    "small_first": show.small_first,
    "task_label": _in_words(task_label),
    "told": told,
    "truncatechars": defaultfilters.truncatechars,
    "untold": show.untold,
    "verdict_class": show.verdict_class,
    "verdict_word": show.verdict_word,
}

FUNCTIONS = {
    "quality_of": quality_of,
    "has_session": has_session,
    "get_line": lambda record, variant: hub_line(files_of_variant(record, variant, ())),
    "absent": show.absent,
    "bar": show.bar,
    "card_bar": show.card_bar,
    "column_scale": show.column_scale,
    "comb": show.comb,
    "dash": show.dash,
    "fact": show.fact,
    "fit_bar": show.fit_bar,
    "legend": show.legend,
    "need_column": show.need_column,
    "memory_bar": show.memory_bar,
    "term": show.term,
    "verdict_bar": show.verdict_bar,
}


class Edition(Protocol):
    """Where pages are shown: how they write addresses there, and what they say for which worker."""

    exported: bool
    """Whether pages are plain files, for every engine at once, rather than answers for one visitor's worker."""

    def page(self, name: str, *args: str) -> str:
        """The address of a page, by the name its route has."""

    def browse(self, query: str) -> str:
        """The address of a list of models, by its query string."""

    def file(self, path: str) -> str:
        """The address of a style sheet, script or icon."""

    def only_on(self, workers: Sequence[str]) -> str:
        """The attributes of what is shown for some workers only, by their slugs."""

    def verdicts_of(self, repo_id: str, position: int | None = None) -> str:
        """The attribute that carries every worker's verdict on a model, or on one of its variants."""


class Site:
    """The running site: a page is for one worker, so there is nothing to mark."""

    exported = False

    def page(self, name: str, *args: str) -> str:
        """The address of a page, by the name its route has."""
        return _reversed(get_script_prefix(), name, args)

    def browse(self, query: str) -> str:
        """The address of a list of models, by its query string."""
        return with_query(self.page("browse"), query)

    def file(self, path: str) -> str:
        """The address of a static file."""
        return _static(get_script_prefix(), path)

    def only_on(self, workers: Sequence[str]) -> str:
        """Nothing: there is one worker."""
        return ""

    def verdicts_of(self, repo_id: str, position: int | None = None) -> str:
        """Nothing: the badge says it."""
        return ""


_COUNT = "\0"
"""Stands for a number in what is rendered before the number is known."""
_WORKER = "\1"
"""Stands for the worker's part of an address in the same way."""
_ALSO_WORKER = "\2"
"""The same behind other parameters."""


@lru_cache(maxsize=4096)
def _reversed(prefix: str, name: str, args: tuple[str, ...]) -> str:
    """Found once for each name and argument; ``prefix`` is the path below which the site is served."""
    return reverse(name, args=args)


@lru_cache(maxsize=256)
def _static(prefix: str, path: str) -> str:
    """The same for a static file."""
    return static(path)


class Templates(Jinja2):
    """Django's backend for Jinja, with an environment for each language; settings name it."""

    def __init__(self, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._translated: dict[str, Jinja2] = {}
        for code, _ in settings.LANGUAGES:
            if code != settings.LANGUAGE_CODE:
                other = self._translated[code] = copy(self)
                options: dict[str, Any] = {"loader": self.env.loader, "auto_reload": self.env.auto_reload}
                other.env = environment_of(Site(), language=code, **options)

    def get_template(self, template_name: str) -> Template:
        """A template, compiled for the language in which the page is answered."""
        return Jinja2.get_template(self._translated.get(get_language() or "", self), template_name)


def environment(**options: Any) -> Environment:
    """The running site's environment in English; settings name it."""
    return environment_of(Site(), **options)


def environment_of(edition: Edition, panels: int = 2048, language: str = "en", **options: Any) -> Environment:
    """An environment for pages of one edition in one language. Texts are escaped; a name that nobody gave is an error.

    ``panels`` is how many verdicts in full are kept once rendered, a kilobyte each.
    """
    strict = {"autoescape": True, "undefined": StrictUndefined, "keep_trailing_newline": True}
    made = Environment(**{**options, **strict})  # noqa: S701 - it is told to escape
    if settings.TEMPLATES_ROOT is not None:
        made.bytecode_cache = CompiledTemplates(settings.TEMPLATES_ROOT, language)
    made.globals["language"] = language
    made.policies["ext.i18n.trimmed"] = True
    made.add_extension(TranslatedTemplates)
    made.install_gettext_callables(gettext, ngettext, newstyle=False)  # type: ignore[attr-defined]  # which the extension adds
    icons = show.Icons(edition.file)
    made.filters.update(FILTERS, browse_address=edition.browse)
    if language == settings.LANGUAGE_CODE:
        # What is English already need not ask, ten thousand times a site, which language is the page's.
        made.filters["told"] = str

    @lru_cache(maxsize=panels)
    def verdict_panel(worker: str, engine: str, result: CompatibilityResult, nth: int | str) -> Markup:
        """What one worker says of a model, which it says of many."""
        panel = made.get_template("partials/_verdict.html")
        return Markup(panel.render(worker=worker, engine=engine, result=result, nth=nth))  # noqa: S704 - made by an escaping template

    @lru_cache(maxsize=4096)
    def facet_choice(facet: str, value: str, label: str, state: str) -> tuple[str, str]:
        """What stands before and after the count, which differs from list to list, in a choice of a facet."""
        choice = made.get_template("partials/_facet_choice.html")
        whole = choice.render(facet=facet, value=value, label=label, state=state, count=_COUNT).strip()
        before, _, after = whole.rpartition(_COUNT)
        return before, after

    def facet_choices(facet: FacetView, choices: Iterable[FacetValue]) -> Markup:
        """Some choices of a facet."""
        parts: list[str] = []
        for one in choices:
            state = "checked" if one.selected else "" if one.count else "disabled"
            before, after = facet_choice(facet.name, one.value, one.label, state)
            parts += (before, show.count(one.count), after)
        return Markup("".join(parts))  # noqa: S704 - made by an escaping template

    @pass_context
    def link(context: Context, name: str, *args: str, query: str = "", **parameters: str | Sequence[str]) -> str:
        """The address of a page with these parameters, about the machine that the page it stands on is about.

        ``query`` are more of them, as they stand in an address.
        """
        worker = None if edition.exported else context.get("worker")
        parts = query, urlencode(parameters, doseq=True, safe="/"), worker.query if worker else ""
        return with_query(edition.page(name, *args), "&".join(filter(None, parts)))

    rows: WeakKeyDictionary[Row, dict[tuple[str, str, ModelOf | None, Standing | None], str]] = WeakKeyDictionary()

    def rows_of_list(
        found: Iterable[Row],
        profile: EngineProfile,
        heading: str,
        models: Mapping[int, ModelOf],
        standings: Mapping[int, Standing] = MappingProxyType({}),
        query: str = "",
    ) -> Markup:
        """The models of a list. Each is rendered once, and kept as long as its row is.

        ``query`` is the worker's part of an address: a row leads to what is said of its model on that one.

        In a list of models each row is the best build of one: ``models`` says of which, by the record's key.
        ``standings`` say why each stands where it does.
        """
        parts = list[str]()
        first, after = (escape(f"?{query}"), escape(f"&{query}")) if query else ("", "")
        for row in found:
            known, model = rows.setdefault(row, {}), models.get(row.record.pk)
            standing = standings.get(row.record.pk)
            form = (heading, edition.page("home"), model, standing)
            if form not in known:
                template = made.get_template("partials/_row.html")
                item = template.render(
                    row=row,
                    profile=profile,
                    heading=heading,
                    model=model,
                    standing=standing,
                    query=_WORKER,
                    also=_ALSO_WORKER,
                )
                known[form] = f"\n  {item.strip()}\n  "
            parts.append(known[form].replace(_WORKER, first).replace(_ALSO_WORKER, after))
        return Markup("".join(parts))  # noqa: S704 - made by an escaping template

    made.globals.update(
        FUNCTIONS,
        facet_choices=facet_choices,
        rows_of_list=rows_of_list,
        verdict_panel=verdict_panel,
        languages=settings.LANGUAGES,
        direction="rtl" if get_language_info(language)["bidi"] else "ltr",
        exported=edition.exported,
        url=edition.page,
        link=link,
        static=edition.file,
        only_on=edition.only_on,
        verdicts_of=edition.verdicts_of,
        icon=icons.icon,
        badge=icons.badge,
        htmx_script=htmx_script,
    )
    return made
