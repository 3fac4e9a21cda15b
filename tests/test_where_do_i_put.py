"""Every row of "Where do I put..." in ARCHITECTURE.md, performed: what it says is done, and nothing else.

All that can stand side by side is put into one copy of the project, beside a database that the project itself filled;
then the copy is started as after an upgrade, and each test looks for its row where a person would.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from textwrap import indent

import pytest

from tests.hub_server import HubServer
from tests.own_database import ROOT, OwnDatabase
from tests.project_copy import add_lines, change_line, copy_project, run_in_copy
from tests.samples import every_record, write_lines

ROWS = {
    "engine": "tests/test_add_engine.py::test_one_file_adds_an_engine_everywhere",
    "rule": "::test_a_rule_is_heard_on_the_page_and_makes_verdicts_of_another_version",
    "architecture": "tests/architectures/test_add_architecture.py::test_one_entry_adds_an_architecture_everywhere",
    "name table": "::test_a_name_table_leads_from_model_type_to_class_and_gguf_name",
    "well-known model's published shape": "::test_a_known_shape_is_what_the_memory_need_is_worked_out_from",
    "line of models that are for something by their plain name": (
        "tests/catalogue/test_uses.py::test_one_line_of_the_table_tells_of_all_models_of_a_line"
    ),
    "failure that the public reported": (
        "tests/rules/test_known_failures.py::test_it_is_told_of_what_it_is_about_with_its_report"
    ),
    "graphics card": "::test_a_graphics_card_can_be_chosen_and_judged_for",
    "data file": "::test_a_data_file_stops_the_start_where_it_is_wrong",
    "fact": "::test_a_fact_is_read_of_what_is_kept_and_seen_by_a_rule",
    "facet": "::test_a_facet_counts_and_narrows_everywhere",
    "browse parameter": "tests/catalogue/test_add_parameter.py::test_query_strings_hold_it_and_links_carry_it",
    "page": "::test_a_page_answers_from_its_query",
    "piece of a page used twice": "::test_a_piece_is_shown_by_the_page",
    "filter or function of templates": "::test_a_filter_is_known_to_templates",
    "language": "tests/tools/test_add_language.py::test_a_folder_and_a_line_add_a_language",
    "feed or sitemap": "::test_a_feed_is_answered_and_exported",
    "API field": "::test_an_api_field_is_answered_and_described",
    "badge word": "::test_a_badge_word_changes_on_page_command_and_api_and_the_documentation_is_told",
    "call to the Hub": "::test_a_call_to_the_hub_gives_a_checked_answer",
    "column": "::test_a_column_is_filled_of_what_is_kept",
    "command": "::test_a_command_is_listed_and_answers",
    "tool for assistants": "::test_a_tool_is_offered_and_answers_in_both_forms",
    "background work": "::test_background_work_is_done_by_the_tasks_process",
    "listener to changes of the catalogue": "::test_a_listener_hears_of_a_change",
    "measured point": "::test_a_measured_point_is_in_the_ledger_and_on_the_page",
    "reader of an engine's log": "::test_a_log_reader_is_heard_and_its_engine_named",
    "reader of an engine's package": "::test_a_reader_writes_the_lists_of_an_engine",
    "event of webhooks": "::test_an_event_is_written_to_the_outbox",
    "setting": "::test_a_setting_is_read_and_its_row_is_asked_for",
    "start-up check": "::test_a_start_up_check_is_heard",
    "style or script": "::test_a_style_reaches_visitors",
    "test": "::test_tests_stand_where_their_sources_stand",
}
"""The test of each row of the table; ``::`` alone is this file."""

MERGED = {
    "id": "acme/Merged-1B", "pipeline_tag": "text-generation", "tags": ["merge", "x"], "library_name": "diffusers",
    "config": {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096},
    "siblings": [{"rfilename": "model.safetensors", "size": 2_000_000_000}],
}  # fmt: skip
SHAPED = {
    "id": "acme/Toyshape-3B-GGUF", "pipeline_tag": "text-generation", "library_name": "diffusers",
    "gguf": {"architecture": "llama", "context_length": 4096, "total": 3_000_000_000},
    "siblings": [{"rfilename": "toyshape-3b-Q4_K_M.gguf", "size": 2_000_000_000}],
}  # fmt: skip
CALLS = every_record()[0]["id"]
OWN_RECORDS = [MERGED, SHAPED]


# --- what is put where ---------------------------------------------------------------------------------------------


def add_fact(copy):
    add_lines(copy / "compat/extraction/facts.py", "    partial: bool = False\n", "    merged: bool = False\n")
    add_lines(
        copy / "compat/extraction/extract.py",
        "        no_weights=_lists_no_weights(model, names),\n",
        '        merged="merge" in (model.tags or ()),\n',
    )


def add_rule(copy):
    (copy / "compat/rules/merging.py").write_text(
        '''"""Is it made of several models?"""

from compat.rules.result import Finding, Severity


def check(facts, profile):
    """A merge warns."""
    if facts.merged:
        yield Finding("merged", Severity.WARNS, "Merged of several models: its makers did not test it.", "merged")
''',
        "utf-8",
    )
    order = copy / "compat/rules/order.py"
    add_lines(order, "    modality,\n", "    merging,\n")
    add_lines(order, "    modality.check,\n", "    merging.check,\n")


def add_names(copy):
    tables = copy / "compat/architectures"
    add_lines(tables / "names.toml", '"afmoe" = "AfmoeForCausalLM"\n', '"aatoy" = "AaToyForCausalLM"\n')
    add_lines(tables / "gguf_names.toml", '"AfmoeForCausalLM" = "afmoe"\n', '"AaToyForCausalLM" = "aa-toy"\n')


def add_known_shape(copy):
    shape = {
        "model_type": "llama", "num_hidden_layers": 10, "hidden_size": 1024, "num_attention_heads": 16,
        "num_key_value_heads": 4, "head_dim": 64, "vocab_size": 32000, "intermediate_size": 94720,
        "tie_word_embeddings": False,
    }  # fmt: skip
    line = json.dumps({"id": "acme/Toyshape-3B", "config": shape})
    add_lines(copy / "compat/architectures/known_shapes.json", '{"id":"Qwen/Qwen3-0.6B"', f"{line},\n")


def add_card(copy):
    line = '{"name":"Toy 48","vendor":"nvidia","kind":"gpu","gb":48,"gb_s":900.0,"cc":9,"src":[0]},\n'
    add_lines(copy / "compat/engines/data/accelerators.json", '{"name":"L40S"', line)


def add_data_file(copy):
    (copy / "compat/engines/data/doors.json").write_text('{"doors": [{"name": "front", "width": 90}]}', "utf-8")
    (copy / "compat/engines/doors.py").write_text(
        '''"""The doors there are."""

from functools import cache
from importlib.resources import files

from compat.strict_data import StrictTable, check_table, parse_json


class Door(StrictTable):
    """One door; ``width`` in centimetres."""

    name: str
    width: int


class Doors(StrictTable):
    """All doors."""

    doors: list[Door]


@cache
def doors() -> Doors:
    """Read once."""
    text = files("compat.engines").joinpath("data", "doors.json").read_text("utf-8")
    return check_table(Doors, parse_json(text, "doors.json"), "doors.json")
''',
        "utf-8",
    )
    checks = copy / "compat/checks.py"
    add_lines(checks, "from compat.engines.hardware import", "from compat.engines.doors import doors\n")
    add_lines(checks, "    shipped_ledger,\n)", "    doors,\n")


def add_facet(copy):
    """The one that CONTRIBUTING.md shows."""
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    declaration = re.search(r"^```python\n(library: .*?)^```$", guide, re.MULTILINE | re.DOTALL)[1]
    question = copy / "compat/catalogue/question.py"
    add_lines(question, "    min_params: Annotated[", indent(declaration, "    "))


def add_page(copy):
    (copy / "compat/catalogue/makers.py").write_text(
        '''"""Who made how many models."""

from dataclasses import dataclass

from django.db.models import Count

from compat.models import ModelRecord


@dataclass(frozen=True, slots=True)
class Maker:
    """An account and its number of models."""

    name: str
    models: int


def makers():
    """The accounts with the most models. One query."""
    rows = ModelRecord.objects.order_by().values_list("owner").annotate(models=Count("id")).order_by("-models", "owner")
    return [Maker(*row) for row in rows[:20]]
''',
        "utf-8",
    )
    (copy / "marketplace/pages/makers.py").write_text(
        '''"""Who makes models."""

from django.views.decorators.http import require_safe

from compat.catalogue.makers import makers as find_makers

from .address import takes
from .htmx import render_page


@require_safe
@takes()
def makers(request):
    """``/makers/``"""
    return render_page(request, "pages/makers.html", {"makers": find_makers()})
''',
        "utf-8",
    )
    (copy / "templates/pages/makers.html").write_text(
        '{% extends "base.html" %}{% block title %}Makers{% endblock %}{% block main %}<main id="main">\n'
        '{% for maker in makers %}{% include "partials/_maker.html" %}{% endfor %}</main>{% endblock %}\n',
        "utf-8",
    )
    urls = copy / "marketplace/urls.py"
    add_lines(urls, "    machine,", "    makers,\n")
    add_lines(urls, '    path("accuracy/",', '    path("makers/", makers.makers, name="makers"),\n')


def add_piece(copy):
    (copy / "templates/partials/_maker.html").write_text(
        '<p class="maker">{{ maker.name|loudly }}: {{ maker.models }}</p>\n', "utf-8"
    )


def add_filter(copy):
    with (copy / "marketplace/show.py").open("a", encoding="utf-8") as file:
        file.write('\n\ndef loudly(text: str) -> str:\n    """In capitals."""\n    return text.upper()\n')
    add_lines(copy / "marketplace/rendering.py", '    "percent": show.percent,\n', '    "loudly": show.loudly,\n')


def add_feed(copy):
    with (copy / "marketplace/feeds.py").open("a", encoding="utf-8") as file:
        file.write(
            '''

def popular_models(rows: Sequence[Row], worker: Worker, address_of: Addresses = address) -> Channel:
    """The feed of the best known models."""
    return Channel("Best known", "The three best known models", address_of("home"), worker, rows)


class PopularModels(ModelFeed):
    """``/popular.xml``"""

    def get_object(self, request: HttpRequest) -> Channel:
        """The best known three."""
        page = catalogue.home()
        return popular_models(page.first[:3], page.worker)
'''
        )
    urls = copy / "marketplace/urls.py"
    change_line(urls, "import ListModels, NewModels", "import ListModels, NewModels, PopularModels")
    add_lines(urls, '    path("robots.txt"', '    path("popular.xml", PopularModels(), name="popular-feed"),\n')
    room = copy / "marketplace/static_site"
    change_line(room / "channels.py", "list_models, new_models\n", "list_models, new_models, popular_models\n")
    add_lines(
        room / "channels.py",
        "    def curated(self",
        """    def popular(self) -> str:
        rows = self._catalogue.rows(self._catalogue.entries[:3])
        return self._feed(popular_models(rows, self._catalogue.workers[0], self._address), "popular.xml")

""",
    )
    add_lines(
        room / "export.py",
        '    folder.put("sitemap.xml"',
        '    folder.put("popular.xml", channels.popular())\n',
    )


def add_api_field(copy):
    add_lines(copy / "marketplace/api/schemas.py", "    created_at: datetime | None\n", "    tag_count: int | None\n")
    add_lines(
        copy / "marketplace/api/serialise.py",
        '        "createdAt": record.created,\n',
        '        "tagCount": record.tag_count,\n',
    )


def change_badge(copy):
    change_line(copy / "compat/engines/confidence.py", '"Should run"', '"Ought to run"')


def add_call(copy):
    add_lines(
        copy / "compat/hub/client.py",
        "    async def config_json(",
        '''    async def commit(self, repo_id: str) -> Commit:
        """The newest commit of a model."""
        return Commit.model_validate(await self.model(repo_id, blobs=False))

''',
    )
    change_line(
        copy / "compat/hub/client.py",
        "payloads import decode_json, files_of_tree, is_repo_id",
        "payloads import Commit, decode_json, files_of_tree, is_repo_id",
    )
    with (copy / "compat/hub/payloads.py").open("a", encoding="utf-8") as file:
        file.write(
            '\n\nclass Commit(BaseModel):\n    """The newest commit."""\n\n    id: str\n    sha: str | None = None\n'
        )


def add_column(copy):
    add_lines(
        copy / "compat/models/record.py",
        "    task = models.CharField(max_length=60, blank=True)\n    library",
        "    tag_count = models.IntegerField(null=True)\n",
    )
    add_lines(
        copy / "compat/extraction/columns.py",
        '        "created": model.created_at,\n',
        '        "tag_count": None if model.tags is None else len(model.tags),\n',
    )


def add_command(copy):
    (copy / "compat/management/commands/count_models.py").write_text(
        '''"""Count the models."""

from compat.management.command import Answer, CatalogueCommand


class Command(CatalogueCommand):
    """``count_models``"""

    help = "Count the models of the catalogue."
    examples = (("count_models", "how many there are"),)

    def answer(self, options):
        """One number."""
        from compat.models import ModelRecord

        count = ModelRecord.objects.count()
        return Answer({"models": count}, lambda screen: screen.line(f"{count} models"))
''',
        "utf-8",
    )


def add_tool(copy):
    room = copy / "marketplace/assistant"
    with (room / "questions.py").open("a", encoding="utf-8") as file:
        file.write(
            "\n\ndef makers(_given: a.Nothing, _available: Available) -> Json:\n"
            '    """Who made most."""\n'
            "    from compat.catalogue.makers import makers as find_makers\n\n"
            '    return {"items": [{"name": one.name, "models": one.models} for one in find_makers()]}\n'
        )
    with (room / "schemas.py").open("a", encoding="utf-8") as file:
        file.write(
            '\n\nclass Maker(api_schemas.Shape):\n    """An account."""\n\n    name: str\n    models: int\n'
            '\n\nclass Makers(api_schemas.Shape):\n    """Accounts."""\n\n    items: list[Maker]\n'
        )
    with (room / "sentences.py").open("a", encoding="utf-8") as file:
        file.write(
            "\n\ndef makers(told: Json, _given: a.Nothing) -> str:\n"
            '    """One a line."""\n'
            """    return "\\n".join(f"{one['name']} made {one['models']}." for one in told["items"])\n"""
        )
    add_lines(
        room / "tools.py",
        '    Tool(\n        "check_metadata",',
        '    Tool("makers", "Makers", "Who made most models.", a.Nothing, schemas.Makers, questions.makers,\n'
        "        sentences.makers),\n",
    )


def add_background_work(copy):
    with (copy / "compat/tasks.py").open("a", encoding="utf-8") as file:
        file.write(
            '\n\n@task()\ndef count_lists() -> str:\n    """How many lists there are."""\n'
            '    from compat.models import CuratedList\n\n    return f"{CuratedList.objects.count()} lists"\n'
        )


def add_listener(copy):
    (copy / "compat/journal.py").write_text(
        '''"""Notes what was written."""

from contextlib import contextmanager

from compat.ingest.changes import records_written

noted = []


@contextmanager
def note(repo_ids):
    """The ids, once they are written."""
    yield
    noted.extend(repo_ids)


def listen():
    """Called when the site starts."""
    records_written.subscribe(note)
''',
        "utf-8",
    )
    with (copy / "compat/apps.py").open("a", encoding="utf-8") as file:
        file.write("        from .journal import listen\n\n        listen()\n")


def add_point(copy):
    point = {
        "model_id": "acme/Toyshape-3B", "quant": "Q4_K_M", "ctx": 4096, "k_type": "f16", "engine": "toy-engine",
        "accelerator": "Toy 48", "accelerator_gb": 48, "total_mib": 2400, "total_is": "process", "quality": "high",
        "source": "a measurement of this test",
    }  # fmt: skip
    with (copy / "tools/evaluation/data/memory_points.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(point) + "\n")


def add_log_reader(copy):
    (copy / "compat/logs/lmdeploy.py").write_text(
        '''"""LMDeploy: how much its weights take."""

from .lines import after, size
from .reader import Reader


class LmdeployReader(Reader):
    """The lines of this test."""

    engine = "lmdeploy"
    name = "LMDeploy"
    usual = ("weights",)

    def _weights(self, line):
        self.load.add("weights", "CUDA0", size(after(line, "toy weights:")) or 0)
        return True

    handlers = ((("toy weights:",), _weights),)
''',
        "utf-8",
    )
    reading = copy / "compat/logs/reading.py"
    add_lines(reading, "from .llama_cpp import LlamaReader\n", "from .lmdeploy import LmdeployReader\n")
    change_line(reading, "SglangReader, MlxReader)", "SglangReader, MlxReader, LmdeployReader)")
    change_line(copy / "docs/users.md", "vLLM, SGLang or MLX-LM", "vLLM, SGLang, MLX-LM or LMDeploy")


def add_reader(copy):
    with (copy / "tools/profiles/readers.py").open("a", encoding="utf-8") as file:
        file.write(
            '\n\ndef toy(root: Path) -> dict[str, Iterable[str]]:\n    """The names of its registry."""\n'
            '    return {"models": _texts(_assigned(_tree(_one(root, "registry.py")), "MODELS"))}\n'
        )
    add_lines(
        copy / "tools/profiles/regenerate.py",
        '    "vllm": Source(',
        '    "toy": Source("toy", True, readers.toy, HERE / "toy.lists.toml"),\n',
    )


def add_event(copy):
    (copy / "compat/webhooks/finished.py").write_text(
        '''"""A run is over, however it ended."""

from . import outbox

RUN_FINISHED = "run.finished"


def note_finish(run, **_):
    """Tell whoever wants to know."""
    for hook in outbox.hooks_wanting(RUN_FINISHED):
        outbox.put_event(hook, RUN_FINISHED, {"run": run.pk, "state": run.state})
''',
        "utf-8",
    )
    subscriptions = copy / "compat/webhooks/subscriptions.py"
    change_line(subscriptions, "from . import gone, runnable, runs\n", "from . import finished, gone, runnable, runs\n")
    with subscriptions.open("a", encoding="utf-8") as file:
        file.write("    changes.run_finished.connect(finished.note_finish)\n")
    add_lines(
        copy / "compat/models/webhook.py",
        '        ("sync.failed", "filling the catalogue failed"),\n',
        '        ("run.finished", "a run is over"),\n',
    )


def add_setting(copy):
    with (copy / "marketplace/settings.py").open("a", encoding="utf-8") as file:
        file.write('\n# The colour of the door.\nDOOR_COLOUR = env.text("DOOR_COLOUR", "green")\n')


def describe_setting(copy):
    add_lines(
        copy / "docs/operators.md", "| `DEBUG` |", "| `DOOR_COLOUR` | The colour of the door. | `green` | yes |\n"
    )


def add_check(copy):
    with (copy / "compat/checks.py").open("a", encoding="utf-8") as file:
        file.write(
            '\n\n@register()\ndef the_door_is_painted(**kwargs: Any) -> list[CheckMessage]:\n    """It should be."""\n'
            "    from django.conf import settings\n    from django.core.checks import Warning\n\n"
            '    return [Warning(f"The door is {settings.DOOR_COLOUR}.", id="compat.W900")]\n'
        )


def add_style(copy):
    with (copy / "static/css/site.css").open("a", encoding="utf-8") as file:
        file.write(".maker { color: rebeccapurple }\n")


ADDITIONS = (
    add_fact,
    add_rule,
    add_names,
    add_known_shape,
    add_card,
    add_data_file,
    add_facet,
    add_page,
    add_piece,
    add_filter,
    add_feed,
    add_api_field,
    change_badge,
    add_call,
    add_column,
    add_command,
    add_tool,
    add_background_work,
    add_listener,
    add_point,
    add_log_reader,
    add_reader,
    add_event,
    add_setting,
    add_check,
    add_style,
)

LOOK = """
import asyncio, io, json, sys
from pathlib import Path
import django
django.setup()
from django.conf import settings
from django.core import checks
from django.core.management import call_command, get_commands
from django.test import Client
from django_tasks_db.models import DBTaskResult
from compat import journal, tasks
from compat.architectures import architecture_of
from compat.engines.accelerator_names import accelerator_labels
from compat.engines import profile
from compat.hub import HubClient, HubSettings
from compat.models import ModelRecord, Webhook, WebhookDelivery
from compat.rules.judge import rules_version
from marketplace.assistant import tools

client, seen = Client(HTTP_HOST="127.0.0.1"), {}


def get(address):
    answer = client.get(address)
    body = b"".join(answer) if answer.streaming else answer.content
    return [answer.status_code, body.decode()]


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


Webhook.objects.create(name="w", url="https://hooks.example.org/x", secret="whsec_x", events=["run.finished"])
seen["loaded"] = run("load_records", sys.argv[1])
seen["delivered"] = list(WebhookDelivery.objects.values_list("type", "body"))
seen["noted"] = journal.noted
seen["version"] = rules_version(profile("rbee"))
for name, address in json.loads(sys.argv[3]).items():
    seen[name] = get(address)
run("export_site", "--output", sys.argv[5], "--top", "20", "--processes", "1")
told = client.post(
    "/api/v1/models/acme/Merged-1B/log?worker=lmdeploy",
    {"log": "engine says: toy weights: 1900.0 MiB"},
    content_type="application/json",
)
seen["log"] = told.json()
seen["log page"] = get("/log/?id=acme/Merged-1B")
seen["exported feed"] = (Path(sys.argv[5]) / "popular.xml").read_text()
seen["classes"] = [list(architecture_of(name).classes_for(None)) for name in ("aatoy", "aa-toy")]
seen["cards"] = list(accelerator_labels())
seen["tag counts"] = dict(ModelRecord.objects.values_list("repo_id", "tag_count"))
seen["commands"] = sorted(get_commands())
seen["count"] = [run("count_models"), run("count_models", "--json")]
seen["find"] = run("find_models", "--worker", "vllm", "--confidence", "medium", "--limit", "5")
seen["find library"] = json.loads(run("find_models", "--library", "diffusers", "--compatible", "false", "--json"))
seen["check card"] = run("check_model", "acme/Toyshape-3B-GGUF", "--worker", "llama-cpp", "--accelerator", "Toy 48")
called = tools.call_tool("makers", {})
seen["tool"] = [called.structured, called.text, [tool.name for tool in tools.TOOLS]]
tasks.count_lists.enqueue()
run("work", "--batch")
seen["task"] = [[one.task_path, one.status, one.return_value] for one in DBTaskResult.objects.all()]
seen["setting"] = settings.DOOR_COLOUR
seen["checks"] = [f"{one.id} {one.msg}" for one in checks.run_checks()]


async def commit():
    async with HubClient(HubSettings(endpoint=sys.argv[2])) as hub:
        return (await hub.commit(sys.argv[4])).model_dump()

seen["commit"] = asyncio.run(commit())
print(json.dumps(seen, default=str))
"""
PAGES = {
    "merged": "/models/acme/Merged-1B/?worker=vllm",
    "unnamed": "/models/?architecture=aatoyy",
    "named": "/models/?architecture=aatoy",
    "workers": "/workers/",
    "shaped": "/api/v1/models/acme/Toyshape-3B-GGUF?worker=llama-cpp&accelerator=Toy+48&context=4096",
    "all": "/models/?worker=vllm&compatible=false",
    "narrowed": "/models/?worker=vllm&compatible=false&library=diffusers",
    "nonsense": "/models/?library=no-such-library",
    "narrowed api": "/api/v1/models?worker=vllm&compatible=false&library=diffusers&limit=100",
    "medium": "/models/?worker=vllm&confidence=medium",
    "openapi": "/api/openapi.json",
    "makers": "/makers/",
    "makers asked": "/makers/?nothing=1",
    "accuracy": "/accuracy/",
    "feed": "/popular.xml",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project with every addition in it."""
    pages = sorted(page.name for page in ROOT.glob("*.md"))
    beside = ("tools", "tests", "docs", "deploy", "pyproject.toml", "Makefile", "Procfile", *pages)
    place = copy_project(tmp_path_factory.mktemp("additions") / "copy", *beside)
    for add in ADDITIONS:
        add(place)
    return place


@pytest.fixture(scope="module")
def seen(copy, tmp_path_factory):
    """What the copy shows after its start on a database that the project itself had filled."""
    folder = tmp_path_factory.mktemp("seen")
    records = write_lines(folder / "records.jsonl", OWN_RECORDS)
    more = {
        "WEBHOOK_HOSTS": "hooks.example.org",
        "DOOR_COLOUR": "blue",
        "HF_HUB_OFFLINE": "1",
        "INDEX_ROOT": str(folder / "index"),
    }
    with OwnDatabase(folder, filled=True, **more) as own, HubServer(every_record()[:5]) as hub:
        for arguments in (
            ("manage.py", "makemigrations", "compat", "--name", "tag_count", "--verbosity", "0"),
            ("-m", "tools.evaluation.ledger"),
            ("manage.py", "prepare", "--json"),
            ("-c", LOOK, records, hub.url, json.dumps(PAGES), CALLS, folder / "exported"),
        ):
            done = run_in_copy(copy, own.env, *arguments)
            assert done.returncode == 0, f"{arguments[:2]}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
            if "prepare" in arguments:
                prepared = json.loads(done.stdout)
        return {**json.loads(done.stdout), "prepared": prepared}


def in_copy(copy, *arguments):
    return run_in_copy(
        copy, {"SECRET_KEY": "tests-only", "DATABASE_URL": f"sqlite:///{copy / 'none.sqlite3'}"}, *arguments
    )


# --- and seen ------------------------------------------------------------------------------------------------------


def test_every_row_of_the_table_has_its_test():
    table = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("## Where do I put...")[1]
    rows = re.findall(r"^\| ([^|]+?) \| [^|]+ \|$", table, re.MULTILINE)
    assert [row for row in rows if row not in ("a new...", "---")] == list(ROWS)
    for test in ROWS.values():
        file, _, function = test.partition("::")
        tree = ast.parse((ROOT / (file or "tests/test_where_do_i_put.py")).read_text("utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_a_fact_is_read_of_what_is_kept_and_seen_by_a_rule(seen):
    assert seen["prepared"]["verdicts"] > 0
    assert "Merged of several models" in seen["merged"][1]
    assert "Merged of several models" not in seen["shaped"][1]


def test_a_rule_is_heard_on_the_page_and_makes_verdicts_of_another_version(seen):
    from compat.engines import profile
    from compat.rules.judge import rules_version

    assert seen["merged"][0] == 200
    assert "Merged of several models: its makers did not test it." in seen["merged"][1]
    assert seen["version"] != rules_version(profile("rbee"))


def test_a_name_table_leads_from_model_type_to_class_and_gguf_name(seen):
    assert seen["classes"][0] == ["AaToyForCausalLM"]
    assert (seen["unnamed"][0], seen["named"][0]) == (400, 200)


def test_a_known_shape_is_what_the_memory_need_is_worked_out_from(seen):
    status, text = seen["shaped"]
    assert status == 200
    parts = {part["name"]: part["bytes"] for part in json.loads(text)["memory"]["parts"]}
    # Keys and values of 10 layers, 4 heads of 64 numbers, 2 bytes each, 4,096 tokens.
    assert 2 * 10 * 4 * 64 * 2 * 4096 in parts.values(), parts


def test_a_graphics_card_can_be_chosen_and_judged_for(seen):
    assert "Toy 48" in seen["cards"]
    assert "Toy 48" in seen["workers"][1]
    machine = json.loads(seen["shaped"][1])["worker"]["machine"]
    assert machine["accelerator"] == "Toy 48"
    assert "Toy 48" in seen["check card"]
    assert "Memory" in seen["check card"]


def test_a_data_file_stops_the_start_where_it_is_wrong(seen, copy):
    place = copy / "compat/engines/data/doors.json"
    right = place.read_text("utf-8")
    place.write_text(right.replace("90", '"wide"'), "utf-8")
    done = in_copy(copy, "manage.py", "check")
    place.write_text(right, "utf-8")
    assert done.returncode == 1
    assert "doors.json: doors 1 (front): width should be int" in done.stderr


def test_a_facet_counts_and_narrows_everywhere(seen):
    counted = Counter((record.get("library_name") or "")[:60] for record in [*every_record(), *OWN_RECORDS])
    expected = {name: count for name, count in counted.items() if name}
    assert len(expected) > 2
    boxes = re.findall(r'name="library" value="([^"]+)".*?class="facet-count">([\d,]+)<', seen["all"][1])
    assert {name: int(count.replace(",", "")) for name, count in boxes} == expected
    ids = {record["id"] for record in [*every_record(), *OWN_RECORDS] if record.get("library_name") == "diffusers"}
    assert len(ids) == expected["diffusers"] >= 2
    found = json.loads(seen["narrowed api"][1])
    assert found["total"] == len(ids)
    assert {item["id"] for item in found["items"]} == ids
    assert set(re.findall(r'href="/models/([\w.-]+/[\w.-]+)/', seen["narrowed"][1])) == ids
    assert "Library: diffusers" in seen["narrowed"][1]
    assert seen["nonsense"][0] == 400
    assert seen["find library"]["total"] == len(ids)
    parameters = json.loads(seen["openapi"][1])["paths"]["/api/v1/models"]["get"]["parameters"]
    assert "library" in {one["name"] for one in parameters}


def test_a_page_answers_from_its_query(seen):
    status, text = seen["makers"]
    made = Counter(record["id"].split("/")[0] for record in [*every_record(), *OWN_RECORDS])
    name, count = min(made.items(), key=lambda item: (-item[1], item[0]))
    assert status == 200
    assert f"{name.upper()}: {count}<" in text
    assert seen["makers asked"][0] == 400


def test_a_piece_is_shown_by_the_page(seen):
    assert seen["makers"][1].count('<p class="maker">') == 20


def test_a_filter_is_known_to_templates(seen):
    names = re.findall(r'<p class="maker">([^:]+):', seen["makers"][1])
    assert names == [name.upper() for name in names]


def test_a_feed_is_answered_and_exported(seen):
    status, live = seen["feed"]
    assert status == 200
    for text in (live, seen["exported feed"]):
        assert "<title>Best known</title>" in text
        assert text.count("<entry>") == 3


def test_an_api_field_is_answered_and_described(seen):
    assert "tagCount" in json.loads(seen["openapi"][1])["components"]["schemas"]["ModelItem"]["properties"]
    answers = {item["id"]: item["tagCount"] for item in json.loads(seen["narrowed api"][1])["items"]}
    assert answers["acme/Merged-1B"] == 2
    assert answers["acme/Toyshape-3B-GGUF"] is None


def test_a_badge_word_changes_on_page_command_and_api_and_the_documentation_is_told(seen, copy):
    assert "Ought to run" in seen["medium"][1]
    assert "Should run" not in seen["medium"][1]
    assert "Ought to run" in seen["find"]
    help_text = in_copy(copy, "manage.py", "check_model", "--help").stdout
    assert "Ought to run" in help_text
    assert "Should run" not in help_text
    done = in_copy(
        copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_docs.py", "-k", "names_every_answer"
    )
    assert done.returncode == 1
    assert "Ought to run" in done.stdout


def test_a_call_to_the_hub_gives_a_checked_answer(seen):
    assert seen["commit"]["id"] == CALLS
    assert re.fullmatch(r"[0-9a-f]{40}", seen["commit"]["sha"])


def test_a_column_is_filled_of_what_is_kept(seen):
    assert seen["prepared"]["migrated"] is True
    expected = {record["id"]: len(record["tags"]) if "tags" in record else None for record in every_record()}
    assert {repo_id: seen["tag counts"][repo_id] for repo_id in expected} == expected
    assert any(expected.values())


def test_a_command_is_listed_and_answers(seen):
    count = len(every_record()) + len(OWN_RECORDS)
    assert "count_models" in seen["commands"]
    assert seen["count"][0] == f"{count} models\n"
    assert json.loads(seen["count"][1]) == {"models": count}


def test_a_tool_is_offered_and_answers_in_both_forms(seen):
    structured, text, names = seen["tool"]
    first = structured["items"][0]
    assert "makers" in names
    assert text.startswith(f"{first['name']} made {first['models']}.")


def test_background_work_is_done_by_the_tasks_process(seen):
    [[status, value]] = [rest for path, *rest in seen["task"] if path == "compat.tasks.count_lists"]
    assert status == "SUCCESSFUL"
    assert re.fullmatch(r"\d+ lists", value)


def test_a_listener_hears_of_a_change(seen):
    assert {record["id"] for record in OWN_RECORDS} <= set(seen["noted"])


def test_a_measured_point_is_in_the_ledger_and_on_the_page(seen, copy):
    ledger = (copy / "compat/estimate/data/ledger.json").read_text("utf-8")
    assert ledger != (ROOT / "compat/estimate/data/ledger.json").read_text("utf-8")
    assert "toy-engine" in ledger
    assert "toy-engine" in seen["accuracy"][1]


def test_a_log_reader_is_heard_and_its_engine_named(seen, copy):
    (weights,) = seen["log"]["parts"]
    assert (seen["log"]["engine"], weights["name"], weights["measured"]) == ("lmdeploy", "weights", 1900 * 2**20)
    assert weights["estimated"] > 0
    assert "weights" not in seen["log"]["missing"]
    assert "SGLang, MLX-LM or LMDeploy" in seen["log page"][1]
    done = in_copy(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/logs/test_reading.py", "-k", "named")
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_reader_writes_the_lists_of_an_engine(copy, tmp_path):
    (tmp_path / "registry.py").write_text('MODELS = ["LlamaForCausalLM", "AaToyForCausalLM"]\n', "utf-8")
    done = in_copy(copy, "-m", "tools.profiles.regenerate", "toy", "--source", str(tmp_path))
    assert (done.returncode, done.stdout.splitlines()[:1]) == (0, ["toy.lists.toml: changed"]), done.stderr
    lists = copy / "compat/engines/profiles/toy.lists.toml"
    assert '"AaToyForCausalLM"' in lists.read_text("utf-8")
    lists.unlink()


def test_an_event_is_written_to_the_outbox(seen):
    types = [event for event, _ in seen["delivered"]]
    assert types == ["run.finished"]
    assert json.loads(seen["delivered"][0][1])["data"]["state"] == "done"


def test_a_setting_is_read_and_its_row_is_asked_for(seen, copy):
    assert seen["setting"] == "blue"
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_docs.py", "-k", "setting")
    before = in_copy(copy, *arguments)
    assert "DOOR_COLOUR" in before.stdout
    assert before.returncode == 1
    describe_setting(copy)
    after = in_copy(copy, *arguments)
    assert after.returncode == 0, after.stdout


def test_a_start_up_check_is_heard(seen):
    assert "compat.W900 The door is blue." in seen["checks"]


def test_a_style_reaches_visitors(seen, copy):
    styles = re.findall(r'<link [^>]*href="/static/([^"]+\.css)"', seen["makers"][1])
    assert any("rebeccapurple" in (copy / "static_root" / name).read_text("utf-8") for name in styles)


def test_tests_stand_where_their_sources_stand():
    beside = {"browser", "crash", "data", "deploy", "npm", "tools"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms = {path.name for floor in ("compat", "marketplace") for path in (ROOT / floor).iterdir() if path.is_dir()}
    assert folders - beside <= rooms
