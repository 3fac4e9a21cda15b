"""The app that knows what runs where."""

from django.apps import AppConfig


class CompatConfig(AppConfig):
    """Registers the system checks."""

    name = "compat"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        """Load the checks, which register themselves."""
        from . import checks  # noqa: F401 - imported for its registrations
