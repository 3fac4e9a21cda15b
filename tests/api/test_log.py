"""``POST /api/v1/models/.../log``: what the page says of a log, for programs."""

from __future__ import annotations

import json

import pytest

from compat.models import Measurement
from marketplace.api.limits import forget_counts
from marketplace.api.rates import parse_rate
from tests.logs.real_logs import log

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/models/meta-llama/Llama-3.1-8B/log"
R1 = log("ollama-0.9-deepseek-r1-8b-journald")


def post(client, text, query="", address=ADDRESS):
    return client.post(address + query, json.dumps({"log": text}), content_type="application/json")


def test_a_log_is_answered_part_by_part(client):
    found = post(client, R1, "?worker=llama-cpp").json()
    assert (found["engine"], found["sameModel"], found["loads"]) == ("ollama", "perhaps", 1)
    sizes = {part["name"]: part["measured"] for part in found["parts"]}
    assert sizes == {"weights": 4_617_393_930, "kv": 1_073_741_824, "compute": 587_202_560}
    assert found["total"]["measured"] == sum(sizes.values())
    assert abs(found["total"]["difference"]) < 0.01
    assert found["parts"][0]["devices"] == [{"device": "CUDA0", "bytes": sizes["weights"]}]
    assert found["options"]["slots"] == 4
    assert found["worker"]["machine"]["accelerator"] == "GTX 1080"
    assert found["variant"] == {"label": "Q4_K_M", "format": "gguf", "quantization": "Q4_K_M", "position": None}
    assert Measurement.objects.count() == 0


def test_speeds_have_the_range_of_the_page(client):
    found = post(client, log("llama-bench"), address="/api/v1/models/unsloth/Qwen3.5-9B-GGUF/log").json()
    assert found["decode"]["measured"] == 37.75
    assert found["decode"]["low"] < 37.75 < found["decode"]["high"]


def test_another_models_log_is_answered_without_numbers(client):
    found = post(client, log("llama-cpp-glm-5.2-4gpu")).json()
    assert (found["sameModel"], found["parts"], found["total"], found["decode"]) == ("no", [], None, None)


def test_a_model_without_an_owner(client):
    assert post(client, R1, address="/api/v1/models/t5-small/log").json()["sameModel"] == "no"


def test_a_model_that_is_called_log_keeps_its_address(client):
    assert client.get("/api/v1/models/t5-small/log").json()["detail"].count("t5-small/log") == 1


@pytest.mark.parametrize(
    ("body", "query", "address", "status", "words"),
    [
        ({"log": "hello"}, "", ADDRESS, 422, "Nothing in this text"),
        ({"log": ""}, "", ADDRESS, 422, "no log"),
        ({}, "", ADDRESS, 422, "log"),
        ({"log": 7}, "", ADDRESS, 422, "log"),
        ({"log": R1, "keep": True}, "", ADDRESS, 422, "keep"),
        ({"log": R1}, "?worker=nobody", ADDRESS, 400, "nobody"),
        ({"log": R1}, "?q=phi", ADDRESS, 400, "q"),
        ({"log": "x" * 2_200_000}, "", ADDRESS, 413, "larger than"),
        ({"log": R1}, "", "/api/v1/models/nobody/nothing/log", 404, "nobody/nothing"),
    ],
    ids=["no log", "blank", "missing", "a number", "more", "worker", "parameter", "long", "unknown model"],
)
def test_what_cannot_be_is_refused(client, body, query, address, status, words):
    response = client.post(address + query, json.dumps(body), content_type="application/json")
    assert response.status_code == status
    assert words in response.content.decode()


def test_it_counts_as_a_request(client, settings):
    forget_counts()
    settings.API_RATE = parse_rate("2/minute")
    assert [post(client, R1).status_code for _ in range(3)] == [200, 200, 429]
    forget_counts()
