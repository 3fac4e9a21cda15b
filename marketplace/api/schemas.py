"""The shapes of requests and answers, in camelCase. Facts that are not known are null."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
)
from pydantic.alias_generators import to_camel

from compat.extraction.facts import DEFAULT_CONTEXT, VariantFacts
from compat.extraction.metadata import MOST_BYTES, MOST_TOKENS, checked_name, parameter_count

MOST_MODELS = 1000
"""Models in one request."""
Gate = Annotated[
    Literal["auto", "manual", False] | None,
    Field(
        description="What the Hub asks before a download: `auto`, terms to accept; `manual`, an approval to wait for; "
        "`false`, nothing. Null where the record does not tell."
    ),
]
Gone = Annotated[
    Literal["missing", "disabled"] | None,
    Field(
        description="Why its files cannot be had from the Hub any more: `missing`, deleted or private; `disabled` by "
        "the Hub. Null where nothing says so."
    ),
]
AsOf = Annotated[
    str | None,
    Field(
        description="When the newest of its facts was recorded, or read from the Hub: a year, month or day. "
        "Null where the record does not tell."
    ),
]
UpdatedAt = Annotated[
    datetime,
    Field(
        description="When the record last changed on this site, which says nothing of the age of its facts: see `asOf`."
    ),
]
Confidence = Literal["high", "medium", "low", "none"]
Text = Annotated[StrictStr, Field(max_length=200)]


class Shape(BaseModel):
    """Named in Python's way here, in JavaScript's way outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class FieldError(Shape):
    """One field at fault."""

    field: str
    message: str


class Problem(Shape):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None


class Metadata(Shape):
    """The six facts a verdict needs."""

    architecture: str = Field(description="`model_type` of the configuration, or the GGUF name; `unknown`.")
    format: str = Field(description="`safetensors`, `gguf`, another format's name, or `unknown`.")
    quantization: str | None
    parameters: str = Field(
        description="Written for people: `8.0B`; `~8.0B` where only the name tells it; `unknown`.", examples=["8.0B"]
    )
    size_bytes: int | None
    max_context_length: int = Field(description="The tokens it was made for.")
    facts: dict[str, Any] = Field(
        description="What else the rules look at, and where it was read. Posted back with the six it is believed."
    )
    variants: list[dict[str, Any]] = Field(
        description="Every runnable set of files of the repository, where it has several: in what it differs from "
        "`facts`, and its size. Posted back with them, all are judged, as the repository is."
    )


Guessed = Annotated[
    list[str], Field(description="Facts that nothing told, by their names here: read out of the name, or assumed.")
]


class CardsOut(Shape):
    """Accelerators of one kind."""

    accelerator: str
    count: int
    memory_gb: float | None


class MachineOut(Shape):
    """What a worker runs on.

    ``beside`` are accelerators of other kinds than the first. ``assumed`` says which of several machines it is taken
    for, where the accelerator's name leaves that open. ``said`` are sentences on how the text was taken that told the
    machine, as the pages show them: `32 GB is taken as system memory.`
    """

    accelerator: str
    count: int
    memory_gb: float | None
    beside: list[CardsOut]
    ram_gb: float | None
    ram_bandwidth_gb_s: float | None
    assumed: str
    said: list[str]


class WorkerOut(Shape):
    """An engine, perhaps on a machine, as a verdict is made for it.

    ``slots`` requests are served at once; ``ubatch`` is null where an engine has no micro-batch to
    choose, and where it chooses one itself, model by model.
    """

    slug: str
    name: str
    label: str
    engine: str
    machine: MachineOut | None
    context: int
    kv_type: str
    kv_value_type: str
    slots: int
    ubatch: int | None


class Fit(Shape):
    """Whether it fits the worker's memory."""

    fit: Literal["fits", "tight", "partial offload", "too large", "cannot be shared out", "no such cache", "unknown"]
    sentence: str
    need_bytes: int | None = Field(
        description="On the card; of several on that which is fullest by its share, where another may hold more (see "
        "`cardBytes`); of a `partial offload` on all cards together. Null where it is not known."
    )
    room_bytes: int | None = Field(description="The room there is for `needBytes`.")
    card_bytes: list[int] = Field(
        description="What each card holds, the first one first; of a machine without any, its system memory. Empty "
        "where it is not known."
    )
    in_system_bytes: int = Field(
        description="In system memory beside the cards. A `partial offload` needs `needBytes` and this together; else "
        "it is what an engine of llama.cpp's family leaves there in any case, beside the need that `sentence` tells."
    )


class Result(Shape):
    """The original's answer."""

    compatible: bool
    confidence: Confidence
    reasons: list[str]
    warnings: list[str]
    recommendations: list[str]


class VariantOut(Shape):
    """One runnable set of weight files."""

    position: int
    label: str
    format: str | None
    quantization: str | None
    size_bytes: int | None
    files: list[str]
    missing_shards: int


class VariantRef(Shape):
    """The variant that a verdict is about."""

    position: int
    label: str
    format: str | None
    quantization: str | None
    size_bytes: int | None


class Compatibility(Result):
    """The original's answer, and beside it what it is about and what it was made from."""

    id: str | None = Field(description="The model, where one was named.")
    cause: str | None = Field(description="Why it does not run: the code of the first refusal.")
    brief: str | None = Field(description="The few words a badge shows.")
    codes: list[str] = Field(description="The rules that had something to say.")
    fit: Fit | None
    metadata: Metadata
    guessed: Guessed
    variant: VariantRef | None
    worker: WorkerOut


class Verdict(Shape):
    """A verdict in a list."""

    compatible: bool
    confidence: Confidence
    cause: str | None
    brief: str | None


_BACKEND = "What the engine is assumed to compute with, such as `CUDA` or `Metal`; empty where there is no number."


class Speed(Shape):
    """How fast one conversation is written: tokens a second with a range, or the reason why there is no number."""

    tokens_per_second: float | None
    low: float | None
    high: float | None
    basis: str
    reason: str
    backend: str = Field(description=_BACKEND)


class SurerOut(Shape):
    """Another repository with the same model, in a build that is surer on the worker."""

    id: str
    url: str
    variant: VariantRef | None = Field(description="The files of it to take.")
    compatibility: Verdict
    fit: Fit | None = Field(description="What it needs there; null where no machine is told.")
    speed: Speed | None
    lines: list[str] = Field(description="What starts it, typed into a Unix shell; empty: not known.")


Surer = Annotated[
    SurerOut | None,
    Field(
        description="The build that the model's page names first: of another repository with the same model, where "
        "that is surer on the worker than this one. Null where none is."
    ),
]


Perhaps = Annotated[
    SurerOut | None,
    Field(
        description="Where this repository does not run, or likely needs more than all the memory there is: another "
        "one with the same model, in a build that might run on the worker, and of which nothing tells whether it fits. "
        "Never beside a surer one; null where none is."
    ),
]


class OtherEngine(Shape):
    """Another engine that runs a model on the worker's machine."""

    slug: str = Field(description="What `worker` takes to ask for it.")
    name: str
    compatibility: Verdict


OtherEngines = Annotated[
    list[OtherEngine],
    Field(
        description="Where the worker's engine does not take the model: others that run it on that machine, the surest "
        "first."
    ),
]


class ModelOfOut(Shape):
    """The model that a repository is a build of: the weights as their author made them, whoever packed them."""

    id: str = Field(description="Its id; what its builds call it where none of them names one.")
    known: bool = Field(description="Whether the catalogue has the model's own repository.")
    repositories: int = Field(description="How many repositories have it, this one included.")
    by: Literal["itself", "relation", "curator", "name"] = Field(
        description="What tells it: `name` where nothing but the repository's name does."
    )


class StandingPart(Shape):
    """One part of the points that the suggested order goes by."""

    name: Literal["here", "size", "generation", "downloads", "age", "maker", "kind"]
    label: str
    points: int
    why: str


class StandingOut(Shape):
    """Why a model stands where it does in the suggested order: its points together, and for what it has them."""

    points: int
    parts: list[StandingPart]


class ModelItem(Shape):
    """A model in a list."""

    id: str
    author: str | None
    name: str
    url: str
    task: str | None
    library: str | None
    license: str | None
    gated: Gate
    gone: Gone
    gone_since: datetime | None = Field(description="When this site was first told so, where it was.")
    family: str | None
    downloads: int | None
    likes: int | None
    created_at: datetime | None
    last_modified: datetime | None
    metadata: Metadata
    guessed: Guessed
    quantizations: list[str]
    compatibility: Verdict
    variant: VariantRef | None
    fit: Fit | None
    speed: Speed | None = Field(description="Of `variant` on the worker's machine; null where none is told.")
    standing: StandingOut | None = Field(
        description="Why it stands where it does; null in other answers than lists in the suggested order."
    )
    model: ModelOfOut | None = Field(
        default=None, description="What it is a build of; told of the models of lists and of one model's own answer."
    )


class ModelList(Shape):
    """A part of a list. Follow `nextCursor` until it is null."""

    items: list[ModelItem]
    total: int
    next_cursor: str | None
    hidden: dict[str, int] = Field(description="How many match but do not run, by cause.")
    meant: str | None = Field(
        default=None,
        description="What was probably meant, where no model has the words of `q`: a search to ask instead.",
    )
    read: list[str] = Field(
        default_factory=list,
        description="How words of `q` were read that are no part of a name, in sentences: what they ask for, or that "
        "they are left out.",
    )
    worker: WorkerOut


class VariantVerdict(VariantOut):
    """A variant with its own verdict."""

    best: bool
    compatibility: Result
    fit: Fit | None


class FactOut(Shape):
    """A fact and where it was read."""

    value: str | int | None
    provenance: str
    evidence: str


class Related(Shape):
    """A model this one was made from."""

    id: str
    kind: str
    known: bool = Field(description="Whether the catalogue has it.")
    compatible: bool | None


class FileOut(Shape):
    """A file of the repository."""

    path: str
    what: str
    size_bytes: int | None


_MARGIN = "Four in five measurements lie within this fraction of it; null where too few were measured on the engine."


class MemoryPartOut(Shape):
    """One part of the memory need."""

    name: str
    bytes: int | None = Field(description="All of it: what lies on the cards and what lies in system memory.")
    on_cards_bytes: int | None
    in_system_bytes: int | None
    basis: str
    detail: str
    margin: float | None = Field(description=_MARGIN)


class MemoryPlaceOut(Shape):
    """One of the two kinds of memory."""

    name: str = Field(description="Such as `on the RTX 4090`, `on the cards`, `in system memory`.")
    need_bytes: int | None = Field(description="The parts in it together; null where one of them is not known.")
    room_bytes: int | None = Field(description="What is usable of it; null where that is not told.")


class FirstWord(Shape):
    """How long a prompt of so many tokens is read: seconds with a range, or the reason why there is no number."""

    prompt_tokens: int
    seconds: float | None
    low: float | None
    high: float | None
    basis: str
    reason: str
    backend: str = Field(description=_BACKEND)


class CardOut(Shape):
    """What one card holds, in bytes; of a machine without any, its system memory."""

    name: str
    need_bytes: int
    room_bytes: int
    parts: dict[str, int] = Field(description="`weights`, `kv`, `state`, `compute`, `overhead`, `projector`.")


class PlanOptions(Shape):
    """What is asked of the engine."""

    context: int
    kv_type: str
    kv_value_type: str
    slots: int
    ubatch: int | None


class PlanOut(Shape):
    """One way to run the model."""

    engine: str
    fit: str = Field(description="`fits`, `tight` or `partial offload`.")
    sentence: str
    changes: list[str] = Field(description="What it does otherwise than was asked; empty where nothing.")
    gives_up: list[str] = Field(description="What each of these costs, as sentences.")
    options: PlanOptions
    tensor_parallel: int = Field(description="Over how many cards each layer is cut.")
    pipeline_parallel: int = Field(description="How many cards, or groups of cards, hold whole layers.")
    cards: list[CardOut]
    spilled_bytes: dict[str, int] = Field(
        description="In system memory beside cards: `embedding`, `layers`, `experts`, `kv`."
    )
    speed: Speed
    lines: list[str] = Field(description="What to type into a Unix shell, one after the other; empty: not known.")
    flags: list[str] = Field(description="The arguments of the command that loads the model.")
    note: str | None = Field(description="What the lines cannot say, or why there are none.")


class PlansOut(Shape):
    """The ways to run the model on the worker's machine, the best first."""

    plans: list[PlanOut] = Field(description="Empty where no machine is told, or nothing runs.")
    lacks: str | None = Field(description="What the machine lacks where nothing runs.")


class ModelCompatibility(Compatibility, PlansOut):
    """Whether a model of the catalogue runs, why, and in which ways."""

    surer_build: Surer
    perhaps_build: Perhaps
    other_engines: OtherEngines


class UseOut(Shape):
    """What tells of a use: where that was read, and what it says."""

    provenance: str
    evidence: str


class RungOut(Shape):
    """A build on a machine's ladder, with the numbers of its own page."""

    why: dict[str, str] = Field(description="Why it is there, by kind: `biggest`, `quality`, `fastest`, `longest`.")
    id: str
    url: str = Field(description="The model's page, asked for the same.")
    use: UseOut
    parameters: str
    bits_per_weight: float
    variant: VariantRef
    compatibility: Verdict
    context: int = Field(description="The tokens that it is loaded for.")
    fit: Fit
    speed: Speed | None
    longest_context: int | None = Field(description="The most tokens that fit; null where that cannot be told.")
    plan: PlanOut | None = Field(description="The best way to start it; null where none is known.")


class UnlockedOut(Shape):
    """What a larger machine would bring onto the ladder."""

    words: str = Field(description="What is larger, such as `one more card`.")
    machine: str
    url: str = Field(description="The page of that machine.")
    rung: RungOut


class LeftOutOut(Shape):
    """How many models of a use are on no ladder."""

    all: int
    running: int = Field(description="Those that run or should run there.")
    unsure: int = Field(description="Those that only might run.")
    little_known: int = Field(description="Of those running: of models that few use, or that somebody altered.")


class LadderOut(Shape):
    """What to look at first for one use."""

    use: str
    label: str
    rungs: list[RungOut]
    left_out: LeftOutOut
    unlocked: UnlockedOut | None
    text_only: bool = Field(description="Whether the engine runs only the text part of what would be a rung.")
    instead: str | None = Field(description="An engine for the same machine that reads more than text; null: none.")
    by: str | None = Field(
        description="The engine whose rungs these are, where `worker=auto` was asked and the engine that suits the "
        "machine runs nothing for the use; else null."
    )


class MachineLadders(Shape):
    """What a machine can run. `ladders` is empty where no machine is told, or the engine does not run on it."""

    worker: WorkerOut
    refused: bool = Field(description="Whether the engine does not run on the machine at all.")
    assumed_rate: float | None = Field(
        description="GB a second of system memory by which slow builds were left out, where that was not told."
    )
    ladders: list[LadderOut]


class Memory(PlansOut):
    """The memory need of the best variant on the worker's machine, as if its engine took it where ``fit`` is null."""

    parts: list[MemoryPartOut] = Field(description="Every part, with what of it lies in which memory.")
    places: list[MemoryPlaceOut] = Field(
        description="What all parts take on the cards and in system memory. Of a `partial offload` both together are "
        "the need that `fit.sentence` tells, else it tells what is on the card, or on one of several."
    )
    cards: list[CardOut] = Field(description="What each card holds of what was asked; empty where that is not known.")
    room_bytes: int
    context: int = Field(description="Tokens it is loaded for: those wanted; unasked, no more than it was made for.")
    longest_context: int | None
    conversations: int | None = Field(description="How many of the wanted context fit at once, with one pool for all.")
    tokens_per_second: float | None
    speed: Speed | None = Field(description="A thousand tokens into a conversation.")
    speed_full: Speed | None = Field(description="The same when the context is full; `null` without a number.")
    first_word: FirstWord | None
    assumptions: list[str]
    margin: float | None = Field(description=f"Of all parts together. {_MARGIN}")
    speed_margin: float | None = Field(description=f"Of the tokens a second. {_MARGIN}")


class KeptPart(Shape):
    """One part of the memory that was measured, in bytes."""

    name: str
    measured: int
    estimated: int | None


class KeptSpeed(Shape):
    """One speed that was measured, in tokens a second."""

    measured: float
    estimated: float | None


class MeasurementOut(Shape):
    """A load of the model that this site kept of an engine's log. Estimates are those of the day it was kept."""

    made: datetime
    engine: str
    version: str | None
    machine: str | None = Field(description="The machine in words, as the log or its worker told it.")
    accelerator: str | None
    count: int
    memory_gb: float | None = Field(description="Of one accelerator.")
    beside: str | None = Field(description="Accelerators of other kinds.")
    ram_gb: float | None
    variant: str | None
    format: str | None
    quantization: str | None
    options: dict[str, Any] = Field(description="How the engine was started, as the log tells it.")
    parts: list[KeptPart]
    measured_bytes: int | None = Field(description="Of the parts together that have an estimate.")
    estimated_bytes: int | None
    decode: KeptSpeed | None
    prompt: KeptSpeed | None


Measured = Annotated[
    list[MeasurementOut],
    Field(
        description="The newest five loads that this site measured of the model on the worker's engine and machine, "
        "or on any machine where none is told."
    ),
]


class NamedUse(UseOut):
    """What a model is used for, and what tells it."""

    name: Literal["chat", "code", "reasoning", "vision", "embedding", "speech"]


class AlternativeItem(ModelItem):
    """A model to take instead of another."""

    kind: Literal["build", "family", "use"] | None = Field(
        description="The same model in another build, the next of its family, or another that is for the same."
    )
    why: str
    changes: list[str] = Field(description="What changes with it, in words.")


class ModelDetail(ModelItem):
    """Everything about one model."""

    result: Compatibility
    variants: list[VariantVerdict]
    facts: dict[str, FactOut]
    uses: list[NamedUse]
    languages: list[str]
    bases: list[Related]
    one_change: str | None = Field(
        description="What alone would make a model run that does not: another build of it, another way to start it, or "
        "the next larger machine; where none of these does, a build of which nothing tells whether it fits. Null where "
        "it runs, or one change is not enough."
    )
    surer_build: Surer
    perhaps_build: Perhaps
    other_engines: OtherEngines
    builds: list[ModelItem] = Field(description="Other repositories with the same model, the best here first.")
    alternatives: list[AlternativeItem]
    files: list[FileOut]
    memory: Memory | None
    measured: Measured
    sha: str | None
    origin: str
    as_of: AsOf
    updated_at: UpdatedAt
    rules: str
    worker: WorkerOut


def _stated(hint: Any) -> Any:
    """A type of a fact as it may come from a stranger: texts of bounded length, counts that are counts."""
    bounded = {str: Text, str | None: Text | None, bool: StrictBool, bool | None: StrictBool | None}
    return bounded.get(hint, Annotated[StrictInt, Field(ge=1, lt=10**15)] if hint is int else hint)


_FACT_TYPES = {
    to_camel(name): (name, TypeAdapter(_stated(hint))) for name, hint in get_type_hints(VariantFacts).items()
}


def _as_facts(given: dict[str, Any]) -> dict[str, Any]:
    """Facts that are of their types and of no other names; raises ``ValueError``."""
    unknown = given.keys() - _FACT_TYPES.keys()
    if unknown:
        raise ValueError(f"{min(unknown)[:60]!r} is no fact; there are: {', '.join(_FACT_TYPES)}")
    told = ((_FACT_TYPES[name], value) for name, value in given.items())
    return {name: of_type.validate_python(value) for (name, of_type), value in told}


_Size = Annotated[StrictInt, Field(ge=0, lt=MOST_BYTES)] | None
_SIZE = TypeAdapter(_Size)


def _as_variant(given: dict[str, Any]) -> dict[str, Any]:
    """In what a variant differs from the facts, with its ``size_bytes``; raises ``ValueError``."""
    facts = {name: value for name, value in given.items() if name != "sizeBytes"}
    return {**_as_facts(facts), "size_bytes": _SIZE.validate_python(given.get("sizeBytes"))}


def _as_count(text: str) -> str:
    """A number of parameters as people write it, or ``unknown``; raises ``ValueError``."""
    parameter_count(text)
    return text


StatedName = Annotated[Text, AfterValidator(checked_name)]


class MetadataIn(Shape):
    """The six facts, as a caller states them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "architecture": "llama",
                "format": "safetensors",
                "quantization": None,
                "parameters": "8.0B",
                "sizeBytes": 16060522496,
                "maxContextLength": 8192,
            }
        },
    )

    architecture: StatedName
    format: StatedName
    quantization: StatedName | None = None
    parameters: Annotated[Text, AfterValidator(_as_count)] = "unknown"
    size_bytes: _Size = None
    max_context_length: Annotated[StrictInt, Field(ge=1, lt=MOST_TOKENS)] = DEFAULT_CONTEXT
    facts: Annotated[
        dict[str, Any] | None,
        AfterValidator(lambda given: None if given is None else _as_facts(given)),
        Field(description="The `facts` of an answer; of use while the six are as in that answer."),
    ] = None
    variants: Annotated[
        list[dict[str, Any]],
        Field(max_length=MOST_MODELS, description="The `variants` of an answer, which go with its `facts`."),
        AfterValidator(lambda given: [_as_variant(one) for one in given]),
    ] = []


HubShaped = Annotated[
    dict[str, Any],
    Field(
        description="A model in the shape of the Hub's API; only `id` is required.",
        json_schema_extra={
            "required": ["id"],
            "properties": {"id": {"type": "string"}},
            "example": {
                "id": "acme/tiny-llama",
                "pipeline_tag": "text-generation",
                "siblings": [{"rfilename": "model.safetensors"}],
                "config": {"model_type": "llama", "max_position_embeddings": 4096},
            },
        },
    ),
]
WorkerSlug = Annotated[Text, Field(description="The worker to judge for; the site's first one if not given.")]


class CheckIn(Shape):
    """One model to judge: `metadata`, or `model`."""

    model_config = ConfigDict(extra="forbid")

    metadata: MetadataIn | None = None
    model: HubShaped | None = Field(None, description="A model in the shape of the Hub's API.")
    worker: WorkerSlug | None = None


class LogIn(Shape):
    """A log of an engine that loaded this model."""

    model_config = ConfigDict(extra="forbid")

    log: Annotated[StrictStr, Field(description="What the engine printed, at most 2 MiB as JSON. It is not kept.")]


class OnDevice(Shape):
    """Bytes on one device, by its name in the log."""

    device: str
    bytes: int


class ComparedPart(Shape):
    """One part of the memory, in bytes."""

    name: str = Field(
        description="`weights`, `kv`, `state`, `compute`, `projector`, `peak`, or `total` of all of them."
    )
    estimated: int | None
    measured: int
    difference: float | None = Field(
        description="How far the estimate lies from the measurement, as a fraction of that; above zero it is too high."
    )
    devices: list[OnDevice] = Field(description="What was measured on each device.")
    host: int = Field(description="The measured bytes in system memory.")


class ComparedSpeed(Shape):
    """One speed, in tokens a second."""

    estimated: float | None
    measured: float
    difference: float | None
    low: float | None = Field(description="The range that pages show.")
    high: float | None
    reason: str = Field(description="Why there is no estimate.")


class LogVariant(Shape):
    """The files that were loaded."""

    label: str
    format: str | None
    quantization: str | None
    position: int | None = Field(
        description="Its place among the model's variants; null where the page lists none such."
    )


class LogComparison(Shape):
    """A log beside the estimate. Of another model nothing is compared, and `sentence` says so."""

    id: str
    same_model: Literal["yes", "perhaps", "no"]
    sentence: str = Field(description="How the log's model was told apart.")
    engine: str
    version: str | None
    options: dict[str, Any] = Field(description="How the engine was started, as the log tells it.")
    loads: int = Field(description="How many loads the log tells of; the last whole one is compared.")
    parts: list[ComparedPart]
    total: ComparedPart | None
    decode: ComparedSpeed | None
    prompt: ComparedSpeed | None
    stopped: str | None = Field(description="Where the engine ran out of memory, as a sentence.")
    planned: bool = Field(description="Whether the sizes are what the engine planned, and not what it took.")
    missing: list[str] = Field(description="What such a log usually tells, and this one does not.")
    notes: list[str]
    variant: LogVariant | None
    worker: WorkerOut


class FilterIn(Shape):
    """Models to judge, each in the Hub's shape or as metadata."""

    model_config = ConfigDict(extra="forbid")

    models: Annotated[list[HubShaped], Field(max_length=MOST_MODELS)]
    worker: WorkerSlug | None = None


class FilterResult(Verdict):
    """What came of one given model."""

    index: int
    id: str | None
    reasons: list[str]


class Filtered(Shape):
    """Those that run, as they were given, and the verdict on every one in the order given."""

    models: list[dict[str, Any]]
    total: int
    compatible: int
    results: list[FilterResult]
    worker: WorkerOut


class WorkerDetail(WorkerOut):
    """A worker with what its engine accepts, and how many models of the catalogue run on it."""

    engine_version: str
    source: str
    summary: str
    default: bool
    registered: bool = Field(description="Whether an operator of this site keeps it.")
    architectures: list[str]
    formats: list[str]
    tasks: list[str]
    context_limit: int | None
    context_policy: str
    total: int
    running: int
    by_confidence: dict[str, int]
    unknown: int


class WorkerList(Shape):
    """Every worker, the site's first one first."""

    items: list[WorkerDetail]


class ListOut(Shape):
    """A curated list."""

    slug: str
    title: str
    description: str
    size: int
    url: str


class Lists(Shape):
    """Every published list, in the curators' order."""

    items: list[ListOut]


class ListEntryOut(ModelItem):
    """A model of a list, with the curator's note."""

    note: str


class ListDetail(ListOut):
    """A curated list with its models, in the curator's order."""

    items: list[ListEntryOut]
    running: int
    worker: WorkerOut


class Share(Shape):
    """So many, and their share in percent."""

    count: int
    percent: float


class Report(Shape):
    """How much of the best known models runs. The counts add up to the total."""

    worker: str
    top: int
    total: int
    compatible: Share
    incompatible_architecture: Share
    incompatible_format: Share
    incompatible_context: Share
    incompatible_quantization: Share | None = None
    incompatible_platform: Share | None = None
    incompatible_memory: Share | None = None
    unknown: Share


class Accuracy(Shape):
    """How the estimates compare with measurements."""

    memory: dict[str, Any]
    speed: dict[str, Any]
    engines: list[dict[str, Any]] = Field(description="How much was measured on each engine that has a profile.")
    evidence: list[dict[str, Any]] = Field(description="How often facts were right that were reached in another way.")
    measured_here: list[dict[str, Any]] | None = Field(
        description="By engine, how many loads and speeds people of this site kept, and the median error of the "
        "estimates of that day, as a fraction; null where none was compared."
    )
