"""How much larger than their sum the layers of a GGUF label's files are, by the kind of model.

Of dynamic mixes (``UD-Q4_K_XL``), whose makers choose a type tensor by tensor; llama.cpp's own are counted
(``gguf_types.py``). ``data/label_sizes.json`` holds medians over files of the bundled catalogue whose sizes are told,
each against a 16-bit or 8-bit file of the same repository; ``python -m tools.evaluation.label_sizes`` makes it.
"""

import re
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field

from compat.shapes.shape import ModelShape
from compat.strict_data import StrictTable, check_table, one_of, parse_json, read_text

FILE = "label_sizes.json"


class ModelKind(StrEnum):
    """What decides which of a model's tensors a mix keeps wide. ``UNKNOWN``: its layers are not known."""

    DENSE = "dense"
    TABLES = "tables of embeddings by layer"
    EXPERTS = "experts"
    HYBRID = "hybrid"
    HYBRID_EXPERTS = "hybrid of experts"
    UNKNOWN = "unknown"


class _LabelSizes(StrictTable):
    note: str
    labels: dict[
        Annotated[str, Field(pattern="^(?:UD-)?[A-Z0-9_]+$")],
        dict[Annotated[str, one_of(*ModelKind)], Annotated[float, Field(gt=0.5, lt=2)]],
    ]


def kind_of(shape: ModelShape | None) -> ModelKind:
    """The kind of a model of this shape."""
    if shape is None or not shape.hidden:
        return ModelKind.UNKNOWN
    if shape.per_layer_embed:
        return ModelKind.TABLES
    if shape.state_layers:
        return ModelKind.HYBRID_EXPERTS if shape.experts else ModelKind.HYBRID
    return ModelKind.EXPERTS if shape.experts else ModelKind.DENSE


DYNAMIC = "UD-"
"""What a label begins with whose makers chose the types tensor by tensor."""
_ALWAYS_DYNAMIC = "_XL"
_NOT_DYNAMIC = "Q3_K_XL"
"""Two mixes have this name: with ``UD-`` before it a dynamic one, without it Q3_K_L with wide tables."""


def label_name(label: str | None) -> str:
    """The label without what says that the model was trained for it; those that only dynamic mixes have say so."""
    name = (label or "").strip().upper().rstrip("?").removesuffix("_QAT").removesuffix("-QAT")
    always = name.endswith(_ALWAYS_DYNAMIC) and name != _NOT_DYNAMIC
    return DYNAMIC + name if always and not name.startswith(DYNAMIC) else name


_NAMED_DYNAMIC = re.compile(r"(?:^|[-_./:])UD[-_]", re.IGNORECASE)


def is_dynamic(file: str) -> bool:
    """Whether a file's name says that its types were chosen tensor by tensor: ``Model-UD-IQ2_M.gguf``."""
    return _NAMED_DYNAMIC.search(file) is not None


def file_label(label: str, file: str) -> str:
    """The label of a file's packing with what its name says beside it: ``UD-IQ2_M``."""
    return DYNAMIC + label if label and is_dynamic(file) and not label.startswith(DYNAMIC) else label


def size_factor(label: str | None, kind: ModelKind) -> float:
    """What the sum over the classes of a layer's tensors is multiplied by, or over all weights where only their number
    is known; 1 where nothing was measured.
    """
    return label_sizes().get(label_name(label), {}).get(kind, 1.0)


def read_label_sizes(text: str, filename: str = FILE) -> dict[str, dict[str, float]]:
    """The factors by label and kind; raises ``DataError`` for a field that is missing, unknown or wrong."""
    return check_table(_LabelSizes, parse_json(text, filename), filename).labels


@cache
def label_sizes() -> dict[str, dict[str, float]]:
    """The factors that are shipped."""
    return read_label_sizes(read_text(files("compat.estimate") / "data" / FILE))
