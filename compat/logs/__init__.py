"""What engines' logs tell of a load: parts of the memory, how it was started, and how fast it was. Pure functions.

:func:`read_log` takes any text and finds the load in it; each engine has one reader here. Nothing is estimated, and
what a log does not say stays unsaid.
"""

from .load import MOST_BYTES, TOO_LONG, Load, LogError, Part
from .reading import ReadLog, engines_read, read_log

__all__ = ["MOST_BYTES", "TOO_LONG", "Load", "LogError", "Part", "ReadLog", "engines_read", "read_log"]
