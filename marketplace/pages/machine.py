"""The field for one's machine: text in any spelling, or what a program prints of it, becomes parameters of an address.

Every page has the field in its header. What was understood whole leads on to the page it was typed on, with the machine
in its address; anything else is said back, with what would be understood. With htmx the same is told while somebody
types. Nothing of the text is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from compat.catalogue import worker_of
from compat.catalogue.question import (
    MACHINE,
    WORKER,
    DictQuery,
    Problem,
    Question,
    QuestionError,
    machine_of,
    options_of,
)
from compat.catalogue.suited_engine import SuitedEngine, suited_engine
from compat.catalogue.workers import AUTO, Worker, workers
from compat.engines.machine_text import MOST_CHARACTERS, MachineText, completions, read_machine
from marketplace.addresses import with_query
from marketplace.machines import LONGEST_NAME, forget_machine, keep_machine, kept_machines

from .errors import bad_request
from .htmx import HtmxHttpRequest, render_page, unkept
from .worker import worker_choice

_OWN = frozenset({"machine", "next", "kept", "forget", "keep_as", "csrfmiddlewaretoken", *WORKER})
_MOST_OTHERS = 40
ENGINE_CHOSEN = "engine"
"""The tag of the message that says which engine was chosen; pages put the others beside it."""
PLACES = ("your-machine", "home-machine", "this-machine")
"""The ids of the fields."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was read of a text: the worker that it makes, and where to go with it.

    ``choices`` are addresses by what they take a size for that is not told, or by which of several machines they take.
    """

    text: str
    read: MachineText
    worker: Worker
    problems: tuple[Problem, ...]
    address: str
    choices: Mapping[str, str]
    suited: SuitedEngine | None
    """The engine that was chosen, where none was named."""

    @property
    def whole(self) -> bool:
        """Whether all of it was understood, and such a machine can be judged for."""
        return self.read.whole and not self.problems


@csrf_exempt  # Nothing is changed but what the visitor's own browser keeps, and a token would keep pages out of caches.
@require_http_methods(["GET", "HEAD", "POST"])
def machine_field(request: HtmxHttpRequest) -> HttpResponse:
    """``/machine/read/``: a text leads to the page it was typed on, or is answered with what was understood of it."""
    try:
        told: QueryDict = request.POST if request.method == "POST" else request.GET
    except RequestDataTooBig:
        return bad_request(request, BadRequest(f"That is too much text: {MOST_CHARACTERS:,} characters are read."))
    if told.get("kept") or told.get("forget"):
        return _kept(request, told)
    text = told.get("machine", "")
    if not text.strip() and not request.htmx:
        return HttpResponseRedirect(_address(told, _rest(told)))
    back = _read(request, told, text)
    if request.htmx:
        found = completions(text) if text.strip() else []
        place = request.GET.get("place", "")
        context = {
            "back": back,
            "completions": {one: _again(told, one) for one in found},
            "place": place if place in PLACES else PLACES[0],
        }
        return unkept(render_page(request, "partials/_machine_back.html", context))
    if not back.whole:
        context = {
            "back": back,
            "near": _near(told, back),
            "others": _others(told),
            "next": _next(told),
            "asked": _rest(told),
        }
        return unkept(render_page(request, "pages/machine_field.html", context, status=200 if back.read.told else 422))
    response = HttpResponseRedirect(back.address)
    if back.suited is not None and back.suited.worker.slug != worker_choice(request).worker.slug:
        messages.info(request, sentence_of(back.suited, back.worker), extra_tags=ENGINE_CHOSEN)
    if back.read.said:
        messages.info(request, "\n".join(back.read.said))
    name = " ".join(told.get("keep_as", "").replace("\0", " ").split())[:LONGEST_NAME]
    if name:
        keep_machine(request, response, name, urlencode(back.read.parameters))
    return response


def _kept(request: HttpRequest, told: QueryDict) -> HttpResponse:
    """Use a machine that the browser keeps, or forget it and stay with the one there is."""
    gone = told.get("forget", "")
    if gone:
        machine = read_machine(told.get("machine", "")).parameters
    else:
        query = QueryDict(kept_machines(request).get(told.get("kept", ""), ""))
        machine = {name: query.get(name, "") for name in MACHINE if query.get(name)}
    parameters = {**_rest(told), **machine}
    response = HttpResponseRedirect(_address(told, parameters if gone else _with_engine(parameters, workers())[0]))
    if gone:
        forget_machine(request, response, gone)
    return response


def _read(request: HttpRequest, told: QueryDict, text: str) -> ReadBack:
    read, available = read_machine(text), workers()
    parameters, suited = _with_engine({**_rest(told), **read.parameters}, available)
    asked, problems = _checked(parameters, available)
    choices: dict[str, str] = {}
    if read.bare is not None:
        size = f"{read.bare:g}"
        for words, name in ((f"{size} GB of an accelerator", "memory"), (f"{size} GB of system memory", "ram")):
            choices[words] = _address(told, _with_engine({**parameters, name: size}, available)[0])
    for one in read.apart:
        alone = {**_rest(told), **one.parameters}
        words = machine_of(_checked(alone, available)[0]).words
        choices[words] = _again(told, words)
    return ReadBack(
        text[:MOST_CHARACTERS],
        read,
        worker_of(asked, available),
        problems,
        _address(told, parameters),
        choices,
        suited,
    )


def _with_engine(
    parameters: Mapping[str, str], available: Mapping[str, Worker]
) -> tuple[dict[str, str], SuitedEngine | None]:
    """The parameters, with the choice left to the machine they tell where they name no engine, and that engine."""
    found = dict(parameters)
    if found.get("worker", AUTO) != AUTO:
        return found, None
    found.pop("worker", None)
    if not set(found) & set(MACHINE):
        return found, None
    found = {"worker": AUTO, **found}
    asked = _checked(found, available)[0]
    return found, suited_engine(machine_of(asked), available, options_of(asked))


def sentence_of(suited: SuitedEngine, worker: Worker) -> str:
    """What is said of an engine that was chosen."""
    return f"You named no engine, so {suited.worker.name} was chosen for {worker.machine.words}. {suited.why}"


def _near(told: QueryDict, back: ReadBack) -> dict[str, str]:
    """What may be meant by the parts that nobody understands, each with the address that reads it so."""
    return {
        label: _again(told, back.text.replace(part, label, 1))
        for part, labels in back.read.near().items()
        for label in labels
        if part in back.text
    }


def _checked(parameters: Mapping[str, str], available: Mapping[str, Worker]) -> tuple[Question, tuple[Problem, ...]]:
    """The worker's part of a question, and what is wrong with it."""
    try:
        return Question.from_query(DictQuery(parameters), available), ()
    except QuestionError as error:
        return error.rest or Question(), error.problems


def _rest(told: QueryDict) -> dict[str, str]:
    """What the form says of the worker beside its machine."""
    return {name: told.get(name, "") for name in WORKER if name not in MACHINE and told.get(name)}


def _others(told: QueryDict) -> list[tuple[str, str]]:
    """The parameters of the page that the field stands on."""
    pairs = [(name, value) for name, values in told.lists() if name not in _OWN for value in values if value]
    return pairs[:_MOST_OTHERS]


def _next(told: QueryDict) -> str:
    """The path of the page to go to: one of this site."""
    path = told.get("next", "")
    good = path.startswith("/") and url_has_allowed_host_and_scheme(path, None) and not set(path) & set("?#\\")
    return path if good else reverse("browse")


def _address(told: QueryDict, worker: Mapping[str, str]) -> str:
    return with_query(_next(told), urlencode([*_others(told), *worker.items()]))


def _again(told: QueryDict, text: str) -> str:
    """The address that reads another text in the same place."""
    query = [*_others(told), *_rest(told).items(), ("next", _next(told)), ("machine", text[:400])]
    return f"{reverse('machine-field')}?{urlencode(query)}"
