"""A name that closes with a width and no method: packed as MLX or bitsandbytes pack, and nobody says which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.extraction.facts import Provenance
from compat.extraction.quantization import PACKED
from compat.hub.payloads import HubModel
from compat.rules import judge

CONFIG = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "max_position_embeddings": 32768}


def judged(name, engine, **fields):
    files = [{"rfilename": "model.safetensors"}]
    model = HubModel(id=name, config=CONFIG, siblings=files, **fields)
    return judge(extract(model).judged[0], all_profiles()[engine])


@pytest.mark.parametrize(
    ("engine", "confidence"),
    [("vllm", "none"), ("exllamav3", "none"), ("transformers", "low"), ("mlx-lm", "low"), ("sglang", "low")],
)
def test_only_who_reads_neither_refuses(engine, confidence):
    assert judged("acme/Qwen3-8B-4bit", engine).confidence == confidence


def test_a_tag_is_believed_over_the_name():
    assert judged("acme/Qwen3-8B-4bit", "transformers", tags=["bitsandbytes", "4-bit"]).confidence == "medium"
    assert judged("acme/Qwen3-8B-4bit", "mlx-lm", tags=["mlx", "4-bit"]).confidence == "high"
    assert judged("acme/Qwen3-8B-4bit", "transformers", tags=["mlx", "4-bit"]).cause == "quantization"


def test_a_width_within_the_name_refuses_nobody():
    assert judged("acme/Qwen3-8B-4bit-chat", "vllm").confidence == "low"


def test_bitsandbytes_packs_in_four_and_eight_bits_alone():
    """NexVeridian/Qwen3.6-27B-5bit stood among the first of what SGLang runs on 24 GB."""
    assert judged("NexVeridian/Qwen3.6-27B-5bit", "sglang").cause == "quantization"


def test_what_a_guess_speaks_against_is_told_from_what_is_a_guess():
    assert judged("acme/Qwen3-8B-4bit", "sglang").doubted
    assert judged("QuantTrio/Qwen3-8B-AWQ", "exllamav3").doubted
    told = judged("QuantTrio/Qwen3-8B-AWQ", "vllm")
    assert (told.confidence, told.doubted) == ("low", False)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "exllamav3", "transformers"])
def test_weights_that_mlx_wrote_are_doubted_wherever_their_format_is_told(engine):
    """mlx-community/Qwen3.5-9B-bf16, of which tags alone tell the format, stood in vLLM's list before the original."""
    model = HubModel(id="mlx-community/Qwen3.5-9B-bf16", config=CONFIG, library_name="mlx", tags=["mlx"])
    assert judge(extract(model).judged[0], all_profiles()[engine]).doubted
    assert not judge(extract(model).judged[0], all_profiles()["mlx-lm"]).doubted


def test_a_width_alone_is_doubted_where_no_method_that_packs_so_is_read():
    """RedHatAI/Qwen3.8-27B-INT4 stood among the first of what ExLlamaV3 runs on 24 GB."""
    assert judged("RedHatAI/Qwen3-8B-INT4", "exllamav3").doubted
    assert not judged("RedHatAI/Qwen3-8B-INT4", "vllm").doubted


def test_weights_that_are_packed_by_nobody_tells_what_are_said_to_be_so_once():
    model = HubModel(id="acme/Qwen3-8B", config=CONFIG, siblings=[{"rfilename": "model.safetensors"}])
    facts = replace(extract(model).judged[0], quantization=PACKED, quantization_from=Provenance.HUB)
    told = [judge(facts, engine) for engine in all_profiles().values()]
    assert "packing method not told" in {result.brief for result in told}
    for result in told:
        assert "packed " not in result.brief
        assert not [text for text in (*result.reasons, *result.warnings) if "(packed)" in text]
