"""The table of sizes by label is what the tool makes of the bundled catalogue, and right of files it never saw."""

from __future__ import annotations

from statistics import median

import pytest

from compat.estimate.label_sizes import ModelKind, label_sizes, read_label_sizes, size_factor
from compat.strict_data import DataError
from tools.evaluation.label_sizes import TARGET, SizedFile, errors, make_table, render_table, sized_files
from tools.evaluation.rows import quantile

AGAIN = "the sizes moved: run `python -m tools.evaluation.label_sizes` again, and look at what changed"


@pytest.fixture(scope="module")
def files():
    return list(sized_files())


def test_the_shipped_table_is_what_the_tool_makes_now(files):
    assert render_table(make_table(files)) == TARGET.read_text("utf-8"), AGAIN
    assert len({file.repository for file in files}) > 100


def test_files_of_repositories_left_out_are_estimated_from_all_others(files):
    """The usual labels are within 4 % in the middle; dynamic ones, chosen anew for each model, within 8."""
    found = errors(files)
    for label in ("Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "Q4_0", "Q4_1", "IQ4_XS", "IQ4_NL", "Q3_K_M"):
        assert median(found[label]) < 0.025, label
    for label in ("Q8_K_XL", "Q6_K_XL", "Q5_K_XL", "Q4_K_XL", "Q3_K_XL", "IQ2_M", "IQ3_XXS"):
        assert median(found["UD-" + label]) < 0.06, label
    packed = [
        error for label, errors in found.items() if label not in ("F32", "F16", "BF16", "Q8_0") for error in errors
    ]
    assert median(packed) < 0.02
    assert quantile(packed, 0.9) < 0.1


def test_a_factor_needs_files_of_three_repositories():
    made = [SizedFile(name, "UD-Q8_K_XL", ModelKind.HYBRID, 150, 50.0, 80.0) for name in ("a", "b")]
    assert make_table(made) == {}
    assert make_table([*made, made[0]]) == {}
    table = make_table([*made, SizedFile("c", "UD-Q8_K_XL", ModelKind.HYBRID, 130, 50.0, 80.0)])
    # Of other kinds nothing was measured, and all together stand for them.
    assert table == {"UD-Q8_K_XL": {str(kind): 1.25 for kind in ModelKind}}


def test_a_kind_of_few_files_goes_by_those_most_like_it():
    mixtures = [SizedFile(name, "UD-IQ1_S", ModelKind.HYBRID_EXPERTS, 190, 50.0, 100.0) for name in "ab"]
    mixtures.append(SizedFile("c", "UD-IQ1_S", ModelKind.EXPERTS, 190, 50.0, 100.0))
    unknown = [SizedFile(name, "UD-IQ1_S", ModelKind.UNKNOWN, 160, 50.0, 100.0) for name in "defg"]
    table = make_table([*mixtures, *unknown])["UD-IQ1_S"]
    assert table["experts"] == table["hybrid of experts"] == 1.4
    assert table["unknown"] == 1.1
    assert table["dense"] == 1.4  # of those whose layers are known there are none but mixtures


def test_what_llama_cpp_mixes_itself_has_no_factor():
    assert make_table(SizedFile(name, "Q4_K_M", ModelKind.DENSE, 150, 50.0, 80.0) for name in "abc") == {}


def test_what_was_not_measured_is_as_large_as_its_sum():
    assert size_factor("Q4_K_M", ModelKind.DENSE) == 1
    assert size_factor(None, ModelKind.UNKNOWN) == 1
    assert size_factor("UD-Q8_K_XL", ModelKind.HYBRID) == label_sizes()["UD-Q8_K_XL"]["hybrid"] > 1.1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ('{"note": "", "labels": {"Q8_0": {"dens": 1.1}}}', "should be one of dense"),
        ('{"note": "", "labels": {"Q8_0": {"dense": 9}}}', "should be less than 2"),
        ('{"note": ""}', "labels is missing"),
    ],
)
def test_a_wrong_table_is_refused_by_field(text, words):
    with pytest.raises(DataError, match=words):
        read_label_sizes(text)
