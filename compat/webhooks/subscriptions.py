"""What webhooks listen to: records written, sheets judged again, repositories that went, runs."""

from __future__ import annotations

from compat.ingest import changes, departures

from . import gone, runnable, runs


def subscribe_to_changes() -> None:
    """Have what the writers change worked out for webhooks, in the same transaction. Called when the site starts."""
    changes.records_written.subscribe(runnable.watch_records)
    changes.sheets_judged.subscribe(runnable.watch_sheets)
    departures.departed.connect(gone.tell_departure)
    changes.run_started.connect(runs.note_start)
    changes.run_finished.connect(runs.note_end)
