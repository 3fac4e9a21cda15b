"""One way to search text, two databases: every word of the question must occur, as a part of a word or whole."""

from .match import matching
from .query import MAX_QUERY, squash, words_of

__all__ = ["MAX_QUERY", "matching", "squash", "words_of"]
