"""The catalogue's best known models as plain files that any static host can serve.

``catalogue`` reads in bulk, ``render`` makes pages of what was read, ``folder`` writes only what changed, and
``export`` puts the three together.
"""

from .export import Exported, export
from .folder import FolderError

__all__ = ["Exported", "FolderError", "export"]
