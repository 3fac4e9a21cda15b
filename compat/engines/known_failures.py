"""Failures that the public reported and an engine's lists do not tell: ``known_failures.toml``, read strictly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from compat.architectures import architecture_of
from compat.engines.confidence import Confidence
from compat.engines.gpu_capability import PLATFORM_LABELS, Capability
from compat.engines.loader import all_profiles
from compat.engines.profile import EngineProfile, packing_names
from compat.extraction.facts import VariantFacts
from compat.extraction.variants import FORMATS, is_among
from compat.strict_data import DataError, Name, Names, StrictTable, check_table, one_of, parse_toml, read_text

FILENAME = "known_failures.toml"
_VERSION = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """What fails: on which engine, of which models (an empty condition holds for all), and on which hardware.

    ``since`` and ``fixed`` are the engine's first version that has it and the first without. ``capabilities`` are
    ranges of NVIDIA's compute capability, from the first number on and below the second; ``gpus`` the least number of
    accelerators; ``experts``: mixtures of experts alone. ``cause`` is that of the refusal, empty where it is only a
    warning, whose ``limit`` is the surest that a verdict can be. ``sentence`` is whole in itself; ``report`` the
    address of the public report.
    """

    name: str
    engine: str
    sentence: str
    brief: str
    report: str
    since: str = ""
    fixed: str = ""
    architectures: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    packings: frozenset[str] = frozenset()
    sharded: bool = False
    experts: bool = False
    platforms: frozenset[str] = frozenset()
    capabilities: tuple[tuple[float, float], ...] = ()
    gfx: frozenset[str] = frozenset()
    gpus: int = 1
    cause: str = ""
    limit: Confidence | None = None

    @property
    def depends_on_hardware(self) -> bool:
        """Whether it happens on some hardware only."""
        return bool(self.platforms or self.capabilities or self.gfx or self.gpus > 1)

    @property
    def of_hardware_alone(self) -> bool:
        """Whether hardware fails here whatever the model is: of no interest to who has not that."""
        told = self.architectures or self.packings or self.sharded or self.experts
        return self.depends_on_hardware and not told

    def concerns(self, facts: VariantFacts) -> bool:
        """Whether it is about a model of these facts."""
        return (
            (not self.architectures or facts.architecture in self.architectures)
            and (not self.formats or is_among(facts.format, self.formats))
            and (not self.packings or not self.packings.isdisjoint(_packed_as(facts)))
            and (facts.sharded or not self.sharded)
            and (not self.experts or architecture_of(facts.architecture or "").mixture)
        )

    def happens_on(self, hardware: Capability | None) -> bool | None:
        """Whether it happens on this hardware; None where too little is known of that."""
        if not self.depends_on_hardware:
            return True
        if hardware is None:
            return None
        if (self.platforms and not self.platforms & set(hardware.platforms)) or hardware.count < self.gpus:
            return False
        if self.capabilities:
            if hardware.vendor != "nvidia" or hardware.compute_capability is None:
                return None if hardware.vendor == "nvidia" else False
            return any(least <= hardware.compute_capability < below for least, below in self.capabilities)
        if self.gfx:
            if hardware.vendor != "amd" or hardware.gfx is None:
                return None if hardware.vendor == "amd" else False
            return hardware.gfx in self.gfx
        return True


def _packed_as(facts: VariantFacts) -> tuple[str, ...]:
    return packing_names(facts.quantization, facts.scheme) if facts.quantization else ()


_Version = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)*$")]
_Range = Annotated[list[float], Field(min_length=2, max_length=2)]


class _FailureTable(StrictTable):
    """An entry of the file; :class:`KnownFailure` says what its fields mean."""

    name: Name
    engine: Name
    sentence: Name
    brief: Name
    report: Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
    since: _Version = ""
    fixed: _Version = ""
    architectures: Names = []
    formats: list[Annotated[str, one_of(*FORMATS)]] = []
    packings: Names = []
    sharded: bool = False
    experts: bool = False
    platforms: list[Annotated[str, one_of(*PLATFORM_LABELS)]] = []
    capabilities: list[_Range] = []
    gfx: Names = []
    gpus: Annotated[int, Field(ge=1)] = 1
    blocks: Annotated[str, one_of("architecture", "format", "quantization", "platform")] = ""
    warns: Annotated[str, one_of("low", "medium", "high")] = ""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.blocks) == bool(self.warns):
            raise ValueError("give either blocks (the cause of the refusal) or warns (the surest a verdict can be)")
        if not (self.architectures or self.formats or self.packings or self.sharded):
            raise ValueError("names no architectures, formats or packings: what fails?")
        if any(least >= below for least, below in self.capabilities):
            raise ValueError("capabilities holds a range that ends before it begins")
        return self


class _FailuresTable(StrictTable):
    failure: Annotated[list[_FailureTable], Field(min_length=1)]


def read_known_failures(text: str, filename: str = FILENAME) -> tuple[KnownFailure, ...]:
    """Failures from the text of such a file; raises ``DataError`` naming the file, the entry and the field."""
    rows = check_table(_FailuresTable, parse_toml(text, filename), filename).failure
    for row in rows:
        if row.engine not in all_profiles():
            raise DataError(f"{filename}: {row.name}: engine {row.engine!r} is none of {', '.join(all_profiles())}")
    if len({row.name for row in rows}) != len(rows):
        raise DataError(f"{filename}: failure names something twice")
    return tuple(_failure(row) for row in rows)


@cache
def known_failures() -> tuple[KnownFailure, ...]:
    """All that ship; raises ``DataError`` where the file is wrong."""
    return read_known_failures(read_text(files("compat.engines") / "data" / FILENAME))


@cache
def failures_of(profile: EngineProfile) -> tuple[KnownFailure, ...]:
    """Those of an engine in the version that its profile describes."""
    return tuple(failure for failure in _by_engine().get(profile.slug, ()) if _in_version(failure, profile.version))


def failures_about(facts: VariantFacts, profile: EngineProfile) -> tuple[KnownFailure, ...]:
    """Those of an engine that are about a model of these facts.

    They are kept by the few facts that :meth:`KnownFailure.concerns` asks for: most models differ in none of these.
    """
    return _about(profile, facts.architecture, facts.format, facts.quantization, facts.scheme, facts.sharded)


@lru_cache(maxsize=16384)
def _about(
    profile: EngineProfile,
    architecture: str | None,
    format_: str | None,
    quantization: str | None,
    scheme: str | None,
    sharded: bool,
) -> tuple[KnownFailure, ...]:
    facts = VariantFacts(
        architecture=architecture, format=format_, quantization=quantization, scheme=scheme, sharded=sharded
    )
    return tuple(failure for failure in failures_of(profile) if failure.concerns(facts))


@cache
def _by_engine() -> Mapping[str, tuple[KnownFailure, ...]]:
    found: dict[str, tuple[KnownFailure, ...]] = {}
    for failure in known_failures():
        found[failure.engine] = (*found.get(failure.engine, ()), failure)
    return found


def _in_version(failure: KnownFailure, version: str) -> bool:
    """Whether the version has the failure; one that is no number is taken to be newer than any that is named."""
    told = _VERSION.match(version)
    if told is None:
        return not failure.fixed
    return _numbers(failure.since) <= _numbers(told[0]) and not (
        failure.fixed and _numbers(told[0]) >= _numbers(failure.fixed)
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def _failure(row: _FailureTable) -> KnownFailure:
    return KnownFailure(
        name=row.name,
        engine=row.engine,
        sentence=row.sentence,
        brief=row.brief,
        report=row.report,
        since=row.since,
        fixed=row.fixed,
        architectures=frozenset(row.architectures),
        formats=frozenset(row.formats),
        packings=frozenset(row.packings),
        sharded=row.sharded,
        experts=row.experts,
        platforms=frozenset(row.platforms),
        capabilities=tuple((least, below) for least, below in row.capabilities),
        gfx=frozenset(row.gfx),
        gpus=row.gpus,
        cause=row.blocks,
        limit=Confidence[row.warns.upper()] if row.warns else None,
    )
