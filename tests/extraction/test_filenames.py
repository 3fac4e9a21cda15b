"""File names as real repositories write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.extraction.filenames import gguf_label, read_name


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("gemma-2-9b-it-Q4_K_M", "Q4_K_M"),
        ("gemma-2-9b-it-IQ3_XXS", "IQ3_XXS"),
        ("model-Q3_K_L-Q8", "Q3_K_L"),
        ("model-Q4_K_M-fp16", "Q4_K_M"),
        ("Qwen3-UD-Q4_K_XL", "Q4_K_XL"),
        ("Qwen3-UDmerge-Q4_K_XXL", "Q4_K_XXL"),
        ("model-f16", "F16"),
        ("model.fp16", "F16"),
        ("gemma-3-qat-q4_0-unquantized-BF16", "BF16"),
        ("BF16/name-BF16", "BF16"),
        ("gpt-oss-20b-mxfp4", "MXFP4_MOE"),
        ("llama.q8_0", "Q8_0"),
        ("old-Q4_0_4_4", "Q4_0_4_4"),
        ("fork-IQ4_KS", "IQ4_KS"),
        ("fork-IQ1_S_R4", "IQ1_S_R4"),
        ("fork-Q4_K_R4-00001-of-00002", "Q4_K_R4"),
        ("fork-TQ3_4S", "TQ3_4S"),
        ("Q4-is-no-label", None),
        ("sq4_0x", None),
        ("plain", None),
    ],
)
def test_the_label_is_the_last_one_of_the_name(name, label):
    assert gguf_label(name) == label


@pytest.mark.parametrize(
    ("path", "role", "format_"),
    [
        ("model.safetensors", "weights", "safetensors"),
        ("model-00001-of-00002.safetensors", "weights", "safetensors"),
        ("adapter_model.safetensors", "adapter", "safetensors"),
        ("adapter_config.json", "adapter", None),
        ("mmproj-BF16.gguf", "projector", "gguf"),
        ("mmproj-model-f16.gguf", "projector", "gguf"),
        ("mtp-Qwen3.8-27B-Q4_0.gguf", "helper", "gguf"),
        ("DFlash2-Q4_K_M.gguf", "helper", "gguf"),
        ("imatrix.gguf", "helper", "gguf"),
        ("Qwen3.5-27B-Thinkmaker.imatrix.gguf", "helper", "gguf"),
        ("model-draft-Q8_0.gguf", "helper", "gguf"),
        ("lora-Q8_0.gguf", "adapter", "gguf"),
        ("story-lora.gguf", "adapter", "gguf"),
        ("llama-3-story-lora-F16.gguf", "adapter", "gguf"),
        ("story-qlora.Q8_0.gguf", "adapter", "gguf"),
        ("story-adapter-Q8_0.gguf", "adapter", "gguf"),
        ("story-lora-merged-Q4_K_M.gguf", "weights", "gguf"),
        ("lora-tuned-llama-Q4_K_M.gguf", "adapter", "gguf"),
        ("story-lora-instruct-Q4_K_M.gguf", "weights", "gguf"),
        ("Floral-7B-Q8_0.gguf", "weights", "gguf"),
        ("pytorch_model.bin", "weights", "pytorch"),
        ("adapter_model.bin", "adapter", None),
        ("ggml-model-q4_0.bin", "weights", "ggml"),
        ("llama-2-7b.ggmlv3.q4_0.bin", "weights", "ggml"),
        ("openvino_model.bin", "weights", "openvino"),
        ("openvino_detokenizer.bin", "other", "openvino"),
        ("openvino/openvino_model.bin", "duplicate", "openvino"),
        ("random.bin", "other", "pytorch"),
        ("training_args.bin", "other", None),
        ("optimizer.pt", "other", None),
        ("mp_rank_00_model_states.pt", "other", None),
        ("zero_pp_rank_0_mp_rank_00_optim_states.pt", "other", None),
        ("tokenizer.json", "other", None),
        ("README", "other", None),
        ("onnx/model.onnx", "weights", "onnx"),
        ("original/consolidated.00.pth", "duplicate", "pytorch"),
        ("checkpoint-500/model.safetensors", "duplicate", "safetensors"),
        ("checkpoint-500/optimizer.pt", "other", None),
        ("checkpoint-last/model.safetensors", "weights", "safetensors"),
        ("lora.safetensors", "adapter", "safetensors"),
        ("my_style-LoRA-v2.safetensors", "adapter", "safetensors"),
        ("flux.lora.safetensors", "adapter", "safetensors"),
        ("loras/lora2.safetensors", "adapter", "safetensors"),
        ("model-lora-merged.safetensors", "weights", "safetensors"),
        ("flora-7b.safetensors", "weights", "safetensors"),
    ],
)
def test_what_a_file_is(path, role, format_):
    found = read_name(path)
    assert found.role == role
    if role != "other" and format_:
        assert found.format == format_


def test_shards_share_a_stem_and_the_folder_may_carry_the_label():
    first = read_name("Q8_0/m-00001-of-00003.gguf")
    third = read_name("Q8_0/m-00003-of-00003.gguf")
    assert first.stem == third.stem == "Q8_0/m"
    assert (first.shard, first.shards, third.shard) == (1, 3, 3)
    assert first.quantization == "Q8_0"


@given(st.text(max_size=60))
def test_no_name_breaks_the_reader(path):
    assert read_name(path).path == path


@pytest.mark.parametrize(
    ("path", "number", "count"),
    [
        ("Tess-v2.5-Qwen2-72B.Q8_0.gguf.part1of2", 1, 2),
        ("Tess-v2.5-Qwen2-72B.Q8_0.gguf.PART2OF2", 2, 2),
        ("goliath-120b.Q6_K.gguf-split-b", 2, None),
    ],
)
def test_a_file_that_was_cut_is_pieces_of_one(path, number, count):
    found = read_name(path)
    assert (found.role, found.format, found.cut) == ("weights", "gguf", True)
    assert (found.shard, found.shards) == (number, count)
    assert found.quantization in ("Q8_0", "Q6_K")
    assert found.stem in ("Tess-v2.5-Qwen2-72B.Q8_0", "goliath-120b.Q6_K")
