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

from compat.extraction.ggml_types import TENSOR_TYPES
from compat.extraction.header_bytes import HeaderError, HeaderReads, NeedBytes, read_growing

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


@dataclass(frozen=True, slots=True)
class TensorTypeUse:
    """How much of a file is of one tensor type; ``bytes`` is None where the type is not known."""

    tensors: int
    parameters: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The facts of one GGUF file. None means that the file does not tell.

    ``values`` holds every short value under its own key; ``counts`` the lengths of what is left out. ``vocab_size`` is
    in tokens. ``parameters``, ``tensor_bytes`` and ``tensor_types`` are of this file: a model split in several has the
    rest in the others. ``complete`` is False where reading stopped before the end of the header, as a caller may ask:
    then what comes late in it is missing, the tensors always.
    """

    vocab_size: int | None = None
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
    return read_growing(lambda data: parse_gguf_header(data, tensors=tensors), first=first, most=most)


def parse_gguf_header(data: bytes, *, tensors: bool = True) -> GgufHeader:
    """The header in a file's first bytes.

    Raises :class:`NeedBytes` where they are too few, and :class:`HeaderError` where they are wrong.
    """
    cursor = _Cursor(data)
    tensor_count, pair_count = _preamble(cursor)
    found = _Pairs()
    uses: dict[str, TensorTypeUse] | None = None
    try:
        for _ in range(pair_count):
            found.read(cursor)
        uses = _tensor_types(cursor, tensor_count)
    except NeedBytes:
        if tensors or not found.reached_vocabulary:
            raise
    return _header(tensor_count, found, uses, cursor.position)


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


def _preamble(cursor: _Cursor) -> tuple[int, int]:
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
    return tensor_count, pair_count


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


def _header(tensor_count: int, found: _Pairs, uses: dict[str, TensorTypeUse] | None, position: int) -> GgufHeader:
    values, counts = found.values, found.counts
    sizes = [use.bytes for use in (uses or {}).values()]
    return GgufHeader(
        vocab_size=counts.get("tokenizer.ggml.tokens")
        or _count(values.get(f"{values.get('general.architecture')}.vocab_size")),
        tensor_count=tensor_count,
        parameters=None if uses is None else sum(use.parameters for use in uses.values()),
        tensor_bytes=None if uses is None or None in sizes else sum(size or 0 for size in sizes),
        tensor_types=uses or {},
        values=values,
        counts=counts,
        header_bytes=None if uses is None else position,
        complete=uses is not None,
    )


def _count(value: Value | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None
