"""Documentation that is run: commands, Python examples, links, settings, file names and the deployment files."""

from __future__ import annotations

import ast
import fnmatch
import http.server
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from django.core.management import CommandError, find_commands, get_commands, load_command_class
from django.core.management.base import OutputWrapper
from django.http import QueryDict
from django.urls import Resolver404, resolve

import compat
from compat.catalogue.question import SORTS, Question
from compat.extraction.facts import Provenance
from compat.hub import HubSettings
from compat.management.tables import with_tables
from compat.models.engines import engines
from compat.rules import Confidence
from compat.rules.result import CAUSES
from marketplace import VERSION
from tests.hub_server import HubServer
from tests.logs.real_logs import log

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
TEXTS = {name: page.read_text("utf-8") for name, page in zip(NAMES, PAGES, strict=True)}
HANDLED = ("docs/operators.md", "docs/data.md", "docs/commands.md", "README.md")
"""Pages whose commands are run, in their order."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


def blocks(name: str, language: str) -> list[str]:
    return [body for kind, body in _FENCE.findall(TEXTS[name]) if kind == language]


def inline(name: str) -> list[str]:
    """The code spans of a page, without its fenced blocks."""
    return _CODE.findall(_FENCE.sub("", TEXTS[name]))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as they are shown by the usual forges."""
    heads = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


# --- links -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_links_and_images_lead_somewhere(name):
    text = _FENCE.sub("", TEXTS[name])
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    for target in targets:
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        place = (ROOT / name).parent / path if path else ROOT / name
        assert place.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in anchors(place.read_text("utf-8")), f"{name} links to {target}, which has no such heading"


def test_every_page_is_reachable_from_the_readme():
    seen, left = set(), ["README.md"]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        targets = re.findall(r"\]\(([^)#\s]+\.md)", TEXTS[name])
        left.extend(str(((ROOT / name).parent / target).resolve().relative_to(ROOT)) for target in targets)
    assert seen >= {name for name in NAMES if name != "docs/index.md"}


@pytest.mark.parametrize("name", NAMES)
def test_named_files_exist(name):
    folders = tuple(path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("var", ".venv"))
    for code in inline(name):
        word = code.split()[0].strip(",.")
        if word.startswith(tuple(f"{folder}/" for folder in folders)) and "<" not in word:
            made = word.startswith("deploy/secrets/") or word == "deploy/.env"
            assert made or list(ROOT.glob(word)), f"{name} names {word}, which does not exist"


# --- addresses of pages ----------------------------------------------------------------------------------------


def addresses(name: str) -> list[str]:
    """Page addresses in code: ``/models/``, ``/lists/<slug>/``, ``http://127.0.0.1:8000/models/``."""
    found = [code for code in inline(name) if code.startswith("/") and not code.startswith(("/tmp", "/data"))]
    found += re.findall(r"http://127\.0\.0\.1:8000(/[^\s`)]*)", TEXTS[name])
    return [re.sub(r"<\w+>", "example", address) for address in found if address != "/"]


@pytest.mark.parametrize("name", NAMES)
def test_addresses_of_pages_resolve(name):
    for address in addresses(name):
        parts = urlsplit(address)
        try:
            match = resolve(parts.path)
        except Resolver404:
            pytest.fail(f"{name} names {address}, which is no page")
        if match.view_name == "browse" and parts.query:
            Question.from_query(QueryDict(parts.query), ("rbee",))


@pytest.mark.django_db
def test_example_pages_open(client):
    from marketplace import starter

    starter.create_lists()
    found = {address: name for name in NAMES for address in addresses(name) if "example" not in address}
    for address, name in found.items():
        if address != "/fetch/":
            answer = client.get(address, follow=True)
            assert answer.status_code == 200, f"{name} names {address}"


# --- settings --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """How a setting is read: by which method, and with which default."""

    method: str = ""
    default: object = None


def settings_read() -> dict[str, Read]:
    found = {}
    both = ((ROOT / "marketplace" / name).read_text("utf-8") for name in ("serve.py", "settings.py"))
    for node in (one for source in both for one in ast.walk(ast.parse(source))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "env":
            rest = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "default")]
            default = next((value.value for value in rest if isinstance(value, ast.Constant)), None)
            found[ast.literal_eval(node.args[0])] = Read(node.func.attr, default)
    for source in sorted(ROOT.glob("compat/**/*.py")):
        for name in re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', source.read_text("utf-8")):
            found[name] = Read()
    shell = [
        ROOT / "Procfile",
        *(path for path in ROOT.glob("deploy/*.sh") if path.name not in ("test.sh", "crash.sh", "secrets.sh")),
    ]
    for source in shell:
        for name in re.findall(r"\$\{([A-Z_]+):-[^}]*}", source.read_text("utf-8")):
            found.setdefault(name.removesuffix("_FILE"), Read())
    for name in re.findall(r"^([A-Z_]+) \?=", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE):
        found.setdefault(name, Read())
    return found


def settings_told() -> dict[str, list[str]]:
    part = TEXTS["docs/operators.md"].split("## Settings")[1].split("\n## ")[0]
    return {
        row[0]: [cell.strip() for cell in row[1:]]
        for row in re.findall(r"^\| `(\w+)` \|(.*)\|(.*)\|(.*)\|$", part, re.MULTILINE)
    }


def test_every_setting_is_in_the_table_and_nothing_else():
    assert set(settings_told()) == set(settings_read())


def test_settings_table_tells_defaults_and_files():
    told = settings_told()
    for name, read in settings_read().items():
        _, default, from_file = told[name]
        if read.default not in (None, "", False):
            plain = str(read.default).lower() if isinstance(read.default, bool) else str(read.default)
            assert plain in default.replace(",", "") or plain in default, f"{name}: {default}"
        if read.method:
            assert (from_file == "yes") == (read.method in ("text", "words")), name


def test_hub_settings_read_only_what_the_table_names():
    class Watched(dict):
        def get(self, key, default=None):
            asked.add(key)
            return default

    asked: set[str] = set()
    HubSettings.from_environ(Watched())
    assert asked <= set(settings_told())


# --- commands --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """A command line of a ``console`` block, and the output shown below it."""

    page: str
    line: str
    shown: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line, comments=True)

    @property
    def arguments(self) -> list[str] | None:
        """What follows ``manage.py``; None for other programs."""
        words = self.words
        return words[words.index("manage.py") + 1 :] if "manage.py" in words else None


def examples(name: str) -> list[Example]:
    found = []
    for block in blocks(name, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            found.append(Example(name, line, shown))
    return found


ALL_EXAMPLES = [example for name in NAMES for example in examples(name)]


def own_commands() -> set[str]:
    return {
        command for folder in ("compat", "marketplace") for command in find_commands(str(ROOT / folder / "management"))
    }


def test_every_command_has_an_example_that_is_run():
    run = {example.arguments[0] for name in HANDLED for example in examples(name) if example.arguments}
    assert run >= own_commands()
    heads = re.findall(r"^### (.+)$", TEXTS["docs/operators.md"], re.MULTILINE)
    assert {word for head in heads for word in _CODE.findall(head)} == own_commands()


def test_every_example_names_a_command_with_options_it_has():
    spans = [Example(name, code, "") for name in NAMES for code in inline(name) if "manage.py" in code]
    known = get_commands()
    for example in [*ALL_EXAMPLES, *spans]:
        if not example.arguments:
            continue
        command, *arguments = example.arguments
        assert command in known, f"{example.page}: {example.line}"
        parser = load_command_class(known[command], command).create_parser("manage.py", command)
        try:
            parser.parse_args(arguments)
        except (CommandError, SystemExit) as error:
            pytest.fail(f"{example.page}: {example.line}: {error}")


def test_examples_of_make_and_scripts_exist():
    targets = set(re.findall(r"^([\w-]+)(?: [\w-]+)*:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    targets |= {
        word
        for line in re.findall(r"^([\w -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        for word in line.split()
    }
    for example in ALL_EXAMPLES:
        words = [word for word in example.words if "=" not in word]
        if words and words[0] == "make":
            assert words[1] in targets, example.line
        elif words and words[0].startswith("deploy/"):
            assert os.access(ROOT / words[0], os.X_OK), example.line
        for word in words:
            if word.endswith((".yaml", "Dockerfile")) and word.startswith("deploy/"):
                assert (ROOT / word).exists(), example.line


def matches(shown: str, told: str) -> bool:
    """Whether an output is the one shown, where ``...`` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("..."))
    return re.fullmatch(pattern, told.strip(), re.DOTALL) is not None


class Told:
    """What a command writes."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


@pytest.fixture
def small_world(monkeypatch, tmp_path, settings):
    """An empty folder, a Hub on this machine, and a small file in the bundled one's place."""
    from compat.ingest.from_files import RecordFile
    from tests.conftest import RECORDS

    monkeypatch.chdir(tmp_path)
    (tmp_path / "server.log").write_text(log("ollama-0.9-deepseek-r1-8b-journald"), "utf-8")
    monkeypatch.setattr("compat.ingest.from_files.BUNDLED", RECORDS)
    settings.STATIC_ROOT, settings.BACKUP_ROOT = tmp_path / "static", tmp_path / "backups"
    # The database of these tests lies in memory, or in a transaction that nobody else sees.
    monkeypatch.setattr("compat.management.commands.backup._copy_sqlite", lambda _, to: to.write_bytes(b"a copy"))
    with RecordFile(RECORDS) as lines:
        records = [json.loads(line) for _, line in lines]
    with HubServer(records[:40]) as hub:
        settings.HUB = HubSettings(endpoint=hub.url, backoff=0.01)
        yield


@pytest.mark.django_db
@pytest.mark.parametrize("name", HANDLED)
def test_commands_do_what_the_documentation_shows(name, small_world):
    for example in examples(name):
        if not example.arguments or example.arguments[0] not in own_commands():
            continue
        command, *arguments = example.arguments
        told = Told()
        loaded = load_command_class(get_commands()[command], command)
        loaded.stdout = OutputWrapper(told, ending="\n")
        parser = loaded.create_parser("manage.py", command)
        options = vars(parser.parse_args(arguments))
        args = options.pop("args", ())
        loaded.execute(*args, **{**options, "stdout": told, "skip_checks": True})
        if example.shown:
            assert matches(example.shown, told.text), f"{example.line}\n{told.text}"


# --- Python ----------------------------------------------------------------------------------------------------


def run_python(code: str, where: str, names: dict[str, object]) -> None:
    """Run an example; a line that ends in ``# -> value`` must have that value."""
    lines = code.splitlines()
    for statement in ast.parse(code).body:
        _, arrow, shown = lines[(statement.end_lineno or 1) - 1].partition("# -> ")
        if arrow:
            assert isinstance(statement, ast.Expr), f"{where}: only an expression has a value: {ast.unparse(statement)}"
            value = eval(compile(ast.Expression(statement.value), where, "eval"), names)
            assert repr(value) == shown, f"{where}: {ast.unparse(statement)}"
        else:
            exec(compile(ast.Module([statement], []), where, "exec"), names)


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name in NAMES if blocks(name, "python")])
def test_python_examples_run(name, tmp_path, monkeypatch):
    from marketplace import starter

    starter.create_lists()
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, code in enumerate(blocks(name, "python"), 1):
        run_python(code, f"{name}, Python example {number}", names)


def test_python_page_names_the_whole_public_face():
    table = TEXTS["docs/python.md"].split("## All names")[1]
    assert {re.split(r"\W", code)[0] for code in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)} == set(
        compat.__all__
    )


# --- words -----------------------------------------------------------------------------------------------------


def test_users_page_names_every_browse_parameter_and_order():
    table = TEXTS["docs/users.md"].split("## Browse parameters")[1]
    told = {word for row in re.findall(r"^\|([^|]+)\|", table, re.MULTILINE) for word in _CODE.findall(row)}
    assert told == set(Question.model_fields)
    orders = next(line for line in table.splitlines() if line.startswith("| `sort`"))
    assert set(_CODE.findall(orders)) - {"sort"} == set(SORTS)


@pytest.mark.parametrize("name", ["docs/users.md", "docs/commands.md", "docs/accuracy.md"])
def test_tables_made_of_what_they_tell_of_are_up_to_date(name):
    assert "<!-- table: " in TEXTS[name]
    assert with_tables(TEXTS[name]) == TEXTS[name], "run `make tables`"


def test_verdicts_page_names_every_answer_cause_and_source():
    text = TEXTS["docs/verdicts.md"]
    for level in Confidence:
        assert f"| **{level.badge}** | `{level.word}` |" in text
    for cause in CAUSES:
        assert f"| `{cause}` |" in text
    for provenance in Provenance:
        assert f"| {provenance.label} |" in text


def test_verdicts_page_names_every_finding():
    codes = set()
    for source in (ROOT / "compat/rules").glob("*.py"):
        tree = ast.parse(source.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and any("CODE" in ast.unparse(target) for target in node.targets):
                codes.add(ast.literal_eval(node.value))
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                codes |= {code.value for code in node.args[:1] if isinstance(code, ast.Constant)}
    assert codes <= set(_CODE.findall(TEXTS["docs/verdicts.md"]))


def test_changelog_has_the_version_of_the_project():
    versions = re.findall(r"^## \[(\d[^\]]*)\]", TEXTS["CHANGELOG.md"], re.MULTILINE)
    assert versions[0] == VERSION
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_changelog_names_every_command():
    assert own_commands() <= set(_CODE.findall(TEXTS["CHANGELOG.md"]))


@pytest.mark.django_db
def test_default_worker_of_the_examples_is_the_default():
    assert next(iter(engines())) == "rbee"


# --- deployment ------------------------------------------------------------------------------------------------

COMPOSE_TEXT = (ROOT / "deploy/compose.yaml").read_text("utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "deploy/Dockerfile").read_text("utf-8"))
INSTRUCTIONS = [line.split(None, 1) for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]


def arguments_of(instruction: str) -> list[str]:
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def test_compose_has_the_services_its_documentation_names():
    table = TEXTS["docs/deploy.md"].split("## Without containers")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(COMPOSE["services"])


def test_compose_variables_are_documented():
    known = set(settings_told())
    assert set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT)) <= known
    for service in ("prepare", "web", "tasks"):
        environment = COMPOSE["services"][service]["environment"]
        assert {name.removesuffix("_FILE") for name in environment} <= known


def test_compose_images_are_pinned():
    for name, service in COMPOSE["services"].items():
        assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", service["image"]), name
    assert COMPOSE["services"]["web"]["image"] == f"runshere:{VERSION}"
    image = re.search(r"PYTHON_IMAGE=(\S+)", DOCKERFILE)
    assert image
    assert re.fullmatch(r"python:3\.11\.\d+-slim[\w-]*", image[1])


def test_compose_holds_together():
    services = COMPOSE["services"]
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            assert other in services
            if condition["condition"] == "service_healthy":
                assert "test" in services[other]["healthcheck"], other
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"]), name
        assert set(service.get("networks", ())) <= set(COMPOSE["networks"]), name
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in COMPOSE["volumes"], name
        for value in service.get("environment", {}).values():
            if str(value).startswith("/run/secrets/"):
                assert Path(value).name in service["secrets"], name
        if build := service.get("build"):
            assert (ROOT / "deploy" / build["context"] / build["dockerfile"]).is_file()
    assert "ports" not in services["database"]
    assert "ports" not in services["redis"]


def test_compose_runs_things_that_exist():
    processes = {line.split(":")[0] for line in (ROOT / "Procfile").read_text().splitlines() if line}
    for name in ("prepare", "web", "tasks"):
        command = COMPOSE["services"][name]["command"]
        if command[:2] == ["python", "manage.py"]:
            assert command[2] in get_commands()
        elif "/" in command[0]:
            assert os.access(ROOT / command[0], os.X_OK)
        else:
            assert command == [name]
            assert name in processes


def test_secrets_script_makes_every_secret(tmp_path):
    made = tmp_path / "deploy"
    made.mkdir()
    (made / "secrets.sh").write_bytes((ROOT / "deploy/secrets.sh").read_bytes())
    for _ in range(2):
        subprocess.run(["sh", made / "secrets.sh"], check=True, capture_output=True)
        values = {path.name: path.read_text() for path in (made / "secrets").iterdir() if path.name != ".gitignore"}
    assert {f"secrets/{name}" for name in values} == {secret["file"] for secret in COMPOSE["secrets"].values()}
    assert values["postgres_password"] in values["database_url"]
    assert len(values["secret_key"]) > 50
    assert (made / "secrets").stat().st_mode & 0o077 == 0


def test_dockerfile_copies_files_that_exist_and_are_let_in():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    for rest in arguments_of("COPY"):
        if rest.startswith("--from="):
            continue
        for source in rest.split()[:-1]:
            assert list(ROOT.glob(source)), source
            ignored = False
            for rule in rules:
                if any(fnmatch.fnmatch(part, rule.lstrip("!")) for part in (source, source.split("/")[0])):
                    ignored = not rule.startswith("!")
            assert not ignored, f"{source} is kept out by .dockerignore"


def test_dockerfile_keeps_its_promises():
    installs = [rest for rest in arguments_of("RUN") if "pip install" in rest]
    assert installs
    assert all("--require-hashes" in rest for rest in installs)
    assert len(arguments_of("FROM")) == 2
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", arguments_of("USER")[-1]), "by number, as Kubernetes asks"
    assert "deploy/healthcheck.py" in arguments_of("HEALTHCHECK")[0]
    assert arguments_of("ENTRYPOINT") == ['["/app/deploy/entrypoint.sh"]']
    assert arguments_of("CMD") == ['["web"]']
    assert "prepare --no-snapshot" in arguments_of("RUN")[-1]


def test_entrypoint_runs_processes_and_commands(tmp_path):
    (tmp_path / "token").write_text("hf_from_a_file\n")
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HF_TOKEN_FILE": str(tmp_path / "token")}

    def told(*command: str) -> str:
        return subprocess.run(
            [ROOT / "deploy/entrypoint.sh", *command], env=environ, check=True, capture_output=True, text=True
        ).stdout

    assert told("sh", "-c", "echo $HF_TOKEN") == "hf_from_a_file\n"
    assert told("web") == "-m marketplace.serve\n"
    assert told("pwd").strip() == str(ROOT)


def test_healthcheck_asks_as_the_proxy_would():
    seen = {}

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.update(self.headers, path=self.path)
            self.send_response(200 if self.headers["Host"] == "models.example.org" else 400)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def check(hosts: str) -> int:
            environ = {"ALLOWED_HOSTS": hosts, "PORT": str(server.server_port)}
            return subprocess.run(
                [sys.executable, ROOT / "deploy/healthcheck.py"], env=environ, capture_output=True, check=False
            ).returncode

        try:
            assert check(".models.example.org,localhost") == 0
            assert seen["X-Forwarded-Proto"] == "https"
            assert resolve(seen["path"]).view_name == "healthz"
            assert check("other.example.org") == 1
        finally:
            server.shutdown()
            thread.join()
    assert check("models.example.org") == 1, "nothing listens any more"
