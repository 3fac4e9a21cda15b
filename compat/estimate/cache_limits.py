"""For which models, and on which hardware, an engine keeps a cache in fewer bits, and where it stops instead.

Read on 29 November 2026 in vLLM 0.33.0 (``get_valid_backends`` of ``platforms/cuda.py``; ``supports_combination``,
``supports_sink``, ``supports_mm_prefix`` and ``get_supported_head_sizes`` of the backends it asks, and
``TritonAttentionImpl`` and ``TritonMLAImpl``, which take what the others refuse and raise below 8.9;
``get_attn_backend_cls`` of ``platforms/cpu.py`` and ``CPUAttentionBackend.supports_kv_cache_dtype``), SGLang 0.5.23
(``configure_kv_cache_dtype`` and ``get_default_attn_backend``), mlx-lm 0.32.2 (``maybe_quantize_kv_cache``,
``RotatingKVCache.to_quantized``, ``scaled_dot_product_attention`` of ``models/base.py``, ``_is_batchable`` of
``server.py``; the modules named below were read for what they do with keys and values, and many of them run with a
cache of 8 bits) and llama.cpp 0c1e57098 (``llama_init_from_model`` of ``llama-context.cpp``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntFlag
from typing import NamedTuple

from compat.architectures import LayerKind
from compat.engines.gpu_capability import generation_name
from compat.engines.hardware import Hardware
from compat.estimate.engine_names import ENGINE_WORDS, LLAMA_FAMILY, engine_name
from compat.estimate.kv import CacheOptions, is_narrow
from compat.estimate.quant import kv_bits
from compat.shapes.shape import ModelShape


class Attention(IntFlag):
    """What of a model's attention decides in which types one engine can keep its cache."""

    PLAIN = 0
    LATENT = 1
    SINKS = 2
    IMAGES = 4
    """The tokens of an image see each other, also those that come after them."""
    HEADS = 8
    """Heads of a width that the engine's kernels for narrow caches do not take."""
    ROTATING = 16
    """Windows whose cache the engine writes round and round."""
    WIDE = 32
    """The engine's own code for the model computes with 16 bits alone."""
    NONE = 64
    """No layer keeps keys and values: of a recurrent state no type is asked."""
    UNTOLD = 128
    """Nothing tells what the layers keep."""


class CacheBar(NamedTuple):
    """Why an engine does not keep a cache as it was asked for, as a sentence; ``sure``, or only where it is read so."""

    sentence: str
    sure: bool = True


_SINKS = frozenset({"gpt_oss"})
_SEES_IMAGES = frozenset({"gemma3_text", "gemma3", "gemma", "gemma2"})
"""Language models of Gemma 3 and PaliGemma; only where there is a tower for images (``MM_PREFIX_LM_MODELS``)."""
_FLASHINFER_HEADS = frozenset({64, 128, 256, 512})
_GGML_BLOCK = 32
_MLX_GROUP = 64

_ROTATING = frozenset(
    (
        *("afmoe", "cohere2", "exaone4", "exaone_moe", "gear", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text"),
        *("gemma4", "gemma4_text", "gemma4_unified_text", "gpt_oss", "laguna", "mellum", "mimo_v2_flash"),
        *("muse_glimmer", "muse_spark", "olmo3", "plamo3", "recurrent_gemma", "spark2_5", "step3p5"),
    )
)
"""Model types whose windows mlx-lm keeps in a ``RotatingKVCache``; others it keeps whole."""
_ROTATING_BY_LAYER = frozenset({"llama", "mistral", "ministral", "ministral3", "iquestcoder", "xverse"})
"""The same where ``layer_types`` names the windows; one width for all layers is ignored."""
_WIDE = frozenset(
    (
        # They compute with keys and values themselves, ask for their type, or take a latent one apart.
        *("gemma2", "olmo", "phi", "phi-msft", "phixtral", "phi3small", "plamo", "plamo2", "stablelm"),
        *("bailing_hybrid", "bailing_moe_v3", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "glm_moe_dsa"),
        *("iquestloopcoder", "joyai_llm_flash", "kimi_k2", "kimi_k25", "kimi_k3", "kimi_linear", "longcat_flash"),
        *("longcat_flash_ngram", "minimax_m3", "minimax_m3_vl", "mistral4"),
        # Several caches a layer (CacheList) stay as they are, whatever is asked.
        *("baichuan_m1", "falcon_h1"),
    )
)
"""Model types that mlx-lm computes with a cache of 16 bits alone."""


def attention_of(shape: ModelShape | None, engine: str) -> Attention:
    """What of a model's attention matters to the caches of ``engine``, a profile's slug."""
    if shape is None or (shape.caches is None and not shape.encoder):
        return Attention.UNTOLD
    if shape.encoder or all(layer.kind in (LayerKind.STATE, LayerKind.NONE) for layer in shape.caches or ()):
        return Attention.NONE
    name, found, model_type = engine_name(engine), Attention.PLAIN, shape.model_type or ""
    heads = _head_widths(shape, expanded=name == "mlx-lm")
    if shape.mla is not None:
        found |= Attention.LATENT
    if model_type in _SINKS:
        found |= Attention.SINKS
    if shape.vision and model_type in _SEES_IMAGES:
        found |= Attention.IMAGES
    if name == "mlx-lm":
        if any(width % _MLX_GROUP for width in heads):
            found |= Attention.HEADS
        if model_type in _WIDE:
            found |= Attention.WIDE
        if _rotates(shape, model_type):
            found |= Attention.ROTATING
    elif name in LLAMA_FAMILY:
        found |= Attention.HEADS if any(width % _GGML_BLOCK for width in heads) else found
    elif not found & Attention.LATENT and not _FLASHINFER_HEADS.issuperset(heads):
        found |= Attention.HEADS
    return found


def _head_widths(shape: ModelShape, *, expanded: bool) -> tuple[int, ...]:
    """How many values a head's keys, and values, are wide as they are cached; empty where nothing tells it."""
    mla = shape.mla
    if mla is None:
        return (shape.head_dim,) if shape.head_dim else ()
    if not expanded:
        return (mla.rank + mla.rope, mla.rank)
    return (mla.nope + mla.rope, mla.v_dim) if mla.nope and mla.v_dim else ()


def _rotates(shape: ModelShape, model_type: str) -> bool:
    kinds = {layer.kind for layer, _ in shape.layer_counts}
    if LayerKind.WINDOW not in kinds:
        return False
    return model_type in _ROTATING or (model_type in _ROTATING_BY_LAYER and LayerKind.FULL in kinds)


def cache_bar(attention: Attention, engine: str, hardware: Hardware | None, cache: CacheOptions) -> CacheBar | None:
    """Why ``engine`` (a profile's slug) does not keep the cache of such a model so; None where it does.

    Without ``hardware`` only what the model decides is told.
    """
    name = engine_name(engine)
    rule = _RULES.get(name)
    if rule is None or attention & Attention.NONE or not is_narrow(name, cache):
        return None
    found = rule(attention, name, hardware, cache)
    return found._replace(sure=False) if found is not None and attention & Attention.UNTOLD else found


def _llama_cpp(attention: Attention, engine: str, hardware: Hardware | None, cache: CacheOptions) -> CacheBar | None:
    words = ENGINE_WORDS[engine]
    if attention & Attention.HEADS:
        return CacheBar(
            f"{words} keeps a cache in fewer bits by blocks of {_GGML_BLOCK} values, by which the width of this "
            "model's heads does not divide: it stops while loading."
        )
    if attention & Attention.LATENT and cache.v_type not in (None, cache.kv_type):
        return CacheBar(f"Of latent attention {words} keeps keys and values in one type: it stops while loading.")
    return None


def _mlx(attention: Attention, engine: str, hardware: Hardware | None, cache: CacheOptions) -> CacheBar | None:
    if cache.kv_type not in _MLX_TYPES:
        unread = next(one for one in (cache.kv_type, cache.v_type) if one and (kv_bits(one) or 16) < 16)
        return CacheBar(f"Whether its MLX runtime keeps a cache in {unread} was not read.", sure=False)
    if attention & Attention.ROTATING:
        return CacheBar("Of sliding windows MLX-LM keeps the cache in 16 bits alone: in fewer it stops at once.")
    if attention & (Attention.WIDE | Attention.SINKS):
        return CacheBar("MLX-LM's code for this model computes with a cache of 16 bits alone.")
    if attention & Attention.HEADS:
        return CacheBar(
            f"MLX-LM keeps a cache in fewer bits by groups of {_MLX_GROUP} values, by which the width of this model's "
            "heads does not divide: it stops at once."
        )
    if cache.parallel > 1:
        return CacheBar("With a cache in fewer bits MLX-LM serves one request at a time.")
    return None


_MLX_TYPES = frozenset({"8bit", "4bit"})

_NATIVE, _OLDEST = 8.9, 8.0
"""NVIDIA's generations that compute FP8, and those for which FlashInfer reads it."""
_NOT_ON_AMPERE = {
    Attention.LATENT: "latent attention",
    Attention.SINKS: "attention sinks",
    Attention.IMAGES: "images whose tokens see each other",
    Attention.HEADS: "heads of this width",
}


def _vllm(attention: Attention, engine: str, hardware: Hardware | None, cache: CacheOptions) -> CacheBar | None:
    if hardware is None:
        return None
    if not hardware.accelerators:
        if attention & Attention.LATENT:
            return CacheBar("On a processor vLLM keeps the cache of latent attention in 16 bits alone.")
        return CacheBar("On a processor vLLM keeps a cache in fp8 with AVX-512 or AMX alone.", sure=False)
    bars = [why for flag, why in _NOT_ON_AMPERE.items() if attention & flag]
    known = _capability(hardware)
    if known is None:
        newer = f"the {generation_name(_NATIVE if bars else _OLDEST)} generation or newer"
        told = all(one.vendor in _OTHER_MAKERS for one in hardware.accelerators)
        return None if told else CacheBar(f"Of NVIDIA's GPUs, vLLM keeps this cache in fp8 on {newer}.", sure=False)
    if known < _OLDEST:
        return CacheBar(
            f"vLLM has no kernels for a cache in fp8 on NVIDIA GPUs of the {generation_name(known)} generation."
        )
    if known < _NATIVE and bars:
        return CacheBar(
            f"On {generation_name(known)} vLLM keeps a cache in fp8 through FlashInfer alone, which does not take "
            f"{bars[0]}: it stops while loading."
        )
    return None


def _sglang(attention: Attention, engine: str, hardware: Hardware | None, cache: CacheOptions) -> CacheBar | None:
    if hardware is None:
        return None
    known = _capability(hardware)
    if not hardware.accelerators or (known is not None and known < _OLDEST):
        where = f"GPUs of the {generation_name(known)} generation" if known is not None else "a processor"
        return CacheBar(f"Whether SGLang's kernels take a cache in fp8 on {where} was not read.", sure=False)
    return None


_OTHER_MAKERS = frozenset({"amd", "intel", "apple"})
_Rule = Callable[[Attention, str, Hardware | None, CacheOptions], CacheBar | None]
_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(sorted(LLAMA_FAMILY), _llama_cpp),
    "mlx-lm": _mlx,
    "vllm": _vllm,
    "sglang": _sglang,
}
"""The engines that can keep a cache in fewer bits."""


def _capability(hardware: Hardware) -> float | None:
    """The least compute capability among NVIDIA's cards; None where one is not told, or there are none."""
    known = [one.compute_capability for one in hardware.accelerators if one.vendor == "nvidia"]
    return None if None in known else min((value for value in known if value is not None), default=None)
