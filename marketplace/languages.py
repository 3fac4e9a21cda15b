"""In which language a page is answered: the visitor's choice, else what the browser prefers, else English.

Pages alone are translated, that about the API too. The API itself, the admin, feeds and every file for machines speak
English, and so do the sentences that the rules write and the database keeps; pages translate those as they are shown
(:mod:`marketplace.translating`).
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

_PAGES = frozenset({"/api/docs"})
"""Pages among what is for machines."""
_ENGLISH = "/api/", "/admin/", "/feed.xml", "/sitemap", "/robots.txt", "/healthz"
"""How the paths begin of what is never translated."""


class LanguageMiddleware:
    """Has the rest of a request done in its language. Outside of what keeps answers, which asks for it.

    Django's own would tell caches of every answer, those for machines too, that it depends on the browser's language.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """One request."""
        english = request.path_info.startswith(_ENGLISH) and request.path_info not in _PAGES
        language = settings.LANGUAGE_CODE if english else translation.get_language_from_request(request)
        with translation.override(language):
            response = self._get_response(request)
        if not english and response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers["Content-Language"] = language
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response
