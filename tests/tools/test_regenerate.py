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


def test_every_list_that_ships_is_one_that_can_be_made_again():
    folder = regenerate.HERE
    assert {source.target.name for source in regenerate.SOURCES.values() if source.target.parent == folder} == {
        path.name for path in folder.glob("*.lists.toml")
    }
    assert all(source.target.is_file() for source in regenerate.SOURCES.values())
