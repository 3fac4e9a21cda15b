"""The miniature Hub of the tests, asked by the official client: what passes here, the real Hub does too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session, parse_ratelimit_headers
from huggingface_hub.utils._pagination import paginate

from tests.hub_server import HubServer

SHA = "0c351dd01ed87e9c1b53cbc748cba10e6187ff3b"
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 8192}
TINY = {
    "id": "meta/tiny",
    "sha": SHA,
    "downloads": 9999,
    "tags": ["safetensors", "llama"],
    "config": CONFIG,
    "siblings": [{"rfilename": "model.safetensors", "size": 123}],
    "safetensors": {"parameters": {"F32": 10}, "total": 10},
    "createdAt": "2024-01-02T03:04:05.000Z",
}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def hub():
    records = [
        {"id": f"maker/model-{n:03d}", "downloads": n, "likes": n % 7, "tags": ["gguf", "text-generation"]}
        for n in range(45)
    ]
    records += [TINY, {"id": "meta/closed", "gated": "manual", "config": CONFIG}]
    records += [{"id": "meta/hidden", "private": True}, {"id": "gpt2", "config": CONFIG}]
    known = {"tokens": {"hf_good"}, "granted": {"meta/closed"}}
    with HubServer(records, renames={"old/tiny": "meta/tiny"}, **known) as server:
        yield server


@pytest.fixture
def api(hub):
    return HfApi(endpoint=hub.url, token=False)


def test_it_lists_through_all_pages(hub, api):
    found = [model.id for model in api.list_models(author="maker", sort="downloads", limit=None)]
    assert found == [f"maker/model-{n:03d}" for n in reversed(range(45))]


def test_it_pages_by_its_link_header(hub, api):
    asked = {"limit": 10, "sort": "likes", "filter": ["gguf"]}
    found = {item["id"] for item in paginate(f"{hub.url}/api/models", params=asked, headers={})}
    assert len(found) == 45
    assert len(hub.requests) == 5


def test_it_searches_and_filters(api):
    assert [model.id for model in api.list_models(search="MODEL-04")] == [f"maker/model-04{n}" for n in range(5)]
    assert [model.id for model in api.list_models(filter=["safetensors", "llama"])] == ["meta/tiny"]
    assert list(api.list_models(filter=["safetensors", "gguf"])) == []


def test_its_lists_tell_only_what_is_asked(api):
    (short,) = api.list_models(search="tiny")
    assert short.config is None
    assert short.sha is None
    (asked,) = api.list_models(search="tiny", expand=["safetensors", "config", "downloads"])
    assert asked.safetensors.total == 10
    assert asked.config == {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
    assert asked.tags is None


def test_it_tells_one_model(api):
    model = api.model_info("meta/tiny")
    assert model.sha == SHA
    assert [file.rfilename for file in model.siblings] == ["model.safetensors", "config.json"]
    assert [file.size for file in model.siblings] == [None, None]
    assert "max_position_embeddings" not in model.config
    sized = api.model_info("meta/tiny", files_metadata=True, revision=SHA)
    assert {file.rfilename: file.size for file in sized.siblings}["model.safetensors"] == 123


def test_it_tells_the_tree_of_a_repository_over_all_pages(hub, api):
    files = [{"rfilename": name, "size": n} for n, name in enumerate(("a.gguf", "b/c.txt", "b/d/e.safetensors", "z"))]
    hub.put({"id": "meta/tree", "siblings": files})
    hub.tree_page = 2
    found = {entry.path: getattr(entry, "size", None) for entry in api.list_repo_tree("meta/tree", recursive=True)}
    assert found == {"a.gguf": 0, "b": None, "b/c.txt": 1, "b/d": None, "b/d/e.safetensors": 2, "z": 3}
    with pytest.raises(RevisionNotFoundError):
        list(api.list_repo_tree("meta/tree", revision="gone"))
    with pytest.raises(RepositoryNotFoundError):
        list(api.list_repo_tree("meta/absent"))


def test_it_follows_renames(api):
    assert api.model_info("old/tiny").id == "meta/tiny"


def test_it_does_not_tell_missing_from_private(hub, api):
    for repo_id in ("no/such", "meta/hidden"):
        with pytest.raises(RepositoryNotFoundError) as raised:
            api.model_info(repo_id)
        assert raised.value.response.status_code == 401
    with pytest.raises(RepositoryNotFoundError) as raised:
        HfApi(endpoint=hub.url, token="hf_good").model_info("no/such")
    assert raised.value.response.status_code == 404
    assert HfApi(endpoint=hub.url, token="hf_good").model_info("meta/hidden").private


@pytest.mark.parametrize("repo_id", ["meta/tiny", "gpt2", "old/tiny"])
def test_it_serves_the_whole_configuration(hub, tmp_path, repo_id):
    path = hf_hub_download(repo_id, "config.json", endpoint=hub.url, cache_dir=tmp_path, token=False)
    assert json.loads(Path(path).read_text()) == CONFIG


def test_it_tells_a_file_without_sending_it(hub):
    told = get_hf_file_metadata(hf_hub_url("meta/tiny", "config.json", endpoint=hub.url), token=False)
    assert told.commit_hash == SHA
    assert told.etag
    assert told.size == len(json.dumps(CONFIG, indent=2))


def test_it_refuses_files_as_the_hub_does(hub, tmp_path):
    def download(repo_id, name, **more):
        return hf_hub_download(repo_id, name, endpoint=hub.url, cache_dir=tmp_path, **more)

    with pytest.raises(RemoteEntryNotFoundError):
        download("meta/tiny", "absent.json", token=False)
    with pytest.raises(RevisionNotFoundError):
        download("meta/tiny", "config.json", revision="absent", token=False)
    with pytest.raises(GatedRepoError):
        download("meta/closed", "config.json", token=False)
    assert download("meta/closed", "config.json", token="hf_good")


def test_it_says_what_is_left_of_the_quota(hub, api):
    told = parse_ratelimit_headers(get_session().get(f"{hub.url}/api/models?limit=1").headers)
    assert (told.resource_type, told.remaining, told.limit, told.window_seconds) == (
        "api",
        999_999,
        1_000_000,
        300,
    )
