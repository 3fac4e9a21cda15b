"""What is probably meant where a search finds nothing: words of the catalogue's own names, a slip of the keys away."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, product

MOST_KNOWN = 20_000
"""So many words of names are kept with an index, those of most records."""
_MOST_COUNTED = 300_000
"""Above so many different words, those that occurred once are let go while names are read."""
_ALL, _EACH = 100_000, 8
"""So many records are all read, and of more each eighth: what is used often is used often there too."""
_LEAST, _LONGEST = 3, 30
_TWO_SLIPS = 8
"""A word of so many letters may hold two slips."""
_MOST_TRIED = 4
_LIKE = 3
"""So many words that are like one are tried."""
_MOST_UNKNOWN = 3
"""Where more words than that are nobody's, something else is meant."""
_PARTS = re.compile(r"[^a-z0-9.]+")
_SIZE = re.compile(r"\d+(?:\.\d+)?[bm]")
_DIGITS = re.compile(r"\D+")
_LETTERS = re.compile(r"[a-z]{3,}")
_SEPARATORS = str.maketrans(dict.fromkeys("-_/:+", " "))


class NameWords:
    """Counts the words of names while records are read."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._records = 0

    def add(self, *names: str) -> None:
        """Count the words of one record's names, and what they begin with before a number (``qwen`` of ``qwen3``)."""
        self._records += 1
        if self._records > _ALL and self._records % _EACH:
            return
        words = set(" ".join(names).lower().translate(_SEPARATORS).split())
        self._counts.update({form for word in words for form in _forms(word)})
        if len(self._counts) > _MOST_COUNTED:
            self._counts = Counter({word: count for word, count in self._counts.items() if count > 1})

    def most_used(self) -> list[str]:
        """The words of most records, the most used first."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return [word for word, _ in ordered[:MOST_KNOWN]]


@lru_cache(maxsize=65_536)
def _forms(word: str) -> tuple[str, ...]:
    """What of a word is kept: itself, and what it begins with."""
    begin = _LETTERS.match(word)
    found = dict.fromkeys((word, *((begin[0],) if begin else ())))
    return tuple(one for one in found if _LEAST <= len(one) <= _LONGEST and not one.isdecimal())


def meant_words(
    words: Sequence[str], known: Sequence[str], finds: Callable[[tuple[str, ...]], bool]
) -> tuple[str, ...]:
    """The words that somebody probably meant; none where nothing that is found is near.

    ``known`` are words of the catalogue's names, the most used first; ``finds`` tells whether a search for words finds
    anything, and is asked a few times at most.
    """
    parts = tuple(dict.fromkeys(part for word in words for part in _PARTS.split(word) if part))[:8]
    # A number by itself is found in any date and any other number.
    if parts and parts != tuple(words) and not any(map(str.isdecimal, parts)) and finds(parts):
        return parts
    unknown = {word for word in parts if not any(word in one for one in known)}
    if len(unknown) > _MOST_UNKNOWN:
        return ()
    spelled = [tuple(_like(word, known)) if word in unknown else (word,) for word in parts]
    if not all(spelled):
        return ()
    tried = islice((found for found in product(*spelled) if found != parts), _MOST_TRIED)
    found = next((found for found in tried if finds(found)), ())
    return found if found or unknown else likelier_words(parts, known, finds)


def likelier_words(
    words: Sequence[str], known: Sequence[str], finds: Callable[[tuple[str, ...]], bool]
) -> tuple[str, ...]:
    """The words with a slip of the keys mended in one that is somebody's, if such a word is used more often.

    Words that few use are slips of others as well: ``destilled`` is in names.
    """
    places = {word: place for place, word in enumerate(known)}
    tried = 0
    for at, word in enumerate(words):
        place = places.get(word, len(known))
        for other in _like(word, known) if len(word) > _LEAST else ():
            if places[other] < place and word not in other and tried < _MOST_TRIED:
                tried += 1
                found = (*words[:at], other, *words[at + 1 :])
                if finds(found):
                    return found
    return ()


def fewer_words(words: Sequence[str], finds: Callable[[tuple[str, ...]], bool]) -> tuple[str, ...]:
    """The most of the words that something is called by: without its size, its number, or the last of them.

    The first word is whose it is: nothing is looked for without it.
    """
    first, *rest = words or ("",)
    plain = re.sub(r"(?<=[a-z])-?\d[\d.]*(?::\+?)?$", "", first)
    unsized = tuple(word for word in rest if not _SIZE.fullmatch(word))
    ways = ((first, *unsized), (plain, *rest), (first, *rest[:-1]), (plain, *unsized), (first,))
    tried = (way for way in dict.fromkeys(ways) if way != tuple(words) and len(way[0]) >= _LEAST)
    return next((way for way in tried if finds(way)), ())


def _like(word: str, known: Sequence[str]) -> Iterator[str]:
    """The known words that are like one, with fewest slips first, and of those the most used."""
    if len(word) < _LEAST or len(word) > _LONGEST:
        return
    first, last, size, digits = word[0], word[-1], len(word), _DIGITS.sub("", word)
    # One slip leaves the first letter or the last as it is.
    near = (other for other in known if (other[0] == first or other[-1] == last) and abs(len(other) - size) < 2)
    # Another number is another model, no slip.
    slips = (other for other in near if _is_one_slip(word, other) and _DIGITS.sub("", other) == digits)
    one = list(islice(slips, _LIKE))
    yield from one
    if not one and len(word) >= _TWO_SLIPS:
        near = (other for other in known if other[0] == first and abs(len(other) - size) <= 2)
        slips = (other for other in near if _slips(word, other) == 2 and _DIGITS.sub("", other) == digits)
        yield from islice(slips, _LIKE)


def _is_one_slip(one: str, other: str) -> bool:
    """Whether a letter too many, too few or wrong, or two that changed places, is all that differs."""
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _slips(one: str, other: str) -> int:
    """How many letters differ (Levenshtein)."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row[0] = row[0], at
        for place, its in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (letter != its))
    return row[-1]
