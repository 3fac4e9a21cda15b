"""Reading anew and judging beside loads, edits and fetches: no run fails, and nothing that others wrote is lost."""

from __future__ import annotations

import json

from tests.crash.laboratory import LONG, Laboratory
from tests.crash.test_commands import SMALL_STEPS, few, models
from tests.hub_server import HubServer
from tests.own_database import OwnDatabase  # noqa: F401 - this module makes databases of its own

ROUNDS = 200 if LONG else 5


def test_reading_and_judging_anew_beside_loads_edits_and_fetches(tmp_path):
    with HubServer(models()) as hub, Laboratory(tmp_path, HF_ENDPOINT=hub.url) as laboratory:
        laboratory.begin()
        laboratory.do(
            f"import json\nfrom compat.ingest import store\n"
            f"from compat.models.engines import ensure_settings\nensure_settings()\n"
            f"store.store_raw([('x', one) for one in json.loads({json.dumps(json.dumps(few()))})], origin='file')"
        )
        told = laboratory.race(ROUNDS, [one["id"] for one in models()], first=SMALL_STEPS)
    beside = ", ".join(f"{told[what]} {what}" for what in ("edits", "records", "fetches"))
    print(f"{ROUNDS} runs, none failed; beside them {beside}")  # noqa: T201 - the numbers are what it is for
    assert told["edits"] >= (ROUNDS // 2 if LONG else 1)
    assert told["fetches"]
