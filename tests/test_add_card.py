"""The promise of CONTRIBUTING: one line adds a graphics card, everywhere. Tried on a copy of the project."""

from __future__ import annotations

import json
import re

from tests.own_database import ROOT, OwnDatabase
from tests.project_copy import change_line, copy_project, run_in_copy
from tests.samples import RECORDS

SECTION = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## Adding a graphics card\n")[1].split("\n## ")[0]
EXAMPLE = re.search(r"^```json\n(.*?)\n```$", SECTION, re.MULTILINE | re.DOTALL)[1]
NAME = json.loads(EXAMPLE)["name"]

TRY = """
import io, json, sys
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client

settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
call_command("load_records", sys.argv[1], stdout=io.StringIO())
out = io.StringIO()
call_command("check_model", "microsoft/phi-2", "--accelerator", sys.argv[2], "--json", stdout=out)
page = Client(HTTP_HOST="127.0.0.1").get("/models/", {"accelerator": sys.argv[2]})
print(json.dumps({"check": json.loads(out.getvalue()), "status": page.status_code, "page": page.content.decode()}))
"""


def test_one_line_adds_a_card_everywhere(tmp_path):
    copy = copy_project(tmp_path / "copy")
    begin = '"accelerators": [\n'
    change_line(copy / "compat/engines/data/accelerators.json", begin, f"{begin}{EXAMPLE},\n")
    with OwnDatabase(tmp_path) as own:
        assert run_in_copy(copy, own.env, "manage.py", "check").returncode == 0
        done = run_in_copy(copy, own.env, "-c", TRY, RECORDS, NAME)
        assert done.returncode == 0, done.stderr[-2000:]
        told = json.loads(done.stdout)
    assert told["status"] == 200
    assert NAME in told["page"]
    assert told["check"]["worker"]["machine"]["accelerator"] == NAME
    assert told["check"]["memory"]["roomBytes"] == json.loads(EXAMPLE)["gb"] * 1024**3
    assert told["check"]["fit"]["fit"] == "fits"
