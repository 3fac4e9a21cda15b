"""What the tools take: the API's own parameters under their own names, typed and described for an assistant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from compat.catalogue.question import GATED, LEAST_MEMORY, SHOWN, SORTS, WORKER, Criteria, DictQuery
from compat.catalogue.workers import MOST_ACCELERATORS, Worker
from compat.extraction.facts import DEFAULT_CONTEXT
from compat.models.search import MAX_QUERY
from marketplace.api.parameters import LISTING

from .plain import line, quoted

MOST = 50
"""Models in one answer."""
_MOST_WHOLE = 999_999_999
_MOST_NUMBER = 1_000_000
_MOST_TOLD = 5


def _listed(value: object) -> object:
    """A lone word, or a list written as text, as the list it means: some assistants send these."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return [value]
    return [value] if value else []


def _worded(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


Short = Annotated[str, StringConstraints(max_length=120)]
Words = Annotated[list[Short], BeforeValidator(_listed), Field(max_length=20)]
Number = Annotated[float, Field(ge=0, lt=_MOST_NUMBER)]
Memory = Annotated[float, Field(ge=LEAST_MEMORY, lt=_MOST_NUMBER)]
Whole = Annotated[int, Field(ge=1, le=_MOST_WHOLE)]
ModelId = Annotated[str, Field(max_length=200, description="Id of a model, such as microsoft/phi-2.")]


def _one_of(values: Iterable[str]) -> Any:
    return Field(json_schema_extra={"enum": list(values)})


class Arguments(BaseModel):
    """What one tool takes. An argument that is not known is refused, never passed over."""

    model_config = ConfigDict(extra="forbid", strict=True)


class On(Arguments):
    """The worker a question is about."""

    asks: ClassVar[tuple[str, ...]] = WORKER
    """The arguments that are parameters of the API's question."""

    worker: Annotated[
        Short | None, Field(description="Engine or worker to judge for; the site's first one if not given.")
    ] = None
    memory: Annotated[
        Memory | None, Field(description="Memory of one accelerator (graphics card), in GB. Without it or an "
        "accelerator, engines alone are judged and nothing is said of memory.")
    ] = None  # fmt: skip
    count: Annotated[int | None, Field(ge=1, le=MOST_ACCELERATORS, description="How many accelerators.")] = None
    accelerator: Annotated[
        Short | None, Field(description="Accelerator by its exact name, such as RTX 4090, instead of its memory.")
    ] = None
    ram: Annotated[Number | None, Field(description="System memory, in GB.")] = None
    context: Annotated[Whole | None, Field(description="Context wanted, in tokens; 8,192 if not given.")] = None

    def criteria(self, available: Mapping[str, Worker]) -> Criteria:
        """The question, read as the API reads it; raises :class:`~compat.catalogue.question.CriteriaError`."""
        return Criteria.from_query(DictQuery({name: value for name, value in self if name in self.asks}), available)


class Find(On):
    """A search."""

    asks: ClassVar[tuple[str, ...]] = LISTING

    q: Annotated[
        str | None, Field(max_length=MAX_QUERY, description="Words that the model's id must hold, or a Hub address.")
    ] = None
    task: Annotated[Words | None, Field(description="Tasks, such as text-generation. Any of them.")] = None
    architecture: Annotated[
        Words | None, Field(description="Families or model types, such as llama or qwen3_moe. Any of them.")
    ] = None
    format: Annotated[Words | None, Field(description="Weight formats, such as gguf or safetensors.")] = None
    quantization: Annotated[Words | None, Field(description="Quantizations, such as Q4_K_M or GPTQ.")] = None
    license: Annotated[Words | None, Field(description="Licences, such as apache-2.0 or mit.")] = None
    language: Annotated[Words | None, Field(description="Language codes, such as en or de.")] = None
    author: Annotated[Words | None, Field(description="Accounts the model belongs to, such as Qwen.")] = None
    gated: Annotated[
        Annotated[str | None, BeforeValidator(_worded), _one_of(GATED)],
        Field(description="true: only models whose terms must be accepted first; false: only open ones."),
    ] = None
    min_params: Annotated[Number | None, Field(description="At least so many billions of parameters.")] = None
    max_params: Annotated[Number | None, Field(description="At most so many billions of parameters.")] = None
    min_context: Annotated[Whole | None, Field(description="Made for a context of at least so many tokens.")] = None
    list: Annotated[Short | None, Field(description="Only models of this curated list (see curated_lists).")] = None
    compatible: Annotated[
        Annotated[str | None, BeforeValidator(_worded), _one_of(SHOWN)],
        Field(description="true (if not given): what runs; false: everything; only-incompatible: what does not run."),
    ] = None
    sort: Annotated[Annotated[str | None, _one_of(SORTS)], Field(description="The order; popular if not given.")] = None
    limit: Annotated[int, Field(ge=1, le=MOST, description="How many models at most.")] = 10
    cursor: Annotated[
        str | None, Field(max_length=2000, description="nextCursor of the answer before, to get what follows.")
    ] = None


class OneModel(On):
    """One model of the catalogue."""

    model: ModelId


class Nothing(Arguments):
    """No argument."""


class WorkersAsked(Arguments):
    """All workers, or one."""

    worker: Annotated[Short | None, Field(description="Only this one, with every architecture it accepts.")] = None


class OneList(On):
    """One curated list."""

    list: Annotated[Short, Field(description="The list's slug, from curated_lists.")]
    limit: Annotated[int, Field(ge=1, le=MOST, description="How many models at most.")] = 20


class ReportAsked(On):
    """The report."""

    top: Annotated[int, Field(ge=1, le=_MOST_NUMBER, description="How many of the best known models.")] = 200


class Facts(On):
    """The six facts of a model that the catalogue need not have."""

    architecture: Annotated[
        str, Field(max_length=200, description="model_type of config.json or the GGUF architecture, such as llama.")
    ]
    format: Annotated[str, Field(max_length=200, description="Weight format: safetensors, gguf or another one's name.")]
    quantization: Annotated[
        str | None, Field(max_length=200, description="Such as Q4_K_M or GPTQ; leave out if there is none.")
    ] = None
    parameters: Annotated[str, Field(max_length=200, description="Parameters as people write them: 8.0B.")] = "unknown"
    size_bytes: Annotated[int | None, Field(ge=0, lt=2**62, description="Size of the weight files in bytes.")] = None
    max_context_length: Annotated[
        int, Field(ge=1, lt=10**15, description="Tokens it was made for (max_position_embeddings).")
    ] = DEFAULT_CONTEXT


def schema_of(arguments: type[Arguments], slugs: Iterable[str] = ()) -> dict[str, Any]:
    """The JSON schema of a tool's arguments; ``slugs`` are the workers there are."""
    schema = arguments.model_json_schema()
    for name, told in schema.get("properties", {}).items():
        told.pop("title", None)
        if told.get("default", ...) is None:
            del told["default"]
        for choice in told.pop("anyOf", ()):
            if choice.get("type") != "null":
                told.update(choice)
        if name == "worker" and (known := list(slugs)):
            told["enum"] = known
    return {name: value for name, value in schema.items() if name not in ("title", "description")}


def problems_of(error: ValidationError, arguments: type[Arguments]) -> str:
    """What is wrong with some arguments, and what is allowed, in sentences."""
    known = list(arguments.model_fields)
    told = []
    for one in error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_TOLD]:
        name = line(".".join(str(part) for part in one["loc"])[:200], 60)
        if one["type"] == "extra_forbidden":
            near = get_close_matches(name, known, 1)
            hint = (
                f"Did you mean {near[0]}?"
                if near
                else f"There are: {', '.join(known)}."
                if known
                else "This tool takes none."
            )
            told.append(f"There is no argument {quoted(name)} here. {hint}")
        elif one["type"] == "missing":
            told.append(f"{name} is missing. {arguments.model_fields[name].description}")
        else:
            told.append(f"{name}: {line(one['msg'], 300)}.")
    return " ".join(told)
