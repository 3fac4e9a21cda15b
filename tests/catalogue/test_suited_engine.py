"""Which engines a machine may be asked about, and the one for who names none."""

from __future__ import annotations

import pytest

from compat.catalogue.ladder import what_runs
from compat.catalogue.question import DictQuery, Question
from compat.catalogue.rows import worker_of
from compat.catalogue.suited_engine import (
    Options,
    best_known_on,
    engine_meant,
    engines_on,
    named_there,
    suited_engine,
)
from compat.catalogue.verdict import runs_nothing
from compat.catalogue.workers import AUTO, Machine, workers
from compat.models import SiteWorker

pytestmark = pytest.mark.django_db

MAC = Machine("Apple M3 Max", memory=64.0)


def test_the_best_known_engines_begin_with_what_suits_the_machine_and_are_all_of_this_site():
    assert best_known_on(MAC)[0] == "mlx-lm"
    assert best_known_on(Machine("RTX 4070"))[:2] == ("ollama", "llama-cpp")
    assert set(best_known_on(MAC)) <= set(workers())


def test_a_machine_may_be_asked_about_what_runs_anything_there_and_about_no_worker_of_the_operator():
    SiteWorker.objects.create(name="Big box", slug="big-box", engine="vllm", memory_gb=24)
    available = workers()
    there = engines_on(MAC, available)
    assert "mlx-lm" in there
    assert "tensorrt-llm" not in there
    assert "big-box" not in there
    assert all(one.machine == MAC and not runs_nothing(one) for one in there.values())
    assert set(engines_on(Machine(), available)) == {slug for slug, one in available.items() if not one.registered}


def test_pages_offer_the_engines_that_may_be_asked_about(client):
    asked = {"worker": "mlx-lm", "accelerator": "Apple M3 Max", "memory": "64"}
    there = set(engines_on(MAC, workers()))
    assert {one.question.worker for one in what_runs(Question.from_query(DictQuery(asked), workers())).engines} == there
    choice = client.get("/models/", asked).context["worker"]
    assert set(choice.engines) == {choice.available[slug].name for slug in there - {"mlx-lm"}}
    refused = client.get("/models/TeichAI/Qwen3-14B-Claude-4.5-Opus-High-Reasoning-Distill-GGUF/", asked).context[
        "page"
    ]
    assert not refused.result.compatible
    assert refused.elsewhere
    assert {one.question.worker for one in refused.elsewhere} <= there


def test_no_engine_that_lacks_what_is_asked_is_chosen_where_another_has_it():
    available, card = workers(), Machine("RTX 4070")
    assert suited_engine(card, available).worker.slug == "ollama"
    assert suited_engine(card, available, Options(kv="q5_1")).worker.slug == "llama-cpp"
    assert suited_engine(card, available, Options(kv="fp8")).worker.slug == "vllm"
    assert suited_engine(card, available, Options(kv="fp8", ubatch=64)).worker.slug == "ollama"


def test_without_a_machine_the_site_s_first_engine_is_meant():
    available = workers()
    assert suited_engine(Machine(), available).worker.slug == next(iter(available))
    assert worker_of(Question(worker=AUTO), available).slug == next(iter(available))


def test_what_names_an_engine_means_it():
    available = workers()
    assert engine_meant("vllm", MAC, available) == "vllm"
    assert engine_meant("", MAC, available) == ""
    assert engine_meant(AUTO, MAC, available) == "mlx-lm"
    assert worker_of(Question(worker=AUTO, accelerator="Apple M3 Max"), available).slug == "mlx-lm"


def test_a_link_to_another_machine_keeps_the_engine_that_its_numbers_are_of():
    available = workers()
    ollama = available["ollama"]
    assert named_there(AUTO, ollama, Machine("RTX 4090"), available) == AUTO
    assert named_there(AUTO, ollama, MAC, available) == "ollama"
    assert named_there("ollama", ollama, Machine("RTX 4090"), available) == "ollama"
