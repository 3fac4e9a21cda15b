"""Tasks beside text that Transformers has pipelines for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.extraction.facts import Provenance
from compat.hub.payloads import parse_record
from compat.rules import judge_all


def judged(task, model_type, hf_class, slug="transformers"):
    record = {
        "id": "a/b",
        "config": {"model_type": model_type, "architectures": [hf_class]},
        "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}],
    }
    if task:
        record["pipeline_tag"] = task
    return judge_all(extract(parse_record(record).model).judged, all_profiles()[slug]).result


@pytest.mark.parametrize(
    ("task", "model_type", "hf_class"),
    [
        ("image-classification", "vit", "ViTForImageClassification"),
        ("zero-shot-image-classification", "clip", "CLIPModel"),
        ("image-segmentation", "segformer", "SegformerForSemanticSegmentation"),
        ("image-segmentation", "mask2former", "Mask2FormerForUniversalSegmentation"),
        ("mask-generation", "sam", "SamModel"),
        ("object-detection", "detr", "DetrForObjectDetection"),
        ("zero-shot-object-detection", "owlvit", "OwlViTForObjectDetection"),
        ("depth-estimation", "depth_anything", "DepthAnythingForDepthEstimation"),
        ("image-feature-extraction", "dinov2", "Dinov2Model"),
        ("video-classification", "videomae", "VideoMAEForVideoClassification"),
        ("audio-classification", "audio-spectrogram-transformer", "ASTForAudioClassification"),
        ("zero-shot-classification", "bart", "BartForSequenceClassification"),
        ("table-question-answering", "tapas", "TapasForQuestionAnswering"),
    ],
)
def test_a_model_of_a_pipelines_mapping_runs(task, model_type, hf_class):
    assert judged(task, model_type, hf_class).confidence == "high"


def test_a_model_of_another_pipelines_mapping_is_refused():
    assert judged("object-detection", "vit", "ViTForImageClassification").cause == "task"


def test_a_guessed_architecture_refuses_no_task():
    (facts,) = extract(
        parse_record(
            {
                "id": "a/b",
                "pipeline_tag": "feature-extraction",
                "config": {"model_type": "qwen3"},
                "siblings": [{"rfilename": "model.safetensors"}],
            }
        ).model
    ).judged
    profile = all_profiles()["tensorrt-llm"]
    assert judge_all((facts,), profile).result.cause == "task"
    guessed = judge_all((replace(facts, architecture_from=Provenance.NAME),), profile).result
    assert guessed.cause == "unknown"
    assert "an architecture that is only guessed here" in guessed.reasons[0]


def test_a_model_without_the_layer_that_the_task_needs_might_run():
    result = judged("image-classification", "vit", "ViTModel")
    assert result.confidence == "low"
    assert "has no output layer" in " ".join(result.warnings)


def test_a_model_of_no_told_task_is_not_promised():
    result = judged(None, "vit", "ViTModel")
    assert result.cause == "task"
    assert "for no task that its record names" in result.reasons[0]


@pytest.mark.parametrize(
    ("slug", "model_type", "hf_class"),
    [("vllm", "clip", "CLIPModel"), ("vllm", "siglip", "SiglipModel"), ("sglang", "clip", "CLIPModel")],
)
def test_servers_make_embeddings_of_what_matches_images(slug, model_type, hf_class):
    result = judged("zero-shot-image-classification", model_type, hf_class, slug)
    assert (result.confidence, result.brief) == ("medium", "as embeddings")
    assert judged("feature-extraction", model_type, hf_class, slug).confidence == "high"


@pytest.mark.parametrize("name", ["Skywork-Reward-8B", "Foo-PRM-8B", "Foo-Reranker"])
@pytest.mark.parametrize("slug", ["transformers", "vllm", "sglang"])
def test_what_only_a_name_calls_a_ranker_is_not_promised(slug, name):
    files = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
    record = {"id": f"a/{name}", "config": {"model_type": "llama"}, "siblings": files}

    def level(**more):
        found = extract(parse_record({**record, **more}).model).judged
        return judge_all(found, all_profiles()[slug]).result.level

    assert level() <= 1
    told = {"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]}
    assert level(config=told, pipeline_tag="text-classification") > 1


# mlx-vlm's siglip drops the tower that sees, and embeds texts alone.
@pytest.mark.parametrize(
    ("slug", "model_type", "hf_class"),
    [("sglang", "siglip", "SiglipModel"), ("mlx-vlm", "siglip", "SiglipModel"), ("vllm", "align", "AlignModel")],
)
def test_what_embeds_no_images_does_not_match_them(slug, model_type, hf_class):
    assert not judged("zero-shot-image-classification", model_type, hf_class, slug).compatible
