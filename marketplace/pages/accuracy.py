"""How good the estimates are: compared with measurements, in the open."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from compat.engines.evidence import evidence
from compat.estimate.ledger import Ledger, shipped_accuracy, shipped_ledger

from .address import takes
from .htmx import HtmxHttpRequest, render_page

QUANTITIES = {
    "total": "Memory in all",
    "weights": "Weights",
    "kv": "KV cache",
    "compute": "Compute buffers",
    "state": "Recurrent state",
    "decode": "Decode speed",
}
FIRM = "firm"
"""The group of points an estimator is held to: engine logs, vendor tables, runs of the engine itself."""


def _table(found: Ledger, table: str, by: str) -> list[dict[str, object]]:
    rows = found.rows(table, by)
    shown = [row for row in rows if row.quality == FIRM] if table == "memory" else rows
    return [
        {"row": row, "what": QUANTITIES.get(row.quantity, row.quantity)}
        for row in sorted(shown, key=lambda row: (row.quantity != "total", row.quantity, -row.n, row.name))
    ]


@require_safe
@takes(format=("json",))
def accuracy(request: HtmxHttpRequest) -> HttpResponse:
    """``/accuracy/``; ``?format=json`` gives the same as data."""
    found = shipped_ledger()
    if request.GET.get("format") == "json":
        return JsonResponse(shipped_accuracy())
    tables = [
        ("Memory, by quantity", "memory-all", _table(found, "memory", "all")),
        ("Memory, by engine", "memory-engine", _table(found, "memory", "engine")),
        ("Memory, by model family", "memory-family", _table(found, "memory", "family")),
        ("Decode speed, by engine", "speed-engine", _table(found, "speed", "engine")),
        ("Decode speed, by model family", "speed-family", _table(found, "speed", "family")),
    ]
    return render_page(request, "pages/accuracy.html", {"page": found, "tables": tables, "evidence": evidence()})
