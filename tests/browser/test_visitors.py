"""Five people who know their machine and no model's name: each has an answer after three clicks at most.

A click is a link or a button that is activated; fields are filled in between.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

MOST_CLICKS = 3


class Visitor:
    """Clicks, and counts them."""

    def __init__(self, page):
        self.page = page
        self.clicks = 0

    def click(self, locator, *, key=""):
        self.clicks += 1
        assert self.clicks <= MOST_CLICKS
        if key:
            locator.press(key)
        else:
            locator.click()


@pytest.fixture
def visitor(visit):
    return lambda *args, **options: Visitor(visit(*args, **options))


def describe(page, machine, engine, context=None):
    """Fill in the form of the page about one's machine."""
    page.locator("#this-machine").fill(machine)
    page.locator("#this-worker").select_option(engine)
    if context:
        page.locator("#this-context").select_option(str(context))


def test_a_hobbyist_with_a_gaming_card_who_wants_to_code(visitor):
    one = visitor("/")
    one.page.locator("#home-machine").fill("4070")
    one.page.locator("#home-worker").select_option("ollama")
    one.click(one.page.get_by_role("button", name="What should I run?"))
    one.page.wait_for_url(re.compile(r"/machine/\?"))
    rung = one.page.locator("#code .rung").first
    expect(rung).to_contain_text(re.compile(r"FROM hf\.co/.*ollama run "))
    expect(rung).to_contain_text("of 12.0 GiB")
    expect(rung).to_contain_text("tokens/s")


def test_an_engineer_with_four_server_cards_and_long_texts(visitor):
    one = visitor("/")
    one.click(one.page.get_by_role("link", name="My machine"))
    describe(one.page, "4x H100", "vllm", 65536)
    one.click(one.page.get_by_role("button", name="Show", exact=True))
    one.page.wait_for_url(re.compile(r"/machine/\?"))
    rung = one.page.locator("#reasoning .rung").first
    expect(rung).to_contain_text(re.compile(r"vllm serve \S+ --max-model-len 65536 --tensor-parallel-size 4"))
    expect(rung).to_contain_text("on the fullest device at 65,536 tokens")


def test_somebody_with_a_mac(visitor):
    one = visitor("/")
    one.click(one.page.get_by_role("link", name="Apple M4 Max, 64 GB"))
    one.page.wait_for_url(re.compile(r"/machine/\?"))
    rung = one.page.locator("#chat .rung").first
    expect(rung).to_contain_text("mlx_lm")
    expect(rung).to_contain_text("tokens/s")


def test_somebody_who_was_sent_a_link_and_has_no_graphics_card(visitor):
    one = visitor("/")
    one.page.locator("#q").fill("https://huggingface.co/Qwen/Qwen3-30B-A3B")
    one.click(one.page.locator("#q"), key="Enter")
    expect(one.page.get_by_role("heading", level=1)).to_have_text("Qwen/Qwen3-30B-A3B")
    one.click(one.page.locator("#worker-menu > summary"))
    one.page.locator("#your-machine").fill("32 GB RAM")
    one.page.locator("#worker").select_option("llama-cpp")
    one.click(one.page.get_by_role("button", name="Use this worker"))
    expect(one.page.get_by_role("heading", level=1)).to_have_text("Qwen/Qwen3-30B-A3B")
    expect(one.page.locator(".verdict-word")).to_contain_text("on llama.cpp")
    expect(one.page.locator(".surer, .take a").first).to_contain_text("GGUF")


def test_somebody_on_a_phone_in_the_dark_with_a_keyboard_and_no_javascript(visitor):
    one = visitor("/", width=375, color_scheme="dark", java_script_enabled=False)
    one.click(one.page.get_by_role("link", name="My machine"), key="Enter")
    describe(one.page, "RTX 3060 12GB", "llama-cpp")
    one.click(one.page.get_by_role("button", name="Show", exact=True), key="Enter")
    one.page.wait_for_url(re.compile(r"/machine/\?"))
    expect(one.page.locator("#chat .rung").first).to_contain_text("llama-server -hf")
    one.click(one.page.locator("#chat .rung-name").first, key="Enter")
    expect(one.page.locator(".verdict-word")).to_contain_text("run on llama.cpp")
    expect(one.page.locator(".take code").first).to_contain_text("llama-server -hf")
