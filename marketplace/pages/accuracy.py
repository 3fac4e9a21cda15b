"""How good the estimates are: compared with measurements, in the open."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from compat.catalogue.accuracy import accuracy_here
from compat.catalogue.measured_points import memory_lines, speed_lines
from compat.catalogue.measurements import MOST_COUNTED, measured_by_engine
from compat.engines import all_profiles
from compat.engines.evidence import evidence
from compat.estimate.ledger import LEAST_POINTS, Ledger, Margin, Proof, Row, proofs, shipped_ledger
from compat.models import Measurement
from compat.timestamps import Json

from .address import takes
from .htmx import HtmxHttpRequest, render_page

QUANTITIES = {
    "total": "Memory in all",
    "weights": "Weights on the device",
    "file": "Weights, by packing alone",
    "kv": "KV cache",
    "compute": "Compute buffers",
    "state": "Recurrent state",
    "overhead": "Engine overhead",
    "decode": "Decode speed",
}
FIRM = "firm"
"""The group of points an estimator is held to: engine logs, vendor tables, runs of the engine itself."""
_READERS = {"medium": "read by users", "user": "told by users", "table": "makers' tables"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One row: its numbers, what was compared, whose points they are, and whether they are too few to be a proof."""

    row: Row
    what: str
    whose: str
    unproven: bool


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine: how much was measured of it, and the best kind of points there are of memory and of speed.

    ``loader`` is the engine whose measurements these are, where it is another one.
    """

    proof: Proof
    memory: Row | None
    speed: Row | None
    loader: str


def _table(found: Ledger, table: str, by: str) -> list[Shown]:
    rows = [row for row in found.rows(table, by) if row.quality not in ("high", "engine-run")]
    if by != "engine" and table == "memory":
        rows = [row for row in rows if row.quality == FIRM]
    return [
        Shown(
            row,
            QUANTITIES.get(row.quantity, row.quantity),
            _READERS.get(row.quality, ""),
            unproven=row.unproven,
        )
        for row in sorted(rows, key=lambda row: (row.quantity != "total", row.quantity, -row.n, row.name))
    ]


def _engines(found: Ledger) -> list[EngineRow]:
    return [
        EngineRow(
            proof,
            found.memory.engine_row(proof.slug, "total"),
            found.speed.engine_row(proof.slug, "decode"),
            "" if _bare(proof.measured_as) in (_bare(proof.slug), _bare(proof.name)) else proof.measured_as,
        )
        for proof in proofs(found)
    ]


@cache
def _names() -> dict[str, str]:
    """What engines are called, by their slugs and names without what people write differently."""
    return {_bare(known): one.name for slug, one in all_profiles().items() for known in (slug, one.name)}


def engine_words(name: str) -> str:
    """What the ledger says of an engine, with the name other pages call it by: ``vllm, 2026`` is ``vLLM, 2026``."""
    return _ENGINE.sub(lambda found: _names().get(_bare(found[0]), found[0]), name)


_ENGINE = re.compile(r"^[^\s,]+")


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


_VENDORS = {"nvidia": "NVIDIA", "amd": "AMD", "apple": "Apple", "intel": "Intel"}


def hardware_words(kind: str) -> str:
    """A class of hardware in words: ``AMD, memory shared with the processor``."""
    if kind == "cpu":
        return "processor"
    vendor, _, rest = kind.partition("-")
    more = {
        "unified": ", shared memory",
        "before-6.0": " before Pascal",
        "before-7.0": " of the Pascal generation",
        "compute": " for computing",
    }.get(rest, "")
    return _VENDORS.get(vendor, vendor) + ("" if vendor == "apple" else more)


def _rests_on(margin: Margin) -> str:
    if margin.quantity == "decode":
        return hardware_words(margin.basis)
    return margin.basis + (", on a processor" if margin.where == "processor" else "")


MEASURED: Mapping[str, Callable[[Iterable[Measurement]], Iterator[Json]]] = {
    "measured": memory_lines,
    "measured-speed": speed_lines,
}
"""What was measured here, as points of memory and of speed: the values of ``format`` that download them."""


def _points(kind: str) -> HttpResponse:
    lines = MEASURED[kind](Measurement.objects.all()[:MOST_COUNTED])
    body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    response = HttpResponse(body, content_type="application/jsonl; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{kind}.jsonl"'
    return response


@require_safe
@takes(format=("json", *MEASURED))
def accuracy(request: HtmxHttpRequest) -> HttpResponse:
    """``/accuracy/``; ``?format=json`` gives the same as data, and ``measured`` what was measured here, as points."""
    wanted = request.GET.get("format", "")
    if wanted == "json":
        return JsonResponse(accuracy_here())
    if wanted in MEASURED:
        return _points(wanted)
    found = shipped_ledger()
    tables = [
        ("Memory, by part", "memory-all", _table(found, "memory", "all")),
        ("Memory, by engine", "memory-engine", _table(found, "memory", "engine")),
        ("Memory, by engine and year", "memory-build", _table(found, "memory", "build")),
        ("Memory, by model family", "memory-family", _table(found, "memory", "family")),
        ("Decode speed, by engine", "speed-engine", _table(found, "speed", "engine")),
        ("Decode speed, by engine and year", "speed-build", _table(found, "speed", "build")),
        ("Decode speed, by backend", "speed-backend", _table(found, "speed", "backend")),
        ("Decode speed, by model family", "speed-family", _table(found, "speed", "family")),
    ]
    context = {
        "page": found,
        "engines": _engines(found),
        "engine_words": engine_words,
        "least": LEAST_POINTS,
        "tables": tables,
        "margins": [
            (margin, QUANTITIES.get(margin.quantity, margin.quantity), _rests_on(margin))
            for margin in (*found.memory.margins, *found.speed.margins)
        ],
        "ranges": [(one, hardware_words(one.basis)) for one in found.speed.ranges],
        "evidence": evidence(),
        "measured": measured_by_engine(),
    }
    return render_page(request, "pages/accuracy.html", context)
