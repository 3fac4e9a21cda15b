"""The nginx of the documentation in front of a running site: what reaches the site, and what visitors see."""

from __future__ import annotations

import http.client
import re
import subprocess
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.own_database import ROOT, OwnDatabase
from tests.running import Running, free_port, running_site, stop, wait_for
from tests.samples import record, write_lines

NGINX = "/usr/sbin/nginx"
PHI = "/models/microsoft/phi-2/"


def config(page: str) -> str:
    """The nginx configuration of a page of the documentation."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = re.search(r"^```nginx\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@contextmanager
def nginx(folder: Path, told: str, port: int):
    """nginx with a configuration, everything it writes below a folder; gives its address."""
    assert Path(NGINX).exists(), "nginx is not installed; `make test` installs it"
    main = f"""
        daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
        user {Path.home().owner()};
        events {{ worker_connections 64; }}
        http {{
            access_log off; default_type text/html; include /etc/nginx/mime.types;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
            {told}
        }}"""
    (folder / "nginx.conf").write_text(main)
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        wait_for(f"{address}/healthz", process, folder / "error.log")
        yield address
    finally:
        stop(process)


class Front:
    """The cache, and the site behind it."""

    def __init__(self, address: str, site: Running) -> None:
        self.address, self.site = address, site

    def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Status, what the cache did, and the body."""
        request = urllib.request.Request(
            self.address + path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, response.headers["X-Cache"], response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["X-Cache"], error.read().decode()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cached")
    with OwnDatabase(folder, HF_HUB_OFFLINE="1", ALLOWED_HOSTS="127.0.0.1") as database:
        database.fill(write_lines(folder / "records.jsonl", [record("microsoft/phi-2"), record("BAAI/bge-m3")]))
        yield database


@pytest.fixture
def front(own, tmp_path):
    port, listening = free_port(), free_port()
    told = (
        config("cache.md").replace("127.0.0.1:8000", f"127.0.0.1:{port}").replace("listen 80;", f"listen {listening};")
    )
    told = told.replace("/var/cache/nginx/runshere", str(tmp_path / "cache"))
    with running_site(own.env, tmp_path, port) as site, nginx(tmp_path, told, listening) as address:
        yield Front(address, site)


def test_the_second_visitor_is_answered_by_the_cache(front):
    first, second = front.get(PHI), front.get(PHI)
    assert (first[0], first[1]) == (200, "MISS")
    assert (second[0], second[1]) == (200, "HIT")
    assert first[2] == second[2]
    # A request stands in the log after its answer is sent: all of them do once the site has ended.
    stop(front.site.process)
    assert [status for path, status in front.site.requests() if path == PHI] == ["200"]


def test_somebody_with_a_worker_of_their_own_sees_its_badges_and_nobody_else_does(front):
    plain = front.get(PHI)[2]
    assert "on rbee" in plain
    status, cached, own = front.get(PHI, Cookie='worker="worker=vllm"')
    assert (status, cached) == (200, "BYPASS")
    assert "on vLLM" in own
    assert front.get(PHI)[1:] == ("HIT", plain)
    assert "on vLLM" in front.get(f"{PHI}?worker=vllm")[2]
    assert front.get(PHI)[1:] == ("HIT", plain)


def test_a_part_of_a_page_is_not_kept_as_the_page(front):
    whole = front.get("/models/?q=phi")[2]
    part = front.get("/models/?q=phi", HX_Request="true", HX_Target="results")
    assert part[1] == "BYPASS"
    assert "<html" not in part[2]
    assert front.get("/models/?q=phi")[2] == whole


def test_a_site_that_is_down_is_answered_for_by_its_cache(front):
    before = front.get(PHI)[2]
    stop(front.site.process)
    assert front.get(PHI)[2] == before
    assert front.get("/models/BAAI/bge-m3/")[0] == 502


def test_programs_are_answered_by_the_cache_too(front):
    assert [front.get("/api/v1/models?limit=1")[1] for _ in range(3)] == ["MISS", "HIT", "HIT"]
    assert front.get("/api/v1/models?limit=1", Authorization="Bearer hf_x")[1] == "BYPASS"


def test_an_unknown_model_is_not_kept(front):
    assert [front.get("/models/nobody/nothing/")[:2] for _ in range(2)] == [(404, "MISS")] * 2


# --- plain files -----------------------------------------------------------------------------------------------


def redirected(address: str) -> tuple[int, str]:
    """Status and place that an address leads to."""
    with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)) as connection:
        connection.request("GET", urlsplit(address).path)
        response = connection.getresponse()
        return response.status, response.headers.get("Location", "")


@pytest.fixture
def files(tmp_path):
    """A few files as an export has them."""
    for name in ("index.html", "404.html", "models/a--b/index.html", "assets/site.1234.css", ".export"):
        path = tmp_path / "dist" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "dist"


def served(page: str, tmp_path: Path, port: int) -> str:
    return config(page).replace("listen 80;", f"listen {port};").replace("/srv/dist", f"{tmp_path}/dist")


def test_plain_files_first_and_the_site_for_the_rest(files, tmp_path):
    port = free_port()
    with nginx(tmp_path, served("hosting.md", tmp_path, port), port) as address:
        assert redirected(f"{address}/models/a--b/") == (200, "")
        assert redirected(f"{address}/models/c--d/") == (302, "http://live.example.org/models/c--d/")
        assert redirected(f"{address}/.export")[0] == 404


def test_plain_files_alone(files, tmp_path):
    port = free_port()
    with nginx(tmp_path, served("static-site.md", tmp_path, port), port) as address:
        with urllib.request.urlopen(f"{address}/assets/site.1234.css") as response:
            assert "immutable" in response.headers["Cache-Control"]
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"{address}/models/c--d/")
        with missing.value as answer:
            assert (answer.code, answer.read()) == (404, b"404.html")
        assert redirected(f"{address}/.export")[0] == 404
