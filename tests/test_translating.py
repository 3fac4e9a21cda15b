"""Templates are compiled for a language, and English sentences are shown in it."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override
from jinja2 import DictLoader

from compat.engines import Capability, all_profiles
from compat.extraction.facts import VariantFacts
from compat.rules import platform
from marketplace import show
from marketplace.rendering import Site, environment_of
from marketplace.translating import numerals, told
from tests.markup import Page

HELLO = "{% trans %}Skip to content{% endtrans %}|{% trans name=given %}Forget {{ name }}{% endtrans %}|100 %"


def rendered(language, **context):
    """The two texts above, in a language."""
    return environment_of(Site(), language=language, loader=DictLoader({"x": HELLO})).get_template("x").render(context)


def test_a_template_is_compiled_for_its_language_whatever_the_request_speaks():
    assert rendered("en", given="desk") == "Skip to content|Forget desk|100 %"
    german = rendered("de", given="desk")
    with override("zh-hans"):
        assert rendered("de", given="desk") == german
    first, second, _ = german.split("|")
    assert first != "Skip to content"
    assert "desk" in second
    assert second != "Forget desk"


@pytest.mark.parametrize("language", ["en", "de", "zh-hans"])
def test_what_is_put_into_a_translation_stays_text(language):
    assert "<b>" not in rendered(language, given="<b>&")
    assert "&lt;b&gt;&amp;" in rendered(language, given="<b>&")


def test_english_is_shown_as_it_was_written():
    sentence = "vLLM runs on NVIDIA GPUs only; this worker has AMD GPUs."
    assert told(sentence) == sentence


@pytest.mark.parametrize("language", ["de", "zh-hans"])
@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("vLLM knows the class “Qwen3ForCausalLM”.", ["vLLM", "Qwen3ForCausalLM"]),
        ("It was made for a context of 4,096 tokens; vLLM's limit is 8,192.", ["vLLM"]),
        ("Gated: the authors ask you to accept their terms on the Hub before you can download the files.", ["Hub"]),
    ],
)
def test_a_sentence_is_translated_by_the_pattern_it_was_written_by(language, sentence, kept):
    with override(language):
        found = told(sentence)
    assert found != sentence
    assert all(word in found for word in kept)


def test_what_is_quoted_stays_as_it_is_whatever_words_it_is_of():
    with override("de"):
        assert told("its name says “it”") == "im Namen steht „it“"


@pytest.mark.parametrize(
    ("sentence", "german", "chinese"),
    [
        (
            "rbee loads Safetensors files (tested).",
            "rbee lädt Dateien im Format Safetensors (getestet).",
            "rbee 加载 Safetensors 文件（经过测试）。",
        ),
        ("Task: Text generation", "Aufgabe: Textgenerierung", "任务：文本生成"),
        ("“the qwen of it”", "„the qwen of it“", "“the qwen of it”"),
        ("Qwen vision model", "Qwen-Bildmodell", "Qwen 视觉模型"),
        ("since December 2024", "seit Dezember 2024", "自 2024年12月起"),
        (
            "its verdict is high confidence; no machine is told",
            "Sicherheit seines Urteils: hoch; es ist kein Rechner angegeben",
            "其判定的可信度：高；没有说明机器",
        ),
        (
            "It is made for text generation.",
            "Es ist für die Aufgabe „Textgenerierung“ gemacht.",
            "它是为“文本生成”任务设计的。",
        ),
        (
            "Needs 1.4 GiB of 12.0 GiB at 8,192 tokens.",
            "Braucht 1,4 GiB von 12,0 GiB bei 8.192 Tokens.",
            "在 8,192 个 token 时，需要 1.4 GiB，共有 12.0 GiB。",
        ),
        (
            "Safetensors weights, part 1 of 7",
            "Safetensors-Gewichte, Teil 1 von 7",
            "Safetensors 权重，第 1 部分，共 7 部分",
        ),
        ("GGUF Q4_K_M (Q8_0), 2026-10", "GGUF Q4_K_M (Q8_0), 2026-10", "GGUF Q4_K_M (Q8_0), 2026-10"),
    ],
)
def test_parts_are_held_together_as_the_language_does(sentence, german, chinese):
    with override("de"):
        assert told(sentence) == german
    with override("zh-hans"):
        assert told(sentence) == chinese


@pytest.mark.parametrize("language", ["de", "zh-hans"])
@pytest.mark.parametrize(
    ("sentence", "typed"),
    [
        ("“zzz” is not a value of sort (the order): use suggested, popular, params or name.", ["suggested, popular"]),
        ("“z” is not a value of unit (what a list counts as one): use model or repository.", ["model ", " repository"]),
        ("There is no parameter “licence” here. Did you mean license?", ["license"]),
    ],
)
def test_what_is_to_be_typed_stays_as_it_is_typed(language, sentence, typed):
    with override(language):
        found = told(sentence)
    assert "use " not in found
    assert all(one in found for one in typed), found


@pytest.mark.parametrize(
    "address",
    [
        "/?worker=foo",
        "/models/?license=banana&sort=zzz&min_params=x&unit=z&compatible=x&kv=q9&gated=maybe&format=foo&task=bar",
        "/models/?accelerator=4o70&count=0&ram=-1&context=abc&language=xyz&quantization=q4_k_m&author=--",
    ],
)
def test_what_is_wrong_with_an_address_is_said_in_the_language_of_the_page(client, db, address):
    shown = Page(client.get(address, headers={"Accept-Language": "de"})).text
    assert not re.search(r"\b(is not|use|such as|or more)\b", shown), shown


def test_how_many_more_there_are_is_told_at_the_end_of_names():
    with override("de"):
        found = told("4 relatives are “qwen3”: a/b, which it is made from; and 1 more")
    assert "more" not in found
    assert "a/b" in found


@pytest.mark.parametrize(("count", "shown"), [("8.0B", "8,0B"), ("~1.2T", "~1,2T"), ("270M", "270M"), ("1.5K", "1,5K")])
def test_a_number_of_parameters_is_written_as_the_language_writes_numbers(count, shown):
    with override("de"):
        assert told(count) == shown
    assert told(count) == count


@pytest.mark.parametrize(
    "text", ["", "  ", "Qwen/Qwen3-8B-GGUF", "zzz qqq xyzzy of nothing at all", "100 % %(name)s {x} <b>"]
)
def test_what_nobody_translated_is_shown_as_it_is(text):
    with override("de"):
        assert told(text) == text


@pytest.mark.parametrize(
    "piece", ["the zq is qq; it is ww: no. ", "runs Xx models (“q”, config.json). ", "(", "a, ", "a: "]
)
def test_what_is_longer_than_any_sentence_is_shown_as_it_is(piece):
    with override("de"):
        assert told(piece * 5000) == piece * 5000
        assert isinstance(told((piece * 1000)[:1000]), str)


@pytest.mark.parametrize(("language", "text"), [("en", "1,234.5"), ("de", "1.234,5"), ("zh-hans", "1,234.5")])
def test_numbers_are_written_as_the_language_does(language, text):
    with override(language):
        assert numerals("1,234.5") == text
        assert show.count(1234567).replace(".", ",") == "1,234,567"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("3 Oct 2026", "Oct 2026")),
        ("de", ("3. Okt 2026", "Okt 2026")),
        ("zh-hans", ("2026年10月3日", "2026年10月")),
    ],
)
def test_dates_are_written_as_the_language_does(language, words):
    with override(language):
        assert tuple(show.day(one).replace("\N{NO-BREAK SPACE}", " ") for one in ("2026-10-03", "2026-10")) == words
        assert show.day("2026") == "2026"
        assert show.day("2026-02-31") == "2026-02-31"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("just now", "1 minute ago", "5 hours ago", "2 days ago", "1 year ago")),
        ("de", ("gerade eben", "vor 1 Minute", "vor 5 Stunden", "vor 2 Tagen", "vor 1 Jahr")),
        ("zh-hans", ("刚刚", "1 分钟前", "5 小时前", "2 天前", "1 年前")),
    ],
)
def test_how_long_ago_is_declined_as_the_language_does(language, words):
    passed = (timedelta(0), timedelta(minutes=1), timedelta(hours=5), timedelta(days=2), timedelta(days=370))
    with override(language):
        found = (show.ago(timezone.now() - one) for one in passed)
        assert tuple(one.replace("\N{NO-BREAK SPACE}", " ") for one in found) == words


@pytest.mark.parametrize("language", ["de", "zh-hans"])
@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("No measured runs of vLLM on accelerators of such a kind, so a number would have no basis.", "such"),
        ("memory bandwidth, calibrated on 17 measured runs of vLLM on Apple silicon", "runs"),
        ("memory bandwidth, calibrated on 1 measured run of vLLM on Apple silicon", "run"),
        (
            "Start it on 4 of the 8 GPUs: its 512-wide experts cannot be cut into 8 parts of whole blocks of 128.",
            "blocks",
        ),
        ("Start it on 4 of the 5 GPUs: its 1,536-wide experts cannot be cut into 5 equal parts.", "parts"),
        ("Start it on 4 of the 5 GPUs: its vocabulary of 100,352 tokens does not divide by 5.", "tokens"),
        ("Start it on 4 of the 5 GPUs: its vocabulary of 51,866 tokens, held as 51,904, does not divide by 5.", "held"),
    ],
)
def test_nothing_of_a_sentence_stays_english(language, sentence, left):
    with override(language):
        assert not re.search(rf"\b{left}\b", told(sentence)), told(sentence)


@pytest.mark.parametrize("language", ["de", "zh-hans"])
def test_what_is_unpacked_for_want_of_hardware_is_told_in_every_language(language):
    machines = (
        *(Capability("nvidia", 7.5), Capability("nvidia", 8.6), Capability("amd", gfx="gfx90a")),
        *map(Capability, ("amd", "intel", "cpu", "apple")),
    )
    sentences = {
        finding.text
        for profile in all_profiles().values()
        for name in (packing.name for packing in profile.packings)
        for label, _, scheme in (name.partition(" "), (name, "", ""))
        for hardware in machines
        for finding in platform.check(
            VariantFacts(format="safetensors", quantization=label, scheme=scheme or None), profile, hardware
        )
        if "unpacked while computing" in finding.text
    }
    for beginning in ("This GPU is older", "This GPU is not one", "There is no hardware"):
        assert any(one.startswith(beginning) for one in sentences)
    with override(language):
        assert [one for one in sorted(sentences) if told(one) == one] == []


def test_a_plural_of_english_is_not_left_behind_a_chinese_word():
    with override("zh-hans"):
        assert "GPUs" not in told("Start it on 4 of the 8 GPUs: its 32 attention heads do not divide by 8.")
        needs = "Needs 2 or 4 GPUs: its 32 attention heads do not divide by 3."
        assert "GPUs" not in told(f"{needs} On 2 of the 3 here it needs 14.0 GiB on the fullest, which has 12.0 GiB.")


def test_a_semicolon_within_brackets_parts_no_sentence():
    note = "(in hardware from Ada on; Ampere unpacks while computing)"
    with override("de"):
        assert "unpacks" not in told(f"SGLang reads weights packed with FP8 (guessed from the name) {note}.")


@pytest.mark.parametrize(
    "members", ["audio and text to text and audio to audio", "audio to audio and audio and text to text"]
)
def test_a_member_of_a_list_may_hold_the_word_between_its_members(members):
    with override("de"):
        found = told(f"It is made for conversation (Hub answer); MLX-Audio serves speech recognition, {members}.")
    assert "Audio und Text zu Text" in found
    assert "Audio zu Audio" in found


@pytest.mark.parametrize(
    ("language", "sentence", "shown"),
    [
        ("de", "Its class is not told; vLLM has “BertModel”, which is spelled like “bert”.", "„BertModel“"),
        ("zh-hans", "vLLM reads weights packed with FP8 (guessed from the name).", "（由名称猜测）"),
        ("zh-hans", "it knows the method by the name auto-round, and these settings call it otherwise.", "。"),
        ("zh-hans", "The record does not tell in which format the weights are. See x/y.", "。参见"),
    ],
)
def test_marks_between_the_parts_of_a_text_are_those_of_the_language(language, sentence, shown):
    with override(language):
        found = told(sentence)
    assert shown in found
    assert not re.search(r"[\u3400-\u9fff] [\u3400-\u9fff]|[。；：] ", found)


LACKING = (
    "What was asked lacks 3.2 GiB more on the RTX 4090, in stages, or 12.0 GiB more system memory, to keep a part of "
    "it there, which is slower."
)


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        # A label that holds a shorter one, an addition behind it.
        ("memory need not known; a guess is in it, or its packer is little known", "Speicherbedarf unbekannt;"),
        ("since May 2024", "seit Mai 2024"),
        ("total: pages show none: kv heads", "Gesamt: Seiten zeigen keine: KV-Köpfe"),
        # Two patterns fit: one of them would take the second half for a task.
        ("It is made for conversation (Hub answer); rbee serves text generation.", "„Gespräch“ gemacht (Antwort des"),
        ("GGUF Q4_K_M weights, part 1 of 2", "Teil 1 von 2"),
        (LACKING, "3,2 GiB mehr auf RTX 4090, in Stufen, oder 12,0 GiB mehr Arbeitsspeicher"),
        # Where a space alone parts two values, either may be of several words.
        (
            "The files' own count is 9B, but the published model it is named after has 3B. One of the two is wrong.",
            "3B",
        ),
        ("“qwen3” is not an architecture Diffusers reads GGUF files of. It runs Gemma.", "Diffusers in GGUF-Dateien"),
        ("No measured runs of rbee's own loader on Apple silicon, so a number would have no basis.", "rbee auf Apple"),
    ],
)
def test_a_text_is_told_by_what_says_most_of_it(sentence, shown):
    with override("de"):
        assert shown in told(sentence)


def test_marks_between_the_texts_of_a_template_are_those_of_its_language():
    text = "{% trans %}Skip to content{% endtrans %}"
    source = (
        f"{text}; {text}: {{{{ word|told }}}}. {text}{{% if word %}}, {text}{{% endif %}}. <p>{{{{ word }}}}: a; b</p>"
    )
    shown = {
        language: environment_of(Site(), language=language, loader=DictLoader({"x": source}))
        .get_template("x")
        .render(word="x")
        for language in ("en", "zh-hans")
    }
    assert shown["en"].count("Skip to content") == 4
    assert re.sub(r"[\u3400-\u9fff]+", "", shown["zh-hans"]) == "；：x。，。<p>x: a; b</p>"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{% for one in [1, 2, 3] %}{{ one }}{% if not loop.last %}, {% endif %}{% endfor %}", "1、2、3"),
        ("{% for one in [1, 2] %}{% if loop.first %}{{ one }}{% else %}, {% endif %}{% endfor %}", "1、"),
        ("{% if word %}, {{ word }}{% endif %}", "，x"),
        ("<b>{% trans %}Skip to content{% endtrans %}</b>{% if word %}<i></i>{% endif %}, <b>x</b>", "，<b>x</b>"),
        ("{{ word }}, {{ word }}", "x, x"),
    ],
)
def test_a_mark_alone_between_the_tags_of_a_template_is_its_languages(source, shown):
    made = environment_of(Site(), language="zh-hans", loader=DictLoader({"x": source}))
    assert made.get_template("x").render(word="x").endswith(shown)
    plain = environment_of(Site(), language="de", loader=DictLoader({"x": source}))
    assert "，" not in plain.get_template("x").render(word="x")


@pytest.mark.parametrize(
    ("sentence", "german"),
    [
        ("Text to image model", "Modell für „Text zu Bild“"),
        ("model “bert”", "Modell „bert“"),
        ("8,192 tokens for 4 sequences, f16", "8.192 Tokens für 4 Sequenzen, f16"),
    ],
)
def test_a_noun_that_is_a_cause_is_told_as_one(sentence, german):
    with override("de"):
        assert told(sentence) == german


def test_what_a_profile_names_as_its_source_needs_no_translation():
    """It is names and paths: no row of English words."""
    for profile in all_profiles().values():
        assert not re.search(r"\b(?:the|its|which|when|takes|read)\b", profile.source), profile.slug
