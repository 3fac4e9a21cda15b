"""Which packed weights are a model's own release: its maker gave them out so, and no build of it keeps more.

gpt-oss is given out in MXFP4, DeepSeek-V3 in FP8, Kimi-K2.5 in integers of four bits. That is read from the record: its
own configuration tells the packing, its name does not, and it says of no other model that it was made from it.
"""

from __future__ import annotations

from collections.abc import Sequence

from compat.architectures import architecture_of
from compat.extraction.facts import Provenance, VariantFacts
from compat.extraction.original_name import original_name
from compat.extraction.quantization import Packing, named_packing
from compat.extraction.relatives import CONVERTED, Relation
from compat.hub.payloads import HubModel

_MADE_IN = frozenset({"FP8", "MXFP4", "MXFP8", "NVFP4", "compressed-tensors", "ModelOpt", "BitNet", "W4AFP8"})
"""Packings that models are made in; all others are of packers, which pack what was there before."""


def is_own_release(model: HubModel, relations: Sequence[Relation], packing: Packing) -> bool:
    """Whether a repository's packed weights are what its maker gave out, and no packing of what is elsewhere."""
    if packing.label not in _MADE_IN or packing.provenance is not Provenance.CONFIG:
        return False
    if original_name(model.name) is not None or named_packing(model.name).known:
        return False
    own = f"{model.owner}/".lower()
    return all(one.kind != CONVERTED and one.repo_id.lower().startswith(own) for one in relations)


def is_made_so(facts: VariantFacts) -> bool:
    """Whether weights are packed as all of their architecture are made."""
    made_in = architecture_of(facts.architecture or "").made_in
    return bool(made_in) and facts.quantization in (made_in, f"{made_in}_MOE")
