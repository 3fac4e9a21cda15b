"""What our record does not tell is said to be so by every door, and never shown as open, none or nothing."""

from __future__ import annotations

import json
import re

import pytest
from django.utils import timezone

from compat import extract_model_metadata, get_huggingface_model
from compat.ingest import store as sync
from compat.models import ModelRecord
from marketplace import show
from marketplace.assistant import tools
from marketplace.static_site import export
from tests.markup import Page
from tests.samples import record

pytestmark = pytest.mark.django_db
SILENT, FREE, TERMS, APPROVAL = "sample/silent", "sample/free", "sample/terms", "sample/approval"
GATES = {SILENT: None, FREE: False, TERMS: "auto", APPROVAL: "manual"}


@pytest.fixture(autouse=True)
def _stored():
    """The same model four times: without what is not said, and with every gate."""
    known = {"cardData": {"license": "mit"}, "downloads": 0, "likes": 0, "lastModified": "2026-05-04T03:02:01.000Z"}
    items = [record("microsoft/phi-2", id=name, gated=gate, **known, _source={}) for name, gate in GATES.items()]
    for name in (*known, "createdAt", "gated", "tags"):
        items[0].pop(name, None)
    sync.store_raw([(item["id"], item) for item in items], origin="file")


def rows(client, query):
    """The line of text of each model in a list, without why it stands there."""
    page = client.get(f"/models/?q=sample/&{query}").content.decode()
    found = re.findall(r'<li class="row.*?</li>', page, re.DOTALL)
    texts = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]
    return {re.match(r"sample/ ?(\S+)", text)[1]: text.partition(" Why this place")[0] for text in texts}


def facts(client, repo_id):
    """The facts of a model's page, by name."""
    page = client.get(f"/models/{repo_id}/").content.decode()
    listed = re.search(r'<dl class="facts">(.*?)</dl>', page, re.DOTALL)[1]
    told = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", listed, re.DOTALL)
    plain = [[" ".join(re.sub(r"<[^>]+>", " ", part).split()) for part in one] for one in told]
    return {NAMED.match(name)[0]: value for name, value in plain}


def test_a_row_says_what_its_record_lacks(client):
    found = rows(client, "compatible=false")
    assert "Licence and access not in our record" in found["silent"]
    assert found["silent"].endswith("not in our record")  # where downloads and likes would be
    assert all("asks for terms" in found[name] for name in ("terms", "approval"))
    for name in ("free", "terms", "approval"):
        assert "MIT" in found[name]
        assert "not in our record" not in found[name].partition("Parameters")[0]
    assert not any("asks for terms" in found[name] for name in ("free", "silent"))
    assert not any(re.search(r"\b(open|none|0)\b", text, re.IGNORECASE) for text in [found["silent"]])


def test_a_page_says_what_its_record_lacks(client):
    told = facts(client, SILENT)
    for name in ("Licence", "Access", "Downloads", "Likes", "On the Hub since", "Changed there"):
        assert told[name] == "Not in our record", name
    told = facts(client, FREE)
    assert (told["Licence"], told["Access"], told["Downloads"]) == ("MIT", "Open", "0")
    assert told["Changed there"] == "4 May 2026"
    assert facts(client, TERMS)["Access"] == "Terms to accept"
    assert facts(client, APPROVAL)["Access"] == "Approval needed"


def test_files_that_are_not_listed_are_not_in_our_record(client):
    sync.store_raw([("1", {"id": "sample/bare"})], origin="file")
    assert "The repository's files are not in our record." in Page(client.get("/models/sample/bare/")).text


@pytest.mark.parametrize(("gated", "expected"), [("true", [APPROVAL, TERMS]), ("false", [FREE]), ("unknown", [SILENT])])
def test_a_list_is_narrowed_by_each_of_three_gates_everywhere(client, gated, expected):
    asked = f"author=sample&compatible=false&sort=name&gated={gated}"
    page = client.get(f"/models/?{asked}").context["page"]
    assert [row.record.repo_id for row in page.rows] == expected
    assert [item["id"] for item in client.get(f"/api/v1/models?{asked}").json()["items"]] == expected
    told = tools.call_tool("find_models", {"author": ["sample"], "compatible": "false", "sort": "name", "gated": gated})
    assert [item["id"] for item in told.structured["items"]] == expected


@pytest.mark.parametrize("repo_id", GATES)
def test_the_api_tells_the_gate_as_the_hub_would_and_null_where_nobody_told_it(client, repo_id):
    assert client.get(f"/api/v1/models/{repo_id}").json()["gated"] == GATES[repo_id]
    assert client.get(f"/api/v1/models?q={repo_id}").json()["items"][0]["gated"] == GATES[repo_id]
    hub = client.get(f"/api/models/{repo_id}").json()
    assert ("gated" in hub) == (GATES[repo_id] is not None)
    assert hub.get("gated") == GATES[repo_id]


def test_the_hub_compatible_list_takes_no_unknown_gate_for_open(client):
    for gated, expected in (("true", {TERMS, APPROVAL}), ("false", {FREE})):
        found = client.get(f"/api/models?author=sample&gated={gated}").json()
        assert {item["id"] for item in found} == expected


def test_an_assistant_is_told_of_three_gates():
    words = {
        SILENT: "Access: not in our record.",
        FREE: "Access: open.",
        TERMS: "Access: terms to accept on the Hub before a download.",
        APPROVAL: "Access: an approval to ask for on the Hub before a download.",
    }
    for repo_id, sentence in words.items():
        told = tools.call_tool("does_it_run", {"model": repo_id})
        assert told.structured["gated"] == GATES[repo_id]
        assert sentence in told.text.split("\n")
    listed = tools.call_tool("find_models", {"q": SILENT}).text
    assert "licence not in our record, access: not in our record" in listed


def test_plain_files_say_the_same(tmp_path):
    export(tmp_path / "dist", 1000, "", lambda total: lambda done: None, "")
    for repo_id, gate in GATES.items():
        folder = tmp_path / "dist/models" / repo_id.replace("/", "--")
        assert json.loads((folder / "model.json").read_text("utf-8"))["gated"] == gate
    assert "Not in our record" in (tmp_path / "dist/models/sample--silent/index.html").read_text("utf-8")


# --- of when -------------------------------------------------------------------------------------------------------


def sourced(name, **notes):
    """A record whose fields have notes of where they are from."""
    return record("microsoft/phi-2", id=f"sample/{name}", downloads=12345, likes=67, _source=notes)


def words(client, address):
    """The text of a page, in one line."""
    return " ".join(Page(client.get(address)).text.split())


def plain_day(date):
    return show.day(date).replace("\N{NO-BREAK SPACE}", " ")


def test_a_list_says_of_when_its_facts_are_and_not_when_it_was_loaded(client):
    text = words(client, "/models/?compatible=false")
    known = sorted(ModelRecord.objects.exclude(as_of="").values_list("as_of", flat=True))
    assert f"Facts recorded between {plain_day(known[0])} and {plain_day(known[-1])}." in text
    assert not re.search(r"updated|just now|minutes? ago", text)
    sync.store_raw([("1", sourced("older", config="a list of 1999", downloads="a list, 2011-04"))], origin="file")
    sync.store_raw([("2", sourced("newer", config="a list of 2099-05-06"))], origin="file")
    assert "Facts recorded between Apr 2011 and 6 May 2099." in words(client, "/models/?compatible=false")
    assert "Facts recorded between Apr 2011 and 6 May 2099" in words(client, "/")


def test_numbers_of_an_old_list_are_not_of_the_day_of_the_newest_fact(client):
    sync.store_raw([("1", sourced("mixed", config="a list, 2026-10", downloads="a list of 2023"))], origin="file")
    assert "2026" not in rows(client, "compatible=false")["mixed"]
    told = facts(client, "sample/mixed")
    assert told["Downloads"] == "12,345 a list of 2023"
    assert told["Likes"] == "67"
    text = words(client, "/models/sample/mixed/")
    assert "Facts recorded until Oct 2026, from an imported file" in text


def test_facts_without_a_date_have_none(client):
    assert client.get(f"/api/v1/models/{SILENT}").json()["asOf"] is None
    sync.store_raw([("1", {"id": "sample/bare"})], origin="file")
    text = words(client, "/models/sample/bare/")
    assert "Facts recorded on a date not in our record, from an imported file" in text
    told = tools.call_tool("does_it_run", {"model": "sample/bare"}).text
    assert "Record: facts recorded on a date not in our record, from an imported file." in told


def test_a_record_that_the_hub_answered_for_is_of_that_day(client):
    sync.store_raw([("1", record("microsoft/phi-2", id="sample/asked", _source={}))], origin="hub")
    today = timezone.now().date().isoformat()
    assert client.get("/api/v1/models/sample/asked").json()["asOf"] == today
    text = words(client, "/models/?compatible=false")
    assert f"and {plain_day(today)}." in text


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (("2023", "2026-10"), "between 2023 and Oct 2026"),
        (("2026-10", "2026-10"), "in Oct 2026"),
        (("2026", "2026"), "in 2026"),
        (("2026-10-03", "2026-10-03"), "on 3 Oct 2026"),
    ],
)
def test_dates_are_told_as_exactly_as_they_are_known(dates, words):
    assert show.between(dates).replace("\N{NO-BREAK SPACE}", " ") == words


NAMED = re.compile(r"Changed there|On the Hub since|\w+(?= |$)")
"""The name of a fact; what it means may stand behind it."""

# --- by the name alone -----------------------------------------------------------------------------------------------


def test_a_count_by_the_name_alone_is_marked_alike_by_every_door(client, tmp_path):
    named = {"id": "sample/llama-7b", "config": {"model_type": "llama"}, "tags": ["safetensors"], "downloads": 10**9}
    sync.store_raw(
        [("1", named), ("2", {**named, "id": "sample/llama-8b", "safetensors": {"total": 8030261248}})], origin="file"
    )
    texts = {"sample/llama-7b": "~7.0B", "sample/llama-8b": "8.0B"}
    shown = rows(client, "compatible=false")
    for repo_id, text in texts.items():
        guessed = text.startswith("~")
        assert f" {text} " in shown[repo_id.rpartition("/")[2]]
        page = client.get(f"/models/{repo_id}/").content.decode()
        assert f"<span>{text} parameters</span>" in page
        told = facts(client, repo_id)["Parameters"]
        assert told.startswith(f"{text} guessed from the name" if guessed else "8.0B (8,030,261,248) ")
        for item in (
            client.get(f"/api/v1/models/{repo_id}").json(),
            client.get(f"/api/v1/models?q={repo_id}&compatible=false").json()["items"][0],
            client.get(f"/api/v1/models/{repo_id}/compatibility").json(),
        ):
            assert item["metadata"]["parameters"] == text
            assert ("parameters" in item["guessed"]) == guessed
        assert text in tools.call_tool("find_models", {"q": repo_id, "compatible": "false"}).text
        assert extract_model_metadata(get_huggingface_model(repo_id)).parameters == text
    judged = client.post(
        "/api/v1/compatibility/check", json.dumps({"model": named}), content_type="application/json"
    ).json()
    assert judged["metadata"]["parameters"] == "~7.0B"
    assert "parameters" in judged["guessed"]
    export(tmp_path / "dist", 1000, "", lambda total: lambda done: None, "")
    index = json.loads((tmp_path / "dist/models/index.json").read_text("utf-8"))["models"]
    assert {id_: parameters for id_, _, parameters, _ in index if id_ in texts} == texts
