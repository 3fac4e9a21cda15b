"""The builds of a model by how many bits they give a weight: what there is to choose from, at a glance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compat.catalogue.rows import Row
from compat.estimate import FitResult, SpeedEstimate
from compat.estimate.quality import Quality, is_plain, quality_of, width_of
from compat.models import RecordVariant
from compat.rules import CompatibilityResult

_PLAIN_WIDTH = 16


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant with its own verdict; ``speed`` is None where the machine is not told or it does not run there.

    ``parameters`` are its record's, all of the model.
    """

    variant: RecordVariant
    result: CompatibilityResult
    best: bool
    fit: FitResult | None = None
    speed: SpeedEstimate | None = None
    parameters: int | None = None

    @property
    def width(self) -> int | None:
        """Bits a weight, as its name counts them; None where nothing tells.

        Plain safetensors have sixteen where the record does not tell, as the estimate of their memory assumes.
        """
        size = self.variant.size_bytes
        average = size * 8 / self.parameters if size and self.parameters else None
        told = width_of(self.variant.quantization, self.variant.bits, average)
        plain = self.variant.format == "safetensors" and not self.variant.quantization
        return told or (_PLAIN_WIDTH if plain else None)

    @property
    def as_made(self) -> bool:
        """Whether nothing of it was packed after it was made."""
        plain = not self.variant.quantization and self.width is not None
        return plain or is_plain(self.variant.quantization) or bool(self.variant.as_made)

    @property
    def quality(self) -> Quality | None:
        """How much of the model is left in it."""
        return quality_of(self.variant.quantization, self.variant.bits, as_made=bool(self.variant.as_made))


@dataclass(frozen=True, slots=True)
class WidthStep:
    """The build to look at of those with one width, and ``count``, how many there are.

    ``repo_id`` is that of the repository that has it, where that is not the page's own. ``shown`` says that the page is
    about it.
    """

    width: int
    count: int
    row: VariantRow
    shown: bool
    repo_id: str = ""

    @property
    def name(self) -> str:
        """What the build is called, shortly."""
        return self.row.variant.quantization or "not packed"

    @property
    def needed(self) -> int | None:
        """Bytes that it needs on its fullest device and beside it, else those of its files; None if not known."""
        fit = self.row.fit
        return fit.whole_need if fit and fit.need else self.row.variant.size_bytes


def width_steps(variants: Iterable[VariantRow], shown: RecordVariant | None, others: Sequence[Row]) -> list[WidthStep]:
    """The steps of a model, fewest bits first: of its own ``variants``, and of the best of ``others`` where it has
    none of a width that runs. Variants whose width nobody tells are left out.
    """
    own = defaultdict[int, list[VariantRow]](list)
    for row in variants:
        if row.width:
            own[row.width].append(row)

    def rank(row: VariantRow) -> tuple[bool, bool, int, int]:
        is_shown = shown is not None and row.variant.position == shown.position
        return is_shown, row.best, row.result.level, row.variant.size_bytes or 0

    steps = dict[int, WidthStep]()
    for width, rows in own.items():
        first = max(rows, key=rank)
        is_shown = shown is not None and first.variant.position == shown.position
        steps[width] = WidthStep(width, len(rows), first, is_shown)
    for other in others:
        if other.best is None or not other.result.compatible:
            continue
        told = other.record.parameters
        row = VariantRow(other.best, other.result, best=False, fit=other.fit, speed=other.speed, parameters=told)
        mine = steps.get(row.width or 0)
        if row.width and (mine is None or not (mine.shown or mine.row.result.compatible)):
            steps[row.width] = WidthStep(row.width, 1, row, shown=False, repo_id=other.record.repo_id)
    return [steps[width] for width in sorted(steps)]
