"""Facts and where they come from: the vocabulary between what a Hub says and what the rules judge.

A :class:`Fact` carries its value and its evidence. :class:`VariantFacts` is all a rule may look at: plain values
without names or sizes, so that records with equal facts share one verdict.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any, Generic, TypeVar

T = TypeVar("T")

DEFAULT_CONTEXT = 2048
"""Tokens assumed where nothing tells a model's context length, as the original does."""

PREFIXED, INDEXED, RENAMED, IN_FOLDER, BY_RANK = "prefixed", "indexed", "renamed", "in a folder", "by rank"
PICKLED = "pickled"
FILE_NAMES = (PREFIXED, INDEXED, RENAMED, IN_FOLDER, BY_RANK, PICKLED)
"""Names of weight files that are not Transformers' own: ``model-x.safetensors`` that no index lists; others that an
index lists; others that none lists (of PyTorch files ``.pth`` and ``.ckpt``); in folders alone;
``model-rank-0-part-0.safetensors``, of tensors cut for several GPUs; PyTorch's ``.bin`` and ``.pt`` that are neither
``pytorch_model.bin`` nor parts that its index lists."""


class Provenance(StrEnum):
    """Where a fact was read, best first."""

    GIVEN = "given"
    GGUF_HEADER = "gguf-header"
    FILE_HEADER = "file-header"
    CONFIG = "config"
    HUB = "hub"
    TAG = "tag"
    RELATIVES = "relatives"
    RELATIVE = "relative"
    PACKING = "packing"
    KNOWN = "known"
    LIST = "list"
    NAME = "name"
    DEFAULT = "default"
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        """The words shown to people."""
        return _PROVENANCE_LABELS[self]

    @property
    def guessed(self) -> bool:
        """Whether a fact from here is a guess rather than something read."""
        return self in _GUESSED

    @property
    def heard(self) -> bool:
        """Whether a relative's record told it."""
        return self in (Provenance.RELATIVE, Provenance.RELATIVES)


_GUESSED = frozenset({Provenance.LIST, Provenance.NAME, Provenance.DEFAULT, Provenance.CONTRADICTED})
_PROVENANCES = {provenance.value: provenance for provenance in Provenance}
_PROVENANCES["base"] = Provenance.RELATIVE  # as facts of earlier versions have it
"""By value: a list reads thousands, and calling the class takes several times as long."""


def provenance_of(text: str) -> Provenance:
    """The place of this name; unknown for one that no version of today knows."""
    return _PROVENANCES.get(text, Provenance.UNKNOWN)


_PROVENANCE_LABELS = {
    Provenance.GIVEN: "given by the caller",
    Provenance.GGUF_HEADER: "GGUF file header",
    Provenance.FILE_HEADER: "safetensors file header",
    Provenance.CONFIG: "config.json",
    Provenance.HUB: "Hub answer",
    Provenance.TAG: "Hub tag",
    Provenance.RELATIVES: "several relatives' records",
    Provenance.RELATIVE: "a relative's record",
    Provenance.PACKING: "its packing",
    Provenance.KNOWN: "known model",
    Provenance.LIST: "told for its family by a list",
    Provenance.NAME: "guessed from the name",
    Provenance.DEFAULT: "assumed",
    Provenance.CONTRADICTED: "contradicted",
    Provenance.UNKNOWN: "not known",
}


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """A value (None: unknown), where it was read, and the words read there."""

    value: T | None
    provenance: Provenance = Provenance.UNKNOWN
    evidence: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a value at all."""
        return self.value is not None

    @classmethod
    def unknown(cls) -> Fact[T]:
        """Nothing told it."""
        return cls(None)


@dataclass(frozen=True, slots=True)
class VariantFacts:
    """What the rules may know of one variant.

    ``architecture`` is the exact ``model_type`` (the GGUF name where only that is told), ``gguf_architecture`` the
    header's ``general.architecture`` where it was read, ``hf_class`` the first of config.json's ``architectures``;
    ``more_classes`` the others there, in their order with blanks between, where these were read;
    ``class_listed``: not read there, but told by somebody's list of models, and no table has it.
    ``scheme`` is what a packing method holds where it can hold several (``NVFP4`` in ModelOpt). ``context`` is what the
    model was made for, in tokens. ``task`` is a Hub task name or None. ``gated``: its authors ask for terms before a
    download; None where the record does not tell. ``remote_code``: Python code lies in the repository that has to be
    run; None where the record does not tell. ``projector``: a file for images lies beside;
    ``sharded``: split into parts; ``incomplete``: a part is not listed; ``partial``: far fewer weights than the shape
    needs; ``contradicted``: the count of its weights, its dimensions and its name do not agree; ``no_weights``: the
    Hub's own list of files is known, and holds none; ``cut``: in pieces that have to be joined before use.
    ``layout``: who laid the tensors out, where that is not as Transformers does (``mistral``: Mistral's own names;
    ``paddle``: PaddlePaddle, as its name or the Hub's library says; ``mlx``: MLX's converters, likewise).
    ``file_names``: how the weight files are named where the list of files is known and they are not as
    Transformers writes them, one of :data:`FILE_NAMES`. ``no_config``: that list holds no ``config.json``, and nothing
    of one was read. ``gone``: why the files cannot be had from the Hub any more (``missing``, ``disabled``).
    """

    architecture: str | None = None
    architecture_from: Provenance = Provenance.UNKNOWN
    gguf_architecture: str | None = None
    hf_class: str | None = None
    more_classes: str | None = None
    class_listed: bool = False
    format: str | None = None
    format_from: Provenance = Provenance.UNKNOWN
    quantization: str | None = None
    quantization_from: Provenance = Provenance.UNKNOWN
    context: int = DEFAULT_CONTEXT
    context_from: Provenance = Provenance.DEFAULT
    task: str | None = None
    task_from: Provenance = Provenance.UNKNOWN
    gated: bool | None = None
    remote_code: bool | None = None
    scheme: str | None = None
    projector: bool = False
    sharded: bool = False
    incomplete: bool = False
    partial: bool = False
    contradicted: bool = False
    no_weights: bool = False
    cut: bool = False
    layout: str | None = None
    file_names: str | None = None
    no_config: bool = False
    gone: str | None = None

    def __reduce__(self) -> tuple[type[VariantFacts], tuple[Any, ...]]:
        """Pickled as they are made, in a fifth of the time."""
        return VariantFacts, _values(self)

    def having(self, **changed: Any) -> VariantFacts:
        """The same with some facts changed: what ``replace`` of the standard library does, in a third of the time."""
        return VariantFacts(**(dict(zip(_NAMES, _values(self), strict=True)) | changed))

    def as_json(self) -> dict[str, Any]:
        """The facts as JSON values; those that say nothing are left out."""
        return {
            name: value for name, value, silent in zip(_NAMES, _values(self), _SILENT, strict=True) if value != silent
        }

    def beside(self, other: VariantFacts) -> dict[str, Any]:
        """The facts that differ from another variant's, as JSON values; ``replace`` makes these of the other again."""
        told = zip(_NAMES, _values(self), _values(other), strict=True)
        return {name: value for name, value, others in told if value != others}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> VariantFacts:
        """The inverse of :meth:`as_json`."""
        values: dict[str, Any] = {
            name: _PROVENANCES[value] if name.endswith("_from") else value for name, value in data.items()
        }
        return cls(**values)


_NAMES: tuple[str, ...] = tuple(VariantFacts.__slots__)
_values: Callable[[VariantFacts], tuple[Any, ...]] = attrgetter(*_NAMES)
"""All at once: a facts' digest is made of every record."""
_SILENT = _values(VariantFacts())


def digest_of(facts: Sequence[VariantFacts]) -> str:
    """What records with equal facts share: 32 hex digits."""
    text = _CANONICAL.encode([fact.as_json() for fact in facts])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def parameters_text(count: int | None, origin: str = Provenance.UNKNOWN) -> str:
    """A parameter count for people: ``8.0B``, ``270M``, ``1.2T``, or ``unknown``. One that
    only the name tells, or that the record contradicts: ``~8.0B``."""
    if count is None:
        return "unknown"
    if origin in (Provenance.NAME, Provenance.CONTRADICTED):
        return f"~{parameters_text(count)}"
    for divisor, unit, digits in ((10**12, "T", 1), (10**9, "B", 1), (10**6, "M", 0), (10**3, "K", 0)):
        if count >= divisor * (0.9995 if unit == "B" else 1):
            return f"{count / divisor:.{digits}f}{unit}"
    return str(count)
