"""Failures that people reported in public, as records and machines: each is told what really happened."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.management import call_command

from compat.ingest import store
from compat.models import RecordVariant
from compat.rules import Confidence

pytestmark = pytest.mark.django_db
FILE = Path(__file__).parent / "data" / "reports.jsonl"
REPORTS = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
FLAGS = ("accelerator", "count", "memory", "ram", "context")


def answer(report, capsys):
    """What the command says of the record on that worker and machine."""
    counts = store.store_raw([(report["name"], report["record"])], origin="file")
    assert counts.new + counts.changed + counts.unchanged == 1, counts.problems
    told = report["machine"]
    machine = [part for flag in FLAGS if flag in told for part in (f"--{flag}", str(told[flag]))]
    with suppress(SystemExit):  # a model that does not run ends the command with a code of its own
        call_command("check_model", report["record"]["id"], "--worker", report["worker"], *machine, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("report", REPORTS, ids=[report["name"] for report in REPORTS])
def test_what_was_reported_is_what_is_told(report, capsys):
    found, expected = answer(report, capsys), report["expected"]
    parts = (found["memory"] or {}).get("parts", [])
    weights = next((part["bytes"] / 1e9 for part in parts if part["name"] == "Weights" and part["bytes"]), None)
    need = ((found["fit"] or {}).get("needBytes") or 0) / 1e9
    if "compatible" in expected:
        assert found["compatible"] is expected["compatible"], report["why"]
    if "cause" in expected:
        assert found["cause"] == expected["cause"], report["why"]
    if "weights_gb" in expected:
        least, most = expected["weights_gb"]
        assert weights is not None, report["why"]
        assert 0.97 * least <= weights <= 1.03 * most, report["why"]
    if "at_most" in expected:
        assert Confidence[found["confidence"].upper()] <= Confidence[expected["at_most"].upper()], report["why"]
    if "no_need_below_gb" in expected and found["compatible"]:
        assert not 0 < need < expected["no_need_below_gb"], report["why"]
    if "warns" in expected and found["compatible"]:
        assert found["warnings"], report["why"]
    stored = RecordVariant.objects.filter(record__repo_id=report["record"]["id"])
    sizes = dict(stored.values_list("label", "size_bytes"))
    assert sizes.items() >= expected.get("variants", {}).items(), report["why"]


@pytest.mark.parametrize("name", ["Qwen-32B-4bit", "Qwen-32B-MLX-4bit"])
def test_a_name_that_closes_with_its_width_tells_the_packing_whoever_published_it(name, capsys):
    report = next(one for one in REPORTS if one["name"] == "mlx-org-4bit-on-vllm")
    record = {**report["record"], "id": f"somebody/DeepSeek-R1-Distill-{name}"}
    found = answer({**report, "record": record}, capsys)
    assert (found["compatible"], found["cause"]) == (False, "quantization")


def test_every_report_says_what_is_expected_and_why():
    assert len({report["name"] for report in REPORTS}) == len(REPORTS) >= 25
    checked = {"compatible", "cause", "weights_gb", "at_most", "no_need_below_gb", "warns", "variants"}
    for report in REPORTS:
        assert report["why"]
        assert report["expected"].keys() <= checked, report["name"]
