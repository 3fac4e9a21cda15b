"""The site as a WSGI application, for other servers than its own (which runs :mod:`marketplace.asgi`)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
application = get_wsgi_application()

from compat.checks import require_valid_data  # noqa: E402 - known only to a project that is set up

require_valid_data()
