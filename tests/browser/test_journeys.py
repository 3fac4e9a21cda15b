"""What people do on the site, in a real browser, against a real server."""

from __future__ import annotations

import contextlib
import re

import pytest
from playwright.sync_api import Error, expect

DETAIL = re.compile(r"/models/[^?]+/$")


def total(page):
    """The number in the heading of the results."""
    return int(page.locator("#results-title b").inner_text().replace(",", ""))


def hold(page, pattern):
    """Keep requests waiting; they come in the list that is returned."""
    held = []

    def keep(route):
        held.append(route)

    page.route(re.compile(pattern), keep)
    return held


def first_row(page):
    return page.locator(".row-name a").first


def params(page):
    """The parameters in the address, as a set of pairs."""
    return set(page.evaluate("[...new URLSearchParams(location.search)].map((pair) => pair.join('='))"))


def brightness(page):
    """How bright the page's ground is, 0 to 255, as painted."""
    canvas = """() => {
      const context = new OffscreenCanvas(1, 1).getContext("2d");
      context.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
      context.fillRect(0, 0, 1, 1);
      return context.getImageData(0, 0, 1, 1).data[0];
    }"""
    return page.evaluate(canvas)


# --- search ----------------------------------------------------------------------------------------------------


def test_search_as_you_type(visit):
    page = visit("/models/")
    before = total(page)
    page.keyboard.press("/")
    page.keyboard.type("phi-2", delay=30)
    expect(page).to_have_url(re.compile(r"/models/\?q=phi-2$"))
    expect(first_row(page)).to_contain_text("phi-2")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("phi-2")
    expect(page).to_have_title(re.compile("phi-2"))
    found = total(page)
    assert 0 < found < before
    expect(page.locator("#announce")).to_contain_text(f"{found:,} model")

    page.go_back()
    expect(page).to_have_url(re.compile(r"/models/$"))
    expect(page.locator("#q")).to_have_value("")
    assert total(page) == before
    page.go_forward()
    expect(page.locator("#q")).to_have_value("phi-2")
    assert total(page) == found
    page.reload()
    expect(page.locator("#q")).to_have_value("phi-2")
    assert total(page) == found


def test_typing_on_is_one_step_of_the_history(visit):
    page = visit("/models/")
    box = page.locator("#q")
    for part, url in (("ll", "q=ll$"), ("ama", "q=llama$"), (" 3", r"q=llama\+3$")):
        box.press_sequentially(part)
        expect(page).to_have_url(re.compile(url))
    page.go_back()
    expect(page).to_have_url(re.compile(r"/models/$"))
    expect(page.locator("#q")).to_have_value("")


def test_no_keystroke_is_lost_while_answers_arrive(visit):
    page = visit("/models/")
    text = "qwen 2.5 instruct 7b"
    page.locator("#q").press_sequentially(text, delay=70)
    expect(page.locator("#q")).to_have_value(text)
    expect(page).to_have_url(re.compile(r"q=qwen\+2\.5\+instruct\+7b$"))


def test_a_late_answer_never_replaces_a_newer_one(visit):
    page = visit("/models/")
    held = hold(page, r"[?&]q=qwen(&|$)")
    page.locator("#q").press_sequentially("qwen")
    page.wait_for_timeout(300)
    assert held
    page.locator("#q").fill("dolphin")
    expect(first_row(page)).to_contain_text("dolphin", ignore_case=True)
    for route in held:
        with contextlib.suppress(Error):  # the browser has given the request up
            route.continue_()
    page.wait_for_timeout(300)
    expect(page).to_have_url(re.compile("q=dolphin$"))
    expect(first_row(page)).to_contain_text("dolphin", ignore_case=True)


def test_old_results_stay_until_the_new_ones_are_there(visit):
    page = visit("/models/")
    held = hold(page, "q=dolphin")
    old = first_row(page).inner_text()
    top = page.locator("#results").bounding_box()
    page.locator("#q").fill("dolphin")
    page.wait_for_timeout(300)
    assert first_row(page).inner_text() == old
    assert page.locator("#results").bounding_box() == top
    held[0].continue_()
    expect(first_row(page)).to_contain_text("dolphin", ignore_case=True)


def test_clearing_the_search_shows_everything_again(visit):
    page = visit("/models/?q=phi-2")
    page.locator("#q").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_have_value("")
    expect(page).to_have_url(re.compile(r"/models/$"))
    page.keyboard.press("Escape")
    expect(page.locator("#q")).not_to_be_focused()


def test_search_from_another_page(visit):
    page = visit("/")
    page.keyboard.press("/")
    page.keyboard.type("phi-2\n")
    expect(page).to_have_url(re.compile(r"/models/\?q=phi-2$"))
    expect(first_row(page)).to_contain_text("phi-2")


# --- filters, chips, order, paging -----------------------------------------------------------------------------


def test_filter_chip_and_back(visit):
    page = visit("/models/?q=instruct")
    box = page.locator("#f-architecture-qwen")
    promised = int(page.locator("label", has=box).locator(".facet-count").inner_text().replace(",", ""))
    box.check()
    expect(page).to_have_url(re.compile("q=instruct&architecture=qwen$"))
    assert total(page) == promised
    expect(box).to_be_checked()
    expect(box).to_be_focused()

    page.locator("#f-compatible-false").check()
    expect(page).to_have_url(re.compile("compatible=false"))
    page.get_by_role("link", name=re.compile("Qwen")).filter(has=page.locator("svg")).first.click()
    expect(page).not_to_have_url(re.compile("architecture"))
    expect(page.locator("#f-architecture-qwen")).not_to_be_checked()
    expect(page.locator("#results")).to_be_focused()

    page.go_back()
    expect(page.locator("#f-architecture-qwen")).to_be_checked()
    expect(page.locator("#f-compatible-false")).to_be_checked()
    page.reload()
    expect(page.locator("#f-architecture-qwen")).to_be_checked()

    page.get_by_role("link", name=re.compile("^“instruct”")).click()
    expect(page.locator("#q")).to_have_value("")
    page.get_by_role("link", name="Clear all", exact=True).click()
    expect(page).to_have_url(re.compile(r"/models/$"))
    expect(page.locator("#f-architecture-qwen")).not_to_be_checked()
    expect(page.locator("#f-compatible-true")).to_be_checked()


def test_numbers_typed_while_an_answer_arrives_are_kept(visit):
    page = visit("/models/")
    page.locator("#f-min-params").fill("3")
    page.keyboard.press("Tab")
    page.keyboard.type("1")
    expect(page).to_have_url(re.compile(r"min_params=3$"))
    expect(page.locator("#f-max-params")).to_be_focused()
    page.keyboard.type("4")
    expect(page.locator("#f-max-params")).to_have_value("14")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"min_params=3&max_params=14$"))
    expect(page.locator(".chip")).to_have_count(2)


def test_what_was_unfolded_stays_unfolded(visit):
    page = visit("/models/")
    page.locator("#more-license summary").click()
    page.locator("#more-license input").nth(3).check()
    expect(page).to_have_url(re.compile("license="))
    expect(page.locator("#more-license")).to_have_attribute("open", "")


def test_verdicts_are_listed_from_sure_to_unsure(visit):
    page = visit("/models/?compatible=false")
    words = page.locator("fieldset", has_text="Verdict").locator(".facet-name").all_inner_texts()
    order = ["Runs", "Should run", "Might run", "Won't run"]
    assert words == [word for word in order if word in words]


def test_paging(visit):
    page = visit("/models/?compatible=false")
    names = page.locator(".row-name").all_text_contents()
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page).to_have_url(re.compile("compatible=false&page=2$"))
    expect(page.locator(".pager [aria-current=page]")).to_have_text(re.compile("2"))
    assert not set(names) & set(page.locator(".row-name").all_text_contents())
    assert page.evaluate("scrollY") < 100
    page.go_back()
    expect(page.locator(".pager [aria-current=page]")).to_have_text(re.compile("1"))
    assert page.locator(".row-name").all_text_contents() == names
    page.wait_for_function("scrollY > 500")


def test_order(visit):
    page = visit("/models/?compatible=false")
    page.locator("#sort").focus()
    page.locator("#sort").select_option("params")
    expect(page).to_have_url(re.compile("sort=params$"))
    expect(page.locator("#sort")).to_be_focused()
    first = first_row(page).inner_text()
    page.go_back()
    expect(page.locator("#sort")).to_have_value("suggested")
    assert first_row(page).inner_text() != first


def test_the_fastest_on_a_machine(visit, watch):
    watch.expect("status of 400")
    page = visit("/models/")
    expect(page.locator("#sort option[value=speed]")).to_have_text("Fastest here: tell your machine")
    page.locator("#sort").select_option("speed")
    expect(page.get_by_role("alert")).to_contain_text("no machine is told")
    page.get_by_role("link", name="Name your machine").click()
    expect(page).to_have_url(re.compile(r"/workers/$"))
    page.goto("/models/?worker=ollama&accelerator=RTX+4090&min_params=3")
    page.locator("#sort").select_option("speed")
    expect(page).to_have_url(re.compile("sort=speed$"))
    told = page.locator(".row-speed").first.inner_text()
    assert re.fullmatch(r"about [\d,]+ tokens/s on CUDA", told)
    first_row(page).click()
    expect(page.locator("#memory")).to_contain_text(told)


def test_what_is_left_out_is_one_click_away(visit):
    page = visit("/models/?q=llama")
    link = page.locator(".notshown a").first
    count = int(link.locator("b").inner_text().replace(",", ""))
    link.click()
    expect(page).to_have_url(re.compile("compatible=only-incompatible&cause="))
    assert total(page) == count
    expect(page.locator(".row.fails").first.locator(".row-verdict")).to_contain_text(re.compile("Won't run|Unknown"))
    expect(page.locator(".row:not(.fails)")).to_have_count(0)
    expect(page.locator("#f-compatible-only-incompatible")).to_be_checked()


def test_a_chip_opens_in_a_new_tab_as_any_link(visit):
    page = visit("/models/?architecture=qwen")
    with page.context.expect_page() as tab:
        page.locator(".chip").click(modifiers=["ControlOrMeta"])
    expect(tab.value).to_have_url(re.compile(r"/models/$"))
    expect(page).to_have_url(re.compile("architecture=qwen$"))


def test_the_worker_menu_keeps_everything_else(visit):
    page = visit("/models/?compatible=false")
    page.locator("#q").fill("phi")
    expect(page).to_have_url(re.compile("q=phi"))
    page.locator("#f-format-gguf").check()
    expect(page).to_have_url(re.compile("format=gguf"))
    page.locator(".worker summary").click()
    page.get_by_role("button", name="Use this worker").click()
    page.wait_for_url(re.compile("context="))
    assert params(page) >= {"q=phi", "compatible=false", "format=gguf"}

    page.goto("/report/?top=500")
    page.locator(".worker summary").click()
    page.get_by_role("button", name="Use this worker").click()
    page.wait_for_url(re.compile("context="))
    assert "top=500" in params(page)


# --- one model -------------------------------------------------------------------------------------------------


def test_into_a_model_and_back_to_the_same_place(visit):
    page = visit("/models/")
    page.locator("#f-architecture-qwen").check()
    expect(page).to_have_url(re.compile("architecture=qwen$"))
    page.locator("#q").fill("instruct")
    expect(page).to_have_url(re.compile("q=instruct"))
    address = page.url
    row = page.locator(".row-name a").nth(15)
    row.scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 100
    row.click()
    expect(page).to_have_url(DETAIL)
    page.go_back()
    expect(page).to_have_url(address)
    expect(page.locator("#q")).to_have_value("instruct")
    expect(page.locator("#f-architecture-qwen")).to_be_checked()
    expect(page.locator(".row-name a").nth(15)).to_be_in_viewport()


def test_the_answer_is_on_the_first_screen(visit):
    page = visit("/models/microsoft/phi-2/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("microsoft/phi-2")
    verdict = page.locator(".verdict")
    expect(verdict.locator(".verdict-word")).to_contain_text(re.compile("Runs|Should run|Might run|Won't run"))
    expect(verdict.locator(".findings li").first).to_be_in_viewport()
    expect(page.locator(".take")).to_be_in_viewport(ratio=0.9)


def test_another_context_changes_the_memory_picture_and_the_worker(visit):
    page = visit("/models/ggml-org/Qwen3.8-27B-GGUF/?worker=llama-cpp&memory=24&context=16384")
    before = page.locator("#memory p").first.inner_text()
    page.locator("#c-context").focus()
    page.locator("#c-context").select_option("32768")
    expect(page.locator(".worker summary")).to_contain_text("32k")
    expect(page.locator("#c-context")).to_be_focused()
    assert page.locator("#memory p").first.inner_text() != before
    page.goto("/models/")
    expect(page.locator(".worker summary")).to_contain_text("24 GB VRAM")
    page.locator("#f-architecture-qwen").check()
    page.wait_for_url(re.compile("architecture=qwen"))
    assert params(page) >= {"worker=llama-cpp", "memory=24", "context=32768"}


def test_another_context_is_announced(visit):
    page = visit("/models/ggml-org/Qwen3.8-27B-GGUF/?worker=llama-cpp&memory=24&context=16384")
    page.locator("#c-context").select_option("32768")
    expect(page.locator("#announce")).to_contain_text("at 32,768 tokens")


def test_copy_the_line_that_starts_a_model(visit):
    page = visit(
        "/models/ggml-org/Qwen3.8-27B-GGUF/?worker=llama-cpp&memory=24&ram=64",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page.locator(".plans").get_by_role("button", name="Copy", exact=True).first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("llama-server -hf ggml-org/Qwen3.8-27B-GGUF")
    assert copied == page.locator(".plans code").first.inner_text()


def test_a_part_of_the_memory_says_what_it_is_by_keyboard(visit):
    page = visit("/models/ggml-org/Qwen3.8-27B-GGUF/?worker=llama-cpp&memory=24")
    part = page.locator(".parts summary").nth(1)
    part.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".parts details[open] .hint")).to_contain_text("It grows with the context.")


def test_copy_the_command(visit):
    page = visit("/models/microsoft/phi-2/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("hf download microsoft/phi-2")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_enabled()


def test_a_model_under_another_spelling_of_its_address(visit):
    assert visit("/models/microsoft--phi-2/").url.endswith("/models/microsoft/phi-2/")


def test_a_model_that_is_not_here(visit):
    page = visit("/models/nobody/nothing-7b/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Fetching nobody/nothing-7b")
    page.get_by_role("link", name="Search for something like it").click()
    expect(page.locator("#q")).to_have_value("nothing-7b")


# --- theme -----------------------------------------------------------------------------------------------------


def test_the_theme_chosen_stays(visit):
    page = visit("/models/", color_scheme="light")
    assert brightness(page) > 200
    page.locator(".theme summary").click()
    page.get_by_role("button", name="Dark").click()
    assert brightness(page) < 60
    page.reload()
    assert brightness(page) < 60
    page.goto("/report/")
    assert brightness(page) < 60
    page.locator(".theme summary").click()
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="System").click()
    assert brightness(page) > 200


def test_the_system_decides_until_one_is_chosen(visit):
    page = visit("/", color_scheme="dark")
    assert brightness(page) < 60
    page.emulate_media(color_scheme="light")
    assert brightness(page) > 200


# --- phone -----------------------------------------------------------------------------------------------------


def test_the_filter_sheet_of_a_phone(visit):
    page = visit("/models/", width=375, height=740, has_touch=True, is_mobile=True)
    sheet = page.locator(".filters")
    expect(sheet).to_be_hidden()
    page.get_by_role("link", name="Filters").tap()
    expect(sheet).to_be_visible()
    page.locator("#f-architecture-qwen").tap()
    expect(page).to_have_url(re.compile("architecture=qwen$"))
    page.locator("#f-format-gguf").tap()
    expect(page).to_have_url(re.compile("architecture=qwen&format=gguf$"))
    expect(sheet).to_be_visible()
    expect(page.locator("#results")).to_have_js_property("inert", True)
    show = page.locator("#show-results")
    expect(show).to_be_in_viewport()
    expect(show).to_have_text(f"Show {total(page):,} models")
    show.tap()
    expect(sheet).to_be_hidden()
    expect(page.get_by_role("link", name="Filters")).to_contain_text("2")
    expect(page).to_have_url(re.compile("architecture=qwen&format=gguf$"))
    expect(page.locator(".row").first).to_be_visible()


# --- keyboard --------------------------------------------------------------------------------------------------


def test_keyboard_only(visit):
    page = visit("/models/")
    focused = page.locator(":focus")
    page.keyboard.press("Tab")
    expect(focused).to_have_text("Skip to content")
    expect(focused).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(focused).to_have_text("Clear all")
    page.keyboard.press("Tab")
    expect(focused).to_have_id("f-compatible-true")
    page.keyboard.press("ArrowDown")
    expect(page).to_have_url(re.compile("compatible=false$"))
    expect(focused).to_have_id("f-compatible-false")

    page.keyboard.press("/")
    expect(focused).to_have_id("q")
    page.keyboard.type("phi-2")
    expect(page).to_have_url(re.compile("q=phi-2"))
    page.keyboard.press("Tab")
    expect(focused).to_contain_text("Your worker")
    page.keyboard.press("Enter")
    expect(page.locator(".worker")).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    expect(focused).to_have_id("your-machine")
    page.keyboard.press("Escape")
    expect(page.locator(".worker")).not_to_have_attribute("open", "")
    expect(focused).to_contain_text("Your worker")
    page.locator(".row-name a").first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(DETAIL)


@pytest.mark.parametrize("path", ["/models/?architecture=qwen", "/models/microsoft/phi-2/"])
def test_focus_can_always_be_seen(visit, path):
    page = visit(path)
    seen = """() => {
      const e = document.activeElement, here = (s) => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2;
      const parts = [e, e.closest("label"), e.parentElement].filter(Boolean);
      const shown = parts.some((p) => here(getComputedStyle(p)) || here(getComputedStyle(p, "::after")));
      return shown ? "" : e.outerHTML.slice(0, 120);
    }"""
    for _ in range(45):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        assert page.evaluate(seen) == ""


# --- without JavaScript ----------------------------------------------------------------------------------------


def test_everything_without_javascript(visit):
    page = visit("/", java_script_enabled=False)
    page.locator("main input[name=q]").fill("qwen")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"/models/\?q=qwen$"))
    page.locator("#f-compatible-false").check()
    page.locator("#f-license-apache-2\\.0").check()
    page.locator("#sort").select_option("params")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile("license=apache-2.0"))
    assert "compatible=false" in page.url
    assert "sort=params" in page.url
    expect(page.locator("#q")).to_have_value("qwen")
    expect(page.locator("#f-license-apache-2\\.0")).to_be_checked()
    page.get_by_role("link", name="Next", exact=True).click()
    page.wait_for_url(re.compile("page=2"))
    assert "q=qwen" in page.url
    # A model whose own repository is not known here is shown by its name and leads to a build.
    led_to = re.search(r"/models/([^?]+)/", first_row(page).get_attribute("href"))[1]
    first_row(page).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(led_to)
    expect(page.locator(".verdict-word")).to_be_visible()
    expect(page.locator(".findings li").first).to_be_visible()
    expect(page.get_by_role("button", name="Copy", exact=True)).to_have_count(0)


def test_the_filters_of_a_phone_without_javascript(visit):
    page = visit("/models/", width=375, java_script_enabled=False)
    page.get_by_role("link", name="Filters").click()
    page.locator("#f-architecture-qwen").check()
    page.locator("#show-results").click()
    page.wait_for_url(re.compile("architecture=qwen"))
    expect(page.locator(".filters")).to_be_hidden()
    expect(page.locator(".row").first).to_be_visible()


# --- trouble ---------------------------------------------------------------------------------------------------


def test_senseless_parameters_are_named_and_can_be_removed(visit, watch):
    watch.expect("status of 400")
    page = visit("/models/?sort=nonsense&min_params=lots")
    expect(page.get_by_role("alert")).to_have_count(2)
    expect(page.get_by_role("alert").first).to_contain_text("nonsense")
    page.get_by_role("link", name="Remove it").first.click()
    expect(page.get_by_role("alert")).to_have_count(1)
    page.get_by_role("link", name="Remove it").click()
    expect(page.locator(".row").first).to_be_visible()


def test_a_page_beyond_the_last_leads_to_the_last(visit, watch):
    watch.expect("status of 404")
    page = visit("/models/?q=phi-2&page=9999")
    expect(page.get_by_role("alert")).to_contain_text("9,999")
    page.get_by_role("link", name="Go to the last page").click()
    expect(page.locator(".row").first).to_be_visible()


def test_nothing_found_offers_the_next_step(visit):
    page = visit("/models/?q=phi-2&license=cc-by-4.0&compatible=false")
    expect(page.locator("#results-title")).to_contain_text("0 models")
    page.locator(".loosen a", has_text="CC BY").click()
    expect(page.locator(".row").first).to_be_visible()


@pytest.mark.parametrize(("failure", "words"), [("500", "broke on the server"), ("offline", "cannot be reached")])
def test_a_failing_server_is_named_and_the_list_stays(visit, watch, failure, words):
    watch.expect(r"status of 500|net::ERR_|Response Status Error|htmx:sendError|htmx:responseError")
    page = visit("/models/")
    rows = page.locator(".row-name").all_text_contents()
    page.route(
        re.compile("q=phi"),
        lambda route: route.fulfill(status=500, body="<h1>oops</h1>") if failure == "500" else route.abort(),
    )
    page.locator("#q").fill("phi")
    message = page.get_by_role("alert")
    expect(message).to_contain_text(words)
    assert page.locator(".row-name").all_text_contents() == rows
    page.unroute(re.compile("q=phi"))
    page.get_by_role("link", name="Try again").click()
    expect(page).to_have_url(re.compile("q=phi$"))
    expect(message).to_have_count(0)
    expect(first_row(page)).to_contain_text(re.compile("phi", re.IGNORECASE))


# --- the machine -----------------------------------------------------------------------------------------------


def test_from_a_card_s_number_to_what_runs_on_it(visit):
    page = visit("/", width=375)
    field = page.locator("#home-machine")
    field.press_sequentially("407")
    suggestion = page.locator("#home-machine-back").get_by_role("link", name="RTX 4070", exact=True)
    expect(suggestion).to_be_visible()
    field.fill("4070 and 32 GB")
    expect(page.locator("#home-machine-back")).to_contain_text("Understood: RTX 4070, 32 GB RAM")
    page.locator("#home-worker").select_option("ollama")
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"/models/\?.*accelerator=RTX\+4070"))
    assert params(page) >= {"worker=ollama", "accelerator=RTX 4070", "ram=32"}
    expect(page.locator("#worker-menu > summary")).to_contain_text("RTX 4070, 32 GB RAM")
    expect(page.locator("#worker-menu > summary")).to_contain_text("Ollama")
    first_row(page).click()
    expect(page).to_have_url(re.compile(r"/models/[^?]+/\?.*accelerator=RTX\+4070"))
    expect(page.locator("#worker-menu > summary")).to_contain_text("RTX 4070, 32 GB RAM")


def test_the_machine_is_changed_in_the_header_and_filters_stay(visit):
    page = visit("/models/?worker=ollama&accelerator=RTX+3060")
    page.locator("#q").fill("qwen")
    expect(page).to_have_url(re.compile("q=qwen"))
    page.locator("#worker-menu > summary").click()
    page.locator("#your-machine").fill(
        "GPU 0: NVIDIA GeForce RTX 3090 (UUID: GPU-1)\nGPU 1: NVIDIA GeForce RTX 3090 (UUID: GPU-2)"
    )
    expect(page.locator("#your-machine-back")).to_contain_text("2x RTX 3090")
    page.get_by_role("button", name="Use this worker").click()
    page.wait_for_url(re.compile("count=2"))
    assert params(page) >= {"q=qwen", "accelerator=RTX 3090", "count=2", "worker=ollama"}


def test_a_mac_and_a_card_are_two_machines_each_with_its_engine(visit):
    page = visit("/", width=375)
    page.locator("#home-machine").fill("M3 Max 64GB and RTX 4090")
    back = page.locator("#home-machine-back")
    expect(back).to_contain_text("RTX 4090 and Apple M3 Max are not in one machine: choose one.")
    back.get_by_role("link", name="Apple M3 Max").click()
    expect(page.locator("#worker-menu > summary")).to_contain_text("MLX-LM")
    assert params(page) >= {"worker=auto", "accelerator=Apple M3 Max", "memory=64"}
    page.locator("#worker-menu > summary").click()
    page.locator("#your-machine").fill("4090 + 2xRTX 306")
    chip = page.locator("#your-machine-back").get_by_role("link", name="4090 + 2x RTX 3060 12 GB")
    expect(chip).to_be_visible()
    chip.click()
    page.wait_for_url(re.compile("beside="))
    expect(page.locator("#worker-menu > summary")).to_contain_text("llama.cpp")


def test_what_a_name_leaves_open_is_chosen_with_a_click(visit):
    page = visit("/models/?worker=ollama&accelerator=RTX+3060")
    few = total(page)
    page.locator(".strip").get_by_role("link", name="RTX 3060 12 GB").click()
    expect(page.locator("#worker-menu > summary")).to_contain_text("RTX 3060 12 GB")
    expect(page.locator(".strip")).to_have_count(0)
    assert total(page) >= few


def test_machines_are_kept_by_name(visit):
    page = visit("/models/?worker=ollama&accelerator=RTX+4070&ram=32")
    page.locator("#worker-menu > summary").click()
    page.locator("#keep-as").fill("desk")
    page.get_by_role("button", name="Keep", exact=True).click()
    page.goto("/models/?worker=vllm&accelerator=H100")
    page.locator("#worker-menu > summary").click()
    page.get_by_role("button", name="desk", exact=True).click()
    page.wait_for_url(re.compile("RTX"))
    assert params(page) >= {"worker=vllm", "accelerator=RTX 4070", "ram=32"}
    page.locator("#worker-menu > summary").click()
    page.get_by_role("button", name="Forget desk").click()
    page.locator("#worker-menu > summary").click()
    expect(page.get_by_role("button", name="desk", exact=True)).to_have_count(0)


def test_the_machine_works_without_javascript(visit, watch):
    watch.expect("status of 422")
    page = visit("/", java_script_enabled=False)
    page.locator("#home-machine").fill("M3 Max 64GB")
    page.get_by_role("button", name="See what runs").click()
    expect(page).to_have_url(re.compile("accelerator=Apple"))
    page.locator("#worker-menu > summary").click()
    page.locator("#your-machine").fill("RTX 4071")
    page.get_by_role("button", name="Use this worker").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("not understood")
    page.get_by_role("link", name="RTX 4070", exact=True).click()
    expect(page.locator("#worker-menu > summary")).to_contain_text("RTX 4070")


# --- search leads to the thing itself --------------------------------------------------------------------------


def test_a_pasted_link_opens_the_model(visit):
    page = visit("/")
    page.locator("#q").fill("https://huggingface.co/microsoft/phi-2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/models/microsoft/phi-2/$"))


def test_a_slip_of_the_keys_is_searched_for_as_it_was_meant(visit):
    page = visit("/models/?compatible=false")
    page.locator("#q").fill("qwen instrcut")
    expect(page.locator(".meant")).to_contain_text("qwen instruct")
    expect(first_row(page)).to_contain_text(re.compile("qwen", re.IGNORECASE))
    expect(page.locator("#q")).to_have_value("qwen instrcut")


def test_models_are_put_side_by_side(visit):
    page = visit("/models/microsoft/phi-2/")
    page.get_by_role("link", name="Compare", exact=True).click()
    page.locator("#beside").fill("Qwen/Qwen2.5-0.5B-Instruct")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".compare thead a")).to_have_count(2)
    page.get_by_role("link", name="Leave out microsoft/phi-2").click()
    expect(page.locator(".compare thead a")).to_have_count(1)


def test_from_one_s_machine_to_what_it_can_run_and_to_the_model(visit, watch):
    page = visit("/")
    page.get_by_role("link", name="My machine").click()
    page.get_by_label("Your machine", exact=True).last.fill("2x3090 and 64 GB RAM")
    page.locator("main").get_by_label("Engine or worker").select_option("llama-cpp")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile(r"/machine/\?.*accelerator=RTX\+3090&count=2&ram=64"))
    chat = page.locator("#chat")
    expect(chat.get_by_role("heading", name="Chat")).to_be_visible()
    rung = chat.locator(".rung").first
    expect(rung).to_contain_text("llama-server -hf")
    need = rung.locator(".rung-need").inner_text().strip()
    rung.locator(".rung-name").click()
    expect(page).to_have_url(re.compile(r"/models/[^?]+/\?.*accelerator=RTX\+3090"))
    assert need in page.locator("main").inner_text()
    page.get_by_role("link", name="What it needs").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("well?")
    expect(page.locator(".rung").first).to_contain_text("Needs")


# --- suggestions -----------------------------------------------------------------------------------------------


def test_suggestions_are_walked_with_the_keys_and_opened(visit):
    page = visit("/")
    box = page.locator("#q")
    box.press_sequentially("phi-2")
    options = page.locator("#suggestions").get_by_role("option")
    expect(options.first).to_contain_text("microsoft/phi-2")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#announce")).to_contain_text("suggestion")
    box.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    box.press("ArrowUp")
    assert box.get_attribute("aria-activedescendant") is None
    box.press("ArrowDown")
    box.press("Enter")
    expect(page).to_have_url(re.compile(r"/models/microsoft/phi-2/$"))


def test_suggestions_close_and_leave_the_search_as_it_is(visit):
    page = visit("/models/microsoft/phi-2/")
    box = page.locator("#q")
    box.press_sequentially("qwen")
    expect(page.get_by_role("listbox")).to_be_visible()
    box.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(box).to_have_value("qwen")
    box.press("ArrowDown")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.locator("h1").click()
    expect(page.get_by_role("listbox")).to_be_hidden()
    box.press("Enter")
    expect(page).to_have_url(re.compile(r"/models/\?q=qwen$"))


def test_a_suggestion_is_clicked_and_a_slip_is_put_right(visit):
    page = visit("/lists/")
    page.locator("#q").press_sequentially("qwn")
    page.get_by_role("option", name="Did you mean qwen").click()
    expect(page).to_have_url(re.compile(r"/models/\?q=qwen$"))


# --- what is kept in the browser -------------------------------------------------------------------------------


def test_models_are_collected_over_pages_of_the_list_and_compared(visit):
    page = visit("/models/?compatible=false")
    tray = page.get_by_role("complementary", name="To compare")
    expect(tray).to_be_hidden()
    page.locator("a[data-compare]").first.click()
    expect(page.locator("a[data-compare]").first).to_have_attribute("aria-pressed", "true")
    expect(tray).to_be_visible()
    page.get_by_role("link", name="Next", exact=True).click()
    page.wait_for_url(re.compile("page=2"))
    expect(tray.locator("li")).to_have_count(1)
    for at in range(3):
        page.locator("a[data-compare]").nth(at).click()
    expect(tray.locator("li")).to_have_count(4)
    page.locator("a[data-compare]").nth(3).click(force=True)
    expect(page.locator("#announce")).to_contain_text("4 models are compared at most")
    tray.locator("li button").last.click()
    expect(tray.locator("li")).to_have_count(3)
    tray.get_by_role("link", name="Compare 3").click()
    expect(page.locator(".compare thead a")).to_have_count(3)
    page.get_by_label("Only what differs").check()
    expect(page.locator(".compare tbody tr:not(.differs)").first).to_be_hidden()


def test_a_saved_model_is_found_again(visit):
    page = visit("/models/microsoft/phi-2/")
    expect(page.get_by_role("link", name="Saved")).to_be_hidden()
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto("/")
    page.get_by_role("link", name="Saved").click()
    expect(page.locator(".row-name")).to_contain_text("microsoft/phi-2")
    page.get_by_role("button", name="Forget all of them").click()
    expect(page.get_by_role("heading", name="Nothing saved yet")).to_be_visible()


def test_a_build_of_another_width_is_looked_at_and_the_page_says_so(visit):
    page = visit("/models/unsloth/Qwen3.6-35B-A3B-GGUF/?worker=llama-cpp&accelerator=RTX+4090&ram=32")
    shown = page.locator(".width[aria-current]")
    before = shown.inner_text()
    page.locator(".width:not([aria-current])").first.click()
    expect(page).to_have_url(re.compile(r"build=\d+"))
    expect(page.get_by_role("heading", name="The build you look at")).to_be_visible()
    expect(shown).not_to_have_text(before)
    expect(page.locator("#announce")).to_contain_text("Needs")
    build = page.url.rpartition("build=")[2]
    page.locator("#c-context").select_option("32768")
    expect(page).to_have_url(re.compile(rf"context=32768.*build={build}"))


def test_the_way_to_the_results_is_short_with_the_keyboard(visit):
    page = visit("/models/")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to results")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#results') !== null")


def test_models_are_collected_without_javascript_through_the_address(visit):
    page = visit("/models/?q=phi-2&compatible=false", java_script_enabled=False)
    page.locator("a[data-compare]").first.click()
    expect(page.locator(".compare thead a")).to_have_count(1)
    page.locator("#beside").fill("qwen2.5 0.5b instruct")
    page.get_by_role("button", name="Find").click()
    page.locator(".found a").first.click()
    expect(page.locator(".compare thead a")).to_have_count(2)
    page.goto(page.url.partition("&")[0])
    page.locator("#on").fill("RTX 4090")
    page.get_by_role("button", name="Put beside").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("on 1 machine")
