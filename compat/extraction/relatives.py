"""What the records of a model's relatives tell of it: the one it was made from, conversions, copies of the same name.

A conversion keeps architecture, context and task of its model, and a copy is the model itself. So what a record leaves
out, its relatives tell: where all of them that read it say the same. Only what a relative read itself counts, never
what it has from relatives in turn. How often such facts are right is measured (``compat/engines/evidence.py``).

GGUF files that say nothing of where they are from may be named after a model: that guesses architecture and layers.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from statistics import median_low
from typing import Any, TypeVar

from compat.architectures import model_types_of_gguf, name_words
from compat.extraction.card import card_texts
from compat.extraction.facts import Fact, Provenance
from compat.extraction.original_name import original_id
from compat.hub.payloads import HubModel
from compat.shapes.layer_facts import is_whole, shape_facts

T = TypeVar("T", str, int)

WEAK = frozenset(
    {
        Provenance.UNKNOWN,
        Provenance.DEFAULT,
        Provenance.NAME,
        Provenance.LIST,
        Provenance.KNOWN,
        Provenance.RELATIVE,
        Provenance.RELATIVES,
    }
)
"""Where a fact is from that relatives know better."""
READ = frozenset({Provenance.GGUF_HEADER, Provenance.FILE_HEADER, Provenance.CONFIG, Provenance.HUB, Provenance.TAG})
"""Where a fact is from that a record read itself."""
CONVERTED = "quantized"
"""The kind of relation of a conversion to its model."""
UNLIKE = ("adapter", "merge")
"""Kinds of relation to a model that may be quite another."""
RELATION_KINDS = ("finetune", CONVERTED, *UNLIKE)
_MOST_RELATIONS = 32
MOST_OF_A_KIND = 8
"""Conversions of one model, and copies of one name, that are asked: a few that agree are as good as a thousand."""
_NAMED = 3
"""Relatives that are named where several agree."""
_SAME_COUNT = 0.03
"""How far apart counts of one model may be: a conversion may leave out or add a table."""


@dataclass(frozen=True, slots=True)
class Relation:
    """This model was made from ``repo_id``; ``kind`` is finetune, quantized, adapter, merge or base."""

    repo_id: str
    kind: str

    def __reduce__(self) -> tuple[type[Relation], tuple[str, str]]:
        """Pickled as it is made, in a fifth of the time."""
        return Relation, (self.repo_id, self.kind)


class Kin(Enum):
    """How one repository is related to another, with the words for it."""

    BASE = "which it is made from"
    CONVERSION = "a conversion of it"
    SIBLING = "a conversion of the same model"
    COPY = "of the same name"
    NAMED = "which it is named after"

    @property
    def counts(self) -> bool:
        """Whether it has as many parameters: of a conversion a tower or a table may be left out."""
        return self in (Kin.BASE, Kin.COPY)


_NEAREST = list(Kin)


@dataclass(frozen=True, slots=True)
class Witness:
    """What one record read of itself, and what it says it was made from. What it did not read is empty.

    ``architectures`` is each ``model_type`` that it may be: the name in a GGUF header can stand for several.
    ``shape_facts`` is what its own configuration or header tells of its layers. ``packed`` is what the model of its
    GGUF files is called, where nothing but its own name tells it.
    """

    repo_id: str
    relations: tuple[Relation, ...] = ()
    architectures: frozenset[str] = frozenset()
    context: int | None = None
    task: str | None = None
    parameters: int | None = None
    shape_facts: str = ""
    packed: str = ""

    def __reduce__(self) -> tuple[type[Witness], tuple[Any, ...]]:
        """Pickled as it is made, in a fifth of the time."""
        return Witness, _values(self)

    @classmethod
    def reading(
        cls,
        repo_id: str,
        relations: tuple[Relation, ...],
        *,
        architecture: Fact[str],
        context: Fact[int],
        task: Fact[str],
        parameters: Fact[int],
        shape_facts: str,
        packed: str = "",
    ) -> Witness:
        """What of a record's facts it read itself."""
        own = architecture.provenance in READ
        return cls(
            repo_id,
            relations,
            _model_types(architecture) if own else frozenset(),
            context.value if context.provenance in READ else None,
            task.value if task.provenance in READ else None,
            parameters.value if parameters.provenance in READ else None,
            shape_facts if own else "",
            packed,
        )

    @property
    def name(self) -> str:
        """The repository's name without its owner, as names are compared."""
        return self.repo_id.rpartition("/")[2].lower()

    @property
    def made_from(self) -> str | None:
        """The one model that it says it was made from. What was made of several may be like none of them."""
        one = self.relations[0] if len(self.relations) == 1 else None
        return one.repo_id if one is not None and one.kind not in UNLIKE else None

    @property
    def converted_from(self) -> str | None:
        """The one model that it is a conversion of."""
        return self.made_from if self.made_from and self.relations[0].kind == CONVERTED else None

    @property
    def likely_converted_from(self) -> str | None:
        """The same, also where only its name says that it is a conversion: it begins with that of its model."""
        base = self.made_from
        if base is None or self.converted_from or self.relations[0].kind != "base":
            return self.converted_from
        return base if self.name.startswith(f"{base.rpartition('/')[2].lower()}-") else None

    @property
    def names_a_size(self) -> bool:
        """Whether its name says which model it is of."""
        return names_a_size(self.name)

    @property
    def packed_id(self) -> str | None:
        """The id of the model that it is named after, where its name tells the maker too."""
        return original_id(self.packed)

    @property
    def packed_name(self) -> str:
        """The name that models have which it is named after, as names are compared; empty where many may have it."""
        name = self.packed.lower()
        return name if names_a_size(name) else ""

    @property
    def names_when_packed(self) -> tuple[str, ...]:
        """What others are called, as names are compared, that are named after this one."""
        with_maker = self.repo_id.replace("/", "_", 1).lower()
        return (self.name, with_maker) if self.names_a_size else (with_maker,)


def names_a_size(name: str) -> bool:
    """Whether a name in lower case says which model it is of: ``my-model`` is one that many chose."""
    return any(word[:1].isdigit() and word[-1:] in "bm" for word in name_words(name))


_values: Callable[[Witness], tuple[Any, ...]] = attrgetter(*Witness.__slots__)


@dataclass(frozen=True, slots=True)
class Relative:
    """A witness, and how it is related."""

    kin: Kin
    witness: Witness


def kin_of(one: Witness, other: Witness) -> Kin | None:
    """How ``other`` is related to ``one``; None where it is not, or where that says nothing of it."""
    if one.repo_id == other.repo_id:
        return None
    base = one.made_from
    if base == other.repo_id:
        return Kin.BASE
    if other.converted_from == one.repo_id:
        return Kin.CONVERSION
    if base is not None and one.likely_converted_from == base == other.converted_from:
        return Kin.SIBLING
    if one.name == other.name and one.names_a_size:
        return Kin.COPY
    return Kin.NAMED if other.repo_id == one.packed_id or other.name == one.packed_name else None


class Witnesses:
    """Records by what relates them to others; those that read no architecture of their own tell nothing."""

    def __init__(self, witnesses: Iterable[Witness]) -> None:
        self._by_id: dict[str, Witness] = {}
        self._by_name: dict[str, list[Witness]] = defaultdict(list)
        self._by_original: dict[str, list[Witness]] = defaultdict(list)
        for one in sorted(witnesses, key=attrgetter("repo_id")):
            if not one.architectures:
                continue
            self._by_id[one.repo_id] = one
            self._by_name[one.name].append(one)
            if one.converted_from:
                self._by_original[one.converted_from].append(one)

    def relatives_of(self, one: Witness) -> tuple[Relative, ...]:
        """Those that are related to one, nearest first; what it is named after only where there are no others."""
        base = self._by_id.get(one.made_from or "")
        found = [
            *([base] if base else []),
            *self._by_original.get(one.repo_id, ())[:MOST_OF_A_KIND],
            *self._by_original.get(one.likely_converted_from or "", ())[:MOST_OF_A_KIND],
            *self._by_name.get(one.name, ())[:MOST_OF_A_KIND],
        ]
        return _related(one, found) or _related(one, self._namesakes_of(one))

    def _namesakes_of(self, one: Witness) -> list[Witness]:
        by_id = self._by_id.get(one.packed_id or "")
        return [*([by_id] if by_id else []), *self._by_name.get(one.packed_name, ())[:MOST_OF_A_KIND]]


def _related(one: Witness, found: Sequence[Witness]) -> tuple[Relative, ...]:
    related = {other.repo_id: Relative(kin, other) for other in found if (kin := kin_of(one, other)) is not None}
    return tuple(
        sorted(related.values(), key=lambda relative: (_NEAREST.index(relative.kin), relative.witness.repo_id))
    )


def architecture_by(relatives: Sequence[Relative], guess: str | None = None) -> Fact[str] | None:
    """The one architecture that all of them that read theirs may be.

    One conversion or copy alone is not believed against the ``guess`` that the model's own id or name allows: packers
    rewrite models of one architecture as another. Models that it is only named after are asked where there is no guess.
    """
    telling = [one for one in relatives if one.witness.architectures]
    common = frozenset[str].intersection(*(one.witness.architectures for one in telling)) if telling else ()
    if len(common) != 1:
        return None
    (name,) = common
    nearest = telling[0].kin
    if len(telling) == 1 and nearest is not Kin.BASE and guess not in (None, name):
        return None
    if nearest is Kin.NAMED and guess is not None:
        return None
    return _agreed(telling, lambda _: name, "is “{}”", "are “{}”")


def of_architecture(relatives: Sequence[Relative], architecture: Fact[str]) -> tuple[Relative, ...]:
    """Those that can tell more: a conversion to another architecture is no witness of its layers or its context."""
    own = _model_types(architecture)
    return tuple(one for one in relatives if own & one.witness.architectures)


def context_by(relatives: Sequence[Relative], published: int | None = None) -> Fact[int] | None:
    """The context in tokens that all of them that read one agree on.

    One alone is not believed against what was ``published`` of the model it is named after: packers cut and stretch.
    """
    told = _agreed(relatives, lambda one: one.context, "was made for {:,}", "were made for {:,}")
    alone = told is not None and told.provenance is Provenance.RELATIVE
    return None if told is None or (alone and published not in (None, told.value)) else told


def task_by(relatives: Sequence[Relative]) -> Fact[str] | None:
    """The task that all of them that tell one agree on."""
    return _agreed(relatives, lambda one: one.task, "is made for {}", "are made for {}")


def parameters_by(relatives: Sequence[Relative]) -> Fact[int] | None:
    """The number of parameters of its base and its copies, where their counts agree within a few per cent."""
    counted = [one for one in relatives if one.kin.counts and one.witness.parameters]
    counts = [one.witness.parameters or 0 for one in counted]
    if not counts or max(counts) > min(counts) * (1 + _SAME_COUNT):
        return None
    middle = median_low(counts)
    return _agreed(counted, lambda _: middle, "has {:,} parameters", "have {:,} parameters, or nearly")


def shape_facts_by(relatives: Sequence[Relative]) -> str:
    """What the nearest relative that tells its layers says of them; of some that tell none, the nearest's. Or empty."""
    told = [one.witness.shape_facts for one in relatives if one.witness.shape_facts]
    return next((one for one in told if is_whole(json.loads(one))), next(iter(told), ""))


def completed_by(relatives: Sequence[Relative], own: str) -> str:
    """What a conversion tells of its layers, by a relative of the same weights where it tells none itself: how
    it is packed is its own.
    """
    kept = json.loads(own) if own else {}
    if is_whole(kept):
        return own
    theirs = json.loads(shape_facts_by(relatives) or "{}")
    theirs.pop("quantization_config", None)
    return shape_facts({**theirs, **kept})


def _agreed(relatives: Sequence[Relative], told: Callable[[Witness], T | None], one: str, many: str) -> Fact[T] | None:
    telling = [relative for relative in relatives if told(relative.witness) is not None]
    values = {told(relative.witness) for relative in telling}
    value = values.pop() if len(values) == 1 else None
    if value is None:
        return None
    guessed = any(relative.kin is Kin.NAMED for relative in telling)
    named = "; ".join(f"{relative.witness.repo_id}, {relative.kin.value}" for relative in telling[:_NAMED])
    if len(telling) == 1:
        return Fact(value, Provenance.NAME if guessed else Provenance.RELATIVE, f"{named}, {one.format(value)}")
    more = f"; and {len(telling) - _NAMED} more" if len(telling) > _NAMED else ""
    evidence = f"{len(telling)} relatives {many.format(value)}: {named}{more}"
    return Fact(value, Provenance.NAME if guessed else Provenance.RELATIVES, evidence)


def _model_types(architecture: Fact[str]) -> frozenset[str]:
    if architecture.value is None:
        return frozenset()
    if architecture.provenance in (Provenance.GGUF_HEADER, Provenance.HUB):
        return model_types_of_gguf(architecture.value)
    return frozenset({architecture.value})


def relations_of(model: HubModel) -> tuple[Relation, ...]:
    """What a record says it was made from, by its tags and its card."""
    kinds: dict[str, str] = {}
    for tag in model.tags or ():
        if not tag.startswith("base_model:"):
            continue
        rest = tag.removeprefix("base_model:")
        kind, colon, repo_id = rest.partition(":")
        if colon and kind in RELATION_KINDS:
            kinds[repo_id] = kind
        elif not colon:
            kinds.setdefault(rest, "base")
    for repo_id in card_texts(model, "base_model"):
        kinds.setdefault(repo_id.removeprefix("https://huggingface.co/"), "base")
    found = (Relation(repo_id[:200], kind) for repo_id, kind in kinds.items() if repo_id != model.id)
    return tuple(found)[:_MOST_RELATIONS]
