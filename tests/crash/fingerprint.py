"""What a database and folders hold, without what may differ between two runs that came to the same end."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import AutoField, DateTimeField, ForeignKey, Model

LEFT_OUT = {
    "compat.Catalogue": {"version"},
    "compat.HubSelection": {"number", "whole_number", "pages"},
    "compat.SelectedModel": {"seen"},
    "django_tasks_database.DBTaskResult": {"id", "worker_ids", "return_value", "traceback"},
}
"""Columns that count how often something was done."""
NOT_COMPARED = {"compat.HubWindow", "compat.Job", "admin.LogEntry"}
"""Tables of what was done and when; of jobs it is asked below."""
OTHERS = "writer"
"""What the second writer's rows are called by."""


def rows_of(model: type[Model]) -> Counter[str]:
    """All rows of a table as texts, with what they refer to in place of numbers."""
    left_out = LEFT_OUT.get(model._meta.label, set())
    found: Counter[str] = Counter()
    rows = model._default_manager.all()
    if model._meta.label in ("compat.FactSheet", "compat.Verdict"):
        ours = apps.get_model("compat.ModelRecord").objects.exclude(repo_id__startswith=OTHERS).values("sheet")
        rows = rows.filter(**{"pk__in" if model._meta.label == "compat.FactSheet" else "sheet__in": ours})
    for row in rows:
        told = {}
        for field in model._meta.concrete_fields:
            if field.name in left_out or (field.primary_key and isinstance(field, AutoField)):
                continue
            value = getattr(row, field.attname)
            if isinstance(field, DateTimeField):
                value = value is not None
            elif isinstance(field, ForeignKey):
                value = None if value is None else _name_of(getattr(row, field.name))
            elif isinstance(value, (bytes, memoryview)):
                value = hashlib.blake2b(bytes(value), digest_size=8).hexdigest()
            told[field.name] = value
        _without_times(model._meta.label, told)
        text = json.dumps(told, sort_keys=True, default=str)
        if OTHERS not in text:
            found[text] += 1
    return found


def _without_times(label: str, told: dict[str, Any]) -> None:
    """When something was noticed is part of what is kept of a repository that is gone."""
    if label == "compat.RecordDocument" and told["kind"] == "refusal":
        del told["data"]
    if label == "compat.ModelRecord" and told["gone"]:
        del told["digest"]


def _name_of(row: Model) -> str:
    for name in ("repo_id", "digest", "slug", "key", "username", "codename", "model", "kind"):
        if hasattr(row, name):
            return f"{row._meta.label} {getattr(row, name)}"
    return f"{row._meta.label} {row}"


def files_in(folder: Path) -> dict[str, str]:
    """The files in a folder by their names, each with a digest."""
    return {
        str(path.relative_to(folder)): hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fingerprint() -> dict[str, list[str]]:
    """The rows of every table, and which jobs of the site were done, wait, go on, or failed.

    What somebody ran is not looked at where it is over: run again, it may find that nothing is left to do.
    """
    told = {
        model._meta.label: sorted(rows_of(model).elements())
        for model in apps.get_models()
        if model._meta.label not in NOT_COMPARED
    }
    job = apps.get_model("compat.Job")
    noted = job.objects.exclude(state="failed").exclude(state="done", most_attempts=1)
    ended = {f"{one.kind} {one.options}: {one.state}" for one in noted}
    failed = {f"{one.kind} {one.options}: {one.error}" for one in job.objects.filter(state="failed") if not _lost(one)}
    told["jobs"] = sorted(ended | failed)
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        told["migrations"] = sorted(" ".join(row) for row in cursor.fetchall())
    return told


def _lost(job: Any) -> bool:
    from compat.ingest.jobs import KILLED

    return job.error.startswith(KILLED)
