"""The memory estimate of one variant on one engine: weights, cache, state, buffers, overhead, projector.

Each component carries its bytes and what they rest on. A component that cannot be known makes the total
unknown and is named in ``missing``; what is known is still shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from compat.engines.hardware import Hardware
from compat.estimate.buffers import Buffer, BufferOptions, compute_buffer, driver_overhead, projector_need
from compat.estimate.engine_names import (
    LLAMA_FAMILY,
    ONE_DEVICE,
    STAGED,
    TENSOR_PARALLEL,
    engine_name,
    loads_projector,
    loads_tower,
    runtime_of,
)
from compat.estimate.foreseen import LOOKS_AHEAD, foreseen_cache, goes_alone, lone_card
from compat.estimate.kv import CacheOptions, cache_bits, estimate_cache
from compat.estimate.launch import Launch, LoadOptions, for_embeddings, launch_of
from compat.estimate.micro_batch import batches_for, takes_batch
from compat.estimate.parallel import (
    Cuts,
    cuts_of,
    parallel_ranks,
    refines_blocks,
    stage_layers,
    stage_tables,
    tells_stages,
)
from compat.estimate.torch_peak import TorchRun, torch_peak
from compat.estimate.weights import Basis, Weights, estimate_weights, output_head
from compat.estimate.widths import Widening, widening_of
from compat.shapes.counting import split_by_dimensions
from compat.shapes.shape import ModelShape
from compat.shapes.tensor_bytes import TensorBytes


@dataclass(frozen=True)
class VariantInputs:
    """What is known of a variant. ``projector_bytes`` 0 means that none is there or a vision projector is left out;
    ``projector_usual`` is then what one of untold size is taken to have where an engine loads it without being asked.

    ``format`` (``gguf``, ``safetensors``) matters to engines that load the one otherwise than the other. ``bits`` is
    what a packed weight takes where ``quant`` does not say it. ``width_assumed``: ``quant`` is what such weights
    usually are, and nothing tells it. ``doubt`` says what makes the number of weights no ground for an estimate.
    ``tensors`` is what the files list, where their headers were read. ``embeds``: it is served for what it makes of a
    text, as a vector or a rank, and not to write. ``as_made``: packed as its maker gave it out. ``layers_guessed``:
    nothing but its name tells the shape.
    """

    shape: ModelShape | None = None
    file_bytes: int | None = None
    parameters: int | None = None
    quant: str | None = None
    projector_bytes: int | None = 0
    format: str | None = None
    bits: float | None = None
    width_assumed: bool = False
    doubt: str = ""
    tensors: TensorBytes | None = None
    embeds: bool = False
    as_made: bool = False
    projector_usual: int = 0
    layers_guessed: bool = False

    @property
    def sized(self) -> bool:
        """Whether the files tell how large the weights are."""
        return self.file_bytes is not None or self.tensors is not None

    @property
    def uncounted_tower(self) -> int:
        """Bytes of a vision tower in its files that the number of weights leaves out; 0 where there is none.

        Packers leave towers in 16 bits (``skip_multimodal_module`` in mlx-vlm 0.6.15).
        """
        shape = self.shape
        tower = (shape.tower or shape.usual_tower) if shape is not None and not self.sized else None
        counted = split_by_dimensions(shape) if shape is not None and tower else None
        if shape is None or tower is None or counted is None or self.format != "safetensors":
            return 0
        told = self.parameters or shape.parameters or 0
        return 0 if told > counted.total + tower / 2 else 2 * tower

    def runtime(self, engine: str) -> str:
        """What of an engine loads such files, as the slug of an engine; both by their slugs."""
        return runtime_of(engine, self.format, self.quant, self.shape.model_type if self.shape is not None else None)


@dataclass(frozen=True)
class Component:
    """One part of the estimate: bytes over all devices, None when unknown.

    ``least`` is what it takes in any case where that is unknown, or rests on an assumption; 0 else.
    """

    name: str
    bytes: int | None
    basis: Basis
    detail: str = ""
    least: int = 0

    @property
    def supposed(self) -> int:
        """Bytes that nothing tells, counted so that the need is not told too small; there may be none of them."""
        return (self.bytes or 0) if self.basis is Basis.ASSUMED else 0

    @property
    def at_least(self) -> int:
        """The fewest bytes it can be."""
        return self.least or (self.bytes or 0) - self.supposed


@dataclass(frozen=True)
class MemoryEstimate:
    """The estimate. ``per_device`` in bytes, ``host`` what stays in system memory beside a GPU.

    ``total`` covers all devices without ``host``; None when any component is unknown. ``floor`` sums the least that
    each can be: the need is at least this. ``shares`` are those of weights and cache that each device takes, and
    ``head`` the bytes of the output head among the weights. ``stages`` is how many groups of the devices hold whole
    layers one after the other, where an engine does not cut each over all. ``cards`` are the accelerators that an
    engine chooses among all by itself, counted from 0; None where it takes the first ``devices``.
    """

    components: tuple[Component, ...]
    total: int | None
    floor: int
    per_device: tuple[int, ...] | None
    host: int
    devices: int
    missing: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    cuts: Cuts = field(default=Cuts())
    shares: tuple[float, ...] = (1.0,)
    head: int = 0
    stages: int = 1
    cards: tuple[int, ...] | None = None

    def component(self, name: str) -> Component:
        """The component of that name."""
        return next(c for c in self.components if c.name == name)

    def device_parts(self) -> tuple[Mapping[str, int], ...]:
        """The components' bytes on each device, which add up to ``per_device``; empty where that is not known."""
        if self.per_device is None:
            return ()
        size = {c.name: c.bytes or 0 for c in self.components}
        count, found = len(self.per_device), []
        for number, (whole, share) in enumerate(zip(self.per_device, self.shares, strict=True)):
            parts = {name: round(size[name] * share) for name in ("kv", "state")}
            parts["compute"] = size["compute"] // count
            parts["overhead"] = (size["compute"] + size["overhead"]) // count - parts["compute"]
            parts["projector"] = 0 if number else size["projector"]
            found.append({"weights": whole - sum(parts.values()), **parts})
        return tuple(found)


def estimate_memory(
    variant: VariantInputs, engine: str, hardware: Hardware | None = None, options: LoadOptions | None = None
) -> MemoryEstimate:
    """What loading ``variant`` takes on ``engine``. Without ``hardware``: one GPU of unknown make."""
    options, slug = options or LoadOptions(), variant.runtime(engine)
    launch, engine = launch_of(slug, options), engine_name(slug)
    if variant.embeds:
        launch = for_embeddings(launch, engine, options)
    widening = widening_of(engine, variant.format, variant.quant, variant.shape)
    widening = widening if widening is not None and widening.happens_on(hardware) else None
    cuts = cuts_of(variant.shape, engine, variant.format, variant.quant, refines=refines_blocks(hardware))
    variant = as_held(variant, widening)
    weights = variant_weights(variant, engine, widening)
    foreseen, cards = None, None
    if engine in LOOKS_AHEAD:
        foreseen = _foreseen(variant, weights, engine, cache_options(options, launch).context)
    if hardware is not None:
        cards = _chosen_cards(foreseen, engine, hardware, options)
        hardware = hardware.with_cards(cards)
    count = max(len(hardware.accelerators), 1) if hardware is not None else 1
    gpu = hardware is None or bool(hardware.accelerators)
    notes: list[str] = []
    stages = options.stages if engine in STAGED else 1
    ranks = _ranks(cuts, engine, max(count // stages, 1), notes)
    devices = ranks * stages
    missing = list(weights.missing)
    launch = _with_batch(launch, foreseen, hardware, options)
    cache = cache_options(options, launch)
    kv, state = _cache(variant.shape, engine, cache, ranks, missing)
    if kv.bytes is not None and widening is not None:
        kv = replace(kv, bytes=kv.bytes * cache_factor(widening, engine, cache))
    buffers = replace(_buffer_options(hardware, options, launch, ranks, gpu=gpu), embeds=variant.embeds)
    compute = compute_buffer(variant.shape, engine, cache, buffers)
    if engine == "transformers" and compute.bytes is not None:
        compute = _torch_scratch(variant, weights, kv.bytes, options, cache, buffers)
    missing += compute.missing
    extra = driver_overhead(engine, replace(buffers, devices=devices))
    staged = _stages_of(variant, engine, weights, stages, ranks) if stages > 1 else None
    untold = stages > 1 and staged is None
    if untold:
        missing.append("what each stage holds")
    if variant.projector_bytes is None:
        missing.append("size of the vision projector")
    device_weights, host = _placed(weights, engine, hardware, gpu=gpu)
    if staged is not None and device_weights is not None:
        device_weights += staged.copies
    components: tuple[Component, ...] = (
        Component("weights", device_weights, weights.basis, weights.detail, weights.least),
        kv,
        state,
        _times("compute", compute, devices),
        _times("overhead", extra, devices),
        _projector(variant, slug),
    )
    if variant.layers_guessed:
        components = tuple(_guessed(one) if one.bytes and one.name in OF_LAYERS else one for one in components)
    known = [c.bytes for c in components if c.bytes is not None]
    total = sum(known) if len(known) == len(components) and not untold else None
    shares = staged.shares if staged is not None else device_shares(hardware, engine, devices)
    spread = staged.per_device if staged is not None else partial(_spread, shares=shares)
    per_device = spread(components) if total is not None else None
    return MemoryEstimate(
        components,
        total,
        sum(c.at_least for c in components),
        per_device,
        host,
        devices,
        tuple(dict.fromkeys(missing)),
        _assumptions(variant, slug),
        tuple(notes),
        cuts,
        shares,
        min(output_head(weights), device_weights or 0),
        stages,
        cards,
    )


def _guessed(component: Component) -> Component:
    return replace(component, basis=Basis.ASSUMED)


def _foreseen(variant: VariantInputs, weights: Weights, engine: str, tokens: int) -> tuple[int, int] | None:
    """(bytes of the file, -1 where not even its most is known, bytes of cache) that an engine goes by which looks at
    the room before it loads; None where the layers are not known.
    """
    shape = variant.shape
    if shape is None:
        return None
    most = with_largest_file(variant)
    heaviest = weights if most is None else variant_weights(most, engine)
    numbers = (shape.layers or 0, shape.kv_heads or 0, shape.hidden or 0, shape.heads or 0)
    return -1 if heaviest.total is None else heaviest.total, foreseen_cache(*numbers, tokens)


def _chosen_cards(
    foreseen: tuple[int, int] | None, engine: str, hardware: Hardware, options: LoadOptions
) -> tuple[int, ...] | None:
    """The card that an engine takes alone among several, as one number; None where it takes all."""
    card = None if options.spread or foreseen is None else lone_card(engine, hardware)
    room = None if card is None else hardware.usable()[card]
    if card is None or room is None or foreseen is None:
        return None
    return (card,) if goes_alone(*foreseen, room) else None


def _with_batch(
    launch: Launch, foreseen: tuple[int, int] | None, hardware: Hardware | None, options: LoadOptions
) -> Launch:
    """The launch with the micro-batch that the engine chooses by what it foresees, where it chooses one."""
    if not launch.batch_by_room or foreseen is None:
        return launch
    tokens = cache_options(options, launch).context
    least, *larger = batches_for(tokens, hardware, flash_attention=options.flash_attention)
    taken = [batch for batch in larger if takes_batch(batch, *foreseen, hardware)]
    return replace(launch, ubatch=max(taken, default=least))


def _assumptions(variant: VariantInputs, slug: str) -> tuple[str, ...]:
    told = variant.shape.assumptions if variant.shape is not None else ()
    if _tower(variant, slug, told=False):
        return ("a vision tower as such models usually have: its sizes are not told", *told)
    if not variant.projector_usual:
        return told
    if supposed_projector(variant, slug):
        return ("a vision projector as large as such files usually are: its size is not told", *told)
    return ("used for text only: the size of its vision projector is not told", *told)


def supposed_projector(variant: VariantInputs, slug: str) -> int:
    """Bytes that a projector or a tower is taken to have on an engine that loads it, where nothing tells its size."""
    if variant.projector_bytes != 0:
        return 0
    return (variant.projector_usual if loads_projector(slug) else 0) or _tower(variant, slug, told=False)


def told_tower(variant: VariantInputs, slug: str) -> int:
    """Bytes of a vision tower of told sizes that an engine loads beside the weights that are counted."""
    return _tower(variant, slug, told=True)


def _tower(variant: VariantInputs, slug: str, *, told: bool) -> int:
    known = variant.shape is not None and variant.shape.tower is not None
    return variant.uncounted_tower if known is told and loads_tower(slug) else 0


def _projector(variant: VariantInputs, slug: str) -> Component:
    size, engine = variant.projector_bytes, engine_name(slug)
    if not size and (tower := told_tower(variant, slug)):
        return Component("projector", tower, Basis.DEFAULT, "its tower in 16 bits, by its sizes")
    if usual := supposed_projector(variant, slug):
        detail = "as large as such usually are: its size is not told"
        return Component("projector", projector_need(usual, engine), Basis.ASSUMED, detail)
    if not size:
        return Component("projector", size, Basis.FORMULA)
    need = projector_need(size, engine)
    basis, detail = (Basis.FILE, "") if need == size else (Basis.DEFAULT, "its file, and half as much to compute with")
    return Component("projector", need, basis, detail)


def as_held(variant: VariantInputs, widening: Widening | None) -> VariantInputs:
    """The variant as the engine holds it: what is unpacked is packed no more."""
    return replace(variant, quant="BF16", bits=None) if widening is not None and widening.bits == 16 else variant


def cache_factor(widening: Widening | None, engine: str, cache: CacheOptions) -> int:
    """How many times the bytes of a 16-bit cache it takes beside wide weights."""
    own = cache_bits(engine, cache) == (16, 16)
    return widening.cache if widening is not None and own else 1


MOVABLE = ("weights", "kv", "state")
"""Components that come with layers, and so lie wherever those do."""
OF_LAYERS = ("kv", "state", "compute")
"""Components whose size the layers alone decide."""

SMALLEST_FILE, LARGEST_FILE = "IQ1_S", "BF16"
"""The quantizations that GGUF repositories usually hold at the one end and at the other."""


def with_largest_file(variant: VariantInputs) -> VariantInputs | None:
    """A GGUF repository whose files are not listed, as its largest file; None where a variant is told better."""
    told = variant.quant or variant.bits or variant.doubt or variant.sized
    return None if told or variant.format != "gguf" else replace(variant, quant=LARGEST_FILE)


def _weights_of_some_file(variant: VariantInputs, engine: str) -> Weights:
    """Weights that are not known, and at least those of the smallest file that there usually is."""
    smallest = variant_weights(replace(variant, quant=SMALLEST_FILE), engine)
    if smallest.total is None:
        return smallest
    what = ("which of its files is taken",)
    return Weights(None, Basis.UNKNOWN, missing=what, parts=smallest.parts, least=place_weights(smallest)[0])


def variant_weights(variant: VariantInputs, engine: str, widening: Widening | None = None) -> Weights:
    """The weights of a variant as the engine holds them, over all devices and system memory."""
    if with_largest_file(variant) is not None and widening is None:
        return _weights_of_some_file(variant, engine)
    weights = estimate_weights(
        variant.shape,
        file_bytes=variant.file_bytes,
        parameters=variant.parameters,
        quant=variant.quant,
        engine=engine,
        bits=variant.bits,
        tensors=variant.tensors,
    )
    if not variant.sized and variant.doubt:
        return Weights(None, Basis.UNKNOWN, missing=(variant.doubt,))
    if variant.width_assumed and not variant.sized and weights.total is not None:
        weights = replace(weights, basis=Basis.DEFAULT, least=round(weights.total * LEAST_PACKED_BITS / 16))
    if variant.layers_guessed and not variant.sized and not variant.parameters and weights.total is not None:
        weights = replace(weights, basis=Basis.DEFAULT, least=1)
    return weights if widening is None else _widened(weights, variant, widening)


LEAST_PACKED_BITS = 4
"""Weights of which nothing tells a packing may be packed all the same; narrower ones are told by their names."""


def _widened(weights: Weights, variant: VariantInputs, widening: Widening) -> Weights:
    if widening.pads is not None:
        added = widening.padding(variant.shape) if variant.shape is not None else 0
        if weights.total is None or not added:
            return weights
        return replace(weights, total=weights.total + added, detail="experts rounded up to what the kernels take")
    count = variant.parameters or (variant.shape.parameters if variant.shape is not None else None)
    if count is None and weights.parts is not None:
        count = weights.parts.total
    if count is None:
        least = weights.least if weights.total is None else weights.total
        return Weights(None, Basis.UNKNOWN, missing=("parameters",), least=least)
    detail, total = f"every weight in {widening.bits} bits", int(count * widening.bits // 8)
    least = 0 if widening.everywhere or widening.all_alike else weights.least
    return replace(weights, total=total, basis=Basis.FORMULA, detail=detail, missing=(), least=least, tensors=None)


def _torch_scratch(
    variant: VariantInputs,
    weights: Weights,
    kv: int | None,
    options: LoadOptions,
    cache: CacheOptions,
    buffers: BufferOptions,
) -> Buffer:
    """What torch's peak holds beyond weights and cache, per device."""
    if variant.shape is None or weights.total is None or kv is None:
        return Buffer(None, Basis.UNKNOWN)
    prompt = options.context if options.prefill is None else options.prefill
    run = TorchRun(prompt, buffers.devices)
    peak = torch_peak(variant.shape, weights, kv, variant.quant, cache, buffers, run)
    if peak is None:
        return Buffer(None, Basis.UNKNOWN, missing=("feed-forward width",))
    beyond = -(-(peak - weights.total - kv) // buffers.devices)
    return Buffer(beyond, Basis.FORMULA, f"peak of computing {prompt} prompt tokens and decoding")


def _ranks(cuts: Cuts, engine: str, count: int, notes: list[str]) -> int:
    """Devices the engine will really use: tensor parallel must leave heads, groups and blocks whole."""
    if engine not in TENSOR_PARALLEL | ONE_DEVICE or count == 1:
        return count
    if cuts.unit is None:
        notes.append("attention heads unknown: tensor parallel over all devices is assumed")
        return count
    ranks = parallel_ranks(cuts.unit, cuts.key_heads, engine, count)
    if ranks < count:
        notes.append(f"{cuts.why_not(count)}: only {ranks} devices are used")
    return ranks


def cache_options(options: LoadOptions, launch: Launch) -> CacheOptions:
    """How the cache is asked for by an engine that is started so."""
    return CacheOptions(
        options.context * launch.slots if launch.own_context else options.context,
        options.kv_type,
        launch.slots,
        launch.unified,
        launch.swa_full,
        launch.ubatch,
        v_type=options.v_type,
        swa_slack=launch.spare_cells,
    )


def _cache(
    shape: ModelShape | None, engine: str, options: CacheOptions, ranks: int, missing: list[str]
) -> tuple[Component, Component]:
    if shape is None:
        missing.append("model shape")
        return Component("kv", None, Basis.UNKNOWN), Component("state", None, Basis.UNKNOWN)
    cache = estimate_cache(shape, engine, options)
    missing += cache.missing
    basis = Basis.DEFAULT if any("attends" in a for a in shape.assumptions) else Basis.FORMULA
    kv = cache.kv
    if kv is not None and engine in TENSOR_PARALLEL and ranks > 1:
        # A rank holds at least one key head; a latent cache is whole on every rank.
        heads = 1 if shape.mla else (shape.kv_heads or 1)
        kv = kv * max(ranks, heads) // heads if heads < ranks else kv
    state, detail = cache.state, _cache_detail(options)
    if cache.pooled and kv is not None and state is not None:
        kv, state, detail = kv + state, 0, f"{detail}, with the states of recurrent layers"
    if shape.hears:
        detail = f"{detail}, and {shape.hears:,} of a recording"
    return (
        Component("kv", kv, basis if kv is not None else Basis.UNKNOWN, detail),
        Component("state", state, Basis.FORMULA if state is not None else Basis.UNKNOWN),
    )


def _cache_detail(options: CacheOptions) -> str:
    types = " and ".join(dict.fromkeys((options.kv_type, options.v_type or options.kv_type)))
    slots = f" for {options.parallel} sequences" if options.parallel > 1 else ""
    return f"{options.context:,} tokens{slots}, {types}"


def _buffer_options(
    hardware: Hardware | None, options: LoadOptions, launch: Launch, ranks: int, *, gpu: bool
) -> BufferOptions:
    first = hardware.accelerators[0] if hardware is not None and hardware.accelerators else None
    return BufferOptions(
        flash_attention=options.flash_attention,
        devices=ranks,
        gpu=gpu,
        vendor=first.vendor if first else None,
        device_memory=first.memory if first else None,
        device=first.name if first else "",
        sequences=options.sequences,
        output_rows=launch.output_rows,
    )


def _placed(weights: Weights, engine: str, hardware: Hardware | None, *, gpu: bool) -> tuple[int | None, int]:
    """(bytes of weights on the devices, bytes left in system memory)."""
    if weights.total is None or engine not in LLAMA_FAMILY or not gpu:
        return weights.total, 0
    if hardware is not None and hardware.unified:
        return weights.total, 0
    return place_weights(weights)


def place_weights(weights: Weights) -> tuple[int, int]:
    """(bytes on the GPU, bytes in system memory) of weights whose total is known, as llama.cpp places them.

    The token embedding stays in system memory; a tied table is copied to the GPU as the output head.
    """
    host = weights.lookup + (weights.embed or 0)
    on_device = (weights.total or 0) - weights.lookup
    if weights.tied is False:
        on_device -= weights.embed or 0
    return max(on_device, 0), host


def _times(name: str, buffer: Buffer, ranks: int) -> Component:
    total = None if buffer.bytes is None else buffer.bytes * ranks
    return Component(name, total, buffer.basis, buffer.detail)


def device_shares(hardware: Hardware | None, engine: str, ranks: int) -> tuple[float, ...]:
    """The share of layers that each device gets; whole layers go by room, cut ones evenly."""
    usable = hardware.usable() if hardware is not None else ()
    if engine in TENSOR_PARALLEL or ranks == 1 or len(usable) != ranks or None in usable:
        return (1 / ranks,) * ranks
    sizes = [u for u in usable if u is not None]
    return tuple(size / sum(sizes) for size in sizes)


def _spread(components: tuple[Component, ...], shares: tuple[float, ...]) -> tuple[int, ...]:
    by_name = {c.name: c.bytes or 0 for c in components}
    shared = sum(by_name[name] for name in MOVABLE)
    fixed = (by_name["compute"] + by_name["overhead"]) // len(shares)
    devices = [round(shared * share) + fixed for share in shares]
    devices[0] += by_name["projector"]
    return tuple(devices)


@dataclass(frozen=True)
class _Stages:
    """A model on stages: ``layers`` of each, the devices that each is cut over, and the bytes of what lies beside them.

    ``embeds`` and ``heads`` say on which stages there is the token embedding and the output head.
    """

    layers: tuple[int, ...]
    ranks: int
    embed: int
    head: int
    norm: int
    embeds: tuple[bool, ...]
    heads: tuple[bool, ...]

    @property
    def copies(self) -> int:
        """Bytes of tables that are there once more."""
        return self.embed * (sum(self.embeds) - 1) + self.head * (sum(self.heads) - 1)

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of the layers that each device holds."""
        return tuple(own / sum(self.layers) / self.ranks for own in self.layers for _ in range(self.ranks))

    def per_device(self, components: tuple[Component, ...]) -> tuple[int, ...]:
        """Bytes on each device. Buffers are counted as the last stage needs them, which makes words."""
        size = {c.name: c.bytes or 0 for c in components}
        body = size["weights"] - self.copies - self.embed - self.head - self.norm + size["kv"] + size["state"]
        fixed = (size["compute"] + size["overhead"]) // (len(self.layers) * self.ranks)
        found = []
        for stage, own in enumerate(self.layers):
            here = body * own // sum(self.layers) + self.embed * self.embeds[stage] + self.head * self.heads[stage]
            here += self.norm if stage == len(self.layers) - 1 else 0
            found += [-(-here // self.ranks) + fixed] * self.ranks
        found[0] += size["projector"]
        return tuple(found)


def _stages_of(variant: VariantInputs, engine: str, weights: Weights, stages: int, ranks: int) -> _Stages | None:
    """How a model lies on ``stages`` of so many devices; None where that cannot be told."""
    shape = variant.shape
    if shape is None or not shape.layers or not tells_stages(shape, engine, variant.parameters):
        return None
    tables = stage_tables(shape, engine)
    return _Stages(
        stage_layers(engine, shape.layers, stages),
        ranks,
        weights.embed or 0,
        output_head(weights),
        2 * (shape.hidden or 0),
        tuple(tables.embed or stage == 0 for stage in range(stages)),
        tuple(tables.head or stage == stages - 1 for stage in range(stages)),
    )
