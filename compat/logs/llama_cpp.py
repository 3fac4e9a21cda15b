"""llama.cpp: its server, its command line and its benchmark, and whatever else loads with its library.

Its lines were read in logs of 2023 (``llm_load_tensors``) to October 2026 (``sched_reserve``). Where nobody asked for
more than the usual verbosity, builds since 2026 print a table at the end and no buffers.
"""

from __future__ import annotations

import re

from .lines import after, number, quantization_of, size, whole
from .llama_bench import cells_of, is_head, parameters_of, tell_model, tell_speed
from .load import MIB, Load, is_host
from .reader import Reader

_CONTEXT = ("llama_context:", "llama_context_base:", "llama_new_context_with_model:", "llama_init_from_model:")
_BEFORE_AUGUST_2025 = _CONTEXT[2:]
"""Names that later builds do not have any more: one that prints them is older, whatever its number."""
_OURS = ("cudaMalloc", "hipMalloc", "ggml", "llama", "alloc_tensor", " buffer", "kIOGPU", "kv cache", "DeviceMemory")
_BUILD = re.compile(
    r"\bbuild(?:_info)?\s{0,3}:\s{0,3}b?(\d{3,5})\b|\bversion: (\d{3,5}) \(|^build: [0-9a-f]{7,12} \((\d{3,5})\)"
)
_TIMING = re.compile(r"=\s{0,12}([\d.]{1,14}) ms /\s{0,12}(\d{1,9}) (?:tokens|runs)")
_TYPE = re.compile(r"\b(K|V|c\^KV) \((\w{2,8})\):")
_ROW = re.compile(r"-\s{1,4}(\w{1,20})(?: \(([^|]{1,80}?)\))?\s{0,80}\|([\d\s=+()]{1,160})\|")
_DEVICE = re.compile(r"\bDevice (\d{1,3}): ([^,]{1,80}),")
_USING = re.compile(r"using device (\w{1,20}) \(([^()]{1,80}(?:\([^()]{1,40}\)[^()]{0,40})?)\)")
_FEWEST = 16
"""Tokens of the shortest answer whose speed tells anything."""
_KEYS = {"general.name ": "name", "general.architecture ": "architecture"}
_COUNTS = {".block_count ": "layers", ".embedding_length ": "hidden"}
_YES = {"1": True, "true": True, "enabled": True, "0": False, "false": False, "disabled": False}


class LlamaReader(Reader):
    """llama.cpp's lines."""

    engine = "llama-cpp"
    name = "llama.cpp"
    usual = ("weights", "kv", "compute")

    def __init__(self) -> None:
        super().__init__()
        self._cells = 0
        self._draft = self._draft_next = self._in_context = self._tabled = False
        self.names: dict[str, str] = {}
        self.program: tuple[str, int | None] = ("", None)
        self._columns: list[str] = []

    def begin(self) -> Load:
        """Another load begins."""
        self._end()
        self._draft = self._in_context = self._tabled = False
        load = super().begin()
        load.version, load.build = self.program
        load.accelerators = tuple(self.names.values())
        return load

    def finish(self) -> None:
        """Once all lines were read."""
        self._end()

    def _end(self) -> None:
        """The load is told to its end: where no context was told, its cache has as many cells."""
        if self.loads and self.loads[-1].context is None and self._cells:
            self.loads[-1].context = self._cells
        self._cells = 0

    # --- the model ---------------------------------------------------------------------------------------------

    def _loader(self, line: str) -> bool:
        if self._draft_next and self.loads:
            self._draft, self._draft_next = True, False
            return True
        self.start_reading()
        self.load.file = _file_name(after(line, " from ").partition(" (version")[0])
        return True

    def start_reading(self) -> None:
        """A file is read: another load, unless the server just said that it loads this one."""
        last = self.loads[-1] if self.loads else None
        if last is None or not last.file or last.held or last.ready or last.architecture:
            self.begin()

    def _server_loads(self, line: str) -> bool:
        """A server at its usual verbosity names the file, and nothing else of it."""
        if not self.loads or self.load.ready or self.load.held:
            self.begin()
        self.load.file = _file_name(after(line, "loading model '").partition("'")[0])
        return True

    def _key(self, line: str) -> bool:
        told = after(line, " = ").strip()
        if self._draft or not told:
            return False
        for key, name in _KEYS.items():
            if key in line:
                setattr(self.load, name, told[:200])
                return True
        for key, name in _COUNTS.items():
            if key in line:
                setattr(self.load, name, whole(told))
                return True
        return False

    def _fact(self, line: str) -> bool:
        key, _, told = (word.strip() for word in line.partition("print_")[2].partition(":")[2].partition("="))
        if self._draft or not told:
            return False
        load = self.load
        if key == "arch":
            load.architecture = told[:80]
        elif key == "general.name":
            load.name = told[:200]
        elif key == "n_layer":
            load.layers = whole(told)
        elif key == "n_embd":
            load.hidden = whole(told)
        elif key in ("file type", "model ftype"):
            load.quantization = quantization_of(told)[:40]
        elif key in ("file size", "model size"):
            load.file_bytes = round(size(told) or 0) or None
        elif key == "model params":
            load.parameters = parameters_of(told)
        else:
            return False
        return True

    # --- the memory ----------------------------------------------------------------------------------------------

    def _option(self, line: str) -> bool:
        prefix = next(name for name in _CONTEXT if name in line)
        key, equals, told = (word.strip() for word in after(line, prefix).partition("="))
        load = self.load
        if self._draft or not equals or " " in key:
            return False
        if key in ("n_seq_max", "n_ctx") and self._in_context:
            # The same model gets another context: this one is what runs in the end.
            for part in ("kv", "state", "compute"):
                load.held.pop(part, None)
            self._in_context = False
        if key == "n_ctx":
            load.context = whole(told)
        elif key == "n_seq_max":
            load.slots = whole(told)
        elif key == "n_ubatch":
            load.ubatch = whole(told)
        elif key == "flash_attn":
            load.flash_attention = _YES.get(told.lower())
        elif key == "kv_unified":
            load.unified = _YES.get(told.lower())
        if prefix in _BEFORE_AUGUST_2025 and load.build is None:
            load.build = 0
        return True

    def _buffer(self, line: str) -> bool:
        before, _, rest = line.partition(" buffer size")
        words, found = before.split(), size(after(rest, "="))
        if not words or found is None:
            return False
        kind = words.pop()
        device = words[-1] if words else ""
        if kind in ("output", "input"):
            return False
        if kind not in ("model", "KV", "RS", "compute"):
            # Builds until 2024 do not say that these are the weights.
            if "load_tensors:" not in before:
                return False
            kind, device = "model", kind
        if "compute_meta" in before or "clip" in before:
            self.load.add("projector", device, found)
        elif self._draft:
            self.load.beside["draft"] = self.load.beside.get("draft", 0) + round(0 if is_host(device) else found)
        elif kind == "model":
            self.load.add("weights", device, found)
        else:
            self._in_context = True
            self.load.add({"KV": "kv", "RS": "state"}.get(kind, "compute"), device, found, instead=kind == "compute")
        return True

    def _cache(self, line: str) -> bool:
        """The line that tells a whole cache: its types and cells, and its size where no buffer was told."""
        if self._draft or "recurrent" in line or ("cells" not in line and "KV self size" not in line):
            return False
        load = self.load
        for which, told in _TYPE.findall(line):
            load.k_type = load.k_type or (told if which != "V" else "")
            load.v_type = load.v_type or (told if which != "K" else "")
        cells = whole(line.partition("MiB (")[2]) if " cells" in line else None
        self._cells = max(cells or 0, self._cells)
        if "kv" not in load.held:
            load.add("kv", "", size(after(line, "size")) or 0)
            self._in_context = True
        return True

    def _projector(self, line: str) -> bool:
        if "clip" not in line:
            return False
        self.load.add("projector", "clip", size(after(line, "model size:")) or 0)
        return True

    def _offloaded(self, line: str) -> bool:
        if " layers to GPU" not in line or self._draft:
            return False
        self.load.layers_on_gpu, self.load.layers_offered = offloaded(line)
        return True

    def _slots(self, line: str) -> bool:
        if not self._draft:
            self.load.slots = self.load.slots or whole(after(line, "n_slots = "))
        return True

    def _flash(self, line: str) -> bool:
        if self._draft or ("enabled" not in line and "disabled" not in line):
            return False
        self.load.flash_attention = "enabled" in line
        return True

    def _drafts(self, line: str) -> bool:
        if "loading draft model" in line:
            self._draft_next = True
        elif "draft context" in line and "creating" in line:
            self._draft = True
        elif "draft acceptance" in line and self.loads:
            self.load.drafting = True
        return False

    def _breakdown(self, line: str) -> bool:
        """A row of the table of builds that print no buffers: cache and recurrent state are one number in it.

        Before a load it is only what is expected: more than there is is then unaccounted for, with a minus.
        """
        row = _ROW.search(line)
        if row is None or not (self._tabled or self.load.part("weights") is None):
            return False
        device, name = row[1], row[2]
        numbers = [float(one) for one in re.findall(r"\d{1,9}", row[3])]
        parts = numbers[3:6] if len(numbers) >= 7 else numbers[1:4]
        if len(parts) < 3:
            return False
        self._tabled = True
        for part, mib in zip(("weights", "kv", "compute"), parts, strict=True):
            self.load.add(part, device, mib * MIB, instead=True)
        self.load.joined["kv"] = ("state",)
        if name and not self.names and not is_host(device):
            self.load.accelerators = (*self.load.accelerators, name)
        return True

    # --- the program, and how it went --------------------------------------------------------------------------

    def _number(self, line: str) -> bool:
        told = _BUILD.search(line)
        if told is None:
            return False
        build = next(group for group in told.groups() if group)
        self.program = (f"b{build}", int(build))
        if self.loads and not self.load.ready:
            self.load.version, self.load.build = self.program
        return True

    def _devices(self, line: str) -> bool:
        """The names of devices, before a load or as it begins."""
        device, using = _DEVICE.search(line), _USING.search(line)
        if " devices" in line and "found " in line:
            self.names = {}
        elif device:
            self.names[device[1]] = device[2].strip()
        elif using:
            self.names = {**{key: name for key, name in self.names.items() if not key.isdigit()}, using[1]: using[2]}
        elif "GPU name:" in line:
            self.names = {"0": after(line, "GPU name:").strip()[:80]}
        else:
            return False
        if self.loads and not self.load.ready and self.names:
            self.load.accelerators = tuple(self.names.values())
        return True

    def _ready(self, line: str) -> bool:
        if self.loads:
            self.load.ready, self.load.stopped = True, ""
        return bool(line)

    def _timing(self, line: str) -> bool:
        found = _TIMING.search(line)
        milliseconds = number(found[1]) if found else None
        if found is None or not milliseconds or int(found[2]) < _FEWEST:
            return False
        tokens, load = int(found[2]), self.load
        if "prompt eval time" in line:
            load.prompt_speeds.append(tokens / milliseconds * 1000)
            load.prompt_tokens = max(tokens, load.prompt_tokens or 0)
        else:
            load.speeds.append(tokens / milliseconds * 1000)
        return True

    def no_memory(self, line: str) -> bool:
        """There was not enough memory for something."""
        if not any(word in line for word in _OURS):
            return False
        load = self.load
        if load.ready:
            load.stopped = "run"
        elif not load.stopped or "compute" in line or "kv cache" in line:
            load.stopped = self._stage(line)
        wanted = number(after(line, "allocating "))
        if wanted and "MiB" in line:
            load.wanted = round(wanted * MIB)
        return True

    def _stage(self, line: str) -> str:
        if "alloc_tensor" in line or "llama_model_load" in line or "loading model" in line:
            return "weights"
        if "kv cache" in line.lower():
            return "kv"
        held = self.load.held
        if "compute" in line or "gallocr" in line or "kv" in held or "state" in held:
            return "compute"
        return "kv" if "weights" in held else "weights"

    def _table(self, line: str) -> bool:
        cells = cells_of(line)
        if is_head(cells):
            self._columns = cells
            return True
        if not cells or len(cells) != len(self._columns) or set(cells[0]) <= {"-", ":"}:
            return False
        row = dict(zip(self._columns, cells, strict=True))
        if not self.loads or self.load.name != row["model"][:200]:
            tell_model(self.begin(), row)
        tell_speed(self.load, row)
        return True

    handlers = (
        (("loaded meta data with",), _loader),
        (("buffer size",), _buffer),
        (("print_info:", "print_meta:"), _fact),
        (("eval time",), _timing),
        (("memory_breakdown_print:",), _breakdown),
        (("- kv",), _key),
        (
            ("out of memory", "failed to allocate", "unable to allocate", "OfDeviceMemory", "Insufficient Mem"),
            no_memory,
        ),
        (_CONTEXT, _option),
        (("MiB (", "KV self size"), _cache),
        (("offloaded ",), _offloaded),
        (("load_model: loading model '",), _server_loads),
        (("n_slots = ",), _slots),
        (("Flash Attention",), _flash),
        (("draft",), _drafts),
        (("model size:",), _projector),
        (("model loaded", "server is listening", "HTTP server listening", "listening on http"), _ready),
        (("build", "version: "), _number),
        (("devices", "Device ", "using device", "GPU name:"), _devices),
        (("|",), _table),
    )


def offloaded(line: str) -> tuple[int | None, int | None]:
    """``offloaded 29/41 layers to GPU``: how many layers went to accelerators, and of how many."""
    some, _, every = after(line, "offloaded ").partition(" ")[0].partition("/")
    return whole(some), whole(every)


def _file_name(path: str) -> str:
    return path.strip().replace("\\", "/").rpartition("/")[2][:200]
