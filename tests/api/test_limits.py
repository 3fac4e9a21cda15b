"""How much one client may ask: who counts as one, exact counts, headers that hold, and a Redis that comes and goes."""

from __future__ import annotations

import json
import logging
import math
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from ipaddress import IPv6Address, ip_network

import httpx2
import huggingface_hub
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from hypothesis import given
from hypothesis import strategies as st

from compat.hub.rate_limit_budget import parse_allowance
from marketplace.api import limits, problems, rates
from marketplace.api.clients import UNKNOWN, client_address
from marketplace.api.limits import Counter, left_of, wait_for
from marketplace.api.rates import Rate
from tests.hub_server import HubServer
from tests.own_database import environment, manage
from tests.running import free_port

ASKED = "/api/v1/compatibility/check"
PASSED = 405
"""An address that is limited like any other; asked in the wrong way, it needs no database."""


@pytest.fixture
def rate(settings):
    """Sets the rate of addresses. Tests count by the day, so that no window ends while they run."""

    def told(text):
        settings.API_RATE = rates.parse_rate(text)

    return told


def ask(client, address=ASKED, **options):
    response = client.get(address, **options)
    return response.status_code, response.headers.get("RateLimit", "").partition(";t=")[0]


# --- rates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("300/minute", Rate(300, 60)),
        (" 5000 / Hour ", Rate(5000, 3600)),
        ("1 per second", Rate(1, 1)),
        ("100/5 minutes", Rate(100, 300)),
        ("100 per 5 minutes", Rate(100, 300)),
        ("7/day", Rate(7, 86_400)),
        ("off", None),
        ("OFF", None),
    ],
)
def test_a_rate_is_read_as_meant(text, meant):
    assert rates.parse_rate(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "", "on", "300", "300/", "/minute", "0/minute", "-1/minute", "1.5/second", "300/fortnight", "2/2 days",
        "1/month", "5/0 minutes", "300/minute; 5/second", "3e2/minute", "٣/minute", "9" * 5000 + "/minute",
    ],
)  # fmt: skip
def test_a_senseless_rate_stops_the_start_and_says_what_to_write(text):
    with pytest.raises(ImproperlyConfigured) as refused:
        rates.rate_setting("API_RATE", text)
    assert f"API_RATE is {text[:60]!r}: use a number" in str(refused.value)
    assert "300/minute" in str(refused.value)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (Rate(300, 60), "300 per minute"),
        (Rate(1000, 300), "1,000 per 5 minutes"),
        (Rate(3, 86_400), "3 per day"),
        (Rate(3, 90), "3 per 90 seconds"),
    ],
)
def test_a_rate_in_words_reads_back_the_same(rate, words):
    assert str(rate) == words
    assert rates.parse_rate(words.replace(",", "")) == rate


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"API_RATE": "lots"}, "API_RATE is 'lots': use a number and a time of at most a day, such as 300/minute"),
        ({"API_TOKEN_RATE": "0/minute"}, "API_TOKEN_RATE is '0/minute': use a number"),
        ({"API_ANONYMOUS": "perhaps"}, "API_ANONYMOUS is 'perhaps': use true or false"),
        ({"TRUSTED_PROXIES": "10.0.0.1"}, "TRUSTED_PROXIES is '10.0.0.1': use a whole number"),
        ({"REDIS_URL": "http://:secret@cache:6379"}, "REDIS_URL is no address of a Redis: use redis://host:6379/0"),
    ],
    ids=str,
)
def test_nonsense_in_the_environment_stops_the_process_with_a_sentence(tmp_path, env, said):
    done = manage("check", env=environment(f"sqlite:///{tmp_path}/site.sqlite3", **env))
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert said in last
    assert "secret" not in last


# --- whose request it is ---------------------------------------------------------------------------------------

ADDRESSES = st.ip_addresses().map(str)
SAID = st.one_of(st.text(max_size=200), st.lists(ADDRESSES, max_size=5).map(", ".join), st.just(","), st.just(" "))


@given(remote=ADDRESSES, said=SAID)
def test_without_proxies_nobody_can_say_who_they_are(remote, said):
    assert client_address(remote, said, 0) == client_address(remote, "", 0)


@given(forged=SAID, client=ADDRESSES, between=st.lists(ADDRESSES, max_size=3), last=ADDRESSES)
def test_behind_proxies_the_client_is_whom_the_first_of_them_spoke_with(forged, client, between, last):
    header = ", ".join([*([forged] if forged else []), client, *between])
    assert client_address(last, header, 1 + len(between)) == client_address(client, "", 0)


@given(remote=st.text(max_size=80), said=SAID, proxies=st.integers(0, 4))
def test_whatever_is_sent_makes_an_address_or_nobody(remote, said, proxies):
    found = client_address(remote, said, proxies)
    assert found == UNKNOWN or ip_network(found).prefixlen in (32, 64)


@given(network=st.integers(0, 2**64 - 1), one=st.integers(0, 2**64 - 1), other=st.integers(0, 2**64 - 1))
def test_one_network_of_64_bits_is_one_client(network, one, other):
    first, second = (IPv6Address(network << 64 | host) for host in (one, other))
    if not (first.ipv4_mapped or second.ipv4_mapped):
        assert client_address(str(first), "", 0) == client_address(str(second), "", 0)
    next_door = IPv6Address(((network + 1) % 2**64) << 64 | one)
    assert client_address(str(first), "", 0) != client_address(str(next_door), "", 0)


@given(address=st.ip_addresses(), port=st.integers(1, 65_535))
def test_a_port_makes_no_other_client(address, port):
    written = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
    assert client_address("10.0.0.1", written, 1) == client_address(str(address), "", 0)


@given(address=st.ip_addresses(v=4))
def test_an_old_address_in_new_clothes_is_the_same(address):
    assert client_address(f"::ffff:{address}", "", 0) == str(address)


def test_an_entry_that_is_no_address_makes_no_new_client():
    assert client_address("10.0.0.1", "198.51.100.7, unknown", 1) == "10.0.0.1"
    assert client_address("10.0.0.1", "_hidden, 10.0.0.2", 2) == "10.0.0.2"
    assert client_address("", "", 1) == UNKNOWN


def test_the_socket_of_a_proxy_has_no_address_but_its_client_has():
    assert client_address("", "203.0.113.9", 1) == "203.0.113.9"


def test_a_long_header_is_read_from_the_right():
    assert client_address("10.0.0.1", "1.2.3.4," * 100_000 + "203.0.113.9", 1) == "203.0.113.9"


# --- counting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 8])
def test_threads_together_are_granted_exactly_the_rate(threads):
    counts, rate = Counter(), Rate(250, 86_400)
    with ThreadPoolExecutor(threads) as pool:
        taken = list(pool.map(lambda _: counts.take(rate, "somebody"), range(600)))
    assert sum(one.granted for one in taken) == 250
    assert counts.left(rate, "somebody") == 0


def test_requests_at_once_are_answered_exactly_as_often_as_the_rate_says(rate):
    rate("40/day")

    def go(_):
        client = Client()
        return [client.get(ASKED).status_code for _ in range(20)]

    with ThreadPoolExecutor(5) as pool:
        found = [status for statuses in pool.map(go, range(5)) for status in statuses]
    assert (found.count(PASSED), found.count(429)) == (40, 60)


def test_one_client_does_not_use_up_what_another_has(rate):
    rate("1/day")
    counts = [ask(Client(REMOTE_ADDR=address))[0] for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2")]
    assert counts == [PASSED, 429, PASSED]


def test_many_clients_take_a_bounded_part_of_the_memory():
    counts = Counter()
    for number in range(limits.MOST + 2000):
        counts.take(Rate(300, 86_400), f"address/{number}")
    memory = counts._own
    assert len(memory.storage) == len(memory.expirations) == limits.MOST
    assert not memory.locks
    assert not memory.events
    assert counts.left(Rate(300, 86_400), f"address/{number}") == 299, "the newest are kept"


def test_counts_that_matter_no_more_are_dropped():
    counts = Counter()
    for number in range(500):
        counts.take(Rate(5, 1), f"address/{number}")
    time.sleep(2.05)
    counts.take(Rate(5, 1), "another")
    assert len(counts._own.storage) == 1


def test_no_thread_is_left_running():
    counts = Counter()
    counts.take(Rate(5, 60), "somebody")
    counts._own.timer.join(1)
    assert not counts._own.timer.is_alive()


WINDOWS = st.tuples(st.integers(0, 400), st.integers(1, 64 * 60), st.integers(0, 400))


@given(amount=st.integers(1, 200), data=st.data(), parts=WINDOWS)
def test_after_the_wait_there_is_room_and_not_a_second_before(amount, data, parts):
    rate, units = Rate(amount, 60), data.draw(st.integers(1, amount))
    before, weighs, now = parts[0], Fraction(parts[1], 64), parts[2]

    def room(after):
        if after < weighs:
            weight = before * (weighs - after) / rate.seconds + now
        else:
            weight = now * max(Fraction(0), (rate.seconds - (after - weighs)) / rate.seconds)
        return math.floor(weight) + units <= amount

    wait = wait_for(rate, (before, float(weighs) if before else 0.0, now, float(weighs) + rate.seconds), units)
    tiny = Fraction(1, 10**6)
    assert room(wait + tiny)
    if wait > 1:
        assert not room(wait - 1 - tiny)


def test_the_told_wait_is_enough(rate, client):
    rate("4/2 seconds")
    for _ in range(3):
        while (response := client.get(ASKED)).status_code != 429:
            pass
        wait = int(response.headers["Retry-After"])
        assert 1 <= wait <= 4
        time.sleep(wait)
        assert client.get(ASKED).status_code == PASSED


@pytest.mark.parametrize(
    ("window", "left"), [((0, 0.0, 0, 0.0), 10), ((10, 30.0, 2, 90.0), 3), ((40, 60.0, 9, 120.0), 0)]
)
def test_what_is_left_weighs_the_window_before(window, left):
    assert left_of(Rate(10, 60), window) == left


# --- what a client is told -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/v1/models?limit=1", 200),
        ("/api/v1/models?sort=best", 400),
        (ASKED, PASSED),
        ("/api/openapi.json", 200),
        ("/api/models?limit=1", 200),
        ("/api/models/microsoft/phi-2", 200),
        ("/api/models?sort=best", 400),
    ],
)
def test_every_answer_tells_the_rate_and_what_is_left(rate, client, address, status):
    rate("300/day")
    for left in (299, 298):
        response = client.get(address)
        assert response.status_code == status
        assert response.headers["RateLimit-Policy"] == '"default";q=300;w=86400'
        name, r, t = response.headers["RateLimit"].split(";")
        assert (name, r) == ('"default"', f"r={left}")
        assert 1 <= int(t.removeprefix("t=")) <= 86_400
        exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)
        assert "Retry-After" not in response.headers


@pytest.mark.django_db
def test_an_answer_that_did_not_change_counts_like_any_other(rate, client):
    rate("3/day")
    tag = client.get("/api/v1/workers").headers["ETag"]
    counted = [ask(client, "/api/v1/workers", headers={"If-None-Match": tag}) for _ in range(3)]
    assert counted == [(304, '"default";r=1'), (304, '"default";r=0'), (429, '"default";r=0')]


def test_too_many_requests_of_the_json_api(rate, client):
    rate("1/day")
    client.get(ASKED)
    response = client.get(ASKED)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    wait = int(response.headers["Retry-After"])
    assert response.headers["RateLimit"] == f'"default";r=0;t={wait}'
    problem = response.json()
    assert (problem["status"], problem["title"]) == (429, "Too Many Requests")
    assert re.fullmatch(
        r"Too many requests: the limit is 1 per day\. Try again in \d+ (hour|minute|second)s?\.", problem["detail"]
    )


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "2 minutes"),
        (3599, "60 minutes"),
        (3600, "1 hour"),
        (86_400, "24 hours"),
    ],
)
def test_the_wait_is_told_in_words_and_never_too_short(wait, words):
    response = problems.too_many(ASKED, Rate(1, 60), wait)
    assert response.headers["Retry-After"] == str(wait)
    assert json.loads(response.content)["detail"].endswith(f" Try again in {words}.")


@pytest.mark.parametrize("address", ["/api/models", "/api/models/microsoft/phi-2", "/api/models/a/b/revision/main"])
def test_too_many_requests_of_the_hubs_api(rate, client, address):
    rate("1/day")
    client.get(ASKED)
    response = client.get(address)
    assert (response.status_code, response.headers["Cache-Control"]) == (429, "no-store")
    assert response.json() == {"error": response.headers["X-Error-Message"]}
    assert response.headers["X-Error-Message"].startswith("Too many requests: the limit is 1 per day.")
    assert int(response.headers["Retry-After"]) >= 1


def test_head_is_refused_without_a_body(rate, client):
    rate("1/day")
    client.get(ASKED)
    response = client.head(ASKED)
    assert (response.status_code, response.content) == (429, b"")
    assert int(response.headers["Content-Length"]) > 0


@pytest.mark.django_db
def test_pages_files_and_questions_beforehand_are_not_limited(rate, client):
    rate("1/day")
    client.get(ASKED)
    for address in ("/models/", "/api/docs", "/healthz"):
        response = client.get(address)
        assert response.status_code == 200, address
        assert "RateLimit" not in response.headers
    preflight = client.options("/api/v1/models", headers={"Origin": "https://a.example"})
    assert preflight.status_code == 204
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]


def test_switched_off_nothing_is_counted_or_told(rate, client):
    rate("off")
    for _ in range(5):
        response = client.get(ASKED)
        assert response.status_code == PASSED
        assert "RateLimit" not in response.headers
        assert "RateLimit-Policy" not in response.headers


@pytest.mark.django_db
def test_answers_stay_good_for_every_cache(rate, client):
    rate("9/day")
    response = client.get("/api/v1/workers")
    assert response.headers["Cache-Control"].startswith("public, max-age=")
    assert "Authorization" not in response.headers.get("Vary", "")


def test_behind_a_proxy_each_client_has_its_own_rate(rate, settings, client):
    rate("1/day")
    settings.TRUSTED_PROXIES = 1
    forwarded = ["203.0.113.1", "203.0.113.2", "6.6.6.6, 203.0.113.1", "2001:db8::1", "2001:db8::2"]
    statuses = [ask(client, headers={"X-Forwarded-For": value})[0] for value in forwarded]
    assert statuses == [PASSED, PASSED, 429, PASSED, 429]


def test_without_a_trusted_proxy_its_header_is_not_looked_at(rate, client):
    rate("1/day")
    assert [ask(client, headers={"X-Forwarded-For": f"203.0.113.{n}"})[0] for n in range(2)] == [PASSED, 429]


# --- bodies ----------------------------------------------------------------------------------------------------


def send(client, models, name="filter"):
    body = models if isinstance(models, bytes) else json.dumps({"models": models}, separators=(",", ":"))
    response = client.post(f"/api/v1/compatibility/{name}", body, content_type="application/json")
    return response.status_code, int(response.headers["RateLimit"].split(";")[1].removeprefix("r="))


@pytest.mark.django_db
@pytest.mark.parametrize(("models", "cost"), [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 3), (1000, 10)])
def test_each_hundred_models_count_as_a_request(rate, client, models, cost):
    rate("100/day")
    assert send(client, [{"id": "a"}] * models) == (200, 100 - cost)


@pytest.mark.django_db
def test_a_body_that_makes_no_sense_counts_once(rate, client):
    rate("100/day")
    long = b" " * 5000
    for number, body in enumerate((long, b"{" + long, b"[" * 5000, b'{"models": 7}' + long, b"[1]" + long), 1):
        status, left = send(client, body)
        assert status in (400, 422)
        assert left == 100 - number
    assert send(client, b" " * (2 * 1024 * 1024 + 1)) == (413, 94)


@pytest.mark.django_db
def test_what_costs_more_than_is_left_is_refused_and_costs_nothing(rate, client):
    rate("10/day")
    assert send(client, [{"id": "a"}] * 250) == (200, 7)
    response = client.post(
        "/api/v1/compatibility/filter", json.dumps({"models": [{"id": "a"}] * 800}), content_type="application/json"
    )
    assert response.status_code == 429
    assert "This request counts as 8." in response.json()["detail"]
    assert response.headers["RateLimit"].startswith('"default";r=7;')
    assert send(client, [{"id": "a"}] * 700) == (200, 0)


@pytest.mark.django_db
def test_a_rate_smaller_than_a_body_still_lets_it_through(rate, client):
    rate("2/day")
    assert send(client, [{"id": "a"}] * 1000) == (200, 0)


# --- other people's clients ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_hubs_own_client_understands_the_refusal(site, rate, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    default = huggingface_hub.utils._http.default_client_factory
    huggingface_hub.set_client_factory(lambda: httpx2.Client(transport=httpx2.WSGITransport(app=site)))
    try:
        hub = HfApi(endpoint="http://testserver", token=False)
        rate("off")
        assert hub.model_info("microsoft/phi-2").id == "microsoft/phi-2"
        rate("5/day")
        for _ in range(5):
            limits.shared_counter("").take(Rate(5, 86_400), "address/127.0.0.1")
        with pytest.raises(HfHubHTTPError) as refused:
            hub.model_info("microsoft/phi-2")
    finally:
        huggingface_hub.set_client_factory(default)
    assert "you have reached your 'default' rate limit" in str(refused.value)
    assert "(0/5 requests remaining in current 86400s window)" in str(refused.value)


def test_this_sites_own_client_understands_the_headers(rate, client):
    rate("5/day")
    found = parse_allowance({"ratelimit": client.get(ASKED).headers["RateLimit"]}, "api")
    assert found
    assert found.left == 4


# --- Redis -----------------------------------------------------------------------------------------------------


@contextmanager
def redis_at(port):
    """A Redis of this test's own."""
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < until, "Redis did not start"
                    time.sleep(0.02)
            yield
        finally:
            server.terminate()


@pytest.fixture
def redis():
    port = free_port()
    with redis_at(port):
        yield f"redis://127.0.0.1:{port}/0"


def test_processes_count_together_in_redis(redis):
    one, other = Counter(redis), Counter(redis)
    rate = Rate(30, 86_400)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: (one, other)[n % 2].take(rate, "somebody"), range(60)))
    assert sum(found.granted for found in taken) == 30
    assert one.left(rate, "somebody") == other.left(rate, "somebody") == 0
    assert not one._own.storage
    assert 1 <= one.take(rate, "somebody").wait <= 2 * 86_400


def test_redis_forgets_counts_that_matter_no_more(redis):
    from redis import Redis

    counts = Counter(redis)
    counts.take(Rate(5, 1), "somebody")
    server = Redis.from_url(redis)
    assert server.dbsize() == 1
    time.sleep(2.1)
    assert server.dbsize() == 0
    server.close()


def test_the_told_wait_is_enough_with_redis(redis, rate, settings, client):
    rate("4/2 seconds")
    settings.REDIS_URL = redis
    for _ in range(2):
        while (response := client.get(ASKED)).status_code != 429:
            pass
        time.sleep(int(response.headers["Retry-After"]))
        assert client.get(ASKED).status_code == PASSED


def test_a_redis_that_stops_and_returns(rate, settings, client, caplog, monkeypatch):
    rate("3/day")
    monkeypatch.setattr(limits, "PAUSE", 0.2)
    port = free_port()
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    with redis_at(port):
        assert [ask(client)[0] for _ in range(4)] == [PASSED, PASSED, PASSED, 429]
    caplog.clear()
    assert [ask(client)[0] for _ in range(4)] == [PASSED, PASSED, PASSED, 429], "now the process counts"
    time.sleep(0.25)
    assert ask(client)[0] == 429
    assert len(told(caplog)) == 1, "said once in a while, not for every failure"
    with redis_at(port):
        time.sleep(0.25)
        assert ask(client) == (PASSED, '"default";r=2'), "the new Redis counts from the start"
    assert "answers again" in told(caplog)[-1]


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.name == limits.__name__]


def test_a_redis_that_refuses_takes_nothing_down(rate, settings, client, caplog):
    rate("2/day")
    settings.REDIS_URL = f"redis://:secret@127.0.0.1:{free_port()}/0"
    with caplog.at_level(logging.WARNING):
        assert [ask(client)[0] for _ in range(3)] == [PASSED, PASSED, 429]
    (line,) = told(caplog)
    assert "each process counts for itself" in line
    assert "secret" not in line


def test_a_redis_that_never_answers_holds_up_one_request_only(rate, settings, client):
    rate("50/day")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        assert [ask(client)[0] for _ in range(20)] == [PASSED] * 20
        silent.settimeout(0.2)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()


def test_something_else_at_redis_address_takes_nothing_down(rate, settings, client):
    rate("50/day")
    with HubServer([]) as other:
        settings.REDIS_URL = other.url.replace("http:", "redis:")
        assert ask(client) == (PASSED, '"default";r=49')
