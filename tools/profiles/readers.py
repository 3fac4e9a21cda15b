"""Readers of the engines' own registries, as text and syntax trees. Each takes an unpacked package's folder.

They are strict: a registry that is not where it was raises, so that a new engine version never empties a list
unnoticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
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


_GGUF_SPELLING = {
    "gpt_oss": "gpt-oss",
    "minimax_m2": "minimax-m2",
    "qwen2_moe": "qwen2moe",
    "qwen3_moe": "qwen3moe",
}
"""Names that Transformers turns into its own spelling after reading them from a GGUF header."""


def transformers(root: Path) -> dict[str, Iterable[str]]:
    """The model types of each task's auto class, and the GGUF names it dequantises on load."""
    tree = _tree(_one(root, "transformers/models/auto/modeling_auto.py"))
    ggml = _tree(_one(root, "transformers/integrations/ggml.py"))
    lists: dict[str, Iterable[str]] = {key: list(_mapping(tree, name)) for key, name in _TASK_MAPPINGS.items()}
    lists["gguf"] = [
        _GGUF_SPELLING.get(key, key)
        for key in _keys(_assigned(ggml, "GGUF_CONFIG_MAPPING"))
        if key not in ("general", "tokenizer")
    ]
    return lists


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
    remapped = _assigned(_tree(folder / "utils.py"), "MODEL_REMAPPING")
    if not isinstance(remapped, ast.Dict):
        raise TypeError("MODEL_REMAPPING is not a dictionary any more")
    onto = {
        key.value
        for key, value in zip(remapped.keys, remapped.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant) and value.value in modules
    }
    return {"model_types": _filled(modules | {str(key) for key in onto}, "models")}


def mlx_vlm(root: Path) -> dict[str, Iterable[str]]:
    """Its model folders that hold a language model: those that answer what they see."""
    folder = _one(root, "mlx_vlm/models/__init__.py").parent
    return {"mlx_vision": _filled((path.parent.name for path in folder.glob("*/language.py")), "models")}


_SGLANG_DRAFT = re.compile(r"(NextN|MTP|Eagle3?)$|^Eagle|^DFlash|Draft|DSpark|Assistant")


def sglang(root: Path) -> dict[str, Iterable[str]]:
    """The classes its model files register: drafts, those that take images or sound, and the others."""
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
    }


_VLLM_TABLES = {
    "text": ("_TEXT_GENERATION_MODELS",),
    "via_transformers": ("_TRANSFORMERS_SUPPORTED_MODELS",),
    "multimodal": ("_MULTIMODAL_MODELS",),
    "embedding": ("_EMBEDDING_MODELS", "_LATE_INTERACTION_MODELS"),
    "classification": ("_SEQUENCE_CLASSIFICATION_MODELS", "_TOKEN_CLASSIFICATION_MODELS", "_REWARD_MODELS"),
    "draft": ("_SPECULATIVE_DECODING_MODELS",),
}


def vllm(root: Path) -> dict[str, Iterable[str]]:
    """The registry's tables, and the classes that an earlier version had."""
    tree = _tree(_one(root, "vllm/model_executor/models/registry.py"))
    lists: dict[str, Iterable[str]] = {
        name: _filled((key for table in tables for key in _keys(_assigned(tree, table))), name)
        for name, tables in _VLLM_TABLES.items()
    }
    lists["removed"] = _filled(_keys(_assigned(tree, "_PREVIOUSLY_SUPPORTED_MODELS")), "removed classes")
    return lists


def exllamav3(root: Path) -> dict[str, Iterable[str]]:
    """The class names its architecture files answer to."""
    folder = _one(root, "exllamav3/architecture/llama.py").parent
    found: set[str] = set()
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Assign) and _texts_of_targets(node) == ["arch_string"]:
                found.update(_texts(node.value))
    return {"classes": _filled(found, "classes")}
