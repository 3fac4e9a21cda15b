"""What models are used for, as their tasks, tags, architectures and names tell."""

from __future__ import annotations

import pytest

from compat.architectures import model_uses
from compat.architectures.model_uses import Lines
from compat.catalogue.browse import browse
from compat.catalogue.detail import detail
from compat.catalogue.index_build import build_index
from compat.catalogue.question import Question
from compat.catalogue.uses import USES, uses_of
from compat.catalogue.well_known import is_altered
from compat.extraction.facts import Provenance
from compat.models import ModelRecord, RecordRelation, RecordTags
from compat.strict_data import DataError, check_table

TEXT = "text-generation"


@pytest.mark.parametrize(
    ("name", "told", "uses"),
    [
        ("Qwen2.5-7B-Instruct", {"task": TEXT}, {"chat"}),
        ("gemma-2-9b-it", {"task": TEXT}, {"chat"}),
        ("Qwen2.5-7B", {"task": TEXT}, set()),
        ("Qwen3-8B", {"task": TEXT}, {"chat", "reasoning"}),
        ("Qwen3-8B-Base", {"task": TEXT}, set()),
        ("Qwen3-4B-Instruct-2507", {"task": TEXT}, {"chat"}),
        ("Qwen_Qwen3.6-27B-GGUF", {"architecture": "qwen3_5"}, {"chat", "reasoning", "vision"}),
        ("Qwen2.5-Coder-7B-Instruct", {"task": TEXT}, {"code"}),
        ("codec-superb", {"task": TEXT}, set()),
        ("DeepSeek-R1-Distill-Qwen-7B", {"task": TEXT}, {"chat", "reasoning"}),
        ("gpt-oss-20b", {"task": TEXT}, {"chat", "reasoning"}),
        ("some-model", {"task": TEXT, "tags": ["conversational"]}, {"chat"}),
        ("Qwen2.5-VL-3B-Instruct", {"task": "image-text-to-text"}, {"chat", "vision"}),
        ("gemma-3-12b-it-GGUF", {"architecture": "gemma3", "projector": True}, {"chat", "vision"}),
        ("DeepSeek-OCR", {"task": "image-text-to-text"}, set()),
        ("Qwen3-Embedding-4B", {"task": "feature-extraction"}, {"embedding"}),
        ("whisper-large-v3", {"task": "automatic-speech-recognition"}, {"speech"}),
        ("Llama-Guard-3-8B", {"task": TEXT, "tags": ["conversational"]}, set()),
        ("Qwen3Guard-Gen-8B", {"task": "text-classification"}, set()),
        ("sdxl-turbo-chat", {"task": "text-to-image"}, set()),
        ("my-chat", {}, set()),
    ],
)
def test_a_use_is_told_and_never_guessed(name, told, uses):
    assert {one.name for one in uses_of(name, **told)} == uses


def test_a_use_says_where_it_was_read():
    chat, vision = uses_of("gemma-3-12b-it", "image-text-to-text")
    assert (chat.provenance, chat.evidence) == (Provenance.NAME, "its name says “it”")
    assert (vision.provenance, vision.evidence) == (Provenance.HUB, "its task is image and text to text")
    assert uses_of("Qwen3-8B", TEXT)[0].provenance is Provenance.KNOWN


def test_one_line_of_the_table_tells_of_all_models_of_a_line(monkeypatch):
    line = {"begins": ["toy-2"], "uses": ["chat", "code"], "not": ["raw"]}
    told = check_table(Lines, {"lines": [line]}, "uses.toml").lines
    monkeypatch.setattr(model_uses, "model_lines", lambda: tuple(told))
    for name, uses in (
        ("Toy-2-7B", {"chat", "code"}),
        ("toy-2.5-7B-GGUF", {"chat", "code"}),
        ("toy-2b", set()),
        ("toy-2-raw", set()),
        ("my-toy-2", set()),
    ):
        assert {one.name for one in uses_of(name, TEXT)} == uses


def test_a_mistake_in_the_table_is_named():
    with pytest.raises(DataError, match=r"uses\.toml.*uses"):
        check_table(Lines, {"lines": [{"begins": ["toy"], "uses": ["dancing"]}]}, "uses.toml")


@pytest.mark.parametrize("name", ["gemma-3-12b-it-heretic", "Qwen3-8B-abliterated-v2", "GLM-4.7-Flash-REAP-23B-A3B"])
def test_what_somebody_altered_is_seen(name):
    assert is_altered(name)
    assert not is_altered("DeepSeek-R1-Distill-Qwen-14B")


@pytest.mark.django_db
def test_a_build_that_nobody_is_known_to_use_is_well_known_by_its_model():
    known = ModelRecord.objects.get(repo_id="Qwen/Qwen2.5-Coder-7B-Instruct")
    assert known.downloads >= 1000
    ModelRecord.objects.exclude(pk=known.pk).update(downloads=None)
    other, altered, gone, guessed = (
        ModelRecord.objects.exclude(pk=known.pk)[place : place + 1].get() for place in range(4)
    )
    for one, name in (
        (other, "Qwen2.5-Coder-7B-Instruct-GGUF"),
        (altered, "Qwen2.5-Coder-7B-Instruct-abliterated"),
        (gone, "Qwen2.5-Coder-7B-Instruct-AWQ"),
        (guessed, "Qwen2.5-Coder-7B-Instruct-FP8"),
    ):
        one.name, one.repo_id, one.parameters_from = name, f"{one.owner}/{name}", "hub"
        one.family, one.parameters = known.family, known.parameters
    gone.gone, guessed.parameters_from = "missing", "name"
    for one in (other, altered, gone, guessed):
        one.save()
    RecordRelation.objects.filter(record__in=[other, altered, gone, guessed]).delete()
    columns = build_index().columns
    found = columns.ids[columns.well_known].tolist()
    assert found[0] == known.pk
    assert other.pk in found
    assert not {altered.pk, gone.pk, guessed.pk} & set(found)


@pytest.mark.django_db
def test_a_list_is_narrowed_by_use():
    whole = browse(Question(compatible="false", unit="repository"))
    facet = next(view for view in whole.facets if view.name == "use")
    counts = {value.value: value.count for value in facet.values}
    tags = {one.record_id: one.lines.split("\n") for one in RecordTags.objects.all()}
    told = {
        one.repo_id: uses_of(one.name, one.task, tags.get(one.pk, ()), one.architecture, projector=one.projector)
        for one in ModelRecord.objects.all()
    }
    for use in USES:
        having = {repo_id for repo_id, uses in told.items() if use in {one.name for one in uses}}
        page = browse(Question(use=(use,), compatible="false", unit="repository"))
        assert page.total == counts[use] == len(having)
        assert {row.record.repo_id for row in page.rows} <= having


@pytest.mark.django_db
def test_a_models_page_says_what_it_is_used_for_and_what_tells_it():
    coder = detail("Qwen/Qwen2.5-Coder-7B-Instruct").uses
    assert [use.name for use in coder] == ["code"]
    assert coder[0].provenance is Provenance.NAME
    assert coder[0].evidence == "its name says “coder”"
    reader = detail("sentence-transformers/all-MiniLM-L6-v2").uses
    assert [(use.name, use.provenance) for use in reader] == [("embedding", Provenance.HUB)]


@pytest.mark.django_db
def test_every_use_of_a_record_is_told_by_its_task_its_tags_its_architecture_its_files_or_its_name():
    seen = set()
    for one in ModelRecord.objects.all()[::3]:
        for use in detail(one.repo_id).uses:
            assert use.evidence
            seen.add(use.provenance)
    assert {Provenance.HUB, Provenance.TAG, Provenance.NAME} <= seen


def test_the_text_by_which_importance_was_measured_is_no_use():
    told = uses_of("Qwen3.6-27B-NEO-CODE-Di-IMatrix-MAX-GGUF", TEXT)
    assert "code" not in {use.name for use in told}
