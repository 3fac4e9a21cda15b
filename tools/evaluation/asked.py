"""A point as the question that a page would be asked: record, files, worker, options.

What a page knows of a model is what the record tells, or what is published of the model it is named after: the record
of somebody's catalogue where it is given, else one that tells the name alone and what the point's own log printed. From
there on the functions are those of pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from compat.architectures import architecture_of, architecture_of_gguf
from compat.catalogue.made_for import loaded_context
from compat.catalogue.needs import inputs_of_variant
from compat.catalogue.workers import Machine, Worker
from compat.engines import EngineProfile, all_profiles
from compat.engines.accelerator_names import accelerator_labels, find_accelerator
from compat.engines.hardware import Accelerator, Hardware
from compat.engines.system_memory import processor_bandwidth
from compat.estimate import LoadOptions, VariantInputs, find_shape
from compat.estimate.engine_names import LLAMA_FAMILY, engine_name
from compat.estimate.label_sizes import file_label
from compat.estimate.launch import (
    DEFAULT_UBATCH,
    FEW_ROWS_SINCE,
    FOUR_SLOTS_SINCE,
    OWN_ENGINE_OF_OLLAMA,
    SPARE_CELL_SINCE,
)
from compat.models import ModelRecord, RecordVariant
from tools.evaluation.former_releases import as_it_was
from tools.evaluation.point_rows import Dimensions, MemoryPoint, Point, SpeedPoint

Records = Callable[[str], ModelRecord | None]
"""Finds a record by a model's id in somebody's catalogue."""


@dataclass(frozen=True)
class Asked:
    """What a page would have. ``hardware`` None: nothing is told of the machine."""

    record: ModelRecord
    variant: RecordVariant
    worker: Worker
    inputs: VariantInputs
    hardware: Hardware | None
    options: LoadOptions
    engine: str


UNTOLD_CONTEXT = 4096
"""Tokens that llama.cpp's tools and Ollama take, or shrink a context to, without a word on it."""


def asked(point: Point, records: Records | None = None) -> Asked | str:
    """The question behind a point, or the reason why pages cannot be asked it."""
    profile = profile_of(point.engine)
    if profile is None:
        return f"{point.engine} is no engine that is modelled"
    options = _options(point)
    if isinstance(options, str):
        return options
    record = _record(point, records)
    variant = _variant(point, record)
    worker = Worker(
        profile.slug,
        profile.name,
        profile,
        _machine(point),
        options.context,
        kv=options.kv_type,
        kv_values=options.v_type or "",
        slots=options.parallel,
        ubatch=options.ubatch,
    )
    hardware = worker.hardware
    if point.processor_only and (hardware is None or hardware.accelerators):
        hardware = Hardware()
    inputs, _ = inputs_of_variant(record, variant)
    inputs, hardware = as_it_was(point, inputs, hardware)
    made = record.context or (inputs.shape.context if inputs.shape is not None else None)
    if made is not None:
        options = replace(options, context=loaded_context(made, options.context, profile.slug))
    if point.engine == "ollama" and (point.date or "2026-12") < "2026-06" and options.ubatch is None:
        options = replace(options, ubatch=DEFAULT_UBATCH)
    if point.engine == "ollama" and _kept_all_rows(point, inputs):
        options = replace(options, build=FEW_ROWS_SINCE - 1)
    return Asked(record, variant, worker, inputs, hardware, options, engine_name(profile.slug))


def profile_of(engine: str) -> EngineProfile | None:
    """The profile of an engine by any of its names; of several that share a loader the one that is named so."""
    name = engine_name(engine)
    own = [one for one in all_profiles().values() if engine_name(one.slug) == name]
    exact = [one for one in own if one.slug == engine or one.name.lower() == name]
    return next(iter((*exact, *own)), None)


def _options(point: Point) -> LoadOptions | str:
    if point.n_cpu_moe:
        return "experts in system memory, for which pages have no option"
    told: dict[str, Any] = {
        "kv_type": point.k_type,
        "v_type": point.v_type if point.v_type != point.k_type else None,
        "ubatch": point.ubatch,
        "flash_attention": point.flash_attention,
        "build": _build(point),
    }
    if isinstance(point, MemoryPoint):
        told |= {
            "context": point.kv_tokens or point.ctx,
            "parallel": 1 if point.kv_tokens else point.n_parallel,
            "sequences": _planned(point),
            "unified_kv": point.kv_unified,
            # The engine's own allocations were read from a program that calls its library.
            "library": point.quality == "engine-run" or None,
            "swa_full": point.swa_full,
            "prefill": point.input_tokens,
            "memory_utilization": point.memory_utilization,
        }
    else:
        told["context"] = max(point.ctx or UNTOLD_CONTEXT, point.depth or 0)
        told["parallel"] = 1  # a benchmark runs one conversation, whatever a server is prepared for
    return replace(LoadOptions(), **{name: value for name, value in told.items() if value is not None})


def _build(point: Point) -> int | None:
    """A build of llama.cpp that lays memory out as that of the point did; None for the one pages go by."""
    if point.engine not in ("llama.cpp", "llamafile"):
        return None
    if (point.version or "").startswith("0.5"):
        return SPARE_CELL_SINCE
    date = point.date or "2026-12"
    if date < "2025-11":
        return FOUR_SLOTS_SINCE - 1
    return FEW_ROWS_SINCE - 1 if "2025-11" <= date < "2026-06" and len(date) > 4 else None


def _planned(point: MemoryPoint) -> int | None:
    """The sequences that vLLM planned a step for before it went by the card (``--max-num-seqs``, 2025)."""
    return 256 if point.engine == "vllm" and "2023" < (point.date or "") < "2025-03" else None


def _kept_all_rows(point: Point, inputs: VariantInputs) -> bool:
    """Whether Ollama gave the model to llama.cpp's library as it was before June 2026."""
    if not point.date or point.date >= "2026-06" or len(point.date) == 4 or inputs.shape is None:
        return False
    return OWN_ENGINE_OF_OLLAMA.isdisjoint(architecture_of(inputs.shape.model_type or "").gguf_names(None))


_ENOUGH = 1024.0
"""GB of system memory where a speed tells none: what was measured did run, so something held it."""


def _machine(point: Point) -> Machine:
    ram = point.system_gb or (_ENOUGH if isinstance(point, SpeedPoint) else None)
    known = processor_bandwidth(point.processor or "")
    rate = point.system_gb_s or (known / 1e9 if known else None)
    if point.processor_only:
        return Machine(ram=ram, ram_bandwidth=rate)
    count = max(point.count, point.tensor_parallel or 1)
    found = _accelerator(point)
    if found is None:
        return Machine("", count, point.accelerator_gb, ram, rate)
    label = next(label for label, one in accelerator_labels().items() if one.name == found.name and _same(one, found))
    told = point.accelerator_gb if found.memory_options else None
    return Machine(label, count, told, ram, rate)


def _accelerator(point: Point) -> Accelerator | None:
    name = point.accelerator or ""
    return find_accelerator(name, point.accelerator_gb) or find_accelerator(name) if name else None


def _same(one: Accelerator, found: Accelerator) -> bool:
    return one.memory == found.memory or bool(one.memory_options)


def _record(point: Point, records: Records | None) -> ModelRecord:
    """The record of a catalogue, else one that tells its name; a fine-tune's base stands in where only it is known."""
    named = [name for name in (point.model, point.base_model) if name]
    facts = point.hparams if isinstance(point, MemoryPoint) else None
    printed = facts is not None and facts.n_embd_k_gqa is not None
    known = [name for name in named if find_shape(_last(name)) is not None]
    if records is not None and not printed:
        found = next((record for record in map(records, named) if record is not None), None)
        if found is not None:
            return found
    name = known[0] if known else named[0]
    # A log that prints the width of keys outranks what the model's name says is stored.
    told = _config(facts) if facts is not None and (printed or not known) else {}
    return ModelRecord(
        repo_id=name, name=_last(name), parameters=point.parameters, shape_facts=json.dumps(told) if told else ""
    )


def _last(name: str) -> str:
    return name if name.startswith("synthetic:") else name.rpartition("/")[2]


def _config(facts: Dimensions) -> dict[str, Any]:
    """What a log printed, as a ``config.json`` says it: the width of keys is one head of that size."""
    heads, size = facts.n_head_kv, facts.head_dim
    if heads is None and facts.n_embd_k_gqa is not None:
        heads, size = 1, facts.n_embd_k_gqa
    config = {
        "model_type": architecture_of_gguf(facts.architecture).name if facts.architecture else None,
        "num_hidden_layers": facts.n_layer,
        "num_key_value_heads": heads,
        "head_dim": size,
        "value_head_dim": facts.n_embd_v_gqa if facts.n_embd_k_gqa else None,
        "hidden_size": facts.n_embd,
        "vocab_size": facts.n_vocab,
        "sliding_window": facts.n_swa,
    }
    return {key: value for key, value in config.items() if value is not None}


def _variant(point: Point, record: ModelRecord) -> RecordVariant:
    """The files: those of the record in this packing, where it lists them; else such files of unknown size."""
    format_ = point.format or ("gguf" if engine_name(point.engine) in LLAMA_FAMILY else "safetensors")
    quant = file_label(point.quant or "", point.model)
    if record.pk is not None:
        for one in record.variants.all():
            if one.format == format_ and one.quantization.lower() == quant.lower():
                return one if one.size_bytes else _sized(one, point)
    return _sized(RecordVariant(format=format_, quantization=quant), point)


def _sized(variant: RecordVariant, point: Point) -> RecordVariant:
    variant.size_bytes = point.file_bytes
    return variant
