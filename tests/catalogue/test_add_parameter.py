"""One declaration adds a browse parameter everywhere. Tried on a copy of the project."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.own_database import ROOT
from tests.test_add_engine import PARTS, run

DECLARATION = """
    colour: Annotated[
        tuple[Annotated[str, OneOf(("red", "green"))], ...],
        Field(max_length=MOST_VALUES),
        Parameter("The colour of its card, such as `red`.", metavar="COLOUR"),
    ] = ()
"""
BEFORE = "    min_params: Annotated["

TRY = """
import json
import django
django.setup()
from django.core.management import load_command_class
from django.http import QueryDict
from compat.catalogue.question import Question, QuestionError
from compat.management.tables import tables
from marketplace.api.docs import document
from marketplace.assistant.arguments import Find, schema_of

asked = Question.from_query(QueryDict("colour=red&colour=green&sort=likes"))
try:
    Question.from_query(QueryDict("colour=blue"))
except QuestionError as error:
    refused = str(error)
print(json.dumps({
    "parsed": asked.colour,
    "query": asked.toggled("colour", "red").query(),
    "refused": refused,
    "openapi": document(["toy"])["paths"]["/api/v1/models"]["get"]["parameters"],
    "mcp": schema_of(Find)["properties"],
    "mcp asks": Find.model_validate({"colour": ["red"]}).question({}).colour,
    "help": load_command_class("marketplace", "find_models").create_parser("manage.py", "find_models").format_help(),
    "tables": tables(),
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    place = tmp_path_factory.mktemp("parameter") / "copy"
    for part in PARTS:
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__", "snapshot.jsonl.gz"))
    (place / "static_root").mkdir()
    question = place / "compat/catalogue/question.py"
    text = question.read_text("utf-8")
    assert text.count(BEFORE) == 1
    question.write_text(text.replace(BEFORE, DECLARATION.lstrip("\n") + BEFORE), "utf-8")
    env = {"SECRET_KEY": "tests-only", "DATABASE_URL": f"sqlite:///{place / 'none.sqlite3'}"}
    done = run(place, TRY, env)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_query_strings_hold_it_and_links_carry_it(told):
    assert told["parsed"] == ["red", "green"]
    assert told["query"] == "colour=green&sort=likes"
    assert told["refused"] == "“blue” is not a value of colour: use red or green."


def test_the_openapi_document_has_it(told):
    one = next(one for one in told["openapi"] if one["name"] == "colour")
    assert one["schema"] == {"type": "array", "items": {"type": "string", "enum": ["red", "green", ""]}}
    assert one["description"].startswith("The colour of its card, such as `red`. Give it again for several")


def test_assistants_can_ask_for_it(told):
    assert told["mcp"]["colour"] == {
        "type": "array",
        "items": {"type": "string", "enum": ["red", "green"], "maxLength": 120},
        "maxItems": 20,
        "description": "The colour of its card, such as red.",
    }
    assert told["mcp asks"] == ["red"]


def test_the_command_has_an_option_for_it(told):
    assert "--colour COLOUR" in told["help"]
    assert "the colour of its card, such as red: red or green" in " ".join(told["help"].split())


def test_the_documentation_has_a_row_for_it(told):
    assert (
        "| `colour` | `red`, `green` | The colour of its card, such as `red`. |\n"
        in told["tables"]["browse parameters"]
    )
    assert "| `--colour COLOUR` | " in told["tables"]["filter options"]
