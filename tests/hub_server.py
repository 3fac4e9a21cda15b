"""A Hub in miniature on loopback, for tests and demonstrations: real HTTP, the Hub's own answers and faults.

    with HubServer(records) as hub:
        HubSettings(endpoint=hub.url)

``records`` are dicts in the Hub's shape. Like the real Hub it shows in lists and details only the few facts
of ``config`` that the Hub knows; the whole of it is served as the repository's ``config.json``, unless
``files`` has one. What it answers is checked against the official client in
``tests/hub/test_hub_server_is_honest.py``.

* ``files={"a/b": {"model.gguf": b"..."}}`` adds files, ``renames={"old/b": "a/b"}`` answers 307.
* ``tokens`` are the accepted ones (None: any), ``granted`` the gated repositories they may read.
* ``quota`` is how many requests each bucket (``api``, ``resolvers``) allows per ``window`` seconds.
* ``hub.tells_sizes = False`` leaves the sizes of files out of details, as some mirrors do; the tree tells them.
* ``hub.fail_next(...)`` scripts faults; ``hub.requests`` tells what was asked, ``hub.bytes_sent`` how much
  was sent.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import math
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Record = dict[str, Any]
Query = dict[str, list[str]]

SHORT_FIELDS = (
    "_id", "id", "likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag", "library_name",
    "createdAt", "modelId",
)  # fmt: skip
FULL_FIELDS = ("author", "sha", "lastModified", "gated", "disabled", "siblings")
DETAIL_ONLY = frozenset({"_source"})
CONFIG_FIELDS = frozenset({"architectures", "model_type", "quantization_config", "tokenizer_config", "auto_map"})
SORTS = frozenset({"downloads", "likes", "trendingScore", "lastModified", "createdAt"})
MAX_PAGE = 1000
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Request:
    """One request as it arrived; ``target`` is path and query exactly as sent."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> Query:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


@dataclass
class Fault:
    """What to do instead of (or, with only ``delay``, before) answering the next fitting requests."""

    times: int = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    cut_after: int | None = None
    endless: bool = False
    trickle: float = 0.0
    path: str = ""


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes = b""


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, {"Content-Type": "application/json; charset=utf-8", **_dashed(headers)}, body)


def refusal(status: int, code: str, message: str) -> Reply:
    """An error as the Hub words it: the code and message in headers, the message in the body as well."""
    headers = {"X-Error-Code": code} if code else {}
    return json_reply({"error": message}, status, **headers, X_Error_Message=message)


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Quota:
    """Requests left per bucket in a fixed window, as the Hub counts them."""

    def __init__(self, allowed: int, window: float, clock: Callable[[], float]) -> None:
        self.allowed, self.window, self._clock = allowed, window, clock
        self._used: dict[str, tuple[float, int]] = {}
        self.refused = 0

    def take(self, bucket: str) -> tuple[bool, dict[str, str]]:
        now = self._clock()
        start, used = self._used.get(bucket, (now, 0))
        if now >= start + self.window:
            start, used = now, 0
        granted = used < self.allowed
        self._used[bucket] = (start, used + granted)
        self.refused += not granted
        left, reset = self.allowed - used - granted, max(0, math.floor(start + self.window - now))
        return granted, {
            "RateLimit": f'"{bucket}";r={left};t={reset}',
            "RateLimit-Policy": f'"fixed window";"{bucket}";q={self.allowed};w={self.window:g}',
        }


class HubServer:
    """The server: a context manager around a thread. Records may be changed while it runs."""

    def __init__(
        self,
        records: Iterable[Mapping[str, Any]] = (),
        *,
        files: Mapping[str, Mapping[str, bytes]] | None = None,
        renames: Mapping[str, str] | None = None,
        tokens: Collection[str] | None = None,
        granted: Collection[str] = (),
        quota: int = 1_000_000,
        window: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        compress: bool = True,
    ) -> None:
        self.records: dict[str, Record] = {}
        self.files = {repo_id: dict(held) for repo_id, held in (files or {}).items()}
        self.renames = dict(renames or {})
        self.tokens, self.granted = tokens, granted
        self.quota = Quota(quota, window, clock)
        self.compress = compress
        self.ignore_ranges = False
        self.tells_sizes = True
        self.tree_page = 1000
        self.requests: list[Request] = []
        self.bytes_sent = 0
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._listings: dict[tuple[Any, ...], list[str]] = {}
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        for record in records:
            self.put(record)

    def put(self, record: Mapping[str, Any]) -> None:
        """Add a record, or replace the one of the same id."""
        with self._lock:
            self.records[record["id"]] = dict(record)
            self._listings.clear()

    def remove(self, repo_id: str) -> None:
        """Take a record away, as if its repository had been deleted."""
        with self._lock:
            self.records.pop(repo_id, None)
            self._listings.clear()

    def fail_next(
        self,
        times: int = 1,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        retry_after: str | float | None = None,
        body: bytes | None = None,
        delay: float = 0.0,
        cut_after: int | None = None,
        endless: bool = False,
        trickle: float = 0.0,
        path: str = "",
    ) -> None:
        """Script the next answers whose path holds ``path``; several scripts are used up in order.

        ``status``, ``headers`` and ``body`` replace the answer; ``delay`` comes before it, in seconds;
        ``cut_after`` closes the connection after so many bytes of the body (-1: before any answer);
        ``endless`` repeats the body until the other side hangs up; ``trickle`` sends it byte by byte, so many seconds
        apart.
        """
        told = dict(headers or {})
        if retry_after is not None:
            told["Retry-After"] = str(retry_after)
        fault = Fault(times, status, told, body, delay, cut_after, endless, trickle, path)
        with self._lock:
            self._faults.append(fault)

    @property
    def url(self) -> str:
        """The address to give as the endpoint."""
        if self._http is None:
            raise RuntimeError("the server runs inside its with block only")
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def paths(self) -> list[str]:
        """The paths asked for so far, in order."""
        return [request.path for request in self.requests]

    def __enter__(self) -> Self:
        handler = type("BoundHandler", (_Handler,), {"hub": self})
        self._http = _QuietServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, name="hub-server", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._http is not None
        assert self._thread is not None
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._http = None

    # What the handler asks

    def take_fault(self, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.path in path:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def answer(self, request: Request) -> Reply:
        """The Hub's answer, quota and token included."""
        bucket = "api" if request.path.startswith("/api/") else "resolvers"
        with self._lock:
            granted, told = self.quota.take(bucket)
            reply = self._routed(request) if granted else json_reply({"error": "Too Many Requests"}, 429)
        reply.headers.update(told)
        return reply

    def _routed(self, request: Request) -> Reply:
        if self._token(request) is False:
            return refusal(401, "", "Invalid credentials in Authorization header")
        path = request.path.rstrip("/")
        if path == "/api/models":
            return self._list(request)
        if found := re.fullmatch(r"/api/models/(.+?)/tree/([^/]+)", urlsplit(request.target).path):
            return self._tree(request, unquote(found[1]), unquote(found[2]))
        if found := re.fullmatch(r"/api/models/(.+?)(?:/revision/(.+))?", path):
            return self._detail(request, found[1], found[2])
        if found := re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", urlsplit(request.target).path):
            return self._file(request, *(unquote(part) for part in found.groups()))
        return Reply(404, {"Content-Type": "text/html"}, b"<!doctype html><title>404</title>")

    def _token(self, request: Request) -> str | bool | None:
        """The caller's token; None without one, False for a wrong one."""
        given = request.headers.get("authorization", "")
        if not given:
            return None
        token = given.removeprefix("Bearer ")
        return token if self.tokens is None or token in self.tokens else False

    def _absent(self, request: Request) -> Reply:
        if self._token(request):
            return refusal(404, "RepoNotFound", "Repository not found")
        return refusal(401, "RepoNotFound", "Invalid username or password.")

    def _visible(self, request: Request, repo_id: str) -> Record | None:
        record = self.records.get(repo_id)
        return None if record is None or (record.get("private") and not self._token(request)) else record

    # Lists

    def _list(self, request: Request) -> Reply:
        query = request.query
        try:
            wanted = min(int(query.get("limit", ["1000"])[0]), MAX_PAGE)
            start = _read_cursor(query["cursor"][0]) if "cursor" in query else 0
        except ValueError:
            return json_reply({"error": "Invalid cursor or limit"}, 400)
        sort = query.get("sort", ["trendingScore"])[0]
        if sort not in SORTS:
            return json_reply({"error": f'"sort" must be one of {sorted(SORTS)}'}, 400)
        found = self._matching(query, sort)
        page = [self._listed(self.records[repo_id], query) for repo_id in found[start : start + wanted]]
        reply = json_reply(page)
        if start + wanted < len(found):
            kept = [(name, value) for name, values in query.items() for value in values if name != "cursor"]
            cursor = quote(_cursor(start + wanted), safe="")
            reply.headers["Link"] = f'<{self.url}/api/models?{urlencode(kept)}&cursor={cursor}>; rel="next"'
        return reply

    def _matching(self, query: Query, sort: str) -> list[str]:
        """The ids that a list holds, in order; kept until a record changes, since pages ask for it again."""
        search = query.get("search", [""])[0].lower()
        author = query.get("author", [""])[0].lower()
        tags = [tag for value in query.get("filter", []) for tag in value.split(",") if tag]
        tags += query.get("pipeline_tag", [])
        ascending = query.get("direction", ["-1"])[0] == "1"
        key = (search, author, tuple(tags), sort, ascending)
        if key not in self._listings:
            found = [
                record
                for record in self.records.values()
                if not record.get("private")
                and search in record["id"].lower()
                and (not author or record["id"].lower().startswith(author + "/"))
                and all(tag in _labels(record) for tag in tags)
            ]
            by_date = sort in {"lastModified", "createdAt"}
            found.sort(key=lambda record: record.get(sort) or ("" if by_date else 0), reverse=not ascending)
            self._listings[key] = [record["id"] for record in found]
        return self._listings[key]

    def _listed(self, record: Record, query: Query) -> Record:
        whole = self._told(record)
        expand = query.get("expand[]", []) + query.get("expand", [])
        if expand:
            return {name: whole[name] for name in ("_id", "id", *expand) if name in whole}
        names = list(SHORT_FIELDS)
        if query.get("full", [""])[0].lower() in {"true", "1"}:
            names += FULL_FIELDS
        if query.get("config", [""])[0].lower() in {"true", "1"}:
            names.append("config")
        if query.get("cardData", [""])[0].lower() in {"true", "1"}:
            names.append("cardData")
        return {name: whole[name] for name in names if name in whole}

    # One model

    def _detail(self, request: Request, repo_id: str, revision: str | None) -> Reply:
        if repo_id in self.renames:
            kept = urlsplit(request.target).query
            target = f"/api/models/{self.renames[repo_id]}" + (f"?{kept}" if kept else "")
            return Reply(307, {"Location": target, "Content-Type": "text/plain"}, b"Temporary Redirect")
        record = self._visible(request, repo_id)
        if record is None:
            return self._absent(request)
        if revision not in {None, "main", self.sha(record)}:
            return refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        query = request.query
        expand = query.get("expand[]", []) + query.get("expand", [])
        sized = self.tells_sizes and query.get("blobs", [""])[0].lower() in {"true", "1"}
        whole = self._told(record, blobs=sized)
        if expand:
            whole = {name: whole[name] for name in ("_id", "id", *expand) if name in whole}
        return json_reply(whole)

    def _tree(self, request: Request, repo_id: str, revision: str) -> Reply:
        """The whole tree, page by page: files with their sizes, and the folders they lie in."""
        record = self._visible(request, repo_id)
        if record is None:
            return self._absent(request)
        if revision not in {"main", self.sha(record)}:
            return refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        query = request.query
        entries = self._entries(record)
        start = _read_cursor(query["cursor"][0]) if "cursor" in query else 0
        reply = json_reply(entries[start : start + self.tree_page])
        if start + self.tree_page < len(entries):
            kept = [(name, value) for name, values in query.items() for value in values if name != "cursor"]
            cursor = quote(_cursor(start + self.tree_page), safe="")
            path = urlsplit(request.target).path
            reply.headers["Link"] = f'<{self.url}{path}?{urlencode(kept)}&cursor={cursor}>; rel="next"'
        return reply

    def _entries(self, record: Record) -> list[Record]:
        files = self._siblings(record, blobs=True)
        folders = {
            "/".join(parts[:depth])
            for file in files
            for parts in [file["rfilename"].split("/")]
            for depth in range(1, len(parts))
        }
        entries: list[Record] = [{"type": "directory", "oid": _oid(path), "size": 0, "path": path} for path in folders]
        for file in files:
            size = file.get("size", 0)
            entry = {"type": "file", "oid": _oid(file["rfilename"]), "size": size, "path": file["rfilename"]}
            if file["rfilename"].endswith((".safetensors", ".gguf", ".bin")):
                digest = hashlib.sha256(file["rfilename"].encode()).hexdigest()
                entry["lfs"] = {"oid": digest, "size": size, "pointerSize": 134}
            entries.append(entry)
        return sorted(entries, key=lambda entry: str(entry["path"]))

    def _told(self, record: Record, *, blobs: bool = False) -> Record:
        """A record as the Hub shows it: what it knows of the configuration, and sizes only where asked."""
        repo_id = record["id"]
        whole: Record = {
            "_id": hashlib.sha1(repo_id.encode(), usedforsecurity=False).hexdigest()[:24],
            "id": repo_id,
            "modelId": repo_id,
            "author": repo_id.rpartition("/")[0] or None,
            "sha": self.sha(record),
            "private": False,
            "gated": False,
            "disabled": False,
            "tags": [],
            **{name: value for name, value in record.items() if name not in DETAIL_ONLY},
        }
        if isinstance(record.get("config"), dict):
            whole["config"] = {name: value for name, value in record["config"].items() if name in CONFIG_FIELDS}
        if "siblings" in record or repo_id in self.files:
            whole["siblings"] = self._siblings(record, blobs=blobs)
        return whole

    def _siblings(self, record: Record, *, blobs: bool) -> list[Record]:
        told: dict[str, Record] = {item["rfilename"]: dict(item) for item in record.get("siblings") or []}
        for name, content in self.files.get(record["id"], {}).items():
            told.setdefault(name, {"rfilename": name}).setdefault("size", len(content))
        if record.get("config"):
            told.setdefault("config.json", {"rfilename": "config.json"})
        if blobs:
            return list(told.values())
        return [{"rfilename": name} for name in told]

    def sha(self, record: Record) -> str:
        """The record's commit; made up from its id where the record tells none."""
        return record.get("sha") or hashlib.sha1(record["id"].encode(), usedforsecurity=False).hexdigest()

    # Files

    def _file(self, request: Request, repo_id: str, revision: str, name: str) -> Reply:
        if repo_id in self.renames:
            target = f"/{self.renames[repo_id]}/resolve/{quote(revision, safe='')}/{quote(name)}"
            return Reply(307, {"Location": target, "Content-Type": "text/plain"}, b"Temporary Redirect")
        record = self._visible(request, repo_id)
        if record is None:
            return self._absent(request)
        if record.get("gated") and not (self._token(request) and repo_id in self.granted):
            status = 403 if self._token(request) else 401
            return refusal(status, "GatedRepo", f"Access to model {repo_id} is restricted.")
        if revision not in {"main", self.sha(record)}:
            return refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        content = self._content(record, name)
        if content is None:
            return refusal(404, "EntryNotFound", "Entry not found")
        headers = {
            "Content-Type": "text/plain; charset=utf-8" if name.endswith(".json") else "application/octet-stream",
            "X-Repo-Commit": self.sha(record),
            "ETag": f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"',
            "Accept-Ranges": "bytes",
        }
        return self._part(content, request.headers.get("range", ""), headers)

    def _content(self, record: Record, name: str) -> bytes | None:
        held = self.files.get(record["id"], {}).get(name)
        if held is None and name == "config.json" and record.get("config"):
            return json.dumps(record["config"], indent=2).encode()
        return held

    def _part(self, content: bytes, asked: str, headers: dict[str, str]) -> Reply:
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
        if found is None or self.ignore_ranges:
            return Reply(200, headers, content)
        start, stop = int(found[1]), int(found[2] or len(content) - 1)
        if start >= len(content):
            return Reply(416, {**headers, "Content-Range": f"bytes */{len(content)}"})
        part = content[start : stop + 1]
        headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        return Reply(206, headers, part)


def _labels(record: Record) -> set[str]:
    return {*(record.get("tags") or ()), record.get("pipeline_tag", ""), record.get("library_name", "")}


def _oid(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _cursor(start: int) -> str:
    """Opaque on purpose, and with the ``=`` that a careless client loses when it decodes or encodes twice."""
    text = json.dumps({"$skip": start}, separators=(",", ":"))
    text += " " * ((len(text) + 1) % 3 == 0)
    return base64.b64encode(text.encode()).decode()


def _read_cursor(text: str) -> int:
    return int(json.loads(base64.b64decode(text, validate=True))["$skip"])


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests, not an error of the server."""


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[HubServer]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        self.hub.requests.append(request)
        fault = self.hub.take_fault(request.path)
        if fault and fault.delay:
            time.sleep(fault.delay)
        if fault and fault.cut_after is not None and fault.cut_after < 0:
            self._hang_up()
            return
        if fault and (fault.status is not None or fault.body is not None or fault.endless):
            reply = Reply(fault.status or 200, {"Content-Type": "application/json"}, fault.body or b"")
        else:
            reply = self._packed(self.hub.answer(request), request)
        reply.headers.update(fault.headers if fault else {})
        self._send(reply, fault)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _packed(self, reply: Reply, request: Request) -> Reply:
        wanted = "gzip" in request.headers.get("accept-encoding", "") and request.path.startswith("/api/")
        if self.hub.compress and wanted and len(reply.body) > 1024:
            reply.body = gzip.compress(reply.body, 1)
            reply.headers["Content-Encoding"] = "gzip"
        return reply

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        endless = fault is not None and fault.endless
        cut = fault.cut_after if fault else None
        with contextlib.suppress(ConnectionError, TimeoutError):
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if endless:
                self.send_header("Connection", "close")
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            while endless:
                self._write(reply.body)
            for byte in reply.body if fault and fault.trickle else b"":
                time.sleep(fault.trickle if fault else 0)
                self._write(bytes([byte]))
            if fault and fault.trickle:
                return
            self._write(reply.body if cut is None else reply.body[:cut])
        if cut is not None:
            self._hang_up()

    def _write(self, body: bytes) -> None:
        for start in range(0, len(body), CHUNK):
            self.wfile.write(body[start : start + CHUNK])
            self.hub.bytes_sent += min(CHUNK, len(body) - start)
        self.wfile.flush()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        """The requests are kept in ``hub.requests`` instead of on the terminal."""
