"""What pages say, in the visitor's language: their templates, and sentences that were written in English elsewhere.

Templates are translated as they are compiled, once for each language, so that a translated page costs what an English
one does. Sentences of the rules, the estimates and the catalogue are kept and answered in English; ``told`` finds the
pattern that one was written by, and the translation of that. What has none is shown as it was written.
"""

from __future__ import annotations

import json
import re
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
_HAN = r"\u3400-\u9fff"
_WIDE_MARKS = r"，。；：、！？（）"
_TYPOGRAPHY = {
    "de": ((re.compile(r"“([^„“”]*)”"), r"„\1“"),),
    "zh-hans": (
        (re.compile(rf" ?\(([^()]*[{_HAN}][^()]*)\)"), r"（\1）"),
        *(
            (re.compile(rf"(?<=[{_HAN}）”])\{mark}(?: |$)|\{mark} (?=[{_HAN}（])"), wide)
            for mark, wide in {";": "；", ":": "：", ".": "。"}.items()
        ),
        (re.compile(rf"(?s)^(.*[{_HAN}].*\w)\.$"), r"\1。"),
        (re.compile(rf"(?:(?<=[{_HAN}）”]), |, (?=[{_HAN}（]))(?=[^，。；：]* ?[和或])"), "、"),
        (re.compile(rf"(?<=[{_HAN}）”]),(?: |(?=[{_HAN}（]))|, (?=[{_HAN}（])"), "，"),
        (re.compile(rf"(?<=[{_HAN}”]) (?=[{_HAN}“])| (?=[{_WIDE_MARKS}])|(?<=[{_WIDE_MARKS}]) |，(?=（)"), ""),
    ),
}
"""What becomes of English marks and spaces between the parts of a text, in turn."""
_MARKS = {";": "；", ":": "：", ".": "。", ",": "，"}
_TAGS = r"(?:\{%[^%]*%\})*"
_TEXT = r"(?:\{% endtrans %\}|told(?:\|[^}]*)? \}\})"
"""The end of what is translated in a template."""


def _wide(found: re.Match[str]) -> str:
    return f"{found['before']}{_MARKS[found['mark']]}"


_GLUE: dict[str, tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = {
    "zh-hans": (
        (re.compile(r"(?<=[.!?]{% endtrans %}) (?={% trans)"), ""),
        (re.compile(r"(?:(?<={% if not loop\.last %})|(?<={% else %})), (?={%)"), "、"),
        (re.compile(r"(?<=map\(\"told\"\)\|join\(\"), (?=\")"), "、"),
        (re.compile(r"(?<=map\(\"told\"\)\|join\(\"); (?=\")"), "；"),
        (re.compile(rf"(?P<before>{_TEXT}{_TAGS})(?P<mark>[;:.,]) (?=[{{<])"), _wide),
        (re.compile(rf"(?P<before>)(?P<mark>[;:.,]) (?={_TAGS}(?:{{% trans|{{{{[^}}]*\btold\b))"), _wide),
        (re.compile(rf"(?P<before>{_TEXT})(?P<mark>\.)(?=<|{{%)"), _wide),
        (re.compile(r"(?<=%}), (?=[{<])"), "，"),
    ),
}
"""What templates put between translated texts, where a language has other marks than English."""
_NUMBER = re.compile(
    r"[+~\N{MINUS SIGN}-]?\d[\d,]*(?:\.\d+)?(?:[kKMBT]|\N{NO-BREAK SPACE}?[ ]?(?:[GMTk]i?B|%|s|tokens?))?"
)


class TranslatedTemplates(InternationalizationExtension):
    """``{% trans %}``, put in when a template is compiled for the language of its environment.

    Only what is counted is looked up when it is shown, because its form depends on the number. The marks that a
    template puts between translated texts are those of its language too.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source of a template, with the marks of its language where they stand beside translated text."""
        for pattern, mark in _GLUE.get(str(self.environment.globals.get("language", "")), ()):
            source = pattern.sub(mark, source)
        return source

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
    return text if found is None else _typeset(language, found.replace(_JOINED, " "))


def _typeset(language: str, text: str) -> str:
    """A text that was put together of several, with the marks and spaces of the language between them."""
    for pattern, mark in _TYPOGRAPHY.get(language, ()):
        text = pattern.sub(mark, text)
    return text


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
    ways = (_of_all, _quoted, _by_pattern, _with_an_addition, _as_known_members, _in_parts)
    found = next((told_ for way in ways if (told_ := way(language, words)) is not None), None)
    if found is None and (month := _MONTH.fullmatch(words)):
        found = date_format(date(int(month[2]), _MONTHS.index(month[1]) + 1, 1), _MONTH_FORMS.get(language, "F Y"))
    if found is None and not _ENGLISH.search(words):
        # A name, a number, or code.
        found = numerals(words) if _NUMBER.fullmatch(words) else words
    return None if found is None else text.replace(words, found)


def _of_all(language: str, words: str) -> str | None:
    """A text that is translated as it is; a label within a sentence begins with a small letter there."""
    return _known(words) or _known(words[:1].upper() + words[1:])


def _quoted(language: str, words: str) -> str | None:
    """Nothing but what somebody typed, in quotation marks."""
    found = _QUOTED.fullmatch(words)
    return gettext("“%(part)s”") % {"part": found[1]} if found else None


def _by_pattern(language: str, words: str) -> str | None:
    """A text that was written by a pattern, if all that was put into it can be told as well.

    A pattern that would swallow the next sentence comes after all others.
    """
    later: list[tuple[_Pattern, dict[str, str]]] = []
    for pattern in _patterns():
        for values in pattern.values_in(words):
            if any(map(_STOP.search, values.values())):
                later.append((pattern, values))
            elif (found := _filled(language, pattern, values)) is not None:
                return found
    return next((found for one in later if (found := _filled(language, *one)) is not None), None)


def _filled(language: str, pattern: _Pattern, values: dict[str, str]) -> str | None:
    """A pattern's translation, with what was put into it; None where something of that cannot be told."""
    parts = {name: _told(language, value) if value else "" for name, value in values.items()}
    # What is quoted is a name or a code where it is no words of ours.
    parts |= {name: values[name] for name in pattern.quoted if parts[name] is None}
    # What is to be typed stays as it is typed.
    parts |= {
        name: values[name].replace(" or ", f" {gettext('or')} ")
        for name in pattern.typed
        if _TYPED.fullmatch(values[name])
    }
    return None if None in parts.values() else gettext(pattern.text) % parts


def _with_an_addition(language: str, words: str) -> str | None:
    """A text that something known was put before or behind."""
    found: list[tuple[int, str, str, str]] = []
    for place in _PLACES.finditer(words[:_LONGEST]):
        head, rest = words[: place.start()], words[place.start() :]
        behind = rest.strip()
        found += [(len(one), head, rest, one) for one in (behind, head) if not _NAME.fullmatch(one) and _known(one)]
    for _, head, rest, one in sorted(found, key=lambda addition: -addition[0]):
        known = str(_known(one))
        if one == head and (last := _told(language, rest)) is not None:
            return known + last
        if one != head and (first := _told(language, head)) is not None:
            return first + rest.replace(one, known)
    return None


def _as_known_members(language: str, words: str) -> str | None:
    """A list whose members may be of several words that would part it, such as “image and text to text”."""
    for between in reversed(list(_BETWEEN_MEMBERS.finditer(words))):
        first = _of_all(language, words[: between.start()])
        if first is not None and (rest := _told(language, words[between.end() :])) is not None:
            return f"{first} {gettext(between[1])} {rest}"
    return None


def _in_parts(language: str, words: str) -> str | None:
    """Several sentences, a sentence and what was added at its end, or a list of several things."""
    for separator in _SEPARATORS_OF_PARTS:
        once = separator is _COLON and words.count(": ") <= _FEW_COLONS
        pieces = separator.split(words, maxsplit=1 if once else 0)
        if len(pieces) > 1 and words not in pieces:
            parts = [_told(language, one) if one else "" for one in pieces]
            if None not in parts:
                return "".join(map(str, parts))
    return None


_ENGLISH = re.compile(
    r"(?<![\w/.-])(?:the|of|is|are|was|were|and|or|with|without|that|this|its|it|for|not|only|from|which|by|to|than|as|on|no"
    r"|has|have|at|be|what|where|does|do|a|an|none|pages|show|needs?|reads|serves|takes|loads|while|each)(?![\w/-])"
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
_QUOTED = re.compile(r"“([^“”]*)”")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"),
    "December",
)
_MONTH = re.compile(rf"({'|'.join(_MONTHS)}) (\d{{4}})")
_MONTH_FORMS = {"zh-hans": "Y年n月"}
_STOP = re.compile(r"; |[.!?] (?=[A-Z“])")
_COLON = re.compile(r"(: )(?![^()]*\))")
"""Parts a text once: what follows may have one of its own."""
_FEW_COLONS = 4
"""More of them are in no sentence of ours, and each one that parts a text once is a step down."""
_BETWEEN_MEMBERS = re.compile(r" (and|or) ")
_SEPARATORS_OF_PARTS = (
    re.compile(r"(?<=[.!?])( )(?=[A-Z“])"),
    re.compile(r"(; )(?![^()]*\))"),
    _COLON,
    re.compile(r"((?:^| )\((?!\()|\))"),
    re.compile(r"(, )"),
    re.compile(r"( and )"),
    re.compile(r"( or )"),
    re.compile(r"([.,:])$"),
)


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
        # Where a space alone parts two names, either may hold several words.
        self._ways = [self._way(parts, names, "")]
        if " " in parts[1:-1]:
            self._ways.append(self._way(parts, names, " "))

    @staticmethod
    def _way(parts: list[str], names: list[str], wide: str) -> re.Pattern[str]:
        """How values are found; a name before the fixed part ``wide`` takes as much as it can."""
        # Of names side by side the first takes what stands there.
        several = [".*" if wide and part == wide else ".*?" for part in parts[1:]]
        groups = [f"(?P<{name}>{several[at] if parts[at] or not at else ''})" for at, name in enumerate(names)]
        fixed = map(re.escape, parts)
        return re.compile("".join(part for pair in zip(fixed, (*groups, ""), strict=True) for part in pair), re.DOTALL)

    def values_in(self, text: str) -> list[dict[str, str]]:
        """What may stand for the names in a text that was written by this pattern; nothing where it was not."""
        if not all(part in text for part in self.fixed):
            return []
        return [found.groupdict() for way in self._ways if (found := way.fullmatch(text))]


@cache
def _patterns() -> list[_Pattern]:
    """All patterns, those first that say most themselves."""
    made = [_Pattern(text) for text in json.loads(PATTERNS.read_text("utf-8"))]
    return sorted(made, key=lambda one: -one.length)
