"""The rules' answers on known hardware, as columns: what it changes of the answers that hold for any.

Of most models hardware changes nothing beyond what the engine asks of it at all. Of the others (packed weights, formats
that are bound to a platform, failures reported on some GPUs) the rules that do not look at hardware are run once, and
what they leave is a row here. What is held against hardware are few facts of each, alike in many models: on a machine
those rules are run once for each distinct set of them. Two sheets, of which the first has two variants::

    sheets     id        7            9
               first     0            2      3
    variants   limit     6      4     6              the surest that the other rules leave (see ``sureness_of``)
               refused   7      7     7              the rank of their first refusal; 7: none
               place     0      1     0              which of two equally sure ones is taken first
               asked     0      1     0              its facts in ``facts``: AWQ, GPTQ, AWQ

:func:`compat.catalogue.verdict.answer_to` is the reference; a test holds every record against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compat.catalogue.index_columns import CAUSE_CODES, Column, Mask, ranges
from compat.catalogue.made_for import made_for
from compat.catalogue.verdict import SheetAnswer
from compat.engines import Capability, EngineProfile
from compat.extraction.facts import VariantFacts
from compat.rules import Confidence
from compat.rules.judge import Bound, bound_on_hardware, bound_without_hardware, order_of
from compat.rules.modality import is_text_only
from compat.rules.platform import facts_for_hardware
from compat.rules.result import CAUSES, confidence_of, sureness_of

_NO_LIMIT, _NOT_REFUSED = 127, len(CAUSES)
_NOTHING_TOLD = sureness_of(Confidence.LOW, doubted=False)
_VARIANT = np.dtype(
    [(name, "i8") for name in ("limit", "refused", "place", "made_for", "text_only", "unoptimized", "asked")]
)
_CODES = np.array([*(CAUSE_CODES[cause] for cause in CAUSES), CAUSE_CODES[""]], dtype=np.int8)


@dataclass(frozen=True, slots=True)
class Judged:
    """Answers on one piece of hardware: by sheet its confidence and cause; the variants accepted, best first.

    Those of sheet ``n`` are from ``first[n]`` on: their positions, how sure each is, what they were
    made for, whether nothing but their language part runs, whether the hardware has nothing for their packing, and
    whether the engine's code for it is slow.
    """

    level: Column
    cause: Column
    first: Column
    position: Column
    sureness: Column
    made_for: Column
    text_only: Mask
    unaided: Mask
    unoptimized: Mask


@dataclass(frozen=True)
class HardwareAnswers:
    """Sheets of which hardware may change the answer, by ascending ids; see the module's docstring."""

    sheets: Column
    first: Column
    variants: Column
    facts: tuple[VariantFacts, ...]

    @classmethod
    def of(cls, answers: Mapping[int, SheetAnswer], profile: EngineProfile) -> HardwareAnswers:
        """The rows of some sheets' answers, by the sheets' ids."""
        facts: dict[VariantFacts, int] = {}
        rows, first = list[tuple[int, ...]](), [0]
        for pk in sorted(answers):
            answer = answers[pk]
            # Of equally sure variants, all are given one answer.
            order = order_of(answer.facts, answer.results[:1] * len(answer.facts), profile)
            for position, one in enumerate(answer.facts):
                limit, refused = _numbers(bound_without_hardware(one, profile))
                asked = facts.setdefault(facts_for_hardware(one), len(facts))
                result = answer.results[position]
                how = is_text_only(result), result.unoptimized
                rows.append((limit, refused, order.index(position), made_for(one), *how, asked))
            first.append(len(rows))
        sheets = np.array(sorted(answers), dtype=np.int64)
        return cls(sheets, np.array(first, dtype=np.int64), np.array(rows, dtype=_VARIANT), tuple(facts))

    @classmethod
    def joined(cls, parts: Sequence[HardwareAnswers]) -> HardwareAnswers:
        """The sheets of several, each of which is in one of them alone."""
        facts: dict[VariantFacts, int] = {}
        sheets = np.concatenate([part.sheets for part in parts])
        sizes = np.concatenate([np.diff(part.first) for part in parts])
        order = np.argsort(sheets, kind="stable")
        at = ranges(np.concatenate([[0], np.cumsum(sizes)])[:-1][order], sizes[order])
        variants = []
        for part in parts:
            numbers = np.array([facts.setdefault(one, len(facts)) for one in part.facts], dtype=np.int64)
            variants.append(part.variants.copy())
            variants[-1]["asked"] = numbers[part.variants["asked"]]
        first = np.concatenate([[0], np.cumsum(sizes[order])])
        return cls(sheets[order], first, np.concatenate(variants)[at], tuple(facts))

    def among(self, ids: Column) -> HardwareAnswers:
        """Those of its sheets that are among some ids."""
        rows = np.flatnonzero(np.isin(self.sheets, ids))
        sizes = np.diff(self.first)[rows]
        variants = self.variants[ranges(self.first[rows], sizes)]
        return HardwareAnswers(self.sheets[rows], np.concatenate([[0], np.cumsum(sizes)]), variants, self.facts)

    def on(self, profile: EngineProfile, capability: Capability) -> Judged:
        """The answers on given hardware, which the engine runs on at all."""
        bounds = [bound_on_hardware(one, profile, capability) for one in self.facts]
        told = np.array([(*_numbers(bound), bound.unaided) for bound in bounds], dtype=np.int64).reshape(-1, 3)
        limits, refusals, unaided = told[self.variants["asked"]].T
        limit, refused = np.minimum(self.variants["limit"], limits), np.minimum(self.variants["refused"], refusals)
        accepted = refused == _NOT_REFUSED
        # Nothing that was found limits it, and nothing supports it.
        sureness = np.where(accepted, np.where(limit == _NO_LIMIT, _NOTHING_TOLD, limit), 0)
        sheet = np.repeat(np.arange(len(self.sheets)), np.diff(self.first))
        further = np.where(accepted, 0, refused)
        order = np.lexsort((self.variants["place"], -further, -sureness, sheet))
        best = order[self.first[:-1]]
        taken = order[accepted[order]]
        sizes = np.bincount(sheet[taken], minlength=len(self.sheets))
        return Judged(
            confidence_of(sureness[best]).astype(np.int8),
            _CODES[refused[best]],
            np.concatenate([[0], np.cumsum(sizes)]),
            taken - self.first[sheet[taken]],
            sureness[taken].astype(np.int8),
            self.variants["made_for"][taken],
            self.variants["text_only"][taken].astype(bool),
            unaided[taken].astype(bool),
            self.variants["unoptimized"][taken].astype(bool),
        )


def _numbers(bound: Bound) -> tuple[int, int]:
    """(limit, rank of the cause) of a bound."""
    limit = _NO_LIMIT if bound.limit is None else sureness_of(bound.limit, doubted=bound.doubted)
    return limit, CAUSES.index(bound.cause) if bound.cause else _NOT_REFUSED
