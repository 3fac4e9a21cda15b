"""A question as a query string: every parameter, every kind of nonsense, and the way back."""

from __future__ import annotations

import timeit
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from compat.catalogue.question import (
    CONFIDENCES,
    GATED,
    MULTIPLE,
    PARAMETERS,
    SHOWN,
    SORTS,
    DictQuery,
    Question,
    QuestionError,
)
from compat.rules.result import CAUSES

WORKERS = ("rbee", "vllm")


def read(query):
    return Question.from_query(QueryDict(query), WORKERS)


def problems(query):
    with pytest.raises(QuestionError) as caught:
        read(query)
    return {problem.parameter: problem.message for problem in caught.value.problems}


def test_nothing_asked_is_what_runs_as_it_is_suggested():
    assert read("") == Question()
    assert (Question().compatible, Question().sort, Question().page) == ("true", "suggested", 1)


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("q=Llama+3", "q", "Llama 3"),
        ("q=++a+++b++", "q", "a b"),
        ("q=a%00b", "q", "a b"),
        ("worker=vllm", "worker", "vllm"),
        *((f"compatible={value}", "compatible", value) for value in SHOWN),
        *((f"sort={value}", "sort", value) for value in SORTS),
        *((f"gated={value}", "gated", value) for value in GATED),
        *((f"confidence={value}", "confidence", (value,)) for value in CONFIDENCES),
        *((f"cause={value}", "cause", (value,)) for value in CAUSES),
        *((f"{name}=one&{name}=two", name, ("one", "two")) for name in MULTIPLE),
        ("task=a&task=a&task=b", "task", ("a", "b")),
        ("task=&task=+", "task", ()),
        ("min_params=0.5", "min_params", 0.5),
        ("min_params=0", "min_params", 0.0),
        ("max_params=70", "max_params", 70.0),
        ("min_params=7&max_params=7", "max_params", 7.0),
        ("min_context=8192", "min_context", 8192),
        ("list=small", "list", "small"),
        ("page=3", "page", 3),
        ("sort=", "sort", "suggested"),
        ("utm_source=mail", "q", ""),
    ],
)
def test_a_parameter_is_read(query, name, value):
    assert getattr(read(query), name) == value


@pytest.mark.parametrize("blank", ["%C2%85", "%E3%80%80", "%0B"])
def test_blanks_that_no_keyboard_leaves_around_a_value_are_no_number(blank):
    with pytest.raises(QuestionError, match="min_params is"):
        read(f"min_params={blank}")
    assert read("min_params=7%20").min_params == 7


@pytest.mark.parametrize(
    ("parameter", "value", "named"),
    [
        ("sort", "nonsense", SORTS),
        ("compatible", "maybe", SHOWN),
        ("compatible", "TRUE", SHOWN),
        ("confidence", "certain", CONFIDENCES),
        ("cause", "weather", CAUSES),
        ("gated", "auto", GATED),
        ("worker", "nobody", WORKERS),
    ],
)
def test_a_senseless_choice_names_what_is_allowed(parameter, value, named):
    message = problems(f"{parameter}={value}")[parameter]
    assert f"“{value}”" in message
    assert all(allowed in message for allowed in named)


@pytest.mark.parametrize("value", ["x", "-1", "nan", "inf", "1e9", "1000000", "7B", "0x7", "1,5", "--", "1;2"])
@pytest.mark.parametrize("parameter", ["min_params", "max_params"])
def test_a_senseless_number_is_refused(parameter, value):
    message = problems(f"{parameter}={value}")[parameter]
    assert f"“{value}”" in message
    assert "such as 7" in message


@pytest.mark.parametrize("value", ["0", "-3", "1.5", "two", "1e3", "9" * 30, "٣", "²", "0x10"])
@pytest.mark.parametrize("parameter", ["page", "min_context"])
def test_a_senseless_whole_number_is_refused(parameter, value):
    assert "whole number" in problems(f"{parameter}={value}")[parameter]


@pytest.mark.parametrize("value", ["1_000", "1e3", "1E3", "+7", "infinity", "nan", "٣", ".", "1.2.3"])
@pytest.mark.parametrize("parameter", ["memory", "ram", "ram_bandwidth", "min_params", "max_params"])
def test_a_number_is_digits_with_at_most_one_point(parameter, value):
    assert "such as 7 or 0.5" in problems(urlencode({parameter: value}))[parameter]


def test_a_program_may_give_any_number():
    assert Question.from_query(DictQuery({"min_params": 1e-05, "memory": 24.0})).min_params == 1e-05


@pytest.mark.parametrize(("value", "number"), [("24", 24), ("007", 7), ("0.5", 0.5), (".5", 0.5), ("24.", 24)])
def test_plain_numbers_are_taken(value, number):
    assert read(f"memory={value}").memory == number


def test_the_largest_below_the_smallest_is_refused():
    assert "below min_params (8)" in problems("min_params=8&max_params=7")["max_params"]


def test_every_problem_is_named_at_once():
    assert set(problems("sort=a&page=b&min_params=c&gated=d&compatible=e")) == {
        "sort", "page", "min_params", "gated", "compatible",
    }  # fmt: skip


def test_a_long_question_is_refused_with_its_length():
    assert read("q=" + "x" * 200).q == "x" * 200
    assert "10,000 characters" in problems("q=" + "x" * 10_000)["q"]


def test_a_long_value_is_refused_and_not_repeated():
    message = problems("task=" + "x" * 121)["task"]
    assert len(message) < 100
    assert "task" in problems("task=a%00b")


def test_too_many_values_are_refused():
    assert len(read("&".join(f"task={n}" for n in range(20))).task) == 20
    assert "21 times" in problems("&".join(f"task={n}" for n in range(21)))["task"]


def test_a_long_nonsense_value_is_cut_in_the_message():
    assert len(problems("sort=" + "x" * 100_000)["sort"]) < 300


@pytest.mark.parametrize(
    "address", ["https://huggingface.co/microsoft/phi-2", "hf.co/microsoft/phi-2/tree/main", "microsoft/phi-2"]
)
def test_a_pasted_hub_address_is_its_models_id(address):
    assert Question(q=address).words == ("microsoft/phi-2",)


def test_toggling_adds_and_takes_away():
    one = Question().toggled("format", "gguf")
    assert one.format == ("gguf",)
    assert one.toggled("format", "safetensors").format == ("gguf", "safetensors")
    assert one.toggled("format", "gguf") == Question()
    assert Question().toggled("gated", "true").gated == "true"
    assert Question(gated="true").toggled("gated", "true").gated == ""


def test_only_numbers_are_shortened():
    assert Question(q="qwen 2.0", min_params=2.0, max_params=1234.5678).query() == (
        "q=qwen+2.0&min_params=2&max_params=1234.5678"
    )


def test_a_changed_question_starts_at_its_first_page():
    asked = read("q=llama&page=4")
    assert asked.query() == "q=llama"
    assert asked.query(page=4) == "q=llama&page=4"
    assert asked.query(sort="likes") == "q=llama&sort=likes"


def test_a_plain_mapping_serves_as_a_question():
    options = {"task": ["a", "b"], "compatible": False, "min_params": 7, "gated": True, "author": "x", "q": None}
    found = Question.from_query(DictQuery(options), WORKERS)
    assert (found.task, found.compatible, found.min_params) == (("a", "b"), "false", 7.0)
    assert (found.gated, found.author, found.q) == ("true", ("x",), "")


# --- round trips -----------------------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
word = text.map(str.strip).filter(bool)
some = st.lists(word, max_size=4, unique=True).map(tuple)
number = st.none() | st.floats(0, 999_999, allow_nan=False)


@st.composite
def questions(draw):
    low, high = draw(number), draw(number)
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Question(
        q=" ".join(draw(text).split()),
        worker=draw(st.sampled_from(["", *WORKERS])),
        compatible=draw(st.sampled_from([*SHOWN])),
        confidence=tuple(draw(st.lists(st.sampled_from(CONFIDENCES), unique=True))),
        cause=tuple(draw(st.lists(st.sampled_from(CAUSES), unique=True))),
        gated=draw(st.sampled_from(["", *GATED])),
        min_params=low,
        max_params=high,
        min_context=draw(st.none() | st.integers(1, 999_999_999)),
        list=draw(st.just("") | word),
        sort=draw(st.sampled_from([*SORTS])),
        page=draw(st.integers(1, 99_999)),
        **{name: draw(some) for name in MULTIPLE},
    )


@given(questions())
def test_a_question_survives_its_own_query_string(criteria):
    back = read(criteria.query(page=criteria.page))
    assert back == criteria
    assert back.page == criteria.page


@given(st.dictionaries(st.sampled_from([*MULTIPLE, "q", "sort", "page", "min_params", "list", "gated", "x"]), text))
def test_any_question_is_read_or_refused_and_means_the_same_again(values):
    query = QueryDict(mutable=True)
    query.update(values)
    try:
        criteria = Question.from_query(query, WORKERS)
    except QuestionError:
        return
    assert read(criteria.query()) == criteria


def test_the_rest_is_the_question_without_what_is_wrong():
    with pytest.raises(QuestionError) as caught:
        read("q=llama&sort=x&confidence=high&confidence=certain&format=gguf&min_params=9&max_params=2&memory=-1")
    assert caught.value.rest == Question(q="llama", confidence=("high",), format=("gguf",), min_params=9.0)


def test_every_parameter_says_what_it_is():
    for name, one in PARAMETERS.items():
        assert one.name == name
        assert one.sentence.endswith(".")
        assert one.values or one.takes, name
        assert one.schema["type"] in ("string", "integer", "number", "array")
        assert getattr(Question(), name) == one.default
        assert one.noun or one.many or one.source, name


def test_a_question_is_read_in_well_under_a_millisecond():
    query = QueryDict("q=qwen&worker=vllm&memory=24&format=gguf&format=safetensors&license=mit&sort=likes&page=3")
    best = min(timeit.repeat(lambda: Question.from_query(query, WORKERS), number=100, repeat=5)) / 100
    assert best < 0.0005


@pytest.mark.parametrize(
    ("query", "name"),
    [("worker=nobody&worker=rbee", "worker"), ("sort=banana&sort=likes", "sort"), ("memory=8&memory=24", "memory")],
)
def test_what_counts_once_is_not_given_twice_in_silence(query, name):
    with pytest.raises(QuestionError) as caught:
        read(query)
    assert caught.value.problems[0].parameter == name
    assert "is given several times" in caught.value.problems[0].message


def test_the_same_value_twice_is_one():
    assert read("sort=likes&sort=likes&memory=24&memory=&q=a&q=a") == read("sort=likes&memory=24&q=a")


@pytest.mark.parametrize("name", ["Apple M1", "Apple M5 Max", "GB10", "Ryzen AI Max+ 395", "Jetson Orin NX 16GB"])
def test_two_computers_are_not_one(name):
    asked = {"accelerator": name, "memory": "64"}
    with pytest.raises(QuestionError) as caught:
        Question.from_query(DictQuery({**asked, "count": "2"}), WORKERS)
    (problem,) = caught.value.problems
    assert (problem.parameter, problem.value) == ("count", "2")
    assert "Several machines at work together are not judged." in problem.message
    assert caught.value.rest.count == 1
    assert Question.from_query(DictQuery({**asked, "count": "1"}), WORKERS).accelerator == name


def test_a_machine_may_have_several_cards():
    assert read("accelerator=RTX+4090&count=2").count == 2


# --- a whole machine as one text ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "more", "meant"),
    [
        ("4070 and 32 GB", "", {"accelerator": "RTX 4070", "ram": 32}),
        ("4070 and 32 GB", "ram=32.0", {"accelerator": "RTX 4070", "ram": 32}),
        ("4070 and 32 GB", "count=2", {"accelerator": "RTX 4070", "count": 2, "ram": 32}),
        ("2x3090 64GB ram", "", {"accelerator": "RTX 3090", "count": 2, "ram": 64}),
        ("2x3090 64GB ram", "count=1", {"accelerator": "RTX 3090", "count": 2, "ram": 64}),
        ("3060 and 32 GB", "memory=12", {"accelerator": "RTX 3060 12 GB", "ram": 32}),
        ("4090 48 GB VRAM, 64 GB RAM", "", {"accelerator": "RTX 4090", "memory": 48, "ram": 64}),
        ("4090 + 2x3060 12GB", "", {"accelerator": "RTX 4090", "beside": "2x RTX 3060 12 GB"}),
        ("4090 + 2x3060 12GB", "beside=2x 3060 12gb", {"accelerator": "RTX 4090", "beside": "2x RTX 3060 12 GB"}),
        ("4070, 64 GB DDR5 at 80 GB/s", "", {"accelerator": "RTX 4070", "ram": 64, "ram_bandwidth": 80}),
        ("Mac mini M4 16", "", {"accelerator": "Apple M4", "memory": 16}),
        ("RTX 3050 4GB", "", {"accelerator": "RTX 3050", "memory": 4}),
        ("laptop with a 4060", "", {"accelerator": "RTX 4060 Laptop"}),
        ("CPU only, 16 GB RAM", "", {"ram": 16}),
        ("24 GB VRAM", "", {"memory": 24}),
    ],
)
def test_an_accelerator_may_be_a_whole_machine(text, more, meant):
    asked = read(f"{urlencode({'accelerator': text})}&{more}")
    assert asked == Question(**meant)
    assert read(asked.query()) == asked


@pytest.mark.parametrize(
    ("text", "more", "parameter", "said"),
    [
        ("4070 and 32 GB", "ram=64", "ram", "ram is 64, and “4070 and 32 GB” tells 32: which is meant?"),
        ("2x3090, 64 GB RAM", "count=3", "count", "count is 3, and “2x3090, 64 GB RAM” tells 2: which is meant?"),
        ("24 GB VRAM", "memory=16", "memory", "memory is 16, and “24 GB VRAM” tells 24: which is meant?"),
        ("4090 + 3060", "beside=3050", "beside", "beside is 3050, and “4090 + 3060” tells RTX 3060: which is meant?"),
        ("4070 and 32 GB", "ram=much", "ram", "use a number of GB of system memory"),
        ("64 GB", "", "accelerator", "“64 GB”: 64 GB of what? Use memory for an accelerator's, and ram for the"),
        ("3090 or 2x4090", "", "accelerator", "Use “RTX 3090” or “2x RTX 4090”."),
        ("M3 Max 64GB and RTX 4090", "", "accelerator", "not in one machine: choose one. Use “RTX 4090” or “Apple M3"),
        ("Mac mini 16GB", "", "accelerator", "Which chip does the Mac mini have?"),
        ("4070 and 32 TB", "", "accelerator", "“32 TB” is not understood. Or do you mean 32 GB RAM or 32 TB SSD?"),
        ("4070, abacus", "", "accelerator", "“4070, abacus”: “abacus” is not understood."),
        ("17x 4090 and 32 GB", "", "accelerator", "“17” is no number of accelerators"),
        ("something else", "", "accelerator", "is not an accelerator this site knows"),
    ],
)
def test_what_is_not_one_whole_machine_is_refused_with_what_would_be(text, more, parameter, said):
    found = problems(f"{urlencode({'accelerator': text})}&{more}")
    assert list(found) == [parameter]
    assert said in found[parameter]
