"""Kept measurements as measured points: lines in the columns that the accuracy command reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compat.engines.accelerator_names import accelerator_named
from compat.estimate.engine_names import engine_name
from compat.logs.load import MIB
from compat.models import Measurement
from compat.timestamps import Json

_COLUMNS = {"weights": "weights_mib", "kv": "kv_mib", "state": "state_mib"}


def memory_lines(measurements: Iterable[Measurement]) -> Iterator[Json]:
    """A memory point of each load that told sizes, on accelerators of one kind: points tell of no others."""
    for one in (one for one in measurements if not one.beside):
        sizes: Json = {}
        for part in one.parts:
            if part["name"] in _COLUMNS:
                sizes[_COLUMNS[part["name"]]] = _mib(part["measured"])
            elif part["name"] == "compute":  # a point tells it of each device
                sizes["compute_mib"] = _mib(part["measured"] / max(len(part["devices"]), 1))
            elif part["name"] == "peak":
                sizes |= {"total_mib": _mib(part["measured"]), "total_is": "allocated"}
        if any(sizes.values()):
            told = {
                "n_parallel": one.told("slots"),
                "kv_tokens": one.told("pool"),
                "tensor_parallel": one.told("ranks"),
                "quality": "high",
            }
            yield _line({"model_id": one.repo_id, **_run(one), **told, **sizes})


def speed_lines(measurements: Iterable[Measurement]) -> Iterator[Json]:
    """A speed point of each speed of writing and of reading, on accelerators of one kind."""
    for one in (one for one in measurements if not one.beside):
        for measures, speed in (("decode", one.decode), ("prefill", one.prompt)):
            if speed:
                yield _line({"model": one.repo_id, "measures": measures, "tok_s": round(speed, 3), **_run(one)})


def _run(one: Measurement) -> Json:
    """What was run, and where."""
    card = accelerator_named(one.accelerator) if one.accelerator else None
    memory = one.memory_gb or (card.memory / 2**30 if card is not None and card.memory else None)
    layers, offered = one.told("layersOnGpu"), one.told("layers")
    context, slots = one.told("context"), one.told("slots")
    if context and slots and one.engine == "ollama":
        context //= slots  # a point of Ollama tells the context of one conversation
    return {
        "engine": engine_name(one.engine),
        "version": one.version or None,
        "date": one.made.date().isoformat(),
        "source": "measured here, from the engine's log",
        "quant": one.quantization or None,
        "format": one.format if one.format in ("gguf", "safetensors") else None,
        "accelerator": one.accelerator or None,
        "accelerator_gb": memory,
        "count": one.count,
        "processor_only": True if not one.accelerator and one.memory_gb is None and one.ram_gb else None,
        "system_gb": one.ram_gb,
        "gpu_layers": layers,
        "offload": True if layers and offered and layers < offered else None,
        "ctx": context,
        "k_type": one.told("kType"),
        "v_type": one.told("vType"),
        "ubatch": one.told("ubatch"),
        "flash_attention": one.told("flashAttention"),
    }


def _mib(size: float) -> float:
    return round(size / MIB, 2)


def _line(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is False or value not in (None, 0)}
