"""What engines' own sources say, pinned here as they were read, against what the profiles answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.engines import all_profiles
from compat.engines.loader import read_profile
from compat.extraction.facts import Provenance, VariantFacts
from compat.rules import CompatibilityResult, Confidence, judge, judge_all
from tests.engines.test_profiles import GOOD
from tools.profiles import readers


def facts(model_type: str, hf_class: str | None = None, **more: object) -> VariantFacts:
    known: dict[str, object] = {
        "architecture": model_type,
        "architecture_from": Provenance.CONFIG,
        "hf_class": hf_class,
        "format": "safetensors",
        "format_from": Provenance.HUB,
        "context": 4096,
        "context_from": Provenance.CONFIG,
    }
    return VariantFacts(**(known | more))


def said(slug: str, model_type: str, hf_class: str | None = None, **more: object) -> CompatibilityResult:
    return judge(facts(model_type, hf_class, **more), all_profiles()[slug])


# vllm/model_executor/models/registry.py, inspect_model_cls, and sglang/srt/model_loader/utils.py,
# resolve_transformers_arch: "auto" falls back to Transformers where its class is_backend_compatible().
FALLBACKS = [
    ("sglang", "gpt_neox", "GPTNeoXForCausalLM", "medium"),
    ("sglang", "smollm3", "SmolLM3ForCausalLM", "medium"),
    ("sglang", "seed_oss", "SeedOssForCausalLM", "medium"),
    ("sglang", "idefics3", "Idefics3ForConditionalGeneration", "low"),
    ("vllm", "dots1", "Dots1ForCausalLM", "medium"),
    ("vllm", "nanochat", "NanoChatForCausalLM", "medium"),
    ("vllm", "zaya", "ZayaForCausalLM", "medium"),
    ("vllm", "biogpt", "BioGptForCausalLM", "low"),
    ("vllm", "aya_vision", "AyaVisionForConditionalGeneration", "low"),
]


@pytest.mark.parametrize(("slug", "model_type", "hf_class", "level"), FALLBACKS)
def test_servers_fall_back_to_transformers_by_themselves(slug, model_type, hf_class, level):
    result = said(slug, model_type, hf_class)
    assert result.confidence == level
    assert any("Transformers" in warning for warning in result.warnings)


def test_a_removed_class_without_a_fallback_stays_refused():
    result = said("vllm", "baichuan", "BaichuanForCausalLM")
    assert (result.compatible, result.cause) == (False, "architecture")
    assert "earlier versions" in result.reasons[0]


def test_tgi_loads_what_its_transformers_knows_but_only_unpacked():
    plain = said("tgi", "qwen3", "Qwen3ForCausalLM", task="text-generation")
    assert plain.confidence == "medium"
    assert "Transformers 4.51.3" in plain.warnings[0]
    for packing in ("AWQ", "GPTQ", "EETQ", "EXL2"):  # "... quantization is not supported for AutoModel"
        packed = said("tgi", "qwen3", "Qwen3ForCausalLM", quantization=packing)
        assert (packed.compatible, packed.cause) == (False, "quantization"), packing
    assert said("tgi", "qwen3", "Qwen3ForCausalLM", quantization="FP8").level <= Confidence.LOW
    assert said("tgi", "qwen2", "Qwen2ForCausalLM", quantization="AWQ").compatible
    assert said("tgi", "qwen3_5", "Qwen3_5ForConditionalGeneration").cause == "architecture"


@pytest.mark.parametrize("packing", ["bitsandbytes", "EETQ"])
def test_tgi_packs_these_itself_and_reads_no_packed_files(packing):
    result = said("tgi", "llama", "LlamaForCausalLM", task="text-generation", quantization=packing)
    assert (result.compatible, result.cause) == (False, "quantization")
    assert "while loading" in result.reasons[0]


def test_tgi_may_read_packed_files_through_transformers():
    result = said("tgi", "qwen3", "Qwen3ForCausalLM", task="text-generation", quantization="bitsandbytes")
    assert result.confidence == "low"


# llama-model.cpp, create_memory, and tools/completion/completion.cpp, the one program that calls llama_encode.
@pytest.mark.parametrize("name", ["dream", "llada", "llada-moe", "rnd1", "t5"])
@pytest.mark.parametrize(
    ("slug", "told"),
    [
        ("llama-cpp", "low"), ("lm-studio", "low"), ("koboldcpp", "low"), ("llamafile", "low"),
        ("ollama", "task"), ("jan", "task"),
    ],
)  # fmt: skip
def test_what_llama_cpps_server_cannot_write_with(slug, told, name):
    model = {"format": "gguf", "gguf_architecture": name}
    result = said(slug, name, **model, task="text-generation")
    assert (result.cause or result.confidence) == told


# Neither server has an address for it: ollama/ollama#3368, lmstudio-ai/docs#162.
@pytest.mark.parametrize("slug", ["ollama", "lm-studio"])
@pytest.mark.parametrize("task", ["text-ranking", "text-classification"])
def test_ollama_and_lm_studio_rank_nothing(slug, task):
    rankers = [said(slug, name, format="gguf", gguf_architecture=name, task=task) for name in ("bert", "qwen3")]
    assert [one.cause or one.confidence for one in rankers] == ["task", "low"]
    assert said("llama-cpp", "bert", format="gguf", gguf_architecture="bert", task=task).confidence == "high"


def test_llama_cpp_marks_no_words():
    tagger = said("llama-cpp", "bert", format="gguf", gguf_architecture="bert", task="token-classification")
    assert (tagger.compatible, tagger.cause) == (False, "task")


# tensorrt_llm/_torch/models/_arch_index.py, and the column "Modality" of docs/source/models/supported-models.md
TENSORRT_SEES = [
    "Cosmos3ForConditionalGeneration", "Exaone4_5_ForConditionalGeneration", "Gemma3ForConditionalGeneration",
    "HCXVisionForCausalLM", "LlavaLlamaModel", "LlavaNextForConditionalGeneration", "Mistral3ForConditionalGeneration",
    "NemotronH_Nano_VL_V2", "Phi4MMForCausalLM", "Qwen2VLForConditionalGeneration",
    "Qwen2_5_VLForConditionalGeneration", "Qwen3VLForConditionalGeneration", "Qwen3VLMoeForConditionalGeneration",
    "Qwen3_5ForConditionalGeneration", "Qwen3_5MoeForConditionalGeneration",
]  # fmt: skip


@pytest.mark.parametrize("hf_class", TENSORRT_SEES)
def test_tensorrt_llm_takes_the_classes_of_its_table_of_modalities(hf_class):
    result = said("tensorrt-llm", "anything", hf_class, task="image-text-to-text")
    assert (result.confidence, result.warnings) == ("high", ())


def test_tensorrt_llm_goes_by_the_names_of_its_index():
    for native in ("Qwen3_5ForCausalLM", "HunYuanDenseV1ForCausalLM", "Starcoder2ForCausalLM", "MiniMaxM2ForCausalLM"):
        assert said("tensorrt-llm", "anything", native).confidence == "high", native
    assert said("tensorrt-llm", "deepseek_v2", "DeepseekV2ForCausalLM").confidence == "low"
    for misspelt in ("DeepSeekV2ForCausalLM", "HunYuanDenseForCausalLM", "HunYuanMoEForCausalLM"):
        assert said("tensorrt-llm", "anything", misspelt).cause == "architecture", misspelt
    for part in ("CLIPVisionModel", "HCXVisionModel", "EAGLE3LlamaForCausalLM"):
        assert not said("tensorrt-llm", "anything", part).compatible, part


# vllm/config/model.py, _SUFFIX_TO_DEFAULTS, with registry.py, _normalize_arch; docs/models/pooling_models/scoring.md
@pytest.mark.parametrize(
    ("hf_class", "task", "flag"),
    [
        ("MistralForSequenceClassification", "text-classification", "--convert classify"),
        ("Qwen3ForSequenceClassification", "text-ranking", "--convert classify"),
        ("GemmaForTokenClassification", "token-classification", "--convert classify"),
        ("Qwen3VLForSequenceClassification", "text-ranking", "--convert classify"),
        ("LlamaForRewardModeling", "text-classification", "--convert embed"),
        ("Qwen3Model", "feature-extraction", "--convert embed"),
        ("Qwen3ForCausalLM", "text-ranking", "--hf_overrides"),
    ],
)
def test_vllm_turns_language_models_into_pooling_ones_and_the_flag_is_told(hf_class, task, flag):
    result = said("vllm", "anything", hf_class, task=task)
    assert result.confidence == "medium"
    assert flag in " ".join(result.warnings)


def test_sglang_ranks_with_a_language_model_that_answers_yes_or_no():
    result = said("sglang", "qwen3", "Qwen3ForCausalLM", task="text-ranking")
    assert result.confidence == "medium"
    assert "--chat-template" in result.warnings[0]
    assert said("sglang", "llama", "LlamaForCausalLM", task="text-ranking").cause == "task"


def test_vllm_makes_no_pooling_model_of_what_it_does_not_run():
    assert said("vllm", "anything", "WhateverForSequenceClassification").cause == "architecture"
    assert said("vllm", "qwen3", "Qwen3ForSequenceClassification", task="text-generation").cause == "task"


@pytest.mark.parametrize(("slug", "level"), [("sglang", "medium"), ("ollama", "low"), ("vllm", "high")])
def test_embeddinggemma_is_served(slug, level):
    result = said(slug, "gemma3_text", "Gemma3TextModel", task="sentence-similarity")
    assert result.confidence == level


@pytest.mark.parametrize("slug", ["vllm", "sglang", "tensorrt-llm", "transformers", "tgi"])
def test_a_language_model_that_speaks_writes_tokens_and_needs_a_decoder(slug):
    result = said(slug, "llama", "LlamaForCausalLM", task="text-to-speech")
    assert result.confidence == "low"
    assert "decoder beside it" in result.warnings[0]
    assert said(slug, "llama", "LlamaForCausalLM", task="text-generation").confidence == "high"


@pytest.mark.parametrize("slug", ["llama-cpp", "ollama", "lm-studio"])
def test_so_does_its_gguf_file(slug):
    result = said(slug, "llama", format="gguf", gguf_architecture="llama", quantization="Q8_0", task="text-to-speech")
    assert result.confidence == "low"
    assert "decoder beside it" in result.warnings[0]


def test_transformers_serves_speech_by_its_pipelines_and_says_which_tasks_are_left_out():
    assert said("transformers", "vits", "VitsModel", task="text-to-speech").confidence == "high"
    assert said("transformers", "csm", "CsmForConditionalGeneration", task="text-to-speech").confidence == "high"
    assert said("transformers", "wav2vec2", "Wav2Vec2ForCTC", task="automatic-speech-recognition").confidence == "high"
    untold = said("transformers", "wav2vec2", "Wav2Vec2Model")  # perhaps a base model without a head
    assert (untold.confidence, untold.brief) == ("low", "may be a base model")
    assert said("transformers", "vit", "ViTForImageClassification", task="image-classification").confidence == "high"
    untold = said("transformers", "vit", "ViTModel")
    assert untold.cause == "task"
    assert "no task that its record names" in untold.reasons[0]
    assert said("transformers", "nobody_knows", "NobodyForCausalLM").cause == "architecture"


@pytest.mark.parametrize("header", ["qwen35", "qwen35moe", "lfm2", "llama"])
def test_transformers_reads_gguf_with_both_of_its_readers(header):
    result = said("transformers", "qwen3_5", format="gguf", gguf_architecture=header)
    assert result.confidence == "low"


# mlx_vlm/utils.py, MODEL_REMAPPING
@pytest.mark.parametrize("model_type", ["inkling_mm_model", "unlimited-ocr", "moondream1", "cohere2_vision"])
def test_lm_studio_knows_what_mlx_vlm_maps_onto_its_modules(model_type):
    assert said("lm-studio", model_type).confidence == "medium"


@pytest.mark.parametrize("model_type", ["gptj", "bailing_hybrid"])
def test_a_model_that_mlx_lm_alone_has_loads_one_request_at_a_time_in_lm_studio(model_type):
    result = said("lm-studio", model_type)
    assert (result.confidence, said("mlx-lm", model_type).confidence) == ("low", "high")
    assert "Max Concurrent Predictions" in " ".join((*result.reasons, *result.warnings))


@pytest.mark.parametrize("model_type", ["embedding_gemma2", "rt_detr_v2"])
def test_what_mlx_vlm_answers_no_text_with_is_no_model_of_lm_studio(model_type):
    assert not said("lm-studio", model_type).compatible


# mlx_engine/generate.py, load_model: mlx-lm or mlx-vlm loads a text model, mlx-vlm alone one with a vision_config
@pytest.mark.parametrize("engine", ["mlx-lm", "mlx-vlm"])
def test_lm_studio_reads_what_the_code_it_loads_text_models_with_reads(engine):
    for packing in all_profiles()[engine].packings:
        seeing = packing.architectures == {"minimax_m3_vl"}
        model_type = min(packing.architectures, default="llama")
        label, _, scheme = packing.name.partition(" ")
        packed = {"quantization": packing.name if label == "AWQ" else label, "scheme": scheme or None}
        packed["quantization_from"] = Provenance.CONFIG
        own = said(engine, model_type, **packed)
        if own.compatible and not seeing:
            there = said("lm-studio", model_type, **packed)
            assert there.compatible, packing.name
            assert there.confidence != "high", packing.name


@pytest.mark.parametrize("label", ["AWQ", "GPTQ", "NVFP4", "BitNet"])
def test_lm_studio_reads_models_that_see_with_mlx_vlm_alone(label):
    packed = {"quantization": label, "quantization_from": Provenance.CONFIG}
    assert not said("lm-studio", "qwen2_5_vl", **packed).compatible
    assert not said("mlx-vlm", "qwen2_5_vl", **packed).compatible


def test_what_lm_studio_reads_with_mlx_lm_alone_names_the_condition():
    found = said("lm-studio", "llama", quantization="AWQ", quantization_from=Provenance.CONFIG)
    assert found.confidence == "low"
    assert any("Max Concurrent Predictions" in text for text in found.reasons)


def test_mlx_is_for_apple_silicon_alone():
    lm_studio = all_profiles()["lm-studio"]
    assert lm_studio.format("safetensors").platforms == ("metal",)
    assert lm_studio.format("gguf").platforms == ()


# --- only a name that was told or translated is refused -----------------------------------------------------


@pytest.mark.parametrize("slug", ["llama-cpp", "ollama", "lm-studio", "transformers", "rbee"])
@pytest.mark.parametrize("model_type", ["idefics3", "internvl_chat"])
def test_a_gguf_name_that_no_table_leads_to_is_unknown_until_the_header_is_read(slug, model_type):
    unread = said(slug, model_type, format="gguf")
    assert (unread.compatible, unread.cause, unread.brief) == (False, "unknown", "GGUF header not read")
    assert "The GGUF header names its architecture; it was not read" in unread.reasons[0]
    assert unread.recommendations


def test_a_header_that_was_read_is_believed_either_way():
    assert said("llama-cpp", "idefics3", format="gguf", gguf_architecture="llama").confidence in ("high", "medium")
    refused = said("llama-cpp", "idefics3", format="gguf", gguf_architecture="no-such-name")
    assert refused.cause == "architecture"


def test_a_gguf_name_spelled_like_the_model_type_is_a_guess():
    result = said("llama-cpp", "kimi_k3", format="gguf")
    assert result.confidence == "low"
    assert "kimi-k3" in " ".join(result.warnings)


def test_a_class_that_is_not_told_is_unknown_and_one_that_is_told_is_refused():
    untold = said("vllm", "somebodys_own")
    assert (untold.cause, untold.brief) == ("unknown", "class not told")
    assert said("vllm", "somebodys_own", "SomebodysOwnModelX").cause == "architecture"


def test_a_variant_of_which_too_little_is_known_comes_before_a_refused_one():
    variants = (facts("idefics3"), facts("idefics3", format="gguf"))
    judged = judge_all(variants, all_profiles()["llama-cpp"])
    assert [result.cause for result in judged.results] == ["format", "unknown"]
    assert (judged.best, judged.result.cause) == (1, "unknown")


def test_one_of_several_possible_classes_that_is_doubtful_makes_the_verdict_so():
    either = said("sglang", "qwen3", task="text-classification")  # for sequences it has code, for tokens it falls back
    assert either.confidence == "low"
    assert said("sglang", "qwen3", "Qwen3ForSequenceClassification", task="text-classification").confidence == "high"


def test_a_guessed_architecture_refuses_nothing():
    guessed = said("exllamav3", "gpt_neo", "GPTNeoForCausalLM", architecture_from=Provenance.NAME)
    assert guessed.cause == "unknown"
    assert said("exllamav3", "gpt_neo", "GPTNeoForCausalLM").cause == "architecture"


@pytest.mark.parametrize(
    ("slug", "sentence"),
    [
        ("ollama", "Ollama's converter does not take “Qwen3MoeForCausalLM”; a GGUF build of it runs."),
        ("llama-cpp", "llama.cpp runs this architecture from GGUF files alone."),
    ],
)
def test_what_runs_as_gguf_is_told_to_need_a_gguf_build(slug, sentence):
    result = said(slug, "qwen3_moe", "Qwen3MoeForCausalLM", task="text-generation")
    assert (result.cause, result.brief) == ("format", "needs a GGUF build")
    assert sentence in result.reasons
    assert "GGUF" in result.recommendations[0]
    assert "another architecture" not in " ".join(result.recommendations)


def test_what_runs_in_no_build_is_refused_for_its_architecture():
    assert said("ollama", "anything", "WhateverForCausalLM").cause == "architecture"
    assert said("ollama", "qwen2", "Qwen2ForCausalLM").brief == "to be converted first"


def test_what_llama_cpps_converter_has_no_case_for_is_no_matter_of_the_format():
    whisper = said("llama-cpp", "whisper", "WhisperForConditionalGeneration", task="automatic-speech-recognition")
    assert whisper.cause == "architecture"
    for may_hold_one_it_takes in ("idefics3", "internvl_chat", "somebodys_own"):
        assert said("llama-cpp", may_hold_one_it_takes).cause == "format", may_hold_one_it_takes


def test_a_spelling_is_no_evidence_for_criteria():
    assert said("rbee", "phi_2", format="gguf").cause == "unknown"


# --- counts -------------------------------------------------------------------------------------------------


def test_what_stands_in_two_groups_or_may_not_run_or_follows_from_others_is_no_further_architecture():
    twice = GOOD.replace(
        "[tasks]",
        """[[architectures]]
by = "class"
names = ["LlamaForCausalLM", "PhiForCausalLM"]
serves = ["text"]

[[architectures]]
by = "class"
names = ["LlamaForCausalLM"]
serves = ["text"]
reads = "images"

[[architectures]]
by = "class"
names = ["OptForCausalLM"]
serves = ["text"]
confidence = "low"
note = "perhaps"

[[architectures]]
by = "class"
names = ["LlamaForCausalLM", "PhiForCausalLM"]
endings = ["ForCausalLM"]
become = ["Model", "ForSequenceClassification"]
serves = ["text"]

[tasks]""",
    )
    demo = read_profile(twice, "demo.toml")
    assert demo.architecture_count == 2
    assert demo.groups_of("class", "PhiModel")
    assert not demo.groups_of("class", "OptModel")


# --- readers, on the shape of each source -------------------------------------------------------------------

MODELING = """
class BasePreTrainedModel(PreTrainedModel):
    _supports_attention_backend = True

class ToyModel(BasePreTrainedModel): ...
class ToyForCausalLM(BasePreTrainedModel, GenerationMixin): ...
class ToyAssistantForCausalLM(ToyForCausalLM): ...
"""
OLD_MODELING = """
class OldAttention(nn.Module): ...
class OldForCausalLM(PreTrainedModel):
    _supports_attention_backend = False
"""
SETTABLE_MODELING = """
class NewAttention(nn.Module):
    def forward(self):
        ALL_ATTENTION_FUNCTIONS.get_interface(1, 2)
class NewForCausalLM(PreTrainedModel): ...
"""
MAPPINGS = {
    "CAUSAL_LM": [("toy", "ToyForCausalLM"), ("toy_assistant", "ToyAssistantForCausalLM"), ("old", "OldForCausalLM"),
                  ("new", "NewForCausalLM"), ("own", "OwnForCausalLM"), ("bert", "BertLMHeadModel")],
    "IMAGE_TEXT_TO_TEXT": [("seer", "SeerForConditionalGeneration")],
    "MULTIMODAL_LM": [("seer", "SeerForConditionalGeneration")],
    "SEQ_TO_SEQ_CAUSAL_LM": [("bart", "BartForConditionalGeneration")],
    "SPEECH_SEQ_2_SEQ": [("whisper", "WhisperForConditionalGeneration")],
    "MASKED_LM": [("bert", "BertForMaskedLM")],
    "SEQUENCE_CLASSIFICATION": [("bert", "BertForSequenceClassification")],
    "TOKEN_CLASSIFICATION": [("bert", "BertForTokenClassification")],
    "": [("toy", "ToyModel"), ("bert", "BertModel")],
}  # fmt: skip
OTHER_MODELING = """
class SeerPreTrainedModel(PreTrainedModel):
    _supports_attention_backend = True
class SeerForConditionalGeneration(SeerPreTrainedModel): ...
class OwnForCausalLM(SeerPreTrainedModel): ...
class BertForSequenceClassification(SeerPreTrainedModel): ...
"""


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    """A Transformers package in small."""
    package = tmp_path / "pinned" / "transformers"
    auto = package / "models" / "auto"
    auto.mkdir(parents=True)
    rows = "\n".join(
        f"{f'MODEL_FOR_{name}_MAPPING_NAMES' if name else 'MODEL_MAPPING_NAMES'} = OrderedDict({pairs!r})"
        for name, pairs in MAPPINGS.items()
    )
    (auto / "modeling_auto.py").write_text(rows)
    (auto / "auto_mappings.py").write_text('CONFIG_MAPPING_NAMES = OrderedDict([("toy", "ToyConfig")])')
    (auto / "configuration_auto.py").write_text(
        'CONFIG_MAPPING_NAMES.update({"newer": "NewerConfig"})\n'
        'CONFIG_MAPPING_NAMES = OrderedDict(**{"o-l-d": "OldConfig"}, **CONFIG_MAPPING_NAMES)\n'
        'SPECIAL_MODULES = {"module": "elsewhere"}'
    )
    for name, text in (("toy", MODELING), ("old", OLD_MODELING), ("new", SETTABLE_MODELING), ("more", OTHER_MODELING)):
        (package / "models" / name).mkdir()
        (package / "models" / name / f"modeling_{name}.py").write_text(text)
    (package / "integrations" / "gguf").mkdir(parents=True)
    (package / "integrations" / "ggml.py").write_text(
        'GGUF_CONFIG_MAPPING = {"general": {}, "llama": {}, "qwen3_moe": {}}'
    )
    (package / "integrations" / "gguf" / "gguf_config_mapping.py").write_text('GGUF_CONFIG_ARCHS = {"qwen35": read}')
    return tmp_path / "pinned"


@pytest.fixture
def sglang_tree(tmp_path: Path) -> Path:
    source = tmp_path / "sglang-package" / "sglang" / "srt"
    (source / "models").mkdir(parents=True)
    (source / "configs").mkdir()
    (source / "models" / "llama.py").write_text(
        "EntryClass = [OwnForCausalLM, OwnForConditionalGeneration, OwnForCausalLMEagle]"
    )
    (source / "configs" / "model_config.py").write_text('multimodal_model_archs = ["OwnForConditionalGeneration"]')
    (source / "configs" / "own.py").write_text('class OwnConfig(Base):\n    model_type = "own"')
    (source / "utils" / "hf_transformers").mkdir(parents=True)
    (source / "utils" / "hf_transformers" / "common.py").write_text(
        'class Alias(Base):\n    model_type: str = "alias"\n_CONFIG_REGISTRY["under"] = Alias\nmodel_type = kind'
    )
    return source.parents[1]


def test_types_of_configurations_are_those_that_a_library_or_an_engine_registers(sglang_tree, pinned):
    assert readers.config_types(pinned) == ["newer", "o-l-d", "toy"]
    assert list(readers.sglang(sglang_tree, pinned)["config_types"]) == ["alias", "own", "under"]


def test_a_flag_is_inherited_and_an_engines_own_classes_are_no_fallback(sglang_tree, pinned):
    lists = {key: list(found) for key, found in readers.sglang(sglang_tree, pinned).items()}
    assert lists["fallback_text"] == ["ToyForCausalLM"]
    assert lists["fallback_vision"] == ["SeerForConditionalGeneration"]
    assert lists["fallback_embedding"] == ["ToyModel"]
    assert lists["fallback_classification"] == ["BertForSequenceClassification"]
    assert lists["gguf"] == ["llama", "qwen35", "qwen3moe"]
    assert "fallback_settable" not in lists


def test_vllm_also_takes_classes_of_settable_attention_and_forgets_removed_ones_it_falls_back_for(tmp_path, pinned):
    models = tmp_path / "vllm-package" / "vllm" / "model_executor" / "models"
    models.mkdir(parents=True)
    tables = (
        "_TEXT_GENERATION_MODELS", "_TRANSFORMERS_SUPPORTED_MODELS", "_MULTIMODAL_MODELS", "_EMBEDDING_MODELS",
        "_LATE_INTERACTION_MODELS", "_SEQUENCE_CLASSIFICATION_MODELS", "_TOKEN_CLASSIFICATION_MODELS", "_REWARD_MODELS",
        "_SPECULATIVE_DECODING_MODELS",
    )  # fmt: skip
    registry = "\n".join(f'{table} = {{"OwnForCausalLM": ("own", "X")}}' for table in tables[1:])
    registry += '\n_TEXT_GENERATION_MODELS = {"OwnForCausalLM": ("own", "X"), "Sees": ("sees", "SeesModel")}'
    (models / "sees.py").write_text("class SeesModel(Base, SupportsMultiModal): ...\nclass X(Base): ...")
    registry += '\n_PREVIOUSLY_SUPPORTED_MODELS = {"ToyForCausalLM": "0.1", "GoneForCausalLM": "0.2"}'
    (models / "registry.py").write_text(registry)
    (models.parents[1] / "transformers_utils").mkdir()
    (models.parents[1] / "transformers_utils" / "config.py").write_text(
        '_CONFIG_REGISTRY: dict = LazyConfigDict(own="OwnConfig", **{"own-ocr": "OwnOcrConfig"})'
    )
    lists = {key: list(found) for key, found in readers.vllm(tmp_path / "vllm-package", pinned).items()}
    assert lists["config_types"] == ["own", "own-ocr"]
    assert (lists["text"], lists["multimodal"]) == (["OwnForCausalLM"], ["OwnForCausalLM", "Sees"])
    assert lists["fallback_settable"] == ["NewForCausalLM"]
    assert lists["fallback_text"] == ["ToyForCausalLM"]
    assert lists["removed"] == ["GoneForCausalLM"]


def test_the_tgi_reader_takes_what_is_compared_and_the_pinned_mappings(tmp_path, pinned):
    models = tmp_path / "tgi" / "server" / "text_generation_server" / "models"
    models.mkdir(parents=True)
    (models / "__init__.py").write_text(
        "class ModelType(enum.Enum):\n"
        '    TOY = {"type": "toy", "name": "Toy", "url": "x"}\n'
        '    UNUSED = {"type": "unused", "name": "Unused", "url": "x"}\n'
        "def get_model(model_type):\n"
        "    if model_type == TOY: return 1\n"
        '    if model_type in ["RefinedWeb", "RefinedWebModel"]: return 2\n'
        "    if model_type in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES: return 3\n"
    )
    lists = {key: list(found) for key, found in readers.tgi(tmp_path / "tgi", pinned).items()}
    assert lists["optimised"] == ["RefinedWeb", "RefinedWebModel", "toy"]
    assert lists["fallback_text"] == ["new", "old", "own", "toy_assistant"]
    assert lists["fallback_seq2seq"] == ["bart"]


def test_the_ollama_reader_takes_the_converters_cases_alone(tmp_path):
    (tmp_path / "convert").mkdir()
    (tmp_path / "convert" / "convert.go").write_text(
        'switch t {\n\tcase "llama":\n}\nswitch p.Architectures[0] {\n\tcase "LlamaForCausalLM":\n\t\tconv = &a{}\n'
        '\tcase "NomicBertModel", "NomicBertMoEModel":\n\t\tconv = &b{}\n\tdefault:\n}\n\tcase "other":\n'
    )
    assert readers.ollama(tmp_path) == {"convert": ["LlamaForCausalLM", "NomicBertMoEModel", "NomicBertModel"]}


def test_the_tensorrt_llm_reader_parts_its_index_by_use(tmp_path):
    folder = tmp_path / "tensorrt_llm" / "_torch" / "models"
    folder.mkdir(parents=True)
    (folder / "_arch_index.py").write_text(
        'MODEL_ARCH_TO_MODULE = {"LlamaForCausalLM": "llama", "Llama4ForConditionalGeneration": "llama", '
        '"Phi4MMForCausalLM": "phi4mm", "T5ForConditionalGeneration": "t5", "CLIPVisionModel": "clip", '
        '"EAGLE3LlamaForCausalLM": "draft", "Qwen2ForRewardModel": "qwen", "Qwen3ForTextEmbedding": "qwen3"}\n'
        'MULTIMODAL_MODEL_TYPE_TO_MODULE = {"llama4": "llama", "phi4mm": "phi4mm"}\n'
    )
    assert readers.tensorrt_llm(tmp_path) == {
        "text": ["LlamaForCausalLM"],
        "conditional": ["T5ForConditionalGeneration"],
        "multimodal": ["Llama4ForConditionalGeneration", "Phi4MMForCausalLM"],
        "classification": ["Qwen2ForRewardModel"],
        "embedding": ["Qwen3ForTextEmbedding"],
        "draft": ["EAGLE3LlamaForCausalLM"],
    }


@pytest.mark.parametrize(
    ("file", "text", "requirement"),
    [
        ("sglang.dist-info/METADATA", "Name: sglang\nRequires-Dist: transformers==5.19.0\n", "transformers==5.19.0"),
        ("requirements/common.txt", "numpy\ntransformers >= 5.16.1, < 5.21.0\n", "transformers>=5.16.1,<5.21.0"),
        ("server/requirements_cuda.txt", "torch==2.7\ntransformers==4.51.3 \\\n", "transformers==4.51.3"),
    ],
)
def test_the_transformers_an_engine_takes_is_read_from_its_own_requirements(tmp_path, file, text, requirement):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    assert readers.pinned_transformers(tmp_path) == requirement


def test_a_language_models_class_alone_does_not_say_that_it_makes_no_embeddings():
    def served(task: str, told: Provenance) -> CompatibilityResult:
        return said("text-embeddings-inference", "qwen3", "Qwen3ForCausalLM", task=task, task_from=told)

    alone = served("text-generation", Provenance.CONFIG)
    assert (alone.compatible, alone.cause) == (False, "unknown")
    assert served("text-generation", Provenance.HUB).cause == "task"
    assert served("feature-extraction", Provenance.NAME).compatible
