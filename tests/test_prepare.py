"""``prepare``: everything the site needs before it starts, and nothing where nothing is missing."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.urls import reverse

from compat.extraction.version import facts_version
from compat.ingest.store import store_raw
from compat.management.command import Exit
from compat.models import Catalogue, CuratedList, EngineSetting, FactSheet, ModelRecord, Verdict
from compat.models.engines import engines
from marketplace import starter
from tests.own_database import ROOT, OwnDatabase, environment, manage
from tests.samples import RECORDS, every_record, record, write_lines


@pytest.fixture
def static(settings, tmp_path):
    """A folder of its own to collect into, with the storage of a real site."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    return settings.STATIC_ROOT


@pytest.mark.django_db
def test_a_ready_site_is_left_alone(static, capsys):
    call_command("prepare")
    capsys.readouterr()
    collected = {path: path.stat().st_mtime_ns for path in static.rglob("*")}
    verdicts = list(Verdict.objects.order_by("pk").values_list("pk", flat=True))
    call_command("prepare")
    assert capsys.readouterr().out == ""
    assert {path: path.stat().st_mtime_ns for path in static.rglob("*")} == collected
    assert list(Verdict.objects.order_by("pk").values_list("pk", flat=True)) == verdicts


@pytest.mark.django_db
def test_stale_verdicts_are_made_again(static, capsys):
    Verdict.objects.filter(profile="rbee").update(rules="0.old")
    call_command("prepare")
    assert (
        f"What verdicts rest on has changed: {FactSheet.objects.count():,} verdicts made again."
        in capsys.readouterr().out
    )
    assert not Verdict.objects.filter(rules="0.old").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["", "0123456789ab.0123456789ab"], ids=["unknown", "another"])
def test_records_that_other_code_read_are_read_again(static, capsys, version):
    Catalogue.objects.update(facts_version=version)
    ModelRecord.objects.update(family="stale", parameters=1)
    FactSheet.objects.update(family="stale")
    call_command("prepare")
    count = ModelRecord.objects.count()
    assert f"What verdicts rest on has changed: {count:,} records read again." in capsys.readouterr().out
    assert not ModelRecord.objects.filter(family="stale").exists()
    assert not FactSheet.objects.filter(family="stale").exists()
    assert ModelRecord.objects.get(repo_id="microsoft/phi-2").family == "phi"
    assert ModelRecord.objects.get(repo_id="microsoft/phi-2").sheet.family == "phi"
    call_command("prepare")
    assert capsys.readouterr().out == ""


@pytest.mark.django_db
def test_a_reading_that_was_interrupted_is_done_by_the_next_start(static, monkeypatch, capsys):
    from compat.ingest import reading

    Catalogue.objects.update(facts_version="")
    monkeypatch.setattr(reading, "BATCH", 50)
    written = []

    def write(batch, *rest, **options):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(batch)
        return reading_writes(batch, *rest, **options)

    reading_writes = reading.write_records
    monkeypatch.setattr(reading, "write_records", write)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        call_command("prepare")
    assert len(written) == 3
    assert Catalogue.objects.get().facts_version == ""
    monkeypatch.setattr(reading, "write_records", reading_writes)
    capsys.readouterr()
    call_command("prepare")
    assert f"{ModelRecord.objects.count():,} records read again" in capsys.readouterr().out
    assert Catalogue.objects.get().facts_version == facts_version()


@pytest.mark.django_db
def test_what_is_loaded_into_an_empty_catalogue_is_not_read_twice(static, capsys):
    ModelRecord.objects.all().delete()
    FactSheet.objects.all().delete()
    Catalogue.objects.all().delete()
    call_command("prepare", "--no-snapshot")
    call_command("load_records", str(RECORDS))
    capsys.readouterr()
    call_command("prepare", "--no-snapshot")
    assert capsys.readouterr().out == ""
    Catalogue.objects.all().delete()
    call_command("prepare", "--no-snapshot")
    assert "records read again" in capsys.readouterr().out


@pytest.mark.django_db
def test_json_says_which_steps_were_needed(static, capsys):
    def told():
        call_command("prepare", "--json")
        return json.loads(capsys.readouterr().out)

    assert told() == {"migrated": False, "read": 0, "loaded": None, "verdicts": 0, "indexed": False, "collected": True}
    Verdict.objects.filter(profile="rbee").update(rules="0.old")
    assert told() == {
        "migrated": False, "read": 0, "loaded": None, "verdicts": FactSheet.objects.count(),
        "indexed": False, "collected": False,
    }  # fmt: skip


@pytest.mark.django_db
def test_an_empty_catalogue_is_filled_with_the_snapshot_and_the_starter_lists(static, monkeypatch, capsys):
    monkeypatch.setattr("compat.ingest.from_files.BUNDLED", RECORDS)
    ModelRecord.objects.all().delete()
    call_command("prepare", "--no-snapshot", "--json")
    assert json.loads(capsys.readouterr().out)["loaded"] is None
    call_command("prepare", "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["loaded"]["new"], found["loaded"]["rejected"]) == (ModelRecord.objects.count(), 0)
    assert CuratedList.objects.count() == len(starter.LISTS)


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """What puts a snapshot of these records in the place of the one that ships."""

    def put(*records):
        path = write_lines(tmp_path / "snapshot.jsonl", list(records))
        monkeypatch.setattr("compat.ingest.from_files.BUNDLED", path)

    return put


FILES = "Jackrong/Qwen3.5-9B-Claude-4.6-Opus-Reasoning-Distilled-GGUF"


def mended(repo_id=FILES):
    """A record of the snapshot whose file sizes were 7 percent too small."""
    old = record(repo_id)
    return old | {"siblings": [file | {"size": file["size"] * 2**30 // 10**9} for file in old["siblings"]]}


def began_with_another(kept="older"):
    Catalogue.objects.update(bundled=kept)


def prepared(capsys, *options):
    call_command("prepare", "--json", *options)
    return json.loads(capsys.readouterr().out)


def counted(found):
    return tuple(found["loaded"][name] for name in ("new", "changed", "unchanged", "older", "rejected"))


@pytest.mark.django_db
def test_a_catalogue_of_an_older_snapshot_gets_the_newer_ones_records_and_facts(static, bundle, capsys):
    began_with_another()
    before = ModelRecord.objects.get(repo_id=FILES)
    bundle(mended(), record("microsoft/phi-2"), record("microsoft/phi-2", id="acme/brand-new"))
    assert counted(prepared(capsys)) == (1, 1, 1, 0, 0)
    after = ModelRecord.objects.get(repo_id=FILES)
    assert after.pk == before.pk, "lists keep their entries"
    assert after.variants.get(quantization="Q4_K_M").size_bytes == 5_200_000_000 * 2**30 // 10**9
    assert ModelRecord.objects.get(repo_id="acme/brand-new").sheet.verdicts.count() == len(engines())
    assert ModelRecord.objects.count() == len(every_record()) + 1, "what the newer one lacks stays"
    assert prepared(capsys)["loaded"] is None


@pytest.mark.django_db
def test_the_first_start_with_a_newer_snapshot_says_so(static, bundle, capsys):
    began_with_another()
    bundle(mended())
    call_command("prepare")
    assert "The bundled snapshot is newer than the catalogue's.\n1 records in " in capsys.readouterr().out
    call_command("prepare")
    assert capsys.readouterr().out == ""


@pytest.mark.django_db
@pytest.mark.parametrize("origin", ["hub", "file"])
def test_a_newer_snapshot_leaves_alone_what_was_fetched_or_imported(static, bundle, capsys, origin):
    """Also where it tells of a later day than the one on which the Hub was asked: it knows less of each model."""
    began_with_another()
    store_raw([("line 1", record(FILES, likes=1))], origin=origin)
    before = ModelRecord.objects.filter(repo_id=FILES).values().get()
    bundle(mended() | {"_source": {"siblings": "a list of 2099-01-01"}})
    assert counted(prepared(capsys)) == (0, 0, 0, 1, 0)
    assert ModelRecord.objects.filter(repo_id=FILES).values().get() == before


@pytest.mark.django_db
def test_what_was_deleted_in_the_admin_does_not_come_back_with_a_newer_snapshot(static, bundle, admin_client, capsys):
    began_with_another()
    static.mkdir()
    for repo_id in (FILES, "microsoft/phi-2"):
        page = reverse("admin:compat_modelrecord_delete", args=[ModelRecord.objects.get(repo_id=repo_id).pk])
        assert admin_client.post(page, {"post": "yes"}).status_code == 302
    store_raw([("line 1", record("microsoft/phi-2", likes=1))], origin="snapshot")
    bundle(mended(), record("microsoft/phi-2"))
    assert counted(prepared(capsys)) == (0, 1, 0, 0, 0), "one that came back since is like any other"
    assert not ModelRecord.objects.filter(repo_id=FILES).exists()


@pytest.mark.django_db
def test_records_take_anew_what_a_newer_snapshot_changes_in_their_base_model(static, bundle, capsys):
    base, heir = record("microsoft/phi-2"), {"id": "acme/heir", "tags": ["base_model:finetune:microsoft/phi-2"]}
    store_raw([("line 1", heir)], origin="snapshot")
    assert ModelRecord.objects.get(repo_id="acme/heir").architecture == "phi"
    began_with_another()
    bundle(base | {"config": base["config"] | {"model_type": "llama"}}, heir)
    assert prepared(capsys)["read"] == ModelRecord.objects.count()
    assert ModelRecord.objects.get(repo_id="acme/heir").architecture == "llama"


@pytest.mark.django_db
def test_a_newer_snapshot_that_was_not_taken_in_whole_is_taken_in_by_the_next_start(
    static, bundle, monkeypatch, capsys
):
    began_with_another()
    bundle(mended())
    with monkeypatch.context() as broken:
        broken.setattr("compat.ingest.store.store_told", stop)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            call_command("prepare")
    capsys.readouterr()
    assert counted(prepared(capsys)) == (0, 1, 0, 0, 0)


def stop(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kept", "options"), [("", ()), ("older", ("--no-snapshot",))], ids=["none taken in", "not wanted"]
)
def test_a_catalogue_without_a_snapshot_or_whose_operator_wants_none_gets_none(static, bundle, capsys, kept, options):
    began_with_another(kept)
    bundle(mended())
    assert prepared(capsys, *options)["loaded"] is None
    assert ModelRecord.objects.get(repo_id=FILES).variants.get(quantization="Q4_K_M").size_bytes == 5_200_000_000


@pytest.mark.django_db
def test_a_snapshot_that_was_loaded_by_its_command_is_not_loaded_again(static, bundle, capsys):
    began_with_another()
    bundle(mended())
    call_command("load_records", "--bundled")
    capsys.readouterr()
    found = prepared(capsys)
    assert (found["loaded"], found["read"]) == (None, ModelRecord.objects.count())


@pytest.mark.django_db
def test_static_files_are_collected_with_hashed_names_and_compressed(static):
    call_command("prepare")
    names = [path.name for path in static.rglob("site*.css*")]
    assert any(name.count(".") == 2 and name.endswith(".css") for name in names)
    assert any(name.endswith(".css.gz") for name in names)
    assert (static / "staticfiles.json").is_file()


@pytest.mark.django_db
def test_an_operators_settings_are_never_overwritten(static):
    EngineSetting.objects.filter(slug="rbee").update(context_policy="cap")
    call_command("prepare")
    assert EngineSetting.objects.get(slug="rbee").context_policy == "cap"
    assert set(EngineSetting.objects.values_list("slug", flat=True)) >= set(engines())


@pytest.mark.django_db
def test_the_starter_lists_are_made_once():
    assert starter.create_lists() == len(starter.LISTS)
    assert starter.create_lists() == 0
    small = CuratedList.objects.get(slug="small-and-open")
    assert small.entries.order_by("position").first().record.repo_id == "Qwen/Qwen2.5-1.5B-Instruct"


def test_an_empty_database_becomes_a_site(tmp_path):
    """The whole bundled snapshot, as a process, on a database file that does not exist yet."""
    env = environment(f"sqlite:///{tmp_path}/folder/site.sqlite3", STATIC_ROOT=str(tmp_path / "static"))
    done = manage("prepare", "--no-snapshot", env=env)
    assert done.returncode == 0, done.stderr
    assert "The database is up to date." in done.stdout
    again = manage("prepare", "--no-snapshot", env=env)
    assert (again.returncode, again.stdout) == (0, "")
    assert (ROOT / "compat/data/snapshot.jsonl.gz").is_file()


def test_a_database_that_does_not_answer_is_an_error(tmp_path):
    done = manage("prepare", env=environment("postgresql://nobody@127.0.0.1:1/nothing"))
    assert done.returncode == Exit.FAILED
    assert done.stderr.startswith("Error: The database cannot be used: ")
    assert "refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_migrations_are_complete(tmp_path):
    with OwnDatabase(tmp_path) as own:
        done = own.run("makemigrations", "--check", "--dry-run")
        assert done.returncode == 0, done.stdout
        assert own.run("migrate", "--check").returncode == 0
