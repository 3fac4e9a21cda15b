"""One model: does it run here, why, which file to take, and where each fact comes from."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from compat import queries
from compat.hub.payloads import is_repo_id
from compat.models import HubFetch, ModelRecord
from compat.tasks import request_fetch

from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice


@require_safe
def detail(request: HtmxHttpRequest, repo_id: str) -> HttpResponse:
    """``/models/<org>/<name>/``; ``<org>--<name>`` and other spellings lead to the one address."""
    if "--" in repo_id and "/" not in repo_id:
        return redirect("detail", repo_id.replace("--", "/", 1), permanent=True)
    choice = worker_choice(request)
    try:
        page = queries.detail(repo_id, choice.asked, choice.available)
    except queries.UnknownModel:
        return _unknown(request, repo_id)
    if page.record.repo_id != repo_id:
        query = request.GET.urlencode()
        return redirect(page.record.get_absolute_url() + (f"?{query}" if query else ""))
    context = {"page": page, "offline": settings.HUB.offline, "stale": _is_stale(page.record)}
    response = render_page(request, "pages/detail.html", context)
    if request.htmx and not request.htmx.boosted:
        # The controls send every field; the address keeps only what was told.
        response["HX-Push-Url"] = request.path + (f"?{choice.query}" if choice.query else "")
    return remember(request, response)


def _is_stale(record: ModelRecord) -> bool:
    """Whether the Hub has not been asked for longer than a record counts as fresh."""
    fresh_until = timezone.now() - timedelta(seconds=settings.RECORD_TTL)
    return record.fetched is None or record.fetched < fresh_until


def _unknown(request: HtmxHttpRequest, repo_id: str) -> HttpResponse:
    """Not in the catalogue: say so, and offer to ask the Hub."""
    possible = is_repo_id(repo_id)
    context = {
        "repo_id": repo_id,
        "possible": possible,
        "offline": settings.HUB.offline,
        "fetch": HubFetch.objects.filter(repo_id=repo_id).first() if possible else None,
        "search": repo_id.rpartition("/")[2][:100],
    }
    return render_page(request, "pages/unknown_model.html", context, status=404)


@require_POST
def fetch(request: HtmxHttpRequest) -> HttpResponseRedirect:
    """``/fetch/``: ask the background worker to fetch one model from the Hub, then show its page."""
    repo_id = request.POST.get("id", "")
    if not is_repo_id(repo_id):
        raise BadRequest("This is not the id of a model. Ids look like author/name.")
    if settings.HUB.offline:
        messages.error(request, "This site works offline, so the Hub cannot be asked. An operator can import records.")
    elif request_fetch(repo_id):
        messages.success(request, f"{repo_id} is being fetched from the Hub. This page shows it when it is there.")
    else:
        messages.info(request, f"{repo_id} was asked for a moment ago. Give it a little time.")
    return redirect("detail", repo_id)
