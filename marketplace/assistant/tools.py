"""The tools an assistant may call, each a question, its arguments, its answer's shape and its sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from pydantic import BaseModel, ValidationError

from compat.catalogue.question import QuestionError
from compat.catalogue.workers import workers
from compat.timestamps import Json
from marketplace.api import schemas as api_schemas

from . import arguments as a
from . import questions, schemas, sentences
from .plain import clean_value, quoted
from .questions import Available, NotAnsweredError

A = TypeVar("A", bound=a.Arguments)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """One tool. ``ask`` gives the structured answer, ``tell`` says the same in sentences."""

    name: str
    title: str
    description: str
    takes: type[A]
    answers: type[BaseModel]
    ask: Callable[[A, Available], Json]
    tell: Callable[[Json, A], str]

    def call(self, given: dict[str, Any]) -> Answer:
        """Answer a call; raises :class:`NotAnsweredError` with what is wrong and what is allowed."""
        try:
            arguments = self.takes.model_validate(given)
        except ValidationError as error:
            raise NotAnsweredError(a.problems_of(error, self.takes)) from None
        try:
            asked = self.ask(arguments, workers())
        except QuestionError as error:
            raise NotAnsweredError(questions.describe_problems(error)) from None
        shaped = self.answers.model_validate(asked).model_dump(by_alias=True, exclude_unset=True)
        structured = clean_value(json.loads(json.dumps(shaped, cls=DjangoJSONEncoder)))
        return Answer(structured, self.tell(structured, arguments))

    @property
    def answer_schema(self) -> dict[str, Any]:
        """The JSON schema of the structured answer."""
        return self.answers.model_json_schema(by_alias=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer for programs, and in sentences."""

    structured: Json
    text: str


TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "find_models",
        "Find models",
        "Find models of this site's catalogue by words, task, family, format, quantization, licence, language or size, "
        "and say which of them run on a worker. Shows what runs unless told otherwise, and counts what it left out.",
        a.Find,
        api_schemas.ModelList,
        questions.find_models,
        sentences.find_models,
    ),
    Tool(
        "does_it_run",
        "Does it run?",
        "Say whether one model of the catalogue runs on a worker: verdict, reasons, warnings, advice, which files to "
        "take, the memory need with what it rests on, what this site measured of it, where each fact was read and "
        "how old the record is. The verdict is on the repository named; where another repository has the same model in "
        "a build that is surer there (surerBuild), that one is what to take. A model that is not in the catalogue is "
        "not guessed at.",
        a.OneModel,
        schemas.Verdict,
        questions.does_it_run,
        sentences.does_it_run,
    ),
    Tool(
        "what_runs",
        "What can I run?",
        "For a machine and an engine: what to look at first for chat, code, reasoning, vision, embeddings and speech "
        "(the biggest comfortable build, the best, the fastest, the longest context), each with its memory need, its "
        "speed, what to type and why it is named; and what one more card or more memory would bring.",
        a.OneMachine,
        api_schemas.MachineLadders,
        questions.what_runs,
        sentences.what_runs,
    ),
    Tool(
        "alternatives",
        "What to take instead",
        "Models that run on a worker in place of one model, each with the reason it is offered: the same model in "
        "another build, the next of its family, or another that is for the same; none much larger.",
        a.OneModel,
        schemas.Alternatives,
        questions.alternatives,
        sentences.alternatives,
    ),
    Tool(
        "list_workers",
        "The workers",
        "The engines and workers this site judges for, and how many models of the catalogue run on each. "
        "Name one to see every architecture, format and task it accepts.",
        a.WorkersAsked,
        schemas.Workers,
        questions.list_workers,
        sentences.list_workers,
    ),
    Tool(
        "curated_lists",
        "Curated lists",
        "The lists of models that this site's curators keep.",
        a.Nothing,
        api_schemas.Lists,
        questions.curated_lists,
        sentences.curated_lists,
    ),
    Tool(
        "curated_list",
        "One curated list",
        "The models of one curated list in the curator's order, with a verdict each and the curator's notes.",
        a.OneList,
        schemas.CuratedModels,
        questions.curated_list,
        sentences.curated_list,
    ),
    Tool(
        "compatibility_report",
        "How much runs",
        "How many of the best known models run on a worker, and how many are refused for which cause.",
        a.ReportAsked,
        api_schemas.Report,
        questions.compatibility_report,
        sentences.compatibility_report,
    ),
    Tool(
        "check_metadata",
        "Judge six facts",
        "Judge a model by six facts that you give (read them from its config.json or file header), whether the "
        "catalogue has it or not.",
        a.Facts,
        api_schemas.Compatibility,
        questions.check_metadata,
        sentences.check_metadata,
    ),
)
_BY_NAME = {tool.name: tool for tool in TOOLS}


def call_tool(name: str, given: dict[str, Any]) -> Answer:
    """Answer a call of a tool by its name; raises :class:`NotAnsweredError`."""
    if name not in _BY_NAME:
        raise NotAnsweredError(f"There is no tool {quoted(name)}. There are: {', '.join(_BY_NAME)}.")
    return _BY_NAME[name].call(given)
