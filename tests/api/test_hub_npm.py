"""The Hub's own client for JavaScript, unmodified, talks to this site as if it were the Hub."""

from __future__ import annotations

import re
import subprocess
from datetime import datetime

import pytest

from compat.ingest import store as sync
from compat.models import ModelRecord, Verdict
from marketplace.api.hub import SORTS
from tests.node import INSTALLED, ROOT, Node, NodeError, listening, prepared, serving
from tests.samples import record

pytestmark = pytest.mark.django_db
TYPES = INSTALLED / "node_modules/@huggingface/hub/dist/src/lib"
UNKNOWN_SORTS = {"likes30d", "mainSize", "id"}
"""The client can ask for these orders; this catalogue has no facts for them, or does not know what the Hub means."""


@pytest.fixture(scope="module")
def place():
    with listening() as socket:
        yield socket


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with Node("@huggingface/hub", prepared(tmp_path_factory.mktemp("hub"))) as process:
        yield process


@pytest.fixture
def hub(node, place, site, settings):
    """``hub("listModels", limit=3)`` as a program would write ``listModels({limit: 3, hubUrl})``."""
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    with serving(site, place) as address:
        yield lambda call, **given: node(call, {"hubUrl": address, **given})


def names(found):
    """The ids; the client calls a model's id its name, and keeps ``id`` for a number inside the Hub."""
    return [model["name"] for model in found]


def refused(hub, call, **given):
    with pytest.raises(NodeError) as caught:
        hub(call, **given)
    assert caught.value.told["kind"] == "HubApiError"
    return caught.value.told


# --- lists ---------------------------------------------------------------------------------------------------------


def test_all_models_come_page_by_page(hub):
    sync.store_raw([(f"sample/{i}", {"id": f"sample/{i}", "downloads": i}) for i in range(300)], origin="file")
    found = names(hub("listModels"))
    assert len(found) > 500, "the client asks for 500 at once"
    assert sorted(found) == sorted(ModelRecord.objects.values_list("repo_id", flat=True))


def test_limit_and_order(hub):
    known = ModelRecord.objects.order_by("-popularity", "repo_id").values_list("repo_id", flat=True)
    assert names(hub("listModels", sort="downloads", limit=150)) == list(known[:150])
    assert len(names(hub("listModels", limit=3))) == 3
    largest = ModelRecord.objects.filter(parameters__isnull=False).order_by("-parameters")
    found = names(hub("listModels", sort="num_parameters", limit=20))
    assert [ModelRecord.objects.get(repo_id=name).parameters for name in found] == list(
        largest.values_list("parameters", flat=True)[:20]
    )


def test_search_and_owner(hub):
    found = names(hub("listModels", search={"query": "Phi-2"}))
    assert "microsoft/phi-2" in found
    assert all("phi-2" in name.lower() or "phi2" in name.lower() for name in found)
    assert {name.partition("/")[0] for name in names(hub("listModels", search={"owner": "Qwen"}))} == {"Qwen"}
    assert hub("listModels", search={"query": "no such model anywhere"}) == []


def test_task_and_tags_must_all_hold(hub):
    task = names(hub("listModels", search={"task": "text-generation"}))
    assert set(task) == set(ModelRecord.objects.filter(task="text-generation").values_list("repo_id", flat=True))
    narrow = names(hub("listModels", search={"task": "text-generation", "tags": ["license:mit", "safetensors"]}))
    assert "microsoft/phi-2" in narrow
    assert set(narrow) < set(task)
    mit = ModelRecord.objects.filter(license="mit").values_list("repo_id", flat=True)
    assert set(narrow) <= set(mit)


@pytest.mark.parametrize("word", ["transformers", "safetensors", "license:mit", "no-such-task"])
def test_a_task_is_no_other_tag(hub, word):
    """Else a misspelt task would bring models that merely carry the word."""
    assert hub("listModels", search={"task": word}) == []


def test_what_the_hub_said_is_what_is_told(hub):
    item = record(
        "microsoft/phi-2",
        id="sample/told",
        _id="6500000000000000000000aa",
        private=False,
        gated="manual",
        downloads=7,
        likes=3,
        pipeline_tag="text-generation",
        lastModified="2026-05-04T03:02:01.000Z",
    )
    sync.store_raw([("1", item)], origin="file")
    told = {
        "id": "6500000000000000000000aa",
        "name": "sample/told",
        "private": False,
        "gated": "manual",
        "task": "text-generation",
        "downloads": 7,
        "likes": 3,
        "updatedAt": "2026-05-04T03:02:01.000Z",
    }
    assert hub("modelInfo", name="sample/told") == told
    assert hub("listModels", search={"owner": "sample"}) == [told]


def test_what_the_hub_did_not_say_is_not_made_up(hub):
    sync.store_raw([("1", {"id": "sample/bare"})], origin="file")
    told = hub("modelInfo", name="sample/bare")
    assert told == {"name": "sample/bare", "updatedAt": None}


# --- one model -----------------------------------------------------------------------------------------------------


def test_every_model_has_its_own_answer(hub):
    for repo_id in ModelRecord.objects.values_list("repo_id", flat=True)[:60]:
        assert hub("modelInfo", name=repo_id)["name"] == repo_id


def test_revisions(hub):
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/revised", sha="f" * 40))], origin="file")
    for revision in (None, "HEAD", "main", "f" * 40):
        asked = {"revision": revision} if revision else {}
        assert hub("modelInfo", name="sample/revised", additionalFields=["sha"], **asked)["sha"] == "f" * 40
    told = refused(hub, "modelInfo", name="sample/revised", revision="refs/pr/1")
    assert told["statusCode"] == 404
    assert 'ask for main instead of "refs/pr/1"' in told["message"]


def test_additional_fields(hub):
    item = record("microsoft/phi-2", id="sample/more", sha="e" * 40, gitalyUid="abc")
    item["siblings"] = [{"rfilename": "config.json", "size": 9}, {"rfilename": "a/model.safetensors"}]
    item["inferenceProviderMapping"] = {"here": {"providerId": "x/y", "status": "live", "task": "conversational"}}
    sync.store_raw([("1", item)], origin="file")
    fields = ["author", "sha", "tags", "config", "filePaths", "createdAt", "gitalyUid", "inferenceProviderMapping"]
    for told in (
        hub("modelInfo", name="sample/more", additionalFields=fields),
        hub("listModels", search={"owner": "sample"}, additionalFields=fields)[0],
    ):
        assert told["filePaths"] == ["config.json", "a/model.safetensors"]
        assert (told["author"], told["sha"], told["gitalyUid"]) == ("sample", "e" * 40, "abc")
        assert told["config"] == item["config"]
        assert told["inferenceProviderMapping"][0]["provider"] == "here"
        assert datetime.fromisoformat(told["createdAt"])


def test_files(hub):
    item = record("microsoft/phi-2", id="sample/tree")
    item["siblings"] = [{"rfilename": "config.json", "size": 9, "blobId": "c" * 40}, {"rfilename": "a/b.gguf"}]
    sync.store_raw([("1", item)], origin="file")
    folder = {"type": "directory", "path": "a", "size": 0, "oid": None}
    config = {"type": "file", "path": "config.json", "size": 9, "oid": "c" * 40}
    weights = {"type": "file", "path": "a/b.gguf", "size": None, "oid": None}
    assert hub("listFiles", repo="sample/tree") == [folder, config]
    assert hub("listFiles", repo="sample/tree", recursive=True) == [folder, weights, config]
    assert hub("listFiles", repo="sample/tree", path="a") == [weights]


def test_access_and_existence(hub):
    assert hub("checkRepoAccess", repo="microsoft/phi-2") is None
    assert hub("repoExists", repo="microsoft/phi-2") is True
    assert hub("repoExists", repo={"type": "model", "name": "nobody/nothing"}) is False


@pytest.mark.parametrize("token", [{}, {"accessToken": "hf_example"}], ids=["nobody", "with a token of the Hub"])
def test_an_unknown_model(hub, token):
    for call, asked in (("modelInfo", {"name": "nobody/nothing"}), ("checkRepoAccess", {"repo": "nobody/nothing"})):
        told = refused(hub, call, **asked, **token)
        assert told["statusCode"] == 404
        offline = "This site works offline, so the Hub was not asked."
        assert told["data"] == {"error": f'There is no model "nobody/nothing" in this catalogue. {offline}'}
        assert told["message"].startswith('There is no model "nobody/nothing" in this catalogue.')


# --- everything the client can send --------------------------------------------------------------------------------


def choices(file, start, end):
    """The names that a declaration of the client's lists between two places."""
    text = (TYPES / file).read_text("utf-8")
    return set(re.findall(r'"([^"]+)"', text.partition(start)[2].partition(end)[0]))


def test_every_order_is_kept_or_refused(hub):
    offered = choices("list-models.d.ts", "sort?:", ";")
    assert offered == UNKNOWN_SORTS | set(SORTS)
    for sort in SORTS:
        assert len(hub("listModels", sort=sort, limit=5)) == 5
    for sort in UNKNOWN_SORTS:
        told = refused(hub, "listModels", sort=sort)
        assert told["statusCode"] == 400
        assert f'"{sort}" is not an order this site has: use downloads' in told["message"]


def test_every_additional_field_is_answered(hub):
    offered = choices("list-models.d.ts", "MODEL_EXPANDABLE_KEYS: readonly [", "]") | {"filePaths"}
    assert {"author", "safetensors", "model-index"} <= offered
    assert len(hub("listModels", limit=20, additionalFields=sorted(offered))) == 20
    assert hub("modelInfo", name="microsoft/phi-2", additionalFields=sorted(offered))["author"] == "microsoft"


def test_every_way_to_search_is_tested_here():
    declared = (TYPES / "list-models.d.ts").read_text("utf-8").partition("search?: {")[2].partition("};")[0]
    assert set(re.findall(r"(\w+)\?:", declared)) == {"query", "owner", "task", "tags", "inferenceProviders", "apps"}


@pytest.mark.parametrize(
    ("search", "parameter"), [({"inferenceProviders": ["all"]}, "inference_provider"), ({"apps": ["vllm"]}, "apps")]
)
def test_a_search_this_site_has_no_facts_for_is_refused(hub, search, parameter):
    told = refused(hub, "listModels", search=search)
    assert told["statusCode"] == 400
    assert told["message"].startswith(f"{parameter} cannot be answered: this site does not know which ")
    assert "runs_on=<worker>" in told["message"]


@pytest.mark.parametrize(
    ("call", "given", "status", "message"),
    [
        ("listFiles", {}, 404, 'This catalogue does not know all files of "microsoft/phi-2": ask the Hub.'),
        ("countCommits", {}, 404, "This site does not tell a repository's commits"),
        ("listCommits", {}, 404, "This site does not tell a repository's commits"),
        ("pathsInfo", {"paths": ["config.json"]}, 405, "This site only tells of models: POST is for the Hub itself."),
        ("createBranch", {"branch": "b", "accessToken": "hf_example"}, 405, "This site only tells of models: POST"),
    ],
)
def test_what_only_the_hub_has_is_said(hub, call, given, status, message):
    told = refused(hub, call, repo="microsoft/phi-2", **given)
    assert told["statusCode"] == status
    assert told["message"].startswith(message)


def test_a_limit_of_none_is_refused(hub):
    assert "limit is" in refused(hub, "listModels", limit=0)["message"]


def test_the_client_takes_no_token_of_this_site(hub):
    """The documentation says so, and what to do instead."""
    with pytest.raises(NodeError, match="must start with 'hf_'"):
        hub("modelInfo", name="microsoft/phi-2", accessToken="rh_example")


# --- the documentation ---------------------------------------------------------------------------------------------


def test_the_documented_example_runs(hub, place, tmp_path):
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    (example,) = re.findall(r"^```js\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    script = prepared(tmp_path) / "example.mjs"
    address = "http://127.0.0.1:{1}".format(*place.getsockname())
    script.write_text(example.replace("http://localhost:8000", address), "utf-8")
    done = subprocess.run(["node", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    *models, author = done.stdout.splitlines()
    assert author == "microsoft"
    known = ModelRecord.objects.in_bulk([line.split()[0] for line in models], field_name="repo_id")
    assert len(known) == len(models) == 3
    assert all(Verdict.objects.get(sheet=one.sheet_id, profile="vllm").compatible for one in known.values())
