"""A name that closes with a width and no method: packed as MLX or bitsandbytes pack, and nobody says which."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
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
