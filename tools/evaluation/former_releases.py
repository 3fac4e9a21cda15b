"""What engines of former releases held otherwise than those that pages tell of, for points measured with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from compat.engines.hardware import Hardware
from compat.estimate import VariantInputs
from tools.evaluation.point_rows import Point

_REMEMBERED: Mapping[str, int] = {"gpt_oss": 4096, "gemma4": 4096}
"""Tokens that Ollama's own engine kept in windowed layers, whatever their window: ``NewSWAMemCache`` in its
``model/models``, until 9db4bdbad of 29 May 2026 gave all models to llama-server."""
_BEFORE_HOPPER = 8.9


def as_it_was(point: Point, inputs: VariantInputs, hardware: Hardware | None) -> tuple[VariantInputs, Hardware | None]:
    """Model and machine as today's release would have to see them to hold what the point's did."""
    shape, date = inputs.shape, point.date or ""
    if shape is None or len(date) == 4:
        return inputs, hardware
    remembered = _REMEMBERED.get(shape.model_type or "")
    if point.engine == "ollama" and date and date < "2026-06" and remembered and shape.caches:
        caches = tuple(replace(one, window=remembered) if one.window else one for one in shape.caches)
        return replace(inputs, shape=replace(shape, caches=caches)), hardware
    # Releases before 0.10.2 came with torch 2.7, and then gave these experts to Marlin, which rounds them up, on Hopper
    # as on older cards: ``_should_use_marlin`` in ``quantization/mxfp4.py``.
    if point.engine == "vllm" and shape.model_type == "gpt_oss" and "2025-08" <= date < "2025-09-13" and hardware:
        older = tuple(replace(one, compute_capability=_BEFORE_HOPPER) for one in hardware.accelerators)
        return inputs, replace(hardware, accelerators=older)
    return inputs, hardware
