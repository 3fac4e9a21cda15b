"""One entry in the table adds an architecture everywhere. Tried on a copy of the project."""

from __future__ import annotations

import json

from tests.own_database import OwnDatabase
from tests.project_copy import copy_project, run_in_copy

ENTRY = """
[families.toyline]
label = "Toy line"
[families.toyline.types]
toyformer = { kind = "moe", gguf = "toy-former", class = "ToyFormerForCausalLM", name_begins = [
    "toyformer",
], layers = { period = 4, other = "window", window = 256 } }
"""
ENGINE = """
slug = "toy"
name = "Toy engine"
version = "1.0"
checked = 2026-11-23
summary = "One architecture."
source = "this test"
tasks = { text = ["text-generation"] }
hardware = { platforms = ["cpu"] }

[[architectures]]
by = "class"
names = ["ToyFormerForCausalLM"]
serves = ["text"]

[[architectures]]
by = "gguf"
names = ["toy-former"]
serves = ["text"]

[[formats]]
name = "safetensors"
by = "class"
confidence = "high"

[[formats]]
name = "gguf"
by = "gguf"
confidence = "high"
"""
CONFIG = {
    "model_type": "toyformer", "num_hidden_layers": 8, "hidden_size": 512, "num_attention_heads": 8,
    "num_key_value_heads": 2, "max_position_embeddings": 4096,
}  # fmt: skip
RECORDS = [
    {
        "id": "acme/one", "config": CONFIG, "pipeline_tag": "text-generation",
        "siblings": [{"rfilename": "model.safetensors", "size": 1000}],
    },
    {
        "id": "acme/two", "gguf": {"architecture": "toy-former", "context_length": 4096},
        "siblings": [{"rfilename": "two-Q4_K_M.gguf", "size": 1000}],
    },
    {"id": "acme/ToyFormer-1b", "siblings": [{"rfilename": "model.safetensors", "size": 1000}]},
]  # fmt: skip

TRY = """
import io, json, sys
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from compat.architectures import architecture_of
from compat.engines import profile
from compat.shapes.shape import from_config
from compat.extraction.extract import extract
from compat.hub.payloads import parse_record
from compat.rules import judge_all

settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
records = [json.loads(line) for line in open(sys.argv[1])]
told = {"facts": {}, "toy": {}, "rbee": {}}
for record in records:
    read = extract(parse_record(record).model)
    name = record["id"]
    told["facts"][name] = [read.family, read.architecture.value, read.architecture.provenance]
    for slug in ("toy", "rbee"):
        result = judge_all(read.judged, profile(slug)).result
        said = " ".join(result.reasons + result.warnings)
        told[slug][name] = [result.compatible, result.confidence, result.brief, said]
told["kind"] = architecture_of("toy-former").kind
shape = from_config(records[0]["config"])
told["layers"] = [[layer.kind, layer.window] for layer in shape.caches]
told["assumptions"] = shape.assumptions
call_command("load_records", sys.argv[1], stdout=io.StringIO())
answer = Client(HTTP_HOST="127.0.0.1").get("/models/?worker=toy&compatible=false&architecture=toyline")
told["page"] = [answer.status_code, answer.content.decode()]
print(json.dumps(told))
"""


def test_one_entry_adds_an_architecture_everywhere(tmp_path):
    copy = copy_project(tmp_path / "copy")
    table = copy / "compat/architectures/architectures.toml"
    table.write_text(table.read_text("utf-8").replace("\n[families.mistral]", f"{ENTRY}\n[families.mistral]"), "utf-8")
    (copy / "compat/engines/profiles/toy.toml").write_text(ENGINE, "utf-8")
    records = tmp_path / "records.jsonl"
    records.write_text("\n".join(map(json.dumps, RECORDS)), "utf-8")
    with OwnDatabase(tmp_path, HF_HUB_OFFLINE="1") as own:
        done = run_in_copy(copy, own.env, "-c", TRY, records)
        assert done.returncode == 0, done.stderr[-2000:]
        told = json.loads(done.stdout)
    assert told["facts"] == {
        "acme/one": ["toyline", "toyformer", "config"],
        "acme/two": ["toyline", "toy-former", "hub"],
        "acme/ToyFormer-1b": ["toyline", "toyformer", "name"],
    }
    assert told["kind"] == "moe"
    assert told["toy"]["acme/one"][:2] == [True, "high"]
    assert "Toy engine runs Toy line models (“ToyFormerForCausalLM”, config.json)" in told["toy"]["acme/one"][3]
    assert told["toy"]["acme/two"][:2] == [True, "high"]
    assert told["toy"]["acme/ToyFormer-1b"][:3] == [True, "low", "architecture guessed"]
    assert told["rbee"]["acme/one"][:3] == [False, "none", "Toy line architecture"]
    assert told["layers"] == [["window", 256], ["window", 256], ["window", 256], ["full", None]] * 2
    assert told["assumptions"] == []
    assert told["page"][0] == 200
    assert "Toy line" in told["page"][1]
    assert all(repo_id in told["page"][1] for repo_id in told["facts"])
