"""GGUF metadata keys, said in the words of ``config.json``.

The header of a GGUF file names the same facts under ``<architecture>.<key>``. Translating the names
lets one reader build a shape from either. Keys: ``gguf-py/gguf/constants.py`` of llama.cpp.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_RENAMED: dict[str, str] = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "attention.head_count": "num_attention_heads",
    "attention.key_length": "head_dim",
    "attention.sliding_window": "sliding_window",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.indexer.key_length": "index_head_dim",
    "attention.shared_kv_layers": "num_kv_shared_layers",
    "feed_forward_length": "intermediate_size",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "leading_dense_block_count": "first_k_dense_replace",
    "context_length": "max_position_embeddings",
    "vocab_size": "vocab_size",
    "full_attention_interval": "full_attention_interval",
    "shortconv.l_cache": "conv_L_cache",
}


def config_from_gguf(metadata: Mapping[str, Any], model_type: str | None) -> dict[str, Any]:
    """A ``config.json``-like mapping with the facts the header holds, and no others."""
    arch = metadata.get("general.architecture")

    def key(name: str) -> Any:
        return metadata.get(f"{arch}.{name}")

    config: dict[str, Any] = {"model_type": model_type}
    config.update({new: key(old) for old, new in _RENAMED.items() if key(old) is not None})
    tokens = metadata.get("tokenizer.ggml.tokens")
    if "vocab_size" not in config and isinstance(tokens, Sequence) and not isinstance(tokens, str):
        config["vocab_size"] = len(tokens)
    for scalar in ("num_attention_heads", "intermediate_size"):
        value = config.get(scalar)
        if isinstance(value, Sequence):
            config[scalar] = max(value, default=0)
    config["num_hidden_layers"] = layers = _trunk(config.get("num_hidden_layers"), key("nextn_predict_layers"))
    _kv_heads(config, _up_to(layers, key("attention.head_count_kv")), recurrent=key("ssm.inner_size") is not None)
    _windows(config, _up_to(layers, key("attention.sliding_window_pattern")), key("attention.key_length_swa"))
    _recurrence(config, key)
    if config.get("kv_lora_rank"):
        config["qk_rope_head_dim"] = key("rope.dimension_count")
        # Files written before the latent form was described store every head's keys and values.
        config["full_heads"] = key("attention.key_length_mla") is None
    types = _up_to(layers, key("attention.indexer.types"))
    if _is_list(types):
        config["indexer_types"] = ["full" if one else "shared" for one in types]
    if key("attention.value_length") != key("attention.key_length"):
        config["value_head_dim"] = key("attention.value_length")
    return config


def _trunk(blocks: Any, ahead: Any) -> Any:
    """The layers of the model itself: those that guess ahead are blocks of the file too, and come last.

    llama.cpp gives them no place in the cache of a conversation (``n_layer`` in ``llama-hparams.h``).
    """
    told = isinstance(blocks, int) and isinstance(ahead, int)
    return blocks - ahead if told and 0 < ahead < blocks else blocks


def _up_to(layers: Any, told: Any) -> Any:
    """What a list tells of the model's own layers; anything but a list as it is."""
    return told[:layers] if _is_list(told) and isinstance(layers, int) else told


def _is_list(told: Any) -> bool:
    return isinstance(told, Sequence) and not isinstance(told, str)


def _kv_heads(config: dict[str, Any], value: Any, *, recurrent: bool) -> None:
    if _is_list(value):
        heads = [int(v) for v in value]
        config["num_key_value_heads"] = max(heads, default=0)
        config["kv_heads_per_layer"] = heads
        if 0 in heads:
            empty = "linear_attention" if recurrent or "conv_L_cache" in config else "mlp"
            config["layer_types"] = ["full_attention" if h else empty for h in heads]
    elif isinstance(value, int):
        config["num_key_value_heads"] = value


def _windows(config: dict[str, Any], swa: Any, narrow: Any) -> None:
    if _is_list(swa):
        config["layer_types"] = ["sliding_attention" if s else "full_attention" for s in swa]
    elif isinstance(swa, int) and swa > 0:
        config["sliding_window_pattern"] = swa
    if isinstance(narrow, int) and "head_dim" in config:
        config["global_head_dim"], config["head_dim"] = config["head_dim"], narrow


def _recurrence(config: dict[str, Any], key: Any) -> None:
    inner, size, conv = key("ssm.inner_size"), key("ssm.state_size"), key("ssm.conv_kernel")
    if isinstance(inner, int) and isinstance(size, int) and isinstance(conv, int):
        config.update(
            mamba_d_ssm=inner,
            ssm_state_size=size,
            conv_kernel=conv,
            mamba_n_groups=key("ssm.group_count") or 0,
        )
