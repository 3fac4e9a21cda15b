"""The WSGI application that the web server runs."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
application = get_wsgi_application()

from compat.checks import require_valid_data  # noqa: E402 - known only to a project that is set up

require_valid_data()
