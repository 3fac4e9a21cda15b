"""What a model's tensors take as its files list them: exact, where names of files and packings only tell about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class TensorBytes:
    """Bytes of all tensors, and of those that engines place or read apart from the others.

    ``embed`` is the token embedding, ``lookup`` what is looked up by layer, ``head`` the output head (0: tied to the
    embedding), ``experts`` all that a router chooses from.
    """

    total: int
    embed: int = 0
    head: int = 0
    lookup: int = 0
    experts: int = 0

    @classmethod
    def sum_of(cls, parts: Iterable[TensorBytes]) -> TensorBytes:
        """What the files of one set take together."""
        listed = list(parts)
        return cls(*(sum(getattr(part, field.name) for part in listed) for field in fields(cls)))

    def as_text(self) -> str:
        """The bytes one after another, as a database keeps them."""
        return " ".join(str(size) for size in astuple(self))

    @classmethod
    def from_text(cls, text: str) -> TensorBytes:
        """The inverse of :meth:`as_text`."""
        return cls(*map(int, text.split()))
