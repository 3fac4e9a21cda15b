"""What a model was called before its weights were packed: a repository's name without the words that packers add."""

from __future__ import annotations

import re

_PACKED = (
    r"gguf|ggml|mlx|awq|gptq|exl[23]|bnb|bitsandbytes|nf4|hqq|aqlm|quark|modelopt|auto-?round|eetq|optiq|dwq\d*"
    r"|npu2|q4nx|jang[a-z]{0,2}\d?|(?:nv|mx)?fp[468](?:-?a16)?|int-?[2-8]|w\d{1,2}a\d{1,2}|[1-9](?:[._]\d{1,2})?-?(?:bits?|bpw)"
    r"|(?:ud-)?i?q\d(?:_[a-z0-9]{1,3}){0,3}|oq\d(?:\.\d)?[a-z]?|quantized|quants?"
)
"""Words that only packed weights are called by."""
_BESIDE = r"i1|imatrix|dynamic|block|unsloth|ud|gs?\d{2,3}|\d{2,3}g|gs|marlin|gemm|sym|asym|static"
"""Words that packers write beside them, and that alone tell nothing."""
_TAIL = re.compile(rf"(?:[-_. ](?:{_PACKED}|{_BESIDE}))+$")
_TELLS = re.compile(rf"[-_. ](?:{_PACKED})(?![a-z0-9])")


def original_name(name: str) -> str | None:
    """The name, in lower case, without the words at its end that say how the weights are packed; None without such.

    ``Qwen3-8B-GGUF`` and ``Qwen3-8B-unsloth-bnb-4bit`` are both ``qwen3-8b``; ``Qwen3-8B-Instruct`` says nothing.
    """
    lowered = name.lower()
    tail = _TAIL.search(lowered)
    if tail is None or not tail.start() or not _TELLS.search(tail[0]):
        return None
    return lowered[: tail.start()]


def original_of_gguf(name: str) -> str | None:
    """The same of a name that says GGUF, in its packer's own letters; None of any other."""
    if "gguf" not in name.lower():
        return None
    original = original_name(name)
    return name[: len(original)] if original and "gguf" in name[len(original) :].lower() else None


def original_id(original: str) -> str | None:
    """The model whose packer writes its maker before its name: ``BAAI_AREX-Turbo`` is ``BAAI/AREX-Turbo``."""
    owner, line, name = original.partition("_")
    return f"{owner}/{name}" if line else None
