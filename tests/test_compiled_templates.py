"""Templates that were compiled once are not compiled again, and nothing is taken for one that is not."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, Environment

from marketplace import compiled_templates
from marketplace.rendering import Site, environment_of

SOURCE = '{{ size }} {% trans %}Licence{% endtrans %}: {{ "&"|told }}{{ size }}'


@pytest.fixture(autouse=True)
def root(settings, tmp_path):
    settings.TEMPLATES_ROOT = tmp_path / "templates"
    return settings.TEMPLATES_ROOT


@pytest.fixture
def compiled(monkeypatch):
    """How often a template is compiled."""
    seen = []
    generate = Environment._generate
    monkeypatch.setattr(Environment, "_generate", lambda *told, **more: seen.append(told[2]) or generate(*told, **more))
    return seen


def shown(language="en", source=SOURCE):
    return environment_of(Site(), language=language, loader=DictLoader({"one.html": source})).get_template("one.html")


def test_another_process_does_not_compile_what_one_did(compiled, root):
    first = shown().render(size="<5>")
    assert first == "&lt;5&gt; Licence: &amp;&lt;5&gt;"
    assert shown().render(size="<5>") == first
    assert compiled == ["one.html"]
    assert len(list(root.iterdir())) == 1


def test_each_language_has_its_own(compiled):
    english, german = shown().render(size=1), shown("de").render(size=1)
    assert english != german
    assert (shown().render(size=1), shown("de").render(size=1)) == (english, german)
    assert len(compiled) == 2


def test_a_changed_template_is_compiled_anew_in_the_place_of_the_old(compiled, root):
    shown()
    assert shown(source="changed").render() == "changed"
    assert len(compiled) == 2
    assert len(list(root.iterdir())) == 1


def test_changed_code_or_translations_compile_all_anew(compiled, monkeypatch):
    shown()
    monkeypatch.setattr(compiled_templates, "_made_by", lambda: "later")
    shown()
    assert len(compiled) == 2


@pytest.mark.parametrize("keep", [0, 1, 40, -1])
def test_a_damaged_file_is_made_anew(compiled, root, keep):
    whole = shown().render(size=1)
    (path,) = root.iterdir()
    path.write_bytes(path.read_bytes()[:keep])
    assert shown().render(size=1) == whole
    assert shown().render(size=1) == whole
    assert len(compiled) == 2


def test_what_others_may_write_is_not_run(compiled, root):
    shown()
    (path,) = root.iterdir()
    path.chmod(0o666)
    shown()
    assert len(compiled) == 2


def test_where_nothing_can_be_written_each_process_compiles_its_own(compiled, root):
    root.parent.mkdir(exist_ok=True)
    root.write_text("a file where a folder should be")
    assert shown().render(size=1) == shown().render(size=1)
    assert len(compiled) == 2


def test_without_a_folder_nothing_is_kept(compiled, settings, root):
    settings.TEMPLATES_ROOT = None
    assert shown().render(size=1) == shown().render(size=1)
    assert len(compiled) == 2
    assert not root.exists()
