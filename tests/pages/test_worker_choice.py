"""A visitor's own machine: told in the address, kept in a cookie, and the same on every page."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from django.core.management import CommandError, call_command

from compat import check_model_worker_compatibility, get_huggingface_model
from compat.engines import all_profiles
from compat.models import SiteWorker
from marketplace.show import PART_HINTS, part_hint
from tests.markup import Page

pytestmark = pytest.mark.django_db

LLAMA = "NousResearch/Meta-Llama-3.1-8B-Instruct"
LARGER = "meta-llama/Llama-3.1-8B"
PHI = "microsoft/phi-2"
QWEN = "Qwen/Qwen2.5-3B-Instruct"
GGUF = "unsloth/gemma-4-26B-A4B-it-GGUF"
OFFERED = [slug for slug, profile in all_profiles().items() if profile.offered]


def total(client, query):
    return client.get(f"/models/?{query}").context["page"].total


def verdict(client, repo_id, query=""):
    return client.get(f"/models/{repo_id}/?{query}").context["page"].result


# --- what changes the badges -----------------------------------------------------------------------------------


def test_memory_changes_what_runs(client):
    counts = [total(client, f"worker=vllm&memory={size}") for size in (8, 24, 96)]
    assert counts[0] < counts[1] < counts[2] <= total(client, "worker=vllm")
    assert verdict(client, PHI, "worker=vllm&memory=24").compatible
    refused = verdict(client, PHI, "worker=vllm&memory=3")
    assert (refused.compatible, refused.cause) == (False, "memory")
    page = Page(client.get(f"/models/{PHI}/?worker=vllm&memory=3"))
    assert "Won't run" in page.text
    assert refused.reasons[0] in page.text


def test_what_memory_leaves_out_is_said_and_can_be_shown(client):
    response = client.get("/models/?worker=vllm&memory=8")
    hidden = next(one for one in response.context["page"].hidden if one.cause == "memory")
    assert f"{hidden.count} memory" in Page(response).text
    shown = client.get(f"/models/?{hidden.query}")
    assert shown.context["page"].total == hidden.count
    assert parse_qs(hidden.query)["memory"] == ["8"]
    assert "GiB" in Page(shown).text


def test_context_changes_what_runs(client):
    few, many = (total(client, f"worker=vllm&memory=24&context={n}") for n in (131072, 2048))
    assert few < many
    rows = client.get("/models/?worker=vllm&memory=24&context=131072").context["page"]
    assert rows.worker.context == 131072


def test_a_smaller_cache_can_make_the_difference(client):
    wide, narrow = (total(client, f"worker=llama-cpp&memory=24&context=131072&kv={kv}") for kv in ("f16", "q4_0"))
    assert wide <= narrow
    for kv in ("f16", "q8_0", "q4_0"):
        page = client.get(f"/models/{PHI}/?worker=llama-cpp&memory=24&kv={kv}").context["page"]
        assert page.worker.kv == kv


def test_an_accelerator_can_refuse_what_its_generation_cannot_compute(client):
    fp8 = "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8"
    assert verdict(client, fp8, "worker=vllm&accelerator=V100+32+GB").cause == "platform"
    assert verdict(client, fp8, "worker=vllm&accelerator=RTX+4090").compatible


def test_two_cards_hold_more_than_one(client):
    assert total(client, "worker=vllm&memory=24") < total(client, "worker=vllm&memory=24&count=4")


def test_the_page_of_a_model_shows_the_memory_picture(client):
    response = client.get(f"/models/{PHI}/?worker=vllm&accelerator=RTX+4090&context=2048")
    memory = response.context["page"].memory
    page = Page(response)
    assert "Memory on vLLM, RTX 4090" in page.text
    assert memory.fit.sentence in page.text
    assert "Longest context that fits 2,048 tokens" in page.text
    assert "tokens a second" in page.text
    assert all(part_hint(part.key)[0] in page.text for part in memory.parts)
    assert not Page(client.get(f"/models/{PHI}/?worker=vllm")).classed("memory-bar") or memory


def test_each_card_has_its_bar_with_its_limit_in_words(client):
    for count in (1, 2, 4):
        query = f"worker=vllm&accelerator=RTX+4090&count={count}"
        page = Page(client.get(f"/models/{PHI}/?{query}"))
        assert page.text.count("limit 22.1 GiB") == count
        assert page.text.count("of 22.1 GiB usable") == count


def test_every_part_of_the_picture_says_what_it_is(client):
    page = Page(client.get(f"/models/{PHI}/?worker=vllm&accelerator=RTX+4090"))
    memory = client.get(f"/models/{PHI}/?worker=vllm&accelerator=RTX+4090").context["page"].memory
    assert {part.key for part in memory.parts} <= set(PART_HINTS)
    assert all(PART_HINTS[part.key][1] in page.text for part in memory.parts)


def test_plans_say_what_to_type_and_lead_to_the_page_that_shows_them(client):
    response = client.get(f"/models/{LARGER}/?worker=vllm&accelerator=RTX+4090&context=65536")
    memory, page = response.context["page"].memory, Page(response)
    plans = memory.plans.plans
    asked = [link for link in page.links if link.startswith(f"/models/{LARGER}/?") and link.endswith("#memory")]
    assert len(asked) == len(plans) == 2
    for plan, link in zip(plans, asked, strict=True):
        assert plan.line.lines[0] in page.text
        assert all(text in page.text for text in plan.gives_up)
        again = client.get(link).context["page"].memory
        assert again.fit.fit is plan.fit.fit
        assert again.cards == plan.needs


def test_what_is_lacking_is_said_where_nothing_runs(client):
    response = client.get(f"/models/{LARGER}/?worker=vllm&memory=5")
    assert response.context["page"].memory.plans.lacks in Page(response).text


def test_what_is_assumed_is_named(client):
    from compat.models import ModelRecord

    told = 0
    for kept in ModelRecord.objects.filter(sheet__verdicts__profile="vllm", sheet__verdicts__confidence__gt=0)[:40]:
        response = client.get(f"/models/{kept.repo_id}/?worker=vllm&memory=80")
        for text in response.context["page"].memory.assumed:
            assert text in Page(response).text
            told += 1
    assert told


# --- remembered ------------------------------------------------------------------------------------------------


def test_a_machine_is_remembered_and_filters_are_not(client):
    response = client.get("/models/?worker=vllm&memory=24&context=4096&kv=fp8&q=llama&format=safetensors")
    cookie = parse_qs(response.cookies["worker"].value)
    assert cookie == {"worker": ["vllm"], "memory": ["24"], "context": ["4096"], "kv": ["fp8"]}
    after = client.get("/models/").context["page"]
    assert (after.worker.machine.memory, after.worker.context, after.worker.kv) == (24.0, 4096, "fp8")
    assert not after.criteria.q
    assert client.get(f"/models/{PHI}/").context["page"].memory is not None
    assert client.get("/report/").context["page"].worker.machine.memory == 24.0


def test_picking_a_worker_keeps_the_filters(client):
    page = Page(client.get("/models/?q=llama&format=safetensors&sort=likes&page=1&worker=vllm&memory=24"))
    form = page.form_to("/machine/read/")
    assert (form.fields["q"], form.fields["format"], form.fields["sort"]) == ("llama", "safetensors", "likes")
    assert "page" not in form.fields


def test_links_carry_the_remembered_machine(client):
    client.get("/models/?worker=vllm&memory=8")
    page = client.get("/models/").context["page"]
    assert all("memory=8" in hidden.query for hidden in page.hidden)
    assert "memory=8" in page.paging.next


def test_describing_another_worker_replaces_the_remembered_one_whole(client):
    client.get("/models/?worker=vllm&memory=24&context=4096")
    client.get("/models/?worker=llama-cpp")
    after = client.get("/models/").context["page"].worker
    assert (after.slug, after.machine.told, after.context) == ("llama-cpp", False, 8192)


def test_the_first_worker_is_remembered_like_any_other(client):
    client.get("/models/?worker=vllm&memory=24")
    response = client.get("/models/?worker=rbee")
    assert response.cookies["worker"].value == "worker=rbee"
    assert client.get("/models/").context["page"].worker.slug == "rbee"


def test_a_registered_worker_can_be_picked_and_repriced(client):
    SiteWorker.objects.create(name="Big box", slug="big-box", engine="vllm", memory_gb=24, context=4096)
    assert client.get("/models/?worker=big-box").context["page"].worker.label == "Big box"
    after = client.get("/models/").context["page"].worker
    assert (after.slug, after.machine.memory, after.context) == ("big-box", 24, 4096)
    assert client.get("/models/?worker=big-box&memory=8").context["page"].worker.label == "Big box, 8 GB"
    SiteWorker.objects.all().delete()
    assert client.get("/models/").context["page"].worker.slug == "rbee"


# --- refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("accelerator=RTX+9999", "“RTX 9999” is not an accelerator this site knows"),
        ("memory=lots", "memory is “lots”"),
        ("memory=-4", "memory is “-4”"),
        ("count=0", "count is “0”"),
        ("count=17", "16 is the most"),
        ("context=0", "context is “0”"),
        ("kv=q1", "“q1” is not a value of kv"),
        ("worker=vllm&kv=q8_0", "“q8_0” is not a type of KV cache that vLLM has: use auto or fp8"),
        ("worker=transformers&kv=fp8", "“fp8” is not a type of KV cache that Transformers has: leave it out"),
        ("worker=llama-cpp&kv=fp8", "“fp8” is not a type of KV cache that llama.cpp has: use f16, bf16"),
        ("worker=vllm&kv_values=fp8", "vLLM has no type of its own for values: use kv for both"),
        ("worker=llama-cpp&kv_values=fp8", "llama.cpp does not keep values as fp8: use f16, bf16"),
        ("worker=vllm&ubatch=256", "vLLM has no micro-batch that could be chosen: leave ubatch out"),
        ("worker=llama-cpp&slots=257", "slots is 257: 256 is the most"),
        ("worker=llama-cpp&slots=0", "slots is “0”"),
        ("worker=llama-cpp&ubatch=much", "ubatch is “much”"),
        ("ram=nan", "ram is “nan”"),
        ("worker=nobody", "“nobody” is not a value of worker"),
    ],
)
def test_a_senseless_machine_is_refused_in_words_and_not_remembered(client, query, message):
    response = client.get(f"/models/?{query}&q=llama")
    assert response.status_code == 400
    assert message in Page(response).text
    assert "worker" not in response.cookies
    for place in ("/", f"/models/{PHI}/", "/report/", "/workers/"):
        assert client.get(f"{place}?{query}").status_code == 400


def test_how_an_engine_is_started_changes_what_a_model_needs(client):
    def need(query):
        response = client.get(f"/models/{GGUF}/?worker=llama-cpp&memory=48&context=32768&{query}")
        assert response.status_code == 200
        return response.context["page"].memory.fit.need

    usual = need("")
    assert need("slots=4") == need("ubatch=512") == need("kv=f16&kv_values=f16") == usual
    assert need("kv_values=q8_0") < usual
    assert need("kv=q8_0&kv_values=f16") == need("kv_values=q8_0")
    assert need("ubatch=4096") > usual
    response = client.get(f"/models/{GGUF}/?worker=llama-cpp&memory=24&slots=2&kv=q8_0&kv_values=q5_1&ubatch=256")
    page = Page(response)
    form = next(form for form in page.forms if "ubatch" in form.fields and "context" in form.fields)
    assert (form.fields["slots"], form.fields["ubatch"]) == ("2", "256")
    for chosen in ("q8_0", "q5_1"):
        assert response.content.count(f'<option value="{chosen}" selected>'.encode()) == 1
    assert "q8_0 keys and q5_1 values, shared by 2 requests at once" in page.text


def test_the_form_offers_what_the_engine_has(client):
    page = Page(client.get(f"/models/{PHI}/?worker=vllm&memory=24"))
    form = next(form for form in page.forms if "slots" in form.fields and "context" in form.fields)
    assert not {"kv_values", "ubatch"} & set(form.fields)


def test_html_in_an_accelerator_stays_text(client):
    response = client.get("/models/", {"accelerator": '"><script>alert(1)</script>'})
    assert response.status_code == 400
    assert b"<script>alert" not in response.content


@pytest.mark.parametrize("memory", ["0.01", "0.5", "999999"])
def test_the_smallest_and_largest_machine_are_no_error(client, memory):
    for place in ("/models/", f"/models/{PHI}/", "/report/", "/"):
        for count in (1, 5):
            asked = f"worker=llama-cpp&count={count}&memory={memory}&ram={memory}"
            assert client.get(f"{place}?{asked}").status_code == 200


@pytest.mark.parametrize("memory", ["0", "0.001", "-1"])
def test_a_machine_without_memory_is_named_on_every_page(client, memory):
    for place in ("/models/", f"/models/{PHI}/", "/report/", "/"):
        response = client.get(f"{place}?worker=llama-cpp&count=5&memory={memory}")
        assert response.status_code == 400
        assert "GB of memory" in response.content.decode()


# --- pages of workers ------------------------------------------------------------------------------------------


def test_every_engine_is_listed_with_its_numbers(client):
    response = client.get("/workers/")
    cards = response.context["page"]
    assert [card.worker.slug for card in cards] == OFFERED
    page = Page(response)
    for card in cards:
        assert card.total == cards[0].total
        assert f"/workers/{card.worker.slug}/" in page.internal()
        assert card.worker.profile.name in page.text
        assert card.worker.profile.version in page.text


def test_the_form_of_ones_own_worker_has_every_part(client):
    page = Page(client.get("/workers/?worker=vllm&accelerator=RTX+4090&count=2&context=4096"))
    form = next(form for form in page.forms if "accelerator" in form.fields and "ram" in form.fields)
    assert set(form.fields) >= {"worker", "accelerator", "count", "memory", "ram", "context", "kv"}
    assert set(form.fields) >= {"kv_values", "slots", "ubatch"}
    assert (form.fields["accelerator"], form.fields["count"], form.fields["context"]) == ("RTX 4090", "2", "4096")


@pytest.mark.parametrize("slug", OFFERED)
def test_the_page_of_an_engine_says_what_it_accepts_and_who_says_so(client, slug):
    profile = all_profiles()[slug]
    response = client.get(f"/workers/{slug}/")
    page, card = Page(response), response.context["page"]
    assert f"{card.running:,} of {card.total:,} models of the catalogue run on it" in page.text
    assert " ".join(profile.source.split()) in page.text
    assert profile.version in page.text
    assert card.running == total(client, f"worker={slug}")
    assert f"/models/?worker={slug}" in page.internal()
    assert f"/report/?worker={slug}" in page.internal()


@pytest.mark.parametrize("slug", OFFERED)
def test_every_engine_is_accepted_everywhere(client, capsys, slug):
    assert client.get(f"/models/?worker={slug}").context["page"].worker.slug == slug
    detail = client.get(f"/models/{PHI}/?worker={slug}").context["page"]
    assert detail.worker.slug == slug
    assert client.get(f"/report/?worker={slug}").context["page"].worker.slug == slug
    call_command("check_model", PHI, "--worker", slug, "--json")
    told, five = json.loads(capsys.readouterr().out), detail.result.as_json()
    assert {name: told[name] for name in five} == five
    call_command("compat_report", "--worker", slug, "--json")
    assert json.loads(capsys.readouterr().out)["worker"] == slug
    assert check_model_worker_compatibility(get_huggingface_model(PHI), slug) == detail.result


def test_an_engine_nobody_knows_is_refused_everywhere(client):
    assert client.get("/models/?worker=nobody").status_code == 400
    assert client.get("/workers/nobody/").status_code == 404
    with pytest.raises(CommandError, match="nobody"):
        call_command("check_model", PHI, "--worker", "nobody")
    with pytest.raises(ValueError, match="nobody"):
        check_model_worker_compatibility(get_huggingface_model(PHI), "nobody")


def test_the_report_of_a_machine_adds_up(client):
    response = client.get("/report/?worker=vllm&memory=16&top=5000")
    report = response.context["page"]
    counts = {line.key: line.count for line in report.lines}
    assert sum(counts.values()) == report.total
    assert counts["incompatibleMemory"] > 0
    assert "Incompatible: memory" in Page(response).text
    # The best known of all are the whole catalogue here, so the list must say the same.
    page = client.get("/models/?worker=vllm&memory=16&unit=repository").context["page"]
    assert counts["compatible"] == page.total
    assert counts["incompatibleMemory"] == next(one.count for one in page.hidden if one.cause == "memory")
    assert counts["unknown"] == next(one.count for one in page.hidden if one.cause == "unknown")


def test_a_cache_that_the_engine_does_not_keep_is_refused_in_list_page_and_report_alike(client):
    question = "worker=vllm&accelerator=T4&kv=fp8"
    address = f"/models/openai/gpt-oss-20b/?{question}"
    page = client.get(address).context["page"]
    assert not page.result.compatible
    refused = client.get(f"/models/?{question}&compatible=only-incompatible&cause=cache&unit=repository").context[
        "page"
    ]
    report = client.get(f"/report/?{question}&top=5000").context["page"]
    counts = {line.key: line.count for line in report.lines}
    assert counts["incompatibleCache"] == refused.total > 0
    wide = client.get("/models/?worker=vllm&accelerator=T4&compatible=only-incompatible&cause=cache").context["page"]
    assert wide.total == 0


@pytest.mark.parametrize(
    ("repo_id", "question", "offered"),
    [
        ("google/gemma-3-4b-it", "worker=mlx-lm&accelerator=Apple+M3+Ultra&ram=256", []),
        ("meta-llama/Llama-2-7b-hf", "worker=mlx-lm&accelerator=Apple+M3+Ultra&ram=256", ["f16", "8bit", "4bit"]),
        ("openai/gpt-oss-20b", "worker=vllm&accelerator=RTX+3090", []),
        ("openai/gpt-oss-20b", "worker=vllm&accelerator=RTX+4090", ["auto", "fp8"]),
    ],
)
def test_a_models_page_lets_choose_the_caches_that_the_engine_keeps_for_it(client, repo_id, question, offered):
    html = client.get(f"/models/{repo_id}/?{question}").content.decode()
    form = html.partition('class="memory-controls"')[2].partition("</form>")[0]
    choices = form.partition('name="kv"')[2].partition("</select>")[0]
    assert [one.partition('"')[0] for one in choices.split('value="')[1:]] == offered


def test_a_cache_that_was_chosen_and_is_not_kept_stays_among_the_choices_and_says_why(client):
    response = client.get("/models/google/gemma-3-4b-it/?worker=mlx-lm&accelerator=Apple+M3+Ultra&ram=256&kv=8bit")
    page = Page(response)
    assert "Won't run" in page.text
    assert "Of sliding windows MLX-LM keeps the cache in 16 bits alone" in page.text
    assert "Ask for a cache of 16 bits" in page.text
    assert '<option value="8bit" selected>' in response.content.decode()
