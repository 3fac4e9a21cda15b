"""The suggested order: what stands first, and why."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from compat.catalogue.browse import browse
from compat.catalogue.listing import list_models
from compat.catalogue.question import Question
from compat.catalogue.suggesting import (
    BUILD_POINTS,
    PARTS,
    Known,
    Others,
    generation_points,
    line_of,
    of_model,
    points_of,
)
from compat.catalogue.workers import workers
from compat.estimate import Fit
from compat.extraction.relatives import Relation
from compat.ingest import store
from tests import samples

MACHINES = {
    "8 GB": {"accelerator": "RTX 4060", "ram": 32},
    "12 GB": {"accelerator": "RTX 4070", "ram": 32},
    "24 GB": {"accelerator": "RTX 4090", "ram": 64},
    "48 GB": {"accelerator": "RTX A6000", "ram": 128},
    "2 x 24 GB": {"accelerator": "RTX 3090", "count": 2, "ram": 64},
    "8 x 80 GB": {"accelerator": "H100", "count": 8},
    "64 GB Mac": {"accelerator": "Apple M4 Max", "memory": 64},
    "processor": {"ram": 32, "ram_bandwidth": 80},
    "none": {},
}
CHAT = ("chat",)
LAST = datetime(2026, 10, 5, tzinfo=UTC)
QWEN_27B = Known("Qwen/Qwen3.6-27B", 27_781_427_952, None, datetime(2026, 9, 14, tzinfo=UTC), True, CHAT, False)
QWEN_8B = Known("Qwen/Qwen3-8B", 8_190_735_360, None, datetime(2025, 4, 28, tzinfo=UTC), True, CHAT, False)
GEMMA = Known("google/gemma-4-31B-it", 32_682_372_656, None, datetime(2026, 3, 31, tzinfo=UTC), True, CHAT, False)
LLAMA = Known("meta-llama/Llama-3.1-8B-Instruct", 8_030_261_248, 4_932_517, None, True, CHAT, False)
GPT_OSS = Known("openai/gpt-oss-20b", 20_907_786_240, 4_487_346, None, True, CHAT, False)
GOOD = [QWEN_27B, QWEN_8B, GEMMA, LLAMA, GPT_OSS]
OF_QWEN = (Relation("Qwen/Qwen3-8B", "finetune"),)
ODD = {
    "a toy of years ago": Known("gpt2", 124_439_808, 20_224_989, None, False, (), False),
    "another": Known("facebook/opt-125m", 125_239_296, 5_000_000, None, True, (), False),
    "random weights": Known(
        "hf-internal-testing/tiny-random-LlamaForCausalLM", 1_032_272, 900_000, None, False, CHAT, False
    ),
    "a test": Known("someone/Qwen3-8B-test", 8_190_735_360, None, LAST, False, CHAT, False, OF_QWEN),
    "an adapter": Known(
        "someone/Qwen3-8B-chat",
        8_190_735_360,
        90_000,
        LAST,
        False,
        CHAT,
        False,
        (Relation("Qwen/Qwen3-8B", "adapter"),),
    ),
    "one freed of refusals": Known(
        "someone/Qwen3-8B-abliterated", 8_190_735_360, 90_000, LAST, False, CHAT, False, OF_QWEN
    ),
    "a copy under another name": Known("someone/Qwen3.6-8B-AWQ-INT4", 8_190_735_360, 2_000, LAST, False, CHAT, False),
    "a fine-tune of little renown": Known(
        "someone/Qwen3-8B-Poetry", 8_190_735_360, None, LAST, False, CHAT, False, OF_QWEN
    ),
    "a draft model": Known("nvidia/gpt-oss-20b-Eagle3", 900_000_000, 50_000, LAST, True, CHAT, False),
    "a judge": Known("meta-llama/Llama-Guard-3-8B", 8_030_261_248, 400_000, None, True, CHAT, False),
    "one taught to be safe": Known("Qwen/Qwen3-8B-SafeRL", 8_190_735_360, 4_000, QWEN_8B.created, True, CHAT, False),
    "one that shows a way of teaching": Known(
        "allenai/Olmo-3.1-7B-RL-Zero-Code", 7_298_011_136, None, datetime(2026, 3, 31, tzinfo=UTC), True, CHAT, False
    ),
    "parts for another program": Known("Comfy/Qwen3-8B_ComfyUI", 8_190_735_360, 4_000_000, LAST, True, CHAT, False),
    "one that is gone": Known("Qwen/Qwen3.5-9B-Old", 9_653_104_368, 400_000, None, True, CHAT, True),
}


def points(one):
    return sum(points_of(one, Others.of([*GOOD, *ODD.values()])))


def test_of_two_releases_that_differ_by_their_version_alone_the_older_is_a_generation_behind():
    older, newer = (
        replace(LLAMA, repo_id=f"mistralai/Mistral-7B-Instruct-v0.{number}", downloads=None) for number in (2, 3)
    )
    lines = Others.of([older, newer])
    packed = replace(older, repo_id="TheBloke/Mistral-7B-Instruct-v0.2-GGUF")
    assert generation_points(older, lines) == generation_points(packed, lines) < generation_points(newer, lines)
    assert generation_points(newer, lines) == generation_points(LLAMA, Others.of([]))


def test_a_model_is_as_old_as_the_oldest_of_its_builds():
    build = replace(QWEN_8B, repo_id="someone/Qwen3.6-27B-GGUF", trusted=False)
    for itself in (QWEN_27B, replace(QWEN_27B, created=None)):
        assert of_model([itself, build], itself, "qwen/qwen3.6-27b").created == build.created
    assert of_model([QWEN_27B], QWEN_27B, "qwen/qwen3.6-27b").created == QWEN_27B.created


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_nothing_that_somebody_who_knows_would_laugh_at_stands_above_what_they_use(odd):
    assert points(odd) < min(map(points, GOOD))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Qwen3.6-27B", ("qwen", 3.6)),
        ("Llama-3.1-8B-Instruct", ("llama", 3.1)),
        ("Meta-Llama-3-8B", ("llama", 3.0)),
        ("gemma-4-31B-it", ("gemma", 4.0)),
        ("phi-4", ("phi", 4.0)),
        ("DeepSeek-V3.2", ("deepseek", 3.2)),
        ("gpt-oss-20b", None),
        ("Mistral-7B-Instruct-v0.2", None),
        ("bert-base-uncased", None),
    ],
)
def test_a_name_tells_its_line_and_generation(name, line):
    assert line_of(name) == line


def test_a_newer_generation_of_a_line_counts_for_more_and_only_its_makers_tell_what_is_new():
    lines = Others.of([QWEN_27B, QWEN_8B, Known("someone/Qwen99", None, None, None, False, CHAT, False)])
    ids = ("Qwen/Qwen3.6-27B", "Qwen/Qwen3-8B", "Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen1.5-7B-Chat")
    told = [generation_points(replace(QWEN_8B, repo_id=one), lines) for one in ids]
    assert told == sorted(told, reverse=True)
    assert len(set(told)) == len(told)


def test_the_points_of_builds_are_in_the_order_in_which_builds_are_taken():
    running = [int(one) for score, one in enumerate(BUILD_POINTS[:-1].tolist()) if score >= 64 + 4 and score % 4]
    assert running == sorted(running)


@pytest.mark.django_db
@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
@pytest.mark.parametrize("unit", ["model", "repository"])
@pytest.mark.parametrize("engine", ["llama-cpp", "vllm"])
def test_a_list_begins_with_the_most_points_which_its_rows_show(engine, unit, machine):
    page = browse(Question(worker=engine, unit=unit, **machine))
    assert page.criteria.sort == "suggested"
    standings = [page.standings[row.record.pk] for row in page.rows]
    for standing in standings:
        assert [part.name for part in standing.parts] == ["here", *PARTS]
        assert sum(part.points for part in standing.parts) == standing.points
        assert all(part.why for part in standing.parts)
    told = [standing.points for standing in standings]
    assert told == sorted(told, reverse=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "machine", [one for one in MACHINES.values() if one], ids=[one for one in MACHINES if one != "none"]
)
def test_a_need_that_is_not_known_stands_behind_every_need_that_is(machine):
    known = []
    first = browse(Question(worker="ollama", unit="repository", **machine))
    for number in range(1, first.paging.pages + 1):
        rows = browse(Question(worker="ollama", unit="repository", page=number, **machine)).rows
        known += [row.fit is not None and row.fit.fit is not Fit.UNKNOWN for row in rows]
    assert known == sorted(known, reverse=True)


@pytest.mark.django_db
@pytest.mark.parametrize("engine", ["llama-cpp", "ollama", "vllm", "mlx-lm", "transformers", "rbee"])
def test_where_no_machine_is_told_a_list_begins_with_what_many_machines_hold(engine):
    first = browse(Question(worker=engine, unit="model"))
    models = [row.record.parameters for row in first.rows[:3]]
    assert all(count is not None and count < 90_000_000_000 for count in models), models
    shown = [part for row in first.rows for part in first.standings[row.record.pk].parts if part.name == "size"]
    assert {part.points < 36 for part in shown if "few machines" in part.why} <= {True}


@pytest.mark.django_db
@pytest.mark.parametrize("unit", ["model", "repository"])
def test_following_the_cursor_gives_the_pages_and_why(unit):
    question = Question(worker="llama-cpp", unit=unit, **MACHINES["24 GB"])
    pages = browse(question).paging.pages
    shown = [row.record.repo_id for n in range(1, pages + 1) for row in browse(question.changed(page=n)).rows]
    followed, cursor = [], ""
    while True:
        part = list_models(question, workers(), 7, cursor)
        followed += [item.row.record.repo_id for item in part.items]
        assert all(item.standing for item in part.items)
        cursor = part.next
        if not cursor:
            break
    assert followed == shown
    assert len(set(followed)) == len(followed)


def test_a_base_model_stands_behind_the_one_that_its_maker_taught_to_talk():
    base = replace(GEMMA, repo_id="google/gemma-4-31B", uses=("vision",))
    packed = replace(base, repo_id="unsloth/gemma-4-31B-bnb-4bit", relations=(Relation(base.repo_id, "quantized"),))
    others = Others.of([*GOOD, base, packed])
    assert [others.is_base(one) for one in (base, packed, GEMMA, QWEN_8B)] == [True, True, False, False]
    assert max(sum(points_of(one, others)) for one in (base, packed)) < min(map(points, GOOD))


def test_the_newest_of_a_line_that_is_over_is_no_newer_than_one_without_a_line():
    yi = replace(LLAMA, repo_id="01-ai/Yi-1.5-9B-Chat", created=datetime(2024, 5, 10, tzinfo=UTC))
    assert generation_points(yi, Others.of([yi, QWEN_27B])) == generation_points(GPT_OSS, Others.of([]))
    assert generation_points(yi, Others.of([yi])) > generation_points(GPT_OSS, Others.of([]))


def test_an_age_that_is_not_told_is_bounded_by_what_a_line_had_before_and_by_what_others_made():
    undated = replace(QWEN_27B, repo_id="Qwen/Qwen3.8-27B", created=None)
    assert Others.of([*GOOD, undated]).since(undated) == QWEN_27B.created
    made = [
        replace(
            QWEN_8B, repo_id=f"{owner}/Tuned", relations=(Relation("mistralai/Mixtral-8x7B", "finetune"),), created=date
        )
        for owner, date in (("a", datetime(2023, 12, 20, tzinfo=UTC)), ("b", datetime(2024, 1, 5, tzinfo=UTC)))
    ]
    mixtral = replace(LLAMA, repo_id="mistralai/Mixtral-8x7B", created=datetime(2026, 5, 1, tzinfo=UTC))
    assert Others.of([*made, mixtral]).since(mixtral) == made[1].created
    assert Others.of([made[0], mixtral]).since(mixtral) == mixtral.created


@pytest.mark.django_db
@pytest.mark.parametrize("engine", ["llama-cpp", "vllm"])
def test_what_is_small_for_a_machine_says_so_and_counts_for_less_the_larger_the_machine_is(engine):
    def sizes(machine):
        page = browse(Question(worker=engine, unit="model", q="Qwen3", **machine))
        told = {row.record.repo_id: page.standings[row.record.pk].parts for row in page.rows if row.record.parameters}
        return {name: next(part for part in parts if part.name == "size") for name, parts in told.items()}

    small, large = sizes(MACHINES["8 GB"]), sizes(MACHINES["8 x 80 GB"])
    both = small.keys() & large.keys()
    assert both
    assert all(large[name].points <= small[name].points for name in both)
    assert any("small for this machine" in part.why for part in large.values())


@pytest.mark.django_db
@pytest.mark.parametrize("machine", ["8 GB", "24 GB", "8 x 80 GB", "64 GB Mac", "processor"])
@pytest.mark.parametrize("engine", ["exllamav3", "vllm", "sglang", "transformers", "mlx-lm", "llama-cpp"])
def test_nothing_that_something_speaks_against_is_among_the_first(engine, machine):
    rows = browse(Question(worker=engine, unit="model", **MACHINES[machine])).rows
    known = [row for row in rows if row.fit is not None and row.fit.fit is not Fit.UNKNOWN]
    assert not [row.record.repo_id for row in known[: len(known) // 4] if row.result.doubted]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "machine", [{"ram": 64}, {"accelerator": "RTX 4060", "ram": 32}, {"ram": 64, "ram_bandwidth": 80}]
)
def test_a_word_about_speed_stands_beside_a_number_alone(machine):
    page = browse(Question(worker="llama-cpp", **machine))
    told = {row.record.pk: row.speed is not None and row.speed.tokens_per_second is not None for row in page.rows}
    why = {pk: one.parts[0].why for pk, one in page.standings.items()}
    paced = {pk for pk, words in why.items() if re.search("fast|people read", words) and "likely" not in words}
    assert paced <= {pk for pk, known in told.items() if known}
    assert bool(paced) is any(told.values())


SHAPE = {"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32}
CONFIG = {
    **SHAPE,
    "model_type": "qwen3",
    "architectures": ["Qwen3ForCausalLM"],
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 40960,
}
BITSANDBYTES = {"quant_method": "bitsandbytes", "load_in_4bit": True, "_load_in_4bit": True}


def built(repo_id, size, config=None, file="model.safetensors", **told):
    """One build of a model of eight billion weights that its maker calls Alder."""
    tags = ["base_model:oaks/Alder-8B", "base_model:quantized:oaks/Alder-8B"] if not repo_id.startswith("oaks/") else []
    files = [{"rfilename": "config.json"}, {"rfilename": file, "size": size}]
    own = {"pipeline_tag": "text-generation", "config": CONFIG | (config or {}), "tags": tags, "siblings": files}
    return repo_id, {"id": repo_id, **own, **told}


ALDER = [
    built("oaks/Alder-8B", 16_400_000_000, safetensors={"total": 8_190_735_360, "parameters": {"BF16": 8_190_735_360}}),
    built("unsloth/Alder-8B-GGUF", 5_850_000_000, file="Alder-8B-Q5_K_M.gguf", gguf={"architecture": "qwen3"}),
    built("unsloth/Alder-8B-bnb-4bit", 6_100_000_000, {"quantization_config": BITSANDBYTES}),
    built("unsloth/Alder-8B-AWQ", 6_100_000_000),
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("engine", "first"),
    [("sglang", "unsloth/Alder-8B-AWQ"), ("llama-cpp", "unsloth/Alder-8B-GGUF")],
)
def test_of_a_model_the_build_is_shown_that_the_engine_computes_well_even_where_only_its_name_tells_the_packing(
    engine, first
):
    store.store_raw(ALDER, origin="snapshot")
    page = browse(Question(worker=engine, unit="model", q="Alder-8B", **MACHINES["12 GB"]))
    assert [row.record.repo_id for row in page.rows] == [first]


@pytest.mark.django_db
@pytest.mark.parametrize("accelerator", ["", "Snapdragon X Elite"])
def test_what_reads_all_its_weights_for_each_word_is_slow_where_memory_is_of_a_system(accelerator):
    """A dense model of 31 billion was the first on laptops that read as slowly as a processor does."""
    dense = built("unsloth/Alder-8B-GGUF", 16_400_000_000, file="Alder-8B-BF16.gguf", gguf={"architecture": "qwen3"})
    file = {"rfilename": "Qwen3.5-35B-A3B-Q4_K_M.gguf", "size": 22_000_000_000}
    sparse = samples.record("unsloth/Qwen3.5-35B-A3B-GGUF", siblings=[file])
    store.store_raw([ALDER[0], dense, (sparse["id"], sparse)], origin="snapshot")
    asked = Question(worker="llama-cpp", accelerator=accelerator, ram=64)
    pages = [browse(asked.changed(q=name)) for name in (dense[0], sparse["id"])]
    slow, fast = (page.standings[page.rows[0].record.pk].parts[0] for page in pages)
    assert slow.points < 0 < 30 < fast.points
    assert slow.why.startswith("likely so slow")


@pytest.mark.django_db
def test_a_packing_that_an_engine_is_slow_with_says_so():
    store.store_raw(ALDER, origin="snapshot")
    page = browse(Question(worker="sglang", unit="repository", model="oaks/Alder-8B", **MACHINES["24 GB"]))
    why = {row.record.repo_id: page.standings[row.record.pk].parts[0].why for row in page.rows}
    slow = {"unsloth/Alder-8B-bnb-4bit", "unsloth/Alder-8B-GGUF"}
    assert {name for name, words in why.items() if "their code for its packing is slow" in words} == slow
    assert why.keys() - slow == {"oaks/Alder-8B", "unsloth/Alder-8B-AWQ"}
