"""What the authors of well-known models published of them, by repository: ``published.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Self

from pydantic import Field, model_validator

from compat.strict_data import Name, StrictTable, check_table, parse_toml, read_text

_FILE = "published.toml"
_FIELDS = ("parameters", "context", "task")


class Published(StrictTable):
    """Facts of some repositories; the head of ``published.toml`` says what each field means."""

    ids: list[Name] = Field(min_length=1)
    parameters: Annotated[int, Field(ge=1)] | None = None
    context: Annotated[int, Field(ge=1)] | None = None
    task: Name | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(getattr(self, name) is None for name in _FIELDS):
            raise ValueError(f"it says nothing: give one of {', '.join(_FIELDS)}")
        return self


class _PublishedTable(StrictTable):
    models: list[Published]

    @model_validator(mode="after")
    def _differ(self) -> Self:
        for name in _FIELDS:
            ids = [pattern for row in self.models if getattr(row, name) is not None for pattern in row.ids]
            if len(ids) != len(set(ids)):
                twice = next(one for one in ids if ids.count(one) > 1)
                raise ValueError(f"ids: {twice} stands there twice with {name}")
        return self


@cache
def published_facts() -> Mapping[str, tuple[Mapping[str, int | str], tuple[tuple[str, int | str], ...]]]:
    """By field, its values by id and by how an id begins, the longest first; raises ``DataError``."""
    text = read_text(resources.files(__package__).joinpath(_FILE))
    table = check_table(_PublishedTable, parse_toml(text, _FILE), _FILE)
    found = {}
    for name in _FIELDS:
        rows = [(pattern, value) for row in table.models if (value := getattr(row, name)) for pattern in row.ids]
        begins = [(pattern[:-1], value) for pattern, value in rows if pattern.endswith("*")]
        found[name] = (dict(rows), tuple(sorted(begins, key=lambda row: -len(row[0]))))
    return found


def _of(repo_id: str, name: str) -> int | str | None:
    exact, begins = published_facts()[name]
    return exact.get(repo_id) or next((value for start, value in begins if repo_id.startswith(start)), None)


def published_parameters(repo_id: str) -> int | None:
    """How many parameters a repository's authors count; None where that is not in the table."""
    found = _of(repo_id, "parameters")
    return found if isinstance(found, int) else None


def published_context(repo_id: str) -> int | None:
    """How many tokens a repository's model was made for; None where that is not in the table."""
    found = _of(repo_id, "context")
    return found if isinstance(found, int) else None


def published_task(repo_id: str) -> str | None:
    """The Hub's task of a repository; None where that is not in the table."""
    found = _of(repo_id, "task")
    return found if isinstance(found, str) else None
