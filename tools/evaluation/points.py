"""Measured points: those of the project, and those of anybody's file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from compat.strict_data import DataError, parse_json
from tools.evaluation import told_points
from tools.evaluation.point_rows import MemoryPoint, Point, SpeedPoint, check_memory_point, check_speed_point

P = TypeVar("P", MemoryPoint, SpeedPoint)


@cache
def memory_points() -> tuple[MemoryPoint, ...]:
    """The project's own measured loads; raises ``DataError`` naming line and field where one is wrong."""
    return tuple(_bundled("memory_points", check_memory_point))


@cache
def speed_points() -> tuple[SpeedPoint, ...]:
    """The project's own measured speeds; raises ``DataError`` naming line and field where one is wrong."""
    return tuple(_bundled("speed_points", check_speed_point))


def _bundled(name: str, check: Callable[[object, str], P]) -> Iterator[P]:
    seen: dict[P, int] = {}
    for number, line in _lines((files("tools.evaluation") / "data" / f"{name}.jsonl").read_text("utf-8")):
        place = f"{name}.jsonl line {number}"
        point = check(parse_json(line, place), place)
        first = seen.setdefault(point, number)
        if first != number:
            raise DataError(f"{place}: is the same point as line {first}")
        yield point


def read_memory_points(path: Path) -> tuple[tuple[MemoryPoint, ...], tuple[str, ...]]:
    """The points of a JSON-lines file, in columns or as others tell them, and what of it is not understood.

    Raises ``DataError`` naming the line and field of a value that cannot be.
    """
    return _read(path, told_points.memory_point, check_memory_point)


def read_speed_points(path: Path) -> tuple[tuple[SpeedPoint, ...], tuple[str, ...]]:
    """The same for measured speeds."""
    return _read(path, told_points.speed_point, check_speed_point)


def _read(
    path: Path,
    columns: Callable[[Mapping[str, Any]], tuple[dict[str, Any], tuple[str, ...]]],
    check: Callable[[object, str], P],
) -> tuple[tuple[P, ...], tuple[str, ...]]:
    found: list[P] = []
    unread: dict[str, list[int]] = {}
    for number, line in _lines(path.read_text("utf-8")):
        place = f"{path.name} line {number}"
        told = parse_json(line, place)
        if not isinstance(told, Mapping):
            raise DataError(f"{place}: should be a table, not {json.dumps(told)[:40]}")
        try:
            point, fields = columns(told)
        except DataError as error:
            raise DataError(f"{place}: {error}") from None
        try:
            found.append(check(point, place))
        except DataError as error:
            raise DataError(_in_words_of(told, str(error), place)) from None
        for field in fields:
            unread.setdefault(field, []).append(number)
    notes = (f"{path.name} line {n[0]}{_and_more(len(n))}: {field} is not understood" for field, n in unread.items())
    return tuple(found), tuple(notes)


def _in_words_of(told: Mapping[str, Any], problem: str, place: str) -> str:
    """The problem, with the wrong field named as the line names it."""
    column = problem.removeprefix(f"{place}: ").split(" ", maxsplit=1)[0]
    names = (name for name in told_points.TOLD_AS.get(column, ()) if name in told)
    name = column if column in told else next(names, column)
    return problem.replace(f"{place}: {column} ", f"{place}: {name} ", 1)


def _and_more(count: int) -> str:
    return f" and {count - 1:,} more" if count > 1 else ""


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())


def name_of(point: Point) -> str:
    """A short name for a point in a report: model, packing, context and cache types."""
    parts = [point.model.split(" (")[0], point.quant or "", f"@{point.ctx}" if point.ctx else "", point.k_type or ""]
    return " ".join(part for part in parts if part)


def repeated(points: Iterable[MemoryPoint]) -> frozenset[int]:
    """Positions of users' readings that repeat a value over contexts, or a day's over models: readings of neither."""
    contexts: dict[tuple[object, ...], dict[int, object]] = {}
    models: dict[tuple[object, ...], dict[int, object]] = {}
    for index, point in enumerate(points):
        if point.total_is == "card":
            reading = (point.engine, point.accelerator, point.total_mib)
            contexts.setdefault((point.model_id, point.quant, *reading), {})[index] = point.ctx
            models.setdefault((point.date, *reading), {})[index] = point.model_id
    groups = ((contexts, 2), (models, _SEVERAL))
    return frozenset(
        index
        for found, least in groups
        for members in found.values()
        if len(set(members.values())) >= least
        for index in members
    )


_SEVERAL = 3
"""Two models may take the same memory of a card; three that do so on one day were not read one by one."""
