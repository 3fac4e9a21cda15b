"""What a model looks like to a memory estimate: its layers, what each layer keeps, its sizes.

Read from a ``config.json``-like mapping or from GGUF metadata. A fact that is missing stays None and
whoever needs it says so; where what the architecture fixes stands in for a missing fact, ``assumptions``
names it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from compat.architectures import LayerKind, LayerStructure, architecture_of, architecture_of_gguf
from compat.architectures.layers import LAYER_TYPE_WORDS, PATTERN_LETTERS, layer_kinds
from compat.shapes.gguf_keys import config_from_gguf
from compat.shapes.layer_facts import NESTED_CONFIGS, packing_facts

_PLAIN_GUESS = LayerStructure()
_DEEPEST = 4
_MOST_LAYERS = 2048
_MOST = 10**13
"""No number of a real model is larger, its parameter count included; what is, was not meant, and is unknown."""


@dataclass(frozen=True)
class LayerCache:
    """What one layer stores per token: ``k_width`` and ``v_width`` in values, ``window`` in tokens.

    ``q_width`` is the width of its queries, which are not stored but have weights. ``index`` is the width of the keys
    by which sparse attention chooses tokens, stored beside the others; ``index_shared``: the layer takes what the one
    before it chose, so that some engines store none for it.
    """

    kind: LayerKind
    k_width: int
    v_width: int
    window: int | None = None
    q_width: int = 0
    index: int = 0
    index_shared: bool = False


@dataclass(frozen=True)
class LatentAttention:
    """DeepSeek's latent attention: an engine keeps ``rank + rope`` values, or the full heads.

    ``queries`` is the rank that queries are made through, where they are.
    """

    rank: int
    rope: int
    nope: int | None = None
    v_dim: int | None = None
    queries: int | None = None


@dataclass(frozen=True)
class RecurrentState:
    """Values (not bytes) a state layer keeps per sequence: convolution tail and recurrent matrix.

    ``inner`` and ``keys`` are the widths of the gated delta rule's values and keys, for counting weights.
    """

    conv: int
    recurrent: int
    inner: int | None = None
    keys: int | None = None


@dataclass(frozen=True)
class ModelShape:
    """A model's dimensions. Every None is an unknown, never a zero.

    ``caches`` has one entry a layer; None when the layer pattern or a width is unknown.
    ``ffn`` is the dense feed-forward width, ``expert_ffn`` one expert's. ``parameters`` counts every
    weight, ``active_parameters`` those read for one token. ``pack_group`` and ``pack_block`` are how many weights of a
    row, and how many rows and columns, the packing scales together; ``unpacked`` names parts of a layer that are left
    out of it. ``encoder``: it reads a text at once and keeps no keys and values of it. ``assumptions`` lists what was
    taken from the architecture's structure instead of the file.

    ``tower`` counts the weights of what reads images, beside all of this; None where its sizes are not told.

    Of a model that hears, all of this is the decoder's; ``hears`` is how many tokens its ``encoder_layers`` make of a
    recording, of which every layer keeps keys and values beside its own, and ``mels`` the bands of sound they take in.
    """

    model_type: str | None = None
    layers: int | None = None
    hidden: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    vocab: int | None = None
    ffn: int | None = None
    experts: int | None = None
    experts_used: int | None = None
    expert_ffn: int | None = None
    shared_ffn: int | None = None
    dense_layers: int | None = None
    caches: tuple[LayerCache, ...] | None = None
    mla: LatentAttention | None = None
    state: RecurrentState | None = None
    parameters: int | None = None
    active_parameters: int | None = None
    tied: bool | None = None
    gated_ffn: bool = True
    gated_query: bool = False
    value_is_key: bool = False
    per_layer_embed: int | None = None
    vision: bool = False
    context: int | None = None
    pack_group: int | None = None
    pack_block: int | None = None
    unpacked: tuple[str, ...] = ()
    encoder: bool = False
    hears: int | None = None
    encoder_layers: int | None = None
    mels: int | None = None
    tower: int | None = None
    assumptions: tuple[str, ...] = field(default=())

    @cached_property
    def layer_counts(self) -> tuple[tuple[LayerCache, int], ...]:
        """How many layers of each sort there are: of a hundred layers most keep the same."""
        return tuple(Counter(self.caches or ()).items())

    @property
    def expert_width(self) -> int | None:
        """The width of one expert: that of a layer, where all have experts and the configuration tells one width."""
        return self.expert_ffn or (self.ffn if self.experts and not self.dense_layers else None)

    @property
    def state_layers(self) -> int:
        """How many layers keep a recurrent state."""
        return sum(count for layer, count in self.layer_counts if layer.kind in (LayerKind.STATE, LayerKind.BOTH))

    @property
    def usual_tower(self) -> int | None:
        """What the tower weighs that models of this kind have; None of other kinds, and where their own is told.

        Gemma 3 has SigLIP's in all sizes (the Hub counts 420 to 423 million weights beside the text model), Gemma 4 a
        small one with tables by layer and a large one without.
        """
        if self.tower is not None:
            return None
        kind = str(self.model_type).removesuffix("_text" if self.vision else "")
        if kind == "gemma3":
            return _transformer(27, 1152, 4304, 2)
        if kind != "gemma4":
            return None
        return _transformer(16, 768, 3072, 3) if self.per_layer_embed else _transformer(27, 1152, 4304, 3)

    def with_facts(self, **facts: Any) -> "ModelShape":
        """The same shape with ``facts`` put in where this one knows nothing."""
        news = {k: v for k, v in facts.items() if v is not None and getattr(self, k) is None}
        return replace(self, **news) if news else self


def from_config(config: Mapping[str, Any], parameters: int | None = None) -> ModelShape:
    """The shape a ``config.json``-like mapping tells; missing keys become None.

    ``parameters``: the real count of the weight files, when known.
    """
    text = _text(config)
    model_type = _string(text.get("model_type")) or _string(config.get("model_type"))
    structure = architecture_of(model_type or "").layers
    assumed: list[str] = []
    if structure is None:
        assumed.append(f"every layer of '{model_type}' attends to all tokens")
        structure = _PLAIN_GUESS
    # Of an encoder and a decoder the configuration calls the encoder's layers hidden.
    own_layers = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
    layers = _int(text, "decoder_layers") if structure.hears else _int(text, *own_layers)
    if layers is not None and layers > _MOST_LAYERS:
        layers = None
    hidden = _int(text, "hidden_size", "n_embd", "d_model", "dim")
    heads = _int(
        text, *(("decoder_attention_heads",) if structure.hears else ("num_attention_heads", "n_head", "n_heads"))
    )
    kv_heads = _kv_heads(text, heads, structure)
    head_dim = _head_dim(text, hidden, heads, structure)
    mla = _mla(text, structure)
    packing = packing_facts(text.get("quantization_config"))
    shape = ModelShape(
        model_type=model_type,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab=_int(text, "vocab_size", "n_vocab") or _int(config, "vocab_size"),
        ffn=_int(text, "intermediate_size", "ffn_hidden_size", "n_inner", "decoder_ffn_dim"),
        experts=_int(text, "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"),
        experts_used=_int(text, "num_experts_per_tok", "moe_k", "top_k_experts", "num_experts_per_token"),
        expert_ffn=_int(text, "moe_intermediate_size", "expert_intermediate_size"),
        shared_ffn=_shared(text),
        dense_layers=_dense_layers(text, layers),
        mla=mla,
        state=_state(text, hidden),
        parameters=parameters,
        active_parameters=_int(text, "active_parameters"),
        tied=_bool(text, config, "tie_word_embeddings", structure.tied),
        gated_ffn=structure.gated_ffn,
        gated_query=structure.gated_query,
        per_layer_embed=_int(text, "hidden_size_per_layer_input"),
        value_is_key=text.get("attention_k_eq_v") is True,
        vision=any(isinstance(config.get(k), Mapping) for k in ("vision_config", "vision_encoder")),
        context=_int(
            text, "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_target_positions"
        ),
        pack_group=packing.get("group_size"),
        pack_block=max(packing.get("weight_block_size", ()), default=None),
        unpacked=tuple(packing.get("unpacked", ())),
        encoder=structure.encoder,
        hears=structure.hears and (_int(text, "max_source_positions") or structure.hears),
        encoder_layers=_int(text, "encoder_layers") if structure.hears else None,
        mels=_int(text, "num_mel_bins") if structure.hears else None,
        tower=_tower(config.get("vision_config")),
        assumptions=tuple(assumed),
    )
    return replace(shape, caches=_caches(shape, text, structure))


def from_gguf(metadata: Mapping[str, Any]) -> ModelShape:
    """The shape GGUF metadata tells (``<arch>.block_count`` and the like)."""
    arch = _string(metadata.get("general.architecture"))
    config = config_from_gguf(metadata, architecture_of_gguf(arch).name if arch else None)
    return from_config(config, _int(metadata, "general.parameter_count"))


_TOWER_MATRICES = {"siglip_vision_model": 2, "gemma4_vision": 3}
"""How many matrices feed forward in one layer of a tower."""


def _tower(config: object) -> int | None:
    """What a vision tower weighs by its own configuration; None where that does not tell it."""
    if not isinstance(config, Mapping):
        return None
    matrices = _TOWER_MATRICES.get(str(config.get("model_type")))
    layers, hidden, ffn = (_int(config, key) for key in ("num_hidden_layers", "hidden_size", "intermediate_size"))
    return _transformer(layers, hidden, ffn, matrices) if matrices and layers and hidden and ffn else None


def _transformer(layers: int, hidden: int, ffn: int, matrices: int) -> int:
    return layers * (4 * hidden * hidden + matrices * hidden * ffn)


def _text(config: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """The mapping that holds the language model's own sizes."""
    for key in NESTED_CONFIGS if depth < _DEEPEST else ():
        inner = config.get(key)
        if isinstance(inner, Mapping) and inner:
            return _text({**{k: v for k, v in config.items() if k not in NESTED_CONFIGS}, **inner}, depth + 1)
    return config


def _int(mapping: Mapping[str, Any], *keys: str) -> int | None:
    for key in keys:
        value = mapping.get(key)
        if isinstance(value, bool):
            continue
        if isinstance(value, int) and 0 < value <= _MOST:
            return value
        if isinstance(value, float) and 0 < value <= _MOST and value.is_integer():
            return int(value)
    return None


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _bool(text: Mapping[str, Any], config: Mapping[str, Any], key: str, otherwise: bool | None) -> bool | None:
    for mapping in (text, config):
        if isinstance(mapping.get(key), bool):
            return bool(mapping[key])
    return otherwise


def _kv_heads(text: Mapping[str, Any], heads: int | None, structure: LayerStructure) -> int | None:
    found = _int(text, "multi_query_group_num", "num_key_value_heads", "num_kv_heads", "n_head_kv")
    if found is not None:
        return None if structure.grouped and found == heads else found
    if text.get("multi_query") is True:
        return 1
    # An explicit null means one key head per query head; a missing key means nothing is known.
    if structure.mha or ("num_key_value_heads" in text and text["num_key_value_heads"] is None):
        return heads
    return None


def _head_dim(text: Mapping[str, Any], hidden: int | None, heads: int | None, structure: LayerStructure) -> int | None:
    found = _int(text, "head_dim", "attention_head_dim") or structure.head_dim
    if found is not None:
        return found
    return hidden // heads if hidden and heads and hidden % heads == 0 else None


def _mla(text: Mapping[str, Any], structure: LayerStructure) -> LatentAttention | None:
    rank = _int(text, "kv_lora_rank")
    rope = _int(text, "qk_rope_head_dim")
    if text.get("full_heads") is True:
        return None
    if rank is None or rope is None:
        # 512 + 64 in every published model of these architectures but MiniCPM3, whose file states its own.
        if not structure.mla:
            return None
        rank, rope = 512, 64
    widths = (_int(text, name) for name in ("qk_nope_head_dim", "v_head_dim", "q_lora_rank"))
    return LatentAttention(rank, rope, *widths)


def _dense_layers(text: Mapping[str, Any], layers: int | None) -> int | None:
    """How many layers of a mixture have no experts: the first ones, or all but one in every period, as Jamba's."""
    first = _int(text, "first_k_dense_replace", "num_dense_layers", "moe_layer_start_index")
    period = _int(text, "expert_layer_period", "decoder_sparse_step")
    if first is not None or layers is None or period is None or period < 2:
        return first
    told = text.get("expert_layer_offset")
    offset = told if isinstance(told, int) and 0 <= told < period else period - 1
    return layers - len(range(offset, layers, period))


def _shared(text: Mapping[str, Any]) -> int | None:
    width = _int(text, "shared_expert_intermediate_size", "shared_intermediate_size")
    if width is not None:
        return width
    count, each = _int(text, "n_shared_experts", "num_shared_experts"), _int(text, "moe_intermediate_size")
    return count * each if count and each else None


def _state(text: Mapping[str, Any], hidden: int | None) -> RecurrentState | None:
    conv = _int(text, "linear_conv_kernel_dim")
    key_heads, value_heads = _int(text, "linear_num_key_heads"), _int(text, "linear_num_value_heads")
    key_dim, value_dim = _int(text, "linear_key_head_dim"), _int(text, "linear_value_head_dim")
    if conv and key_heads and value_heads and key_dim and value_dim:
        inner = value_heads * value_dim
        keys = key_heads * key_dim
        return RecurrentState((conv - 1) * (inner + 2 * keys), inner * key_dim, inner, keys)
    short = _int(text, "conv_L_cache")
    if short and hidden:
        return RecurrentState(hidden * (short - 1), 0)
    return _mamba_state(text, hidden)


def _mamba_state(text: Mapping[str, Any], hidden: int | None) -> RecurrentState | None:
    conv = _int(text, "conv_kernel", "mamba_d_conv", "d_conv")
    size = _int(text, "ssm_state_size", "mamba_d_state", "state_size", "d_state")
    inner = _int(text, "mamba_d_ssm", "mamba_inner")
    count, each = _int(text, "mamba_num_heads", "mamba_n_heads"), _int(text, "mamba_head_dim", "mamba_d_head")
    expand = _int(text, "mamba_expand", "expand")
    if inner is None and count and each:
        inner = count * each
    if inner is None and expand and hidden:
        inner = expand * hidden
    if not (conv and size and inner):
        return None
    groups = _int(text, "mamba_n_groups", "n_groups") or (1 if count else 0)
    return RecurrentState((conv - 1) * (inner + 2 * groups * size), size * inner)


def _kinds(text: Mapping[str, Any], layers: int, structure: LayerStructure) -> tuple[LayerKind, ...] | None:
    stated = text.get("layer_types") or text.get("layers_block_type")
    if isinstance(stated, Sequence) and not isinstance(stated, str) and len(stated) == layers:
        kinds = [LAYER_TYPE_WORDS.get(str(word)) for word in stated]
        return tuple(k for k in kinds if k is not None) if None not in kinds else None
    letters = text.get("hybrid_override_pattern")
    if isinstance(letters, str) and len(letters) == layers and set(letters) <= set(PATTERN_LETTERS):
        return tuple(PATTERN_LETTERS[letter] for letter in letters)
    full = text.get("full_attn_idxs") or text.get("attn_layer_indices")
    if isinstance(full, Sequence) and not isinstance(full, str):
        return tuple(LayerKind.FULL if i in full else LayerKind.STATE for i in range(layers))
    period, offset = _int(text, "attn_layer_period"), text.get("attn_layer_offset")
    if period and isinstance(offset, int):
        return tuple(LayerKind.FULL if i % period == offset else LayerKind.STATE for i in range(layers))
    every = _int(text, "full_attention_interval", "sliding_window_pattern", "global_attn_every_n_layers")
    if every and structure.other is not LayerKind.FULL:
        return tuple(LayerKind.FULL if (i + 1) % every == 0 else structure.other for i in range(layers))
    return layer_kinds(structure, layers)


def _latent_layers(
    kinds: Sequence[LayerKind], mla: LatentAttention, text: Mapping[str, Any], structure: LayerStructure
) -> Iterator[LayerCache]:
    index = _int(text, "index_head_dim") or structure.index
    shares = _shares_index(text, len(kinds)) if index else [False] * len(kinds)
    for kind, shared in zip(kinds, shares, strict=True):
        yield LayerCache(kind, mla.rank + mla.rope, 0, index=index, index_shared=shared)


def _shares_index(text: Mapping[str, Any], layers: int) -> list[bool]:
    """Which layers take the tokens that the one before them chose, as ``GlmMoeDsaConfig`` of Transformers has it."""
    pattern = text.get("index_topk_pattern")
    if isinstance(pattern, str):
        return [pattern[layer : layer + 1] == "S" for layer in range(layers)]
    every = _int(text, "index_topk_freq")
    told = text.get("index_skip_topk_offset")
    if every is None:
        types = text.get("indexer_types")
        if isinstance(types, Sequence) and not isinstance(types, str) and len(types) == layers:
            return [word == "shared" for word in types]
        if not _is_glm_5_2(text):
            return [False] * layers
        every, told = 4, 3
    offset = told if isinstance(told, int) and 0 <= told <= _MOST_LAYERS else 2
    return [max(layer - offset + 1, 0) % every != 0 for layer in range(layers)]


def _is_glm_5_2(text: Mapping[str, Any]) -> bool:
    """Whether it is a GLM of the generation whose layers share what they chose, as llama.cpp's ``glm-dsa.cpp`` tells it
    where a file does not say which of them do.
    """
    return text.get("model_type") == "glm_moe_dsa" and (_int(text, "max_position_embeddings") or 0) >= 1_048_576


def _caches(shape: ModelShape, text: Mapping[str, Any], structure: LayerStructure) -> tuple[LayerCache, ...] | None:
    kinds = _kinds(text, shape.layers, structure) if shape.layers else None
    if kinds is None:
        return None
    if not any(k not in (LayerKind.STATE, LayerKind.NONE) for k in kinds):
        return tuple(LayerCache(k, 0, 0) for k in kinds)
    if shape.mla is not None:
        return tuple(_latent_layers(kinds, shape.mla, text, structure))
    window = _int(text, "sliding_window", "attention_chunk_size", "sliding_window_size") or structure.window
    windowed = any(k in (LayerKind.WINDOW, LayerKind.CHUNK) for k in kinds)
    if windowed and structure.window is None and text.get("sliding_window", 0) is None:
        # EXAONE 4 small: the family has a pattern, this model switches it off with an explicit null.
        kinds = (LayerKind.FULL,) * len(kinds)
        windowed = False
    if shape.kv_heads is None or shape.head_dim is None or (windowed and window is None):
        return None
    shared = _int(text, "num_kv_shared_layers") or 0
    wide = _int(text, "global_head_dim"), _int(text, "num_global_key_value_heads")
    per_layer = text.get("kv_heads_per_layer")
    value_dim = _int(text, "value_head_dim")
    entries = []
    for index, kind in enumerate(kinds):
        heads, dim = shape.kv_heads, shape.head_dim
        if kind is LayerKind.FULL and windowed:
            dim, heads = wide[0] or dim, wide[1] or heads
        if isinstance(per_layer, Sequence) and len(per_layer) == len(kinds):
            own = per_layer[index]
            if not isinstance(own, int) or not 0 <= own <= _MOST:
                return None
            heads = own
        if index >= len(kinds) - shared:
            kind = LayerKind.NONE
        if kind in (LayerKind.STATE, LayerKind.NONE):
            heads = 0
        span = window if kind in _WINDOWED else None
        query = 0 if kind is LayerKind.STATE else (shape.heads or 0) * dim
        entries.append(LayerCache(kind, heads * dim, heads * (value_dim or dim), span, query))
    return tuple(entries)


_WINDOWED = (LayerKind.WINDOW, LayerKind.CHUNK)
