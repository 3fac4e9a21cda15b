"""Model files made by hand, byte by byte, so that a test can also make them wrong."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
LAYOUT = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}
F32_TENSOR, Q4_K_TENSOR = 0, 12

Typed = tuple[int, Any]


def text(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind: int, content: Any) -> bytes:
    """A GGUF value after its type; the content of an array is ``(kind of its items, items)``."""
    if kind == STRING:
        return text(content)
    if kind == ARRAY:
        inner, items = content
        return struct.pack("<IQ", inner, len(items)) + b"".join(value(inner, item) for item in items)
    return struct.pack("<" + LAYOUT[kind], content)


def pair(key: str, kind: int, content: Any) -> bytes:
    return text(key) + struct.pack("<I", kind) + value(kind, content)


def tensor(name: str, shape: Sequence[int], kind: int = F32_TENSOR) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0)


def gguf_file(
    pairs: Mapping[str, Typed], tensors: Mapping[str, tuple[Sequence[int], int]], *, moved: int = 0, data: bool = True
) -> bytes:
    """A whole file of F32 and Q4_K tensors, each ``(shape, type)``, one after another; ``moved`` of them lie wrong."""
    names, end = b"", 0
    for name, (shape, kind) in tensors.items():
        start = -(-end // 32) * 32
        names += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, start + moved)
        end = start + (4 * math.prod(shape) if kind == F32_TENSOR else math.prod(shape) // 256 * 144)
    header = gguf(pairs, names, tensor_count=len(tensors))
    return header + bytes(-len(header) % 32 + end if data else 0)


def gguf(pairs: Mapping[str, Typed] | bytes = b"", tensors: bytes = b"", **counts: int) -> bytes:
    """A GGUF header; ``pair_count``, ``tensor_count`` and ``version`` may lie."""
    written = pairs if isinstance(pairs, bytes) else b"".join(pair(key, *typed) for key, typed in pairs.items())
    given = {"version": 3, "tensor_count": 0, "pair_count": 0 if isinstance(pairs, bytes) else len(pairs), **counts}
    start = struct.pack("<4sIQQ", b"GGUF", given["version"], given["tensor_count"], given["pair_count"])
    return start + written + tensors


def llama_pairs(tokens: int = 100) -> dict[str, Typed]:
    """The pairs of a small Llama, in the order that converters write them."""
    return {
        "general.architecture": (STRING, "llama"),
        "general.name": (STRING, "Tiny Llama"),
        "llama.context_length": (U32, 8192),
        "llama.block_count": (U32, 16),
        "llama.attention.head_count": (U32, 32),
        "llama.attention.head_count_kv": (U32, 8),
        "tokenizer.ggml.tokens": (ARRAY, (STRING, [f"token-{n}" for n in range(tokens)])),
        "tokenizer.ggml.scores": (ARRAY, (F32, [0.0] * tokens)),
        "tokenizer.chat_template": (STRING, "{{ messages }}" * 100),
        "general.file_type": (U32, 15),
    }


def llama(tokens: int = 100, tensors: int = 3) -> bytes:
    listed = b"".join(tensor(f"blk.{n}.attn_q.weight", (256, 4), Q4_K_TENSOR) for n in range(tensors))
    return gguf(llama_pairs(tokens), listed, tensor_count=tensors)


def safetensors(header: Any, *, length: int | None = None, data: bytes = b"") -> bytes:
    """A safetensors file; ``header`` is JSON text or what to write as such, ``length`` may lie."""
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(written) if length is None else length) + written + data


def entries(*tensors: tuple[str, str, Sequence[int], int]) -> dict[str, Any]:
    """Tensors ``(name, dtype, shape, bytes)`` laid out one after another."""
    listed, start = {}, 0
    for name, dtype, shape, size in tensors:
        listed[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, start + size]}
        start += size
    return listed
