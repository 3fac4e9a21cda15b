"""Are the weights in a format the engine loads?"""

from __future__ import annotations

from collections.abc import Iterator

from compat.engine.profile import EngineProfile, join_words
from compat.engine.result import Confidence, Finding, Severity
from compat.metadata.extract import format_label
from compat.metadata.facts import VariantFacts

CODE = "format"


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """The format must be on the engine's list, which also says how sure a verdict for it can be."""
    loads = join_words(format_label(rule.name) for rule in profile.formats)
    if facts.format is None:
        yield Finding(
            "unknown",
            Severity.BLOCKS,
            "The record does not tell in which format the weights are.",
            "format not known",
        )
        yield Finding("unknown", Severity.RECOMMENDS, "Fetch this model from the Hub: its file list tells the format.")
        return
    rule = profile.format(facts.format)
    label = format_label(facts.format)
    if rule is None:
        what = "only an adapter, without the base model's weights" if facts.format == "adapter" else f"in {label} files"
        yield Finding(
            CODE,
            Severity.BLOCKS,
            f"The weights are {what}; {profile.name} loads {loads}.",
            "adapter only" if facts.format == "adapter" else f"{label} files only",
        )
        yield Finding(CODE, Severity.RECOMMENDS, f"Look for a {loads.replace(' and ', ' or ')} version of this model.")
        return
    note = f" ({rule.note})" if rule.note else ""
    yield Finding(CODE, Severity.SUPPORTS, f"{profile.name} loads {label} files{note}.", limits=rule.confidence)
    best = max(profile.formats, key=lambda other: other.confidence)
    if rule.confidence < best.confidence:
        yield Finding(
            CODE, Severity.RECOMMENDS, f"A {format_label(best.name)} version, if there is one, is the surer choice."
        )
    if facts.format_from.guessed:
        yield Finding(
            "guess",
            Severity.WARNS,
            "The file format is only guessed from the model's name.",
            "format guessed",
            Confidence.LOW,
        )
