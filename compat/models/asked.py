"""What a person puts into a search box: words, a pasted Hub address, a command to copy, or a model as Ollama names it.

A pure function, the same for pages, API, commands and assistants.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_WORDS = 8
_HOSTS = r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/|hf://|huggingface://"
_HUB = re.compile(rf"(?:^|[\s\"'=@])(?:{_HOSTS})(?:api/)?(?:models/)?(\S*)", re.IGNORECASE)
_OLLAMA = re.compile(r"(?:https?://)?(?:www\.)?(?:ollama\.(?:com|ai)|registry\.ollama\.ai)/(\S*)", re.IGNORECASE)
_COMMAND = re.compile(
    r"^\W{0,2}(?:(?:ollama|lms|docker model) (?:run|pull|get|show)|(?:hf|huggingface-cli) download|vllm serve) +(\S+)"
    r"|^\W{0,2}\S.{0,80} (?:-hf|-hfr|--hf-repo|--model|--model-path|--model_id)[ =](\S+)",
    re.IGNORECASE,
)
_TAGGED = re.compile(r"[\w.-]{2,60}(?:/[\w.-]{2,60})?:[\w.-]{1,40}")
_SAYING_NOTHING = re.compile(r"latest|library|i?q\d.*|[bf]p?f?16|k|[msl]|\d|mlx")
_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """The words to look for, in lower case, and the repository that is asked for by its id, as it was typed.

    ``pasted`` says that an address or a command names it: nothing but this one is meant.
    """

    words: tuple[str, ...]
    repo_id: str = ""
    pasted: bool = False


def read_search(question: str) -> Asked:
    """What is asked for: at most eight words, of which a pasted address or command counts as its repository's id."""
    plain = " ".join(question.replace("\0", " ").split())
    hub = _HUB.search(plain)
    if hub:
        repo_id = _repository(hub[1])
        return Asked((repo_id.lower(),) if repo_id else (), repo_id if "/" in repo_id else "", pasted=True)
    command = _COMMAND.search(plain)
    ollama = _OLLAMA.search(plain)
    name = ollama[1] if ollama else next((one for one in command.groups() if one), "") if command else plain
    name = name.strip("\"'").split("?")[0].split("#")[0] if command or ollama else name
    if command and not ollama and _ID.fullmatch(name):
        return Asked((name.lower(),), name, pasted=True)
    tagged, _, tag = name.partition(":")
    if tag and _ID.fullmatch(tagged) and not ollama:
        return Asked((tagged.lower(),), tagged, pasted=command is not None)
    if ollama or command or _TAGGED.fullmatch(name):
        return Asked(_words(" ".join(_of_ollama(name))))
    words = _words(name)
    return Asked(words, name if len(words) == 1 and _ID.fullmatch(name) else "")


def spellings_of(word: str) -> tuple[str, ...]:
    """A word, and the same with or without a dash before its number: ``llama3.1`` and ``llama-3.1``."""
    found = re.fullmatch(r"([a-z]{2,})-?(\d.*)", word)
    return tuple(dict.fromkeys((word, f"{found[1]}{found[2]}", f"{found[1]}-{found[2]}"))) if found else (word,)


def _repository(path: str) -> str:
    """The repository's id of an address's path: ``org/name`` without a branch, file, tag or what follows."""
    parts = path.strip("\"'").split("?")[0].split("#")[0].split("@")[0].strip("/").split("/")[:2]
    return "/".join([*parts[:-1], parts[-1].split(":")[0]]) if parts else ""


def _of_ollama(name: str) -> list[str]:
    """The words of a model as Ollama names it: ``qwen3:8b-q4_K_M`` is a name and a tag that says size and packing."""
    model, _, tag = name.strip("/").lower().removeprefix("library/").partition(":")
    return [model, *(part for part in tag.split("-") if part and not _SAYING_NOTHING.fullmatch(part))]


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.lower().split()))[:MOST_WORDS]
