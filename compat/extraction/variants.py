"""From a record's file list, or its tags where there is none, to the sets of weights one can run.

A variant is what a person downloads and starts: the safetensors set, the Q4_K_M file, the Q8_0 file in three
parts. Projectors, importance matrices, adapters, drafts and duplicates are files, not variants.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Any

from compat.architectures import has_classes, known_model, name_words
from compat.extraction.facts import BY_RANK, IN_FOLDER, INDEXED, PICKLED, PREFIXED, RENAMED, Provenance, VariantFacts
from compat.extraction.filenames import FileName, missing_shards, opens_no_safetensors, read_name
from compat.extraction.parameters import Counted, holds
from compat.extraction.quantization import Packing, made_for_mlx, packing_of_file
from compat.extraction.relatives import WEAK, relations_of
from compat.hub.payloads import GgufTensors, HubModel
from compat.shapes.tensor_bytes import TensorBytes

_FORMAT_TAGS = {
    "safetensors": "safetensors",
    "gguf": "gguf",
    "pytorch": "pytorch",
    "onnx": "onnx",
    "tf": "tensorflow",
    "jax": "flax",
    "openvino": "openvino",
    "coreml": "coreml",
    "tflite": "tflite",
    "ctranslate2": "ctranslate2",
    "mlx": "safetensors",
}
TRANSFORMERS = "transformers"
"""The weights are as Transformers writes them, and nothing tells in which of its two formats."""
EITHER = ("safetensors", "pytorch")
_FORMAT_LABELS = {
    "safetensors": "Safetensors",
    "gguf": "GGUF",
    "pytorch": "PyTorch",
    "onnx": "ONNX",
    "tensorflow": "TensorFlow",
    "flax": "Flax",
    "openvino": "OpenVINO",
    "coreml": "Core ML",
    "tflite": "TensorFlow Lite",
    "ggml": "GGML (before GGUF)",
    "ctranslate2": "CTranslate2",
    "nemo": "NeMo",
    "llamafile": "llamafile",
    "tensorrt": "TensorRT engine",
    "paddle": "PaddlePaddle",
    "adapter": "Adapter",
    TRANSFORMERS: "Safetensors or PyTorch",
}
MISTRAL = "mistral"
"""A layout: the names of tensors and files that Mistral's own programs write, with ``params.json``."""
PADDLE = "paddle"
"""A layout: what PaddlePaddle writes, with matrices the other way round."""
MLX = "mlx"
"""A layout: what MLX's converters write, who rename, turn and shift tensors of some models."""
LAYOUTS = (MISTRAL, PADDLE, MLX)
"""Every layout of safetensors weights that is not Transformers'."""
_CONSOLIDATED = "consolidated"
_CTRANSLATE2_VOCABULARIES = frozenset(
    f"{side}vocabulary.{suffix}" for side in ("", "shared_", "source_", "target_") for suffix in ("json", "txt")
)
_Facts = Callable[..., VariantFacts]
"""Makes a variant's facts of what its kind of files shares and of what is its own: one copy instead of several."""
FORMATS = tuple(_FORMAT_LABELS)
"""Every weight format that is told by a name."""


def format_label(format_: str | None) -> str:
    """A format's name for people."""
    return _FORMAT_LABELS.get(format_ or "", format_ or "unknown format")


def is_among(format_: str | None, formats: Container[str]) -> bool:
    """Whether a format is one of some, whichever of two it is where it may be either."""
    return all(one in formats for one in (EITHER if format_ == TRANSFORMERS else (format_ or "",)))


@dataclass(frozen=True, slots=True)
class Variant:
    """One runnable set of weight files.

    ``key`` is stable within the record, ``label`` is for people, ``size_bytes`` is None unless every file's
    size is told, ``missing_shards`` counts parts of a split file that the record does not list. ``bits`` is what a
    weight takes where the packing or the configuration's data type tells it; None for GGUF files, whose label does.
    ``tensors`` is what its files list, None unless all of them were read. ``as_made``: packed, and the model's own
    release, so that no build of it keeps more.
    """

    key: str
    label: str
    facts: VariantFacts
    files: tuple[str, ...] = ()
    size_bytes: int | None = None
    missing_shards: int = 0
    bits: float | None = None
    tensors: TensorBytes | None = None
    as_made: bool = False


def variants_of(
    model: HubModel, names: Sequence[FileName], common: VariantFacts, packing: Packing, counted: Counted
) -> Iterator[Variant]:
    """Every variant of a record; ``common`` holds the facts that all of them share.

    ``packing`` is that of all weights that are no GGUF file, ``counted`` how many safetensors weights there are.
    """
    sizes = {sibling.rfilename: sibling.bytes for sibling in model.siblings or ()}
    weights = [_ctranslate2(name, sizes) for name in names if name.role == "weights"]
    by_format: dict[str, list[FileName]] = {}
    for name in weights:
        by_format.setdefault(name.format or "", []).append(name)

    safetensors = by_format.pop("safetensors", [])
    # What the Hub counts and tags is of any safetensors file. A list of others may lack the weights.
    unopened = names != () and model.lists_all_files and opens_no_safetensors(names)
    has_safetensors_block = model.safetensors is not None and model.safetensors.count != 0 and not unopened
    plain = partial(
        common.having,
        quantization=packing.label,
        quantization_from=packing.provenance,
        scheme=packing.scheme,
    )
    laid_out = partial(plain, layout=_layout(model, safetensors, sizes, packing))
    if safetensors or has_safetensors_block:
        named = partial(_file_names, model, sizes)
        yield from _safetensors_variants(safetensors, sizes, laid_out, counted, packing, named)

    ggufs = by_format.pop("gguf", [])
    # What the Hub read of a GGUF file is of these then: importance matrices, drafts, adapters.
    beside = [name for name in names if name.path.endswith(".gguf") and name.role != "weights"]
    only_helpers = bool(beside) and not ggufs and model.lists_all_files
    block = None if only_helpers else model.gguf
    gguf = partial(common.having, **_gguf_facts(model, names, common))
    if ggufs:
        yield from _gguf_variants(ggufs, sizes, gguf, counted, model.gguf_tensors)
    elif block is not None:
        label = _label_named(model)
        facts = gguf(
            quantization=label,
            quantization_from=Provenance.NAME if label else Provenance.UNKNOWN,
        )
        yield Variant("gguf", f"GGUF {label}" if label else "GGUF", facts)

    told = bool(safetensors or has_safetensors_block or ggufs or block is not None)
    for format_, files in by_format.items():
        told = True
        paths = tuple(name.path for name in files)
        facts = plain(format=format_, format_from=Provenance.HUB)
        if format_ == "pytorch":
            facts = facts.having(file_names=_pytorch_names(model, sizes, files))
        yield Variant(format_, format_label(format_), facts, paths, _total(paths, sizes))
    if told:
        return
    if any(name.role == "adapter" for name in names) or "peft" in (model.library_name, *(model.tags or ())):
        yield Variant("adapter", "Adapter", plain(format="adapter", format_from=Provenance.HUB))
        return
    # What MLX is told to have written is safetensors, where it is anything that is loaded.
    not_mlxs = common.no_weights and "safetensors" not in (model.tags or ())
    without = (
        *(EITHER if unopened else ()),
        *(("gguf",) if only_helpers else ()),
        *(("safetensors",) if not_mlxs else ()),
    )
    of_format = {"gguf": gguf, "safetensors": laid_out}
    yield from _tagged_variants(model, of_format, plain, packing, without)


def _layout(model: HubModel, weights: Sequence[FileName], siblings: Collection[str], packing: Packing) -> str | None:
    """Who laid out the tensors of safetensors weights; None where it is Transformers, as usual."""
    if _is_of_mistral(model, weights, siblings):
        return MISTRAL
    if _may_be_paddles(model):
        return PADDLE
    return MLX if packing.label is None and made_for_mlx(model) else None


def _may_be_paddles(model: HubModel) -> bool:
    """Whether the name or the Hub's library says that PaddlePaddle wrote it."""
    return "paddle" in name_words(model.name)[-1:] or (model.library_name or "").lower() == "paddlepaddle"


def _is_of_mistral(model: HubModel, weights: Sequence[FileName], siblings: Collection[str]) -> bool:
    """Whether the Hub's own list of files has weights in Mistral's layout only, with their ``params.json``."""
    listed = model.lists_all_files and "params.json" in siblings
    return listed and bool(weights) and all(name.stem == _CONSOLIDATED for name in weights)


_INDEX_ENDING = ".index.json"
_INDEX = f"model.safetensors{_INDEX_ENDING}"
_OF_A_RANK = re.compile(r"model-rank-\d+-part-\d+")


def _file_names(model: HubModel, siblings: Collection[str], weights: Sequence[FileName]) -> str | None:
    """How the files of a set of safetensors weights are named; None: as usual, or the list is not the Hub's own."""
    stems = {name.stem for name in weights}
    indexed = _INDEX in siblings or not all(name.shard for name in weights) or _lists_weights_alone(siblings)
    if (stems <= {"model"} and indexed) or _lie_elsewhere(model, siblings):
        return None
    if all(_OF_A_RANK.fullmatch(stem) for stem in stems):
        return BY_RANK
    if all("/" in name.path for name in weights):
        return IN_FOLDER
    prefixed = all(stem.startswith("model") for stem in stems)
    if _INDEX in siblings:
        return None if prefixed else INDEXED
    return PREFIXED if prefixed else RENAMED


def _lists_weights_alone(siblings: Collection[str]) -> bool:
    """Whether a list was cut to what somebody wanted of it: the Hub puts ``.gitattributes`` into every repository.

    Parts that are numbered as Transformers numbers them were written with an index; such a list tells of none.
    """
    return ".gitattributes" not in siblings


def _lie_elsewhere(model: HubModel, siblings: Collection[str]) -> bool:
    """Whether names tell nothing: another file says which are opened, or the list is not the Hub's own."""
    told = "model_index.json" in siblings or "transformers_weights" in (model.config or {})
    return told or not model.lists_all_files


def _pytorch_names(model: HubModel, siblings: Collection[str], weights: Sequence[FileName]) -> str | None:
    """How the files of PyTorch weights are named; None: as usual, or the list is not the Hub's own."""
    if model.lists_all_files and all(name.path.lower().endswith((".pth", ".ckpt")) for name in weights):
        return RENAMED
    if _lie_elsewhere(model, siblings):
        return None
    if all("/" in name.path for name in weights):
        return IN_FOLDER
    usual = not {"pytorch_model.bin", f"pytorch_model.bin{_INDEX_ENDING}"}.isdisjoint(siblings)
    parts = all(name.stem == "pytorch_model" and name.shard for name in weights) and _lists_weights_alone(siblings)
    return None if usual or parts else PICKLED


def _ctranslate2(name: FileName, siblings: Collection[str]) -> FileName:
    """The file as it is, but for CTranslate2's ``model.bin``, which its vocabulary beside it tells from PyTorch's."""
    folder, slash, base = name.path.rpartition("/")
    if base != "model.bin":
        return name
    beside = (path.removeprefix(folder + slash) for path in siblings if path.startswith(folder + slash))
    return name if _CTRANSLATE2_VOCABULARIES.isdisjoint(beside) else replace(name, format="ctranslate2")


def _total(paths: Sequence[str], sizes: Mapping[str, int | None]) -> int | None:
    known = [size for size in (sizes.get(path) for path in paths) if size is not None]
    return sum(known) if paths and len(known) == len(paths) else None


def _tagged_variants(
    model: HubModel, of_format: Mapping[str, _Facts], plain: _Facts, packing: Packing, without: Sequence[str]
) -> Iterator[Variant]:
    """Formats told by exact tags alone, or at last by the name's closing word, ``without`` those known to lack."""
    formats = dict.fromkeys(
        _FORMAT_TAGS[tag] for tag in (*(model.tags or ()), model.library_name) if tag in _FORMAT_TAGS
    )
    formats = {format_: None for format_ in formats if format_ not in without}
    origin = Provenance.TAG
    if not formats:
        last = {*name_words(model.name)[-1:]} & {"gguf", "safetensors", "onnx"}
        formats = dict.fromkeys(last.difference(without))
        origin = Provenance.NAME
    if not formats:
        format_, origin = _as_known(model, packing)
        formats = dict.fromkeys([format_] if format_ else [])
    for format_ in sorted(formats, key=list(_FORMAT_LABELS).index):
        facts = of_format.get(format_, plain)(format=format_, format_from=origin)
        bits = packing.bits if format_ in EITHER or format_ == TRANSFORMERS else None
        yield Variant(format_, format_label(format_), facts, bits=bits)


SINGLE_FILE = "diffusion-single-file"
"""The Hub's library name for what makes images from one file, which names no pipeline."""


def _as_known(model: HubModel, packing: Packing) -> tuple[str | None, Provenance]:
    """The format that follows from something else: a well-known id, a packing, a model type of Transformers."""
    known = known_model(model.id)
    if known and known.weights:
        return known.weights, Provenance.KNOWN
    if packing.known:
        return "safetensors", Provenance.PACKING
    model_type = (model.config or {}).get("model_type")
    listed = isinstance(model_type, str) and has_classes(model_type)
    listed = listed or any(tag.startswith("diffusers:") or tag == SINGLE_FILE for tag in model.tags or ())
    return (
        (TRANSFORMERS, Provenance.DEFAULT)
        if listed and "gguf" not in name_words(model.name)
        else (None, Provenance.UNKNOWN)
    )


def _safetensors_variants(
    files: Sequence[FileName],
    sizes: Mapping[str, int | None],
    plain: _Facts,
    counted: Counted,
    packing: Packing,
    named_as: Callable[[Sequence[FileName]], str | None],
) -> Iterator[Variant]:
    facts = plain(format="safetensors", format_from=Provenance.HUB, contradicted=bool(counted.contradiction))
    label = f"Safetensors, {facts.quantization}" if facts.quantization else "Safetensors"
    groups: dict[str, list[FileName]] = {}
    for name in files:
        groups.setdefault(name.stem if "/" not in name.path else "", []).append(name)
    in_folders = groups.pop("", [])
    if len(groups) > 1:
        for duplicate in [stem for stem in groups if stem.startswith(_CONSOLIDATED)]:
            del groups[duplicate]
    if not groups and in_folders:
        groups["folders"] = in_folders
    if not groups:
        size = _with_what_is_beside(counted.size_bytes, counted)
        yield Variant("safetensors", label, facts, size_bytes=size, bits=packing.bits)
        return
    for stem, group in sorted(groups.items(), key=lambda item: (item[0] != "model", item[0])):
        paths = tuple(sorted(name.path for name in group))
        single = len(groups) == 1
        missing = missing_shards(group)
        listed = None if missing or counted.odd_files else _total(paths, sizes)
        own = facts.having(incomplete=missing > 0, file_names=None if facts.layout else named_as(group))
        named = Packing() if single or packing.known else packing_of_file(stem)
        if named.known:
            own = own.having(quantization=named.label, quantization_from=named.provenance)
        yield Variant(
            "safetensors" if single or stem == "model" else f"safetensors:{stem}",
            label if single or stem == "model" else f"{label} ({stem})",
            own,
            paths,
            _with_what_is_beside(listed or (counted.size_bytes if single else None), counted),
            missing,
            named.bits if named.known else packing.bits,
        )


def _with_what_is_beside(size: int | None, counted: Counted) -> int | None:
    return None if size is None or counted.beside is None else size + counted.beside


def _gguf_facts(model: HubModel, names: Sequence[FileName], common: VariantFacts) -> dict[str, Any]:
    """What of the common facts is otherwise for this record's GGUF files, whose own header speaks first."""
    facts: dict[str, Any] = {
        "format": "gguf",
        "format_from": Provenance.HUB,
        "partial": False,
        "projector": any(name.role == "projector" for name in names),
    }
    block, header = model.gguf, model.gguf_header
    if block and block.context_length and common.context_from in WEAK:
        facts |= {"context": block.context_length, "context_from": Provenance.HUB}
    if header and header.architecture:
        facts["gguf_architecture"] = header.architecture
        facts["architecture"] = common.architecture or header.architecture
        if header.context_length:
            facts |= {"context": header.context_length, "context_from": Provenance.GGUF_HEADER}
    elif block and block.architecture:
        facts["gguf_architecture"] = block.architecture[:80]
        facts["architecture"] = common.architecture or block.architecture[:80]
        if common.architecture_from is not Provenance.NAME:
            facts["architecture_from"] = Provenance.HUB
    return facts


def _gguf_variants(
    files: Sequence[FileName],
    sizes: Mapping[str, int | None],
    gguf: _Facts,
    counted: Counted,
    read: GgufTensors | None,
) -> Iterator[Variant]:
    groups: dict[str, list[FileName]] = {}
    for name in files:
        groups.setdefault(name.stem, []).append(name)
    alike: dict[str | None, list[str]] = {}
    for stem, group in groups.items():
        alike.setdefault(group[0].quantization, []).append(stem)
    names: dict[str, str] = {}
    for label, stems in alike.items():
        names |= {stems[0]: label} if label and len(stems) == 1 else _told_apart(label, stems)
    for stem, group in groups.items():
        label, shown = group[0].quantization, names[stem]
        paths = tuple(sorted(name.path for name in group))
        missing = missing_shards(group)
        size = None if missing else _total(paths, sizes)
        tensors = None if missing or read is None else _tensors_of(paths, read)
        weighed = tensors.total if tensors is not None else size
        odd = weighed is not None and not holds(weighed, counted)
        yield Variant(
            f"gguf:{stem}",
            f"GGUF {shown}, to be joined" if group[0].cut else f"GGUF {shown}",
            gguf(
                quantization=label,
                quantization_from=Provenance.NAME if label else Provenance.UNKNOWN,
                sharded=(len(group) > 1 or missing > 0) and not group[0].cut,
                cut=group[0].cut,
                incomplete=missing > 0,
                contradicted=odd,
            ),
            paths,
            None if odd else size,
            missing,
            tensors=None if odd else tensors,
        )


def _label_named(model: HubModel) -> str | None:
    """The quantization that a repository's name tells of its files; none that is a word of the original's name."""
    label = read_name(f"{model.name}.gguf").quantization
    originals = [told.repo_id.rpartition("/")[2] for told in relations_of(model)] if label else ()
    return None if any(read_name(f"{name}.gguf").quantization == label for name in originals) else label


_WORDS = re.compile(r".*?(?:-|\.(?!\d))")


def _told_apart(label: str | None, alike: Sequence[str]) -> dict[str, str]:
    """What tells files of a repository that are ``alike`` in their label from one another: what the name of each has
    beyond what all of theirs begin with.

        Qwen3-Coder-Next-Q4_K_S     Q4_K_S
        Qwen3-Coder-Next-UD-Q4_K_S  UD-Q4_K_S
    """
    names = [one.rpartition("/")[2] for one in alike]
    if len({*names}) < len(names):
        names = list(alike)
    if not label or len(names) == 1:
        return dict(zip(alike, names, strict=True))
    # No part of what tells the label itself.
    words = (_WORDS.findall(name[: max(name.lower().rfind(label.lower()), 0)]) for name in names)
    same = takewhile(lambda of_all: len({*of_all}) == 1, zip(*words, strict=False))
    shared = sum(len(of_all[0]) for of_all in same)
    return {stem: name[shared:] for stem, name in zip(alike, names, strict=True)}


def _tensors_of(paths: Sequence[str], read: GgufTensors) -> TensorBytes | None:
    """What the tensors of some files take together; None where one was not read, or all list none."""
    listed = [read.files[path].bytes for path in paths if path in read.files]
    found = TensorBytes.sum_of(TensorBytes(**one.model_dump()) for one in listed)
    return found if len(listed) == len(paths) and found.total else None
