"""llama-bench: a table of speeds, a row for each test of a model."""

from __future__ import annotations

from collections.abc import Mapping

from .lines import number, quantization_of, size, whole
from .load import Load

_SCALES = {"T": 1e12, "B": 1e9, "M": 1e6, "K": 1e3}
_MOST_CELLS = 40


def cells_of(line: str) -> list[str]:
    """The cells of a row; none where it is no row of a table this wide."""
    if line.count("|") < 6:
        return []
    return [cell.strip() for cell in line.strip().strip("|").split("|")][:_MOST_CELLS]


def is_head(cells: list[str]) -> bool:
    """Whether these are the names of llama-bench's columns."""
    return cells[:1] == ["model"] and "t/s" in cells and "test" in cells


def tell_model(load: Load, row: Mapping[str, str]) -> None:
    """What a row says of the model and of how it was started."""
    load.name = row["model"][:200]
    words = load.name.split()
    load.architecture = words[0] if words else ""
    rest = next((i for i, word in enumerate(words) if word[:1] in "QIBFMT" and any(c.isdigit() for c in word)), None)
    load.quantization = quantization_of(" ".join(words[rest:])) if rest else ""
    load.file_bytes = round(size(row.get("size", "")) or 0) or None
    load.parameters = parameters_of(row.get("params", ""))
    load.k_type, load.v_type = row.get("type_k", ""), row.get("type_v", "")
    load.ubatch = whole(row.get("n_ubatch", ""))
    load.flash_attention = {"1": True, "0": False}.get(row.get("fa", ""))
    load.layers_on_gpu = whole(row.get("ngl", ""))


def tell_speed(load: Load, row: Mapping[str, str]) -> None:
    """The speed of a row: ``tg128`` writes, ``pp512`` reads; with ``@`` or ``+`` it is another test."""
    speed, test = number(row["t/s"].partition("±")[0]), row["test"].replace(" ", "")
    tokens = whole(test[2:])
    if not speed or not tokens or "@" in test or "+" in test:
        return
    if test.startswith("tg"):
        load.speeds.append(speed)
    elif test.startswith("pp"):
        load.prompt_speeds.append(speed)
        load.prompt_tokens = tokens


def parameters_of(told: str) -> int | None:
    """``8.03 B`` as a number."""
    found = number(told)
    return round(found * _SCALES.get(told.strip().rpartition(" ")[2][:1], 1)) if found else None
