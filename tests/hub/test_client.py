"""The client against a Hub that behaves, and against one that does not."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import time
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.hub import errors
from compat.hub.client import HubClient
from compat.hub.failures import HANDLED, error_of_exception
from compat.hub.retry import Transient, retry_after
from compat.hub.settings import HubSettings
from tests.hub_server import HubServer

SHA = "0c351dd01ed87e9c1b53cbc748cba10e6187ff3b"
CONFIG = {"model_type": "llama", "max_position_embeddings": 8192, "text_config": {"num_hidden_layers": 16}}
TOKEN = "hf_test"
WEIGHTS = bytes(range(256)) * 2048


def records():
    listed = [{"id": f"maker/model-{n:03d}", "downloads": n, "tags": ["gguf", f"t{n % 3}"]} for n in range(45)]
    return [
        *listed,
        {"id": "meta/tiny", "sha": SHA, "downloads": 10**6, "config": CONFIG},
        {"id": "meta/plain", "downloads": 5, "siblings": [{"rfilename": "weights.bin"}]},
        {"id": "meta/closed", "gated": "manual", "config": CONFIG},
        {"id": "meta/hidden", "private": True},
        {"id": "gpt2", "config": CONFIG},
    ]


@pytest.fixture
def hub():
    files = {"meta/plain": {"weights.bin": WEIGHTS}}
    with HubServer(records(), files=files, renames={"old/tiny": "meta/tiny"}, tokens={TOKEN}) as server:
        yield server


class Time:
    """A clock that sleeping moves, so that no test waits; it notes every wait."""

    def __init__(self):
        self.now, self.waits = 1000.0, []

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def settings(hub, **changes):
    return HubSettings(**{"endpoint": hub.url, "backoff": 0.001, **changes})


def ask(hub, question, *, moment=None, **changes):
    """Run ``question(client)`` in a client of its own."""
    moment = moment or Time()

    async def run():
        async with HubClient(settings(hub, **changes), clock=moment.clock, sleep=moment.sleep) as client:
            return await question(client)

    return asyncio.run(run())


async def pages_of(client, **question):
    """The pages of a list, to its end."""
    pages, seen, url = [], set(), client.list_address(**question)
    while url is not None:
        page, url = await client.list_page(url, seen)
        pages.append(page)
    return pages


def ids(**question):
    async def run(client):
        return [[record["id"] for record in page] for page in await pages_of(client, **question)]

    return run


def wired(answer, question, **changes):
    """Run ``question(client)`` over a wire where ``answer(request)`` is the whole Hub."""

    async def run():
        asked = HubSettings(**{"endpoint": "https://hub.example", "backoff": 0.001, **changes})
        moment = Time()
        wire = httpx.MockTransport(answer)
        async with HubClient(asked, transport=wire, clock=moment.clock, sleep=moment.sleep) as client:
            return await question(client)

    return asyncio.run(run())


class Body(httpx.AsyncByteStream):
    """A body as it comes off a wire: read once, in pieces."""

    def __init__(self, *pieces):
        self.pieces = pieces

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece


def plain(repo_id="meta/plain"):
    return lambda client: client.model(repo_id)


# Lists


def test_a_list_comes_in_pages_best_first(hub):
    pages = ask(hub, ids(author="maker", page_size=20))
    assert [len(page) for page in pages] == [20, 20, 5]
    assert [repo_id for page in pages for repo_id in page] == [f"maker/model-{n:03d}" for n in reversed(range(45))]


def test_the_cursor_goes_back_as_it_came(hub):
    link = '<{url}/api/models?search=a%20b&cursor=eyJ%2FYSI6MX0%3D%3D&x=1+2>; rel="next"'
    hub.fail_next(body=b'[{"id":"a/b"}]', headers={"Link": link.format(url=hub.url)})
    hub.fail_next(body=b'[{"id":"a/c"}]')
    assert ask(hub, ids()) == [["a/b"], ["a/c"]]
    assert hub.requests[1].target == "/api/models?search=a%20b&cursor=eyJ%2FYSI6MX0%3D%3D&x=1+2"


def test_a_list_is_searched_filtered_and_expanded(hub):
    async def question(client):
        wanted = {"filter": ["gguf", "t1"], "expand": ["downloads"], "sort": "likes"}
        return await pages_of(client, search="model-0", page_size=2, **wanted)

    first, second = ask(hub, question)[0]
    assert set(first) == set(second) == {"_id", "id", "downloads"}
    query = hub.requests[0].query
    assert query == {
        "sort": ["likes"],
        "limit": ["2"],
        "search": ["model-0"],
        "filter": ["gguf", "t1"],
        "expand[]": ["downloads"],
    }
    assert ask(hub, ids(filter="t1", sort="created_at", search="005")) == [[]]


@pytest.mark.parametrize(
    "link",
    [
        '<http://elsewhere.example/api/models?cursor=x>; rel="next"',
        '<//elsewhere.example/api/models>; rel="next"',
        '<http://[>; rel="next"',
        '<http://h:port/>; rel="next"',
        '<file:///etc/passwd>; rel="next"',
    ],
)
def test_a_next_page_elsewhere_is_not_followed(hub, link):
    hub.fail_next(body=b'[{"id":"a/b"}]', headers={"Link": link})
    with pytest.raises(errors.HubBadPayload, match="next page"):
        ask(hub, ids())
    assert len(hub.requests) == 1


def test_a_next_page_that_repeats_is_refused(hub):
    link = f'<{hub.url}/api/models?cursor=same>; rel="next"'
    hub.fail_next(3, body=b'[{"id":"a/b"}]', headers={"Link": link})
    with pytest.raises(errors.HubBadPayload, match="read already"):
        ask(hub, ids())
    assert len(hub.requests) == 2


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"null", b'"text"', b'[{"id":"a/b"}, null]'])
def test_a_list_of_something_else_is_refused(hub, body):
    hub.fail_next(body=body)
    with pytest.raises(errors.HubBadPayload, match="not a list"):
        ask(hub, ids())


def test_a_page_has_a_size_the_hub_gives(hub):
    with pytest.raises(ValueError, match="between 1 and 500"):
        ask(hub, ids(page_size=501))


# One model


def test_a_model_comes_with_file_sizes(hub):
    record = ask(hub, plain())
    assert record["siblings"] == [{"rfilename": "weights.bin", "size": len(WEIGHTS)}]
    assert ask(hub, lambda client: client.model("meta/plain", blobs=False))["siblings"] == [
        {"rfilename": "weights.bin"}
    ]


def test_a_renamed_model_answers_under_its_new_id(hub):
    assert ask(hub, plain("old/tiny"))["id"] == "meta/tiny"
    assert hub.requests[-1].target == "/api/models/meta/tiny?blobs=true"
    assert ask(hub, lambda client: client.config_json("old/tiny")) == CONFIG


def test_the_configuration_is_read_whole(hub):
    assert ask(hub, lambda client: client.config_json("meta/tiny", SHA)) == CONFIG
    assert ask(hub, lambda client: client.config_json("gpt2")) == CONFIG
    assert ask(hub, lambda client: client.config_json("meta/plain")) is None


def config_of(repo_id):
    async def question(client):
        told = await client.model(repo_id)
        return await client.config_json(told["id"], told["sha"])

    return question


def test_a_configuration_is_asked_for_at_the_commit_that_the_record_tells(hub):
    assert ask(hub, config_of("old/tiny")) == CONFIG
    assert hub.requests[-1].path == f"/meta/tiny/resolve/{SHA}/config.json"


def test_a_web_page_in_place_of_a_file_is_no_broken_file(hub):
    hub.fail_next(path="config.json", body=b"\n<!doctype html><title>Log in</title>")
    with pytest.raises(errors.HubUnavailable, match="asks for a login"):
        ask(hub, config_of("meta/tiny"))


@pytest.mark.parametrize("body", [b"[]", b"null", b"5"])
def test_a_configuration_is_an_object(hub, body):
    hub.fail_next(path="config.json", body=body)
    with pytest.raises(errors.HubBadPayload, match=r"config\.json of meta/tiny"):
        ask(hub, lambda client: client.config_json("meta/tiny"))


def test_infinity_in_a_configuration_is_read_as_unknown(hub):
    hub.fail_next(path="config.json", body=b'{"time_step_limit": [0.0, Infinity], "x": NaN}')
    assert ask(hub, lambda client: client.config_json("meta/tiny")) == {
        "time_step_limit": [0.0, None],
        "x": None,
    }


@pytest.mark.parametrize("repo_id", ["", "a/b/c", "../etc", "a/..", "a b", "a/b?x", "a/b#x", "<script>", "a\0b", "ä/b"])
def test_an_id_that_is_none_is_not_sent(hub, repo_id):
    for question in (plain(repo_id), lambda client: client.config_json(repo_id)):
        with pytest.raises(errors.HubNotFound):
            ask(hub, question)
    assert hub.requests == []


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a\nb"])
def test_a_path_that_is_none_is_not_sent(hub, name):
    with pytest.raises(errors.HubFileNotFound):
        ask(hub, lambda client: client.read_range("meta/plain", name, 0, 10))
    assert hub.requests == []


@pytest.mark.parametrize("revision", ["", ".", "..", "a\nb"])
def test_a_revision_that_is_none_is_not_sent(hub, revision):
    with pytest.raises(errors.HubNotFound, match="revision"):
        ask(hub, lambda client: client.read_range("meta/plain", "weights.bin", 0, 10, revision))
    assert hub.requests == []


def test_a_revision_with_a_slash_is_one_segment(hub):
    with pytest.raises(errors.HubNotFound, match="no revision refs/pr/1"):
        ask(hub, lambda client: client.read_range("meta/plain", "weights.bin", 0, 10, "refs/pr/1"))
    assert hub.requests[0].target == "/meta/plain/resolve/refs%2Fpr%2F1/weights.bin"


# Parts of files


def part(start, length, name="weights.bin"):
    return lambda client: client.read_range("meta/plain", name, start, length)


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (0, 1000), (77, 300), (len(WEIGHTS) - 5, 5), (len(WEIGHTS) - 5, 50)]
)
def test_a_part_of_a_file_is_those_bytes(hub, start, length):
    assert ask(hub, part(start, length)) == WEIGHTS[start : start + length]


def test_past_its_end_a_file_has_nothing(hub):
    assert ask(hub, part(len(WEIGHTS), 10)) == b""
    assert ask(hub, part(0, 0)) == b""


def test_a_hub_that_ignores_ranges_is_not_read_further_than_asked(hub):
    hub.ignore_ranges = True
    assert ask(hub, part(0, 100)) == WEIGHTS[:100]
    with pytest.raises(errors.HubUnavailable, match="ignores the Range"):
        ask(hub, part(100, 100), max_attempts=1)


def test_an_endless_file_is_not_read_further_than_asked(hub):
    """What was sent until the client hung up lay in the buffers between: it read no more itself."""
    hub.fail_next(endless=True, body=b"x" * 65536)
    assert ask(hub, part(0, 1000), max_response_bytes=32 * 2**20) == b"x" * 1000
    assert hub.bytes_sent < 16 * 2**20


@pytest.mark.parametrize(
    "told",
    [
        "bytes 1-9/100",
        "bytes 0-99/100",
        "bytes 0-/100",
        "items 0-9/100",
        "",
        "bytes 9-0/100",
        "bytes */100",
        "bytes \u0660-\u0669/9",
    ],
)
def test_other_bytes_than_asked_are_refused(hub, told):
    hub.fail_next(status=206, body=b"0123456789", headers={"Content-Range": told.encode().decode("latin-1")})
    with pytest.raises(errors.HubBadPayload, match="another part"):
        ask(hub, part(0, 10))


def test_a_packed_part_is_refused(hub):
    hub.fail_next(status=206, body=b"x", headers={"Content-Range": "bytes 0-0/9", "Content-Encoding": "gzip"})
    with pytest.raises(errors.HubBadPayload, match="packed"):
        ask(hub, part(0, 1))


def test_a_short_part_is_asked_for_again(hub):
    hub.fail_next(status=206, body=b"abc", headers={"Content-Range": "bytes 0-9/100"})
    assert ask(hub, part(0, 10)) == WEIGHTS[:10]
    assert len(hub.requests) == 2


def test_a_part_has_a_sensible_size(hub):
    for start, length in ((-1, 5), (0, -5), (0, 10**12)):
        with pytest.raises(ValueError, match="length must be"):
            ask(hub, part(start, length))


# Redirects and the token


def test_the_token_goes_to_the_endpoint(hub):
    assert ask(hub, plain("meta/hidden"), token=TOKEN)["private"]
    assert hub.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_file_may_come_from_a_known_host_but_without_the_token():
    seen = []

    def answer(request):
        seen.append((request.url.host, request.headers.get("authorization"), request.headers["range"]))
        if request.url.host == "hub.example":
            return httpx.Response(302, headers={"Location": "https://cas-bridge.xethub.hf.co/x?sig=a%2Fb"})
        return httpx.Response(206, stream=Body(b"ab", b"cd"), headers={"Content-Range": "bytes 0-2/9"})

    assert wired(answer, part(0, 3), token=TOKEN) == b"abc"
    assert seen == [
        ("hub.example", f"Bearer {TOKEN}", "bytes=0-2"),
        ("cas-bridge.xethub.hf.co", None, "bytes=0-2"),
    ]


@pytest.mark.parametrize(
    "target",
    [
        "http://cdn.hf.co/x", "https://hf.co.evil.example/x", "https://evilhf.co/x", "https://hf.co:8443/x",
        "https://169.254.169.254/latest", "http://127.0.0.1:1/", "ftp://hf.co/x", "http://hub.example/x",
        "https://hub.example:444/x", "https://hf.co@evil.example/", "https://[/", "https://hub.example.evil/",
    ],
)  # fmt: skip
def test_a_stranger_is_not_followed(target):
    seen = []

    def answer(request):
        seen.append(str(request.url))
        return httpx.Response(302, headers={"Location": target})

    with pytest.raises((errors.HubBadPayload, errors.HubUnavailable)):
        wired(answer, part(0, 3), max_attempts=1)
    assert len(seen) == 1


def test_the_api_is_followed_at_home_only():
    def answer(request):
        return httpx.Response(302, headers={"Location": "https://huggingface.co/api/models/a/b"})

    with pytest.raises(errors.HubUnavailable, match=r"redirects a/b to 'huggingface\.co'"):
        wired(answer, plain("a/b"))


def test_a_plain_endpoint_may_move_to_https():
    def answer(request):
        if request.url.scheme == "http":
            return httpx.Response(301, headers={"Location": "https://hub.example/api/models/a/b"})
        return httpx.Response(200, stream=Body(b'{"id": ', b'"a/b"}'))

    assert wired(answer, plain("a/b"), endpoint="http://hub.example") == {"id": "a/b"}


def test_no_cookie_is_kept():
    seen = []

    def answer(request):
        seen.append(request.headers.get("cookie"))
        return httpx.Response(
            302, headers={"Location": "https://cdn.hf.co/x", "Set-Cookie": "a=b; Domain=hf.co; Path=/"}
        )

    with pytest.raises(errors.HubBadPayload):
        wired(answer, part(0, 3))
    assert seen == [None] * 6


def test_a_redirect_without_end_is_left():
    with pytest.raises(errors.HubBadPayload, match="without end"):
        wired(lambda request: httpx.Response(307, headers={"Location": str(request.url)}), plain("a/b"))


# Failures that stay


def test_what_is_missing_is_not_found(hub):
    with pytest.raises(errors.HubNotFound, match=r"no/such .* Check the spelling"):
        ask(hub, plain("no/such"))
    with pytest.raises(errors.HubNotFound):
        ask(hub, plain("no/such"), token=TOKEN)
    with pytest.raises(errors.HubNotFound):
        ask(hub, lambda client: client.config_json("no/such"))
    with pytest.raises(errors.HubNotFound, match="no revision"):
        ask(hub, lambda client: client.read_range("meta/tiny", "config.json", 0, 5, "absent"))
    assert len(hub.requests) == 4


def test_a_gated_file_says_where_to_ask(hub):
    for token in (None, TOKEN):
        with pytest.raises(errors.HubGated, match=f"{hub.url}/meta/closed"):
            ask(hub, lambda client: client.config_json("meta/closed"), token=token)


def test_a_refused_token_says_so_and_is_not_shown(hub):
    with pytest.raises(errors.HubUnauthorized, match="Check HF_TOKEN") as raised:
        ask(hub, plain(), token="hf_wrong")
    assert "hf_wrong" not in str(raised.value)


def test_other_refusals_keep_the_hubs_words(hub):
    hub.fail_next(status=403, headers={"X-Error-Message": "Access to this resource is disabled."})
    with pytest.raises(errors.HubNotFound, match="disabled"):
        ask(hub, plain())
    hub.fail_next(status=403, headers={"X-Error-Message": "Not for you."})
    with pytest.raises(errors.HubUnauthorized, match="Not for you"):
        ask(hub, plain())
    hub.fail_next(status=400, body=b'{"error": "bad \\u0007sort\\n"}')
    with pytest.raises(errors.HubError, match=r"400 \(bad sort\)"):
        ask(hub, plain())
    for body in (b"<html>", b"[]", b'{"error": 5}'):
        hub.fail_next(status=400, body=body)
        with pytest.raises(errors.HubError, match=r"refused the request .*: 400\."):
            ask(hub, plain())


def test_offline_asks_nobody(hub):
    for question in (plain(), ids(), part(0, 5), config_of("meta/tiny")):
        with pytest.raises(errors.HubOffline, match="HF_HUB_OFFLINE"):
            ask(hub, question, offline=True)
    assert hub.requests == []


# Answers that cannot be used


@pytest.mark.parametrize(
    "question", [plain(), ids(), config_of("meta/plain"), part(0, 50)], ids=["a model", "a list", "a file", "a part"]
)
def test_a_web_page_in_place_of_data_is_a_network_that_asks_for_a_login(hub, question):
    hub.fail_next(body=b"\n<!DOCTYPE html><html>Log in</html>", status=200)
    with pytest.raises(errors.HubUnavailable, match="asks for a login"):
        ask(hub, question)


@pytest.mark.parametrize(
    "body",
    [
        b"{oops", b"", b'{"id": NaN}', b"[" * 100_000, b'{"a":' * 100_000,
        b"1" * 5000, b'"\xff"', b"[]", b"null", b'"text"',
    ],
)  # fmt: skip
def test_nonsense_is_a_bad_payload(hub, body):
    hub.fail_next(body=body)
    with pytest.raises(errors.HubBadPayload, match="meta/plain"):
        ask(hub, plain())
    assert len(hub.requests) == 1


def test_an_endless_answer_is_cut(hub):
    hub.fail_next(endless=True, body=b"x" * 65536)
    with pytest.raises(errors.HubBadPayload, match="more than 1,000,000 bytes"):
        ask(hub, plain(), max_response_bytes=1_000_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_packed_bomb_is_counted_unpacked(hub, encoding):
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    hub.fail_next(body=pack(b" " * 50_000_000), headers={"Content-Encoding": encoding})
    with pytest.raises(errors.HubBadPayload, match="more than 1,000,000 bytes"):
        ask(hub, plain(), max_response_bytes=1_000_000)


def test_an_answer_of_exactly_the_limit_is_read(hub):
    body = json.dumps({"id": "a/b"}).encode().ljust(1000)
    for packed, headers in ((body, {}), (gzip.compress(body), {"Content-Encoding": "gzip"})):
        hub.fail_next(body=packed, headers=headers)
        assert ask(hub, plain(), max_response_bytes=1000) == {"id": "a/b"}
    hub.fail_next(body=body)
    with pytest.raises(errors.HubBadPayload):
        ask(hub, plain(), max_response_bytes=999)


def test_what_cannot_be_unpacked_is_refused(hub):
    for encoding in ("gzip", "br", "gzip, gzip"):
        hub.fail_next(body=b"not packed at all", headers={"Content-Encoding": encoding})
        with pytest.raises(errors.HubBadPayload, match="unpacked"):
            ask(hub, plain())


def test_long_answers_come_packed(hub):
    assert len(ask(hub, ids(author="maker"))[0]) == 45
    assert hub.requests[0].headers["accept-encoding"] == "gzip, deflate"
    assert 0 < hub.bytes_sent < 2000


# Failures that pass


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(hub, status):
    hub.fail_next(2, status=status)
    assert ask(hub, plain())["id"] == "meta/plain"
    assert len(hub.requests) == 3


def test_a_cut_connection_is_tried_again(hub):
    hub.fail_next(cut_after=-1)
    hub.fail_next(cut_after=5)
    hub.fail_next(body=gzip.compress(b" " * 1000)[:-9], headers={"Content-Encoding": "gzip"})
    assert ask(hub, plain())["id"] == "meta/plain"
    assert len(hub.requests) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 416, 422, 501])
def test_a_lasting_failure_is_not(hub, status):
    hub.fail_next(status=status)
    with pytest.raises(errors.HubError):
        ask(hub, plain())
    assert len(hub.requests) == 1


def test_at_last_a_failing_hub_is_unavailable(hub):
    hub.fail_next(9, status=502)
    with pytest.raises(errors.HubUnavailable, match="502"):
        ask(hub, plain(), max_attempts=3)
    assert len(hub.requests) == 3


def test_a_silent_hub_is_unavailable(hub):
    hub.fail_next(delay=0.4)
    with pytest.raises(errors.HubUnavailable, match="in time"):
        ask(hub, plain(), read_timeout=0.05, max_attempts=1)


def test_a_trickling_hub_is_unavailable():
    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self):
            while True:
                yield b" "
                await asyncio.sleep(0.01)

    with pytest.raises(errors.HubUnavailable, match="too long"):
        wired(lambda _: httpx.Response(200, stream=Trickle()), plain("a/b"), total_timeout=0.1, max_attempts=1)


def test_a_trickling_hub_holds_one_question_no_longer_for_being_asked_again(hub):
    hub.fail_next(9, trickle=0.05)
    begun = time.monotonic()
    with pytest.raises(errors.HubUnavailable, match="too long"):
        ask(hub, plain(), total_timeout=0.5, max_attempts=5)
    assert time.monotonic() - begun < 3


def test_all_questions_of_a_connection_together_are_bounded_where_that_is_wanted(hub):
    hub.fail_next(9, delay=0.3)

    async def many(client):
        for _ in range(9):
            await client.model("meta/plain")

    with pytest.raises(errors.HubUnavailable, match="too long"):
        ask(hub, many, most_seconds=1.0)
    assert len(hub.requests) < 6


@pytest.mark.parametrize("pause", ["0", "", "-1", "soon"])
def test_a_pause_of_no_seconds_is_no_leave_to_hammer(hub, pause):
    hub.fail_next(9, status=429, retry_after=pause)
    with pytest.raises(errors.HubRateLimited) as caught:
        ask(hub, plain(), max_attempts=3, backoff=0.2)
    assert caught.value.retry_after is None
    assert len(hub.requests) == 3


def test_nobody_at_the_address_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

    async def run():
        async with HubClient(HubSettings(endpoint=url, max_attempts=2, backoff=0.001)) as client:
            await client.model("a/b")

    with pytest.raises(errors.HubUnavailable, match="could not be reached"):
        asyncio.run(run())


# Waiting as the Hub asks


def test_it_waits_as_long_as_retry_after_says(hub):
    hub.fail_next(status=429, retry_after=7)
    hub.fail_next(status=503, retry_after=3)
    moment = Time()
    assert ask(hub, plain(), moment=moment)["id"] == "meta/plain"
    assert moment.waits == [7.0, 3.0]


def test_it_waits_for_the_reset_that_a_429_tells(hub):
    hub.fail_next(status=429, headers={"RateLimit": '"api";r=0;t=20'})
    moment = Time()
    ask(hub, plain(), moment=moment)
    assert moment.waits == [21.0]


def test_it_does_not_wait_longer_than_it_is_willing(hub):
    hub.fail_next(9, status=429, retry_after=55)
    moment = Time()
    with pytest.raises(errors.HubRateLimited, match="quota") as raised:
        ask(hub, plain(), moment=moment, max_wait=60)
    assert moment.waits == [55.0]
    assert raised.value.retry_after == 55


def test_a_hub_in_trouble_that_asks_for_long_is_unavailable(hub):
    hub.fail_next(9, status=503, retry_after=10**6)
    moment = Time()
    with pytest.raises(errors.HubUnavailable, match="left alone"):
        ask(hub, plain(), moment=moment)
    assert (len(hub.requests), moment.waits) == (1, [])


def test_retry_after_is_read_in_both_forms():
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def wait(text):
        return retry_after({"retry-after": text}, now)

    assert wait("120") == 120
    assert wait(format_datetime(now + timedelta(seconds=90), usegmt=True)) == 90
    assert wait("Mon, 23 Nov 2026 12:00:10") == 10
    assert wait("Mon, 23 Nov 2020 12:00:10 GMT") == 0
    for text in ("", "soon", "-5", "1.5", "٣", "Mon, 99 Nov 2026 12:00:10 GMT", "9" * 5000 + "x"):
        assert wait(text) is None, text
    assert wait("9" * 5000) == 999_999_999


# Every failure has a meaning


def all_kinds(kind):
    return {kind}.union(*(all_kinds(below) for below in kind.__subclasses__()))


def exceptions_of_httpx():
    public = {getattr(httpx, name) for name in httpx.__all__}
    return sorted(
        (kind for kind in public if isinstance(kind, type) and issubclass(kind, Exception)),
        key=lambda kind: kind.__name__,
    )


@pytest.mark.parametrize("kind", exceptions_of_httpx())
def test_every_exception_of_httpx_has_a_meaning(kind):
    assert issubclass(kind, HANDLED)
    error = kind.__new__(kind)
    Exception.__init__(error, "boom")
    found = error_of_exception(error, HubSettings(endpoint="https://hub.example"))
    found = found.error if isinstance(found, Transient) else found
    assert isinstance(found, errors.HubError)
    assert "hub.example" in str(found)


@pytest.mark.parametrize("kind", [*exceptions_of_httpx(), OSError, ssl.SSLError, TimeoutError])
def test_no_exception_of_the_wire_comes_through(kind):
    def answer(request):
        error = kind.__new__(kind)
        Exception.__init__(error, "boom")
        raise error

    with pytest.raises(errors.HubError):
        wired(answer, plain("a/b"), max_attempts=2)


def test_a_bad_certificate_is_not_tried_again():
    asked = []

    def answer(request):
        asked.append(request)
        raise httpx.ConnectError("x") from ssl.SSLCertVerificationError("self-signed")

    with pytest.raises(errors.HubUnavailable, match="SSL_CERT_FILE"):
        wired(answer, plain("a/b"))
    assert len(asked) == 1


def test_a_name_that_does_not_resolve_is_named():
    def answer(request):
        raise httpx.ConnectError("x") from socket.gaierror(-2, "Name or service not known")

    with pytest.raises(errors.HubUnavailable, match=r"The name hub\.example could not be resolved"):
        wired(answer, plain("a/b"), max_attempts=2)


WORDS = st.sampled_from(
    ["http", "https", "://", "//", "/", "[", "]", "@", ":", "hub.example", "hf.co", "\x1f", " ", "%", "?", "#", "<",
     ">", ";", 'rel="next"', '"api"', "r=0", "t=5", "bytes ", "0-9", "/100", "gzip", "Mon, 23 Nov 2026 12:00:10", "é"]
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Location", "Link", "RateLimit", "Retry-After", "Content-Range", "Content-Encoding", "Set-Cookie"]
    ),
    st.lists(WORDS, max_size=8).map("".join).map(lambda text: text.encode("latin-1")),
)


@given(
    st.sampled_from([200, 206, 302, 307, 404, 416, 429, 503]),
    HEADERS,
    st.sampled_from([b"[]", b'[{"id": "a/b"}]', b"{"]),
)
def test_no_headers_do_harm(status, headers, body):
    def answer(request):
        return httpx.Response(status, headers=list(headers.items()), stream=Body(body))

    for question in (ids(), plain("a/b"), part(0, 5), config_of("a/b")):
        with contextlib.suppress(errors.HubError):
            wired(answer, question, max_attempts=2)


def test_a_caller_may_cancel(hub):
    hub.fail_next(delay=1.0)

    async def question(client):
        async with asyncio.timeout(0.05):
            await client.model("meta/plain")

    with pytest.raises(TimeoutError):
        ask(hub, question)


# The tree of a repository's files


def tree(repo_id="meta/many", revision="main"):
    return lambda client: client.tree(repo_id, revision)


def with_files(hub, count, repo_id="meta/many"):
    hub.put({"id": repo_id, "sha": SHA, "siblings": [{"rfilename": f"f/{n}.bin", "size": n} for n in range(count)]})
    return hub


def test_a_tree_tells_every_file_with_its_size_over_all_pages(hub):
    hub.tree_page = 7
    found = ask(with_files(hub, 20), tree(revision=SHA))
    assert {file["rfilename"]: file["size"] for file in found} == {f"f/{n}.bin": n for n in range(20)}
    assert len(hub.requests) == 3
    assert hub.requests[0].target == f"/api/models/meta/many/tree/{SHA}?recursive=true&expand=false"


def test_a_large_file_has_its_own_size_and_not_that_of_what_stands_for_it(hub):
    entry = {"type": "file", "path": "m.gguf", "size": 134, "lfs": {"oid": "x", "size": 5_000, "pointerSize": 134}}
    hub.fail_next(body=json.dumps([entry, {"type": "directory", "path": "d", "size": 0}]).encode())
    assert ask(hub, tree()) == [{"rfilename": "m.gguf", "size": 5_000}]


@pytest.mark.parametrize("page", [10_001, 1000, 5])
def test_a_tree_that_is_too_large_is_not_read_to_its_end_and_never_told_in_part(hub, page):
    hub.tree_page = page
    with pytest.raises(errors.HubBadPayload, match="larger than what is read"):
        ask(with_files(hub, 10_001), tree())
    assert len(hub.requests) <= 10


def test_a_tree_takes_no_more_bytes_than_one_answer_may(hub):
    hub.tree_page = 50
    with pytest.raises(errors.HubBadPayload, match="larger than what is read"):
        ask(with_files(hub, 200), tree(), max_response_bytes=15_000)
    assert len(hub.requests) < 4


def test_a_next_page_of_a_tree_stays_at_the_endpoint(hub):
    hub.fail_next(body=b"[]", headers={"Link": '<https://evil.example/tree>; rel="next"'})
    with pytest.raises(errors.HubBadPayload, match=r"meta/many cannot be used: its next page is on another host"):
        ask(with_files(hub, 3), tree())


@pytest.mark.parametrize("revision", ["", "..", "a\nb"])
def test_a_tree_of_no_revision_is_not_asked_for(hub, revision):
    with pytest.raises(errors.HubNotFound):
        ask(hub, tree(revision=revision))
    assert hub.requests == []
