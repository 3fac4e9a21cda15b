"""The commands in the API's documentation are run, and answered."""

from __future__ import annotations

import html
import json
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from marketplace import starter

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text("utf-8")
COMMANDS = re.findall(r"^curl .*$", TEXT, re.MULTILINE)


def run(client, command):
    """What a curl command would get."""
    words = shlex.split(command)
    parts = urlsplit(next(word for word in words if word.startswith("http://")))
    address = parts.path + (f"?{parts.query}" if parts.query else "")
    if "-d" in words:
        return client.post(address, words[words.index("-d") + 1], content_type="application/json")
    return client.get(address)


@pytest.mark.django_db
@pytest.mark.parametrize("command", COMMANDS)
def test_an_example_is_answered(client, command):
    starter.create_lists()
    response = run(client, command)
    assert response.status_code == 200, response.content
    assert response.json()


@pytest.mark.django_db
def test_the_documentation_page_shows_commands_that_work(client):
    starter.create_lists()
    text = client.get("/api/docs").content.decode()
    shown = re.findall(r"<code id=\"curl-\w+\">(curl .*?)</code>", text, re.DOTALL)
    assert len(shown) == 12
    for command in shown:
        plain = html.unescape(command)
        assert run(client, plain).status_code == 200, plain


def test_every_operation_has_an_example():
    from marketplace.api.docs import document

    asked = {urlsplit(re.search(r"http://[^' ]+", command)[0]).path for command in COMMANDS}
    for path in document(["rbee"])["paths"]:
        pattern = re.sub(r"\{\w+\}", "[^/]+", path)
        assert any(re.fullmatch(pattern, one) for one in asked), path


def test_every_example_can_be_read_as_json():
    for command in COMMANDS:
        words = shlex.split(command)
        if "-d" in words:
            json.loads(words[words.index("-d") + 1])
