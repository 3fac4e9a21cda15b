"""Rewrite the generated name lists from the engines' own published packages, and say what changes by it.

    python -m tools.profiles.regenerate            # every engine that is published as a package
    python -m tools.profiles.regenerate mlx-lm     # one engine, newest version
    python -m tools.profiles.regenerate vllm==0.33.0
    python -m tools.profiles.regenerate ollama --source path/to/its/source/tree
    python -m tools.profiles.regenerate tgi==db931fc --source path/to/a/tree/without/git

Packages are fetched by name with pip and read as text: nothing of them is imported. The result is a diff of
``*.lists.toml`` (and of ``names.toml`` and ``gguf_names.toml`` in ``compat/architectures/``, which lead from one kind
of name to another), to be reviewed like any other change. What people decide (formats, packings, sureness, notes) stays
in ``<slug>.toml``, but for its version and the day it was checked, which are set here. At the end stands which records
of the bundled catalogue get another verdict.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import compat
from tools.profiles import changes, more_readers, readers

HERE = Path(compat.__file__).parent / "engines" / "profiles"
ARCHITECTURES = HERE.parents[1] / "architectures"
_WIDTH = 110
_VERSION = re.compile(r"^Version: (\S+)", re.MULTILINE)

Lists = Mapping[str, Iterable[str] | Mapping[str, str | tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an engine's names come from: the package, how it is published, and who reads it.

    ``beside`` tells from the engine's own text which other package's folder the reader takes as well. ``published``:
    without it there is no package, and ``--source`` has to name a tree.
    """

    package: str
    wheel: bool
    read: Callable[..., Lists]
    target: Path
    beside: Callable[[Path], str] | None = None
    published: bool = True


_PIN = readers.pinned_transformers
SOURCES = {
    "transformers": Source("transformers", True, readers.transformers, HERE / "transformers.lists.toml"),
    "names": Source("transformers", True, readers.names, ARCHITECTURES / "names.toml"),
    "gguf-names": Source("llama-cpp-python", False, readers.gguf_names, ARCHITECTURES / "gguf_names.toml"),
    "llama-cpp": Source("llama-cpp-python", False, readers.llama_cpp, HERE / "llama-cpp.lists.toml"),
    "mlx-lm": Source("mlx-lm", True, readers.mlx_lm, HERE / "mlx-lm.lists.toml"),
    "sglang": Source("sglang", True, readers.sglang, HERE / "sglang.lists.toml", beside=_PIN),
    "vllm": Source("vllm", False, readers.vllm, HERE / "vllm.lists.toml", beside=_PIN),
    "exllamav3": Source("exllamav3", True, readers.exllamav3, HERE / "exllamav3.lists.toml"),
    "tgi": Source("text-generation-inference", False, readers.tgi, HERE / "tgi.lists.toml", _PIN, published=False),
    "ollama": Source("ollama", False, readers.ollama, HERE / "ollama.lists.toml", published=False),
    "tensorrt-llm": Source(
        "TensorRT-LLM", False, readers.tensorrt_llm, HERE / "tensorrt-llm.lists.toml", published=False
    ),
    "diffusers": Source("diffusers", True, more_readers.diffusers, HERE / "diffusers.lists.toml"),
    "lmdeploy": Source("lmdeploy", True, more_readers.lmdeploy, HERE / "lmdeploy.lists.toml"),
    "mlx-audio": Source("mlx-audio", True, more_readers.mlx_audio, HERE / "mlx-audio.lists.toml"),
    "openvino-genai": Source("optimum-intel", True, more_readers.optimum_intel, HERE / "openvino-genai.lists.toml"),
    "mlx-vlm": Source("mlx-vlm", True, more_readers.mlx_vlm, HERE / "mlx-vlm.lists.toml"),
}


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _value(value: str | tuple[str, ...]) -> str:
    return _quoted(value) if isinstance(value, str) else "[" + ", ".join(map(_quoted, value)) + "]"


def render(lists: Lists, source: str) -> str:
    """The lists as TOML: one name a line and sorted, so that a new version is a small diff."""
    lines = [
        f"# Generated from {source} by tools/profiles/regenerate.py. Do not edit: run it again.",
        f"generated_from = {_quoted(source)}",
    ]
    tables: list[str] = []
    for name, content in lists.items():
        if isinstance(content, Mapping):
            tables += ["", f"[{name}]"]
            tables += [f"{_quoted(key)} = {_value(content[key])}" for key in sorted(content)]
        else:
            lines += ["", f"{name} = ["]
            lines += [f"    {_quoted(item)}," for item in sorted(set(content))]
            lines.append("]")
    return "\n".join([*lines, *tables, ""])


def _pip(package: str, folder: Path, *, wheel: bool) -> None:
    """Fetch one package without its dependencies.

    Of a source package only the unpacked tree is wanted: building its metadata may fail, as that can need the engine's
    whole build environment, and is ignored.
    """
    form = ["--only-binary", ":all:"] if wheel else ["--no-binary", ":all:", "--no-build-isolation", "--no-clean"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--quiet",
        *form,
        "--dest",
        str(folder),
        package,
    ]
    subprocess.run(  # noqa: S603 - a fixed program; the package name comes from the person at the keyboard
        command,
        check=wheel,
        env={**os.environ, "TMPDIR": str(folder)},
        stderr=None if wheel else subprocess.DEVNULL,
    )


def _unpack(folder: Path) -> Path:
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "package")  # noqa: S202 - a wheel: zipfile keeps its names inside
        return folder / "package"
    for sdist in folder.glob("*.tar.gz"):
        with tarfile.open(sdist) as archive:
            archive.extractall(folder / "package", filter="data")
        return folder / "package"
    kept = sorted(folder.glob("pip-download-*/*_*/"))
    if not kept:
        raise SystemExit(f"nothing was downloaded to {folder}")
    return kept[-1]


def _version(root: Path) -> str:
    """The version of a package, else the commit of a source tree and its day; for Ollama its llama.cpp's as well."""
    for info in (*root.glob("*.dist-info/METADATA"), *root.glob("PKG-INFO"), *root.glob("*/PKG-INFO")):
        found = _VERSION.search(info.read_text("utf-8"))
        if found:
            return found[1]
    if not (root / ".git").exists():
        return ""
    git = ["git", "-C", str(root), "log", "-1", "--format=commit %h (%cs)"]
    told = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - a fixed program
    llama = root / "LLAMA_CPP_VERSION"
    return f"{told}, llama.cpp {llama.read_text('utf-8').strip()}" if llama.exists() else told


def regenerate(slug: str, root: Path, beside: Path | None = None, version: str = "") -> bool:
    """Rewrite one list from an unpacked package, and one beside it if its reader takes two; tells if it changed.

    ``version`` is for a tree that does not tell its own.
    """
    source = SOURCES[slug]
    roots = (root,) if beside is None else (root, beside)
    version = version or _version(root)
    origin = f"{source.package} {version or 'of unknown version'}"
    if beside is not None:
        origin += f" with transformers {_version(beside)}"
    text = render(source.read(*roots), origin)
    before = source.target.read_text("utf-8") if source.target.exists() else ""
    source.target.write_text(text, "utf-8")
    if version:
        _note_version(slug, source.package, version)
    return text != before


_VERSION_LINE = re.compile(r'^version = "(.*)"$', re.MULTILINE)
_SOURCE_LINE = re.compile(r'^source = ".*"$', re.MULTILINE)


def _note_version(slug: str, package: str, version: str) -> None:
    """Set version and day of the engine's profile, and the version in every other one that names this package."""
    named = re.compile(rf"(?<=\b{re.escape(package)} )\S*[\w)]")
    for path in sorted(HERE.glob("*.toml")):
        text = path.read_text("utf-8")
        line = _VERSION_LINE.search(text)
        own = path.name == f"{slug}.toml"
        if path.name.endswith(".lists.toml") or line is None or not (own or named.search(line[1])):
            continue
        said = named.sub(version, line[1]) if named.search(line[1]) else version
        source = _SOURCE_LINE.search(text)
        if source is not None:  # it may say the version once more
            text = text.replace(source[0], source[0].replace(line[1], said), 1)
        text = text.replace(line[0], f"version = {_quoted(said)}", 1)
        text = re.sub(r"^checked = .*$", f"checked = {datetime.now(UTC).date()}", text, count=1, flags=re.MULTILINE)
        path.write_text(text, "utf-8")


class _Packages:
    """Packages fetched in one run, each once however many readers take it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._fetched = folder, dict[str, Path]()

    def fetch(self, requirement: str, *, wheel: bool) -> Path:
        """The unpacked package."""
        if requirement not in self._fetched:
            folder = self._folder / str(len(self._fetched))
            folder.mkdir()
            _pip(requirement, folder, wheel=wheel)
            self._fetched[requirement] = _unpack(folder)
        return self._fetched[requirement]


def _run(target: str, tree: Path | None, packages: _Packages) -> None:
    slug, pin, version = target.partition("==")
    source = SOURCES[slug]
    root = tree or packages.fetch(f"{source.package}{pin}{version}", wheel=source.wheel)
    beside = packages.fetch(source.beside(root), wheel=True) if source.beside else None
    changed = regenerate(slug, root, beside, version if tree else "")
    sys.stdout.write(f"{source.target.name}: {'changed' if changed else 'unchanged'}\n")


def main(arguments: list[str]) -> None:
    """Run for the named engines, or all that are published; then say what it changes in the bundled catalogue."""
    parser = argparse.ArgumentParser(prog="python -m tools.profiles.regenerate")
    parser.add_argument("targets", nargs="*", help="an engine, or one of its versions as in vllm==0.33.0")
    parser.add_argument("--source", type=Path, help="an unpacked package or a source tree to read instead of fetching")
    asked = parser.parse_args(arguments)
    targets = asked.targets or [slug for slug, source in SOURCES.items() if source.published]
    for target in targets:
        slug = target.partition("==")[0]
        if slug not in SOURCES:
            raise SystemExit(f"no reader for {slug!r}; there are: {', '.join(SOURCES)}")
        if not asked.source and not SOURCES[slug].published:
            raise SystemExit(f"{slug} is not published as a package: name its source tree with --source PATH")
    if asked.source and len(targets) != 1:
        raise SystemExit("--source is the tree of one engine: name that engine")
    before = changes.levels()
    with tempfile.TemporaryDirectory() as scratch:
        packages = _Packages(Path(scratch))
        for target in targets:
            _run(target, asked.source, packages)
    sys.stdout.write(changes.describe(before, changes.levels()))


if __name__ == "__main__":
    main(sys.argv[1:])
