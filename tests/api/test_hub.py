"""The Hub's own client, unmodified, talks to this site as if it were the Hub."""

from __future__ import annotations

import inspect
from typing import get_args

import httpx2
import huggingface_hub
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from huggingface_hub import HfApi
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import ExpandModelProperty_T, ModelSort_T

from compat.ingest import store as sync
from compat.models import ModelRecord, SiteWorker
from marketplace.api.hub_schemas import EXPANDABLE, pointer_size
from tests.samples import record, renamed

pytestmark = pytest.mark.django_db
ADDRESS = "http://testserver"


@pytest.fixture
def hub(site, settings):
    """The client, with the site in the place of the network."""
    settings.ALLOWED_HOSTS = ["testserver"]
    transport = httpx2.WSGITransport(app=site)
    default = huggingface_hub.utils._http.default_client_factory
    huggingface_hub.set_client_factory(lambda: httpx2.Client(transport=transport, follow_redirects=True))
    yield HfApi(endpoint=ADDRESS, token=False)
    huggingface_hub.set_client_factory(default)


def ids(found):
    return [model.id for model in found]


def test_all_models_come_page_by_page(hub):
    found = ids(hub.list_models())
    assert len(found) == len(set(found)) == ModelRecord.objects.count() > 100


def test_limit_and_order(hub):
    known = ModelRecord.objects.order_by("-popularity", "repo_id").values_list("repo_id", flat=True)
    assert ids(hub.list_models(sort="downloads", limit=150)) == list(known[:150])
    likes = [model.likes for model in hub.list_models(sort="likes", limit=20)]
    assert likes == sorted(likes, reverse=True)
    for sort in ("created_at", "last_modified", "trending_score"):
        assert len(ids(hub.list_models(sort=sort, limit=120))) == 120


def test_search_and_author(hub):
    found = ids(hub.list_models(search="Phi-2"))
    assert "microsoft/phi-2" in found
    assert all("phi-2" in one.lower() or "phi2" in one.lower() for one in found)
    assert {one.partition("/")[0] for one in ids(hub.list_models(author="Qwen"))} == {"Qwen"}
    assert ids(hub.list_models(search="no such model anywhere")) == []


def test_filters_are_all_kept(hub):
    found = list(hub.list_models(filter=["text-generation", "license:mit"], full=True))
    assert found
    assert {model.pipeline_tag for model in found} <= {"text-generation", None}
    assert "microsoft/phi-2" in ids(found)
    narrower = ids(hub.list_models(filter=["text-generation", "license:mit", "safetensors"]))
    assert set(narrower) <= set(ids(found))
    assert set(ids(hub.list_models(pipeline_tag="text-generation", filter="license:mit"))) == set(ids(found))


@pytest.mark.parametrize("tag", ["nlp", "NLP", "lp", "region:us", "region", "no-such-tag", "%", 'a"b', "it's", "a\nb"])
def test_any_other_tag_is_looked_up_as_it_is(hub, tag):
    found = set(ids(hub.list_models(filter=tag)))
    kept = ModelRecord.objects.prefetch_related("documents")
    assert found == {record.repo_id for record in kept if tag in (record.payload.get("tags") or ())}


def test_a_tag_is_found_again_when_its_record_lost_it(hub):
    item = record("microsoft/phi-2", tags=["one-of-a-kind", "two\nlines", 'it\'s "odd" %'])
    sync.store_raw([("1", item)], origin="file")
    assert ids(hub.list_models(filter="one-of-a-kind")) == ids(hub.list_models(filter='it\'s "odd" %')) == [item["id"]]
    sync.store_raw([("1", item | {"tags": ["another"]})], origin="file")
    assert ids(hub.list_models(filter="one-of-a-kind")) == []
    assert ids(hub.list_models(filter="another")) == [item["id"]]


def test_a_rare_tag_is_found_without_reading_documents(client):
    item = record("microsoft/phi-2", id="sample/rare", tags=["one-of-a-kind"], downloads=0, likes=0)
    sync.store_raw([("1", item)], origin="file")
    client.get("/api/models")
    with CaptureQueriesContext(connection) as rare:
        assert [one["id"] for one in client.get("/api/models?filter=one-of-a-kind").json()] == ["sample/rare"]
    with CaptureQueriesContext(connection) as none:
        assert client.get("/api/models?filter=no-such-tag").json() == []
    assert len([query for query in rare.captured_queries if "compat_recorddocument" in query["sql"]]) == 1
    assert not [query for query in none.captured_queries if "compat_recorddocument" in query["sql"]]


def test_filter_by_base_model_language_and_library(hub):
    item = record("microsoft/phi-2", id="sample/tuned", library_name="transformers")
    item["tags"] = ["base_model:microsoft/phi-2", "base_model:finetune:microsoft/phi-2", "en"]
    sync.store_raw([("1", item)], origin="file")
    assert "sample/tuned" in ids(hub.list_models(filter="base_model:finetune:microsoft/phi-2"))
    assert "sample/tuned" not in ids(hub.list_models(filter="base_model:quantized:microsoft/phi-2"))
    assert "sample/tuned" in ids(hub.list_models(filter=["transformers", "en"]))


def test_gated_and_size(hub):
    gated = set(ids(hub.list_models(gated=True)))
    assert gated == set(ModelRecord.objects.filter(gated__in=("auto", "manual")).values_list("repo_id", flat=True))
    small = set(ids(hub.list_models(num_parameters="min:1B,max:3B")))
    known = ModelRecord.objects.filter(parameters__gte=10**9, parameters__lte=3 * 10**9)
    assert small == set(known.values_list("repo_id", flat=True))


@pytest.mark.parametrize("worker", ["vllm", "desk"])
@pytest.mark.parametrize(
    ("asked", "same"),
    [
        ("sort=downloads", "sort=popular"),
        ("sort=num_parameters", "sort=params"),
        ("sort=likes&search=qwen+b", "sort=likes&q=qwen+b"),
        ("sort=downloads&pipeline_tag=text-generation", "sort=popular&task=text-generation"),
    ],
)
def test_only_what_runs(client, worker, asked, same):
    SiteWorker.objects.create(name="Desk", slug="desk", engine="vllm", memory_gb=8)
    found, address = [], f"/api/models?runs_on={worker}&{asked}&limit=40"
    while address:
        response = client.get(address)
        found += [model["id"] for model in response.json()]
        link = response.headers.get("Link", "")
        address = link.partition(">")[0].removeprefix(f"<{ADDRESS}")
        assert not link or link.endswith('>; rel="next"')
    known = client.get(f"/api/v1/models?worker={worker}&limit=200&{same}").json()
    listed = [item["id"] for item in known["items"]]
    if (worker, same) == ("desk", "sort=params"):
        # By size alone, as the Hub does: what has an unknown need on the machine stays where its size puts it.
        sizes = dict(ModelRecord.objects.values_list("repo_id", "parameters"))
        assert [sizes[name] or 0 for name in found] == sorted((sizes[name] or 0 for name in found), reverse=True)
        found, listed = sorted(found), sorted(listed)
    assert found
    assert found[:200] == listed
    assert len(found) == known["total"]


def test_every_model_has_its_own_answer(hub):
    for repo_id in ModelRecord.objects.values_list("repo_id", flat=True):
        model = hub.model_info(repo_id, files_metadata=True)
        assert model.id == repo_id
        hub.model_info(repo_id)


def test_what_the_hub_said_is_what_is_told(hub):
    data = ModelRecord.objects.get(repo_id="microsoft/phi-2").payload
    model = hub.model_info("microsoft/phi-2")
    assert model.tags == data["tags"]
    assert (model.downloads, model.likes) == (data["downloads"], data["likes"])
    assert model.author == "microsoft"


def test_blocks_that_are_not_whole(hub):
    digest = "a" * 64
    item = record("microsoft/phi-2", id="sample/blocks", safetensors={"parameters": {"BF16": 3, "F32": 4}})
    item["siblings"] = [
        {"rfilename": "a.safetensors", "size": 7, "lfs": {"sha256": digest, "size": 7}},
        {"rfilename": "b.safetensors", "lfs": {"sha256": digest}},
        {"rfilename": "c.json"},
    ]
    sync.store_raw(
        [("1", item), ("2", record("microsoft/phi-2", id="sample/total", safetensors={"total": 9}))], origin="file"
    )
    model = hub.model_info("sample/blocks", files_metadata=True)
    assert model.safetensors.total == 7
    assert [one.lfs.pointer_size if one.lfs else None for one in model.siblings] == [
        pointer_size(digest, 7),
        None,
        None,
    ]
    assert [one.size for one in hub.model_info("sample/blocks").siblings] == [None, None, None]
    assert hub.model_info("sample/total").safetensors.parameters == {}
    assert pointer_size(digest, 12345678) == 133


def test_the_size_of_a_pointer_is_the_hubs(client):
    """As recorded: a pointer to a file of ten digits has 135 bytes."""
    assert pointer_size("0" * 64, 5_000_000_000) == 135


def test_expand(hub, client):
    model = hub.model_info("microsoft/phi-2", expand=["downloads", "likes"])
    assert (model.downloads is not None, model.tags, model.siblings) == (True, None, None)
    assert all(model.tags is None for model in hub.list_models(expand=["likes"], limit=5))
    found = client.get("/api/models?expand[]=likes&expand[]=sha&limit=3").json()
    assert all(set(one) <= {"_id", "id", "likes", "sha"} for one in found)
    for name in EXPANDABLE:
        list(hub.list_models(expand=[name], limit=3))
    with pytest.raises(HfHubHTTPError, match="cannot be expanded"):
        hub.model_info("microsoft/phi-2", expand=["nonsense"])


def test_an_unknown_model(hub, client):
    """This site has nothing private: what is missing is missing, whoever asks."""
    for token in (False, "hf_example"):
        with pytest.raises(RepositoryNotFoundError, match='There is no model "nobody/nothing" in this catalogue'):
            HfApi(endpoint=ADDRESS, token=token).model_info("nobody/nothing")
    assert not hub.repo_exists("nobody/nothing")
    for path in ("nobody/nothing", "a%00b", "a/b/c", "..%2f", "é%0dX-Evil: 1", "“/”"):
        response = client.get(f"/api/models/{path}")
        assert (response.status_code, response.headers["X-Error-Code"]) == (404, "RepoNotFound"), path
        assert "X-Evil" not in response.headers


@pytest.mark.parametrize("what", ["commits/main", "refs", "resolve/main/config.json", "compare/a..b"])
def test_what_only_the_hub_has_is_said(client, what):
    response = client.get(f"/api/models/microsoft/phi-2/{what}?recursive=true")
    assert response.status_code == 404
    assert f"a repository's {what.partition('/')[0]}: ask the Hub" in response.json()["error"]
    assert "X-Error-Code" not in response.headers


def test_writing_is_refused(hub):
    strict = Client(enforce_csrf_checks=True)
    for method in ("post", "put", "delete"):
        for address in ("/api/models", "/api/models/microsoft/phi-2", "/api/models/microsoft/phi-2/paths-info/main"):
            response = getattr(strict, method)(address)
            assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
            assert "for the Hub itself" in response.json()["error"]
    with pytest.raises(HfHubHTTPError, match="POST is for the Hub itself"):
        hub.get_paths_info("microsoft/phi-2", "config.json")


FILES = [
    {"rfilename": "model.safetensors", "size": 7, "blobId": "b" * 40, "lfs": {"sha256": "a" * 64, "size": 7}},
    {"rfilename": "README.md", "size": 3, "blobId": "c" * 40},
    {"rfilename": "onnx/model.onnx"},
    {"rfilename": "onnx/int8/model.onnx"},
]


def test_files_as_a_tree(hub):
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/tree", siblings=FILES))], origin="file")

    def listed(folder=None, **options):
        return [one.path for one in hub.list_repo_tree("sample/tree", folder, **options)]

    assert hub.list_repo_files("sample/tree") == [
        "README.md",
        "model.safetensors",
        "onnx/int8/model.onnx",
        "onnx/model.onnx",
    ]
    assert listed() == ["onnx", "README.md", "model.safetensors"]
    assert listed("onnx") == ["onnx/int8", "onnx/model.onnx"]
    assert listed("onnx/int8") == ["onnx/int8/model.onnx"]
    assert listed("onnx", recursive=True) == ["onnx/int8", "onnx/int8/model.onnx", "onnx/model.onnx"]
    assert listed(recursive=True, expand=True, revision="HEAD")[:2] == ["onnx", "onnx/int8"]
    with pytest.raises(EntryNotFoundError, match='"sample/tree" has no folder "on"'):
        listed("on")
    with pytest.raises(RevisionNotFoundError):
        listed(revision="v1")
    with pytest.raises(RepositoryNotFoundError):
        list(hub.list_repo_tree("nobody/nothing"))


def test_sizes_in_a_tree_are_those_that_are_known(hub):
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/tree", siblings=FILES))], origin="file")
    found = {one.path: one for one in hub.list_repo_tree("sample/tree", recursive=True)}
    large, small, unknown = found["model.safetensors"], found["README.md"], found["onnx/model.onnx"]
    digest = "a" * 64
    assert (large.size, large.blob_id, large.lfs.sha256) == (7, "b" * 40, digest)
    assert large.lfs.pointer_size == pointer_size(digest, 7)
    assert (small.size, small.blob_id, small.lfs) == (3, "c" * 40, None)
    assert (unknown.size, unknown.blob_id, unknown.lfs) == (None, None, None)


def test_files_that_others_listed_are_no_tree_and_have_no_sizes(hub):
    """The bundled snapshot has lists with gaps, and sizes rounded to two digits."""
    data = ModelRecord.objects.get(repo_id="unsloth/Qwen3.5-9B-GGUF").payload
    assert "siblings" in data["_source"]
    assert data["siblings"][0]["size"] % 10**8 == 0
    model = hub.model_info("unsloth/Qwen3.5-9B-GGUF", files_metadata=True)
    assert len(model.siblings) == len(data["siblings"])
    assert {one.size for one in model.siblings} == {None}
    for repo_id in ("unsloth/Qwen3.5-9B-GGUF", "microsoft/phi-2"):
        with pytest.raises(HfHubHTTPError, match="does not know all files of"):
            hub.list_repo_files(repo_id)


def test_revisions(hub):
    item = record("microsoft/phi-2", id="sample/revised", sha="f" * 40)
    sync.store_raw([("1", item)], origin="file")
    assert hub.model_info("sample/revised", revision="main").sha == "f" * 40
    for revision in ("HEAD", "f" * 40):
        assert hub.model_info("sample/revised", revision=revision).id == "sample/revised"
    with pytest.raises(RevisionNotFoundError, match='ask for main instead of "v1"'):
        hub.model_info("sample/revised", revision="v1")


@pytest.mark.parametrize(
    "query",
    [
        "sort=best",
        "direction=2",
        "limit=0",
        "limit=x",
        "cursor=x",
        "runs_on=nothing",
        "gated=maybe",
        "num_parameters=6B",
        "inference_provider=all",
        "apps=vllm",
        "inference=warm",
        "pipeline_tag=text-generation,fill-mask",
        "pipeline_tag=%00",
        "full=perhaps",
        "search=" + "x" * 1001,
        "filter=%00",
        "filter=" + ",".join(map(str, range(30))),
        "colour=red",
    ],
)
def test_what_cannot_be_answered_is_said(client, query):
    response = client.get(f"/api/models?{query}")
    assert response.status_code == 400
    assert response.json()["error"]
    assert response.headers["X-Error-Message"]


@pytest.mark.parametrize("sort", ["downloads", "likes", "lastModified", "createdAt", "trendingScore"])
def test_both_directions_hold_the_same_models(client, sort):
    def walk(direction):
        found, address = [], f"/api/models?sort={sort}&direction={direction}&limit=90"
        while address:
            response = client.get(address)
            found += [model["id"] for model in response.json()]
            address = response.headers.get("Link", "").partition(">")[0].removeprefix(f"<{ADDRESS}")
        return found

    down, up = walk(-1), walk(1)
    assert len(down) == len(set(down)) == len(up)
    assert set(down) == set(up)


def test_nothing_of_this_sites_own_is_told(client):
    for one in client.get("/api/models?full=true&config=true&cardData=true&limit=500").json():
        assert not [name for name in one if name.startswith("_") and name != "_id"]


def test_queries_do_not_grow(client, django_assert_max_num_queries):
    sync.store_raw([(item["id"], item) for item in renamed(60)], origin="file")
    client.get("/api/models")
    for limit in (2, 400):
        with django_assert_max_num_queries(8):
            assert len(client.get(f"/api/models?limit={limit}&full=true").json()) == limit
    with django_assert_max_num_queries(6):
        client.get("/api/models/microsoft/phi-2")


# --- everything the client can send ------------------------------------------------------------------------------

LIST = {
    "filter": "text-generation",
    "author": "microsoft",
    "gated": False,
    "trained_dataset": "no/such",
    "search": "phi",
    "pipeline_tag": "text-generation",
    "num_parameters": "min:1B",
    "sort": "downloads",
    "limit": 2,
    "expand": ["likes"],
    "full": True,
    "cardData": True,
    "fetch_config": True,
    "emissions_thresholds": (1, 100),
    "apps": "vllm",
    "inference": "warm",
    "inference_provider": "all",
    "token": "hf_example",
}
REFUSED = {"apps", "inference", "inference_provider"}
ONE = {
    "revision": "main",
    "timeout": 5.0,
    "securityStatus": True,
    "files_metadata": True,
    "expand": ["likes"],
    "token": "hf_example",
}


def asked(function):
    return set(inspect.signature(function).parameters) - {"self", "repo_id"}


def test_every_parameter_of_the_client_is_tried():
    assert asked(HfApi.list_models) == set(LIST)
    assert asked(HfApi.model_info) == set(ONE)


@pytest.mark.parametrize("name", LIST)
def test_a_parameter_of_a_list_is_kept_or_refused(hub, name):
    needed = {"cardData": True} if name == "emissions_thresholds" else {}
    if name in REFUSED:
        with pytest.raises(HfHubHTTPError, match=f"{name} cannot be answered: this site does not know which"):
            list(hub.list_models(**{name: LIST[name]}))
    else:
        list(hub.list_models(**{"limit": 20, name: LIST[name], **needed}))


@pytest.mark.parametrize("name", ONE)
def test_a_parameter_of_one_model_is_kept(hub, name):
    assert hub.model_info("microsoft/phi-2", **{name: ONE[name]}).id == "microsoft/phi-2"


def test_every_order_and_field_of_the_client_is_answered(hub):
    for sort in get_args(ModelSort_T):
        assert len(list(hub.list_models(sort=sort, limit=3))) == 3
    assert set(get_args(ExpandModelProperty_T)) <= set(EXPANDABLE)


def test_datasets_and_emissions_narrow_a_list(hub):
    item = record("microsoft/phi-2", id="sample/trained", tags=["dataset:acme/words"])
    item["cardData"] = {"co2_eq_emissions": {"emissions": 12.5}}
    sync.store_raw([("1", item)], origin="file")
    assert ids(hub.list_models(trained_dataset="acme/words")) == ["sample/trained"]
    assert "sample/trained" in ids(hub.list_models(emissions_thresholds=(10, 20), cardData=True))
    assert "sample/trained" not in ids(hub.list_models(emissions_thresholds=(20, 30), cardData=True))


def test_security_is_told_where_the_hub_told_it(hub):
    found = {"scansDone": True, "filesWithIssues": []}
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/safe", securityRepoStatus=found))], origin="file")
    assert hub.model_info("sample/safe", securityStatus=True).security_repo_status == found
    assert hub.model_info("sample/safe").security_repo_status is None
    assert hub.model_info("microsoft/phi-2", securityStatus=True).security_repo_status is None


@pytest.mark.parametrize("word", ["safetensors", "license:mit", "no-such-task"])
def test_a_task_is_no_other_tag(hub, word):
    """Else a misspelt task would bring models that merely carry the word."""
    assert ids(hub.list_models(filter=word)) or word == "no-such-task"
    assert ids(hub.list_models(pipeline_tag=word)) == []


def test_the_most_parameters_first(client):
    found = client.get("/api/models?sort=num_parameters&limit=20").json()
    counts = [ModelRecord.objects.get(repo_id=one["id"]).parameters for one in found]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) > 10
