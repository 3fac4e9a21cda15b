"""The Hub's list and detail answers as typed, frozen objects.

First step of the flow: JSON from a Hub, a file or a caller comes in, a :class:`HubModel` goes out. Fields the
Hub itself writes are strict: a wrong type rejects the record, naming the field. What repository authors write
(``cardData``, ``config``) may hold anything and is read tolerantly. A missing key is unknown, never empty.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from compat.hub.errors import HubBadPayload

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""The largest record accepted, in bytes of JSON; real ones are a few hundred KB at most."""

_SEGMENT = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_.-])?"
# In JSON a NUL is written \u0000; after another backslash the same letters are only letters.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_REPO_ID = re.compile(rf"(?:{_SEGMENT}/)?{_SEGMENT}", re.ASCII)


def is_repo_id(text: str) -> bool:
    """Whether the text has the form of a Hub repository id: ``name`` or ``author/name``."""
    return bool(_REPO_ID.fullmatch(text)) and "--" not in text and ".." not in text


def _checked_id(value: Any) -> Any:
    if isinstance(value, str) and not is_repo_id(value):
        raise ValueError(f"{value[:120]!r} is not a repository id of the form author/name")
    return value


def _only_text_dates(value: Any) -> Any:
    if value is not None and not isinstance(value, str | datetime):
        raise ValueError("should be an ISO 8601 date")
    return value


def _with_zone(value: datetime) -> datetime:
    """The Hub writes UTC; a date that others shortened to the day means UTC as well."""
    if not value.tzinfo:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is a date outside the calendar") from None


Count = Annotated[StrictInt, Field(ge=0, le=2**62)]
RepoId = Annotated[StrictStr, BeforeValidator(_checked_id)]
Timestamp = Annotated[datetime, BeforeValidator(_only_text_dates), AfterValidator(_with_zone)]


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Lfs(_Block):
    """Where a large file is kept: its digest and size in bytes."""

    sha256: StrictStr | None = None
    size: Count | None = None


class Sibling(_Block):
    """One file of a repository; ``size`` in bytes where the answer tells it."""

    rfilename: Annotated[StrictStr, Field(min_length=1, max_length=1024)]
    size: Count | None = None
    lfs: Lfs | None = None

    @property
    def bytes(self) -> int | None:
        """The file's size in bytes, from the entry itself or its large-file pointer; None if untold."""
        if self.size is not None:
            return self.size
        return self.lfs.size if self.lfs else None


class SafetensorsBlock(_Block):
    """What the Hub read from the safetensors headers: parameters (not bytes), in all and by data type."""

    total: Count | None = None
    parameters: dict[str, Count] | None = None

    @property
    def count(self) -> int | None:
        """Parameters in all."""
        if self.total is not None:
            return self.total
        return sum(self.parameters.values()) if self.parameters else None


class GgufBlock(_Block):
    """What the Hub read from one of the repository's GGUF headers. ``total`` counts parameters, not bytes."""

    total: Count | None = None
    architecture: StrictStr | None = None
    context_length: Count | None = None


class GgufFileHeader(_Block):
    """What this site itself read from the header of one of the repository's GGUF files.

    ``values`` holds the header's short values under their own keys; ``vocab_size`` counts the tokens.
    """

    file: StrictStr
    values: dict[str, Any]
    vocab_size: Count | None = None

    @property
    def architecture(self) -> str | None:
        """The header's ``general.architecture``."""
        name = self.values.get("general.architecture")
        return name[:80] if isinstance(name, str) and name else None

    @property
    def context_length(self) -> int | None:
        """The context the header tells, in tokens."""
        length = self.values.get(f"{self.architecture}.context_length")
        return length if isinstance(length, int) and not isinstance(length, bool) and 0 < length < 10**15 else None


class GgufBytes(_Block):
    """What a GGUF file's tensors take: all, and by what they are for; see :mod:`compat.shapes.tensor_bytes`."""

    total: Count
    embed: Count = 0
    head: Count = 0
    lookup: Count = 0
    experts: Count = 0

    @model_validator(mode="after")
    def parts_are_of_the_whole(self) -> Self:
        """The parts are told apart, and so are never more than all."""
        if self.embed + self.head + self.lookup + self.experts > self.total:
            raise ValueError("the parts take more than the whole")
        return self


class GgufFileTensors(_Block):
    """What this site itself read from the tensors of one GGUF file: how many, of how many weights, in how many bytes.

    ``types`` are the bytes by ggml's tensor types. :mod:`compat.extraction.gguf_tensors` sums them up.
    """

    tensors: Count
    layers: Count
    weights: Count
    bytes: GgufBytes
    types: Annotated[dict[Annotated[StrictStr, Field(max_length=32)], Count], Field(max_length=64)]


class GgufTensors(_Block):
    """The tensors of a repository's GGUF files, by the path of each that was read."""

    files: Annotated[dict[StrictStr, GgufFileTensors], Field(max_length=1000)]


_UNEQUAL = 2
"""How many times as large as the first file of a set the others may be on average."""
DataTypes = Annotated[dict[Annotated[StrictStr, Field(max_length=32)], Count], Field(max_length=64)]


class SafetensorsFileHeaders(_Block):
    """What this site itself read from the headers of the repository's safetensors weights.

    ``files`` of ``shards`` files were read, the first of ``file``'s set. ``counts`` and ``bytes`` are of the values as
    they are stored, by data type; ``weights`` counts what they pack, but for what is in ``words``, where names and
    shapes tell it. ``layout`` is the way they are packed (``awq-gemv``), empty for plain weights and None where that is
    not told. ``total_size`` is what the index beside the files says of all their bytes.
    :mod:`compat.extraction.tensor_facts` reads these out of the tensors.
    """

    file: StrictStr
    files: Count
    shards: Count
    tensors: Count
    layers: Count = 0
    counts: DataTypes
    bytes: DataTypes
    roles: DataTypes = {}
    layout: Annotated[StrictStr | None, Field(max_length=32)] = None
    weights: Count | None = None
    words: Count = 0
    total_size: Count | None = None

    @property
    def whole(self) -> bool:
        """Whether the headers of all files were read, so that its sums are of the whole set."""
        return 0 < self.files == self.shards

    @property
    def total_bytes(self) -> int | None:
        """What all tensors take; None where neither headers nor an index that agrees with the first file tell it."""
        read = sum(self.bytes.values())
        if self.whole:
            return read
        total = self.total_size
        return total if total is not None and read <= total <= _UNEQUAL * self.shards * read else None


class Departure(_Block):
    """That a repository's files cannot be had any more: why, and since when this site knows."""

    why: Literal["missing", "disabled"]
    since: Timestamp


class HubModel(_Block):
    """One model repository as a Hub tells it. Only ``id`` is certain; None means untold."""

    id: RepoId
    author: StrictStr | None = None
    sha: StrictStr | None = None
    private: StrictBool | None = None
    gated: StrictBool | Literal["auto", "manual"] | None = None
    disabled: StrictBool | None = None
    downloads: Count | None = None
    likes: Count | None = None
    trending_score: Annotated[StrictFloat | None, Field(alias="trendingScore", allow_inf_nan=False)] = None
    created_at: Annotated[Timestamp | None, Field(alias="createdAt")] = None
    last_modified: Annotated[Timestamp | None, Field(alias="lastModified")] = None
    pipeline_tag: StrictStr | None = None
    library_name: StrictStr | None = None
    tags: list[StrictStr] | None = None
    siblings: list[Sibling] | None = None
    safetensors: SafetensorsBlock | None = None
    gguf: GgufBlock | None = None
    config: dict[str, Any] | None = None
    card_data: Annotated[dict[str, Any] | None, Field(alias="cardData")] = None
    source: Annotated[dict[str, Any] | None, Field(alias="_source")] = None
    gguf_header: Annotated[GgufFileHeader | None, Field(alias="_gguf_header")] = None
    gguf_tensors: Annotated[GgufTensors | None, Field(alias="_gguf_tensors")] = None
    departure: Annotated[Departure | None, Field(alias="_gone")] = None
    safetensors_header: Annotated[SafetensorsFileHeaders | None, Field(alias="_safetensors_header")] = None

    @property
    def owner(self) -> str:
        """The account the repository belongs to; empty for the Hub's few unowned ones (``gpt2``)."""
        return self.id.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The repository's own name, without its owner."""
        return self.id.rpartition("/")[2]

    @property
    def gone(self) -> str | None:
        """Why its files cannot be had any more: ``missing`` (deleted, or private), ``disabled``; None if untold."""
        if self.departure:
            return self.departure.why
        return "disabled" if self.disabled else None

    @property
    def lists_all_files(self) -> bool:
        """Whether a list of its files is the Hub's own, and so whole; others' lists may have gaps."""
        return "siblings" not in (self.source or {})


@dataclass(frozen=True, slots=True)
class ParsedRecord:
    """A record that passed: its typed form, its canonical JSON and that JSON's digest (32 hex digits)."""

    model: HubModel
    payload: dict[str, Any]
    digest: str

    @property
    def id(self) -> str:
        """The repository's id."""
        return self.model.id


class _TreeEntry(_Block):
    """One entry of a file tree: what a :class:`Sibling` tells, and whether it is a file at all."""

    type: StrictStr
    path: Annotated[StrictStr, Field(min_length=1, max_length=1024)]
    size: Count | None = None
    lfs: Lfs | None = None


def files_of_tree(entries: Iterable[Any]) -> list[dict[str, Any]]:
    """The files of a page of a file tree, as a record writes its ``siblings``: name, and size in bytes.

    Raises :class:`HubBadPayload` for an entry that is none.
    """
    try:
        found = [_TreeEntry.model_validate(entry) for entry in entries]
    except ValidationError as error:
        _refuse_field(error, "entry of the file tree")
    # Of a large file the tree may tell the size of what stands for it in Git.
    sizes = ((one.path, one.lfs.size if one.lfs and one.lfs.size is not None else one.size, one.type) for one in found)
    return [
        {"rfilename": path, **({} if size is None else {"size": size})} for path, size, kind in sizes if kind == "file"
    ]


def _refuse_field(error: ValidationError, whole: str) -> NoReturn:
    first = error.errors(include_url=False, include_context=False)[0]
    path = ".".join(str(part)[:80] for part in first["loc"]) or whole
    _refuse(f"{path}: {first['msg']}", path)


def _refuse(message: str, field: str = "") -> NoReturn:
    raise HubBadPayload(message, field)


def _no_constants(name: str) -> NoReturn:
    _refuse(f"{name} is not a JSON number")


def _nothing(_name: str) -> None:
    """What a number that is none stands for."""


def decode_json(text: bytes | str, *, constants: bool = False) -> Any:
    """JSON as Python values, or :class:`HubBadPayload` with a reason a person can use.

    Refuses what the standard parser lets through (NaN, Infinity) and what would exhaust it (deep nesting,
    numbers of thousands of digits). With ``constants`` NaN and Infinity are read as None instead: the
    ``config.json`` of some good models holds them.
    """
    try:
        return json.loads(text, parse_constant=_nothing if constants else _no_constants)
    except json.JSONDecodeError as error:
        _refuse(f"not valid JSON: {error.msg} at character {error.pos + 1}")
    except UnicodeDecodeError:
        _refuse("not valid UTF-8 text")
    except RecursionError:
        _refuse("nested too deeply")
    except ValueError:
        _refuse("holds a number with too many digits")


_CANONICAL = json.JSONEncoder(sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def parse_record(source: bytes | str | Mapping[str, Any], *, most: int = MAX_RECORD_BYTES) -> ParsedRecord:
    """One Hub-shaped model record, checked; raises :class:`HubBadPayload` naming the field at fault.

    It may have ``most`` bytes of JSON.
    """
    given = decode_json(source) if isinstance(source, bytes | str) else source
    if not isinstance(given, Mapping):
        _refuse(f"a record should be a JSON object, not {type(given).__name__}")
    raw = dict(given)
    try:
        canonical = _CANONICAL.encode(raw)
        encoded = canonical.encode()
    except UnicodeEncodeError:
        _refuse("holds half of a surrogate pair, which is no character")
    except RecursionError:
        _refuse("nested too deeply")
    except (TypeError, ValueError) as error:
        _refuse(f"cannot be kept as JSON: {error}")
    if len(encoded) > most:
        _refuse(f"is {len(encoded):,} bytes; at most {most:,} are accepted")
    if "\\u0000" in canonical and _NUL.search(canonical):
        _refuse("holds a NUL character")
    try:
        model = HubModel.model_validate(raw)
    except ValidationError as error:
        _refuse_field(error, "record")
    return ParsedRecord(model, raw, hashlib.blake2b(encoded, digest_size=16).hexdigest())
