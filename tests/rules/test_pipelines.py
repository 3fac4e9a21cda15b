"""Pipelines of Diffusers whose records leave out what they are."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all


def test_one_file_of_a_pipeline_needs_no_configuration_and_no_context():
    files = [{"rfilename": name} for name in (".gitattributes", "sdxl.safetensors")]
    record = {
        "id": "a/sdxl",
        "pipeline_tag": "text-to-image",
        "library_name": "diffusion-single-file",
        "siblings": files,
    }
    found = extract(parse_record(record).model).judged
    result = judge_all(found, all_profiles()["diffusers"]).result
    assert result.confidence == "low"
    assert not any("config" in text or "context" in text for text in result.warnings)


def judged(repo_id, **record):
    model = parse_record({"id": repo_id, "pipeline_tag": "text-to-image", **record}).model
    return judge_all(extract(model).judged, all_profiles()["diffusers"]).result


@pytest.mark.parametrize(
    "repo_id",
    ["runwayml/stable-diffusion-v1-5", "runwayml/stable-diffusion-inpainting", "nitrosocke/mo-di-diffusion"],
)
def test_a_well_known_pipeline_runs_where_its_record_tells_nothing(repo_id):
    result = judged(repo_id)
    assert result.compatible
    assert result.confidence != "high"
    assert not judged(repo_id.replace("/", "/my-")).compatible


@pytest.mark.parametrize(
    ("repo_id", "cause"),
    [
        ("h94/IP-Adapter-FaceID", "architecture"),
        ("ByteDance/SDXL-Lightning", "format"),
        ("xinsir/controlnet-union-sdxl-1.0", "architecture"),
    ],
)
def test_a_well_known_part_of_pipelines_is_none(repo_id, cause):
    assert judged(repo_id, tags=["diffusers"]).cause == cause


def test_a_pipeline_that_a_tag_names_may_be_in_either_format():
    assert judged("a/b", tags=["diffusers", "diffusers:StableDiffusionPipeline"]).brief == "format guessed"
    assert judged("a/b", tags=["diffusers"]).cause == "unknown"


def test_one_file_without_a_pipeline_might_be_read():
    result = judged("a/b", tags=["diffusion-single-file"])
    assert (result.confidence, result.brief) == ("low", "one file, no pipeline")
