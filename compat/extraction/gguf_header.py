"""What a GGUF file says of itself: the key-value pairs and tensor list before its weights.

The parser is our own because the ``gguf`` package maps a whole local file and needs NumPy, while here a
remote file's first bytes are read as they are needed, and nothing in them is trusted.

GGUF v2 and v3 are read, little-endian. Long arrays (a vocabulary's tokens) are passed over and only counted.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
_ALIGNMENT, _MOST_ALIGNMENT = 32, 2**20
_TOKENS = "tokenizer.ggml.tokens"
_NEAR = 8 * 1024
"""How many bytes apart the tensors of two files of one model may be listed: templates and names of data sets differ."""
_MOST_LISTED = 4 * 1024 * 1024

Scalar = int | float | bool | str
Value = Scalar | tuple[int | float | bool, ...]


@dataclass(frozen=True, slots=True)
class TensorTypeUse:
    """How much of a file is of one tensor type; ``bytes`` is None where the type is not known."""

    tensors: int
    parameters: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor as the header lists it: its weights and what they take, None where the type is not known."""

    name: str
    type: str
    parameters: int
    bytes: int | None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The facts of one GGUF file. None means that the file does not tell.

    ``values`` holds every short value under its own key; ``counts`` the lengths of what is left out. ``vocab_size`` is
    in tokens. ``parameters``, ``tensor_bytes`` and ``tensor_types`` are of this file: a model split in several has the
    rest in the others. ``tensors`` lists them in the file's order. ``complete`` is False where reading stopped before
    the end of the header, as a caller may ask: then what comes late in it is missing, the tensors always.

    ``vocabulary_start`` and ``tensors_start`` are the places in the file where the tokens' key and the first tensor's
    name stand; None where they were not reached.
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
    tensors: tuple[GgufTensor, ...] = ()
    vocabulary_start: int | None = None
    tensors_start: int | None = None

    @property
    def alignment(self) -> int:
        """To a multiple of how many bytes each tensor's data begins."""
        told = _count(self.values.get("general.alignment"))
        return told if told and told <= _MOST_ALIGNMENT else _ALIGNMENT


def gguf_header_reads(
    *, tensors: bool = True, first: int = FIRST_READ, most: int = MAX_HEADER_BYTES
) -> HeaderReads[GgufHeader]:
    """A reader of one file's header, for :mod:`compat.extraction.header_bytes` to drive.

    With ``tensors=False`` it is content with what the first read holds, up to the vocabulary at the least:
    a hundredth of the bytes, and all but the tensors' facts. Raises :class:`HeaderError`.
    """
    return read_growing(lambda data: parse_gguf_header(data, tensors=tensors), first=first, most=most)


def tensor_list_reads(like: GgufHeader) -> HeaderReads[GgufHeader]:
    """A reader of the header of a file with the vocabulary of one that was read, ``like``: all but the vocabulary.

    Quantizations of one model differ by a few bytes in what stands before their tensors. So these are looked for about
    where the other file has them, and believed where the list is whole and the tensors' data lies without a gap. An
    example: of 15 MB of header, 40 KB are read. Raises :class:`HeaderError` where they are not found there.
    """
    if like.vocabulary_start is None or like.tensors_start is None or like.header_bytes is None or not like.tensors:
        raise HeaderError("nothing tells where the tensors are listed")
    prefix = yield 0, like.vocabulary_start + _NEAR
    try:
        header = parse_gguf_header(prefix, tensors=False)
        if header.complete:
            return header
        if header.vocabulary_start is None or header.vocab_size != like.vocab_size:
            raise HeaderError("it has another vocabulary")
        start = max(like.tensors_start + header.vocabulary_start - like.vocabulary_start - _NEAR, 0)
        each = -(-(like.header_bytes - like.tensors_start) // len(like.tensors)) + 16
        data = yield start, min(header.tensor_count * each + 2 * _NEAR, _MOST_LISTED)
        name = like.tensors[0].name.encode()
        at = data.find(struct.pack("<Q", len(name)) + name)
        if at < 0:
            raise HeaderError("its tensors are not where those of the other file are")
        tensors, end = parse_tensor_list(data, at, header.tensor_count)
    except NeedBytes:
        raise HeaderError("its tensors are not where those of the other file are") from None
    if data_bytes(tensors, header.alignment) is None:
        raise HeaderError("its tensors leave gaps in its data")
    return replace(_with_tensors(header, tensors), tensors_start=start + at, header_bytes=start + end)


def parse_gguf_header(data: bytes, *, tensors: bool = True) -> GgufHeader:
    """The header in a file's first bytes.

    Raises :class:`NeedBytes` where they are too few, and :class:`HeaderError` where they are wrong.
    """
    cursor = _Cursor(data)
    tensor_count, pair_count = _preamble(cursor)
    found = _Pairs()
    listed: list[GgufTensor] | None = None
    start: int | None = None
    try:
        for _ in range(pair_count):
            found.read(cursor)
        start = cursor.position
        listed = _tensors(cursor, tensor_count)
    except NeedBytes:
        if tensors or not found.reached_vocabulary:
            raise
    return _header(tensor_count, found, listed, start, cursor.position)


def parse_tensor_list(data: bytes, start: int, count: int) -> tuple[list[GgufTensor], int]:
    """``count`` tensors that are listed from ``start`` on, and where their list ends.

    Raises as :func:`parse_gguf_header` does.
    """
    cursor = _Cursor(data)
    cursor.position = start
    return _tensors(cursor, count), cursor.position


def data_bytes(tensors: Sequence[GgufTensor], alignment: int) -> int | None:
    """The bytes of all tensors one after another, as they lie; None where they leave gaps, or a type is not known.

    The filling that is before each of the others may follow the last one as well, and is not counted.
    """
    end = 0
    for tensor in sorted(tensors, key=lambda one: one.offset):
        if tensor.bytes is None or tensor.offset != -(-end // alignment) * alignment:
            return None
        end = tensor.offset + tensor.bytes
    return end


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
        self.vocabulary_start: int | None = None
        self._kept = 0

    @property
    def reached_vocabulary(self) -> bool:
        """Whether what follows is only the tokenizer and the tensors; its length is told before its tokens."""
        return "general.architecture" in self.values and _TOKENS in self.counts

    def read(self, cursor: _Cursor) -> None:
        start = cursor.position
        key = cursor.name(MAX_KEY_BYTES, "a key")
        if key == _TOKENS:
            self.vocabulary_start = start
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


def _tensors(cursor: _Cursor, count: int) -> list[GgufTensor]:
    """The tensors in the file's order."""
    cursor.require(count * 24)
    found: dict[str, GgufTensor] = {}
    for _ in range(count):
        name = cursor.name(MAX_TENSOR_NAME_BYTES, "a tensor's name")
        if name in found:
            raise HeaderError(f"the tensor {name[:80]!r} is there twice")
        dimensions = cursor.u32()
        if dimensions > MAX_DIMENSIONS:
            raise HeaderError(f"the tensor {name[:80]!r} has {dimensions:,} dimensions")
        parameters = math.prod(cursor.u64() for _ in range(dimensions))
        kind = cursor.u32()
        type_, block, size = TENSOR_TYPES.get(kind, (f"type {kind}", 0, 0))
        taken = -(-parameters // block) * size if block else None
        found[name] = GgufTensor(name, type_, parameters, taken, cursor.u64())
    if sum(tensor.parameters for tensor in found.values()) > MAX_PARAMETERS:
        raise HeaderError("the tensors' shapes make more parameters than any model can have")
    return list(found.values())


def _uses(tensors: Sequence[GgufTensor]) -> dict[str, TensorTypeUse]:
    """The use of each tensor type, the most used first."""
    by_type: dict[str, list[GgufTensor]] = {}
    for tensor in tensors:
        by_type.setdefault(tensor.type, []).append(tensor)
    uses = {
        type_: TensorTypeUse(len(of_type), sum(one.parameters for one in of_type), _total(of_type))
        for type_, of_type in by_type.items()
    }
    return dict(sorted(uses.items(), key=lambda item: -item[1].parameters))


def _total(tensors: Sequence[GgufTensor]) -> int | None:
    sizes = [tensor.bytes for tensor in tensors if tensor.bytes is not None]
    return sum(sizes) if len(sizes) == len(tensors) else None


def _header(
    tensor_count: int, found: _Pairs, tensors: list[GgufTensor] | None, start: int | None, position: int
) -> GgufHeader:
    values, counts = found.values, found.counts
    header = GgufHeader(
        vocab_size=counts.get(_TOKENS) or _count(values.get(f"{values.get('general.architecture')}.vocab_size")),
        tensor_count=tensor_count,
        values=values,
        counts=counts,
        complete=False,
        vocabulary_start=found.vocabulary_start,
        tensors_start=start,
    )
    return header if tensors is None else replace(_with_tensors(header, tensors), header_bytes=position)


def _with_tensors(header: GgufHeader, tensors: Sequence[GgufTensor]) -> GgufHeader:
    return replace(
        header,
        parameters=sum(tensor.parameters for tensor in tensors),
        tensor_bytes=_total(tensors),
        tensor_types=_uses(tensors),
        tensors=tuple(tensors),
        complete=True,
    )


def _count(value: Value | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None
