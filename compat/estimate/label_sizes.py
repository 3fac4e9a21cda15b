"""How much larger than their sum the layers of a GGUF label's files are, by the kind of model.

What llama.cpp's own mixes leave out: dynamic mixes (``UD-Q4_K_XL``) whose makers choose a type tensor by tensor, and
state matrices and shared parts of hybrids that are kept wide. ``data/label_sizes.json`` holds medians over files of
the bundled catalogue whose sizes are told, each against a 16-bit or 8-bit file of the same repository;
``python -m tools.evaluation.label_sizes`` makes it.
"""

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
        Annotated[str, Field(pattern="^[A-Z0-9_]+$")],
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


def label_name(label: str | None) -> str:
    """The label without what says who mixed it, or that it was trained for it: ``Q4_K_XL`` of ``UD-Q4_K_XL``."""
    name = (label or "").strip().upper().removeprefix("UD-").rstrip("?")
    return name.removesuffix("_QAT").removesuffix("-QAT")


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
