"""The real records of ``tests/data``, for tests that store them again or change them."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from compat.ingest.store import told_whole

if TYPE_CHECKING:
    from compat.hub.documents import Told

RECORDS = Path(__file__).parent / "data" / "records.jsonl"
GEMMA_3 = {
    "model_type": "gemma3",
    "vision_config": {"hidden_size": 1152},
    "text_config": {
        "model_type": "gemma3_text",
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "sliding_window": 1024,
        "vocab_size": 262208,
    },
}
"""The configuration of google/gemma-3-4b-it, which sees and is not computed in float16."""


@functools.cache
def _all() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(line) for line in RECORDS.read_text("utf-8").splitlines())


def every_record() -> list[dict[str, Any]]:
    """Copies of all records, in the file's order."""
    return copy.deepcopy(list(_all()))


def record(repo_id: str, **changes: Any) -> dict[str, Any]:
    """A copy of one record, with some fields changed."""
    return copy.deepcopy(next(item for item in _all() if item["id"] == repo_id)) | changes


def renamed(count: int, owner: str = "sample", start: int = 0) -> list[dict[str, Any]]:
    """Many records with real content under names of their own: ``sample/0-phi-2``."""
    known = _all()
    return [
        {
            **known[i % len(known)],
            "id": f"{owner}/{i}-{known[i % len(known)]['id'].rpartition('/')[2][:80].rstrip('-.')}",
        }
        for i in range(start, start + count)
    ]


def whole(item: dict[str, Any], origin: str = "file") -> Told:
    """A record as the writers take it: a line of a file, or a model's own answer by the Hub."""
    return told_whole(item, origin, timezone.now())


def write_lines(path: Path, records: list[dict[str, Any]]) -> Path:
    """Write a record file."""
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in records), "utf-8")
    return path
