"""How an engine is started: what a person asks for, and what the engine takes where nobody says anything.

Read in the engines' own sources (28 November 2026): llama.cpp 0c1e57098 (``tools/server/server.cpp``: four slots that
share one cache where their number is left to it; ``server_output_limits`` in ``server-context.cpp``: one row of output
a slot), Ollama fb30760 (``envconfig/config.go``: one slot; ``llm/llama_server.go``: each slot has a context of its
own), LM Studio's documentation ("Parallel Requests": four), Jan's pull request 8534 (the visitor's slot and one for
titles, sharing one cache), llamafile 0.10 (llama.cpp's server as it is), KoboldCpp (``koboldcpp.py``: one sequence,
whole caches for windowed layers unless ``--useswa``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from compat.engines.hardware import CPU_FRACTION

DEFAULT_CONTEXT = 8192
"""Tokens a visitor is taken to want unless they say otherwise."""
CUTS_CONTEXT = frozenset({"ollama", "tensorrt-llm"})
"""Engines, by slug, that load a model for no more than it was made for, whatever is asked for: ``effectiveContext`` in
Ollama's ``server/sched.go``, ``_init_max_seq_len`` in TensorRT-LLM's model engine."""

DEFAULT_UBATCH = 512
"""Prompt tokens that llama.cpp computes in one go."""


class Aside(StrEnum):
    """What an engine is told to keep in system memory beside its accelerators."""

    LAYERS = "layers"
    EXPERTS = "experts"


@dataclass(frozen=True)
class LoadOptions:
    """How the engine is started; None is what the engine takes of its own accord.

    ``parallel`` sequences are served at once. ``kv_type`` is the type of the cached keys and, unless ``v_type`` tells
    another, of the values. ``build`` is llama.cpp's number of a build, None the one that the profiles were read in;
    ``library``: another program than its server calls llama.cpp. ``aside`` is what goes into system memory where the
    accelerators do not hold all, None what the engine moves by itself.
    ``sequences`` are how many vLLM plans a step for; None: by the card, as it has since 2025.
    ``memory_utilization`` is vLLM's share of a card it may take. ``stages`` hold whole layers one after the other
    (pipeline parallelism), each on as many cards as the others. ``prefill``: tokens of the longest prompt, for engines
    that compute it in one go; None: the context. ``spread``: an engine that takes one card alone where that seems to
    hold all (:func:`compat.estimate.foreseen.lone_card`) is told to take all of them.
    """

    context: int = DEFAULT_CONTEXT
    kv_type: str = "f16"
    v_type: str | None = None
    parallel: int | None = None
    ubatch: int | None = None
    build: int | None = None
    library: bool = False
    unified_kv: bool | None = None
    swa_full: bool | None = None
    flash_attention: bool = True
    prefill: int | None = None
    sequences: int | None = None
    memory_utilization: float = 0.92
    aside: Aside | None = None
    stages: int = 1
    spread: bool = False


@dataclass(frozen=True)
class Launch:
    """How many sequences an engine serves, and how its cache and buffers are laid out for them.

    ``unified``: all slots share one cache. ``own_context``: each slot gets the whole context, so that the cache is as
    many times as large. ``swa_full``: windowed layers keep every token, otherwise ``spare_cells`` more than they must.
    ``output_rows``: tokens of a micro-batch whose logits are kept, all of them where it is None. ``batch_by_room``: a
    larger micro-batch is taken where :mod:`compat.estimate.micro_batch` says so.
    """

    slots: int = 1
    unified: bool = True
    own_context: bool = False
    ubatch: int = DEFAULT_UBATCH
    swa_full: bool = False
    output_rows: int | None = None
    spare_cells: int = 0
    batch_by_room: bool = False


_SERVER = Launch(slots=4, output_rows=4)
_LAUNCHES: Mapping[str, Launch] = {
    "llama-cpp": _SERVER,
    "llama.cpp": _SERVER,
    "llamafile": _SERVER,
    "lm-studio": _SERVER,
    "lmstudio": _SERVER,
    "jan": Launch(slots=2, output_rows=2),
    "ollama": Launch(unified=False, own_context=True, output_rows=1, batch_by_room=True),
    "koboldcpp": Launch(swa_full=True),
}
"""The engines that are started otherwise than for one sequence, by their slug."""

FOUR_SLOTS_SINCE = 6900
"""The first build of llama.cpp that may start four slots (pull request 16736, November 2025); before, it was one."""
FEW_ROWS_SINCE = 9400
"""The first build that surely keeps one row of output a slot (pull request 23861, June 2026); before, all rows."""

OWN_ENGINE_OF_OLLAMA = frozenset(
    (
        *("deepseek2", "deepseekocr", "gemma3", "gemma3n", "gemma4", "glm4moelite", "glmocr", "gpt-oss", "gptoss"),
        *("laguna", "lfm2", "lfm2moe", "llama4", "mistral3", "mllama", "nemotron_h", "nemotron_h_moe"),
        *("nemotron_h_omni", "olmo3", "qwen25vl", "qwen3", "qwen35", "qwen35moe", "qwen3moe", "qwen3next"),
        *("qwen3vl", "qwen3vlmoe"),
    )
)
"""GGUF names of the architectures that Ollama of 2025 and early 2026 computed with an engine of its own, which keeps
one row of output (``OllamaEngineRequired`` in ``fs/ggml/ggml.go``). All others it gave to llama.cpp's library, which
then kept all rows."""

SPARE_CELL_SINCE = 11_000
"""Builds of release 0.5.0 give a windowed layer one cell more than window and micro-batch, as its logs tell; that of 1
October 2026, which the profiles were read in, and those before it do not."""


def memory_share(options: LoadOptions, *, gpu: bool) -> float:
    """The share of a device's whole memory that an engine with a pool may take.

    On a processor that is one of the system's memory (``requested_cpu_memory`` in vLLM's ``v1/worker/cpu_worker.py``),
    and no more than what is usable of it.
    """
    return options.memory_utilization if gpu else min(options.memory_utilization, CPU_FRACTION)


EMBEDDING_BATCH = 2048
"""Tokens that Ollama computes in one go of a text for embeddings, or all of a shorter context."""


def for_embeddings(launch: Launch, engine: str, options: LoadOptions) -> Launch:
    """How an engine is started for a model that makes embeddings: Ollama for one text at a time, in its own batch.

    ``load`` in its ``server/sched.go``, ``WithDefaultEmbeddingNumBatch`` in ``llm/llama_server.go``.
    """
    if engine != "ollama":
        return launch
    batch = min(EMBEDDING_BATCH, options.context) if options.ubatch is None else min(options.ubatch, options.context)
    return replace(launch, slots=1, ubatch=batch, batch_by_room=False)


def launch_of(engine: str, options: LoadOptions) -> Launch:
    """How ``engine`` (a profile's slug) is started with these options."""
    usual = _LAUNCHES.get(engine.strip().lower(), Launch())
    few_rows = usual.output_rows is not None
    if options.build is not None:
        if usual is _SERVER:
            usual = replace(usual, slots=4 if options.build >= FOUR_SLOTS_SINCE else 1)
        few_rows = few_rows and options.build >= FEW_ROWS_SINCE
    if options.library:
        usual, few_rows = Launch(), False
    slots = usual.slots if options.parallel is None else options.parallel
    return Launch(
        slots,
        usual.unified if options.unified_kv is None else options.unified_kv,
        usual.own_context if options.unified_kv is None else False,
        usual.ubatch if options.ubatch is None else options.ubatch,
        usual.swa_full if options.swa_full is None else options.swa_full,
        slots if few_rows else None,
        int(options.build is not None and options.build >= SPARE_CELL_SINCE),
        usual.batch_by_room and options.ubatch is None,
    )
