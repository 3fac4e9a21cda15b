"""What a visitor or program asks for: a query string as one typed, checked object, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol
from urllib.parse import urlencode

from compat.catalogue.workers import KV_TYPES, MOST_ACCELERATORS, accelerator_named
from compat.models.search import MAX_QUERY, words_of
from compat.rules import Confidence
from compat.rules.result import CAUSES

SORTS = {
    "popular": "Best known",
    "trending": "Trending",
    "likes": "Most liked",
    "recent": "Recently changed",
    "created": "Newest",
    "params": "Most parameters",
    "name": "Name",
}
SHOWN = {"true": "Runs here", "false": "Everything", "only-incompatible": "Does not run here"}
GATED = {"true": "Needs access", "false": "Open"}
ALL_CAUSES = (*CAUSES[:-1], "memory", CAUSES[-1])
"""Why a model may not run: what the rules refuse, and what the machine cannot hold."""
CONFIDENCES = tuple(level.word for level in reversed(Confidence))
LEAST_MEMORY = 0.01
"""The smallest memory that can be meant, in GB."""
WORKER = ("worker", "accelerator", "count", "memory", "ram", "context", "kv")
"""The parameters that describe a worker."""
_MAX_VALUES = 20
_MAX_VALUE = 120


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
    """One parameter that makes no sense, and what would."""

    parameter: str
    value: str
    message: str


class CriteriaError(ValueError):
    """The question cannot be answered as asked; ``problems`` says why, parameter by parameter."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Criteria:
    """A checked question to the catalogue. Tuples mean "any of these"; empty means "no matter"."""

    q: str = ""
    worker: str = ""
    accelerator: str = ""
    count: int = 1
    memory: float | None = None
    ram: float | None = None
    context: int | None = None
    kv: str = ""
    compatible: str = "true"
    confidence: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    task: tuple[str, ...] = ()
    architecture: tuple[str, ...] = ()
    format: tuple[str, ...] = ()
    quantization: tuple[str, ...] = ()
    license: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    gated: str = ""
    min_params: float | None = None
    max_params: float | None = None
    min_context: int | None = None
    list: str = ""
    sort: str = "popular"
    page: int = field(default=1, compare=False)

    @property
    def words(self) -> tuple[str, ...]:
        """The words to search for."""
        return words_of(self.q)

    @classmethod
    def from_query(cls, query: Query, workers: Iterable[str] = ()) -> Criteria:
        """Read a query string; every value that makes no sense is named in one :class:`CriteriaError`."""
        reader = _Reader(query)
        found = cls(
            q=reader.question(),
            worker=reader.choice("worker", tuple(workers), "", "the worker"),
            accelerator=reader.accelerator(),
            count=reader.whole("count", "accelerators", most=MOST_ACCELERATORS) or 1,
            memory=reader.number("memory", "GB of memory", LEAST_MEMORY),
            ram=reader.number("ram", "GB of system memory", LEAST_MEMORY),
            context=reader.whole("context", "tokens"),
            kv=reader.choice("kv", tuple(KV_TYPES), "", "the KV cache type"),
            compatible=reader.choice("compatible", tuple(SHOWN), "true", "which models to show"),
            confidence=reader.choices("confidence", CONFIDENCES),
            cause=reader.choices("cause", ALL_CAUSES),
            gated=reader.choice("gated", tuple(GATED), "", "whether a model needs access"),
            sort=reader.choice("sort", tuple(SORTS), "popular", "the order"),
            list=reader.text("list"),
            min_params=reader.number("min_params", "billions of parameters"),
            max_params=reader.number("max_params", "billions of parameters"),
            min_context=reader.whole("min_context", "tokens"),
            page=reader.whole("page", "a page number") or 1,
            **{name: reader.texts(name) for name in MULTIPLE},
        )
        low, high = found.min_params, found.max_params
        if low is not None and high is not None and low > high:
            reader.problem("max_params", f"{high:g}", f"max_params ({high:g}) is below min_params ({low:g}).")
        if reader.problems:
            raise CriteriaError(reader.problems)
        return found

    def items(self) -> Iterator[tuple[str, str]]:
        """The parameters that differ from the default, ready for a query string. The page is not among them."""
        for column in fields(self):
            value = getattr(self, column.name)
            if column.name == "page" or value == column.default:
                continue
            if isinstance(value, tuple):
                yield from ((column.name, item) for item in value)
            else:
                yield column.name, str(value).removesuffix(".0") if isinstance(value, float) else str(value)

    def query(self, *, page: int = 1, **changes: Any) -> str:
        """The query string of this question, or of a changed one; always from the first page unless told."""
        items = list(self.changed(**changes).items() if changes else self.items())
        if page > 1:
            items.append(("page", str(page)))
        return urlencode(items)

    def changed(self, **changes: Any) -> Criteria:
        """The question with some parameters replaced."""
        return replace(self, **changes)

    def toggled(self, name: str, value: str) -> Criteria:
        """The question with one value of a facet added or taken away."""
        current = getattr(self, name)
        if isinstance(current, tuple):
            changed = tuple(v for v in current if v != value) if value in current else (*current, value)
            return self.changed(**{name: changed})
        return self.changed(**{name: "" if current == value else value})


MULTIPLE = ("task", "architecture", "format", "quantization", "license", "language", "author")


class _Reader:
    """Takes values out of a query, noting what is wrong with them."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self.problems: list[Problem] = []

    def problem(self, name: str, value: str, message: str) -> None:
        self.problems.append(Problem(name, value[:60], message))

    def _values(self, name: str) -> list[str]:
        return [value.strip() for value in self._query.getlist(name) if value.strip()]

    def _one(self, name: str) -> str:
        values = self._values(name)
        return values[-1] if values else ""

    def question(self) -> str:
        text = " ".join(self._one("q").replace("\0", " ").split())
        if len(text) > MAX_QUERY:
            self.problem("q", text, f"The search is {len(text):,} characters long; {MAX_QUERY} are the most.")
            return ""
        return text

    def choice(self, name: str, allowed: Sequence[str], default: str, what: str) -> str:
        value = self._one(name)
        if not value:
            return default
        if value not in allowed:
            self.problem(name, value, f"“{value[:60]}” is not a value of {name} ({what}): use {_or(allowed)}.")
            return default
        return value

    def choices(self, name: str, allowed: Sequence[str]) -> tuple[str, ...]:
        found = self.texts(name)
        for value in found:
            if value not in allowed:
                self.problem(name, value, f"“{value[:60]}” is not a value of {name}: use {_or(allowed)}.")
        return found

    def text(self, name: str) -> str:
        found = self.texts(name)
        return found[-1] if found else ""

    def texts(self, name: str) -> tuple[str, ...]:
        values = tuple(dict.fromkeys(self._values(name)))
        if len(values) > _MAX_VALUES:
            self.problem(name, "", f"{name} is given {len(values)} times; {_MAX_VALUES} are the most.")
        for value in values:
            if len(value) > _MAX_VALUE or "\0" in value:
                self.problem(name, value, f"A value of {name} is not one this catalogue could hold.")
                return ()
        return values[:_MAX_VALUES]

    def number(self, name: str, unit: str, least: float = 0) -> float | None:
        value = self._one(name)
        if not value:
            return None
        try:
            found = float(value)
        except ValueError:
            found = -1.0
        if not least <= found < 1e6:
            self.problem(name, value, f"{name} is “{value[:60]}”: use a number of {unit}, such as 7 or 0.5.")
            return None
        return found

    def accelerator(self) -> str:
        value = self._one("accelerator")
        if value and accelerator_named(value) is None:
            self.problem(
                "accelerator", value, f"“{value[:60]}” is not an accelerator this site knows. Give its memory instead."
            )
            return ""
        return value

    def whole(self, name: str, unit: str, most: int | None = None) -> int | None:
        value = self._one(name)
        if not value:
            return None
        if most is not None and value.isdecimal() and len(value) < 10 and int(value) > most:
            self.problem(name, value, f"{name} is {value}: {most} is the most.")
            return None
        if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value) > 0):
            self.problem(name, value, f"{name} is “{value[:60]}”: use a whole number ({unit}), 1 or more.")
            return None
        return int(value)


def _or(values: Sequence[str]) -> str:
    return ", ".join(values[:-1]) + f" or {values[-1]}" if len(values) > 1 else "".join(values)


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
        return [str(item).lower() if isinstance(item, bool) else str(item) for item in items]
