"""What a line of the points may hold: a measured load, or a measured speed. A missing field is unknown.

Every column says what was run and what was measured; no prose is read. Lines in other words than these are put into
them by :mod:`tools.evaluation.told_points`.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from compat.strict_data import Name, StrictTable, check_table, one_of

BACKENDS = {
    "cuda": "CUDA",
    "rocm": "ROCm",
    "sycl": "SYCL",
    "vulkan": "Vulkan",
    "metal": "Metal",
    "cpu": "processors",
}
"""What an engine computes on, as columns say it and as people do."""

_Count = Annotated[int, Field(gt=0)]
_Tokens = Annotated[int, Field(ge=0)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Layers = Annotated[int, Field(ge=-1)]  # -1 is all of them
_Date = Annotated[str, StringConstraints(pattern=r"^20\d\d(-\d\d){0,2}$")]


class Dimensions(StrictTable):
    """What an engine's log tells of the model; ``architecture`` is a GGUF file's name of it."""

    architecture: Name | None = None
    n_layer: _Count | None = None
    n_embd: _Count | None = None
    n_embd_k_gqa: _Count | None = None
    n_embd_v_gqa: _Count | None = None
    n_head_kv: _Count | None = None
    head_dim: _Count | None = None
    n_swa: _Count | None = None
    n_vocab: _Count | None = None


class _Run(StrictTable):
    """What was run, and where. ``version`` and ``date`` are of the engine; without a date of it, of the report.

    ``accelerator`` is a name of the bundled list where it has one, ``accelerator_gb`` the memory of one in GB as on
    the box, ``machine`` the computer around it, ``single_board`` one on whose slow slot a card hangs. ``base_model`` is
    what a fine-tune was made from. ``file_bytes`` is the size of the weight files, where a page would know it.
    ``system_gb_s`` is the bandwidth of the system memory in GB a second.
    ``gpu_layers``, ``n_cpu_moe`` and ``offload`` tell of a model that was only partly on the accelerators.
    """

    engine: Name
    version: Name | None = None
    date: _Date | None = None
    source: Name
    note: Name | None = None
    base_model: Name | None = None
    quant: Name | None = None
    format: Annotated[str, one_of("gguf", "safetensors")] | None = None
    parameters: _Count | None = None
    file_bytes: _Count | None = None
    accelerator: Name | None = None
    accelerator_gb: _Positive | None = None
    count: _Count = 1
    machine: Name | None = None
    single_board: bool = False
    processor: Name | None = None
    processor_only: bool = False
    system_gb: _Positive | None = None
    system_gb_s: _Positive | None = None
    backend: Annotated[str, one_of(*BACKENDS)] | None = None
    tensor_parallel: _Count | None = None
    gpu_layers: _Layers | None = None
    n_cpu_moe: _Count | None = None
    offload: bool = False
    ctx: _Count | None = None
    k_type: Name | None = None
    v_type: Name | None = None
    ubatch: _Count | None = None
    flash_attention: bool | None = None


class MemoryPoint(_Run):
    """A measured load: sizes in MiB, contexts in tokens.

    ``weights_mib``, ``kv_mib`` and ``state_mib`` are on all devices together, with ``per_rank`` on one of those that an
    engine cuts every layer over; ``compute_mib`` is on each device. ``file_mib`` is all weights as they are stored.
    ``total_is``: ``process`` is a driver's reading of the engine's processes, ``allocated`` what the engine's library
    took at its peak, without the driver's part, ``card`` a reading of a whole card. ``bound`` says that what was
    measured is no less (``upper``) or no more (``lower``) than what is needed. ``kv_tokens`` are the tokens that
    ``kv_mib`` is for, where it is a pool. ``partial`` names a reading that is only a part of what pages show.
    """

    model_id: Name
    quality: Annotated[str, one_of("high", "medium", "low", "engine-run")]
    hparams: Dimensions | None = None
    n_parallel: _Count | None = None
    kv_unified: bool | None = None
    swa_full: bool | None = None
    memory_utilization: _Positive | None = None
    input_tokens: _Tokens | None = None
    output_tokens: _Tokens | None = None
    kv_tokens: _Count | None = None
    total_is: Annotated[str, one_of("process", "allocated", "card")] | None = None
    bound: Annotated[str, one_of("upper", "lower")] | None = None
    per_rank: bool = False
    partial: Name | None = None
    total_mib: _Positive | None = None
    weights_mib: _Positive | None = None
    file_mib: _Positive | None = None
    kv_mib: _Positive | None = None
    state_mib: _Positive | None = None
    compute_mib: _Positive | None = None
    mtp_draft_kv_mib: _Positive | None = None

    @model_validator(mode="after")
    def _says_what_the_total_is(self) -> Self:
        if self.total_mib is not None and self.total_is is None:
            raise ValueError("total_is is missing")
        return self

    @property
    def model(self) -> str:
        """The model's id."""
        return self.model_id


class SpeedPoint(_Run):
    """A measured speed in tokens a second.

    ``measures``: ``decode`` is writing alone, ``prefill`` reading the prompt, ``overall`` both together. ``depth`` are
    the tokens before the average one that was written, ``sequences`` how many conversations ran at once, ``drafting``
    tells of a smaller model, or layers, that guessed ahead. ``quality`` is ``table`` where engine's or model's makers
    measured, else ``user``.

    ``read_tokens`` went in at once where reading was measured, after ``depth`` others; ``read_tok_s`` is how fast the
    prompt was read in a run that measures writing.
    """

    model: Name
    measures: Annotated[str, one_of("decode", "prefill", "overall")]
    tok_s: _Positive
    quality: Annotated[str, one_of("user", "table")] = "user"
    depth: _Tokens | None = None
    prompt_tokens: _Tokens | None = None
    output_tokens: _Positive | None = None  # an average over runs
    sequences: _Count = 1
    drafting: bool = False
    ttft_ms: _Positive | None = None
    read_tokens: _Count | None = None
    read_tok_s: _Positive | None = None


Point = MemoryPoint | SpeedPoint
ROWS: dict[str, type[MemoryPoint] | type[SpeedPoint]] = {"memory_points": MemoryPoint, "speed_points": SpeedPoint}


def check_memory_point(line: object, place: str) -> MemoryPoint:
    """A memory point of one line; raises ``DataError`` naming place and field."""
    return check_table(MemoryPoint, line, place)


def check_speed_point(line: object, place: str) -> SpeedPoint:
    """A speed point of one line; raises ``DataError`` naming place and field."""
    return check_table(SpeedPoint, line, place)
