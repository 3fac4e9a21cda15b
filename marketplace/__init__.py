"""The site: settings, pages and static files on top of ``compat``."""

VERSION = "0.1.0"
