"""The detail page, and the addresses that lead to it."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from compat.catalogue.detail import DetailPage
from compat.ingest import store as sync
from compat.models import ModelRecord
from compat.rules.modality import is_text_only
from marketplace.assistant.tools import call_tool
from tests.markup import Page
from tests.samples import record as sample

pytestmark = pytest.mark.django_db

PHI = "/models/microsoft/phi-2/"
NEW = "sample/phi-new"
PAINTER = "/models/stabilityai/stable-diffusion-xl-base-1.0/"


def test_a_model_that_runs(client):
    response = client.get(PHI)
    assert response.status_code == 200
    page = Page(response)
    assert page.title.startswith("microsoft/phi-2: ")
    assert "hf download microsoft/phi-2" in page.text
    assert "2.8B (2,779,683,840)" in page.text
    assert "2,048 tokens" in page.text
    assert page.classed("badge")


def test_a_model_that_does_not_run_says_why_and_what_instead(client):
    page = Page(client.get("/models/meta-llama/Llama-3.1-70B-Instruct/"))
    assert "Won't run" in page.text
    assert "131,072" in page.text
    assert "instead" in page.text
    offered = [link for link in page.internal() if link.startswith("/models/") and "?" not in link]
    assert len(offered) > 1


def test_every_record_has_a_page(client):
    for repo_id in ModelRecord.objects.order_by("?").values_list("repo_id", flat=True)[:40]:
        response = client.get(f"/models/{repo_id}/")
        assert response.status_code == 200, repo_id
        assert not Page(response).forbidden


def test_a_model_without_an_owner_has_a_page_too(client):
    assert client.get("/models/t5-small/").status_code == 200


def test_the_page_and_the_list_say_the_same(client):
    for repo_id in ("microsoft/phi-2", "BAAI/bge-m3", "meta-llama/Llama-2-7b-hf"):
        row = client.get("/models/", {"q": repo_id, "compatible": "false"}).context["page"].rows[0]
        page = client.get(f"/models/{repo_id}/").context["page"]
        assert row.record.repo_id == repo_id
        assert row.result == page.result


@pytest.mark.parametrize(
    ("address", "target", "status"),
    [
        ("/models/microsoft--phi-2/", PHI, 301),
        ("/models/MICROSOFT/Phi-2/", PHI, 302),
        ("/models/microsoft/phi-2", PHI, 301),
        ("/models/T5-Small/", "/models/t5-small/", 302),
    ],
)
def test_other_spellings_lead_to_the_one_address(client, address, target, status):
    response = client.get(address)
    assert response.status_code == status
    assert response["Location"] == target
    assert client.get(address, follow=True).status_code == 200


@pytest.mark.parametrize(
    "address", ["/models/--/", "/models/a--/", "/models/--evil.example/", "/models/http:--evil.example/"]
)
def test_no_spelling_leads_off_the_site(client, address):
    response = client.get(address)
    if response.status_code in (301, 302):
        assert response["Location"].startswith("/models/")
        assert not response["Location"].startswith("//")
    else:
        assert response.status_code == 404


def test_an_unknown_model_is_not_found_and_something_like_it_can_be_searched(client):
    response = client.get("/models/nobody/nothing/")
    assert response.status_code == 404
    page = Page(response)
    assert "nobody/nothing is not in this catalogue" in page.text
    search = next(link for link in page.internal() if link.startswith("/models/?q="))
    assert client.get(search).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "a/b/c/d",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "a%00b",
        "a%00b/c",
        "x" * 5000,
        "%F0%9F%A6%99/%F0%9F%A6%99",
        "..",
        "a b/c",
    ],
)
def test_what_cannot_be_an_id_is_not_found_and_offers_no_fetch(client, path):
    response = client.get(f"/models/{path}/")
    assert response.status_code == 404
    page = Page(response)
    assert "cannot be the id of a model" in page.text
    assert not [form for form in page.forms if form.action == "/fetch/"]
    assert not page.forbidden


def test_offline_no_fetch_is_offered(client):
    for path in ("/models/nobody/nothing/", PHI):
        page = Page(client.get(path))
        assert "works offline" in page.text
        assert not [link for link in page.internal() if link.startswith("/fetch/")]


def test_what_authors_write_stays_text(client):
    attack = '<img src=x onerror="alert(1)">'
    odd = {
        "id": "sample/odd",
        "author": attack,
        "sha": attack,
        "pipeline_tag": attack,
        "library_name": attack,
        "tags": [attack, f"base_model:{attack}"],
        "config": {"model_type": attack, "architectures": [attack]},
        "cardData": {"license": attack, "language": [attack], "base_model": [attack], "license_name": attack},
        "siblings": [{"rfilename": f"{attack}.gguf", "size": 5}, {"rfilename": f"{attack}-Q4_K_M.gguf"}],
        "gguf": {"architecture": attack, "context_length": 4096},
        "_source": {attack: attack},
    }
    assert sync.store_raw([("1", odd)], origin="file").new == 1
    for address in ("/models/sample/odd/", "/models/?q=sample/odd&compatible=false"):
        response = client.get(address)
        assert response.status_code == 200
        page = Page(response)
        assert not page.forbidden
        assert not [tag for tag, _ in page.tags if tag == "img"]


def test_a_build_that_is_asked_for_is_what_the_page_is_about(client):
    address = "/models/unsloth/Qwen3.6-35B-A3B-GGUF/?worker=llama-cpp&accelerator=RTX+3090"
    best = client.get(address).context["page"]
    other = next(row for row in best.variants if row.result.compatible and not row.best)
    response = client.get(f"{address}&build={other.variant.position}")
    page, text = response.context["page"], Page(response).text
    assert (page.row.best, page.result, page.memory.fit) == (other.variant, other.result, other.fit)
    assert page.best == best.row.best
    assert [row.best for row in page.variants] == [row.best for row in best.variants]
    assert "The build you look at" in text
    assert f"The one to take by itself here is {best.row.best.label}" in text
    for build in (best.row.best.position, 9999, "x", "-1"):
        same = client.get(f"{address}&build={build}")
        assert same.context["page"].row.best == best.row.best
        assert "best here" in Page(same).text


@pytest.mark.parametrize("gone", ["missing", "disabled"])
def test_what_is_gone_from_the_hub_is_not_offered_for_download(client, gone):
    assert "hf download microsoft/phi-2" in Page(client.get("/models/microsoft/phi-2/")).text
    ModelRecord.objects.filter(repo_id="microsoft/phi-2").update(gone=gone)
    page = Page(client.get("/models/microsoft/phi-2/"))
    assert "Its files cannot be downloaded." in page.text
    assert "hf download" not in page.text
    assert "Files on the Hub" not in page.text


def test_a_model_that_the_engine_does_not_take_names_those_that_do_on_the_same_machine(client):
    response = client.get(PAINTER, {"worker": "ollama", "accelerator": "RTX 4090"})
    page, (told,) = Page(response), response.context["page"].elsewhere
    assert "Another engine takes it: Diffusers" in page.text
    (link,) = [one for one in page.internal() if "worker=diffusers" in one]
    assert "accelerator=RTX+4090" in link
    there = client.get(link).context["page"]
    assert there.result.compatible
    assert there.result == told.result
    assert there.elsewhere == []


def test_every_door_names_the_engines_that_take_it(client, capsys):
    asked = {"worker": "ollama", "accelerator": "RTX 4090"}
    name = PAINTER.removeprefix("/models/").rstrip("/")
    (shown,) = client.get(PAINTER, asked).context["page"].elsewhere
    detail = client.get(f"/api/v1/models/{name}", asked).json()
    answer = client.get(f"/api/v1/models/{name}/compatibility", asked).json()
    tool = call_tool("does_it_run", {"model": name, **asked})
    (told,) = detail["otherEngines"]
    assert [told] == answer["otherEngines"] == tool.structured["otherEngines"]
    assert (told["slug"], told["name"]) == ("diffusers", "Diffusers")
    assert told["compatibility"]["confidence"] == shown.result.confidence
    assert "Another engine takes it: Diffusers (worker diffusers): " in tool.text
    call_command("check_model", name, "--worker", "ollama", "--accelerator", "RTX 4090")
    assert "Engines: Another engine takes it: Diffusers (" in capsys.readouterr().out
    there = client.get(f"/api/v1/models/{name}", {**asked, "worker": told["slug"]}).json()
    assert there["compatibility"] == told["compatibility"]
    assert there["otherEngines"] == []


def test_a_build_that_only_might_fit_is_not_called_the_one_to_take(client):
    here = {"worker": "mlx-lm", "accelerator": "Apple M1", "memory": "8"}
    page = Page(client.get(PHI, here))
    assert "Would need 6.3 GiB at 16 bits a weight, more than the 5.3 GiB here." in page.text
    assert "The first to try" in page.text
    assert "6.3 GiB of 5.3 GiB usable, too much at 16 bits a weight" in page.text
    assert "Take this" not in page.text
    assert not page.classed("accent")
    assert "Take this" in Page(client.get(PHI, {**here, "memory": "16"})).text


def test_the_one_change_that_makes_it_run_is_told_beside_another_build_that_runs(client, monkeypatch):
    address = "/models/RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8/?worker=vllm&accelerator=RTX+4070&ram=64"
    assert "One change makes it run here: " in Page(client.get(address)).text
    monkeypatch.setattr(DetailPage, "surer", property(lambda page: page.alternatives[0]))
    assert "One change makes it run here: " in Page(client.get(address)).text


def test_of_what_writes_nothing_no_speed_is_missed(client):
    page = Page(client.get("/models/BAAI/bge-m3/?worker=transformers&accelerator=RTX+4090"))
    assert page.classed("take-facts")
    assert "no number" not in page.text
    assert "No speed" not in page.text


def test_of_files_that_are_not_listed_the_engine_takes_one_and_that_is_said(client):
    files = sample("TheBloke/phi-2-GGUF", tags=["base_model:quantized:microsoft/phi-2", "gguf"], siblings=[])
    sync.store_raw([("TheBloke/phi-2-GGUF", files)], origin="file")
    page = Page(client.get("/models/TheBloke/phi-2-GGUF/?worker=ollama&accelerator=RTX+4090"))
    assert "Our record does not list its files: Ollama takes Q4_K_M where there is one, else another." in page.text
    assert "ollama run hf.co/TheBloke/phi-2-GGUF" in page.text
    other = Page(client.get("/models/TheBloke/phi-2-GGUF/?worker=lm-studio&accelerator=RTX+4090"))
    assert "a command would fetch all that the repository holds" in other.text


def test_in_place_of_what_hears_nothing_is_offered_that_only_reads(client):
    name = "packer/qwen3-asr-0.6b-GGUF"
    files = {"id": name, "pipeline_tag": "automatic-speech-recognition", "siblings": [{"rfilename": "asr-q4_k.gguf"}]}
    original = {"id": "Qwen/Qwen3-ASR-0.6B", "config": {"model_type": "qwen3_asr"}, "tags": ["safetensors"]}
    assert sync.store_raw([("", original), ("", files)], origin="file").new == 2
    asked = {"worker": "ollama", "memory": "12"}
    packed = client.get(f"/models/{name}/", asked).context["page"]
    assert packed.result.compatible
    assert is_text_only(packed.result)
    page = client.get("/models/openai/whisper-large-v3/", asked).context["page"]
    assert not page.result.compatible
    assert name not in {row.record.repo_id for row in page.alternatives}


def test_what_the_engine_does_not_read_as_it_seems_to_be_packed_is_not_called_the_one_to_take(client):
    packed = sample("microsoft/phi-2", id="packer/phi-2-EXL3", cardData=None, tags=None)
    assert sync.store_raw([("", packed)], origin="file").new == 1
    response = client.get("/models/packer/phi-2-EXL3/", {"worker": "vllm", "memory": "24"})
    page, shown = Page(response), response.context["page"]
    assert (shown.result.compatible, shown.result.unread) == (True, True)
    assert "The first to try" in page.text
    assert "Take this" not in page.text
    assert "Take this" in Page(client.get(PHI, {"worker": "vllm", "memory": "24"})).text
