"""From a Hub record to its variants and facts, each fact with its evidence.

Second step of the flow: a :class:`~compat.hub.payloads.HubModel` comes in, an :class:`Extraction` goes out.
Reading is tolerant (authors write what they like) and never guesses where the record is silent; the few guesses
the product allows are marked ``name`` or ``default`` so that the rules can lower the verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compat.hub.payloads import HubModel, Sibling

from . import families
from .facts import DEFAULT_CONTEXT, Fact, ModelMetadata, Provenance, VariantFacts, parameters_text
from .filenames import FileName, read_name
from .quantization import quantization_of
from .task import task_of

_NESTED_CONFIGS = ("text_config", "llm_config", "language_config", "language_model_config", "decoder", "text_model_config")
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len", "seq_length", "n_ctx")
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
    "mlx": "safetensors",
}
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
    "nemo": "NeMo",
    "llamafile": "llamafile",
    "tensorrt": "TensorRT engine",
    "paddle": "PaddlePaddle",
    "adapter": "Adapter",
}
_NAME_SIZE = re.compile(r"(?:(?P<experts>\d{1,3})x)?(?P<number>\d{1,4}(?:\.\d{1,3})?)(?P<unit>[bm])", re.IGNORECASE)
_RELATIONS = ("finetune", "quantized", "adapter", "merge")
_MAX_COUNT = 10**15


def format_label(format_: str | None) -> str:
    """A format's name for people."""
    return _FORMAT_LABELS.get(format_ or "", format_ or "unknown format")


@dataclass(frozen=True, slots=True)
class Relation:
    """This model was made from ``repo_id``; ``kind`` is finetune, quantized, adapter, merge or base."""

    repo_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One runnable set of weight files.

    ``key`` is stable within the record, ``label`` is for people, ``size_bytes`` is None unless every file's
    size is told, ``missing_shards`` counts parts of a split file that the record does not list.
    """

    key: str
    label: str
    facts: VariantFacts
    files: tuple[str, ...] = ()
    size_bytes: int | None = None
    missing_shards: int = 0


@dataclass(frozen=True, slots=True)
class Extraction:
    """All that was read from one record. ``repository_size`` is the original's sum of all files, in bytes."""

    family: str | None
    architecture: Fact[str]
    parameters: Fact[int]
    context: Fact[int]
    task: Fact[str]
    license: str | None
    languages: tuple[str, ...]
    relations: tuple[Relation, ...]
    variants: tuple[Variant, ...]
    projectors: tuple[str, ...]
    repository_size: int | None

    @property
    def judged(self) -> tuple[VariantFacts, ...]:
        """The facts the rules judge, one entry a variant; a record without variants is judged once, as it is."""
        return tuple(variant.facts for variant in self.variants)

    def metadata(self, variant: Variant) -> ModelMetadata:
        """The original's six facts for one variant."""
        facts = variant.facts
        architecture = facts.gguf_architecture or facts.architecture
        return ModelMetadata(
            architecture=architecture or "unknown",
            format=facts.format or "unknown",
            quantization=facts.quantization,
            parameters=parameters_text(self.parameters.value),
            size_bytes=variant.size_bytes,
            max_context_length=facts.context,
            facts=facts,
        )


def extract(model: HubModel) -> Extraction:
    """Everything one Hub record tells, with evidence. Never raises for odd content."""
    config = model.config or {}
    hf_class = _hf_class(config)
    architecture = _architecture(model, config)
    context = _context(config)
    task = task_of(model, hf_class)
    names = tuple(read_name(sibling.rfilename) for sibling in model.siblings or ())
    common = VariantFacts(
        architecture=architecture.value,
        architecture_from=architecture.provenance,
        hf_class=hf_class,
        context=context.value if context.value is not None else DEFAULT_CONTEXT,
        context_from=context.provenance,
        task=task.value,
        task_from=task.provenance,
        gated=bool(model.gated),
        remote_code="auto_map" in config or "custom_code" in (model.tags or ()),
    )
    variants = tuple(_variants(model, config, names, common)) or (Variant("unknown", "Files unknown", common),)
    best_context = Fact(variants[0].facts.context, variants[0].facts.context_from, context.evidence)
    if best_context.provenance is not context.provenance:
        best_context = replace(best_context, evidence=_gguf_context_evidence(model))
    return Extraction(
        family=families.kin_of(architecture.value).family if architecture.value else None,
        architecture=architecture,
        parameters=_parameters(model),
        context=best_context,
        task=task,
        license=_license(model),
        languages=_languages(model),
        relations=_relations(model),
        variants=variants,
        projectors=tuple(name.path for name in names if name.role == "projector"),
        repository_size=_sum_sizes(model.siblings),
    )


# --- facts -----------------------------------------------------------------------------------------------------


def positive_int(value: Any) -> int | None:
    """A whole number above zero and of a believable size, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if 0 < value < _MAX_COUNT and value == int(value) else None


def _hf_class(config: Mapping[str, Any]) -> str | None:
    classes = config.get("architectures")
    if isinstance(classes, list) and classes and isinstance(classes[0], str):
        return classes[0][:120]
    return None


def _architecture(model: HubModel, config: Mapping[str, Any]) -> Fact[str]:
    model_type = config.get("model_type")
    if isinstance(model_type, str) and model_type.strip():
        value = model_type.strip()[:80]
        return Fact(value, Provenance.CONFIG, f"model_type is “{value}”")
    if model.gguf and model.gguf.architecture:
        value = model.gguf.architecture[:80]
        return Fact(value, Provenance.HUB, f"the Hub read “{value}” from a GGUF file of this repository")
    tagged = _architecture_tag(model.tags or ())
    if tagged:
        return Fact(tagged, Provenance.TAG, f"tagged “{tagged}”")
    named = families.architecture_from_name(model.name)
    if named:
        return Fact(named[0], Provenance.NAME, f"its name begins with “{named[1]}”")
    return Fact.unknown()


def _architecture_tag(tags: Sequence[str]) -> str | None:
    """The one exact tag that is a ``model_type``, or the pipeline class of a Diffusers repository."""
    for tag in tags:
        if tag.startswith("diffusers:"):
            return tag.removeprefix("diffusers:")[:80]
    found = {tag for tag in tags if families.is_known(tag)}
    return found.pop() if len(found) == 1 else None


def _configs(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "", config
    for name in _NESTED_CONFIGS:
        nested = config.get(name)
        if isinstance(nested, Mapping):
            yield f"{name}.", nested


def _context(config: Mapping[str, Any]) -> Fact[int]:
    for key in _CONTEXT_KEYS:
        for prefix, scope in _configs(config):
            value = positive_int(scope.get(key))
            if value is not None:
                return Fact(value, Provenance.CONFIG, f"{prefix}{key} is {value:,}")
    return Fact(
        DEFAULT_CONTEXT, Provenance.DEFAULT, f"nothing tells it, so {DEFAULT_CONTEXT:,} tokens are assumed"
    )


def _gguf_context_evidence(model: HubModel) -> str:
    length = model.gguf.context_length if model.gguf else None
    return f"the Hub read {length:,} from a GGUF file of this repository" if length else ""


def _parameters(model: HubModel) -> Fact[int]:
    if model.safetensors and model.safetensors.count:
        return Fact(
            model.safetensors.count, Provenance.HUB, "the Hub counted the parameters in the safetensors headers"
        )
    if model.gguf and model.gguf.total:
        return Fact(model.gguf.total, Provenance.HUB, "the Hub counted the parameters of a GGUF file")
    for word in families.name_words(model.name):
        size = _NAME_SIZE.fullmatch(word)
        if size:
            scale = 10**9 if size["unit"].lower() == "b" else 10**6
            count = int(float(size["number"]) * scale * int(size["experts"] or 1))
            if count:
                return Fact(count, Provenance.NAME, f"its name says “{word.upper()}”")
    return Fact.unknown()


def _card(model: HubModel, key: str) -> Any:
    return (model.card_data or {}).get(key)


def _texts(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(item.strip() for item in items if isinstance(item, str) and item.strip())


def _license(model: HubModel) -> str | None:
    for text in _texts(_card(model, "license")):
        return text.lower()[:80]
    for tag in model.tags or ():
        if tag.startswith("license:"):
            return tag.removeprefix("license:").lower()[:80]
    return None


_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]{2,4})?")


def _languages(model: HubModel) -> tuple[str, ...]:
    found = dict.fromkeys(text.lower() for text in _texts(_card(model, "language")))
    return tuple(code for code in found if _LANGUAGE.fullmatch(code) or code == "multilingual")[:64]


def _relations(model: HubModel) -> tuple[Relation, ...]:
    kinds: dict[str, str] = {}
    for tag in model.tags or ():
        if not tag.startswith("base_model:"):
            continue
        rest = tag.removeprefix("base_model:")
        kind, colon, repo_id = rest.partition(":")
        if colon and kind in _RELATIONS:
            kinds[repo_id] = kind
        elif not colon:
            kinds.setdefault(rest, "base")
    for repo_id in _texts(_card(model, "base_model")):
        kinds.setdefault(repo_id.removeprefix("https://huggingface.co/"), "base")
    return tuple(Relation(repo_id[:200], kind) for repo_id, kind in kinds.items() if repo_id != model.id)[:32]


# --- variants --------------------------------------------------------------------------------------------------


def _sum_sizes(siblings: Sequence[Sibling] | None) -> int | None:
    sizes = [sibling.bytes for sibling in siblings or ()]
    known = [size for size in sizes if size is not None]
    return sum(known) if sizes and len(known) == len(sizes) else None


def _variants(
    model: HubModel, config: Mapping[str, Any], names: Sequence[FileName], common: VariantFacts
) -> Iterator[Variant]:
    sizes = {sibling.rfilename: sibling.bytes for sibling in model.siblings or ()}
    weights = [name for name in names if name.role == "weights"]
    by_format: dict[str, list[FileName]] = {}
    for name in weights:
        by_format.setdefault(name.format or "", []).append(name)

    safetensors = by_format.pop("safetensors", [])
    has_safetensors_block = bool(model.safetensors and model.safetensors.count)
    quantization = quantization_of(model, config)
    plain = replace(common, quantization=quantization.value, quantization_from=quantization.provenance)
    if safetensors or has_safetensors_block:
        yield from _safetensors_variants(model, safetensors, sizes, plain)

    ggufs = by_format.pop("gguf", [])
    gguf = _gguf_facts(model, common)
    if ggufs:
        yield from _gguf_variants(ggufs, sizes, gguf)
    elif model.gguf is not None:
        label = read_name(f"{model.name}.gguf").quantization
        facts = replace(
            gguf,
            format_from=Provenance.HUB,
            quantization=label,
            quantization_from=Provenance.NAME if label else Provenance.UNKNOWN,
        )
        yield Variant("gguf", f"GGUF {label}" if label else "GGUF", facts)

    told = bool(safetensors or has_safetensors_block or ggufs or model.gguf is not None)
    for format_, files in by_format.items():
        told = True
        paths = tuple(name.path for name in files)
        facts = replace(plain, format=format_, format_from=Provenance.HUB)
        yield Variant(format_, format_label(format_), facts, paths, _total(paths, sizes))
    if told:
        return
    if any(name.role == "adapter" for name in names) or "peft" in (model.library_name, *(model.tags or ())):
        yield Variant("adapter", "Adapter", replace(plain, format="adapter", format_from=Provenance.HUB))
        return
    yield from _tagged_variants(model, gguf, plain)


def _total(paths: Sequence[str], sizes: Mapping[str, int | None]) -> int | None:
    known = [size for size in (sizes.get(path) for path in paths) if size is not None]
    return sum(known) if paths and len(known) == len(paths) else None


def _tagged_variants(model: HubModel, gguf: VariantFacts, plain: VariantFacts) -> Iterator[Variant]:
    """Formats told by exact tags alone, or at last by the name's closing word."""
    formats = dict.fromkeys(_FORMAT_TAGS[tag] for tag in (*(model.tags or ()), model.library_name) if tag in _FORMAT_TAGS)
    origin = Provenance.TAG
    if not formats:
        last = families.name_words(model.name)[-1:]
        formats = dict.fromkeys(word for word in last if word in ("gguf", "safetensors", "onnx"))
        origin = Provenance.NAME
    for format_ in sorted(formats, key=list(_FORMAT_LABELS).index):
        facts = replace(gguf if format_ == "gguf" else plain, format=format_, format_from=origin)
        yield Variant(format_, format_label(format_), facts)


def _safetensors_variants(
    model: HubModel, files: Sequence[FileName], sizes: Mapping[str, int | None], plain: VariantFacts
) -> Iterator[Variant]:
    facts = replace(plain, format="safetensors", format_from=Provenance.HUB)
    label = f"Safetensors, {facts.quantization}" if facts.quantization else "Safetensors"
    groups: dict[str, list[FileName]] = {}
    for name in files:
        groups.setdefault(name.stem if "/" not in name.path else "", []).append(name)
    in_folders = groups.pop("", [])
    if len(groups) > 1:
        for duplicate in [stem for stem in groups if stem.startswith("consolidated")]:
            del groups[duplicate]
    if not groups and in_folders:
        groups["folders"] = in_folders
    if not groups:
        yield Variant("safetensors", label, facts, size_bytes=_bytes_by_dtype(model))
        return
    for stem, group in sorted(groups.items(), key=lambda item: (item[0] != "model", item[0])):
        paths = tuple(sorted(name.path for name in group))
        single = len(groups) == 1
        yield Variant(
            "safetensors" if single or stem == "model" else f"safetensors:{stem}",
            label if single or stem == "model" else f"{label} ({stem})",
            facts,
            paths,
            _total(paths, sizes) or (_bytes_by_dtype(model) if single else None),
            _missing_shards(group),
        )


_DTYPE_BYTES = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
    "I8": 1, "U8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "BOOL": 1,
}  # fmt: skip


def _bytes_by_dtype(model: HubModel) -> int | None:
    """The weights' size from the Hub's count by data type; None where a type is unknown."""
    counts = model.safetensors.parameters if model.safetensors else None
    if not counts or any(dtype not in _DTYPE_BYTES for dtype in counts):
        return None
    return sum(count * _DTYPE_BYTES[dtype] for dtype, count in counts.items())


def _missing_shards(group: Sequence[FileName]) -> int:
    expected = max((name.shards or 0 for name in group), default=0)
    return max(0, expected - len({name.shard for name in group if name.shard}))


def _gguf_facts(model: HubModel, common: VariantFacts) -> VariantFacts:
    """The common facts as they hold for this record's GGUF files, whose own header speaks first."""
    facts = replace(common, format="gguf", format_from=Provenance.HUB)
    block = model.gguf
    if block and block.context_length and common.context_from is Provenance.DEFAULT:
        facts = replace(facts, context=block.context_length, context_from=Provenance.HUB)
    if block and block.architecture:
        facts = replace(
            facts,
            gguf_architecture=block.architecture[:80],
            architecture=common.architecture or block.architecture[:80],
            architecture_from=Provenance.HUB,
        )
    elif common.architecture:
        facts = replace(facts, gguf_architecture=families.gguf_name(common.architecture))
    return facts


def _gguf_variants(
    files: Sequence[FileName], sizes: Mapping[str, int | None], facts: VariantFacts
) -> Iterator[Variant]:
    groups: dict[str, list[FileName]] = {}
    for name in files:
        groups.setdefault(name.stem, []).append(name)
    labels = [group[0].quantization for group in groups.values()]
    for stem, group in groups.items():
        label = group[0].quantization
        shown = label if label and labels.count(label) == 1 else stem.rpartition("/")[2]
        paths = tuple(sorted(name.path for name in group))
        missing = _missing_shards(group)
        yield Variant(
            f"gguf:{stem}",
            f"GGUF {shown}",
            replace(
                facts,
                quantization=label,
                quantization_from=Provenance.NAME if label else Provenance.UNKNOWN,
            ),
            paths,
            None if missing else _total(paths, sizes),
            missing,
        )
