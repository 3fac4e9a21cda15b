"""The API keeps to its own document: generated requests, good and bad, are answered as it says."""

from __future__ import annotations

import json

import hypothesis
import pytest
import schemathesis
from hypothesis import settings as bounds
from schemathesis.config import SchemathesisConfig

from compat.catalogue.question import Question
from marketplace.api import parameters

pytestmark = pytest.mark.django_db
ADDRESS = "/api/openapi.json"
EXPECTED = ["2xx", "304", "400", "404", "413", "422"]
"""A cursor that is none, an id the catalogue lacks, or a range turned around: of the right type, and still refused."""


@pytest.fixture
def document(client):
    return client.get(ADDRESS).json()


def test_the_document_is_openapi_3_1(document):
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {
        "/api/v1/models",
        "/api/v1/models/{org}/{name}",
        "/api/v1/models/{org}/{name}/compatibility",
        "/api/v1/models/{org}/{name}/log",
        "/api/v1/machine",
        "/api/v1/compatibility/check",
        "/api/v1/compatibility/filter",
        "/api/v1/workers",
        "/api/v1/lists",
        "/api/v1/lists/{slug}",
        "/api/v1/report",
        "/api/v1/accuracy",
    }


def test_the_list_takes_every_parameter_of_the_pages():
    assert set(parameters.LISTING) == set(Question.model_fields) - {"page"} | {"limit", "cursor"}


def test_names_are_camel_case(document):
    for name, shape in document["components"]["schemas"].items():
        assert not [field for field in shape.get("properties", {}) if "_" in field], name


def test_workers_are_named(document):
    listing = document["paths"]["/api/v1/models"]["get"]["parameters"]
    worker = next(one for one in listing if one["name"] == "worker")
    assert {"rbee", "vllm", "llama-cpp"} <= set(worker["schema"]["enum"])


OPERATIONS = [
    ("GET", "/api/v1/models", 25),
    ("GET", "/api/v1/models/{org}/{name}", 10),
    ("GET", "/api/v1/models/{org}/{name}/compatibility", 10),
    ("POST", "/api/v1/models/{org}/{name}/log", 10),
    ("POST", "/api/v1/compatibility/check", 20),
    ("POST", "/api/v1/compatibility/filter", 10),
    ("GET", "/api/v1/workers", 3),
    ("GET", "/api/v1/lists", 3),
    ("GET", "/api/v1/lists/{slug}", 10),
    ("GET", "/api/v1/report", 10),
    ("GET", "/api/v1/accuracy", 3),
]


@pytest.mark.parametrize(("method", "path", "examples"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS])
def test_generated_requests(site, document, settings, method, path, examples):
    settings.ALLOWED_HOSTS = ["*"]
    config = SchemathesisConfig.from_dict({"checks": {"positive_data_acceptance": {"expected-statuses": EXPECTED}}})
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(document)), config=config)
    schema.app = site
    schema.location = ADDRESS
    operation = schema[path][method]

    @hypothesis.seed(20261123)
    @bounds(
        max_examples=examples,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy())
    def good(case):
        case.call_and_validate()

    @hypothesis.seed(20261123)
    @bounds(
        max_examples=examples,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def bad(case):
        case.call_and_validate()

    good()
    if method == "POST" or path == "/api/v1/models":
        bad()
