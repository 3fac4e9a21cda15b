"""The style sheet: it turns round with the direction of writing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SHEET = re.sub(r"/\*.*?\*/", "", Path("static/css/site.css").read_text(), flags=re.DOTALL)
SIDES = r"(?:left|right|top|bottom)"
PHYSICAL = (
    rf"(?<![\w-])(?:(?:scroll-)?(?:margin|padding)|border|inset)-{SIDES}\b[\w-]*\s*:",
    rf"(?<![\w-]){SIDES}\s*:",
    r"(?<![\w-])(?:text-align|float|clear|transform-origin)\s*:[^;{}]*\b(?:left|right)\b",
    r"border-(?:top|bottom)-(?:left|right)-radius",
)
FOUR = re.compile(
    r"(?<![\w-])(?:(?:scroll-)?(?:margin|padding)|border-(?:width|color|style)|inset)\s*:\s*"
    r"((?:[^\s;{}()]|\([^;{}]*?\))+(?:\s+(?:[^\s;{}()]|\([^;{}]*?\))+){3})\s*[;}]"
)


@pytest.mark.parametrize("pattern", PHYSICAL)
def test_no_side_is_called_left_or_right_top_or_bottom(pattern):
    assert re.findall(pattern, SHEET) == []


def test_no_shorthand_tells_its_left_and_right_apart():
    unlike = [told for told in FOUR.findall(SHEET) if told.split()[1] != told.split()[3]]
    assert unlike == []


def test_corners_are_rounded_alike_or_by_where_lines_begin():
    without_sums = re.sub(r"\((?:[^()]|\([^()]*\))*\)", "", SHEET)
    assert not re.findall(r"border-radius\s*:\s*[^\s;{}]+ [^\s;{}]+", without_sums)
