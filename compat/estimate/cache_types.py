"""Which types an engine can keep keys and values in, by the engine's own names of them.

Read in llama.cpp 0c1e57098 (``kv_cache_types`` in ``common/arg.cpp``), Ollama's FAQ (``OLLAMA_KV_CACHE_TYPE``), vLLM
0.33.0 (``CacheDType`` in ``config/cache.py``) and SGLang 0.5.23 (``--kv-cache-dtype``); KoboldCpp's ``--quantkv`` and
MLX-LM's ``--kv-bits`` as documented. vLLM's types that only some models or cards take are not offered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SIXTEEN_BITS = "f16"
"""What every engine does if nothing is asked."""


@dataclass(frozen=True)
class CacheTypes:
    """The types an engine takes; ``apart``: values may have another than keys."""

    names: tuple[str, ...] = (SIXTEEN_BITS,)
    apart: bool = False

    def takes(self, name: str) -> bool:
        """Whether the engine can keep its cache so; 16 bits are what it does by itself."""
        return name == SIXTEEN_BITS or name in self.names


_GGML = CacheTypes((SIXTEEN_BITS, "bf16", "f32", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"), apart=True)
_TORCH = CacheTypes(("auto", "fp8"))
_OF_ENGINES: Mapping[str, CacheTypes] = {
    **dict.fromkeys(("llama-cpp", "llamafile", "lm-studio", "jan"), _GGML),
    "ollama": CacheTypes((SIXTEEN_BITS, "q8_0", "q4_0")),
    "koboldcpp": CacheTypes((SIXTEEN_BITS, "bf16", "q8_0", "q5_1", "q4_0")),
    **dict.fromkeys(("vllm", "sglang"), _TORCH),
    "mlx-lm": CacheTypes((SIXTEEN_BITS, "8bit", "4bit")),
}

CACHE_TYPES: Mapping[str, str] = {
    SIXTEEN_BITS: "16 bit",
    "auto": "as the model (auto)",
    "bf16": "16 bit (bf16)",
    "f32": "32 bit",
    "q8_0": "8 bit (q8_0)",
    "fp8": "8 bit (fp8)",
    "8bit": "8 bit",
    "q5_1": "5 bit (q5_1)",
    "q5_0": "5 bit (q5_0)",
    "q4_1": "4 bit (q4_1)",
    "q4_0": "4 bit (q4_0)",
    "iq4_nl": "4 bit (iq4_nl)",
    "4bit": "4 bit",
}
"""Every type of any engine, and what pages call it."""

HAS_UBATCH = frozenset({"llama-cpp", "llamafile", "lm-studio", "jan", "koboldcpp", "ollama"})
"""Engines whose micro-batch can be chosen."""


def cache_types(engine: str) -> CacheTypes:
    """The types that an engine, by its profile's slug, can keep keys and values in."""
    return _OF_ENGINES.get(engine, CacheTypes())
