"""Which build of the same model a page names first: none that something speaks against, none that cannot fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compat.catalogue.browse import browse
from compat.catalogue.detail import detail
from compat.catalogue.listing import answer_for_model
from compat.catalogue.question import Question
from compat.catalogue.surer import surer_of
from compat.catalogue.workers import workers
from compat.estimate import Fit
from compat.ingest import store
from marketplace.assistant.tools import call_tool
from tests.catalogue.test_alternatives import CHAT, plain
from tests.markup import Page

pytestmark = pytest.mark.django_db

SMALL, LARGE = "meta-llama/Llama-9-8B-Instruct", "meta-llama/Llama-3.3-70B-Instruct"
HUGE = "deepseek-ai/DeepSeek-R1"
ARCHITECTURES = {SMALL: ("llama", 8.0), LARGE: ("llama", 70.6), HUGE: ("deepseek_v3", 671.0)}


def model(repo_id):
    """A model of which the Hub lists neither files' sizes nor how wide the weights are."""
    found = plain(repo_id, *ARCHITECTURES[repo_id], (), "mit")
    del found["safetensors"], found["config"]["torch_dtype"]
    return found | {"siblings": [{"rfilename": "model.safetensors"}]}


def packed(repo_id, base, *, size=None, file="model.safetensors"):
    return model(base) | {
        "id": repo_id,
        "tags": [file.rpartition(".")[2], f"base_model:quantized:{base}"],
        "siblings": [{"rfilename": file, **({"size": int(size)} if size else {})}],
    }


def gguf(repo_id, base, size):
    kind, billions = ARCHITECTURES[base]
    told = {"total": int(billions * 1e9), "architecture": kind}
    return packed(repo_id, base, size=size, file="model-Q4_K_M.gguf") | {"gguf": told | {"context_length": 32_768}}


def asked(repo_id, *items, worker="ollama", **machine):
    """The builds that the page names, and the API beside its verdict."""
    store.store_raw([(one["id"], one) for one in items], origin="file")
    question = Question(worker=worker, **machine)
    page, answer = detail(repo_id, question, workers()), answer_for_model(repo_id, question, workers())
    of_page = page.surer and page.surer.record.repo_id, page.perhaps and page.perhaps.record.repo_id
    of_api = answer.surer and answer.surer.row.record.repo_id, answer.perhaps and answer.perhaps.record.repo_id
    assert of_page == of_api
    return page, *of_page


CARD = {"accelerator": "RTX 4070", "ram": 32}


@pytest.mark.parametrize("machine", [{}, {"accelerator": "RTX 4090", "ram": 64}, {"ram": 64}], ids=len)
def test_no_build_is_named_whose_packing_may_not_be_loaded(machine):
    """Ollama loads no NVFP4 that it did not convert itself, if it is right that this is one."""
    unread = model(SMALL) | {"siblings": []}
    doubted = packed(f"RedHatAI/{SMALL.rpartition('/')[2]}-NVFP4", SMALL)
    page, *named = asked(SMALL, unread, doubted, **machine)
    assert page.builds[0].result.doubted
    assert page.builds[0].result.compatible
    assert named == [None, None]


def test_the_next_build_is_named_where_something_speaks_against_the_best():
    items = (
        model(SMALL) | {"siblings": []},
        packed(f"RedHatAI/{SMALL.rpartition('/')[2]}-NVFP4", SMALL),
        gguf("bartowski/Llama-9-8B-Instruct-GGUF", SMALL, 4.9e9),
    )
    _, surer, perhaps = asked(SMALL, *items, **CARD)
    assert (surer, perhaps) == ("bartowski/Llama-9-8B-Instruct-GGUF", None)


@pytest.mark.parametrize(
    ("machine", "named"),
    [
        ({"accelerator": "H100 SXM", "ram": 128}, None),
        ({"accelerator": "H100 SXM", "ram": 512}, "RedHatAI/DeepSeek-R1-quantized.w4a16"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_no_build_is_perhaps_to_be_taken_whose_weights_alone_are_larger_than_the_machine(machine, named):
    """Half a byte a weight is 313 GiB for 671 billion, whatever else of the build is not known."""
    build = packed("RedHatAI/DeepSeek-R1-quantized.w4a16", HUGE)
    build["config"] = {"model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"]}
    full = model(HUGE) | {"siblings": [{"rfilename": "model.safetensors", "size": int(1342e9)}]}
    page, surer, perhaps = asked(HUGE, full, build, worker="vllm", **machine)
    assert not page.result.compatible
    assert (surer, perhaps) == (None, named)


def test_a_build_known_to_lie_in_both_memories_goes_before_one_likely_beyond_all_memory():
    """On 12 GB beside 32 GB of system memory the first to try was a download of 140 GB."""
    build = gguf("bartowski/Llama-3.3-70B-Instruct-GGUF", LARGE, 34e9)
    page, surer, _ = asked(LARGE, model(LARGE), build, **CARD)
    assert page.result.brief == "too large at 16 bits"
    assert page.surer.result.brief == "partly in system memory"
    assert page.surer.level == page.result.level
    assert surer == "bartowski/Llama-3.3-70B-Instruct-GGUF"


def test_the_page_calls_no_such_download_the_first_to_try_of_all(client):
    asked(LARGE, model(LARGE), **CARD)
    address = f"/models/{LARGE}/?worker=ollama&accelerator=RTX%204070&ram=32"
    assert "The first to try of this repository" not in Page(client.get(address)).text
    asked(LARGE, gguf("bartowski/Llama-3.3-70B-Instruct-GGUF", LARGE, 34e9), **CARD)
    text = Page(client.get(address)).text
    surer, own = (text.index(one) for one in ("Surer here as bartowski/", "The first to try of this repository"))
    assert surer < own


def test_it_does_not_where_the_model_itself_is_known_to_lie_so():
    itself = model(LARGE) | {"siblings": [{"rfilename": "model.safetensors", "size": int(141e9)}]}
    build = gguf("bartowski/Llama-3.3-70B-Instruct-GGUF", LARGE, 34e9)
    page, surer, _ = asked(LARGE, itself, build, accelerator="RTX 4070", ram=256)
    assert page.result.brief == "partly in system memory"
    assert surer is None


def test_a_build_of_files_that_are_not_listed_is_offered_beside_a_model_likely_beyond_all_memory(client):
    unlisted = gguf("bartowski/Llama-3.3-70B-Instruct-GGUF", LARGE, 34e9) | {"siblings": []}
    page, surer, perhaps = asked(LARGE, model(LARGE), unlisted, **CARD)
    assert page.result.brief == "too large at 16 bits"
    assert (surer, perhaps) == (None, "bartowski/Llama-3.3-70B-Instruct-GGUF")
    text = Page(client.get(f"/models/{LARGE}/?worker=ollama&accelerator=RTX%204070&ram=32")).text
    said, own = (
        text.index(one) for one in ("This model might run here as bartowski/", "The first to try of this repository")
    )
    assert said < own


@pytest.mark.parametrize("ram", [32, 256])
def test_no_such_build_is_offered_beside_one_that_is_as_far_beyond_or_fits(ram):
    alike = model(LARGE) | {"id": "unsloth/Llama-3.3-70B-Instruct", "tags": [f"base_model:quantized:{LARGE}"]}
    _, *named = asked(LARGE, model(LARGE), alike, accelerator="RTX 4070", ram=ram)
    assert named == [None, None]


@pytest.mark.parametrize("machine", [CARD, {"accelerator": "RTX 3050", "ram": 8}], ids=["fits", "too large"])
def test_no_page_says_to_look_for_a_packing_of_which_it_names_a_build(client, machine):
    advice = "Look for a GGUF version of this model"
    listed = model(SMALL)
    address = f"/models/{SMALL}/?worker=llama-cpp&accelerator={machine['accelerator']}&ram={machine['ram']}"
    page, *_ = asked(SMALL, listed, worker="llama-cpp", **machine)
    assert page.result.cause == "format"
    assert advice in Page(client.get(address)).text
    page, *_ = asked(SMALL, gguf("bartowski/Llama-9-8B-Instruct-GGUF", SMALL, 34e9), worker="llama-cpp", **machine)
    assert advice in page.result.recommendations[0]
    assert advice not in Page(client.get(address)).text


def test_a_comparison_says_how_the_surer_build_is_started_and_which_engines_take_what_this_one_does_not(client):
    asked(SMALL, model(SMALL), gguf("bartowski/Llama-9-8B-Instruct-GGUF", SMALL, 4.9e9), worker="llama-cpp", **CARD)
    response = client.get(f"/compare/?m={SMALL}&worker=llama-cpp&accelerator=RTX+4070&ram=32")
    (column,) = response.context["page"].models
    text = Page(response).text
    (line,) = column.surer_started.lines
    assert line in text
    assert column.surer.fit.sentence in text
    assert column.elsewhere
    assert f"Other engines {column.elsewhere[0].worker.name}" in text


def test_what_only_might_run_is_not_said_to(client):
    itself = model(LARGE) | {"siblings": [{"rfilename": "model.safetensors", "size": int(141e9)}]}
    page, *_ = asked(LARGE, itself, gguf("bartowski/Llama-3.3-70B-Instruct-GGUF", LARGE, 34e9), **CARD)
    assert not page.result.compatible
    assert page.surer.result.confidence == "low"
    address = f"/models/{LARGE}/?worker=ollama&accelerator=RTX%204070&ram=32"
    assert "This model might run here as bartowski/" in Page(client.get(address)).text
    tool = call_tool("does_it_run", {"model": LARGE, "worker": "ollama", "accelerator": "RTX 4070", "ram": 32})
    assert "The same model might run here in another build: bartowski/" in tool.text


TIGHT = {"accelerator": "RTX 4060", "worker": "vllm"}


def of_two_billion():
    """A model whose own weights fit 8 GB with little to spare, in eight bits with much, and in four: the two are told
    by their names alone.
    """
    itself = plain("Qwen/Qwen3-2B", "qwen3", 2.3, CHAT, "mit")
    guesses = (itself | {"id": f"{name}", "tags": ["base_model:quantized:Qwen/Qwen3-2B"]} for name in GUESSED)
    return itself, *(one | {"config": None, "safetensors": None, "siblings": []} for one in guesses)


GUESSED = ("Qwen/Qwen3-2B-FP8", "RedHatAI/Qwen3-2B-quantized.w4a16")


def test_what_lists_show_is_never_called_less_sure_than_another_build():
    """A page called the build surer that lists had put behind its own, and that one's page a third."""
    items = of_two_billion()
    asked(items[0]["id"], *items, **TIGHT)
    listed = browse(Question(unit="model", q="Qwen3-2B", **TIGHT), workers()).rows[0]
    assert listed.record.repo_id in GUESSED
    pages = [detail(one["id"], Question(**TIGHT), workers()) for one in items]
    assert max(page.row.level for page in pages) > listed.level
    for page in pages:
        assert page.listed == listed.record.pk
        assert page.is_listed == (page.record == listed.record)
        assert page.surer is None or page.surer.record == listed.record
    assert next(page for page in pages if page.is_listed).surer is None


def test_of_builds_as_sure_one_that_fits_goes_before_one_that_lies_in_system_memory_in_part():
    itself = model(SMALL) | {"siblings": [{"rfilename": "model.safetensors", "size": int(16.1e9)}]}
    build = gguf("bartowski/Llama-9-8B-Instruct-GGUF", SMALL, 4.9e9)
    page, *_ = asked(SMALL, itself, build, accelerator="RTX 4070", ram=64)
    (other,) = page.builds
    as_sure = replace(other, result=replace(other.result, confidence=page.result.confidence))
    assert (page.row.fit.fit, other.fit.fit) == (Fit.PARTIAL, Fit.FITS)
    assert surer_of(page.row, [as_sure], page.listed, page.worker) is as_sure
    fitting = replace(page.row, fit=other.fit)
    assert surer_of(fitting, [as_sure], page.listed, page.worker) is None
    assert surer_of(page.row, [replace(as_sure, fit=page.row.fit)], page.listed, page.worker) is None


def test_no_engine_is_offered_on_which_a_model_likely_needs_more_than_the_machine_has():
    page, *_ = asked(LARGE, model(LARGE), worker="llama-cpp", accelerator="RTX 4070", ram=8)
    assert page.result.cause == "format"
    assert page.elsewhere == []
    page, *_ = asked(LARGE, worker="llama-cpp", accelerator="H100 SXM", count=4, ram=8)
    assert "vllm" in [one.worker.slug for one in page.elsewhere]
