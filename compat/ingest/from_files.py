"""Record files: one Hub-shaped JSON object a line, plain or gzipped, read in constant memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from compat.hub.errors import HubBadPayload
from compat.hub.payloads import MAX_RECORD_BYTES

BUNDLED = Path(__file__).parents[1] / "data" / "snapshot.jsonl.gz"
"""The snapshot that ships with the project."""
_GZIP = b"\x1f\x8b"


class RecordFile:
    """The lines of a record file, numbered. ``error`` says, once they end, why they ended too early."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.error = ""
        self._raw: BinaryIO = path.open("rb")
        zipped = self._raw.read(2) == _GZIP
        self._raw.seek(0)
        self._text: BinaryIO = cast("BinaryIO", gzip.GzipFile(fileobj=self._raw)) if zipped else self._raw

    @property
    def position(self) -> int:
        """Bytes of the file read so far, as stored on disk."""
        return self._raw.tell()

    def __enter__(self) -> Self:
        """Open for reading."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self._text.close()
        self._raw.close()

    def __iter__(self) -> Iterator[tuple[str, bytes | HubBadPayload]]:
        """Pairs of where (``line 12``) and what stands there; a line that is too long comes as an error."""
        number = 0
        while True:
            try:
                line = self._text.readline(MAX_RECORD_BYTES + 1)
                whole = not line or line.endswith(b"\n") or len(line) <= MAX_RECORD_BYTES
                if not whole:
                    self._skip_line()
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.error = f"{self.path.name} is damaged or cut off after line {number:,}: {error}"
                return
            if not line:
                return
            number += 1
            if not whole:
                yield f"line {number}", HubBadPayload(f"is longer than {MAX_RECORD_BYTES:,} bytes")
            elif line.strip():
                yield f"line {number}", line

    def _skip_line(self) -> None:
        while True:
            rest = self._text.readline(MAX_RECORD_BYTES)
            if not rest or rest.endswith(b"\n"):
                return
