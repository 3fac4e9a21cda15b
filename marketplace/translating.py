"""What pages say, in the visitor's language: their templates, and sentences that were written in English elsewhere.

Templates are translated as they are compiled, once for each language, so that a translated page costs what an English
one does. Sentences of the rules, the estimates and the catalogue are kept and answered in English; ``told`` finds the
pattern that one was written by, and the translation of that. What has none is shown as it was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, gettext, override
from jinja2 import nodes
from jinja2.ext import InternationalizationExtension

PATTERNS = settings.BASE_DIR / "locale" / "sentences.json"
"""The sentences that Python writes, with names for what differs; ``tools.translation`` reads them off the source."""
_VARIABLE = re.compile(r"%\((\w+)\)s|(%%)")
_SEPARATORS = {"de": str.maketrans(",.", ".,")}
"""How numbers are written where it is not as in English."""
_NUMBER = re.compile(
    r"[+\N{MINUS SIGN}-]?\d[\d,]*(?:\.\d+)?(?:[kMB]|\N{NO-BREAK SPACE}?[ ]?(?:[GMTk]i?B|%|s|tokens?))?"
)
_ENDS = re.compile(r"(?<=[.!?]) (?=[A-Z])")


class TranslatedTemplates(InternationalizationExtension):
    """``{% trans %}``, put in when a template is compiled for the language of its environment.

    Only what is counted is looked up when it is shown, because its form depends on the number.
    """

    def _make_node(
        self,
        singular: str,
        plural: str | None,
        context: str | None,
        variables: dict[str, nodes.Expr],
        plural_expr: nodes.Expr | None,
        vars_referenced: bool,
        num_called_num: bool,
    ) -> nodes.Output:
        if plural_expr is not None:
            return super()._make_node(
                singular, plural, context, variables, plural_expr, vars_referenced, num_called_num
            )
        with override(str(self.environment.globals["language"])):
            text = gettext(singular if vars_referenced else singular.replace("%%", "%"))
        if not vars_referenced:
            return nodes.Output([nodes.TemplateData(text)])
        parts: list[nodes.Expr] = []
        end = 0
        for found in _VARIABLE.finditer(text):
            parts.append(nodes.TemplateData(text[end : found.start()]))
            name = found[1]
            parts.append(variables.get(name, nodes.Name(name, "load")) if name else nodes.TemplateData("%"))
            end = found.end()
        parts.append(nodes.TemplateData(text[end:]))
        return nodes.Output(parts)


def numerals(text: str) -> str:
    """A number as English writes it, in the way of the page's language: ``1,234.5`` is ``1.234,5`` in German."""
    table = _SEPARATORS.get(get_language() or "")
    return text.translate(table) if table else text


def told(text: Any) -> str:
    """A sentence that was written in English, in the page's language; as it is where nobody translated it."""
    language = get_language() or settings.LANGUAGE_CODE
    return str(text) if language == settings.LANGUAGE_CODE else _told(language, str(text))


@lru_cache(maxsize=16384)
def _told(language: str, text: str) -> str:
    """The same for a language, which is the active one."""
    words = text.strip()
    if not words:
        return text
    found = gettext(words)
    if found != words:
        return text.replace(words, found)
    if _NUMBER.fullmatch(words):
        return numerals(text)
    for pattern in _patterns():
        values = pattern.values_in(words)
        if values is not None and (found := gettext(pattern.text)) != pattern.text:
            return text.replace(words, found % {name: _told(language, value) for name, value in values.items()})
    whole = _ENDS.split(words)
    if len(whole) == 1:
        return text
    return text.replace(words, " ".join(_told(language, one) for one in whole))


class _Pattern:
    """A sentence with names for what differs."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts = _VARIABLE.sub(lambda found: "\0" if found[1] else "%", text).split("\0")
        self.fixed = [part for part in parts if part.strip()]
        self.length = sum(map(len, parts))
        names = [name for name, _ in _VARIABLE.findall(text) if name]
        groups = (f"(?P<{name}>.+?)" for name in names)
        fixed = map(re.escape, parts)
        self._match: Callable[[str], re.Match[str] | None] = re.compile(
            "".join(part for pair in zip(fixed, (*groups, ""), strict=True) for part in pair), re.DOTALL
        ).fullmatch

    def values_in(self, text: str) -> dict[str, str] | None:
        """What stands for the names in a text that was written by this pattern."""
        if not all(part in text for part in self.fixed):
            return None
        found = self._match(text)
        return found.groupdict() if found else None


@cache
def _patterns() -> list[_Pattern]:
    """All patterns, those first that say most themselves."""
    made = [_Pattern(text) for text in json.loads(PATTERNS.read_text("utf-8")) if "%(" in text]
    return sorted(made, key=lambda one: -one.length)
