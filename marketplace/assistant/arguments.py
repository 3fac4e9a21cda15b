"""What the tools take: the API's own parameters under their own names, typed and described for an assistant."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    create_model,
)

from compat.catalogue.question import MOST_LETTERS, PARAMETERS, WORKER, DictQuery, Parameter, Question, did_you_mean
from compat.catalogue.reading import BROWSE, MACHINE_IS, read_question
from compat.catalogue.workers import AUTO, Worker
from compat.extraction.facts import DEFAULT_CONTEXT
from compat.extraction.metadata import MOST_BYTES, MOST_TOKENS, checked_name, parameter_count

from .plain import line, quoted

MOST = 50
"""Models in one answer."""
_MOST_REPORTED = 1_000_000
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


def _as_count(text: str) -> str:
    parameter_count(text)
    return text


Short = Annotated[str, StringConstraints(max_length=MOST_LETTERS)]
ModelId = Annotated[str, Field(max_length=200, description="Id of a model, such as microsoft/phi-2.")]


class Arguments(BaseModel):
    """What one tool takes. An argument that is not known is refused, never passed over."""

    model_config = ConfigDict(extra="forbid", strict=True)

    asks: ClassVar[tuple[str, ...]] = ()
    """The arguments that are browse parameters; see :func:`asking`."""

    def asked(self, name: str) -> Any:
        """What was given for a browse parameter; None where nothing was."""
        return getattr(self, name)

    def question(self, available: Mapping[str, Worker]) -> Question:
        """The question, read as the API reads it; raises :class:`~compat.catalogue.question.QuestionError`."""
        return read_question(DictQuery({name: self.asked(name) for name in self.asks}), available, self.asks)


A = TypeVar("A", bound=Arguments)


def asking(*names: str) -> Callable[[type[A]], type[A]]:
    """Make a tool take browse parameters beside its own arguments, as :class:`Question` declares them."""

    def taking(arguments: type[A]) -> type[A]:
        fields: dict[str, Any] = {name: (_argument(PARAMETERS[name]), None) for name in names}
        made = create_model(arguments.__name__, __base__=arguments, __doc__=arguments.__doc__, **fields)
        made.asks = names
        return made

    return taking


def _argument(parameter: Parameter) -> Any:
    """The type of an argument. Which words it may be is left to the question, whose messages name them."""
    schema = parameter.schema
    told: Any = Field(description=parameter.sentence.replace("`", ""))
    if parameter.many:
        most = schema["maxItems"]
        words = Annotated[Short, _one_of(parameter)] if parameter.values else Short
        return Annotated[Annotated[list[words], BeforeValidator(_listed), Field(max_length=most)] | None, told]  # type: ignore[valid-type] # words is a type made at run time
    if schema["type"] != "string":
        column = Question.model_fields[parameter.name]
        return Annotated[Annotated[column.annotation, *column.metadata] | None, told]
    if parameter.values:
        return Annotated[str | None, BeforeValidator(_worded), _one_of(parameter), told]
    return Annotated[Annotated[str, StringConstraints(max_length=schema.get("maxLength", MOST_LETTERS))] | None, told]


def _one_of(parameter: Parameter) -> Any:
    return Field(json_schema_extra={"enum": list(parameter.values)})


@asking(*BROWSE)
class Find(Arguments):
    """A search."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="How many models at most.")] = 10
    cursor: Annotated[
        str | None, Field(max_length=2000, description="nextCursor of the answer before, to get what follows.")
    ] = None


@asking(*WORKER)
class OneModel(Arguments):
    """One model of the catalogue."""

    model: ModelId


@asking(*WORKER)
class OneMachine(Arguments):
    """A machine, and the engine on it."""


class Nothing(Arguments):
    """No argument."""


@asking("worker")
class WorkersAsked(Arguments):
    """All workers, or one with every architecture it accepts."""


@asking(*WORKER)
class OneList(Arguments):
    """One curated list."""

    list: Annotated[Short, Field(description="The list's slug, from curated_lists.")]
    limit: Annotated[int, Field(ge=1, le=MOST, description="How many models at most.")] = 20


@asking(*WORKER)
class ReportAsked(Arguments):
    """The report."""

    top: Annotated[int, Field(ge=1, le=_MOST_REPORTED, description="How many of the best known models.")] = 200


@asking(*WORKER)
class Facts(Arguments):
    """The six facts of a model that the catalogue need not have."""

    architecture: Annotated[
        str,
        AfterValidator(checked_name),
        Field(max_length=200, description="model_type of config.json or the GGUF architecture, such as llama."),
    ]
    format: Annotated[
        str,
        AfterValidator(checked_name),
        Field(max_length=200, description="Weight format: safetensors, gguf or another one's name."),
    ]
    quantization: Annotated[
        Annotated[str, AfterValidator(checked_name)] | None,
        Field(max_length=200, description="Such as Q4_K_M or GPTQ; leave out if there is none."),
    ] = None
    parameters: Annotated[
        str, AfterValidator(_as_count), Field(max_length=200, description="Parameters as people write them: 8.0B.")
    ] = "unknown"
    size_bytes: Annotated[int | None, Field(ge=0, lt=MOST_BYTES, description="Size of the weight files in bytes.")] = (
        None
    )
    max_context_length: Annotated[
        int, Field(ge=1, lt=MOST_TOKENS, description="Tokens it was made for (max_position_embeddings).")
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
            told["enum"] = [*known, AUTO]
    return {name: value for name, value in schema.items() if name not in ("title", "description")}


def problems_of(error: ValidationError, arguments: type[Arguments]) -> str:
    """What is wrong with some arguments, and what is allowed, in sentences."""
    known = list(arguments.model_fields)
    told = []
    for one in error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_TOLD]:
        name = line(".".join(str(part) for part in one["loc"])[:200], 60)
        if one["type"] == "extra_forbidden":
            there = f" There are: {', '.join(known)}." if known else " This tool takes none."
            machine = f" {MACHINE_IS}" if name == "machine" and "accelerator" in known else ""
            told.append(f"There is no argument {quoted(name)} here.{machine or did_you_mean(name, known, 1) or there}")
        elif one["type"] == "missing":
            told.append(f"{name} is missing. {arguments.model_fields[name].description}")
        else:
            told.append(f"{name}: {line(one['msg'], 300)}.")
    return " ".join(told)
