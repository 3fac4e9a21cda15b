"""The app that knows what runs where."""

from django.apps import AppConfig


class CompatConfig(AppConfig):
    """Registers the system checks, and who is told of changes."""

    name = "compat"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        """Load the checks, which register themselves, and let webhooks listen to the writers."""
        from . import checks  # noqa: F401 - imported for its registrations
        from .webhooks.subscriptions import subscribe_to_changes

        subscribe_to_changes()
