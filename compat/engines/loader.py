"""Reads engine profiles from TOML, strictly: whatever is wrong is said with file, field and what is expected
there.

``<slug>.toml`` is written by people. Long name lists stand in ``<slug>.lists.toml``, written by
``profiles/regenerate.py``; a group takes one with ``lists = ["gguf"]``, or another engine's with
``lists = ["llama-cpp:gguf"]``.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from importlib import resources
from typing import Any, NoReturn

from compat.engines.confidence import Confidence
from compat.engines.gpu_capability import PLATFORM_LABELS
from compat.engines.profile import (
    NAME_SPACES,
    POLICIES,
    EngineProfile,
    FormatRule,
    GgufTypes,
    Group,
    Packing,
    ProfileError,
)

LISTS_SUFFIX = ".lists.toml"
_READS = ("text", "images", "text part")
_REFUSED = ("architecture", "task")

ListText = Callable[[str], str]
"""Gives the text of an engine's list file by slug; raises ``FileNotFoundError`` where there is none."""


def _no_lists(slug: str) -> str:
    raise FileNotFoundError(slug)


def read_folder() -> list[EngineProfile]:
    """Every profile in the package's ``profiles`` folder."""
    folder = resources.files(__package__).joinpath("profiles")

    def lists(slug: str) -> str:
        return folder.joinpath(slug + LISTS_SUFFIX).read_text("utf-8")

    return [
        read_profile(entry.read_text("utf-8"), entry.name, lists)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml") and not entry.name.endswith(LISTS_SUFFIX)
    ]


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
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.fail(key, f"should be {' or '.join(k.__name__ for k in kinds)}, not {value!r}")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: Any = ...) -> str:
        value: str = self.take(key, str, default)
        if value not in choices and value != default:
            self.fail(key, f"should be one of {', '.join(choices)}, not {value!r}")
        return value

    def sureness(self, key: str, default: Any = ...) -> Confidence | None:
        word = self.take(key, str, default)
        if word is None:
            return None
        if word not in ("high", "medium", "low"):
            self.fail(key, f"should be high, medium or low, not {word!r}")
        return Confidence[word.upper()]

    def texts(self, key: str, default: Any = ()) -> tuple[str, ...]:
        values = self.take(key, list, default)
        for value in values:
            if not isinstance(value, str) or not value:
                self.fail(key, f"should hold names, not {value!r}")
        if len(set(values)) != len(values):
            self.fail(key, "names something twice")
        return tuple(values)

    def table(self, key: str, default: Any = ...) -> _Reader:
        return _Reader(self.take(key, dict, default), f"{self._where}: {key}")

    def rows(self, key: str) -> list[_Reader]:
        rows = self.take(key, list, [])
        if not all(isinstance(row, dict) for row in rows):
            self.fail(key, f"should be written as [[{key}]] tables")
        return [_Reader(row, f"{self._where}: {key} {number}") for number, row in enumerate(rows, 1)]

    def rest(self) -> dict[str, Any]:
        left, self._left = self._left, {}
        return left

    def finish(self) -> None:
        for key in self._left:
            self.fail(key, "is not a field here")

    def fail(self, key: str, problem: str) -> NoReturn:
        raise ProfileError(f"{self._where}: {key} {problem}")


def _parse(text: str, filename: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{filename}: not valid TOML: {error}") from None


def _listed(reader: _Reader, slug: str, lists: ListText, used: dict[str, str]) -> list[str]:
    """The names of the generated lists that a group refers to; ``used`` collects the list files' texts."""
    names: list[str] = []
    for reference in reader.texts("lists"):
        owner, _, key = reference.rpartition(":")
        owner = owner or slug
        try:
            used.setdefault(owner, lists(owner))
        except FileNotFoundError:
            reader.fail("lists", f"names {reference!r}, but there is no {owner}{LISTS_SUFFIX}")
        found = _parse(used[owner], owner + LISTS_SUFFIX).get(key)
        if isinstance(found, dict):
            found = list(found)
        if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
            reader.fail("lists", f"names {reference!r}, but {owner}{LISTS_SUFFIX} has no such list of names")
        names += found
    return names


def _group(
    reader: _Reader, slug: str, tasks: Mapping[str, tuple[str, ...]], lists: ListText, used: dict[str, str]
) -> Group:
    names = {*reader.texts("names"), *_listed(reader, slug, lists, used)}
    excepted = set(reader.texts("except"))
    if excepted - names:
        reader.fail("except", f"holds names that are not in the group: {', '.join(sorted(excepted - names))}")
    if not names - excepted:
        reader.fail("names", "names no architecture")
    refused = reader.choice("refused", _REFUSED, "")
    serves = reader.texts("serves")
    for kind in serves:
        if kind not in tasks:
            reader.fail("serves", f"says {kind!r}, which [tasks] does not define")
    if not serves and not refused:
        reader.fail("serves", "is missing")
    group = Group(
        by=reader.choice("by", NAME_SPACES),
        names=frozenset(names - excepted),
        tasks=frozenset(task for kind in serves for task in tasks[kind]),
        reads=reader.choice("reads", _READS, "text"),
        formats=frozenset(reader.texts("formats")),
        limit=reader.sureness("confidence", None),
        note=reader.take("note", str, ""),
        context=reader.take("context", int, None),
        refused=refused,
    )
    if group.limit is not None and not group.note:
        reader.fail("note", "is missing: say why the confidence is limited")
    reader.finish()
    return group


def _format(reader: _Reader) -> FormatRule:
    sure = reader.sureness("confidence")
    rule = FormatRule(
        reader.take("name", str),
        sure or Confidence.LOW,
        reader.take("note", str, ""),
        reader.choice("by", NAME_SPACES),
        reader.take("single_file", bool, False),
        reader.take("brief", str, ""),
    )
    reader.finish()
    return rule


def _platforms(reader: _Reader, key: str) -> tuple[str, ...]:
    found = reader.texts(key)
    for platform in found:
        if platform not in PLATFORM_LABELS:
            reader.fail(key, f"should hold some of {', '.join(PLATFORM_LABELS)}, not {platform!r}")
    return found


def _packing(reader: _Reader) -> list[Packing]:
    sure = reader.sureness("confidence") or Confidence.LOW
    note = reader.take("note", str, "")
    platforms = _platforms(reader, "platforms")
    least = reader.take("compute_capability", (float, int), None)
    native = reader.take("native", (float, int), None)
    names = reader.texts("names", ...)
    if not names:
        reader.fail("names", "names no quantization")
    reader.finish()
    return [Packing(name, sure, note, platforms, least, native) for name in names]


def _gguf_types(reader: _Reader) -> GgufTypes:
    types = GgufTypes(
        frozenset(reader.texts("accepted")), frozenset(reader.texts("doubtful")), reader.take("note", str, "")
    )
    reader.finish()
    return types


def _tasks(reader: _Reader) -> dict[str, tuple[str, ...]]:
    kinds = {kind: tuple(names) if isinstance(names, list) else names for kind, names in reader.rest().items()}
    for kind, names in kinds.items():
        if not isinstance(names, tuple) or not names or not all(isinstance(name, str) for name in names):
            reader.fail(kind, "should be a list of task names")
    if not kinds:
        reader.fail("text", "is missing: which tasks are served?")
    return kinds


def read_profile(text: str, filename: str, lists: ListText = _no_lists) -> EngineProfile:
    """A profile from its TOML text; raises :class:`ProfileError` naming the file and the field."""
    reader = _Reader(_parse(text, filename), filename)
    slug = reader.take("slug", str)
    if slug != filename.removesuffix(".toml"):
        reader.fail("slug", f"is {slug!r}: it should be the file's own name")
    context, hardware = reader.table("context", {}), reader.table("hardware", {})
    tasks = _tasks(reader.table("tasks"))
    used: dict[str, str] = {}
    gguf_types = reader.take("gguf_types", dict, None)
    found = EngineProfile(
        slug=slug,
        name=reader.take("name", str),
        version=reader.take("version", str),
        source=reader.take("source", str),
        summary=reader.take("summary", str),
        checked=reader.take("checked", date),
        default=reader.take("default", bool, False),
        criteria=reader.take("criteria", bool, False),
        remote_code=reader.choice("remote_code", ("ignores", "runs"), "ignores"),
        projector=reader.take("projector", bool, False),
        groups=tuple(_group(row, slug, tasks, lists, used) for row in reader.rows("architectures")),
        tasks=tuple(dict.fromkeys(task for names in tasks.values() for task in names)),
        formats=tuple(_format(row) for row in reader.rows("formats")),
        packings=tuple(packing for row in reader.rows("quantization") for packing in _packing(row)),
        gguf_types=None if gguf_types is None else _gguf_types(_Reader(gguf_types, f"{filename}: gguf_types")),
        advice=_advice(reader.table("advice", {})),
        platforms=_platforms(hardware, "platforms"),
        compute_capability=hardware.take("compute_capability", (float, int), None),
        context_limit=context.take("limit", int, None),
        context_policy=context.choice("policy", POLICIES, "warn"),
        digest=_digest(text, used),
    )
    for part in (context, hardware, reader):
        part.finish()
    _check_whole(found, filename)
    return found


def _advice(reader: _Reader) -> dict[str, str]:
    rows = reader.rest()
    for name, sentence in rows.items():
        if not isinstance(sentence, str) or not sentence:
            reader.fail(name, "should be a sentence")
    return rows


def _digest(text: str, used: Mapping[str, str]) -> str:
    parts = [text, *(used[name] for name in sorted(used))]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=6).hexdigest()


def _check_whole(profile: EngineProfile, filename: str) -> None:
    """What no field alone can tell."""
    if not profile.groups:
        raise ProfileError(f"{filename}: architectures names none")
    if not profile.formats:
        raise ProfileError(f"{filename}: formats names no format")
    if not profile.platforms:
        raise ProfileError(f"{filename}: hardware: platforms is missing")
    spaces = {group.by for group in profile.groups if not group.refused}
    for rule in profile.formats:
        if rule.by not in spaces:
            raise ProfileError(f"{filename}: formats: {rule.name} goes by {rule.by}, but no architectures do")
    for what, names in (
        ("formats", [rule.name for rule in profile.formats]),
        ("quantization", [packing.name for packing in profile.packings]),
    ):
        if len(set(names)) != len(names):
            raise ProfileError(f"{filename}: {what} names something twice")
