"""The ways to run a model that the API tells: asked for again, each is answered as it was told."""

from __future__ import annotations

import pytest

from compat.models import SiteWorker

pytestmark = pytest.mark.django_db

LLAMA = "meta-llama/Llama-3.1-8B"
GGUF = "ggml-org/Qwen3.8-27B-GGUF"
MACHINES = [
    (LLAMA, {"worker": "vllm", "accelerator": "RTX 4090", "count": 2}),
    (LLAMA, {"worker": "vllm", "accelerator": "RTX 4090", "context": 131_072}),
    (LLAMA, {"worker": "sglang", "memory": 18, "count": 3}),
    (GGUF, {"worker": "llama-cpp", "accelerator": "RTX 4070", "ram": 64, "ram_bandwidth": 80}),
    (GGUF, {"worker": "llama-cpp", "memory": 24, "context": 262_144}),
    (GGUF, {"worker": "ollama", "memory": 12, "count": 2, "ram": 32, "context": 65_536}),
    (GGUF, {"worker": "llama-cpp", "accelerator": "RTX 4090", "beside": "3060 12GB"}),
    (LLAMA, {"worker": "vllm", "accelerator": "RTX 4090", "beside": "RTX 3090"}),
    (GGUF, {"worker": "llama-cpp", "ram": 64}),
    (GGUF, {"worker": "lm-studio", "accelerator": "Apple M4 Max", "memory": 36}),
]


def told(client, repo_id, asked):
    response = client.get(f"/api/v1/models/{repo_id}/compatibility", asked)
    assert response.status_code == 200, response.content[:500]
    return response.json()


@pytest.mark.parametrize(("repo_id", "machine"), MACHINES)
def test_asking_for_a_plan_gives_that_plan(client, repo_id, machine):
    found = told(client, repo_id, machine)
    assert found["plans"] or found["lacks"]
    for plan in found["plans"]:
        options = plan["options"]
        asked = {**machine, "context": options["context"], "kv": options["kvType"], "slots": options["slots"]}
        if "fewer cards" in plan["changes"]:
            asked["count"] = len(plan["cards"])
            asked |= {"accelerator": plan["cards"][0]["name"], "beside": ""} if "beside" in machine else {}
        again = told(client, repo_id, asked)
        assert again["fit"]["fit"] == plan["fit"]
        assert any(one["cards"] == plan["cards"] for one in again["plans"])


def test_a_plan_says_all_of_it(client):
    (first, *_) = told(client, LLAMA, MACHINES[0][1])["plans"]
    assert (first["changes"], first["givesUp"], first["fit"]) == ([], [], "fits")
    assert (first["tensorParallel"], first["pipelineParallel"]) == (2, 1)
    assert [card["name"] for card in first["cards"]] == ["RTX 4090"] * 2
    assert all(card["needBytes"] == sum(card["parts"].values()) <= card["roomBytes"] for card in first["cards"])
    assert first["lines"] == [" ".join(first["flags"])]
    assert first["lines"][0].startswith(f"vllm serve {LLAMA} --max-model-len 8192 --tensor-parallel-size 2 ")


def test_unlike_cards_are_told_apart_everywhere(client):
    machine = {"worker": "llama-cpp", "accelerator": "RTX 4090", "beside": "3060 12gb"}
    found = told(client, GGUF, machine)
    assert found["worker"]["machine"]["beside"] == [{"accelerator": "RTX 3060 12 GB", "count": 1, "memoryGb": None}]
    both = found["plans"][0]["cards"]
    assert [card["name"] for card in both] == ["RTX 4090", "RTX 3060"]
    assert both[0]["roomBytes"] == 2 * both[1]["roomBytes"]
    assert both[0]["needBytes"] > both[1]["needBytes"]
    page = client.get(f"/models/{GGUF}/", machine).content.decode()
    assert "RTX 4090 + RTX 3060 12 GB" in page


@pytest.mark.parametrize(
    ("beside", "words"),
    [("toaster", "not an accelerator"), ("RX 7600", "several makers"), ("M3 Max", "shares its memory")],
)
def test_cards_that_are_no_one_machine_are_refused_in_words(client, beside, words):
    asked = {"worker": "llama-cpp", "accelerator": "RTX 4090", "beside": beside}
    response = client.get(f"/api/v1/models/{GGUF}/compatibility", asked)
    assert response.status_code == 400
    assert words in response.content.decode()


def test_the_whole_answer_has_the_same_plans(client):
    for repo_id, machine in MACHINES[:5]:
        whole = client.get(f"/api/v1/models/{repo_id}", machine).json()["memory"]
        one = told(client, repo_id, machine)
        assert (whole["plans"], whole["lacks"]) == (one["plans"], one["lacks"])


def test_without_a_machine_or_against_the_rules_there_is_no_plan(client):
    assert told(client, LLAMA, {"worker": "vllm"})["plans"] == []
    refused = told(client, LLAMA, {"worker": "llama-cpp", "memory": 80})
    assert (refused["compatible"], refused["plans"], refused["lacks"]) == (False, [], None)


def test_where_nothing_runs_it_is_said_what_is_lacking(client):
    found = told(client, LLAMA, {"worker": "vllm", "memory": 6})
    assert (found["compatible"], found["plans"]) == (False, [])
    assert found["lacks"].endswith(" GiB more on the card.")


def test_a_registered_worker_has_plans(client):
    SiteWorker.objects.create(slug="desk", name="Desk", engine="vllm", accelerator="RTX 4090", count=2, published=True)
    found = told(client, LLAMA, {"worker": "desk"})
    assert found["plans"][0]["tensorParallel"] == 2
    page = client.get(f"/models/{LLAMA}/", {"worker": "desk"})
    assert "--tensor-parallel-size 2" in page.content.decode()
