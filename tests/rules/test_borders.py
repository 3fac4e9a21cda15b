"""Every border of a machine's memory, as a table: what is said one byte under it, and exactly there.

No border is written down: it is where the estimate's own parts begin to go into the machine, so that the table stays
true when a constant of the estimate changes. What goes in where is counted here anew, layer by layer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from compat.engines.hardware import GIB
from compat.estimate import (
    Accelerator,
    Fit,
    FitResult,
    Hardware,
    LoadOptions,
    MemoryEstimate,
    VariantInputs,
    estimate_memory,
    find_shape,
    judge_fit,
    rooms_of,
)

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parent / "cases" / "borders.toml").read_text("utf-8"))
ROWS = [(case, row) for case in TABLE["border"] for row in case["rows"]]
NAMES = [f"{case['name']}-{row['border']}" for case, row in ROWS]
MOST = 4096 * GIB


def _variant(name: str) -> VariantInputs:
    told = dict(TABLE["variants"][name])
    shape = told.pop("shape", None)
    found = find_shape(shape) if shape else None
    assert (found is None) is (shape is None), shape
    return VariantInputs(found, **told)


def _machine(told: dict[str, Any], moved: int) -> Hardware:
    """The machine of a row with its moved memory at so many bytes."""

    def size(memory: float | str) -> int:
        return moved if memory == "x" else round(float(memory) * GIB)

    if "unified" in told:
        sizes = [size(memory) for memory in told["unified"]]
        return Hardware(tuple(Accelerator("mac", "apple", "unified", one) for one in sizes), sum(sizes))
    cards = tuple(Accelerator("card", "nvidia", "gpu", size(memory)) for memory in told["cards"])
    return Hardware(cards, size(told["ram"]) if "ram" in told else None)


class Case:
    """A variant on an engine, and a machine of which one memory can be set to the byte."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.variant, self.engine, self.told = _variant(told["variant"]), told["engine"], told["machine"]

    def at(self, moved: int) -> FitResult:
        """The verdict."""
        return judge_fit(self.variant, self.engine, _machine(self.told, moved))

    def border(self, holds: Callable[[Hardware, MemoryEstimate], bool]) -> int:
        """Bytes of the moved memory from which on something holds, while it does not with one less."""

        def held(moved: int) -> bool:
            machine = _machine(self.told, moved)
            return holds(machine, estimate_memory(self.variant, self.engine, machine))

        low, high = 1, MOST
        assert not held(low)
        assert held(high)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if held(middle) else (middle, high)
        return high

    def rooms(self, machine: Hardware) -> tuple[int, ...]:
        """Bytes a model may take of each device."""
        found = rooms_of(machine, self.engine, LoadOptions())
        assert found is not None
        return found

    def all(self, machine: Hardware, estimate: MemoryEstimate) -> bool:
        """Every device has room for its part of the need."""
        assert estimate.per_device is not None
        return all(need <= room for need, room in zip(estimate.per_device, self.rooms(machine), strict=False))

    def together(self, machine: Hardware, estimate: MemoryEstimate) -> bool:
        """All devices together have room for what the used ones need."""
        assert estimate.per_device is not None
        return sum(estimate.per_device) <= sum(self.rooms(machine))

    def narrowest(self, machine: Hardware, estimate: MemoryEstimate) -> bool:
        """The used devices together have room for the need with the weights as narrow as they may be."""
        weights = next(part for part in estimate.components if part.name == "weights")
        need = sum(part.bytes or 0 for part in estimate.components) - (weights.bytes or 0) + weights.least
        return need <= sum(self.rooms(machine)[: estimate.devices])

    def spare(self, machine: Hardware, estimate: MemoryEstimate) -> bool:
        """Every device keeps a tenth of its room."""
        assert estimate.per_device is not None
        return all(10 * need <= 9 * room for need, room in zip(estimate.per_device, self.rooms(machine), strict=False))

    def split(self, machine: Hardware, estimate: MemoryEstimate) -> bool:
        """With the head and some number of layers on the devices, each in its share, system memory takes the others."""
        assert estimate.per_device is not None
        assert self.variant.shape is not None
        size = {part.name: part.bytes or 0 for part in estimate.components}
        head, each = estimate.head, size["compute"] + size["overhead"]
        layered = size["weights"] + size["kv"] + size["state"] - head
        heads = [round(head * share) for share in estimate.shares]
        stays = [
            each // estimate.devices + heads[n] + (size["projector"] if n == 0 else 0) for n in range(estimate.devices)
        ]
        count = self.variant.shape.layers or 0
        for layers in range(1, count):
            part = Fraction(layers, count)
            on = [other + (need - other) * part for need, other in zip(estimate.per_device, stays, strict=True)]
            rest = estimate.host + layered - int(layered * part)
            if rest <= self.beside(machine) and all(
                need <= room for need, room in zip(on, self.rooms(machine), strict=True)
            ):
                return True
        return False

    def floor(self, machine: Hardware, estimate: MemoryEstimate) -> bool:
        """The devices and, where the engine can use it, system memory have room for what is known of the need."""
        beside = self.beside(machine) if self.engine == "llama.cpp" else 0
        return estimate.floor <= sum(self.rooms(machine)) + beside

    def largest(self, machine: Hardware, _estimate: MemoryEstimate) -> bool:
        """Every device has room for its part of the largest file there may be."""
        return self.all(machine, self.of_largest(machine))

    def largest_spare(self, machine: Hardware, _estimate: MemoryEstimate) -> bool:
        """Every device keeps a tenth of its room beside it."""
        return self.spare(machine, self.of_largest(machine))

    def of_largest(self, machine: Hardware) -> MemoryEstimate:
        """The need of a file of 16 bits a weight."""
        return estimate_memory(replace(self.variant, quant="BF16"), self.engine, machine)

    def beside(self, machine: Hardware) -> int:
        """Bytes of system memory for what the devices do not take: what a machine without them has, counted once."""
        usable = Hardware(system_memory=machine.system_memory).usable()[0] or 0
        return usable - sum(self.rooms(machine)) if machine.unified else usable


@pytest.mark.parametrize(("told", "row"), ROWS, ids=NAMES)
def test_one_byte_decides_as_the_table_says(told, row):
    case = Case(told)
    border = case.border(getattr(case, row["border"]))
    assert (case.at(border - 1).fit.value, case.at(border).fit.value) == (row["below"], row["at"])


@pytest.mark.parametrize(("told", "row"), ROWS, ids=NAMES)
def test_at_a_border_the_numbers_of_a_verdict_agree_with_it(told, row):
    case = Case(told)
    border = case.border(getattr(case, row["border"]))
    for found in (case.at(border - 1), case.at(border)):
        parts = sum(part.bytes or part.least for part in found.estimate.components)
        if found.estimate.per_device is not None:
            assert abs(sum(found.estimate.per_device) - parts) <= len(found.estimate.per_device)
        if found.fit in (Fit.FITS, Fit.TIGHT):
            assert found.need <= found.room
        elif found.fit is Fit.TOO_LARGE:
            assert found.need > found.room
        elif found.fit is Fit.PARTIAL:
            assert 0 < found.gpu_layers < case.variant.shape.layers
            assert found.host_need > found.estimate.host
            assert found.need <= found.room
            assert found.need + found.host_need == parts + found.estimate.host


def test_the_table_has_every_kind_of_machine_and_says_every_word():
    said = {row[side] for _, row in ROWS for side in ("below", "at")}
    # A cache that an engine does not keep is no question of memory.
    assert said == {fit.value for fit in Fit if fit is not Fit.CACHE}
    assert len(set(NAMES)) == len(NAMES)
    assert set(TABLE["variants"]) == {case["variant"] for case, _ in ROWS}
