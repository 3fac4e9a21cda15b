"""Reading a question as every door does: what nobody knows is told, and never passed over in silence.

Where the border lies between a wrong value and an empty list:

- A value that could be one gets a list, an empty one if no record has it, so that a bookmark goes on to work when a
  record goes: a task or licence of the Hub, a format, quantization or language of this site's tables, a family or
  ``model_type`` that the architecture tables name, whatever the catalogue's own records hold, and any name that an
  account on the Hub could have. :func:`absences` says of an empty list which of its values no record has.
- Every other value is refused, with those that come near it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models.functions import Lower

from compat.architectures.families import family_label, is_known
from compat.architectures.names import classes_of
from compat.catalogue.memo import kept
from compat.catalogue.question import (
    PARAMETERS,
    WORKER,
    Parameter,
    Part,
    Problem,
    Query,
    Question,
    QuestionError,
    did_you_mean,
    near,
    or_,
)
from compat.catalogue.rows import catalogue_state
from compat.catalogue.workers import Worker
from compat.extraction.filenames import GGUF_LABELS
from compat.extraction.languages import LANGUAGES
from compat.extraction.licenses import LICENSES
from compat.extraction.quantization import QUANTIZATIONS
from compat.extraction.task import TASKS
from compat.extraction.variants import FORMATS
from compat.hub.payloads import is_repo_id
from compat.models import CuratedList, FactSheet, ModelRecord, RecordLanguage, RecordVariant

BROWSE = tuple(name for name in PARAMETERS if name != "page")
"""What a list can be asked by programs; pages take the page as well."""
FILTERS = tuple(name for name in BROWSE if name != "q" and name not in WORKER)
"""What narrows and orders a list, but for its words."""
_FEW = 20
"""So many values are all named in a message, and so many unknown parameters are told."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which values of a parameter there can be.

    ``listed`` are those of this site's own tables, ``stored`` reads those of the catalogue's records, ``also`` tells of
    any other whether it could be one. ``use`` ends the message about a value that is none: what to use instead.
    ``by_form`` are too many to search: what one looks like decides alone.
    """

    use: str
    stored: Callable[[], Iterable[str]]
    listed: Collection[str] = ()
    also: Callable[[str], bool] = lambda _value: False
    by_form: bool = False

    def could_be(self, value: str) -> bool:
        """Whether it is legal in general, whatever the catalogue holds."""
        return value in self.listed or self.also(value)


def _of_sheets(*columns: str) -> Callable[[], Iterable[str]]:
    """The words in columns of the fact sheets that records have."""

    def read() -> Iterable[str]:
        rows = FactSheet.objects.filter(records__isnull=False).order_by().values_list(*columns).distinct()
        return (word for row in rows for told in row for word in told.split())

    return read


_HUB_TASKS = (
    *TASKS,
    *("multiple-choice", "table-to-text", "tabular-to-text", "text-retrieval", "image-text-to-image"),
    *("image-text-to-video", "video-to-video"),
)
VOCABULARIES: Mapping[str, Vocabulary] = {
    "task": Vocabulary("use a task of the Hub, such as text-generation", _of_sheets("task"), _HUB_TASKS),
    "architecture": Vocabulary(
        "use an architecture family or a model_type that is known here, such as llama or qwen2_moe",
        _of_sheets("family", "architecture"),
        also=lambda value: is_known(value) or family_label(value) != value or bool(classes_of(value, None)),
    ),
    "format": Vocabulary("use", _of_sheets("formats"), FORMATS),
    "quantization": Vocabulary(
        "use a quantization that is known here, such as Q4_K_M or AWQ",
        lambda: RecordVariant.objects.order_by().values_list("quantization", flat=True).distinct(),
        (*GGUF_LABELS, *QUANTIZATIONS),
    ),
    "license": Vocabulary(
        "use a licence as the Hub writes it, such as apache-2.0 or mit",
        lambda: ModelRecord.objects.order_by().values_list("license", flat=True).distinct(),
        LICENSES,
    ),
    "language": Vocabulary(
        "use the code of a language, such as en or de",
        lambda: RecordLanguage.objects.order_by().values_list("code", flat=True).distinct(),
        LANGUAGES,
    ),
    "author": Vocabulary(
        "use the name of an account, which has letters, digits, “-”, “_” and “.” alone",
        lambda: ModelRecord.objects.order_by().values_list(Lower("owner"), flat=True).distinct(),
        also=lambda value: is_repo_id(f"{value}/x"),
        by_form=True,
    ),
}
"""What can be asked of the parameters whose values the catalogue brings along."""


def known_values(name: str, version: int) -> frozenset[str]:
    """The values of a parameter that records of this version of the catalogue have. One query a version."""
    return kept(("known values", name, version), lambda: frozenset(VOCABULARIES[name].stored()) - {""})


def read_question(
    query: Query, available: Mapping[str, Worker], names: Collection[str] = BROWSE, beside: Collection[str] = ()
) -> Question:
    """The question of a door that takes these parameters. No query unless a value is in none of this site's tables.

    ``beside`` are parameters that the door reads itself. Raises
    :class:`~compat.catalogue.question.QuestionError` that names everything unknown at once, in the order asked.
    """
    taken = (*names, *beside)
    strangers = [name for name in query if name and name not in taken]
    unknown = [unknown_parameter(name, taken) for name in strangers[:_FEW]]
    try:
        found, problems = Question.from_query(Part(query, names), available, _wrong), unknown
    except QuestionError as error:
        found, problems = error.rest or Question(), [*unknown, *error.problems]
    if problems:
        place = {name[:60]: place for place, name in enumerate(query)}
        raise QuestionError(sorted(problems, key=lambda problem: place[problem.parameter]), found)
    return found


def unknown_parameter(name: str, names: Collection[str]) -> Problem:
    """What to say of a parameter that is none here."""
    hint = did_you_mean(name, names, 1) or (f" There are: {', '.join(names)}." if names else "")
    meant = "".join(near(name, names, 1))
    return Problem(name[:60], "", f"There is no parameter “{name[:60]}” here.{hint}", meant)


def _wrong(parameter: Parameter, value: str) -> str:
    """What is wrong with a value, or nothing."""
    if parameter.source == "lists":
        slugs = list(CuratedList.objects.filter(published=True).values_list("slug", flat=True))
        return "" if value in slugs else f"There is no list “{value}”.{did_you_mean(value, slugs)}"
    vocabulary = VOCABULARIES.get(parameter.name)
    if vocabulary is None or vocabulary.could_be(value):
        return ""
    stored = frozenset() if vocabulary.by_form else known_values(parameter.name, catalogue_state().version)
    if value in stored:
        return ""
    known = sorted({*vocabulary.listed, *stored})
    use = f"use {or_(known)}" if 0 < len(known) <= _FEW else vocabulary.use
    return f"“{value[:60]}” is not a value of {parameter.name}: {use}.{did_you_mean(value, known)}"


def absences(question: Question) -> list[str]:
    """Why a list may be empty, in sentences: the values that a question asks for and no record has."""
    version = catalogue_state().version
    return [
        f"No model of this catalogue has “{value}” as its {name}."
        for name in VOCABULARIES
        for value in getattr(question, name)
        if (value.lower() if name == "author" else value) not in known_values(name, version)
    ]
