"""Engine profiles: one TOML file an engine, read strictly. Adding an engine is adding one file to ``profiles/``."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, NoReturn

from compat.metadata import families

from .result import Confidence

POLICIES = ("reject", "cap", "warn")


class ProfileError(ValueError):
    """A profile file is wrong; the message names the file, the field and what is expected there."""


@dataclass(frozen=True, slots=True)
class Names:
    """Exact architecture names, in each of the name spaces an engine may read."""

    model_types: frozenset[str] = frozenset()
    gguf: frozenset[str] = frozenset()

    @property
    def families(self) -> tuple[str, ...]:
        """The families these names belong to, in the order of their labels."""
        found = {families.kin_of(name).family for name in self.model_types | self.gguf}
        return tuple(sorted(found, key=families.family_label))


@dataclass(frozen=True, slots=True)
class FormatRule:
    """A weight format an engine loads, and how sure a verdict for it can be at best."""

    name: str
    confidence: Confidence
    note: str = ""


@dataclass(frozen=True, slots=True)
class EngineProfile:
    """What one engine accepts. ``digest`` changes with anything that can change a verdict."""

    slug: str
    name: str
    version: str
    source: str
    summary: str
    checked: date
    accepts: Names
    untested: Names
    untested_note: str
    tasks: tuple[str, ...]
    formats: tuple[FormatRule, ...]
    context_limit: int | None
    context_policy: str
    default: bool = False
    digest: str = field(default="", compare=False)

    def format(self, name: str) -> FormatRule | None:
        """The rule for a format, None where the engine does not load it."""
        return next((rule for rule in self.formats if rule.name == name), None)

    @property
    def family_names(self) -> str:
        """The families it runs, as words: ``Gemma, Llama and Qwen``."""
        return join_words(families.family_label(family) for family in self.accepts.families)

    def with_context_policy(self, policy: str) -> EngineProfile:
        """The same engine under another context policy."""
        if policy not in POLICIES:
            raise ProfileError(f"context policy {policy!r}: use one of {', '.join(POLICIES)}")
        if policy == self.context_policy:
            return self
        return replace(self, context_policy=policy, digest=f"{self.digest}-{policy}")


def join_words(words: Any) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    items = list(words)
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


@cache
def all_profiles() -> Mapping[str, EngineProfile]:
    """Every profile that ships, by slug, the default first."""
    folder = resources.files(__package__).joinpath("profiles")
    found = [
        read_profile(entry.read_text("utf-8"), entry.name) for entry in folder.iterdir() if entry.name.endswith(".toml") and not entry.name.endswith(".lists.toml")
    ]
    if sum(profile.default for profile in found) != 1:
        raise ProfileError("exactly one profile must say default = true")
    return {profile.slug: profile for profile in sorted(found, key=lambda p: (not p.default, p.name.lower()))}


def profile(slug: str) -> EngineProfile:
    """The profile of this slug; ``KeyError`` names those there are."""
    try:
        return all_profiles()[slug]
    except KeyError:
        raise KeyError(f"no engine profile {slug!r}; there are: {', '.join(all_profiles())}") from None


def default_profile() -> EngineProfile:
    """The profile used where none is named."""
    return next(iter(all_profiles().values()))


class _Reader:
    """Takes fields out of a table, checking each; what is left over is an unknown field."""

    def __init__(self, table: Mapping[str, Any], where: str) -> None:
        self._left = dict(table)
        self._where = where

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = ...) -> Any:
        if key not in self._left:
            if default is ...:
                self.fail(key, "is missing")
            return default
        value = self._left.pop(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            kinds = kind if isinstance(kind, tuple) else (kind,)
            self.fail(key, f"should be {' or '.join(k.__name__ for k in kinds)}, not {value!r}")
        return value

    def texts(self, key: str) -> frozenset[str]:
        values = self.take(key, list, [])
        for value in values:
            if not isinstance(value, str) or not value:
                self.fail(key, f"should hold names, not {value!r}")
        if len(set(values)) != len(values):
            self.fail(key, "names something twice")
        return frozenset(values)

    def table(self, key: str) -> _Reader:
        return _Reader(self.take(key, dict, {}), f"{self._where}: {key}")

    def finish(self) -> None:
        for key in self._left:
            self.fail(key, "is not a field of a profile")

    def fail(self, key: str, problem: str) -> NoReturn:
        raise ProfileError(f"{self._where}: {key} {problem}")


def _names(reader: _Reader) -> Names:
    return Names(reader.texts("model_types"), reader.texts("gguf"))


def _formats(reader: _Reader) -> tuple[FormatRule, ...]:
    rules = []
    for row in reader.take("formats", list):
        if not isinstance(row, dict):
            reader.fail("formats", "should be written as [[formats]] tables")
        entry = _Reader(row, "formats")
        word = entry.take("confidence", str)
        if word not in ("high", "medium", "low"):
            reader.fail("formats", f"confidence {word!r} should be high, medium or low")
        rules.append(FormatRule(entry.take("name", str), Confidence[word.upper()], entry.take("note", str, "")))
        entry.finish()
    if not rules:
        reader.fail("formats", "names no format")
    return tuple(rules)


def read_profile(text: str, filename: str) -> EngineProfile:
    """A profile from its TOML text; raises :class:`ProfileError` naming the file and the field."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{filename}: not valid TOML: {error}") from None
    reader = _Reader(data, filename)
    architectures, tasks, context = reader.table("architectures"), reader.table("tasks"), reader.table("context")
    untested = architectures.table("untested")
    policy = context.take("policy", str, "warn")
    if policy not in POLICIES:
        context.fail("policy", f"should be one of {', '.join(POLICIES)}, not {policy!r}")
    found = EngineProfile(
        slug=reader.take("slug", str),
        name=reader.take("name", str),
        version=reader.take("version", str),
        source=reader.take("source", str),
        summary=reader.take("summary", str),
        checked=reader.take("checked", date),
        default=reader.take("default", bool, False),
        accepts=_names(architectures),
        untested=_names(untested),
        untested_note=untested.take("note", str, ""),
        tasks=tuple(tasks.take("accepted", list)),
        formats=_formats(reader),
        context_limit=context.take("limit", int, None),
        context_policy=policy,
        digest=hashlib.blake2b(text.encode(), digest_size=6).hexdigest(),
    )
    for part in (untested, architectures, tasks, context, reader):
        part.finish()
    if found.slug != filename.removesuffix(".toml"):
        raise ProfileError(f"{filename}: slug {found.slug!r} should be the file's own name")
    if not found.accepts.model_types and not found.accepts.gguf:
        raise ProfileError(f"{filename}: architectures names none")
    return found
