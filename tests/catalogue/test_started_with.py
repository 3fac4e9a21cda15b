"""What a verdict says that an engine is started with stands in the command as well."""

from __future__ import annotations

import pytest

from compat import catalogue
from compat.catalogue.question import Question
from compat.engines import all_profiles
from compat.extraction.facts import Provenance, VariantFacts
from compat.ingest import store as sync
from compat.rules import judge


@pytest.mark.parametrize(
    ("hf_class", "architecture", "task", "told"),
    [
        ("AlbertModel", "albert", None, ("--is-embedding",)),
        ("AlbertForSequenceClassification", "albert", "text-classification", ("--is-embedding",)),
        ("ModernBertForSequenceClassification", "modernbert", "text-ranking", ("--is-embedding",)),
        ("Qwen3ForCausalLM", "qwen3", "feature-extraction", ("--is-embedding",)),
        ("Qwen3ForCausalLM", "qwen3", "text-ranking", ()),
        ("BertForSequenceClassification", "bert", "text-ranking", ()),
        ("LlamaForCausalLM", "llama", "text-generation", ()),
    ],
)
def test_sglang_is_told_of_what_it_does_not_take_for_an_embedder_by_its_class(hf_class, architecture, task, told):
    config = Provenance.CONFIG
    facts = VariantFacts(
        architecture=architecture,
        architecture_from=config,
        hf_class=hf_class,
        format="safetensors",
        format_from=config,
        context=512,
        context_from=config,
        task=task,
        task_from=config if task else Provenance.UNKNOWN,
    )
    result = judge(facts, all_profiles()["sglang"])
    assert result.compatible
    assert result.started_with == told


@pytest.mark.django_db
def test_the_command_has_it():
    sizes = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "num_key_value_heads": 12}
    config = {
        "model_type": "albert",
        "architectures": ["AlbertForSequenceClassification"],
        "vocab_size": 30_000,
        **sizes,
    }
    told = {
        "pipeline_tag": "text-classification",
        "config": {**config, "intermediate_size": 3072, "max_position_embeddings": 8192},
        "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors", "size": 247_000_000}],
        "safetensors": {"total": 120_000_000, "parameters": {"BF16": 120_000_000}},
    }
    sync.store_raw([("albert", {"id": "sample/albert-sorts", **told})], origin="snapshot")
    page = catalogue.detail("sample/albert-sorts", Question(worker="sglang", accelerator="RTX 4090", ram=32))
    assert page.memory.plans.plans[0].line.arguments.count("--is-embedding") == 1


def stored(repo_id: str, **told) -> None:
    sync.store_raw([("told", {"id": repo_id, **told})], origin="snapshot")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("worker", "starts"), [("vllm", False), ("sglang", False), ("exllamav3", False), ("sglang", True)]
)
def test_what_is_named_as_packed_so_that_the_engine_does_not_read_it_has_no_line(worker, starts):
    sizes = {"hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8}
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 128_000, **sizes}
    name = "sample/Tale-1B" if starts else "sample/Tale-1B-EXL3-4.0bpw"
    stored(name, pipeline_tag="text-generation", config={**config, "intermediate_size": 8192}, tags=["safetensors"])
    page = catalogue.detail(name, Question(worker=worker, accelerator="RTX 4090", ram=32))
    assert page.result.compatible
    assert bool(page.start) is starts
    assert page.result.unread is (not starts and worker != "exllamav3")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tags", "named"),
    [
        (["diffusers", "diffusers:FluxPipeline", "safetensors"], "'*/*.safetensors'"),
        (["transformers", "llama", "safetensors"], "'*.safetensors'"),
    ],
)
def test_of_a_pipeline_the_models_in_its_folders_are_fetched(tags, named):
    stored("sample/Painter", tags=tags)
    assert f" --include {named} " in catalogue.detail("sample/Painter", Question(worker="diffusers")).take
