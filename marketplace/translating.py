"""What pages say, in the visitor's language: their templates, and sentences that were written in English elsewhere.

Templates are translated as they are compiled, once for each language, so that a translated page costs what an English
one does. Sentences of the rules, the estimates and the catalogue are kept and answered in English; ``told`` finds the
pattern that one was written by, and the translation of that. What has none is shown as it was written.
"""

from __future__ import annotations

import json
import re
from calendar import month_name
from collections.abc import Callable
from datetime import date
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, override
from jinja2 import nodes
from jinja2.ext import InternationalizationExtension

from compat.engines import all_profiles

PATTERNS = settings.BASE_DIR / "locale" / "sentences.json"
"""The sentences that Python writes, with names for what differs; ``tools.translation`` reads them off the source."""
_VARIABLE = re.compile(r"%\((\w+)\)s|(%%)")
_SEPARATORS = {"de": str.maketrans(",.", ".,")}
"""How numbers are written where it is not as in English."""
_NUMBER = re.compile(
    r"[+~\N{MINUS SIGN}-]?\d[\d,]*(?:\.\d+)?(?:[kKMBT]|\N{NO-BREAK SPACE}?[ ]?(?:[GMTk]i?B|%|s|tokens?))?"
)


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
    """A sentence that was written in English, in the page's language; as it is where nobody translated all of it."""
    language = get_language() or settings.LANGUAGE_CODE
    if language == settings.LANGUAGE_CODE or len(str(text)) > _MOST:
        return str(text)
    return _told_of(language, str(text))


@lru_cache(maxsize=16384)
def _told_of(language: str, text: str) -> str:
    """The same for a language, which is the active one. Names of engines stay whole, whatever words they are of."""
    found = _told(language, _joined(text))
    return text if found is None else _HAN_GAP.sub("", found).replace(_JOINED, " ")


def _joined(text: str) -> str:
    return _names().sub(lambda found: found[0].replace(" ", _JOINED), text)


def _known(words: str) -> str | None:
    """The translation of exactly these words."""
    plain = words.replace(_JOINED, " ")
    found = gettext(plain)
    return None if found == plain else found


@cache
def _names() -> re.Pattern[str]:
    """Names of engines that are of several words."""
    names = sorted((one.name for one in all_profiles().values() if " " in one.name), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, names)) or r"(?!)")


@lru_cache(maxsize=16384)
def _told(language: str, text: str) -> str | None:
    """A text or a part of one; None where something of it would stay English."""
    words = text.strip()
    if not words:
        return text
    ways = (_of_all, _quoted, _month, _by_pattern, _with_an_addition, _in_parts)
    found = next((told_ for way in ways if (told_ := way(language, words)) is not None), None)
    if found is None and not _ENGLISH.search(words):
        # A name, a number, or code.
        found = numerals(words) if _NUMBER.fullmatch(words) else words
    return None if found is None else text.replace(words, found)


def _of_all(language: str, words: str) -> str | None:
    """A text that is translated as it is; a label within a sentence begins with a small letter there."""
    return _known(words) or _known(words[:1].upper() + words[1:])


def _by_pattern(language: str, words: str) -> str | None:
    """A text that was written by a pattern, if all that was put into it can be told as well."""
    for pattern in _patterns():
        values = pattern.values_in(words)
        if values is None:
            continue
        parts = {name: _told(language, value) if value else "" for name, value in values.items()}
        # What is quoted is a name or a code where it is no words of ours.
        parts |= {name: values[name] for name in pattern.quoted if parts[name] is None}
        # What is to be typed stays as it is typed.
        parts |= {
            name: values[name].replace(" or ", f" {gettext('or')} ")
            for name in pattern.typed
            if _TYPED.fullmatch(values[name])
        }
        if None not in parts.values():
            return gettext(pattern.text) % parts
    return None


def _with_an_addition(language: str, words: str) -> str | None:
    """A text that something known was put before or behind."""
    for place in _PLACES.finditer(words[:_LONGEST]):
        head, rest = words[: place.start()], words[place.start() :]
        behind = rest.strip()
        if not _NAME.fullmatch(behind) and (known := _known(behind)) and (first := _told(language, head)) is not None:
            return first + rest.replace(behind, known)
        if not _NAME.fullmatch(head) and (known := _known(head)) and (last := _told(language, rest)) is not None:
            return known + last
    return None


def _in_parts(language: str, words: str) -> str | None:
    """Several sentences, a sentence and what was added at its end, or a list of several things."""
    for separator in _SEPARATORS_OF_PARTS:
        pieces = separator.split(words)
        if len(pieces) > 1 and words not in pieces:
            parts = [_told(language, one) if one else "" for one in pieces]
            if None not in parts:
                if _HAN.search("".join(map(str, parts))):
                    parts[1::2] = [
                        _HAN_MARKS.get(mark, told_) for mark, told_ in zip(pieces[1::2], parts[1::2], strict=True)
                    ]
                return "".join(map(str, parts))
    return None


def _month(language: str, words: str) -> str | None:
    """A month of a year."""
    found = _MONTH.fullmatch(words)
    if not found:
        return None
    form = "Y年n月" if language == "zh-hans" else "F Y"
    return date_format(date(int(found[2]), _MONTHS.index(found[1]), 1), form)


def _quoted(language: str, words: str) -> str | None:
    """Nothing but what somebody typed, in quotation marks."""
    found = _QUOTED.fullmatch(words)
    return gettext("“%(part)s”") % {"part": found[1]} if found else None


_ENGLISH = re.compile(
    r"(?<![\w/.-])(?:the|of|is|are|was|were|and|or|with|without|that|this|its|it|for|not|only|from|which|by|to|than|as|on|no"
    r"|has|have|at|be|what|where|does|do|a|an)(?![\w/-])"
)
"""A word that tells an English sentence from a name."""
_PLACES = re.compile(r"(?<=\S)(?=[ ,;:.])")
_JOINED = "\x1f"
"""Stands for a space in a name."""
_NAME = re.compile(r"[A-Z]\w*")
"""A word that may be a label, and as well a part of a name."""
_TYPED = re.compile(r"[\w.-]+(?:(?:, | or )[\w.-]+)*")
"""Values or names of parameters."""
_MOST = 1000
"""Letters of the longest text that is looked at: no sentence of ours is as long, and what a stranger sends may be."""
_LONGEST = 400
"""Letters at the beginning of a text that are looked through for two parts of it."""
_SEPARATORS_OF_PARTS = (
    re.compile(r"(?<=[.!?])( )(?=[A-Z“])"),
    re.compile(r"(; |: )"),
    re.compile(r"(^\((?!\()| \(|\))"),
    re.compile(r"(, )"),
    re.compile(r"( and )"),
    re.compile(r"( or )"),
    re.compile(r"([.,:])$"),
)
_MONTHS = tuple(month_name)
_MONTH = re.compile(rf"({'|'.join(_MONTHS[1:])}) ([12]\d{{3}})")
_QUOTED = re.compile(r"“([^“”]*)”")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_HAN_MARKS = {
    "(": "（",
    " (": "（",
    ")": "）",
    ", ": "，",
    "; ": "；",
    ": ": "：",
    " ": "",
    ".": "。",
    ",": "，",
    ":": "：",
}
"""How parts are held together where they are written in Chinese."""
_HAN_GAP = re.compile(r"(?<=[\u4e00-\u9fff：；，。）]) (?=[\u4e00-\u9fff])| (?=（)")
"""A space beside what was put into a Chinese sentence, which is right beside a name only."""


class _Pattern:
    """A sentence with names for what differs."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts = _VARIABLE.sub(lambda found: "\0" if found[1] else "%", _joined(text)).split("\0")
        self.fixed = [part for part in parts if part.strip()]
        self.length = sum(map(len, parts))
        names = [name for name, _ in _VARIABLE.findall(text) if name]
        self.quoted = re.findall(r"“%\((\w+)\)s”", text)
        self.typed = re.findall(r"(?:\buse|[dD]o you mean|Did you mean|There are:) %\((\w+)\)s", text)
        # Of names side by side the first takes what stands there.
        groups = [f"(?P<{name}>{'.*?' if parts[at] or not at else ''})" for at, name in enumerate(names)]
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
    made = [_Pattern(text) for text in json.loads(PATTERNS.read_text("utf-8"))]
    return sorted(made, key=lambda one: -one.length)
