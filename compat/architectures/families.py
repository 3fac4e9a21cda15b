"""Architecture families: the one table that says what an exact ``model_type`` or GGUF name belongs to."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

KINDS = ("text", "moe", "vision", "audio", "embed", "newer")
KIND_WORDS = {
    "text": "text model",
    "moe": "mixture-of-experts model",
    "vision": "vision model",
    "audio": "audio model",
    "embed": "embedding model",
    "newer": "different design",
    "other": "model",
}


@dataclass(frozen=True, slots=True)
class Kin:
    """Where one ``model_type`` stands: its family, the family's label for people, and the kind of
    relative.
    """

    family: str
    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Table:
    kin: dict[str, Kin]
    labels: dict[str, str]
    gguf: dict[str, str]
    converts: dict[str, str]
    classes: dict[str, str]
    starts: tuple[tuple[tuple[str, ...], str], ...]
    veto: frozenset[str]


_EXPERTS = re.compile(r"\d+x\d+(\.\d+)?b|a\d+(\.\d+)?b")


@cache
def _table() -> _Table:
    text = resources.files(__package__).joinpath("families.toml").read_text("utf-8")
    data: dict[str, Any] = tomllib.loads(text)
    kin: dict[str, Kin] = {}
    labels: dict[str, str] = {}
    for family, row in data["families"].items():
        labels[family] = row["label"]
        for kind in KINDS:
            for model_type in row.get(kind, ()):
                if model_type in kin:
                    raise ValueError(f"families.toml names {model_type!r} twice")
                kin[model_type] = Kin(family, row["label"], kind)
    names = data["names"]
    starts = sorted(((tuple(key.split()), value) for key, value in names["starts"].items()), key=lambda s: -len(s[0]))
    converts = {model_type: name for name, model_type in data["gguf"].items()} | data["converts"]
    return _Table(kin, labels, data["gguf"], converts, data["classes"], tuple(starts), frozenset(names["veto"]))


def kin_of(architecture: str) -> Kin:
    """The family of an exact ``model_type`` or GGUF name; an unlisted one is a family of its own."""
    table = _table()
    found = table.kin.get(architecture) or table.kin.get(table.gguf.get(architecture, ""))
    return found or Kin(architecture, architecture, "other")


def family_label(family: str) -> str:
    """The family's name for people, such as ``Llama``; an unlisted family is shown by its own name."""
    return _table().labels.get(family, family)


def is_known(architecture: str) -> bool:
    """Whether the table lists this ``model_type`` or GGUF name."""
    return architecture in _table().kin or architecture in _table().gguf


def gguf_name(model_type: str) -> str:
    """The ``general.architecture`` a GGUF converter writes for this ``model_type``."""
    return _table().converts.get(model_type, model_type)


def written_gguf_name(model_type: str) -> str | None:
    """The GGUF name that the table itself gives for this ``model_type``; None where it is silent."""
    return _table().converts.get(model_type)


def is_gguf_name(name: str) -> bool:
    """Whether this is a GGUF name that differs from every ``model_type``, such as ``qwen3moe``."""
    return name in _table().gguf and name not in _table().kin


def model_type_of(gguf_architecture: str) -> str:
    """The ``model_type`` behind a GGUF name; the name itself where the two are spelled alike."""
    return _table().gguf.get(gguf_architecture, gguf_architecture)


def class_of(model_type: str) -> str | None:
    """The class of a ``model_type`` whose code is not in Transformers, or is spelled otherwise there."""
    return _table().classes.get(model_type)


def name_words(name: str) -> tuple[str, ...]:
    """A repository or file name as lower-case words, split at dashes, underscores, blanks and slashes."""
    return tuple(word for word in re.split(r"[-_\s/]+", name.lower()) if word)


def architecture_from_name(name: str) -> tuple[str, str] | None:
    """The ``model_type`` that the name's own first words tell, with those words; None if they do not tell.

    The weakest evidence there is: whole words only, and nothing at all where another word of the name
    hints at a different kind of model (vision, adapter, mixture of experts, distillation...).
    """
    table = _table()
    words = name_words(name)
    for start, model_type in table.starts:
        if words[: len(start)] == start:
            rest = words[len(start) :]
            if table.veto.intersection(rest) or any(_EXPERTS.fullmatch(word) for word in rest):
                return None
            return model_type, " ".join(start)
    return None
