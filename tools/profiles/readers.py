"""Readers of the engines' own registries, as text and syntax trees. Each takes an unpacked package's folder; one of an
engine that falls back to Transformers also takes that of the Transformers version which the engine pins.

They are strict: a registry that is not where it was raises, so that a new engine version never empties a list
unnoticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Pairs = dict[str, str | tuple[str, ...]]


def _one(root: Path, pattern: str) -> Path:
    found = sorted(root.glob(pattern)) or sorted(root.glob(f"*/{pattern}"))
    if not found:
        raise FileNotFoundError(f"{pattern} is not in {root.name}: the package's layout changed")
    return found[0]


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _assigned(tree: ast.Module, name: str) -> ast.expr:
    for node in ast.walk(tree):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if value is not None:
                return value
    raise LookupError(f"{name} is not assigned any more: the registry changed")


def _texts(node: ast.AST) -> tuple[str, ...]:
    return tuple(
        item.value for item in ast.walk(node) if isinstance(item, ast.Constant) and isinstance(item.value, str)
    )


def _keys(node: ast.expr) -> list[str]:
    if not isinstance(node, ast.Dict):
        raise TypeError("a registry is not a dictionary any more")
    return [key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]


def _leads_to(node: ast.expr) -> dict[str, str]:
    """A dictionary of texts."""
    if not isinstance(node, ast.Dict):
        raise TypeError("a registry is not a dictionary any more")
    return {
        str(key.value): str(value.value)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    }


def _filled(names: Iterable[str], what: str) -> list[str]:
    found = sorted(set(names))
    if not found:
        raise LookupError(f"no {what} found: the registry changed")
    return found


# --- Transformers -------------------------------------------------------------------------------------------


def _mapping(tree: ast.Module, name: str) -> Pairs:
    """An auto-model mapping: pairs of a model_type and one or several class names."""
    pairs: Pairs = {}
    mapping = _assigned(tree, f"MODEL_FOR_{name}_MAPPING_NAMES" if name else "MODEL_MAPPING_NAMES")
    rows = mapping.args[0] if isinstance(mapping, ast.Call) and mapping.args else mapping
    for node in rows.elts if isinstance(rows, ast.List) else ():
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant):
            classes = _texts(node.elts[1])
            pairs[str(node.elts[0].value)] = classes[0] if len(classes) == 1 else classes
    if not pairs:
        raise LookupError(f"the mapping {name or 'of base models'} is empty")
    return pairs


_TASK_MAPPINGS = {
    "causal": "CAUSAL_LM",
    "vision": "IMAGE_TEXT_TO_TEXT",
    "multimodal": "MULTIMODAL_LM",
    "seq2seq": "SEQ_TO_SEQ_CAUSAL_LM",
    "speech": "SPEECH_SEQ_2_SEQ",
    "masked": "MASKED_LM",
    "sequence_classification": "SEQUENCE_CLASSIFICATION",
    "token_classification": "TOKEN_CLASSIFICATION",
    "base": "",
}

_MORE_MAPPINGS = {
    "waveform": "TEXT_TO_WAVEFORM",
    "spectrogram": "TEXT_TO_SPECTROGRAM",
    "ctc": "CTC",
    "question_answering": "QUESTION_ANSWERING",
    "table_question_answering": "TABLE_QUESTION_ANSWERING",
    "image": "IMAGE",
    "image_classification": "IMAGE_CLASSIFICATION",
    "zero_shot_image_classification": "ZERO_SHOT_IMAGE_CLASSIFICATION",
    "image_segmentation": "IMAGE_SEGMENTATION",
    "semantic_segmentation": "SEMANTIC_SEGMENTATION",
    "instance_segmentation": "INSTANCE_SEGMENTATION",
    "universal_segmentation": "UNIVERSAL_SEGMENTATION",
    "mask_generation": "MASK_GENERATION",
    "object_detection": "OBJECT_DETECTION",
    "zero_shot_object_detection": "ZERO_SHOT_OBJECT_DETECTION",
    "depth_estimation": "DEPTH_ESTIMATION",
    "video_classification": "VIDEO_CLASSIFICATION",
    "audio_classification": "AUDIO_CLASSIFICATION",
}
"""Mappings that tell what a model can do, but no class that another engine goes by."""

_GGUF_SPELLING = {
    "gpt_oss": "gpt-oss",
    "minimax_m2": "minimax-m2",
    "qwen2_moe": "qwen2moe",
    "qwen3_moe": "qwen3moe",
}
"""Names that Transformers turns into its own spelling after reading them from a GGUF header."""


def _gguf_readable(root: Path) -> list[str]:
    """The GGUF names it dequantises on load: those of its older reader, and of the newer one in a folder of its own."""
    ggml = _tree(_one(root, "transformers/integrations/ggml.py"))
    newer = _tree(_one(root, "transformers/integrations/gguf/gguf_config_mapping.py"))
    older = [
        _GGUF_SPELLING.get(key, key)
        for key in _keys(_assigned(ggml, "GGUF_CONFIG_MAPPING"))
        if key not in ("general", "tokenizer")
    ]
    return _filled([*older, *_keys(_assigned(newer, "GGUF_CONFIG_ARCHS"))], "GGUF names")


def config_types(root: Path) -> list[str]:
    """Every ``model_type`` whose ``config.json`` its ``AutoConfig`` reads without code from the repository."""
    folder = _one(root, "transformers/models/auto/modeling_auto.py").parent
    table = _assigned(_tree(folder / "auto_mappings.py"), "CONFIG_MAPPING_NAMES")
    rows = table.args[0] if isinstance(table, ast.Call) and table.args else table
    if not isinstance(rows, ast.List):
        raise TypeError("CONFIG_MAPPING_NAMES is not a list of pairs any more")
    paired = [_texts(row)[0] for row in rows.elts]
    later = [
        key
        for node in ast.walk(_tree(folder / "configuration_auto.py"))
        if isinstance(node, ast.Dict)
        for key, value in zip(_keys(node), node.values, strict=False)
        if isinstance(value, ast.Constant) and str(value.value).endswith("Config")
    ]
    return _filled([*paired, *later], "types of configurations")


def transformers(root: Path) -> dict[str, Iterable[str]]:
    """The model types of each task's auto class, those of configurations, and the GGUF names it reads."""
    tree = _tree(_one(root, "transformers/models/auto/modeling_auto.py"))
    lists: dict[str, Iterable[str]] = {
        key: list(_mapping(tree, name)) for key, name in (_TASK_MAPPINGS | _MORE_MAPPINGS).items()
    }
    lists["gguf"] = _gguf_readable(root)
    lists["config_types"] = config_types(root)
    return lists


_ATTENTION_CLASS = re.compile(r"^class \w*Attention\w*\(nn\.Module\):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _ModelClass:
    """A class of a model file: its bases, what it says of its attention itself, and whether its file lets it be set."""

    bases: tuple[str, ...]
    says: bool | None
    settable: bool


def _model_classes(root: Path) -> dict[str, _ModelClass]:
    found: dict[str, _ModelClass] = {}
    folder = _one(root, "transformers/models/auto/modeling_auto.py").parents[1]
    for path in sorted(folder.glob("*/modeling_*.py")):
        text = path.read_text("utf-8")
        settable = "ALL_ATTENTION_FUNCTIONS.get_interface(" in text or not _ATTENTION_CLASS.search(text)
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                bases = tuple(base.id for base in node.bases if isinstance(base, ast.Name))
                found[node.name] = _ModelClass(bases, _attention_flag(node), settable)
    return found


def _attention_flag(node: ast.ClassDef) -> bool | None:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and _texts_of_targets(statement) == ["_supports_attention_backend"]:
            return isinstance(statement.value, ast.Constant) and statement.value.value is True
    return None


def _fallbacks(root: Path, own: Iterable[str]) -> dict[str, Iterable[str]]:
    """The classes not an engine's own that Transformers can run with a server's attention, by what they are for.

    They say so by ``_supports_attention_backend``, by themselves or by a base. ``fallback_settable`` are language
    models that do not, but whose file goes through the interface, which is enough for some servers. Encoder-decoders
    and drafts are left out.
    """
    classes, own = _model_classes(root), set(own)

    def says(name: str) -> bool | None:
        known = classes.get(name)
        if known is None:
            return None
        if known.says is not None:
            return known.says
        return next((found for found in map(says, known.bases) if found is not None), None)

    tables = names(root)

    def of(types: Iterable[str], *keys: str) -> set[str]:
        """The classes of these model types in these tables."""
        rows = (tables[key][model_type] for key in keys for model_type in set(types) & tables[key].keys())
        found = {name for row in rows for name in ((row,) if isinstance(row, str) else row)}
        return {name for name in found - own if name in classes and "Assistant" not in name}

    two_sided = tables["seq2seq"].keys() | tables["speech"].keys()
    seeing, encoders = tables["vision"].keys() - two_sided, tables["masked"].keys() - two_sided
    text = tables["causal"].keys() - two_sided - encoders - tables["vision"].keys()
    by_use = {
        "text": of(text, "causal"),
        "vision": of(seeing, "vision"),
        "embedding": of(text | encoders, "base"),
        "classification": of(text | encoders, "sequence_classification", "token_classification"),
    }
    lists: dict[str, Iterable[str]] = {
        f"fallback_{use}": _filled(filter(says, found), f"classes for {use}") for use, found in by_use.items()
    }
    settable = (name for name in by_use["text"] if not says(name) and classes[name].settable)
    return lists | {"fallback_settable": _filled(settable, "classes of settable attention")}


def names(root: Path) -> dict[str, Pairs]:
    """The classes that a config of each ``model_type`` may name, one table for each auto class."""
    tree = _tree(_one(root, "transformers/models/auto/modeling_auto.py"))
    return {key: _mapping(tree, name) for key, name in _TASK_MAPPINGS.items()}


# --- llama.cpp ----------------------------------------------------------------------------------------------

_ARCH_NAME = re.compile(r"\{\s*(LLM_ARCH_\w+),\s*\"([^\"]+)\"\s*\}")
_ARCH_CASE = re.compile(r"case (LLM_ARCH_\w+):")


def llama_cpp(root: Path) -> dict[str, Iterable[str]]:
    """The names its loader has a case for."""
    source = _one(root, "vendor/llama.cpp/src/llama-arch.cpp").parent
    named = dict(_ARCH_NAME.findall((source / "llama-arch.cpp").read_text("utf-8")))
    model = (source / "llama-model.cpp").read_text("utf-8")
    factory = model[: model.index("LLM_ARCH_UNKNOWN")]
    loadable = {named[arch] for arch in _ARCH_CASE.findall(factory) if arch in named} - {"clip"}
    return {"gguf": _filled(loadable, "architectures")}


def gguf_names(root: Path) -> dict[str, Pairs]:
    """The GGUF name that the converter writes for each class it takes."""
    sources = _one(root, "vendor/llama.cpp/src/llama-arch.cpp").parents[1]
    return {"classes": dict(_conversions(sources / "conversion", sources))}


def _arch_attribute(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and _texts_of_targets(statement) == ["model_arch"]:
            value = statement.value
            return value.attr if isinstance(value, ast.Attribute) else None
    return None


def _texts_of_targets(statement: ast.Assign) -> list[str]:
    return [target.id for target in statement.targets if isinstance(target, ast.Name)]


def _registered(node: ast.ClassDef) -> tuple[str, ...]:
    return tuple(
        name
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr == "register"
        for name in _texts(decorator)
    )


def _conversions(folder: Path, llama: Path) -> Iterator[tuple[str, str]]:
    constants = _tree(llama / "gguf-py" / "gguf" / "constants.py")
    table = _assigned(constants, "MODEL_ARCH_NAMES")
    if not isinstance(table, ast.Dict):
        raise TypeError("MODEL_ARCH_NAMES is not a dictionary any more")
    written = {
        key.attr: value.value
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Attribute) and isinstance(value, ast.Constant)
    }
    classes: dict[str, tuple[tuple[str, ...], str | None, tuple[str, ...]]] = {}
    for path in sorted(folder.glob("*.py")):
        for node in _tree(path).body:
            if isinstance(node, ast.ClassDef):
                bases = tuple(base.id for base in node.bases if isinstance(base, ast.Name))
                classes[node.name] = (bases, _arch_attribute(node), _registered(node))

    def arch_of(name: str) -> str | None:
        bases, arch, _ = classes.get(name, ((), None, ()))
        return arch or next((found for found in map(arch_of, bases) if found), None)

    for name, (_, _, registered) in sorted(classes.items()):
        arch = arch_of(name)
        if arch and arch != "MMPROJ" and arch in written:
            for hf_class in registered:
                yield hf_class, str(written[arch])


# --- the others ---------------------------------------------------------------------------------------------


def mlx_lm(root: Path) -> dict[str, Iterable[str]]:
    """Its model modules, and the model types it maps onto one of them."""
    folder = _one(root, "mlx_lm/utils.py").parent
    modules = {
        path.stem
        for path in (folder / "models").glob("*.py")
        if any(isinstance(node, ast.ClassDef) and node.name == "ModelArgs" for node in _tree(path).body)
    }
    return {"model_types": _filled(modules | _remapped(folder, modules), "models")}


def _remapped(folder: Path, modules: set[str]) -> set[str]:
    """The model types that ``utils.py`` maps onto one of these modules."""
    onto = _leads_to(_assigned(_tree(folder / "utils.py"), "MODEL_REMAPPING"))
    return {model_type for model_type, module in onto.items() if module in modules}


_SGLANG_DRAFT = re.compile(r"(NextN|MTP|Eagle3?)$|^Eagle|^DFlash|Draft|DSpark|Assistant")


def sglang(root: Path, pinned: Path) -> dict[str, Iterable[str]]:
    """The classes its model files register: drafts, those that take images or sound, and the others.

    Of the pinned Transformers: what it falls back to, and the GGUF names whose settings it reads.
    """
    folder = _one(root, "sglang/srt/models/llama.py").parent
    found: set[str] = set()
    for path in sorted(folder.rglob("*.py")):
        tree = _tree(path)
        try:
            entry = _assigned(tree, "EntryClass")
        except LookupError:
            continue
        found.update(node.id for node in ast.walk(entry) if isinstance(node, ast.Name))
    config = _tree(folder.parent / "configs" / "model_config.py")
    listed = set(_texts(_assigned(config, "multimodal_model_archs")))
    own = {name for name in found if not name.startswith("Transformers")}  # those are stand-ins for other classes
    draft = {name for name in own if _SGLANG_DRAFT.search(name)}
    multimodal = {name for name in own - draft if name in listed or name.endswith("ForConditionalGeneration")}
    return {
        "text": _filled(own - draft - multimodal, "classes"),
        "multimodal": _filled(multimodal, "multimodal classes"),
        "draft": _filled(draft, "draft classes"),
        **{key: found for key, found in _fallbacks(pinned, own).items() if key != "fallback_settable"},
        "gguf": _gguf_readable(pinned),
        "config_types": _filled(_sglang_config_types(folder.parent), "types of configurations"),
    }


def _sglang_config_types(folder: Path) -> Iterator[str]:
    """The types that its configuration classes say they are of, or are registered under."""
    for path in (*sorted((folder / "configs").glob("*.py")), folder / "utils" / "hf_transformers" / "common.py"):
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id == "model_type" and isinstance(node.value, ast.Constant):
                yield from _texts(node.value)
            elif isinstance(target, ast.Subscript) and getattr(target.value, "id", "") == "_CONFIG_REGISTRY":
                yield from _texts(target.slice)


_VLLM_TABLES = {
    "text": ("_TEXT_GENERATION_MODELS",),
    "via_transformers": ("_TRANSFORMERS_SUPPORTED_MODELS",),
    "multimodal": ("_MULTIMODAL_MODELS",),
    "embedding": ("_EMBEDDING_MODELS", "_LATE_INTERACTION_MODELS"),
    "classification": ("_SEQUENCE_CLASSIFICATION_MODELS", "_TOKEN_CLASSIFICATION_MODELS", "_REWARD_MODELS"),
    "draft": ("_SPECULATIVE_DECODING_MODELS",),
}


def vllm(root: Path, pinned: Path) -> dict[str, Iterable[str]]:
    """The registry's tables, the classes that an earlier version had, and those it falls back to Transformers for."""
    registry = _one(root, "vllm/model_executor/models/registry.py")
    tree, package = _tree(registry), registry.parents[2]
    lists: dict[str, Iterable[str]] = {
        name: _filled((key for table in tables for key in _keys(_assigned(tree, table))), name)
        for name, tables in _VLLM_TABLES.items()
    }
    seeing = set(_vllm_seeing(_assigned(tree, _VLLM_TABLES["text"][0]), package))
    lists["text"] = [name for name in lists["text"] if name not in seeing]
    lists["multimodal"] = [*lists["multimodal"], *seeing]
    lists |= _fallbacks(pinned, {name for names in lists.values() for name in names})
    known = {name for names in lists.values() for name in names}
    removed = _keys(_assigned(tree, "_PREVIOUSLY_SUPPORTED_MODELS"))
    own = _assigned(_tree(_one(root, "vllm/transformers_utils/config.py")), "_CONFIG_REGISTRY")
    return lists | {
        "removed": _filled((name for name in removed if name not in known), "removed classes"),
        "config_types": _filled(_named_arguments(own), "types of configurations"),
    }


def _vllm_seeing(table: ast.expr, package: Path) -> Iterator[str]:
    """The names in the table of text models whose class takes pictures or sound: not all stand among those that do."""
    classes = {
        node.name
        for folder in ("model_executor/models", "models")
        for path in (package / folder).rglob("*.py")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "SupportsMultiModal" for base in node.bases)
    }
    for key, value in zip(table.keys, table.values, strict=True) if isinstance(table, ast.Dict) else ():
        if isinstance(key, ast.Constant) and _texts(value)[-1:] and _texts(value)[-1] in classes:
            yield str(key.value)


def _named_arguments(call: ast.expr) -> Iterator[str]:
    """The names of a call's arguments, those of ``**{"name": ...}`` among them."""
    for argument in call.keywords if isinstance(call, ast.Call) else ():
        yield from [argument.arg] if argument.arg else _keys(argument.value)


def exllamav3(root: Path) -> dict[str, Iterable[str]]:
    """The class names its architecture files answer to."""
    folder = _one(root, "exllamav3/architecture/llama.py").parent
    found: set[str] = set()
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Assign) and _texts_of_targets(node) == ["arch_string"]:
                found.update(_texts(node.value))
    return {"classes": _filled(found, "classes")}


# --- those that are published as a source tree --------------------------------------------------------------


def tgi(root: Path, pinned: Path) -> dict[str, Iterable[str]]:
    """The model types that its loader has a case for, and those it falls back to the pinned Transformers for."""
    tree = _tree(_one(root, "server/text_generation_server/models/__init__.py"))
    kinds = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "ModelType")
    type_of = {
        _texts_of_targets(statement)[0]: _leads_to(statement.value)["type"]
        for statement in kinds.body
        if isinstance(statement, ast.Assign)
    }
    handled: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "model_type":
            for value in node.comparators:
                handled.update(_texts(value))
                named = [item.id for item in ast.walk(value) if isinstance(item, ast.Name)]
                handled.update(type_of[name] for name in named if name in type_of)
    auto = _tree(_one(pinned, "transformers/models/auto/modeling_auto.py"))
    encoders, seeing, hearing = (
        _mapping(auto, name).keys() for name in ("MASKED_LM", "IMAGE_TEXT_TO_TEXT", "SPEECH_SEQ_2_SEQ")
    )
    seq2seq = _mapping(auto, "SEQ_TO_SEQ_CAUSAL_LM").keys() - hearing
    causal = _mapping(auto, "CAUSAL_LM").keys() - encoders - seeing - hearing - seq2seq
    return {
        "optimised": _filled(handled, "types"),
        "fallback_text": _filled(causal - handled, "types of Transformers"),
        "fallback_seq2seq": _filled(seq2seq - handled, "encoder-decoders of Transformers"),
    }


_TENSORRT_DRAFT = re.compile(r"eagle|draft|assistant", re.IGNORECASE)


def tensorrt_llm(root: Path) -> dict[str, Iterable[str]]:
    """The classes its index of models names, parted by what they are for; parts of models are left out."""
    tree = _tree(_one(root, "tensorrt_llm/_torch/models/_arch_index.py"))
    module_of = _leads_to(_assigned(tree, "MODEL_ARCH_TO_MODULE"))
    seeing = set(_leads_to(_assigned(tree, "MULTIMODAL_MODEL_TYPE_TO_MODULE")).values())
    whole = {name for name in module_of if not name.endswith(("VisionModel", "HCXVisionModel"))}
    draft = {name for name in whole if _TENSORRT_DRAFT.search(name)}
    classification = {name for name in whole if name.endswith(("Classification", "RewardModel"))}
    embedding = {name for name in whole if name.endswith("TextEmbedding")}
    generating = whole - draft - classification - embedding
    conditional = {name for name in generating if name.endswith("ForConditionalGeneration")}
    both = {module_of[name] for name in conditional}
    multimodal = {
        name
        for name in generating
        if module_of[name] in seeing and not (name.endswith("ForCausalLM") and module_of[name] in both)
    }
    return {
        "text": _filled(generating - multimodal - conditional, "classes"),
        "conditional": _filled(conditional - multimodal, "encoder-decoders"),
        "multimodal": _filled(multimodal, "multimodal classes"),
        "classification": _filled(classification, "classifiers"),
        "embedding": _filled(embedding, "embedding classes"),
        "draft": _filled(draft, "draft classes"),
    }


_GO_CASE = re.compile(r"^\tcase (\"[^:\n]+\"):", re.MULTILINE)


def ollama(root: Path) -> dict[str, Iterable[str]]:
    """The classes that its converter takes."""
    text = _one(root, "convert/convert.go").read_text("utf-8")
    switch = text[text.index("switch p.Architectures[0]") :]
    switch = switch[: switch.index("\tdefault:")]
    return {"convert": _filled(re.findall(r'"([^"]+)"', " ".join(_GO_CASE.findall(switch))), "classes")}


_REQUIREMENT = re.compile(r"^(?:Requires-Dist: )?(transformers\s*[<>=!~][^;#\\\n]*)", re.MULTILINE)


def pinned_transformers(root: Path) -> str:
    """The requirement by which an engine's package or tree pins Transformers: ``transformers==5.19.0``."""
    for pattern in ("*.dist-info/METADATA", "requirements/common.txt", "server/requirements_cuda.txt"):
        for path in (*root.glob(pattern), *root.glob(f"*/{pattern}")):
            found = _REQUIREMENT.search(path.read_text("utf-8"))
            if found:
                return found[1].replace(" ", "")
    raise LookupError(f"{root.name} does not say which Transformers it takes: the package's layout changed")
