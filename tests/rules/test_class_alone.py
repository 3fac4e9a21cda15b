"""Records whose class stands alone, among others, or beside a ``model_type`` that is not its own."""

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


@pytest.mark.parametrize("slug", ["vllm", "sglang"])
def test_of_several_classes_the_first_that_the_engine_knows_counts(slug):
    def said(*classes):
        return judged(slug, "", config={"model_type": "llama", "architectures": list(classes)})

    assert said("ThingForCausalLM", "LlamaForCausalLM").compatible
    assert said("LlamaForCausalLM", "ThingForCausalLM").confidence == "high"
    assert said("ThingForCausalLM", "OtherForCausalLM").cause == "architecture"


def test_an_engine_that_looks_at_the_first_class_alone_refuses_it():
    config = {"model_type": "llama", "architectures": ["ThingForCausalLM", "LlamaForCausalLM"]}
    assert judged("exllamav3", "", config=config).cause == "architecture"


@pytest.mark.parametrize("slug", ["vllm", "sglang"])
def test_a_class_of_another_type_than_the_one_beside_it_promises_nothing(slug):
    config = {"model_type": "bert", "architectures": ["LlamaForCausalLM"]}
    result = judged(slug, "", config=config)
    assert (result.confidence, result.compatible) == ("low", True)
    assert any("one of them is wrong" in warning for warning in result.warnings)
