"""The original's six facts of a model, as a record gives them or a caller states them.

What a caller states is checked here, whoever asks: a text that is no count must not pass for a count that is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from compat.architectures import architecture_of, is_gguf_name
from compat.extraction.facts import DEFAULT_CONTEXT, Provenance, VariantFacts
from compat.extraction.filenames import GGUF_LABELS, gguf_label
from compat.extraction.quantization import PLAIN_WORDS, QUANTIZATIONS

UNKNOWN = "unknown"
MOST_PARAMETERS = 10**15
MOST_BYTES = 2**62
MOST_TOKENS = 10**15
_UNITS = {"T": 10**12, "B": 10**9, "M": 10**6, "K": 10**3, "": 1}
_WRITTEN = re.compile(r"~?\s*(\d{1,15}(?:\.\d{1,6})?)\s*([TBMK]?)", re.IGNORECASE | re.ASCII)
_LETTER = re.compile(r"[^\W\d_]")
_NO_NAMES = frozenset({"nan", "inf", "infinity", "null", "undefined"})
"""What programs write where they have no value; it is the name of nothing."""
_PLAIN = frozenset({"", UNKNOWN, "none", *PLAIN_WORDS})
_SPELLINGS = {label.lower(): label for label in sorted(QUANTIZATIONS)}
_GGUF_SPELLINGS = {label.lower(): gguf_label(label) for label in GGUF_LABELS}


def parameter_count(text: str) -> int | None:
    """A count as people write it (``8.0B``, ``270M``, ``1100048384``); None for ``unknown`` or nothing.

    Raises ``ValueError`` for whatever else.
    """
    written = text.strip()
    if written in ("", UNKNOWN):
        return None
    found = _WRITTEN.fullmatch(written)
    count = round(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if not 0 < count < MOST_PARAMETERS:
        raise ValueError(
            f"“{written[:60]}” is no number of parameters; write it as 8.0B, 270M or 1100048384, or leave it unknown"
        )
    return count


def checked_name(text: str) -> str:
    """A name that a caller states; raises ``ValueError`` for a text that names nothing, such as ``NaN`` or ``-4``."""
    if text and (text.strip().lower() in _NO_NAMES or not _LETTER.search(text)):
        raise ValueError(f"“{text[:60]}” is no name; leave it out where it is not known")
    return text


@dataclass(frozen=True, slots=True)
class JudgedVariant:
    """One of a repository's variants as a verdict sees it, and what its files take in bytes (None: not told)."""

    facts: VariantFacts
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """The original's summary of a model: the six facts a verdict needs.

    ``architecture`` is the exact ``model_type`` or GGUF name, or ``unknown``; ``format`` is ``safetensors``,
    ``gguf``, another format's name or ``unknown``; ``parameters`` is written for people (``8.0B``, by the name
    alone ``~8.0B``) or ``unknown``; ``size_bytes`` is None where no size is told; ``max_context_length`` is in tokens.
    ``facts`` holds what the rules use beyond the six (where each was read, the task, access), and ``variants`` all of
    the repository's, where the six are of one of several. Facts that a caller states alone are checked: ``ValueError``
    names the field.
    """

    architecture: str
    format: str
    quantization: str | None = None
    parameters: str = UNKNOWN
    size_bytes: int | None = None
    max_context_length: int = DEFAULT_CONTEXT
    facts: VariantFacts | None = field(default=None, compare=False, repr=False)
    variants: tuple[JudgedVariant, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check what a caller states."""
        if self.facts is not None:
            return
        for name in ("architecture", "format", "quantization"):
            _check_name(name, getattr(self, name))
        _check_text("parameters", self.parameters)
        try:
            parameter_count(self.parameters)
        except ValueError as error:
            raise ValueError(f"parameters: {error}") from None
        if self.size_bytes is not None:
            _check_number("size_bytes", self.size_bytes, 0, MOST_BYTES)
        _check_number("max_context_length", self.max_context_length, 1, MOST_TOKENS)

    @classmethod
    def of(cls, variants: Sequence[JudgedVariant], best: int, parameters: str) -> ModelMetadata:
        """The six facts of one of a repository's variants, by its position, with those of the others beside it."""
        facts, size_bytes = variants[best].facts, variants[best].size_bytes
        return cls(
            architecture=facts.gguf_architecture or facts.architecture or UNKNOWN,
            format=facts.format or UNKNOWN,
            quantization=facts.quantization,
            parameters=parameters,
            size_bytes=size_bytes,
            max_context_length=facts.context,
            facts=facts,
            variants=tuple(variants) if len(variants) > 1 else (),
        )

    def with_facts(self, facts: VariantFacts, variants: Sequence[JudgedVariant] = ()) -> ModelMetadata:
        """The same with what an answer of ours gave beside the six, where these were not changed since."""
        told = (
            facts.gguf_architecture or facts.architecture or UNKNOWN,
            facts.format or UNKNOWN,
            facts.quantization,
            facts.context,
        )
        stated = (self.architecture, self.format, self.quantization, self.max_context_length)
        return replace(self, facts=facts, variants=tuple(variants)) if told == stated else self

    @property
    def family(self) -> str:
        """The architecture family, such as ``qwen`` for ``qwen2``."""
        return architecture_of(self.architecture).family

    @property
    def judged(self) -> tuple[VariantFacts, ...]:
        """What a verdict is made from: the facts of every variant, or of these six alone."""
        return tuple(variant.facts for variant in self.variants) or (self.variant_facts,)

    @property
    def variant_facts(self) -> VariantFacts:
        """These six facts as the rules see them; those stated by a caller count as read, not guessed."""
        if self.facts is not None:
            return self.facts
        architecture = None if self.architecture in ("", UNKNOWN) else self.architecture
        format_ = None if self.format in ("", UNKNOWN) else self.format.lower()
        quantization = _spelled(self.quantization, format_)
        given = Provenance.GIVEN
        return VariantFacts(
            architecture=architecture,
            architecture_from=given if architecture else Provenance.UNKNOWN,
            gguf_architecture=architecture if format_ == "gguf" and is_gguf_name(architecture or "") else None,
            format=format_,
            format_from=given if format_ else Provenance.UNKNOWN,
            quantization=quantization,
            quantization_from=given if quantization else Provenance.UNKNOWN,
            context=self.max_context_length,
            context_from=given,
        )

    def as_json(self) -> dict[str, Any]:
        """The original's camelCase object."""
        return {
            "architecture": self.architecture,
            "format": self.format,
            "quantization": self.quantization,
            "parameters": self.parameters,
            "sizeBytes": self.size_bytes,
            "maxContextLength": self.max_context_length,
        }


def _spelled(quantization: str | None, format_: str | None) -> str | None:
    """A stated quantization as it is spelled here; None for words that say the weights are not packed, or nothing."""
    told = (quantization or "").strip()
    if told.lower() in ("", UNKNOWN) or (format_ != "gguf" and told.lower() in _PLAIN):
        return None
    return (_GGUF_SPELLINGS if format_ == "gguf" else _SPELLINGS).get(told.lower(), told)


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name}: {value!r} is no text")  # noqa: TRY004 - one error for all that is wrong with a value


def _check_name(name: str, value: object) -> None:
    if value is None and name == "quantization":
        return
    _check_text(name, value)
    try:
        checked_name(str(value))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _check_number(name: str, value: object, least: int, below: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < below:
        raise ValueError(f"{name}: {value!r} is no whole number from {least} to below {below:,}")
