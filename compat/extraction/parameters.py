"""How many parameters a model has: what the record counts, held against its dimensions, its name and its packing.

The Hub counts what stands in the safetensors headers. Of packed weights it counted the words they are packed in, and
later the weights themselves; nothing in its answer says which. So no count is believed alone: dimensions of the
configuration, the published configuration of the model it is named after, and the size in its name say what to expect,
and a count that fits none of its readings is *contradicted*. An example: 2.7 billion 32-bit words and 1.6 billion
16-bit weights, packed in 4 bits, are 4.3 billion as they stand and 23 billion as weights; a configuration that makes
23 billion says which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from compat.architectures import name_words, published_parameters
from compat.extraction.facts import Fact, Provenance, parameters_text
from compat.extraction.filenames import FileName, missing_shards, read_name
from compat.extraction.quantization import SHARED_NAMES, Packing
from compat.extraction.typed_counts import (
    INTEGER_BYTES,
    bytes_of_weights,
    bytes_of_words,
    packed_width,
    weights_a_scale,
    weights_counted,
    weights_in_words,
)
from compat.hub.payloads import HubModel, SafetensorsFileHeaders
from compat.shapes.counting import split_parameters
from compat.shapes.known import complete, find_shape
from compat.shapes.layer_facts import shape_facts
from compat.shapes.shape import ModelShape, from_config

_NAME_SIZE = re.compile(r"(?:(?P<experts>\d{1,3})x)?(?P<number>\d{1,4}(?:\.\d{1,3})?)(?P<unit>[bmt])", re.IGNORECASE)
NEAR_ITS_NAME = (0.5, 1.9)
"""How far a count may be from the size in a name, as names round and leave out tables and towers."""
_OF_EXPERTS = 40.0
"""The same upward where the size is that of one expert of several."""
_POINT = re.compile(r"(?<=\d)_(?=\d{1,3}[bB])")
_EXPERTS = re.compile(r"\d{1,3}e")
_UNITS = {"t": 10**12, "b": 10**9, "m": 10**6}
LANGUAGE_MODEL = "text_model_id"
"""Where Ultravox and its like name the model that they teach to hear, which is loaded beside them in 16 bits."""
WIDE_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
_PLAIN = WIDE_FLOATS | INTEGER_BYTES.keys() | {"BOOL", "C64", "C128"}
"""Data types that tell of no packing by themselves, however few or many there are of the integers."""
_ODD_SHARE = 0.05
"""From this share on, data types that are no plain numbers are no stray tables."""
_IN_WORDS = SHARED_NAMES | {"W8A16"}
"""Packings whose weights lie in 32-bit words however wide they are."""
_EIGHT_BITS = frozenset({"F8_E4M3", "F8_E5M2"})
_OF_MODEL = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_BITS = (1.0, 70.0)
"""Of a weight in a file: no packing takes less, and no data type more."""
_BITS_OF_PLAIN = (7.0, 70.0)
"""The same where neither a packing nor data types are told: plain weights have eight bits at least."""
_BITS_OF_GGUF = (1.0, 40.0)
"""The same in a GGUF file."""
_ROUNDS = 4.0
"""Times these bounds where the name alone tells how many weights there are."""
_AS_COUNTED = (0.75, 1.4)
"""How far the files' sizes may be from what their data types take: lists round, and heads may stand in them twice."""
_BUILT = (0.4, 3.0)
"""How far a count may be from what an engine builds of the dimensions: these leave out towers and tables."""
_WORDS_SHARE = 0.8
"""Below this share of what is expected a count of packed weights is one of words, of which each holds two or more."""
_WORDS_SHARE_OF_KNOWN = 0.95
"""The same against what dimensions or a published model tell, for weights of four bits with scales: where some layers
are left in 16 bits, words and scales are up to 0.9 of the weights."""
_SCALES_SHARE = (0.7, 1.02)
"""Which part of a wholly packed model's scales a count may hold, from and to: embeddings have none."""
_MOST_WORD_BITS = 32
_SAME = 0.02
"""How far two counts of one thing may be apart."""
_WHOLE = 1.3
"""How far above what all dimensions make a count may be."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A number of parameters that something else than the files' count tells, and how far the count may be from it.

    A name rounds, and tells of a vision tower or an embedding table as little as dimensions do.
    """

    count: int
    provenance: Provenance
    evidence: str
    least: float
    most: float

    @property
    def rough(self) -> bool:
        """Whether there is more in the model than was counted, such as a vision tower."""
        return self.most > _WHOLE

    def agrees(self, count: float) -> bool:
        """Whether a count is near enough."""
        return self.least <= count / self.count <= self.most


@dataclass(frozen=True, slots=True)
class Counted:
    """The believed number of parameters, and what follows for the safetensors weights.

    ``contradiction`` is a sentence where the record's own facts do not agree. ``size_bytes`` is what the weights take
    by the Hub's count of each data type; None where that cannot be told. ``packing`` is what the count says of it
    where nothing else does. ``beside`` is what a model that the configuration names and that is loaded beside these
    weights takes in bytes; None where that is not known. ``odd_files``: the sizes of the files are what does not agree.
    """

    fact: Fact[int]
    contradiction: str = ""
    size_bytes: int | None = None
    packing: Packing | None = None
    beside: int | None = 0
    odd_files: bool = False


@lru_cache(maxsize=256)
def named_sizes(name: str) -> tuple[tuple[str, int], ...]:
    """The words of a name that are sizes, with the parameters they stand for: ``8x7B`` is 56 billion."""
    words = name_words(_POINT.sub(".", name))
    found = []
    for before, word in zip(("", *words), words, strict=False):
        size = _NAME_SIZE.fullmatch(word)
        if size and not before.startswith("jang"):
            count = int(float(size["number"]) * _UNITS[size["unit"].lower()] * int(size["experts"] or 1))
            if count:
                found.append((word, count))
    return tuple(found)


def parameters_of(model: HubModel, config: Mapping[str, Any], packing: Packing, *, part: bool = False) -> Counted:
    """The believed number of parameters of a record, with what speaks for it and against it.

    A ``part`` (adapter, draft head) carries the name and the dimensions of the model it belongs to.
    """
    elsewhere = config.get(LANGUAGE_MODEL)
    if isinstance(elsewhere, str) and elsewhere:
        return _with_language_model(model, elsewhere)
    expected = () if part else tuple(_expectations(model, config))
    header = model.safetensors_header
    if header and header.whole:
        return _of_headers(model, header, expected, packing)
    if model.safetensors and model.safetensors.count:
        counted = _of_safetensors(model, expected, packing)
        if header and header.total_bytes and not counted.contradiction:
            counted = replace(counted, size_bytes=header.total_bytes)
        return counted if part else _held_against_files(model, counted, packing)
    listed = _listed_in_gguf(model)
    if listed is not None:
        return Counted(_of_gguf(listed, expected))
    if model.gguf and model.gguf.total:
        evidence = "the Hub counted the parameters of a GGUF file"
        return Counted(_of_gguf(Fact(model.gguf.total, Provenance.HUB, evidence), expected))
    fact = _as_expected(expected)
    sizes = [one.count for one in expected if one.provenance is Provenance.NAME]
    if (
        fact.value
        and sizes
        and fact.provenance is not Provenance.NAME
        and not any(_alike(fact.value, n) for n in sizes)
    ):
        sentence = f"{fact.evidence}, but its name says {parameters_text(sizes[0])}. One of the two is wrong."
        return Counted(replace(fact, provenance=Provenance.CONTRADICTED, evidence=sentence), sentence)
    return Counted(fact) if part else _held_against_files(model, Counted(fact), packing)


def holds(size: int, counted: Counted) -> bool:
    """Whether a GGUF file of so many bytes can hold as many weights as are believed; so it is where none are told."""
    return bool(counted.contradiction) or _within(size, counted.fact, _BITS_OF_GGUF)


def _within(size: int, count: Fact[int], bits: tuple[float, float]) -> bool:
    """Whether so many bytes take from so many to so many bits a weight; so it is where no weights are told."""
    rounds = _ROUNDS if count.provenance is Provenance.NAME else 1.0
    return not count.value or bits[0] / rounds <= 8 * size / count.value <= bits[1] * rounds


def _held_against_files(model: HubModel, counted: Counted, packing: Packing) -> Counted:
    """A count is not believed of files that could not hold it, nor of files that hold far more."""
    files = [(read_name(one.rfilename), one.bytes) for one in model.siblings or () if _OF_MODEL.match(one.rfilename)]
    sizes = [size for name, size in files if name.stem == "model" and size is not None]
    whole = bool(files) and len(sizes) == len(files) == (files[0][0].shards or 1)
    if not whole or counted.contradiction or not counted.fact.value:
        return counted
    total, count = sum(sizes), counted.fact.value
    by_types = total / counted.size_bytes if counted.size_bytes else None
    alike = by_types is None or _AS_COUNTED[0] <= by_types <= _AS_COUNTED[1]
    plain = by_types is None and not packing.known and not (counted.packing and counted.packing.known)
    if alike and _within(total, counted.fact, _BITS_OF_PLAIN if plain else _BITS):
        return counted
    told = "The files' own count is" if counted.fact.provenance is Provenance.HUB else "What it tells of its size is"
    sentence = (
        f"{told} {parameters_text(count)}, but they take {total / 1e9:.3g} GB, which is {8 * total / count:.3g} bits a "
        "weight"
    )
    if by_types is not None and not alike:
        sentence += f", where their data types take {8 * (counted.size_bytes or 0) / count:.3g}"
    sentence += ". One of the two is wrong."
    fact = Fact(count, Provenance.CONTRADICTED, sentence)
    return Counted(fact, sentence, None, counted.packing, counted.beside, odd_files=True)


def _same(count: int, other: int | None) -> bool:
    """Whether two counts are of the same weights, give or take what is counted as a scale."""
    return other is not None and abs(count - other) <= _SAME * count


def _alike(count: int, other: int) -> bool:
    """Whether two numbers may tell of one model: towers and tables left out, but not another model."""
    return _BUILT[0] < count / other < _BUILT[1]


def _with_language_model(model: HubModel, repo_id: str) -> Counted:
    """A projector or encoder whose configuration names the language model that is loaded beside it."""
    shape = find_shape(repo_id)
    language = _counted(shape, "", Provenance.KNOWN) if shape else None
    own = model.safetensors.count if model.safetensors else None
    if language is None or own is None:
        return Counted(Fact.unknown(), beside=None)
    evidence = f"{parameters_text(own)} here, and {parameters_text(language.count)} of {repo_id} beside it"
    size = bytes_of_words((model.safetensors.parameters if model.safetensors else None) or {})
    return Counted(Fact(own + language.count, Provenance.CONFIG, evidence), "", size, None, 2 * language.count)


def _expectations(model: HubModel, config: Mapping[str, Any]) -> Iterator[Expectation]:
    """What tells a number of parameters beside the count, the surest first."""
    by_dimensions, completed = _by_dimensions(shape_facts(config))
    if by_dimensions:
        yield by_dimensions
    published = published_parameters(model.id)
    if published:
        yield Expectation(published, Provenance.KNOWN, "its authors count", 0.85, 2.0)
    known = find_shape(model.name)
    by_name = _counted(known, "the published model it is named after has", Provenance.KNOWN) if known else None
    if by_name:
        yield by_name
    if completed:
        yield completed
    # Where the name counts experts, its size is that of one.
    sizes = named_sizes(model.name)
    if not sizes:
        return
    experts = any(_EXPERTS.fullmatch(word) for word in name_words(model.name))
    least, most = NEAR_ITS_NAME
    most = _OF_EXPERTS if experts else 4.0 if len(sizes) > 1 else most
    for word, count in sizes:
        yield Expectation(count, Provenance.NAME, f"its name says “{word.upper()}”:", least, most)


@lru_cache(maxsize=256)
def _shape(facts: str) -> ModelShape:
    return from_config(json.loads(facts))


@lru_cache(maxsize=4096)
def _by_dimensions(facts: str) -> tuple[Expectation | None, Expectation | None]:
    """What the dimensions make, and where they are not all told, what the published model has that shares them."""
    if not facts:
        return None, None
    shape = _shape(facts)
    counted = _counted(shape, "the dimensions in config.json make", Provenance.CONFIG)
    if counted:
        return counted, None
    completed = _counted(complete(shape), "the published model of these dimensions has", Provenance.KNOWN)
    # Width and depth alone are alike in models of quite different sizes.
    return None, replace(completed, most=3.0) if completed else None


@lru_cache(maxsize=4096)
def _built(facts: str) -> tuple[int, int] | None:
    """The fewest and the most weights that an engine makes of these dimensions, as a tied head may be untold."""
    if not facts:
        return None
    shape = _shape(facts)
    ties = (True, False) if shape.tied is None else (shape.tied,)
    counts = [split.total for tied in ties if (split := split_parameters(replace(shape, tied=tied)))]
    return (min(counts), max(counts)) if counts else None


def _counted(shape: ModelShape, evidence: str, provenance: Provenance) -> Expectation | None:
    counted = split_parameters(shape)
    total = shape.parameters or (counted.total if counted else None)
    return Expectation(total, provenance, evidence, 0.85, 2.0 if shape.vision else _WHOLE) if total else None


def _as_expected(expected: Sequence[Expectation]) -> Fact[int]:
    for one in expected:
        text = one.evidence if one.provenance is Provenance.NAME else f"{one.evidence} {parameters_text(one.count)}"
        return Fact(one.count, one.provenance, text.removesuffix(":"))
    return Fact.unknown()


def _listed_in_gguf(model: HubModel) -> Fact[int] | None:
    """The weights that the tensors of each GGUF variant are, where all that were read agree."""
    if model.gguf_tensors is None:
        return None
    read, sets = model.gguf_tensors.files, dict[str, list[FileName]]()
    for name in (read_name(file) for file in read):
        sets.setdefault(name.stem, []).append(name)
    whole = [names for names in sets.values() if not missing_shards(names)]
    counts = [sum(read[name.path].weights for name in names) for names in whole]
    if not counts or not counts[0] or not all(_same(max(counts), count) for count in counts):
        return None
    first = min(name.path for name in whole[0])
    return Fact(counts[0], Provenance.GGUF_HEADER, f"{first} lists tensors of {parameters_text(counts[0])} weights")


def _of_gguf(counted: Fact[int], expected: Sequence[Expectation]) -> Fact[int]:
    """The count of one GGUF file, which may be the one of a projector or of a part."""
    total = counted.value or 0
    near = [one.count for one in expected if _alike(total, one.count)]
    if not expected or any(one.agrees(total) for one in expected) or (near and total > expected[0].count):
        return counted
    return _as_expected(expected)


def _of_safetensors(model: HubModel, expected: Sequence[Expectation], packing: Packing) -> Counted:
    block = model.safetensors
    assert block is not None
    counts = block.parameters or {}
    seen = _packing_of(packing, counts)
    bits = seen.bits
    as_weights = weights_counted(counts, seen)
    told = sum(as_weights.values()) or block.count or 0
    # Whether a count may be of words that hold several weights each.
    several = seen.known and (not INTEGER_BYTES.keys().isdisjoint(counts) if counts else _lies_in_words(seen))
    if several and not counts:
        # A name that tells the size of one expert tells weights from words as little.
        expected = [one for one in expected if one.most < _OF_EXPERTS]
    weights = Fact(told, Provenance.HUB, "the Hub counted the parameters in the safetensors headers")
    in_words = weights_in_words(counts, seen) if counts else None
    words = sum(in_words.values()) if in_words else None
    if block.total and counts and not any(_same(block.total, n) for n in (told, words, sum(counts.values()))):
        sentence = (
            f"The Hub counts {parameters_text(block.total)} in all, but {parameters_text(told)} by data type. "
            "One of the two is wrong."
        )
        return Counted(Fact(block.total, Provenance.CONTRADICTED, sentence), sentence, None, seen)
    believed = any(one.agrees(told) and (not several or told > _WORDS_SHARE * one.count) for one in expected)
    surest = expected[0] if expected else None
    if several and words is not None and surest and surest.provenance is not Provenance.NAME:
        believed &= abs(told - surest.count) <= abs(words - surest.count)
    group = None if counts else weights_a_scale(seen)
    if group and surest and surest.provenance is not Provenance.NAME:
        least, most = (share / group for share in _SCALES_SHARE)
        if least <= told / surest.count - 1 <= most and not surest.rough:
            evidence = f"{surest.evidence} {parameters_text(surest.count)}; the Hub counts {parameters_text(told)}"
            return Counted(Fact(surest.count, surest.provenance, f"{evidence} with their scales"), "", None, seen)
        believed &= told > _WORDS_SHARE_OF_KNOWN * surest.count
    built = _built(shape_facts(model.config))
    if not several and built and not (_BUILT[0] * built[0] < told < _BUILT[1] * built[1]):
        believed = False  # an engine builds what config.json says, whatever the name
    if believed or not expected:
        if several and not expected:
            # Weights or the words that they are packed in: nothing says which.
            return Counted(Fact.unknown(), "", bytes_of_words(counts) if _same_either_way(counts, seen) else None, seen)
        size = bytes_of_weights(as_weights, bits) if seen.known else bytes_of_words(counts)
        return Counted(weights, "", size, seen)
    if words is not None and any(one.agrees(words) for one in expected):
        evidence = f"the Hub counted {parameters_text(told)} in the safetensors headers, several weights to a word"
        return Counted(Fact(words, Provenance.HUB, evidence), "", bytes_of_words(counts), seen)
    expected = sorted(expected, key=lambda one: not any(o is not one and o.agrees(one.count) for o in expected))
    best, fact = expected[0], _as_expected(expected)
    untold = not counts or bits is None
    if seen.known and untold and best.count / (_MOST_WORD_BITS / 2) <= told <= best.count * best.most:
        # Without data types or width, words and weights are told apart by what is expected alone.
        return Counted(
            replace(fact, evidence=f"{fact.evidence}; the Hub counts words of several weights"), "", None, seen
        )
    sentence = (
        f"The files' own count is {parameters_text(told)}, but {best.evidence} {parameters_text(best.count)}. "
        "One of the two is wrong."
    )
    return Counted(Fact(best.count, Provenance.CONTRADICTED, sentence), sentence, None, seen)


def _of_headers(
    model: HubModel, header: SafetensorsFileHeaders, expected: Sequence[Expectation], packing: Packing
) -> Counted:
    """What the headers of all files count: stored values for certain, and so their bytes to the last."""
    seen = _packing_of(packing, header.counts)
    told = header.weights
    if told is not None and header.words:
        told = None if seen.bits is None else told + round(header.words * _MOST_WORD_BITS / packed_width(seen.bits))
    if not told:
        return Counted(_as_expected(expected), "", header.total_bytes, seen)
    counted = parameters_text(told)
    evidence = f"{header.file} lists tensors of {counted} weights"
    if header.shards > 1:
        evidence = f"the {header.shards} files of the set list tensors of {counted} weights"
    built = None if seen.known else _built(shape_facts(model.config))
    unlike = built is not None and not (_BUILT[0] * built[0] < told < _BUILT[1] * built[1])
    if not expected or (not unlike and any(one.agrees(told) for one in expected)):
        return Counted(Fact(told, Provenance.FILE_HEADER, evidence), "", header.total_bytes, seen)
    best = min(expected, key=lambda one: not any(o is not one and o.agrees(one.count) for o in expected))
    sentence = f"Its files hold {counted} weights, but {best.evidence} {parameters_text(best.count)}. One is wrong."
    return Counted(Fact(best.count, Provenance.CONTRADICTED, sentence), sentence, None, seen)


def _lies_in_words(packing: Packing) -> bool:
    """Whether several weights may share a word: those of fewer than eight bits, and of eight where words hold four."""
    return packing.bits is None or packing.bits < 8 or packing.label in _IN_WORDS


def _packing_of(told: Packing, counts: Mapping[str, int]) -> Packing:
    """What is believed: the data types over a name, as weights that are all wide floats are packed by no method."""
    if told.provenance is Provenance.NAME and counts and counts.keys() <= WIDE_FLOATS:
        return Packing()
    return told if told.known else _packing_seen(counts)


def _packing_seen(counts: Mapping[str, int]) -> Packing:
    """What the data types alone tell: eight-bit floats, integers that hold several weights, or rarer types."""
    total = sum(counts.values())
    if not total:
        return Packing()
    where = "most of the weights are {} in the safetensors headers"
    eight = sum(count for dtype, count in counts.items() if dtype in _EIGHT_BITS)
    if eight > total / 2:
        return Packing("FP8", Provenance.HUB, where.format("8-bit floats"), bits=8.0)
    if counts.get("U32", 0) > total / 4:
        return Packing("MLX", Provenance.HUB, where.format("32-bit words, as MLX packs them"))
    integers = sum(count for dtype, count in counts.items() if dtype in INTEGER_BYTES)
    if integers > total / 4:
        return Packing("packed", Provenance.HUB, where.format("integers"))
    odd = {dtype: count for dtype, count in counts.items() if dtype not in _PLAIN}
    if sum(odd.values()) <= _ODD_SHARE * total:
        return Packing()
    named = max(odd, key=odd.__getitem__)
    return Packing("packed", Provenance.HUB, f"some of the weights are {named[:40]} in the safetensors headers")


def _same_either_way(counts: Mapping[str, int], packing: Packing) -> bool:
    words, weights = bytes_of_words(counts), bytes_of_weights(weights_counted(counts, packing), packing.bits)
    return words is not None and weights is not None and abs(words - weights) < 0.05 * words
