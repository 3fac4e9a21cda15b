"""From the catalogue's records to the memory and speed estimates of the engine package.

A record keeps the few facts of its configuration that shape the estimate; shapes are made from them once a process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from compat.catalogue.taking import UNTOLD_PACE, is_paced_by_memory, paced_on
from compat.catalogue.workers import Worker
from compat.estimate import (
    Fit,
    FitResult,
    ModelFiles,
    ModelShape,
    Plan,
    Plans,
    ReadingEstimate,
    SpeedEstimate,
    VariantInputs,
    complete,
    estimate_reading,
    estimate_speed,
    from_config,
    judge_fit,
    largest_context,
    make_plans,
    most_speed,
)
from compat.estimate.buffers import usual_projector
from compat.estimate.label_sizes import file_label
from compat.estimate.need_columns import FIT_CODES
from compat.estimate.speed import USUAL_DEPTH
from compat.extraction.extract import Variant
from compat.extraction.facts import Provenance
from compat.extraction.variants import SINGLE_FILE, TRANSFORMERS
from compat.models import ModelRecord, RecordVariant
from compat.rules import CompatibilityResult
from compat.shapes.counting import split_by_dimensions, split_parameters
from compat.shapes.known import namesake
from compat.shapes.tensor_bytes import TensorBytes


@dataclass(frozen=True, slots=True)
class Shaped:
    """A model's shape, and what was taken for it from elsewhere than the record, in words."""

    shape: ModelShape | None
    assumed: tuple[str, ...] = ()


_COMPARED = ("model_type", "layers", "heads", "kv_heads", "head_dim", "hidden")
_PUBLISHED = "from published facts of the model it is named after"


def _own_shape(facts: str, parameters: int | None) -> ModelShape | None:
    """The shape told by a record's own configuration."""
    return complete(from_config(json.loads(facts), parameters)) if facts else None


def _is_whole(own: ModelShape | None) -> bool:
    """Whether a shape leaves nothing to take from elsewhere."""
    return own is not None and bool(own.hidden and own.vocab and own.caches is not None)


@lru_cache(maxsize=50_000)
def needs_name(facts: str, parameters: int | None) -> bool:
    """Whether :func:`shape_of_record` looks at the name too, for the published shape of the model it is named after."""
    return not _is_whole(_own_shape(facts, parameters))


@lru_cache(maxsize=1000)
def shape_of_record(facts: str, parameters: int | None, name: str) -> Shaped:
    """The shape told by a record's own configuration, completed by published facts of the model it is named after.

    Nothing is taken from a published model that disagrees with the record in anything both tell.
    """
    own = _own_shape(facts, parameters)
    if _is_whole(own):
        return Shaped(own)
    known = namesake(name)
    if known is None or not _of_size(known, parameters):
        return Shaped(own)
    if own is None:
        return Shaped(known.with_facts(parameters=parameters), (f"layers and heads {_PUBLISHED}",))
    told = [(getattr(own, key), getattr(known, key)) for key in _COMPARED]
    if any(mine is not None and theirs is not None and mine != theirs for mine, theirs in told):
        return Shaped(own)
    filled = own.with_facts(**{key: getattr(known, key) for key in _FILLED})
    return Shaped(filled, (f"widths {_PUBLISHED}" if own.layers else f"layers and heads {_PUBLISHED}",))


_ALIKE = (0.8, 1.35)
"""How many weights a record may count of what the published model has: names round, and towers are counted in."""


def _of_size(known: ModelShape, parameters: int | None) -> bool:
    counted = split_parameters(known)
    return not (parameters and counted) or _ALIKE[0] < parameters / counted.total < _ALIKE[1]


def _parameters(record: ModelRecord, shape: ModelShape | None) -> int | None:
    """How many weights: those that the dimensions make, where the record's number is only in its name."""
    if record.parameters_from != Provenance.NAME or shape is None:
        return record.parameters
    counted = split_by_dimensions(shape)
    return counted.total if counted is not None and _of_size(shape, counted.total) else record.parameters


_DOUBT = "number of weights (the record contradicts itself)"
_FILLED = (
    *("model_type", "layers", "hidden", "heads", "kv_heads", "head_dim", "vocab", "ffn", "experts", "experts_used"),
    *("expert_ffn", "shared_ffn", "dense_layers", "caches", "mla", "state", "tied", "per_layer_embed", "context"),
    *("hears", "encoder_layers", "mels"),
)


_FP8 = 8.0
_OF_BITS = {_FP8: "FP8", 16.0: "BF16", 32.0: "F32"}
"""What weights are held in of which no packing is told, by the bits that one has."""


_POOLED = frozenset({"feature-extraction", "sentence-similarity", "text-ranking"})
"""Tasks for which a model is served to make vectors or ranks of texts."""


def inputs_of_variant(record: ModelRecord, variant: RecordVariant | Variant) -> tuple[VariantInputs, tuple[str, ...]]:
    """What the estimate needs of one variant, and what had to be assumed for it."""
    if isinstance(variant, Variant):
        format_, quantization, tensors = variant.facts.format, variant.facts.quantization, variant.tensors
    else:
        format_, quantization = variant.format, variant.quantization
        tensors = TensorBytes.from_text(variant.tensors) if variant.tensors else None
    size, width_assumed, packed = variant.size_bytes, False, bool(quantization)
    if format_ == "gguf":
        quantization = file_label(quantization or "", variant.key)
    elif size is None:
        # What a dynamic mix of MLX keeps wider is told by its files alone: 4 bits by name were 6 by size.
        quantization = file_label(quantization or "", record.name)
    assumed: tuple[str, ...] = ()
    if format_ in ("safetensors", TRANSFORMERS) and not quantization and size is None:
        quantization = _OF_BITS.get(variant.bits or 0.0, "BF16")
        width_assumed = variant.bits not in _OF_BITS
        if variant.bits == _FP8:
            assumed = ("files of 8 bits a weight, as its authors published them: the record tells no data type",)
    elif format_ in ("safetensors", TRANSFORMERS) and not quantization and variant.bits == 32:
        quantization = "F32"  # which some engines hold in half
    if width_assumed:
        assumed = ("files of 16 bits a weight, as unquantized models usually have: the record tells no data type",)
    shape = shape_of_record(record.shape_facts, record.parameters, record.name)
    projector = record.projector_bytes if format_ == "gguf" and record.projector else 0
    untold = leaves_projector_out(record, variant)
    if projector:
        assumed = (*assumed, "loaded with its vision projector")
    guessed = bool(record.packed_model and record.shape_facts)
    if guessed:
        assumed = (*assumed, "layers and heads from the record of the model it is named after")
    return (
        VariantInputs(
            shape=shape.shape,
            file_bytes=size,
            parameters=_parameters(record, shape.shape),
            quant=quantization or None,
            projector_bytes=projector or 0,
            projector_usual=usual_projector(record.parameters) if untold else 0,
            format=format_ or None,
            bits=variant.bits if packed else None,
            as_made=bool(variant.as_made),
            width_assumed=width_assumed,
            doubt=_DOUBT if record.parameters_from == Provenance.CONTRADICTED else "",
            tensors=tensors,
            embeds=record.task in _POOLED,
            layers_guessed=guessed,
        ),
        (*assumed, *shape.assumed),
    )


def leaves_projector_out(record: ModelRecord, variant: RecordVariant | Variant) -> bool:
    """Whether what a variant needs is told without its vision projector, because nothing tells the size of that."""
    format_ = variant.facts.format if isinstance(variant, Variant) else variant.format
    return format_ == "gguf" and record.projector and record.projector_bytes is None


def fit_of(record: ModelRecord, variant: RecordVariant, worker: Worker) -> FitResult | None:
    """Whether a variant fits the worker's memory at the wanted context; None where the worker's machine is not told."""
    if worker.hardware is None:
        return None
    return judge_fit(inputs_of_variant(record, variant)[0], worker.profile.slug, worker.hardware, worker.options)


def context_room(record: ModelRecord, variant: RecordVariant, worker: Worker) -> int | None:
    """The longest context that still fits; None where that cannot be told."""
    if worker.hardware is None:
        return None
    limit = min(filter(None, (record.context, worker.profile.context_limit)), default=None)
    return largest_context(
        inputs_of_variant(record, variant)[0], worker.profile.slug, worker.hardware, worker.options, limit=limit
    )


def reading_of(
    record: ModelRecord, variant: RecordVariant, worker: Worker, fit: FitResult | None = None
) -> ReadingEstimate | None:
    """How long a prompt that fills the worker's context takes until the first word; None where no machine is told."""
    hardware = worker.hardware
    if hardware is None:
        return None
    needed, _ = inputs_of_variant(record, variant)
    fit = fit or judge_fit(needed, worker.profile.slug, hardware, worker.options)
    engine = worker.profile.slug
    return estimate_reading(needed, engine, hardware, fit, prompt=worker.context, kv_type=worker.kv)


def speed_of(
    record: ModelRecord,
    variant: RecordVariant,
    worker: Worker,
    fit: FitResult | None = None,
    *,
    depth: int = USUAL_DEPTH,
) -> SpeedEstimate | None:
    """Tokens a second, as a range with its basis, or why there is no number; None where the machine is not told.

    ``fit`` is the verdict on memory, if it was made already, ``depth`` how many tokens there are already.
    """
    hardware = worker.hardware
    if hardware is None:
        return None
    needed, _ = inputs_of_variant(record, variant)
    fit = fit or judge_fit(needed, worker.profile.slug, hardware, worker.options)
    return estimate_speed(needed, worker.profile.slug, hardware, fit, depth=depth, kv_type=worker.kv)


def pace_of(record: ModelRecord, variant: RecordVariant, worker: Worker, fit: FitResult) -> float | None:
    """Tokens a second by which builds are told apart, as :func:`~compat.catalogue.taking.paced_on` has it; None where
    there is no number.
    """
    hardware = worker.hardware
    if hardware is None:
        return None
    needed, _ = inputs_of_variant(record, variant)
    told = estimate_speed(needed, worker.profile.slug, hardware, fit, kv_type=worker.kv).tokens_per_second
    if told is not None or not is_paced_by_memory(FIT_CODES[fit.fit], hardware):
        return told
    if fit.estimate.component("weights").bytes is None:
        return UNTOLD_PACE
    paced = paced_on(hardware)
    pace = estimate_speed(needed, worker.profile.slug, paced, fit, kv_type=worker.kv).tokens_per_second
    return most_speed(needed, worker.profile.slug, paced, fit, kv_type=worker.kv) if pace is None else pace


def speed_told(
    record: ModelRecord,
    best: RecordVariant | None,
    worker: Worker,
    result: CompatibilityResult,
    fit: FitResult | None,
) -> SpeedEstimate | None:
    """The speed that rows and pages show: that of the variant that a verdict is about; None where no machine is told.

    What ``result`` refuses has no number, whatever the memory would allow.
    """
    if best is None or worker.hardware is None:
        return None
    if not result.compatible:
        return SpeedEstimate(None, reason=f"It does not run here ({result.brief})." if result.brief else DOES_NOT_RUN)
    return speed_of(record, best, worker, fit)


DOES_NOT_RUN = "It does not run here."


_OF_MODEL_INDEX = frozenset({Provenance.CONFIG, Provenance.HUB, Provenance.TAG})
"""What tells a pipeline's class as its model_index.json has it, which lists the folders of its models."""


def files_of_variant(
    record: ModelRecord, variant: RecordVariant, variants: Iterable[RecordVariant], *, projector: bool | None = None
) -> ModelFiles:
    """Which files of the Hub a variant is, among all ``variants`` of its record."""
    others, files = tuple(file for one in variants for file in one.files), tuple(variant.files)
    label = variant.quantization
    return ModelFiles(
        record.repo_id,
        variant.format,
        label,
        files,
        others,
        projector,
        task=record.task,
        collected=record.architecture == SINGLE_FILE,
        pipeline=record.architecture.endswith("Pipeline") and record.architecture_from in _OF_MODEL_INDEX,
    )


def plans_of(
    record: ModelRecord,
    variant: RecordVariant | None,
    worker: Worker,
    result: CompatibilityResult,
    variants: Iterable[RecordVariant] = (),
    *,
    fit: FitResult | None = None,
    speed: SpeedEstimate | None = None,
    longest: int | None = None,
) -> Plans:
    """The ways to run a variant on the worker's machine; none where it is not told, or the rules refuse the variant.

    ``variants`` are all of the record. ``fit``, ``speed`` and ``longest`` are those of what the worker asks, if they
    were worked out already.
    """
    if variant is None or worker.hardware is None:
        return Plans()
    needed, _ = inputs_of_variant(record, variant)
    fit = fit or judge_fit(needed, worker.profile.slug, worker.hardware, worker.options)
    if not result.compatible and not (result.cause == "memory" or fit.fit is Fit.UNEVEN):
        return Plans()
    projector = bool(needed.projector_bytes) if record.projector and variant.format == "gguf" else None
    model = files_of_variant(record, variant, variants, projector=projector)
    model = replace(
        model, context=_stated_context(record, needed.shape), arguments=result.started_with, unread=result.unread
    )
    return make_plans(
        needed,
        worker.profile.slug,
        worker.hardware,
        worker.options,
        model=model,
        fit=fit,
        speed=speed if result.compatible else None,
        longest=longest,
    )


def _stated_context(record: ModelRecord, shape: ModelShape | None) -> int:
    """The tokens that a model's configuration states, before anything stretches them; 0 where it tells none."""
    return min(filter(None, (record.context, shape.context if shape is not None else None)), default=0)


def asked_of(plan: Plan, worker: Worker) -> dict[str, object] | None:
    """The parameters that ask for a plan on this worker; None where its cards cannot be told so."""
    options, count = plan.options, len(plan.hardware.accelerators)
    told: dict[str, object] = {
        "context": options.context,
        "kv": options.kv_type,
        "kv_values": options.v_type or "",
        "slots": options.parallel,
        "ubatch": options.ubatch,
    }
    machine = worker.machine
    if count == machine.total or not count:
        return told
    if worker.registered:
        return None
    if not machine.beside:
        return {**told, "count": count}
    # Of unlike cards a plan leaves all but one aside.
    first = plan.hardware.accelerators[0]
    kind = next(one for one in machine.kinds if one.hardware and one.hardware.accelerators[:1] == (first,))
    return {**told, "accelerator": kind.accelerator, "memory": kind.memory, "count": count, "beside": ""}
