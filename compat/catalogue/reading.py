"""Reading a question as every door does: what nobody knows is told, and never passed over in silence.

Where the border lies between a wrong value and an empty list:

- A value that could be one gets a list, an empty one if no record has it, so that a bookmark goes on to work when a
  record goes: a task or licence of the Hub, a format, quantization or language of this site's tables, a family or
  ``model_type`` that the architecture tables name, whatever the catalogue's own records hold, and any name that an
  account on the Hub could have. :func:`absences` says of an empty list which of its values no record has.
- Every other value is refused, with those that come near it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from django.db.models.functions import Lower

from compat.architectures import architecture_of, family_label, is_listed
from compat.catalogue.current import current_index
from compat.catalogue.facets import FACETS
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
    near_values,
)
from compat.catalogue.workers import Worker
from compat.extraction.filenames import GGUF_LABELS
from compat.extraction.languages import LANGUAGES
from compat.extraction.licenses import LICENSES
from compat.extraction.quantization import QUANTIZATIONS
from compat.extraction.task import TASKS
from compat.extraction.variants import FORMATS
from compat.hub.payloads import is_repo_id
from compat.models import CuratedList, ModelRecord
from compat.wording import or_

BROWSE = tuple(name for name in PARAMETERS if name != "page")
"""What a list can be asked by programs; pages take the page as well."""
FILTERS = tuple(name for name in BROWSE if name != "q" and name not in WORKER)
"""What narrows and orders a list, but for its words."""
MACHINE_IS = "Tell the machine with accelerator, in any spelling: RTX 4070 and 32 GB."
"""What is said where a parameter called ``machine`` is asked for."""
_FEW = 20
"""So many values are all named in a message, and so many unknown parameters are told."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which values of a parameter there can be.

    ``listed`` are those of this site's own tables, ``also`` tells of any other whether it could be one. ``use`` ends
    the message about a value that is none: what to use instead.
    """

    use: str = "use one that a model of this catalogue has"
    listed: Collection[str] = ()
    also: Callable[[str], bool] = lambda _value: False

    def could_be(self, value: str) -> bool:
        """Whether it is legal in general, whatever the catalogue holds."""
        return value in self.listed or self.also(value)


_HUB_TASKS = (
    *TASKS,
    *("multiple-choice", "table-to-text", "tabular-to-text", "text-retrieval", "image-text-to-image"),
    *("image-text-to-video", "video-to-video"),
)
VOCABULARIES: Mapping[str, Vocabulary] = {
    "task": Vocabulary("use a task of the Hub, such as text-generation", _HUB_TASKS),
    "architecture": Vocabulary(
        "use an architecture family or a model_type that is known here, such as llama or qwen2_moe",
        also=lambda value: (
            is_listed(value) or family_label(value) != value or bool(architecture_of(value).classes_for(None))
        ),
    ),
    "format": Vocabulary("use", FORMATS),
    "quantization": Vocabulary(
        "use a quantization that is known here, such as Q4_K_M or AWQ",
        (*GGUF_LABELS, *QUANTIZATIONS),
    ),
    "license": Vocabulary(
        "use a licence as the Hub writes it, such as mit or gemma",
        LICENSES,
    ),
    "language": Vocabulary(
        "use the code of a language, such as en or de",
        LANGUAGES,
    ),
    "author": Vocabulary(
        "use the name of an account, of letters, digits, dashes, underscores and dots alone",
        also=lambda value: is_repo_id(f"{value}/x"),
    ),
}
"""What can be asked of the parameters whose values the catalogue brings along."""


def known_values(name: str) -> frozenset[str]:
    """The values of a facet that records have, as the index holds them."""
    return frozenset(current_index().values(name).names)


def _occurs(name: str, value: str) -> bool:
    """Whether a record has a value. Of accounts there are too many to keep: those are asked of the database."""
    if name == "author":
        return ModelRecord.objects.alias(lowered=Lower("owner")).filter(lowered=value.lower()).exists()
    return value in known_values(name)


_STORED = Vocabulary()
"""For a facet of which no table of this site tells the values."""
_FACETS = frozenset(facet.name for facet in FACETS)


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
        # The text for the accelerator may tell any other part of the machine.
        machine = place.get("accelerator", len(place))
        raise QuestionError(sorted(problems, key=lambda problem: place.get(problem.parameter, machine)), found)
    return found


def unknown_parameter(name: str, names: Collection[str]) -> Problem:
    """What to say of a parameter that is none here."""
    if name == "machine" and "accelerator" in names:
        return Problem(name, "", f"There is no parameter “machine” here. {MACHINE_IS}", "accelerator")
    hint = did_you_mean(name, names, 1) or (f" There are: {', '.join(names)}." if names else "")
    meant = "".join(near_values(name, names, 1))
    return Problem(name[:60], "", f"There is no parameter “{name[:60]}” here.{hint}", meant)


def _wrong(parameter: Parameter, value: str) -> str:
    """What is wrong with a value, or nothing."""
    if parameter.source == "lists":
        slugs = list(CuratedList.objects.filter(published=True).values_list("slug", flat=True))
        return "" if value in slugs else f"There is no list “{value}”.{did_you_mean(value, slugs)}"
    vocabulary = VOCABULARIES.get(parameter.name, _STORED)
    if parameter.source != "catalogue" or vocabulary.could_be(value):
        return ""
    stored = known_values(parameter.name) if parameter.name in _FACETS else frozenset()
    if value in stored:
        return ""
    known = sorted({*vocabulary.listed, *stored})
    use = f"use {or_(known)}" if 0 < len(known) <= _FEW else vocabulary.use
    return f"“{value[:60]}” is not a value of {parameter.name}: {use}.{did_you_mean(value, known)}"


def describe_absences(question: Question) -> list[str]:
    """Why a list may be empty, in sentences: the values that a question asks for and no record has."""
    return [
        f"No model of this catalogue has “{value}” as its {name}."
        for name, parameter in PARAMETERS.items()
        if parameter.source == "catalogue"
        for value in getattr(question, name)
        if not _occurs(name, value)
    ]
