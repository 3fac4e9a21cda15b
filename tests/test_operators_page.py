"""The numbers and lists that docs/operators.md promises are those of the code."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from compat import tasks
from compat.catalogue import index_files
from compat.engines import all_profiles
from compat.hub.client import MAX_PAGE_SIZE
from compat.ingest import (
    clock,
    closed,
    gguf_metadata,
    jobs,
    lease,
    measurements,
    safetensors_metadata,
    sync,
    task_results,
)
from compat.management import lanes
from compat.webhooks import tasks as webhook_tasks
from marketplace.api import limits, tokens
from tests.own_database import ROOT
from tools.profiles.regenerate import SOURCES

PAGE = " ".join((ROOT / "docs/operators.md").read_text("utf-8").split())
MIB = 1024 * 1024
SHARDS, WHOLE = safetensors_metadata.MOST_SHARDS, gguf_metadata.MOST_WHOLE_BYTES // MIB
WORDS = {1: "a", 2: "two", 4: "four", 5: "five", 8: "eight", 10: "ten", 90: "ninety", 30: "thirty", 1000: "a thousand"}


def minutes(time: timedelta | float) -> int:
    """A time as whole minutes."""
    return round((time.total_seconds() if isinstance(time, timedelta) else time) / 60)


PAUSES = [minutes(pause) for pause in jobs.PAUSES]
DAYS = [closed.PAUSE.days * 2**times for times in range(4)]
PROMISES = [
    f"the documents of {sync.AT_ONCE} models",
    f"not read to its end within {WORDS[sync.BEGUN_ANEW.days]} day",
    f"one question for {MAX_PAGE_SIZE} models",
    f"read whole once {WORDS[sync.WHOLE_EVERY.days // 7]} week",
    "since the last run, and an hour more" if timedelta(hours=1) == sync.OVERLAP else "",
    f"it waits {WORDS[minutes(sync.SILENT_PAUSE)]} minute.",
    f"documents of {WORDS[sync.MOST_FAILURES]} models in a row",
    f"after {WORDS[DAYS[0]]} day, then after {WORDS[DAYS[1]]}, {WORDS[DAYS[2]]} and {WORDS[DAYS[3]]};",
    f"at most {WORDS[minutes(lease.LASTS)]} minutes if",
    f"{gguf_metadata.MOST_BYTES // MIB} MB at the most), which tells architecture",
    f"of up to {gguf_metadata.MOST_FILES} GGUF files",
    f"{safetensors_metadata.MOST_BYTES // MIB} MB at the most; of a set of more than {SHARDS} files",
    f"{WORDS[gguf_metadata.MOST_WHOLE]} files of a repository are read up to there, {WHOLE} MB each",
    f"At most {measurements.MOST} are kept of a model on an engine",
    f"works in {WORDS[len(lanes.LANES)]} lanes",
    f"takes nothing more and waits {WORDS[lanes.GRACE]} seconds",
    f"results of tasks after {WORDS[task_results.KEPT.days // 7]} week",
    f"after {WORDS[webhook_tasks.KEPT_DAYS]} days or where there are {WORDS[webhook_tasks.KEPT_EACH]} newer ones",
    f"what came of jobs after {WORDS[jobs.KEPT.days]} days",
    f"holds the job for {WORDS[minutes(lease.LASTS)]} minutes",
    "after a quarter of an hour" if minutes(lanes.TASK_LOST) == 15 else "",
    f"after {PAUSES[0]}, {PAUSES[1]} and {PAUSES[2]} minutes and {PAUSES[3] // 60} hours",
    f"After {WORDS[jobs.MOST_ATTEMPTS]} attempts it is given up",
    f"takes at most {WORDS[minutes(tasks.MOST_SECONDS)]} minute of the Hub's answers",
    f"The {WORDS[index_files._KEPT]} newest are kept",
    f"more than {WORDS[minutes(clock.CLOCKS_DIFFER_BY)]} minutes ahead",
    f"the last {limits.MOST:,} counts",
    f"asks again after {limits.PAUSE:.0f} seconds, and logs it at most every {minutes(limits.LOG_EVERY)} minutes",
    "within half a minute in the others" if tokens.FRESH == 30 else "",
    "at most once an hour" if timedelta(hours=1) == tokens.USED_EVERY else "",
]
"""Words of the page, with the numbers of the code in them; empty where the words would not be true."""


@pytest.mark.parametrize("words", PROMISES)
def test_the_page_says_the_numbers_of_the_code(words):
    assert words
    assert PAGE.count(words) == 1, words


def test_the_schedules_are_those_that_a_new_site_has():
    rows = re.findall(r"\| (\w+) \| (?:`([^`]+)` )?\| (\d+) hours \| (on|off)", PAGE)
    assert rows == [(kind, options, str(every), "on" if on else "off") for kind, options, every, on in jobs.SCHEDULED]


def test_the_engines_that_are_on_are_counted():
    assert f"a new site judges for {sum(one.offered for one in all_profiles().values())}." in PAGE


def test_the_engines_that_are_off_are_named():
    names = sorted((one.name for one in all_profiles().values() if not one.offered), key=str.lower)
    assert f"So {', '.join(names[:-1])} and {names[-1]}, which few" in PAGE


def test_the_engines_that_are_read_from_a_tree_are_named():
    """By their profiles' names."""
    slugs = [slug for slug, source in SOURCES.items() if not source.published]
    named = re.search(r"version of it that the engine pins\. (.*?) are read from a source tree", PAGE)
    assert named
    assert set(re.split(", | and ", named[1])) == {all_profiles()[slug].name for slug in slugs}
