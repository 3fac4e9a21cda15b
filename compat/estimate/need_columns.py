"""The memory need of many variants on one engine, as columns: the same bytes as one estimate after the other gives.

What a variant needs is a function of the machine, the context and the type of the cache. What does not change with
those (weights, widths of the cache's layers, sizes of the recurrent state) is read once into two tables, one row a
variant and one row a shape; a machine never seen before is then a few operations on whole columns. An example of two
variants of one model, with shapes of 32 layers that keep 1,024 keys and 1,024 values a token::

    variants   shape  weights        on_device      host         ...
               0      4,920,734,720  4,624,941,056  295,793,664        Q4_K_M, embedding left in system memory
               0      8,540,770,304  7,982,272,512  558,497,792        Q8_0
    shapes     hidden  vocab    heads  layers  ...
               4,096   128,256  32     32
    caches     shape  window  k       v       index
               0      -1      32,768  32,768  0                        all layers together; -1: no window

At 8,192 tokens of 16 bits llama.cpp then keeps ``(32,768 x 16 + 32,768 x 16) / 8 x 8,192`` bytes of cache for both.

:func:`compat.estimate.memory.estimate_memory` and :func:`compat.estimate.fit.judge_fit` are the reference; a test holds
every column against them, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compat.architectures.layers import LayerKind
from compat.engines.hardware import Hardware
from compat.estimate.amounts import Amount, distinct
from compat.estimate.buffers import (
    BufferOptions,
    LlamaWidths,
    batched_compute,
    candle_compute,
    chunked_compute,
    compute_buffer,
    driver_overhead,
    feed_forward_width,
    indexer_compute,
    is_indexed,
    llama_compute,
    narrow_on_mlx,
    predicted,
    projector_need,
    query_width,
    routed_width,
    token_bytes,
    transformers_compute,
    widest_full_layer,
)
from compat.estimate.cache_limits import Attention, attention_of, cache_bar
from compat.estimate.engine_names import (
    EXPERTS_FIRST,
    LLAMA_FAMILY,
    PAGED,
    TENSOR_PARALLEL,
    engine_name,
    runtimes,
)
from compat.estimate.fit import (
    NOWHERE,
    TIGHT,
    WHOLE,
    Fit,
    easy_memory,
    easy_spill,
    rank_of,
    rooms_of,
    spill_room,
    stays_alone,
)
from compat.estimate.foreseen import foreseen_cache, goes_alone, lone_card
from compat.estimate.kv import (
    WINDOWED,
    CacheOptions,
    HybridPages,
    cache_bits,
    heard_cells,
    hybrid_pages,
    index_bytes,
    layer_widths,
    reserved_cells,
    state_bytes,
    unified_pool,
)
from compat.estimate.launch import Aside, Launch, LoadOptions, for_embeddings, launch_of
from compat.estimate.memory import (
    MOVABLE,
    OF_LAYERS,
    VariantInputs,
    as_held,
    cache_factor,
    cache_options,
    device_shares,
    place_weights,
    supposed_projector,
    told_tower,
    variant_weights,
    with_largest_file,
)
from compat.estimate.micro_batch import batches_for, takes_batch
from compat.estimate.offload import Mixture
from compat.estimate.parallel import cuts_of, parallel_ranks, refines_blocks
from compat.estimate.quality import quality_code, width_of
from compat.estimate.speed_columns import WORK, Spread, WorkRow, cached_values, decode_speeds, work_row
from compat.estimate.token_work import LabelRead, experts_held, label_read
from compat.estimate.torch_peak import WORKSPACE, held_beyond_weights
from compat.estimate.weights import Basis, Weights, output_head
from compat.estimate.widths import WIDENINGS, Widening, widening_of
from compat.shapes.shape import LayerCache, ModelShape

UNKNOWN = -1
"""Stands for what is not known in a column."""
FITS = (Fit.FITS, Fit.TIGHT, Fit.UNKNOWN, Fit.PARTIAL, Fit.TOO_LARGE, Fit.UNEVEN, Fit.CACHE)
"""The verdicts on memory, by their code in a column."""
FIT_CODES = {fit: code for code, fit in enumerate(FITS)}
"""And the codes by verdict."""
KEPT, DOUBTED, BARRED = range(3)
"""Whether a cache of the type that is asked for is kept, as a column has it."""
_RANKS = np.array([rank_of(fit) for fit in FITS])
_THERE = (FIT_CODES[Fit.FITS], FIT_CODES[Fit.TIGHT], FIT_CODES[Fit.PARTIAL])

_VARIANT = np.dtype(
    [
        ("shape", "i4"),
        ("runtime", "i1"),
        ("weights", "i8"),
        ("on_device", "i8"),
        ("host", "i8"),
        ("least", "i8"),
        ("held", "i8"),
        *(("projector", "i8"), ("supposed", "i8")),
        ("head", "i8"),
        ("experts", "i8"),
        *(("most", "i8"), ("most_on_device", "i8")),
        *(("quality", "i1"), ("width", "i1"), ("embeds", "?"), ("layers_guessed", "?")),
        *(("widening", "i1"), ("wide", "i8"), ("wide_least", "i8"), ("wide_held", "i8")),
        *(("work", WORK), ("wide_work", WORK)),
    ]
)
_SHAPE = np.dtype(
    [
        *((name, "i8") for name in ("hidden", "vocab", "width", "each", "heads", "kv_heads", "layers", "dense")),
        *((name, "i8") for name in ("kv", "widest", "query", "routed", "window", "state")),
        *((name, "i8") for name in ("unit", "coarse_unit", "key_heads")),
        *((name, "i8") for name in ("full", "recurrent", "page", "page_k", "page_v", "attention", "hears")),
        *((name, "?") for name in ("cached", "latent", "computes", "pools", "indexed", "encoder")),
        *((name, "f8") for name in ("values", "most_values")),
    ]
)
_CACHE = np.dtype([("shape", "i4"), ("window", "i8"), ("k", "i8"), ("v", "i8"), ("index", "i8")])

Column = NDArray[np.int64]


class Shares(NamedTuple):
    """What accelerators read of each variant, whether experts are what is aside, whether one card is all it lies on of
    several (:func:`~compat.estimate.foreseen.lone_card`), and whether it leaves hardly any system memory.
    """

    share: NDArray[np.float64]
    experts: NDArray[np.bool_]
    alone: NDArray[np.bool_]
    crowded: NDArray[np.bool_]

    @classmethod
    def whole(cls, count: int) -> Shares:
        """Of so many variants that lie on all accelerators and nowhere else."""
        return cls(np.ones(count), *(np.zeros(count, dtype=bool) for _ in range(3)))

    def of(self, rows: Column) -> Shares:
        """Those of some rows."""
        return Shares(self.share[rows], self.experts[rows], self.alone[rows], self.crowded[rows])

    def put(self, rows: Column, others: Shares) -> None:
        """Have those of others at some rows."""
        for column, other in zip(self, others, strict=True):
            column[rows] = other


@dataclass(frozen=True)
class NeedColumns:
    """Many variants on one engine, in the order they were given. The tables are told in the module's docstring.

    ``slug`` is the engine as it was asked for, which decides how it is started; ``runtime`` of a row is which of its
    :func:`~compat.estimate.engine_names.runtimes` loads it.
    """

    slug: str
    variants: NDArray[np.void]
    shapes: NDArray[np.void]
    caches: NDArray[np.void]

    @property
    def engine(self) -> str:
        """The engine whose estimates these are."""
        return engine_name(self.slug)

    def __len__(self) -> int:
        """How many variants there are."""
        return len(self.variants)

    @classmethod
    def of(cls, variants: Iterable[VariantInputs], slug: str) -> NeedColumns:
        """The columns of some variants. About 20 microseconds each."""
        engines = tuple(map(engine_name, runtimes(slug)))
        # By identity: shapes are made once a process and compared as a whole slowly.
        numbers: dict[tuple[int, str | None, str], int] = {}
        shapes: list[tuple[ModelShape, str | None, str]] = []
        weights = {engine: _WeightsOnce(engine) for engine in engines}
        rows = []
        for variant in variants:
            number, runtime = UNKNOWN, variant.runtime(slug)
            engine = engine_name(runtime)
            if variant.shape is not None:
                # How it is packed decides by how many devices an engine can cut it.
                packing = variant.quant if engine in TENSOR_PARALLEL and variant.format != "gguf" else None
                number = numbers.setdefault((id(variant.shape), packing, engine), len(shapes))
                if number == len(shapes):
                    shapes.append((variant.shape, packing, engine))
            supposed = projector_need(supposed_projector(variant, runtime), engine)
            row = _variant_row(variant, weights[engine], engine, supposed, told_tower(variant, runtime))
            rows.append((number, engines.index(engine), *row))
        caches = [
            (number, *row) for number, (shape, _, engine) in enumerate(shapes) for row in _cache_rows(shape, engine)
        ]
        # The last shape is that of variants whose shape is not known: -1 leads to it.
        told = [_shape_row(*shape) for shape in [*shapes, (ModelShape(), None, engines[0])]]
        return cls(
            slug,
            np.array(rows, dtype=_VARIANT),
            np.array(told, dtype=_SHAPE),
            np.array(caches, dtype=_CACHE),
        )

    @classmethod
    def joined(cls, parts: Sequence[NeedColumns], slug: str) -> NeedColumns:
        """The variants of several columns of one engine, one after the other."""
        variants, shapes, caches = [], [], []
        before = 0
        for part in parts:
            moved, told = part.variants.copy(), part.caches.copy()
            moved["shape"][moved["shape"] != UNKNOWN] += before
            told["shape"] += before
            before += len(part.shapes) - 1
            variants.append(moved)
            shapes.append(part.shapes[:-1])
            caches.append(told)
        nothing = cls.of((), slug)
        return cls(
            slug,
            np.concatenate([*variants, nothing.variants]),
            np.concatenate([*shapes, nothing.shapes]),
            np.concatenate([*caches, nothing.caches]),
        )

    def taken(self, rows: NDArray[np.int64]) -> NeedColumns:
        """Some variants of these columns, in the order of their rows, and the shapes that they have."""
        variants = self.variants[rows].copy()
        kept = distinct(variants["shape"][variants["shape"] != UNKNOWN])
        known = variants["shape"] != UNKNOWN
        variants["shape"][known] = np.searchsorted(kept, variants["shape"][known])
        caches = self.caches[np.isin(self.caches["shape"], kept)].copy()
        caches["shape"] = np.searchsorted(kept, caches["shape"])
        return NeedColumns(self.slug, variants, np.append(self.shapes[kept], self.shapes[-1:]), caches)

    def by_runtime(self) -> Iterator[tuple[Column, NeedColumns]]:
        """The rows that each of the engine's runtimes loads, if any, and these as columns of that runtime alone."""
        if not self.variants["runtime"].any():
            if len(self):
                yield np.arange(len(self)), self
            return
        for number, slug in enumerate(runtimes(self.slug)):
            rows = np.flatnonzero(self.variants["runtime"] == number)
            if not len(rows):
                continue
            part = self.taken(rows)
            part.variants["runtime"] = 0
            part.shapes[-1] = _shape_row(ModelShape(), None, engine_name(slug))
            yield rows, replace(part, slug=slug)

    def bars(self, hardware: Hardware, options: LoadOptions | None = None) -> NDArray[np.int8]:
        """Whether each variant's cache is kept as it is asked for: what ``cache_bar`` says of each."""
        options, found = options or LoadOptions(), np.zeros(len(self), dtype=np.int8)
        attention = self.shapes["attention"]
        for number, slug in enumerate(runtimes(self.slug)):
            asked = cache_options(options, launch_of(slug, options))
            codes = np.zeros(len(attention), dtype=np.int8)
            for kind in distinct(attention).tolist():
                bar = cache_bar(Attention(kind), slug, hardware, asked)
                codes[attention == kind] = KEPT if bar is None else BARRED if bar.sure else DOUBTED
            rows = self.variants["runtime"] == number
            found[rows] = codes[self.variants["shape"][rows]]
        return found

    def needs(self, hardware: Hardware, options: LoadOptions | None = None) -> Needs:
        """What every variant needs on a machine; of variants that one runtime loads."""
        options = options or LoadOptions()
        launch = launch_of(self.slug, options)
        asked = cache_options(options, launch)
        embedding = for_embeddings(launch, self.engine, options)
        shapes, variants = self.shapes, self.variants
        ranks = self.ranks_on(hardware)
        buffers = BufferOptions(
            flash_attention=options.flash_attention,
            gpu=bool(hardware.accelerators),
            vendor=hardware.accelerators[0].vendor if hardware.accelerators else None,
            device_memory=hardware.accelerators[0].memory if hardware.accelerators else None,
            device=hardware.accelerators[0].name if hardware.accelerators else "",
            sequences=options.sequences,
            output_rows=launch.output_rows,
        )
        extra = _by_rank(ranks, lambda rank: _overhead(self.engine, buffers, rank))
        of = variants["shape"]
        kv, state, compute = self._by_batch(asked, buffers, ranks, hardware, launch)
        embeds = variants["embeds"]
        if embeds.any():
            pooled = self._parts(cache_options(options, embedding), replace(buffers, embeds=True), ranks)
            kv, state, compute = (
                np.where(embeds, own, other) for own, other in zip(pooled, (kv, state, compute), strict=True)
            )
        extra, ranks = extra[of], ranks[of]
        placed = self.engine in LLAMA_FAMILY and buffers.gpu and not hardware.unified
        weights = variants["on_device"] if placed else variants["weights"]
        least, held = variants["least"], variants["held"]
        for widening, wide in self.widened_on(hardware):
            weights = np.where(wide, variants["wide"], weights)
            least = np.where(wide, variants["wide_least"], least)
            held = np.where(wide, variants["wide_held"], held)
            kv = np.where(wide & (kv >= 0), kv * cache_factor(widening, self.engine, asked), kv)
        if self.engine == "transformers":
            known = (compute >= 0) & (weights >= 0) & (kv >= 0)
            beyond = held + (compute + WORKSPACE) * ranks
            compute = np.where(known, -(-beyond // ranks), UNKNOWN)
        parts = {
            "weights": weights,
            "kv": kv,
            "state": state,
            "compute": np.where(compute < 0, UNKNOWN, compute * ranks),
            "overhead": extra * ranks,
            "projector": variants["projector"],
        }
        known = np.logical_and.reduce([part >= 0 for part in parts.values()])
        floor = sum(np.maximum(part, 0) for part in parts.values()) - variants["supposed"]
        floor += np.where(least > 0, least - np.maximum(weights, 0), 0)
        of_layers = sum(np.maximum(parts[name], 0) for name in OF_LAYERS)
        floor -= np.where(variants["layers_guessed"], of_layers, 0)
        host = variants["host"] if placed else np.zeros(len(variants), dtype=np.int64)
        most = variants["most_on_device"] if placed else variants["most"]
        layers, dense = shapes["layers"][of], shapes["dense"][of]
        head, experts = variants["head"], variants["experts"]
        return Needs(parts, known, floor, host, ranks, layers, dense, most, head, experts)

    def _by_batch(
        self, asked: CacheOptions, buffers: BufferOptions, ranks: Column, hardware: Hardware, launch: Launch
    ) -> tuple[Column, Column, Column]:
        """(keys and values, states, activations on each device) of each variant, by the micro-batch it is run with."""
        least, *larger = [asked.ubatch]
        if launch.batch_by_room:
            least, *larger = batches_for(asked.context, hardware, flash_attention=buffers.flash_attention)
        kv, state, compute = self._parts(replace(asked, ubatch=least), buffers, ranks)
        if larger:
            known, weights, cache = self.foreseen(asked)
            for batch in larger:
                taken = takes_batch(batch, weights, cache, hardware) & known
                more = self._parts(replace(asked, ubatch=batch), buffers, ranks)
                # A state is as large whatever the batch.
                kv, compute = np.where(taken, more[0], kv), np.where(taken, more[2], compute)
        return kv, state, compute

    def foreseen(self, asked: CacheOptions) -> tuple[NDArray[np.bool_], Column, Column]:
        """(whether the layers are known, bytes of the file, bytes of cache) that an engine foresees of each variant."""
        of, shapes, weights = self.variants["shape"], self.shapes, self.variants["weights"]
        layers, kv_heads, hidden, heads = (shapes[name] for name in ("layers", "kv_heads", "hidden", "heads"))
        cache = foreseen_cache(layers, kv_heads, hidden, heads, asked.context)[of]
        return of != UNKNOWN, np.where(weights < 0, self.variants["most"], weights), cache

    def _parts(self, asked: CacheOptions, buffers: BufferOptions, ranks: Column) -> tuple[Column, Column, Column]:
        """(keys and values, states, activations on each device) of each variant."""
        of, (kv, state) = self.variants["shape"], self._cache(asked, ranks)
        return kv[of], state[of], self._compute(asked, buffers, ranks)[of]

    def ranks_on(self, hardware: Hardware) -> Column:
        """The devices that are used, shape by shape."""
        unit = self.shapes["unit"] if refines_blocks(hardware) else self.shapes["coarse_unit"]
        return _ranks(unit, self.shapes["key_heads"], self.engine, max(len(hardware.accelerators), 1))

    def widened_on(self, hardware: Hardware) -> Iterator[tuple[Widening, NDArray[np.bool_]]]:
        """What this hardware holds wider than others do, each with the variants that it is about."""
        for number, widening in enumerate(WIDENINGS):
            if widening.engine == self.engine and not widening.everywhere and widening.happens_on(hardware):
                yield widening, self.variants["widening"] == number

    def fits(self, hardware: Hardware, options: LoadOptions | None = None) -> NDArray[np.int8]:
        """The verdict on every variant's memory, as a code of :data:`FITS`; what ``judge_fit`` says of each."""
        options, codes = options or LoadOptions(), np.zeros(len(self), dtype=np.int8)
        for rows, part in self.by_runtime():
            codes[rows] = _chosen_fits(part, hardware, options)
        codes[self.bars(hardware, options) == BARRED] = FIT_CODES[Fit.CACHE]
        return codes

    def lie_apart(self, fits: NDArray[np.int8], hardware: Hardware) -> NDArray[np.bool_]:
        """Which variants may lie elsewhere than on all accelerators alone, or crowded, by their verdicts."""
        chosen = any(lone_card(engine_name(slug), hardware) is not None for slug in runtimes(self.slug))
        chosen = chosen or not hardware.accelerators
        found: NDArray[np.bool_] = np.isin(fits, _THERE) if chosen else fits == FIT_CODES[Fit.PARTIAL]
        return found

    def shares_read(self, fits: NDArray[np.int8], hardware: Hardware, options: LoadOptions | None = None) -> Shares:
        """What accelerators read of each variant; ``fits`` are those of :meth:`fits`."""
        options, found = options or LoadOptions(), Shares.whole(len(self))
        for rows, part in self.by_runtime():
            found.put(rows, _shares_read(part, fits[rows], hardware, options))
        return found

    def speeds(
        self,
        fits: NDArray[np.int8],
        shares: Shares,
        hardware: Hardware,
        kv_type: str = "f16",
        *,
        at_most: bool = False,
    ) -> NDArray[np.float64]:
        """Tokens a second of each variant, as ``estimate_speed`` says them; NaN where it gives no number.

        ``fits`` are those of :meth:`fits`, ``shares`` those of :meth:`shares_read`. ``at_most`` asks for what
        ``most_speed`` says.
        """
        found = np.full(len(self), np.nan)
        for rows, part in self.by_runtime():
            card = lone_card(part.engine, hardware)
            for alone in distinct(shares.alone[rows]).tolist():
                cards = (card,) if alone and card is not None else None
                at = np.flatnonzero(shares.alone[rows] == alone)
                some, there = rows[at], hardware.with_cards(cards)
                own = part if len(at) == len(part) else part.taken(at)
                found[some] = _speeds(own, fits[some], shares.of(some), there, kv_type, at_most=at_most)
        return found

    def _cache(self, asked: CacheOptions, ranks: Column) -> tuple[Column, Column]:
        """(bytes of keys and values, bytes of states), shape by shape."""
        shapes = self.shapes
        bits_k, bits_v = cache_bits(self.engine, asked)
        if bits_k is None or bits_v is None:
            return (np.full(len(shapes), UNKNOWN),) * 2
        slots = _cells(self.caches["window"], self.engine, asked)
        each = ((self.caches["k"] * bits_k + self.caches["v"] * bits_v) / 8 + self.caches["index"]) * slots
        total = np.bincount(self.caches["shape"], weights=each, minlength=len(self.shapes))
        kv = np.rint(total).astype(np.int64)
        state = np.where(shapes["state"] >= 0, shapes["state"] * asked.parallel, UNKNOWN)
        paged = np.flatnonzero(shapes["full"])
        if len(paged):
            names = ("full", "recurrent", "page", "page_k", "page_v")
            pages = HybridPages(*(shapes[name][paged] for name in names))
            kv[paged], state[paged] = unified_pool(pages, asked, (bits_k, bits_v))
        if self.engine in TENSOR_PARALLEL:
            heads = np.where(self.shapes["latent"], 1, np.maximum(self.shapes["kv_heads"], 1))
            kv = np.where(heads < ranks, kv * np.maximum(ranks, heads) // heads, kv)
        kv[paged], state[paged] = kv[paged] + state[paged], 0
        cached = shapes["cached"]
        return np.where(cached, kv, UNKNOWN), np.where(cached, state, UNKNOWN)

    def _compute(self, asked: CacheOptions, buffers: BufferOptions, ranks: Column) -> Column:
        """Bytes of activations and scratch on each device, shape by shape; for Transformers, of the whole prompt."""
        shapes = self.shapes
        vocab, each = np.maximum(shapes["vocab"], 0), np.maximum(shapes["each"], 0)
        found: Amount
        if self.engine in LLAMA_FAMILY:
            seen = np.where(shapes["window"] >= 0, _cells(shapes["window"], self.engine, asked), 0)
            widths = LlamaWidths(
                shapes["hidden"],
                vocab,
                np.maximum(shapes["width"], 0),
                shapes["heads"],
                shapes["kv"],
                shapes["widest"],
                shapes["query"],
                shapes["routed"],
                seen // (1 if asked.unified else asked.parallel),
                shapes["indexed"].astype(np.int64),
                shapes["encoder"].astype(np.int64),
            )
            found = llama_compute(widths, asked, buffers, ranks)
        elif self.engine in PAGED:
            found = batched_compute(vocab, each, buffers, self.engine, ranks)
            found = found + shapes["indexed"] * indexer_compute(asked, self.engine)
        elif self.engine in ("transformers", "tgi"):
            found = transformers_compute(each, asked, shapes["hears"])
        elif self.engine == "rbee":
            found = candle_compute(each, np.maximum(shapes["heads"], 0), asked)
        else:
            heads = shapes["heads"]
            found = chunked_compute(each, vocab, np.maximum(heads, 0), asked, self.engine)
            if narrow_on_mlx(asked, self.engine):
                found = np.where(heads >= 0, found, UNKNOWN)
        return np.where(shapes["pools"] if buffers.embeds else shapes["computes"], found, UNKNOWN)


def _chosen_fits(columns: NeedColumns, hardware: Hardware, options: LoadOptions) -> NDArray[np.int8]:
    """The verdict on the memory alone, on the one card that an engine chooses or on all; of variants of one runtime."""
    codes = _memory_fits(columns, hardware, options)
    rows, alone = _on_one_card(columns, hardware, options)
    kept = stays_alone(_RANKS[alone], _RANKS[codes[rows]])
    codes[rows[kept]] = alone[kept]
    return codes


def _on_one_card(columns: NeedColumns, hardware: Hardware, options: LoadOptions) -> tuple[Column, NDArray[np.int8]]:
    """The rows of what an engine takes one card of several for, and the verdict on each there."""
    card = None if options.spread else lone_card(columns.engine, hardware)
    room = None if card is None else hardware.usable()[card]
    rows = np.zeros(0, dtype=np.int64)
    if card is not None and room is not None:
        launch = launch_of(columns.slug, options)
        launches = launch, for_embeddings(launch, columns.engine, options)
        writes, pools = (columns.foreseen(cache_options(options, one)) for one in launches)
        known, weights, cache = (
            np.where(columns.variants["embeds"], own, other) for own, other in zip(pools, writes, strict=True)
        )
        rows = np.flatnonzero(known & goes_alone(weights, cache, room))
    if card is None or not len(rows):
        return rows, np.zeros(0, dtype=np.int8)
    return rows, _memory_fits(columns.taken(rows), hardware.with_cards((card,)), options)


def _memory_fits(columns: NeedColumns, hardware: Hardware, options: LoadOptions) -> NDArray[np.int8]:
    """The verdict on the memory alone, of variants that one runtime loads."""
    rooms = rooms_of(hardware, columns.engine, options)
    codes = np.full(len(columns), FIT_CODES[Fit.UNKNOWN], dtype=np.int8)
    if rooms is None:
        return codes
    found = columns.needs(hardware, options)
    devices = found.by_device(hardware, columns.engine)
    need, room = found.on_fullest(devices, rooms)
    spill = spill_room(columns.engine, hardware, rooms)
    codes[~found.known & (found.floor > sum(rooms) + spill)] = FIT_CODES[Fit.TOO_LARGE]
    some_file = found.with_largest_files()
    most, there = some_file.on_fullest(some_file.by_device(hardware, columns.engine), rooms)
    fitting = some_file.known & (most <= there) & (codes != FIT_CODES[Fit.TOO_LARGE])
    codes[fitting] = np.where(most > TIGHT * there, FIT_CODES[Fit.TIGHT], FIT_CODES[Fit.FITS])[fitting]
    codes[found.known] = FIT_CODES[Fit.FITS]
    codes[found.known & (need > TIGHT * room)] = FIT_CODES[Fit.TIGHT]
    over = found.known & (need > room)
    codes[over] = FIT_CODES[Fit.TOO_LARGE]
    everywhere = found.over_all(devices)
    uneven = (found.ranks < len(rooms)) & (everywhere <= sum(rooms))
    codes[over & uneven] = FIT_CODES[Fit.UNEVEN]
    used_room = np.cumsum(rooms)[found.ranks - 1]
    assumed = over & (found.floor < found.total) & (found.floor <= used_room + spill)
    codes[assumed] = FIT_CODES[Fit.UNKNOWN]
    if spill:
        heads = found.heads_by_device(hardware, columns.engine)
        by_layers, by_experts = options.aside is not Aside.EXPERTS, options.aside is not Aside.LAYERS
        spilt = np.zeros(len(over), dtype=bool)
        if by_layers:
            spilt = found.layers_kept(over, devices, heads, rooms, spill) > 0
        if by_experts and columns.engine in EXPERTS_FIRST:
            beyond = everywhere - sum(rooms)
            spilt |= found.experts_gone(over & ~spilt, beyond, devices, rooms, spill) > 0
        codes[spilt] = FIT_CODES[Fit.PARTIAL]
    return codes


def _shares_read(columns: NeedColumns, fits: NDArray[np.int8], hardware: Hardware, options: LoadOptions) -> Shares:
    """What :meth:`NeedColumns.shares_read` says, of variants that one runtime loads."""
    found = Shares.whole(len(columns))
    rows, alone = _on_one_card(columns, hardware, options)
    # Where all cards do better than that one, they are told to be taken.
    found.alone[rows] = (_RANKS[alone] == _RANKS[fits[rows]]) & (_RANKS[alone] < NOWHERE)
    card = lone_card(columns.engine, hardware)
    for one in (False, True):
        at = np.flatnonzero((fits == FIT_CODES[Fit.PARTIAL]) & (found.alone == one))
        if len(at):
            there = hardware.with_cards((card,) if one and card is not None else None)
            found.share[at], found.experts[at], found.crowded[at] = _parts_read(columns.taken(at), there, options)
    if not hardware.accelerators:
        at = np.flatnonzero(_RANKS[fits] == WHOLE)
        found.crowded[at] = _largest_needs(columns.taken(at), hardware, options) > easy_memory(hardware)
    return found


def _largest_needs(columns: NeedColumns, hardware: Hardware, options: LoadOptions) -> Column:
    """Bytes on the fullest device, of files that are not listed with the largest; of variants that fit."""
    rooms = rooms_of(hardware, columns.engine, options)
    assert rooms is not None
    found = columns.needs(hardware, options)
    told, most = (
        one.on_fullest(one.by_device(hardware, columns.engine), rooms)[0] for one in (found, found.with_largest_files())
    )
    return np.where(found.known, told, most)


def _parts_read(
    columns: NeedColumns, hardware: Hardware, options: LoadOptions
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """What accelerators read of variants that lie in both memories, whether experts are what is aside, and whether that
    leaves hardly any room there.
    """
    rooms = rooms_of(hardware, columns.engine, options)
    assert rooms is not None
    found, spill = columns.needs(hardware, options), spill_room(columns.engine, hardware, rooms)
    devices, heads = found.by_device(hardware, columns.engine), found.heads_by_device(hardware, columns.engine)
    over = np.ones(len(columns), dtype=bool)
    kept = found.layers_kept(over, devices, heads, rooms, spill)
    easy = easy_spill(columns.engine, hardware, rooms)
    share, crowded = kept / np.maximum(found.layers, 1), found.host + found.layers_gone(kept) > easy
    if columns.engine not in EXPERTS_FIRST or options.aside is Aside.LAYERS:
        return share, ~over, crowded
    beyond = found.over_all(devices) - sum(rooms)
    gone = found.experts_gone(over, beyond, devices, rooms, spill)
    moved = found.experts * gone // np.maximum(found.layers - found.dense, 1)
    left = 1 - moved / np.maximum(found.parts["weights"] + found.host, 1)
    by_experts = gone > 0
    return (
        np.where(by_experts, left, share),
        by_experts,
        np.where(by_experts, found.host + moved > easy, crowded),
    )


def _speeds(
    columns: NeedColumns,
    fits: NDArray[np.int8],
    shares: Shares,
    hardware: Hardware,
    kv_type: str,
    *,
    at_most: bool,
) -> NDArray[np.float64]:
    """What :meth:`NeedColumns.speeds` says, of variants that one runtime loads."""
    # What embeds writes nothing, and has no speed but what its weights are read with.
    there = np.isin(fits, _THERE) & (at_most | ~columns.variants["embeds"])
    at, work = np.flatnonzero(there), columns.variants["work"]
    for _, wide in columns.widened_on(hardware):
        work = np.where(wide, columns.variants["wide_work"], work)
    of = columns.variants["shape"][at]
    spread = Spread(columns.ranks_on(hardware)[of], shares.share[at], shares.experts[at])
    values, most = columns.shapes["values"][of], columns.shapes["most_values"][of]
    found = np.full(len(columns), np.nan)
    found[at] = decode_speeds(work[at], values, most, spread, columns.engine, hardware, kv_type, at_most=at_most)
    return found


@dataclass(frozen=True)
class Needs:
    """The parts of many variants' needs on one machine, in bytes over all devices; -1 is not known.

    ``floor`` is the least a need can be, ``host`` what stays in system memory, ``ranks`` the devices that are used.
    ``most`` are the weights of the largest file of those that are not listed.
    """

    parts: dict[str, Column]
    known: NDArray[np.bool_]
    floor: Column
    host: Column
    ranks: Column
    layers: Column
    dense: Column
    most: Column
    head: Column
    experts: Column

    @property
    def total(self) -> Column:
        """Bytes over all devices; -1 where a part is not known."""
        return np.where(self.known, sum(self.parts.values()), UNKNOWN)

    def with_largest_files(self) -> Needs:
        """The same where the files are not listed and the largest is taken; nothing else is known in it."""
        parts = {**self.parts, "weights": self.most}
        return replace(self, parts=parts, known=np.logical_and.reduce([part >= 0 for part in parts.values()]))

    @property
    def movable(self) -> Column:
        """Bytes that come with layers: weights, cache, state."""
        return self.parts["weights"] + self.parts["kv"] + self.parts["state"]

    def by_device(self, hardware: Hardware, engine: str) -> list[tuple[Column, Column]]:
        """(bytes needed, bytes of it that do not come with layers) on each device that any variant uses."""
        beside = (self.parts["compute"] + self.parts["overhead"]) // self.ranks
        found = []
        for device in range(int(self.ranks.max(initial=1))):
            share = _by_rank(self.ranks, partial(_share, hardware, engine, device))
            # The projector is on the first.
            other = beside + self.parts["projector"] if device == 0 else beside
            found.append((np.rint(self.movable * share).astype(np.int64) + other, other))
        return found

    def heads_by_device(self, hardware: Hardware, engine: str) -> list[Column]:
        """Bytes of the output head that each device takes."""
        return [
            np.rint(self.head * _by_rank(self.ranks, partial(_share, hardware, engine, device))).astype(np.int64)
            for device in range(int(self.ranks.max(initial=1)))
        ]

    def over_all(self, devices: Sequence[tuple[Column, Column]]) -> Column:
        """Bytes needed on all devices that each variant uses."""
        total = np.zeros(len(self.known), dtype=np.int64)
        for device, (used, _) in enumerate(devices):
            total += np.where(device < self.ranks, used, 0)
        return total

    def on_fullest(self, devices: Sequence[tuple[Column, Column]], rooms: tuple[int, ...]) -> tuple[Column, Column]:
        """(bytes needed, bytes there) on the device that is fullest in proportion."""
        need = np.zeros(len(self.known), dtype=np.int64)
        room = np.full(len(self.known), rooms[0], dtype=np.int64)
        fullest = np.full(len(self.known), -np.inf)
        for device, ((used, _), there) in enumerate(zip(devices, rooms, strict=False)):
            load = np.where(device < self.ranks, used / max(there, 1), -np.inf)
            fuller = load > fullest
            need = np.where(fuller, used, need)
            room = np.where(fuller, there, room)
            fullest = np.where(fuller, load, fullest)
        return need, room

    def layers_kept(
        self,
        over: NDArray[np.bool_],
        devices: Sequence[tuple[Column, Column]],
        heads: Sequence[Column],
        rooms: tuple[int, ...],
        spill: int,
    ) -> Column:
        """Of the variants that are over a machine's memory, how many layers it keeps while ``spill`` bytes of system
        memory take the rest; 0 where they do not, and for all others.

        The output head and whole layers stay on the accelerators while they last, each with its share of the whole.
        """
        at = np.flatnonzero(over & (self.layers > 0))
        movable, layers = self.movable[at] - self.head[at], self.layers[at]
        there = np.min(
            [
                (room - other[at] - head[at]) * layers // np.maximum(used[at] - other[at] - head[at], 1)
                for (used, other), head, room in zip(devices, heads, rooms, strict=True)
            ],
            axis=0,
        )
        host = self.host[at] + movable - movable * there // layers
        found = np.zeros(len(over), dtype=np.int64)
        found[at] = np.where((there >= 1) & (host <= spill), there, 0)
        return found

    def layers_gone(self, kept: Column) -> Column:
        """Bytes that come with layers of which accelerators keep so many."""
        movable = self.movable - self.head
        return movable - movable * kept // np.maximum(self.layers, 1)

    def experts_gone(
        self,
        over: NDArray[np.bool_],
        beyond: Column,
        devices: Sequence[tuple[Column, Column]],
        rooms: tuple[int, ...],
        spill: int,
    ) -> Column:
        """Of mixtures that are over it, of how few layers the experts go into system memory; 0 where that is no way.

        ``beyond`` is by how many bytes all devices together are too small.
        """
        likely = over & (self.experts > 0) & (self.layers > self.dense)
        # A share of each device may be rounded up by a byte.
        likely &= (beyond <= self.experts) & (self.host + beyond <= spill + len(rooms))
        found = np.zeros(len(over), dtype=np.int64)
        for row in np.flatnonzero(likely):
            mixture = Mixture(
                int(self.layers[row]),
                int(self.dense[row]),
                int(self.experts[row]),
                int(self.head[row]),
                {name: int(self.parts[name][row]) for name in MOVABLE},
                tuple(int(other[row]) for _, other in devices),
                int(self.host[row]),
            )
            found[row] = mixture.least_aside(rooms, spill) or 0
        return found


def _share(hardware: Hardware, engine: str, device: int, rank: int) -> float:
    return device_shares(hardware, engine, rank)[device] if device < rank else 0.0


def _variant_row(
    variant: VariantInputs, known: _WeightsOnce, engine: str, supposed: int, tower: int
) -> tuple[int | WorkRow, ...]:
    widening = widening_of(engine, variant.format, variant.quant, variant.shape)
    everywhere = widening if widening is not None and widening.everywhere else None
    weights, held = _as_held(variant, everywhere, known, engine)
    on_device, host = place_weights(weights) if weights.total is not None else (UNKNOWN, 0)
    size = variant.projector_bytes
    projector = (UNKNOWN if size is None else projector_need(size, engine) or tower) + supposed
    most, most_on_device = _largest(variant, known, engine) if weights.total is None else (UNKNOWN, UNKNOWN)
    head = min(output_head(weights), max(on_device, 0))
    quant = as_held(variant, everywhere).quant
    label = known.label(variant, weights, quant)
    experts = 0
    if variant.shape is not None and engine in EXPERTS_FIRST:
        experts = experts_held(variant.shape, weights, engine, variant.quant, label if quant == variant.quant else None)
    placed = (_told(weights.total), on_device, host, weights.least, held)
    told = (*placed, projector, supposed, head, experts, most, most_on_device)
    row = (*told, quality_of_variant(variant), width_of_variant(variant), variant.embeds, variant.layers_guessed)
    work = work_row(variant.shape, weights, engine, quant, label)
    if widening is None or everywhere is not None:
        return *row, UNKNOWN, 0, 0, 0, work, work
    wide, wide_held = _as_held(variant, widening, known, engine)
    wide_work = work_row(variant.shape, wide, engine, as_held(variant, widening).quant)
    return *row, WIDENINGS.index(widening), _told(wide.total), wide.least, wide_held, work, wide_work


def quality_of_variant(variant: VariantInputs) -> int:
    """How much of the model a variant keeps, as :func:`~compat.estimate.quality.quality_code` tells it."""
    return quality_code(variant.quant, variant.bits, named=variant.format == "gguf", as_made=variant.as_made)


def width_of_variant(variant: VariantInputs) -> int:
    """The bits that a weight's packing is called by, as :func:`~compat.estimate.quality.width_of` tells them; or 0."""
    return min(width_of(variant.quant, variant.bits) or 0, 127)


def _largest(variant: VariantInputs, known: _WeightsOnce, engine: str) -> tuple[int, int]:
    """(weights of the largest file there may be, those of them on the devices); -1 where the file is told."""
    largest = with_largest_file(variant)
    weights = known.of(largest, None) if largest is not None else None
    if weights is None or weights.total is None:
        return UNKNOWN, UNKNOWN
    return weights.total, place_weights(weights)[0]


def _as_held(
    variant: VariantInputs, widening: Widening | None, known: _WeightsOnce, engine: str
) -> tuple[Weights, int]:
    """(weights, what Transformers keeps beside them) of a variant as it is held."""
    variant = as_held(variant, widening)
    weights = known.of(variant, widening)
    if engine != "transformers" or variant.shape is None:
        return weights, 0
    return weights, held_beyond_weights(variant.shape, weights, variant.quant)


def _told(value: int | None) -> int:
    return UNKNOWN if value is None else value


class _WeightsOnce:
    """The weights of variant after variant; what files of many sizes have in common is worked out once."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._known: dict[tuple[int, int | None, str | None, float | None], Weights] = {}
        self._labels: dict[tuple[int, int, str | None], LabelRead] = {}

    def of(self, variant: VariantInputs, widening: Widening | None) -> Weights:
        if variant.file_bytes is None or variant.tensors is not None or widening is not None:
            return variant_weights(variant, self._engine, widening)
        key = id(variant.shape), variant.parameters, variant.quant, variant.bits
        if key not in self._known:
            self._known[key] = variant_weights(replace(variant, file_bytes=0), self._engine)
        return replace(self._known[key], total=variant.file_bytes)

    def label(self, variant: VariantInputs, weights: Weights, quant: str | None) -> LabelRead | None:
        """What ``label_read`` says of a variant's weights; None where too little is known of them."""
        if variant.shape is None or weights.total is None or weights.parts is None:
            return None
        key = id(variant.shape), weights.parts.total, quant
        by_label = weights.basis is Basis.FILE and weights.tensors is None
        if by_label and key in self._labels:
            return self._labels[key]
        found = label_read(variant.shape, weights, self._engine, quant)
        if by_label and not found.own:
            self._labels[key] = found
        return found


def _shape_row(shape: ModelShape, packing: str | None, engine: str) -> tuple[float | bool, ...]:
    fine, coarse = (cuts_of(shape, engine, None, packing, refines=refines) for refines in (True, False))
    cached = shape.caches is not None or shape.encoder
    state = state_bytes(shape, CacheOptions(1)) if cached else None
    pages = hybrid_pages(shape, engine)
    computes, pools = (
        compute_buffer(shape, engine, CacheOptions(1), BufferOptions(embeds=embeds)).bytes is not None
        for embeds in (False, True)
    )
    return (
        _told(shape.hidden),
        _told(predicted(shape)),
        *(
            _told(value)
            for value in (feed_forward_width(shape), token_bytes(shape), shape.heads, shape.kv_heads, shape.layers)
        ),
        shape.dense_layers or 0,
        (shape.kv_heads or 0) * (shape.head_dim or 0),
        widest_full_layer(shape),
        query_width(shape),
        routed_width(shape),
        max((layer.window or UNKNOWN for layer, _ in shape.layer_counts if layer.kind in WINDOWED), default=UNKNOWN),
        _told(state),
        *(_told(value) for value in (fine.unit, coarse.unit, fine.key_heads)),
        *((pages.full, pages.recurrent, pages.state, pages.k, pages.v) if pages is not None else (0, 0, 0, 0, 0)),
        int(attention_of(shape, engine)),
        shape.hears or 0,
        cached,
        shape.mla is not None,
        computes,
        pools,
        is_indexed(shape),
        shape.encoder,
        *cached_values(shape),
    )


def _cache_rows(shape: ModelShape, engine: str) -> list[tuple[int, int, int, int]]:
    """(window, keys, values, bytes of an indexer) of a shape's layers, those of one window added up.

    The window is -1 where they see all tokens, and below that, by one more than their number, for those of a recording.
    """
    found: dict[int, tuple[int, int, int]] = {}
    if shape.encoder:
        return []
    for layer, count in shape.layer_counts:
        if layer.kind in (LayerKind.STATE, LayerKind.NONE):
            continue
        window = layer.window if layer.kind in WINDOWED and layer.window is not None else UNKNOWN
        k, v = layer_widths(layer, shape, engine)
        before = found.get(window, (0, 0, 0))
        index = before[2] + count * index_bytes(layer, engine)
        found[window] = before[0] + count * k, before[1] + count * v, index
        if shape.hears:
            heard = found.get(UNKNOWN - shape.hears, (0, 0, 0))
            found[UNKNOWN - shape.hears] = heard[0] + count * k, heard[1] + count * v, 0
    return [(window, *widths) for window, widths in found.items()]


def _cells(windows: Column, engine: str, options: CacheOptions) -> Column:
    """Token slots that layers with these windows get."""
    slots = np.zeros(len(windows), dtype=np.int64)
    for window in distinct(windows):
        if window < UNKNOWN:
            slots[windows == window] = heard_cells(int(UNKNOWN - window), engine, options)
            continue
        kind = LayerKind.FULL if window == UNKNOWN else LayerKind.WINDOW
        layer = LayerCache(kind, 0, 0, None if window == UNKNOWN else int(window))
        slots[windows == window] = reserved_cells(layer, engine, options)
    return slots


def _ranks(unit: Column, key_heads: Column, engine: str, count: int) -> Column:
    """The devices an engine uses for models with so many pieces that stay whole; -1: not known."""
    pairs, which = np.unique(np.stack([unit, key_heads]), axis=1, return_inverse=True)
    told = [[None if number == UNKNOWN else int(number) for number in pair] for pair in pairs.T]
    ranks = np.array([parallel_ranks(pieces, heads, engine, count) for pieces, heads in told], dtype=np.int64)
    found: Column = ranks[which.reshape(-1)]
    return found


def _overhead(engine: str, buffers: BufferOptions, rank: int) -> int:
    extra = driver_overhead(engine, BufferOptions(devices=rank, gpu=buffers.gpu, vendor=buffers.vendor)).bytes
    assert extra is not None
    return extra


def _by_rank(ranks: Column, amount: Amount) -> Column:
    """What an amount is for each number of devices that occurs."""
    known = {int(rank): amount(int(rank)) for rank in distinct(ranks)}
    values = np.array([known.get(rank, 0) for rank in range(max(known) + 1)])
    found: Column = values[ranks]
    return found
