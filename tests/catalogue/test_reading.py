"""Unknown names and values: where a refusal ends and an empty list begins, the same at every door."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from compat.catalogue.current import forget_index
from compat.catalogue.question import PARAMETERS, WORKER, Question, QuestionError
from compat.catalogue.reading import VOCABULARIES, describe_absences, known_values, read_question
from compat.catalogue.workers import workers
from compat.models import FactSheet, ModelRecord, RecordVariant

pytestmark = pytest.mark.django_db


def read(query, *names):
    return read_question(QueryDict(query), workers(), names or tuple(PARAMETERS))


def problems(query, *names):
    with pytest.raises(QuestionError) as caught:
        read(query, *names)
    return [(problem.parameter, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("langauge=de", "There is no parameter “langauge” here. Did you mean language?"),
        ("Q=llama", "Did you mean q?"),
        ("zzz", "There are: q, worker,"),
        ("format=banana", "“banana” is not a value of format: use adapter, "),
        ("format=ggfu", "Did you mean gguf"),
        ("architecture=foo", "“foo” is not a value of architecture: use an architecture family or a model_type"),
        ("architecture=lama", "Did you mean llama"),
        ("task=text-generatoin", "Did you mean text-generation"),
        ("quantization=q4_k_m", "Did you mean Q4_K_M"),
        ("license=apache2.0", "Did you mean apache-2.0"),
        ("language=english", "use the code of a language, such as en or de"),
        ("author=a/b", "use the name of an account"),
        ("author=%3Cscript%3E", "use the name of an account"),
        ("list=nothing", "There is no list “nothing”."),
        ("worker=nope", "“nope” is not a value of worker (the worker): use rbee, "),
        ("worker=olama", "Did you mean ollama"),
        ("worker=rtx+4070", "“rtx 4070” is a machine: give it as accelerator. A worker is what runs there: rbee, "),
        ("worker=M3+Max+64GB", "“M3 Max 64GB” is a machine: give it as accelerator."),
        ("accelerator=RTX4091", "Or do you mean RTX 4090"),
    ],
)
def test_what_nobody_knows_is_refused_with_what_comes_near(query, message):
    ((parameter, told),) = problems(query)
    assert parameter == query.partition("=")[0]
    assert message in told


@pytest.mark.parametrize(
    "query",
    [
        "task=robotics",
        "task=video-to-video",
        "architecture=qwen",
        "architecture=qwen3_moe",
        "architecture=qwen3moe",
        "architecture=whisper",
        "format=tensorrt",
        "quantization=IQ1_KT",
        "quantization=MLX+3-bit",
        "quantization=INT4",
        "license=wtfpl",
        "license=grok2-community",
        "language=zu",
        "author=nobody-at-all",
    ],
)
def test_what_could_be_is_a_question_whether_a_record_has_it_or_not(query):
    assert read(query).query() == query


def test_what_a_record_has_is_known_whatever_the_tables_say():
    record = ModelRecord.objects.first()
    assert problems("license=ours-1.0&quantization=Q9_X")
    ModelRecord.objects.filter(pk=record.pk).update(license="ours-1.0")
    RecordVariant.objects.filter(record=record).update(quantization="Q9_X")
    FactSheet.objects.filter(pk=record.sheet_id).update(facts=[{"format": "gguf", "quantization": "Q9_X"}])
    forget_index()
    assert read("license=ours-1.0&quantization=Q9_X").license == ("ours-1.0",)


@pytest.mark.parametrize("name", sorted(VOCABULARIES.keys() - {"author"}))
def test_every_value_of_the_catalogue_can_be_asked_for(name):
    for value in known_values(name):
        assert getattr(read_question(QueryDict.fromkeys([name], value), workers()), name) == (value,)


def test_everything_wrong_is_named_at_once_and_the_rest_is_kept():
    with pytest.raises(QuestionError) as caught:
        read("q=llama&langauge=de&format=banana&format=gguf&worker=nope&memory=-3&sort=likes&license=foo")
    assert [one.parameter for one in caught.value.problems] == ["langauge", "format", "worker", "memory", "license"]
    assert caught.value.rest == Question(q="llama", format=("gguf",), sort="likes")


def test_a_door_takes_only_its_own_parameters():
    assert read("worker=vllm&memory=24", *WORKER).memory == 24
    assert problems("q=llama", *WORKER) == [
        (
            "q",
            f"There is no parameter “q” here. There are: {', '.join(WORKER)}.",
        )
    ]
    assert read_question(QueryDict("worker=vllm&top=5"), workers(), WORKER, ("top",)).worker == "vllm"


def test_thousands_of_unknown_names_cost_little_and_twenty_are_told():
    assert len(problems("&".join(f"a{n}=1" for n in range(900)))) == 20


def test_what_is_in_the_tables_costs_no_query(django_assert_num_queries):
    available = workers()
    query = QueryDict(
        "task=robotics&format=gguf&license=mit&language=de&quantization=Q4_K_M&author=x&architecture=llama"
    )
    with django_assert_num_queries(0):
        read_question(query, available)


def test_values_that_no_record_has_are_told():
    asked = read("license=wtfpl&license=mit&author=Microsoft&author=nobody-at-all&task=text-generation")
    assert describe_absences(asked) == [
        "No model of this catalogue has “wtfpl” as its license.",
        "No model of this catalogue has “nobody-at-all” as its author.",
    ]
