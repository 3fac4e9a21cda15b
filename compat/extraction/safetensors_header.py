"""What a safetensors file says of itself: the JSON list of tensors before its weights.

The parser is our own because the ``safetensors`` package opens local files only and the Hub's official client
brings a second HTTP stack, while here a remote file's first bytes are read, and nothing in them is trusted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeGuard

from compat.extraction.header_bytes import HeaderError, HeaderReads, NeedBytes, read_growing

FIRST_READ = 100 * 1000
"""Bytes: most headers of one file are smaller, as the Hub's own client takes for granted."""
MAX_HEADER_BYTES = 16 * 1024 * 1024
"""The largest header read, in bytes; real ones are a few hundred KB."""

MAX_TENSORS = 131_072
MAX_DIMENSIONS = 16
MAX_METADATA_ENTRIES = 64
MAX_METADATA_TEXT = 512
MAX_PARAMETERS = 2**62

DTYPE_BITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8,
        "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
        "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
    }
)  # fmt: skip
"""Bits of one value, by the name of its type."""


@dataclass(frozen=True, slots=True)
class DtypeUse:
    """How much of a file is of one data type."""

    tensors: int
    parameters: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as the header lists it. ``parameters`` counts stored values, ``bytes`` what they take."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    parameters: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """The facts of one safetensors file; a sharded model has the rest in its other files.

    ``parameters`` counts stored values: in a quantized file one ``I32`` may hold eight weights. ``dtypes``
    has the most used type first. ``metadata`` holds the short texts that the file's author added. ``tensors`` lists
    all of them in the file's order.
    """

    header_bytes: int
    tensor_count: int
    parameters: int
    tensor_bytes: int
    dtypes: Mapping[str, DtypeUse]
    metadata: Mapping[str, str] = field(default_factory=dict)
    tensors: tuple[Tensor, ...] = ()


def safetensors_header_reads(
    *, first: int = FIRST_READ, most: int = MAX_HEADER_BYTES
) -> HeaderReads[SafetensorsHeader]:
    """A reader of one file's header, for :mod:`compat.extraction.header_bytes` to drive.

    Raises :class:`HeaderError`.
    """
    return read_growing(parse_safetensors_header, first=first, most=most)


def parse_safetensors_header(data: bytes) -> SafetensorsHeader:
    """The header in a file's first bytes.

    Raises :class:`NeedBytes` where they are too few, and :class:`HeaderError` where they are wrong.
    """
    if len(data) < 8:
        raise NeedBytes(8)
    end = 8 + int.from_bytes(data[:8], "little")
    # The first letter tells a safetensors file from any other, before a false length is believed.
    if data[8:9] not in {b"{", b""} or end < 10:
        raise HeaderError("this is no safetensors file: its header is not a JSON object")
    if end > len(data):
        raise NeedBytes(end)
    entries = _decoded(data[8:end])
    metadata = _metadata(entries.pop("__metadata__", {}))
    if len(entries) > MAX_TENSORS:
        raise HeaderError(f"the header lists {len(entries):,} tensors; at most {MAX_TENSORS:,} make sense")
    placed = [_tensor(name, entry) for name, entry in entries.items()]
    tensors = tuple(tensor for tensor, _ in placed)
    return SafetensorsHeader(
        header_bytes=end,
        tensor_count=len(tensors),
        parameters=sum(tensor.parameters for tensor in tensors),
        tensor_bytes=_laid_out(placed),
        dtypes=_uses(tensors),
        metadata=metadata,
        tensors=tensors,
    )


def _decoded(text: bytes) -> dict[str, Any]:
    # An object or list costs far more memory than its two letters, so they are counted before they are made.
    if text.count(b"{") + text.count(b"[") > 4 * MAX_TENSORS or text.count(b",") > MAX_DIMENSIONS * MAX_TENSORS:
        raise HeaderError("the header holds more lists and objects than any real one")
    try:
        found = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except HeaderError:
        raise
    except UnicodeDecodeError:
        raise HeaderError("the header is not valid UTF-8 text") from None
    except RecursionError:
        raise HeaderError("the header is nested too deeply") from None
    except ValueError:
        raise HeaderError("the header is not valid JSON") from None
    return dict(found)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise HeaderError("the header names a tensor or field twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise HeaderError(f"the header holds {name}, which is no JSON number")


def _metadata(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise HeaderError("the header's __metadata__ is not a JSON object")
    short = {
        _clean(key): _clean(value)
        for key, value in given.items()
        if isinstance(value, str) and max(len(key), len(value)) <= MAX_METADATA_TEXT
    }
    return dict(list(short.items())[:MAX_METADATA_ENTRIES])


def _clean(text: str) -> str:
    """Text that a database keeps: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _tensor(name: str, entry: Any) -> tuple[Tensor, int]:
    """A tensor, and where its data begins."""
    what = f"the tensor {name[:80]!r}"
    if not isinstance(entry, dict):
        raise HeaderError(f"{what} is not described by a JSON object")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or not dtype.isascii() or not dtype.isprintable() or not 0 < len(dtype) <= 32:
        raise HeaderError(f"{what} has no data type")
    if not _are_counts(shape) or len(shape) > MAX_DIMENSIONS:
        raise HeaderError(f"{what} has no shape of whole numbers")
    if not _are_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise HeaderError(f"{what} does not say where its data begins and ends")
    parameters = math.prod(shape)
    bits = DTYPE_BITS.get(dtype)
    if bits is not None and -(-parameters * bits // 8) != offsets[1] - offsets[0]:
        raise HeaderError(f"{what} has data of another size than its shape")
    return Tensor(name, dtype, tuple(shape), parameters, offsets[1] - offsets[0]), offsets[0]


def _are_counts(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= MAX_PARAMETERS for item in value
    )


def _laid_out(placed: list[tuple[Tensor, int]]) -> int:
    """The bytes of all tensors, which must follow one another without gap or overlap."""
    end = 0
    for tensor, start in sorted(placed, key=lambda one: (one[1], one[0].bytes)):
        if start != end:
            raise HeaderError(f"the data of {tensor.name[:80]!r} does not begin where the tensor before it ends")
        end += tensor.bytes
    return end


def _uses(tensors: Sequence[Tensor]) -> dict[str, DtypeUse]:
    totals: dict[str, list[int]] = {}
    for tensor in tensors:
        total = totals.setdefault(tensor.dtype, [0, 0, 0])
        total[0] += 1
        total[1] += tensor.parameters
        total[2] += tensor.bytes
    most_first = sorted(totals.items(), key=lambda item: -item[1][1])
    return {dtype: DtypeUse(*total) for dtype, total in most_first}
