"""The APIs tell what nobody knows: parameters, and values that no catalogue could hold."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("address", "field", "message"),
    [
        ("models?langauge=de", "langauge", "There is no parameter “langauge” here. Did you mean language?"),
        ("models?utm_source=mail", "utm_source", "There is no parameter “utm_source” here."),
        ("models?page=2", "page", "There is no parameter “page” here."),
        ("models?format=banana", "format", "“banana” is not a value of format: use adapter, "),
        ("models?architecture=foo", "architecture", "“foo” is not a value of architecture"),
        ("models?task=foo", "task", "use a task of the Hub, such as text-generation"),
        ("models?quantization=q4_k_m", "quantization", "Did you mean Q4_K_M"),
        (
            "models?accelerator=RTX 4071 16 GB",
            "accelerator",
            "Or do you mean RTX 4070",
        ),
        ("models?license=foo", "license", "use a licence as the Hub writes it"),
        ("models?language=klingon", "language", "use the code of a language"),
        ("models?author=a%20b", "author", "use the name of an account"),
        ("models?list=nothing", "list", "There is no list “nothing”."),
        ("models?accelerator=nonsense9999", "accelerator", "is not an accelerator this site knows"),
        ("models/microsoft/phi-2?worker=nope", "worker", "“nope” is not a value of worker"),
        ("models/microsoft/phi-2/compatibility?memory=-3", "memory", "use a number of GB of memory"),
        ("machine?machine=4070", "machine", "Tell the machine with accelerator, in any spelling: RTX 4070 and 32 GB."),
        ("models?machine=4070", "machine", "Tell the machine with accelerator"),
        ("machine?accelerator=Mac mini 64GB", "accelerator", "Use “Apple M4 Pro 64 GB unified memory”."),
        ("machine?accelerator=4070 and 32 GB&ram=64", "ram", "ram is 64, and “4070 and 32 GB” tells 32: which is"),
        ("machine?accelerator=4070 and 32 TB", "accelerator", "“32 TB” is not understood. Or do you mean 32 GB RAM"),
        ("machine?accelerator=2x M3 Max 64GB, 1 TB SSD", "count", "Several machines at work together are not judged."),
        ("report?format=gguf", "format", "There is no parameter “format” here."),
        ("workers?worker=rbee", "worker", "There is no parameter “worker” here."),
    ],
)
def test_it_is_a_problem_that_names_the_field(client, address, field, message):
    response = client.get(f"/api/v1/{address}")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]


@pytest.mark.parametrize(
    ("text", "machine", "said"),
    [
        ("4070 and 32 GB", {"accelerator": "RTX 4070", "ram": 32}, ["32 GB is taken as system memory."]),
        ("2x3090 64GB ram", {"accelerator": "RTX 3090", "count": 2, "ram": 64}, []),
        ("CPU only, 16 GB RAM", {"ram": 16}, []),
    ],
)
def test_a_machine_may_be_told_as_one_text(client, text, machine, said):
    for address, worker in (("v1/machine", "worker"), ("v1/models", "worker"), ("models", "runs_on")):
        told = client.get(f"/api/{address}", {worker: "llama-cpp", "accelerator": text})
        assert told.status_code == 200
        found = told.json()
        if worker == "worker":
            assert found["worker"]["machine"]["said"] == said
            found["worker"]["machine"]["said"] = []
        assert found == client.get(f"/api/{address}", {worker: "llama-cpp", **machine}).json()


def test_everything_wrong_is_named_at_once(client):
    errors = client.get("/api/v1/models?langauge=de&format=banana&sort=x&license=foo").json()["errors"]
    assert [error["field"] for error in errors] == ["langauge", "format", "sort", "license"]


@pytest.mark.parametrize("query", ["license=wtfpl", "author=nobody-at-all", "task=robotics", "quantization=IQ1_KT"])
def test_what_no_record_has_is_an_empty_list(client, query):
    response = client.get(f"/api/v1/models?compatible=false&{query}")
    assert response.status_code == 200
    assert response.json()["total"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "search=phi&full=true&config=true&cardData=true&limit=5",
        "expand=downloads&expand=likes&sort=downloads&direction=-1",
        "filter=banana",
        "filter=license:foo&filter=gguf",
        "pipeline_tag=foo",
        "library=nothing-known",
        "author=nobody-at-all&gated=false&num_parameters=min:1B",
    ],
)
def test_the_hubs_clients_keep_their_own_parameters_and_tags_that_no_model_has_give_an_empty_list(client, query):
    response = client.get(f"/api/models?{query}")
    assert response.status_code == 200
    assert isinstance(response.json(), list)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("serach=phi", "There is no parameter “serach” here. Did you mean search?"),
        ("langauge=de", "There is no parameter “langauge” here."),
        ("sort=size", "is not an order this site has"),
        ("runs_on=nope", "“nope” is not a value of worker"),
        ("runs_on=ollama&machine=4070", "Tell the machine with accelerator, in any spelling: RTX 4070 and 32 GB."),
    ],
)
def test_the_hubs_clients_are_told_too(client, query, message):
    response = client.get(f"/api/models?{query}")
    assert response.status_code == 400
    assert message.replace("“", '"').replace("”", '"') in response.json()["error"]
