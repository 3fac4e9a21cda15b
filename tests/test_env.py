"""Settings from the environment: read as meant, or refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from marketplace.env import Environment, database_settings

BASE = Path("/base")


@pytest.mark.parametrize("value", ["1", "true", "TRUE", " yes ", "on"])
def test_yes(value):
    assert Environment({"X": value}).flag("X", default=False) is True


@pytest.mark.parametrize("value", ["0", "false", "No", "off", "", "  "])
def test_no(value):
    assert Environment({"X": value}).flag("X", default=True) is False


@pytest.mark.parametrize("value", ["maybe", "2", "truee", "tru", "ja"])
def test_neither_yes_nor_no_is_refused(value):
    with pytest.raises(ImproperlyConfigured, match=f"X is '{value}': use true or false"):
        Environment({"X": value}).flag("X", default=True)


@pytest.mark.parametrize("default", [True, False])
def test_an_untold_flag_is_its_default(default):
    assert Environment({}).flag("X", default=default) is default


@pytest.mark.parametrize(("value", "number"), [("7", 7), (" 12 ", 12), ("", 5)])
def test_a_number(value, number):
    assert Environment({"X": value}).number("X", 5) == number


@pytest.mark.parametrize("value", ["-1", "0", "1.5", "two", "1e3", "0x10", "1_000"])
def test_a_senseless_number_is_refused(value):
    with pytest.raises(ImproperlyConfigured, match="use a whole number of at least 1"):
        Environment({"X": value}).number("X", 5, least=1)


def test_words():
    assert Environment({"X": "a, b,,c ,"}).words("X") == ["a", "b", "c"]
    assert Environment({"X": ""}).words("X", "d") == []
    assert Environment({}).words("X", "d,e") == ["d", "e"]


def test_text_may_lie_in_a_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("  from the file\n")
    assert Environment({"X_FILE": str(secret)}).text("X") == "from the file"
    assert Environment({"X_FILE": str(secret), "X": "told"}).text("X") == "told"
    assert Environment({}).text("X", "default") == "default"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ImproperlyConfigured, match=r"X_FILE names .*missing, which cannot be read: No such file"):
        Environment({"X_FILE": str(tmp_path / "missing")}).text("X")


def test_sqlite():
    told = database_settings("sqlite:///var/site.sqlite3", BASE)
    assert (told["ENGINE"], told["NAME"]) == ("django.db.backends.sqlite3", BASE / "var/site.sqlite3")
    assert database_settings("sqlite:////srv/a%20b.sqlite3", BASE)["NAME"] == Path("/srv/a b.sqlite3")
    assert "IMMEDIATE" in told["OPTIONS"]["transaction_mode"]
    assert "journal_mode=WAL" in told["OPTIONS"]["init_command"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql(scheme):
    told = database_settings(f"{scheme}://me:p%40ss%2Fword@db.example:6543/my%20site?sslmode=require", BASE)
    assert told["ENGINE"] == "django.db.backends.postgresql"
    assert [told[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "my site", "me", "p@ss/word", "db.example", "6543",
    ]  # fmt: skip
    assert told["OPTIONS"] == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://a@b/c", "mysql"),
        ("", "use sqlite:/// or postgresql://"),
        ("var/site.sqlite3", "use sqlite:/// or postgresql://"),
        ("postgresql://me@host:5432/", "names no database"),
    ],
)
def test_a_senseless_database_is_refused(url, reason):
    with pytest.raises(ImproperlyConfigured, match=reason):
        database_settings(url, BASE)
