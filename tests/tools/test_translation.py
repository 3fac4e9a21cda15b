"""What pages say is collected for translators, and every language is complete."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from django.utils.translation import override

from compat.models import Verdict
from marketplace.translating import told
from tools.translation.catalogues import ROOT, check, collected, compiled, problems_of
from tools.translation.sentences import _Collector, sentences


def test_every_language_is_complete_and_compiled():
    assert check() == []


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["de", "zh-hans"])
def test_every_sentence_of_every_verdict_is_shown_in_the_language(language):
    said = {
        sentence
        for results in Verdict.objects.values_list("results", flat=True)
        for one in results
        for sentence in (*one["reasons"], *one["warnings"], *one["recommendations"], one["brief"])
        if sentence
    }
    assert len(said) > 500
    with override(language):
        assert sorted(one for one in said if told(one) == one) == []


def texts_of(tmp_path: Path, source: str) -> list[str]:
    """What is found in a piece of Python."""
    path = tmp_path / "source.py"
    path.write_text(source, "utf-8")
    return _Collector(path).texts


def test_an_f_string_is_a_pattern_that_names_what_differs(tmp_path):
    source = 'x = f"{profile.name} reads {or_(names)} and {profile.name}, {share:.0%} of it"'
    assert texts_of(tmp_path, source) == ["%(name)s reads %(names)s and %(name2)s, %(share)s of it"]


def test_what_is_said_within_it_is_found_too_and_percent_signs_are_told_from_names(tmp_path):
    source = "x = f\"{n} % of it{' and more' if n else ''}\"\ny = '5 % of it'"
    assert sorted(texts_of(tmp_path, source)) == ["", " and more", "%(n)s %% of it%(value)s", "5 % of it"]


def test_what_is_filled_in_later_is_named_as_well(tmp_path):
    source = 'x = "not over {count}, 5 %"\ny = f"its {heads} heads do not divide by {{count}}"'
    assert texts_of(tmp_path, source) == [
        "not over %(count)s, 5 %%",
        "its %(heads)s heads do not divide by %(count)s",
    ]


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of a module."""',
        "def f():\n    '''What it does.'''",
        "raise ValueError('not for people')",
        "log.warning('for operators %s', 1)",
        "x = re.compile('a pattern')",
        "if word == 'some words': pass",
        "x = table['some words']",
        "__all__ = ['Some', 'Names']",
    ],
)
def test_what_is_not_for_people_is_left_out(tmp_path, source):
    assert texts_of(tmp_path, source) == []


def test_templates_and_python_are_both_collected():
    places = {message.id: {place for place, _ in message.locations} for message in collected() if message.id}
    assert places["Skip to content"] == {"templates/base.html"}
    assert "marketplace/show.py" in places["just now"]
    assert all((ROOT / place).is_file() for place in sentences(ROOT).values())


@pytest.mark.parametrize(
    ("text", "translation", "problem"),
    [
        ("Forget %(name)s", "%(name)s vergessen", ""),
        ("Forget %(name)s", "", "no translation"),
        ("Forget %(name)s", "%(nmae)s vergessen", "other names"),
        ("Forget %(name)s", "Vergessen", "other names"),
        ("%(part)s %% of it", "%(part)s davon", "other markup"),
        ("See <b>%(name)s</b>", "Siehe %(name)s", "other markup"),
        (("%(n)s model", "%(n)s models"), ("%(n)s Modell", "%(n)s Modelle"), ""),
        (("%(n)s model", "%(n)s models"), ("%(n)s Modell", ""), "no translation"),
    ],
)
def test_a_translation_that_lost_something_is_a_problem(text, translation, problem):
    catalog = Catalog("de")
    catalog.add(text, translation)
    found = list(problems_of(catalog))
    assert len(found) == bool(problem)
    assert all(problem in one for one in found)


def test_what_is_compiled_is_the_same_each_time():
    catalog = Catalog("de")
    catalog.add("just now", "gerade eben")
    assert compiled(catalog) == compiled(catalog)
