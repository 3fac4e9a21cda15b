"""Rewrite the generated name lists from the engines' own published packages.

    python -m tools.profiles.regenerate            # every engine that can be read
    python -m tools.profiles.regenerate mlx-lm     # one engine, newest version
    python -m tools.profiles.regenerate vllm==0.33.0
    python -m tools.profiles.regenerate mlx-lm=path/to/unpacked/package

Packages are fetched by name with pip and read as text: nothing of them is imported. The result is a diff of
``*.lists.toml`` (and of ``names.toml`` and ``gguf_names.toml`` in ``compat/architectures/``, which lead from one kind
of name to another), to be reviewed like any other change. What people decide (formats, packings, sureness, notes) stays
in ``<slug>.toml``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import compat
from tools.profiles import more_readers, readers

HERE = Path(compat.__file__).parent / "engines" / "profiles"
ARCHITECTURES = HERE.parents[1] / "architectures"
_WIDTH = 110
_VERSION = re.compile(r"^Version: (\S+)", re.MULTILINE)

Lists = Mapping[str, Iterable[str] | Mapping[str, str | tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an engine's names come from: the package, how it is published, and who reads it."""

    package: str
    wheel: bool
    read: Callable[[Path], Lists]
    target: Path


SOURCES = {
    "transformers": Source("transformers", True, readers.transformers, HERE / "transformers.lists.toml"),
    "names": Source("transformers", True, readers.names, ARCHITECTURES / "names.toml"),
    "gguf-names": Source("llama-cpp-python", False, readers.gguf_names, ARCHITECTURES / "gguf_names.toml"),
    "llama-cpp": Source("llama-cpp-python", False, readers.llama_cpp, HERE / "llama-cpp.lists.toml"),
    "mlx-lm": Source("mlx-lm", True, readers.mlx_lm, HERE / "mlx-lm.lists.toml"),
    "lm-studio": Source("mlx-vlm", True, readers.mlx_vlm, HERE / "lm-studio.lists.toml"),
    "sglang": Source("sglang", True, readers.sglang, HERE / "sglang.lists.toml"),
    "vllm": Source("vllm", False, readers.vllm, HERE / "vllm.lists.toml"),
    "exllamav3": Source("exllamav3", True, readers.exllamav3, HERE / "exllamav3.lists.toml"),
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
    for info in (*root.glob("*.dist-info/METADATA"), *root.glob("PKG-INFO"), *root.glob("*/PKG-INFO")):
        found = _VERSION.search(info.read_text("utf-8"))
        if found:
            return found[1]
    return "unknown version"


def regenerate(slug: str, root: Path) -> bool:
    """Rewrite one list from an unpacked package; tells whether it changed."""
    source = SOURCES[slug]
    text = render(source.read(root), f"{source.package} {_version(root)}")
    before = source.target.read_text("utf-8") if source.target.exists() else ""
    source.target.write_text(text, "utf-8")
    return text != before


def main(arguments: list[str]) -> None:
    """Run for the named engines, or all."""
    for argument in arguments or list(SOURCES):
        slug, pin, version = argument.partition("==")
        slug, _, path = slug.partition("=")
        if slug not in SOURCES:
            raise SystemExit(f"no reader for {slug!r}; there are: {', '.join(SOURCES)}")
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(path)
            if not path:
                _pip(f"{SOURCES[slug].package}{pin}{version}", Path(scratch), wheel=SOURCES[slug].wheel)
                root = _unpack(Path(scratch))
            changed = regenerate(slug, root)
        sys.stdout.write(f"{SOURCES[slug].target.name}: {'changed' if changed else 'unchanged'}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
