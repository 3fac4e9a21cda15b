"""The Next.js example of the documentation: its types are those of the API, and it runs against a site."""

from __future__ import annotations

import dataclasses
import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from compat.ingest import store as sync
from compat.models import HubFetch, ModelRecord
from marketplace.models import ApiToken
from tests.node import SOURCES, Node, NodeError, listening, prepared, serving
from tests.samples import renamed

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "nextjs"


@pytest.fixture(scope="module")
def place():
    with listening() as socket:
        yield socket


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The example as somebody would take it: a copy, what it needs, and types made from a site by its own command."""
    folder = prepared(tmp_path_factory.mktemp("nextjs")) / "project"
    own = shutil.ignore_patterns("node_modules", ".next", "schema.d.ts")
    shutil.copytree(EXAMPLE, folder, ignore=own)
    shutil.copytree(SOURCES / "next", folder / "node_modules" / "next")
    for name in ("refused.ts", "shown.tsx", "kept.ts"):
        shutil.copy(SOURCES / name, folder)
    readme = (EXAMPLE / "README.md").read_text("utf-8")
    (folder / "readme.ts").write_text(re.search(r"^```ts\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[1])
    (folder / "next-env.d.ts").write_text('/// <reference types="next" />\n')
    return folder


@pytest.fixture
def address(place, site, settings):
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
    with serving(site, place) as found:
        yield found


def run(project, *command, **environment):
    path = f"{project.parent}/node_modules/.bin{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=project,
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def node(project, place):
    own = [project / name for name in ("shown.tsx", "kept.ts", "lib/runshere.ts")] + list(project.glob("app/**/*.tsx"))
    run(project, "node", "../compile.mjs", *map(str, own))
    address = "http://127.0.0.1:{1}".format(*place.getsockname())
    with Node("./project/shown.js", project.parent, RUNSHERE_URL=address) as process:
        yield process


@pytest.fixture
def ask(node, address):
    """``ask("getModel", "microsoft", "phi-2")`` calls a function of the example."""
    return node


def refused(ask, *call):
    """The problem that an error of the example tells."""
    with pytest.raises(NodeError) as caught:
        ask(*call)
    assert caught.value.told["kind"] == "RunsHereError"
    problem = caught.value.told["problem"]
    assert caught.value.told["message"] == problem["detail"]
    return problem


# --- types ---------------------------------------------------------------------------------------------------------


def test_the_example_has_the_types_of_the_api(project, address):
    """As strictly as its own ``tsconfig.json`` says, its readme too; ``refused.ts`` holds what must not pass."""
    script = json.loads((EXAMPLE / "package.json").read_text("utf-8"))["scripts"]["types"]
    run(project, "sh", "-c", script, RUNSHERE_URL=address)
    assert '"rbee"' in (project / "lib/schema.d.ts").read_text("utf-8"), "the site's workers are types as well"
    run(project, "tsc", "--noEmit", "--project", ".")


def test_the_example_is_tested_with_the_packages_it_names():
    named, tested = (json.loads((folder / "package.json").read_text("utf-8")) for folder in (EXAMPLE, SOURCES))
    wanted = named["dependencies"] | named["devDependencies"]
    wanted.pop("next")
    assert wanted.items() <= tested["devDependencies"].items()
    every = [*wanted.values(), *tested["devDependencies"].values()]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in every)


def test_the_lock_names_hashes_and_no_addresses():
    packages = json.loads((SOURCES / "package-lock.json").read_text("utf-8"))["packages"]
    own = packages.pop("")
    assert own["devDependencies"] == json.loads((SOURCES / "package.json").read_text("utf-8"))["devDependencies"]
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


# --- the client ----------------------------------------------------------------------------------------------------


def test_what_runs_is_listed(ask, client):
    known = client.get("/api/v1/models?limit=200").json()
    assert ask("listCompatibleModels", {"limit": 7}) == known["items"][:7]
    assert len(ask("listCompatibleModels")) == 30
    assert all(one["compatibility"]["compatible"] for one in ask("listCompatibleModels", {"limit": 1000}))


def test_a_long_list_is_read_to_the_end(ask):
    sync.store_raw([(item["id"], item) for item in renamed(120)], origin="file")
    ids = [one["id"] for one in ask("listCompatibleModels", {"compatible": "false", "limit": 450})]
    assert len(ids) == len(set(ids)) == 450
    assert len(ask("listCompatibleModels", {"compatible": "false", "limit": 10_000})) == ModelRecord.objects.count()


def test_search_and_options(ask):
    found = ask("searchCompatibleModels", "phi", {"worker": "vllm", "sort": "likes", "limit": 5})
    assert found
    assert all("phi" in one["id"].lower() for one in found)
    likes = [one["likes"] for one in found if one["likes"] is not None]
    assert likes == sorted(likes, reverse=True)
    assert len(likes) > 1
    assert ask("searchCompatibleModels", "no such model anywhere") == []
    several = ask("listCompatibleModels", {"format": ["gguf", "safetensors"], "compatible": "false", "limit": 200})
    assert {one["metadata"]["format"] for one in several} == {"gguf", "safetensors"}


def test_one_model(ask, client):
    known = client.get("/api/v1/models/microsoft/phi-2").json()
    assert ask("getModel", "microsoft", "phi-2") == known
    elsewhere = ask("getModel", "microsoft", "phi-2", {"worker": "llama-cpp", "memory": 8})
    assert elsewhere["result"]["worker"]["slug"] == "llama-cpp"


def test_a_model_that_did_not_change_is_not_sent_again(ask):
    first = ask("getModelIfChanged", "microsoft", "phi-2")
    assert first["model"]["id"] == "microsoft/phi-2"
    assert ask("getModelIfChanged", "microsoft", "phi-2", first["tag"]) is None
    sync.store_raw([(item["id"], item) for item in renamed(1)], origin="file")
    assert ask("getModelIfChanged", "microsoft", "phi-2", first["tag"])["tag"] != first["tag"]


def test_models_of_ones_own(ask):
    facts = {"architecture": "llama", "format": "safetensors", "parameters": "8.0B", "maxContextLength": 8192}
    assert ask("checkModelCompatibility", facts)["confidence"] == "high"
    assert ask("checkModelCompatibility", facts | {"maxContextLength": 65536})["cause"] == "context"
    hub = {"id": "acme/tiny", "siblings": [{"rfilename": "model.safetensors"}], "config": {"model_type": "llama"}}
    assert ask("checkModelCompatibility", hub, "vllm")["worker"]["slug"] == "vllm"
    other = {**hub, "id": "acme/other", "config": {"model_type": "bert"}}
    assert ask("filterCompatibleModels", [other, hub, other]) == [hub]
    assert ask("filterCompatibleModels", []) == []


def test_a_refusal_is_a_problem(ask):
    unknown = refused(ask, "getModel", "nobody", "nothing")
    assert (unknown["status"], unknown["title"]) == (404, "Not Found")
    assert "nobody/nothing" in unknown["detail"]
    senseless = refused(ask, "listCompatibleModels", {"sort": "best"})
    assert (senseless["status"], senseless["errors"][0]["field"]) == (400, "sort")
    assert refused(ask, "listCompatibleModels", {"limit": 0})["status"] == 400
    assert refused(ask, "checkModelCompatibility", {"architecture": "llama"})["status"] == 422


def test_an_answer_from_something_else_is_a_problem_as_well(node, place):
    def proxy(environ, start_response):
        start_response("502 Bad Gateway", [("Content-Type", "text/html")])
        return [b"<h1>Bad Gateway</h1>"]

    with serving(proxy, place) as address:
        problem = refused(node, "getModel", "microsoft", "phi-2")
    assert (problem["status"], problem["title"]) == (502, "Bad Gateway")
    assert problem["detail"] == f"{address}/api/v1/models/microsoft/phi-2 answered 502 Bad Gateway"


def test_a_token_opens_a_closed_site(ask, project, address, settings):
    settings.API_ANONYMOUS = False
    assert refused(ask, "getModel", "microsoft", "phi-2")["status"] == 401
    token = ApiToken(name="the example")
    secret = token.renew()
    token.save()
    with Node("./project/shown.js", project.parent, RUNSHERE_URL=address, RUNSHERE_TOKEN=secret) as known:
        assert known("getModel", "microsoft", "phi-2")["id"] == "microsoft/phi-2"


# --- the pages -----------------------------------------------------------------------------------------------------


def test_the_page_of_models(ask):
    shown = ask("modelsPage")
    listed = [one["id"] for one in ask("listCompatibleModels", {"limit": 100})]
    assert f"Models that run here ({len(listed)})" in shown
    assert re.findall(r'href="/models/([^"]+)"', shown) == [one for one in listed if "/" in one]


def test_the_best_known_are_made_beforehand(ask):
    sync.store_raw([(item["id"], item) for item in renamed(400)], origin="file")
    listed = [one["id"] for one in ask("listCompatibleModels", {"limit": 100})]
    places = ask("generateStaticParams")
    assert [f"{place['org']}/{place['name']}" for place in places] == [one for one in listed if "/" in one]
    assert len(places) > 90


def test_the_page_of_a_model(ask):
    shown = html.unescape(ask("modelPage", "microsoft", "phi-2"))
    assert "<h1>microsoft/phi-2</h1>" in shown
    result = ask("getModel", "microsoft", "phi-2")["result"]
    assert f"Runs on {result['worker']['name']} ({result['confidence']} confidence)" in shown
    assert result["reasons"]
    assert all(f"<li>{sentence}</li>" in shown for sentence in result["reasons"])
    refusal = ModelRecord.objects.filter(task="fill-mask", repo_id__contains="/").first().repo_id
    shown = html.unescape(ask("modelPage", *refusal.split("/")))
    assert "Does not run on rbee" in shown
    assert "<h2>Good to know</h2>" in shown or "<h2>Why</h2>" in shown
    with pytest.raises(NodeError, match=r"Next\.js answers 404"):
        ask("modelPage", "nobody", "nothing")


def test_a_page_of_a_model_that_is_being_fetched_is_looked_at_again_soon(ask, settings):
    """Next.js keeps a page as long as the answer in it that is kept shortest."""
    settings.HUB = dataclasses.replace(settings.HUB, offline=False, endpoint="http://127.0.0.1:9")
    HubFetch.objects.create(repo_id="nobody/soon", state="queued", requested=timezone.now())
    assert ask("keptOfNoPage", "nobody", "soon") == [172_800, 2]
    settings.HUB = dataclasses.replace(settings.HUB, offline=True)
    assert ask("keptOfNoPage", "nobody", "nothing") == [172_800, 3600]
    assert ask("keptOfNoPage", "microsoft", "phi-2") == [172_800]


def test_pages_are_made_anew_every_two_days():
    """Next.js reads this from the source, so it must be a plain number."""
    for page in ("app/models/page.tsx", "app/models/[org]/[name]/page.tsx"):
        assert "export const revalidate = 172800;\n" in (EXAMPLE / page).read_text("utf-8")
