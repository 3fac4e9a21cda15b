"""Reads data files strictly, by pydantic models: whatever is wrong is said with file, place and what is expected there.

Such as ``accelerators.json: accelerators 17 (RTX 4090): vendor should be one of nvidia, amd, not 'nvdia'``. The lowest
layer of all: any folder with data files may use it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails


class DataError(ValueError):
    """A data file is wrong; the message names the file, the place in it and what is expected there."""


class StrictTable(BaseModel):
    """A table of a data file: a field it does not declare is an error, and so is a value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def one_of(*choices: str) -> AfterValidator:
    """For a field that takes one of these words."""

    def check(value: str) -> str:
        if value not in choices:
            raise ValueError(f"should be one of {', '.join(choices)}, not {value!r}")
        return value

    return AfterValidator(check)


def _without_repeats(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("names something twice")
    return values


Name = Annotated[str, StringConstraints(min_length=1)]
without_repeats = AfterValidator(_without_repeats)
"""For a list whose entries differ."""
Names = Annotated[list[Name], without_repeats]
Table = TypeVar("Table", bound=BaseModel)


def read_text(file: Traversable) -> str:
    """A data file's text; raises :class:`DataError` where it is missing or no UTF-8."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file.name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def parse_toml(text: str, filename: str) -> dict[str, Any]:
    """The TOML text as plain values; raises :class:`DataError`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{filename}: not valid TOML: {error}") from None


def parse_json(text: str, filename: str) -> Any:
    """The JSON text as plain values; a key that stands twice in one object is an error. Raises :class:`DataError`."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            keys = [key for key, _ in pairs]
            raise DataError(f"{filename}: {next(k for k in keys if keys.count(k) > 1)!r} stands twice in one object")
        return table

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise DataError(f"{filename}: not valid JSON: {error}") from None


def check_table(model: type[Table], data: object, filename: str) -> Table:
    """The values as ``model``; raises :class:`DataError` for the first that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise DataError(f"{filename}: {describe_first(error, data)}") from None


def describe_first(error: ValidationError, data: object) -> str:
    """``place problem`` for the first error; a misspelt field comes before the one that is missed for it."""
    errors = error.errors(include_url=False)
    first = next((one for one in errors if one["type"] in _UNKNOWN), errors[0])
    place, problem = _place(first["loc"], data), _problem(first)
    if not place:
        return problem
    # What a whole table lacks is a sentence of its own: "architectures 1: serves is missing".
    about_table = first["type"] == "value_error" and isinstance(first["input"], Mapping | BaseModel)
    return f"{place}: {problem}" if about_table else f"{place} {problem}"


def _place(steps: tuple[int | str, ...], data: Any) -> str:
    """``accelerators 17 (RTX 4090): vendor``: entries are counted from 1 and named where they have a name."""
    parts: list[str] = []
    for step in steps:
        if isinstance(step, int) and isinstance(data, list):
            data = data[step]
            name = next((data[key] for key in ("name", "id") if data.get(key)), "") if isinstance(data, Mapping) else ""
            parts[-1:] = [f"{parts[-1] if parts else 'entry'} {step + 1}" + (f" ({name})" if name else "")]
        elif isinstance(data, Mapping):
            data = data.get(step)
            parts.append(str(step))
        # What is left says which of several kinds of value was tried.
    return ": ".join(parts)


_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_KINDS = {
    "string_type": "str",
    "int_type": "int",
    "int_from_float": "int",
    "float_type": "float or int",
    "bool_type": "bool",
    "date_type": "date",
    "list_type": "list",
    "tuple_type": "list",
    "dict_type": "a table",
    "model_type": "a table",
    "dataclass_type": "a table",
}


def _problem(error: ErrorDetails) -> str:
    kind, value = error["type"], error["input"]
    if kind in _UNKNOWN:
        return "is not a field here"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "string_too_short" or (kind == "too_short" and not value):
        return "is empty"
    if kind in ("literal_error", "enum"):
        words = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"should be one of {words}, not {value!r}"
    expected = f"should be {_KINDS[kind]}" if kind in _KINDS else error["msg"].removeprefix("Input ")
    shown = repr(value)
    return f"{expected}, not {shown if len(shown) <= 80 else shown[:80] + '...'}"
