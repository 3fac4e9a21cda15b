"""Packings of an engine that loads models with other engines' code: what those read, by reference and not by a copy.

An engine may hold several of them, each for some of its models: of a packing that one does not read, another may.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from compat.engines.confidence import Confidence
from compat.engines.profile import EngineProfile, Packing


@dataclass(frozen=True, slots=True)
class Share:
    """One engine whose packings are taken over: how sure at most, on which platforms, and not for which
    ``model_type``. ``note`` says on which condition that engine's code is used."""

    engine: EngineProfile
    confidence: Confidence
    note: str = ""
    platforms: tuple[str, ...] = ()
    excepted: frozenset[str] = frozenset()

    def packing(self, name: str) -> Packing | None:
        """What becomes of weights packed by a name, or by the method that it begins with; None: nothing is said."""
        method, _, scheme = name.partition(" ")
        found = self.engine.packing(name) or (self.engine.packing(method) if scheme else None)
        if found is None or found.refused:
            return found and replace(found, name=name)
        return replace(
            found,
            name=name,
            confidence=min(found.confidence, self.confidence),
            note="; ".join(filter(None, (found.note, self.note))),
            platforms=self.platforms or found.platforms,
            experts_platforms=() if self.platforms else found.experts_platforms,
            excepted=found.excepted | self.excepted,
        )


def shared_packings(shares: Sequence[Share]) -> Iterator[Packing]:
    """One packing a name that any of the engines knows: for the most models first, then the surest."""
    names = dict.fromkeys(packing.name for share in shares for packing in share.engine.packings)
    for name in names:
        yield max(filter(None, (share.packing(name) for share in shares)), key=_width)


def _width(packing: Packing) -> tuple[bool, bool, bool, Confidence]:
    return not packing.refused, not packing.architectures, not packing.excepted, packing.confidence
