"""The page on assistants: every tool is shown, each example is called and answered as shown."""

from __future__ import annotations

import json
import re

import pytest

from marketplace import starter
from marketplace.assistant import tools
from marketplace.assistant.arguments import MOST
from marketplace.assistant.server import MOST_BYTES
from marketplace.management.commands.mcp_server import Command
from tests.own_database import ROOT

TEXT = (ROOT / "docs/mcp.md").read_text("utf-8")
EXAMPLES = re.findall(
    r"^### `(\w+)`\n\n(.*?)\n\n```json\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL
)
CONFIGURATIONS = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[:3]]


def test_every_tool_is_shown_in_the_order_of_the_server():
    assert [name for name, *_ in EXAMPLES] == [tool.name for tool in tools.TOOLS]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "question", "arguments", "shown"), EXAMPLES, ids=[name for name, *_ in EXAMPLES])
def test_an_example_is_answered_as_shown(name, question, arguments, shown):
    starter.create_lists()
    assert re.fullmatch(r"\*.+[?.]\*", question)
    told = tools.call_tool(name, json.loads(arguments)).text
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("..."))
    assert re.fullmatch(pattern, told, re.DOTALL), told


def test_configurations_name_the_command_and_its_address():
    first, second, over_http = CONFIGURATIONS
    server = first["mcpServers"]["runshere"]
    assert second["servers"]["runshere"] == {"type": "stdio", **server}
    _, command, *rest = server["args"]
    assert command == Command.__module__.rpartition(".")[2]
    parser = Command().create_parser("manage.py", command)
    assert parser.parse_args(rest).http is None
    address = re.search(r"mcp_server --http (\S+)", TEXT)[1]
    assert parser.parse_args(["--http", address]).http == ("127.0.0.1", 8010)
    assert over_http["mcpServers"]["runshere"]["url"] == f"http://{address}/mcp"


def test_the_numbers_are_those_of_the_code():
    assert f"At most {MOST} at a time" in TEXT
    assert f"at most {MOST_BYTES // 1024} KB" in TEXT
    number = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"][len(tools.TOOLS)]
    assert f"gives\nit {number} tools" in TEXT


def test_every_argument_of_a_search_is_named():
    find = tools.TOOLS[0]
    assert set(find.takes.model_fields) <= set(re.findall(r"`(\w+)`", TEXT)) | {"limit"}
