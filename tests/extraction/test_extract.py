"""From Hub records, partial and odd as they are, to variants and facts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compat.extraction.extract import extract, needs_relatives, witness_of
from compat.extraction.facts import Provenance
from compat.extraction.quantization import packing_of
from compat.extraction.relatives import Kin, Relative
from compat.extraction.repository_kind import is_partial, least_parameters
from compat.hub.payloads import HubModel, parse_record


def _of(**fields):
    fields.setdefault("id", "a/model")
    fields["siblings"] = [{"rfilename": name} for name in fields.pop("files", [])] or None
    return extract(parse_record({key: value for key, value in fields.items() if value is not None}).model)


def test_a_record_of_an_id_alone_tells_nothing_and_breaks_nothing():
    found = extract(HubModel(id="a/b"))
    assert found.architecture.value is None
    assert [variant.key for variant in found.variants] == ["unknown"]
    assert found.judged[0].as_json() == {}


def test_context_is_read_where_it_is_nested():
    found = _of(config={"model_type": "gemma3", "text_config": {"max_position_embeddings": 131072}})
    assert (found.context.value, found.context.provenance) == (131072, Provenance.CONFIG)
    assert "text_config.max_position_embeddings" in found.context.evidence


def test_a_missing_context_is_assumed_and_says_so():
    found = _of(config={"model_type": "llama"})
    assert (found.context.value, found.context.provenance) == (2048, Provenance.DEFAULT)


def test_gguf_facts_come_from_the_hubs_reading_of_the_header():
    found = _of(files=["m-Q4_K_M.gguf"], gguf={"architecture": "qwen2", "context_length": 32768})
    facts = found.judged[0]
    assert (facts.gguf_architecture, facts.context, facts.quantization) == ("qwen2", 32768, "Q4_K_M")


def test_an_unread_header_is_not_made_up():
    found = _of(files=["m-Q4_K_M.gguf"], config={"model_type": "mixtral"})
    assert found.judged[0].gguf_architecture is None
    assert found.judged[0].architecture == "mixtral"


def test_experts_hidden_behind_the_header_are_seen_in_the_name():
    found = _of(id="a/Mixtral-8x7B-GGUF", files=["m.Q4_0.gguf"], gguf={"architecture": "llama"})
    assert (found.architecture.value, found.judged[0].gguf_architecture) == ("mixtral", "llama")


def test_shards_missing_parts_and_projectors():
    files = ["m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf", "mmproj-F16.gguf"]
    found = _of(files=files, gguf={"architecture": "llama"})
    (variant,) = found.variants
    assert variant.missing_shards == 1
    assert (variant.facts.sharded, variant.facts.incomplete, variant.facts.projector) == (True, True, True)


def test_of_several_weight_files_each_tells_its_own_packing():
    files = ["model.safetensors", "model_fp8.safetensors"]
    found = {one.files: one.facts for one in _of(files=files).variants}
    assert found[("model.safetensors",)].quantization is None
    packed = found[("model_fp8.safetensors",)]
    assert (packed.quantization, packed.quantization_from) == ("FP8", Provenance.NAME)


def test_a_pipeline_of_parts_is_named_as_one():
    found = _of(files=["model_index.json", "unet/diffusion_pytorch_model.safetensors"])
    assert found.architecture.value == "diffusers"
    told = {"diffusers": {"_class_name": "StableDiffusionXLPipeline"}}
    found = _of(config=told, files=["unet/diffusion_pytorch_model.safetensors"])
    assert found.architecture.value == "StableDiffusionXLPipeline"
    assert not found.architecture.provenance.guessed
    found = _of(files=["model_index.json"], tags=["diffusers:FluxPipeline"])
    assert found.architecture.value == "FluxPipeline"


@pytest.mark.parametrize(
    "files",
    [["adapter_config.json", "adapter_model.safetensors"], ["adapter_model.bin"], ["pytorch_lora_weights.safetensors"]],
)
def test_an_adapter_is_its_own_format(files):
    found = _of(files=files, config={"model_type": "llama"})
    assert [facts.format for facts in found.judged] == ["adapter"]


@pytest.mark.parametrize("count", [None, {"total": 10**7}])
@pytest.mark.parametrize("file", ["lora.safetensors", "my-lora-v2.safetensors"])
def test_a_lora_file_is_an_adapter_whatever_the_hub_tags_and_counts(file, count):
    found = _of(files=["config.json", file], config={"model_type": "llama"}, tags=["safetensors"], safetensors=count)
    assert [facts.format for facts in found.judged] == ["adapter"]


def test_an_adapter_beside_the_weights_is_none_of_them():
    found = _of(files=["model.safetensors", "lora.safetensors"], config={"model_type": "llama"})
    assert [variant.files for variant in found.variants] == [("model.safetensors",)]


@pytest.mark.parametrize("count", [None, {"total": 8 * 10**9}])
@pytest.mark.parametrize(
    "file",
    ["unet/diffusion_pytorch_model.safetensors", "vae/model.safetensors", "checkpoint-500/model.safetensors"],
)
def test_weights_in_folders_that_no_engine_opens_are_not_the_model(file, count):
    fields = {"config": {"model_type": "llama"}, "tags": ["safetensors", "pytorch"], "safetensors": count}
    (facts,) = _of(files=["config.json", file], **fields).judged
    assert facts.no_weights
    assert facts.format_from.guessed
    (facts,) = _of(files=["config.json", file, "model.safetensors"], **fields).judged
    assert (facts.format, facts.no_weights) == ("safetensors", False)


@pytest.mark.parametrize(
    "fields",
    [
        {"files": ["model_index.json"]},
        {"files": [], "library_name": "diffusers"},
        {"files": [], "tags": ["diffusers:FluxPipeline"]},
        {"files": [], "_source": {"siblings": "a list that may be partial"}},
    ],
)
def test_folders_are_the_model_of_a_pipeline_and_of_a_list_with_gaps(fields):
    files = [*fields.pop("files"), "unet/diffusion_pytorch_model.safetensors"]
    (facts,) = _of(files=files, **fields).judged
    assert (facts.format, facts.no_weights) == ("safetensors", False)


def test_relations_keep_their_kind_and_drop_the_record_itself():
    found = _of(tags=["base_model:b/base", "base_model:quantized:b/base", "base_model:a/model"])
    assert [(relation.repo_id, relation.kind) for relation in found.relations] == [("b/base", "quantized")]


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": 3},
        {"model_type": ""},
        {"model_type": None, "architectures": "LlamaForCausalLM"},
        {"architectures": []},
        {"architectures": [None]},
        {"max_position_embeddings": "many"},
        {"max_position_embeddings": -1},
        {"max_position_embeddings": True},
        {"max_position_embeddings": 1e400},
        {"text_config": [1]},
        {"hidden_size": "x", "num_hidden_layers": {}, "model_type": "llama"},
    ],
)
def test_odd_types_are_read_as_silence(config):
    found = extract(HubModel(id="a/model", config=config))
    assert found.context.value == 2048
    assert found.judged[0].hf_class is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([
    "model_type", "architectures", "max_position_embeddings", "text_config", "quantization_config",
    "quantization",
    "auto_map", "hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads",
    "num_key_value_heads", "head_dim",
])  # fmt: skip


@settings(max_examples=300)
@given(st.dictionaries(KEYS, JSON, max_size=8), st.lists(st.text(min_size=1, max_size=20), max_size=4))
def test_whatever_authors_write_is_read_without_raising(config, files):
    siblings = [{"rfilename": name} for name in files]
    model = HubModel(id="a/model-7B", config=config, siblings=siblings, safetensors={"total": 5_000_000})
    assert extract(model).judged


SHAPE = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "vocab_size": 128256,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
}  # fmt: skip


@pytest.mark.parametrize(
    ("total", "config", "name", "partial"),
    [
        (8_030_261_248, SHAPE, "llama", False),
        (41_943_040, SHAPE, "llama", True),
        (41_943_040, SHAPE | {"quantization_config": {"quant_method": "awq"}}, "llama", False),
        (41_943_040, SHAPE | {"model_type": "mamba"}, "llama", False),
        (41_943_040, SHAPE | {"hidden_size": None}, "llama", False),
        (900_000_000, SHAPE | {"num_hidden_layers": 1}, "llama-draft", True),
        (1_814_230_272, SHAPE | {"num_hidden_layers": 5}, "qwen-27B-domino", True),
        (500_000_000, SHAPE | {"hidden_size": 2048, "num_hidden_layers": 4}, "llama-0.5B", False),
        (407_411_968, {"model_type": "lfm2"}, "LFM2.5-8B", False),
        (308_224, SHAPE, "llama", False),
        (1_190_221_312, {"model_type": "qwen2"}, "Qwen2.5-7B-LoRA", True),
        (1_190_221_312, {}, "navec-12B-tokens-lora", False),
        (1_190_221_312, {}, "Qwen2.5-7B", False),
        (308_224, {}, "Review-8B", False),
        (164_000_000, {}, "Bonsai-4B-mlx-1bit", False),
    ],
)
def test_far_too_few_weights_are_no_model(total, config, name, partial):
    model = HubModel(id=f"a/{name}", safetensors={"total": total})
    assert is_partial(model, config, packing_of(model, config)) is partial


def test_the_least_count_is_embedding_and_attention():
    assert least_parameters(SHAPE) == 128256 * 4096 + 32 * 4096 * 128 * (2 * 32 + 2 * 8)
    assert least_parameters({}) is None


# --- a list that tells one type for a family of models ------------------------------------------------------------

FAMILY_LIST = {"config": "Xinference list 2026-08"}


def _listed(name, model_type, hf_class, **more):
    return extract(
        HubModel(id=name, config={"model_type": model_type, "architectures": [hf_class]}, source=FAMILY_LIST, **more)
    )


def test_what_is_told_for_a_family_was_not_read():
    found = _listed("acme/Marvin-7B", "qwen2", "Qwen2ForCausalLM")
    assert (found.architecture.value, found.architecture.provenance) == ("qwen2", Provenance.LIST)
    assert found.judged[0].hf_class == "Qwen2ForCausalLM"
    read = extract(HubModel(id="acme/Marvin-7B", config={"model_type": "qwen2"}, source={"config": "Hub"}))
    assert read.architecture.provenance is Provenance.CONFIG


def test_a_name_or_a_well_known_id_contradicts_what_is_told_for_a_family():
    found = _listed("Qwen/Qwen3-4B-Thinking-2507-FP8", "qwen3_moe", "Qwen3MoeForCausalLM")
    assert (found.architecture.value, found.architecture.provenance) == ("qwen3", Provenance.NAME)
    assert found.judged[0].hf_class is None
    known = _listed("openai-community/gpt2", "llama", "LlamaForCausalLM")
    assert (known.architecture.value, known.architecture.provenance) == ("gpt2", Provenance.KNOWN)


@pytest.mark.parametrize(
    ("repo_id", "listed", "bits"),
    [
        ("deepseek-ai/DeepSeek-V3.1", True, 8),
        ("deepseek-ai/DeepSeek-V3.1", False, 16),  # its own file, read whole, would tell of FP8
        ("someone/DeepSeek-V3.1", True, 16),
    ],
)
def test_a_well_known_model_has_the_width_that_its_authors_published_where_only_a_list_tells(repo_id, listed, bits):
    config = {"model_type": "deepseek_v3", "hidden_size": 7168, "torch_dtype": "bfloat16"}
    source = {"config": "a list of models"} if listed else None
    model = HubModel(id=repo_id, config=config, source=source, safetensors={"total": 684_531_386_000})
    (found,) = extract(model).variants
    assert (found.facts.quantization, found.bits) == (None, bits)


def test_a_packing_that_is_told_comes_before_what_is_known_of_a_model():
    told = _of(id="deepseek-ai/DeepSeek-V3.1", tags=["fp8"], safetensors={"total": 684_531_386_000}).variants[0]
    assert told.facts.quantization == "FP8"


def test_a_base_models_own_record_comes_before_what_is_told_for_a_family():
    base = HubModel(id="acme/Base", config={"model_type": "llama"})
    told = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
    model = HubModel(id="acme/Marvin-7B", config=told, source=FAMILY_LIST, tags=["base_model:acme/Base"])
    assert needs_relatives(extract(model))
    found = extract(model, [Relative(Kin.BASE, witness_of(base, extract(base)))])
    assert (found.architecture.value, found.architecture.provenance) == ("llama", Provenance.RELATIVE)
    assert found.judged[0].hf_class is None


@pytest.mark.parametrize(
    ("scaling", "context"),
    [
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 131_072),
        ({"type": "yarn", "factor": 4, "original_max_position_embeddings": 32768}, 131_072),
        # As DeepSeek writes it: told as stretched already.
        ({"type": "yarn", "factor": 8, "original_max_position_embeddings": 4096}, 32_768),
        ({"type": "yarn", "factor": 4.0}, 32_768),
        ({"type": "linear", "factor": 4.0, "original_max_position_embeddings": 32768}, 32_768),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}, 32_768),
        ({"type": "yarn", "factor": 10**9, "original_max_position_embeddings": 32768}, 32_768),
        ({"type": "yarn", "factor": float("nan"), "original_max_position_embeddings": 32768}, 32_768),
        ("yarn", 32_768),
    ],
)
def test_a_context_that_yarn_stretches_counts_as_stretched(scaling, context):
    config = {"model_type": "qwen2", "max_position_embeddings": 32768, "rope_scaling": scaling}
    found = extract(HubModel(id="a/Some", config=config)).context
    assert (found.value, found.provenance) == (context, Provenance.CONFIG)


@pytest.mark.parametrize(
    ("config", "bits"),
    [
        ({"torch_dtype": "float32"}, 32),
        ({"dtype": "bfloat16"}, 16),
        ({"text_config": {"torch_dtype": "float16"}}, 16),
        ({"torch_dtype": "torch.float32"}, 32),
        ({"torch_dtype": "auto"}, None),
        ({"torch_dtype": 5}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("files", [["model.safetensors"], None])
def test_the_data_type_of_a_configuration_tells_what_an_unpacked_weight_takes(config, bits, files):
    found = _of(config={"model_type": "llama", **config}, **({"files": files} if files else {}))
    assert [variant.bits for variant in found.variants] == [bits]


def test_the_data_type_of_a_configuration_is_not_that_of_packed_weights():
    block = {"quant_method": "gptq", "bits": 4}
    found = _of(config={"model_type": "llama", "torch_dtype": "float16", "quantization_config": block})
    assert found.variants[0].bits < 5


def test_a_repository_of_timm_is_of_the_type_that_transformers_takes_it_for():
    record = {"id": "timm/resnet50.a1_in1k", "tags": ["timm"], "library_name": "timm"}
    found = extract(parse_record(record).model).architecture
    assert (found.value, found.provenance) == ("timm_wrapper", Provenance.TAG)


@pytest.mark.parametrize(
    ("auto_map", "value"),
    [
        ({"AutoConfig": "a--b.C", "AutoModel": "jinaai/xlm-roberta-flash-implementation--m.X"}, "xlm-roberta-flash"),
        ({"AutoModelForSequenceClassification": "m.X"}, "xlm-roberta-flash"),
        ({"AutoConfig": "a--b.C"}, "xlm-roberta"),
        (["AutoModel"], "xlm-roberta"),
    ],
)
def test_xlm_roberta_with_code_for_the_model_is_jinas(auto_map, value):
    record = {"id": "a/b", "config": {"model_type": "xlm-roberta", "auto_map": auto_map}}
    assert extract(parse_record(record).model).architecture.value == value


def test_files_of_one_label_are_told_apart_by_what_their_names_add():
    files = [f"Qwen3-Coder-Next-{end}.gguf" for end in ("Q4_K_S", "UD-Q4_K_S", "Q4_K_M")]
    labels = {variant.label for variant in _of(id="unsloth/Qwen3-Coder-Next-GGUF", files=files).variants}
    assert labels == {"GGUF Q4_K_S", "GGUF UD-Q4_K_S", "GGUF Q4_K_M"}
    files = ["localvqe-v1.1-1.3M-f32.gguf", "localvqe-v1.3-4.8M-f32.gguf"]
    labels = {variant.label for variant in _of(id="LocalAI-io/LocalVQE", files=files).variants}
    assert labels == {"GGUF v1.1-1.3M-f32", "GGUF v1.3-4.8M-f32"}


def test_the_width_in_a_models_own_name_is_no_label_of_its_files():
    base = "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"
    told = {"gguf": {"total": 31_577_937_344}, "cardData": {"base_model": [base]}}
    found = _of(id="mradermacher/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16-GGUF", **told)
    assert found.judged[0].quantization is None
    assert _of(id="mradermacher/Qwen3-8B-Q8_0-GGUF", gguf={"total": 8}).judged[0].quantization == "Q8_0"
