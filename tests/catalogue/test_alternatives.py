"""What to take instead of a model: cases that somebody who runs models would agree with."""

from __future__ import annotations

import pytest

from compat.catalogue.alternatives import KINDS, _distance, _Told, coverage_of
from compat.catalogue.detail import detail
from compat.catalogue.question import Question
from compat.catalogue.rows import worker_of
from compat.catalogue.workers import workers
from compat.ingest import store as sync

pytestmark = pytest.mark.django_db

DENSE = {
    "qwen2": ("Qwen2ForCausalLM", 152_064),
    "qwen3": ("Qwen3ForCausalLM", 151_936),
    "llama": ("LlamaForCausalLM", 128_256),
    "mistral": ("MistralForCausalLM", 32_768),
    "gemma3_text": ("Gemma3ForCausalLM", 262_208),
    "phi3": ("Phi3ForCausalLM", 100_352),
    "deepseek_v3": ("DeepseekV3ForCausalLM", 129_280),
}
SHAPES = {1: (16, 2048, 8), 3: (36, 2048, 2), 7: (32, 4096, 8), 14: (48, 5120, 8), 32: (64, 5120, 8), 70: (80, 8192, 8)}
"""Layers, width and key-value heads of models up to so many billion."""
CHAT, CODE, REASON, EMBED = ("conversational",), ("code", "conversational"), ("conversational",), ()
# id, architecture, billions, tags, licence
MODELS = [
    ("Qwen/Qwen2.5-72B-Instruct", "qwen2", 72.7, CHAT, "other"),
    ("Qwen/Qwen2.5-32B-Instruct", "qwen2", 32.8, CHAT, "apache-2.0"),
    ("Qwen/Qwen2.5-14B-Instruct", "qwen2", 14.8, CHAT, "apache-2.0"),
    ("Qwen/Qwen2.5-7B-Instruct", "qwen2", 7.6, CHAT, "apache-2.0"),
    ("Qwen/Qwen2.5-3B-Instruct", "qwen2", 3.1, CHAT, "other"),
    ("Qwen/Qwen2.5-Coder-32B-Instruct", "qwen2", 32.8, CODE, "apache-2.0"),
    ("Qwen/Qwen2.5-Coder-14B-Instruct", "qwen2", 14.8, CODE, "apache-2.0"),
    ("Qwen/Qwen2.5-Coder-7B-Instruct", "qwen2", 7.6, CODE, "apache-2.0"),
    ("Qwen/Qwen2.5-Coder-3B-Instruct", "qwen2", 3.1, CODE, "other"),
    ("Qwen/Qwen3-32B", "qwen3", 32.8, REASON, "apache-2.0"),
    ("Qwen/Qwen3-14B", "qwen3", 14.8, REASON, "apache-2.0"),
    ("Qwen/Qwen3-8B", "qwen3", 8.2, REASON, "apache-2.0"),
    ("Qwen/Qwen3-4B", "qwen3", 4.0, REASON, "apache-2.0"),
    ("Qwen/QwQ-32B", "qwen2", 32.8, REASON, "apache-2.0"),
    ("meta-llama/Llama-3.3-70B-Instruct", "llama", 70.6, CHAT, "llama3.3"),
    ("meta-llama/Llama-3.1-70B-Instruct", "llama", 70.6, CHAT, "llama3.1"),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama", 8.0, CHAT, "llama3.1"),
    ("meta-llama/Llama-3.2-3B-Instruct", "llama", 3.2, CHAT, "llama3.2"),
    ("meta-llama/Llama-3.2-1B-Instruct", "llama", 1.2, CHAT, "llama3.2"),
    ("mistralai/Mistral-Large-Instruct-2411", "mistral", 122.6, CHAT, "other"),
    ("mistralai/Mistral-Small-24B-Instruct-2501", "mistral", 23.6, CHAT, "apache-2.0"),
    ("mistralai/Mistral-7B-Instruct-v0.3", "mistral", 7.2, CHAT, "apache-2.0"),
    ("google/gemma-3-27b-it", "gemma3_text", 27.4, CHAT, "gemma"),
    ("google/gemma-3-12b-it", "gemma3_text", 12.2, CHAT, "gemma"),
    ("google/gemma-3-1b-it", "gemma3_text", 1.0, CHAT, "gemma"),
    ("microsoft/phi-4", "phi3", 14.7, CHAT, "mit"),
    ("microsoft/Phi-4-mini-instruct", "phi3", 3.8, CHAT, "mit"),
    ("deepseek-ai/DeepSeek-R1", "deepseek_v3", 684.5, REASON, "mit"),
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "qwen2", 32.8, REASON, "mit"),
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama", 8.0, REASON, "mit"),
    ("someone/Llama-3.1-8B-Instruct-abliterated", "llama", 8.0, CHAT, "llama3.1"),
    ("someone/Qwen2.5-14B-Roleplay", "qwen2", 14.8, CHAT, "apache-2.0"),
]
PACKED = [
    # A build, the model that it says it is of, its bytes.
    ("Qwen/Qwen2.5-Coder-14B-Instruct-GGUF", "Qwen/Qwen2.5-Coder-14B-Instruct", 8.99e9),
    ("Qwen/Qwen2.5-Coder-7B-Instruct-GGUF", "Qwen/Qwen2.5-Coder-7B-Instruct", 4.68e9),
    ("bartowski/Llama-3.3-70B-Instruct-GGUF", "meta-llama/Llama-3.3-70B-Instruct", 42.5e9),
    ("bartowski/Meta-Llama-3.1-8B-Instruct-GGUF", "meta-llama/Llama-3.1-8B-Instruct", 4.92e9),
    ("bartowski/Mistral-7B-Instruct-v0.3-GGUF", "mistralai/Mistral-7B-Instruct-v0.3", 4.37e9),
    ("bartowski/phi-4-GGUF", "microsoft/phi-4", 9.05e9),
    ("unsloth/Qwen3-8B-GGUF", "Qwen/Qwen3-8B", 5.03e9),
    ("unsloth/Qwen3-14B-GGUF", "Qwen/Qwen3-14B", 9.0e9),
    ("bartowski/google_gemma-3-12b-it-GGUF", "google/gemma-3-12b-it", 7.3e9),
]
OCR = {
    "id": "deepseek-ai/DeepSeek-OCR",
    "pipeline_tag": "image-text-to-text",
    "config": {"model_type": "deepseek_vl_v2", "architectures": ["DeepseekOCRForCausalLM"]},
    "safetensors": {"total": 3_336_106_240, "parameters": {"BF16": 3_336_106_240}},
    "siblings": [{"rfilename": "model.safetensors", "size": 6_672_547_120}],
    "downloads": 4_000_000,
}


def config(kind, billions):
    layers, hidden, kv = next((shape for most, shape in SHAPES.items() if billions <= most * 1.3), (88, 12_288, 8))
    name, vocab = DENSE[kind]
    return {
        "model_type": kind,
        "architectures": [name],
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": hidden // 128,
        "num_key_value_heads": kv,
        "head_dim": 128,
        "intermediate_size": int(3.5 * hidden),
        "vocab_size": vocab,
        "max_position_embeddings": 32_768,
        "torch_dtype": "bfloat16",
    }


def plain(repo_id, kind, billions, tags, license_):
    count = int(billions * 1e9)
    return {
        "id": repo_id,
        "pipeline_tag": "text-generation",
        "tags": ["transformers", "text-generation", *tags],
        "cardData": {"license": license_},
        "config": config(kind, billions),
        "safetensors": {"total": count, "parameters": {"BF16": count}},
        "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors", "size": 2 * count}],
        "downloads": 5_000 if repo_id.startswith("someone/") else 500_000,
    }


def packed(repo_id, base, size):
    kind, billions = next((kind, billions) for known, kind, billions, *_ in MODELS if known == base)
    file = f"{repo_id.rpartition('/')[2].removesuffix('-GGUF')}-Q4_K_M.gguf"
    architecture = {"gemma3_text": "gemma3", "mistral": "llama"}.get(kind, kind)
    return {
        "id": repo_id,
        "pipeline_tag": "text-generation",
        "tags": ["gguf", "conversational", f"base_model:quantized:{base}"],
        "cardData": {"base_model": base},
        "gguf": {"total": int(billions * 1e9), "architecture": architecture, "context_length": 32_768},
        "siblings": [{"rfilename": file, "size": int(size)}],
    }


@pytest.fixture
def catalogue():
    items = [*(plain(*one) for one in MODELS), *(packed(*one) for one in PACKED), OCR]
    sync.store_raw([(one["id"], one) for one in items], origin="file")


def offered(repo_id, engine, **machine):
    page = detail(repo_id, Question(worker=engine, **machine), workers())
    told = [(page.reasons[row.record.pk].kind, row.record.repo_id) for row in page.alternatives]
    assert all(row.result.compatible for row in page.alternatives)
    return page, told


SMALL, CARD, LARGE, HUGE = ({"memory": size} for size in (8.0, 24.0, 48.0, 80.0))
CASES = [
    # The same model in another build.
    ("Qwen/Qwen2.5-Coder-14B-Instruct", "llama-cpp", CARD, "build", "Qwen/Qwen2.5-Coder-14B-Instruct-GGUF"),
    ("Qwen/Qwen2.5-Coder-7B-Instruct", "llama-cpp", SMALL, "build", "Qwen/Qwen2.5-Coder-7B-Instruct-GGUF"),
    ("meta-llama/Llama-3.3-70B-Instruct", "llama-cpp", LARGE, "build", "bartowski/Llama-3.3-70B-Instruct-GGUF"),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama-cpp", SMALL, "build", "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF"),
    ("mistralai/Mistral-7B-Instruct-v0.3", "llama-cpp", SMALL, "build", "bartowski/Mistral-7B-Instruct-v0.3-GGUF"),
    ("microsoft/phi-4", "llama-cpp", CARD, "build", "bartowski/phi-4-GGUF"),
    ("Qwen/Qwen3-8B", "llama-cpp", SMALL, "build", "unsloth/Qwen3-8B-GGUF"),
    ("Qwen/Qwen3-14B", "llama-cpp", CARD, "build", "unsloth/Qwen3-14B-GGUF"),
    ("google/gemma-3-12b-it", "llama-cpp", CARD, "build", "bartowski/google_gemma-3-12b-it-GGUF"),
    # The next size of the same family, where no build of it fits.
    ("Qwen/Qwen2.5-72B-Instruct", "vllm", CARD, "family", "Qwen/Qwen2.5-32B-Instruct-AWQ"),
    ("Qwen/Qwen2.5-72B-Instruct", "vllm", LARGE, "build", "Qwen/Qwen2.5-72B-Instruct-AWQ"),
    ("Qwen/Qwen2.5-72B-Instruct", "vllm", HUGE, "build", "Qwen/Qwen2.5-72B-Instruct-AWQ"),
    ("Qwen/Qwen2.5-32B-Instruct", "vllm", CARD, "build", "Qwen/Qwen2.5-32B-Instruct-AWQ"),
    ("Qwen/Qwen2.5-Coder-32B-Instruct", "vllm", CARD, "build", "Qwen/Qwen2.5-Coder-32B-Instruct-AWQ"),
    ("Qwen/Qwen2.5-Coder-32B-Instruct", "vllm", LARGE, "build", "Qwen/Qwen2.5-Coder-32B-Instruct-AWQ"),
    ("Qwen/Qwen2.5-Coder-14B-Instruct", "vllm", SMALL, "family", "Qwen/Qwen2.5-Coder-1.5B-Instruct"),
    ("Qwen/Qwen3-32B", "vllm", CARD, "family", "Qwen/Qwen3-8B"),
    ("Qwen/Qwen3-32B", "vllm", LARGE, "family", "Qwen/Qwen3-14B"),
    ("Qwen/Qwen3-14B", "vllm", {"memory": 12.0}, "family", "Qwen/Qwen3-4B"),
    ("meta-llama/Llama-3.3-70B-Instruct", "vllm", CARD, "family", "meta-llama/Llama-3.1-8B-Instruct"),
    ("meta-llama/Llama-3.1-70B-Instruct", "vllm", CARD, "family", "meta-llama/Llama-3.1-8B-Instruct"),
    ("meta-llama/Llama-3.1-8B-Instruct", "vllm", {"memory": 12.0}, "family", "meta-llama/Llama-3.2-3B-Instruct"),
    ("google/gemma-3-27b-it", "vllm", LARGE, "family", "google/gemma-3-4b-it"),
    ("mistralai/Mistral-Small-24B-Instruct-2501", "vllm", CARD, "family", "mistralai/Mistral-7B-Instruct-v0.3"),
    (
        "mistralai/Mistral-Large-Instruct-2411",
        "vllm",
        HUGE,
        "family",
        "mistralai/Mistral-Small-24B-Instruct-2501",
    ),
    ("microsoft/phi-4", "vllm", CARD, "family", "microsoft/Phi-4-mini-instruct"),
    ("deepseek-ai/DeepSeek-R1", "vllm", HUGE, "family", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B"),
    ("deepseek-ai/DeepSeek-R1", "vllm", CARD, "family", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"),
]


@pytest.mark.parametrize(("repo_id", "engine", "machine", "kind", "first"), CASES)
def test_the_first_alternative_is_the_one_that_people_take(catalogue, repo_id, engine, machine, kind, first):
    page, told = offered(repo_id, engine, **machine)
    assert not page.result.compatible or page.row.fit is None or page.result.level <= 1
    assert told
    assert told[0] == (kind, first)


def test_the_largest_distillation_comes_first_whatever_its_name_leaves_out(catalogue):
    """On four H100 the 8B of DeepSeek-R1-0528, whose name is the shortest, stood before the 70B."""
    item = plain("deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", "qwen3", 8.2, REASON, "mit")
    sync.store_raw([(item["id"], item)], origin="file")
    _, told = offered("deepseek-ai/DeepSeek-R1", "vllm", **HUGE)
    assert told[0] == ("family", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B")


def test_the_successor_of_the_same_size_goes_before_the_smaller_of_its_own_generation():
    """What tells no generation at all was as near as what is of the same."""
    sizes = {"gemma-2-27b-it": 27.2, "gemma-7b-it": 8.5, "gemma-2-9b-it": 9.2, "gemma-3-27b-it": 27.4}
    own, *others = (
        _Told(pk, f"google/{name}", "google", name, int(billions * 1e9), "", "")
        for pk, (name, billions) in enumerate(sizes.items())
    )
    near = sorted(others, key=lambda one: _distance(own, one))
    assert [one.name for one in near] == ["gemma-3-27b-it", "gemma-2-9b-it", "gemma-7b-it"]
    # Of what is older there is no successor.
    assert _distance(near[0], own) > _distance(near[0], near[0])


def test_one_that_reads_pages_is_never_taken_for_one_that_reasons(catalogue):
    for machine in (CARD, LARGE, HUGE):
        _, told = offered("deepseek-ai/DeepSeek-R1", "vllm", **machine)
        assert "deepseek-ai/DeepSeek-OCR" not in {repo_id for _, repo_id in told}


def test_a_coder_is_followed_by_coders_alone(catalogue):
    _, told = offered("Qwen/Qwen2.5-Coder-32B-Instruct", "vllm", **CARD)
    assert all("Coder" in repo_id for _, repo_id in told)


def test_kinds_stand_in_order_and_each_says_why_and_what_changes(catalogue):
    page, told = offered("meta-llama/Llama-3.3-70B-Instruct", "vllm", **CARD)
    kinds = [kind for kind, _ in told]
    assert kinds == sorted(kinds, key=list(KINDS).index)
    assert {"family", "use"} <= set(kinds)
    first = page.reasons[page.alternatives[0].record.pk]
    assert first.why == KINDS["family"]
    assert first.changes == ("8.0B instead of 70.6B parameters", "Llama 3.1 instead of Llama 3.3")
    assert page.alternatives[0].fit is not None


def test_nobodys_alteration_is_offered(catalogue):
    for repo_id, engine, machine, *_ in CASES:
        _, told = offered(repo_id, engine, **machine)
        assert not [one for _, one in told if one.startswith("someone/")]


def test_the_coverage_adds_up_and_names_those_without(catalogue):
    found = coverage_of(200, worker_of(Question(worker="llama-cpp", memory=24.0), workers()))
    assert found.refused == sum(found.nearest.values()) + len(found.none)
    assert found.nearest["build"] >= 5
    assert found.looked_at <= 200


def test_one_change_is_another_build_another_start_or_the_next_larger_machine(catalogue):
    build, _ = offered("Qwen/Qwen3-8B", "llama-cpp", **SMALL)
    assert build.surer.record.repo_id == "unsloth/Qwen3-8B-GGUF"
    card, _ = offered("microsoft/phi-4", "vllm", accelerator="RTX 3090", ram=64)
    assert not card.result.compatible
    assert card.larger == "one more card"
    runs, _ = offered("meta-llama/Llama-3.1-8B-Instruct", "vllm", **LARGE)
    assert (runs.larger, runs.one_plan) == ("", None)
    huge, _ = offered("deepseek-ai/DeepSeek-R1", "ollama", **SMALL)
    assert huge.surer is None, "no build whose need is not known, or known to be too large"
    far, _ = offered("deepseek-ai/DeepSeek-R1", "vllm", **SMALL)
    assert (far.larger, far.one_plan) == ("", None)


def test_peers_of_its_size_follow_where_nothing_tells_what_a_model_is_for(catalogue):
    """For the falcon of 180 billion, of which the record tells no use, there was one of 7 billion and no other."""
    item = plain("maker/Nova-70B", "llama", 70.6, (), "mit") | {"pipeline_tag": None}
    item["tags"] = ["safetensors"]
    del item["config"]["architectures"]
    small = plain("maker/Nova-1B", "llama", 1.2, CHAT, "mit")
    sync.store_raw([(one["id"], one) for one in (item, small)], origin="file")
    page, told = offered("maker/Nova-70B", "vllm", **CARD)
    assert told[0] == ("family", "maker/Nova-1B")
    peers = [row for row in page.alternatives if page.reasons[row.record.pk].kind == "use"]
    assert max(row.record.parameters for row in peers) > 7e9
    assert {row.record.family for row in peers} > {"llama"}
    why = {page.reasons[row.record.pk].why for row in peers}
    assert why == {"Made for what most of its architecture are made for, and runs here"}
    _, sure = offered("meta-llama/Llama-3.3-70B-Instruct", "vllm", **CARD)
    assert {kind for kind, _ in sure} >= {"family", "use"}
