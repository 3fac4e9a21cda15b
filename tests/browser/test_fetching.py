"""A model that the catalogue lacks, as a visitor meets it: a page that waits, then completes itself."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.hub_server import HubServer
from tests.own_database import ROOT
from tests.running import stop
from tests.samples import record

from .conftest import prepared_site

NEW = "sample/phi-new"


@pytest.fixture(scope="module")
def hub():
    with HubServer([record("microsoft/phi-2", id=NEW), record("microsoft/phi-2", id="sample/other")]) as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory, hub):
    """A site with an empty catalogue whose Hub is the one above; its tasks process is started by the tests."""
    with prepared_site(tmp_path_factory.mktemp("fetching"), "migrate", HF_ENDPOINT=hub.url) as (running, environment):
        yield running.address, environment


@contextmanager
def tasks_process(environment):
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "work"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        stop(worker)


@pytest.fixture
def open_page(new_context):
    def opened(address, **options):
        page = new_context(**options).new_page()
        page.goto(address)
        return page

    return opened


def test_an_unknown_model_appears_on_the_page_that_waits_for_it(site, hub, open_page):
    address, environment = site
    page = open_page(f"{address}/models/{NEW}/")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Fetching {NEW}")
    expect(page.get_by_role("progressbar")).to_be_visible()
    with tasks_process(environment):
        expect(page.get_by_role("heading", level=1)).to_have_text(NEW, timeout=20_000)
    expect(page).to_have_title(f"{NEW}: runs on rbee · RunsHere")
    expect(page.locator(".verdict-word")).to_contain_text("Runs")
    expect(page.locator("#main")).to_have_count(1)
    assert page.url == f"{address}/models/{NEW}/"
    assert hub.paths().count(f"/api/models/{NEW}") == 1


def test_without_javascript_the_page_loads_itself_again(site, open_page):
    address, environment = site
    page = open_page(f"{address}/models/sample/other/", java_script_enabled=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Fetching sample/other")
    with tasks_process(environment):
        expect(page.get_by_role("heading", level=1)).to_have_text("sample/other", timeout=20_000)


def test_a_model_the_hub_lacks_is_said_to_be_missing(site, open_page):
    address, environment = site
    page = open_page(f"{address}/models/nobody/nothing/")
    with tasks_process(environment):
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "nobody/nothing is not in this catalogue", timeout=20_000
        )
    expect(page.get_by_text("The Hub was asked just now.")).to_be_visible()
    page.get_by_role("link", name="Ask the Hub now").click()
    expect(page.get_by_role("button", name="Fetch it")).to_be_visible()
