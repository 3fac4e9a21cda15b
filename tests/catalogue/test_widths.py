"""The builds of a model by bits a weight, and what was made from it."""

from __future__ import annotations

import pytest

from compat import catalogue
from compat.catalogue.question import Question
from compat.catalogue.widths import width_steps
from compat.estimate.quality import width_of
from compat.ingest import store as sync
from compat.models import RecordRelation

pytestmark = pytest.mark.django_db

MANY = "unsloth/Qwen3.6-35B-A3B-GGUF"
ON = Question(worker="llama-cpp", accelerator="RTX 4090", ram=32)


@pytest.mark.parametrize(
    ("label", "bits", "width"),
    [
        ("Q4_K_M", 4.83, 4),
        ("UD-IQ2_XXS", None, 2),
        ("MXFP4", None, 4),
        ("FP8", None, 8),
        ("BF16", None, 16),
        ("F32", 32.0, 32),
        ("AWQ", 4.25, 4),
        ("AWQ", None, None),
        ("", None, None),
        ("", 16.0, 16),
    ],
)
def test_a_width_is_what_the_name_counts_else_the_bits(label, bits, width):
    assert width_of(label, bits) == width


def test_a_label_of_plain_numbers_does_not_widen_what_its_file_holds_packed():
    """Files of gpt-oss called F16 hold experts in MXFP4, as they were made."""
    assert width_of("F16", None, 65_390_877_082 * 8 / 120_412_337_472) == 4
    assert width_of("F16", None, 15.9) == 16
    assert width_of("BF16", None, 16.1) == 16
    # What is packed and what is wider in it are in its label.
    assert width_of("Q8_0", None, 4.6) == 8


def test_gpt_oss_in_f16_is_no_build_of_16_bits_and_all_that_its_maker_gave_out():
    files = [{"rfilename": "gpt-oss-20b-F16.gguf", "size": 13_792_638_368}]
    told = {"gguf": {"architecture": "gpt-oss", "total": 20_914_757_184}, "siblings": files}
    sync.store_raw([("gguf", {"id": "sample/gpt-oss-20b-GGUF", "tags": ["gguf"], **told})], origin="snapshot")
    (row,) = catalogue.detail("sample/gpt-oss-20b-GGUF", Question(worker="llama-cpp")).variants
    assert row.variant.quantization == "F16"
    assert (row.width, row.as_made, row.quality) == (5, True, None)
    plain = catalogue.detail("microsoft/phi-2", Question(worker="vllm")).variants[0]
    assert (plain.width, plain.as_made) == (16, True)
    assert not any(row.as_made for row in catalogue.detail(MANY, ON).variants if row.width == 4)


def test_there_is_one_step_a_width_and_the_page_s_build_is_shown():
    page = catalogue.detail(MANY, ON)
    widths = [step.width for step in page.widths]
    assert widths == sorted(set(widths))
    assert len(widths) > 3
    (shown,) = [step for step in page.widths if step.shown]
    assert shown.row.variant == page.row.best
    assert sum(step.count for step in page.widths if not step.repo_id) == sum(1 for row in page.variants if row.width)


def test_another_build_that_is_asked_for_is_the_one_shown():
    other = next(row for row in catalogue.detail(MANY, ON).variants if not row.best and row.width == 2)
    page = catalogue.detail(MANY, ON, build=other.variant.position)
    (shown,) = [step for step in page.widths if step.shown]
    assert shown.row.variant == other.variant


def test_what_runs_comes_best_first_and_the_rest_apart():
    page = catalogue.detail(MANY, ON)
    assert page.runnable[0].best
    assert {row.variant.pk for row in (*page.runnable, *page.refused)} == {row.variant.pk for row in page.variants}
    assert all(row.result.compatible for row in page.runnable)
    assert not any(row.result.compatible for row in page.refused)


def test_speeds_are_those_of_the_page_about_each_build():
    page = catalogue.detail(MANY, ON)
    for row in page.runnable[:4]:
        own = catalogue.detail(MANY, ON, build=row.variant.position)
        assert own.row.speed == row.speed


def test_a_width_that_a_repository_lacks_is_another_s():
    page = catalogue.detail("Qwen/Qwen2.5-0.5B-Instruct", Question(worker="vllm"))
    others = [step for step in page.widths if step.repo_id]
    assert all(step.row.result.compatible for step in others)
    assert {step.repo_id for step in others} <= {row.record.repo_id for row in page.builds}
    assert width_steps([], None, []) == []


def test_a_model_leads_to_what_was_made_from_it_and_back():
    config = {"architectures": ["PhiForCausalLM"], "model_type": "phi"}
    told = {
        "tuned": ["base_model:finetune:microsoft/phi-2"],
        "merged": ["base_model:merge:microsoft/phi-2"],
        "adapted": ["base_model:adapter:microsoft/phi-2"],
    }
    records = [(name, {"id": f"sample/{name}", "config": config, "tags": tags}) for name, tags in told.items()]
    sync.store_raw(records, origin="snapshot")
    page = catalogue.detail("microsoft/phi-2")
    found = {kin.kind: [row.record.repo_id for row in kin.rows] for kin in page.descendants}
    assert found["merge"] == ["sample/merged"]
    assert "sample/tuned" in found["finetune"]
    assert catalogue.detail("sample/tuned").bases[0].row.record.repo_id == "microsoft/phi-2"
    listed = catalogue.browse(Question(base="microsoft/phi-2", compatible="false", unit="repository"))
    assert {row.record.repo_id for row in listed.rows} >= {f"sample/{name}" for name in told}
    assert listed.total == RecordRelation.objects.filter(base="microsoft/phi-2").count()
    assert [chip.label for chip in listed.chips] == ["made from microsoft/phi-2"]


def test_nothing_is_made_from_what_nobody_names():
    assert catalogue.browse(Question(base="no/such", compatible="false")).total == 0
