"""The catalogues of translations: collected from templates and Python, merged, checked and compiled by Babel."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tools.translation.sentences import sentences

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "locale"
PATTERNS = LOCALE / "sentences.json"
LANGUAGES = sorted(place.name for place in LOCALE.iterdir() if place.is_dir())
"""The languages beside English, by the names of their folders: ``de``, ``zh_Hans``."""
_GETTEXT = "marketplace/show.py"
"""The one module that asks for translations itself."""
_NAMES = re.compile(r"%\((\w+)\)s")
_TAGS = re.compile(r"</?\w+")
_DATES = re.compile(
    rb'^"(POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator|Language-Team|Report-Msgid-Bugs-To): '
    rb'[^\n]*"\n',
    re.MULTILINE,
)
"""Headers that would differ each time a catalogue is written, or name people."""


class Counts(NamedTuple):
    """How far a language is."""

    texts: int
    translated: int


def collected() -> Catalog:
    """Every text that is to be translated, with where it stands."""
    found = Catalog(project="RunsHere", charset="utf-8")
    options = {"trimmed": "true", "silent": "false"}
    for place, line, text, comments, context in extract_from_dir(
        ROOT / "templates", [("**.html", "jinja2.ext.babel_extract")], {"**.html": options}
    ):
        found.add(text, locations=[(f"templates/{place}", line)], auto_comments=comments, context=context)
    with_keywords = {"gettext": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2)}
    for line, text, comments, context in extract_from_file("python", ROOT / _GETTEXT, keywords=with_keywords):
        found.add(text, locations=[(_GETTEXT, line)], auto_comments=comments, context=context)
    for sentence, place in sentences(ROOT).items():
        if sentence not in found:
            found.add(sentence, locations=[(place, 0)])
    return found


def patterns() -> list[str]:
    """The sentences among them that Python writes and something differs in: pages find translations by these."""
    return sorted(text for text in sentences(ROOT) if _NAMES.search(text))


def place_of(language: str) -> Path:
    """The catalogue of a language."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    """The catalogue of a language as it is kept; an empty one where there is none."""
    place = place_of(language)
    if not place.exists():
        return Catalog(locale=language, charset="utf-8")
    with place.open("rb") as file:
        return read_po(file, locale=language)


def merged(language: str) -> Catalog:
    """The same with every text there is now, and none that is gone."""
    known = read(language)
    header = f"# RunsHere, {language}. Written by python -m tools.translation but for what is translated."
    made = Catalog(language, header_comment=header, project="RunsHere", charset="utf-8", fuzzy=False)
    for message in sorted(_texts(collected()), key=_order):
        before = known.get(message.id, message.context)
        places = sorted({(place, 0) for place, _ in message.locations})
        told = before.string if before else ("",) * made.num_plurals if message.pluralizable else ""
        made.add(message.id, told, locations=places, flags=message.flags, context=message.context)
    return made


def _texts(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _order(message: Message) -> tuple[str, str]:
    return min(place for place, _ in message.locations), str(message.id)


def _last(text: str | Sequence[str] | None) -> str:
    """A text, or the form of it that most numbers take."""
    return text if isinstance(text, str) else text[-1] if text else ""


def is_translated(message: Message) -> bool:
    """Whether every form of a text has a translation."""
    told = message.string
    return all(told) if isinstance(told, tuple | list) else bool(told)


def problems_of(catalog: Catalog) -> Iterator[str]:
    """What is wrong in a catalogue: texts without a translation, names that are lost or made up, stray space."""
    for message in _texts(catalog):
        if not is_translated(message):
            yield f"{catalog.locale}: no translation of {message.id!r}"
            continue
        asked, told = _last(message.id), _last(message.string)
        if sorted(set(_NAMES.findall(asked))) != sorted(set(_NAMES.findall(told))):
            yield f"{catalog.locale}: other names than in {asked!r}: {told!r}"
        if asked.count("%%") != told.count("%%") or sorted(_TAGS.findall(asked)) != sorted(_TAGS.findall(told)):
            yield f"{catalog.locale}: other markup than in {asked!r}: {told!r}"


def compiled(catalog: Catalog) -> bytes:
    """A catalogue as programs read it: what is translated alone."""
    # Its header tells when; the same translations are the same file.
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def written(catalog: Catalog) -> bytes:
    """A catalogue as translators read it."""
    file = io.BytesIO()
    write_po(file, catalog, width=120, omit_header=False, include_lineno=False)
    return _DATES.sub(b"", file.getvalue())


def write(language: str) -> Counts:
    """Bring a language's catalogue up to date, compile it, and write the patterns."""
    made = merged(language)
    place = place_of(language)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(written(made))
    place.with_suffix(".mo").write_bytes(compiled(read(language)))
    PATTERNS.write_text(json.dumps(patterns(), ensure_ascii=False, indent=0) + "\n", "utf-8")
    texts = list(_texts(made))
    return Counts(len(texts), sum(map(is_translated, texts)))


@cache
def check() -> list[str]:
    """Everything that is not as it should be."""
    found = []
    if json.loads(PATTERNS.read_text("utf-8")) != patterns():
        found.append(f"{PATTERNS.name} is not what the source says")
    for language in LANGUAGES:
        kept, now = read(language), merged(language)
        if {message.id for message in _texts(kept)} != {message.id for message in _texts(now)}:
            found.append(f"{language}: its texts are not those of the site")
        found += problems_of(now)
        if place_of(language).with_suffix(".mo").read_bytes() != compiled(kept):
            found.append(f"{language}: what is compiled is older than what is translated")
    return found
