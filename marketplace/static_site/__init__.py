"""The catalogue's best known models as plain files that any static host can serve.

``catalogue`` reads in bulk, ``edition`` says how the site's pages are written as files, ``render`` makes them of what
was read, ``makers`` lets several processes do so, ``channels`` makes feeds and the sitemap, ``folder`` writes only what
changed, and ``export`` puts them together.
"""

from .export import Exported, export
from .folder import FolderError

__all__ = ["Exported", "FolderError", "export"]
