"""What is published of well-known models stands in where their records are silent, and nowhere else."""

from __future__ import annotations

import pytest

from compat.architectures import published
from compat.architectures.published import published_context, published_facts, published_parameters, published_task
from compat.extraction.extract import extract
from compat.extraction.facts import Provenance
from compat.hub.payloads import HubModel
from compat.strict_data import DataError


def bert(vocabulary: int, width: int, layers: int, inner: int) -> int:
    """The weights of BERT by its dimensions, its pooler included and no head."""
    layer = 4 * (width * width + width) + 2 * width + (width * inner + inner) + (inner * width + width) + 2 * width
    return (vocabulary + 512 + 2) * width + 2 * width + layers * layer + width * width + width


@pytest.mark.parametrize(
    ("repo_id", "dimensions"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", (30_522, 384, 6, 1536)),
        ("sentence-transformers/all-MiniLM-L12-v2", (30_522, 384, 12, 1536)),
        ("sentence-transformers/LaBSE", (501_153, 768, 12, 3072)),
        ("sentence-transformers/bert-base-nli-mean-tokens", (30_522, 768, 12, 3072)),
        ("shibing624/text2vec-base-chinese", (21_128, 768, 12, 3072)),
    ],
)
def test_counts_are_what_the_published_dimensions_make(repo_id, dimensions):
    assert published_parameters(repo_id) == bert(*dimensions)


@pytest.mark.parametrize("repo_id", ["gpt2", "t5-small", "openai/whisper-tiny.en", "Helsinki-NLP/opus-mt-en-de"])
def test_a_silent_record_of_a_well_known_model_has_its_count(repo_id):
    found = extract(HubModel(id=repo_id)).parameters
    assert (found.value, found.provenance) == (published_parameters(repo_id), Provenance.KNOWN)


def test_somebodys_copy_is_not_taken_for_the_original():
    assert not extract(HubModel(id="somebody/bge-m3")).parameters.known
    assert published_context("somebody/bge-m3") is None


def test_what_a_record_tells_comes_first():
    own = HubModel(
        id="BAAI/bge-m3",
        pipeline_tag="feature-extraction",
        config={"model_type": "xlm-roberta", "max_position_embeddings": 8194},
        safetensors={"total": 568_000_000},
    )
    found = extract(own)
    assert (found.parameters.value, found.parameters.provenance) == (568_000_000, Provenance.HUB)
    assert (found.context.value, found.context.provenance) == (8194, Provenance.CONFIG)
    assert found.task.value == "feature-extraction"


def test_a_published_context_and_task_are_marked_as_known():
    found = extract(HubModel(id="mlx-community/gemma-3-12b-it-qat-4bit"))
    assert (found.context.value, found.context.provenance) == (131_072, Provenance.KNOWN)
    assert (found.task.value, found.task.provenance) == ("image-text-to-text", Provenance.KNOWN)
    assert published_task("acme/gemma-3-12b-it-qat-4bit") is None


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ('[[models]]\nids = ["a/b"]\n', "says nothing"),
        ('[[models]]\nids = ["a/b"]\ncontext = 0\n', "greater than or equal to 1"),
        ('[[models]]\nids = ["a/b"]\ncontext = 1\n[[models]]\nids = ["a/b"]\ncontext = 2\n', "a/b stands there twice"),
    ],
)
def test_a_mistake_in_the_table_stops_the_start(rows, problem, monkeypatch):
    monkeypatch.setattr(published, "read_text", lambda entry: rows)
    published_facts.cache_clear()
    try:
        with pytest.raises(DataError, match=problem):
            published_facts()
    finally:
        published_facts.cache_clear()
