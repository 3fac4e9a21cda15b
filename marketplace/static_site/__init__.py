"""The catalogue's best known models as plain files that any static host can serve.

``catalogue`` reads in bulk, ``render`` makes pages of what was read, ``makers`` lets several processes do so,
``folder`` writes only what changed, and ``export`` puts them together.
"""

from .export import Exported, export
from .folder import FolderError

__all__ = ["Exported", "FolderError", "export"]
