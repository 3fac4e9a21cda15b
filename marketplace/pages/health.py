"""For load balancers and supervisors."""

from __future__ import annotations

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from compat import catalogue


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """``/healthz``: 200 with the catalogue's version, or 503 where the database does not answer."""
    try:
        version, changed, _ = catalogue.catalogue_state()
    except DatabaseError:
        return JsonResponse({"status": "database does not answer"}, status=503)
    return JsonResponse({"status": "ok", "catalogue": version, "changed": changed})
