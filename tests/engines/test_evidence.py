"""What a verdict may rest on: how often each way to a fact was right, measured on the bundled catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import compat
from compat.engines import all_profiles
from compat.engines.confidence import Confidence
from compat.engines.evidence import EvidencePath, evidence, sureness
from compat.extraction.extract import extract, own_shape_facts, witness_of
from compat.extraction.facts import Fact, Provenance
from compat.extraction.original_name import original_of_gguf
from compat.extraction.relatives import Kin, Witness, Witnesses, architecture_by, shape_facts_by
from compat.hub.payloads import HubModel
from compat.rules import judge
from compat.shapes.shape import from_config
from tools.evaluation.evidence import bundled_models, measure


@pytest.fixture(scope="module")
def models():
    """Every model of the bundled catalogue by its id."""
    return bundled_models()


def test_the_file_is_what_the_bundled_catalogue_says(models):
    shipped = Path(compat.__file__).parent / "engines" / "data" / "evidence.json"
    assert json.loads(shipped.read_text("utf-8")) == measure(models)


@pytest.mark.parametrize(
    ("right", "cases", "level"),
    [
        (995, 1000, Confidence.HIGH),
        (994, 1000, Confidence.MEDIUM),
        (199, 199, Confidence.MEDIUM),
        (200, 200, Confidence.HIGH),
        (970, 1000, Confidence.MEDIUM),
        (969, 1000, Confidence.LOW),
        (50, 50, Confidence.MEDIUM),
        (49, 49, Confidence.LOW),
    ],
)
def test_a_level_needs_its_share_and_cases_enough(right, cases, level):
    told = {"fact": "context", "from": "relative", "words": "x", "right": right, "cases": cases}
    assert EvidencePath.model_validate(told).level is level


def test_what_was_read_needs_no_proof_and_a_way_that_was_not_tried_is_the_weakest():
    assert sureness("architecture", Provenance.CONFIG) is None
    assert sureness("context", Provenance.DEFAULT) is None
    assert sureness("quantization", Provenance.KNOWN) is Confidence.LOW


@pytest.mark.parametrize(
    ("relatives", "origin", "level", "words"),
    [
        (1, Provenance.RELATIVE, Confidence.MEDIUM, "is taken from the record of a relative"),
        (2, Provenance.RELATIVES, Confidence.HIGH, "is what several relatives' records agree on"),
    ],
)
def test_a_build_of_a_known_model_is_as_sure_as_its_relatives_were_right(relatives, origin, level, words):
    config = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
    base = HubModel(id="Qwen/Qwen3-8B", config=config)
    other = HubModel(id="b/Other-AWQ", config=config, tags=["base_model:quantized:Qwen/Qwen3-8B"])
    files = [{"rfilename": "m-Q4_K_M.gguf", "size": 5_027_783_488}]
    mine = HubModel(id="a/Mine-GGUF", tags=["base_model:quantized:Qwen/Qwen3-8B"], siblings=files)
    witnesses = Witnesses(witness_of(one, extract(one)) for one in (base, other)[:relatives])
    found = extract(mine, witnesses.relatives_of(witness_of(mine, extract(mine))))
    assert found.architecture.provenance is origin
    result = judge(found.judged[0], all_profiles()["transformers"])
    assert {(path.fact, path.origin): path.level for path in evidence()}["architecture", origin.value] is level
    assert result.level <= level
    assert words in " ".join(result.warnings)
    assert judge(found.judged[0], all_profiles()["llama-cpp"]).level is Confidence.MEDIUM


def _listed(model_type, hf_class, slug):
    """What an engine says of a model of which a list tells this for its whole family."""
    files = [{"rfilename": "model.safetensors"}]
    told = {"model_type": model_type, "architectures": [hf_class], "max_position_embeddings": 4096}
    source = {"config": "Xinference list 2026-08"}
    model = HubModel(id="acme/Marvin-7B", config=told, siblings=files, source=source, pipeline_tag="text-generation")
    return judge(extract(model).judged[0], all_profiles()[slug])


@pytest.mark.parametrize("slug", ["vllm", "rbee", "transformers", "mlx-lm"])
def test_no_verdict_is_surer_than_a_list_that_tells_one_type_for_a_family(slug):
    assert sureness("architecture", Provenance.LIST) is Confidence.LOW
    result = _listed("qwen2", "Qwen2ForCausalLM", slug)
    assert result.level is Confidence.LOW
    assert any("for a whole family of models" in text for text in result.warnings)


def test_what_a_list_tells_for_a_family_refuses_nothing():
    result = _listed("gpt_neox", "GPTNeoXForCausalLM", "rbee")
    assert (result.cause, result.compatible) == ("unknown", False)
    assert "for a whole family of models; if it is right" in result.reasons[0]


def test_the_documentation_counts_the_contradictions_of_the_bundled_catalogue(models):
    wrong = sum(extract(model).parameters.provenance is Provenance.CONTRADICTED for model in models.values())
    text = (Path(compat.__file__).parents[1] / "docs" / "verdicts.md").read_text("utf-8")
    assert f"Of {len(models):,} records that ship with the site, {wrong} contradict themselves" in text


def test_the_documentation_says_how_often_relatives_were_right():
    text = (Path(compat.__file__).parents[1] / "docs" / "verdicts.md").read_text("utf-8")
    paths = {path.origin: path for path in evidence() if path.fact == "architecture"}
    several, one = paths["relatives"], paths["relative"]
    words = f"right in {several.right} of {several.cases} cases, one alone in {one.right} of {one.cases} (see"
    assert words in " ".join(text.split())


def test_the_model_that_gguf_files_are_named_after_is_theirs(models):
    read = {one.id: witness_of(one, extract(one), own_shape_facts(one)) for one in models.values()}
    witnesses = Witnesses(read.values())
    architectures, layers = [], []
    for one in models.values():
        original = original_of_gguf(one.name)
        named = witnesses.relatives_of(Witness(one.id, packed=original)) if original else ()
        guess = architecture_by([other for other in named if other.kin is Kin.NAMED])
        told = extract(one, witnesses.relatives_of(read[one.id])).architecture if guess else Fact.unknown()
        if guess is None or told.provenance not in _TOLD:
            continue
        architectures.append(guess.value == told.value)
        base = read.get(read[one.id].made_from or "")
        counts = _layers(base.shape_facts if base else ""), _layers(shape_facts_by(named))
        if all(counts):
            layers.append(counts[0] == counts[1])
    assert sum(architectures) >= 0.99 * len(architectures) > 1000
    assert sum(layers) >= 0.99 * len(layers) > 1000
    words = (
        f"The architecture was right in {sum(architectures):,} of {len(architectures):,} cases, the number of layers "
        f"in {sum(layers):,} of {len(layers):,}."
    )
    assert words in " ".join((Path(compat.__file__).parents[1] / "docs" / "verdicts.md").read_text("utf-8").split())


_TOLD = (Provenance.CONFIG, Provenance.GGUF_HEADER, Provenance.HUB, Provenance.RELATIVE, Provenance.RELATIVES)


def _layers(shape_facts):
    return from_config(json.loads(shape_facts)).layers if shape_facts else None


def test_the_documentation_says_how_often_packed_weights_were_safetensors():
    text = (Path(compat.__file__).parents[1] / "docs" / "verdicts.md").read_text("utf-8")
    packed = next(path for path in evidence() if path.fact == "format")
    assert f"of {packed.cases:,} records that tell both, {packed.right:,} were." in " ".join(text.split())
