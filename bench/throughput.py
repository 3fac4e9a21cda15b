"""Answers a second from the web server as ``make run`` starts it: ``python -m bench.throughput [--seconds 5]``.

Eight connections, each asking again as soon as it is answered; once with answers kept and once without. Needs ``wrk``,
which shares the machine's cores, and a full catalogue.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.running import running_site

PATHS = (
    "/",
    "/models/",
    "/models/?q=qwen",
    "/models/?worker=vllm&memory=24",
    "/models/t5-small/",
    "/api/v1/models?limit=50",
    "/healthz",
)
CONNECTIONS = 8


def load(address: str, seconds: int) -> tuple[float, str, str]:
    """Answers a second, and the median and 99th percentile of the time of one."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    told = subprocess.run(
        [*command, "-H", "Accept-Encoding: gzip", address], check=True, capture_output=True, text=True
    ).stdout
    assert "Non-2xx" not in told, told
    median, most = (re.search(rf"^ +{part}% +(\S+)", told, re.MULTILINE) for part in (50, 99))
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert all((median, most, rate)), told
    return float(rate[1]), median[1], most[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.throughput", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="how long each address is asked for")
    seconds = parser.parse_args().seconds
    for megabytes, name in (("32", "asked before"), ("0", "made each time")):
        told = {"PAGE_CACHE_MB": megabytes, "API_RATE": "off", "HF_HUB_OFFLINE": "1", "WEB_WORKERS": "2"}
        secret = {"SECRET_KEY": os.environ.get("SECRET_KEY", "only for measuring")}
        environment = {**os.environ, **secret, **told}
        with tempfile.TemporaryDirectory() as folder, running_site(environment, Path(folder)) as site:
            for path in PATHS:
                # Both processes have read what they read but once.
                for _ in range(6):
                    urllib.request.urlopen(site.address + path, timeout=60).read()
                rate, median, most = load(site.address + path, seconds)
                print(f"{name:20s}{path:34s}{rate:8,.0f}/s   median {median}, 99 % {most}")
                time.sleep(0.5)


if __name__ == "__main__":
    main()
