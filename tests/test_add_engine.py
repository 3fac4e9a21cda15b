"""The promise of CONTRIBUTING: one file adds an engine, everywhere. Tried on a copy of the project."""

from __future__ import annotations

import json
import re

import pytest

from tests.own_database import ROOT, OwnDatabase
from tests.project_copy import copy_project, run_in_copy
from tests.samples import RECORDS

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
EXAMPLE = re.search(r"^```toml\n(slug = .*?)^```$", CONTRIBUTING, re.MULTILINE | re.DOTALL)[1]

TRY = """
import io, json, sys
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from compat.engines import all_profiles

settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
call_command("load_records", sys.argv[1], stdout=io.StringIO())
client, told = Client(HTTP_HOST="127.0.0.1"), {"profiles": list(all_profiles())}


def page(name, address):
    answer = client.get(address)
    told[name] = [answer.status_code, answer.content.decode()]


def command(name, *arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    told[name] = json.loads(out.getvalue())


page("workers", "/workers/")
page("worker", "/workers/toy/")
page("browse", "/models/?worker=toy")
page("machine", "/models/?worker=toy&memory=8")
page("detail", "/models/microsoft/phi-2/?worker=toy&memory=24")
page("report", "/report/?worker=toy")
command("check", "check_model", "microsoft/phi-2", "--worker", "toy", "--json")
command("numbers", "compat_report", "--worker", "toy", "--top", "5000", "--json")
print(json.dumps(told))
"""


def test_one_file_adds_an_engine_everywhere(tmp_path):
    copy = copy_project(tmp_path / "copy")
    (copy / "compat/engines/profiles/toy.toml").write_text(EXAMPLE, "utf-8")
    with OwnDatabase(tmp_path, HF_HUB_OFFLINE="1") as own:
        done = run_in_copy(copy, own.env, "-c", TRY, RECORDS)
        assert done.returncode == 0, done.stderr[-2000:]
        told = json.loads(done.stdout)
    assert "toy" in told["profiles"]
    assert told["profiles"][0] == "rbee"
    for name in ("workers", "worker", "browse", "machine", "detail", "report"):
        status, text = told[name]
        assert status == 200, name
        assert "Toy engine" in text, name
    assert 'href="/workers/toy/"' in told["workers"][1]
    assert "8,192 tokens at most; a longer context is cut to that" in told["worker"][1]
    assert "its own documentation, checked 23 Nov 2026" in told["worker"][1]
    assert "Memory on Toy engine, 24 GB" in told["detail"][1]
    assert (told["check"]["compatible"], told["check"]["confidence"]) == (True, "medium")
    assert told["numbers"]["worker"] == "toy"
    assert told["numbers"]["compatible"]["count"] > 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("limit = 8192", 'limit = "8192"'), "toy.toml: context: limit should be int"),
        (('serves = ["text"]', 'serve = ["text"]'), "toy.toml: architectures 1: serve is not a field here"),
        (('slug = "toy"', 'slug = "other"'), "toy.toml: slug is 'other'"),
        (
            ('platforms = ["cuda", "cpu"]', 'platforms = ["abacus"]'),
            "toy.toml: hardware: platforms 1 should be one of",
        ),
    ],
    ids=["kind", "misspelt", "slug", "platform"],
)
def test_a_mistake_in_it_is_named_with_file_and_field(change, message):
    from compat.engines import ProfileError
    from compat.engines.loader import read_profile

    assert read_profile(EXAMPLE, "toy.toml").slug == "toy"
    assert EXAMPLE.count(change[0]) == 1
    with pytest.raises(ProfileError) as caught:
        read_profile(EXAMPLE.replace(*change), "toy.toml")
    assert message in str(caught.value)
