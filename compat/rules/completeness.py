"""Are all the weights there, and are they what the record says?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engines.profile import EngineProfile
from compat.extraction.facts import VariantFacts
from compat.extraction.variants import EITHER, SINGLE_FILE
from compat.rules.result import Confidence, Finding, Severity

CODE = "incomplete"
BLOCKING_CODE = "format"
CONTRADICTED = "contradicted"
CUT = "cut"


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """Far fewer weights than the shape needs are no model; a part that is not listed may be there all the same."""
    if facts.partial:
        yield Finding(
            BLOCKING_CODE,
            Severity.BLOCKS,
            "The files hold far fewer weights than a model of this shape has, so this is an adapter or a draft head, "
            "not a whole model.",
            "not a whole model",
        )
        yield Finding(
            BLOCKING_CODE,
            Severity.RECOMMENDS,
            "Take the model it belongs to; its page on the Hub names that.",
        )
    if facts.contradicted:
        yield Finding(
            CONTRADICTED,
            Severity.WARNS,
            "Its record contradicts itself: the count of its weights, its dimensions and its name do not agree. One of "
            "them is wrong, so nothing can be promised.",
            "record contradicts itself",
            Confidence.LOW,
        )
    if facts.no_config and facts.format in EITHER and facts.architecture != SINGLE_FILE and not profile.criteria:
        yield Finding(
            CODE,
            Severity.WARNS,
            f"Its file list holds no config.json, without which {profile.name} loads no model.",
            "no config.json",
            Confidence.LOW,
        )
    if facts.cut:
        yield Finding(
            CUT,
            Severity.WARNS,
            "The file is cut into pieces, which have to be joined before anything reads them.",
            "to be joined first",
            Confidence.LOW,
        )
        yield Finding(CUT, Severity.RECOMMENDS, "Join the pieces in their order, for example with cat.")
    if facts.incomplete:
        yield Finding(
            CODE,
            Severity.WARNS,
            "Parts of this split model are missing from the file list; without them it does not load.",
            "parts missing",
            Confidence.LOW,
        )
