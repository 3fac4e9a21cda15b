"""From what somebody pasted to lines: encodings, colours, line ends, and the wrappings of other programs' logs.

Readers look for words anywhere in a line, so that what journald, Docker or a terminal put before it does no harm.
Everything here and in the readers takes time in proportion to the text: nothing is searched for with a pattern that
begins with "anything".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from .load import MOST_BYTES, TOO_LONG, LogError

LONGEST = 8000
"""Letters of a line that are looked at. The longest lines of engines list every option, the telling ones first."""
SHORTEST = 15
"""Letters of the shortest line that can tell anything."""
_COLOUR = re.compile(r"\x1b\[[0-9;:?]{0,20}[A-Za-z]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|\[[0-9;]{1,8}m")
_WRAPPED = ("log", "MESSAGE", "message", "msg")
_UNITS = {"B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def text_of(given: str | bytes) -> str:
    """The text of a log; raises :class:`LogError` where it is too long, empty or no text."""
    size = len(given) if isinstance(given, bytes) else len(given.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise LogError(TOO_LONG)
    text = _decoded(given) if isinstance(given, bytes) else given
    strange = sum(text.count(letter) for letter in "\0\ufffd")
    if strange > 20 and strange > len(text) / 100:
        raise LogError("This is no text. Give the log as the engine printed it, not packed and not a screenshot.")
    if not text.strip():
        raise LogError("There is no log. Paste what the engine printed while it loaded the model, or choose a file.")
    return text


def _decoded(given: bytes) -> str:
    if given[:2] in (b"\xff\xfe", b"\xfe\xff"):  # as PowerShell writes what is sent to a file
        return given.decode("utf-16", "replace")
    return given.decode("utf-8-sig", "replace")


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """The lines that may tell something, each with its number."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) >= SHORTEST:
            line = line[:LONGEST]
            if "\x1b" in line or "[" in line:
                line = _COLOUR.sub("", line)
            yield number, _unwrapped(line) if line.lstrip().startswith("{") else line


def _unwrapped(line: str) -> str:
    """The line that a program wrote, where another one keeps it as JSON."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if isinstance(found, dict):
        for name in _WRAPPED:
            if isinstance(found.get(name), str):
                return str(found[name])
    return line


def after(line: str, word: str) -> str:
    """What follows a word; blank where it is not in the line."""
    return line.partition(word)[2]


def number(text: str) -> float | None:
    """The number that a text begins with: ``46,368 tokens``, ``= 4403.49 MiB``."""
    found = _NUMBER.match(text)
    if not found:
        return None
    try:
        return float(found[1].replace(",", ""))
    except ValueError:
        return None


_NUMBER = re.compile(r"[\s=:\"']{0,40}(\d[\d,]{0,18}(?:\.\d{1,9})?)")


def whole(text: str) -> int | None:
    """The same as a whole number."""
    found = number(text)
    return None if found is None else int(found)


def size(text: str) -> float | None:
    """The bytes that a text begins with: ``4.4 GiB``, ``12.55GiB``."""
    found = _SIZE.match(text)
    if not found:
        return None
    amount = number(found[1])
    return None if amount is None else amount * _UNITS[found[2].upper()]


_SIZE = re.compile(
    r"[\s=:\"']{0,40}(\d[\d,]{0,18}(?:\.\d{1,9})?) ?(B|KiB|MiB|GiB|TiB|KB|MB|GB)(?![A-Za-z])", re.IGNORECASE
)


def value(line: str, key: str) -> str:
    """The value of a ``key=value`` or ``key="value"`` in a structured line; blank where it is not there."""
    rest = after(line, f" {key}=")
    if rest.startswith('"'):
        return rest[1:].partition('"')[0]
    return rest.split(" ", 1)[0].strip() if rest else ""


def argument(line: str, key: str) -> str:
    """The value of ``key=value`` or ``'key': value`` in a list of options that Python printed; blank for None."""
    for start in (f" {key}=", f"({key}=", f"'{key}': "):
        rest = after(line, start)
        if rest:
            quote = rest[0]
            found = rest[1:].partition(quote)[0] if quote in "'\"" else _PLAIN.split(rest, maxsplit=1)[0]
            return "" if found in ("None", "auto") else found.strip()
    return ""


_PLAIN = re.compile(r"[,)}\s]")


def quantization_of(told: str) -> str:
    """The label of a packing as file names spell it: ``Q4_K - Medium`` is ``Q4_K_M``."""
    words = told.replace("(guessed)", "").replace(",", " ").split()
    if not words:
        return ""
    sizes = {"Small": "_S", "Medium": "_M", "Large": "_L"}
    ending = sizes.get(words[2], "") if len(words) > 2 and words[1] == "-" else ""
    return words[0] + ending
