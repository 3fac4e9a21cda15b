"""The few facts of a configuration that shape a memory estimate, kept small: a record stores no more than these."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_KEYS = """
    active_parameters attention_chunk_size attention_head_dim attention_k_eq_v attn_layer_indices attn_layer_offset
    attn_layer_period conv_kernel conv_L_cache d_conv d_inner d_model d_state decoder_attention_heads decoder_ffn_dim
    decoder_layers decoder_sparse_step dim encoder_layers expand expert_intermediate_size expert_layer_offset
    expert_layer_period ffn_hidden_size first_k_dense_replace full_attention_interval full_attn_idxs full_heads
    global_attn_every_n_layers global_head_dim head_dim hidden_size hidden_size_per_layer_input
    hybrid_override_pattern index_head_dim index_skip_topk_offset index_topk_freq index_topk_pattern indexer_types
    intermediate_size kv_heads_per_layer kv_lora_rank layer_types layers_block_type linear_conv_kernel_dim
    linear_key_head_dim linear_num_key_heads linear_num_value_heads linear_value_head_dim mamba_d_conv mamba_d_head
    mamba_d_ssm mamba_d_state mamba_expand mamba_head_dim mamba_inner mamba_n_groups mamba_n_heads mamba_num_heads
    max_position_embeddings max_seq_len max_source_positions max_target_positions model_type moe_intermediate_size
    moe_k moe_layer_start_index moe_num_experts multi_query multi_query_group_num n_embd n_groups n_head n_head_kv
    n_heads n_inner n_layer n_layers n_positions n_routed_experts n_shared_experts n_vocab num_attention_heads
    num_dense_layers num_experts num_experts_per_tok num_experts_per_token num_global_key_value_heads
    num_hidden_layers num_key_value_heads num_kv_heads num_kv_shared_layers num_layers num_local_experts num_mel_bins
    num_shared_experts q_lora_rank qk_nope_head_dim qk_rope_head_dim seq_length shared_expert_intermediate_size
    shared_intermediate_size sliding_window sliding_window_pattern sliding_window_size ssm_state_size state_size
    tie_word_embeddings top_k_experts v_head_dim value_head_dim vocab_size
"""
SHAPE_KEYS = frozenset(_KEYS.split())
_TELLING_NULLS = frozenset({"num_key_value_heads", "sliding_window"})
"""Keys whose null says something: as many key heads as query heads, no window."""
_TOWERS = ("vision_config", "vision_encoder")
_DEEPEST = 4
_UNPACKED = frozenset({"shared_expert", "shared_experts", "self_attn", "o_proj"})
"""Parts of a layer whose absence from a packing is kept."""
_EXCEPTIONS = ("modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules", "unpacked")
_LARGEST_GROUP = 65_536
_SCALARS = (str, int, float, bool)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_WORDS = re.compile(r"\w+")
NESTED_CONFIGS = ("text_config", "llm_config", "language_config", "thinker_config")
"""Where a configuration of several models keeps that of its language model."""
_NESTED = (*NESTED_CONFIGS, *_TOWERS)


def shape_facts(config: Mapping[str, Any] | None) -> str:
    """The facts of a configuration that shape the estimate, as canonical JSON; empty where it tells none."""
    kept = _kept(config or {})
    return _CANONICAL.encode(kept) if kept else ""


_WIDTHS = frozenset({"hidden_size", "num_hidden_layers", "d_model", "n_embd", "n_layer", "num_layers"})


def is_whole(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is a whole config.json: what the Hub answers of one has no dimensions."""
    nested = [config[name] for name in NESTED_CONFIGS if isinstance(config.get(name), Mapping)]
    return any(not _WIDTHS.isdisjoint(scope) for scope in (config, *nested))


_BITS_OF_TYPE = {"float64": 64, "float32": 32, "float16": 16, "bfloat16": 16}


def bits_of_type(config: Mapping[str, Any]) -> float | None:
    """The bits of a weight that is not packed, by the data type in a configuration; None where it tells none."""
    nested = [config[name] for name in NESTED_CONFIGS if name in config and isinstance(config[name], Mapping)]
    told = [scope[key] for scope in (config, *nested) for key in ("dtype", "torch_dtype") if key in scope]
    for name in told:
        plain = name.removeprefix("torch.") if isinstance(name, str) else ""
        if plain in _BITS_OF_TYPE:
            return float(_BITS_OF_TYPE[plain])
    return None


def _kept(config: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    kept = {
        key: value
        for key, value in config.items()
        if (key in SHAPE_KEYS and _small(value)) or (value is None and key in _TELLING_NULLS)
    }
    for name in _NESTED:
        if name in config and isinstance(config[name], Mapping) and depth < _DEEPEST:
            inner = _kept(config[name], depth + 1)
            kept |= {name: inner} if inner or name in _TOWERS else {}
    packing = packing_facts(config["quantization_config"]) if "quantization_config" in config else {}
    return kept | ({"quantization_config": packing} if packing else {})


def packing_facts(block: object) -> dict[str, Any]:
    """What a ``quantization_config`` tells of how many weights are scaled together, in one spelling of all methods.

    ``group_size`` is weights of a row, ``weight_block_size`` rows and columns, ``unpacked`` the parts of a layer that
    are left out. Empty where it tells none; of its own answer it is the same again.
    """
    if not isinstance(block, Mapping):
        return {}
    sizes = [size for size in _group_sizes(block) if _is_size(size)]
    kept: dict[str, Any] = {"group_size": max(sizes)} if sizes else {}
    blocks = block.get("weight_block_size")
    if isinstance(blocks, list) and len(blocks) == 2 and all(map(_is_size, blocks)):
        kept["weight_block_size"] = blocks
    named = [name for key in _EXCEPTIONS if isinstance(block.get(key), list) for name in block[key]]
    unpacked = {word for name in named if isinstance(name, str) for word in _WORDS.findall(name)} & _UNPACKED
    return kept | ({"unpacked": sorted(unpacked)} if kept and unpacked else {})


def _group_sizes(block: Mapping[str, Any]) -> Iterator[Any]:
    yield block.get("group_size")
    yield block.get("q_group_size")
    groups = block.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if isinstance(weights, Mapping) and weights.get("type") == "int":
            yield weights.get("group_size")


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_GROUP


def _small(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= 512 and all(isinstance(item, _SCALARS) for item in value)
    return isinstance(value, _SCALARS) and len(str(value)) <= 600
