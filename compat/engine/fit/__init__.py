"""Does it fit, and how fast: memory and speed estimates with the basis of every number.

Plain Python without Django or network; reads only the data files bundled beside the engine package.
"""

from compat.engine.fit.accuracy import memory_accuracy
from compat.engine.fit.engines import engine_name
from compat.engine.fit.hardware import Accelerator, Hardware, accelerators, find_accelerator
from compat.engine.fit.known import complete, find_shape, known_shape
from compat.engine.fit.memory import Component, LoadOptions, MemoryEstimate, VariantInputs, estimate_memory
from compat.engine.fit.points import load_points, read_points
from compat.engine.fit.rows import Accuracy, MemoryAccuracy, Row, SpeedAccuracy
from compat.engine.fit.shape import ModelShape, from_config, from_gguf
from compat.engine.fit.speed import SpeedEstimate, estimate_speed
from compat.engine.fit.speed_points import speed_accuracy
from compat.engine.fit.verdict import Fit, FitResult, judge_fit, largest_context, rooms_of
from compat.engine.fit.weights import Basis, Weights, estimate_weights

__all__ = [
    "Accelerator",
    "Accuracy",
    "Basis",
    "Component",
    "Fit",
    "FitResult",
    "Hardware",
    "LoadOptions",
    "MemoryAccuracy",
    "MemoryEstimate",
    "ModelShape",
    "Row",
    "SpeedAccuracy",
    "SpeedEstimate",
    "VariantInputs",
    "Weights",
    "accelerators",
    "complete",
    "engine_name",
    "estimate_memory",
    "estimate_speed",
    "estimate_weights",
    "find_accelerator",
    "find_shape",
    "from_config",
    "from_gguf",
    "judge_fit",
    "known_shape",
    "largest_context",
    "load_points",
    "memory_accuracy",
    "read_points",
    "rooms_of",
    "speed_accuracy",
]
