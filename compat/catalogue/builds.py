"""Which model each repository is a build of: the weights as their author made them, whoever packed them.

A repository belongs to the model that it says it is a conversion of. Where it says nothing of the kind, its name may:
``TheBloke/Mistral-7B-GGUF`` is a build of the one ``Mistral-7B`` that the catalogue knows, as long as nothing read of
the two contradicts it. Fine-tunes and merges are models of their own. A worked example::

    repository                    says                      model                    by
    Qwen/Qwen3-8B                 nothing                   Qwen/Qwen3-8B            itself
    Qwen/Qwen3-8B-GGUF            quantized: Qwen/Qwen3-8B  Qwen/Qwen3-8B            relation
    lmstudio/Qwen3-8B-MLX-4bit    quantized: Qwen/Qwen3-8B  Qwen/Qwen3-8B            relation
    TheBloke/Qwen3-8B-AWQ         nothing                   Qwen/Qwen3-8B            name
    unsloth/Qwen3-8B              nothing                   Qwen/Qwen3-8B            name
    someone/Qwen3-8B-Roleplay     finetune: Qwen/Qwen3-8B   someone/Qwen3-8B-Rol...  itself

It is worked out for the whole catalogue whenever the index is made, so that it does not matter what arrived first.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from compat.architectures import name_words
from compat.extraction.original_name import original_id, original_name
from compat.extraction.relatives import CONVERTED, UNLIKE, Relation, names_a_size


class BuildBy(IntEnum):
    """What tells which model a repository is a build of."""

    ITSELF = 0
    """It is the model, or nothing says that it is another's."""
    RELATION = 1
    """It says so itself."""
    CURATOR = 2
    """A curator."""
    NAME = 3
    """Its name alone; shown as such."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What of a repository tells whose build it is. ``rank`` is its place among the best known."""

    repo_id: str
    relations: tuple[Relation, ...] = ()
    parameters: int | None = None
    family: str = ""
    rank: int = 0

    @property
    def name(self) -> str:
        """Its name without the owner, in lower case."""
        return self.repo_id.rpartition("/")[2].lower()


@dataclass(frozen=True, slots=True)
class Membership:
    """The model that a repository is a build of: ``model`` is its id in lower case, or what it is called at all."""

    model: str
    by: BuildBy


_UNPACKED_COUNTS = 1.0
"""How far apart the parameters of a build and its model may be: of packed weights, tables or halves are left out."""
_COPIED_COUNTS = 0.005
"""And those of two copies of the same weights."""
_REUPLOADED_COUNTS = 0.03
"""And those where one is of an owner who only packs: a library that writes them anew leaves out or adds a table."""
_MAKER = re.compile(r"(?:meta|google|nvidia|microsoft|ibm)[-_ ]")
"""A maker's name before that of a model, which some write and others do not."""
_AS_MADE = "-bf16"
_ANOTHER = frozenset({"instruct", "chat", "it", "pt", "base", "thinking", "reasoning", "coder", "vision", "vl"})
"""Words that one model of a family is told from another by."""
_MOVED = {"cohereforai": "coherelabs", "zhipuai": "zai-org", "thudm": "zai-org"}
"""Accounts of the Hub that were given other names, and their names now."""


def memberships(candidates: Sequence[Candidate], corrected: Mapping[str, str] | None = None) -> list[Membership]:
    """The model of each repository, in the order given; the same whatever that order is.

    ``corrected`` is what curators say: by a repository's id in lower case, the id of its model, blank for a model of
    its own.
    """
    return _Grouping(candidates, corrected or {}).found


class _Grouping:
    def __init__(self, candidates: Sequence[Candidate], corrected: Mapping[str, str]) -> None:
        self.candidates, self.corrected = candidates, corrected
        self.by_id = {one.repo_id.lower(): one for one in candidates}
        self.packed = {one.name: original_name(one.name) for one in candidates}
        self.keys = {name: _key(packed or name) for name, packed in self.packed.items()}
        self.votes = Counter(relation.repo_id.lower() for one in candidates for relation in one.relations)
        self.makers = _makers(self.votes)
        self.packers = self._packers()
        self.lost = self._lost()
        self.named: dict[str, list[str]] = defaultdict(list)
        for repo_id in {*self.by_id, *self.votes, *self.lost}:
            name = repo_id.rpartition("/")[2]
            if self.packed.get(name, name) in (None, name):
                self.named[_key(name)].append(repo_id)
        self.of = {one.repo_id.lower(): self._of(one) for one in candidates}
        self._drop_lonely()
        self.found = [self._root(one.repo_id.lower()) for one in candidates]

    def _of(self, one: Candidate) -> Membership:
        """The model that one belongs to by itself; that may be another's build in turn."""
        own = Membership(one.repo_id.lower(), BuildBy.ITSELF)
        if own.model in self.corrected:
            told = self.corrected[own.model].lower()
            return Membership(told, BuildBy.CURATOR) if told and told != own.model else own
        packed = self.packed[one.name]
        alike = [told for told in one.relations if told.kind not in UNLIKE]
        if len(one.relations) == len(alike) == 1:
            base = alike[0].repo_id.lower()
            if self._converts(one, base, alike[0].kind):
                return Membership(base, BuildBy.RELATION)
            if self._copies(one, base):
                return Membership(base, BuildBy.NAME)
        if one.relations and not (packed and alike):
            return own
        model = self._by_name(one, packed) if packed else self._copied(one)
        return Membership(model, BuildBy.NAME) if model and not (one.relations and "/" not in model) else own

    def _converts(self, one: Candidate, base: str, kind: str) -> bool:
        """Whether one that says it was made from a base has its weights, and none of another model of the family."""
        own, other = self.keys[one.name], _key(base.rpartition("/")[2])
        packed = self.packed[one.name] is not None
        if own == other:
            return packed or kind == CONVERTED
        if kind != CONVERTED or not _ANOTHER.isdisjoint(set(name_words(own)) ^ set(name_words(other))):
            return False
        return packed or own.startswith(other)

    def _by_name(self, one: Candidate, packed: str) -> str:
        """The model that packed weights are named after; what they are called where the catalogue has no such."""
        made = self._made(packed)
        if made in self.by_id or made in self.votes or made in self.lost:
            return made
        # Some makers write the width of the original into its name, and its packers leave it out.
        named = [*self.named[_key(packed)], *self.named[f"{_key(packed)}{_AS_MADE}"]]
        return self._best(repo_id for repo_id in named if self._agrees(one, repo_id)) or _key(packed)

    def _copied(self, one: Candidate) -> str:
        """The model that plain weights of the same name are a copy of, or nothing."""
        own = one.repo_id.lower()
        owner, _, name = own.rpartition("/")
        moved = f"{_MOVED.get(owner, owner)}/{name}"
        if moved != own and moved in self.by_id:
            return moved
        # What a model's maker gives out narrower is there once more as it was made.
        narrower = f"{owner}/{name.removesuffix(_AS_MADE)}"
        if narrower != own and narrower in self.by_id and self._copies(one, narrower):
            return narrower
        named = self.named[self.keys[one.name]]
        if named == [own]:
            return ""
        best = self._best(repo_id for repo_id in named if repo_id == own or self._copies(one, repo_id))
        return best if best != own else ""

    def _best(self, ids: Iterable[str]) -> str:
        """The one whose owner is no packer but makes what others are made from, and that is the best known."""

        def key(repo_id: str) -> tuple[bool, int, int, int, str]:
            known, owner = self.by_id.get(repo_id), repo_id.rpartition("/")[0]
            rank = known.rank if known else len(self.by_id)
            return owner in self.packers or not owner, -self.makers[owner], -self.votes[repo_id], rank, repo_id

        return min(ids, key=key, default="")

    def _packers(self) -> frozenset[str]:
        """The owners most of whose repositories are packed weights."""
        packed, all_ = Counter[str](), Counter[str]()
        for one in self.candidates:
            owner = one.repo_id.partition("/")[0].lower()
            all_[owner] += 1
            packed[owner] += self.packed[one.name] is not None
        return frozenset(owner for owner, count in packed.items() if count * 2 > all_[owner])

    def _made(self, packed: str) -> str:
        """The id of the model whose packer writes its maker before its name."""
        owner, _, name = (original_id(packed) or "").partition("/")
        return f"{_MOVED.get(owner, owner)}/{name}"

    def _lost(self) -> frozenset[str]:
        """The models of makers that only packers name, and the catalogue has not."""
        named = {self._made(packed) for packed in self.packed.values() if packed and "_" in packed}
        named -= self.by_id.keys() | self.votes.keys()
        split = ((one, *one.split("/", 1)) for one in named)
        return frozenset(one for one, owner, name in split if self.makers[owner] and name[:1].isalpha())

    def _agrees(self, one: Candidate, repo_id: str) -> bool:
        other = self.by_id.get(repo_id)
        if other is None:
            return True
        alike = not one.family or not other.family or _plain(one.family) == _plain(other.family)
        return alike and _near(one.parameters, other.parameters, _UNPACKED_COUNTS, unknown=True)

    def _copies(self, one: Candidate, repo_id: str) -> bool:
        """Whether both are one model by all that is known: a name that says which model it is, family and count.

        An id without an owner is that of a model which was given one since.
        """
        other = self.by_id.get(repo_id)
        if other is None or self.keys[one.name] not in (self.keys[other.name], f"{self.keys[other.name]}{_AS_MADE}"):
            return False
        if not names_a_size(one.name) and "/" in one.repo_id and "/" in other.repo_id:
            return False
        owners = {told.repo_id.lower().rpartition("/")[0] for told in (one, other)}
        apart = _COPIED_COUNTS if owners.isdisjoint(self.packers) else _REUPLOADED_COUNTS
        return one.family == other.family != "" and _near(one.parameters, other.parameters, apart, unknown=False)

    def _drop_lonely(self) -> None:
        """What alone is called by a name that no model has is a model by itself."""
        called = Counter(one.model for one in self.of.values() if "/" not in one.model or one.model in self.lost)
        for repo_id, one in self.of.items():
            if called[one.model] == 1:
                self.of[repo_id] = Membership(repo_id, BuildBy.ITSELF)

    def _root(self, repo_id: str) -> Membership:
        """The model at the end of the chain; of those that say they are made from each other, the first by its id."""
        seen, by = [repo_id], BuildBy.ITSELF
        while (step := self.of.get(seen[-1])) is not None and step.model != seen[-1]:
            by = max(by, step.by)
            if step.model in seen:
                first = min(seen[seen.index(step.model) :])
                return Membership(first, by if first != repo_id else BuildBy.ITSELF)
            seen.append(step.model)
        return Membership(seen[-1], by)


def _key(name: str) -> str:
    """A name in lower case as models are told apart by it."""
    return _MAKER.sub("", name, count=1) if _MAKER.match(name) else name


def _plain(family: str) -> str:
    return family.replace("-", "_")


def _makers(votes: Mapping[str, int]) -> Counter[str]:
    """How often repositories say that they were made from one of an owner's."""
    found = Counter[str]()
    for repo_id, count in votes.items():
        found[repo_id.partition("/")[0]] += count
    return found


def _near(one: int | None, other: int | None, apart: float, *, unknown: bool) -> bool:
    if not one or not other:
        return unknown
    return max(one, other) <= min(one, other) * (1 + apart)
