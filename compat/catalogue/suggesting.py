"""The suggested order: what somebody who has run many would look at first, by points that every row can show.

Each model has points for what it is, each build for how it runs here; a list begins with the most points together. On a
machine the fit, the speed and the packing of the build that is taken count (:mod:`compat.catalogue.taking`), so that
what has a memory need that is not known comes behind everything that has one, and what is refused behind all; what is
far smaller than the largest that fits there stands lower. Without a machine the verdict alone counts for that part, and
models that few machines hold stand lower. An example, of 24 GB
and llama.cpp::

    part         Qwen3.6-27B              gpt2
    runs here    40  fits, nearly all     -10  fits, but a guess
    size         35  27.8B                -12  124M
    generation   10  of the newest          4  no line is known
    downloads     9  of all its builds     15  20M a month
    age          14  September 2026         0  not told
    maker         8  known                  0  not told
    kind          0                       -40  nothing tells what it is for
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache

import numpy as np

from compat.architectures import name_words
from compat.architectures.name_hints import without_maker
from compat.catalogue.index_columns import RUNS, SCORES, Column, IndexColumns, Mask, OrderColumns, level_of, worth_of
from compat.catalogue.taking import (
    CLASS_WORDS,
    DOUBTED,
    FIT_WELL,
    GUESSED,
    KINDS,
    LEAST_OF_USE,
    POINTS,
    SURE,
    TRUSTS,
    UNKNOWN_NEED,
    UNOPTIMIZED,
    WORDS_WITHOUT_SPEED,
)
from compat.catalogue.well_known import is_altered
from compat.extraction.original_name import original_name
from compat.extraction.relatives import CONVERTED, Relation
from compat.rules import Confidence

PARTS = {
    "size": "Size",
    "generation": "Generation",
    "downloads": "Downloads",
    "age": "Age",
    "maker": "Maker",
    "kind": "Kind",
}
"""What a model's points are for, in the order of the columns, with what people call it."""
SIZE, MAKER, KIND = (list(PARTS).index(name) for name in ("size", "maker", "kind"))
"""The columns of three of them."""
_NOT_ODD = 0
"""The points for its kind that what is of no odd one has."""
_REFUSED = -2000
"""More than all other points together, so that nothing that is refused stands above what runs."""
_OF_LEVEL = {Confidence.NONE: _REFUSED, Confidence.LOW: 0, Confidence.MEDIUM: 12, Confidence.HIGH: 16}
"""Points of a verdict where no machine is told."""
_TRIAL = frozenset({
    *("test", "testing", "tests", "dummy", "debug", "random", "tiny-random", "toy", "internal", "trl", "experiment"),
    *("checkpoint", "ckpt", "sample", "unittest", "stories15m", "stories260k", "deleteme"),
})  # fmt: skip
"""Words of the names of what is there to be tried programs with."""
_PARTIAL = frozenset({
    *("draft", "eagle", "eagle2", "eagle3", "mtp", "speculator", "medusa", "dflash", "lora", "adapter", "qlora"),
    *("delta", "reward", "prm", "orm", "guard", "safeguard", "safety", "controlnet", "vae", "mmproj"),
    *("encoder", "decoder", "comfy", "comfyui"),
})  # fmt: skip
"""And of what is no model to work with by itself."""
_MADE_OF_ANOTHER = re.compile(r"\w*opus\w*|claude|gpt[45]|gemini|fable|erotic|aggressive|jang\w*")
"""And of what somebody made of another one's with the answers of a third, or for play."""
_LINE = re.compile(r"([a-z]{2,}?)[-_ ]?v?(\d{1,2}(?:\.\d{1,2})?)(?:[-_ .]|$)")
_RELEASE = re.compile(r"(.+[-_])v(\d{1,2}(?:\.\d{1,2})?)")
_NEWEST, _SAME, _NO_LINE, _BEFORE, _OLDER = 14, 11, 4, 0, -8
_TRIED, _GONE, _ADAPTS, _PART, _UNTOLD, _ALTERED, BASE, _COPY, _TUNED, _UNTAUGHT = (
    -110,
    -100,
    -80,
    -60,
    -40,
    -35,
    -30,
    -25,
    -15,
    -10,
)
"""The points for each of these, for what nothing tells the use of, for base models, copies, fine-tunes, and what only
sees.
"""
_OVER = 500
"""Days without anything newer after which a line of models is over."""
_UNDATED = -4
"""The points for the age of what tells no date, and whose line tells none."""
_TAUGHT = re.compile(r"(.+?)[-_](?:it|instruct|chat)((?:[-_].*)?)")
"""The name of a model that was taught to talk: without that word it is that of the base model."""
_COPIED = re.compile(r"[-_.](?:unquantized|hf|\d+-?bits?)$|(?<=mlx)-bf16$")
"""The end of the name of weights that were only written in another way."""
_PACKED = frozenset({
    *("awq", "gptq", "int4", "int8", "nvfp4", "mxfp4", "mlx", "gguf", "exl2", "exl3", "w4a16", "w8a8", "w8a16"),
    *("quark", "bnb", "autoround", "nf4", "4bit", "8bit", "quantized"),
})  # fmt: skip
"""And words that stand anywhere in it."""
_TAUGHT_ONE_THING = frozenset({"sft", "dpo", "gsm8k", "grpo", "ppo", "rlhf", "orpo", "saferl"})
_FROM_NOTHING = frozenset({"rl", "zero"})
"""Words of which the first kind says how a model was taught further, and all of the second that it shows a way to."""
_TRIERS = frozenset({"hf-internal-testing", "peft-internal-testing", "trl-internal-testing", "hmellor"})
"""Owners of what programs are tried with."""


@dataclass(frozen=True, slots=True)
class Known:
    """What of a repository its points rest on. ``uses`` is what it is for."""

    repo_id: str
    parameters: int | None
    downloads: int | None
    created: datetime | None
    trusted: bool
    uses: tuple[str, ...]
    gone: bool
    relations: tuple[Relation, ...] = ()

    @property
    def name(self) -> str:
        """Its name without the owner."""
        return self.repo_id.rpartition("/")[2]


def of_model(builds: Sequence[Known], itself: Known | None, name: str) -> Known:
    """What is known of a model by its builds, of which ``itself`` may be one; ``name`` is what they call it.

    It is as old as the oldest of them: nobody packs what is not there, so that a later date of its own is one of a
    repository that was made anew, or a mistake of the record.
    """
    downloads = sum(one.downloads or 0 for one in builds)
    sizes = Counter(one.parameters for one in builds if one.parameters)
    created = min((one.created for one in builds if one.created is not None), default=None)
    if itself is not None:
        return replace(
            itself,
            parameters=itself.parameters or max(sizes, key=lambda size: (sizes[size], size), default=None),
            downloads=downloads,
            created=created,
            uses=tuple({use: None for one in builds for use in one.uses}),
            gone=all(one.gone for one in builds),
        )
    owner = name.partition("/")[0] if "/" in name else ""
    return Known(
        name,
        max(sizes, key=lambda size: (sizes[size], size), default=None),
        downloads,
        created,
        any(one.trusted and one.repo_id.lower().startswith(f"{owner}/") for one in builds),
        tuple({use: None for one in builds for use in one.uses}),
        all(one.gone for one in builds),
    )


def size_points(parameters: int | None) -> int:
    """Six for each doubling from half a billion on, less than nothing below; two beyond 64 billion."""
    if not parameters:
        return 0
    doublings = max(-4.0, math.log2(parameters / 5e8))
    return round(6 * min(doublings, 7) + 2 * max(doublings - 7, 0))


_AT_HOME = size_points(32_000_000_000)
"""The points of the largest models that many people's machines hold."""


def _of_anyone(size: Column) -> Column:
    """The points of sizes where no machine is told: what few machines hold stands the lower, the larger it is."""
    found: Column = np.where(size > _AT_HOME, 3 * _AT_HOME - 2 * size.astype(np.int16), size)
    return found


_A_QUARTER, _SMALL, _SMALLEST = 2.0, 4, 28
"""Doublings below the largest from which on a model is small for a machine, what each more costs, and the most."""


def _doublings(size: Column) -> Column:
    """How often the weights double from half a billion on: what :func:`size_points` was made of."""
    found: Column = np.where(size <= 42, size / 6, 7 + (size - 42) / 2)
    return found


def _beside(size: Column, largest: int) -> Column:
    """The points of sizes on a machine, whose largest model has so many: less for what is far smaller than that."""
    behind = _doublings(np.array(largest)) - _A_QUARTER - _doublings(size)
    found: Column = size - np.rint(_SMALL * behind).clip(0, _SMALLEST).astype(np.int16)
    return found


def _largest(columns: IndexColumns, scores: Column) -> int:
    """The points of the largest model that fits a machine, writes no slower than people read, and is no guess."""
    fitting = _FITTING[scores] & columns.trusted
    return size_points(int(columns.ranges["parameters"][fitting].max(initial=0)))


def download_points(downloads: int | None) -> int:
    """Three for each factor of ten beyond a hundred a month, fifteen at the most."""
    return min(15, round(3 * math.log10(downloads / 100))) if downloads and downloads > 100 else 0


def age_points(created: datetime | None, newest: datetime | None) -> int:
    """Fifteen for this month's, none after 20 months, and down to minus fifteen; a little less than none untold."""
    if created is None or newest is None:
        return _UNDATED
    return max(-15, min(15, round(15 - 0.75 * (newest - created).days / 30.4)))


@lru_cache(maxsize=65536)
def line_of(name: str) -> tuple[str, float] | None:
    """The line of models that a name tells, and the number of its generation: (``qwen``, 3.6) of ``Qwen3.6-27B``."""
    words = "-".join(without_maker(name_words(name)))
    found = _LINE.match(words)
    return (found[1], float(found[2])) if found else None


@lru_cache(maxsize=65536)
def release_of(name: str) -> tuple[str, float] | None:
    """What a name that ends in a version says but for that, and the version: (``mistral-7b-instruct-``, 0.3)."""
    found = _RELEASE.fullmatch(original_name(name) or name.lower())
    return (found[1], float(found[2])) if found else None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of models: its newest generation as far as known makers tell, the owner that others build on most, and
    since when there is anything of each generation.
    """

    newest: float
    maker: str
    since: Mapping[float, datetime]

    def not_before(self, generation: float) -> datetime | None:
        """Before when nothing of a generation can be: no generation is older than those before it."""
        return max((when for number, when in self.since.items() if number <= generation), default=None)


def lines_of(known: Sequence[Known]) -> Mapping[str, Line]:
    """The lines that repositories of known makers are of, and their releases that differ by version alone."""
    newest: dict[str, float] = {}
    votes: dict[str, Counter[str]] = {}
    since: dict[str, dict[float, datetime]] = {}
    for one in known:
        for line in (line_of(one.name), release_of(one.name)) if one.trusted else ():
            if line is not None:
                newest[line[0]] = max(newest.get(line[0], 0.0), line[1])
                if one.created is not None:
                    dated = since.setdefault(line[0], {})
                    dated[line[1]] = min(dated.get(line[1], one.created), one.created)
        for told in one.relations:
            base, _, name = told.repo_id.rpartition("/")
            made_from = line_of(name)
            if made_from is not None:
                votes.setdefault(made_from[0], Counter())[base.lower()] += 1
    return {
        name: Line(
            version,
            max(votes[name], key=lambda owner: (votes[name][owner], owner)) if name in votes else "",
            since.get(name, {}),
        )
        for name, version in newest.items()
    }


@dataclass(frozen=True)
class Others:
    """What the rest of the catalogue tells of one model: the lines of models, the ids in lower case of base models of
    which the same owner has another that was taught to talk, since when at least two owners have something that they
    made from a model, and the newest date.
    """

    lines: Mapping[str, Line]
    bases: frozenset[str]
    built_on: Mapping[str, datetime]
    last: datetime | None

    @classmethod
    def of(cls, known: Sequence[Known]) -> Others:
        """The same of all that a catalogue has."""
        taught = (_TAUGHT.fullmatch(one.repo_id.lower()) for one in known)
        last = max((one.created for one in known if one.created is not None), default=None)
        return cls(lines_of(known), frozenset(told[1] + told[2] for told in taught if told), _built_on(known), last)

    def since(self, one: Known) -> datetime | None:
        """Since when there is a model at least, or where nothing tells that, before when it cannot have been.

        Nobody makes something from what is not there, so that a later date of its own is a mistake of the record.
        """
        dates = [date for date in (one.created, self.built_on.get(one.repo_id.lower())) if date is not None]
        told = line_of(one.name) if not dates else None
        return self.lines[told[0]].not_before(told[1]) if told and told[0] in self.lines else min(dates, default=None)

    def is_over(self, line: Line) -> bool:
        """Whether nothing came to a line for long."""
        newest = line.since.get(line.newest)
        return newest is not None and self.last is not None and (self.last - newest).days > _OVER

    def is_base(self, one: Known) -> bool:
        """Whether it only goes on with a text: its owner has the same taught to talk."""
        packed = (told.repo_id.lower() for told in one.relations if told.kind == CONVERTED)
        return not self.bases.isdisjoint((one.repo_id.lower(), *packed))


def _built_on(known: Sequence[Known]) -> Mapping[str, datetime]:
    first: dict[str, dict[str, datetime]] = {}
    for one in known:
        for told in one.relations if one.created is not None else ():
            assert one.created is not None
            by_owner = first.setdefault(told.repo_id.lower(), {})
            owner = one.repo_id.partition("/")[0]
            by_owner[owner] = min(by_owner.get(owner, one.created), one.created)
    # An account may have put something else in place of what it began with; two did not.
    return {base: sorted(by_owner.values())[1] for base, by_owner in first.items() if len(by_owner) > 1}


def generation_points(one: Known, others: Others) -> int:
    """Points for the newest of its line, for another of the same whole number, for the one before, and for others; no
    more than without a line where that is over.
    """
    told = line_of(one.name) if one.uses else None
    line = others.lines.get(told[0]) if told else None
    if told is None or line is None:
        release = release_of(one.name)
        newer = others.lines.get(release[0]) if release else None
        return _BEFORE if release and newer and release[1] < newer.newest else _NO_LINE
    behind = int(line.newest) - int(told[1])
    if behind <= 0 and others.is_over(line):
        return _NO_LINE
    return _NEWEST if told[1] >= line.newest else _SAME if behind == 0 else _BEFORE if behind == 1 else _OLDER


def _is_tuned(one: Known, lines: Mapping[str, Line], owner: str, other: Sequence[Relation]) -> bool:
    told = line_of(one.name)
    maker = lines[told[0]].maker if told and told[0] in lines else ""
    return any(told.kind in ("finetune", "merge") for told in other) or (bool(maker) and maker != owner)


def kind_points(one: Known, others: Others) -> int:
    """Less than nothing for what nobody looks for first; where several speak against something, the worst counts."""
    words = set(name_words(one.name.replace(".", "-")))
    owner = one.repo_id.rpartition("/")[0].lower()
    other = [told for told in one.relations if told.repo_id.rpartition("/")[0].lower() != owner]
    altered = is_altered(one.name) or any(_MADE_OF_ANOTHER.fullmatch(word) for word in words)
    speaks = {
        _TRIED: not _TRIAL.isdisjoint(words) or owner in _TRIERS,
        _GONE: one.gone,
        _ADAPTS: any(told.kind == "adapter" for told in one.relations),
        _PART: not _PARTIAL.isdisjoint(words),
        _UNTOLD: not one.uses,
        _ALTERED: altered,
        BASE: others.is_base(one),
        _COPY: bool(_COPIED.search(one.name.lower())) or not _PACKED.isdisjoint(words),
        _TUNED: _is_tuned(one, others.lines, owner, other)
        or not _TAUGHT_ONE_THING.isdisjoint(words)
        or words >= _FROM_NOTHING,
        _UNTAUGHT: one.uses == ("vision",),
    }
    return next((points for points, told in speaks.items() if told), 0)


def points_of(one: Known, others: Others) -> tuple[int, ...]:
    """The points of what something is, in the order of :data:`PARTS`."""
    return (
        size_points(one.parameters),
        generation_points(one, others),
        download_points(one.downloads),
        age_points(others.since(one), others.last),
        8 if one.trusted else 0,
        kind_points(one, others),
    )


def _of_score(score: int) -> int:
    """Points of how a build runs, by its score."""
    if score < RUNS:
        return _REFUSED
    level, worth = int(level_of(score)), worth_of(score)
    if not worth:
        return _OF_LEVEL[Confidence(level)]
    return int(POINTS[worth])


BUILD_POINTS = np.array([*map(_of_score, range(SCORES - 1)), _REFUSED], dtype=np.int16)
"""Points of how a build runs, by its score."""


def _is_of_use(score: int) -> bool:
    """Whether one of that score runs, has a need that is known, is neither poor nor too slow to wait for, and nothing
    speaks against it.
    """
    if score < RUNS or not level_of(score):
        return False
    worth = worth_of(score)
    return not worth or bool(KINDS[worth] >= LEAST_OF_USE and TRUSTS[worth] > DOUBTED)


OF_USE = np.array([*map(_is_of_use, range(SCORES - 1)), False])
"""The same by score."""


NEED_NOT_KNOWN = np.array(
    [score >= RUNS and KINDS[worth_of(score)] == UNKNOWN_NEED for score in range(SCORES - 1)] + [False]
)
"""Whether one of that score runs on a machine, as far as can be told without its memory need."""


_FITTING = np.array(
    [
        score >= RUNS
        and KINDS[worth_of(score)] in FIT_WELL
        and bool(TRUSTS[worth_of(score)] == SURE)
        and not UNOPTIMIZED[worth_of(score)]
        for score in range(SCORES - 1)
    ]
    + [False]
)
"""Whether one of that score fits a machine well, is no slow packing there, and nothing about it is a guess."""


def are_of_known_makers(merits: Column, least: int) -> Mask:
    """Which of some models have a maker that is known, and at least so many points for their kind."""
    found: Mask = (merits[:, KIND] >= least) & (merits[:, MAKER] > 0)
    return found


@dataclass(frozen=True)
class Suggested:
    """The points of every row on one worker, and the rows by them; of equal ones the best known first.

    ``sizes`` are the points for the size of every record, or of every model, there; ``machine``: whether one is told.
    """

    points: Column
    order: OrderColumns
    sizes: Column
    machine: bool
    columns: IndexColumns

    @cached_property
    def of_known_makers(self) -> OrderColumns:
        """The rows by their points whose model has a maker that is known and is of no odd kind."""
        known = are_of_known_makers(self.columns.model_merit, _NOT_ODD)[self.columns.model[self.order.rows]]
        return OrderColumns(self.order.rows[known], self.order.groups[known])

    @classmethod
    def of(cls, columns: IndexColumns, scores: Column, *, models: bool, machine: bool) -> Suggested:
        """The rows by what they are, or of ``models`` by what their models are, and by the scores of their groups.

        ``machine``: whether one is told.
        """
        merits = columns.model_merit if models else columns.merit
        told = merits[:, SIZE]
        sizes = _beside(told, _largest(columns, scores)) if machine else _of_anyone(told)
        points = merits.sum(axis=1, dtype=np.int16) - told + sizes
        own = points[columns.model] if models else points
        points = own + BUILD_POINTS[scores][columns.group]
        popular = columns.orders["popular"]
        # Ascending, as whole numbers are sorted by their digits then.
        at = np.argsort(-points[popular.rows], kind="stable")
        return cls(points, OrderColumns(popular.rows[at], popular.groups[at]), sizes, machine, columns)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the points, what people call it, how many they are and what they rest on."""

    name: str
    label: str
    points: int
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Why something stands where it does in the suggested order: all its points, and their parts."""

    points: int
    parts: tuple[Part, ...]


_GENERATIONS = {
    _NEWEST: "the newest of its line",
    _SAME: "of the newest generation of its line",
    _NO_LINE: "no line of models is known, or nothing came to it for long",
    _BEFORE: "a generation before the newest of its line",
    _OLDER: "two generations or more behind the newest of its line",
}
_KINDS = {
    0: "nothing against it",
    _TRIED: "there to try programs with",
    _GONE: "gone from the Hub",
    _ADAPTS: "an adapter, which needs its base model",
    _PART: "a part of something, or a judge of other models",
    _UNTOLD: "nothing tells what it is for",
    _ALTERED: "somebody altered another model's weights",
    BASE: "a base model, of which its maker has one that was taught to talk",
    _COPY: "another model's weights, written in another way",
    _TUNED: "a fine-tune of another maker's model, or one that shows a way of teaching",
    _UNTAUGHT: "nothing tells that it was taught to talk",
}


def standing(
    columns: IndexColumns,
    ranked: Suggested,
    row: int,
    score: int,
    size: str,
    created: datetime | None,
    *,
    models: bool,
    paced: bool,
) -> Standing:
    """Why a row stands where it does; ``size`` is its number of parameters in words, ``created`` its date, ``paced``
    whether its speed is shown.
    """
    own = columns.model_merit[columns.model[row]] if models else columns.merit[row]
    here, points = int(BUILD_POINTS[score]), dict(zip(PARTS, own.tolist(), strict=True))
    points["size"] = int(ranked.sizes[columns.model[row] if models else row])
    less = points["size"] < own[SIZE]
    aside = "" if not less else ", small for this machine" if ranked.machine else ", which few machines hold"
    why = {
        "size": f"{size} parameters{aside}" if size else "number of parameters not known",
        "generation": _GENERATIONS[points["generation"]],
        "downloads": "by those of a month, of all its repositories" if models else "by those of a month",
        "age": f"since {created:%B %Y}" if created else _UNTOLD_AGE[points["age"] == _UNDATED],
        "maker": "known: others build on its models, or many download them" if points["maker"] else "not well known",
        "kind": _KINDS[points["kind"]],
    }
    parts = [Part(name, label, points[name], why[name]) for name, label in PARTS.items()]
    return Standing(here + sum(points.values()), (Part("here", "Runs here", here, _here(score, paced=paced)), *parts))


_TRUST_WORDS = {
    GUESSED: "; a guess is in it, or its packer is little known",
    DOUBTED: "; something speaks against it, which its page tells",
}
"""What is said of one that is not to be trusted as far as others."""
_SLOW_PACKING = "; the engine's own makers say that their code for its packing is slow"


_UNTOLD_AGE = ("not told: counted as the oldest that its line allows", "not told")
"""What is said of an age that is not told, by whether its line tells nothing either."""


def _here(score: int, *, paced: bool) -> str:
    """How a build runs, in words; ``paced`` where its speed is shown as a number."""
    if score < RUNS:
        return "it does not run here"
    worth = worth_of(score)
    if not worth:
        return f"its verdict is {Confidence(int(level_of(score))).word} confidence; no machine is told"
    kind = int(KINDS[worth])
    words = CLASS_WORDS[kind] if paced else WORDS_WITHOUT_SPEED.get(kind, CLASS_WORDS[kind])
    slow = _SLOW_PACKING if UNOPTIMIZED[worth] else ""
    return words + slow + _TRUST_WORDS.get(int(TRUSTS[worth]), "")
