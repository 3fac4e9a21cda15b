"""What stored facts and verdicts rest on is in their versions: one changed line anywhere, and they are made again.

Tried on a copy of the project whose catalogue the unchanged code filled.
"""

from __future__ import annotations

import json

import pytest

from tests.own_database import OwnDatabase
from tests.project_copy import change_line, copy_project, run_in_copy
from tests.samples import RECORDS

FEW = 25

STALE = """
import json
import django
django.setup()
from compat.extraction.facts import VariantFacts
from compat.models import FactSheet, Verdict
from compat.models.engines import engines
from compat.rules import judge_all

profiles = engines()
verdicts = stale = 0
for sheet in FactSheet.objects.prefetch_related("verdicts"):
    facts = [VariantFacts.from_json(fact) for fact in sheet.facts]
    for verdict in sheet.verdicts.all():
        now = judge_all(facts, profiles[verdict.profile])
        results = json.loads(json.dumps([result.as_stored() for result in now.results]))
        made = [now.result.level, now.result.cause, now.best, results]
        verdicts += 1
        stale += made != [verdict.confidence, verdict.cause, verdict.best, verdict.results]
print(json.dumps([verdicts, stale]))
"""


def state(own):
    """The version of the facts, and those of each engine's verdicts."""
    rules = own.rows("SELECT DISTINCT profile, rules FROM compat_verdict ORDER BY profile, rules")
    return own.value("SELECT facts_version FROM compat_catalogue"), rules


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A copy of the project, its database with some records, and the answer of ``prepare`` on it."""
    folder = tmp_path_factory.mktemp("versions")
    copy = copy_project(folder / "copy")
    records = folder / "few.jsonl"
    records.write_text("".join(RECORDS.read_text("utf-8").splitlines(keepends=True)[:FEW]), "utf-8")
    with OwnDatabase(folder, HF_HUB_OFFLINE="1") as own:

        def prepare():
            done = run_in_copy(copy, own.env, "manage.py", "prepare", "--no-snapshot", "--json")
            assert done.returncode == 0, done.stderr[-2000:]
            answer = json.loads(done.stdout)
            return answer["read"], answer["verdicts"]

        loaded = run_in_copy(copy, own.env, "manage.py", "load_records", records)
        assert loaded.returncode == 0, loaded.stderr[-2000:]
        assert prepare() == (0, 0)
        assert own.records() == FEW
        yield copy, own, prepare


@pytest.mark.parametrize(
    ("path", "old", "new", "reads", "judges"),
    [
        ("architectures/architectures.toml", 'label = "OLMo"', 'label = "Olmo"', True, "all"),
        ("architectures/architectures.toml", "{ layers = { gated_ffn = false }", "{ layers = {}", True, "all"),
        ("architectures/architectures.toml", '"gemma 2"', '"gemma 2 9b"', True, "all"),
        ("architectures/architectures.toml", '"maverick", "scout",', '"maverick",', True, "all"),
        ("architectures/names.toml", '"qwen3" = "Qwen3ForCausalLM"', '"qwen3" = "Qwen3LMForCausalLM"', True, "all"),
        ("architectures/gguf_names.toml", '"LlamaForCausalLM" = "llama"', '"LlamaForCausalLM" = "lama"', True, "all"),
        ("architectures/known_shapes.json", '"source": "config.json', '"source": "The config.json', True, "all"),
        ("architectures/architecture.py", '"fill-mask": "embed",', '"fill-mask": "classify",', True, "all"),
        ("engines/profiles/vllm.toml", 'slug = "vllm"', 'slug = "vllm"\n', False, "vllm"),
        ("engines/profiles/exllamav3.lists.toml", '    "Glm4ForCausalLM",\n', "", False, "exllamav3"),
        ("engines/gpu_capability.py", '(8.9, "Ada")', '(8.9, "Ada Lovelace")', False, "all"),
        ("rules/context.py", 'CODE = "context"', 'CODE = "context"  # changed', False, "all"),
        ("extraction/languages.py", '"""', '""" ', True, "all"),
        ("hub/payloads.py", "from __future__ import annotations", "from __future__ import annotations\n", True, ""),
    ],
    ids=["family", "layers", "name pattern", "word against a pattern", "classes", "GGUF names", "known shape",
         "reader of tables", "profile", "list", "capability", "rule", "extraction", "payload"],
)  # fmt: skip
def test_a_changed_line_makes_what_rests_on_it_again(site, path, old, new, reads, judges):
    copy, own, prepare = site
    sheets = own.value("SELECT count(*) FROM compat_factsheet")
    facts, rules = state(own)
    place = copy / "compat" / path
    if old == '"""':
        place.write_text(place.read_text("utf-8").replace(old, new, 1), "utf-8")
    else:
        change_line(place, old, new)
    engines = {profile for profile, _ in rules}
    judged = {"all": engines, "": set()}.get(judges, {judges})
    assert prepare() == (FEW if reads else 0, sheets * len(judged))
    facts_now, rules_now = state(own)
    assert (facts_now != facts) == reads
    assert {profile for profile, version in rules_now if (profile, version) not in rules} == judged
    assert len(rules_now) == len(engines)


def test_no_verdict_is_stale_after_a_changed_table(tmp_path):
    copy = copy_project(tmp_path / "copy")
    with OwnDatabase(tmp_path, HF_HUB_OFFLINE="1") as own:

        def stale():
            done = run_in_copy(copy, own.env, "-c", STALE)
            assert done.returncode == 0, done.stderr[-2000:]
            return json.loads(done.stdout)

        assert run_in_copy(copy, own.env, "manage.py", "load_records", RECORDS).returncode == 0
        verdicts, wrong = stale()
        assert (verdicts > 2000, wrong) == (True, 0)
        names = copy / "compat/architectures/names.toml"
        change_line(names, '"qwen3" = "Qwen3ForCausalLM"', '"qwen3" = "Qwen3LMForCausalLM"')
        assert stale()[1] > 50
        done = run_in_copy(copy, own.env, "manage.py", "prepare", "--no-snapshot")
        assert f"{own.records():,} records read again, {verdicts:,} verdicts made again." in done.stdout
        assert stale() == [verdicts, 0]
