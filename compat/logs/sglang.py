"""SGLang: lines of versions 0.4 to 0.5. Its GB are GiB."""

from __future__ import annotations

import re

from .lines import after, argument, number, whole
from .load import GIB, Load
from .reader import MOST_RANKS, RankedReader

_AVAILABLE = re.compile(r"avail mem=([\d.]{1,12}) GB")
_USED = re.compile(r"mem usage=([\d.]{1,12}) GB")
_CACHE = re.compile(r"\b(?:K|V|KV) size: ([\d.]{1,12}) ?GB")
_STATE = re.compile(r"(?:conv_state|ssm_state|intermediate_\w{1,30}) size: ([\d.]{1,12}) ?GB")
_CLASS = re.compile(r"type=(\w{1,80})")
_DRAFTS = ("Eagle", "NextN", "MTP", "Draft")


class SglangReader(RankedReader):
    """SGLang's lines."""

    engine = "sglang"
    name = "SGLang"
    usual = ("weights", "kv")

    def __init__(self) -> None:
        super().__init__()
        self._draft = False
        self._before: dict[str, float] = {}

    def begin(self) -> Load:
        """Another load begins."""
        self._draft = False
        return super().begin()

    def _options(self, line: str) -> bool:
        load = self.load
        if load.held or load.ready:
            load = self.begin()
        load.name = argument(line, "model_path")[:200] or load.name
        load.stages = min(whole(argument(line, "pp_size")) or 1, 64)
        load.ranks = min((whole(argument(line, "tp_size")) or 1) * load.stages, MOST_RANKS)
        load.context = whole(argument(line, "context_length")) or load.context
        load.k_type = load.v_type = argument(line, "kv_cache_dtype")[:20]
        load.quantization = argument(line, "quantization")[:40]
        return True

    def _begins(self, line: str) -> bool:
        found = _AVAILABLE.search(line)
        self._before[self.device(line)] = _float(found)
        return True

    def _weights(self, line: str) -> bool:
        named, device, load = _CLASS.search(line), self.device(line), self.load
        name = named[1] if named else ""
        if device in load.held.get("weights", {}):
            if any(word in name for word in _DRAFTS):
                self._draft = True
                return True
            load = self.begin()
        load.architecture = name
        used, left = _USED.search(line), _AVAILABLE.search(line)
        took = _float(used) if used else self._before.get(device, 0.0) - _float(left)
        if took > 0:
            load.add("weights", device, took * GIB, instead=True)
        return True

    def _pool(self, line: str) -> bool:
        if not self._draft:
            sizes = _CACHE.findall(line)
            if sizes:
                took = sum(number(one) or 0 for one in sizes)
                self.load.add("kv", self.device(line), took * GIB, instead=True)
            if self.load.pool is None or self.is_first(line):
                self.load.pool = whole(after(line, "#tokens:")) or self.load.pool
        return True

    def _state(self, line: str) -> bool:
        if not self._draft:
            took = sum(number(one) or 0 for one in _STATE.findall(line))
            self.load.add("state", self.device(line), took * GIB, instead=True)
        return True

    def _graphs(self, line: str) -> bool:
        used = _USED.search(line)
        if used and self.device(line) == "GPU0":
            self.load.beside["graphs"] = self.load.beside.get("graphs", 0) + round(_float(used) * GIB)
        return True

    def _limits(self, line: str) -> bool:
        self.load.pool = self.load.pool or whole(after(line, "max_total_num_tokens="))
        self.load.context = whole(after(line, "context_len=")) or self.load.context
        return True

    def _throughput(self, line: str) -> bool:
        self.load.ready = True
        self.load.drafting = self.load.drafting or "accept len" in line
        found = number(after(line, "gen throughput (token/s):"))
        if found and "#running-req: 1," in line:
            self.load.speeds.append(found)
        return True

    def _ready(self, line: str) -> bool:
        self.load.ready, self.load.stopped = True, ""
        return bool(line)

    def _no_memory(self, line: str) -> bool:
        load = self.load
        if not load.stopped:
            before = "compute" if "kv" in load.held else "kv" if "weights" in load.held else "weights"
            load.stopped = "run" if load.ready else before
        return bool(line)

    handlers = (
        (("server_args=",), _options),
        (("Load weight begin",), _begins),
        (("Load weight end",), _weights),
        (("KV Cache is allocated",), _pool),
        (("Mamba Cache is allocated",), _state),
        (("cuda graph end", "CUDA graph end"), _graphs),
        (("max_total_num_tokens=",), _limits),
        (("gen throughput",), _throughput),
        (("server is fired up",), _ready),
        (("CUDA out of memory", "OutOfMemoryError", "Not enough memory"), _no_memory),
    )


def _float(found: re.Match[str] | None) -> float:
    return (number(found[1]) or 0.0) if found else 0.0
