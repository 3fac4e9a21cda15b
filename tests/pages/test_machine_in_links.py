"""Two tabs may be about two machines: what a page leads to is about the page's own."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest

from compat.catalogue.question import MACHINE, WORKER
from compat.models import CuratedList, ListEntry, ModelRecord
from marketplace.cookies import WORKER as WORKER_COOKIE
from tests.markup import Page

pytestmark = pytest.mark.django_db

HERE = {"worker": "llama-cpp", "accelerator": "RTX 4090", "ram": "32", "context": "4096"}
VERDICTS = ("/models/", "/compare/", "/machine/", "/lists/", "/saved/", "/report/", "/suggest/", "/fetch/", "/log/")
NOT_A_PAGE = "/machine/read/"
FOR_OTHERS = {"/machine/", "/machine/for/", "/compare/"}
"""Pages that also lead to other machines than the one they are about."""

PAGES = [
    "/",
    "/models/",
    "/models/?q=llama&compatible=false",
    "/models/?q=nothing-is-called-so",
    "/models/?q=lama",
    "/suggest/?q=phi",
    "/models/meta-llama/Llama-3.1-70B-Instruct/",
    "/models/meta-llama/Llama-2-7b-hf/",
    "/models/microsoft/phi-2/",
    "/models/no-such/model/",
    "/compare/?m=microsoft/phi-2&m=meta-llama/Llama-2-7b-hf&m=no-such/model",
    "/compare/?m=microsoft/phi-2&find=llama",
    "/compare/?m=microsoft/phi-2&on=RTX+3060+12+GB",
    "/compare/",
    "/machine/",
    "/machine/for/?m=microsoft/phi-2",
    "/lists/",
    "/lists/good/",
    "/saved/?m=microsoft/phi-2",
    "/saved/",
    "/report/",
    "/fetch/?id=microsoft/phi-2",
    "/log/?id=microsoft/phi-2",
    "/accuracy/",
    "/no-such-page/",
]


def worker_in(address: str) -> dict[str, str]:
    return {name: value for name, value in parse_qsl(urlsplit(address).query) if name in WORKER}


def addresses(page: Page) -> list[str]:
    """Everything on a page that a click, a key or a script may ask for, as forms send it."""
    by_itself = [values for tag, values in page.tags if tag != "form" and "hx-include" not in values]
    told = [values[name] for values in by_itself for name in ("hx-get", "href") if name in values]
    links = [urljoin(page.address, one) for one in told if one and not one.startswith("#")]
    forms = [f"{form.action}?{urlencode(form.fields)}" for form in page.forms if form.method == "get"]
    return [*links, *forms]


def about_models(address: str) -> bool:
    parts = urlsplit(address)
    if parts.netloc or parts.path == NOT_A_PAGE or parts.path.endswith(".xml"):
        return False
    return parts.path.startswith(VERDICTS)


@pytest.fixture
def good_list(db):
    found = CuratedList.objects.create(slug="good", title="Good", published=True)
    ListEntry.objects.create(curated_list=found, record=ModelRecord.objects.get(repo_id="microsoft/phi-2"))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.usefixtures("good_list")
def test_what_a_page_leads_to_is_about_the_pages_machine(client, path):
    # Another tab has told another machine since.
    client.cookies[WORKER_COOKIE] = "worker=mlx-lm&accelerator=Apple+M4+Max&memory=64"
    page = Page(client.get(f"{path}{'&' if '?' in path else '?'}{urlencode(HERE)}"))
    found = [one for one in addresses(page) if about_models(one)]
    assert found
    for address in found:
        told = worker_in(address)
        if urlsplit(path).path in FOR_OTHERS and set(told) & set(MACHINE):
            continue
        # The same model on the same machine, with another engine.
        own = {**HERE, "worker": told["worker"]} if urlsplit(address).path == urlsplit(path).path else HERE
        assert told.items() >= own.items(), address


def test_a_model_that_was_fetched_is_shown_for_the_machine_it_was_fetched_on(client):
    client.cookies[WORKER_COOKIE] = "worker=mlx-lm&accelerator=Apple+M4+Max&memory=64"
    answer = client.post(f"/fetch/?{urlencode(HERE)}", {"id": "microsoft/phi-2"})
    assert worker_in(answer.url) == HERE


def test_another_machine_does_not_take_over_the_cards_beside_the_own(client):
    page = client.get("/machine/for/?m=microsoft/phi-2&worker=llama-cpp&accelerator=RTX+3090&beside=RTX+3060+12+GB")
    assert page.context["page"].least
    assert not [link for link in Page(page).internal() if "beside" in link and "accelerator=RTX+3090" not in link]
