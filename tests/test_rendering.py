"""The templates' environment: whole, strict and safe."""

from __future__ import annotations

import pytest
from django.template import engines
from jinja2 import UndefinedError

from marketplace.rendering import FILTERS, FUNCTIONS


@pytest.fixture
def templates():
    return engines["jinja2"]


def test_every_template_can_be_read_and_every_filter_is_used(templates):
    env = templates.env
    names = env.list_templates()
    assert "pages/browse.html" in names
    for name in names:
        env.get_template(name)
    text = "".join(env.loader.get_source(env, name)[0] for name in names)
    assert [name for name in FILTERS if f"|{name}" not in text] == []
    assert [name for name in FUNCTIONS if f"{name}(" not in text] == []


def test_words_from_outside_stay_text(templates):
    page = templates.from_string('<p title="{{ told }}">{{ told }} {{ told|truncatechars(9) }} {{ [told]|join }}</p>')
    html = page.render({"told": '"><script>'})
    assert "<script" not in html
    assert html.count("&lt;") == 4


def test_a_name_that_a_view_forgot_is_an_error(templates):
    with pytest.raises(UndefinedError, match="forgotten"):
        templates.from_string("{% if forgotten %}{% endif %}").render({})


def test_the_admin_keeps_its_own_templates():
    for app, name in (("compat", "webhook/secret"), ("marketplace", "apitoken/made")):
        assert engines["django"].get_template(f"admin/{app}/{name}.html")
