"""The settings as processes read them: safe by default, and loud about nonsense."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.own_database import ROOT, environment, manage

GOOD_KEY = "k7Qm" + "x9Zp2Lw8Rt5Vb3Nc6Jh1Gf4Ds0Ay-" * 2


def run(*arguments, tmp_path, **env):
    told = environment(f"sqlite:///{tmp_path}/site.sqlite3", **env)
    told = {name: value for name, value in told.items() if value != "unset"}
    return manage(*arguments, env=told)


def test_a_deployment_check_finds_nothing(tmp_path):
    done = run(
        "check", "--deploy", "--fail-level", "INFO",
        tmp_path=tmp_path, HTTPS="true", DEBUG="off", SECRET_KEY=GOOD_KEY, ALLOWED_HOSTS="models.example",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SECRET_KEY": "unset"}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "unset", "SECRET_KEY_FILE": "/nowhere/key"}, "SECRET_KEY_FILE names /nowhere/key"),
        ({"DEBUG": "maybe"}, "DEBUG is 'maybe'"),
        ({"HTTPS": "sure"}, "HTTPS is 'sure'"),
        ({"RECORD_TTL": "two days"}, "RECORD_TTL is 'two days'"),
        ({"RECORD_TTL": "0"}, "at least 1"),
        ({"DATABASE_URL": "mysql://a/b"}, "DATABASE_URL begins with 'mysql'"),
        ({"HF_ENDPOINT": "not an address"}, "HF_ENDPOINT"),
        ({"HF_TOKEN": "two words"}, "HF_TOKEN"),
    ],
    ids=str,
)
def test_nonsense_stops_the_process_with_a_sentence(tmp_path, env, said):
    done = run("check", tmp_path=tmp_path, **env)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert said in last
    assert env.get("HF_TOKEN", "no token") not in last


PRINT = (
    "from django.conf import settings as s;"
    "print(s.DEBUG, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.ALLOWED_HOSTS,"
    " s.RECORD_TTL, s.HUB.offline, s.HUB.endpoint)"
)


def test_the_defaults_are_safe_and_the_environment_changes_them(tmp_path):
    plain = run("shell", "--no-imports", "-c", PRINT, tmp_path=tmp_path, HF_ENDPOINT="unset")
    assert plain.stdout.split() == [
        "False", "False", "False", "False", "['127.0.0.1',", "'localhost',", "'[::1]']", "172800", "False",
        "https://huggingface.co",
    ]  # fmt: skip
    told = run(
        "shell", "--no-imports", "-c", PRINT,
        tmp_path=tmp_path, HTTPS="1", ALLOWED_HOSTS="a.example", RECORD_TTL="60", HF_HUB_OFFLINE="1",
        HF_ENDPOINT="http://hub.example/",
    )  # fmt: skip
    assert told.stdout.split() == [
        "False", "True", "True", "True", "['a.example']", "60", "True", "http://hub.example",
    ]  # fmt: skip


def test_the_tests_need_nothing_of_the_environment():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_env.py"]
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
