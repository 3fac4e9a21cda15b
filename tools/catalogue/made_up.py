"""What a list of models makes up where it has read nothing, and writes down as if it had.

*Counts of weights*, where the Hub tells none, or one of packed words: each layer's attention and feed-forward tables,
times the layers, and two tables of words. No file holds just that: norms are in every real count, and hybrids, towers,
tied tables and drafts are not in the formula, which was 10 % off for Qwen 3.5 27B, twofold for Nemotron Nano 9B and
threefold for Nemotron 3. So a count that the formula makes of a record's own dimensions, to the last digit, was never
counted.

*A context* of 4,096 tokens, where a configuration has none under the names that the list looks for; or one times the
factor of ``rope_scaling``, where a configuration tells the context that this reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ASSUMED_CONTEXT = 4096
NAMES_NO_CONTEXT = frozenset(
    {
        *("falcon", "falcon_mamba", "hubert", "inkling_mm_model", "kimi_linear", "mamba", "mamba2", "sew", "vits"),
        *("wav2vec2", "wav2vec2-bert", "wavlm", "whisper"),
    }
)
"""``model_type``\\ s whose configurations have no ``max_position_embeddings`` or the like: there is none to tell, or it
is called ``model_max_length`` (Transformers 5.24, the classes of these types)."""
REACHED = {
    "apertus": ((65536,), (8,)),
    "deepseek_v3": ((32768, 131072, 163840), (40,)),
    "deepseek_v4": ((1048576,), (16,)),
    "exaone4": ((131072,), (16,)),
    "gpt_oss": ((131072,), (32,)),
    "kimi_k2": ((262144,), (64,)),
    "kimi_k25": ((262144,), (64,)),
    "llama": ((131072,), (8, 32)),
    "mixtral": ((131072,), (8,)),
    "mllama": ((131072,), (8,)),
    "nemotron-nas": ((131072,), (8, 16)),
    "olmo3": ((65536,), (8,)),
}
"""Contexts that published configurations of a ``model_type`` tell, and the factors by which they reach them."""
NORMS_WITHOUT_WEIGHTS = frozenset({"olmo", "hf_olmo"})
"""``model_type``\\ s whose real count the formula makes: OLMo's norms scale by nothing."""
_WIDTH = 16
"""Feed-forward tables are a multiple of so much wide."""
_LEAST_WIDENING = 2.0
"""And that of a dense model is so many times as wide as its layers, or the match is an accident of a tied table."""


def is_assumed(config: Mapping[str, Any]) -> bool:
    """Whether the context in a ``config.json`` is one that a list made: none is told there, or another one."""
    context, model_type = config.get("max_position_embeddings"), config.get("model_type")
    if model_type in NAMES_NO_CONTEXT:
        return context == ASSUMED_CONTEXT
    told, factors = REACHED.get(model_type, ((), ())) if isinstance(model_type, str) else ((), ())
    return context in {one * factor for one in told for factor in factors}


def is_made_up(config: Mapping[str, Any], total: int) -> bool:
    """Whether a formula makes a count of the dimensions in a ``config.json``, whatever its feed-forward width is."""
    if config.get("model_type") in NORMS_WITHOUT_WEIGHTS:
        return False
    return any(_makes(told, total) for told in (config, config.get("text_config")) if isinstance(told, Mapping))


def _makes(told: Mapping[str, Any], total: int) -> bool:
    hidden, layers, words = (_count(told, key) for key in ("hidden_size", "num_hidden_layers", "vocab_size"))
    if not (hidden and layers and words):
        return False
    heads = _count(told, "num_attention_heads") or 1
    keys = _count(told, "num_key_value_heads") or heads
    width = _count(told, "head_dim") or hidden // heads
    left, over = divmod(total - 2 * words * hidden, layers)
    if over:
        return False
    left -= 2 * (heads + keys) * width * hidden
    return any(wide % _WIDTH == 0 and wide > 0 for wide in _widths(told, hidden, left))


def _widths(told: Mapping[str, Any], hidden: int, left: int) -> Iterator[int]:
    """The feed-forward widths that would make what is left of a layer, of the shapes that the formula knows."""
    wide, over = divmod(left, 3 * hidden)
    if not over and wide >= _LEAST_WIDENING * hidden:
        yield wide
    experts = _count(told, "num_local_experts") or _count(told, "num_experts") or 0
    for tables in {experts, experts + 1} if experts else ():  # one more is shared by all
        wide, over = divmod(left - experts * hidden, 3 * hidden * tables)
        if not over:
            yield wide


def _count(told: Mapping[str, Any], key: str) -> int | None:
    value = told.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
