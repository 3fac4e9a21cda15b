"""A second writer: edits as the admin makes them and loads of small files, of rows that nobody else is at."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from typing import Any

PAUSE = 0.1
NAME = "writer"


def write_until(told_to_stop: int, told: dict[str, Any], pause: float = PAUSE, *, engines: bool = False) -> None:
    """Write until a pipe is closed; ``told`` then says what must be in the database.

    With ``engines`` it also changes what an engine does with long contexts, so that verdicts are stale again.
    """
    from django.db import transaction

    from compat.ingest import store
    from compat.models import CuratedList, EngineSetting
    from tests.samples import record

    told.update({"edits": 0, "records": 0})
    shape = record("microsoft/phi-2", siblings=[{"rfilename": "model.safetensors"}], tags=[NAME], library_name=NAME)
    while not select.select([told_to_stop], [], [], pause)[0]:
        number = told["edits"] + 1
        with transaction.atomic():
            EngineSetting.objects.update_or_create(slug=f"{NAME}-{number % 2}", defaults={"enabled": False})
            shown = CuratedList.objects.select_for_update().get_or_create(
                slug=NAME, defaults={"title": NAME, "published": False}
            )[0]
            shown.description = str(number)
            shown.save()
            if engines and number % 20 == 0:
                policy = "cap" if number % 40 else "reject"
                EngineSetting.objects.filter(slug="llama-cpp").update(context_policy=policy)
        told["edits"] = number
        if number % 2 and told["records"] < 40:
            one = {**shape, "id": f"{NAME}/model-{told['records']}", "downloads": 0, "likes": 0}
            counts = store.store_raw([(NAME, one)], origin="file")
            assert counts.new == 1, counts
            told["records"] += 1
    os.close(told_to_stop)


def fetch_until(told_to_stop: int, told: dict[str, Any], names: Sequence[str]) -> None:
    """Fetch single models from the Hub, one after the other, until a pipe is closed."""
    from compat.tasks import fetch_now

    told["fetches"] = 0
    while not select.select([told_to_stop], [], [], PAUSE)[0]:
        fetch_now(names[told["fetches"] % len(names)])
        told["fetches"] += 1
    os.close(told_to_stop)


def what_lacks(told: dict[str, Any]) -> list[str]:
    """What the second writer wrote, and is not there."""
    from compat.models import CuratedList, ModelRecord, Verdict
    from compat.models.engines import engines

    lacking = []
    records = ModelRecord.objects.filter(repo_id__startswith=f"{NAME}/")
    if records.count() != told["records"]:
        lacking.append(f"{records.count()} of {told['records']} records")
    shown = CuratedList.objects.filter(slug=NAME).values_list("description", flat=True).first()
    if told["edits"] and shown != str(told["edits"]):
        lacking.append(f"edit {told['edits']}: there is {shown}")
    for slug in engines():
        judged = Verdict.objects.filter(profile=slug, sheet__in=records.values("sheet")).values("sheet").count()
        if judged != records.values("sheet").distinct().count():
            lacking.append(f"verdicts of {slug}")
    return lacking
