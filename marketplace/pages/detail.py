"""One model: does it run here, why, which file to take, and where each fact comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from compat import catalogue
from compat.catalogue.workers import Worker
from compat.hub.payloads import is_repo_id
from compat.ingest.freshness import is_stale, refusal_to, under_way
from compat.models import ModelRecord, RecordVariant, in_any_case
from compat.rules import CompatibilityResult
from compat.tasks import request_fetch
from marketplace.addresses import with_query
from marketplace.freshness import absence_of, asker_for, refresh_if_stale, words_of_refusal

from .address import takes
from .errors import bad_request
from .htmx import HtmxHttpRequest, render_page, unkept
from .worker import remember, worker_choice


@dataclass(frozen=True, slots=True)
class Answer:
    """What one worker says of a model: its verdict, and the variant that the verdict is about."""

    worker: Worker
    result: CompatibilityResult
    best: RecordVariant | None


def answered(page: catalogue.DetailPage, answers: Sequence[Answer]) -> dict[str, object]:
    """What the template of a model's page needs of the workers' answers, the page's own worker first.

    ``takes`` are the variants to take, each with the slugs of the workers it is best on, in the order of variants.
    """
    takes: dict[int, tuple[RecordVariant | None, list[str]]] = {}
    for answer in answers:
        if answer.result.compatible:
            position = answer.best.position if answer.best else 0
            takes.setdefault(position, (answer.best, []))[1].append(answer.worker.slug)
    return {
        "page": page,
        "answers": answers,
        "takes": [takes[position] for position in sorted(takes)],
        "best_on": {}
        if not page.recommended
        else {page.best.position: [page.worker.slug]}
        if page.best
        else {position: slugs for position, (_, slugs) in takes.items()},
        "refused": [answer.worker.slug for answer in answers if not answer.result.compatible],
    }


@require_safe
@takes(build=())
def detail(request: HtmxHttpRequest, repo_id: str) -> HttpResponse:
    """``/models/<org>/<name>/``; ``<org>--<name>`` and other spellings lead to the one address.

    ``build`` is the position of the variant to look at, where that is not the best one.
    """
    if "--" in repo_id and "/" not in repo_id:
        return redirect("detail", repo_id.replace("--", "/", 1), permanent=True)
    choice = worker_choice(request)
    try:
        page = catalogue.detail(repo_id, choice.asked, choice.available, _build(request))
    except catalogue.UnknownModel:
        return _unknown(request, repo_id)
    if page.record.repo_id != repo_id:
        query = request.GET.urlencode()
        renamed = page.record.repo_id.lower() != repo_id.lower()
        return redirect(with_query(page.record.get_absolute_url(), query), permanent=renamed)
    context = {
        **answered(page, [Answer(page.worker, page.result, page.row.best)]),
        "stale": is_stale(page.record),
        "refreshing": refresh_if_stale(request, page.record, page.fetch),
        "under_way": under_way(page.fetch),
        "may_fetch": may_fetch(request),
        "offline": settings.HUB.offline,
    }
    response = render_page(request, "pages/detail.html", context)
    if request.htmx and not request.htmx.boosted:
        # The controls send every field; the address keeps only what was told.
        build = f"build={page.row.best.position}" if page.best and page.row.best else ""
        response["HX-Push-Url"] = with_query(request.path, "&".join(filter(None, (choice.query, build))))
    remember(request, response)
    # A page that waits for a newer record asks again and again.
    return unkept(response) if context["under_way"] else response


def _build(request: HtmxHttpRequest) -> int | None:
    """The build that is asked for; one that there is not is the best one, as a newer record may have others."""
    told = request.GET.get("build", "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 6 else None


def may_fetch(request: HtmxHttpRequest) -> bool:
    """Whether this visitor can have a model fetched from the Hub."""
    return not settings.HUB.offline and (settings.FETCH_ON_DEMAND or request.user.is_staff)


def _unknown(request: HtmxHttpRequest, repo_id: str) -> HttpResponse:
    """Not in the catalogue: a place holder that completes itself while it is fetched, else what is known of it."""
    absence = absence_of(request, repo_id)
    context = {
        "absence": absence,
        "may_fetch": absence.state in ("missing", "failed", "gone") and may_fetch(request),
        "search": repo_id.rpartition("/")[2][:100],
    }
    waiting = absence.state == "fetching"
    response = render_page(request, "pages/unknown_model.html", context, status=202 if waiting else 404)
    if absence.retry_after:
        response["Retry-After"] = str(absence.retry_after)
    return unkept(response)


@require_http_methods(["GET", "HEAD", "POST"])
@takes(id=())
def fetch(request: HtmxHttpRequest) -> HttpResponse:
    """``/fetch/?id=``: asks first, because a form's token would keep a model's own page out of caches; then fetches."""
    repo_id = (request.POST if request.method == "POST" else request.GET).get("id", "")
    if not is_repo_id(repo_id):
        return bad_request(request, BadRequest("This is not the id of a model. Ids look like author/name."))
    if request.method != "POST":
        record = ModelRecord.objects.filter(repo_id=repo_id).first()
        context = {"repo_id": repo_id, "record": record, "may_fetch": may_fetch(request)}
        return unkept(render_page(request, "pages/fetch.html", {**context, "offline": settings.HUB.offline}))
    asker = asker_for(request)
    if settings.HUB.offline:
        messages.error(request, "This site works offline, so the Hub cannot be asked. An operator can import records.")
    elif not may_fetch(request):
        messages.error(request, "Only this site's operator can have models fetched from the Hub.")
    elif request_fetch(repo_id, asker=asker, insisting=True):
        messages.success(request, f"{repo_id} is being fetched from the Hub. This page shows it when it is there.")
    elif refusal := refusal_to(asker, new=not in_any_case([repo_id]).exists()):
        messages.info(request, words_of_refusal(refusal))
    else:
        messages.info(request, f"{repo_id} was asked for a moment ago. Give it a little time.")
    return redirect(with_query(reverse("detail", args=[repo_id]), worker_choice(request).query))
