"""How values are shown: icons, badges, sizes, counts and small bar charts.

Which of these templates use, and under which names, is said in ``rendering``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date as date_type
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from django.utils.translation import get_language, gettext, ngettext, ngettext_lazy

from compat.catalogue.widths import WidthStep
from compat.engines.hardware import GIB
from compat.estimate import DeviceNeed, Fit, FitResult, Plan, ReadingEstimate, SpeedEstimate
from compat.extraction.facts import Provenance
from compat.models import ModelRecord
from compat.rules import CompatibilityResult, Confidence

from .translating import numerals, told

_REPORT = re.compile(r"(https://github\.com/[\w.-]+/[\w.-]+/(?:issues|pull)/\d+)")


class Icons:
    """Icons of the sheet, and the badges that carry them. ``address_of`` says where a file of the site is."""

    def __init__(self, address_of: Callable[[str], str]) -> None:
        self._address_of = address_of
        # The same few on every page, many times each.
        self.icon = cache(self._icon)
        self._badge = cache(self._make_badge)

    def _icon(self, name: str, size: int = 18) -> SafeString:
        """One icon of the sheet, hidden from screen readers: the words beside it say what it means."""
        return format_html(
            '<svg class="icon" width="{0}" height="{0}" aria-hidden="true"><use href="{1}#{2}"/></svg>',
            size,
            self._address_of("icons/sprite.svg"),
            name,
        )

    def badge(self, result: CompatibilityResult) -> SafeString:
        """A verdict's badge: shape, colour and word."""
        return self._badge(verdict_class(result), verdict_word(result))

    def _make_badge(self, kind: str, word: str) -> SafeString:
        return format_html('<span class="badge {}">{}{}</span>', kind, self.icon(kind, 15), word)


def code_spans(text: str) -> SafeString:
    """Text in which backticks mark code."""
    parts = (format_html("<code>{}</code>" if at % 2 else "{}", part) for at, part in enumerate(text.split("`")))
    return format_html_join("", "{}", ((part,) for part in parts))


def report_links(text: str) -> SafeString:
    """Text in which the addresses of public reports are links; what else looks like an address stays text."""
    parts = map(escape, _REPORT.split(text))
    return mark_safe("".join(f'<a href="{part}">{part}</a>' if at % 2 else part for at, part in enumerate(parts)))  # noqa: S308 - each part is escaped


def verdict_class(result: CompatibilityResult) -> str:
    """The class that colours a verdict; a refusal for want of facts has its own."""
    return "v-unknown" if result.cause == "unknown" else f"v-{result.confidence}"


def verdict_word(result: CompatibilityResult) -> str:
    """The words of the badge."""
    return gettext("Unknown") if result.cause == "unknown" else told(result.level.badge)


def level_class(confidence: str) -> str:
    """The class of a confidence by its API name."""
    return f"v-{confidence}"


def compact(number: int | None) -> str:
    """A count in few characters: ``4.1M``, ``312k``, ``9,120``."""
    if number is None:
        return ""
    for least, divisor, unit in ((999_950_000, 10**9, "B"), (999_500, 10**6, "M"), (10**4, 10**3, "k")):
        if number >= least:
            scaled = number / divisor
            return numerals(f"{scaled:.1f}" if scaled < 10 and unit != "k" else f"{scaled:,.0f}") + unit
    return numerals(f"{number:,}")


def size(number: int | None) -> str:
    """Bytes in decimal units, as the Hub shows them: ``4.4 GB``."""
    if number is None:
        return ""
    for divisor, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= 0.99995 * divisor:
            return f"{numerals(f'{number / divisor:.1f}')} {unit}"
    return gettext("%(number)s bytes") % {"number": number}


def kilo(tokens: int) -> str:
    """Tokens in few characters: ``8k``, ``128k``; exact where they are no round number."""
    return f"{tokens // 1024}k" if tokens % 1024 == 0 else numerals(f"{tokens:,}")


def gib(number: int | None) -> str:
    """Bytes as memory is counted: ``4.4 GiB``, and ``38 MiB`` where that would round to nothing."""
    if number is None:
        return ""
    return mib(number) if 0 < number < _LEAST_GIB * GIB else f"{numerals(f'{number / GIB:,.1f}')} GiB"


def need_words(fit: FitResult) -> str:
    """A need in few words: ``4.4 GiB``, of several cards on which of them that is, of files not listed the most."""
    if fit.is_at_most:
        return gettext("up to %(size)s") % {"size": gib(fit.whole_need)}
    return f"{gib(fit.whole_need)} {fullest_words(fit)}".rstrip()


def fullest_words(fit: FitResult) -> str:
    """Behind a need that is that of one of several cards: which one, and how much others hold that hold more."""
    if not fit.is_of_one:
        return ""
    if gib(fit.most) == gib(fit.whole_need):
        return gettext("on the fullest card")
    return gettext("on the fullest card, up to %(most)s on others") % {"most": gib(fit.most)}


_LEAST_GIB = 0.05
"""What is less would be ``0.0 GiB``."""


def mib(number: int | None) -> str:
    """Bytes as engines' logs tell them: ``4,403 MiB``."""
    return "" if number is None else f"{numerals(f'{number / 2**20:,.0f}')} MiB"


def deviation(share: float) -> str:
    """How far an estimate lies from a measurement, with its sign: ``+3.2 %``."""
    return numerals(f"{100 * share:+.1f} %").replace("-", "\N{MINUS SIGN}")


def pace(speed: SpeedEstimate) -> str:
    """A range of tokens a second: ``64 to 94 tokens a second``; blank where there is no number."""
    return "" if speed.low is None or speed.high is None else pace_words(speed.low, speed.high)


def pace_words(least: float, most: float) -> str:
    """The same of two numbers."""
    digits = 0 if least >= 10 else 1 if least >= 1 else 2
    low, high = numerals(f"{least:,.{digits}f}"), numerals(f"{most:,.{digits}f}")
    if low == high:
        return gettext("%(number)s tokens a second") % {"number": low}
    return gettext("%(low)s to %(high)s tokens a second") % {"low": low, "high": high}


def rate(speed: SpeedEstimate) -> str:
    """Tokens a second, and what is assumed to compute: ``about 78 tokens/s on CUDA``; blank without a number."""
    return "" if speed.tokens_per_second is None else rate_words(speed.tokens_per_second, speed.backend)


def rate_words(number: float, backend: str) -> str:
    """The same of a number of tokens a second."""
    return gettext("about %(number)s tokens/s on %(backend)s") % {
        "number": speed_number(number),
        "backend": told(backend),
    }


def few(speed: SpeedEstimate) -> str:
    """The same in few characters: ``78 tok/s``; blank without a number."""
    return (
        ""
        if speed.tokens_per_second is None
        else gettext("%(number)s tok/s") % {"number": speed_number(speed.tokens_per_second)}
    )


def speed_number(rate: float) -> str:
    """Tokens a second with two figures that mean something: ``128``, ``7.4``, ``0.31``."""
    return numerals(f"{rate:,.{0 if rate >= 10 else 1 if rate >= 1 else 2}f}")


def wait(reading: ReadingEstimate) -> str:
    """How long the first word takes: ``after about 3 s (2 to 5 s) at 8,192 tokens``; blank where there is no number."""
    if reading.seconds is None or reading.low is None or reading.high is None:
        return ""
    about, low, high = (_seconds(one) for one in (reading.seconds, reading.low, reading.high))
    told = {"about": about, "low": low, "high": high, "prompt": count(reading.prompt)}
    return gettext("after about %(about)s s (%(low)s to %(high)s s) at %(prompt)s tokens") % told


def _seconds(number: float) -> str:
    return numerals(f"{number:,.{0 if number >= 10 else 1 if number >= 0.1 else 2}f}")


def count(number: int | None) -> str:
    """A whole number with thousands separated."""
    return "" if number is None else numerals(f"{number:,}").replace("-", "\N{MINUS SIGN}")


def share(part: float, whole: float) -> str:
    """A part in percent, without decimals unless it is small."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    return numerals(f"{percent:.{0 if percent >= 10 or percent == int(percent) else 1}f} %")


def percent(part: float, whole: float) -> str:
    """A part in percent with one decimal, for a column of them."""
    return numerals(f"{100 * part / whole if whole else 0:.1f} %")


_DATES = {
    "de": {"j M Y": "j. M Y"},
    "zh-hans": {"j M Y": "Y年n月j日", "M Y": "Y年n月"},
}
"""How dates are written where it is not as in English."""


def date(value: date_type | None, form: str) -> str:
    """A date in one of the forms pages use (Django's letters), as the page's language writes it."""
    return "" if value is None else date_format(value, _DATES.get(get_language() or "", {}).get(form, form))


def day(value: str) -> str:
    """A date known to the year, month or day: ``2026``, ``Oct 2026``, ``3 Oct 2026``."""
    return _day(get_language(), value)


@lru_cache(maxsize=4096)
def _day(language: str | None, value: str) -> str:
    """The same in a language, which is the active one."""
    year, *rest = value.split("-")
    if not rest:
        return value
    try:
        known = date_type(int(year), *map(int, rest), *([1] if len(rest) == 1 else []))
    except (ValueError, TypeError):
        return value
    return date(known, "M Y" if len(rest) == 1 else "j M Y").replace(" ", "\N{NO-BREAK SPACE}")


def between(dates: Sequence[str]) -> str:
    """The first and the last of some dates, as after “recorded”: ``between 2023 and Oct 2026``, ``in 2026``."""
    first, last = (day(date) for date in dates)
    if first != last:
        return gettext("between %(first)s and %(last)s") % {"first": first, "last": last}
    if len(dates[0]) == len("2026-10-03"):
        return gettext("on %(day)s") % {"day": first}
    return gettext("in %(month)s") % {"month": first}


_AGO: dict[str, Any] = {
    "year": ngettext_lazy("%(num)d year ago", "%(num)d years ago", "num"),
    "month": ngettext_lazy("%(num)d month ago", "%(num)d months ago", "num"),
    "week": ngettext_lazy("%(num)d week ago", "%(num)d weeks ago", "num"),
    "day": ngettext_lazy("%(num)d day ago", "%(num)d days ago", "num"),
    "hour": ngettext_lazy("%(num)d hour ago", "%(num)d hours ago", "num"),
    "minute": ngettext_lazy("%(num)d minute ago", "%(num)d minutes ago", "num"),
}
"""Whole, as some languages decline a unit behind what says “ago”."""


def ago(moment: datetime | None) -> str:
    """How long ago something was, in one unit: ``just now``, ``10 minutes ago``."""
    if moment is None:
        return ""
    if timezone.now() - moment < timedelta(minutes=1):
        return gettext("just now")
    return timesince(moment, time_strings=_AGO, depth=1).replace(" ", "\N{NO-BREAK SPACE}")


def fact(name: str, value: str | None, origin: str = "", evidence: str = "") -> SafeString:
    """A fact's line in a list: its value, where it was read, and the words read there. A guess is marked."""
    return _fact(get_language(), name, value, origin, evidence)


@lru_cache(maxsize=4096)
def _fact(language: str | None, name: str, value: str | None, origin: str, evidence: str) -> SafeString:
    """The same in a language, which is the active one."""
    known = format_html("<b>{}</b>", told(value)) if value else absent()
    source = Provenance(origin) if origin else Provenance.UNKNOWN
    tag, hint = SafeString(), SafeString()
    if source is not Provenance.UNKNOWN:
        kind = "tag guess" if source.guessed else "tag"
        tag = format_html(' <span class="{}">{}</span>', kind, told(source.label))
    if evidence:
        hint = format_html('<span class="hint">{}</span>', told(evidence))
    return format_html("<div><dt>{}</dt><dd>{}{}{}</dd></div>", term(name), known, tag, hint)


def absent() -> SafeString:
    """What stands where a record does not tell a value."""
    return format_html('<span class="absent">{}</span>', gettext("Not in our record"))


def dash() -> SafeString:
    """The same in a column."""
    return format_html(
        '<span class="absent" aria-hidden="true">&ndash;</span><span class="vh">{}</span>', gettext("not in our record")
    )


def untold(record: ModelRecord, license_: str = "") -> str:
    """What a row has to say that its record does not tell: ``Licence and access``; nothing where it tells both.

    ``license_`` is that of the model that it is a build of.
    """
    lacks = not (record.license or license_), not record.gated
    if all(lacks):
        return gettext("Licence and access")
    return gettext("Licence") if lacks[0] else gettext("Access") if lacks[1] else ""


def error_share(part: float) -> str:
    """A relative error in percent, with one decimal."""
    return numerals(f"{100 * part:.1f} %")


def margin_share(margin: float) -> str:
    """How far measurements lie from a number at most, in whole percent, rounded up: ``± 7 %``."""
    return f"± {math.ceil(100 * margin - 1e-9)} %"


def margin_words(margin: float) -> str:
    """The same in words a person can use where the number would be above 100 %: ``up to 3 times as much``."""
    if margin <= 1:
        return margin_share(margin)
    return gettext("not measured well: up to %(times)s times as much") % {"times": math.ceil(1 + margin)}


def bar(part: float | None, whole: float | None, kind: str = "fill", label: str = "") -> SafeString:
    """A bar filled to part of the whole. With a label it is an image for screen readers, else decoration."""
    if part is None or not whole:
        return SafeString("")
    width = max(0.5, min(100.0, 100 * part / whole)) if part else 0.0
    role = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" {}>'
        '<rect class="{}" width="{}" height="4"/></svg>',
        role,
        kind,
        f"{width:.1f}",
    )


def verdict_bar(by_confidence: Mapping[int, int], unknown: int = 0, kind: str = "split") -> SafeString:
    """How many models have which verdict, as one split bar. Decoration: the numbers stand beside it."""
    parts = [(f"v-{level.word}", by_confidence.get(level, 0)) for level in reversed(Confidence)]
    parts[-1] = ("v-none", parts[-1][1] - unknown)
    return _split([*parts, ("v-unknown", unknown)], kind)


def _split(parts: Iterable[tuple[str, float]], kind: str) -> SafeString:
    shown = [(name, part) for name, part in parts if part > 0]
    whole = sum(part for _, part in shown) or 1
    start, rects = 0.0, []
    for name, part in shown:
        width = 100 * part / whole
        rects.append((name, f"{start:.2f}", f"{max(0.0, width - 0.25):.2f}"))
        start += width
    return format_html(
        '<svg class="bar {}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        kind,
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="8"/>', rects),
    )


def legend(by_confidence: Mapping[int, int], unknown: int = 0) -> list[dict[str, Any]]:
    """The same numbers as rows for a legend."""
    whole = sum(by_confidence.values())
    rows: list[dict[str, Any]] = [
        {"kind": f"v-{level.word}", "word": told(level.badge), "count": by_confidence.get(level, 0)}
        for level in reversed(Confidence)
    ]
    rows[-1]["count"] -= unknown
    rows.append({"kind": "v-unknown", "word": gettext("Unknown"), "count": unknown})
    return [row | {"share": share(row["count"], whole)} for row in rows]


_CELLS = 100
_RADIUS = 9.2
_GAP = 1.4


def _cells(by_confidence: Mapping[int, int], unknown: int) -> list[str]:
    """A hundred cells shared out by largest remainder, so that they add up and no verdict that occurs is lost."""
    parts = [(f"v-{level.word}", by_confidence.get(level, 0)) for level in reversed(Confidence)]
    parts[-1] = ("v-none", parts[-1][1] - unknown)
    parts.append(("v-unknown", unknown))
    whole = sum(part for _, part in parts)
    if not whole:
        return []
    exact = [(kind, _CELLS * part / whole) for kind, part in parts if part > 0]
    cells = {kind: max(1, int(amount)) for kind, amount in exact}
    by_remainder = sorted(exact, key=lambda item: int(item[1]) - item[1])
    for kind, _ in by_remainder[: max(0, _CELLS - sum(cells.values()))]:
        cells[kind] += 1
    largest = max(cells, key=lambda kind: cells[kind])
    cells[largest] -= sum(cells.values()) - _CELLS
    return [kind for kind, _ in exact for _ in range(cells[kind])]


def comb(by_confidence: Mapping[int, int], unknown: int = 0) -> SafeString:
    """How many models have which verdict, as a honeycomb of a hundred cells. Decoration: the legend has the numbers."""
    pitch = math.sqrt(3) * _RADIUS + 1.6
    row_height = 1.5 * _RADIUS + _GAP
    paths: dict[str, list[str]] = {}
    for i, kind in enumerate(_cells(by_confidence, unknown)):
        column, row = divmod(i, 10)
        x, y = 10 + column * pitch + (row % 2) * pitch / 2, 11 + row * row_height
        corners = (
            (x + (_RADIUS - 0.6) * math.sin(math.pi / 3 * k), y - (_RADIUS - 0.6) * math.cos(math.pi / 3 * k))
            for k in range(6)
        )
        paths.setdefault(kind, []).append("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in corners) + "z")
    width, height = round(20 + 9.5 * pitch), round(22 + 9 * row_height)
    return format_html(
        '<svg class="comb" viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true">{2}</svg>',
        width,
        height,
        format_html_join("", '<path class="{}" d="{}"/>', ((kind, "".join(d)) for kind, d in paths.items())),
    )


def memory_bar(parts: Iterable[Any], room: int, scale: int) -> SafeString:
    """The parts of a memory need against the room there is, as one bar; a tick marks the room where it is exceeded."""
    start, rects = 0.0, []
    for number, part in enumerate(parts, 1):
        width = 100 * (part.least if part.bytes is None else part.bytes) / max(scale, 1)
        rects.append((f"m{min(number, 4)}", f"{start:.2f}", f"{max(0.0, width - 0.2):.2f}"))
        start += width
    if room < scale:
        rects.append(("limit", f"{100 * room / scale:.2f}", "0.6"))
    return format_html(
        '<svg class="bar tall" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="8"/>', rects),
    )


def card_bar(card: DeviceNeed, shades: Mapping[str, int], scale: int) -> SafeString:
    """What one card holds, part by part, where the whole width is ``scale`` bytes; its limit is a tick with words.

    ``shades`` are the numbers of the parts' colours. Decoration: the same stands beside it in words.
    """
    start, rects = 0.0, [("track", "0", f"{100 * card.room / max(scale, 1):.2f}%")]
    for name in sorted(filter(card.parts.get, card.parts), key=lambda name: list(shades).index(name)):
        width = 100 * card.parts[name] / max(scale, 1)
        rects.append((f"m{min(shades[name], 4)}", f"{start:.2f}%", f"{max(0.0, width - 0.2):.2f}%"))
        start += width
    limit = 100 * card.room / max(scale, 1)
    rects.append(("limit", f"{max(limit - 0.6, 0):.2f}%", "0.6%"))
    anchor = "end" if limit > _HALF else "start"
    return format_html(
        '<svg class="card-bar" aria-hidden="true">{}<text x="{}%" y="29" text-anchor="{}">{}</text></svg>',
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="14"/>', rects),
        f"{limit:.2f}",
        anchor,
        gettext("limit %(memory)s") % {"memory": gib(card.room)},
    )


_HALF = 50
"""Percent of a picture's width from which on words end at a mark instead of beginning there."""

PART_HINTS: Mapping[str, tuple[str, str]] = {
    "weights": ("Model weights", "What the model has learned: its files, loaded. The same however long you talk."),
    "kv": (
        "Conversation (KV cache)",
        "What the model keeps of the text so far, so that it need not read it again. It grows with the context.",
    ),
    "state": (
        "Running state",
        "What some layers keep of the text instead of a cache. It grows with conversations at once, not with context.",
    ),
    "compute": (
        "Working space (compute buffers)",
        "Room for what is being computed at the moment, set aside at the start.",
    ),
    "overhead": ("Engine and driver", "What the engine's own program and the driver take on every card."),
    "projector": ("Image reader (vision projector)", "The part that turns pictures into something the model can read."),
    "layers": ("Layers", "Whole layers of the model that the processor computes, slower than a card."),
    "experts": ("Experts", "Parts of a mixture that each word uses a few of: the processor computes them here."),
    "embedding": ("Word table", "The table of words, which llama.cpp keeps here in any case: it costs no speed."),
}
"""What people call a part of the memory need, and a sentence on what it is."""


TERMS: Mapping[str, str] = {
    "Architecture": "How the model is built. An engine runs the architectures that it was taught.",
    "Family": "Models of one line, built alike.",
    "Format": "The kind of files that the weights are in. An engine loads some kinds only.",
    "Parameters": "How many numbers the model has learned; B is a billion. More know more, take more memory, and are "
    "slower.",
    "Context": "How much text the model keeps in mind at once, in tokens: a token is about three quarters of a word.",
    "Quantization": "How the weights are packed: with fewer bits each they take less memory and lose a little. The "
    "digit after Q is about the bits a weight.",
    "Task": "What it was made for, as the Hub files it.",
    "Licence": "What its makers allow you to do with it.",
    "Access": "Whether the Hub gives its files to everybody, or only to those who accepted its makers' terms.",
    "Languages": "Those that its makers name.",
    "Quality": "How much of the model is left after packing: measured where that was published, else by its bits.",
    "Needs": "Memory for the weights, the conversation, and what the engine takes besides.",
    "Writes": "Tokens a second while it answers. People read about five to ten a second.",
    "Context up to": "The longest context for which the memory of your machine suffices.",
    "Size": "What its files take on disk, in gigabytes of a thousand million bytes. Memory is counted in GiB, which "
    "are 7 % larger.",
}
"""What terms of a model's page mean, a sentence or two each."""


def term(name: str) -> SafeString:
    """A term; with what it means behind it, for those who ask."""
    meaning = TERMS.get(name)
    if meaning is None:
        return format_html("{}", told(name))
    return format_html('<details class="term"><summary>{}</summary><p>{}</p></details>', told(name), gettext(meaning))


def part_hint(key: str) -> tuple[str, str]:
    """The words for a part, and what it is."""
    name, hint = PART_HINTS.get(key, (key.capitalize(), ""))
    return told(name), told(hint)


def small_first(words: str) -> str:
    """Words as they stand within a sentence: as they are where a language writes its nouns large, or knows no size."""
    return words[:1].lower() + words[1:] if get_language() == settings.LANGUAGE_CODE else words


def plan_title(plan: Plan) -> str:
    """What a plan does, in a few words: ``As you asked``, ``With a smaller cache``."""
    if not plan.changes:
        return gettext("As you asked")
    return gettext("With %(changes)s") % {"changes": gettext(" and ").join(map(told, plan.changes))}


_FIT_KINDS = {Fit.FITS: "fits", Fit.TIGHT: "tight", Fit.PARTIAL: "tight"}


def fit_bar(fit: FitResult) -> SafeString:
    """A variant's memory need against its device's room; a tick marks the room where the need is more."""
    if not fit.need or not fit.room:
        return SafeString("")
    need = fit.whole_need
    kind = _FIT_KINDS.get(fit.fit, "over")
    rects = [(kind, "0", f"{min(100.0, 100 * need / fit.room):.1f}")]
    if need > fit.room:
        rects.append(("limit", f"{100 * fit.room / need:.1f}", "2"))
    return format_html(
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        told(fit.sentence),
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="4"/>', rects),
    )


_MADE_BY = {
    "finetune": "fine-tuned from it",
    "quantized": "packed from it",
    "adapter": "an adapter for it",
    "merge": "merged from it",
}
"""How a model says that it was made from another one."""


def made_by(kind: str) -> str:
    """How a model was made from the one that stands beside these words."""
    return told(_MADE_BY.get(kind, "based on it"))


def made_of(kind: str, number: int) -> str:
    """What some that were made from a model are: ``fine-tunes``, ``1 merge`` without its number."""
    if kind == "finetune":
        return ngettext("fine-tune", "fine-tunes", number)
    if kind == "quantized":
        return ngettext("other packing", "other packings", number)
    if kind == "adapter":
        return ngettext("adapter", "adapters", number)
    if kind == "merge":
        return ngettext("merge", "merges", number)
    return gettext("based on it")


_TALLEST = 1.6
"""So many times the room is what the tallest column stands for: what needs more is cut off there."""


def column_scale(steps: Iterable[WidthStep], room: int) -> float:
    """The bytes that the whole height of the columns stands for."""
    most = max((step.needed or 0 for step in steps), default=0)
    return min(most, _TALLEST * room) if room and most > room else max(most, room) or 1


def need_column(needed: int | None, fit: FitResult | None, room: int, scale: float) -> SafeString:
    """What a build needs as a column, and the room as a line across it. Decoration: the numbers stand below."""
    kind = _FIT_KINDS.get(fit.fit, "over") if fit else "fill"
    height = min(100.0, 100 * (needed or 0) / scale)
    rects = [(kind, f"{100 - height:.1f}", f"{height:.1f}")]
    if room:
        rects.append(("limit", f"{min(98.0, max(0.0, 100 - 100 * room / scale)):.1f}", "2"))
    return format_html(
        '<svg class="bar column" viewBox="0 0 10 100" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect class="{}" y="{}" width="10" height="{}"/>', rects),
    )
