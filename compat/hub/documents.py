"""Documents: what the Hub said of one repository, each answer by itself, and the one payload they make together.

A row of a list, a model's own answer, ``config.json``, the tree of its files and a file's header are read at different
times, and each tells something that the others do not. So each is kept with the commit it belongs to and the time when
it was read, and :func:`merged` makes of them what extraction reads. No document erases what another told at the same
commit.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import takewhile
from typing import Any

from compat.hub.payloads import MAX_RECORD_BYTES, HubModel, ParsedRecord, parse_record


class Kind(StrEnum):
    """Where a document is from. Of two that tell the same of one commit, the kind that stands first is believed."""

    CONFIG = "config"
    GGUF = "gguf"
    GGUF_TENSORS = "gguf-tensors"
    SAFETENSORS = "safetensors"
    TREE = "tree"
    DETAIL = "detail"
    LIST = "list"
    FILE = "file"
    REFUSAL = "refusal"


MOST_SHA = 64
"""A commit has 40 characters; what is longer is none, and is cut."""
_RANK = {kind: place for place, kind in enumerate(Kind)}
_SOURCE = "_source"
_GONE = "_gone"
_TELLS_THAT_IT_IS_THERE = (Kind.DETAIL, Kind.LIST)

CHANGING = frozenset({
    *("disabled", "downloads", "downloadsAllTime", "evalResults", "gated", "inference", "inferenceProviderMapping"),
    *("lastModified", "likes", "private", "securityRepoStatus", "tags", "trendingScore", "usedStorage"),
})  # fmt: skip
"""What changes without a commit: the document that was read last is believed."""
LASTING = frozenset({"_id", "author", "createdAt"})
"""What no commit changes: where the others are silent, a document of an older commit is believed."""

_NO_FACTS = frozenset({
    *("added_tokens_decoder", "chat_template", "chat_template_jinja", "id2label", "label2id", "model-index", "spaces"),
    *("task_specific_params", "tokenizer_config", "widget", "widgetData"),
})  # fmt: skip
_OPEN = frozenset({"cardData", "config", "gguf", "transformersInfo"})
_MOST_CHARACTERS = 2000
_MOST_ITEMS = 4096
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Document:
    """One answer without the repository's id. ``sha`` is its commit, empty where it does not tell one.

    ``read`` is when it was read from the Hub; of a line of a file, when it was loaded, or the date that it tells.
    """

    kind: Kind
    sha: str
    read: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one repository at one time.

    ``record`` is its first document as a whole record. ``whole`` says that everything was asked for that this site asks
    for at all, so that documents of other commits are of no use any more.
    """

    record: ParsedRecord
    documents: tuple[Document, ...]
    whole: bool = False


def told(
    kind: Kind,
    answer: Any,
    read: datetime,
    more: Mapping[Kind, Mapping[str, Any]] | None = None,
    *,
    whole: bool = False,
) -> Told:
    """What an answer tells, and ``more`` that was read at its commit; facts only.

    Raises :class:`~compat.hub.errors.HubBadPayload` where one of them cannot be kept, naming the field at fault.
    """
    record = _facts_of(answer)
    first = Document(kind, (record.model.sha or "")[:MOST_SHA], read, _without_id(record.payload))
    return with_more(Told(record, (first,), whole), more or {}, read)


def with_more(told: Told, more: Mapping[Kind, Mapping[str, Any]], read: datetime) -> Told:
    """The same with what else was read at its commit, facts only; raises as :func:`told` does."""
    first = told.documents[0]
    parts = {kind: _facts_of({"id": told.record.model.id, **data}).payload for kind, data in more.items()}
    documents = [Document(kind, first.sha, read, _without_id(data)) for kind, data in parts.items()]
    return replace(told, documents=(*told.documents, *documents))


def _without_id(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != "id"}


def _facts_of(answer: Any) -> ParsedRecord:
    record = parse_record(answer)
    facts = {
        key: _facts_only(value) if key in _OPEN else value
        for key, value in record.payload.items()
        if key not in _NO_FACTS
    }
    return record if facts == record.payload else parse_record(facts)


def _facts_only(value: Any, depth: int = 1) -> Any:
    """The same without long texts and lists, and without what is known to hold no fact."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: _facts_only(inner, depth + 1)
        for key, inner in value.items()
        if key not in _NO_FACTS
        and not (isinstance(inner, str) and len(inner) > _MOST_CHARACTERS)
        and not (isinstance(inner, list) and len(inner) > _MOST_ITEMS)
        and not (isinstance(inner, Mapping) and depth > _DEEPEST)
    }


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def packed(data: Mapping[str, Any]) -> bytes:
    """A document's data as it is kept: canonical JSON, compressed."""
    if isinstance(data, Packed):
        return data.kept
    return zlib.compress(_CANONICAL.encode(data).encode())


def unpacked(kept: bytes | memoryview) -> dict[str, Any]:
    """The data again."""
    data: dict[str, Any] = json.loads(zlib.decompress(kept))
    return data


class Packed(Mapping[str, Any]):
    """A document's data as it is ``kept``, unpacked when somebody first looks into it."""

    def __init__(self, kept: bytes) -> None:
        self.kept = kept

    @cached_property
    def _data(self) -> dict[str, Any]:
        return unpacked(self.kept)

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


class PackedRecord(ParsedRecord):
    """A record that passed elsewhere, of which the id, the digest and the packed data came here."""

    __slots__ = ("_data", "_id", "_model")
    _data: Packed
    _id: str
    _model: HubModel | None

    def __init__(self, repo_id: str, digest: str, data: Packed) -> None:
        for name, value in (("_id", repo_id), ("digest", digest), ("_data", data), ("_model", None)):
            object.__setattr__(self, name, value)

    @property
    def id(self) -> str:
        """The repository's id."""
        return self._id

    @property
    def payload(self) -> dict[str, Any]:
        """All that it tells."""
        return {"id": self._id, **self._data}

    @property
    def model(self) -> HubModel:
        """Its typed form, made when it is first asked for."""
        made = self._model
        if made is None:
            made = HubModel.model_validate(self.payload)
            object.__setattr__(self, "_model", made)
        return made


def kept_record(payload: Mapping[str, Any]) -> ParsedRecord:
    """The record that kept documents make: each was checked before, and together they may be larger than one answer."""
    return parse_record(payload, most=len(Kind) * MAX_RECORD_BYTES)


# --- together --------------------------------------------------------------------------------------------------


def merged(repo_id: str, documents: Iterable[Document]) -> dict[str, Any]:
    """What all documents of a repository tell, as one record in the Hub's shape.

    The newest commit is that of the document read last of those that tell a commit. Its documents are believed first,
    by their kind; then those that tell no commit, the newest first. Documents of other commits tell only what lasts.
    What changes without a commit is from the document read last. That a repository is gone counts until the Hub tells
    of it again. Notes of a file on where it has something from stay with what is from that file.
    """
    newest = sorted(documents, key=lambda one: (one.read, -_RANK[one.kind]), reverse=True)
    if len(newest) == 1:
        return {"id": repo_id, **newest[0].data}
    commit = next((one.sha for one in newest if one.sha), "")
    current = [one for one in newest if one.sha and one.sha == commit]
    believed = [*sorted(current, key=lambda one: _RANK[one.kind]), *(one for one in newest if not one.sha)]
    others = [one for one in newest if one.sha not in ("", commit)]
    payload: dict[str, Any] = {"id": repo_id}
    notes: dict[str, Any] = {}
    for key in dict.fromkeys(key for one in newest for key in one.data if key != _SOURCE):
        order = (
            _since_there(newest)
            if key == _GONE
            else newest
            if key in CHANGING
            else [*believed, *others]
            if key in LASTING
            else believed
        )
        telling = [one for one in order if one.data.get(key) is not None]
        if telling:
            payload[key], used = _together(key, telling, commit)
            note = next((note for one in used if (note := _note(one, key)) is not None), None)
            notes |= {key: note} if note is not None else {}
        elif any(key in one.data for one in order):
            payload[key] = None
    return payload | ({_SOURCE: notes} if notes else {})


def _since_there(newest: Sequence[Document]) -> list[Document]:
    """The documents read after the Hub last told of a repository, the newest first."""
    return list(takewhile(lambda one: one.kind not in _TELLS_THAT_IT_IS_THERE, newest))


def _note(document: Document, key: str) -> Any:
    notes = document.data.get(_SOURCE)
    return notes.get(key) if isinstance(notes, Mapping) else None


def _together(key: str, telling: Sequence[Document], commit: str) -> tuple[Any, Sequence[Document]]:
    """The value that some documents make, best first, and which of them were used."""
    if key == "config":
        # A config.json is whole: what it leaves out is not there, whatever is told without a commit.
        whole = commit and any(one.kind is Kind.CONFIG and one.sha == commit for one in telling)
        return _united_config([one for one in telling if one.sha == commit] if whole else telling)
    if key == "siblings":
        return _with_sizes(telling)
    return telling[0].data[key], telling[:1]


def _united_config(telling: Sequence[Document]) -> tuple[dict[str, Any], Sequence[Document]]:
    """All keys of some configurations, but of one that is of another type of model than the best."""
    united: dict[str, Any] = {}
    used: list[Document] = []
    for one in telling:
        config = one.data["config"]
        types = {block["model_type"] for block in (united, config) if isinstance(block.get("model_type"), str)}
        more = _united(united, config) if len(types) < 2 else united
        if more != united or not used:
            united, used = more, [*used, one]
    return united, used


def _united(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """All that both blocks tell; where both tell a block it is united as well, else the first counts."""
    united = {**second, **first}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict) and isinstance(second[key], dict):
            united[key] = _united(first[key], second[key])
    return united


def _with_sizes(telling: Sequence[Document]) -> tuple[list[dict[str, Any]], Sequence[Document]]:
    """The files of the best list, each with the size that it or else another list tells."""
    best, *others = telling
    files = [dict(file) for file in best.data["siblings"]]
    used = [best]
    for one in others:
        sized = {file["rfilename"]: file for file in one.data["siblings"] if _has_size(file)}
        lacking = [file for file in files if not _has_size(file) and file["rfilename"] in sized]
        for file in lacking:
            file |= {**sized[file["rfilename"]], **{key: value for key, value in file.items() if value is not None}}
        used += [one] if lacking else []
    return files, used


def _has_size(file: Mapping[str, Any]) -> bool:
    return file.get("size") is not None or (file.get("lfs") or {}).get("size") is not None
