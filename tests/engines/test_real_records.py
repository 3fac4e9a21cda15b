"""Real repositories that each engine's own documentation or loader names, and what is said of them: those that must
run, and those that must not.
"""

from __future__ import annotations

from typing import Any

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all

WORDS = ("high", "medium", "low")


def _record(
    repo_id: str,
    model_type: str | None = None,
    hf_class: str | None = None,
    task: str | None = None,
    files: tuple[str, ...] = ("model.safetensors",),
    **more: Any,
) -> dict[str, Any]:
    """A record as the Hub answers it, with what is read of it."""
    config = dict(more.pop("config", {}))
    if model_type:
        config["model_type"] = model_type
    if hf_class:
        config["architectures"] = [hf_class]
    record = {"id": repo_id, "config": config, "siblings": [{"rfilename": name} for name in files], **more}
    return record | ({"pipeline_tag": task} if task else {})


def _gguf(
    repo_id: str, architecture: str, task: str = "text-generation", files: tuple[str, ...] = ("model-Q4_K_M.gguf",)
) -> dict[str, Any]:
    """A record of GGUF files whose header the Hub has read."""
    return _record(repo_id, task=task, files=files, gguf={"architecture": architecture, "total": 8_000_000_000})


_TEXT, _SEES = "text-generation", "image-text-to-text"
_EMBEDS, _ALIKE, _RANKS = "feature-extraction", "sentence-similarity", "text-ranking"
_PAINTS = "text-to-image"
_SPEAKS, _HEARS = "text-to-speech", "automatic-speech-recognition"
_CTRANSLATE2 = ("config.json", "model.bin", "tokenizer.json", "vocabulary.json")
_OPENVINO = ("config.json", "openvino_model.xml", "openvino_model.bin", "openvino_tokenizer.bin")
_PIPELINE = ("model_index.json", "unet/diffusion_pytorch_model.safetensors")

SAYS = {
    # docs/source/en/supported_models.md, and the branches of backends/candle/src/lib.rs
    "text-embeddings-inference": [
        (_record("Qwen/Qwen3-Embedding-0.6B", "qwen3", "Qwen3ForCausalLM", _EMBEDS), "high"),
        (_record("intfloat/multilingual-e5-large-instruct", "xlm-roberta", "XLMRobertaModel", _EMBEDS), "high"),
        (_record("google/embeddinggemma-300m", "gemma3_text", "Gemma3TextModel", _ALIKE), "high"),
        (_record("sentence-transformers/all-mpnet-base-v2", "mpnet", "MPNetForMaskedLM", _ALIKE), "high"),
        (_record("Alibaba-NLP/gte-large-en-v1.5", "new", "NewModel", _ALIKE), "high"),
        (_record("Salesforce/SFR-Embedding-2_R", "mistral", "MistralModel", _EMBEDS), "medium"),
        (_record("answerdotai/ModernBERT-large", "modernbert", "ModernBertForMaskedLM", "fill-mask"), "medium"),
        (_record("BAAI/bge-reranker-base", "xlm-roberta", "XLMRobertaForSequenceClassification", _RANKS), "high"),
        (_record("SamLowe/roberta-base-go_emotions", "roberta", task="text-classification"), "high"),
        # A classifier's head is there for some types only, and tokens are not classified at all.
        (_record("Qwen/Qwen3-Reranker-0.6B", "qwen3", "Qwen3ForCausalLM", _RANKS), "unknown"),
        (_record("dslim/bert-base-NER", "bert", "BertForTokenClassification", "token-classification"), "task"),
        (_record("Qwen/Qwen3-8B", "qwen3", "Qwen3ForCausalLM", _TEXT), "task"),
        (_record("Qwen/Qwen3-8B", "qwen3"), "unknown"),
        (_record("jinaai/jina-embeddings-v5-omni-small", "jina_embeddings_v5_omni", task=_EMBEDS), "architecture"),
        (_record("nomic-ai/nomic-embed-text-v1.5-GGUF", "nomic_bert", task=_ALIKE, files=("n.Q4_0.gguf",)), "format"),
    ],
    # turbomind/supported_models.py, pytorch/models/module_map.py and docs/en/supported_models
    "lmdeploy": [
        (_record("internlm/internlm3-8b-instruct", "internlm3", "InternLM3ForCausalLM", _TEXT), "high"),
        (_record("OpenGVLab/InternVL3-8B", "internvl_chat", "InternVLChatModel", _SEES), "high"),
        (_record("Qwen/Qwen3-30B-A3B", "qwen3_moe", "Qwen3MoeForCausalLM", _TEXT), "high"),
        (_record("google/gemma-3-4b-it", "gemma3", "Gemma3ForConditionalGeneration", _SEES), "high"),
        (_record("openai/gpt-oss-20b", "gpt_oss", "GptOssForCausalLM", _TEXT,
                 config={"quantization_config": {"quant_method": "mxfp4"}}), "medium"),
        (_record("Qwen/Qwen2.5-7B-Instruct-AWQ", "qwen2", "Qwen2ForCausalLM", _TEXT,
                 config={"quantization_config": {"quant_method": "awq"}}), "medium"),
        (_record("unsloth/Qwen3-8B-bnb-4bit", "qwen3", "Qwen3ForCausalLM", _TEXT,
                 config={"quantization_config": {"quant_method": "bitsandbytes"}}), "quantization"),
        (_record("bigcode/starcoder2-7b", "starcoder2", "Starcoder2ForCausalLM", _TEXT), "architecture"),
        (_record("allenai/OLMo-2-1124-7B", "olmo2", "Olmo2ForCausalLM", _TEXT), "architecture"),
        (_record("Qwen/Qwen3-Embedding-0.6B", "qwen3", "Qwen3ForCausalLM", _EMBEDS), "task"),
        (_record("Qwen/Qwen3-8B-GGUF", "qwen3", task=_TEXT, files=("Qwen3-8B-Q4_K_M.gguf",)), "format"),
    ],
    # mlx_vlm/models, MODEL_REMAPPING and embedding_loader.py
    "mlx-vlm": [
        (_record("mlx-community/Qwen2.5-VL-7B-Instruct-4bit", "qwen2_5_vl", task=_SEES,
                 config={"quantization": {"bits": 4, "group_size": 64}}), "high"),
        (_record("google/gemma-3-4b-it", "gemma3", "Gemma3ForConditionalGeneration", _SEES), "high"),
        (_record("vikhyatk/moondream1", "moondream1", task=_SEES), "high"),
        (_record("Qwen/Qwen3-8B", "qwen3", "Qwen3ForCausalLM", _TEXT), "high"),
        (_record("google/gemma-3-1b-it", "gemma3_text", "Gemma3ForCausalLM", _TEXT), "high"),
        (_record("Qwen/Qwen3-Embedding-0.6B", "qwen3", "Qwen3ForCausalLM", _EMBEDS), "high"),
        (_record("Qwen/Qwen2.5-7B-Instruct-AWQ", "qwen2", "Qwen2ForCausalLM", _TEXT,
                 config={"quantization_config": {"quant_method": "awq"}}), "quantization"),
        (_record("facebook/sam3", "sam3", task="mask-generation"), "architecture"),
        (_record("vidore/colqwen2.5-v0.2", "colqwen2_5", task="visual-document-retrieval"), "architecture"),
        (_record("openai/whisper-large-v3", "whisper", task=_HEARS), "architecture"),
        (_record("google/gemma-3-4b-it-qat-q4_0-gguf", "gemma3", task=_SEES, files=("g.Q4_0.gguf",)), "format"),
    ],
    # diffusers/__init__.py, and docs/diffusers on quantization/gguf
    "diffusers": [
        (_record("stabilityai/stable-diffusion-xl-base-1.0", task=_PAINTS, files=_PIPELINE,
                 tags=["diffusers:StableDiffusionXLPipeline"]), "high"),
        (_record("Qwen/Qwen-Image", task=_PAINTS, config={"diffusers": {"_class_name": "QwenImagePipeline"}}), "high"),
        (_record("Lightricks/LTX-Video", task="image-to-video", files=_PIPELINE,
                 tags=["diffusers:LTXPipeline"]), "high"),
        (_record("runwayml/stable-diffusion-v1-5", task=_PAINTS,
                 files=("model_index.json", "unet/diffusion_pytorch_model.bin"),
                 tags=["diffusers:StableDiffusionPipeline"]), "medium"),
        (_record("somebody/a-pipeline", task=_PAINTS, files=_PIPELINE), "low"),
        (_record("city96/FLUX.1-dev-gguf", task=_PAINTS, files=("flux1-dev-Q2_K.gguf",),
                 gguf={"architecture": "flux", "total": 11_901_408_320}), "low"),
        (_record("Kijai/WanVideo_comfy_GGUF", task="text-to-video", files=("wan-IQ3_S.gguf",),
                 gguf={"architecture": "wan", "total": 14_000_000_000}), "quantization"),
        (_record("stabilityai/sd-turbo-onnx", task=_PAINTS, files=("model_index.json", "unet/model.onnx"),
                 tags=["diffusers:OnnxStableDiffusionPipeline"]), "architecture"),
        (_record("Qwen/Qwen3-8B", "qwen3", "Qwen3ForCausalLM", _TEXT), "architecture"),
    ],
    # src/llama-model.cpp; the README for what came before GGUF
    "koboldcpp": [
        (_gguf("bartowski/L3-8B-Stheno-v3.2-GGUF", "llama"), "high"),
        (_gguf("unsloth/gpt-oss-20b-GGUF", "gpt-oss"), "high"),
        (_gguf("ggml-org/gemma-3-4b-it-GGUF", "gemma3", _SEES, ("g-Q4_K_M.gguf", "mmproj-g-f16.gguf")), "high"),
        (_gguf("CompendiumLabs/bge-base-en-v1.5-gguf", "bert", _EMBEDS), "high"),
        (_gguf("unsloth/GLM-5-Next-GGUF", "glm5-next"), "medium"),
        (_gguf("somebody/a-model-nvfp4-GGUF", "qwen3", files=("m-NVFP4.gguf",)), "low"),
        (_record("TheBloke/Llama-2-7B-GGML", "llama", task=_TEXT, files=("llama-2-7b.ggmlv3.q4_0.bin",)), "low"),
        (_record("ggerganov/whisper.cpp", task=_HEARS, files=("ggml-base.en.bin",)), "low"),
        (_record("bigcode/starcoder-ggml", "gpt_bigcode", task=_TEXT, files=("starcoder-ggml.bin",)), "architecture"),
        (_gguf("city96/FLUX.1-dev-gguf", "flux", _PAINTS), "low"),
        (_gguf("unsloth/Qwen-Image-GGUF", "qwen_image", _PAINTS), "architecture"),
        (_gguf("koboldcpp/tts", "kokoro", "text-to-speech", ("Kokoro_no_espeak_Q4.gguf",)), "low"),
        (_gguf("ubergarm/Qwen3-8B-GGUF", "qwen3", files=("Qwen3-8B-IQ4_KS.gguf",)), "quantization"),
        (_record("Qwen/Qwen3-8B", "qwen3", "Qwen3ForCausalLM", _TEXT), "format"),
    ],
    # llama.cpp/llama.cpp of 0.9.3; docs/example_llamafiles.md
    "llamafile": [
        (_record("Mozilla/Meta-Llama-3.1-8B-Instruct-llamafile", "llama", task=_TEXT,
                 files=("Meta-Llama-3.1-8B-Instruct.Q4_K_M.llamafile",)), "medium"),
        (_gguf("Qwen/Qwen3-8B-GGUF", "qwen3"), "high"),
        (_gguf("unsloth/gpt-oss-20b-GGUF", "gpt-oss"), "medium"),
        (_gguf("nomic-ai/nomic-embed-text-v1.5-GGUF", "nomic-bert", _ALIKE), "high"),
        (_gguf("lmstudio-community/eagle3-GGUF", "eagle3", "speculative-draft"), "task"),
        (_gguf("city96/FLUX.1-dev-gguf", "flux", _PAINTS), "architecture"),
        (_record("Qwen/Qwen3-8B", "qwen3", "Qwen3ForCausalLM", _TEXT), "format"),
    ],
    # docs/docs/llama-cpp.mdx
    "jan": [
        (_gguf("janhq/Jan-v1-4B-GGUF", "qwen3"), "medium"),
        (_gguf("ggml-org/gemma-3-4b-it-GGUF", "gemma3", _SEES, ("g-Q4_K_M.gguf", "mmproj-g-f16.gguf")), "medium"),
        (_gguf("CompendiumLabs/bge-base-en-v1.5-gguf", "bert", _EMBEDS), "task"),
        (_gguf("city96/FLUX.1-dev-gguf", "flux", _PAINTS), "architecture"),
        (_record("janhq/Jan-v1-4B", "qwen3", "Qwen3ForCausalLM", _TEXT), "format"),
    ],
    # registry.py, and the folders and MODEL_REMAPPING of tts, stt and sts
    "mlx-audio": [
        (_record("mlx-community/Qwen3-TTS-12Hz-0.6B-Base-bf16", "qwen3_tts", task=_SPEAKS), "medium"),
        (_record("sesame/csm-1b", "csm", "CsmForConditionalGeneration", _SPEAKS), "medium"),
        (_record("mlx-community/whisper-large-v3-asr-8bit", "whisper", task=_HEARS,
                 config={"quantization": {"bits": 8, "group_size": 64}}), "medium"),
        (_record("kyutai/moshiko-mlx-bf16", "moshi", task="audio-to-audio"), "medium"),
        (_record("canopylabs/orpheus-3b-0.1-ft", "llama", "LlamaForCausalLM", _SPEAKS), "low"),
        (_record("meta-llama/Llama-3.2-1B", "llama"), "unknown"),
        (_record("meta-llama/Llama-3.2-1B", "llama", task=_TEXT), "task"),
        (_record("facebook/mms-tts-eng", "vits", "VitsModel", _SPEAKS), "architecture"),
        (_record("suno/bark", "bark", task=_SPEAKS, files=("pytorch_model.bin",)), "format"),
    ],
    # utils.py (the repositories it downloads by itself) and converters/transformers.py
    "faster-whisper": [
        (_record("Systran/faster-whisper-large-v3", task=_HEARS, files=_CTRANSLATE2, tags=["ctranslate2"]), "low"),
        (_record("deepdml/faster-whisper-large-v3-turbo-ct2", "whisper", task=_HEARS, files=_CTRANSLATE2), "high"),
        (_record("openai/whisper-large-v3", "whisper", task=_HEARS), "format"),
        (_record("michaelfeil/ct2fast-m2m100_418M", "m2m_100", task="translation", files=_CTRANSLATE2), "architecture"),
        (_record("facebook/fasttext-language-identification", files=("model.bin",)), "format"),
    ],
    # README and models/README
    "whisper-cpp": [
        (_record("ggerganov/whisper.cpp", task=_HEARS, files=("ggml-base.en.bin",)), "low"),
        (_record("distil-whisper/distil-large-v3-ggml", "whisper", task=_HEARS, files=("ggml-distil.bin",)), "high"),
        (_record("openai/whisper-large-v3", "whisper", task=_HEARS), "format"),
        (_record("TheBloke/Llama-2-7B-GGML", "llama", files=("llama-2-7b.ggmlv3.q4_0.bin",)), "architecture"),
    ],
    # model_configs.py of optimum-intel, and site/docs/supported-models
    "openvino-genai": [
        (_record("OpenVINO/Qwen3-8B-int4-ov", "qwen3", "Qwen3ForCausalLM", _TEXT, _OPENVINO), "medium"),
        (_record("OpenVINO/Phi-3.5-vision-instruct-int8-ov", "phi3_v", task=_SEES, files=_OPENVINO), "medium"),
        (_record("OpenVINO/whisper-large-v3-turbo-int8-ov", "whisper", task=_HEARS, files=_OPENVINO), "medium"),
        (_record("OpenVINO/bge-base-en-v1.5-fp16-ov", "bert", "BertModel", _EMBEDS, _OPENVINO), "medium"),
        (_record("somebody/opus-mt-en-de-ov", "marian", "MarianMTModel", "translation", _OPENVINO), "architecture"),
        (_record("somebody/bert-ner-ov", "bert", task="token-classification", files=_OPENVINO), "task"),
        (_record("Qwen/Qwen3-8B", "qwen3", "Qwen3ForCausalLM", _TEXT), "format"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("slug", "record", "word"),
    [
        pytest.param(slug, record, word, id=f"{slug}: {record['id']} ({word})")
        for slug, rows in SAYS.items()
        for record, word in rows
    ],
)
def test_a_real_repository_gets_the_answer_that_the_engine_would_give(slug, record, word):
    result = judge_all(extract(parse_record(record).model).judged, all_profiles()[slug]).result
    assert (result.confidence if result.compatible else result.cause) == word


@pytest.mark.parametrize("slug", SAYS)
def test_each_engine_has_records_that_run_and_records_that_do_not(slug):
    words = {word for _, word in SAYS[slug]}
    assert words & set(WORDS)
    assert words - set(WORDS)
