"""The site runs without the protocol's package, and the command says what to do where something is missing."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from marketplace.assistant.tools import TOOLS
from tests.own_database import ROOT, environment, manage

WITHOUT = """
import importlib, pkgutil, sys
for name in ("mcp", "mcp_types", "uvicorn", "starlette"):
    sys.modules[name] = None
import django
django.setup()
import marketplace.urls, marketplace.wsgi
assert not [name for name in sys.modules if name.startswith("marketplace.assistant")]
for module in pkgutil.walk_packages(marketplace.__path__, "marketplace."):
    if module.name not in ("marketplace.assistant.server",):
        importlib.import_module(module.name)
"""


def test_the_site_never_loads_the_server_and_everything_else_works_without_its_package(tmp_path):
    env = environment(f"sqlite:///{tmp_path}/none.sqlite3", DJANGO_SETTINGS_MODULE="marketplace.settings")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_package_is_told_with_the_command_that_installs_it(tmp_path):
    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError(\"No module named 'mcp'\", name='mcp')")
    env = environment(f"sqlite:///{tmp_path}/none.sqlite3", PYTHONPATH=str(tmp_path))
    done = manage("mcp_server", env=env)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "make setup-mcp" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_without_tables_is_told_before_anything_is_served(tmp_path):
    done = manage("mcp_server", env=environment(f"sqlite:///{tmp_path}/none.sqlite3"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "manage.py prepare" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_tools_can_be_listed_without_a_server():
    told = StringIO()
    call_command("mcp_server", "--list", stdout=told)
    assert told.getvalue() == "".join(f"{tool.name}: {tool.description}\n" for tool in TOOLS)


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "1.2.3.4:0", "x:70000", "a b:80", "http://127.0.0.1:80", "::1:80"]
)
def test_an_address_that_is_none_is_refused(text):
    with pytest.raises(CommandError, match="is not HOST:PORT"):
        call_command("mcp_server", "--http", text)
