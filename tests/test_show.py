"""How values are shown."""

from __future__ import annotations

import re

import pytest
from django.template import engines

from compat.engines.hardware import GIB
from compat.estimate import DeviceNeed, VariantInputs, estimate_memory, find_shape
from compat.estimate.offload import CACHE, EMBEDDING, EXPERTS, LAYERS
from compat.rules import CompatibilityResult, Confidence
from marketplace import show

icons = show.Icons("/static/{}".format)


def result(confidence="none", cause=""):
    return CompatibilityResult(confidence != "none", confidence, (), (), (), cause=cause)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""), (0, "0"), (999, "999"), (9_120, "9,120"), (9_999, "9,999"), (10_000, "10k"), (312_400, "312k"),
        (1_000_000, "1.0M"), (4_140_000, "4.1M"), (41_000_000, "41M"), (1_500_000_000, "1.5B"),
        (2**62, "4,611,686,018B"),
    ],
)  # fmt: skip
def test_a_count_in_few_characters(number, text):
    assert show.compact(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""),
        (0, "0.0 GiB"),
        (40 * 2**20, "40 MiB"),
        (round(0.05 * 2**30) + 1, "0.1 GiB"),
        (round(4.4 * 2**30), "4.4 GiB"),
        (round(2420.7 * 2**30), "2,420.7 GiB"),
    ],
)
def test_memory_is_counted_so_that_something_is_never_nothing(number, text):
    assert show.gib(number) == text


def test_a_count_below_zero_has_a_minus_sign():
    assert show.count(-1932) == "\N{MINUS SIGN}1,932"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""), (0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (5_559_367_680, "5.6 GB"),
        (1_500_000, "1.5 MB"), (2_500_000_000_000, "2.5 TB"),
    ],
)  # fmt: skip
def test_a_size(number, text):
    assert show.size(number) == text


@pytest.mark.parametrize(("number", "text"), [(None, ""), (0, "0"), (1234567, "1,234,567")])
def test_a_whole_number(number, text):
    assert show.count(number) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "0 %"), (0, 5, "0 %"), (1, 2, "50 %"), (1, 3, "33 %"), (1, 30, "3.3 %"), (1, 100, "1 %"), (5, 5, "100 %")],
)
def test_a_share(part, whole, text):
    assert show.share(part, whole) == text


@pytest.mark.parametrize(
    ("confidence", "cause", "word", "kind"),
    [
        ("high", "", "Runs", "v-high"),
        ("medium", "", "Should run", "v-medium"),
        ("low", "", "Might run", "v-low"),
        ("none", "context", "Won't run", "v-none"),
        ("none", "unknown", "Unknown", "v-unknown"),
    ],
)
def test_a_badge_has_a_shape_a_colour_and_a_word(confidence, cause, word, kind):
    html = str(icons.badge(result(confidence, cause)))
    assert html.startswith(f'<span class="badge {kind}">')
    assert f"#{kind}" in html
    assert word.replace("'", "&#x27;") in html
    assert show.verdict_word(result(confidence, cause)) == word
    assert show.verdict_class(result(confidence, cause)) == kind


def test_a_name_is_escaped():
    html = str(icons.icon('"><script>'))
    assert "<script>" not in html


@pytest.mark.parametrize(
    ("origin", "tag"),
    [
        ("config", ' <span class="tag">config.json</span>'),
        ("name", ' <span class="tag guess">guessed from the name</span>'),
        ("default", ' <span class="tag guess">assumed</span>'),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_where_a_fact_is_from(origin, tag):
    assert show.fact("Likes", "2,048", origin) == f"<div><dt>Likes</dt><dd><b>2,048</b>{tag}</dd></div>"


def test_a_term_explains_itself_where_it_needs_to():
    assert show.TERMS["Context"] in show.fact("Context", "2,048 tokens")
    assert "<summary>Context</summary>" in show.term("Context")
    assert show.term("<b>") == "&lt;b&gt;"


def test_a_column_is_as_high_as_the_need_and_the_line_stands_where_the_room_ends():
    column = show.need_column(6, None, 8, 12)
    assert 'class="fill" y="50.0" width="10" height="50.0"' in column
    assert 'class="limit" y="33.3"' in column
    assert 'height="100.0"' in show.need_column(99, None, 8, 12)
    assert "limit" not in show.need_column(6, None, 0, 12)


def test_a_fact_that_nothing_told_is_not_in_our_record_and_words_from_outside_are_text():
    assert '<span class="absent">Not in our record</span>' in show.fact("Family", None)
    html = show.fact("Architecture", "<b>", "config", "<script>")
    assert "<b>&lt;b&gt;</b>" in html
    assert '<span class="hint">&lt;script&gt;</span>' in html


def test_a_bar_is_drawn_to_scale_and_within_bounds():
    assert 'width="50.0"' in show.bar(1, 2)
    assert 'width="100.0"' in show.bar(9, 2)
    assert 'width="0.0"' in show.bar(0, 2)
    assert 'width="0.0"' not in show.bar(1, 10_000)
    assert show.bar(None, 2) == show.bar(1, 0) == show.bar(1, None) == ""
    assert 'aria-label="&lt;b&gt;"' in show.bar(1, 2, "fill", "<b>")


COUNTS = {Confidence.HIGH: 600, Confidence.MEDIUM: 1, Confidence.LOW: 0, Confidence.NONE: 399}


def test_a_split_bar_fills_its_width():
    html = str(show.verdict_bar(COUNTS, 99))
    widths = [float(width) for width in re.findall(r'width="([\d.]+)"', html)]
    assert len(widths) == 4
    assert 98 < sum(widths) <= 100
    assert "v-low" not in html
    assert show.verdict_bar({}, 0).count("<rect") == 0


def test_a_legend_adds_up():
    rows = show.legend(COUNTS, 99)
    assert sum(row["count"] for row in rows) == 1000
    assert [row["count"] for row in rows] == [600, 1, 0, 300, 99]
    assert rows[0]["share"] == "60 %"


@pytest.mark.parametrize(
    ("counts", "unknown"),
    [
        (COUNTS, 99),
        ({3: 1}, 0),
        ({3: 1, 2: 1, 1: 1, 0: 1}, 1),
        ({3: 999_999, 0: 1}, 0),
        ({0: 5}, 5),
        ({3: 1, 2: 1, 0: 1}, 0),
    ],
)
def test_a_comb_has_a_hundred_cells_and_loses_no_verdict_that_occurs(counts, unknown):
    html = str(show.comb(counts, unknown))
    assert html.count("M") == 100
    kinds = {f"v-{level.word}" for level in Confidence if counts.get(level, 0) - (unknown if level == 0 else 0) > 0}
    kinds |= {"v-unknown"} if unknown else set()
    assert set(re.findall(r'class="(v-\w+)"', html)) == kinds


def test_an_empty_comb_is_no_error():
    assert "<path" not in show.comb({}, 0)


def test_the_filters_work_in_templates():
    text = (
        engines["jinja2"]
        .from_string(
            "{{ n|compact }} {{ n|size }} {{ n|count }} {{ l|license_label }} {{ f|format_label }} {{ t|task_label }} "
            "{{ badge(r) }}"
        )
        .render({"n": 12_000, "l": "apache-2.0", "f": "gguf", "t": "text-generation", "r": result("high")})
    )
    assert text.startswith("12k 12.0 kB 12,000 Apache 2.0 GGUF")
    assert "<span" in text


def test_code_in_backticks_is_marked_and_the_rest_stays_text():
    assert show.code_spans("give `a<b` or <i>`c`") == "give <code>a&lt;b</code> or &lt;i&gt;<code>c</code>"


def test_public_reports_are_links_and_nothing_else_is():
    report = "https://github.com/vllm-project/vllm/issues/38006"
    assert show.report_links(f"It fails. See {report}.") == f'It fails. See <a href="{report}">{report}</a>.'
    for text in ("See https://evil.example/issues/1.", "javascript:alert(1)", "a https://github.com/only/two b"):
        assert show.report_links(text) == text
    assert show.report_links("<b> & “x”") == "&lt;b&gt; &amp; “x”"


@pytest.mark.parametrize(
    ("margin", "text"),
    [
        (0.07, "± 7 %"),
        (1.0, "± 100 %"),
        (1.01, "not measured well: up to 3 times as much"),
        (1.96, "not measured well: up to 3 times as much"),
        (2.01, "not measured well: up to 4 times as much"),
    ],
)
def test_a_margin_above_the_whole_is_said_in_words(margin, text):
    assert show.margin_words(margin) == text


@pytest.mark.parametrize(("scale", "anchor"), [(20, "end"), (100, "start")])
def test_the_bar_of_a_card_ends_where_its_parts_do_and_says_its_limit(scale, anchor):
    card = DeviceNeed("card", {"kv": 4 * GIB, "weights": 8 * GIB, "state": 0}, 16 * GIB)
    drawn = show.card_bar(card, {"weights": 1, "kv": 2}, scale * GIB)
    places = re.findall(r'class="(m\d)" x="([\d.]+)%"', drawn)
    assert places == [("m1", "0.00"), ("m2", f"{800 / scale:.2f}")]
    assert f'text-anchor="{anchor}">limit 16.0 GiB' in drawn


@pytest.mark.parametrize("engine", ["llama-cpp", "vllm"])
def test_every_part_and_whatever_lies_in_system_memory_has_words(engine):
    shape = find_shape("Llama-3.1-8B")
    estimate = estimate_memory(VariantInputs(shape, quant="Q4_K_M"), engine)
    assert {part.name for part in estimate.components} | {EMBEDDING, LAYERS, EXPERTS, CACHE} == set(show.PART_HINTS)
