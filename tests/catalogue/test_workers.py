"""Workers and machines: what an operator registers, what a visitor says of theirs, and what estimates get of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from compat.catalogue.workers import (
    Machine,
    Worker,
    choose_worker,
    not_together,
    workers,
)
from compat.engines import all_profiles, default_profile
from compat.engines.accelerator_names import accelerator_labels, accelerator_named
from compat.engines.cards import Cards
from compat.engines.gpu_capability import Capability
from compat.engines.hardware import GIB, MOST_ACCELERATORS
from compat.engines.machine_text import read_machine
from compat.estimate import accelerators
from compat.estimate.cache_types import cache_types
from compat.estimate.launch import DEFAULT_CONTEXT
from compat.models import EngineSetting, SiteWorker
from compat.models.engines import engines
from compat.rules.judge import bound_of_engine

OFFERED = [slug for slug, profile in all_profiles().items() if profile.offered]
"""The engines that visitors can pick before the operator decides."""


def alone(machine=None, **more):
    """The default engine, on a machine if one is told."""
    profile = default_profile()
    return Worker(profile.slug, profile.name, profile, machine or Machine(), **more)


# --- machines --------------------------------------------------------------------------------------------------


def test_a_machine_of_which_nothing_is_told_has_no_hardware():
    assert not Machine().told
    assert Machine().hardware is None
    assert Machine(count=4).hardware is None
    assert Machine().label == ""


def test_a_named_accelerator_is_the_bundled_one():
    hardware = Machine("RTX 4090").hardware
    assert hardware.accelerators == (accelerator_named("RTX 4090"),)
    assert hardware.accelerators[0].memory == 24 * GIB
    assert hardware.accelerators[0].bandwidth
    assert hardware.system_memory is None


UNLIKE = Machine("RTX 4090", ram=64.0, beside=(Cards("RTX 3060 12 GB", 2), Cards("GTX 1080 Ti")))


def test_unlike_accelerators_are_each_what_they_are():
    hardware = UNLIKE.hardware
    assert [one.memory // GIB for one in hardware.accelerators] == [24, 12, 12, 11]
    assert len({one.bandwidth for one in hardware.accelerators}) == 3
    assert (UNLIKE.total, hardware.system_memory) == (4, 64 * GIB)
    assert UNLIKE.label == "RTX 4090 + 2 \u00d7 RTX 3060 12 GB + GTX 1080 Ti"


def test_unlike_accelerators_are_written_as_they_are_read():
    read = read_machine(UNLIKE.words)
    assert (read.accelerator, read.beside, read.ram) == ("RTX 4090", UNLIKE.beside, 64.0)


def test_unlike_accelerators_compute_what_the_oldest_does():
    assert alone(UNLIKE).capability == Capability("nvidia", 6.1, None, 4)
    amd = Machine("RX 7900 XTX", beside=(Cards("RX 7600"),))
    assert alone(amd).capability == Capability("amd", None, None, 2)


def test_what_is_taken_of_each_kind_is_said():
    taken = Machine("RTX 4090", beside=(Cards("RTX 3060"),)).assumed
    assert taken.startswith("RTX 3060 may be")
    assert UNLIKE.assumed == ""


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (UNLIKE, ""),
        (Machine("RTX 4090", 4), ""),
        (Machine(memory=24, beside=(Cards("RTX 3060"),)), "name the first"),
        (Machine("RTX 4090", beside=(Cards("RX 7600"),)), "several makers"),
        (Machine("Apple M3 Max", memory=64, beside=(Cards("RTX 4090"),)), "shares its memory"),
        (Machine("RTX 4090", 10, beside=(Cards("RTX 3060", 7),)), "are 17"),
    ],
)
def test_only_what_works_together_is_one_machine(machine, words):
    found = not_together(machine)
    assert words in found
    assert bool(words) == bool(found)


def test_several_accelerators_are_counted():
    hardware = Machine("RTX 4090", count=MOST_ACCELERATORS).hardware
    assert len(hardware.accelerators) == MOST_ACCELERATORS
    assert sum(hardware.usable()) == MOST_ACCELERATORS * 24 * GIB


def test_memory_told_beside_a_name_replaces_only_the_memory():
    told, known = Machine("RTX 4090", memory=48.0).hardware.accelerators[0], accelerator_named("RTX 4090")
    assert told.memory == 48 * GIB
    assert (told.vendor, told.bandwidth, told.compute_capability) == (
        known.vendor,
        known.bandwidth,
        known.compute_capability,
    )


def test_memory_alone_is_an_accelerator_of_unknown_make():
    hardware = Machine(memory=12.5, count=2).hardware
    assert [one.memory for one in hardware.accelerators] == [round(12.5 * GIB)] * 2
    assert {(one.vendor, one.bandwidth) for one in hardware.accelerators} == {("", None)}


def test_system_memory_alone_is_a_machine_without_accelerators():
    machine = Machine(ram=64.0)
    assert machine.told
    assert machine.hardware.accelerators == ()
    assert machine.hardware.system_memory == 64 * GIB


def test_system_memory_goes_beside_accelerators():
    assert Machine("RTX 4090", ram=128.0).hardware.system_memory == 128 * GIB


def test_an_accelerator_this_site_does_not_know_leaves_its_memory_unknown():
    assert Machine("RTX 9999").hardware.accelerators == ()
    assert Machine("RTX 9999", memory=16.0).hardware.accelerators[0].memory == 16 * GIB
    assert accelerator_named("RTX 9999") is None
    assert accelerator_named("") is None


def test_memory_shared_with_the_system_comes_from_what_is_told():
    shared = accelerator_named("Apple M2")
    assert shared.memory is None
    assert Machine("Apple M2").hardware == Machine("Apple M2", memory=8.0).hardware
    (usable,) = Machine("Apple M2", memory=24.0).hardware.usable()
    assert 0 < usable < 24 * GIB
    assert Machine("Apple M2", ram=24.0).hardware.usable() == (usable,)


def test_of_several_that_are_called_so_the_least_is_taken_and_that_is_said():
    least, most = Machine("RTX 3060 8 GB"), Machine("RTX 3060 12 GB")
    machine = Machine("RTX 3060")
    assert machine.hardware == least.hardware
    assert (
        machine.assumed
        == "RTX 3060 may be RTX 3060 8 GB or RTX 3060 12 GB: RTX 3060 8 GB is taken, the least. Tell yours."
    )
    assert list(machine.choices.values()) == [least, most]
    assert not least.assumed
    assert not replace(machine, memory=12.0).assumed
    shared = Machine("Apple M2", count=1)
    assert "8 GB is taken, the least" in shared.assumed
    assert [one.memory for one in shared.choices.values()] == [8, 16, 24]
    assert not replace(shared, ram=16.0).assumed


@pytest.mark.parametrize(
    "machine",
    [
        Machine("RTX 3090", 2, ram=64.0),
        Machine("RTX 3060 12 GB"),
        Machine("RTX 4090", memory=48.0),
        Machine("Apple M3 Max", memory=64.0),
        Machine("", 2, memory=24.0, ram=128.0, ram_bandwidth=80.0),
        Machine(ram=31.3),
        Machine("gfx1100", ram=32.0),
    ],
)
def test_a_machine_in_words_is_read_as_the_same_machine(machine):
    read = read_machine(machine.words)
    assert read.whole
    assert Machine(read.accelerator, read.count, read.memory, read.ram, read.ram_bandwidth) == machine


@pytest.mark.parametrize(
    ("machine", "label"),
    [
        (Machine("RTX 4090"), "RTX 4090"),
        (Machine("RTX 4090", count=2), "2 × RTX 4090"),  # noqa: RUF001 - the multiplication sign is meant
        (Machine("RTX 4090", memory=48.0), "RTX 4090, 48 GB"),
        (Machine(memory=24.0), "24 GB"),
        (Machine(memory=12.5, count=3), "3 × 12.5 GB"),  # noqa: RUF001
        (Machine(ram=64.0), "64 GB of system memory"),
    ],
)
def test_a_machine_is_named_in_a_few_words(machine, label):
    assert machine.label == label


# --- the bundled accelerators ----------------------------------------------------------------------------------


def test_every_bundled_accelerator_has_a_label_of_its_own():
    labels = accelerator_labels()
    assert len(labels) == len(accelerators()) > 400
    assert set(labels.values()) == set(accelerators())
    for label, one in labels.items():
        assert accelerator_named(label) is one
        assert label.startswith(one.name)
        assert label == label.strip()
        assert len(label) <= 80


def test_sizes_of_one_name_are_told_apart():
    labels = accelerator_labels()
    assert "V100" not in labels
    assert labels["V100 16 GB"].memory == 16 * GIB
    assert labels["V100 32 GB"].memory == 32 * GIB


def test_every_bundled_accelerator_can_be_judged():
    for label in accelerator_labels():
        assert alone(Machine(label)).capability.platforms, label


def test_the_documentation_says_what_each_engine_goes_by():
    text = (Path(__file__).parents[2] / "docs/verdicts.md").read_text("utf-8")
    model_type = r"`(model_type|_class_name)` in"  # for a pipeline of models, its class stands for the type
    words = {"gguf": "the name in the file's header", "class": "class in", "model_type": model_type}
    kinds = "GGUF|safetensors|GGML|OpenVINO|CTranslate2|llamafile"
    rows = re.findall(rf"^\| ({kinds}) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    told = {(kind.lower(), name, by) for kind, names, by in rows for name in names.split(", ")}
    for profile in all_profiles().values():
        for rule in profile.formats:
            if rule.name in kinds.lower().split("|"):
                found = [by for kind, name, by in told if (kind, name) == (rule.name, profile.name)]
                assert len(found) == 1, (profile.name, rule.name)
                assert re.search(words[rule.by], found[0])


# --- workers ---------------------------------------------------------------------------------------------------


def test_a_worker_hands_its_use_to_the_estimate():
    options = alone(context=4096, kv="q8_0").options
    assert (options.context, options.kv_type) == (4096, "q8_0")
    assert alone().options.context == DEFAULT_CONTEXT == 8192
    assert cache_types("llama-cpp").takes(alone().options.kv_type)


def test_capability_is_known_of_named_accelerators_only():
    assert alone(Machine("RTX 4090")).capability.compute_capability == 8.9
    assert alone(Machine("V100 16 GB")).capability.compute_capability == 7
    assert alone(Machine(memory=24.0)).capability is None
    assert alone(Machine(ram=24.0)).capability == Capability("cpu")
    assert alone().capability is None


@pytest.mark.django_db
def test_without_registered_workers_there_are_the_engines():
    found = workers()
    assert list(found) == list(engines()) == OFFERED
    assert not any(worker.registered or worker.machine.told for worker in found.values())
    assert next(iter(found)) == default_profile().slug


@pytest.mark.django_db
def test_an_engine_that_is_not_offered_is_one_when_the_operator_switches_it_on():
    assert not all_profiles()["jan"].offered
    assert "jan" not in workers()
    EngineSetting.objects.filter(slug="jan").update(enabled=True)
    assert workers()["jan"].profile.name == "Jan"
    EngineSetting.objects.filter(slug="jan").delete()
    assert "jan" not in workers()


@pytest.fixture
def registered(db):
    return SiteWorker.objects.create(
        name="Big box",
        slug="big-box",
        engine="vllm",
        accelerator="RTX 4090",
        count=2,
        ram_gb=128,
        context=32768,
        kv="fp8",
        ram_bandwidth=89.6,
        slots=8,
    )


def test_a_registered_worker_is_offered_as_it_was_described(registered, django_assert_num_queries):
    with django_assert_num_queries(2):
        found = workers()
    worker = found["big-box"]
    assert (worker.name, worker.profile.slug, worker.context, worker.kv) == ("Big box", "vllm", 32768, "fp8")
    assert worker.machine == Machine("RTX 4090", 2, None, 128, 89.6)
    assert worker.options.parallel == 8
    assert choose_worker(found, "big-box").slots == 8
    assert choose_worker(found, "big-box", slots=2).slots == 2
    assert worker.registered
    assert worker.label == "Big box"
    assert worker.capability.vendor == "nvidia"
    assert len(found) == len(OFFERED) + 1
    assert next(iter(found)) == default_profile().slug


def test_one_registered_with_a_cache_that_its_engine_lacks_is_started_as_the_engine_does(registered):
    SiteWorker.objects.update(kv="q8_0")
    assert workers()["big-box"].kv == "f16"


def test_registered_workers_keep_the_operators_order(registered):
    SiteWorker.objects.create(name="A later one", slug="later", engine="vllm", position=9)
    SiteWorker.objects.create(name="Z first", slug="first", engine="vllm", memory_gb=24, position=0)
    registered.position = 5
    registered.save()
    assert [slug for slug, worker in workers().items() if worker.registered] == ["first", "big-box", "later"]


def test_a_worker_that_is_not_published_or_whose_engine_is_off_is_not_offered(registered):
    SiteWorker.objects.create(name="Draft", slug="draft", engine="vllm", published=False)
    SiteWorker.objects.create(name="Gone", slug="gone", engine="an-engine-that-was")
    assert not {"draft", "gone"} & workers().keys()
    EngineSetting.objects.filter(slug="vllm").update(enabled=False)
    assert not {"vllm", "big-box"} & workers().keys()


def test_a_registered_worker_may_take_an_engines_place(registered):
    SiteWorker.objects.create(name="Our llama.cpp", slug="llama-cpp", engine="llama-cpp", memory_gb=24)
    found = workers()
    assert found["llama-cpp"].name == "Our llama.cpp"
    assert list(found)[: len(OFFERED)] == OFFERED


# --- what a visitor says ---------------------------------------------------------------------------------------


def test_the_first_worker_is_chosen_where_none_is_named(registered):
    assert choose_worker(workers()).slug == default_profile().slug
    assert choose_worker(workers(), "big-box").machine.accelerator == "RTX 4090"
    with pytest.raises(KeyError):
        choose_worker(workers(), "nobody")


def test_a_machine_told_by_the_visitor_replaces_the_registered_one_whole(registered):
    worker = choose_worker(workers(), "big-box", memory=16.0)
    assert worker.machine == Machine(memory=16.0)
    assert not worker.registered
    assert worker.label == "Big box, 16 GB"
    assert (worker.context, worker.kv) == (32768, "fp8")


def test_use_told_by_the_visitor_leaves_the_machine(registered):
    worker = choose_worker(workers(), "big-box", context=4096, kv="f16")
    assert worker.machine == workers()["big-box"].machine
    assert worker.registered
    assert (worker.context, worker.kv) == (4096, "f16")


def test_a_registered_pair_of_computers_is_judged_as_one(registered):
    SiteWorker.objects.filter(slug="big-box").update(accelerator="Apple M2 Ultra", memory_gb=192)
    assert workers()["big-box"].machine == Machine("Apple M2 Ultra", 1, 192, 128, 89.6)


def test_a_count_alone_says_nothing_of_a_machine(registered):
    assert choose_worker(workers(), "big-box", count=8).machine.count == 2
    assert choose_worker(workers(), "rbee", count=8).hardware is None


@pytest.mark.django_db
def test_a_label_names_engine_and_machine():
    assert choose_worker(workers(), "llama-cpp").label == "llama.cpp"
    assert choose_worker(workers(), "llama-cpp", accelerator="RTX 4090").label == "llama.cpp, RTX 4090"
    assert choose_worker(workers(), "llama-cpp", memory=24.0, count=2).label == "llama.cpp, 2 × 24 GB"  # noqa: RUF001


@pytest.mark.django_db
@pytest.mark.parametrize(("engine", "runs"), [("exllamav3", False), ("tensorrt-llm", False), ("llama-cpp", True)])
def test_system_memory_alone_is_the_processor(engine, runs):
    one = choose_worker(workers(), engine, ram=64)
    assert one.capability == Capability("cpu")
    assert (not bound_of_engine(one.profile, one.capability).cause) is runs
