"""What the tensors of one GGUF file take, summed up by what they are for, as the names tell that llama.cpp fixes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from compat.extraction.gguf_header import GgufTensor
from compat.shapes.tensor_bytes import TensorBytes

_ROLES = {"token_embd.weight": "embed", "output.weight": "head", "per_layer_token_embd.weight": "lookup"}
_EXPERT = re.compile(r"^blk\.\d{1,4}\.ffn_(?:gate|up|down|gate_up)(?:_exps\.|\.\d{1,4}\.)")
"""All experts of a layer in one tensor, or, in old files, each in its own."""
_LAYER = re.compile(r"^blk\.(\d{1,4})\.")


def sums_of_tensors(tensors: Sequence[GgufTensor]) -> dict[str, Any] | None:
    """The sums that a document keeps of a file's tensors; None where one is of a type that is not known here."""
    sizes: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for tensor in tensors:
        if tensor.bytes is None:
            return None
        sizes[_role(tensor.name)] += tensor.bytes
        types[tensor.type] += tensor.bytes
    by_role = TensorBytes(sum(types.values()), **{role: size for role, size in sizes.items() if role})
    return {
        "tensors": len(tensors),
        "layers": len({found[1] for tensor in tensors if (found := _LAYER.match(tensor.name))}),
        "weights": sum(tensor.parameters for tensor in tensors),
        "bytes": {role: size for role, size in asdict(by_role).items() if size},
        "types": dict(types),
    }


def _role(name: str) -> str:
    return "experts" if _EXPERT.match(name) else _ROLES.get(name, "")
