"""What columns say of the rules' answers on known hardware is what judging each sheet for it says."""

from __future__ import annotations

import numpy as np
import pytest

from compat.catalogue.hardware_answers import HardwareAnswers
from compat.catalogue.index_columns import INDEX_CAUSES
from compat.catalogue.made_for import made_for
from compat.catalogue.verdict import accepted_answers, answer_to
from compat.catalogue.workers import Worker, choose_worker, workers
from compat.models import FactSheet
from compat.rules import platform
from compat.rules.judge import bound_of_engine
from compat.rules.modality import is_text_only

pytestmark = pytest.mark.django_db

CARDS = (
    *("RTX 4090", "Tesla T4", "A100-SXM4 80 GB", "Tesla P100-PCIE 16 GB", "RTX 5090"),
    *("Instinct MI300X", "RX 7900 XTX", "Apple M3 Max", "Tesla K80", "GTX 980 Ti", "Arc 140V"),
)
ENGINES = ("vllm", "sglang", "transformers", "tensorrt-llm", "mlx-lm", "lmdeploy", "tgi", "exllamav3", "llama-cpp")


def machines(engine):
    """Workers of an engine that its hardware does not refuse as a whole."""
    found = [choose_worker(workers(), engine, accelerator=card, count=n) for card in CARDS for n in (1, 2)]
    found.append(choose_worker(workers(), engine, ram=64.0))
    named = [one for one in found if one.capability is not None]
    return [one for one in named if not bound_of_engine(one.profile, one.capability).cause]


def asking(engine):
    """The answers of all sheets that the engine accepts on some hardware."""
    worker = workers()[engine]
    sheets = list(FactSheet.objects.order_by("id").values_list("id", flat=True))
    return worker, dict(accepted_answers(Worker(engine, worker.name, worker.profile), sheets))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_sheet_is_answered_as_one_by_one(engine):
    worker, answers = asking(engine)
    columns = HardwareAnswers.of(answers, worker.profile)
    assert machines(engine)
    for machine in machines(engine):
        found = columns.on(machine.profile, machine.capability)
        for row, pk in enumerate(columns.sheets.tolist()):
            expected = answer_to(answers[pk].facts, machine)
            best = expected.results[expected.order[0]]
            assert (found.level[row], INDEX_CAUSES[found.cause[row]]) == (int(best.level), best.cause)
            part = slice(found.first[row], found.first[row + 1])
            told = zip(
                found.position[part].tolist(),
                found.sureness[part].tolist(),
                found.made_for[part].tolist(),
                found.text_only[part].tolist(),
                found.unaided[part].tolist(),
                found.unoptimized[part].tolist(),
                strict=True,
            )
            assert list(told) == [
                (at, one.sureness, made_for(expected.facts[at]), is_text_only(one), one.unaided, one.unoptimized)
                for at in expected.order
                if (one := expected.results[at]).compatible
            ]


def test_hardware_does_change_answers():
    worker, answers = asking("sglang")
    columns = HardwareAnswers.of(answers, worker.profile)
    levels = {tuple(columns.on(one.profile, one.capability).level.tolist()) for one in machines("sglang")}
    assert len(levels) > 2


def test_parts_are_the_whole():
    worker, answers = asking("vllm")
    whole = HardwareAnswers.of(answers, worker.profile)
    odd, even = ({pk: one for pk, one in answers.items() if pk % 2 == rest} for rest in (1, 0))
    joined = HardwareAnswers.joined([HardwareAnswers.of(part, worker.profile) for part in (odd, even)])
    some = whole.among(np.array(list(odd)))
    for machine in machines("vllm")[:3]:
        found, other = (one.on(machine.profile, machine.capability) for one in (whole, joined))
        assert all(np.array_equal(getattr(found, name), getattr(other, name)) for name in found.__slots__)
        assert some.on(machine.profile, machine.capability).level.tolist() == [
            level for pk, level in zip(whole.sheets.tolist(), found.level.tolist(), strict=True) if pk % 2
        ]


def test_what_is_held_against_hardware_is_all_that_hardware_looks_at():
    worker, answers = asking("sglang")
    for machine in machines("sglang"):
        for answer in answers.values():
            for facts in answer.facts:
                few = platform.facts_for_hardware(facts)
                assert [*platform.check(few, worker.profile, machine.capability)] == [
                    *platform.check(facts, worker.profile, machine.capability)
                ]
