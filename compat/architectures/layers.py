"""What a model family's layers are like when its configuration file does not spell it out.

One row a ``model_type`` (the exact string of ``config.json``; GGUF names are mapped to it). The rows
hold structure that is fixed by the family's own code: which layers attend to everything, which only
to a window, which keep a recurrent state instead, which store latent attention. A configuration that
states ``layer_types`` always wins over its row.

Sources: the configuration classes of Transformers 5 and ``llama-model.cpp`` of llama.cpp.
"""

from dataclasses import dataclass
from enum import StrEnum


class LayerKind(StrEnum):
    """What one layer keeps between tokens."""

    FULL = "full"  # keys and values of every token
    WINDOW = "window"  # keys and values of the last tokens only
    CHUNK = "chunk"  # keys and values of the present chunk only
    STATE = "state"  # a recurrent state of fixed size
    BOTH = "both"  # full attention and a recurrent state side by side
    NONE = "none"  # nothing: a plain feed-forward layer, or it reuses another layer's cache


@dataclass(frozen=True)
class Convention:
    """The structure a family fixes in code.

    ``period`` n: layers n-1, 2n-1, ... attend fully, the others are of kind ``other``.
    ``window``: tokens a window or chunk layer sees when the configuration names none.
    ``head_dim``: the family's own head size when the configuration names none.
    ``from_end``: the period is counted from the last layer backwards. ``index``: width of the keys a
    sparse-attention indexer stores beside a latent cache.
    ``explicit``: the layer pattern differs from model to model and must be read from the file.
    """

    period: int = 1
    other: LayerKind = LayerKind.FULL
    window: int | None = None
    head_dim: int | None = None
    every: LayerKind | None = None
    explicit: bool = False
    mla: bool = False
    mha: bool = False
    tied: bool | None = None
    gated_ffn: bool = True
    gated_query: bool = False
    from_end: bool = False
    index: int = 0


_F, _W, _S = LayerKind.FULL, LayerKind.WINDOW, LayerKind.STATE
_PLAIN = Convention()
_MLA = Convention(mla=True, tied=False)
_DELTA = Convention(period=4, other=_S, head_dim=256, gated_query=True)
_OLD = Convention(mha=True, gated_ffn=False)

CONVENTIONS: dict[str, Convention] = {
    **dict.fromkeys(
        (
            *("llama", "mistral", "mixtral", "qwen2_moe", "glm", "glm4", "chatglm", "glm4v", "glm4_moe"),
            *("granite", "granitemoe", "olmo", "olmo2", "olmoe", "internlm2", "internlm3", "exaone"),
            *("stablelm", "cohere", "minimax_m2", "ernie4_5", "ernie4_5_moe", "hunyuan_v1_dense", "arcee"),
            *("seed_oss", "apertus", "nemotron", "phimoe", "grinmoe", "dbrx", "mistral3", "ministral3"),
            *("qwen2_vl", "qwen2_5_vl", "qwen2_vl_text", "qwen2_5_vl_text", "llava", "helium", "smollm3"),
            *("solar", "deepseek", "baichuan", "xverse", "orion", "yi", "minicpm", "iquestcoder", "nanbeige"),
            *("qwen2", "qwen2_audio", "internvl_chat", "internvl", "bailing_moe", "emo", "mistral4"),
        ),
        _PLAIN,
    ),
    **dict.fromkeys(
        ("qwen3", "qwen3_moe", "hy_v3", "qwen3_vl", "qwen3_vl_moe", "qwen3_vl_text", "qwen3_vl_moe_text"),
        Convention(head_dim=128),
    ),
    # Window settings of these two exist in old configurations; no engine here shortens the cache for them.
    "phi3": _PLAIN,
    "phi3_v": _PLAIN,
    "phi": Convention(mha=True, gated_ffn=False, tied=False),
    "starcoder2": Convention(gated_ffn=False),
    "qwen": Convention(mha=True, tied=False),
    **dict.fromkeys(("gpt2", "gpt_neox", "gpt_neo", "gptj", "opt", "bloom", "mpt", "codegen", "falcon"), _OLD),
    "gemma": Convention(head_dim=256, tied=True),
    "gemma2": Convention(2, _W, 4096, head_dim=256, tied=True),
    **dict.fromkeys(("gemma3", "gemma3_text"), Convention(6, _W, head_dim=256, tied=True)),
    **dict.fromkeys(("gemma3n", "gemma3n_text"), Convention(5, _W, 512, head_dim=256, tied=True)),
    **dict.fromkeys(
        ("gemma4", "gemma4_text", "gemma4_unified", "gemma4_unified_text"),
        Convention(6, _W, head_dim=256, tied=True),
    ),
    "cohere2": Convention(4, _W, 4096, tied=True),
    "gpt_oss": Convention(2, _W, 128, head_dim=64, tied=False),
    "olmo3": Convention(4, _W, 4096, tied=False),
    "exaone4": Convention(4, _W),
    "exaone_moe": Convention(4, _W, 128, tied=False),
    "afmoe": Convention(4, _W, 2048, head_dim=128, tied=False),
    **dict.fromkeys(("llama4", "llama4_text"), Convention(4, LayerKind.CHUNK, 8192, head_dim=128, tied=False)),
    **dict.fromkeys(
        ("qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"),
        _DELTA,
    ),
    **dict.fromkeys(
        ("deepseek_v2", "deepseek_v3", "kimi_k2", "glm4_moe_lite", "kimi_k25", "youtu", "minicpm3"),
        _MLA,
    ),
    **dict.fromkeys(("deepseek_v32", "glm_moe_dsa"), Convention(mla=True, tied=False, index=128)),
    "muse_glimmer": Convention(4, _W, 2048, tied=False, from_end=True),
    "falcon_h1": Convention(every=LayerKind.BOTH),
    **dict.fromkeys(("mamba", "mamba2", "falcon_mamba", "rwkv", "rwkv6", "rwkv7"), Convention(every=_S)),
    **dict.fromkeys(
        # Layer patterns of these are written per model (``layer_types``, ``hybrid_override_pattern``, ...).
        (
            *("granitemoehybrid", "jamba", "lfm2", "lfm2_moe", "lfm2_vl", "bamba", "zamba2"),
            *("kimi_linear", "deepseek_v4", "mimo_v2", "mimo_v2_flash", "laguna", "cohere2_moe", "mllama"),
            *(
                "bailing_hybrid",
                "minimax",
                "olmo_hybrid",
                "phi4flash",
                "recurrent_gemma",
                "nemotron_nas",
                "qwen4_exp",
                "glm5_next",
                "plamo2",
            ),
        ),
        Convention(explicit=True),
    ),
    "nemotron_h": Convention(explicit=True, gated_ffn=False, tied=False),
}

MIXTURES: frozenset[str] = frozenset(
    (
        *(
            "mixtral",
            "qwen2_moe",
            "qwen3_moe",
            "qwen3_vl_moe",
            "qwen3_next",
            "qwen3_5_moe",
            "qwen3_5_moe_text",
        ),
        *(
            "granitemoe",
            "olmoe",
            "phimoe",
            "grinmoe",
            "dbrx",
            "gpt_oss",
            "deepseek",
            "deepseek_v2",
            "deepseek_v3",
        ),
        *("deepseek_v32", "deepseek_v4", "kimi_k2", "kimi_k25", "glm4_moe", "glm4_moe_lite", "glm_moe_dsa"),
        *("minimax", "minimax_m2", "ernie4_5_moe", "llama4", "llama4_text", "lfm2_moe", "afmoe", "laguna"),
        *("cohere2_moe", "bailing_moe", "exaone_moe", "jamba", "mimo_v2_flash", "qwen3_vl_moe_text", "hy_v3"),
    )
)
"""Types that are mixtures of experts: without an expert count, how much a token reads is unknown."""

GGUF_MODEL_TYPES: dict[str, str] = {
    "qwen2moe": "qwen2_moe",
    "qwen3moe": "qwen3_moe",
    "qwen2vl": "qwen2_vl",
    "qwen3vl": "qwen3_vl",
    "qwen3vlmoe": "qwen3_vl_moe",
    "qwen3next": "qwen3_next",
    "qwen35": "qwen3_5",
    "qwen35moe": "qwen3_5_moe",
    "phi2": "phi",
    "gptneox": "gpt_neox",
    "gpt-oss": "gpt_oss",
    "command-r": "cohere",
    "deepseek2": "deepseek_v3",
    "glm4moe": "glm4_moe",
    "minimax-m2": "minimax_m2",
    "falcon-h1": "falcon_h1",
    "granitehybrid": "granitemoehybrid",
    "lfm2moe": "lfm2_moe",
    "exaone-moe": "exaone_moe",
    "ernie4_5-moe": "ernie4_5_moe",
    "hunyuan-dense": "hunyuan_v1_dense",
    "starcoder": "gpt_bigcode",
    "kimi-linear": "kimi_linear",
}
"""GGUF ``general.architecture`` where it differs from the Hugging Face ``model_type``."""

LAYER_TYPE_WORDS: dict[str, LayerKind] = {
    "full_attention": _F,
    "attention": _F,
    "global_attention": _F,
    "sliding_attention": _W,
    "local_attention": _W,
    "chunked_attention": LayerKind.CHUNK,
    "linear_attention": _S,
    "mamba": _S,
    "mamba2": _S,
    "conv": _S,
    "recurrent": _S,
    "mlp": LayerKind.NONE,
    "moe": LayerKind.NONE,
    "hybrid": LayerKind.BOTH,
}
"""Words of ``layer_types`` and ``layers_block_type``."""

PATTERN_LETTERS: dict[str, LayerKind] = {"M": _S, "*": _F, "-": LayerKind.NONE, "E": LayerKind.NONE}
"""Letters of Nemotron-H's ``hybrid_override_pattern``."""


def pattern(convention: Convention, layers: int) -> tuple[LayerKind, ...] | None:
    """The kinds of ``layers`` layers by a family's rule; None when the family writes them per model."""
    if convention.explicit:
        return None
    if convention.every is not None:
        return (convention.every,) * layers
    first = layers if convention.from_end else 0
    return tuple(_F if (i + 1 - first) % convention.period == 0 else convention.other for i in range(layers))
