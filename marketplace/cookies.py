"""The names of the site's own cookies, beside Django's."""

WORKER = "worker"
"""What a visitor chose as their worker, as a query string."""
