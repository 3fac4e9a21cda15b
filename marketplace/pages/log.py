"""A pasted log of an engine, held against the estimate of a model's page.

It has an address of its own, because a form's token would keep a model's page out of caches; with JavaScript it opens
in the model's page. The text is read in this process and forgotten with the answer.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core import signing
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from compat import catalogue
from compat.catalogue.measured import compare, kept_fields
from compat.hub.payloads import is_repo_id
from compat.ingest.measurements import MAY_KEEP, keep
from compat.logs import MOST_BYTES, TOO_LONG, LogError, engines_read, read_log
from compat.models import ModelRecord
from marketplace.addresses import with_query

from .address import takes
from .errors import bad_request
from .htmx import HtmxHttpRequest, render_page, unkept
from .worker import worker_choice

_SALT = "measurement"
_HOURS = 24


@csrf_exempt  # Looking for the form's token reads the form, which may be too long: `_checked` looks for it.
@require_http_methods(["GET", "HEAD", "POST"])
@takes(id=())
def log(request: HtmxHttpRequest) -> HttpResponse:
    """``/log/?id=``: asks for a log; a POST compares it, or keeps what was compared a moment ago."""
    try:
        request.POST  # noqa: B018 - read here, no further than Django's limit for what is no file
    except RequestDataTooBig:
        return _answer(request, too_long=True)
    return _checked(request)


@csrf_protect
def _checked(request: HtmxHttpRequest) -> HttpResponse:
    return _answer(request)


def _answer(request: HtmxHttpRequest, too_long: bool = False) -> HttpResponse:
    repo_id = request.GET.get("id", "")
    if not is_repo_id(repo_id):
        return bad_request(request, BadRequest("This is not the id of a model. Ids look like author/name."))
    try:
        record = catalogue.find_record(repo_id)
    except catalogue.UnknownModel:
        return redirect("detail", repo_id)
    if not too_long and "keep" in request.POST:
        return _keep(request, record)
    context: dict[str, Any] = {
        "record": record,
        "most": MOST_BYTES // 2**20,
        "engines": engines_read(),
        "problem": "",
        "comparison": None,
    }
    context["may_keep"] = request.user.has_perm(MAY_KEEP)
    if request.method == "POST":
        try:
            comparison = compare(
                record, list(record.variants.all()), worker_choice(request).worker, read_log(_given(request, too_long))
            )
            context["comparison"] = comparison
            if context["may_keep"] and not comparison.why_not_kept:
                context["kept"] = signing.dumps(kept_fields(record, comparison), salt=_SALT, compress=True)
        except LogError as error:
            context["problem"] = str(error)
    # htmx shows what is answered with success alone.
    status = 422 if context["problem"] and not request.htmx else 200
    return unkept(render_page(request, "pages/log.html", context, status=status))


def _given(request: HttpRequest, too_long: bool) -> str | bytes:
    """The file, if one was chosen, else what was pasted."""
    if too_long:
        raise LogError(TOO_LONG)
    file = request.FILES.get("file")
    if file is None:
        return request.POST.get("log", "")
    if (file.size or 0) > MOST_BYTES:
        raise LogError(TOO_LONG)
    return bytes(file.read())


def _keep(request: HtmxHttpRequest, record: ModelRecord) -> HttpResponse:
    """Keep what this site compared, for a person with the right to."""
    if not request.user.has_perm(MAY_KEEP):
        messages.error(request, "Keeping a measurement needs a person with the right “Can add measurement”.")
    else:
        try:
            fields = signing.loads(request.POST["keep"], salt=_SALT, max_age=_HOURS * 3600)
        except signing.BadSignature:
            messages.error(request, "That comparison is too old to be kept, or not from here. Compare the log again.")
        else:
            kept = keep(fields, request.user)  # type: ignore[arg-type] # nobody else has the right
            messages.success(request, f"Kept as a measurement: {kept}.")
    query = worker_choice(request).query
    return redirect(with_query(record.get_absolute_url(), query))
