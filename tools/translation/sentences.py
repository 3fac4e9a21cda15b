"""The sentences that Python writes for people, read off its source: f-strings become patterns with names.

The rules, the estimates and the catalogue write English, which the database keeps and the API answers. Pages show it in
the visitor's language (``marketplace.translating``), for which they need to know what each sentence was made by.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SOURCES = (
    *("compat/rules", "compat/estimate", "compat/catalogue", "compat/extraction", "compat/engines", "compat/logs"),
    *("compat/shapes/shape.py", "compat/ingest/freshness.py", "marketplace/freshness.py", "marketplace/machines.py"),
    *("marketplace/show.py", "marketplace/pages", "marketplace/starter.py"),
    *("tools/evaluation/accuracy.py", "tools/evaluation/asked.py", "tools/evaluation/speed_points.py"),
)
"""Where sentences are written that pages show."""
_WITHOUT = re.compile(
    r"/(loader|current|cursor|index_build|index_files|gguf_header|header_bytes|safetensors_header|languages|licenses"
    r"|source_digest|hosted_machines|macs|health|facets|hardware|measured_points|engine_names|label_sizes|ledger|llama_cpp|lines|vllm|sglang)\.py$"
)
"""Modules beside them whose words are for operators, for programs, or names."""
OPERATIONS = "marketplace/api/v1.py"
DATA = "compat/engines/profiles/*.toml", "compat/engines/data/known_failures.toml", "compat/engines/data/evidence.json"
"""Where sentences are kept as data: what engines say of themselves, failures that the public reported, and evidence."""
_NO_SENTENCES = {
    *("name", "names", "also", "name_begins", "name_begins_with_experts", "source", "sources", "version"),
    *("generated_from", "url", "report", "label", "packings"),
}
"""Keys of data that hold names."""
WORDS = (
    *("or", "and", "likely", "experts", "layers", "memory", "processor", "runs", "good", "fair", "poor", "very good"),
    *("format", "Use", "default", "formula", "shared memory", "before Pascal", "of the Pascal generation"),
    *("year not told", "unified memory"),
    *("Chinese", "on a processor", "limits", "packing", "text model", "a text model", "mixture-of-experts model"),
    *("a mixture-of-experts model", "vision model", "a vision model", "audio model", "an audio model"),
    *("embedding model", "an embedding model", "different design", "a different design", "a model"),
    *("by MLX or bitsandbytes as names that close so are", "AMD's", "packed", "many languages"),
    *("structure of the published model of these dimensions", "image to 3d", "and %(number)s more"),
    *("processors", "search", "accelerators", "converter", "attention", "groups", "blocks"),
    *(
        "high",
        "medium",
        "low",
        "contradicted",
        "compute",
        "growth of a buffer",
        "what slots add to a buffer",
        "rbee's own loader",
    ),
    *("tested", "%(label)s text model", "%(label)s mixture-of-experts model", "%(label)s vision model"),
    *("%(label)s audio model", "%(label)s embedding model", "%(label)s different design"),
    *("GGUF %(packing)s weights", "GGUF weights", "Safetensors weights", "PyTorch weights", "ONNX weights"),
    *("part %(shard)s of %(shards)s", "every layer of '%(type)s' attends to all tokens"),
    *("the Hub counts %(count)s with their scales", "In Python, `%(call)s` loads it the same way."),
    *("the peak of decoding alone", "nothing of a prompt of thousands of tokens is in it"),
    *("sizes to two digits", "sizes to two or three digits", "file list may be partial"),
    *("file list made from its name pattern", "jan catalog %(month)s", "criteria of November 2025"),
    *("as in %(package)s", "with %(engine)s as in %(package)s", "main at commit %(commit)s"),
    *("with builds of %(engine)s that it downloads", "the list is that of %(commit)s", "exported by %(tool)s"),
    *("%(version)s series", "its %(engine)s was read for %(version)s", "with CTranslate2 %(version)s"),
    *("More requests than the client's rate allows.", "The site cannot use its database at the moment."),
    "The token is wrong, expired or switched off, or this site wants one.",
    "in maintenance mode",
    "the peak of decoding alone: nothing of a prompt of thousands of tokens is in it",
    "upper bounds only: the engine takes all it can get, or the card was nearly full",
)
"""Words alone that sentences are put together of."""
_NOT_SHOWN = {
    *("compile", "fullmatch", "match", "sub", "split", "startswith", "endswith", "get", "execute", "update"),
    *("format_html", "format_html_join", "SafeString", "gettext", "ngettext", "ngettext_lazy", "getLogger", "debug"),
}
"""Calls whose own text is a pattern, markup, a key, or translated where it stands."""
_LETTERS = re.compile(r"[A-Za-z]{2}")
_MARKUP = re.compile(r"[{}<>=\\|]|__")
_PLACE = re.compile(r"\{(?::[^{}]*)?\}")
_NAMED_PLACE = re.compile(r"\{([a-z]+)\}")
"""What ``format`` fills in later, by its name."""
_LABEL = re.compile(r"[A-Z][a-z]+")
_NAMES = re.compile(r"%\(\w+\)s")


def sentences(root: Path) -> dict[str, str]:
    """Every sentence and label that Python writes for people below a folder, with the file that it stands in."""
    found: dict[str, str] = {}
    for path in _files(root):
        place = path.relative_to(root).as_posix()
        for text in _Collector(path).texts:
            if _is_shown(text):
                found.setdefault(text.strip(), place)
    for path in sorted(path for pattern in DATA for path in root.glob(pattern)):
        if not path.name.endswith(".lists.toml"):
            read: Callable[[str], Any] = json.loads if path.suffix == ".json" else tomllib.loads
            for text in _said(read(path.read_text("utf-8"))):
                found.setdefault(text.replace("%", "%%") if "%(" in text else text, path.relative_to(root).as_posix())
    found |= dict.fromkeys(_operations(root / OPERATIONS), OPERATIONS)
    return found | {word: "tools/translation/sentences.py" for word in WORDS if word not in found}


def _operations(path: Path) -> Iterator[str]:
    """What the page of the API says of it, and of each operation: a summary, and what it does."""
    for node in ast.parse(path.read_text("utf-8")).body if path.exists() else ():
        if isinstance(node, ast.Assign) and _name_of(node.targets[0]) == "DESCRIPTION":
            yield ast.literal_eval(node.value)
        if isinstance(node, ast.FunctionDef):
            calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
            told = [word.value for call in calls for word in call.keywords if word.arg == "summary"]
            if told:
                yield ast.literal_eval(told[0])
                yield ast.get_docstring(node) or ""


def _said(value: Any, key: str = "") -> Iterator[str]:
    """Every sentence in some data."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _said(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from _said(one, key)
    elif isinstance(value, str) and " " in value and key not in _NO_SENTENCES:
        yield value


def _files(root: Path) -> Iterator[Path]:
    for source in SOURCES:
        place = root / source
        for path in [place] if place.suffix else sorted(place.rglob("*.py")):
            if not _WITHOUT.search(f"/{path.name}"):
                yield path


def _is_shown(text: str) -> bool:
    """Whether a text is said to people, rather than a key or a piece of code."""
    fixed = _NAMES.sub("", text)
    if not _LETTERS.search(fixed) or _MARKUP.search(fixed):
        return False
    return " " in fixed.strip() or bool(_LABEL.fullmatch(text)) or "%(" in text


class _Collector(ast.NodeVisitor):
    """The texts of one file. What is raised, compared or asked for by name is no text for people."""

    def __init__(self, path: Path) -> None:
        self.texts: list[str] = []
        self.visit(ast.parse(path.read_text("utf-8")))

    def visit_Expr(self, node: ast.Expr) -> None:
        """No docstrings."""
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """What is written to the log is for operators."""
        name = _name_of(node.func)
        logged = isinstance(node.func, ast.Attribute) and _name_of(node.func.value) in ("log", "re")
        if logged or name in _NOT_SHOWN:
            for one in node.args:
                if isinstance(one, ast.Call):
                    self.visit(one)
            return
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """The public names of a module are none."""
        if not any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets):
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Errors of programs are skipped; those for people are BadRequest and Problem."""
        told = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if told is not None and _name_of(told) in ("BadRequest", "Http404", "Problem", "BadQuestion"):
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """A text that something is compared with."""

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """A key; of what is noted beside a type, what people call it and its values."""
        self.visit(node.value)
        if _name_of(node.value) == "Annotated":
            for one in ast.walk(node.slice):
                if isinstance(one, ast.keyword) and one.arg == "noun":
                    self.visit(one.value)
                elif isinstance(one, ast.Lambda):
                    self.visit(one.body)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A text as it is; places that are filled in later get a name."""
        if isinstance(node.value, str):
            filled = _PLACE.findall(node.value)
            text = node.value.replace("%", "%%") if filled or _NAMED_PLACE.search(node.value) else node.value
            for number in range(len(filled)):
                text = _PLACE.sub(f"%(value{number + 1 if number else ''})s", text, count=1)
            self.texts.append(_NAMED_PLACE.sub(r"%(\1)s", text))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """An f-string: what differs gets a name."""
        parts: list[str] = []
        names: list[str] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                stem = re.sub(r"\W", "", _name_of(part.value)).strip("_").lower() or "value"
                alike = sum(re.fullmatch(rf"{stem}\d*", one) is not None for one in names)
                name = f"{stem}{alike + 1}" if alike else stem
                names.append(name)
                parts.append(f"%({name})s")
                self.visit(part.value)
            elif isinstance(part, ast.Constant):
                fixed = str(part.value).replace("%", "%%")
                names += _NAMED_PLACE.findall(fixed)
                parts.append(_NAMED_PLACE.sub(r"%(\1)s", fixed))
        self.texts.append("".join(parts) if names else "".join(parts).replace("%%", "%"))


def _name_of(node: ast.expr) -> str:
    """A name for what differs: the last one that is said of it."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        named = [name for one in reversed(node.args) if (name := _name_of(one)) != "value"]
        return named[0] if named else _name_of(node.func)
    if isinstance(node, ast.Subscript):
        return _name_of(node.value)
    if isinstance(node, ast.BinOp):
        return _name_of(node.left)
    return _name_of(node.body) if isinstance(node, ast.IfExp) else "value"
