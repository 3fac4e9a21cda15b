"""Published shapes of well-known models, found by name, and a name's exact token rules.

A name is cut into tokens and only whole tokens are dropped (packaging words such as ``gguf`` or ``q4``,
and ``instruct``, ``it``, ``chat``, which do not change a shape). Nothing is matched by substring.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from compat.architectures.tables import KnownShape, known_shapes
from compat.shapes.counting import split_parameters
from compat.shapes.shape import ModelShape, from_config

Resolver = Callable[[str], ModelShape | None]
"""Finds a shape by model id in somebody's catalogue; None when the id is not there."""

_PACKAGING = frozenset(
    (
        *(
            "gguf",
            "ggml",
            "awq",
            "gptq",
            "int4",
            "int8",
            "fp8",
            "fp16",
            "bf16",
            "f16",
            "f32",
            "nvfp4",
            "mxfp4",
        ),
        *(
            "mlx",
            "exl2",
            "exl3",
            "ud",
            "qat",
            "bnb",
            "2bit",
            "3bit",
            "4bit",
            "6bit",
            "8bit",
            "w4a16",
            "w8a16",
        ),
        *("w8a8", "dynamic", "quantized", "unsloth", "hf", "latest", "imatrix", "dq", "mtp", "text"),
        *("instruct", "it", "chat", "base", "pt"),
    )
)
_QUANT = re.compile(r"(?:i?q[1-8]|t[q]?[12]|mq4)(?:_?(?:0|1|k|nl|xs|xxs|s|m|l|xl))*")
_QUANT_TAIL = frozenset({"k", "s", "m", "l", "xl", "xs", "xxs", "nl", "0", "1"})
_DATE = re.compile(r"(?:2[3-9](?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])[0-3]\d)")
_NOTE = re.compile(r"\s*(\(.*\)|tp=\d+|q\d\S*)\s*$", re.IGNORECASE)
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_BETWEEN_WORDS = re.compile(r"[-\s]+|\.(?=i?q\d)")


def candidates(model_id: str) -> Iterator[str]:
    """The keys a model id may be known by, the most exact first."""
    name = model_id.strip()
    if name.startswith("synthetic:"):
        yield "transformers-default/" + name.removeprefix("synthetic:").split("-default")[0].lower()
        return
    while _NOTE.search(name):
        name = _NOTE.sub("", name).removesuffix(".")
    name = name.split("/")[-1].lower().removesuffix(".gguf").replace(":", "-")
    name = _SHARD.sub("", name)
    spellings = [name]
    if "_" in name:
        spellings.append(name.split("_", 1)[1])  # Org_Model, as some packagers name their files
    for spelling in spellings:
        tokens = _tokens(spelling)
        if tokens:
            yield "-".join(tokens)
            undated = [t for t in tokens if not _DATE.fullmatch(t)]
            if undated != tokens:
                yield "-".join(undated)


def _tokens(name: str) -> list[str]:
    words = [w for w in _BETWEEN_WORDS.split(name) if w]
    kept: list[str] = []
    after_quant = False
    for word in words:
        if _QUANT.fullmatch(word) or ("_" in word and _QUANT.fullmatch(word.replace("_", ""))):
            after_quant = True
        elif after_quant and word in _QUANT_TAIL:
            continue
        elif word not in _PACKAGING:
            after_quant = False
            kept.append(word.replace("_", "-") if not word.startswith("q4_") else word)
    return [t for word in kept for t in word.split("-") if t and t not in _PACKAGING]


@cache
def _published() -> tuple[tuple[KnownShape, ModelShape], ...]:
    """Entries whose configuration is whole, with their shapes."""
    whole = (entry for entry in known_shapes() if not entry.partial)
    return tuple((entry, from_config(entry.config, entry.parameters)) for entry in whole)


@cache
def _table() -> dict[str, ModelShape]:
    table: dict[str, ModelShape] = {}
    partial = (
        (entry, complete(from_config(entry.config, entry.parameters))) for entry in known_shapes() if entry.partial
    )
    for entry, shape in (*_published(), *partial):
        table.setdefault(entry.id.lower(), shape)
        if entry.id.startswith("transformers-default/"):
            continue
        for name in (entry.id, *entry.also):
            table.setdefault(next(candidates(name)), shape)
    return table


@lru_cache(maxsize=1024)
def known_shape(model_id: str) -> ModelShape | None:
    """The published shape of a well-known model; None when the name is not in the table."""
    table = _table()
    for key in candidates(model_id):
        if key in table:
            return table[key]
    return None


_SKELETON = ("model_type", "layers", "hidden", "heads", "kv_heads")


@cache
def _skeletons() -> dict[tuple[Any, ...], ModelShape]:
    return {tuple(getattr(s, k) for k in _SKELETON): s for _, s in reversed(_published())}


def complete(shape: ModelShape) -> ModelShape:
    """Fill what a partial configuration leaves out from the published model of the same dimensions.

    A fine-tune keeps its base's type, layers, width and heads; when these five all agree, the rest of
    the structure (feed-forward width, window, linear-attention heads) is the base's. Says so in
    ``assumptions``. Anything less than full agreement changes nothing.
    """
    key = tuple(getattr(shape, k) for k in _SKELETON)
    if None in key:
        return shape
    model_type = str(shape.model_type)
    for spelling in (model_type, model_type.removesuffix("_text"), model_type + "_text"):
        base = _skeletons().get((spelling, *key[1:]))
        if base is not None:
            break
    else:
        return shape
    if shape.head_dim is not None and base.head_dim is not None and shape.head_dim != base.head_dim:
        return shape
    filled = shape.with_facts(
        ffn=base.ffn,
        vocab=base.vocab,
        experts=base.experts,
        experts_used=base.experts_used,
        expert_ffn=base.expert_ffn,
        shared_ffn=base.shared_ffn,
        dense_layers=base.dense_layers,
        caches=base.caches,
        state=base.state,
        head_dim=base.head_dim,
        tied=base.tied,
        per_layer_embed=base.per_layer_embed,
    )
    if shape.caches is not None and base.caches is not None and not shape.vision and filled.caches != base.caches:
        # The published file spells out widths per layer that a partial one cannot.
        filled = replace(filled, caches=base.caches, value_is_key=base.value_is_key)
    filled = _text_only(filled, base)
    if filled is shape:
        return shape
    return replace(filled, assumptions=(*shape.assumptions, "structure of the published model of these dimensions"))


_TOWERS = 0.15
"""Most that a vision tower and draft layers add to a checkpoint's count."""


def _text_only(shape: ModelShape, base: ModelShape) -> ModelShape:
    """Leave a checkpoint's vision tower and draft layers out where the base counts from its dimensions."""
    counted = split_parameters(base)
    if base.parameters is not None or counted is None or shape.parameters is None or shape.experts != base.experts:
        return shape
    excess = shape.parameters / counted.total - 1
    return replace(shape, parameters=None) if 0.002 < excess < _TOWERS else shape


def find_shape(model_id: str, resolve: Resolver | None = None) -> ModelShape | None:
    """A shape by id: the well-known table first, then ``resolve``, completed where it is partial."""
    known = known_shape(model_id)
    if known is not None:
        return known
    found = resolve(model_id) if resolve is not None else None
    return complete(found) if found is not None else None


_SIZE = re.compile(r"(?:\d+x)?\d+(?:\.\d+)?[bm]|a\d+(?:\.\d+)?[bm]|e\d+b|\d+e")
_OTHER_SHAPES = frozenset(
    (
        *("moe", "reap", "ream", "pruned", "merge", "merged", "healed", "expanded", "passthrough", "franken"),
        *("draft", "drafter", "eagle", "eagle3", "speculator", "dflash", "medusa", "adapter", "lora", "projector"),
        *("vl", "vision", "omni", "audio", "asr", "tts", "embedding", "embed", "reranker", "diffusion", "encoder"),
    )
)
"""Words in a name which say that the model was built anew from the one that is named."""

_UNPACKED_BY_TUNES = ("gpt_oss",)
"""Models whose own files are packed already: whoever tunes them may have packed them anew."""


@lru_cache(maxsize=4096)
def namesake(model_id: str) -> ModelShape | None:
    """The published shape of the model that this one is named after: its own, or of what it was tuned from.

    A tune keeps the whole name of its base, the size in it, and adds words. Two sizes, or a word such as ``MoE``, are
    of another model.
    """
    found = find_shape(model_id)
    if found is not None:
        return found
    table = _table()
    for name in candidates(model_id):
        words = name.split("-")
        sizes = [place for place, word in enumerate(words) if _SIZE.fullmatch(word)]
        if not sizes or not _OTHER_SHAPES.isdisjoint(words):
            continue
        # From the first word to the last that can belong to the base's name, the longest first.
        for start in range(sizes[0]):
            for end in range(len(words), sizes[-1], -1):
                base = table.get("-".join(words[start:end]))
                if base is not None and base.model_type not in _UNPACKED_BY_TUNES:
                    return base
    return None
