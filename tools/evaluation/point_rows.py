"""What a line of the bundled points may hold: a measured load, or a measured speed. A missing field is unknown."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from compat.strict_data import DataError, Name, StrictTable, check_table, one_of, parse_json

_Count = Annotated[int, Field(gt=0)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Layers = Annotated[int, Field(ge=-1)]  # -1 is all of them
_Billions = Annotated[float, Field(ge=0)]  # rounded, so that small models have 0


class _Dimensions(StrictTable):
    """What an engine's log tells of the model."""

    n_layer: _Count | None = None
    n_layer_global: _Count | None = None
    n_layer_swa: _Count | None = None
    n_embd: _Count | None = None
    n_embd_k_gqa: _Count | None = None
    n_embd_v_gqa: _Count | None = None
    n_head_kv: _Count | None = None
    head_dim: _Count | None = None
    n_swa: _Count | None = None
    n_vocab: _Count | None = None
    n_params: _Count | None = None


class MemoryPoint(StrictTable):
    """A measured load: sizes in MiB, contexts in tokens, parameters in billions."""

    model_id: Name
    model_id_note: Name | None = None
    quant: Name
    engine: Name
    quality: Annotated[str, one_of("high", "medium", "low", "engine-run")]
    source: Name
    ctx: _Count | None = None
    kv_dtype: Name | None = None
    kv_tokens: _Count | None = None
    kv_unified: bool | None = None
    n_parallel: _Count | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    gpu: Name | None = None
    gpu_count: _Count | None = None
    gpu_vram_gb: _Positive | None = None
    gpu_layers: _Layers | None = None
    params_b: _Billions | None = None
    preallocating_engine: bool | None = None
    hparams: _Dimensions | None = None
    note: Name | None = None
    total_mib: _Positive | None = None
    weights_mib: _Positive | None = None
    kv_mib: _Positive | None = None
    compute_mib: _Positive | None = None
    recurrent_mib: _Positive | None = None
    mtp_draft_kv_mib: _Positive | None = None


class SpeedPoint(StrictTable):
    """A measured speed: memory in GB, bandwidth in GB/s, parameters in billions."""

    hardware: Name
    hw_class: Annotated[str, one_of("DISCRETE_GPU", "UNIFIED", "CPU_ONLY")]
    gpu_count: _Count
    model: Name
    engine: Name
    batch: _Count
    tok_s: _Positive
    metric: Name
    source: Name
    base_model: Name | None = None
    quant: Name | None = None
    kv_cache_dtype: Name | None = None
    backend: Annotated[str, one_of("cuda", "rocm", "vulkan", "metal", "cpu")] | None = None
    vram_gb: _Positive | None = None
    peak_vram_gb: _Positive | None = None
    bandwidth_gb_s: _Positive | None = None
    ctx: _Count | None = None
    prompt_tokens: _Count | None = None
    output_tokens: _Positive | None = None  # an average over runs
    gpu_layers: _Layers | None = None
    tensor_parallel: _Count | None = None
    params_b: _Billions | None = None
    active_params_b: _Billions | None = None
    is_moe: bool | None = None
    mtp: bool | None = None
    spec_decoding: bool | None = None
    note: Name | None = None
    cpu: Name | None = None
    ram_gb: _Positive | None = None
    host_bandwidth_gb_s: _Positive | None = None  # of the system memory beside an accelerator
    file_gib: _Positive | None = None
    n_prompt: _Count | None = None  # tokens read at once, where reading is measured; prompt_tokens are those before
    prefill_tok_s: _Positive | None = None
    ttft_ms: _Positive | None = None


ROWS: dict[str, type[MemoryPoint | SpeedPoint]] = {"memory_points": MemoryPoint, "speed_points": SpeedPoint}


def read_rows(text: str, name: str) -> tuple[dict[str, Any], ...]:
    """The points of a JSON-lines text, as they stand there; ``name`` is one of ``ROWS``.

    Raises ``DataError`` naming the line and the field of a wrong point, or of one that stands there twice.
    """
    points: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = f"{name}.jsonl line {number}"
        point = parse_json(line, place)
        first = seen.setdefault(repr(check_table(ROWS[name], point, place)), number)
        if first != number:
            raise DataError(f"{place}: is the same point as line {first}")
        points.append(point)
    return tuple(points)
