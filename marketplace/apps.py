"""The site as a Django app."""

from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    """Pages, templates and the commands that run the site."""

    name = "marketplace"
    verbose_name = "Marketplace"
