"""The names of the site's own cookies, beside Django's."""

WORKER = "worker"
"""What a visitor chose as their worker, as a query string."""
MACHINES = "machines"
"""The machines that a visitor keeps, by name."""
