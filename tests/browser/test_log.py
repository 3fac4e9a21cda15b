"""An engine's log, as a visitor compares it on a model's page, and as somebody with the right keeps it."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.logs.real_logs import DATA, log
from tests.own_database import manage
from tests.samples import RECORDS

from .conftest import Watch, prepared_site

MODEL = "/models/meta-llama/Llama-3.1-8B/?worker=ollama&accelerator=GTX+1080"
ASKED = "/log/?id=meta-llama/Llama-3.1-8B&worker=ollama&accelerator=GTX+1080"
R1 = "ollama-0.9-deepseek-r1-8b-journald"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A site with the records of the tests, and somebody who may do everything."""
    with prepared_site(tmp_path_factory.mktemp("logs"), "migrate", HF_ENDPOINT="http://127.0.0.1:9") as (site, env):
        somebody = {"DJANGO_SUPERUSER_PASSWORD": "secret-of-tests"}
        for command in (
            ["load_records", str(RECORDS)],
            ["createsuperuser", "--noinput", "--username", "keeper", "--email", "k@example.org"],
        ):
            ran = manage(*command, env=env | somebody)
            assert ran.returncode == 0, ran.stderr
        yield site.address


@pytest.fixture
def watched(address):
    """What goes wrong behind the pages of a test."""
    watching = Watch(address)
    yield watching
    assert not watching.problems


@pytest.fixture
def opened(address, watched, browser):
    """Open a page of this site, in a browser context of its own."""
    contexts = []

    def page_of(path, **options):
        contexts.append(browser.new_context(**options))
        contexts[-1].on("page", watched.on_page)
        page = contexts[-1].new_page()
        page.goto(address + path)
        return page

    yield page_of
    for context in contexts:
        context.close()


def measured(page):
    return page.get_by_role("region", name="Table: estimated and measured")


def test_a_log_is_pasted_and_compared_in_place(opened):
    page = opened(MODEL)
    here = page.url
    page.get_by_role("link", name="Compare with your engine's log").click()
    page.get_by_label("What the engine printed").fill(log(R1))
    page.get_by_role("button", name="Compare").click()
    row = measured(page).get_by_role("row", name=re.compile("^Weights"))
    expect(row).to_contain_text("4,403")
    expect(page.get_by_role("heading", name="Builds in this repository")).to_be_visible()
    assert page.url == here
    page.get_by_label("What the engine printed").fill("hello")
    page.get_by_role("button", name="Compare another log").click()
    expect(page.get_by_role("alert")).to_contain_text("This log could not be read")


def test_without_javascript_a_file_is_compared(opened):
    page = opened(MODEL, java_script_enabled=False)
    page.get_by_role("link", name="Compare with your engine's log").click()
    assert "/log/?id=" in page.url
    page.get_by_label("or a file of it").set_input_files(str(DATA / f"{R1}.log"))
    page.get_by_role("button", name="Compare").click()
    expect(measured(page)).to_contain_text("4,403")
    expect(page.get_by_text("log in as somebody with the right")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1440])
def test_the_comparison_is_accessible_and_fits(opened, width, scheme):
    view = {"viewport": {"width": width, "height": 900}, "reduced_motion": "reduce"}
    page = opened(ASKED, color_scheme=scheme, **view)
    page.get_by_label("What the engine printed").fill(log(R1))
    page.get_by_role("button", name="Compare").click()
    expect(measured(page)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []


def test_whoever_may_keeps_it_and_sees_it_beside_the_estimate(opened, address, watched):
    watched.expect(r"status of 404")  # Django's own login names no icon, and the browser looks for one
    page = opened("/admin/login/?next=/accuracy/")
    page.get_by_label("Username").fill("keeper")
    page.get_by_label("Password").fill("secret-of-tests")
    page.get_by_role("button", name="Log in").click()
    page.goto(address + MODEL)
    page.get_by_role("link", name="Compare with your engine's log").click()
    page.get_by_label("What the engine printed").fill(log(R1))
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("button", name="Keep as a measurement").click()
    expect(page.get_by_text("Kept as a measurement")).to_be_visible()
    expect(page.get_by_role("region", name="Table: measured here")).to_contain_text("5,987")
    page.goto(f"{address}/accuracy/")
    expect(page.get_by_role("region", name="Table: Measured here")).to_contain_text("Ollama")
