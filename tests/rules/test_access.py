"""What the access rule says of a repository's gate."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.extraction.facts import Provenance, VariantFacts
from compat.hub.payloads import parse_record
from compat.rules import judge

FACTS = {"architecture": "llama", "architecture_from": Provenance.CONFIG, "format": "safetensors"}


@pytest.mark.parametrize(
    ("told", "gated"),
    [({}, None), ({"gated": False}, False), ({"gated": True}, True), ({"gated": "auto"}, True)],
)
def test_a_gate_is_a_fact_only_where_it_is_told(told, gated):
    facts = extract(parse_record({"id": "a/b", **told}).model).judged[0]
    assert facts.gated is gated
    assert VariantFacts.from_json(facts.as_json()) == facts


def test_only_a_told_gate_warns_and_no_gate_is_called_open():
    for profile in all_profiles().values():
        silent, free, gated = (judge(VariantFacts(**FACTS, gated=told), profile) for told in (None, False, True))
        assert silent == free
        assert "gated" not in silent.codes
        assert "gated" in gated.codes
        assert any(text.startswith("Gated:") for text in gated.warnings)
        assert any("accept the terms" in text for text in gated.recommendations)
        assert not any("open" in text.split() for text in (*silent.reasons, *silent.warnings))
