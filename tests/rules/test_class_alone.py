"""Records that tell a model's class and not its ``model_type``, as lists of models do."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all


def judged(slug, hf_class, **more):
    record = {
        "id": "acme/thing",
        "pipeline_tag": "text-generation",
        "config": {"architectures": [hf_class]},
        "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}],
        **more,
    }
    return judge_all(extract(parse_record(record).model).judged, all_profiles()[slug]).result


@pytest.mark.parametrize("slug", ["vllm", "sglang"])
def test_an_engine_that_goes_by_class_judges_by_it_and_promises_nothing(slug):
    result = judged(slug, "LlamaForCausalLM")
    assert (result.compatible, result.confidence) == (True, "low")
    assert any("not the model's type" in warning for warning in result.warnings)


@pytest.mark.parametrize(("slug", "hf_class"), [("transformers", "LlamaForCausalLM"), ("vllm", "ThingForCausalLM")])
def test_what_is_not_told_is_the_type_and_not_the_class(slug, hf_class):
    result = judged(slug, hf_class)
    assert (result.cause, result.brief) == ("unknown", "type not told")
    assert hf_class in result.reasons[0]
    assert "model_type" in result.recommendations[0]
