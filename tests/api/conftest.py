"""No limits, and the site as a WSGI application inside a test's transaction for clients with their own way to ask."""

from __future__ import annotations

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from marketplace.api import limits, tokens


@pytest.fixture(autouse=True)
def _no_limits(settings):
    """Tests ask more than a client may; those of the limits set their own. Every test begins with nothing counted."""
    settings.API_RATE = settings.API_TOKEN_RATE = None
    settings.REDIS_URL = ""
    limits.forget_counts()
    tokens.forget_tokens()


@pytest.fixture
def site():
    """The application; the end of a request must not close the connection that holds the test's transaction."""
    handler = WSGIHandler()

    def application(environ, start_response):
        for signal in (request_started, request_finished):
            # Each time anew: the test client connects it again.
            signal.disconnect(close_old_connections)
        # Not every client unpacks what is sent compressed.
        environ.pop("HTTP_ACCEPT_ENCODING", None)
        return handler(environ, start_response)

    yield application
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
