"""Lines of measurements as others tell them, put into the columns of :mod:`tools.evaluation.point_rows`.

A line may say the same in several ways: ``llama.cpp (llama-server, 2026-07, flash_attn 1)`` holds engine, date and
flash attention in one text, ``kv_dtype`` is ``q8_0`` or ``K q8_0 / V q4_0``. Each rule here reads one field in the same
way whatever point it stands in, and a field that no rule knows is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from compat.engines import all_profiles
from compat.engines.accelerator_names import find_accelerator
from compat.engines.hardware import GIB
from compat.estimate.engine_names import ENGINES, engine_name
from compat.estimate.quant import kv_bits
from compat.strict_data import DataError
from tools.evaluation.point_rows import Dimensions, MemoryPoint, SpeedPoint

MIB = 1024 * 1024
Line = Mapping[str, Any]
TOLD_AS = {
    "accelerator_gb": ("gpu_vram_gb", "vram_gb"),
    "count": ("gpu_count",),
    "file_mib": ("weights_mib",),
    "k_type": ("kv_dtype", "kv_cache_dtype"),
    "memory_utilization": ("gpu_memory_utilization",),
    "parameters": ("hparams: n_params",),
    "state_mib": ("recurrent_mib",),
    "system_gb": ("ram_gb",),
    "weights_mib": ("gpu_weights_mib",),
}
"""Columns that lines name otherwise, for saying which field is wrong."""

_LEFT = frozenset(
    (
        *("kv_caches", "output_mib", "host_weights_mib", "split", "params_b", "parameters_b", "active_params_b"),
        *("is_moe", "heterogeneous", "os", "tok_s_min", "tok_s_max", "runs", "peak_vram_gb"),
        *("bandwidth_gb_s", "unified", "model_id_note", "max_model_len", "preallocating_engine"),
    )
)
"""Fields that are understood, and that no page would ask for."""
_READ = frozenset(
    (
        *("engine", "source", "note", "quant", "kv_dtype", "kv_cache_dtype", "gpu", "gpu_count", "gpu_vram_gb"),
        *("total_meaning", "gpu_weights_mib", "recurrent_mib", "gpu_memory_utilization", "cpu", "ram_gb", "hardware"),
        *("hw_class", "vram_gb", "batch", "spec_decoding", "mtp", "metric", "file_gib", "model_id", "hparams"),
        *("prefill_tok_s", "n_prompt"),
    )
)
_LLAMA = frozenset({"llama.cpp", "ollama", "lmstudio"})
_BATCHES = (512, 2048)
"""What llama-bench calls a batch: tokens of the prompt that go in together, not sequences."""


def memory_point(line: Line) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The columns of a memory point, and the fields of the line that are not understood."""
    told = _present(line)
    if "total_is" in told or "k_type" in told or _is_plain(told):
        return told, ()
    words = f"{told.get('engine', '')} {told.get('note', '')}".lower()
    out = _common(told, MemoryPoint, words)
    model = str(told.get("model_id", ""))
    ranks = re.search(r"\bTP=(\d+)", model)
    if ranks:
        out["model_id"] = re.sub(r"\s*\bTP=\d+", "", model)
    if ranks:
        out["tensor_parallel"] = int(ranks[1])
    name = str(out.get("engine"))
    out.update(_dimensions(told, model))
    _machine(out, told.get("gpu"), told.get("gpu_vram_gb"), told.get("gpu_count"))
    if "accelerator" not in out:
        _machine(out, _card_in(str(told.get("engine", ""))), None, told.get("gpu_count"))
    cards = re.search(r"\b(\d+) gpus\b", words)
    if cards:
        out["count"] = int(cards[1])
    if re.search(r"\bcpu\b", str(told.get("engine", "")).lower()) and "accelerator" not in out:
        out["processor_only"] = True
    _sizes(out, told, name)
    if out.get("total_mib"):
        out["total_is"] = _total_is(str(told.get("total_meaning", "")), name, words, told)
    if out.get("quality") == "low":
        out["bound"] = "upper"
    out["per_rank"] = int(out.get("tensor_parallel", 1)) > 1
    _rename(out, told, "recurrent_mib", "state_mib")
    _rename(out, told, "gpu_memory_utilization", "memory_utilization")
    return _plain(out, MemoryPoint), tuple(_not_understood(told, MemoryPoint))


def speed_point(line: Line) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The columns of a speed point, and the fields of the line that are not understood."""
    told = _present(line)
    if "measures" in told or _is_plain(told):
        return told, ()
    out = _common(told, SpeedPoint, str(told.get("engine", "")).lower())
    prompt = told.get("prompt_tokens")
    output = told.get("output_tokens")
    if not output:
        out.pop("output_tokens", None)
    out["measures"] = _measures(str(told.get("metric", "")), prompt)
    name, batch = str(out.get("engine")), told.get("batch", 1)
    if not isinstance(batch, int):
        raise DataError(f"batch should be a whole number, not {batch!r}")
    out["sequences"] = 1 if name in _LLAMA and batch in _BATCHES else batch
    if prompt is not None or output:
        at_depth = prompt == 512 and output == 128 and batch > 1 and told.get("ctx")
        before, written = _number(told, "prompt_tokens"), _number(told, "output_tokens")
        out["depth"] = told["ctx"] if at_depth else int(before + round(written / 2))
    out["drafting"] = bool(told.get("spec_decoding") or told.get("mtp"))
    hardware = str(told.get("hardware", ""))
    classes = str(told.get("hw_class", ""))
    if classes.startswith("CPU") or told.get("backend") == "cpu":
        out["processor_only"] = True
        out["processor"] = str(told.get("cpu") or hardware)
        _rename(out, told, "bandwidth_gb_s", "system_gb_s")
        _rename(out, told, "ram_gb", "system_gb")
    else:
        _machine(out, hardware, told.get("vram_gb"), told.get("gpu_count"))
        out["processor"] = told.get("cpu")
        _rename(out, told, "ram_gb", "system_gb")
    out["offload"] = classes == "MIXED"
    _rename(out, told, "prefill_tok_s", "read_tok_s")
    _rename(out, told, "n_prompt", "read_tokens")
    if told.get("file_gib"):
        out["file_bytes"] = round(_number(told, "file_gib") * GIB)
    if "quant" not in out:
        found = _quant_of_name(str(told.get("model", "")), name)
        if found:
            out["quant"] = found
    return _plain(out, SpeedPoint), tuple(_not_understood(told, SpeedPoint))


def _is_plain(told: Line) -> bool:
    """Whether a line speaks in columns already: its engine is one word of ours, and nothing in it is in other words."""
    return not any(key in told for key in _READ - _SHARED)


_SHARED = frozenset({"engine", "source", "note", "quant", "model_id", "hparams"})


def _present(line: Line) -> dict[str, Any]:
    return {key: value for key, value in line.items() if value is not None and value != ""}


def _common(told: Line, row: type[MemoryPoint] | type[SpeedPoint], words: str) -> dict[str, Any]:
    """What stands in a line as it stands in the columns, and what the engine's text tells."""
    out = {key: told[key] for key in row.model_fields if key in told}
    out.update(_engine(str(told.get("engine", ""))))
    quant = str(told.get("quant", ""))
    if quant.lower() in ("", "any", "unknown") or "?" in quant:
        out.pop("quant", None)
    if isinstance(told.get("backend"), str):
        out["backend"] = re.split(r"[-_]", told["backend"])[0]  # rocm-nightlies, vulkan_radv
    k_type, v_type = _types(str(told.get("kv_dtype") or told.get("kv_cache_dtype") or ""))
    out["k_type"], out["v_type"] = k_type, v_type
    flash = re.search(r"\bflash_attn (\d)", words)
    if flash or "no flash attention" in words:
        out["flash_attention"] = bool(flash and flash[1] == "1")
    ubatch = re.search(r"\bubatch (\d+)", words)
    if ubatch:
        out["ubatch"] = int(ubatch[1])
    if "--swa-full" in words or "full-size swa" in words:
        out["swa_full"] = True
    return out


def _engine(text: str) -> dict[str, Any]:
    slug = engine_of(text)
    rest = text.lower()
    version = re.match(r"\D*?\bv?(\d+\.\d+[\w.]*|b\d{4,})", rest.removeprefix("llama.cpp"))
    date = re.search(r"\b20\d\d(?:-\d\d){1,2}\b", rest)
    found: dict[str, Any] = {"engine": slug or text}
    if version and not date:
        found["version"] = version[1]
    if date:
        found["date"] = date[0]
    return found


@cache
def _known_engines() -> dict[str, str]:
    names: dict[str, str] = {}
    for slug, profile in all_profiles().items():
        names[slug] = names[profile.name.lower().replace(" ", "-")] = engine_name(slug)
    return names


def engine_of(text: str) -> str | None:
    """The estimate's name of the engine that a text begins with; None where it is none that has a profile."""
    words = [word for word in re.split(r"[\s/(),:]+", text.strip().lower()) if word]
    for length in (4, 3, 2, 1):
        key = "-".join(words[:length])
        if key in _known_engines():
            return _known_engines()[key]
        if engine_name(key) in ENGINES:
            return engine_name(key)
    return None


def _types(text: str) -> tuple[str | None, str | None]:
    """Types of keys and of values; one word means both, ``auto`` what the engine takes by itself."""
    if text in ("", "auto"):
        return None, None
    if text == "bf16/fp16":
        return "bf16", None
    if kv_bits(text) is not None or "/" not in text:
        return text, None
    key, value = text.split("/", 1)
    return key.strip().removeprefix("K ").strip(), value.split("(")[0].strip().removeprefix("V ").strip()


def _dimensions(told: Line, model: str) -> dict[str, Any]:
    facts = told.get("hparams")
    found: dict[str, Any] = {}
    if "hparams" in told and not isinstance(facts, Mapping):
        raise DataError(f"hparams should be a table, not {facts!r}")
    kept = {k: v for k, v in (facts or {}).items() if k in Dimensions.model_fields and v is not None}
    arch = re.search(r"gguf arch ([\w.-]+)", model)
    if arch:
        kept["architecture"] = arch[1]
    if kept:
        found["hparams"] = kept
    if facts and facts.get("n_params"):
        found["parameters"] = facts["n_params"]
    return found


def _machine(out: dict[str, Any], gpu: object, memory: object, count: object) -> None:
    found = _named_cards(str(gpu or ""), memory)
    if gpu:
        out["accelerator"] = found or str(gpu)
        if found and found != gpu and "(" in str(gpu):
            out["machine"] = str(gpu)
    size = re.search(r"\b(\d+)\s?GB\b", str(gpu or ""))
    if memory is not None:
        out["accelerator_gb"] = memory
    elif size and not found:
        out["accelerator_gb"] = float(size[1])
    if count is not None and gpu:
        out["count"] = count


def _named_cards(text: str, memory: object) -> str | None:
    """The name of a card within a text: the whole of it, or what stands in brackets or before them."""
    size = float(memory) if isinstance(memory, int | float) else None
    inner = re.search(r"\(([^)]*)\)", text)
    for name in (text, inner[1] if inner else "", text.split("(", maxsplit=1)[0].strip()):
        if name and (find_accelerator(name, size) or find_accelerator(name)):
            return name
    return None


def _card_in(engine: str) -> str | None:
    """The card that an engine's text ends with: ``llama.cpp CUDA RTX 4080``."""
    words = engine.split()
    for start in range(1, len(words)):
        name = " ".join(words[start:])
        if find_accelerator(name):
            return name
    return None


def _sizes(out: dict[str, Any], told: Line, engine: str) -> None:
    """Weights: llama.cpp's figure without a word on the device is the whole file's, the others' is on the device."""
    if engine in _LLAMA and "weights_mib" in out:
        out["file_mib"] = out.pop("weights_mib")
    if "gpu_weights_mib" in told:
        out["weights_mib"] = told["gpu_weights_mib"]


_MEANINGS = (
    ("nvidia-smi", "process"),
    ("max_memory_allocated", "allocated"),
    ("mlx peak", "allocated"),
    ("user-reported", "card"),
)


def _total_is(meaning: str, engine: str, words: str, told: Line) -> str:
    for text, kind in _MEANINGS:
        if text in meaning:
            return kind
    if engine in ("transformers", "mlx-lm"):
        return "allocated"
    return "card" if told.get("quality") in ("medium", "low") and "nvidia-smi" not in words else "process"


def _measures(metric: str, prompt: object) -> str:
    first = metric.split(":", maxsplit=1)[0].lower()
    if "prefill tok" in first:
        return "prefill"
    # After one token of prompt there was nothing to read.
    return "decode" if "decode" in first or prompt == 1 or not metric else "overall"


_NAMED_QUANT = re.compile(r"[-:](\dbit|q\d_[\w]+|bf16|fp16|mxfp4|awq|gptq|fp8)(?:\.gguf)?$")


def _quant_of_name(model: str, engine: str) -> str | None:
    """The packing that a model's name ends with; of an Ollama name without one, what such a name pulls."""
    name = model.lower()
    found = _NAMED_QUANT.search(name)
    if found:
        return found[1]
    if engine == "ollama" and ":" in name and not name.endswith(("-mlx", "-qat", "-cloud")):
        return "MXFP4" if name.startswith("gpt-oss") else "Q4_K_M"
    return None


def _number(told: Line, field: str) -> float:
    value = told.get(field, 0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{field} should be a number, not {value!r}")
    return value


def _rename(out: dict[str, Any], told: Line, old: str, new: str) -> None:
    if old in told:
        out[new] = told[old]


def _plain(out: Mapping[str, Any], row: type[MemoryPoint] | type[SpeedPoint]) -> dict[str, Any]:
    """Without what is not told, and without what is said by leaving it out."""
    ordinary = {name: field.default for name, field in row.model_fields.items()}
    return {key: value for key, value in out.items() if value is not None and value != ordinary.get(key)}


def _not_understood(told: Line, row: type[MemoryPoint] | type[SpeedPoint]) -> Iterator[str]:
    for key in told:
        if key not in row.model_fields and key not in _LEFT and key not in _READ:
            yield key
