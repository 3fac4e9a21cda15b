"""Lists of names read from engines' packages: stable, and never empty because something moved."""

import shutil
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.profiles import changes, regenerate


def test_generated_lists_are_sorted_and_stable():
    text = regenerate.render({"b": ["z", "a", "a"], "map": {"y": "1", "x": ("2", "3")}}, "demo 1")
    assert text == (
        "# Generated from demo 1 by tools/profiles/regenerate.py. Do not edit: run it again.\n"
        'generated_from = "demo 1"\n\nb = [\n    "a",\n    "z",\n]\n\n[map]\n"x" = ["2", "3"]\n"y" = "1"\n'
    )


def test_a_registry_that_moved_is_an_error_and_not_an_empty_list(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="the package's layout changed"):
        regenerate.regenerate("mlx-lm", tmp_path)


def test_the_mlx_reader_takes_model_modules_and_what_is_mapped_onto_them(tmp_path: Path):
    models = tmp_path / "mlx_lm" / "models"
    models.mkdir(parents=True)
    (models / "llama.py").write_text("class ModelArgs:\n    pass\n")
    (models / "cache.py").write_text("class Cache:\n    pass\n")
    (tmp_path / "mlx_lm" / "utils.py").write_text('MODEL_REMAPPING = {"mistral": "llama", "gone": "nothing"}\n')
    assert regenerate.SOURCES["mlx-lm"].read(tmp_path) == {"model_types": ["llama", "mistral"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A folder of profiles in place of the shipped one."""
    monkeypatch.setattr(regenerate, "HERE", tmp_path / "profiles")
    (tmp_path / "profiles").mkdir()
    return tmp_path / "profiles"


@pytest.fixture
def mlx(folder: Path, tmp_path: Path, monkeypatch) -> Path:
    """A package of mlx-lm in small, whose list is written to that folder."""
    source = regenerate.SOURCES["mlx-lm"]
    monkeypatch.setitem(regenerate.SOURCES, "mlx-lm", replace(source, target=folder / "mlx-lm.lists.toml"))
    models = tmp_path / "package" / "mlx_lm" / "models"
    models.mkdir(parents=True)
    (models / "llama.py").write_text("class ModelArgs:\n    pass\n")
    (models.parent / "utils.py").write_text('MODEL_REMAPPING = {"mistral": "llama"}\n')
    info = tmp_path / "package" / "mlx_lm-0.40.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: mlx-lm\nVersion: 0.40.0\n")
    return tmp_path / "package"


def test_version_and_day_are_set_in_the_profile_and_where_another_names_the_package(folder, mlx):
    profile = 'slug = "x"\nversion = "{}"\nchecked = 2020-01-01\nsource = "mlx-lm {}: utils.py"\n'
    (folder / "mlx-lm.toml").write_text(profile.format("0.32.2", "0.32.2"))
    (folder / "lm-studio.toml").write_text(profile.format("with mlx-lm 0.32.2 and mlx-vlm 0.7.10", "and mlx-vlm"))
    (folder / "other.toml").write_text(profile.format("0.32.2", "0.32.2"))
    assert regenerate.regenerate("mlx-lm", mlx)
    own = tomllib.loads((folder / "mlx-lm.toml").read_text())
    assert (own["version"], own["source"], own["checked"]) == (
        "0.40.0",
        "mlx-lm 0.40.0: utils.py",
        datetime.now(UTC).date(),
    )
    assert tomllib.loads((folder / "lm-studio.toml").read_text())["version"] == "with mlx-lm 0.40.0 and mlx-vlm 0.7.10"
    assert tomllib.loads((folder / "other.toml").read_text())["version"] == "0.32.2"
    assert not regenerate.regenerate("mlx-lm", mlx)


def test_a_tree_without_a_version_leaves_the_profiles_alone_unless_it_is_told(folder, mlx):
    shutil.rmtree(mlx / "mlx_lm-0.40.0.dist-info")
    (folder / "mlx-lm.toml").write_text('version = "0.32.2"\nchecked = 2020-01-01\n')
    regenerate.regenerate("mlx-lm", mlx)
    assert '"0.32.2"' in (folder / "mlx-lm.toml").read_text()
    regenerate.regenerate("mlx-lm", mlx, version="commit abc")
    assert '"commit abc"' in (folder / "mlx-lm.toml").read_text()


def test_what_no_package_is_published_of_asks_for_its_tree():
    with pytest.raises(SystemExit, match="name its source tree with --source PATH"):
        regenerate.main(["ollama"])
    with pytest.raises(SystemExit, match="name that engine"):
        regenerate.main(["vllm", "sglang", "--source", "x"])
    with pytest.raises(SystemExit, match="no reader for 'nope'"):
        regenerate.main(["nope"])


def test_a_change_is_told_by_level_and_by_record():
    before = {"a": {"one": "none", "two": "high"}, "b": {"one": "low"}}
    after = {"a": {"one": "medium", "two": "high"}, "b": {"one": "low"}}
    assert changes.describe(before, after).splitlines() == [
        "a: 1 records change", "  before: 1 high, 1 none", "  after : 1 high, 1 medium", "  one: none -> medium",
    ]  # fmt: skip
    assert changes.describe(before, before) == "no record of the catalogue changes\n"
    many = {"a": {str(number): "none" for number in range(30)}}
    told = changes.describe(many, {"a": dict.fromkeys(many["a"], "high")})
    assert len(told.splitlines()) == 23


def _written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_lmdeploy_reader_joins_both_engines_and_sets_drafts_apart(tmp_path: Path):
    root = _written(
        tmp_path,
        {
            "lmdeploy/archs.py": "def check():\n    supported_archs = set(['InternVLChatModel', 'MolmoForCausalLM'])\n",
            "lmdeploy/turbomind/supported_models.py": "SUPPORTED_ARCHS = dict(LlamaForCausalLM='llama')\n",
            "lmdeploy/pytorch/models/module_map.py": (
                "MODULE_MAP = dict()\nREMOVED_MODEL_MAP = {'QWenLMHeadModel': 'Qwen', 'LlamaForCausalLM': 'back'}\n"
                "MODULE_MAP.update({'InternVLChatModel': 'a', 'Qwen3_5MTPModel': 'b', 'Eagle3LlamaForCausalLM': 'c'})\n"
                "MODULE_MAP.update({'Qwen2ForRewardModel': 'd'})\nOTHER.update({'NotForCausalLM': 'e'})\n"
            ),
        },
    )
    assert regenerate.SOURCES["lmdeploy"].read(root) == {
        "text": ["LlamaForCausalLM"],
        "multimodal": ["InternVLChatModel"],
        "draft": ["Eagle3LlamaForCausalLM", "Qwen3_5MTPModel"],
        "reward": ["Qwen2ForRewardModel"],
        "removed": ["QWenLMHeadModel"],
    }


def test_the_mlx_vlm_reader_tells_what_sees_from_what_reads_and_leaves_out_what_answers_nothing(tmp_path: Path):
    models = "mlx_vlm/models"
    root = _written(
        tmp_path,
        {
            "mlx_vlm/utils.py": "MODEL_REMAPPING = {'moondream1': 'moondream2', 'gone': 'nil', 'mistral': 'llama'}\n",
            "mlx_vlm/embedding_loader.py": "EMBEDDING_MODEL_REMAPPING = {'xlm-roberta': 'xlm_roberta'}\n",
            f"{models}/llama/__init__.py": "from .llama import Model, LanguageModel\n",
            f"{models}/llama/language.py": "",
            f"{models}/moondream2/__init__.py": "from .moondream2 import Model, VisionModel\n",
            f"{models}/moondream2/language.py": "",
            f"{models}/sam3/__init__.py": "from .sam3 import Model, LanguageModel, VisionModel\n",
            f"{models}/bert/__init__.py": "from .bert import Model\n",
            f"{models}/flux2/__init__.py": "from .model import Flux2\n",
        },
    )
    assert regenerate.SOURCES["mlx-vlm"].read(root) == {
        "multimodal": ["moondream1", "moondream2"],
        "text": ["llama", "mistral"],
        "embedding": ["xlm-roberta"],
    }


def test_the_mlx_audio_reader_keeps_types_of_language_models_apart(tmp_path: Path):
    files = {"mlx_audio/registry.py": "_AMBIGUOUS_FAMILIES = frozenset({'llama', 'qwen3'})\n"}
    for kind, model in (("tts", "llama"), ("tts", "kokoro"), ("stt", "whisper"), ("sts", "moshi")):
        files[f"mlx_audio/{kind}/models/{model}/__init__.py"] = ""
        files[f"mlx_audio/{kind}/utils.py"] = "MODEL_REMAPPING = {'moshiko': 'moshi', 'gone': 'nothing'}\n"
    assert regenerate.SOURCES["mlx-audio"].read(_written(tmp_path, files)) == {
        "shared": ["llama", "qwen3"],
        "tts": ["kokoro"],
        "stt": ["whisper"],
        "sts": ["moshi", "moshiko"],
    }


def test_the_diffusers_reader_takes_the_pipelines_alone(tmp_path: Path):
    text = (
        "_import_structure['pipelines'].extend(['FluxPipeline', 'AutoPipelineForInpainting', 'Mel'])\n"
        "_import_structure['pipelines'].extend(['OnnxStableDiffusionPipeline', 'FluxPipelineOutput'])\n"
        "_import_structure['modular_pipelines'].extend(['FluxModularPipeline'])\n"
    )
    root = _written(tmp_path, {"diffusers/__init__.py": text})
    assert regenerate.SOURCES["diffusers"].read(root) == {"pipelines": ["FluxPipeline"]}


def test_the_openvino_reader_follows_a_list_of_tasks_and_leaves_parts_of_pipelines_out(tmp_path: Path):
    text = (
        "COMMON = ['feature-extraction', 'text-generation']\n"
        "@register_in_tasks_manager('olmo2', *COMMON)\nclass A: ...\n"
        "@register_in_tasks_manager('gemma3', *['image-text-to-text'], library_name='transformers')\nclass B: ...\n"
        "@register_in_tasks_manager('flux', *['text-generation'], library_name='diffusers')\nclass C: ...\n"
        "@register_in_tasks_manager('bert', 'fill-mask')\nclass D: ...\n"
    )
    root = _written(tmp_path, {"optimum/exporters/openvino/model_configs.py": text})
    assert regenerate.SOURCES["openvino-genai"].read(root) == {"text": ["olmo2"], "multimodal": ["gemma3"]}


@pytest.mark.parametrize("slug", ["lmdeploy", "mlx-vlm", "mlx-audio", "diffusers", "openvino-genai"])
def test_a_package_of_another_layout_is_an_error(slug, tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="the package's layout changed"):
        regenerate.SOURCES[slug].read(tmp_path)


def test_every_list_that_ships_is_one_that_can_be_made_again():
    folder = regenerate.HERE
    assert {source.target.name for source in regenerate.SOURCES.values() if source.target.parent == folder} == {
        path.name for path in folder.glob("*.lists.toml")
    }
    assert all(source.target.is_file() for source in regenerate.SOURCES.values())
