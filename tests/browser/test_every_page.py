"""What holds on every page: accessible in both themes, nothing overflows, nothing moves long, and pages are light."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = {
    "home": "/",
    "browse": "/models/",
    "many filters": "/models/?compatible=false&task=text-generation&license=mit&license=apache-2.0&min_params=1",
    "what does not run": "/models/?compatible=only-incompatible",
    "nothing found": "/models/?q=zzzzqqq&license=mit",
    "an id not found": "/models/?q=nobody%2Fnothing-7b",
    "senseless parameters": "/models/?sort=nonsense&min_params=x",
    "a page beyond the last": "/models/?page=9999",
    "a question too long": f"/models/?q={'a' * 3000}",
    "detail": "/models/microsoft/phi-2/",
    "detail of a refusal": "/models/meta-llama/Llama-3.2-1B/",
    "detail with many variants": "/models/unsloth/Qwen3.6-35B-A3B-GGUF/",
    "detail without an owner": "/models/t5-small/",
    "detail of a long name": (
        "/models/interlinguistic-language-modeling/"
        "BabyLM-130M-ilm_it-ilm_pl-tokenizer_ilm_bilingual_it_pl_bpe_trailing_ws_32000/"
    ),
    "search for a long name": "/models/?q=interlinguistic-language-modeling&compatible=false",
    "a model that is being fetched": "/models/nobody/a-model-whose-name-goes-on-and-on-and-on-for-very-long-GGUF/",
    "an id that cannot be": "/models/nobody/no%20thing/",
    "fetching asked for": "/fetch/?id=microsoft/phi-2",
    "a log asked for": "/log/?id=microsoft/phi-2",
    "API": "/api/docs",
    "report": "/report/",
    "lists": "/lists/",
    "list": "/lists/small-and-open/",
    "workers": "/workers/",
    "worker": "/workers/rbee/",
    "worker described": "/workers/?worker=llama-cpp&accelerator=RTX+4090&count=2",
    "a machine that may be several": "/models/?worker=ollama&accelerator=RTX+3060&ram=32",
    "a machine not understood": "/machine/read/?machine=RTX+4071+and+32+GB&next=/models/",
    "a size alone": "/machine/read/?machine=24+GB",
    "several machines": "/machine/read/?machine=M3+Max+64GB+and+RTX+4090&next=/models/",
    "a number of cards that none is": "/machine/read/?machine=-3+x+4090&next=/models/",
    "a search with a slip": "/models/?q=qwen+instrcut&compatible=false",
    "a model named by its id": "/models/?q=meta-llama%2FLlama-3.1-70B-Instruct",
    "compared": "/compare/?m=microsoft/phi-2&m=Qwen/Qwen2.5-0.5B-Instruct&worker=vllm&accelerator=RTX+4090",
    "nothing to compare": "/compare/",
    "something compared that nobody knows": f"/compare/?m=nobody/{'x' * 90}&find={'x' * 90}",
    "a long name of no account": f"/models/?author={'x' * 90}",
    "a long name of no worker": f"/?worker={'x' * 90}",
    "something found to compare": "/compare/?m=microsoft/phi-2&find=qwen",
    "compared on machines, each with its engine": (
        "/compare/?m=ggml-org/Qwen3.8-27B-GGUF&on=RTX+4090&on=M3+Max+64GB&on=-3x+4090"
    ),
    "compared on machines": "/compare/?m=ggml-org/Qwen3.8-27B-GGUF&on=RTX+4090&on=a+toaster&on=H100&worker=llama-cpp",
    "saved": "/saved/?m=microsoft/phi-2&m=no/such&m=unsloth/Qwen3.6-35B-A3B-GGUF",
    "nothing saved": "/saved/",
    "made from a model": "/models/?base=Qwen/Qwen3-8B&compatible=false&unit=repository",
    "detail of another build": "/models/unsloth/Qwen3.6-35B-A3B-GGUF/?worker=llama-cpp&accelerator=RTX+4090&build=0",
    "home with a machine": "/?worker=ollama&accelerator=RTX+4070",
    "browse by memory": "/models/?worker=llama-cpp&memory=8&context=16384&compatible=false&format=gguf",
    "detail with memory": "/models/ggml-org/Qwen3.8-27B-GGUF/?worker=llama-cpp&memory=24&context=16384",
    "what can I run": "/machine/?worker=llama-cpp&accelerator=RTX+3090",
    "no machine told": "/machine/?worker=rbee",
    "an engine that does not run there": "/machine/?worker=tensorrt-llm&accelerator=Apple+M4+Max&memory=64",
    "what a model needs": "/machine/for/?m=unsloth/Qwen3.5-35B-A3B-GGUF&worker=llama-cpp",
    "accuracy": "/accuracy/",
    "no such page": "/no-such-page/",
}

OVERFLOWING = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  return [...document.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .vh"))
    .map((e) => `${e.tagName}.${e.getAttribute("class")}`).slice(0, 5);
}"""

LONGEST_MOTION = """() => Math.max(...[...document.querySelectorAll("*")].flatMap((e) => {
  const style = getComputedStyle(e);
  return [style.transitionDuration, style.animationDuration].flatMap((times) => times.split(",").map(parseFloat));
}))"""


QUICK = {"resultTypes": ["violations"]}
CONTRAST = QUICK | {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


def violations(page, options=QUICK):
    found = Axe().run(page, options=options).response["violations"]
    return [(violation["id"], [node["target"] for node in violation["nodes"]][:3]) for violation in found]


@pytest.mark.parametrize("width", [320, 375, 768, 1440])
def test_every_page_is_accessible_and_fits(visit, watch, width):
    """At two widths axe runs all its rules in the light theme, and in the dark one those that colours can break."""
    watch.expect(r"status of 4(0[04]|22)")
    page = visit("/", width=width, color_scheme="light", reduced_motion="reduce")
    found = []
    for name, path in PAGES.items():
        page.emulate_media(color_scheme="light")
        page.context.clear_cookies()  # a worker described in an address is remembered
        page.goto(path)
        overflowing = page.evaluate(OVERFLOWING)
        if overflowing or page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append((name, "overflow", overflowing))
        if width in (375, 1440):
            found += [(name, "light", *violation) for violation in violations(page)]
            page.emulate_media(color_scheme="dark")
            found += [(name, "dark", *violation) for violation in violations(page, options=CONTRAST)]
    assert not found


TRANSLATED = (
    *("home with a machine", "browse", "nothing found", "senseless parameters", "detail with many variants", "saved"),
    *("detail with memory", "compared on machines", "what can I run", "what a model needs", "accuracy", "list"),
    *("worker described", "a machine not understood", "a log asked for", "report", "nothing to compare"),
)
"""Pages that are looked at in every language: those with the longest words in the narrowest places."""

RUNNING_OVER = """() => [...document.querySelectorAll("dt, dd, th, button, .button, .badge, label, summary, h1, h2")]
    .filter((e) => e.checkVisibility() && e.clientWidth && !e.closest(".vh, .scroll"))
    .filter((e) => e.scrollWidth > e.clientWidth + 1)
    .map((e) => e.textContent.trim().slice(0, 40))"""


@pytest.mark.parametrize(("locale", "theme"), [("de-DE", "dark"), ("zh-CN", "light")])
def test_translated_pages_are_accessible_and_fit(visit, watch, locale, theme):
    """On a narrow phone nothing is wider than the page, and no word runs over what stands beside it."""
    watch.expect(r"status of 4(0[04]|22)")
    page = visit("/", width=320, locale=locale, color_scheme=theme, reduced_motion="reduce")
    found = []
    for name in TRANSLATED:
        page.context.clear_cookies()
        page.goto(PAGES[name])
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append((name, "overflow", page.evaluate(OVERFLOWING)))
        found += [(name, "runs over", words) for words in page.evaluate(RUNNING_OVER)]
        found += [(name, *violation) for violation in violations(page)]
    assert not found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_unfolds_is_accessible(visit, theme):
    page = visit("/models/", width=375, color_scheme=theme, reduced_motion="reduce")
    for menu in page.locator("details.menu summary").all():
        menu.click()
        assert not violations(page)
        menu.click()
    page.get_by_role("link", name="Filters").click()
    assert not violations(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1440])
def test_suggestions_and_what_is_collected_are_accessible_and_fit(visit, theme, width):
    page = visit("/models/?compatible=false", width=width, color_scheme=theme, reduced_motion="reduce")
    for link in page.locator("a[data-compare]").all()[:4]:
        link.click()
    page.locator("#tray").wait_for()
    assert not violations(page)
    assert not page.evaluate(OVERFLOWING)
    page.goto("/models/unsloth/Qwen3.6-35B-A3B-GGUF/")
    for term in page.locator("details.term summary").all()[:3]:
        term.click()
    page.locator("#q").press_sequentially("qwen")
    page.get_by_role("listbox").wait_for()
    page.locator("#q").press("ArrowDown")
    assert not violations(page)
    assert not page.evaluate(OVERFLOWING)


@pytest.mark.parametrize("path", ["/", "/models/", "/models/microsoft/phi-2/"])
def test_motion_is_short_and_stops_for_those_who_want_none(visit, path):
    assert visit(path).evaluate(LONGEST_MOTION) < 0.2
    assert visit(path, reduced_motion="reduce").evaluate(LONGEST_MOTION) == 0


@pytest.mark.parametrize(("path", "most"), [("/models/", 60), ("/", 60), ("/models/microsoft/phi-2/", 60)])
def test_a_first_visit_weighs_little(visit, base_url, path, most):
    page = visit("about:blank")
    sizes = {}
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.responseReceived", lambda event: sizes.setdefault(event["requestId"], 0))
    network.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(base_url + path, wait_until="networkidle")
    assert len(sizes) >= 5, "page, sheet, scripts and icons should all be counted"
    assert sum(sizes.values()) < most * 1024, sizes


def test_static_files_are_kept_for_ever_and_pages_are_not(visit, base_url):
    page = visit("/models/")
    sheet = page.locator("link[rel=stylesheet]").get_attribute("href")
    kept = page.request.get(base_url + sheet).headers["cache-control"]
    assert "immutable" in kept
    assert "immutable" not in page.request.get(base_url + "/models/").headers.get("cache-control", "")
