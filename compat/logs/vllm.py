"""vLLM: lines of versions 0.5 to 0.33. What it prints as GB until 0.8 is GiB too."""

from __future__ import annotations

import re

from .lines import after, argument, number, whole
from .load import GIB, MIB, Load
from .reader import MOST_RANKS, RankedReader

_TOOK = re.compile(r"took ([\d.]{1,12}) (?:GiB|GB)")
_ACTUAL = re.compile(r"memory: ([\d.]{1,12}) GiB \(actual\)")
_VERSION = re.compile(r"LLM engine \(v([^)]{1,40})\)|version (\d[\w.+]{1,39})")
_PROFILE = re.compile(
    r"(model weights take|PyTorch activation peak memory takes|reserved for KV Cache is) ([\d.]{1,12})GiB"
)
_PROFILED = {"model": "weights", "PyTorch": "compute", "reserved": "kv"}
_ONE_REQUEST = re.compile(r"Running: 1 reqs?\b")
_BLOCK = 16
"""Tokens of a block, where a log counts blocks."""


class VllmReader(RankedReader):
    """vLLM's lines."""

    engine = "vllm"
    name = "vLLM"
    usual = ("weights", "kv")

    def __init__(self) -> None:
        super().__init__()
        self._version = ""

    def begin(self) -> Load:
        """Another load begins."""
        super().begin().version = self._version
        return self.loads[-1]

    def _options(self, line: str) -> bool:
        load = self.load
        if load.ready or self.holds(line):
            load = self.begin()
        version = _VERSION.search(line)
        if version:
            load.version = self._version = version[1] or version[2]
        load.name = argument(line, "model")[:200] or load.name
        load.context = whole(argument(line, "max_seq_len") or argument(line, "max_model_len")) or load.context
        load.stages = min(whole(argument(line, "pipeline_parallel_size")) or load.stages, 64)
        cut = whole(argument(line, "tensor_parallel_size"))
        load.ranks = min(cut * load.stages if cut else max(load.ranks, load.stages), MOST_RANKS)
        load.k_type = load.v_type = argument(line, "kv_cache_dtype")[:20] or load.k_type
        load.quantization = argument(line, "quantization")[:40] or load.quantization
        return True

    def _program(self, line: str) -> bool:
        version = _VERSION.search(line)
        if version is None or ("vLLM" not in line and "INFO" not in line):
            return False
        self._version = version[1] or version[2]
        return True

    def _model(self, line: str) -> bool:
        if self.device(line) in self.load.held.get("weights", {}):
            self.begin()
        name = after(line, "Starting to load model ").strip().removesuffix("...")
        self.load.name = self.load.name or name[:200]
        return True

    def _architecture(self, line: str) -> bool:
        self.load.architecture = after(line, "Resolved architecture:").strip()[:80]
        return True

    def _weights(self, line: str) -> bool:
        took = _TOOK.search(line)
        if took is None:
            return False
        device, held = self.device(line), self.load.held
        if self.load.ready or ("kv" in held and (device in held["kv"] or device in held.get("weights", {}))):
            self.begin()
        self.load.spread = self.load.spread or self.spreads(line)
        self.load.add("weights", device, (number(took[1]) or 0) * GIB, instead=True)
        return True

    def _memory_for_cache(self, line: str) -> bool:
        rest = after(line, "Available KV cache memory:").strip()
        if rest.startswith("-"):
            self.load.stopped = "kv"
        else:
            self.load.add("kv", self.device(line), (number(rest) or 0) * GIB, instead=True)
        return True

    def _pool(self, line: str) -> bool:
        if self.load.pool is None or self.is_first(line):
            self.load.pool = whole(after(line, "KV cache size")) or self.load.pool
        return True

    def _blocks(self, line: str) -> bool:
        blocks = whole(after(line, "blocks:"))
        self.load.pool = self.load.pool or (blocks * _BLOCK if blocks else None)
        return True

    def _context(self, line: str) -> bool:
        told = whole(after(line, "Maximum concurrency for ")) or whole(after(line, "max model len"))
        self.load.context = self.load.context or told
        return told is not None

    def _graphs(self, line: str) -> bool:
        took = _TOOK.search(line) or _ACTUAL.search(line)
        if took:
            self.load.beside["graphs"] = round((number(took[1]) or 0) * GIB)
        return took is not None

    def _profile(self, line: str) -> bool:
        found = _PROFILE.findall(line)
        for words, amount in found:
            part = _PROFILED[words.split()[0]]
            self.load.add(part, self.device(line), (number(amount) or 0) * GIB, instead=True)
        return bool(found)

    def _throughput(self, line: str) -> bool:
        self.load.ready = True
        found = number(after(line, "generation throughput:"))
        if found and _ONE_REQUEST.search(line):
            self.load.speeds.append(found)
        return True

    def _drafting(self, line: str) -> bool:
        self.load.drafting = True
        return bool(line)

    def _no_room(self, line: str) -> bool:
        self.load.stopped = "kv"
        return bool(line)

    def _no_memory(self, line: str) -> bool:
        load = self.load
        if not load.stopped:
            load.stopped = "run" if load.ready else "compute" if "weights" in load.held else "weights"
        tried = after(line, "Tried to allocate ")
        amount = number(tried)
        if amount:
            load.wanted = round(amount * (GIB if tried.split(" ")[1:2] == ["GiB."] else MIB))
        return True

    handlers = (
        (("LLM engine (v", "non-default args"), _options),
        (("version ",), _program),
        (("Starting to load model",), _model),
        (("Resolved architecture",), _architecture),
        (("odel loading took", "model weights took"), _weights),
        (("Available KV cache memory",), _memory_for_cache),
        (("KV cache size: ",), _pool),
        (("# GPU blocks:", "# cuda blocks:"), _blocks),
        (("Maximum concurrency for", "max model len"), _context),
        (("capturing finished", "graph pool memory"), _graphs),
        (("model weights take", "activation peak"), _profile),
        (("generation throughput",), _throughput),
        (("SpecDecoding metrics",), _drafting),
        (("No available memory", "larger than the available KV cache"), _no_room),
        (("CUDA out of memory", "HIP out of memory", "OutOfMemoryError"), _no_memory),
    )
