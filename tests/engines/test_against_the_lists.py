"""The bundled snapshot, judged by every engine and held against that engine's own lists, read here on their
own.
"""

from __future__ import annotations

import gzip
import json
import tomllib
from functools import cache
from pathlib import Path

import pytest

import compat
from compat.engines import all_profiles
from compat.estimate.buffers import usual_projector
from compat.extraction.extract import Extraction, extract
from compat.hub.payloads import parse_record
from compat.rules import judge, judge_all
from compat.rules.architecture_match import match_architecture
from tests.work import calls_of

SNAPSHOT = Path(compat.__file__).parent / "data" / "snapshot.jsonl.gz"
PROFILES = Path(compat.__file__).parent / "engines" / "profiles"


@pytest.fixture(scope="module")
def snapshot() -> list[tuple[str, Extraction]]:
    if not SNAPSHOT.exists():
        pytest.fail(f"the bundled snapshot is not at compat/data/{SNAPSHOT.name}")
    with gzip.open(SNAPSHOT) as lines:
        models = [parse_record(json.loads(line)).model for line in lines]
    # Records of equal facts get equal verdicts: one of each is enough.
    found = {extraction.judged: (model.id, extraction) for model in models for extraction in [extract(model)]}
    return list(found.values())


def test_a_usual_projector_is_as_large_as_nearly_all_that_are_told(snapshot):
    found = [(one.parameters.value, one.projector_bytes) for _, one in snapshot]
    told = [(parameters, size) for parameters, size in found if parameters and size]
    enough = sum(size <= usual_projector(parameters) for parameters, size in told)
    assert len(told) > 30
    assert enough / len(told) >= 0.9


@cache
def _listed(slug: str) -> dict[str, frozenset[str]]:
    """Every name a profile's files write down, by name space, refused ones left out. Reads the TOML by
    itself.
    """
    found: dict[str, set[str]] = {"model_type": set(), "class": set(), "gguf": set()}
    profile = tomllib.loads((PROFILES / f"{slug}.toml").read_text("utf-8"))
    for row in profile["architectures"]:
        if row.get("refused"):
            continue
        names = set(row.get("names", ()))
        for reference in row.get("lists", ()):
            owner, _, key = reference.rpartition(":")
            names |= set(tomllib.loads((PROFILES / f"{owner or slug}.lists.toml").read_text("utf-8"))[key])
        names -= set(row.get("except", ()))
        if "become" in row:
            stems = {name[: -len(end)] for name in names for end in row["endings"] if name.endswith(end)}
            names = {stem + end for stem in stems for end in row["become"]}
        found[row["by"]] |= names
    return {space: frozenset(names) for space, names in found.items()}


@pytest.mark.parametrize("slug", list(all_profiles()))
def test_no_false_compatible(snapshot, slug):
    """A record is compatible only if a name that its own facts lead to is on the engine's list for that
    format.
    """
    profile, listed = all_profiles()[slug], _listed(slug)
    names = tomllib.loads((PROFILES.parents[1] / "architectures" / "names.toml").read_text("utf-8"))
    entries = _entries()
    by_gguf = {row["gguf"]: model_type for model_type, row in entries.items() if "gguf" in row}
    wrong = []
    for repo_id, extraction in snapshot:
        for facts in extraction.judged:
            if not judge(facts, profile).compatible:
                continue
            formats = ("safetensors", "pytorch") if facts.format == "transformers" else (facts.format or "",)
            rules = [profile.format(format_) for format_ in formats]
            rule = rules[0] if all(rules) else None
            if rule is None:
                wrong.append((repo_id, "format", facts.format))
            elif rule.by == "model_type":
                if facts.architecture not in listed["model_type"] and not facts.remote_code:
                    wrong.append((repo_id, "model_type", facts.architecture))
            elif rule.by == "gguf" and facts.gguf_architecture:
                if facts.gguf_architecture not in listed["gguf"]:
                    wrong.append((repo_id, "gguf", facts.gguf_architecture))
            elif rule.by == "class":
                from_header = facts.gguf_architecture == facts.architecture
                model_type = by_gguf.get(facts.architecture) if from_header else None
                told = {facts.hf_class} if facts.hf_class else set()
                if facts.class_listed or not told:
                    told |= _possible(model_type or facts.architecture, names, entries)
                alike = _alike(facts.architecture or "", listed["class"])
                if not (told or alike) & listed["class"]:
                    wrong.append((repo_id, "class", facts.architecture))
    assert wrong == []


def _entries() -> dict[str, dict]:
    """The lines of the table of architectures. Reads the TOML by itself."""
    text = (PROFILES.parents[1] / "architectures" / "architectures.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return {k: row for family in table["families"].values() for k, row in family["types"].items()} | table["others"]


def _possible(model_type: str | None, names: dict, entries: dict) -> set[str]:
    entry = entries.get(model_type or "", {})
    found = {entry["class"]} if "class" in entry else set(entry.get("also_class", ()))
    for table in names.values():
        if isinstance(table, dict) and model_type in table:
            value = table[model_type]
            found |= {value} if isinstance(value, str) else set(value)
    return found


def _alike(model_type: str, classes: frozenset[str]) -> set[str]:
    key = model_type.lower().replace("_", "").replace("-", "").replace(".", "")
    return {name for name in classes if name.lower().replace("_", "").startswith(key)} if key else set()


def test_known_architectures_of_the_default_profile_are_accepted_by_equality_only(snapshot):
    accepted = {
        "llama", "mistral", "phi", "phi3", "qwen", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text",
        "qwen2_moe", "qwen3_moe", "phimoe",
    }  # fmt: skip
    profile = all_profiles()["rbee"]
    for repo_id, extraction in snapshot:
        for facts in extraction.judged:
            result = judge(facts, profile)
            told = facts.architecture is not None and not facts.architecture_from.guessed
            if facts.format == "safetensors" and told:
                assert ("architecture" in result.codes and result.cause == "architecture") is (
                    facts.architecture not in accepted
                ), repo_id
            if result.compatible:
                assert facts.context <= 32_768, repo_id
                assert facts.task in (None, "text-generation", "conversational"), repo_id


@pytest.mark.parametrize("slug", list(all_profiles()))
def test_every_refusal_names_its_true_cause(snapshot, slug):
    profile, listed = all_profiles()[slug], _listed(slug)
    for repo_id, extraction in snapshot:
        for facts in extraction.judged:
            result = judge(facts, profile)
            if result.compatible:
                continue
            assert result.reasons, repo_id
            assert result.brief, repo_id
            if result.cause == "architecture" and profile.formats[0].by == "model_type" and facts.format != "gguf":
                assert facts.architecture not in listed["model_type"], repo_id
            if result.cause == "format":
                loaded = profile.format(facts.format or "") is not None and not facts.partial and not facts.sharded
                assert not loaded or (result.brief == "needs a GGUF build" and "gguf" in result.reasons[0].lower()), (
                    repo_id
                )
            if result.cause == "task":
                group = match_architecture(facts, profile).group if facts.architecture else None
                chat = facts.task in (None, "text-generation", "conversational")
                served = facts.task is None or facts.task in profile.tasks
                assert not (chat and served) or (group and (group.refused or facts.task not in group.tasks)), repo_id
            if result.cause == "unknown":
                told = facts.architecture is not None and not facts.architecture_from.guessed
                reached = match_architecture(facts, profile) if told else None
                depends = reached is not None and reached.group is not None and reached.group.refused == "unknown"
                one_of_two = facts.format == "transformers" and profile.format("pytorch") is None
                assert facts.format is None or reached is None or not reached.names or depends or one_of_two, repo_id


def test_a_verdict_takes_little_work(snapshot):
    """Some 75 calls each, its words included: a catalogue of a few thousand sheets is judged within seconds."""
    sheets = [extraction.judged for _, extraction in snapshot][::10]
    variants = sum(map(len, sheets))

    def judge_each():
        for profile in all_profiles().values():
            for sheet in sheets:
                judge_all(sheet, profile)

    assert calls_of(judge_each) < 200 * variants * len(all_profiles())
