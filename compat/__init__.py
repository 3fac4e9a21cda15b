"""What runs where: Hub records, engine profiles, verdicts. The names below are the public face.

They are looked up when first used, because the catalogue needs Django's app registry and the rules do not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compat.extraction.metadata import ModelMetadata
    from compat.public_api import (
        check_model_compatibility,
        check_model_worker_compatibility,
        extract_model_metadata,
        filter_compatible_models,
        get_huggingface_model,
        is_model_compatible,
        list_compatible_models,
        list_huggingface_models,
        search_compatible_models,
        search_huggingface_models,
    )
    from compat.rules import CompatibilityResult

__all__ = [
    "CompatibilityResult",
    "ModelMetadata",
    "check_model_compatibility",
    "check_model_worker_compatibility",
    "extract_model_metadata",
    "filter_compatible_models",
    "get_huggingface_model",
    "is_model_compatible",
    "list_compatible_models",
    "list_huggingface_models",
    "search_compatible_models",
    "search_huggingface_models",
]
_ELSEWHERE = {"CompatibilityResult": "compat.rules", "ModelMetadata": "compat.extraction.metadata"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'compat' has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "compat.public_api")), name)
