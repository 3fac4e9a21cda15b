"""One line and one folder add a language. Tried on a copy of the project."""

import json

from tests.own_database import environment
from tests.project_copy import change_line, copy_project, run_in_copy

TRY = """
import json
import django
django.setup()
from django.test import Client
client = Client(raise_request_exception=False, SERVER_NAME="localhost")
found = client.get("/models/", headers={"accept-language": "fr-CA"})
print(json.dumps({"language": found["Content-Language"], "text": found.content.decode()}))
"""


def test_a_folder_and_a_line_add_a_language(tmp_path):
    place = copy_project(tmp_path / "copy", "tools")
    change_line(place / "marketplace/settings.py", '("de", "Deutsch"), ', '("de", "Deutsch"), ("fr", "Français"), ')
    (place / "locale/fr").mkdir()
    env = environment(f"sqlite:///{place / 'site.sqlite3'}")
    first = run_in_copy(place, env, "-m", "tools.translation")
    assert first.returncode == 0, first.stderr[-2000:]
    catalog = place / "locale/fr/LC_MESSAGES/django.po"
    change_line(catalog, 'msgid "Try again"\nmsgstr ""', 'msgid "Try again"\nmsgstr "Réessayer"')
    second = run_in_copy(place, env, "-m", "tools.translation")
    assert "fr: 1 of " in second.stdout
    lacking = run_in_copy(place, env, "-m", "tools.translation", "--check")
    assert lacking.returncode == 1
    assert "fr: no translation of " in lacking.stdout
    assert "de: no" not in lacking.stdout
    assert run_in_copy(place, env, "manage.py", "collectstatic", "--no-input").returncode == 0
    done = run_in_copy(place, env, "-c", TRY)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["language"] == "fr"
    assert ">Réessayer<" in found["text"]
    assert "<h1>This site cannot use its database at the moment</h1>" in found["text"], (
        "what nobody translated is English"
    )
