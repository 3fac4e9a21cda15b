"""Ollama: its own structured lines, around those of llama.cpp's runner or of the engine it has had since 2025.

What it prints before llama.cpp's runner starts (``memory.required``, and the sizes by device of builds since 2025) is
its plan. Its own engine prints what it took. Where the runner's lines are there, they count.
"""

from __future__ import annotations

import re

from .lines import after, number, size, value, whole
from .llama_cpp import LlamaReader, offloaded
from .load import Load
from .reader import heard

_SIZES = {"model weights": "weights", "kv cache": "kv", "compute graph": "compute"}
_PLANNED = {"weights": "memory.weights.total", "kv": "memory.required.kv", "compute": "memory.graph.full"}
_REQUEST = re.compile(r"\b(Parallel|KvSize|KvCacheType|FlashAttention|BatchSize):(\w{0,20})")
_LISTED = re.compile(
    r"^(\S{1,120})\s{1,20}[0-9a-f]{12}\s{1,20}[\d.]{1,8} [KMGT]?B\s{1,20}\S.{0,40}[CG]PU\s{1,20}(\d{0,9})"
)
_FLASH = {"true": True, "enabled": True, "false": False, "disabled": False}


def is_of_ollama(text: str) -> bool:
    """Whether a log has lines that only Ollama prints."""
    return ("level=" in text and "source=" in text and ".go:" in text) or "eval rate:" in text or "PROCESSOR" in text


class OllamaReader(LlamaReader):
    """llama.cpp's lines, and Ollama's own."""

    engine = "ollama"
    name = "Ollama"

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, dict[str, dict[str, float]]] = {}
        self._only_planned: set[int] = set()
        self._started = False
        self._set_is_over = True

    def read(self, line: str) -> bool:
        """Whether the line told something; Ollama's own lines are no line of llama.cpp."""
        if "level=" in line and "source=" in line:
            return heard(self, self.structured, line)
        if "eval rate:" in line:
            return self._rate(line)
        return self._listed(line) or super().read(line)

    def finish(self) -> None:
        """Once all lines were read: what Ollama said stands where its runner said nothing."""
        super().finish()
        for index, load in enumerate(self.loads):
            own = self._sizes.get(index)
            if own and "weights" not in load.held:
                load.held.clear()
                for part, devices in own.items():
                    for device, found in devices.items():
                        load.add(part, device, found, instead=True)
                load.planned = index in self._only_planned

    def start_reading(self) -> None:
        """The runner that was started reads the file; what is read before that is only looked at."""
        if not (self._started and self.loads and not self.load.held):
            name = self.loads[-1].name if self.loads and not self.loads[-1].held else ""
            self.begin().name = name
        self._started = False

    # --- its own lines -------------------------------------------------------------------------------------------

    def start_runner(self, line: str) -> bool:
        """The command line of a runner, which serves one model."""
        if "--model" not in line:
            return False
        before = self.loads[-1] if self.loads else None
        if before is None or before.held or before.ready:
            self.begin()
        command = value(line, "cmd") or after(line, "cmd=")
        load = self.load
        if "--ollama-engine" not in command:
            self._only_planned.add(len(self.loads) - 1)
            load.library = " runner " in command
        if "--ctx-size " in command:
            load.context = whole(after(command, "--ctx-size "))
            load.slots = whole(after(command, "--parallel ")) if "--parallel " in command else None
        if "--n-gpu-layers " in command:
            load.layers_on_gpu = whole(after(command, "--n-gpu-layers "))
        self._started = self._set_is_over = True
        return True

    def part(self, line: str) -> bool:
        """The size of a part on a device."""
        part, found = _SIZES.get(value(line, "msg")), size(value(line, "size"))
        if part is None or found is None:
            return False
        if not self.loads or self.load.ready:
            self.begin()
        sizes = self._sizes.setdefault(len(self.loads) - 1, {})
        if part == "weights" and (self._set_is_over or set(sizes) - {"weights"}):
            sizes.clear()  # it tries several layouts, and the last one is loaded
        self._set_is_over = False
        device = value(line, "device") or value(line, "buffer") or value(line, "buffer_type")
        sizes.setdefault(part, {})[device] = found
        return True

    def sum_of_parts(self, line: str) -> bool:
        """The end of a layout."""
        self._set_is_over = True
        return bool(line)

    def offload(self, line: str) -> bool:
        """The plan of builds until 2025, in one line."""
        if not self.loads or self.load.held or self.load.ready or self._sizes.get(len(self.loads) - 1):
            self.begin()
        index, load = len(self.loads) - 1, self.load
        library = value(line, "library") or after(line, 'msg="offload to ').partition('"')[0]
        device = library.upper() or "GPU"
        self._sizes[index] = {part: {device: size(value(line, key)) or 0.0} for part, key in _PLANNED.items()}
        self._only_planned.add(index)
        self._set_is_over = True
        load.layers_on_gpu, load.layers_offered = (
            whole(value(line, "layers.offload")),
            whole(value(line, "layers.model")),
        )
        return True

    def request(self, line: str) -> bool:
        """How the engine is asked to load."""
        load = self.load
        for key, told in _REQUEST.findall(line):
            if key == "Parallel":
                load.slots = whole(told)
            elif key == "KvSize":
                load.context = whole(told) or load.context
            elif key == "KvCacheType":
                load.k_type = load.v_type = told or "f16"
            elif key == "FlashAttention":
                load.flash_attention = _FLASH.get(told.lower(), load.flash_attention)
            else:
                load.ubatch = whole(told) or None
        return True

    def compute(self, line: str) -> bool:
        """A device that it found."""
        name = value(line, "description") or value(line, "name")
        if name and value(line, "library").lower() != "cpu":
            self.names[value(line, "id") or name] = name
        return True

    def model(self, line: str) -> bool:
        """What its own engine reads of the file."""
        load = self.load
        load.architecture, load.quantization = value(line, "architecture")[:80], value(line, "file_type")[:40]
        load.name = value(line, "name")[:200] or load.name
        return True

    def layers(self, line: str) -> bool:
        """How many layers went to accelerators."""
        self.load.layers_on_gpu, self.load.layers_offered = offloaded(line)
        return True

    def server(self, line: str) -> bool:
        """The server starts, and tells its version."""
        self.program = (after(line, "(version ").partition(")")[0][:40], None)
        if self.loads:
            self.begin()
        return True

    def ready(self, line: str) -> bool:
        """The runner serves."""
        self.load.ready, self.load.stopped = True, ""
        return bool(line)

    def _rate(self, line: str) -> bool:
        """What ``ollama run --verbose`` prints after an answer."""
        found = number(after(line, "eval rate:"))
        if found:
            (self.load.prompt_speeds if "prompt eval rate" in line else self.load.speeds).append(found)
        return found is not None

    def _listed(self, line: str) -> bool:
        """A row of ``ollama ps``, which names the model."""
        row = _LISTED.match(line.strip()) if "GPU" in line or "CPU" in line else None
        if row is None:
            return False
        load: Load = self.load
        load.name = load.name or row[1]
        load.context = load.context or whole(row[2])
        return True

    structured = (
        (('msg="starting llama server"', 'msg="starting runner"'), start_runner),
        (('msg="model weights"', 'msg="kv cache"', 'msg="compute graph"'), part),
        (('msg="total memory"',), sum_of_parts),
        (("memory.required.full=",), offload),
        (("load request=",), request),
        (('msg="inference compute"',), compute),
        ((' msg="" architecture=',), model),
        (("layers to GPU",), layers),
        (("(version ",), server),
        (("runner started in",), ready),
        (("out of memory",), LlamaReader.no_memory),
    )
