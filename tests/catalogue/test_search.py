"""Search means the same on both databases: every word of the question is a part of the id or of the bare name."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compat.catalogue.browse import browse
from compat.catalogue.listing import list_models
from compat.catalogue.question import Question
from compat.catalogue.workers import workers
from compat.extraction.columns import normalise_name
from compat.ingest import store as sync
from compat.models import ModelRecord
from compat.models.asked import spellings_of
from compat.models.search import MAX_QUERY, matching_records, words_of
from tests.samples import every_record, record

pytestmark = pytest.mark.django_db


def found(question):
    return set(matching_records(ModelRecord.objects.all(), words_of(question)).values_list("repo_id", flat=True))


def expected(question):
    """The plain meaning, over all ids."""
    return {
        repo_id
        for repo_id, count in ModelRecord.objects.values_list("repo_id", "parameters")
        for text in [f"{repo_id.lower()} {normalise_name(repo_id.rpartition('/')[2])}"]
        if all(says(word, text, count) for word in words_of(question))
    }


def says(word, text, count):
    """A size is a word of its own: ``8b`` is no part of ``8bit`` or ``1.8b``; where a name says none, the count does.

    The number of ``qwen2:`` ends there. Everything else may stand anywhere.
    """
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?[bm]", word):
        called = float(word[:-1]) * (1e9 if word[-1] == "b" else 1e6)
        said = re.search(rf"(?<![a-z0-9.]){re.escape(word)}(?![a-z0-9])", text) is not None
        untold = not re.search(r"[0-9][bm](?![a-z0-9])", text.split()[0])
        return said or (untold and count is not None and abs(count - called) <= called / 20)
    if re.fullmatch(r"[a-z][a-z0-9.-]*[0-9]:", word):
        return any(re.search(rf"{re.escape(one[:-1])}(?![0-9.])", text.split()[0]) for one in spellings_of(word))
    return any(one in text for one in spellings_of(word))


def ids():
    return ModelRecord.objects.values_list("repo_id", flat=True)


# Letters beyond ASCII are escaped: a long s, a Turkish I, a sharp s, a ligature, a llama.
QUESTIONS = (
    "llama", "LLaMA", "phi-2", "phi2", "microsoft/phi-2", "qwen 7b", "7b qwen", "qwen2.5-coder-0.5b", "q",
    "a b", "7", "2.", "b-", "-gguf", "/", "//", ".", "--", "_", "__", "%", "%%%", "a%b", "a_b", "*", "llam*",
    "lla?a", '"', '""', '"""', '"llama"', "llama'", "'; DROP TABLE compat_search; --", "AND", "OR", "NOT",
    "NEAR", "llama AND qwen", "llama OR qwen", "NOT llama", "NEAR(llama qwen)", "NEAR(llama qwen, 5)",
    "llama NOT", "AND AND AND", "(llama)", "^llama", "llama:", "search_text:llama", "{search_text}: llama",
    "llama + chat", "llama\\", "\\", "\\%", "l\\_ama", "\u65e5\u672c\u8a9e", "\u043b\u043b\u0430\u043c\u0430",
    "\xe9", "\u017fmol", "smolLM", "\u0130stanbul", "\xdf", "\U0001f999", "llama\U0001f999", "\ufb01ne",
    "\u0301", "llama\u200b", "\tllama\n", "llama\x00", "\x00", "x" * 200, "zzzzzz", "the quick brown fox",
    "rowid", "rank", "1=1", "llama -chat", "aaa", "ab", "bert-base",
)  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: ascii(q)[:40])
def test_the_answer_is_the_plain_meaning(question):
    assert found(question) == expected(question)


def test_every_part_of_an_id_finds_it():
    chance = random.Random(7)
    for repo_id in chance.sample(list(ids()), 60):
        for length in (1, 2, 3, 4, 7):
            start = chance.randrange(max(1, len(repo_id) - length))
            part = repo_id[start : start + length]
            answer = found(part)
            assert repo_id in answer or re.fullmatch(r"[\d.]+[bm]", part, re.IGNORECASE), part
            assert answer == expected(part), part


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
        | st.sampled_from(["llama", "qwen", '"', "AND", "7b", "-", "gguf", "%", "_"]),
        max_size=4,
    ).map(" ".join)
)
def test_any_text_is_answered_by_its_plain_meaning(question):
    assert found(question) == expected(question)


def test_a_size_is_a_word_of_its_own():
    for name in (
        "sample/Nova-8B",
        "sample/Nova-30B-8bit",
        "sample/Nova-1.8B",
        "sample/Nova-8x8B-it",
        "sample/Nova_8b_q4",
    ):
        sync.store_raw([("1", record("microsoft/phi-2", id=name))], origin="file")
    assert found("nova 8b") == found("nova:8b") == {"sample/Nova-8B", "sample/Nova_8b_q4"}
    assert found("nova 1.8b") == {"sample/Nova-1.8B"}


def test_a_name_that_says_no_size_is_found_by_the_count_of_its_record():
    assert "microsoft/phi-2" in found("phi 2.7b") & found("phi:2.7b")
    assert found("phi-2 3b") == set()
    counted = {"safetensors": {"parameters": {"BF16": 14_659_507_200}, "total": 14_659_507_200}}
    named = ("sample/nova-4", "sample/nova-4-3B")
    sync.store_raw([(name, {"id": name, **counted}) for name in named], origin="file")
    assert found("nova4:14b") == {"sample/nova-4"}
    assert found("nova4:70b") == set()


def test_a_number_of_ollamas_names_is_whole():
    for name in ("sample/Nova-3-8B", "sample/nova3-8b-it", "sample/Nova-3.1-8B", "sample/Nova-30-8B"):
        sync.store_raw([("1", record("microsoft/phi-2", id=name))], origin="file")
    assert found("nova3:8b") == {"sample/Nova-3-8B", "sample/nova3-8b-it"}
    assert found("nova3.1:8b") == {"sample/Nova-3.1-8B"}
    assert found("nova3 8b") == {"sample/Nova-3-8B", "sample/nova3-8b-it", "sample/Nova-3.1-8B", "sample/Nova-30-8B"}


def listed(question, **more):
    page = browse(Question(q=question, compatible="false", unit="repository", **more))
    return {row.record.repo_id for row in page.rows}


def test_a_name_of_ollamas_library_finds_what_the_hub_calls_otherwise():
    for name in ("Nova-Small-3.2-24B-Instruct", "Nova-Small-3.1-24B-Instruct", "Luna-3.2-11B-Vision", "Luna-3.2-3B"):
        sync.store_raw([("1", record("microsoft/phi-2", id=f"sample/{name}"))], origin="file")
    assert listed("nova-small3.2") == listed("nova-small3.2:24b") == {"sample/Nova-Small-3.2-24B-Instruct"}
    assert listed("luna3.2-vision:11b") == {"sample/Luna-3.2-11B-Vision"}


def test_a_number_typed_apart_belongs_to_the_name_before_it():
    names = ("Nova-3-8B", "nova3-8b-it", "Nova-3.1-8B", "Nova_3_8B", "Nova-30-8B", "Nova-2-3B", "Nova-2-8B-v3.5")
    for name in names:
        sync.store_raw([("1", record("microsoft/phi-2", id=f"sample/{name}"))], origin="file")
    of_three = {f"sample/{name}" for name in ("Nova-3-8B", "nova3-8b-it", "Nova-3.1-8B", "Nova_3_8B")}
    assert listed("nova 3 8b") == listed("nova 3") == of_three
    assert listed("nova 2 8b") == {"sample/Nova-2-8B-v3.5"}
    assert listed("nova it 3") == {"sample/nova3-8b-it"}


def test_a_name_that_is_typed_in_words_comes_first():
    for name in ("nova-3-8b-chat", "nova-3-8b"):
        popular = 10 if name.endswith("chat") else 1
        sync.store_raw([("1", record("microsoft/phi-2", id=f"sample/{name}", downloads=popular))], origin="file")
    rows = browse(Question(q="nova 3 8b", compatible="false", unit="repository", sort="popular")).rows
    assert [row.record.name for row in rows] == ["nova-3-8b", "nova-3-8b-chat"]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("qwen2.5 1.5b awq", {"Qwen/Qwen2.5-1.5B-Instruct-AWQ"}),
        ("qwen2-1.5b int4", {"Qwen/Qwen2-1.5B-Instruct-GPTQ-Int4"}),
        ("qwen3.6 reasoning q4_k_m", {"TeichAI/Qwen3.6-27B-Claude-Opus-Reasoning-Distill-GGUF"}),
        ("qwen3.6 reasoning q4", {"TeichAI/Qwen3.6-27B-Claude-Opus-Reasoning-Distill-GGUF"}),
        ("phi-2 gguf", {"TheBloke/phi-2-GGUF"}),
        ("qwen 3 0.6b 4 bit", {"Qwen/Qwen3-0.6B-MLX-4bit"}),
        ("qwen3 235b fp8", {"Qwen/Qwen3-235B-A22B-Instruct-2507-FP8"}),
    ],
)
def test_words_of_a_width_lead_to_the_builds_in_it(question, found):
    assert listed(question) == found


def test_a_width_alone_finds_all_builds_in_it():
    of_four = {repo_id for repo_id in listed("q4") if "Q4" not in repo_id}
    assert of_four
    assert listed("Q4_K_M") <= listed("q4")
    assert listed("awq") == listed("", quantization=("AWQ",))
    assert listed("gguf") == listed("", format=("gguf",))


def test_a_description_is_a_filter_and_no_slip_in_a_name():
    assert listed("small model for coding") == listed("", use=("code",)) != set()
    assert listed("author:thebloke") == listed("", author=("TheBloke",)) != set()
    assert listed("qwen coding model") == listed("qwen", use=("code",)) != set()
    page = browse(Question(q="best model", compatible="false"))
    assert (page.meant, page.total) == ("", browse(Question(compatible="false")).total)
    assert page.read.sentences == ("Left out, as no part of a name: best, model.",)


def test_what_no_build_of_a_name_is_leaves_the_name():
    page = browse(Question(q="whisper for coding", compatible="false"))
    assert (page.meant, page.unlike) == ("whisper", "coding")
    assert page.total == browse(Question(q="whisper", compatible="false")).total > 0


def test_a_machine_in_a_search_is_offered_as_the_machine():
    page = browse(Question(q="best model for rtx 4090", compatible="false"))
    assert [(chip.label, chip.query) for chip in page.read.offers] == [
        ("For “rtx 4090”", "accelerator=RTX+4090&compatible=false")
    ]
    page = browse(Question(q="qwen3 12gb", compatible="false"))
    assert [chip.query for chip in page.read.offers] == [
        "q=qwen3&memory=12&compatible=false",
        "q=qwen3&ram=12&compatible=false",
    ]


def test_words_of_size_and_age_offer_what_shows_it():
    page = browse(Question(q="newest small llm", compatible="false"))
    assert [chip.label for chip in page.read.offers] == ["Newest", "up to 4B parameters"]


def test_what_is_called_so_comes_before_what_only_holds_the_letters():
    for name in ("mixnova/Devnova-9B", "sample/supernova-9b", "other/mixnova_Devnova-9B-x", "sample/Nova-9B"):
        sync.store_raw([("1", record("microsoft/phi-2", id=name, downloads=0))], origin="file")
    for name in ("nova 9b", "nova"):
        page = browse(Question(q=name, compatible="false", unit="repository"))
        assert page.rows[0].record.repo_id == "sample/Nova-9B", name
        assert page.total >= 4
    first = list_models(Question(q="nova 9b", compatible="false"), workers(), 1)
    rest = list_models(Question(q="nova 9b", compatible="false"), workers(), 9, first.next)
    assert first.items[0].row.record.repo_id == "sample/Nova-9B"
    assert len(rest.items) == first.total - 1
    owned = browse(Question(q="mixnova", compatible="false", unit="repository"))
    assert owned.rows[0].record.repo_id == "mixnova/Devnova-9B"


@pytest.mark.parametrize("part", ["phi2:", 'ph"i ', "phi-2 ", "7b ", "*?[", "%_!", "x.gguf/"])
def test_endless_questions_are_answered(part):
    question = part * (200_000 // len(part))
    assert found(question) == expected(question)


def test_words_may_come_in_any_order_and_all_must_occur():
    assert found("chat tinyllama") == found("tinyllama chat") != set()
    assert found("tinyllama chat") == found("tinyllama") & found("chat")
    assert found("llama zzzzzz") == set()


def test_without_words_everything_is_found():
    assert found("") == found("   ") == found("\0") == set(ids())


def test_a_new_record_is_found_at_once():
    assert found("quxilofant") == set()
    sync.store_raw([("1", {"id": "sample/Quxilofant-7B"})], origin="file")
    assert found("quxilofant") == {"sample/Quxilofant-7B"}
    assert found("QUXILOFANT7B") == {"sample/Quxilofant-7B"}


def test_the_index_follows_updates():
    sync.store_raw([("1", {"id": "sample/quxilofant"})], origin="file")
    ModelRecord.objects.filter(repo_id="sample/quxilofant").update(search_text="sample/vorbelast vorbelast")
    assert found("quxilofant") == set()
    assert found("vorbelast") == {"sample/quxilofant"}


def test_a_changed_record_is_found_once():
    for likes in (1, 2, 3):
        sync.store_raw([("1", {"id": "sample/quxilofant", "likes": likes})], origin="file")
    assert matching_records(ModelRecord.objects.all(), ["quxilofant"]).count() == 1


def test_the_index_follows_deletion():
    gone = ModelRecord.objects.get(repo_id="microsoft/phi-2")
    gone.delete()
    assert "microsoft/phi-2" not in found("phi-2")
    sync.store_raw([("1", item) for item in every_record() if item["id"] == "microsoft/phi-2"], origin="file")
    assert "microsoft/phi-2" in found("phi-2")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("", ()),
        ("  Llama   CHAT ", ("llama", "chat")),
        ("llama llama", ("llama",)),
        ("https://huggingface.co/microsoft/phi-2", ("microsoft/phi-2",)),
        ("http://www.huggingface.co/microsoft/phi-2/", ("microsoft/phi-2",)),
        ("huggingface.co/microsoft/phi-2/tree/main?x=1#files", ("microsoft/phi-2",)),
        ("https://hf.co/microsoft/phi-2", ("microsoft/phi-2",)),
        ("https://huggingface.co/models/microsoft/phi-2", ("microsoft/phi-2",)),
        ("HTTPS://HuggingFace.co/Microsoft/Phi-2", ("microsoft/phi-2",)),
        ("https://huggingface.co/gpt2", ("gpt2",)),
        ("see https://huggingface.co/gpt2", ("gpt2",)),
        ("a\0b", ("a", "b")),
        (" ".join("abcdefghijkl"), tuple("abcdefgh")),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_question_becomes_words(question, words):
    assert words_of(question) == words


def test_the_longest_question_is_answered():
    assert found("x" * MAX_QUERY) == set()
    assert found(" ".join("x" for _ in range(MAX_QUERY // 2))) == expected("x")
