"""From a Hub record to its variants and facts, each fact with its evidence.

Second step of the flow: a :class:`~compat.hub.payloads.HubModel` comes in, an :class:`Extraction` goes out. Reading is
tolerant (authors write what they like) and never guesses where the record is silent; the few guesses the product allows
are marked ``name`` or ``default`` so that the rules can lower the verdict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from compat.architectures import (
    architecture_of,
    architecture_of_gguf,
    architecture_of_model_type,
    has_classes,
    hint_in,
    is_listed,
    known_model,
    name_words,
    published_context,
    types_of_class,
)
from compat.extraction.as_made import is_made_so, is_own_release
from compat.extraction.card import card_texts
from compat.extraction.facts import DEFAULT_CONTEXT, Fact, Provenance, VariantFacts, parameters_text
from compat.extraction.filenames import FileName, opens_no_safetensors, read_name, without_components
from compat.extraction.metadata import JudgedVariant, ModelMetadata
from compat.extraction.original_name import original_of_gguf
from compat.extraction.parameters import NEAR_ITS_NAME, parameters_of
from compat.extraction.quantization import SHARED_NAMES, Packing, packing_in_headers, packing_of
from compat.extraction.relatives import (
    WEAK,
    Kin,
    Relation,
    Relative,
    Witness,
    architecture_by,
    context_by,
    of_architecture,
    parameters_by,
    relations_of,
    task_by,
)
from compat.extraction.repository_kind import is_partial
from compat.extraction.task import DRAFT, task_of
from compat.extraction.variants import SINGLE_FILE, Variant, format_label, variants_of
from compat.hub.payloads import HubModel, SafetensorsBlock, Sibling
from compat.shapes.gguf_keys import config_from_gguf
from compat.shapes.known import find_shape
from compat.shapes.layer_facts import bits_of_type, is_whole, shape_facts

__all__ = ["Extraction", "Relation", "Variant", "extract", "format_label", "positive_int"]

_NESTED_CONFIGS = (
    "text_config",
    "llm_config",
    "language_config",
    "language_model_config",
    "decoder",
    "text_model_config",
)
_CONTEXT_KEYS = (
    "max_position_embeddings",
    "n_positions",
    "max_sequence_length",
    "max_seq_len",
    "seq_length",
    "n_ctx",
)
_PROJECTOR = "clip"
"""What the headers of projector files name as their architecture."""
_TIMM = "timm_wrapper"
"""The type that Transformers takes a repository of the library timm for, whose config.json names none."""
_EXPERTS_WORD = re.compile(r"mixtral|\d{1,3}x\d{1,3}(\.\d)?b", re.IGNORECASE)
_MAX_COUNT = 10**15
_MOST_STRETCHED = 1000
"""A factor of RoPE scaling beyond this is none."""
UNCOUNTED = (Provenance.UNKNOWN, Provenance.NAME)
"""Where a number of parameters is from that relatives know better: one that is published is exact."""
_FAMILY_LIST = "Xinference"
_WHOLE_CONFIGURATIONS = "aiconfigurator"
"""What of the sources that records name keeps configurations as they were published."""
"""A list of models that tells one type and class for a family: what stands there is no config.json's."""


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
    projector_bytes: int | None
    repository_size: int | None

    @property
    def judged(self) -> tuple[VariantFacts, ...]:
        """The facts the rules judge, one entry a variant; a record without variants is judged once, as it is."""
        return tuple(variant.facts for variant in self.variants)

    def metadata(self, variant: Variant) -> ModelMetadata:
        """The original's six facts for one variant."""
        variants = [JudgedVariant(one.facts, one.size_bytes) for one in self.variants]
        parameters = parameters_text(self.parameters.value, self.parameters.provenance)
        return ModelMetadata.of(variants, self.variants.index(variant), parameters)


def needs_relatives(extraction: Extraction) -> bool:
    """Whether the records of relatives could tell something that this one leaves out."""
    return (
        extraction.architecture.provenance in WEAK
        or extraction.context.provenance in WEAK
        or extraction.parameters.provenance in UNCOUNTED
        or not extraction.task.known
    )


def own_shape_facts(model: HubModel) -> str:
    """What shapes the memory estimate: the file's own header first, then the configuration."""
    header = model.gguf_header
    if header and header.architecture:
        config = config_from_gguf(header.values, architecture_of_gguf(header.architecture).name)
        told = shape_facts({**config, "vocab_size": config.get("vocab_size") or header.vocab_size})
        if told:
            return told
    return shape_facts(model.config)


def witness_of(model: HubModel, extraction: Extraction, shape_facts: str = "") -> Witness:
    """What a record tells its relatives. Its own configuration or header tells ``shape_facts``, its layers."""
    return Witness.reading(
        model.id,
        extraction.relations,
        architecture=extraction.architecture,
        context=extraction.context,
        task=extraction.task,
        parameters=extraction.parameters,
        shape_facts=shape_facts,
        packed=packed_model(model, extraction) or "",
    )


def packed_model(model: HubModel, extraction: Extraction) -> str | None:
    """The name of the model that its GGUF files are of, in its packer's letters, where nothing but its own tells it."""
    architecture = extraction.architecture
    told = extraction.relations or (architecture.known and not architecture.provenance.guessed)
    return None if told else original_of_gguf(model.name)


def extract(model: HubModel, relatives: Sequence[Relative] = ()) -> Extraction:
    """Everything one Hub record tells, with evidence. Never raises for odd content.

    Where the record is silent, its ``relatives`` speak.
    """
    config = model.config or {}
    hf_class = _hf_class(config)
    if hf_class is not None and told_by_a_list(model) and _is_of_another_type(hf_class, config.get("model_type")):
        hf_class = None
    architecture = _architecture(model, config)
    context = _context(model, config)
    task = task_of(model, hf_class)
    if architecture.provenance in WEAK:
        architecture = architecture_by(relatives, architecture.value) or architecture
    alike = of_architecture([one for one in relatives if one.kin is not Kin.NAMED], architecture)
    if context.provenance in WEAK:
        published = context.value if context.provenance is Provenance.KNOWN else None
        context = context_by(alike, published) or context
    if not task.known:
        task = task_by(alike) or task
    for_family = told_for_a_family(model)
    if for_family and config.get("model_type") not in (None, architecture.value):
        hf_class = None  # it was told for the same family, and is as wrong
    names = _names(model, config)
    model = _counted_by_headers(model)
    packing = packing_of(model, config)
    if packing.provenance is Provenance.CONFIG and (for_family or goes_by_its_name(model, packing)):
        packing = replace(packing, provenance=Provenance.LIST)  # of the name's words, by whoever wrote the list
    packing = packing_in_headers(packing, model.safetensors_header)
    part = task.value == DRAFT or is_partial(model, config, packing)
    counted = parameters_of(model, config, packing, part=part)
    if not part and counted.fact.provenance in UNCOUNTED:
        counted = replace(counted, fact=_count_by(alike, counted.fact))
    packing = packing if counted.packing is None else counted.packing
    if (
        packing.provenance is Provenance.NAME
        and not told_by_a_list(model)
        and bits_of_type(config)
        and is_whole(config)
    ):
        packing = replace(packing, provenance=Provenance.CONTRADICTED)  # packers write what they did there
    plain_bits = None if packing.label else _published_bits(model, config) or bits_of_type(config)
    if plain_bits:
        packing = replace(packing, bits=plain_bits)
    common = VariantFacts(
        architecture=architecture.value,
        architecture_from=architecture.provenance,
        hf_class=hf_class,
        more_classes=None if hf_class is None or told_by_a_list(model) else _more_classes(config),
        class_listed=told_by_a_list(model) and _is_of_no_type(hf_class, architecture.value),
        context=context.value if context.value is not None else DEFAULT_CONTEXT,
        context_from=context.provenance,
        task=task.value,
        task_from=task.provenance,
        gated=None if model.gated is None else bool(model.gated),
        remote_code=_brings_code(model, config),
        no_config=_lists_no_config(model),
        gone=model.gone,
        partial=part and task.value != DRAFT,
        no_weights=_lists_no_weights(model, names),
    )
    relations = relations_of(model)
    own = is_own_release(model, relations, packing)
    found = tuple(
        replace(one, as_made=is_made_so(one.facts) or (own and one.facts.quantization == packing.label))
        for one in variants_of(model, names, common, packing, counted)
    )
    alone = any(name.role == "projector" for name in names)
    variants = found or (Variant("unknown", "Files unknown", replace(common, projector=alone)),)
    best_context = Fact(variants[0].facts.context, variants[0].facts.context_from, context.evidence)
    if best_context.provenance is not context.provenance:
        best_context = replace(best_context, evidence=_gguf_context_evidence(model))
    return Extraction(
        family=architecture_of(architecture.value).family if architecture.value else None,
        architecture=architecture,
        parameters=counted.fact,
        context=best_context,
        task=task,
        license=_license(model),
        languages=_languages(model),
        relations=relations,
        variants=variants,
        projectors=tuple(name.path for name in names if name.role == "projector"),
        projector_bytes=_projector_bytes(model, names),
        repository_size=_sum_sizes(model.siblings),
    )


def _counted_by_headers(model: HubModel) -> HubModel:
    """The model with what the headers of its files count where the Hub counts nothing."""
    header = model.safetensors_header
    if header is None or not header.whole or (model.safetensors and model.safetensors.count):
        return model
    counts = dict(header.counts)
    return model.model_copy(update={"safetensors": SafetensorsBlock(total=sum(counts.values()), parameters=counts)})


def _names(model: HubModel, config: Mapping[str, Any]) -> tuple[FileName, ...]:
    """The files, with what each is. A list of others may lack the file that makes a pipeline of its folders."""
    names = tuple(read_name(sibling.rfilename) for sibling in model.siblings or ())
    pipeline = (
        not names
        or not model.lists_all_files
        or model.library_name == "diffusers"
        or _pipeline_class(config) is not None
        or any(name.path == "model_index.json" for name in names)
        or any(tag.startswith("diffusers") for tag in model.tags or ())
    )
    return names if pipeline else without_components(names)


def _brings_code(model: HubModel, config: Mapping[str, Any]) -> bool | None:
    """Whether the repository brings code; that it does not, only the Hub's own tags and configuration tell together."""
    if "auto_map" in config or "custom_code" in (model.tags or ()):
        return True
    told = bool(model.tags and model.config) and {"tags", "config"}.isdisjoint(model.source or {})
    return False if told else None


def _lists_no_config(model: HubModel) -> bool:
    """Whether the Hub's own list of files is known without ``config.json``, and nothing that stands in one is told."""
    files = {sibling.rfilename for sibling in model.siblings or ()}
    own = bool(files) and model.lists_all_files
    return own and not model.config and files.isdisjoint({"config.json", "params.json", "model_index.json"})


def _lists_no_weights(model: HubModel, names: Sequence[FileName]) -> bool:
    """Whether the Hub's own list of files is known and holds no weights; others' lists may have gaps."""
    counted = model.safetensors is not None and not opens_no_safetensors(names)
    read = model.gguf is not None and model.gguf.architecture != _PROJECTOR
    elsewhere = not model.lists_all_files or counted or read
    return bool(names) and not elsewhere and all(name.role != "weights" for name in names)


def _count_by(relatives: Sequence[Relative], named: Fact[int]) -> Fact[int]:
    """The count of its relatives, unless its name tells of another size."""
    told = parameters_by(relatives)
    if told is None or told.value is None:
        return named
    near = named.value is None or NEAR_ITS_NAME[0] <= told.value / named.value <= NEAR_ITS_NAME[1]
    return told if near else named


# --- facts --------------------------------------------------------------------------------------------------


def positive_int(value: Any) -> int | None:
    """A whole number above zero and of a believable size, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if 0 < value < _MAX_COUNT and value == int(value) else None


def told_for_a_family(model: HubModel) -> bool:
    """Whether a record's configuration was written down for a family of models, and not read from its own file."""
    return _FAMILY_LIST in str((model.source or {}).get("config"))


def told_by_a_list(model: HubModel) -> bool:
    """Whether a record's configuration is from somebody's list of models, and not from the repository."""
    told = (model.source or {}).get("config")
    return told is not None and _WHOLE_CONFIGURATIONS not in str(told)


def _published_bits(model: HubModel, config: Mapping[str, Any]) -> float | None:
    """What a weight takes in the files of a well-known model, where its own config.json was not read."""
    known = known_model(model.id)
    if known is None or (is_whole(config) and not told_by_a_list(model)):
        return None
    return known.bits


def goes_by_its_name(model: HubModel, packing: Packing) -> bool:
    """Whether a list tells nothing of the packing but a method that names tell too.

    Lists go by words of the name there: what is called AWQ is written by llm-compressor as often as by AutoAWQ, and
    so is FP8, as GLM 4.5 to 4.7 are.
    """
    block = (model.config or {}).get("quantization_config")
    alone = isinstance(block, Mapping) and block.keys() == {"quant_method"}
    return alone and packing.label in SHARED_NAMES | {"FP8"} and told_by_a_list(model)


def _is_of_another_type(hf_class: str, model_type: Any) -> bool:
    """Whether Transformers has the class for other types alone: lists tell one for a family, mixtures included."""
    types = types_of_class(hf_class)
    return isinstance(model_type, str) and bool(types) and model_type not in types and has_classes(model_type)


def _is_of_no_type(hf_class: str | None, model_type: str | None) -> bool:
    """Whether no table has the class, for this type or any."""
    if hf_class is None or types_of_class(hf_class):
        return False
    return hf_class not in architecture_of_model_type(model_type or "").classes_for(None)


def _hf_class(config: Mapping[str, Any]) -> str | None:
    classes = config.get("architectures")
    if isinstance(classes, list) and classes and isinstance(classes[0], str):
        return classes[0][:120]
    return None


_MOST_CLASSES = 4
"""Behind the first; more are none that anybody means."""


def _more_classes(config: Mapping[str, Any]) -> str | None:
    """The classes behind the first; None for the usual configuration, which names one."""
    classes = config["architectures"][1 : 1 + _MOST_CLASSES]
    told = [name[:120] for name in classes if isinstance(name, str) and name.isidentifier()]
    return " ".join(told) or None


def _architecture(model: HubModel, config: Mapping[str, Any]) -> Fact[str]:
    model_type = config.get("model_type")
    if isinstance(model_type, str) and model_type.strip():
        value = model_type.strip()[:80]
        return _of_family(model, value) if told_for_a_family(model) else _of_type(value, config)
    pipeline_class = _pipeline_class(config)
    if pipeline_class:
        return Fact(pipeline_class, Provenance.CONFIG, f"_class_name of model_index.json is “{pipeline_class}”")
    if any(sibling.rfilename == "model_index.json" for sibling in model.siblings or ()):
        pipeline = next((tag for tag in model.tags or () if tag.startswith("diffusers:")), "diffusers:diffusers")
        value = pipeline.removeprefix("diffusers:")[:80]
        return Fact(value, Provenance.HUB, "its files hold a model_index.json: a Diffusers pipeline of several models")
    header = model.gguf_header
    if header and header.architecture:
        evidence = f"general.architecture of {header.file} is “{header.architecture}”"
        if header.architecture == "llama" and positive_int(header.values.get("llama.expert_count")):
            return Fact("mixtral", Provenance.GGUF_HEADER, f"{evidence}, with several experts a layer")
        return Fact(header.architecture, Provenance.GGUF_HEADER, evidence)
    if model.gguf and model.gguf.architecture:
        value = model.gguf.architecture[:80]
        if value == "llama" and any(_EXPERTS_WORD.fullmatch(word) for word in name_words(model.name)):
            return Fact(
                "mixtral",
                Provenance.NAME,
                "the GGUF header says “llama”, as Mixtral files do, and so does the name",
            )
        return Fact(value, Provenance.HUB, f"the Hub read “{value}” from a GGUF file of this repository")
    tagged = _architecture_tag([tag for tag in (*(model.tags or ()), model.library_name) if tag])
    if tagged:
        return Fact(tagged, Provenance.TAG, f"tagged “{tagged}”")
    known = known_model(model.id)
    if known:
        return Fact(known.model_type, Provenance.KNOWN, f"{model.id} is well known to be “{known.model_type}”")
    named = hint_in(model.name)
    if named:
        return Fact(named[0], Provenance.NAME, f"its name begins with “{named[1]}”")
    return Fact.unknown()


def _of_type(value: str, config: Mapping[str, Any]) -> Fact[str]:
    """What ``model_type`` tells, or what Jina's XLM-RoBERTa is, which has rotary positions and other tensors.

    Nobody else publishes code for the model of that type, which its ``auto_map`` names.
    """
    named = config.get("auto_map")
    if value == "xlm-roberta" and isinstance(named, Mapping) and any(key.startswith("AutoModel") for key in named):
        evidence = "model_type is “xlm-roberta”, and auto_map names a model of other code than that type's"
        return Fact("xlm-roberta-flash", Provenance.CONFIG, evidence)
    return Fact(value, Provenance.CONFIG, f"model_type is “{value}”")


def _of_family(model: HubModel, value: str) -> Fact[str]:
    """What a list tells of a model's family, or what contradicts it: the repository's well-known id, or its name."""
    known, named = known_model(model.id), hint_in(model.name)
    listed = f"a list of models tells “{value}” for its family"
    if known:
        return Fact(known.model_type, Provenance.KNOWN, f"{model.id} is well known to be “{known.model_type}”")
    if named and named[0] != value:
        return Fact(named[0], Provenance.NAME, f"its name begins with “{named[1]}”, where {listed}")
    return Fact(value, Provenance.LIST, listed)


def _pipeline_class(config: Mapping[str, Any]) -> str | None:
    """The class of a Diffusers pipeline, which the Hub puts under ``diffusers`` into what it answers as config."""
    block = config.get("diffusers")
    name = block.get("_class_name") if isinstance(block, Mapping) else None
    return name.strip()[:80] or None if isinstance(name, str) else None


def _architecture_tag(tags: Sequence[str]) -> str | None:
    """The one exact tag that is a ``model_type``, or the pipeline class of a Diffusers repository."""
    for tag in tags:
        if tag.startswith("diffusers:"):
            return tag.removeprefix("diffusers:")[:80]
    if SINGLE_FILE in tags:
        return SINGLE_FILE
    if "timm" in tags:
        return _TIMM
    found = {tag for tag in tags if is_listed(tag)}
    return found.pop() if len(found) == 1 else None


def _configs(config: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    nested = [(f"{name}.", config[name]) for name in _NESTED_CONFIGS if isinstance(config.get(name), dict)]
    return [("", config), *nested]


def _context(model: HubModel, config: Mapping[str, Any]) -> Fact[int]:
    scopes = _configs(config)
    for key in _CONTEXT_KEYS:
        for prefix, scope in scopes:
            value = positive_int(scope.get(key))
            if value is not None:
                stretched = _stretched(scope)
                if stretched is not None and stretched > value:
                    return Fact(stretched, Provenance.CONFIG, f"{prefix}{key} is {value:,}, which YaRN stretches")
                return Fact(value, Provenance.CONFIG, f"{prefix}{key} is {value:,}")
    published = published_context(model.id)
    if published:
        return Fact(published, Provenance.KNOWN, f"its authors made it for {published:,}")
    known, shape = known_model(model.id), find_shape(model.name)
    length = (known.context if known else None) or (shape.context if shape else None)
    if length:
        return Fact(length, Provenance.KNOWN, f"the published model it is named after was made for {length:,}")
    return Fact(DEFAULT_CONTEXT, Provenance.DEFAULT, f"nothing tells it, so {DEFAULT_CONTEXT:,} tokens are assumed")


def _stretched(config: Mapping[str, Any]) -> int | None:
    """The context that YaRN makes of what the model was trained with, as engines work it out; None where it is not on.

    Other ways of scaling (``linear``, ``llama3``, ``longrope``) stand for a context that is told as scaled already.
    """
    for block in (config.get("rope_scaling"), config.get("rope_parameters")):
        if isinstance(block, Mapping) and "yarn" in (block.get("rope_type"), block.get("type")):
            original, factor = positive_int(block.get("original_max_position_embeddings")), block.get("factor")
            if original and isinstance(factor, int | float) and 1 < factor <= _MOST_STRETCHED:
                return positive_int(round(original * factor))
    return None


def _projector_bytes(model: HubModel, names: Sequence[FileName]) -> int | None:
    """The size of the vision projector an engine would load: the 16-bit one where there are several; None if untold."""
    sizes = {sibling.rfilename: sibling.bytes for sibling in model.siblings or ()}
    known = [(name, size) for name in names if name.role == "projector" and (size := sizes.get(name.path)) is not None]
    usual = [size for name, size in known if name.quantization in ("F16", "BF16")]
    return max(usual or [size for _, size in known], default=None)


def _gguf_context_evidence(model: HubModel) -> str:
    if model.gguf_header and model.gguf_header.context_length:
        return f"{model.gguf_header.file} says {model.gguf_header.context_length:,}"
    length = model.gguf.context_length if model.gguf else None
    return f"the Hub read {length:,} from a GGUF file of this repository" if length else ""


def _license(model: HubModel) -> str | None:
    for text in card_texts(model, "license"):
        return text.lower()[:80]
    for tag in model.tags or ():
        if tag.startswith("license:"):
            return tag.removeprefix("license:").lower()[:80]
    return None


_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]{2,4})?")


def _languages(model: HubModel) -> tuple[str, ...]:
    found = dict.fromkeys(text.lower() for text in card_texts(model, "language"))
    return tuple(code for code in found if _LANGUAGE.fullmatch(code) or code == "multilingual")[:64]


def _sum_sizes(siblings: Sequence[Sibling] | None) -> int | None:
    sizes = [sibling.bytes for sibling in siblings or ()]
    known = [size for size in sizes if size is not None]
    return sum(known) if sizes and len(known) == len(sizes) else None
