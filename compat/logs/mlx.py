"""MLX-LM: what ``mlx_lm.generate`` and ``mlx_lm.benchmark`` print when they are done. Its GB are 10^9 bytes."""

from __future__ import annotations

import re

from .lines import after, number
from .load import Load
from .reader import Reader

_ANSWER = re.compile(r"(Prompt|Generation): (\d{1,9}) tokens, ([\d.]{1,12}) tokens-per-sec")
_AVERAGE = re.compile(r"Averages: prompt_tps=([\d.]{1,12}), generation_tps=([\d.]{1,12}), peak_memory=([\d.]{1,12})")
_TIMING = re.compile(r"prompt_tokens=(\d{1,9})[^=]{0,20}generation_tokens=(\d{1,9})")
_MODEL = re.compile(r"--model[ =]{1,3}['\"]?([^\s'\"]{1,200})")


class MlxReader(Reader):
    """MLX-LM's lines: each answer is a run by itself."""

    engine = "mlx-lm"
    name = "MLX-LM"

    def __init__(self) -> None:
        super().__init__()
        self._name = ""

    def begin(self) -> Load:
        """Another run begins."""
        super().begin().name = self._name
        return self.loads[-1]

    def _command(self, line: str) -> bool:
        found = _MODEL.search(line) if "mlx_lm" in line else None
        self._name = found[1] if found else self._name
        return False

    def _timing(self, line: str) -> bool:
        found = _TIMING.search(line)
        if found:
            self._prompt(int(found[1]))
            self._wrote(int(found[2]))
        return found is not None

    def _averages(self, line: str) -> bool:
        found = _AVERAGE.search(line)
        if found:
            load = self.load
            prompt, written, peak = (number(one) or 0.0 for one in found.groups())
            load.prompt_speeds, load.speeds, load.peak = [prompt], [written], round(peak * 1e9) or None
        return found is not None

    def _answer(self, line: str) -> bool:
        found = _ANSWER.search(line)
        if found is None:
            return False
        tokens, speed = int(found[2]), number(found[3]) or 0.0
        if found[1] == "Prompt":
            self._prompt(tokens)
            self.load.prompt_speeds = [speed]
        else:
            self._wrote(tokens)
            self.load.speeds = [speed]
        return True

    def _peak(self, line: str) -> bool:
        self.load.peak = round((number(after(line, "Peak memory:")) or 0) * 1e9) or None
        return self.load.peak is not None

    def _prompt(self, tokens: int) -> None:
        load = self.load
        if load.prompt_tokens is not None or load.peak is not None:
            load = self.begin()
        load.prompt_tokens = load.context = tokens

    def _wrote(self, tokens: int) -> None:
        self.load.context = (self.load.prompt_tokens or 0) + tokens

    handlers = (
        (("--model",), _command),
        (("generation_tokens=",), _timing),
        (("Averages:",), _averages),
        (("tokens-per-sec",), _answer),
        (("Peak memory:",), _peak),
    )
