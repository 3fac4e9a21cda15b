"""What is probably meant where nothing is found: words of the catalogue's own names."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from compat.catalogue import spelling
from compat.catalogue.browse import browse
from compat.catalogue.current import current_index
from compat.catalogue.question import Question
from compat.catalogue.spelling import NameWords, fewer_words, meant_words
from compat.ingest import store as sync
from compat.models import ModelRecord
from marketplace.assistant.tools import call_tool
from tests.markup import Page
from tests.samples import every_record

KNOWN = ["qwen", "deepseek", "coder", "llama", "code", "instruct", "mistral", "stable", "diffusion", "qwen3"]


def found(*texts):
    return lambda words: any(all(word in text for word in words) for text in texts)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["qwen", "codr"], ("qwen", "coder")),
        (["deepseak"], ("deepseek",)),
        (["depseek"], ("deepseek",)),
        (["edepseek"], ("deepseek",)),
        (["deepseekk"], ("deepseek",)),
        (["stabel", "difusion"], ("stable", "diffusion")),
        (["qwen_coder"], ("qwen", "coder")),
    ],
)
def test_a_slip_of_the_keys_is_seen(typed, meant):
    finds = found("deepseek-r1", "qwen2.5-coder", "stable-diffusion")
    assert meant_words(typed, KNOWN, finds) == meant


def test_two_slips_in_a_word_of_seven_letters_are_too_many():
    assert meant_words(["dipseak"], KNOWN, found("deepseek-r1")) == ()


@pytest.mark.parametrize("typed", [["zzzzqq"], ["qwen", "zzzzqq"], ["\u65e5\u672c"], ["--"], ["x"], ["q" * 200]])
def test_what_is_near_to_nothing_has_no_other_meaning(typed):
    assert meant_words(typed, KNOWN, found("qwen")) == ()


def test_only_what_is_found_is_offered():
    assert meant_words(["lama"], KNOWN, lambda _words: False) == ()


def test_it_asks_a_few_times_at_most():
    asked = []
    known = [f"abcde{letter}" for letter in "fghijklmnop"]
    assert meant_words(["abcdez", "abcdey", "abcdex"], known, lambda words: bool(asked.append(words))) == ()
    assert len(asked) <= 4


def test_words_of_names_are_counted_and_bounded(monkeypatch):
    monkeypatch.setattr(spelling, "MOST_KNOWN", 3)
    words = NameWords()
    for _ in range(2):
        words.add("Qwen", "Qwen3-Coder-7B")
    words.add("x", "Zephyr_beta")
    assert words.most_used() == ["coder", "qwen", "qwen3"]
    monkeypatch.setattr(spelling, "_MOST_COUNTED", 4)
    words.add("y", "other-thing")
    assert set(words.most_used()) == {"coder", "qwen", "qwen3"}


@pytest.mark.django_db
def test_a_page_is_about_what_was_meant_and_says_so():
    names = current_index().words
    assert "qwen" in names[:50]
    page = browse(Question(q="qwen instrcut", compatible="false"))
    assert page.meant == "qwen instruct"
    assert page.total == browse(Question(q="qwen instruct", compatible="false")).total > 0
    assert not browse(Question(q="qwen instruct")).meant
    assert not browse(Question(q="zzzzqqq")).meant


def test_a_slip_that_somebody_made_in_a_name_as_well_is_seen():
    known = ["distill", "deepseek", "destilled"]
    assert meant_words(["deepseek", "destill"], known, found("deepseek-r1-distill", "x-destilled")) == (
        "deepseek",
        "distill",
    )


def test_another_number_is_no_slip():
    assert meant_words(["qwen4"], [*KNOWN, "qwen3"], found("qwen3-8b")) == ()
    assert meant_words(["qewn3"], KNOWN, found("qwen3-8b")) == ("qwen3",)


@pytest.mark.parametrize(
    ("words", "fewer"),
    [
        (["qwen3", "7b"], ("qwen3",)),
        (["qwen9:+", "8b"], ("qwen", "8b")),
        (["qwen3", "8b", "banana"], ("qwen3", "8b")),
        (["banana", "8b"], ()),
    ],
)
def test_a_size_or_a_number_that_there_is_not_is_left_out(words, fewer):
    assert fewer_words(words, found("qwen3-8b")) == fewer


@pytest.mark.django_db
def test_a_size_that_a_family_has_not_leads_to_the_family():
    page = browse(Question(q="gpt j 70b", compatible="false"))
    assert page.meant == "gpt j"
    assert page.total > 0


@pytest.mark.django_db
def test_a_width_that_a_model_is_not_packed_in_is_said(client):
    page = browse(Question(q="phi-2 exl2", compatible="false"))
    assert (page.meant, page.unpacked) == ("phi-2", "exl2")
    assert page.total == browse(Question(q="phi-2", compatible="false")).total > 0
    text = Page(client.get("/models/", {"q": "phi-2 exl2", "compatible": "false"})).text
    assert "No build of it is packed as “exl2”: this list is for phi-2" in text


@pytest.mark.django_db
def test_a_slip_that_few_are_called_by_offers_what_many_are(client):
    item = next(one for one in every_record() if one["id"] == "microsoft/phi-2")
    slip, right = (
        [("1", {**item, "id": "sample/nvoa"})],
        [(str(n), {**item, "id": f"sample/nova-{n}"}) for n in range(20)],
    )
    sync.store_raw([*slip, *right], origin="file")
    page = browse(Question(q="nvoa", compatible="false"))
    assert (page.total, page.meant, page.likelier) == (1, "", "nova")
    answer = Page(client.get("/models/", {"q": "nvoa", "compatible": "false"}))
    assert "Few models are called “nvoa”. Did you mean nova" in answer.text
    assert any("q=nova&" in link or link.endswith("q=nova") for link in answer.links)
    assert not browse(Question(q="nova", compatible="false")).likelier


@pytest.mark.django_db
def test_nothing_else_is_meant_by_an_address_or_by_a_number():
    for typed in (
        "https://huggingface.co/bartowski/Qwen_Qwen3-8B-GGUF/blob/main/Qwen_Qwen3-8B-Q4_K_M.gguf",
        "vllm serve Qwen/Qwen3-Instrcut",
        "phi-9",
    ):
        page = browse(Question(q=typed, compatible="false"))
        assert (page.meant, page.total) == ("", 0), typed


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "meant"), [("qwen instrcut", "qwen instruct"), ("phi2:700b", "phi2"), ("qwen", None)]
)
def test_programs_are_told_the_same_and_no_other_list(typed, meant, client, capsys):
    question = Question(q=typed, compatible="false")
    page = browse(question)
    told = client.get("/api/v1/models", {"q": typed, "compatible": "false"}).json()
    assert (told["meant"], page.meant) == (meant, meant or "")
    assert bool(told["items"]) == (meant is None)
    answer = call_tool("find_models", {"q": typed, "compatible": "false"})
    assert answer.structured["meant"] == meant
    assert (f"Did you mean “{meant}”?" in answer.text) == (meant is not None)
    call_command("find_models", typed, "--compatible", "false")
    assert (f"Did you mean “{meant}”?" in "".join(capsys.readouterr())) == (meant is not None)


@pytest.mark.django_db
def test_a_model_named_by_its_id_comes_first_whatever_its_verdict():
    refused = next(row.record for row in browse(Question(worker="rbee", compatible="only-incompatible")).rows)
    page = browse(Question(q=refused.repo_id, worker="rbee"))
    assert page.asked.record == refused
    assert not page.asked.result.compatible
    shown = browse(Question(q=refused.repo_id, worker="rbee", compatible="false"))
    assert shown.asked is None
    assert shown.rows[0].record == refused
    gone = Question(q="https://huggingface.co/does-not/exist-123")
    assert (browse(gone).asked, browse(gone).asked_id) == (None, "does-not/exist-123")


@pytest.mark.django_db
@pytest.mark.parametrize("dashed", ["llama-3.1", "qwen-2.5", "phi-2"])
def test_a_dash_changes_nothing_of_what_is_found(dashed):
    plain = dashed.replace("-", "")
    found = browse(Question(q=plain, compatible="false", unit="repository"))
    assert found.total == browse(Question(q=dashed, compatible="false", unit="repository")).total > 0
    assert ModelRecord.objects.filter(search_text__contains=plain).count() <= found.total
