"""What the authors of well-known models published of them, by repository: ``published.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Self

from pydantic import Field, model_validator

from compat.architectures.id_patterns import IdPatterns
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
def published_facts() -> Mapping[str, IdPatterns[int | str]]:
    """By field, its values by id; raises ``DataError``. Read once a process."""
    text = read_text(resources.files(__package__).joinpath(_FILE))
    told = check_table(_PublishedTable, parse_toml(text, _FILE), _FILE).models
    return {
        name: IdPatterns((pattern, value) for row in told if (value := getattr(row, name)) for pattern in row.ids)
        for name in _FIELDS
    }


def published_parameters(repo_id: str) -> int | None:
    """How many parameters a repository's authors count; None where that is not in the table."""
    found = published_facts()["parameters"].find(repo_id)
    return found if isinstance(found, int) else None


def published_context(repo_id: str) -> int | None:
    """How many tokens a repository's model was made for; None where that is not in the table."""
    found = published_facts()["context"].find(repo_id)
    return found if isinstance(found, int) else None


def published_task(repo_id: str) -> str | None:
    """The Hub's task of a repository; None where that is not in the table."""
    found = published_facts()["task"].find(repo_id)
    return found if isinstance(found, str) else None
