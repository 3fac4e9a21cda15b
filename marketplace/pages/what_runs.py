"""What can I run? The ladder of a machine; and the reverse, what hardware a model needs."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from compat import catalogue
from compat.catalogue import ladder, least_hardware
from compat.catalogue.workers import CONTEXT_STOPS
from compat.engines.system_memory import USUAL_MEMORY

from .address import takes
from .errors import bad_request
from .htmx import HtmxHttpRequest, render_page
from .worker import remember, worker_choice

EXAMPLES = (
    ("RTX 4070 and 32 GB", "worker=auto&accelerator=RTX+4070&ram=32"),
    ("RTX 3060 12 GB", "worker=auto&accelerator=RTX+3060+12+GB"),
    ("2x RTX 3090", "worker=auto&accelerator=RTX+3090&count=2"),
    ("Apple M4 Max, 64 GB", "worker=auto&accelerator=Apple+M4+Max&memory=64"),
    ("8x H100", "worker=auto&accelerator=H100+SXM&count=8"),
    ("Processor with 64 GB", "worker=auto&ram=64&ram_bandwidth=89.6"),
)
"""Machines to look at, in words and as the worker's part of an address."""


@require_safe
@takes()
def what_runs(request: HtmxHttpRequest) -> HttpResponse:
    """``/machine/``: for each use what to look at first on the visitor's machine, and why."""
    choice = worker_choice(request)
    context = {
        "page": ladder.what_runs(choice.asked, choice.available),
        "kinds": ladder.KINDS,
        "examples": EXAMPLES,
        "stops": sorted({*CONTEXT_STOPS, choice.worker.context}),
        "rates": USUAL_MEMORY,
    }
    return remember(request, render_page(request, "pages/machine.html", context))


@require_safe
@takes(m=())
def what_it_needs(request: HtmxHttpRequest) -> HttpResponse:
    """``/machine/for/?m=<id>``: the least hardware that runs a model well on the visitor's engine."""
    choice = worker_choice(request)
    repo_id = request.GET.get("m", "")
    try:
        page = least_hardware.what_it_needs(repo_id, choice.asked, choice.available)
    except catalogue.UnknownModel:
        return bad_request(request, BadRequest("Say which model: m is the id of one in this catalogue."))
    return remember(request, render_page(request, "pages/machine_for.html", {"page": page}))
