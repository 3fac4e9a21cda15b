"""Templates are compiled for a language, and English sentences are shown in it."""

import re

import pytest
from django.utils.translation import override
from jinja2 import DictLoader

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
            "rbee lädt Safetensors-Dateien (getestet).",
            "rbee 加载 Safetensors 文件（经过测试）。",
        ),
        ("Task: Text generation", "Aufgabe: Texterzeugung", "任务：文本生成"),
        ("“the qwen of it”", "„the qwen of it“", "“the qwen of it”"),
        ("Qwen vision model", "Qwen-Bildmodell", "Qwen 视觉模型"),
        ("since December 2024", "seit Dezember 2024", "自 2024年12月起"),
        (
            "its verdict is high confidence; no machine is told",
            "sein Urteil hat die Sicherheit „hoch“; es ist kein Rechner angegeben",
            "其判定的可信度为高；没有说明机器",
        ),
        ("It is made for text generation.", "Es ist für Texterzeugung gemacht.", "它是为文本生成设计的。"),
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


@pytest.mark.parametrize("piece", ["the zq is qq; it is ww: no. ", "runs Xx models (“q”, config.json). ", "(", "a, "])
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
