"""The shapes of the answers: those of the JSON API, and what an assistant is told beside them."""

from __future__ import annotations

from pydantic import Field

from marketplace.api import schemas as api_schemas


class Take(api_schemas.VariantRef):
    """The files to take, of the best variant."""

    files: list[str] = Field(description="The first of its files.")
    file_count: int
    missing_shards: int


class Verdict(api_schemas.Compatibility):
    """Whether a model of the catalogue runs, why, what to take, and what that was made from."""

    url: str = Field(description="The model's page on this site.")
    task: str | None
    license: str | None
    gated: api_schemas.Gate
    take: Take | None = Field(description="Null where it does not run.")
    surer_build: api_schemas.Surer
    perhaps_build: api_schemas.Perhaps
    other_engines: api_schemas.OtherEngines
    memory: api_schemas.Memory | None = Field(description="Null where the worker's machine is not told.")
    measured: api_schemas.Measured
    facts: dict[str, api_schemas.FactOut] = Field(description="Each fact with the place where it was read.")
    origin: str = Field(description="Where the record came from: `hub`, `snapshot` or `file`.")
    as_of: api_schemas.AsOf
    updated_at: api_schemas.UpdatedAt
    rules: str = Field(description="The version of the rules.")


class Listed(api_schemas.ModelItem):
    """A model of a curated list, with the curator's note."""

    note: str


class CuratedModels(api_schemas.ListOut):
    """A curated list with the first of its models; `size` and `running` count all of them."""

    items: list[Listed]
    running: int
    worker: api_schemas.WorkerOut


class Alternative(api_schemas.AlternativeItem):
    """A model to take instead."""

    reason: str


class Alternatives(api_schemas.Shape):
    """What runs instead of a model, the nearest first: other builds of it, its family, then others for the same use."""

    id: str
    url: str
    compatibility: api_schemas.Verdict
    items: list[Alternative]
    worker: api_schemas.WorkerOut


class WorkerEntry(api_schemas.WorkerOut):
    """A worker and its numbers; what it accepts in full where only one was asked for."""

    engine_version: str
    source: str
    summary: str
    default: bool
    registered: bool = Field(description="Whether an operator of this site keeps it.")
    formats: list[str]
    context_limit: int | None
    context_policy: str
    total: int
    running: int
    by_confidence: dict[str, int]
    unknown: int
    architectures: list[str] = []
    tasks: list[str] = []


class Workers(api_schemas.Shape):
    """The workers, the site's first one first."""

    items: list[WorkerEntry]
