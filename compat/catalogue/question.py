"""What a visitor or program asks for: a query string as one typed, checked object, and back.

:class:`Question` declares every browse parameter once: its name and type, the values it takes, its default, and what a
:class:`Parameter` adds for people. The query strings of pages, the API with its OpenAPI document, the assistants'
tools, the commands' options and the table of ``docs/users.md`` are all read off it, so that one more field here is one
more parameter everywhere. A field that records can be narrowed by has a :class:`~compat.catalogue.columns.Facet` or a
:class:`~compat.catalogue.columns.Range` too, which is all that the index, the counts and the pages need to know.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol, Self
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, PrivateAttr, StringConstraints
from pydantic import ValidationError as Invalid
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from compat.architectures import architecture_of, family_label
from compat.catalogue.columns import (
    BesideColumn,
    Facet,
    MadeColumn,
    Range,
    RecordColumn,
    SheetColumns,
    VerdictColumn,
    license_label,
    quantizations_of,
)
from compat.catalogue.suited_engine import Options, engine_meant
from compat.catalogue.uses import USES, use_names
from compat.catalogue.workers import AUTO, Machine, Worker, not_together, too_many
from compat.engines.accelerator_names import ReadName, accelerator_named, near_names, read_name, wrong_count
from compat.engines.cards import read_cards
from compat.engines.hardware import MOST_ACCELERATORS
from compat.engines.machine_text import MachineText, read_machine
from compat.estimate.cache_types import CACHE_TYPES, HAS_UBATCH, cache_types
from compat.extraction.extract import format_label
from compat.extraction.languages import language_label
from compat.extraction.task import task_label
from compat.models import RecordLanguage
from compat.models.asked import Asked, read_search
from compat.models.search import MAX_QUERY
from compat.rules import Confidence
from compat.rules.result import CAUSES
from compat.wording import or_

SORTS = {
    "suggested": "Suggested",
    "popular": "Best known",
    "trending": "Trending",
    "likes": "Most liked",
    "recent": "Recently changed",
    "created": "Newest",
    "params": "Most parameters",
    "name": "Name",
    "speed": "Fastest here",
}
UNITS = {"model": "Models", "repository": "Repositories"}
SHOWN = {"true": "Runs here", "false": "Everything", "only-incompatible": "Does not run here"}
GATED = {"true": "Asks for terms", "false": "Open", "unknown": "Not in our record"}
ALL_CAUSES = (*CAUSES[:-1], "memory", "cache", CAUSES[-1])
"""Why a model may not run: what the rules refuse, and what the machine cannot hold."""
CONFIDENCES = tuple(level.word for level in reversed(Confidence))
LEAST_MEMORY = 0.01
"""The smallest memory that can be meant, in GB."""
MOST_SLOTS = 256
MOST_UBATCH = 16_384
MOST_VALUES = 20
MOST_LETTERS = 120
_MOST_WHOLE = 999_999_999
_MOST_NUMBER = 1_000_000
_BLANKS = " \t\r\n"
"""What a keyboard leaves around a value; any other blank is part of it."""
_TOLD = 60
"""Characters of a wrong value that a message repeats."""

Group = Literal["worker", "filter", "order", "paging"]
Source = Literal["workers", "accelerators", "lists", "catalogue"]


class Query(Protocol):
    """What a request's parameters must offer; Django's ``QueryDict`` does."""

    def getlist(self, key: str) -> Sequence[str]:
        """Every value of a parameter."""
        ...

    def __iter__(self) -> Iterator[str]:
        """The parameters' names."""
        ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One parameter that makes no sense, and what would. ``instead`` is the parameter that is probably meant, and
    ``choices`` are values of the parameter that may be.
    """

    parameter: str
    value: str
    message: str
    instead: str = ""
    choices: tuple[str, ...] = ()


class QuestionError(ValueError):
    """The question cannot be answered as asked.

    ``problems`` says why, parameter by parameter; ``rest`` is the question without what is wrong, for those who want
    to ask that instead.
    """

    def __init__(self, problems: Sequence[Problem], rest: Question | None = None) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)
        self.rest = rest


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """What a field of :class:`Question` says of itself for people.

    ``sentence`` is what it means; ``takes`` what kind of value, where the values are not listed; ``metavar`` the same
    as one word for a command's help; ``noun`` what a message calls the value or its unit. ``source`` tells where the
    allowed values come from if they change: the site's workers, the bundled accelerators, the curated lists, or what
    the catalogue holds (see :mod:`compat.catalogue.reading`).

    ``name``, ``default`` and ``schema`` (the JSON schema of its value) are taken from the field.
    """

    sentence: str
    group: Group = "filter"
    takes: str = ""
    metavar: str = "VALUE"
    noun: str = ""
    source: Source | None = None
    name: str = ""
    default: Any = None
    schema: Mapping[str, Any] = field(default_factory=dict)

    @property
    def many(self) -> bool:
        """Whether it may be given several times: any of the values will do."""
        return self.schema.get("type") == "array"

    @property
    def values(self) -> tuple[str, ...]:
        """The values it can have, where they are few and always the same."""
        one = self.schema["items"] if self.many else self.schema
        return tuple(filter(None, one.get("enum", ())))

    @property
    def option(self) -> str:
        """The command's option: ``--min-params``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def meaning(self) -> str:
        """The sentence, with the value that counts if none is given."""
        told = self.values and self.default and "not given" not in self.sentence
        return self.sentence.rstrip(".") + (f"; `{self.default}` if not given." if told else ".")

    @property
    def help(self) -> str:
        """The same for a command's help, with the values there are."""
        said, also, rest = self.meaning.rstrip(".").replace("`", "").partition(";")
        missing = [value for value in self.values if f"{value}:" not in self.meaning.replace("`", "")]
        return said[:1].lower() + said[1:] + (f": {or_(self.values)}" if missing else "") + also + rest


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a field whose value is one of these words."""

    words: Iterable[str]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.words))


def _decimal(value: object) -> object:
    """A whole number is written with digits alone: no sign, no exponent, no digits of other scripts."""
    if isinstance(value, str) and not (value.isascii() and value.isdecimal() and len(value) < 10):
        raise PydanticCustomError("whole", "not a whole number")
    return value


def _plain(value: object) -> object:
    """A number is written as people write it: digits and at most one point. Python would take ``1_000`` and ``1e3``."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise PydanticCustomError("plain", "not a plain number")
    return value


_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")

Word = Annotated[str, StringConstraints(max_length=MOST_LETTERS, pattern=r"^[^\u0000]*$")]
Names = Annotated[tuple[Word, ...], Field(max_length=MOST_VALUES)]
Number = Annotated[float, Field(ge=0, lt=_MOST_NUMBER), BeforeValidator(_plain)]
Memory = Annotated[float, Field(ge=LEAST_MEMORY, lt=_MOST_NUMBER), BeforeValidator(_plain)]
Whole = Annotated[int, Field(ge=1, le=_MOST_WHOLE), BeforeValidator(_decimal)]
Count = Annotated[int, Field(ge=1, le=MOST_ACCELERATORS), BeforeValidator(_decimal)]
Slots = Annotated[int, Field(ge=1, le=MOST_SLOTS), BeforeValidator(_decimal)]
Batch = Annotated[int, Field(ge=1, le=MOST_UBATCH), BeforeValidator(_decimal)]


class Question(BaseModel):
    """A checked question to the catalogue. Tuples mean "any of these"; empty means "no matter".

    Questions are equal, and have the same hash, whatever their page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: Annotated[
        str,
        StringConstraints(max_length=MAX_QUERY),
        Parameter(
            "Words that the model's id must hold, or what names a model: a link, a command, a file, Ollama's name.",
            takes="text",
            metavar="WORDS",
            noun="search",
        ),
    ] = ""
    worker: Annotated[
        str,
        Parameter(
            "The engine or worker to judge for, or `auto` for the engine that suits the machine; the site's first one "
            "if not given.",
            group="worker",
            takes="the slug of an engine or worker, or `auto`",
            metavar="SLUG",
            noun="the worker",
            source="workers",
        ),
    ] = ""
    accelerator: Annotated[
        str,
        Parameter(
            "The worker's accelerator, as people, drivers and tools spell it, with how many and how much memory if "
            "you like; or the whole machine as one text: `4070 and 32 GB`.",
            group="worker",
            takes="a name such as `RTX 4090`, `2x3090` or `M3 Max 64GB`, or a machine such as `4070 and 32 GB`",
            metavar="NAME",
            source="accelerators",
        ),
    ] = ""
    count: Annotated[
        Count,
        Parameter(
            "How many accelerators it has.",
            group="worker",
            takes=f"1 to {MOST_ACCELERATORS}",
            metavar="N",
            noun="accelerators",
        ),
    ] = 1
    memory: Annotated[
        Memory | None,
        Parameter("Memory of one accelerator, in GB.", group="worker", takes="GB", metavar="GB", noun="GB of memory"),
    ] = None
    beside: Annotated[
        str,
        Parameter(
            "Other accelerators of the same maker in the same machine, where they are not all of one kind.",
            group="worker",
            takes="names such as `RTX 3060` or `2x3060, 3050`",
            metavar="NAMES",
            noun="list of other accelerators",
        ),
    ] = ""
    ram: Annotated[
        Memory | None,
        Parameter("System memory, in GB.", group="worker", takes="GB", metavar="GB", noun="GB of system memory"),
    ] = None
    ram_bandwidth: Annotated[
        Memory | None,
        Parameter(
            "How many GB of system memory the processor reads in a second: memory channels times MT/s "
            "times 0.008, so 89.6 for two of DDR5-5600.",
            group="worker",
            takes="GB a second",
            metavar="GB",
            noun="GB of system memory a second",
        ),
    ] = None
    context: Annotated[
        Whole | None,
        Parameter(
            "The context you want, in tokens; 8,192 if not given.",
            group="worker",
            takes="tokens",
            metavar="TOKENS",
            noun="tokens",
        ),
    ] = None
    kv: Annotated[
        str,
        OneOf(("", *CACHE_TYPES)),
        Parameter(
            "The type of the KV cache; each engine has its own types.",
            group="worker",
            metavar="TYPE",
            noun="the KV cache type",
        ),
    ] = ""
    kv_values: Annotated[
        str,
        OneOf(("", *CACHE_TYPES)),
        Parameter(
            "The type of the cached values, where it is not that of the keys.",
            group="worker",
            metavar="TYPE",
            noun="the type of the cached values",
        ),
    ] = ""
    slots: Annotated[
        Slots | None,
        Parameter(
            "How many requests are served at once; as many as the engine does by itself if not given. On llama.cpp "
            "they share the context, elsewhere each has its own.",
            group="worker",
            takes=f"1 to {MOST_SLOTS}",
            metavar="N",
            noun="requests at once",
        ),
    ] = None
    ubatch: Annotated[
        Batch | None,
        Parameter(
            "Prompt tokens that llama.cpp computes in one go (`--ubatch-size`); 512 if not given, and on Ollama up to "
            "2,048 by context and room.",
            group="worker",
            takes=f"1 to {MOST_UBATCH:,}",
            metavar="TOKENS",
            noun="tokens",
        ),
    ] = None
    compatible: Annotated[
        str,
        OneOf(SHOWN),
        Parameter(
            "`true`: what runs (as if not given); `false`: everything; `only-incompatible`: what does not run.",
            metavar="WHICH",
            noun="which models to show",
        ),
    ] = "true"
    confidence: Annotated[
        tuple[Annotated[str, OneOf(CONFIDENCES)], ...],
        Field(max_length=MOST_VALUES),
        Parameter("How sure the verdict is.", metavar="WORD"),
        Facet("Verdict", VerdictColumn(), lambda value: Confidence[value.upper()].badge, place=1),
    ] = ()
    cause: Annotated[
        tuple[Annotated[str, OneOf(ALL_CAUSES)], ...],
        Field(max_length=MOST_VALUES),
        Parameter("Why a model does not run.", metavar="WORD"),
    ] = ()
    use: Annotated[
        tuple[Annotated[str, OneOf(USES)], ...],
        Field(max_length=MOST_VALUES),
        Parameter("What it is used for, as its task, tags or name tell.", metavar="USE"),
        Facet("Use", MadeColumn(("name", "task", "architecture", "projector"), use_names), USES.__getitem__, place=2),
    ] = ()
    task: Annotated[
        Names,
        Parameter(
            "The model's task, such as `text-generation`.", takes="a Hub task", metavar="TASK", source="catalogue"
        ),
        Facet("Task", SheetColumns(("task",)), task_label, place=4),
    ] = ()
    architecture: Annotated[
        Names,
        Parameter(
            "Architecture family or `model_type`.",
            takes="a family or exact architecture, such as `llama` or `qwen2_moe`",
            metavar="NAME",
            source="catalogue",
        ),
        Facet(
            "Architecture",
            SheetColumns(("family", "architecture")),
            family_label,
            place=2,
            shown=lambda value: architecture_of(value).family == value,
        ),
    ] = ()
    format: Annotated[
        Names,
        Parameter(
            "Weight format, such as `safetensors` or `gguf`.",
            takes="a weight format",
            metavar="NAME",
            source="catalogue",
        ),
        Facet("Format", SheetColumns(("formats",), lambda formats: tuple(formats.split())), format_label, place=3),
    ] = ()
    quantization: Annotated[
        Names,
        Parameter(
            "Quantization of one of its variants, such as `Q4_K_M`.",
            takes="a quantization",
            metavar="NAME",
            source="catalogue",
        ),
        Facet("Quantization", SheetColumns(("facts",), quantizations_of), place=7),
    ] = ()
    license: Annotated[
        Names,
        Parameter(
            "Licence, such as `apache-2.0`.",
            takes="a licence as the Hub writes it",
            metavar="NAME",
            source="catalogue",
        ),
        Facet("Licence", RecordColumn("license"), license_label, place=5),
    ] = ()
    language: Annotated[
        Names,
        Parameter("Language code, such as `en`.", takes="a language code", metavar="CODE", source="catalogue"),
        Facet("Language", BesideColumn(RecordLanguage, "code"), language_label, place=8),
    ] = ()
    author: Annotated[
        Names,
        Parameter("The account it belongs to.", takes="an account, such as `Qwen`", metavar="NAME", source="catalogue"),
    ] = ()
    gated: Annotated[
        str,
        OneOf(("", *GATED)),
        Parameter(
            "Whether its terms must be accepted first; `unknown` where the record does not tell.",
            metavar="WHETHER",
            noun="whether a model asks for terms",
        ),
        Facet(
            "Access",
            SheetColumns(("gated",), lambda gated: ("unknown" if gated is None else "true" if gated else "false",)),
            GATED.__getitem__,
            place=6,
        ),
    ] = ""
    min_params: Annotated[
        Number | None,
        Parameter(
            "At least so many billions of parameters.",
            takes="billions",
            metavar="BILLIONS",
            noun="billions of parameters",
        ),
        Range("parameters", True, lambda value: f"from {value:g}B parameters", 10**9),
    ] = None
    max_params: Annotated[
        Number | None,
        Parameter(
            "At most so many billions of parameters.",
            takes="billions",
            metavar="BILLIONS",
            noun="billions of parameters",
        ),
        Range("parameters", False, lambda value: f"up to {value:g}B parameters", 10**9),
    ] = None
    min_context: Annotated[
        Whole | None,
        Parameter("Made for a context of at least so many tokens.", takes="tokens", metavar="TOKENS", noun="tokens"),
        Range("context", True, lambda value: f"context from {value:,}"),
    ] = None
    list: Annotated[
        Word, Parameter("The slug of a curated list.", takes="a list's slug", metavar="SLUG", source="lists")
    ] = ""
    model: Annotated[
        Word,
        Parameter(
            "The builds of one model: its id, or that of any of its builds.",
            takes="a repository's id",
            metavar="ID",
            noun="the model",
        ),
    ] = ""
    base: Annotated[
        Word,
        Parameter(
            "What says that it was made from one repository: its fine-tunes, merges, adapters and other packings.",
            takes="a repository's id",
            metavar="ID",
            noun="what models are made from",
        ),
    ] = ""
    unit: Annotated[
        str,
        OneOf(("", *UNITS)),
        Parameter(
            "`model`: every model once, with the best of its builds; `repository`: every repository by itself. "
            "Pages show models if not given, programs get repositories.",
            group="order",
            metavar="WHAT",
            noun="what a list counts as one",
        ),
    ] = ""
    sort: Annotated[
        str,
        OneOf(SORTS),
        Parameter(
            "The order. `suggested` weighs how a model runs there against its size, generation, downloads, age and "
            "maker; `speed` is by tokens a second on the worker's machine, which must be told.",
            group="order",
            metavar="ORDER",
            noun="the order",
        ),
    ] = "suggested"
    page: Annotated[
        Whole,
        Parameter(
            "Which page of the list; pages alone take it.",
            group="paging",
            takes="a number",
            metavar="N",
            noun="a page number",
        ),
    ] = 1

    _said: tuple[str, ...] = PrivateAttr(default=())

    @property
    def said(self) -> tuple[str, ...]:
        """How what a text tells of a machine was taken, in sentences: what pages show beside the machine's field."""
        return self._said

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Question) and self._asked == other._asked

    def __hash__(self) -> int:
        return hash(self._asked)

    @property
    def _asked(self) -> tuple[Any, ...]:
        """All but the page."""
        return tuple(getattr(self, name) for name in PARAMETERS if name != "page")

    @property
    def words(self) -> tuple[str, ...]:
        """The words to search for."""
        return self.asked_for.words

    @property
    def asked_for(self) -> Asked:
        """What the search asks for."""
        return read_search(self.q)

    @classmethod
    def from_query(
        cls,
        query: Query,
        workers: Iterable[str] | Mapping[str, Worker] = (),
        wrong: Callable[[Parameter, str], str] = lambda _parameter, _value: "",
    ) -> Self:
        """Read a query string; everything that makes no sense is named in one :class:`QuestionError`.

        ``workers`` are those there are, or their slugs alone where each is an engine. ``wrong`` says what is wrong
        with a value that only the catalogue can judge, or nothing; :func:`compat.catalogue.reading.read_question`
        gives it. Names that are no parameters are
        left to that function as well.
        """
        good = _given(query)
        machine = _machine_told(good)
        problems = [
            *_repeated(query),
            *_name_machine(good, machine),
            *_name_accelerator(good),
            *_name_beside(good),
            *_mistyped(cls, good),
            *_unknown(good, tuple(workers), wrong),
        ]
        rest = cls.model_validate(good)
        rest._said = machine.said if machine is not None and machine.whole else ()  # noqa: SLF001 - its own
        low, high = rest.min_params, rest.max_params
        if low is not None and high is not None and low > high:
            message = f"max_params ({high:g}) is below min_params ({low:g})."
            problems.append(Problem("max_params", f"{high:g}", message))
            rest = rest.changed(max_params=None)
        for problem in (*_not_of_engine(rest, workers), *_not_of_machine(rest)):
            problems.append(problem)
            rest = rest.changed(**{problem.parameter: PARAMETERS[problem.parameter].default})
        if problems:
            raise QuestionError(problems, rest)
        return rest

    def items(self) -> Iterator[tuple[str, str]]:
        """The parameters that differ from the default, ready for a query string. The page is not among them."""
        told = self.model_fields_set
        for name, parameter in PARAMETERS.items() if told else ():
            if name not in told or name == "page":
                continue
            value = getattr(self, name)
            if value == parameter.default:
                continue
            if isinstance(value, tuple):
                yield from ((name, item) for item in value)
            else:
                yield name, _as_told(value)

    def query(self, *, page: int = 1, **changes: Any) -> str:
        """The query string of this question, or of a changed one; always from the first page unless told."""
        items = list((self.changed(**changes) if changes else self).items())
        if page > 1:
            items.append(("page", str(page)))
        return urlencode(items)

    def changed(self, **changes: Any) -> Self:
        """The question with some parameters replaced."""
        return self.model_copy(update=changes)

    def toggled(self, name: str, value: str) -> Self:
        """The question with one value of a facet added or taken away."""
        current = getattr(self, name)
        if isinstance(current, tuple):
            changed = tuple(v for v in current if v != value) if value in current else (*current, value)
            return self.changed(**{name: changed})
        return self.changed(**{name: "" if current == value else value})


def machine_of(asked: Question) -> Machine:
    """The machine that a question tells."""
    beside = read_cards(asked.beside)[0]
    return Machine(asked.accelerator, asked.count, asked.memory, asked.ram, asked.ram_bandwidth, beside)


def options_of(asked: Question) -> Options:
    """What a question asks of the engine that not every one has."""
    return Options(asked.kv, asked.kv_values, asked.ubatch)


def _written(value: float) -> str:
    """A number as :func:`_plain` takes it, and none of its digits lost."""
    return f"{Decimal(repr(value)):f}".removesuffix(".0")


def _declared() -> dict[str, Parameter]:
    """Every parameter with the name, default and JSON schema of its field."""
    schemas = Question.model_json_schema(mode="validation")["properties"]
    found = {}
    for name, column in Question.model_fields.items():
        told = next(one for one in column.metadata if isinstance(one, Parameter))
        schema = dict(schemas[name])
        for choice in schema.pop("anyOf", ()):
            if choice.get("type") != "null":
                schema.update(choice)
        kept = {key: value for key, value in schema.items() if key not in ("title", "default")}
        found[name] = replace(told, name=name, default=column.default, schema=kept)
    return found


PARAMETERS: Mapping[str, Parameter] = _declared()
"""Every browse parameter by its name, in the order of the declaration."""
WORKER = tuple(name for name, one in PARAMETERS.items() if one.group == "worker")
"""The parameters that describe a worker."""
MACHINE = ("accelerator", "count", "memory", "beside", "ram", "ram_bandwidth")
"""Those of them that describe its machine."""
MULTIPLE = tuple(name for name, one in PARAMETERS.items() if one.many and not one.values)
"""The parameters that take several names."""


class Part:
    """Some parameters of a query."""

    def __init__(self, query: Query, names: Collection[str]) -> None:
        self._names = [name for name in query if name in names]
        self.getlist = query.getlist

    def __iter__(self) -> Iterator[str]:
        """The parameters' names."""
        return iter(self._names)


def _repeated(query: Query) -> list[Problem]:
    """What is given several times, each time with another value, where one value counts."""
    found = []
    for name in query:
        values = dict.fromkeys(text for value in query.getlist(name) if (text := value.strip(_BLANKS)))
        if len(values) > 1 and name in PARAMETERS and not PARAMETERS[name].many:
            told = or_([f"“{value[:_TOLD]}”" for value in values])
            found.append(Problem(name, "", f"{name} is given several times: which is meant, {told}?"))
    return found


def _given(query: Query) -> dict[str, Any]:
    """The parameters of a query as text: a tuple where several values count, else the last one; blank is not given."""
    given: dict[str, Any] = {}
    for name in query:
        parameter = PARAMETERS.get(name)
        if parameter is None:
            continue
        values = [text for value in query.getlist(name) if (text := value.strip(_BLANKS))]
        if name == "q" and values:
            values = [" ".join(values[-1].replace("\0", " ").split())]
        if values and values[-1]:
            given[name] = tuple(dict.fromkeys(values)) if parameter.many else values[-1]
    return given


def _machine_told(given: Mapping[str, Any]) -> MachineText | None:
    """The whole machine that stands where an accelerator's name belongs; None where that names a single one."""
    told = given.get("accelerator", "")
    return None if not told or read_name(told).label else read_machine(told)


def _name_machine(given: dict[str, Any], machine: MachineText | None) -> Iterator[Problem]:
    """Put what a text tells of a whole machine in place of an accelerator's name, where that names no single one.

    The parameters beside it add to it, and say the same where both tell one.
    """
    if machine is None:
        return
    told = given["accelerator"]
    message = _no_machine(told, machine)
    if message:
        yield Problem("accelerator", _told(told), message, choices=machines_meant(told))
    if message or machine.whole:
        del given["accelerator"]
    if not machine.whole:
        return
    for name, value in machine.parameters.items():
        beside = given.get(name)
        if beside is None or (name == "count" and beside == "1"):
            given[name] = value
        elif not _same(beside, value):
            yield Problem(
                name, _told(beside), f"{name} is {_told(beside)}, and “{_told(told)}” tells {value}: which is meant?"
            )


def _no_machine(told: str, machine: MachineText) -> str:
    """Why a text that tells of a machine tells no single one; nothing of one that does, or that tells of none."""
    if machine.apart:
        ones = or_([f"“{words}”" for words in map(_words_of, machine.apart)])
        return f"“{_told(told)}”: {machine.said[0]} Use {ones}."
    if machine.bare is not None and not machine.unread:
        size = f"{machine.bare:g}"
        return f"“{_told(told)}”: {size} GB of what? Use memory for an accelerator's, and ram for the system's."
    if machine.told and machine.unread:
        near = dict.fromkeys(label for labels in machine.near().values() for label in labels)
        hint = f" Or do you mean {or_(list(near)[:3])}?" if near else ""
        return f"“{_told(told)}”: “{_told(machine.unread[0])}” is not understood.{hint}"
    return ""


def machines_meant(text: str) -> tuple[str, ...]:
    """The machines that a text may mean, as texts that are understood; the text itself where it is."""
    machine = read_machine(text)
    if machine.whole:
        return (text,)
    if machine.apart:
        found = [_words_of(one) for one in machine.apart]
    elif machine.bare is not None and not machine.unread:
        found = [" ".join((f"{machine.bare:g}", "GB", kind)) for kind in ("VRAM", "RAM")]
    else:
        found = [text.replace(part, label, 1) for part, labels in machine.near().items() for label in labels]
    return tuple(one for one in dict.fromkeys(found) if read_machine(one).whole)[:_MOST_MEANT]


_MOST_MEANT = 6


def _words_of(machine: MachineText) -> str:
    accelerator, count, memory = machine.accelerator, machine.count, machine.memory
    return Machine(accelerator, count, memory, machine.ram, machine.ram_bandwidth, machine.beside).words


def _same(one: str, other: str) -> bool:
    """Whether two values are the same number or the same accelerators. What is no number at all is told elsewhere."""
    if _NUMBER.fullmatch(other):
        return not _NUMBER.fullmatch(one) or len(one) > _TOLD or float(one) == float(other)
    return read_cards(one[:_MOST_BESIDE]) == read_cards(other)


def _name_accelerator(given: dict[str, Any]) -> Iterator[Problem]:
    """Put the label in place of an accelerator's name, with how many and how much where that alone tells it."""
    told, count, memory = given.get("accelerator", ""), given.get("count", "1"), given.get("memory", "")
    read = read_name(told) if told else ReadName()
    if not read.label:
        return
    size = float(memory) if _NUMBER.fullmatch(memory) and len(memory) < _TOLD else None
    # A memory that one of several sizes has says which of them is meant; any other is what somebody has all the same.
    sized = read_name(told, size) if size is not None else read
    given["accelerator"] = sized.label or read.label
    if sized.label and sized.label != read.label:
        del given["memory"]
    elif read.memory is not None and not memory:
        given["memory"] = _written(read.memory)
    if read.count > 1 and count == "1":
        given["count"] = str(read.count)
    elif read.count > 1 and count != str(read.count):
        yield Problem(
            "count", count, f"count is {_told(count)}, and “{_told(told)}” tells {read.count}: which is meant?"
        )


def _name_beside(given: dict[str, Any]) -> Iterator[Problem]:
    """Put labels in place of the names of accelerators of other kinds."""
    told = given.get("beside", "")
    cards, unread = read_cards(told[:_MOST_BESIDE])
    if unread or len(told) > _MOST_BESIDE:
        del given["beside"]
        message = (
            _no_accelerator(unread[0]) if unread else f"beside is {len(told):,} characters long: that is too much."
        )
        yield Problem("beside", _told(told), message.replace(" Give its memory instead.", ""))
    elif told:
        given["beside"] = ", ".join(one.words for one in cards)


_MOST_BESIDE = 400


def _mistyped(question: type[Question], given: dict[str, Any]) -> Iterator[Problem]:
    """What the declaration refuses, each taken out of what was given."""
    try:
        question.model_validate(given)
    except Invalid as error:
        for one in error.errors(include_url=False):
            name = str(one["loc"][0])
            yield Problem(name, _told(one["input"]), _message(PARAMETERS[name], one))
            _take_out(given, name, one["input"])


def _unknown(
    given: dict[str, Any], workers: tuple[str, ...], wrong: Callable[[Parameter, str], str]
) -> Iterator[Problem]:
    """The values that are of the right type and that nobody knows, each taken out of what was given."""
    for name, told in list(given.items()):
        parameter = PARAMETERS[name]
        if parameter.source is None:
            continue
        for value in told if isinstance(told, tuple) else (told,):
            if parameter.source == "accelerators":
                message = _no_accelerator(value)
            else:
                listed = parameter.source == "workers"
                message = _no_worker(parameter, value, (*workers, AUTO)) if listed else wrong(parameter, value)
            if message:
                choices = machines_meant(value) if parameter.source == "accelerators" else ()
                yield Problem(name, _told(value), message, choices=choices)
                _take_out(given, name, value)


def _not_of_engine(asked: Question, workers: Iterable[str] | Mapping[str, Worker]) -> Iterator[Problem]:
    """What is asked of the engine that another has and this one has not."""
    slug = asked.worker or next(iter(workers), "")
    if isinstance(workers, Mapping):
        slug = engine_meant(slug, machine_of(asked), workers, options_of(asked))
    worker = workers.get(slug) if isinstance(workers, Mapping) else None
    engine, name = (worker.profile.slug, worker.profile.name) if worker is not None else (slug, slug)
    types = cache_types(engine)
    if engine and asked.kv and not types.takes(asked.kv):
        use = f"use {or_(types.names)}" if len(types.names) > 1 else "leave it out"
        yield Problem("kv", asked.kv, f"“{asked.kv}” is not a type of KV cache that {name} has: {use}.")
    if engine and asked.kv_values and not (types.apart and types.takes(asked.kv_values)):
        use = "use kv for both" if not types.apart else f"use {or_(types.names)}"
        what = "has no type of its own for values" if not types.apart else f"does not keep values as {asked.kv_values}"
        yield Problem("kv_values", asked.kv_values, f"{name} {what}: {use}.")
    if engine and asked.ubatch is not None and engine not in HAS_UBATCH:
        yield Problem("ubatch", str(asked.ubatch), f"{name} has no micro-batch that could be chosen: leave ubatch out.")


def _not_of_machine(asked: Question) -> Iterator[Problem]:
    """What is told of a machine that none is."""
    message = too_many(asked.accelerator, asked.count)
    if message:
        yield Problem("count", str(asked.count), f"count is {asked.count}. {message}")
    message = not_together(machine_of(asked))
    if message:
        yield Problem("beside", asked.beside, message)


def _take_out(given: dict[str, Any], name: str, value: object) -> None:
    """Leave a wrong value out; the whole parameter where it is all there is, or the number of values is wrong."""
    told = given.get(name)
    if isinstance(told, tuple) and isinstance(value, str):
        given[name] = tuple(one for one in told if one != value)
    if not isinstance(told, tuple) or not isinstance(value, str) or not given[name]:
        given.pop(name, None)


def _told(value: object) -> str:
    return value[:_TOLD] if isinstance(value, str) else ""


def _message(parameter: Parameter, error: ErrorDetails) -> str:
    """What is wrong with a value, and what would be right."""
    name, value, kind = parameter.name, error["input"], error["type"]
    if kind == "too_long":
        return f"{name} is given {len(value)} times; {MOST_VALUES} are the most."
    if kind == "literal_error":
        return _not_among(parameter, str(value), parameter.values)
    if parameter.schema.get("type") == "integer":
        most = parameter.schema["maximum"]
        if kind == "less_than_equal":
            return f"{name} is {value}: {most} is the most."
        return f"{name} is “{_told(value)}”: use a whole number ({parameter.noun}), 1 or more."
    if parameter.schema.get("type") == "number":
        return f"{name} is “{_told(value)}”: use a number of {parameter.noun}, such as 7 or 0.5."
    if kind == "string_too_long" and parameter.noun:
        return f"The {parameter.noun} is {len(value):,} characters long; {error['ctx']['max_length']:,} are the most."
    return f"A value of {name} is not one this catalogue could hold."


def _not_among(parameter: Parameter, value: str, known: Sequence[str]) -> str:
    """What to say of a value that is not one of the known ones; nothing of one that is."""
    if value in known:
        return ""
    what = f" ({parameter.noun})" if parameter.noun else ""
    near = did_you_mean(value, known)
    return f"“{_told(value)}” is not a value of {parameter.name}{what}: use {or_(known)}.{near}"


def _no_worker(parameter: Parameter, value: str, known: Sequence[str]) -> str:
    """What to say of a worker that nobody described, which may be the machine; nothing of one that is known."""
    message = _not_among(parameter, value, known)
    if message and read_machine(value).whole:
        return f"“{_told(value)}” is a machine: give it as accelerator. A worker is what runs there: {or_(known)}."
    return message


def _no_accelerator(name: str) -> str:
    """What to say of a name that no accelerator has; nothing of one that is known."""
    if accelerator_named(name) is not None:
        return ""
    wrong = wrong_count(name)
    if wrong is not None:
        return f"“{_told(name)}”: {wrong.sentence}"
    near = near_names(name)
    hint = f" Or do you mean {or_(near)}?" if near else ""
    return f"“{_told(name)}” is not an accelerator this site knows. Give its memory instead.{hint}"


def near_values(value: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known values that go on where this one ends, then those spelled much like it; case makes no difference."""
    lowered = {one.lower(): one for one in known}
    start = value[:_TOLD].lower()
    longer = sorted((one for one in lowered if one.startswith(f"{start} ")), key=len)
    found = dict.fromkeys([*longer, *difflib.get_close_matches(start, lowered, most)])
    return [lowered[one] for one in found][:most]


def did_you_mean(value: str, known: Iterable[str], most: int = 3) -> str:
    """`` Did you mean a or b?``, or nothing where no known value is near."""
    found = near_values(value, known, most)
    return f" Did you mean {or_(found)}?" if found else ""


class DictQuery(Mapping[str, Any]):
    """A plain mapping as a :class:`Query`, for callers without a request."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {key: value for key, value in values.items() if value is not None}

    def __getitem__(self, key: str) -> Any:
        """The value as given."""
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._values)

    def getlist(self, key: str) -> list[str]:
        """The values of one name as text."""
        value = self._values.get(key, ())
        items = value if isinstance(value, list | tuple) else (value,)
        return [_as_told(item) for item in items]


def _as_told(item: object) -> str:
    """A value as a query string has it."""
    if isinstance(item, bool):
        return str(item).lower()
    return _written(item) if isinstance(item, float) else str(item)
