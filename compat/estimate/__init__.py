"""Does it fit, and how fast: memory and speed estimates with the basis of every number.

Plain Python without Django or network; reads only the data files bundled beside the engine package.
"""

from compat.engines.accelerator_names import find_accelerator
from compat.engines.hardware import Accelerator, Hardware, accelerators
from compat.estimate.fit import Fit, FitResult, judge_fit, kept_caches, largest_context, rooms_of
from compat.estimate.launch import LoadOptions
from compat.estimate.memory import Component, MemoryEstimate, VariantInputs, estimate_memory
from compat.estimate.plan import DeviceNeed, Plan, Plans, device_needs, host_need, make_plans
from compat.estimate.reading import ReadingEstimate, estimate_reading
from compat.estimate.run_line import ModelFiles, RunLine
from compat.estimate.speed import SpeedEstimate, estimate_speed, most_speed
from compat.estimate.users import conversations_at_once
from compat.estimate.weights import Basis, Weights, estimate_weights
from compat.shapes.known import complete, find_shape, known_shape
from compat.shapes.shape import ModelShape, from_config, from_gguf

__all__ = [
    "Accelerator",
    "Basis",
    "Component",
    "DeviceNeed",
    "Fit",
    "FitResult",
    "Hardware",
    "LoadOptions",
    "MemoryEstimate",
    "ModelFiles",
    "ModelShape",
    "Plan",
    "Plans",
    "ReadingEstimate",
    "RunLine",
    "SpeedEstimate",
    "VariantInputs",
    "Weights",
    "accelerators",
    "complete",
    "conversations_at_once",
    "device_needs",
    "estimate_memory",
    "estimate_reading",
    "estimate_speed",
    "estimate_weights",
    "find_accelerator",
    "find_shape",
    "from_config",
    "from_gguf",
    "host_need",
    "judge_fit",
    "kept_caches",
    "known_shape",
    "largest_context",
    "make_plans",
    "most_speed",
    "rooms_of",
]
