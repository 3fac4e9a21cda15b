"""A mistake in a data file stops the start: tried on a copy of the project, with real processes."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from compat import checks
from compat.strict_data import DataError
from tests.own_database import environment
from tests.project_copy import change_line, copy_project, run_in_copy

CARD = '{"name":"H20","vendor":"nvidia","kind":"gpu","gb":96,'
CARDS = json.loads((files("compat.engines") / "data" / "accelerators.json").read_text())["accelerators"]
PLACE = f"accelerators.json: accelerators {[card['name'] for card in CARDS].index('H20') + 1} (H20): "
MISTAKES = [
    (
        "compat/engines/data/accelerators.json",
        (CARD, CARD.replace("nvidia", "nvdia")),
        f"{PLACE}vendor should be one of nvidia, amd, apple, intel, qualcomm, not 'nvdia'",
    ),
    ("compat/engines/data/accelerators.json", (CARD, CARD.replace('"gb"', '"gib"')), f"{PLACE}gib is not a field here"),
    (
        "compat/estimate/data/speed_constants.json",
        ('"llama.cpp|amd": {\n   "efficiency"', '"llama.cpp|amd": {\n   "eficiency"'),
        "speed_constants.json: classes: llama.cpp|amd: eficiency is not a field here",
    ),
    (
        "compat/engines/profiles/vllm.toml",
        ('lists = ["draft"]\nrefused = "task"', 'lists = ["draft"]\nrefuse = "task"'),
        "vllm.toml: architectures 19: refuse is not a field here",
    ),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project without its tests, to be changed."""
    return copy_project(tmp_path_factory.mktemp("copy"))


@pytest.fixture
def env(tmp_path):
    """With a database that nobody has made yet."""
    return environment(f"sqlite:///{tmp_path}/none.sqlite3")


@pytest.fixture
def broken(copy, request):
    """The copy with one mistake, and the sentence that names it."""
    name, change, sentence = request.param
    change_line(copy / name, *change)
    yield copy, sentence
    change_line(copy / name, *reversed(change))


def test_the_project_itself_passes(copy, env):
    done = run_in_copy(copy, env, "manage.py", "check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_setting_that_is_missing_is_named_in_a_sentence(copy, env):
    done = run_in_copy(copy, {name: value for name, value in env.items() if name != "SECRET_KEY"}, "manage.py", "check")
    assert done.returncode == 1
    assert done.stderr.startswith("SECRET_KEY ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("broken", MISTAKES, ids=["vendor", "card", "speed", "profile"], indirect=True)
def test_check_names_the_mistake_and_fails(broken, env):
    copy, sentence = broken
    done = run_in_copy(copy, env, "manage.py", "check")
    assert done.returncode == 1
    assert f"A data file is wrong: {sentence}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("broken", MISTAKES[:1], ids=["vendor"], indirect=True)
def test_neither_prepare_nor_a_server_starts(broken, env, tmp_path):
    copy, sentence = broken
    done = run_in_copy(copy, env, "manage.py", "prepare")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "none.sqlite3").exists()
    served = run_in_copy(copy, env, "-m", "marketplace.serve")
    assert (served.returncode, served.stderr) == (1, f"The site cannot start: A data file is wrong: {sentence}\n")
    elsewhere = run_in_copy(copy, env, "-c", "import marketplace.wsgi")
    assert elsewhere.returncode == 1
    assert elsewhere.stderr.splitlines()[-1].endswith(f"A data file is wrong: {sentence}")


def test_every_wrong_file_is_named_at_once(monkeypatch):
    def wrong(name):
        def read():
            raise DataError(f"{name}: is wrong")

        return read

    monkeypatch.setattr(checks, "DATA_FILES", (wrong("a.json"), dict, wrong("b.toml")))
    told = [message.msg for message in checks.data_files_are_valid()]
    assert told == ["A data file is wrong: a.json: is wrong", "A data file is wrong: b.toml: is wrong"]
