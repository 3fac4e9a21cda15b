"""The structure holds: imports go one way, every file says what it is, and nothing ties it to one machine."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CODE = sorted(
    path
    for folder in ("compat", "marketplace", "tools", "tests", "bench")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
OWN = [path for path in CODE if path.relative_to(ROOT).parts[0] in ("compat", "marketplace", "tools")]
TEXTS = sorted(
    path
    for folder in (
        "compat",
        "marketplace",
        "tools",
        "tests",
        "bench",
        "templates",
        "static",
        "deploy",
        "docs",
        "requirements",
        ".ci",
    )
    if (ROOT / folder).is_dir()
    for path in (ROOT / folder).rglob("*")
    if path.suffix
    in {".py", ".html", ".js", ".css", ".toml", ".md", ".txt", ".in", ".sh", ".json", ".yml", ".conf", ""}
    and path.is_file()
    and "__pycache__" not in path.parts
) + sorted(path for path in ROOT.iterdir() if path.suffix in {".md", ".toml"} or path.name in ("Makefile", "Procfile"))


def name(path):
    return str(path.relative_to(ROOT))


def test_the_import_contracts_hold():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "SECRET_KEY": "x", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("path", CODE, ids=name)
def test_every_file_says_what_it_is(path):
    source = path.read_text("utf-8")
    if not source.strip() or "migrations" in path.parts:
        return
    doc = ast.get_docstring(ast.parse(source))
    assert doc, "no module docstring"
    assert doc.split("\n\n")[0].rstrip().endswith((".", ":", "::", "``", "?")), "a docstring begins with a sentence"


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("path", [path for path in OWN if path.is_relative_to(ROOT / "compat")], ids=name)
def test_the_catalogue_knows_nothing_of_the_site(path):
    assert not [module for module in imported(path) if module.split(".")[0] in ("marketplace", "tests")]


@pytest.mark.parametrize("folder", ["architectures", "extraction", "engines", "rules", "estimate", "hub"])
def test_the_plain_packages_import_without_django(folder):
    code = (
        f"import sys, importlib, pkgutil, compat.{folder} as p\n"
        f"for m in pkgutil.walk_packages(p.__path__, 'compat.{folder}.'):\n"
        "    m.name.endswith('__main__') or importlib.import_module(m.name)\n"
        "sys.exit(any(name.split('.')[0] == 'django' for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr or "django was imported"


FORBIDDEN = {
    "an absolute path of one machine": re.compile(r"(?<![\w./])/(?:home|root|Users|work|workspace)/\w"),
    "a package registry's address": re.compile(
        r"(?:pypi\.org|pythonhosted\.org|registry\.npmjs|(?<!emit-)index-url|devpi|artifactory)"
    ),
    "an editor's or merge's mark": re.compile(r"^(?:<{7} |>{7} |={7}$)", re.MULTILINE),
    "an unfinished thought": re.compile(r"\b(?:TODO|FIXME|XXX)\b"),
}


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_no_file_holds_what_does_not_belong_there(path):
    if path == Path(__file__) or path.name == "Makefile" or "vendor" in path.parts:
        return
    text = path.read_text("utf-8", errors="replace")
    found = {what: match[0] for what, pattern in FORBIDDEN.items() if (match := pattern.search(text))}
    assert not found


def test_no_file_is_left_without_a_home():
    stray = [name(path) for path in OWN if path.name in ("utils.py", "helpers.py", "misc.py", "common.py")]
    assert stray == []


def test_every_name_of_the_makefile_is_a_target_or_not_there():
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = {word for line in re.findall(r"^\.PHONY:(.*)$", text, re.MULTILINE) for word in line.split()}
    targets = {word for line in re.findall(r"^([a-z][a-z -]*):", text, re.MULTILINE) for word in line.split()}
    assert phony == targets
