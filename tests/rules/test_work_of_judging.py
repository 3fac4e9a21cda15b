"""Every fact sheet is judged on every engine, and again at each change of the rules, so the steps it takes count."""

from __future__ import annotations

from compat.engines.loader import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge
from tests.samples import every_record
from tests.work import calls_of


def test_a_verdict_takes_few_steps():
    judged = [extract(parse_record(record).model).judged for record in every_record()]
    facts = list(dict.fromkeys(one for variants in judged for one in variants))
    profiles = list(all_profiles().values())

    def judge_on_all_engines():
        return [judge(one, profile) for profile in profiles for one in facts]

    judge_on_all_engines()

    assert calls_of(judge_on_all_engines) / len(facts) / len(profiles) < 80
