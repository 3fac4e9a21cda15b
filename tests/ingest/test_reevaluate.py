"""``reevaluate``: judging again says what it did, and needs no network."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from compat.models import FactSheet, ModelRecord, Verdict
from compat.models.engines import engines

pytestmark = pytest.mark.django_db


def reevaluate(*arguments, capsys):
    call_command("reevaluate", *arguments)
    return capsys.readouterr().out


def test_nothing_is_judged_where_nothing_changed(capsys):
    assert reevaluate(capsys=capsys).startswith(f"0 verdicts made for {FactSheet.objects.count():,} fact sheets in ")


def test_what_is_stale_is_judged(capsys):
    Verdict.objects.filter(profile="rbee").update(rules="0.old")
    assert reevaluate(capsys=capsys).startswith(f"{FactSheet.objects.count():,} verdicts made")


def test_all_judges_all(capsys):
    expected = FactSheet.objects.count() * len(engines())
    assert reevaluate("--all", capsys=capsys).startswith(f"{expected:,} verdicts made")


def test_extract_reads_every_record_again(capsys):
    ModelRecord.objects.update(family="wrong")
    out = reevaluate("--extract", capsys=capsys)
    assert out.startswith(f"{ModelRecord.objects.count():,} records read again.")
    assert not ModelRecord.objects.filter(family="wrong").exists()


def test_json_sums_up_what_was_done(capsys):
    sheets, verdicts = FactSheet.objects.count(), FactSheet.objects.count() * len(engines())
    found = json.loads(reevaluate("--all", "--json", capsys=capsys))
    assert found.pop("seconds") >= 0
    assert found == {"recordsRead": None, "sheets": sheets, "verdicts": verdicts, "dropped": 0}
    assert json.loads(reevaluate("--extract", "--json", capsys=capsys))["recordsRead"] == ModelRecord.objects.count()
