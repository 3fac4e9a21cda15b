"""The folder an export writes to: only what changed, each file at once, never two exports together.

Files are made beside the site, then renamed into place: new ones first, changed ones next, and what went away last,
so that no page a visitor can reach links to nothing. Before that the manifest forgets the files about to change; a run
that is killed meanwhile is completed by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

OWN = ".export"
"""The hidden folder that marks a site as written by this command: lock, manifest, and files in the making."""
_FORMAT = 1


class FolderError(Exception):
    """The folder cannot be written to; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run did to the files of the site."""

    written: int
    unchanged: int
    removed: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What the manifest knows of a file: digest and size of its content, and the key of what it was made from."""

    digest: str
    size: int
    key: str


def digest_of(content: bytes) -> str:
    """A short digest of a file's content."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


class SiteFolder:
    """The site as it is, and as it is to become. Made by :func:`opened`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._staging = path / OWN / "new"
        self._manifest = path / OWN / "manifest.json"
        self._before = self._read()
        self._after: dict[str, Kept] = {}
        self._staged: dict[str, Path] = {}

    def is_fresh(self, path: str, key: str) -> bool:
        """Whether the file was made from the same before, so that it need not be made again; it then stays."""
        kept = self._before.get(path)
        if kept is None or not kept.digest or kept.key != key or not self._is_whole(path, kept.size):
            return False
        self._after[path] = kept
        return True

    def put(self, path: str, content: str | bytes, key: str = "") -> None:
        """One file of the site; ``key`` names what it was made from, for :meth:`is_fresh` of the next run."""
        data = content.encode() if isinstance(content, str) else content
        kept = self._before.get(path)
        digest = digest_of(data)
        self._after[path] = Kept(digest, len(data), key)
        if kept is not None and kept.digest == digest and self._is_whole(path, len(data)):
            return
        staged = self._staging / str(len(self._staged))
        staged.write_bytes(data)
        self._staged[path] = staged

    def finish(self) -> Counts:
        """Bring the site up to date."""
        gone = [path for path in self._before if path not in self._after]
        if self._staged or gone:
            unsure = Kept("", 0, "")
            self._write({**self._before, **dict.fromkeys([*self._staged, *gone], unsure)})
            targets = {path: self._path / path for path in self._staged}
            for path in sorted(targets, key=lambda path: targets[path].exists()):
                target = targets[path]
                target.parent.mkdir(parents=True, exist_ok=True)
                self._staged[path].replace(target)
            for path in gone:
                self._remove(path)
        if self._after != self._before:
            self._write(self._after)
        shutil.rmtree(self._staging, ignore_errors=True)
        return Counts(len(self._staged), len(self._after) - len(self._staged), len(gone))

    def _is_whole(self, path: str, size: int) -> bool:
        try:
            return (self._path / path).stat().st_size == size
        except OSError:
            return False

    def _remove(self, path: str) -> None:
        target = self._path / path
        target.unlink(missing_ok=True)
        for folder in target.parents:
            if folder == self._path or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()

    def _read(self) -> dict[str, Kept]:
        try:
            told = json.loads(self._manifest.read_text("utf-8"))
            files = {path: Kept(*entry) for path, entry in told["files"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise FolderError(
                f"The list of files in {self._manifest} cannot be read. Empty {self._path}, or choose another folder."
            ) from None
        outside = [path for path in files if path.startswith("/") or ".." in PurePosixPath(path).parts]
        if outside or told.get("format") != _FORMAT:
            raise FolderError(
                f"{self._manifest} was written by another release. Empty {self._path}, or choose another folder."
            )
        return files

    def _write(self, files: dict[str, Kept]) -> None:
        entries = {path: [kept.digest, kept.size, kept.key] for path, kept in files.items()}
        beside = self._manifest.with_suffix(".new")
        beside.write_text(json.dumps({"format": _FORMAT, "files": entries}, separators=(",", ":")), "utf-8")
        beside.replace(self._manifest)


@contextmanager
def open_folder(path: Path) -> Iterator[SiteFolder]:
    """The folder of a site, for this process alone. Raises :class:`FolderError` where it is not ours to write to."""
    own = path / OWN
    try:
        if path.exists() and not path.is_dir():
            raise FolderError(f"{path} is a file. Choose a folder.")
        if path.is_dir() and not own.is_dir() and any(path.iterdir()):
            raise FolderError(
                f"{path} holds files that this command did not write. Choose another folder, or empty this one."
            )
        own.mkdir(parents=True, exist_ok=True)
        with (own / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderError(f"Another export is writing to {path}. Wait until it has ended.") from None
            shutil.rmtree(own / "new", ignore_errors=True)
            (own / "new").mkdir()
            yield SiteFolder(path)
    except OSError as error:
        raise FolderError(f"{path} cannot be written to: {error.strerror or error}.") from error
