"""What a person types to start an engine as an estimate assumes it, in the engine's own options.

Options are those of the engines' argument readers, read on 29 November 2026: llama.cpp 0c1e57098 as in llama-cpp-python
0.3.36 (``common/arg.cpp``; which file ``-hf`` takes: ``find_best_model`` in ``common/download.cpp``), Ollama fb30760
(``envconfig/config.go``, ``Runner`` in ``api/types.go``, ``docs/modelfile.mdx``) with the Hub's documentation of
``hf.co`` names, vLLM 0.33.0 (``engine/arg_utils.py``), SGLang 0.5.23 (``srt/arg_groups/fields``), MLX-LM 0.32.2
(``server.py``), KoboldCpp 000115d (``koboldcpp.py``), llamafile 0.10 (``docs/cli_arguments.md`` and
``running_llamafile.md``), LM Studio's ``lms`` 07b7252 (``subcommands/get.ts`` and ``load.ts``), TGI db931fc
(``launcher/src/main.rs``), LMDeploy 0.18.0 (``cli/serve.py``, ``cli/utils.py``), TensorRT-LLM 00209af
(``commands/serve.py``), Transformers 5.24.0 (``cli/serve.py``), MLX-VLM 9b13f522 (``server/cli.py``), MLX-Audio
ebf44dfc (``stt/generate.py``, ``tts/generate.py``) and Text Embeddings Inference 0d124dc (``router/src/main.rs``). Of
other engines no line is given: they have no command, or their options were not read. The names are pinned in
``tests/estimate/engine_arguments.toml``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, gcd
from pathlib import PurePath
from urllib.parse import quote

from compat.engines.hardware import GIB, Accelerator
from compat.estimate.cache_types import SIXTEEN_BITS
from compat.estimate.launch import LoadOptions, memory_share
from compat.estimate.offload import Offload


@dataclass(frozen=True)
class ModelFiles:
    """Which repository of the Hub to load, and which of its files.

    ``files`` are those of the variant in their order, ``others`` those of all variants, empty where they are not known.
    ``projector``: whether the estimate has the repository's vision projector loaded; None where it has none.
    ``context``: the tokens that its configuration says it is made for; 0 where it does not. ``task`` is the Hub's.
    ``collected``: the repository is one of single files, each a model by itself. ``pipeline``: it is one of models in
    folders, which Diffusers loads from there. ``arguments``: those that its verdict
    says to start the engine with. ``unread``: the engine does not read the packing that it is guessed to have.
    """

    repo_id: str
    format: str = ""
    quantization: str = ""
    files: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    projector: bool | None = None
    context: int = 0
    task: str = ""
    collected: bool = False
    pipeline: bool = False
    arguments: tuple[str, ...] = ()
    unread: bool = False


@dataclass(frozen=True)
class Start:
    """How a model is started: on which devices, with which options, and what lies in system memory.

    ``memories`` are those of the machine's accelerators, 0 where one is left out. ``layers`` are the model's, which lie
    in ``stages`` one after the other. ``held`` are the bytes of each part on each device that is used, and the room
    there is for them. ``accelerator`` is the first one in use; None on a processor. ``by_itself``: the
    engine takes those in use without being told; ``spread``: it is told to take all where it would take one.
    """

    model: ModelFiles
    options: LoadOptions
    layers: int | None
    memories: tuple[int, ...] = ()
    offload: Offload | None = None
    stages: int = 1
    held: tuple[tuple[Mapping[str, int], int], ...] = ()
    accelerator: Accelerator | None = None
    by_itself: bool = False
    spread: bool = False

    @property
    def used(self) -> tuple[int, ...]:
        """The numbers of the accelerators in use, counted from 0."""
        return tuple(number for number, memory in enumerate(self.memories) if memory)

    @property
    def chosen(self) -> tuple[int, ...]:
        """The same where an engine that takes the first ones it sees would take others; empty where it would not."""
        return self.used if 0 < len(self.used) < len(self.memories) and self.used[0] else ()

    @property
    def caches(self) -> tuple[str, str]:
        """The types of the cached keys and values."""
        return self.options.kv_type, self.options.v_type or self.options.kv_type

    @property
    def stretched(self) -> bool:
        """Whether more tokens are asked for than the model says it is made for."""
        return 0 < self.model.context < self.options.context

    @property
    def experts_aside(self) -> int | None:
        """Of how many first layers the experts lie in system memory; None where they do not lie there alone."""
        return None if self.offload is None else self.offload.experts


@dataclass(frozen=True)
class Command:
    """One command for a Unix shell. ``into``: the file that takes what it writes."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    into: str = ""

    @property
    def text(self) -> str:
        """As it is typed, quoted where a shell needs that."""
        told = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*told, shlex.join(self.arguments), *(["> " + shlex.quote(self.into)] if self.into else [])])


@dataclass(frozen=True)
class RunLine:
    """All there is to type: each of ``steps`` goes to a shell of its own, its commands one after the other.

    ``note`` says what such a line cannot say.
    """

    steps: tuple[tuple[Command, ...], ...]
    note: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """The steps as text, one line each."""
        return tuple(" && ".join(command.text for command in step) for step in self.steps)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of the command that loads the model."""
        return self.steps[-1][-1].arguments


def run_line(slug: str, start: Start) -> RunLine | str:
    """How to start an engine, by its profile's slug; or why there is no line, as a sentence."""
    make = _LINES.get(slug)
    if make is None:
        return "The options of this engine's own program are not known here: set the values that stand above in it."
    if start.model.repo_id.count("/") != 1:
        return "No command for a model whose id has no owner."
    if start.model.unread:
        return "No command: as the weights seem to be packed, this engine does not read them."
    return make(start)


def take_line(slug: str, model: ModelFiles) -> str:
    """How to get a variant: as Ollama fetches and runs it by itself, else with the Hub's own command.

    Of GGUF files that are not listed the engine takes one: Q4_K_M where there is one (``docs/hub/ollama.md`` of the
    Hub's documentation; ``find_best_model`` of llama.cpp).
    """
    by_itself = model.format == "gguf" and model.repo_id.count("/") == 1 and not model.unread
    if slug == "ollama" and by_itself and len(model.files) < 2:
        source = "/".join(("hf.co", model.repo_id)) if is_chosen_by_engine(model) else _ollama_source(model)
        if source:
            return shlex.join(("ollama", "run", source))
    if slug == "llama-cpp" and by_itself and is_chosen_by_engine(model):
        return shlex.join((*_LLAMA_CPP, "-hf", model.repo_id))
    return hub_line(model, slug)


def is_chosen_by_engine(model: ModelFiles) -> bool:
    """Whether nothing tells the files of a GGUF model, so that an engine that fetches them takes one of its choice."""
    return model.format == "gguf" and not (model.files or model.others or model.quantization or model.collected)


def hub_line(model: ModelFiles, slug: str = "") -> str:
    """How to get a variant with the Hub's own command: its files, and the small ones that are read with them.

    ``slug``: the engine that loads it, where one is told.

    Never all that a repository holds, which may be the same weights in five formats, or in twenty widths: empty where
    nothing tells which of its files they are. The Hub's command takes ``*`` for anything, folders included.
    """
    take = ("hf", "download", model.repo_id)
    if model.format == "gguf":
        named = ("--include", f"*{model.quantization}*.gguf") if model.quantization else ()
        files = model.files or named
        return shlex.join((*take, *files)) if files else ""
    if model.collected and not model.files:
        return ""
    weights = tuple(dict.fromkeys(_PART.sub("*-of-", name) for name in model.files))
    whole = not model.files and model.format in _LOADED_WHOLE
    left = (*_BESIDE_THE_MODEL, *(() if slug in _TAKES_MISTRAL_S else _IN_MISTRAL_S_LAYOUT)) if whole else ()
    if not weights or len(weights) > _MOST_NAMED:
        weights = _WEIGHTS.get(model.format) or tuple(dict.fromkeys(f"*{PurePath(name).suffix}" for name in weights))
    if whole and model.pipeline:
        weights = tuple(f"*/{pattern}" for pattern in weights)
    return shlex.join((*take, *_each("--include", (*weights, *_BESIDE)), *_each("--exclude", left))) if weights else ""


def _each(option: str, patterns: Iterable[str]) -> Iterator[str]:
    """An option for each pattern: what follows the first after one alone is taken as the name of a file (hf 2.4.0)."""
    return (word for pattern in patterns for word in (option, pattern))


_PART = re.compile(r"\d+-of-")
_MOST_NAMED = 6
_BESIDE = ("*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja", "*.py")
"""Configurations, tokenizers, chat templates, and code of a model's own."""
_LOADED_WHOLE = frozenset({"safetensors", "pytorch", "transformers"})
_BESIDE_THE_MODEL = ("original/*", "metal/*", "*.fp16*", "*.fp32*")
"""The same weights again, for other programs and in other widths: no engine loads them unasked. Told where it is not
known which files there are.
"""
_IN_MISTRAL_S_LAYOUT = ("consolidated*",)
_TAKES_MISTRAL_S = frozenset({"vllm"})
"""Engines that load these, by their slug, and not the same weights in the layout of Transformers beside them."""
_WEIGHTS = {
    "safetensors": ("*.safetensors",),
    "pytorch": ("*.bin", "*.pt", "*.pth"),
    "transformers": ("*.safetensors", "*.bin"),
    "onnx": ("*.onnx", "*.onnx_data"),
    "openvino": ("*.xml", "*.bin"),
    "adapter": ("adapter_model.*",),
}
"""The files of a format where it is not known which there are."""


_WIDE_CACHES = (SIXTEEN_BITS, SIXTEEN_BITS)
_LLAMA_CPP = ("llama-server",)
_PROJECTOR_TOO = (
    "It loads the repository's vision projector too. Its size is not told: one of the usual size is counted."
)


def _llama_server(start: Start) -> RunLine | str:
    return _llama(start, *_LLAMA_CPP)


def _llamafile(start: Start) -> RunLine | str:
    if start.model.format == "llamafile":
        return "No command: a llamafile is a program with the model in it. Start it with the options of llama.cpp."
    return _llama(start, "llamafile", "--server")


def _llama(start: Start, *program: str) -> RunLine | str:
    if start.model.format != "gguf":
        return "No command: the engine's server loads GGUF files."
    source = _on_the_hub(start.model)
    if source is None:
        return "No command: which file it is does not stand in our record."
    options = start.options
    told = [*program, *source, "-c", str(options.context), *_layers(start)]
    if options.parallel is not None:
        told += ["-np", str(options.parallel)] + (["--kv-unified"] if options.parallel > 1 else [])
    if options.ubatch is not None:
        told += ["-ub", str(options.ubatch)] + (["-b", str(options.ubatch)] if options.ubatch > _LLAMA_BATCH else [])
    if start.caches != _WIDE_CACHES:
        told += ["-fa", "on", "-ctk", start.caches[0], "-ctv", start.caches[1]]
    if program == _LLAMA_CPP:
        told += _served_for("llama-cpp", start.model)
    note = ""
    if start.stretched and program == _LLAMA_CPP:
        # n_ctx_slot() in tools/server/server-context.cpp.
        note = (
            f"Its server gives a request no more than the {start.model.context:,} tokens that the file says it is made "
            "for, unless RoPE scaling is told too (--rope-scaling yarn with --rope-scale)."
        )
    if start.model.projector is False and program == _LLAMA_CPP:
        told.append("--no-mmproj")
    elif start.model.projector is False:
        note = _PROJECTOR_TOO
    return RunLine(((Command(tuple(told)),),), note)


_EMBEDDING = ("feature-extraction", "sentence-similarity")
_SERVED_FOR: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "llama-cpp": {**dict.fromkeys(_EMBEDDING, ("--embedding",)), "text-ranking": ("--reranking",)},
    # Of a chat model's class vLLM finds it out by modules.json alone (_get_default_runner_type in config/model.py), and
    # SGLang not at all (is_generation_model in configs/model_config.py).
    "vllm": dict.fromkeys((*_EMBEDDING, "visual-document-retrieval"), ("--runner", "pooling")),
    "sglang": dict.fromkeys(_EMBEDDING, ("--is-embedding",)),
}
"""What a server is told for a task, without which it answers no request for vectors or ranks."""


def _served_for(slug: str, model: ModelFiles) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_SERVED_FOR[slug].get(model.task, ()), *model.arguments)))


_LLAMA_BATCH = 2048
"""The prompt tokens that llama.cpp takes in at once; a micro-batch is no larger."""


def _layers(start: Start) -> list[str]:
    """Where llama.cpp's layers lie. ``-ngl`` counts the output head as a layer."""
    if not start.memories:
        return ["-ngl", "0"]
    told: list[str] = []
    if start.layers is not None:
        told += ["-ngl", str(_on_accelerators(start.layers, start.offload))]
    if start.experts_aside is not None:
        told += ["--n-cpu-moe", str(start.experts_aside)]
    if len(start.used) == 1 < len(start.memories):
        return [*told, "-sm", "none", "-mg", str(start.used[0])]
    split = _split(start)
    return told + (["-ts", ",".join(map(str, split))] if split else [])


def _split(start: Start) -> tuple[int, ...]:
    """In which proportion accelerators take layers, where that must be told."""
    split = start.offload.split if start.offload is not None else ()
    return split or (_in_proportion(start.memories) if len(set(start.memories)) > 1 else ())


def _on_accelerators(layers: int, offload: Offload | None) -> int:
    return (layers if offload is None or offload.experts is not None else offload.layers) + 1


def _in_proportion(memories: tuple[int, ...]) -> tuple[int, ...]:
    """Small whole numbers in the proportion of some memories, to a tenth of a GiB; 0 stays 0."""
    tenths = [max(1, round(memory * 10 / GIB)) if memory else 0 for memory in memories]
    return tuple(tenth // gcd(*tenths) for tenth in tenths)


def _on_the_hub(model: ModelFiles) -> list[str] | None:
    """How llama.cpp is told which file: by the label, where that leads to this one alone, else by the file's name."""
    if model.files:
        if _label_is_clear(model):
            return ["-hf", f"{model.repo_id}:{model.quantization}"]
        return ["-hf", model.repo_id, "-hff", min(model.files)]
    return ["-hf", f"{model.repo_id}:{model.quantization}"] if model.quantization else None


def _label_is_clear(model: ModelFiles) -> bool:
    """Whether llama.cpp finds the variant's files, and only those, by its label: followed by a dot or a dash."""
    if not model.quantization:
        return False
    pattern = re.compile(re.escape(model.quantization) + "[.-]", re.IGNORECASE)
    found = {path for path in {*model.others, *model.files} if pattern.search(path)}
    return bool(found) and found <= set(model.files)


def _ollama(start: Start) -> RunLine | str:
    model, options = start.model, start.options
    if model.format != "gguf":
        return "No command: Ollama takes such files from a folder alone, by “ollama create”."
    if len(model.files) > 1:
        return "No command: Ollama does not load a file in several parts from the Hub. Join the parts first."
    source = _ollama_source(model)
    if not source:
        return "No command: the file cannot be named in one word, as Ollama needs it."
    told = [f"FROM {source}", f"PARAMETER num_ctx {options.context}"]
    if not start.memories:
        told.append("PARAMETER num_gpu 0")
    elif start.offload is not None and start.layers is not None:
        told.append(f"PARAMETER num_gpu {_on_accelerators(start.layers, start.offload)}")
    if options.ubatch is not None:
        told.append(f"PARAMETER num_batch {options.ubatch}")
    if len(start.used) < len(start.memories) and not start.by_itself:
        told.append(f"PARAMETER main_gpu {start.used[0]}")
    environment: dict[str, str] = {}
    if options.kv_type != SIXTEEN_BITS:
        environment |= {"OLLAMA_FLASH_ATTENTION": "1", "OLLAMA_KV_CACHE_TYPE": options.kv_type}
    if options.parallel is not None:
        environment["OLLAMA_NUM_PARALLEL"] = str(options.parallel)
    if start.spread:
        environment["OLLAMA_SCHED_SPREAD"] = "1"
    name = _local_name(model.repo_id, options.context)
    steps = [(Command(("ollama", "serve"), environment),)] if environment else []
    # Of its own name, so that no Modelfile that lies there is written over.
    told_in = f"{name}.Modelfile"
    made = (
        Command(("printf", r"%s\n", *told), into=told_in),
        Command(("ollama", "create", name, "-f", told_in)),
        Command(("ollama", "run", name)),
    )
    return RunLine((*steps, made), " ".join(_ollama_notes(start, served=bool(steps))))


def _ollama_notes(start: Start, *, served: bool) -> Iterator[str]:
    """What is to be known of a line; ``served``: the server is started by it."""
    if served:
        yield "The first line starts the server, in place of one that runs already; the second goes to another window."
    if start.by_itself:
        yield (
            "Ollama takes the card with most free memory alone where all of a model seems to go there; "
            "with OLLAMA_SCHED_SPREAD set to 1 its server shares it out over all."
        )
    if start.model.projector is False:
        yield _PROJECTOR_TOO
    if start.stretched:
        # NewLlamaServer in llm/server.go: opts.NumCtx becomes the file's own.
        yield f"Ollama cuts the context to the {start.model.context:,} tokens that the file says it is made for."


def _ollama_source(model: ModelFiles) -> str:
    """How Ollama names a file of the Hub: by its label, or by its name where the label leads to others too."""
    tag = model.quantization if not model.files or _label_is_clear(model) else model.files[0]
    return f"hf.co/{model.repo_id}:{tag}" if tag and "/" not in tag else ""


def _local_name(repo_id: str, context: int) -> str:
    """A name that Ollama takes: letters, digits, dots and dashes, at most 80."""
    words = re.sub(r"[^a-z0-9.]+", "-", repo_id.rpartition("/")[2].lower()).strip("-.")
    return f"{words[:60] or 'model'}-{context}"


_KOBOLD_CACHES = {SIXTEEN_BITS: "0", "q8_0": "1", "q4_0": "2"}
_KOBOLD_BATCHES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
_KOBOLD_CONTEXTS = range(256, 262_145)


def _koboldcpp(start: Start) -> RunLine | str:
    model, options = start.model, start.options
    if model.format != "gguf":
        return "No command: how KoboldCpp is told such files was not read."
    if not model.files:
        return "No command: which file it is does not stand in our record."
    if options.kv_type not in _KOBOLD_CACHES or options.v_type not in (None, options.kv_type):
        return f"No command: how KoboldCpp is told a cache of {options.kv_type} was not read. Choose it in its window."
    if options.context not in _KOBOLD_CONTEXTS:
        return f"No command: KoboldCpp takes a context of {_KOBOLD_CONTEXTS[0]:,} to {_KOBOLD_CONTEXTS[-1]:,} tokens."
    if (options.parallel or 1) > 1:
        return "No command: KoboldCpp computes one request at a time."
    if options.ubatch is not None and options.ubatch not in _KOBOLD_BATCHES:
        return f"No command: KoboldCpp takes a batch of {_KOBOLD_BATCHES[0]}, twice as many, and so on to 4,096."
    told = ["koboldcpp", "--model", *(_address(model.repo_id, file) for file in sorted(model.files))]
    told += ["--contextsize", str(options.context), *_kobold_layers(start), "--flashattention"]
    if options.kv_type != SIXTEEN_BITS:
        told += ["--quantkv", _KOBOLD_CACHES[options.kv_type]]
    if options.ubatch is not None:
        told += ["--batchsize", str(options.ubatch)]
    note = "To show it images, add --mmproj with the address of its vision projector." if model.projector else ""
    return RunLine(((Command(tuple(told)),),), note)


def _kobold_layers(start: Start) -> list[str]:
    """Where KoboldCpp's layers lie; it counts them as llama.cpp does."""
    if not start.memories:
        return ["--usecpu"]
    told: list[str] = []
    if start.layers is not None:
        told += ["--gpulayers", str(_on_accelerators(start.layers, start.offload))]
    if start.experts_aside is not None:
        told += ["--moecpu", str(start.experts_aside)]
    split = _split(start)
    return told + (["--tensor_split", *map(str, split)] if split else [])


def _address(repo_id: str, file: str) -> str:
    """Where the Hub gives a file."""
    return f"https://huggingface.co/{repo_id}/resolve/main/{quote(file)}"


def _lm_studio(start: Start) -> RunLine | str:
    model, options = start.model, start.options
    source, stored = f"https://huggingface.co/{model.repo_id}", model.repo_id
    if model.format == "gguf":
        if model.quantization and (not model.files or _label_is_clear(model)):
            source += f"@{model.quantization}"
            stored += f"/{model.quantization}"
        elif len(model.files) == 1:
            name = model.files[0].rpartition("/")[2]
            source += f"/{quote(name)}"
            stored += f"/{name}"
        else:
            return (
                "No command: LM Studio is told a file by its label, and that does not lead to this one. Choose it "
                "there."
            )
    # Of what is stored it takes the path that has these letters in this order, and asks where several have.
    told = ["lms", "load", stored, "--context-length", str(options.context)]
    settings: list[str] = []
    if model.format == "gguf":
        told += ["--gpu", _ratio(start)]
    if options.parallel is not None:
        told += ["--parallel", str(options.parallel)]
    if start.caches != _WIDE_CACHES:
        types = " and ".join(dict.fromkeys(start.caches))
        settings.append(f"{types} for the KV cache")
    if options.ubatch is not None:
        settings.append(f"a batch of {options.ubatch:,} tokens")
    if start.experts_aside is not None:
        settings.append(f"the experts of {start.experts_aside} layers in system memory")
    if len(start.memories) > 1 and model.format == "gguf":
        settings.append("how layers lie on the cards")
    note = "If several of your files match, the second command asks which one is meant."
    if settings:
        note += f" Choose in the app, among the model's settings: {', '.join(settings)}."
    return RunLine(((Command(("lms", "get", source)), Command(tuple(told))),), note)


def _ratio(start: Start) -> str:
    """The share of layers on accelerators, never more than the plan has; ``off`` and ``max`` are the ends."""
    offload = start.offload
    if not start.memories:
        return "off"
    if offload is None or offload.experts is not None or not start.layers:
        return "max"
    return f"{100 * offload.layers // start.layers / 100:g}"


def _jan(start: Start) -> str:
    options, layers = start.options, start.layers
    told = [f"a context of {options.context:,} tokens"]
    if layers is not None:
        told.append(f"{_on_accelerators(layers, start.offload) if start.memories else 0} layers on the GPU")
    if start.experts_aside is not None:
        told.append(f"the experts of {start.experts_aside} layers in system memory")
    if start.caches != _WIDE_CACHES:
        told.append(f"{start.caches[0]} keys and {start.caches[1]} values")
    if options.parallel is not None:
        told.append(f"{options.parallel} requests at once")
    if options.ubatch is not None:
        told.append(f"a micro-batch of {options.ubatch:,} tokens")
    return f"No command: Jan is an app. Choose there, in the settings of the model: {', '.join(told)}."


def _vllm(start: Start) -> RunLine | str:
    if start.model.format == "gguf":
        return "No command: vLLM needs an extension for GGUF files."
    options, devices = start.options, len(start.used)
    told = ["vllm", "serve", start.model.repo_id, "--max-model-len", str(options.context)]
    if devices > start.stages:
        told += ["--tensor-parallel-size", str(devices // start.stages)]
    if start.stages > 1:
        told += ["--pipeline-parallel-size", str(start.stages)]
    if start.chosen:
        told += ["--device-ids", ",".join(map(str, start.chosen))]
    told += ["--gpu-memory-utilization", f"{memory_share(options, gpu=start.accelerator is not None):g}"]
    if options.kv_type != SIXTEEN_BITS:
        told += ["--kv-cache-dtype", options.kv_type]
    if options.parallel is not None:
        told += ["--max-num-seqs", str(options.parallel)]
    told += _served_for("vllm", start.model)
    if start.model.quantization in _VLLM_DEPRECATED:
        told.append("--allow-deprecated-quantization")
    # _get_and_verify_max_len in config/model.py stops without it.
    environment = {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"} if start.stretched else {}
    return RunLine(((Command(tuple(told), environment),),), _stretching(start))


_VLLM_DEPRECATED = frozenset({"fbgemm_fp8", "fp_quant"})
"""Its DEPRECATED_QUANTIZATION_METHODS, which it does not load unless it is told so."""


def _stretching(start: Start) -> str:
    """What a line that starts beyond the model's own context leaves open; empty of others."""
    if not start.stretched:
        return ""
    return (
        f"The model says it is made for {start.model.context:,} tokens. The variable lets the server start beyond; "
        "that answers stay sensible there takes RoPE scaling in its config.json."
    )


def _sglang(start: Start) -> RunLine | str:
    model, options, devices = start.model, start.options, len(start.used)
    path = model.repo_id
    if model.format == "gguf":
        if len(model.files) != 1:
            return "No command: SGLang is told one GGUF file by its name, and our record does not tell it or has parts."
        # resolve_hf_gguf_reference in utils/hf_transformers/common.py.
        path += f"/{model.files[0]}"
    told = ["python", "-m", "sglang.launch_server", "--model-path", path]
    if model.format != "gguf" and model.quantization.lower() == "bitsandbytes":
        # handle_load_format in arg_groups/model_path_hook.py finds GGUF and Mistral's layout out, and not these.
        told += ["--load-format", "bitsandbytes"]
    told += ["--context-length", str(options.context)]
    if devices > start.stages:
        told += ["--tp-size", str(devices // start.stages)]
    if start.stages > 1:
        told += ["--pp-size", str(start.stages)]
    if start.chosen:
        told += ["--base-gpu-id", str(start.chosen[0])]
    if options.kv_type != SIXTEEN_BITS:
        told += ["--kv-cache-dtype", _sglang_type(options.kv_type, start.accelerator)]
    if options.parallel is not None:
        told += ["--max-running-requests", str(options.parallel)]
    told += _served_for("sglang", model)
    # is_cpu in srt/utils/common.py: without it, SGLang looks for accelerators alone.
    environment = {} if start.memories else {"SGLANG_USE_CPU_ENGINE": "1"}
    # _derive_context_length in configs/model_config.py stops without it.
    environment |= {"SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN": "1"} if start.stretched else {}
    return RunLine(((Command(tuple(told), environment),),), _stretching(start))


def _sglang_type(kv_type: str, accelerator: Accelerator | None) -> str:
    """What SGLang calls a type.

    Of FP8's two, those with more digits are what processors, FlashAttention 3 and TensorRT-LLM's kernels take; NVIDIA's
    cards before Ada convert the other alone in Triton's kernels, to which latent attention and sinks lead there.
    """
    if kv_type != "fp8":
        return kv_type
    known = accelerator.compute_capability if accelerator is not None and accelerator.vendor == "nvidia" else None
    untold = accelerator is not None and accelerator.vendor in ("", "nvidia") and known is None
    return "fp8_e5m2" if untold or (known is not None and known < 8.9) else "fp8_e4m3"


def _keep_within(start: Start) -> str:
    return f"Its server has no option for the context: keep conversations within {start.options.context:,} tokens."


def _mlx(start: Start) -> RunLine | str:
    told = ["mlx_lm.server", "--model", start.model.repo_id]
    note = _keep_within(start)
    if start.options.kv_type in _MLX_BITS:
        # Without the second its first 5,000 tokens stay in 16 bits.
        told += ["--kv-bits", _MLX_BITS[start.options.kv_type], "--quantized-kv-start", "0"]
        note += " With such a cache it serves one request at a time."
    elif start.options.parallel is not None:
        # As many are decoded as are read at once, whatever the first says alone (BatchGenerator in generate.py).
        told += ["--decode-concurrency", str(start.options.parallel)]
        told += ["--prompt-concurrency", str(min(start.options.parallel, _MLX_PROMPTS))]
    return RunLine(((Command(tuple(told)),),), note)


def _mlx_vlm(start: Start) -> RunLine | str:
    told = ["mlx_vlm.server", "--model", start.model.repo_id]
    if start.options.parallel is not None:
        told += ["--max-num-seqs", str(start.options.parallel)]
    return RunLine(((Command(tuple(told)),),), _keep_within(start))


def _mlx_audio(start: Start) -> RunLine | str:
    model = start.model
    if model.task == "automatic-speech-recognition":
        hears = ("mlx_audio.stt.generate", "--model", model.repo_id, "--audio", "audio.wav", "--output-path", "audio")
        return RunLine(((Command(hears),),), "It writes what is said in a file: put your recording for audio.wav.")
    if model.task in ("text-to-speech", "text-to-audio"):
        speaks = ("mlx_audio.tts.generate", "--model", model.repo_id, "--text", "Hello.")
        return RunLine(((Command(speaks),),), "It writes a file with the text spoken. Some models need --voice too.")
    return "No command: MLX-Audio has one for speech to text and one for text to speech, and our record tells neither."


_MLX_BITS = {"8bit": "8", "4bit": "4"}
_MLX_PROMPTS = 8
"""Prompts that its server reads at once unless it is told otherwise."""


def _tgi(start: Start) -> RunLine | str:
    if start.model.format == "gguf":
        return "No command: TGI's own server does not load GGUF files."
    options = start.options
    if options.context < _TGI_LEAST:
        return f"No command: TGI needs a context of {_TGI_LEAST} tokens at least, one of them for its answer."
    told = ["text-generation-launcher", "--model-id", start.model.repo_id]
    told += ["--max-input-tokens", str(options.context - 1), "--max-total-tokens", str(options.context)]
    if len(start.memories) > 1:
        told += ["--num-shard", str(len(start.used))]
    if options.parallel is not None:
        told += ["--max-batch-total-tokens", str(options.context * options.parallel)]
    note = ""
    if start.stretched:
        # Neither launcher/src/main.rs nor warmup in models/flash_causal_lm.py compares it with the model's own.
        note = (
            f"The model says it is made for {start.model.context:,} tokens, and TGI starts beyond without a check; "
            "that answers stay sensible there takes RoPE scaling in its config.json."
        )
    return RunLine(((Command(tuple(told), _visible(start)),),), note)


_TGI_LEAST = 2


def _lmdeploy(start: Start) -> RunLine | str:
    if start.model.format == "gguf":
        return "No command: LMDeploy does not load GGUF files."
    options, devices = start.options, len(start.used)
    told = ["lmdeploy", "serve", "api_server", start.model.repo_id, "--session-len", str(options.context)]
    if devices > 1:
        told += ["--tp", str(devices)]
    if options.parallel is not None:
        told += ["--max-batch-size", str(options.parallel)]
    # Its cache takes a share of what weights leave free, before there are buffers.
    share = _cache_share(start, ("weights", "overhead", "projector"))
    if share is not None and share > 0.8:
        told += ["--cache-max-entry-count", f"{min(share, 0.99):g}"]
    return RunLine(((Command(tuple(told), _visible(start)),),))


def _tensorrt_llm(start: Start) -> RunLine | str:
    if start.model.format == "gguf":
        return "No command: TensorRT-LLM does not load GGUF files."
    options, devices = start.options, len(start.used)
    told = ["trtllm-serve", start.model.repo_id, "--max_seq_len", str(options.context)]
    if devices > 1:
        told += ["--tp_size", str(devices)]
    if options.parallel is not None:
        told += ["--max_batch_size", str(options.parallel)]
    # Its cache takes a share of what weights and buffers leave free.
    share = _cache_share(start, ("weights", "overhead", "projector", "compute"))
    if share is not None and share > 0.9:
        told += ["--kv_cache_free_gpu_memory_fraction", f"{min(share, 1):g}"]
    # _init_max_seq_len of its model engine cuts the context to the model's own without it.
    stretched = {"TLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"} if start.stretched else {}
    return RunLine(((Command(tuple(told), _visible(start) | stretched),),), _stretching(start))


def _cache_share(start: Start, before: tuple[str, ...]) -> float | None:
    """What share of the memory that some parts leave free the cache takes on the fullest card, in hundredths."""
    shares = []
    for parts, room in start.held:
        free = room - sum(parts.get(name, 0) for name in before)
        cache = parts.get("kv", 0) + parts.get("state", 0)
        shares.append(ceil(100 * cache / free) / 100 if free > 0 else 1.0)
    return max(shares, default=None)


def _visible(start: Start) -> dict[str, str]:
    """Which cards CUDA shows to an engine that takes the first ones it sees."""
    return {"CUDA_VISIBLE_DEVICES": ",".join(map(str, start.chosen))} if start.chosen else {}


def _transformers(start: Start) -> RunLine | str:
    model, named, also = start.model, start.model.repo_id, ""
    if model.format == "gguf":
        if len(model.files) != 1:
            return (
                "No command: Transformers is told one GGUF file by its name, and our record does not tell it or has "
                "parts."
            )
        # split_model_id in cli/serving/utils.py.
        named, also = f"{named}:{model.files[0]}", "gguf_file=..., "
    told = ("transformers", "serve", named, *(() if start.memories else ("--device", "cpu")))
    call = f'`from_pretrained(..., {also}device_map="auto", dtype="auto")`'
    note = (
        f"Its server has no option for the context: keep conversations within {start.options.context:,} tokens. "
        f"In Python, {call} loads it the same way."
    )
    return RunLine(((Command(told),),), note)


def _text_embeddings_inference(start: Start) -> RunLine | str:
    if start.model.format == "gguf":
        return "No command: Text Embeddings Inference does not load GGUF files."
    told = ["text-embeddings-router", "--model-id", start.model.repo_id]
    if start.options.context > _TEI_BATCH:
        told += ["--max-batch-tokens", str(start.options.context)]
    return RunLine(
        ((Command(tuple(told)),),),
        "With one of its container images, what follows the first word goes behind the image's name.",
    )


_TEI_BATCH = 16_384
"""Tokens of a batch unless it is told otherwise: no text is longer."""


def _exllamav3(start: Start) -> str:
    cards = f", over {len(start.used)} cards" if len(start.used) > 1 else ""
    return (
        "No command: ExLlamaV3 is a library without a command of its own. Whatever loads the model with it is told a "
        f"cache of {start.options.context:,} tokens{cards}."
    )


_LINES: Mapping[str, Callable[[Start], RunLine | str]] = {
    "llama-cpp": _llama_server,
    "ollama": _ollama,
    "vllm": _vllm,
    "sglang": _sglang,
    "mlx-lm": _mlx,
    "mlx-vlm": _mlx_vlm,
    "mlx-audio": _mlx_audio,
    "koboldcpp": _koboldcpp,
    "llamafile": _llamafile,
    "lm-studio": _lm_studio,
    "jan": _jan,
    "tgi": _tgi,
    "lmdeploy": _lmdeploy,
    "tensorrt-llm": _tensorrt_llm,
    "transformers": _transformers,
    "exllamav3": _exllamav3,
    "text-embeddings-inference": _text_embeddings_inference,
}
"""Engines whose options were read, by their slug."""

ONE_CARD = frozenset({"ollama"})
"""Engines that are told of one card to load onto, but not of some, by their slug: ``main_gpu``."""
CHOOSES_CARDS = ONE_CARD | {"llama-cpp", "llamafile", "vllm", "sglang", "tgi", "lmdeploy", "tensorrt-llm"}
"""Engines that are told on which cards to load; the others choose by themselves."""
