"""Engine profiles: what one engine accepts. One TOML file an engine in ``profiles/``; see ``loader`` for its form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache

from compat.architectures import architecture_of, family_label
from compat.engines.confidence import Confidence
from compat.engines.gpu_capability import Capability
from compat.extraction.variants import EITHER, TRANSFORMERS
from compat.strict_data import DataError

POLICIES = ("reject", "cap", "warn")
"""What becomes of a model made for more context than the limit: refused, cut to it, or only told."""

NAME_SPACES = ("model_type", "class", "gguf")
"""What an engine may know an architecture by: ``model_type``, ``architectures[]``, or the name in a GGUF header."""

CLASS_POLICIES = ("first", "each", "one")
"""Of several classes in ``config.json``: the first counts, the first that it knows, or it stops at more than one."""

_MANY_FAMILIES = 8


class ProfileError(DataError):
    """A profile file is wrong; the message names the file, the field and what is expected there."""


@dataclass(frozen=True, slots=True)
class Group:
    """Architectures that an engine treats alike.

    ``by`` is the name space of ``names``; ``tasks`` are those it serves with them; ``reads`` is ``text``, ``images``
    (pictures or sound too) or ``text part`` (only the language part of a model that could do more); ``limit`` the
    surest a verdict can be; ``note`` a sentence shown with it, ``brief`` a few words of it for a badge; ``context`` a
    limit of their own in tokens; ``started_with`` the arguments that the engine needs to run them, which the note tells
    as well; ``refused`` the cause (``architecture`` or ``task``) where the engine knows them but does not run them, and
    ``unknown`` where that depends on what the record does not tell. ``not_packed``: packings that the engine otherwise
    reads, but not with these. ``derived``: the names follow from others by a rule of the engine, and so are no
    architectures of their own.
    """

    by: str
    names: frozenset[str]
    tasks: frozenset[str]
    reads: str = "text"
    formats: frozenset[str] = frozenset()
    limit: Confidence | None = None
    note: str = ""
    brief: str = ""
    context: int | None = None
    started_with: tuple[str, ...] = ()
    refused: str = ""
    not_packed: frozenset[str] = frozenset()
    derived: bool = False


@dataclass(frozen=True, slots=True)
class FormatRule:
    """A weight format an engine loads, how sure a verdict for it can be at best, and by which name space it goes.

    ``loader`` is what of the engine reads it, where that knows fewer architectures than the engine (``converter``).
    Empty ``platforms`` means all of the engine's. ``layouts`` are those it reads beside Transformers' own, ``opens``
    the names of files that it takes for weights beside Transformers' own (of :data:`FILE_NAMES`); None: nobody looked.
    ``layout_note`` says what another layout takes, where it is not read as surely. ``unoptimized``: as of a packing.
    """

    name: str
    confidence: Confidence
    note: str = ""
    by: str = "model_type"
    single_file: bool = False
    brief: str = ""
    loader: str = ""
    platforms: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    opens: frozenset[str] | None = None
    layout_note: str = ""
    unoptimized: bool = False


@dataclass(frozen=True, slots=True)
class Packing:
    """A quantization an engine loads: how sure, and on which hardware. Empty ``platforms`` means all of the engine's,
    and ``experts_platforms`` are those for the weights of a mixture of experts, where they are others.

    ``compute_capability`` is the least of NVIDIA's it needs (8.9: Ada), ``experts`` the least for the weights of a
    mixture of experts, where that is more, ``below`` the one from which on it is not computed any more, and ``native``
    the one from which it runs at full speed. ``gfx`` and ``native_gfx`` name AMD's generations that it needs and
    that have it built in; empty ``gfx`` means all. ``elsewhere`` says why it is not sure on generations of AMD's that
    ``native_gfx`` does not name, and ``unsure`` the same of whole platforms. ``native_platforms`` are those of which
    any hardware has it built
    in, empty where that is not told. ``processor`` is what a processor must have for it, ``processor_experts`` the same
    for the weights of a mixture of experts, where that is more. ``dense_alone``: not for mixtures of experts;
    ``experts_alone``: for nothing else.
    ``architectures`` are the only ones it is read for, by ``model_type``, ``excepted`` those that it is not read for;
    ``refused`` says why the engine knows it and does not load it. ``brief`` is a few words of ``note`` for a badge.
    ``experimental``: the engine's makers call it so, and what they do not is taken before it. ``unoptimized``: they say
    that their code for it is slow, and what they do not say it of is taken before it.
    """

    name: str
    confidence: Confidence
    note: str = ""
    platforms: tuple[str, ...] = ()
    experts_platforms: tuple[str, ...] = ()
    compute_capability: float | None = None
    experts: float | None = None
    below: float | None = None
    native: float | None = None
    gfx: tuple[str, ...] = ()
    native_gfx: tuple[str, ...] = ()
    native_platforms: tuple[str, ...] = ()
    elsewhere: str = ""
    unsure: Mapping[str, str] = field(default_factory=dict)
    dense_alone: bool = False
    experts_alone: bool = False
    architectures: frozenset[str] = frozenset()
    excepted: frozenset[str] = frozenset()
    refused: str = ""
    processor: str = ""
    processor_experts: str = ""
    brief: str = ""
    experimental: bool = False
    unoptimized: bool = False

    def runs_on(self, *, mixture: bool) -> tuple[str, ...]:
        """The platforms that compute it, for a mixture of experts or not; empty: all of the engine's."""
        return self.experts_platforms or self.platforms if mixture else self.platforms

    def of_processor(self, *, mixture: bool) -> str:
        """What a processor must have for it, for a mixture of experts or not; empty: any will do."""
        return self.processor_experts or self.processor if mixture else self.processor

    def least(self, *, mixture: bool) -> float | None:
        """The least compute capability of NVIDIA's that it needs, for a mixture of experts or not; None: any."""
        return self.experts or self.compute_capability if mixture else self.compute_capability


@dataclass(frozen=True, slots=True)
class GgufTypes:
    """Quantization labels of GGUF files an engine loads. ``doubtful`` ones may hold types it does not know."""

    accepted: frozenset[str] = frozenset()
    doubtful: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Experimental:
    """A platform that an engine runs on beside its own, if not as surely: ``note`` says how.

    ``like`` is the one of its own whose code computes packed weights there; empty: nobody looked.
    """

    platform: str
    note: str
    like: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Hardware of the engine's own platforms on which it runs less surely, whatever the model.

    ``capabilities``: NVIDIA's of a compute capability from the first number on, below the second. ``integrated``: this
    maker's graphics inside a processor. ``limit`` is the surest that a verdict can be there, ``note`` says why, and
    ``report`` is where that was read.
    """

    limit: Confidence
    note: str
    brief: str
    report: str
    capabilities: tuple[float, float] | None = None
    integrated: str = ""

    def concerns(self, hardware: Capability) -> bool:
        """Whether it is about this hardware; of hardware that tells too little it is not."""
        if self.integrated:
            return hardware.integrated and hardware.vendor == self.integrated
        told = hardware.compute_capability
        least, below = self.capabilities or (0.0, 0.0)
        return hardware.vendor == "nvidia" and told is not None and least <= told < below


@dataclass(frozen=True, eq=False)
class EngineProfile:
    """What one engine accepts. ``digest`` changes with anything that can change a verdict.

    ``criteria`` marks a profile that states which models are wanted rather than what a loader reads: it looks at the
    model behind a file, and not at how weights are packed. ``experimental`` is a platform beside ``platforms`` on which
    it might run. ``compute_capability`` is the least of NVIDIA's that it needs, ``gfx`` AMD's generations that it is
    built for (empty: any), ``doubts`` what of its platforms it may not run on. ``remote_code`` says what becomes of
    Python code in the repository: ``runs`` (if the person allows it) or ``ignores``. ``config_types``: the
    ``model_type``s whose ``config.json`` it reads without such code; empty where it does not need to know them.
    ``classes`` is one of :data:`CLASS_POLICIES`. ``offered``: whether visitors can pick it before the
    operator decides; what is not offered costs a site nothing.
    """

    slug: str
    name: str
    version: str
    source: str
    summary: str
    checked: date
    groups: tuple[Group, ...]
    tasks: tuple[str, ...]
    formats: tuple[FormatRule, ...]
    context_limit: int | None
    context_policy: str
    default: bool = False
    offered: bool = True
    criteria: bool = False
    packings: tuple[Packing, ...] = ()
    gguf_types: GgufTypes | None = None
    projector: bool = False
    platforms: tuple[str, ...] = ()
    experimental: Experimental | None = None
    compute_capability: float | None = None
    gfx: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    remote_code: str = "ignores"
    config_types: frozenset[str] = frozenset()
    classes: str = "first"
    advice: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @cached_property
    def _formats_by_name(self) -> dict[str, FormatRule]:
        found = {rule.name: rule for rule in self.formats}
        either = [found[name] for name in EITHER if name in found]
        if len(either) == len(EITHER):
            # Weights in one of two formats are loaded where both are, as surely as the less sure one.
            found[TRANSFORMERS] = min(either, key=lambda rule: rule.confidence)
        return found

    @cached_property
    def packings_by_name(self) -> dict[str, Packing]:
        """Its entries for packings, by their names."""
        return {packing.name: packing for packing in self.packings}

    @cached_property
    def _groups_by_name(self) -> dict[tuple[str, str], tuple[Group, ...]]:
        found: dict[tuple[str, str], tuple[Group, ...]] = {}
        for group in self.groups:
            for name in group.names:
                found[group.by, name] = (*found.get((group.by, name), ()), group)
        return found

    def format(self, name: str) -> FormatRule | None:
        """The rule for a format, None where the engine does not load it."""
        return self._formats_by_name.get(name)

    def packing(self, label: str, scheme: str | None = None) -> Packing | None:
        """How it loads weights packed this way, None where it does not."""
        return _packing_of(self, label, scheme)

    def groups_of(self, by: str, name: str) -> tuple[Group, ...]:
        """The groups that hold a name, in the profile's order; empty where the engine does not know it."""
        return self._groups_by_name.get((by, name), ())

    @cached_property
    def writes_text(self) -> bool:
        """Whether it runs models that write."""
        return any("text-generation" in group.tasks for group in self.groups if not group.refused)

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The families it runs text models of, in the order of their labels. Names in no family are left out."""
        runs = [group for group in self.groups if not group.refused and group.by != "class" and not _doubted(group)]
        found = {architecture_of(name) for group in runs for name in group.names}
        known = {
            architecture.family for architecture in found if architecture.kind in ("text", "moe", "newer", "vision")
        }
        return tuple(sorted(known, key=family_label))

    @cached_property
    def architecture_count(self) -> int:
        """How many different architecture names it surely runs, over all name spaces the most."""
        runs = [group for group in self.groups if not group.refused and not group.derived and not _doubted(group)]
        return max(len({name for group in runs if group.by == by for name in group.names}) for by in NAME_SPACES)

    @cached_property
    def family_names(self) -> str:
        """What it runs, as words: ``Gemma, Llama and Qwen``, or a count where that would be a page of names."""
        if self.families and len(self.families) <= _MANY_FAMILIES:
            return join_words(family_label(family) for family in self.families)
        return f"{self.architecture_count} architectures, most of the well-known ones among them"

    def with_context_policy(self, policy: str) -> EngineProfile:
        """The same engine under another context policy."""
        if policy not in POLICIES:
            raise ProfileError(f"context policy {policy!r}: use one of {', '.join(POLICIES)}")
        if policy == self.context_policy:
            return self
        return replace(self, context_policy=policy, digest=f"{self.digest}-{policy}")


@lru_cache(maxsize=4096)
def _packing_of(profile: EngineProfile, label: str, scheme: str | None) -> Packing | None:
    entries = profile.packings_by_name
    return next((entries[name] for name in packing_names(label, scheme) if name in entries), None)


def _doubted(group: Group) -> bool:
    return group.limit is Confidence.LOW


def packing_names(label: str, scheme: str | None = None) -> tuple[str, ...]:
    """The names that an entry may have for weights packed this way, the most telling first.

    A scheme of several words, as ``INT4 asymmetric``, is also what fewer of them say, with its first word before
    without. ``MLX`` stands for all its widths.
    """
    own = (*(f"{label} {one}" for one in _readings(scheme.split() if scheme else [])), label)
    return (*own, *packing_names("MLX", scheme)) if label.startswith("MLX ") else own


def _readings(words: Sequence[str]) -> list[str]:
    if not words:
        return []
    rest = _readings(words[1:])
    return [*(f"{words[0]} {one}" for one in rest), words[0], *rest]


def join_words(words: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    items = list(words)
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
