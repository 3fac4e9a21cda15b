"""The tables of architectures are read strictly: a mistake is named with file and field, before anything uses it."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from compat.architectures import known_shapes, read_tables, tables
from compat.strict_data import DataError
from tests.own_database import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The tables in a folder where they can be changed."""
    for entry in resources.files("compat.architectures").iterdir():
        if entry.name.endswith((".toml", ".json")):
            (tmp_path / entry.name).write_bytes(entry.read_bytes())
    monkeypatch.setattr(tables, "_FOLDER", tmp_path)
    read_tables.cache_clear()
    known_shapes.cache_clear()
    yield tmp_path
    read_tables.cache_clear()
    known_shapes.cache_clear()


@pytest.mark.parametrize(
    ("filename", "line", "changed", "message"),
    [
        (
            "architectures.toml", 'qwen3 = { kind = "text",', 'qwen3 = { kind = "txt",',
            "architectures.toml: families: qwen: types: qwen3: kind should be one of text, moe, ",
        ),
        (
            "architectures.toml", 'glm = { kind = "text", layers = {}', 'glm = { kind = "text", layer = {}',
            "architectures.toml: families: glm: types: glm: layer is not a field here",
        ),
        (
            "architectures.toml", "layers = { head_dim = 128 }", 'layers = { head_dim = "128" }',
            "layers: head_dim should be int, not '128'",
        ),
        ("architectures.toml", "layers = { explicit = true }", "layers = { explict = true }", "explict is not a field"),
        ("architectures.toml", 'label = "Llama"', 'lable = "Llama"', "families: llama: lable is not a field here"),
        ("architectures.toml", "[families.llama]", "[families.llama", "architectures.toml: not valid TOML: "),
        (
            "architectures.toml", "pixtral = {", "qwen3 = {",
            "architectures.toml: qwen3 stands there twice",
        ),
        (
            "architectures.toml", 'gguf = "qwen3moe"', 'gguf = "qwen2moe"',
            "qwen2_moe and qwen3_moe have the same gguf, 'qwen2moe'",
        ),
        (
            "architectures.toml", 'written_as = "qwen2vl"', 'written_as = "qwen2vl", gguf = "qwen25vl"',
            "qwen2_5_vl has both gguf and written_as",
        ),
        ("architectures.toml", '["mistral 7b", ', '["phi 4", ', "has name_begins 'phi 4', which stands there twice"),
        ("names.toml", "[seq2seq]", "[seq2sequence]", "names.toml: seq2sequence is not a field here"),
        ("gguf_names.toml", "[classes]", "[converts]", "gguf_names.toml: converts is not a field here"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_and_field(folder, filename, line, changed, message):
    path = folder / filename
    text = path.read_text("utf-8")
    assert line in text
    path.write_text(text.replace(line, changed, 1), "utf-8")
    with pytest.raises(DataError) as caught:
        read_tables()
    assert message in str(caught.value)


def test_a_mistake_in_a_known_shape_is_named_too(folder):
    path = folder / "known_shapes.json"
    data = json.loads(path.read_text("utf-8"))
    data["models"][3]["parametres"] = 5
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(DataError, match=r"known_shapes\.json: models 4 \(.+\): parametres is not a field here"):
        known_shapes()


def test_a_known_shape_stands_there_once(folder):
    path = folder / "known_shapes.json"
    data = json.loads(path.read_text("utf-8"))
    data["models"].append({**data["models"][3], "id": data["models"][3]["id"].upper()})
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(DataError, match=r"known_shapes\.json: models \d+ \(.+\): id is that of entry 4"):
        known_shapes()


def test_the_line_that_the_guide_shows_is_read(folder):
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    head, line = re.search(
        r"^```toml\n(\[families.granite.types\])\n(granite5 = .*?)\n```$", guide, re.MULTILINE
    ).groups()
    path = folder / "architectures.toml"
    path.write_text(path.read_text("utf-8").replace(head, f"{head}\n{line}"), "utf-8")
    read = read_tables()
    assert (read.places["granite5"].family, read.by_gguf["granite-5"]) == ("granite", "granite5")
    assert read.entries["granite5"].layers.window == 4096


def test_a_mistake_stops_the_start(folder):
    path = folder / "architectures.toml"
    path.write_text(path.read_text("utf-8").replace('kind = "moe"', 'kind = "moo"', 1), "utf-8")
    with pytest.raises(SystemCheckError, match=r"A data file is wrong: architectures\.toml: families: "):
        call_command("check")


def test_every_known_shape_is_of_an_architecture_that_the_tables_name():
    read = read_tables()
    named = {*read.entries, *(name for table in read.classes.values() for name in table)}
    assert {shape.config["model_type"] for shape in known_shapes()} <= named
