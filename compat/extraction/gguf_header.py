"""What a GGUF file says of itself: the key-value pairs and tensor list before its weights.

The parser is our own because the ``gguf`` package maps a whole local file and needs NumPy, while here a
remote file's first bytes are read as they are needed, and nothing in them is trusted.

GGUF v2 and v3 are read, little-endian. Long arrays (a vocabulary's tokens) are passed over and only counted.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from compat.extraction.header_bytes import HeaderError, HeaderReads, NeedBytes, growing

FIRST_READ = 256 * 1024
MAX_HEADER_BYTES = 48 * 1024 * 1024
"""The largest header read, in bytes; vocabularies of 250,000 tokens make some 15 MB."""

MAX_PAIRS = 65_536
MAX_TENSORS = 262_144
MAX_KEY_BYTES = 1_024
MAX_TENSOR_NAME_BYTES = 1_024
MAX_DIMENSIONS = 8
MAX_KEPT_TEXT_BYTES = 512
MAX_KEPT_LIST = 1_024
MAX_KEPT_VALUES = 65_536
MAX_PARAMETERS = 2**62

Scalar = int | float | bool | str
Value = Scalar | tuple[int | float | bool, ...]
PerLayer = int | tuple[int, ...]
"""One number for all layers, or one for each."""

TENSOR_TYPES: Final[Mapping[int, tuple[str, int, int]]] = MappingProxyType(
    {
        0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
        7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84),
        11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210),
        15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
        19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82),
        23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
        28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 31: ("Q4_0_4_4", 32, 18),
        32: ("Q4_0_4_8", 32, 18), 33: ("Q4_0_8_8", 32, 18), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
        39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18), 42: ("Q2_0", 64, 18),
    }
)  # fmt: skip
"""Name, weights in a block and bytes of a block, by the number that a file holds."""


@dataclass(frozen=True, slots=True)
class TensorTypeUse:
    """How much of a file is of one tensor type; ``bytes`` is None where the type is not known."""

    tensors: int
    parameters: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The facts of one GGUF file. None means that the file does not tell.

    Lengths and windows are in tokens, ranks and embedding lengths in values. ``parameters``, ``tensor_bytes``
    and ``tensor_types`` are of this file: a model split in ``split_count`` files has the rest in the others.
    ``values`` holds every short value under its own key; ``counts`` the lengths of what is left out.
    ``complete`` is False where reading stopped before the end of the header, as a caller may ask: then what
    comes late in it is missing, the tensors always.
    """

    version: int
    architecture: str | None = None
    name: str | None = None
    size_label: str | None = None
    kind: str | None = None
    file_type: int | None = None
    quantization_version: int | None = None
    context_length: int | None = None
    block_count: int | None = None
    embedding_length: int | None = None
    feed_forward_length: PerLayer | None = None
    head_count: PerLayer | None = None
    head_count_kv: PerLayer | None = None
    key_length: int | None = None
    value_length: int | None = None
    key_length_mla: int | None = None
    value_length_mla: int | None = None
    kv_lora_rank: int | None = None
    q_lora_rank: int | None = None
    rope_dimension_count: int | None = None
    sliding_window: int | None = None
    sliding_window_pattern: PerLayer | None = None
    shared_kv_layers: int | None = None
    full_attention_interval: int | None = None
    expert_count: int | None = None
    expert_used_count: int | None = None
    expert_shared_count: int | None = None
    expert_feed_forward_length: int | None = None
    leading_dense_block_count: int | None = None
    nextn_predict_layers: int | None = None
    vocab_size: int | None = None
    ssm_conv_kernel: int | None = None
    ssm_inner_size: int | None = None
    ssm_state_size: int | None = None
    ssm_time_step_rank: int | None = None
    ssm_group_count: int | None = None
    split_no: int | None = None
    split_count: int | None = None
    split_tensors_count: int | None = None
    has_chat_template: bool = False
    tensor_count: int = 0
    parameters: int | None = None
    tensor_bytes: int | None = None
    tensor_types: Mapping[str, TensorTypeUse] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    header_bytes: int | None = None
    complete: bool = True


def gguf_header_reads(
    *, tensors: bool = True, first: int = FIRST_READ, most: int = MAX_HEADER_BYTES
) -> HeaderReads[GgufHeader]:
    """A reader of one file's header, for :mod:`compat.extraction.header_bytes` to drive.

    With ``tensors=False`` it is content with what the first read holds, up to the vocabulary at the least:
    a hundredth of the bytes, and all but the tensors' facts. Raises :class:`HeaderError`.
    """
    return growing(lambda data: parse_gguf_header(data, tensors=tensors), first=first, most=most)


def parse_gguf_header(data: bytes, *, tensors: bool = True) -> GgufHeader:
    """The header in a file's first bytes.

    Raises :class:`NeedBytes` where they are too few, and :class:`HeaderError` where they are wrong.
    """
    cursor = _Cursor(data)
    version, tensor_count, pair_count = _preamble(cursor)
    found = _Pairs()
    uses: dict[str, TensorTypeUse] | None = None
    try:
        for _ in range(pair_count):
            found.read(cursor)
        uses = _tensor_types(cursor, tensor_count)
    except NeedBytes:
        if tensors or not found.reached_vocabulary:
            raise
    return _header(version, tensor_count, found, uses, cursor.position)


class _Cursor:
    """A place in the bytes held so far; asks for more when it would pass their end."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def require(self, length: int) -> int:
        """Make sure that so many bytes follow; gives the place where they start."""
        start = self.position
        if start + length > len(self.data):
            raise NeedBytes(start + length)
        return start

    def skip(self, length: int) -> None:
        self.position = self.require(length) + length

    def take(self, layout: struct.Struct) -> int | float:
        start = self.require(layout.size)
        self.position = start + layout.size
        number: int | float = layout.unpack_from(self.data, start)[0]
        return number

    def u32(self) -> int:
        start = self.require(4)
        self.position = start + 4
        return int.from_bytes(self.data[start : start + 4], "little")

    def u64(self) -> int:
        start = self.require(8)
        self.position = start + 8
        return int.from_bytes(self.data[start : start + 8], "little")

    def name(self, most: int, what: str) -> str:
        length = self.u64()
        if length > most:
            raise HeaderError(f"{what} is {length:,} bytes long; at most {most:,} make sense")
        return self.text(length)

    def text(self, length: int) -> str:
        start = self.require(length)
        self.position = start + length
        # No database keeps a NUL, and no name has one.
        return self.data[start : start + length].decode(errors="replace").replace("\0", "\ufffd")


def _preamble(cursor: _Cursor) -> tuple[int, int, int]:
    start = cursor.require(4)
    if cursor.data[start : start + 4] != b"GGUF":
        raise HeaderError("this is no GGUF file: it does not begin with the letters GGUF")
    cursor.skip(4)
    version = cursor.u32()
    if version and version & 0xFFFF == 0:
        raise HeaderError("this GGUF file is big-endian, for machines such as s390x; it is not read here")
    if version == 1:
        raise HeaderError("this GGUF file is of version 1, which engines no longer read; convert the model anew")
    if version not in {2, 3}:
        raise HeaderError(f"GGUF version {version} is not known; versions 2 and 3 are")
    tensor_count, pair_count = cursor.u64(), cursor.u64()
    if tensor_count > MAX_TENSORS or pair_count > MAX_PAIRS:
        raise HeaderError(
            f"the header announces {tensor_count:,} tensors and {pair_count:,} key-value pairs, "
            f"more than the {MAX_TENSORS:,} and {MAX_PAIRS:,} that make sense"
        )
    return version, tensor_count, pair_count


_STRING, _ARRAY = 8, 9
_NUMBERS: Final[Mapping[int, struct.Struct]] = MappingProxyType(
    {kind: struct.Struct(f"<{letter}") for kind, letter in zip((*range(8), 10, 11, 12), "BbHhIif?Qqd", strict=True)}
)


class _Pairs:
    """The key-value pairs: short values kept, long arrays counted."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.counts: dict[str, int] = {}
        self.keys: set[str] = set()
        self._kept = 0

    @property
    def reached_vocabulary(self) -> bool:
        """Whether what follows is only the tokenizer and the tensors; its length is told before its tokens."""
        return "general.architecture" in self.values and "tokenizer.ggml.tokens" in self.counts

    def read(self, cursor: _Cursor) -> None:
        key = cursor.name(MAX_KEY_BYTES, "a key")
        kind = cursor.u32()
        if key in self.keys:
            raise HeaderError(f"the key {key[:80]!r} is there twice")
        if kind == _ARRAY:
            self._array(cursor, key)
        elif kind == _STRING:
            self._text(cursor, key)
        else:
            number = cursor.take(_layout(kind))
            if not isinstance(number, float) or math.isfinite(number):
                self.values[key] = number
        self.keys.add(key)

    def _text(self, cursor: _Cursor, key: str) -> None:
        length = cursor.u64()
        if length > MAX_KEPT_TEXT_BYTES:
            self.counts[key] = length
            cursor.skip(length)
        else:
            self.values[key] = cursor.text(length)

    def _array(self, cursor: _Cursor, key: str) -> None:
        kind, count = cursor.u32(), cursor.u64()
        if kind == _STRING:
            self.counts[key] = count
            _skip_texts(cursor, count)
            return
        layout = _layout(kind)
        if key.startswith("tokenizer.") or count > MAX_KEPT_LIST or self._kept + count > MAX_KEPT_VALUES:
            self.counts[key] = count
            cursor.skip(count * layout.size)
            return
        start = cursor.require(count * layout.size)
        items = struct.unpack_from(f"<{count}{layout.format[1:]}", cursor.data, start)
        cursor.position = start + count * layout.size
        if all(math.isfinite(item) for item in items):
            self.values[key] = items
            self._kept += count


def _layout(kind: int) -> struct.Struct:
    layout = _NUMBERS.get(kind)
    if layout is None:
        what = "arrays of arrays are" if kind == _ARRAY else f"value type {kind} is"
        raise HeaderError(f"{what} not known to GGUF readers")
    return layout


def _skip_texts(cursor: _Cursor, count: int) -> None:
    """Pass over texts quickly: vocabularies hold hundreds of thousands."""
    cursor.require(count * 8)
    data, position, end = cursor.data, cursor.position, len(cursor.data)
    for done in range(count):
        if position + 8 > end:
            raise NeedBytes(position + 8 * (count - done))
        position += 8 + int.from_bytes(data[position : position + 8], "little")
    if position > end:
        raise NeedBytes(position)
    cursor.position = position


def _tensor_types(cursor: _Cursor, count: int) -> dict[str, TensorTypeUse]:
    """The use of each tensor type, the most used first."""
    cursor.require(count * 24)
    totals: dict[int, list[int]] = {}
    names: set[str] = set()
    for _ in range(count):
        name = cursor.name(MAX_TENSOR_NAME_BYTES, "a tensor's name")
        if name in names:
            raise HeaderError(f"the tensor {name[:80]!r} is there twice")
        names.add(name)
        dimensions = cursor.u32()
        if dimensions > MAX_DIMENSIONS:
            raise HeaderError(f"the tensor {name[:80]!r} has {dimensions:,} dimensions")
        parameters = math.prod(cursor.u64() for _ in range(dimensions))
        kind = cursor.u32()
        cursor.skip(8)
        total = totals.setdefault(kind, [0, 0])
        total[0] += 1
        total[1] += parameters
    if sum(parameters for _, parameters in totals.values()) > MAX_PARAMETERS:
        raise HeaderError("the tensors' shapes make more parameters than any model can have")
    uses = {}
    for kind, (tensors, parameters) in sorted(totals.items(), key=lambda item: -item[1][1]):
        name, block, size = TENSOR_TYPES.get(kind, (f"type {kind}", 0, 0))
        uses[name] = TensorTypeUse(tensors, parameters, -(-parameters // block) * size if block else None)
    return uses


def _header(
    version: int, tensor_count: int, found: _Pairs, uses: dict[str, TensorTypeUse] | None, position: int
) -> GgufHeader:
    values, counts = found.values, found.counts
    architecture = _text(values, "general.architecture")
    known = _Reader(values, f"{architecture}." if architecture else "\0")
    sizes = [use.bytes for use in (uses or {}).values()]
    return GgufHeader(
        version=version,
        architecture=architecture,
        name=_text(values, "general.name"),
        size_label=_text(values, "general.size_label"),
        kind=_text(values, "general.type"),
        file_type=_count(values.get("general.file_type")),
        quantization_version=_count(values.get("general.quantization_version")),
        context_length=known.count("context_length"),
        block_count=known.count("block_count"),
        embedding_length=known.count("embedding_length"),
        feed_forward_length=known.per_layer("feed_forward_length"),
        head_count=known.per_layer("attention.head_count"),
        head_count_kv=known.per_layer("attention.head_count_kv"),
        key_length=known.count("attention.key_length"),
        value_length=known.count("attention.value_length"),
        key_length_mla=known.count("attention.key_length_mla"),
        value_length_mla=known.count("attention.value_length_mla"),
        kv_lora_rank=known.count("attention.kv_lora_rank"),
        q_lora_rank=known.count("attention.q_lora_rank"),
        rope_dimension_count=known.count("rope.dimension_count"),
        sliding_window=known.count("attention.sliding_window"),
        sliding_window_pattern=known.per_layer("attention.sliding_window_pattern"),
        shared_kv_layers=known.count("attention.shared_kv_layers"),
        full_attention_interval=known.count("full_attention_interval"),
        expert_count=known.count("expert_count"),
        expert_used_count=known.count("expert_used_count"),
        expert_shared_count=known.count("expert_shared_count"),
        expert_feed_forward_length=known.count("expert_feed_forward_length"),
        leading_dense_block_count=known.count("leading_dense_block_count"),
        nextn_predict_layers=known.count("nextn_predict_layers"),
        vocab_size=counts.get("tokenizer.ggml.tokens") or known.count("vocab_size"),
        ssm_conv_kernel=known.count("ssm.conv_kernel"),
        ssm_inner_size=known.count("ssm.inner_size"),
        ssm_state_size=known.count("ssm.state_size"),
        ssm_time_step_rank=known.count("ssm.time_step_rank"),
        ssm_group_count=known.count("ssm.group_count"),
        split_no=_count(values.get("split.no")),
        split_count=_count(values.get("split.count")),
        split_tensors_count=_count(values.get("split.tensors.count")),
        has_chat_template="tokenizer.chat_template" in found.keys,
        tensor_count=tensor_count,
        parameters=None if uses is None else sum(use.parameters for use in uses.values()),
        tensor_bytes=None if uses is None or None in sizes else sum(size or 0 for size in sizes),
        tensor_types=uses or {},
        values=values,
        counts=counts,
        header_bytes=None if uses is None else position,
        complete=uses is not None,
    )


class _Reader:
    """The values under one architecture's prefix; a value of another type than it should have is unknown."""

    def __init__(self, values: Mapping[str, Value], prefix: str) -> None:
        self._values, self._prefix = values, prefix

    def count(self, key: str) -> int | None:
        return _count(self._values.get(self._prefix + key))

    def per_layer(self, key: str) -> PerLayer | None:
        value = self._values.get(self._prefix + key)
        if not isinstance(value, tuple):
            return _count(value)
        if not all(isinstance(item, int) and item >= 0 for item in value):
            return None
        return tuple(int(item) for item in value)


def _text(values: Mapping[str, Value], key: str) -> str | None:
    value = values.get(key)
    return value if isinstance(value, str) and value else None


def _count(value: Value | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None
