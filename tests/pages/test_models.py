"""Models and their builds: lists show a model once, its page shows all builds."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.urls import reverse

from compat.ingest import store
from compat.models import BuildCorrection
from marketplace.assistant.tools import call_tool
from tests.markup import Page
from tests.samples import record

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def builds():
    """Builds of phi-2: one says so, one is called so; and a fine-tune."""
    tuned = {"id": "someone/phi-2-tuned", "tags": ["base_model:finetune:microsoft/phi-2"], "cardData": None}
    files = [{"rfilename": "phi-2.Q4_K_M.gguf", "size": 1_789_239_136}]
    items = [
        record("TheBloke/phi-2-GGUF", tags=["base_model:quantized:microsoft/phi-2", "gguf"], siblings=files),
        record("microsoft/phi-2", id="other/phi-2-AWQ", cardData=None, tags=None),
        record("microsoft/phi-2", **tuned),
    ]
    counts = store.store_raw([(item["id"], item) for item in items], origin="file")
    assert counts.new == 2


def names(client, query):
    response = client.get(f"/models/?{query}")
    return [row.record.repo_id for row in response.context["page"].rows], Page(response), response.context["page"]


def test_a_model_is_one_row_that_names_its_build(client):
    ids, page, found = names(client, "q=phi-2&worker=llama-cpp")
    assert ids.count("TheBloke/phi-2-GGUF") == 1
    assert "microsoft/phi-2" not in ids
    model = next(found.models[row.record.pk] for row in found.rows if row.record.repo_id == "TheBloke/phi-2-GGUF")
    assert (model.name, model.repositories, model.by_name) == ("microsoft/phi-2", 3, False)
    assert "as TheBloke/phi-2-GGUF" in page.text
    assert "one of 3 repositories" in page.text


def test_a_build_by_its_name_alone_is_marked(client):
    ids, page, found = names(client, "author=other&worker=vllm&compatible=false")
    assert ids == ["other/phi-2-AWQ"]
    assert found.models[found.rows[0].record.pk].by_name
    assert "matched by name" in page.text


def test_a_fine_tune_is_a_model_of_its_own(client):
    _, _, found = names(client, "q=phi-2-tuned&compatible=false")
    assert [found.models[row.record.pk].name for row in found.rows] == ["someone/phi-2-tuned"]


def test_the_model_asked_for_is_shown_by_the_build_that_runs(client):
    ids, page, found = names(client, "q=microsoft/phi-2&worker=llama-cpp")
    shown = [found.asked.record.repo_id] if found.asked else ids[:1]
    assert shown == ["TheBloke/phi-2-GGUF"]
    assert "does not run" not in page.text


def test_repositories_are_to_be_had_one_by_one_and_those_of_one_model_alone(client):
    ids, page, found = names(client, "model=other/phi-2-AWQ&unit=repository&compatible=false")
    assert set(ids) == {"microsoft/phi-2", "TheBloke/phi-2-GGUF", "other/phi-2-AWQ"}
    assert page.title == "Models · RunsHere"
    assert [chip.label for chip in found.chips] == ["builds of other/phi-2-AWQ"]
    refused = client.get("/models/?model=nobody/nothing")
    assert refused.status_code == 400
    assert "no repository “nobody/nothing”" in refused.content.decode()


def test_a_page_names_the_build_that_runs_and_lists_all(client):
    response = client.get("/models/microsoft/phi-2/?worker=llama-cpp")
    page = response.context["page"]
    assert not page.result.compatible
    assert page.surer.record.repo_id == "TheBloke/phi-2-GGUF"
    assert {row.record.repo_id for row in page.builds} == {"TheBloke/phi-2-GGUF", "other/phi-2-AWQ"}
    assert "This model runs here as TheBloke/phi-2-GGUF" in Page(response).text
    build = client.get("/models/TheBloke/phi-2-GGUF/?worker=llama-cpp")
    assert build.context["page"].surer is None
    told = build.content.decode().split('class="build-of"')[1].split("</p>")[0]
    assert 'href="/models/microsoft/phi-2/?worker=llama-cpp"' in told
    assert "which 3 repositories have" in told


@pytest.mark.parametrize("machine", [{}, {"memory": "8"}], ids=len)
def test_every_door_names_the_build_that_the_page_names(client, capsys, machine):
    asked = {"worker": "llama-cpp", **machine}
    row = client.get("/models/microsoft/phi-2/", asked).context["page"].surer
    detail = client.get("/api/v1/models/microsoft/phi-2", asked).json()
    answer = client.get("/api/v1/models/microsoft/phi-2/compatibility", asked).json()
    tool = call_tool(
        "does_it_run", {"model": "microsoft/phi-2", "worker": "llama-cpp", **({"memory": 8} if machine else {})}
    )
    options = [word for name, value in asked.items() for word in (f"--{name}", value)]
    call_command("check_model", "microsoft/phi-2", "--json", *options)
    command = json.loads(capsys.readouterr().out)
    call_command("check_model", "microsoft/phi-2", *options)
    words = capsys.readouterr().out
    told = detail["surerBuild"]
    assert told == answer["surerBuild"] == tool.structured["surerBuild"] == command["surerBuild"]
    assert (told["id"], told["variant"]["quantization"]) == (row.record.repo_id, row.best.quantization)
    assert (told["compatibility"]["compatible"], told["compatibility"]["confidence"]) == (True, row.result.confidence)
    assert "The same model runs here in another build: TheBloke/phi-2-GGUF, " in tool.text
    assert "Surer: TheBloke/phi-2-GGUF (" in words
    if machine:
        assert told["fit"]["sentence"] == row.fit.sentence
        assert row.fit.sentence in tool.text
        assert row.fit.sentence in words
        assert told["lines"]
        assert told["lines"][0] in tool.text
        assert told["lines"][0] in words
        text = Page(client.get("/models/microsoft/phi-2/", asked)).text
        beside = text[text.index("This model runs here as") : text.index("Won't run")]
        assert row.fit.sentence in beside
        assert told["lines"][0] in beside
    own = client.get("/api/v1/models/TheBloke/phi-2-GGUF/compatibility", asked).json()
    assert own["surerBuild"] is None


def test_every_door_names_a_build_that_might_run_behind_all_that_is_sure(client, capsys):
    """Of 2.8 billion weights in a file that is not listed nothing tells whether 3 GB hold them."""
    files = record("TheBloke/phi-2-GGUF", tags=["base_model:quantized:microsoft/phi-2", "gguf"], siblings=[])
    store.store_raw([("TheBloke/phi-2-GGUF", files)], origin="file")
    asked = {"worker": "llama-cpp", "memory": "3", "ram": "16"}
    response = client.get("/models/microsoft/phi-2/", asked)
    page, text = response.context["page"], Page(response).text
    assert not page.result.compatible
    assert page.surer is None
    assert page.perhaps.record.repo_id == "TheBloke/phi-2-GGUF"
    said = "This model might run here as TheBloke/phi-2-GGUF"
    assert f"{said} , whose need is not known. Needs" in text
    assert all(text.index(row.record.name) < text.index(said) for row in page.alternatives[:4])
    assert page.alternatives
    detail = client.get("/api/v1/models/microsoft/phi-2", asked).json()
    answer = client.get("/api/v1/models/microsoft/phi-2/compatibility", asked).json()
    tool = call_tool("does_it_run", {"model": "microsoft/phi-2", "worker": "llama-cpp", "memory": 3, "ram": 16})
    call_command("check_model", "microsoft/phi-2", *[word for name in asked for word in (f"--{name}", asked[name])])
    words = capsys.readouterr().out
    told = detail["perhapsBuild"]
    assert told == answer["perhapsBuild"] == tool.structured["perhapsBuild"]
    assert (told["id"], told["compatibility"]["confidence"]) == ("TheBloke/phi-2-GGUF", "low")
    assert detail["surerBuild"] is None
    assert detail["oneChange"] == "Perhaps its build TheBloke/phi-2-GGUF: its need is not known"
    assert "might run here in another build, whose need is not known: TheBloke/phi-2-GGUF. Needs" in tool.text
    assert "Perhaps: TheBloke/phi-2-GGUF: its need is not known. Needs" in words
    sure = client.get("/models/microsoft/phi-2/", {**asked, "memory": "24"}).context["page"]
    assert sure.surer.record.repo_id == "TheBloke/phi-2-GGUF"
    assert sure.perhaps is None


def test_what_it_needs_is_told_of_the_build_that_the_engine_takes(client):
    response = client.get("/machine/for/?m=microsoft/phi-2&worker=llama-cpp")
    page = response.context["page"]
    assert (page.record.repo_id, page.build.repo_id) == ("microsoft/phi-2", "TheBloke/phi-2-GGUF")
    assert page.least
    assert "takes this model as" in Page(response).text
    own = client.get("/machine/for/?m=microsoft/phi-2&worker=vllm").context["page"]
    assert own.build == own.record


def test_the_answer_of_a_program_tells_the_model(client):
    found = client.get("/api/v1/models?model=microsoft/phi-2&compatible=false").json()
    told = {item["id"]: item["model"] for item in found["items"]}
    assert told["other/phi-2-AWQ"] == {"id": "microsoft/phi-2", "known": True, "repositories": 3, "by": "name"}
    assert told["TheBloke/phi-2-GGUF"]["by"] == "relation"
    assert client.get("/api/v1/models?unit=model&q=phi-2&worker=llama-cpp").json()["total"] < found["total"]
    one = client.get("/api/v1/models/microsoft/phi-2?worker=llama-cpp").json()
    assert one["model"]["by"] == "itself"
    assert one["builds"][0]["id"] == "TheBloke/phi-2-GGUF"


def test_a_curator_corrects_it_and_takes_it_back(client):
    user = User.objects.create_user("curator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__endswith="buildcorrection"))
    client.force_login(user)
    add = reverse("admin:compat_buildcorrection_add")
    assert client.post(add, {"repo_id": "not an id", "model": ""}).status_code == 200
    assert not BuildCorrection.objects.exists()
    client.post(add, {"repo_id": "other/phi-2-AWQ", "model": ""})
    assert len(client.get("/models/microsoft/phi-2/").context["page"].builds) == 1
    told = BuildCorrection.objects.get()
    client.post(reverse("admin:compat_buildcorrection_delete", args=[told.pk]), {"post": "yes"})
    assert len(client.get("/models/microsoft/phi-2/").context["page"].builds) == 2
