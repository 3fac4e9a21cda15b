"""The engines the estimates know, by one spelling each, and what sets their memory apart."""

LLAMA_FAMILY = frozenset({"llama.cpp", "ollama", "lmstudio"})
"""llama.cpp and what embeds it: padded cells, embedding left in system memory, partial offload."""

PAGED = frozenset({"vllm", "sglang", "tensorrt-llm"})
"""Cache in blocks of 16 tokens, taken from a share of the card that is reserved at the start."""

TENSOR_PARALLEL = PAGED | {"tgi", "lmdeploy"}
"""Engines that cut every layer over the devices; most others give each device whole layers."""

ONE_DEVICE = frozenset({"mlx-lm"})
"""Engines whose servers load a model onto one device, however many there are (mlx_lm/server.py shards it only where
``mlx.launch`` starts it on several)."""

STAGED = frozenset({"vllm", "sglang"})
"""Of these, engines that are known to hold whole layers on groups of devices one after the other, where told to."""

FULL_HEADS = frozenset({"transformers", "tgi", "exllamav2"})
"""Engines that store latent attention as full heads."""

EXPERTS_FIRST = frozenset({"llama.cpp"})
"""Engines that by themselves keep of a mixture attention and shared parts on the accelerators, and move experts."""

LOADS_WHAT_LIES_BESIDE = frozenset({"ollama", "lmstudio", "llamafile"})
"""Engines that load a vision projector which lies beside a model's file, and that no run line tells to leave it."""

_SPELLINGS: dict[str, str] = {
    **dict.fromkeys(("llama-cpp", "llamacpp", "llama_cpp", "llama.cpp"), "llama.cpp"),
    **dict.fromkeys(("jan", "koboldcpp", "llamafile"), "llama.cpp"),  # its loader, unchanged in what memory it takes
    **dict.fromkeys(("lm-studio", "lm_studio", "lmstudio"), "lmstudio"),
    **dict.fromkeys(("mlx", "mlx-lm", "mlx_lm", "mlxlm", "mlx-vlm"), "mlx-lm"),
    **dict.fromkeys(("tensorrt-llm", "tensorrt_llm", "trt-llm", "trtllm", "tensorrtllm"), "tensorrt-llm"),
    **dict.fromkeys(("rbee", "rbee-worker", "rbee-llm-worker", "llm-worker-rbee"), "rbee"),
    **dict.fromkeys(("exllamav3", "exllama-v3", "exllama3"), "exllamav3"),
    **dict.fromkeys(("exllamav2", "exllama-v2", "exllama2"), "exllamav2"),
}

ENGINES = frozenset({*_SPELLINGS.values(), *LLAMA_FAMILY, *TENSOR_PARALLEL, *FULL_HEADS})
"""Every engine that the estimates know."""


_MLX_INSIDE = frozenset({"lmstudio", "ollama"})
"""Engines of llama.cpp's family that have MLX in them as well, and load some safetensors with it."""
_PACKED_FOR_MLX = ("mlx", "nvfp4", "modelopt")
_MLX_ALONE = frozenset(
    (
        *("cohere2_moe", "gemma4_unified", "gemma4_unified_text", "muse_glimmer", "qwen3"),
        *("qwen3_5_text", "qwen3_5_moe_text"),
    )
)
"""What of safetensors Ollama loads with MLX and does not convert: packings, by how their labels begin, and model types
(fb30760, ``IsMLX`` in ``server/images.go``, ``x/create`` and ``x/models``)."""


def runtimes(slug: str) -> tuple[str, ...]:
    """The engines whose estimates are those of an engine's formats: itself, then what it has for some."""
    return (slug, "mlx-lm") if engine_name(slug) in _MLX_INSIDE else (slug,)


def runtime_of(slug: str, format_: str | None, quant: str | None = None, model_type: str | None = None) -> str:
    """The engine, by its slug, that loads such files where ``slug`` is asked to: of one that converts what it can to
    GGUF, by how they are packed (``quant``) and by the model.
    """
    name = engine_name(slug)
    if format_ != "safetensors" or name not in _MLX_INSIDE:
        return slug
    converted = name == "ollama" and not (quant or "").lower().startswith(_PACKED_FOR_MLX)
    return slug if converted and model_type not in _MLX_ALONE else "mlx-lm"


def engine_name(slug: str) -> str:
    """The one spelling of an engine's name; a name not known here comes back lower-cased."""
    key = slug.strip().lower()
    return _SPELLINGS.get(key, key)


def loads_projector(slug: str) -> bool:
    """Whether an engine loads a vision projector that lies beside a model's file without being asked."""
    return bool(LOADS_WHAT_LIES_BESIDE & {slug.strip().lower(), engine_name(slug)})


_TEXT_ALONE = frozenset({"mlx", "mlx-lm", "mlx_lm", "mlxlm"})
"""Engines that leave the vision tower of a model out, by their slugs (``sanitize`` of mlx-lm's modules)."""


def loads_tower(slug: str) -> bool:
    """Whether an engine loads the vision tower in a model's own files."""
    return slug.strip().lower() not in _TEXT_ALONE


ENGINE_WORDS: dict[str, str] = {
    "llama.cpp": "llama.cpp",
    "ollama": "Ollama",
    "lmstudio": "LM Studio",
    "mlx-lm": "MLX",
    "vllm": "vLLM",
    "sglang": "SGLang",
    "tensorrt-llm": "TensorRT-LLM",
    "tgi": "TGI",
    "transformers": "Transformers",
    "exllamav2": "ExLlamaV2",
    "exllamav3": "ExLlamaV3",
    "lmdeploy": "LMDeploy",
    "rbee": "rbee's own loader",
}
"""What people call an engine."""
