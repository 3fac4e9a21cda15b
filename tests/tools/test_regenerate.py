"""Lists of names read from engines' packages: stable, and never empty because something moved."""

from pathlib import Path

import pytest

from tools.profiles import regenerate


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


def test_every_list_that_ships_is_one_that_can_be_made_again():
    folder = regenerate.HERE
    assert {source.target.name for source in regenerate.SOURCES.values() if source.target.parent == folder} == {
        path.name for path in folder.glob("*.lists.toml")
    }
    assert all(source.target.is_file() for source in regenerate.SOURCES.values())
