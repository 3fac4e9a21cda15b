"""Over how many devices an engine can cut a model's layers: heads, groups and blocks of packed weights must stay whole.

Read in vLLM 0.33.0 and SGLang 0.5.23 (28 November 2026): ``QKVParallelLinear`` (heads),
``verify_group_size_divides_partition`` and the AWQ and GPTQ linear methods (groups), ``validate_fp8_block_shape`` and
``refine_fp8_moe_block_shape`` of vLLM, ``validate_block_quant_shapes`` and ``Fp8MoEMethod`` of SGLang (blocks). In
LMDeploy at 1263d5c: ``unified_attention_layer.cc`` and ``ModelConfig.get_num_qkv_head_by_tp`` (heads, key heads), and
``--tp``, which "should be 2^n".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from compat.engines.hardware import Hardware
from compat.estimate.engine_names import TENSOR_PARALLEL
from compat.shapes.shape import ModelShape

_CHECKED = frozenset({"vllm", "sglang"})
"""Engines whose checks of groups and blocks are known; of the others only that heads must divide."""
_KEY_HEADS = _CHECKED | {"lmdeploy"}
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
    if shape is None or engine not in TENSOR_PARALLEL:
        return Cuts()
    heads = (Cut(shape.heads, f"its {shape.heads} attention heads do not divide by {{count}}"),) if shape.heads else ()
    if engine not in _KEY_HEADS:
        return Cuts(heads)
    key_heads = None if shape.mla else shape.kv_heads
    if engine not in _CHECKED:
        return Cuts((*heads, _DOUBLED) if heads else (), key_heads)
    label = "" if format_ == "gguf" else (quant or "").lower()
    packed = tuple(_packed(shape, engine, label, refines=refines))
    return Cuts((*heads, *packed), key_heads)


def _packed(shape: ModelShape, engine: str, quant: str, *, refines: bool) -> Iterator[Cut]:
    group, block = shape.pack_group, shape.pack_block
    dense = shape.ffn if not shape.experts or shape.dense_layers else None
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
        yield from _cut(shape.expert_ffn, min(finer, block), "experts", "blocks")


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
    if unit is None or engine not in TENSOR_PARALLEL:
        return count
    return next(n for n in range(count, 0, -1) if _works(n, unit, key_heads))


def _works(count: int, unit: int | None, key_heads: int | None) -> bool:
    return (unit is None or unit % count == 0) and (not key_heads or key_heads % count == 0 or count % key_heads == 0)
