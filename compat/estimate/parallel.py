"""Over how many devices an engine can cut a model's layers: every width must divide by them, and heads, groups and
blocks of packed weights must stay whole.

Where that does not go, whole layers may lie on devices one after the other, in stages (pipeline parallelism).

Read in vLLM 0.33.0 and SGLang 0.5.23 (28 November 2026): ``QKVParallelLinear`` (heads), ``divide`` in
``ColumnParallelLinear``, ``RowParallelLinear`` and ``VocabParallelEmbedding`` (widths, and the vocabulary, which is
rounded up before), ``FusedMoE`` (``intermediate_size % tp_size == 0``),
``verify_group_size_divides_partition`` and the AWQ and GPTQ linear methods (groups), ``validate_fp8_block_shape`` and
``refine_fp8_moe_block_shape`` of vLLM, ``validate_block_quant_shapes`` and ``Fp8MoEMethod`` of SGLang (blocks). In TGI
at db931fc: ``get_sharded``, by which the loaders of all weights cut them, scales and zero points too; its embedding
and output head are cut unevenly or not at all. ``BitsAndBytesModelLoader`` of SGLang, which cuts nothing that
bitsandbytes packed, and names stages instead, where it stops at the first weight of another stage. In LMDeploy at
1263d5c: ``unified_attention_layer.cc`` and ``ModelConfig.get_num_qkv_head_by_tp`` (heads, key heads), and
``--tp``, which "should be 2^n". Stages: ``get_pp_indices`` in ``vllm/distributed/utils.py`` and
``sglang/srt/distributed/utils.py``, and of the models ``llama.py``, ``mixtral.py``, ``qwen2.py``, ``qwen3.py`` and
``qwen3_moe.py`` of both: the first stage holds the embedding, the last one norm and head, and some models' code makes
one or both tables on every stage.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import gcd

from compat.architectures import LayerKind
from compat.engines.hardware import Hardware
from compat.estimate.engine_names import ONE_DEVICE, STAGED, TENSOR_PARALLEL
from compat.shapes.counting import split_by_dimensions
from compat.shapes.shape import ModelShape

_CHECKED = frozenset({"vllm", "sglang", "tgi"})
"""Engines whose checks of widths, groups and blocks are known; of the others only that heads must divide."""
_EVEN_TABLES = frozenset({"vllm", "sglang"})
"""Engines that cut the vocabulary evenly, rounded up to a multiple of ``_TABLE_STEP``."""
_TABLE_STEP = 64
_KEY_HEADS = frozenset({"vllm", "sglang", "lmdeploy"})
"""Engines whose check of key heads is known."""
_GROUPED = frozenset({"awq", "gptq", "compressed-tensors", "w4a16", "w8a16"})
_REFINED = 32
"""vLLM makes the blocks of experts' scales finer down to this; only its Triton kernel, from 8.9 on, reads them."""
_MOST_DEVICES = 16


@dataclass(frozen=True)
class Cut:
    """A part of a model that is made of ``parts`` pieces which stay whole; ``words`` say it, with ``{count}``."""

    parts: int
    words: str


_WHOLE = Cut(1, "MLX loads a model onto one of them, not over {count}")
_UNCUT_BY_TGI = Cut(1, "Text Generation Inference does not cut this model, and cannot start it on {count}")
_UNCUT_BITSANDBYTES = Cut(
    1, "SGLang does not share out what bitsandbytes packed, in parts or in stages, and cannot start it on {count}"
)
_UNCUT = frozenset(
    (
        "aria_text", "bamba", "bart", "bert-generation", "bigbird_pegasus", "biogpt", "blenderbot",
        "blenderbot-small", "codegen", "cpmant", "ctrl", "diffllama", "falcon_mamba", "fsmt", "gpt-sw3", "gpt_neo",
        "gpt_neox_japanese", "granitemoe", "granitemoeshared", "gptsan-japanese", "jamba", "jetmoe", "led", "longt5",
        "m2m_100", "mamba", "mamba2", "marian", "mbart", "mt5", "mvp", "nemotron", "nllb-moe", "olmoe", "open-llama",
        "openai-gpt", "pegasus", "pegasus_x", "persimmon", "plbart", "prophetnet", "qwen2_audio", "qwen2_moe",
        "recurrent_gemma", "rwkv", "ssm", "stablelm", "switch_transformers", "transfo-xl", "umt5", "xglm",
        "xlm-prophetnet", "xlnet", "zamba", "zamba2",
    )
)  # fmt: skip
"""Models that TGI refuses to load onto several devices, by ``model_type``: those of Transformers 4.51.3 without
``_supports_attention_backend`` (``models/__init__.py``, "sharded is not supported for AutoModel"), and Mamba."""
_DOUBLED = Cut(_MOST_DEVICES, "LMDeploy takes 1, 2, 4, 8 or 16 of them, not {count}")


@dataclass(frozen=True)
class Cuts:
    """What a number of devices must divide; ``key_heads`` divide by it, or it by them."""

    cuts: tuple[Cut, ...] = ()
    key_heads: int | None = None

    @property
    def unit(self) -> int | None:
        """What every number of devices that works divides; None where nothing is known."""
        return gcd(*(cut.parts for cut in self.cuts)) if self.cuts else None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of devices that work."""
        return tuple(n for n in range(1, _MOST_DEVICES + 1) if _works(n, self.unit, self.key_heads))

    def why_not(self, count: int) -> str:
        """What does not divide by ``count``, as the end of a sentence."""
        for cut in self.cuts:
            if cut.parts % count:
                return cut.words.format(count=count)
        return f"its {self.key_heads} key heads cannot be shared out to {count}"


def cuts_of(
    shape: ModelShape | None, engine: str, format_: str | None, quant: str | None, *, refines: bool = True
) -> Cuts:
    """What must stay whole when ``engine`` cuts this model. ``refines``: whether the hardware reads finer blocks."""
    if engine in ONE_DEVICE:
        return Cuts((_WHOLE,))
    if engine == "tgi" and ((shape is not None and shape.model_type in _UNCUT) or (quant or "").lower() == "exl2"):
        return Cuts((_UNCUT_BY_TGI,))
    if shape is None or engine not in TENSOR_PARALLEL:
        return Cuts()
    heads = (Cut(shape.heads, f"its {shape.heads} attention heads do not divide by {{count}}"),) if shape.heads else ()
    if engine not in _CHECKED | _KEY_HEADS:
        return Cuts(heads)
    key_heads = None if shape.mla or engine not in _KEY_HEADS else shape.kv_heads
    if engine not in _CHECKED:
        return Cuts((*heads, _DOUBLED) if heads else (), key_heads)
    label = "" if format_ == "gguf" else (quant or "").lower()
    if engine == "sglang" and label == "bitsandbytes":
        return Cuts((_UNCUT_BITSANDBYTES,))
    packed = tuple(_packed(shape, engine, label, refines=refines))
    return Cuts((*heads, *packed, *_widths(shape, engine)), key_heads)


def _widths(shape: ModelShape, engine: str) -> Iterator[Cut]:
    widths = {"layers": _dense(shape), "shared expert": shape.shared_ffn, "experts": shape.expert_width}
    for what, width in widths.items():
        if width is not None:
            yield Cut(width, f"its {width:,}-wide {what} cannot be cut into {{count}} equal parts")
    if shape.vocab is not None and engine in _EVEN_TABLES:
        rounded = -(-shape.vocab // _TABLE_STEP) * _TABLE_STEP
        words = f"its vocabulary of {shape.vocab:,} tokens does not divide by {{count}}"
        if rounded != shape.vocab:
            words = f"its vocabulary of {shape.vocab:,} tokens, held as {rounded:,}, does not divide by {{count}}"
        yield Cut(rounded, words)


def _dense(shape: ModelShape) -> int | None:
    """The width of the layers without experts; None where there are none."""
    return shape.ffn if not shape.experts or shape.dense_layers else None


def _packed(shape: ModelShape, engine: str, quant: str, *, refines: bool) -> Iterator[Cut]:
    group, block = shape.pack_group, shape.pack_block
    dense = _dense(shape)
    shared = None if {"shared_expert", "shared_experts"} & set(shape.unpacked) else shape.shared_ffn
    if quant in _GROUPED and group:
        yield from _cut(dense, group, "layers", "groups")
        yield from _cut(shared, group, "shared expert", "groups")
        if shape.mla is None and shape.heads and shape.head_dim and not {"self_attn", "o_proj"} & set(shape.unpacked):
            yield from _cut(shape.heads * shape.head_dim, group, "attention", "groups")
    elif quant == "fp8" and block:
        yield from _cut(dense, block, "layers", "blocks")
        yield from _cut(shared, block, "shared expert", "blocks")
        finer = _REFINED if engine == "vllm" and refines and (shape.hidden or 0) % _REFINED == 0 else block
        yield from _cut(shape.expert_width, min(finer, block), "experts", "blocks")


def _cut(width: int | None, grain: int, what: str, pieces: str) -> Iterator[Cut]:
    if width is not None and width > grain:
        parts = width // grain if width % grain == 0 else 1
        yield Cut(parts, f"its {width:,}-wide {what} cannot be cut into {{count}} parts of whole {pieces} of {grain}")


def refines_blocks(hardware: Hardware | None) -> bool:
    """Whether the hardware computes FP8, as what reads finer blocks needs; assumed where it is not known."""
    first = hardware.accelerators[0] if hardware is not None and hardware.accelerators else None
    return first is None or first.vendor != "nvidia" or (first.compute_capability or 8.9) >= 8.9


def parallel_ranks(unit: int | None, key_heads: int | None, engine: str, count: int) -> int:
    """How many of ``count`` devices an engine uses at most; all where nothing says otherwise."""
    if unit is None or engine not in TENSOR_PARALLEL | ONE_DEVICE:
        return count
    return next(n for n in range(count, 0, -1) if _works(n, unit, key_heads))


def _works(count: int, unit: int | None, key_heads: int | None) -> bool:
    return (unit is None or unit % count == 0) and (not key_heads or key_heads % count == 0 or count % key_heads == 0)


@dataclass(frozen=True)
class Tables:
    """Whether every stage holds the embedding or the output head, which only the first and the last one need."""

    embed: bool = False
    head: bool = False


_STAGED_MODELS = frozenset({"llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe"})
"""Models whose code both engines run in stages, as read there."""

_TABLES: Mapping[tuple[str, str], Tables] = {
    **dict.fromkeys([("vllm", "mixtral"), ("vllm", "qwen3_moe")], Tables(embed=True, head=True)),
    **{("sglang", name): Tables(head=True) for name in ("llama", "mistral", "mixtral", "qwen3_moe")},
}


def stage_tables(shape: ModelShape, engine: str) -> Tables:
    """Which tables every stage of a model holds."""
    return _TABLES.get((engine, shape.model_type or ""), Tables())


def tells_stages(shape: ModelShape | None, engine: str, parameters: int | None) -> bool:
    """Whether what each stage holds can be told: layers that are all alike, and no weights but theirs and two tables.

    ``parameters`` are all weights, None where only the shape tells them.
    """
    if engine not in STAGED or shape is None or shape.model_type not in _STAGED_MODELS or shape.tied is not False:
        return False
    alike = shape.caches is not None and len({*shape.caches}) == 1 and shape.caches[0].kind is LayerKind.FULL
    counted = split_by_dimensions(shape)
    told = parameters or shape.parameters
    if not alike or shape.dense_layers or shape.mla or not shape.layers or counted is None or told is None:
        return False
    return abs(counted.total - told) <= _UNTOLD * told


_UNTOLD = 0.005
"""Beyond this share weights lie somewhere that the shape does not tell, as in a tower for images."""


def stage_layers(engine: str, layers: int, stages: int) -> tuple[int, ...]:
    """How many layers each stage holds; of those left over, one more each the last ones, on vLLM all but the last."""
    least, more = divmod(layers, stages)
    behind = 1 if engine == "vllm" else 0
    return tuple(least + (stages - more - behind <= stage < stages - behind) for stage in range(stages))


def stage_counts(cuts: Cuts, engine: str, layers: int, count: int) -> tuple[int, ...]:
    """In how many stages ``count`` devices can hold a model, the fewest first: what is left cuts each layer."""
    if engine not in STAGED or _UNCUT_BITSANDBYTES in cuts.cuts:
        return ()
    sizes = (stages for stages in range(2, min(count, layers) + 1) if count % stages == 0)
    return tuple(stages for stages in sizes if _works(count // stages, cuts.unit, cuts.key_heads))
