"""Measured loads as data: reading them, and saying what each measurement means.

A figure called "total" is not the same thing everywhere. Torch's peak allocation of a whole run holds the
activations of the prompt; of a run's decode phase it does not; a driver's reading holds the context of the
process too; an engine that preallocates shows its pool, not its need. ``Protocol`` says which it is, so
that an estimate of the same thing is compared with it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from compat.architectures import architecture_of_gguf
from compat.engines.hardware import GIB
from compat.estimate.buffers import BufferOptions
from compat.estimate.kv import CacheOptions
from compat.estimate.quant import kv_bits
from compat.shapes.known import Resolver, complete, find_shape, known_shape
from compat.shapes.shape import ModelShape, from_config
from tools.evaluation.point_rows import read_rows

Point = Mapping[str, Any]


@dataclass(frozen=True)
class Protocol:
    """How a memory point was measured.

    ``phase``: ``run`` (peak over prompt and decoding), ``decode`` (peak while decoding), ``process``
    (a driver's reading of the process), ``log`` (the engine's own allocation log).
    """

    engine: str
    phase: str
    cache: CacheOptions
    buffers: BufferOptions
    gpus: int = 1
    ranks: int = 1
    input_tokens: int | None = None


def load_points(name: str) -> tuple[dict[str, Any], ...]:
    """The project's own points: ``memory_points`` or ``speed_points``; raises ``DataError`` where one is wrong."""
    return _bundled(name)


@cache
def _bundled(name: str) -> tuple[dict[str, Any], ...]:
    text = (files("tools.evaluation") / "data" / f"{name}.jsonl").read_text("utf-8")
    return read_rows(text, name)


def read_points(path: Path) -> tuple[dict[str, Any], ...]:
    """Points from a JSON-lines file of the same shape as the bundled ones; ValueError names a line that is none."""
    points = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.strip():
            point = json.loads(line)
            if not isinstance(point, dict):
                raise ValueError(f"line {number} of {path.name} is no JSON object")
            points.append(point)
    return tuple(points)


def point_id(point: Point) -> str:
    """A short name for a point in a report."""
    model = str(point.get("model_id") or point.get("model")).split(" (", maxsplit=1)[0]
    return f"{model} {point.get('quant')} @{point.get('ctx')} {point.get('kv_dtype') or ''}".strip()


_ENGINES: tuple[tuple[str, str], ...] = (
    ("llama.cpp", "llama.cpp"),
    ("llamacpp", "llama.cpp"),
    ("ollama", "ollama"),
    ("lmstudio", "lmstudio"),
    ("vllm", "vllm"),
    ("sglang", "sglang"),
    ("transformers", "transformers"),
    ("mlx", "mlx-lm"),
)


def engine_slug(text: str) -> str | None:
    """The engine named by the first word of a point's engine text; None for one not modelled."""
    word = re.split(r"[\s/(]", text.strip().lower(), maxsplit=1)[0]
    return dict(_ENGINES).get(word)


def protocol(point: Point) -> Protocol | str:
    """What the point measured, or the reason why it cannot be compared."""
    text = str(point.get("engine") or "")
    engine = engine_slug(text)
    if engine is None:
        return f"engine '{text}' is not modelled"
    note = str(point.get("note") or "").lower()
    gpu = point.get("gpu")
    ranks = _ranks(point)
    parallel = int(point.get("n_parallel") or 1)
    unified = bool(point.get("kv_unified", True))
    context = point.get("kv_tokens") or point.get("ctx")
    k_type, v_type = _types(str(point.get("kv_dtype") or "f16"))
    flash = "flash_attn 0" not in text and "no flash attention" not in note
    cache_options = CacheOptions(
        context=int(context) if context else 0,
        kv_type=k_type,
        parallel=1 if unified and engine == "vllm" else parallel,
        unified=unified,
        swa_full="--swa-full" in text or "full-size swa" in note,
        # Before 0.5 llama.cpp gave a window layer no spare cell.
        swa_slack=1 if "v0.5" in text else 0,
        # The pull request that brought the windowed cache sized it for the whole batch of 2048.
        swa_batch=2048 if "pull/13194" in str(point.get("source")) else None,
        v_type=v_type,
    )
    gpus = int(point.get("gpu_count") or 1)
    # Old and new cache of all layers are alive at once in model code that predates cache classes.
    legacy = "torch 2.0.1" in text
    quant = str(point.get("quant") or "").lower()
    buffers = BufferOptions(
        flash_attention=flash,
        devices=max(gpus, ranks),
        gpu="cpu" not in re.split(r"[\s,]", text.lower()),
        vendor=_vendor(str(gpu or text)),
        device_memory=_card_bytes(point),
        legacy_cache=legacy,
        # AutoAWQ models of this release expand the keys to all heads; GPTQ ones are as flat as BF16.
        eager_kv="4.51" in text and quant.startswith("awq"),
    )
    phase = _phase(engine, text, note)
    return Protocol(engine, phase, cache_options, buffers, gpus, ranks, point.get("input_tokens"))


def _types(text: str) -> tuple[str, str | None]:
    """Key and value types; one word means both."""
    if kv_bits(text) is not None or "/" not in text:
        return text, None
    key, value = text.split("/", 1)
    return key.strip().removeprefix("K ").strip(), value.strip().removeprefix("V ").strip()


def _phase(engine: str, text: str, note: str) -> str:
    if engine == "transformers":
        # The Qwen3 table does not move with the prompt's activations, the Qwen2.5 one does.
        return "decode" if "4.51" in text or "torch 2.0.1" in text else "run"
    if engine in ("vllm", "sglang"):
        return "log"
    return "process" if "nvidia-smi" in note else "log"


def _ranks(point: Point) -> int:
    found = re.search(r"\bTP=(\d+)", str(point.get("model_id") or ""))
    return int(found.group(1)) if found else int(point.get("tensor_parallel") or 1)


def _vendor(text: str) -> str:
    words = set(re.split(r"[\s,()]+", text.lower()))
    if "apple" in words:
        return "apple"
    return "amd" if words & {"rx", "radeon", "amd", "rocm", "hip"} else "nvidia"


def _card_bytes(point: Point) -> int | None:
    text = str(point.get("gpu") or "") + " " + str(point.get("note") or "")
    memory = point.get("gpu_vram_gb")
    if memory is None:
        found = re.search(r"(\d+)\s?GB", text)
        # All activation peaks of this planner were taken on H100.
        on_h100 = "H100" in text or "llm-d-planner" in str(point.get("source"))
        memory = int(found.group(1)) if found else (80 if on_h100 else None)
    return int(float(memory) * GIB) if memory else None


def point_shape(point: Point, resolve: Resolver | None = None) -> ModelShape | None:
    """The point's model: its own facts where they suffice, the well-known table, then ``resolve``."""
    facts = point.get("hparams")
    stated = _from_facts(facts, str(point.get("model_id") or "")) if isinstance(facts, Mapping) else None
    for key in ("model_id", "model", "base_model"):
        name = point.get(key)
        shape = known_shape(str(name)) if name else None
        if shape is not None:
            # A log that prints the width of keys outranks what the model's name says is stored.
            printed = stated is not None and isinstance(facts, Mapping) and "n_embd_k_gqa" in facts
            return replace(shape, caches=stated.caches, mla=None) if printed and stated is not None else shape
    if stated is not None:
        return complete(stated)
    if resolve is None:
        return None
    for key in ("model_id", "model", "base_model"):
        name = point.get(key)
        shape = find_shape(str(name), resolve) if name else None
        if shape is not None:
            return shape
    return None


def _from_facts(facts: Mapping[str, Any], model_id: str) -> ModelShape | None:
    """A shape from what a log printed: layers and the width of keys, or heads and their size."""
    arch = re.search(r"gguf arch ([\w.-]+)", model_id)
    model_type = architecture_of_gguf(arch.group(1)).name if arch else "llama"
    heads, dim = facts.get("n_head_kv"), facts.get("head_dim")
    width = facts.get("n_embd_k_gqa")
    if heads is None and width is not None:
        heads, dim = 1, width
    if not (facts.get("n_layer") and heads and dim):
        return None
    if facts.get("n_swa") and not arch:
        return None
    config = {
        "model_type": model_type,
        "num_hidden_layers": facts["n_layer"],
        "num_key_value_heads": heads,
        "head_dim": dim,
        "hidden_size": facts.get("n_embd"),
        "vocab_size": facts.get("n_vocab"),
        "sliding_window": facts.get("n_swa"),
    }
    if facts.get("n_embd_v_gqa") and width:
        config["value_head_dim"] = facts["n_embd_v_gqa"]
    return from_config({k: v for k, v in config.items() if v is not None}, facts.get("n_params"))


def repeated(points: Iterable[Point]) -> frozenset[int]:
    """Positions of user readings that repeat one value over several contexts: not readings per context."""
    groups: dict[tuple[Any, ...], list[tuple[int, Any]]] = {}
    for index, point in enumerate(points):
        if point.get("total_mib") is not None and point.get("gpu_vram_gb") is not None:
            key = tuple(point.get(k) for k in ("model_id", "quant", "engine", "gpu", "total_mib"))
            groups.setdefault(key, []).append((index, point.get("ctx")))
    return frozenset(index for members in groups.values() if len({c for _, c in members}) > 1 for index, _ in members)
