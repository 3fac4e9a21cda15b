"""What an engine loads behind an option that its makers call experimental is taken after what it loads without."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all

CONFIG = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "quantization": {"bits": 4, "group_size": 64}}


@pytest.mark.parametrize(("engine", "doubted"), [("ollama", True), ("mlx-lm", False)])
def test_something_speaks_against_a_packing_that_is_experimental_there(engine, doubted):
    record = {"id": "mlx-community/Qwen3-8B-4bit", "config": CONFIG, "tags": ["mlx", "safetensors"]}
    facts = extract(parse_record(record | {"pipeline_tag": "text-generation"}).model).judged
    result = judge_all(facts, all_profiles()[engine]).result
    assert result.compatible
    assert result.doubted is doubted
