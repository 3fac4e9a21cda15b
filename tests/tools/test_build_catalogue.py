"""The bundled catalogue is made by its tool: the same of the same sources, to the byte, and of nothing untrue."""

from __future__ import annotations

import gzip
import json
import random

import pytest

from compat.hub.payloads import parse_record
from compat.ingest.from_files import BUNDLED
from marketplace import starter
from tests.own_database import ROOT
from tests.samples import RECORDS, every_record, record, write_lines
from tools.catalogue.build import completed, main
from tools.catalogue.made_up import is_assumed, is_made_up

PHI = "microsoft/phi-2"


def made(folder, *sources):
    """What the tool makes of these sources: its bytes."""
    target = folder / "made.jsonl.gz"
    main([*map(str, sources), "--output", str(target)])
    return target.read_bytes()


def records_in(packed):
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def test_the_snapshot_that_ships_is_made_of_itself(tmp_path):
    assert made(tmp_path, BUNDLED) == BUNDLED.read_bytes()


@pytest.fixture(scope="module")
def shipped():
    """The records of the snapshot that ships."""
    return records_in(BUNDLED.read_bytes())


def test_the_snapshot_that_ships_tells_sizes_in_bytes_of_units_of_two_to_the_thirtieth(shipped):
    """A list that says GB means GiB: an earlier catalogue took it at its word, and was 7 percent too small."""
    sizes = {
        (item["id"], file["rfilename"]): file["size"]
        for item in shipped
        for file in item.get("siblings") or ()
        if file.get("size")
    }
    model = "Jackrong/Qwen3.5-9B-Claude-4.6-Opus-Reasoning-Distilled-GGUF"
    assert sizes[model, "Qwen3.5-9B.Q4_K_M.gguf"] == round(5.2 * 2**30)
    assert not [place for place, size in sizes.items() if size % 1_000_000 == 0]


def test_the_snapshot_that_ships_has_every_model_of_the_lists_that_a_new_site_begins_with(shipped):
    assert {repo_id for *_, entries in starter.LISTS for repo_id, _ in entries} <= {item["id"] for item in shipped}


@pytest.mark.parametrize("page", ["docs/data.md", "docs/deploy.md", "docs/operators.md", "CHANGELOG.md"])
def test_the_documentation_says_how_many_records_ship(shipped, page):
    assert f"{len(shipped):,}" in (ROOT / page).read_text("utf-8")


def test_equal_records_make_equal_bytes_in_whatever_order_they_come(tmp_path):
    first = made(tmp_path, RECORDS)
    turned = [dict(reversed(item.items())) for item in every_record()]
    random.Random(7).shuffle(turned)
    assert made(tmp_path, write_lines(tmp_path / "turned.jsonl", turned)) == first
    assert made(tmp_path, RECORDS) == first
    ids = [item["id"] for item in records_in(first)]
    assert ids == sorted(ids)
    assert len(ids) == len(every_record())


def test_nothing_that_a_record_tells_is_lost_on_the_way(tmp_path):
    kept = {item["id"]: item for item in records_in(made(tmp_path, RECORDS))}
    assert kept == {item["id"]: item for item in every_record()}


def test_ids_that_differ_by_letter_case_are_one_repository(tmp_path, shipped):
    listed = {"id": "acme/marvin-7b", "author": "acme", "tags": ["gguf"], "_source": {"tags": "a list"}}
    counted = {
        "id": "Acme/Marvin-7B",
        "author": "Acme",
        "safetensors": {"total": 7 * 10**9},
        "_source": {"safetensors": "the Hub"},
    }
    other = {"id": "acme/other", "author": "acme"}
    for order in ([listed, counted, other], [other, counted, listed]):
        found = records_in(made(tmp_path, write_lines(tmp_path / "cases.jsonl", order)))
        assert [item["id"] for item in found] == ["acme/marvin-7b", "acme/other"]
        # The owner as it is spelled elsewhere.
        assert found[0] == {**counted, "id": "acme/marvin-7b", "author": "acme", "tags": ["gguf"],
                            "_source": {"safetensors": "the Hub", "tags": "a list"}}  # fmt: skip
    again = [{"id": "acme/MARVIN"}, {"id": "acme/Marvin", "likes": 3}]
    found = records_in(made(tmp_path, write_lines(tmp_path / "cases.jsonl", again)))
    assert found == [{"id": "acme/MARVIN", "likes": 3}]
    ids = [item["id"].lower() for item in shipped]
    assert len(ids) == len(set(ids))


def test_what_is_no_record_is_left_out_and_named(tmp_path, capsys):
    lines = [json.dumps(record(PHI)), '{"likes": 3}', "{", json.dumps(record(PHI, id="a/b", downloads="many"))]
    source = tmp_path / "mixed.jsonl"
    source.write_text("\n".join(lines), "utf-8")
    assert [item["id"] for item in records_in(made(tmp_path, source))] == [PHI]
    told = capsys.readouterr().out
    assert "4 lines read, 0 joined to a record before them, 3 refused; 1 records" in told
    assert "refused: mixed.jsonl, line 2: id: Field required" in told
    assert "refused: mixed.jsonl, line 3: not valid JSON" in told
    assert "refused: mixed.jsonl, line 4: downloads: " in told


def test_a_file_that_is_cut_off_makes_no_catalogue(tmp_path):
    source, target = tmp_path / "cut.jsonl.gz", tmp_path / "made.jsonl.gz"
    source.write_bytes(gzip.compress(RECORDS.read_bytes())[:-2000])
    target.write_bytes(b"what was there")
    with pytest.raises(SystemExit, match=r"cut\.jsonl\.gz is damaged or cut off after line"):
        main([str(source), "--output", str(target)])
    assert target.read_bytes() == b"what was there"


def test_sources_without_a_record_make_no_catalogue(tmp_path):
    source, target = tmp_path / "nothing.jsonl", tmp_path / "made.jsonl.gz"
    source.write_text("{}\n", "utf-8")
    with pytest.raises(SystemExit, match="No record of these files could be used"):
        main([str(source), "--output", str(target)])
    assert not target.exists()


def test_the_first_source_counts_and_a_later_one_fills_in_what_it_leaves_open(tmp_path, capsys):
    ours = record(PHI, likes=1, siblings=None, _source={"likes": "ours 2026-11", "config": "ours 2026-11"})
    ours["config"] = {"model_type": "phi"}
    theirs = record(PHI, likes=2, siblings=[{"rfilename": "model.safetensors"}], gguf={"total": 5})
    theirs |= {"config": {"model_type": "other", "head_dim": 80}, "safetensors": {"total": 9, "parameters": {"F16": 9}}}
    theirs["_source"] = dict.fromkeys(("likes", "config", "siblings", "gguf", "safetensors"), "theirs 2025")
    files = [write_lines(tmp_path / f"{name}.jsonl", [item]) for name, item in (("ours", ours), ("theirs", theirs))]
    (joined,) = records_in(made(tmp_path, *files))
    assert "1 joined to a record before them" in capsys.readouterr().out
    assert (joined["likes"], joined["siblings"]) == (1, [{"rfilename": "model.safetensors"}])
    assert joined["config"] == {"model_type": "phi", "head_dim": 80}
    assert joined["safetensors"] == ours["safetensors"], "one answer, not half of each"
    assert joined["gguf"] == {"total": 5}
    assert joined["_source"] == {
        "likes": "ours 2026-11", "config": "ours 2026-11", "siblings": "theirs 2025", "gguf": "theirs 2025",
    }  # fmt: skip
    (turned,) = records_in(made(tmp_path, *reversed(files)))
    assert turned["likes"] == 2


def test_a_note_speaks_for_the_record_whose_fact_it_is():
    """A fact that came without a note does not get the note of another source's fact."""
    joined = completed({"id": "a/b", "likes": 1}, {"id": "a/b", "likes": 2, "_source": {"likes": "a list of 2023"}})
    assert joined == {"id": "a/b", "likes": 1}
    assert parse_record(joined).model.likes == 1


def test_a_date_that_is_younger_than_a_conversion_is_left_out_and_named(tmp_path, capsys):
    """A list says of openai/gpt-oss-20b that it is of July 2026; it was packed in August 2025."""
    noted = {"createdAt": "a list", "likes": "a list"}
    original = record(PHI, createdAt="2026-07-28T00:00:00.000Z", likes=3, _source=noted)
    packed = {"id": "a/phi-2-GGUF", "cardData": {"base_model": [PHI]}, "tags": [f"base_model:quantized:{PHI}"]}
    files = {"before": "2025-08-05T00:00:00.000Z", "after": "2026-07-20T00:00:00.000Z"}
    for name, date in files.items():
        source = write_lines(tmp_path / f"{name}.jsonl", [original, packed | {"createdAt": date}])
        found = {item["id"]: item for item in records_in(made(tmp_path, source))}
        assert found["a/phi-2-GGUF"]["createdAt"] == date
        assert ("createdAt" in found[PHI]) == ("createdAt" in found[PHI]["_source"]) == (name == "after")
        assert found[PHI]["likes"] == 3
        assert (f"the date of {PHI}" in capsys.readouterr().out) == (name == "before")


def test_a_date_is_held_against_packings_that_only_their_names_lead_to_it(tmp_path):
    """Of the bundled records, most that pack another say so by their name alone; Meta renamed its own."""
    records = [
        {"id": "meta-llama/Llama-3.1-8B", "createdAt": "2025-02-15T00:00:00.000Z"},
        {"id": "a/Meta-Llama-3.1-8B-bnb-4bit", "createdAt": "2024-07-23T00:00:00.000Z"},
        {"id": "meta-llama/Llama-3.1-70B", "createdAt": "2024-07-14T00:00:00.000Z"},
        {"id": "a/Llama-3.1-70B-AWQ", "createdAt": "2024-07-23T00:00:00.000Z"},
        {"id": "b/my-model", "createdAt": "2025-02-15T00:00:00.000Z"},
        {"id": "a/my-model-GGUF", "createdAt": "2024-07-23T00:00:00.000Z"},
    ]
    found = records_in(made(tmp_path, write_lines(tmp_path / "records.jsonl", records)))
    assert [item["id"] for item in found if "createdAt" not in item] == ["meta-llama/Llama-3.1-8B"]


FLASH = {"hidden_size": 2048, "num_attention_heads": 16, "num_hidden_layers": 40, "num_key_value_heads": 2}
MOE = FLASH | {"head_dim": 256, "vocab_size": 248320, "num_experts": 256, "model_type": "qwen3_5_moe"}


def test_a_count_that_a_formula_makes_of_the_dimensions_is_left_out_wherever_it_stands(tmp_path, capsys):
    """A list says of MLX builds of Qwen 3.6 35B that they hold 34,131,148,800 weights; they hold 34.7 billion."""
    counted = {"total": 34_131_148_800}
    records = [
        {"id": "a/4bit", "safetensors": counted, "config": MOE, "_source": {"safetensors": "a list"}},
        {"id": "b/5bit", "safetensors": counted, "config": {"model_type": "qwen3_5_moe"}},
        {"id": "c/original", "safetensors": {"total": 35_951_822_704}, "config": MOE},
        {"id": "d/typed", "safetensors": counted | {"parameters": {"BF16": counted["total"]}}, "config": MOE},
    ]
    source = write_lines(tmp_path / "records.jsonl", records)
    found = {item["id"]: item for item in records_in(made(tmp_path, source))}
    assert [repo_id for repo_id, item in found.items() if "total" in item["safetensors"]] == ["c/original", "d/typed"]
    assert parse_record(found["a/4bit"]).model.safetensors is not None
    assert "2 counts of weights" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "total", "made_up"),
    [
        (MOE, 34_131_148_800, True),
        (MOE, 34_131_148_801, False),
        (MOE, 34_005_319_680, True),  # no expert that all share
        ({"text_config": MOE}, 34_131_148_800, True),
        ({**MOE, "vocab_size": None}, 34_131_148_800, False),
        # Qwen 3 0.6B as it is counted, one table for words in and out.
        (
            {
                "hidden_size": 1024,
                "num_attention_heads": 16,
                "num_hidden_layers": 28,
                "num_key_value_heads": 8,
                "head_dim": 128,
                "vocab_size": 151936,
            },
            596_049_920,
            False,
        ),
        # OLMo 7B, whose norms hold nothing.
        (
            {
                "hidden_size": 4096,
                "num_attention_heads": 32,
                "num_hidden_layers": 32,
                "vocab_size": 50304,
                "model_type": "olmo",
            },
            6_888_095_744,
            False,
        ),
    ],
)
def test_only_what_the_formula_makes_to_the_last_weight_is_made_up(config, total, made_up):
    assert is_made_up(config, total) is made_up


def test_a_context_that_a_list_assumes_is_left_out(tmp_path, capsys):
    """Falcon's configuration names no context, and Kimi Linear's calls it otherwise: a list says 4,096 of both."""
    config = {"model_type": "falcon", "hidden_size": 4544, "max_position_embeddings": 4096}
    records = [
        {"id": "a/falcon-7b", "config": config, "_source": {"config": "a list"}},
        {"id": "b/falcon-11B", "config": config | {"max_position_embeddings": 8192}},
        {"id": "c/llama-2-7b", "config": config | {"model_type": "llama"}},
    ]
    source = write_lines(tmp_path / "records.jsonl", records)
    found = {item["id"]: item["config"].get("max_position_embeddings") for item in records_in(made(tmp_path, source))}
    assert found == {"a/falcon-7b": None, "b/falcon-11B": 8192, "c/llama-2-7b": 4096}
    assert "1 contexts that lists assumed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model_type", "context", "assumed"),
    [
        ("gpt_oss", 131_072, False),
        ("gpt_oss", 4_194_304, True),
        ("deepseek_v3", 6_553_600, True),
        ("llama", 1_048_576, True),
        ("llama4", 10_485_760, False),
        ("mamba", 4096, True),
        (None, 4096, False),
    ],
)
def test_a_context_is_not_scaled_twice(model_type, context, assumed):
    """What gpt-oss tells is what its positions are scaled to, by 32."""
    assert is_assumed({"model_type": model_type, "max_position_embeddings": context}) is assumed


def test_nothing_that_ships_is_made_up(shipped):
    assert not [item["id"] for item in shipped if is_assumed(item.get("config") or {})]
    assert not [
        item["id"]
        for item in shipped
        if item.get("safetensors", {}).keys() == {"total"}
        and is_made_up(item.get("config") or {}, item["safetensors"]["total"])
    ]
