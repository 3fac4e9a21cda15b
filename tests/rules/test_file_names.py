"""Safetensors files that an engine never opens, by their names or by where they lie."""

from __future__ import annotations

import pytest

from compat.engines import all_profiles
from compat.extraction.extract import extract
from compat.extraction.facts import BY_RANK, IN_FOLDER, INDEXED, PICKLED, PREFIXED, RENAMED
from compat.hub.payloads import parse_record
from compat.rules import judge_all

INDEX = "model.safetensors.index.json"
PICKLED_SHARDS = [f"pytorch_model-{n:05d}-of-00002.bin" for n in (1, 2)]
SHARDS = [f"{{}}-{n:05d}-of-00002.safetensors" for n in (1, 2)]


def read(*names, **more):
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096}
    files = [{"rfilename": name} for name in (".gitattributes", "README.md", "config.json", *names)]
    record = {"id": "a/llama", "pipeline_tag": "text-generation", "config": config, "siblings": files, **more}
    return extract(parse_record(record).model)


def sharded(stem):
    return [shard.format(stem) for shard in SHARDS]


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["model.safetensors"], None),
        ([*sharded("model"), INDEX], None),
        ([*sharded("model"), INDEX, "consolidated.safetensors"], None),
        (["model-q4.safetensors"], PREFIXED),
        (["model-q4.safetensors", INDEX], None),
        ([*sharded("gptq_4bit"), INDEX], INDEXED),
        (["weights.safetensors"], RENAMED),
        (["consolidated.safetensors"], RENAMED),
        (["4bit/model.safetensors", "4bit/config.json"], IN_FOLDER),
        (["model.safetensors", "2_Dense/model.safetensors"], None),
        (["model-rank-0-part-0.safetensors"], BY_RANK),
        (["consolidated.00.pth", "params.json"], RENAMED),
        (["model.ckpt"], RENAMED),
        (["pytorch_model.bin"], None),
        (sharded("model"), PREFIXED),
        (
            ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"],
            None,
        ),
        (["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"], PICKLED),
        (["pytorch_model.bin", "pytorch_model.fp16.bin"], None),
        (["pytorch_model.fp16.bin"], PICKLED),
        (["model.pt"], PICKLED),
        (["model.bin"], PICKLED),
        (["0_Transformer/pytorch_model.bin"], IN_FOLDER),
        (["0_Transformer/pytorch_model.bin", "0_Transformer/config.json", "modules.json"], IN_FOLDER),
        (["pytorch_model.bin", "2_Dense/pytorch_model.bin"], None),
        (["unet/diffusion_pytorch_model.bin", "model_index.json"], None),
        # What gpt-oss has beside its weights, for a program of its authors.
        (["model.safetensors", "metal/model.bin", "original/model.safetensors"], None),
        (["transformer/diffusion.safetensors", "model_index.json"], None),
    ],
)
def test_the_list_of_files_tells_how_the_weights_are_named(names, named):
    assert [variant.facts.file_names for variant in read(*names).variants] == [named]


def test_a_list_that_is_not_the_hubs_own_tells_nothing():
    found = read("weights.safetensors", _source={"siblings": "a list of lists"})
    assert found.variants[0].facts.file_names is None


@pytest.mark.parametrize("parts", [sharded("model"), PICKLED_SHARDS])
def test_a_list_cut_to_the_weights_tells_of_no_index(parts):
    files = [{"rfilename": name} for name in ("config.json", *parts)]
    assert [variant.facts.file_names for variant in read(siblings=files).variants] == [None]


def test_a_configuration_that_names_its_weights_is_believed():
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "transformers_weights": "w.safetensors"}
    assert read("w.safetensors", config=config).variants[0].facts.file_names is None


OPENS = {
    "transformers": {INDEXED},
    "mlx-lm": {PREFIXED},
    "vllm": {PREFIXED, INDEXED, RENAMED},
    "sglang": {PREFIXED, INDEXED, RENAMED},
    "tgi": {PREFIXED, INDEXED, RENAMED},
    "lmdeploy": {PREFIXED, INDEXED, RENAMED},
    "exllamav3": {PREFIXED, INDEXED, RENAMED},
    "tensorrt-llm": {PREFIXED, INDEXED, RENAMED},
    "mlx-vlm": {PREFIXED, INDEXED, RENAMED},
    "lm-studio": {PREFIXED, INDEXED, RENAMED},
}
NAMES = {
    PREFIXED: ["model-q4.safetensors"],
    INDEXED: [*sharded("q4"), INDEX],
    RENAMED: ["weights.safetensors"],
    IN_FOLDER: ["q4/model.safetensors"],
    BY_RANK: ["model-rank-0-part-0.safetensors", "model-rank-1-part-0.safetensors"],
}


@pytest.mark.parametrize("slug", OPENS)
@pytest.mark.parametrize("named", NAMES)
def test_an_engine_runs_what_it_opens_and_says_what_it_does_not(slug, named):
    result = judge_all(read(*NAMES[named]).judged, all_profiles()[slug]).result
    assert result.compatible == (named in OPENS[slug])
    if not result.compatible:
        assert result.cause == "format"
        assert result.recommendations


@pytest.mark.parametrize("slug", ["vllm", "sglang", "transformers", "tgi", "lmdeploy"])
@pytest.mark.parametrize(("file", "opened"), [("pytorch_model.bin", True), ("model.pth", False), ("model.ckpt", False)])
def test_pytorch_files_under_names_of_their_authors_are_opened_by_none(slug, file, opened):
    result = judge_all(read(file).judged, all_profiles()[slug]).result
    assert result.compatible == opened


@pytest.mark.parametrize(("slug", "opened"), [("vllm", True), ("transformers", False)])
@pytest.mark.parametrize("files", [["model.pt"], ["model.bin"], ["pytorch_model.fp16.bin"], sharded("model")])
def test_transformers_opens_its_own_names_and_what_its_index_lists(slug, opened, files):
    result = judge_all(read(*files).judged, all_profiles()[slug]).result
    assert result.compatible == opened
    assert opened or result.brief == "names of files"


@pytest.mark.parametrize("slug", ["vllm", "sglang", "transformers", "tgi", "lmdeploy", "tensorrt-llm"])
def test_pytorch_files_in_folders_alone_are_opened_by_none(slug):
    result = judge_all(read("0_Transformer/pytorch_model.bin").judged, all_profiles()[slug]).result
    assert (result.cause, result.brief) == ("format", "weights in a folder")
    assert "PyTorch weights" in result.reasons[-1]
    assert "name its path" in result.recommendations[0]
    assert judge_all(
        read("pytorch_model.bin", "2_Dense/pytorch_model.bin").judged, all_profiles()[slug]
    ).result.compatible


def test_text_embeddings_inference_opens_one_pytorch_file_alone():
    config = {"model_type": "bert", "architectures": ["BertModel"], "max_position_embeddings": 512}
    more = {"config": config, "pipeline_tag": "sentence-similarity"}
    tei = all_profiles()["text-embeddings-inference"]
    for files, opened in ((["pytorch_model.bin"], True), (["model.pt"], False), (["0_Transformer/model.bin"], False)):
        assert judge_all(read(*files, **more).judged, tei).result.compatible is opened


def test_an_engine_that_nobody_looked_into_refuses_no_name():
    assert judge_all(read("weights.safetensors").judged, all_profiles()["tensorrt-llm"]).result.compatible


@pytest.mark.parametrize("slug", ["vllm", "transformers", "mlx-lm", "exllamav3"])
def test_a_whole_list_without_a_configuration_promises_nothing(slug):
    record = {"id": "a/llama", "pipeline_tag": "text-generation", "tags": ["llama", "text-generation"]}
    files = [{"rfilename": "model.safetensors"}]

    def level(**more):
        result = judge_all(extract(parse_record({**record, **more}).model).judged, all_profiles()[slug]).result
        return result.level

    assert level(siblings=files) == 1
    assert level(siblings=[*files, {"rfilename": "config.json"}]) > 1
    assert level(siblings=files, _source={"siblings": "a list"}) > 1


def test_a_gguf_file_needs_no_configuration():
    record = {"id": "a/llama-GGUF", "pipeline_tag": "text-generation", "siblings": [{"rfilename": "l-Q4_K_M.gguf"}]}
    extracted = extract(parse_record({**record, "gguf": {"architecture": "llama", "total": 8_000_000_000}}).model)
    result = judge_all(extracted.judged, all_profiles()["llama-cpp"]).result
    assert not any("config.json" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("slug", "file", "task"),
    [
        ("whisper-cpp", "ggml-base.bin", "automatic-speech-recognition"),
        ("llamafile", "llama-8b.llamafile", "text-generation"),
        ("faster-whisper", "model.bin", "automatic-speech-recognition"),
    ],
)
def test_files_that_hold_their_dimensions_need_no_configuration(slug, file, task):
    names = ("vocabulary.json", file)
    record = {"id": "a/whisper-base", "pipeline_tag": task, "siblings": [{"rfilename": name} for name in names]}
    result = judge_all(extract(parse_record(record).model).judged, all_profiles()[slug]).result
    assert not any("config.json" in warning for warning in result.warnings)
