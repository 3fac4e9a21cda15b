"""The exported site: whole, linked, true to the catalogue, written only where it changed, safe against being killed."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from compat import catalogue as queries
from compat.catalogue.current import current_index
from compat.catalogue.question import Question
from compat.catalogue.workers import workers
from compat.models import CuratedList, ListEntry, ModelRecord, RecordVariant, Verdict
from marketplace import starter
from marketplace.static_site import FolderError, export
from marketplace.static_site.catalogue import Catalogue, slug_of
from marketplace.static_site.folder import OWN, open_folder
from marketplace.static_site.render import model_path

from .own_database import ROOT, OwnDatabase

ALL = 1000
MOST = 200
"""So many models are in the exported site that tests look at."""
CAUSES = {
    "architecture": "a",
    "task": "t",
    "format": "f",
    "context": "c",
    "quantization": "q",
    "platform": "p",
    "gone": "g",
    "unknown": "u",
}
pytestmark = pytest.mark.django_db


def quiet(total):
    return lambda done: None


def exported(folder, top=ALL, base="", live=""):
    return export(folder, top, base, quiet, live)


@pytest.fixture(scope="module")
def site(tmp_path_factory, django_db_setup, django_db_blocker):
    """The best known half of the test catalogue, with lists; exported once."""
    folder = tmp_path_factory.mktemp("export") / "dist"
    with django_db_blocker.unblock(), transaction.atomic():
        starter.create_lists()
        exported(folder, MOST)
        transaction.set_rollback(True)
    return folder


@functools.cache
def parsed(path, moment):
    """A page as it was at that moment."""
    page = Parser()
    page.feed(path.read_text("utf-8"))
    return page


def page_of(path):
    return parsed(path, path.stat().st_mtime_ns)


class Parser(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self):
        super().__init__()
        self.tags = []
        self.text = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def links(self):
        for _, attributes in self.tags:
            yield from (attributes[name] for name in ("href", "src", "action") if attributes.get(name))


def target(folder, page, link):
    """The file a link leads to; None where it leaves the site."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    if not parts.path:
        return page
    found = folder / parts.path.lstrip("/") if parts.path.startswith("/") else page.parent / parts.path
    return found / "index.html" if parts.path.endswith("/") else found


def broken(folder, pages):
    wrong = []
    for page in pages:
        for link in page_of(page).links():
            found = target(folder, page, link)
            if found is not None and not found.is_file():
                wrong.append((str(page.relative_to(folder)), link))
    return wrong


def reachable(folder):
    """Every page a visitor can come to from the first one."""
    seen, left = set(), [folder / "index.html"]
    while left:
        page = left.pop()
        if page in seen or page.suffix != ".html":
            continue
        seen.add(page)
        assert page.read_text("utf-8").endswith("</html>\n"), page
        found = {target(folder, page, link) for link in page_of(page).links()} - {None}
        left += {Path(os.path.normpath(path)) for path in found} - seen
    return seen


def contents(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and OWN not in path.parts
    }


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


# --- what is in it ---------------------------------------------------------------------------------------------


def test_every_link_leads_to_a_file(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > MOST
    assert broken(site, pages) == []


def test_every_page_can_be_reached(site):
    assert reachable(site) == set(site.rglob("*.html")) - {site / "404.html"}


def test_no_link_needs_a_server_and_no_page_breaks_its_policy(site):
    icons = (site / next(path for path in contents(site) if path.startswith("assets/sprite"))).read_text("utf-8")
    for path in site.rglob("*.html"):
        text = path.read_text("utf-8")
        page = page_of(path)
        assert "@sprite" not in text
        policies = [told["content"] for tag, told in page.tags if told.get("http-equiv") == "Content-Security-Policy"]
        assert [policy.partition("; ")[0] for policy in policies] == ["default-src 'none'"]
        assert not [link for link in page.links() if link.startswith(("/admin", "/fetch", "/static", "http://"))]
        for tag, attributes in page.tags:
            assert tag != "style"
            assert tag != "script" or attributes.get("src")
            assert tag != "form" or attributes["method"] == "get"
            assert not [name for name in attributes if name == "style" or name.startswith(("on", "hx-"))]
            if tag == "use":
                assert f'id="{attributes["href"].partition("#")[2]}"' in icons


def test_no_id_occurs_twice_on_a_page(site):
    for path in site.rglob("*.html"):
        ids = [attributes["id"] for _, attributes in page_of(path).tags if "id" in attributes]
        assert len(ids) == len(set(ids)), path


def test_models_are_the_best_known_ones_in_order(tmp_path):
    exported(tmp_path / "dist", 60)
    best = list(ModelRecord.objects.order_by("-popularity", "repo_id").values_list("repo_id", flat=True)[:60])
    index = json.loads((tmp_path / "dist/models/index.json").read_text("utf-8"))
    assert [row[0] for row in index["models"]] == best
    listed = []
    for path in ("models/index.html", "pages/2/index.html"):
        links = page_of(tmp_path / "dist" / path).links()
        listed += [link.rstrip("/").rpartition("/")[2] for link in links if "models/" in link]
    slugs = [slug_of(one) for one in best]
    assert [slug for slug in listed if slug in slugs] == slugs
    assert len(list((tmp_path / "dist/models").iterdir())) == 62


def test_index_has_the_stored_verdict_of_every_engine(site):
    index = json.loads((site / "models/index.json").read_text("utf-8"))
    slugs = [slug for slug, _ in index["workers"]]
    assert slugs == [slug for slug, worker in workers().items() if not worker.registered]
    stored = {
        (repo_id, profile): str(confidence) if confidence else CAUSES[cause]
        for repo_id, profile, confidence, cause in Verdict.objects.values_list(
            "sheet__records__repo_id", "profile", "confidence", "cause"
        )
        if repo_id
    }
    assert len(index["models"]) == MOST
    assert {code for row in index["models"] for code in row[1]} <= set(index["codes"])
    for repo_id, codes, *_ in index["models"]:
        assert codes == "".join(stored[repo_id, slug] for slug in slugs), repo_id


def test_pages_and_json_say_what_the_site_says(site):
    available = {slug: worker for slug, worker in workers().items() if not worker.registered}
    records = list(ModelRecord.objects.order_by("-popularity", "repo_id")[:MOST])
    rows = {slug: queries.rows_of(records, worker) for slug, worker in available.items()}
    for place, record in enumerate(records):
        folder = site / model_path(record.repo_id)
        told = json.loads((folder / "model.json").read_text("utf-8"))
        results = {slug: rows[slug][place].result for slug in available}
        assert {
            slug: {key: told["verdicts"][slug][key] for key in result.as_json()} for slug, result in results.items()
        } == {slug: result.as_json() for slug, result in results.items()}
        panels = {
            attributes["data-for"]: attributes
            for tag, attributes in page_of(folder / "index.html").tags
            if attributes.get("class", "").startswith("panel verdict")
        }
        for number, (slug, result) in enumerate(results.items()):
            level = "unknown" if result.cause == "unknown" else result.confidence
            assert panels[slug]["class"] == f"panel verdict v-{level}"
            assert ("hidden" in panels[slug]) == bool(number)


def test_json_of_a_model_is_what_the_api_answers(site, client):
    """But for its address, and what one alone says: alternatives, builds, measurements there; here all verdicts."""
    known = []
    for record in ModelRecord.objects.order_by("-popularity", "repo_id")[:MOST:3]:
        told = json.loads((site / model_path(record.repo_id) / "model.json").read_text("utf-8"))
        asked = client.get(f"/api/v1/models/{record.repo_id}").json()
        assert told.pop("url") == f"/{model_path(record.repo_id)}"
        assert list(told.pop("verdicts")) == list(workers())
        assert asked.pop("url") == record.get_absolute_url()
        for name in (
            "alternatives",
            "measured",
            "model",
            "builds",
            "oneChange",
            "surerBuild",
            "perhapsBuild",
            "otherEngines",
        ):
            asked.pop(name)
        # A base that is not among the exported models is not known there.
        known += [one.pop("known") for one in told["bases"]]
        for one in (*told["bases"], *asked["bases"]):
            one.pop("compatible"), one.pop("known", None)
        assert told == asked
        assert told["gated"] is (True if record.gated else None)
    assert set(known) == {True, False}


def test_variants_carry_their_verdicts(site):
    best = ModelRecord.objects.order_by("-popularity", "repo_id")[:MOST]
    several = [record for record in best if "gguf" in record.formats]
    assert several
    for record in several:
        page = page_of(site / model_path(record.repo_id) / "index.html")
        shown = [attributes["data-v"] for tag, attributes in page.tags if tag == "td" and "data-v" in attributes]
        stored = {verdict.profile: verdict for verdict in Verdict.objects.filter(sheet=record.sheet_id)}
        expected = []
        for variant in record.variants.all():
            results = [stored[slug].result_of(variant.position) for slug in workers()]
            expected.append("".join(str(int(r.level)) if r.compatible else CAUSES[r.cause] for r in results))
        assert shown == expected, record


def test_alternatives_are_the_sites_own_where_everything_is_exported():
    catalogue = Catalogue(ALL)
    some = catalogue.entries[::9]
    for entry in some:
        page = queries.detail(entry.record.repo_id)
        assert [other.record.repo_id for other in catalogue.alternatives(entry)] == [
            row.record.repo_id for row in page.alternatives
        ]


def test_report_is_the_sites_own_for_every_engine(site):
    told = json.loads((site / "report/report.json").read_text("utf-8"))
    assert told == [queries.report(MOST, Question(worker=one["worker"])).as_json() for one in told]
    assert len(told) == len(workers())


def test_xml_is_valid_and_under_the_told_address(tmp_path):
    exported(tmp_path / "dist", 30, "https://models.example.org/runs")
    base = "https://models.example.org/runs/"
    places = [node.text for node in ET.parse(tmp_path / "dist/sitemap.xml").getroot().findall(".//{*}loc")]
    assert len(places) == 5 + 30
    for place in places:
        assert place.startswith(base)
        assert (tmp_path / "dist" / place.removeprefix(base) / "index.html").is_file()
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ET.parse(tmp_path / "dist/feed.xml").getroot()
    dates = [entry.findtext(f"{atom}published") for entry in feed.iter(f"{atom}entry")]
    assert dates
    assert dates == sorted(dates, reverse=True)
    for entry in feed.iter(f"{atom}entry"):
        assert entry.find(f"{atom}link").get("href").startswith(f"{base}models/")
    missing = page_of(tmp_path / "dist/404.html")
    assert "/runs/models/" in set(missing.links())
    assert f'<link rel="canonical" href="{base}">' in (tmp_path / "dist/index.html").read_text("utf-8")


def test_hostile_texts_stay_texts(tmp_path):
    bad = '"><script src=x></script><img src=x onerror=y>&<use href="@sprite#x'
    record = ModelRecord.objects.order_by("-popularity", "repo_id")[0]
    ModelRecord.objects.filter(pk=record.pk).update(license=bad[:80], task=bad[:60], as_of="<b>")
    RecordVariant.objects.filter(record=record).update(label=bad, quantization=bad[:40], files=[bad])
    curated = CuratedList.objects.create(title=bad, slug="bad", description=bad)
    ListEntry.objects.create(curated_list=curated, record=record, note=bad)
    exported(tmp_path / "dist", 60)
    sheet = next((tmp_path / "dist/assets").glob("sprite.*")).name
    for path in (tmp_path / "dist").rglob("*.html"):
        page = page_of(path)
        assert not [attributes for tag, attributes in page.tags if tag == "img" or attributes.get("src") == "x"], path
        uses = [attributes["href"] for tag, attributes in page.tags if tag == "use"]
        assert all(f"assets/{sheet}#" in use for use in uses), path
    assert bad in "".join(page_of(tmp_path / "dist/lists/bad/index.html").text)
    for name in ("feed.xml", "sitemap.xml"):
        ET.parse(tmp_path / "dist" / name)


def test_a_list_leads_to_the_hub_for_models_that_are_not_exported(tmp_path):
    last = ModelRecord.objects.order_by("popularity", "-repo_id")[0]
    curated = CuratedList.objects.create(title="Rare", slug="rare")
    ListEntry.objects.create(curated_list=curated, record=last)
    exported(tmp_path / "dist", 5)
    assert f"https://huggingface.co/{last.repo_id}" in set(page_of(tmp_path / "dist/lists/rare/index.html").links())
    assert broken(tmp_path / "dist", (tmp_path / "dist").rglob("*.html")) == []


def test_an_empty_catalogue_is_exported_too(tmp_path):
    ModelRecord.objects.all().delete()
    assert exported(tmp_path / "dist").models == 0
    assert broken(tmp_path / "dist", (tmp_path / "dist").rglob("*.html")) == []
    ET.parse(tmp_path / "dist/feed.xml")


def test_queries_do_not_grow_with_the_models(tmp_path):
    current_index()
    counts = []
    for top in (40, 200):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            exported(tmp_path / str(top), top)
        counts.append(len(seen))
    # Each page of the list reads its best variants at once, and each chunk of models all it needs.
    assert counts[1] - counts[0] <= 5
    assert counts[0] < 25


# --- what is written -------------------------------------------------------------------------------------------


def test_every_page_of_the_list_tells_how_many_models_there_are_now(tmp_path):
    for top in (101, 102):
        exported(tmp_path / "dist", top)
        for page in ("models/index.html", "pages/2/index.html"):
            assert f"<b>{top}</b> models" in (tmp_path / "dist" / page).read_text("utf-8")


def test_a_second_run_writes_nothing(tmp_path):
    folder = tmp_path / "dist"
    first = exported(folder, 80)
    before = times(folder)
    again = exported(folder, 80)
    assert (again.files.written, again.files.removed) == (0, 0)
    assert again.files.unchanged == first.files.written
    assert times(folder) == before


def test_only_what_changed_is_written(tmp_path):
    folder = tmp_path / "dist"
    exported(folder, 80)
    before, old = times(folder), contents(folder)
    record = next(entry.record for entry in Catalogue(40).entries if entry.codes[0] == "3")
    ModelRecord.objects.filter(pk=record.pk).update(likes=(record.likes or 0) + 12345)
    done = exported(folder, 80)
    changed = {path for path, digest in contents(folder).items() if old[path] != digest}
    path = model_path(record.repo_id)
    assert changed == {f"{path}index.html", f"{path}model.json", "models/index.html", "index.html"}
    assert done.files.written == len(changed)
    touched = {str(path.relative_to(folder)) for path, moment in times(folder).items() if before[path] != moment}
    assert touched - {f"{OWN}/manifest.json", f"{OWN}/lock"} == changed


def test_a_changed_verdict_reaches_every_page_that_shows_it(tmp_path):
    folder = tmp_path / "dist"
    exported(folder, 200)
    record = queries.browse(Question()).rows[0].record
    verdict = Verdict.objects.get(sheet=record.sheet_id, profile="vllm")
    results = [{**result, "compatible": False, "confidence": "none", "cause": "format"} for result in verdict.results]
    Verdict.objects.filter(pk=verdict.pk).update(confidence=0, cause="format", results=results)
    exported(folder, 200)
    fresh = tmp_path / "fresh"
    exported(fresh, 200)
    assert contents(folder) == contents(fresh)


def test_models_that_left_disappear(tmp_path):
    folder = tmp_path / "dist"
    exported(folder, 120)
    (folder / "CNAME").write_text("models.example.org")
    done = exported(folder, 40)
    exported(tmp_path / "fresh", 40)
    assert contents(folder) == contents(tmp_path / "fresh") | {"CNAME": contents(folder)["CNAME"]}
    assert done.files.removed == 2 * 80 + 2
    assert len(list((folder / "models").iterdir())) == 42
    assert not (folder / "pages").exists()


def test_a_damaged_file_is_made_again(tmp_path):
    folder = tmp_path / "dist"
    exported(folder, 10)
    whole = contents(folder)
    page = next((folder / "models").glob("*/index.html"))
    page.write_text("cut off")
    (folder / "feed.xml").unlink()
    assert exported(folder, 10).files.written == 2
    assert contents(folder) == whole


def test_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/cat.jpg").write_text("cat")
    with pytest.raises(FolderError, match="did not write"):
        exported(tmp_path / "photos", 5)
    assert [path.name for path in (tmp_path / "photos").rglob("*")] == ["cat.jpg"]
    with pytest.raises(FolderError, match="is a file"):
        exported(tmp_path / "photos/cat.jpg", 5)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format":1,"files":{"../x":["a",1,""]}}', '{"format":9,"files":{}}', '{"files":{"a":3}}']
)
def test_an_unreadable_manifest_is_told(tmp_path, text):
    exported(tmp_path / "dist", 5)
    (tmp_path / f"dist/{OWN}/manifest.json").write_text(text)
    with pytest.raises(FolderError, match="choose another folder"):
        exported(tmp_path / "dist", 5)


def test_two_exports_at_once_are_told_apart(tmp_path):
    with open_folder(tmp_path / "dist"), pytest.raises(FolderError, match="Another export is writing"):
        exported(tmp_path / "dist", 5)
    assert exported(tmp_path / "dist", 5).models == 5


# --- the command -----------------------------------------------------------------------------------------------


def test_the_command_says_what_it_did(tmp_path):
    out, err = StringIO(), StringIO()
    call_command("export_site", top=20, output=tmp_path / "dist", stdout=out, stderr=err)
    assert "20 models in " in out.getvalue()
    assert " 0 unchanged, 0 removed, in " in out.getvalue()
    assert "--base-url" in err.getvalue()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    with pytest.raises(CommandError, match="did not write"):
        call_command("export_site", top=20, output=tmp_path / "other", stdout=out)


def test_the_commands_json_sums_up_what_was_done(tmp_path):
    out, err = StringIO(), StringIO()
    call_command("export_site", top=20, output=tmp_path / "dist", json=True, stdout=out, stderr=err)
    found = json.loads(out.getvalue())
    assert found.pop("seconds") >= 0
    assert found == {
        "output": str(tmp_path / "dist"),
        "models": 20,
        "written": sum(path.is_file() for path in (tmp_path / "dist").rglob("*") if OWN not in path.parts),
        "unchanged": 0,
        "removed": 0,
    }
    assert err.getvalue() == ""


@pytest.mark.parametrize("arguments", [["--top", "0"], ["--top", "many"], ["--base-url", "models.example.org"], []])
def test_senseless_options_are_refused(tmp_path, arguments):
    told = ["--output", str(tmp_path / "dist")] if arguments else []
    with pytest.raises(CommandError) as caught:
        call_command("export_site", *arguments, *told)
    assert caught.value.returncode == 2
    assert not (tmp_path / "dist").exists()


KILLED_AT = """
import os, pathlib, signal, sys
name, left = sys.argv[1], int(sys.argv[2])
real = getattr(pathlib.Path, name)
def counted(self, *arguments, **options):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *arguments, **options)
setattr(pathlib.Path, name, counted)
os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "export_site", *sys.argv[3:]])
"""


def test_a_killed_run_leaves_a_whole_site(tmp_path):
    folder = tmp_path / "dist"
    with OwnDatabase(tmp_path, filled=True) as own:
        first = own.run("export_site", "--top", 30, "--output", folder)
        assert first.returncode == 0, first.stderr
        before = contents(folder)
        moments = [
            ("write_bytes", 20, 45),
            ("replace", 0, 45),
            ("replace", 1, 45),
            ("replace", 60, 45),
            ("unlink", 3, 15),
        ]
        for number, (call, after, top) in enumerate(moments):
            arguments = ["--top", str(top), "--base-url", f"https://{number}.example.org/", "--output", str(folder)]
            done = subprocess.run(
                [sys.executable, "-c", KILLED_AT, call, str(after), *arguments],
                cwd=ROOT,
                env=own.env,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == -signal.SIGKILL, done.stderr
            if number < 2:
                assert contents(folder) == before
            assert broken(folder, reachable(folder)) == []
        last = own.run("export_site", "--top", 30, "--output", folder)
        assert last.returncode == 0, last.stderr
        assert contents(folder) == before
        assert sorted(path.name for path in (folder / OWN).iterdir()) == ["lock", "manifest.json"]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A database of its own with the test catalogue, for what several processes read."""
    with OwnDatabase(tmp_path_factory.mktemp("own"), filled=True) as own:
        yield own


def workers_of(process):
    """The processes that make pages for an export, once there are so many."""
    for _ in range(6000):
        found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if len(found) > 1:
            return [int(pid) for pid in found]
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("no process makes pages")


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_several_processes_write_what_one_does(loaded, tmp_path):
    for processes in (1, 3):
        done = loaded.run("export_site", "--top", ALL, "--output", tmp_path / str(processes), "--processes", processes)
        assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "1") == contents(tmp_path / "3")
    again = loaded.run("export_site", "--top", ALL, "--output", tmp_path / "3", "--json")
    assert json.loads(again.stdout)["written"] == 0


def test_nobody_goes_on_after_a_run_that_was_killed(loaded, tmp_path):
    command = ("export_site", "--top", ALL, "--output", tmp_path / "dist", "--processes", 2)
    with loaded.start(*command) as process:
        others = workers_of(process)
        process.kill()
        process.wait()
    until = time.monotonic() + 20
    while any(map(is_running, others)):
        assert time.monotonic() < until
        time.sleep(0.05)
    done = loaded.run(*command)
    assert done.returncode == 0, done.stderr
    assert broken(tmp_path / "dist", reachable(tmp_path / "dist")) == []


def test_ctrl_c_stops_all_of_them_and_leaves_the_folder_as_it_was(loaded, tmp_path):
    folder = tmp_path / "dist"
    assert loaded.run("export_site", "--top", 5, "--output", folder).returncode == 0
    before = contents(folder)
    with loaded.start("export_site", "--top", ALL, "--output", folder, "--processes", 2) as process:
        others = workers_of(process)
        for pid in (process.pid, *others):
            os.kill(pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not any(map(is_running, others))
    assert contents(folder) == before


def test_a_process_that_is_ended_from_outside_is_told_of(loaded, tmp_path):
    with loaded.start("export_site", "--top", ALL, "--output", tmp_path / "dist", "--processes", 2) as process:
        os.kill(workers_of(process)[0], signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--processes 1" in errors
    assert "Traceback" not in errors


# --- in a browser ----------------------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def address(site):
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser_type_launch_args():
    """Debian's Chromium, as the other browser tests start it."""
    return {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox", "--disable-gpu"]}


@pytest.fixture(scope="session")
def beside_playwright():
    """Playwright keeps an event loop running, in which Django refuses the database unless it is told otherwise."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.mark.browser
@pytest.mark.usefixtures("beside_playwright")
def test_search_and_workers_in_a_browser(site, address, browser):
    from axe_playwright_python.sync_playwright import Axe

    index = json.loads((site / "models/index.json").read_text("utf-8"))
    slugs = [slug for slug, _ in index["workers"]]
    other = slugs.index("vllm")
    words = {code: word for code, (_, word, _) in index["codes"].items()}
    found = [row for row in index["models"] if "qwen" in row[0].lower()]
    model = next(row for row in index["models"] if words[row[1][0]] != words[row[1][other]])
    problems = []
    page = browser.new_page(reduced_motion="reduce")
    page.set_default_timeout(8000)
    page.on("console", lambda message: problems.append(message.text) if message.type != "info" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("response", lambda answer: problems.append(answer.url) if answer.status >= 400 else None)
    page.on("request", lambda request: problems.append(request.url) if address not in request.url else None)

    def check(scheme="light"):
        page.emulate_media(color_scheme=scheme)
        violations = Axe().run(page).response["violations"]
        assert not violations, [(page.url, one["id"], one["nodes"][0]["html"]) for one in violations]

    page.goto(address)
    check()
    page.locator("#q").fill("qwen")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=qwen")
    page.get_by_text(f"{len(found)} models").wait_for()
    assert page.locator("#found-rows a").all_text_contents() == [row[0] for row in found[:100]]
    shown = page.locator("#found-rows .badge").all_text_contents()
    assert shown == [words[row[1][0]] for row in found[:100]]

    page.locator("#worker-menu summary").click()
    page.locator("#worker").select_option("vllm")
    shown = page.locator("#found-rows .badge").all_text_contents()
    assert shown == [words[row[1][other]] for row in found[:100]]
    page.keyboard.press("Escape")
    page.locator("#running").check()
    running = [row for row in found if row[1][other].isdecimal()]
    page.get_by_text(f"{len(running)} models").wait_for()
    check("dark")
    page.locator("#q").fill(f"https://huggingface.co/{model[0]}")
    page.locator("#running").uncheck()
    page.locator("#found-rows a").first.click()
    page.wait_for_url(f"**/models/{slug_of(model[0])}/")
    verdict = page.locator(".panel.verdict:visible")
    assert verdict.get_attribute("data-for") == "vllm"
    assert words[model[1][other]] in verdict.inner_text()
    check()
    page.goto(f"{address}models/")
    shown = page.locator(".rows .badge").all_text_contents()
    assert shown == [words[row[1][other]] for row in index["models"][:50]]
    assert not page.locator(".row-size [data-for]:visible").count(), "sizes are about the first engine's files"
    check("dark")
    for path in ("lists/", "lists/small-and-open/", "report/", "404.html"):
        page.goto(address + path)
        check()
    assert page.locator("[data-worker-name]").first.inner_text() == index["workers"][other][1]
    page.goto(address)
    page.evaluate("localStorage.clear()")
    page.goto(f"{address}models/")
    assert page.locator(".rows .badge").all_text_contents() == [words[row[1][0]] for row in index["models"][:50]]
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(f"{address}models/{slug_of(model[0])}/")
    assert words[model[1][0]] in plain.locator(".panel.verdict:visible").inner_text()
    assert not plain.locator("#q").is_visible()
    page.close()
    assert problems == []


def test_the_script_is_small():
    script = ROOT / "static/js/static-search.js"
    assert script.stat().st_size < 6 * 1024
    assert Path(script).name not in (ROOT / "templates/base.html").read_text("utf-8")


# --- beside a running site -------------------------------------------------------------------------------------

LIVE = "https://live.example.org/"


def test_what_is_not_exported_is_on_the_running_site(tmp_path):
    starter.create_lists()
    exported(tmp_path / "dist", 3, live=LIVE.rstrip("/"))
    pages = {str(path.relative_to(tmp_path / "dist")): path.read_text("utf-8") for path in tmp_path.rglob("*.html")}
    assert all(f'<li><a href="{LIVE}models/">Whole catalogue</a></li>' in page for page in pages.values())
    for name in ("search/index.html", "404.html"):
        assert f'data-live="{LIVE}"' in pages[name]
    outside = [page for name, page in pages.items() if name.startswith("lists/") and "not among these pages" in page]
    assert outside
    for page in outside:
        assert "this leads to the whole catalogue" in page
        assert "huggingface.co" not in page


def test_leading_to_a_running_site_or_not_makes_other_pages(tmp_path):
    folder = tmp_path / "dist"
    exported(folder, 3)
    plain = (folder / "index.html").read_text("utf-8")
    assert exported(folder, 3, live=LIVE).files.written > 3
    assert "Whole catalogue" in (folder / "index.html").read_text("utf-8")
    exported(folder, 3)
    assert (folder / "index.html").read_text("utf-8") == plain
