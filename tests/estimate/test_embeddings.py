"""Models that make vectors or ranks of texts: what they keep, what they compute with, and how they are started."""

from dataclasses import replace

import pytest

from compat.catalogue.needs import inputs_of_variant
from compat.engines.hardware import GIB, Accelerator, Hardware, accelerators
from compat.estimate import (
    LoadOptions,
    ModelFiles,
    VariantInputs,
    estimate_memory,
    estimate_reading,
    estimate_speed,
    from_config,
    make_plans,
)
from compat.estimate.launch import for_embeddings, launch_of
from compat.models import ModelRecord, RecordVariant
from compat.shapes.known import known_shape

CARD = Hardware((Accelerator("card", "nvidia", "gpu", 80 * GIB),))
BERT = from_config(
    {
        "model_type": "bert", "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
        "num_key_value_heads": 16, "intermediate_size": 4096, "vocab_size": 30_522, "max_position_embeddings": 512,
    }
)  # fmt: skip
ENCODER = VariantInputs(BERT, 670_000_000, 335_000_000, "F16", 0, "gguf", embeds=True)
QWEN = VariantInputs(known_shape("Qwen/Qwen3-0.6B"), 639_150_592, 595_776_512, "Q8_0", 0, "gguf", embeds=True)
ENGINES = ("ollama", "llama-cpp", "vllm", "sglang", "transformers", "lmdeploy")


def part(variant, name, engine="ollama", **options):
    return estimate_memory(variant, engine, CARD, LoadOptions(**options)).component(name).bytes


@pytest.mark.parametrize("engine", ENGINES)
def test_an_encoder_keeps_nothing_of_a_text(engine):
    assert part(ENCODER, "kv", engine, context=512) == part(ENCODER, "state", engine, context=512) == 0
    # Nor need it be known how many key heads it has.
    assert part(replace(ENCODER, shape=replace(BERT, kv_heads=None, caches=None)), "kv", engine) == 0


@pytest.mark.parametrize(("context", "batch"), [(512, 512), (2047, 2047), (2048, 2048), (2049, 2048), (32_768, 2048)])
def test_ollama_takes_a_text_in_one_go_up_to_2048_tokens(context, batch):
    options = LoadOptions(context=context)
    assert for_embeddings(launch_of("ollama", options), "ollama", options).ubatch == batch
    assert part(QWEN, "compute", context=context) == part(QWEN, "compute", context=context, ubatch=batch)
    assert part(QWEN, "compute", context=context) > part(QWEN, "compute", context=context, ubatch=batch - 1)


def test_a_batch_that_is_told_is_no_larger_than_the_context():
    options = LoadOptions(context=512, ubatch=4096)
    assert for_embeddings(launch_of("ollama", options), "ollama", options).ubatch == 512


def test_ollama_answers_one_of_them_at_a_time():
    for name in ("kv", "compute"):
        assert part(QWEN, name, parallel=8) == part(QWEN, name, parallel=1)


def test_what_writes_scores_all_words_for_each_token_all_the_same():
    """llama.cpp computes the output head of every row beside what is asked for: 151,936 words of 4 bytes."""
    writes = part(replace(QWEN, embeds=False), "compute", context=2048, ubatch=2048)
    rows = 151_936 * 4 * 2048
    assert rows < part(QWEN, "compute", context=2048) < rows + writes
    assert part(QWEN, "compute", "llama-cpp", context=2048) == part(QWEN, "compute", context=2048, ubatch=512)


def test_an_encoder_scores_no_words_and_looks_at_what_it_reads_at_once():
    small = part(replace(ENCODER, shape=replace(BERT, vocab=None)), "compute", context=512)
    assert part(ENCODER, "compute", context=512) == small
    assert part(ENCODER, "compute", context=2048) == part(ENCODER, "compute", context=8192)


def test_nothing_is_sampled_of_it_on_vllm():
    writes, embeds = (part(replace(QWEN, embeds=embeds), "compute", "vllm", context=2048) for embeds in (False, True))
    assert writes >= 256 * 151_936 * 4 * 9
    # 2,048 tokens with gate, up and product of 3,072 and four rows of 1,024.
    assert embeds == 8192 * 2 * (3 * 3072 + 4 * 1024)


@pytest.mark.parametrize(
    ("task", "argument"),
    [("feature-extraction", "--embedding"), ("sentence-similarity", "--embedding"), ("text-ranking", "--reranking")],
)
def test_by_its_task_it_is_estimated_and_started_so(task, argument):
    record = ModelRecord(repo_id="a/B-GGUF", name="B-GGUF", task=task, parameters=600_000_000)
    assert inputs_of_variant(record, RecordVariant(format="gguf", quantization="Q8_0"))[0].embeds
    model = ModelFiles("a/B-GGUF", "gguf", "Q8_0", ("B-Q8_0.gguf",), task=task)
    assert argument in make_plans(QWEN, "llama-cpp", CARD, model=model).plans[0].line.arguments
    record.task = "text-generation"
    assert not inputs_of_variant(record, RecordVariant(format="gguf", quantization="Q8_0"))[0].embeds


@pytest.mark.parametrize(("engine", "told"), [("sglang", ["--is-embedding"]), ("vllm", ["--runner", "pooling"])])
def test_a_server_that_takes_a_chat_model_s_class_for_one_that_writes_is_told_that_it_embeds(engine, told):
    def line(task: str) -> str:
        model = ModelFiles("a/B", "safetensors", "BF16", ("model.safetensors",), task=task)
        variant = replace(QWEN, format="safetensors", quant="BF16")
        return " ".join(make_plans(variant, engine, CARD, model=model).plans[0].line.arguments)

    for task in ("feature-extraction", "sentence-similarity"):
        assert f" {' '.join(told)}" in line(task)
    # A reranker that answers yes or no writes that.
    for task in ("text-generation", "text-ranking", ""):
        assert told[0] not in line(task)


@pytest.mark.parametrize("task", ["text-ranking", "feature-extraction", ""])
def test_what_a_verdict_says_to_start_with_is_told_once(task):
    model = ModelFiles("a/B", "safetensors", "BF16", ("model.safetensors",), task=task, arguments=("--is-embedding",))
    plan = make_plans(replace(QWEN, format="safetensors", quant="BF16"), "sglang", CARD, model=model).plans[0]
    assert plan.line.arguments.count("--is-embedding") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_it_writes_nothing_and_is_told_by_how_fast_it_reads(engine):
    card = Hardware((next(one for one in accelerators() if one.name == "RTX 4090"),))
    told = estimate_speed(QWEN, engine, card)
    assert told.tokens_per_second is None
    assert told.reason.startswith("It writes nothing")
    plans = make_plans(QWEN, engine, card, model=ModelFiles("a/B-GGUF", "gguf", "Q8_0", ("B-Q8_0.gguf",))).plans
    assert all(plan.speed.tokens_per_second is None for plan in plans)
    assert estimate_reading(QWEN, "llama-cpp", card, prompt=2048).seconds > 0
    assert estimate_speed(replace(QWEN, embeds=False), "llama-cpp", card).tokens_per_second
