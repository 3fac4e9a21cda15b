"""The field for one's machine: any spelling leads to the page with the machine in its address, and the rest is told."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from compat.models import SiteWorker
from marketplace.machines import MOST
from tests.markup import Page

pytestmark = pytest.mark.django_db

FIELD = "/machine/read/"
SMI = "GPU 0: NVIDIA GeForce RTX 3090 (UUID: GPU-1)\nGPU 1: NVIDIA GeForce RTX 3090 (UUID: GPU-2)\n"


def led_to(response):
    """The path and the parameters that an answer leads to."""
    assert response.status_code == 302, response.content[:500]
    address = urlsplit(response["Location"])
    assert not address.netloc
    return address.path, {name: values[-1] for name, values in parse_qs(address.query).items()}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("4070 and 32 GB", {"accelerator": "RTX 4070", "ram": "32"}),
        ("M3 Max 64GB", {"accelerator": "Apple M3 Max", "memory": "64"}),
        ("2x3090 64GB ram", {"accelerator": "RTX 3090", "count": "2", "ram": "64"}),
        (SMI, {"accelerator": "RTX 3090", "count": "2"}),
    ],
)
def test_what_is_typed_or_pasted_leads_on_with_the_machine_in_the_address(client, text, told):
    asked = {"machine": text, "worker": "ollama", "context": "8192", "next": "/models/", "q": "qwen"}
    for send in (client.post, client.get):
        path, parameters = led_to(send(FIELD, asked))
        assert path == "/models/"
        assert parameters == {"worker": "ollama", "context": "8192", "q": "qwen", **told}
    page = client.get(send(FIELD, asked)["Location"])
    assert page.status_code == 200
    assert parse_qs(page.cookies["worker"].value)["accelerator"] == [told["accelerator"]]


def test_the_machine_stands_in_full_in_the_header(client):
    page = Page(client.get("/models/?worker=vllm&accelerator=2x3090&ram=64&context=32768"))
    assert "vLLM · 32k" in page.text
    assert "2x RTX 3090, 64 GB RAM" in page.text
    assert "Tell your machine" in Page(client.get("/models/?worker=rbee")).text


def test_the_header_s_form_reads_what_it_shows_as_the_same_machine(client):
    query = "worker=vllm&accelerator=RTX+3090&count=2&ram=64&context=32768&q=qwen"
    page = Page(client.get(f"/models/?{query}"))
    form = page.form_to(FIELD)
    assert form.method == "post"
    fields = {**form.fields, "context": "32768", "worker": "vllm"}
    path, told = led_to(client.post(FIELD, fields))
    assert path == "/models/"
    assert told == {name: values[-1] for name, values in parse_qs(query).items()}


def test_a_machine_that_may_be_several_is_the_least_and_offers_the_others(client):
    response = client.get("/models/?worker=ollama&accelerator=RTX+3060&q=qwen")
    page = Page(response)
    assert "RTX 3060 8 GB is taken, the least" in page.text
    offered = [link for link in page.links if "RTX+3060+12+GB" in link]
    assert offered
    chosen = client.get(offered[0])
    assert chosen.context["page"].worker.machine.accelerator == "RTX 3060 12 GB"
    assert chosen.context["criteria"].q == "qwen"
    small = client.get("/models/?worker=ollama&accelerator=RTX+3060+8+GB&q=qwen")
    assert response.context["page"].total == small.context["page"].total
    assert "is taken, the least" not in Page(chosen).text
    assert "M3 Max 64 GB unified memory" in Page(client.get("/models/?worker=mlx-lm&accelerator=M3+Max&memory=64")).text
    mac = Page(client.get("/models/?worker=mlx-lm&accelerator=M3+Max"))
    assert "36 GB is taken, the least" in mac.text


def test_what_is_not_understood_is_named_and_kept_with_near_ones(client):
    response = client.post(FIELD, {"machine": "RTX 4071 and 32 GB", "next": "/report/", "worker": "vllm"})
    page = Page(response)
    assert response.status_code == 422
    assert "Not understood: “RTX 4071”" in page.text
    near = next(link for link in page.links if "RTX+4070+and+32" in link)
    assert led_to(client.get(near)) == ("/report/", {"worker": "vllm", "accelerator": "RTX 4070", "ram": "32"})
    assert "RTX 4071 and 32 GB" in page.text
    assert page.forbidden == []


def test_what_nothing_is_near_to_is_told_how_to_be_written(client):
    page = Page(client.post("/machine/read/", {"machine": "a toaster", "next": "/models/"}))
    assert "Not understood: “a toaster”" in page.text
    assert "Or paste what nvidia-smi" in page.text.split("Say it again")[1]


def test_each_part_that_is_not_understood_has_near_ones_of_its_own(client):
    page = Page(client.post(FIELD, {"machine": "RTX 4071, RX 7901 XTX", "next": "/models/"}))
    offered = " ".join(page.links)
    assert "machine=RTX+4071%2C+RX+7900+XTX" in offered
    assert "machine=RTX+4070%2C+RX+7901+XTX" in offered


def test_what_was_understood_of_more_can_be_used(client):
    response = client.post(FIELD, {"machine": "4070 frobnicate", "next": "/models/"})
    page = Page(response)
    assert response.status_code == 200
    assert "Not understood: “frobnicate”" in page.text
    assert "/models/?worker=auto&accelerator=RTX+4070" in page.links


def test_a_size_alone_is_asked_about(client):
    page = Page(client.post(FIELD, {"machine": "24 GB", "next": "/models/"}))
    assert {"/models/?worker=auto&memory=24", "/models/?worker=auto&ram=24"} <= set(page.links)


def test_a_machine_that_none_is_is_refused(client):
    response = client.post(FIELD, {"machine": "2x M3 Max 64GB"})
    assert "A machine has one Apple M3 Max" in Page(response).text
    assert "Use this machine" not in Page(response).text
    page = Page(client.post(FIELD, {"machine": "99x 4090"}))
    assert "“99” is no number of accelerators: use a whole number from 1 to 16" in page.text
    assert "Use this machine" not in page.text
    assert any("machine=16x+4090" in link for link in page.links)


def test_a_mac_and_a_card_of_a_pc_are_two_machines_to_choose_from(client):
    response = client.post(FIELD, {"machine": "M3 Max 64GB and RTX 4090", "next": "/machine/"})
    page = Page(response)
    assert response.status_code == 422
    assert "Which machine is meant?" in page.text
    assert "RTX 4090 and Apple M3 Max are not in one machine: choose one." in page.text
    offered = [link for link in page.links if link.startswith(FIELD)]
    assert [led_to(client.get(link)) for link in offered] == [
        ("/machine/", {"worker": "auto", "accelerator": "RTX 4090"}),
        ("/machine/", {"worker": "auto", "accelerator": "Apple M3 Max", "memory": "64"}),
    ]
    back = Page(client.post(FIELD, {"machine": "M3 Max 64GB and RTX 4090"}, headers={"HX-Request": "true"}))
    assert "Understood" not in back.text
    assert any("machine=Apple+M3+Max+64+GB" in link for link in back.links)


def test_of_a_mac_without_its_chip_each_that_was_sold_with_its_memory_is_a_click_away(client):
    response = client.post(FIELD, {"machine": "Mac mini 16GB", "next": "/machine/", "worker": "mlx-lm"})
    page = Page(response)
    assert response.status_code == 422
    assert "Which chip does the Mac mini have?" in page.text
    assert "GB of what?" not in page.text
    offered = [link for link in page.links if link.startswith(FIELD)]
    assert [led_to(client.get(link)) for link in offered] == [
        ("/machine/", {"worker": "mlx-lm", "accelerator": f"Apple {chip}", "memory": "16"})
        for chip in ("M1", "M2", "M2 Pro", "M4")
    ]
    back = Page(client.post(FIELD, {"machine": "Mac mini 16GB"}, headers={"HX-Request": "true"}))
    assert "Which chip does the Mac mini have?" in back.text


def test_what_was_left_out_is_said_on_the_page_it_leads_to(client):
    answer = client.post(FIELD, {"machine": "Radeon 780M 32GB + RTX 4070, 1TB SSD", "next": "/models/"})
    page = Page(client.get(answer["Location"]))
    assert "Radeon 780M is left out" in page.text
    assert "1TB SSD is left out" in page.text
    client.cookies["language"] = "de"
    answer = client.post(FIELD, {"machine": "laptop 4060, 512GB SSD, 32GB", "next": "/models/"})
    page = Page(client.get(answer["Location"]))
    assert "In einem Laptop ist es die RTX 4060 Laptop" in page.text
    assert "512GB SSD bleibt weg" in page.text


@pytest.mark.parametrize("address", ["/models/", "/api/v1/models", "/api/models"])
@pytest.mark.parametrize("name", ["accelerator", "beside"])
def test_every_door_says_what_is_wrong_with_how_many(client, address, name):
    asked = {"accelerator": "4090", name: "-3x3060"} | ({"runs_on": "ollama"} if address == "/api/models" else {})
    response = client.get(address, asked)
    assert response.status_code == 400
    assert "is no number of accelerators: use a whole number from 1 to 16" in response.content.decode()


def test_an_empty_field_takes_the_machine_away(client):
    assert led_to(client.post(FIELD, {"machine": " ", "worker": "vllm", "next": "/"})) == ("/", {"worker": "vllm"})


@pytest.mark.parametrize(
    "next_path",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "x", "/a?b=c"],
)
def test_it_leads_to_no_other_site(client, next_path):
    path, _ = led_to(client.post(FIELD, {"machine": "4070", "next": next_path}))
    assert path == "/models/"


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "\0" * 50, "x" * 70_000, "| 0 NVIDIA " * 6000, "\ud7ff\u202e"]
)
def test_hostile_text_is_answered_as_any_other(client, text):
    response = client.post(FIELD, {"machine": text})
    assert response.status_code in (302, 422)
    assert b"<script>alert" not in response.content


def test_too_much_text_is_told(client):
    response = client.post(FIELD, {"machine": "x" * 3_000_000})
    assert response.status_code == 400
    assert "too much text" in Page(response).text


def test_while_it_is_typed_htmx_gets_what_is_understood_and_what_may_follow(client):
    response = client.post(f"{FIELD}?place=home-machine", {"machine": "rtx 407"}, headers={"HX-Request": "true"})
    page = Page(response)
    assert response.status_code == 200
    assert "<html" not in response.content.decode()
    assert 'id="home-machine-back"' in response.content.decode()
    assert "RTX 4070" in page.text
    whole = client.post(FIELD, {"machine": "RTX 3060"}, headers={"HX-Request": "true"})
    assert "Understood: RTX 3060" in Page(whole).text
    assert "the least" in Page(whole).text
    assert client.post(FIELD, {"machine": ""}, headers={"HX-Request": "true"}).status_code == 200
    assert "no-store" in response["Cache-Control"]


def test_machines_are_kept_by_name_used_and_forgotten(client):
    asked = {"machine": "2x3090 64GB ram", "keep_as": " desk  top ", "worker": "vllm", "next": "/models/"}
    client.get(client.post(FIELD, asked)["Location"])
    client.get(client.post(FIELD, {"machine": "M3 Max 64GB", "keep_as": "laptop", "next": "/"})["Location"])
    page = Page(client.get("/models/"))
    assert page.text.index("laptop") < page.text.index("desk top")
    path, told = led_to(
        client.post(FIELD, {"kept": "desk top", "worker": "ollama", "next": "/report/", "machine": "x"})
    )
    assert path == "/report/"
    assert told == {"worker": "ollama", "accelerator": "RTX 3090", "count": "2", "ram": "64"}
    response = client.post(FIELD, {"forget": "desk top", "machine": "4070", "next": "/models/"})
    assert led_to(response) == ("/models/", {"accelerator": "RTX 4070"})
    assert "desk top" not in Page(client.get("/models/")).text
    client.post(FIELD, {"forget": "laptop", "machine": "4070"})
    assert "laptop" not in Page(client.get("/models/")).text


def test_a_page_with_kept_machines_is_its_visitor_s_alone(client):
    client.post(FIELD, {"machine": "4070", "keep_as": "desk"})
    assert client.get("/models/")["Cache-Control"] == "private, no-cache"


def test_no_more_machines_are_kept_than_a_cookie_holds(client):
    for number in range(MOST + 3):
        client.post(FIELD, {"machine": "4070", "keep_as": f"machine {number}"})
    kept = client.get("/").context["worker"].kept
    assert list(kept) == [f"machine {number}" for number in range(MOST + 2, 2, -1)]


def test_the_oldest_machines_give_way_where_a_cookie_is_full(client):
    long = {"machine": "1x Snapdragon X Elite X1E-00-1DE, 64 GB at 135.5 GB/s", "next": "/"}
    names = ["\U0001f5a5" * 29 + str(number) for number in range(MOST)]
    for name in names:
        client.post(FIELD, {**long, "keep_as": name})
    kept = list(client.get("/").context["worker"].kept)
    assert 1 < len(kept) < MOST
    assert kept == names[::-1][: len(kept)]


@pytest.mark.parametrize(
    "cookie", ["x", "a=b&c", "%00=%FF", "a=accelerator%3Dnonsense", "x" * 5000, "desk=worker%3Dnope"]
)
def test_a_cookie_that_makes_no_sense_breaks_nothing(client, cookie):
    client.cookies["machines"] = cookie
    assert client.get("/models/").status_code == 200
    response = client.post(FIELD, {"kept": "a", "next": "/models/"})
    assert led_to(response)[0] == "/models/"


def test_a_worker_of_the_operator_is_not_taken_for_the_visitor_s_machine(client):
    SiteWorker.objects.create(slug="big", name="Big box", engine="vllm", accelerator="V100", published=True)
    page = Page(client.get("/models/?worker=big"))
    assert "Big box" in page.text
    assert "is taken, the least" not in page.text
    assert page.form_to(FIELD).fields["machine"] == ""


@pytest.mark.parametrize(
    "address",
    [
        "/models/",
        "/api/v1/models",
        "/api/models",
        "/report/",
        "/workers/",
        "/lists/",
        "/models/microsoft/phi-2/",
        "/compare/",
    ],
)
@pytest.mark.parametrize("spelled", ["4070", "NVIDIA GeForce RTX 4070", "RTX 3060", "gfx1100", "2x3090", "M3 Max 64GB"])
def test_every_door_understands_every_spelling(client, address, spelled):
    asked = {"accelerator": spelled} | ({"runs_on": "ollama"} if address == "/api/models" else {"worker": "ollama"})
    assert client.get(address, asked).status_code == 200


def test_the_api_says_which_machine_was_understood_and_what_was_assumed(client):
    machine = client.get("/api/v1/models?worker=ollama&accelerator=2x3060&limit=1").json()["worker"]["machine"]
    assert (machine["accelerator"], machine["count"]) == ("RTX 3060", 2)
    assert "8 GB is taken, the least" in machine["assumed"]
    told = client.get("/api/v1/models?worker=ollama&accelerator=RTX+3060&memory=12&limit=1").json()["worker"]["machine"]
    assert (told["accelerator"], told["assumed"]) == ("RTX 3060 12 GB", "")


def test_two_numbers_of_one_machine_are_told(client):
    response = client.get("/models/?accelerator=2x3090&count=4")
    assert response.status_code == 400
    assert "which is meant" in Page(response).text


def test_what_describes_a_worker_of_a_list_in_the_hub_s_form_needs_its_name(client):
    response = client.get("/api/models?accelerator=4070")
    assert response.status_code == 400
    assert "runs_on=" in response.json()["error"]
    small, large = (
        client.get(f"/api/models?runs_on=llama-cpp&accelerator={card}&limit=1000").json()
        for card in ("GTX 1650", "H100")
    )
    assert 0 < len(small) < len(large)


SUITED = [
    ("RTX 4070", "ollama"),
    ("Processor with 64 GB RAM", "ollama"),
    ("2x RTX 3090", "llama-cpp"),
    ("RTX 3090 + RTX 3060 12 GB", "llama-cpp"),
    ("H100", "vllm"),
    ("8x H100", "vllm"),
    ("MI300X", "vllm"),
    ("M3 Max 64GB", "mlx-lm"),
    ("Arc A770", "ollama"),
    ("24 GB VRAM", "ollama"),
]


@pytest.mark.parametrize(("text", "engine"), SUITED)
def test_who_names_no_engine_gets_one_that_suits_with_lines_and_speeds(client, text, engine):
    answer = client.post(FIELD, {"machine": text, "worker": "auto", "next": "/machine/"})
    path, told = led_to(answer)
    assert (path, told["worker"]) == ("/machine/", "auto")
    assert client.get(answer["Location"]).context["page"].worker.slug == engine


def test_a_chosen_engine_is_said_to_be_with_the_others_a_click_away(client):
    answer = client.post(FIELD, {"machine": "RTX 4070", "worker": "", "next": "/machine/"})
    page = Page(client.get(answer["Location"]))
    assert "You named no engine, so Ollama was chosen for RTX 4070." in page.text
    assert "/machine/?worker=llama-cpp&accelerator=RTX+4070" in page.links
    again = Page(client.get(answer["Location"]))
    assert "You named no engine" not in again.text
    assert "To begin with we suggest Ollama here." in again.text


def test_a_choice_that_changes_nothing_is_said_once(client):
    first = client.post(FIELD, {"machine": "2x3090", "worker": "", "next": "/models/"})
    assert "You named no engine" in Page(client.get(first["Location"])).text
    again = client.post(FIELD, {"machine": "2x3090", "worker": "", "context": "4096", "next": "/models/"})
    assert "You named no engine" not in Page(client.get(again["Location"])).text


def typed(client, text, page="/models/"):
    """The page that somebody comes to who types a machine into the menu of another one, without JavaScript."""
    menu = Page(client.get(page)).form_to(FIELD)
    answer = client.post(FIELD, {**menu.fields, "machine": text})
    return client.get(answer["Location"])


def engine_of(response):
    return response.context["worker"].worker.slug


@pytest.mark.parametrize("page", ["/models/", "/machine/", "/", "/models/microsoft/phi-2/", "/report/", "/workers/"])
def test_an_engine_that_nobody_named_is_chosen_anew_for_another_machine(client, page):
    assert engine_of(typed(client, "RTX 4070", page)) == "ollama"
    assert engine_of(client.get(page)) == "ollama"
    assert engine_of(typed(client, "M3 Max 64GB", page)) == "mlx-lm"
    assert engine_of(typed(client, "2x3090", page)) == "llama-cpp"
    assert engine_of(typed(client, "8x H100", page)) == "vllm"


@pytest.mark.parametrize("engine", ["vllm", "llama-cpp", "rbee", "ollama"])
def test_an_engine_that_was_named_is_kept_for_another_machine(client, engine):
    client.get("/models/", {"worker": engine, "accelerator": "RTX 4070"})
    assert Page(client.get("/")).form_to(FIELD).fields["worker"] == engine
    assert engine_of(typed(client, "M3 Max 64GB")) == engine
    assert engine_of(typed(client, "8x H100", "/machine/")) == engine


@pytest.mark.parametrize("engine", ["vllm", "rbee"])
def test_an_engine_that_was_named_before_any_machine_is_kept(client, engine):
    client.get("/models/", {"worker": engine})
    assert engine_of(typed(client, "M3 Max 64GB", "/lists/")) == engine


def test_an_engine_that_is_chosen_from_the_others_is_named_from_then_on(client):
    typed(client, "RTX 4070")
    choice = client.get("/models/").context["worker"]
    client.get(f"/models/?{choice.engines['llama.cpp']}")
    assert engine_of(typed(client, "M3 Max 64GB")) == "llama-cpp"


def test_a_link_that_somebody_shares_names_no_more_than_they_did(client):
    shared = typed(client, "RTX 4070").wsgi_request.get_full_path()
    client.cookies.clear()
    assert engine_of(client.get(shared)) == "ollama"
    assert engine_of(typed(client, "M3 Max 64GB")) == "mlx-lm"


def test_a_bookmark_without_an_engine_means_the_first_and_stays_so(client):
    client.get("/models/", {"accelerator": "RTX 4070"})
    assert engine_of(typed(client, "M3 Max 64GB")) == "rbee"


def test_kept_machines_have_each_the_engine_that_suits_it(client):
    client.post(FIELD, {"machine": "RTX 4070", "keep_as": "desk"})
    client.post(FIELD, {"machine": "M3 Max 64GB", "keep_as": "laptop"})
    for name, engine in (("desk", "ollama"), ("laptop", "mlx-lm"), ("desk", "ollama")):
        menu = Page(client.get("/models/")).form_to(FIELD)
        answer = client.post(FIELD, {**menu.fields, "kept": name})
        assert engine_of(client.get(answer["Location"])) == engine


def test_a_machine_that_is_taken_away_takes_the_chosen_engine_with_it(client):
    typed(client, "RTX 4070")
    assert engine_of(typed(client, "")) == "rbee"
    assert engine_of(typed(client, "M3 Max 64GB")) == "mlx-lm"


@pytest.mark.parametrize(
    "path", ["/", "/models/", "/machine/", "/models/microsoft/phi-2/", "/compare/", "/machine/for/?m=microsoft/phi-2"]
)
def test_no_link_or_form_of_a_page_names_an_engine_that_nobody_named(client, path):
    typed(client, "RTX 4070 and 32 GB")
    response = client.get(path)
    page = Page(response)
    shown = {urlsplit(f"?{query}").query for query in response.context["worker"].engines.values()}
    shown |= {one.question.query() for one in getattr(response.context.get("page"), "engines", ())}
    told = [(link, parse_qs(urlsplit(link).query)) for link in page.links]
    named = {link for link, asked in told if asked.get("worker", ["auto"]) == ["ollama"]}
    assert not {link for link in named if urlsplit(link).query not in shown}
    assert any(asked.get("worker") == ["auto"] for _, asked in told)
    assert all(form.fields.get("worker", "auto") == "auto" for form in page.forms)


def test_a_chosen_engine_has_what_is_asked_of_its_cache(client):
    for asked, engine in (({"kv": "q4_1"}, "llama-cpp"), ({"kv": "fp8"}, "vllm"), ({"ubatch": 256}, "ollama")):
        page = client.get("/models/", {"worker": "auto", "accelerator": "RTX 4070", **asked})
        assert (page.status_code, engine_of(page)) == (200, engine)
    refused = client.get("/models/", {"worker": "auto", "accelerator": "RTX 4070", "kv": "fp8", "ubatch": 256})
    assert refused.status_code == 400


def test_programs_can_leave_the_choice_to_the_machine_as_well(client):
    machine = {"accelerator": "M3 Max 64GB", "worker": "auto", "limit": 1}
    assert client.get("/api/v1/models", machine).json()["worker"]["slug"] == "mlx-lm"
    hub = {"runs_on": "auto", "accelerator": "M3 Max 64GB", "limit": 1}
    assert client.get("/api/models", hub).status_code == 200
    assert client.get("/api/v1/models", {"worker": "auto", "limit": 1}).json()["worker"]["slug"] == "rbee"


@pytest.mark.parametrize("next_", ["/", "/models/", "/models/microsoft/phi-2/", "/compare/", "/lists/"])
def test_it_is_said_on_whatever_page_it_leads_to(client, next_):
    answer = client.post(FIELD, {"machine": "RTX 4070", "next": next_})
    assert Page(client.get(answer["Location"])).text.count("You named no engine") == 1


def test_who_names_rbee_keeps_it_and_is_told_what_else_there_is(client):
    _, told = led_to(client.post(FIELD, {"machine": "8x H100", "worker": "rbee", "next": "/machine/"}))
    assert told["worker"] == "rbee"
    page = Page(client.get("/machine/", told))
    assert page.title.startswith("What can I run? rbee")
    assert "You named no engine" not in page.text
    assert "we suggest vLLM here" in page.text
    form = page.form_to("/machine/read/")
    assert form.fields["worker"] == "rbee"


def test_where_no_machine_is_told_the_choice_is_left_to_the_machine(client):
    for path in ("/", "/machine/", "/models/"):
        assert Page(client.get(path)).form_to("/machine/read/").fields["worker"] == "auto"
    assert Page(client.get("/", {"worker": "vllm"})).form_to("/machine/read/").fields["worker"] == "vllm"


def test_an_address_without_an_engine_means_what_it_meant_everywhere(client):
    machine = {"accelerator": "RTX 4070"}
    page = client.get("/models/microsoft/phi-2/", machine).context["page"]
    told = client.get("/api/v1/models/microsoft/phi-2/compatibility", machine).json()
    assert page.worker.profile.slug == "rbee"
    assert told["confidence"] == page.result.confidence
