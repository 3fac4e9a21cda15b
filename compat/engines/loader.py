"""Reads engine profiles from TOML, strictly: whatever is wrong is said with file, field and what is expected
there.

``<slug>.toml`` is written by people. Long name lists stand in ``<slug>.lists.toml``, written by
``profiles/regenerate.py``; a group takes one with ``lists = ["gguf"]``, or another engine's with
``lists = ["llama-cpp:gguf"]``. A row of packings may be another engine's, with ``shares = "mlx-lm"``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache, lru_cache
from importlib import resources
from typing import Annotated, Any, NoReturn, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from compat.engines.confidence import Confidence
from compat.engines.gpu_capability import PLATFORM_LABELS, VENDOR_PLATFORMS
from compat.engines.profile import (
    CLASS_POLICIES,
    NAME_SPACES,
    POLICIES,
    Doubt,
    EngineProfile,
    Experimental,
    FormatRule,
    GgufTypes,
    Group,
    Packing,
    ProfileError,
)
from compat.engines.shared_packings import Share, shared_packings
from compat.extraction.facts import FILE_NAMES
from compat.extraction.task import TASKS
from compat.extraction.variants import FORMATS, LAYOUTS
from compat.strict_data import (
    DataError,
    Name,
    Names,
    StrictTable,
    check_table,
    one_of,
    parse_toml,
    read_text,
    without_repeats,
)

LISTS_SUFFIX = ".lists.toml"

ListText = Callable[[str], str]
"""Gives the text of an engine's list file by slug; raises ``FileNotFoundError`` where there is none."""
ProfileText = Callable[[str], str]
"""Gives the text of an engine's profile by slug; raises ``FileNotFoundError`` where there is none."""


def _nothing(slug: str) -> str:
    raise FileNotFoundError(slug)


def read_folder() -> list[EngineProfile]:
    """Every profile in the package's ``profiles`` folder."""
    folder = resources.files(__package__).joinpath("profiles")

    def lists(slug: str) -> str:
        return folder.joinpath(slug + LISTS_SUFFIX).read_text("utf-8")

    def profiles(slug: str) -> str:
        return folder.joinpath(slug + ".toml").read_text("utf-8")

    return [
        read_profile(read_text(entry), entry.name, lists, profiles)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml") and not entry.name.endswith(LISTS_SUFFIX)
    ]


def _some(values: list[str]) -> list[str]:
    if not values:
        raise ValueError("names no quantization")
    return values


def _some_tasks(tasks: dict[str, list[str]]) -> dict[str, list[str]]:
    if not tasks:
        raise ValueError("text is missing: which tasks are served?")
    return tasks


_Sureness = Annotated[str, one_of("high", "medium", "low")]
_NameSpace = Annotated[str, one_of(*NAME_SPACES)]
_Layout = Annotated[str, one_of(*LAYOUTS)]
_FileNames = Annotated[str, one_of(*FILE_NAMES)]
_Format = Annotated[str, one_of(*FORMATS)]
_Task = Annotated[str, one_of(*TASKS)]
_Platforms = Annotated[list[Annotated[str, one_of(*PLATFORM_LABELS)]], without_repeats]


class _GroupTable(StrictTable):
    by: _NameSpace
    names: Names = []
    lists: Names = []
    excepted: Names = Field([], alias="except")
    except_lists: Names = []
    serves: Names = []
    reads: Annotated[str, one_of("text", "images", "text part")] = "text"
    formats: list[_Format] = []
    confidence: _Sureness | None = None
    note: str = ""
    brief: str = ""
    context: int | None = None
    started_with: Names = []
    refused: Annotated[str, one_of("architecture", "task", "unknown")] = ""
    not_packed: Names = []
    endings: Names = []
    become: Names = []

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.serves and not self.refused:
            raise ValueError("serves is missing")
        if self.confidence and not self.note:
            raise ValueError("note is missing: say why the confidence is limited")
        if self.started_with and not (self.confidence and all(told in self.note for told in self.started_with)):
            raise ValueError("started_with goes with confidence, and with a note that tells it")
        if bool(self.endings) != bool(self.become):
            raise ValueError("endings and become go together: which endings of the names become which others?")
        return self


class _FormatTable(StrictTable):
    name: _Format
    by: _NameSpace
    confidence: _Sureness
    note: str = ""
    single_file: bool = False
    brief: str = ""
    loader: str = ""
    platforms: _Platforms = []
    layouts: list[_Layout] = []
    opens: list[_FileNames] | None = None
    layout_note: str = ""
    unoptimized: bool = False


class _QuantizationTable(StrictTable):
    names: Annotated[Names, AfterValidator(_some)] = []
    shares: str = ""
    except_lists: Names = []
    confidence: _Sureness | None = None
    note: str = ""
    brief: str = ""
    platforms: _Platforms = []
    experts_platforms: _Platforms = []
    compute_capability: float | None = None
    experts: float | None = None
    below: float | None = None
    native: float | None = None
    gfx: Names = []
    native_gfx: Names = []
    native_platforms: _Platforms = []
    elsewhere: str = ""
    unsure: dict[Annotated[str, one_of(*PLATFORM_LABELS)], str] = {}
    dense_alone: bool = False
    experts_alone: bool = False
    architectures: Names = []
    architecture_lists: Names = []
    refused: str = ""
    processor: str = ""
    processor_experts: str = ""
    experimental: bool = False
    unoptimized: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.processor or self.processor_experts) and "cpu" not in self.platforms:
            raise ValueError("processor is only for the platform cpu: is it missing among platforms?")
        if bool(self.names) == bool(self.shares):
            raise ValueError("give either names or shares: which packings, or whose?")
        if self.except_lists and not self.shares:
            raise ValueError("except_lists goes with shares")
        if bool(self.refused) == bool(self.confidence):
            raise ValueError("give either confidence or refused: how sure is it, or why is it not loaded?")
        return self


class _GgufTypesTable(StrictTable):
    accepted: Names = []
    doubtful: Names = []
    note: str = ""


class _ExperimentalTable(StrictTable):
    platform: Annotated[str, one_of(*PLATFORM_LABELS)]
    note: Annotated[str, Field(min_length=1)]
    like: Annotated[str, one_of("", *PLATFORM_LABELS)] = ""


class _DoubtTable(StrictTable):
    """An entry of ``hardware.doubts``; :class:`Doubt` says what its fields mean."""

    capabilities: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    integrated: Annotated[str, one_of("", *VENDOR_PLATFORMS)] = ""
    confidence: Annotated[str, one_of("low", "medium", "high")]
    note: Annotated[str, Field(min_length=1)]
    brief: Annotated[str, Field(min_length=1)]
    report: Annotated[str, StringConstraints(pattern=r"^https://\S+$")]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.capabilities is None) == (not self.integrated):
            raise ValueError("give either capabilities or integrated: on which hardware?")
        if self.capabilities is not None and self.capabilities[0] >= self.capabilities[1]:
            raise ValueError("capabilities ends before it begins")
        return self


class _HardwareTable(StrictTable):
    platforms: _Platforms
    experimental: _ExperimentalTable | None = None
    compute_capability: float | None = None
    gfx: Names = []
    doubts: list[_DoubtTable] = []


class _ContextTable(StrictTable):
    limit: Annotated[int, Field(ge=1)] | None = None
    policy: Annotated[str, one_of(*POLICIES)] = "warn"


class _ProfileTable(StrictTable):
    """A whole profile file; :class:`EngineProfile` and its parts say what the fields mean."""

    slug: Name
    name: Name
    version: Name
    source: Name
    summary: Name
    checked: date
    tasks: Annotated[dict[str, Annotated[list[_Task], Field(min_length=1)]], AfterValidator(_some_tasks)]
    hardware: _HardwareTable
    default: bool = False
    offered: bool = True
    criteria: bool = False
    remote_code: Annotated[str, one_of("ignores", "runs")] = "ignores"
    config_types: Names = []
    classes: Annotated[str, one_of(*CLASS_POLICIES)] = "first"
    projector: bool = False
    architectures: list[_GroupTable] = []
    formats: list[_FormatTable] = []
    quantization: list[_QuantizationTable] = []
    gguf_types: _GgufTypesTable | None = None
    advice: dict[str, Name] = {}
    context: _ContextTable = _ContextTable()


def read_profile(
    text: str, filename: str, lists: ListText = _nothing, profiles: ProfileText = _nothing
) -> EngineProfile:
    """A profile from its TOML text; raises :class:`ProfileError` naming the file and the field."""
    try:
        table = check_table(_ProfileTable, parse_toml(text, filename), filename)
        return _Reading(table, filename, lists, profiles).profile(text)
    except DataError as error:
        raise ProfileError(str(error)) from None


class _Reading:
    """Makes a profile of a table that is right in itself, with the names of its list files."""

    def __init__(self, table: _ProfileTable, filename: str, lists: ListText, profiles: ProfileText) -> None:
        self._table, self._filename, self._lists, self._profiles = table, filename, lists, profiles
        self._used: dict[str, str] = {}

    def profile(self, text: str) -> EngineProfile:
        table = self._table
        if table.slug != self._filename.removesuffix(".toml"):
            self._fail(f"slug is {table.slug!r}: it should be the file's own name")
        groups = tuple(self._group(row, number) for number, row in enumerate(table.architectures, 1))
        found = EngineProfile(
            slug=table.slug,
            name=table.name,
            version=table.version,
            source=table.source,
            summary=table.summary,
            checked=table.checked,
            default=table.default,
            offered=table.offered,
            criteria=table.criteria,
            remote_code=table.remote_code,
            classes=table.classes,
            config_types=frozenset(
                name for reference in table.config_types for name in self._listed(reference, "config_types")
            ),
            projector=table.projector,
            groups=groups,
            tasks=tuple(dict.fromkeys(task for names in table.tasks.values() for task in names)),
            formats=tuple(_format(row) for row in table.formats),
            packings=self._packings(),
            gguf_types=_gguf_types(table.gguf_types),
            advice=table.advice,
            platforms=tuple(table.hardware.platforms),
            experimental=_experimental(table.hardware.experimental),
            compute_capability=table.hardware.compute_capability,
            gfx=tuple(table.hardware.gfx),
            doubts=tuple(_doubt(row) for row in table.hardware.doubts),
            context_limit=table.context.limit,
            context_policy=table.context.policy,
            digest=_digest(text, self._used),
        )
        _check_whole(found, self._filename)
        return found

    def _fail(self, problem: str) -> NoReturn:
        raise ProfileError(f"{self._filename}: {problem}")

    def _group(self, row: _GroupTable, number: int) -> Group:
        place = f"architectures {number}"
        names = {*row.names, *self._of_lists(row.lists, place)}
        excepted = set(row.excepted)
        if excepted - names:
            self._fail(f"{place}: except holds names that are not in the group: {', '.join(sorted(excepted - names))}")
        if not names - excepted:
            self._fail(f"{place}: names names no architecture")
        for kind in row.serves:
            if kind not in self._table.tasks:
                self._fail(f"{place}: serves says {kind!r}, which [tasks] does not define")
        return Group(
            by=row.by,
            names=frozenset(_renamed(names - excepted - self._of_lists(row.except_lists, place), row)),
            tasks=frozenset(task for kind in row.serves for task in self._table.tasks[kind]),
            reads=row.reads,
            formats=frozenset(row.formats),
            limit=Confidence[row.confidence.upper()] if row.confidence else None,
            note=row.note,
            brief=row.brief,
            context=row.context,
            started_with=tuple(row.started_with),
            refused=row.refused,
            not_packed=frozenset(row.not_packed),
            derived=bool(row.become),
        )

    def _packings(self) -> tuple[Packing, ...]:
        """The engine's own packings, and those of the engines whose code it loads models with."""
        rows = [(row, f"quantization {number}") for number, row in enumerate(self._table.quantization, 1)]
        own = [one for row, place in rows for one in _packings(row, self._of_lists(row.architecture_lists, place))]
        shares = [self._share(row, place) for row, place in rows if row.shares]
        return (*own, *shared_packings(shares))

    def _share(self, row: _QuantizationTable, place: str) -> Share:
        filename = f"{row.shares}.toml"
        try:
            text = self._profiles(row.shares)
        except FileNotFoundError:
            self._fail(f"{place}: shares names {row.shares!r}, but there is no {filename}")
        # Without a way to other profiles: what is shared is the engine's own.
        engine = read_profile(text, filename, self._lists)
        self._used[filename] = engine.digest
        return Share(
            engine,
            Confidence[row.confidence.upper()] if row.confidence else Confidence.NONE,
            row.note,
            tuple(row.platforms),
            self._of_lists(row.except_lists, place),
        )

    def _of_lists(self, references: Iterable[str], place: str) -> frozenset[str]:
        return frozenset(name for reference in references for name in self._listed(reference, place))

    def _listed(self, reference: str, place: str) -> list[str]:
        """The names of a generated list that a group refers to."""
        owner, _, key = reference.rpartition(":")
        owner = owner or self._table.slug
        filename = owner + LISTS_SUFFIX
        try:
            self._used.setdefault(owner, self._lists(owner))
        except FileNotFoundError:
            self._fail(f"{place}: lists names {reference!r}, but there is no {filename}")
        found = _parsed_lists(self._used[owner], filename).get(key)
        if isinstance(found, dict):
            found = list(found)
        if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
            self._fail(f"{place}: lists names {reference!r}, but {filename} has no such list of names")
        return found


@lru_cache(maxsize=64)
def _parsed_lists(text: str, filename: str) -> dict[str, Any]:
    """A list file's content, which many groups of several engines refer to: parsing it anew takes most of a start."""
    return parse_toml(text, filename)


def _renamed(names: set[str], row: _GroupTable) -> set[str]:
    """The group's names, or those that they become: of ``Qwen3ForCausalLM`` that is ``Qwen3ForRewardModeling``."""
    if not row.become:
        return names
    stems = {name.removesuffix(ending) for name in names for ending in row.endings if name.endswith(ending)}
    return {stem + ending for stem in stems for ending in row.become}


def _format(row: _FormatTable) -> FormatRule:
    return FormatRule(
        row.name,
        Confidence[row.confidence.upper()],
        row.note,
        row.by,
        row.single_file,
        row.brief,
        row.loader,
        tuple(row.platforms),
        tuple(row.layouts),
        None if row.opens is None else frozenset(row.opens),
        row.layout_note,
        row.unoptimized,
    )


def _experimental(row: _ExperimentalTable | None) -> Experimental | None:
    return None if row is None else Experimental(row.platform, row.note, row.like)


def _doubt(row: _DoubtTable) -> Doubt:
    least, below = row.capabilities or (0.0, 0.0)
    return Doubt(
        limit=Confidence[row.confidence.upper()],
        note=row.note,
        brief=row.brief,
        report=row.report,
        capabilities=None if row.capabilities is None else (least, below),
        integrated=row.integrated,
    )


def _packings(row: _QuantizationTable, listed: frozenset[str]) -> list[Packing]:
    return [
        Packing(
            name,
            Confidence[row.confidence.upper()] if row.confidence else Confidence.NONE,
            row.note,
            platforms=tuple(row.platforms),
            experts_platforms=tuple(row.experts_platforms),
            compute_capability=row.compute_capability,
            experts=row.experts,
            below=row.below,
            native=row.native,
            gfx=tuple(row.gfx),
            native_gfx=tuple(row.native_gfx),
            native_platforms=tuple(row.native_platforms),
            elsewhere=row.elsewhere,
            unsure=row.unsure,
            dense_alone=row.dense_alone,
            experts_alone=row.experts_alone,
            architectures=listed.union(row.architectures),
            refused=row.refused,
            processor=row.processor,
            processor_experts=row.processor_experts,
            brief=row.brief,
            experimental=row.experimental,
            unoptimized=row.unoptimized,
        )
        for name in row.names
    ]


def _gguf_types(row: _GgufTypesTable | None) -> GgufTypes | None:
    return None if row is None else GgufTypes(frozenset(row.accepted), frozenset(row.doubtful), row.note)


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


@cache
def all_profiles() -> Mapping[str, EngineProfile]:
    """Every profile that ships, by slug, the default first."""
    found = read_folder()
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
