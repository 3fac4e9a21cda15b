"""Questions that encoders answer by marking words, and others by writing."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all


def judged(slug, model_type, **config):
    record = {
        "id": "a/b",
        "pipeline_tag": "question-answering",
        "config": {"model_type": model_type, **config},
        "siblings": [{"rfilename": "model.safetensors"}],
    }
    return judge_all(extract(parse_record(record).model).judged, all_profiles()[slug]).result


@pytest.mark.parametrize("slug", ["vllm", "openvino-genai"])
@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_an_encoder_is_refused_for_how_it_answers(slug, model_type):
    result = judged(slug, model_type)
    assert result.cause == "task"
    assert "marks the answer in a text that it is given" in result.reasons[0]


@pytest.mark.parametrize("slug", ["transformers", "vllm", "mlx-lm"])
def test_a_model_that_writes_answers_by_writing(slug):
    assert judged(slug, "llama").compatible


@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_transformers_loads_an_encoder_that_marks_answers_without_a_pipeline(model_type):
    result = judged("transformers", model_type)
    assert (result.compatible, result.confidence) == (True, "low")
    assert "AutoModelForQuestionAnswering loads it" in " ".join(result.warnings)
