"""Readers of the registries of engines beside :mod:`tools.profiles.readers`: as strict, and like those without imports
of what they read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from tools.profiles.readers import _assigned, _filled, _keys, _one, _texts, _tree


def _updated(tree: ast.Module, name: str) -> set[str]:
    """The keys that calls of ``name.update({...})`` put into a registry."""
    return {
        key
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "update"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == name
        for key in _keys(node.args[0])
    }


_LMDEPLOY_DRAFTS = ("MTP", "MTPModel", "DraftModel")


def lmdeploy(root: Path) -> dict[str, Iterable[str]]:
    """The classes of its two engines: those that see, drafts, reward models, the others, and those it once had."""
    folder = _one(root, "lmdeploy/archs.py").parent
    registry = _assigned(_tree(folder / "turbomind" / "supported_models.py"), "SUPPORTED_ARCHS")
    if not isinstance(registry, ast.Call):
        raise TypeError("SUPPORTED_ARCHS is not a call of dict any more")
    modules = _tree(folder / "pytorch" / "models" / "module_map.py")
    found = {keyword.arg for keyword in registry.keywords if keyword.arg} | _updated(modules, "MODULE_MAP")
    seeing = set(_texts(_assigned(_tree(folder / "archs.py"), "supported_archs")))
    draft = {name for name in found if name.endswith(_LMDEPLOY_DRAFTS) or name.startswith("Eagle")}
    reward = {name for name in found if name.endswith("ForRewardModel")}
    return {
        "text": _filled(found - seeing - draft - reward, "classes"),
        "multimodal": _filled(found & seeing, "classes that see"),
        "draft": _filled(draft, "draft classes"),
        "reward": _filled(reward, "reward classes"),
        "removed": _filled(set(_keys(_assigned(modules, "REMOVED_MODEL_MAP"))) - found, "removed classes"),
    }


# --- MLX ----------------------------------------------------------------------------------------------------

_MLX_VLM_WORDLESS = frozenset(
    {
        *("clef", "colidefics3", "colqwen2_5", "d1", "embedding_gemma2", "qwen3_vl_embedding", "siglip"),
        *("rfdetr", "rt_detr_v2", "sam3", "sam3_1", "sam3d_body"),
    }
)
"""Folders that are built like those of models which answer, but find, compare or cut out only."""


def _exported(folder: Path) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(_tree(folder / "__init__.py"))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def mlx_vlm(root: Path) -> dict[str, Iterable[str]]:
    """Its model folders that answer with text: those that see and those that only read; and what makes embeddings.

    With each go the model types that are mapped onto it.
    """
    package = _one(root, "mlx_vlm/utils.py").parent
    seeing, reading = set[str](), set[str]()
    for start in (package / "models").glob("*/__init__.py"):
        folder, exported = start.parent, _exported(start.parent)
        answers = (folder / "language.py").exists() or "LanguageModel" in exported
        if "Model" not in exported or folder.name in _MLX_VLM_WORDLESS or not answers:
            continue
        config = folder / "config.py"
        configures_sight = config.exists() and "class VisionConfig" in config.read_text("utf-8")
        sees = configures_sight or "VisionModel" in exported or (folder / "vision.py").exists()
        (seeing if sees else reading).add(folder.name)
    remapped = _pairs(_tree(package / "utils.py"), "MODEL_REMAPPING")
    return {
        "multimodal": _filled(_with_aliases(seeing, remapped), "models that see"),
        "text": _filled(_with_aliases(reading, remapped), "models that read"),
        "embedding": _filled(_pairs(_tree(package / "embedding_loader.py"), "EMBEDDING_MODEL_REMAPPING"), "embedders"),
    }


def _pairs(tree: ast.Module, name: str) -> dict[str, str]:
    table = _assigned(tree, name)
    if not isinstance(table, ast.Dict):
        raise TypeError(f"{name} is not a dictionary any more")
    return {
        str(key.value): str(value.value)
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    }


def _with_aliases(models: set[str], remapped: dict[str, str]) -> set[str]:
    return (models | {name for name, model in remapped.items() if model in models}) - {
        name for name, model in remapped.items() if model not in models
    }


def mlx_audio(root: Path) -> dict[str, Iterable[str]]:
    """The model types it speaks, hears and answers in sound with: folders, and what is mapped onto one of them.

    ``shared`` are those it takes for plain language models unless it is told to speak with them.
    """
    package = _one(root, "mlx_audio/registry.py").parent
    shared = set(_texts(_assigned(_tree(package / "registry.py"), "_AMBIGUOUS_FAMILIES")))
    lists: dict[str, Iterable[str]] = {"shared": _filled(shared, "shared types")}
    for kind in ("tts", "stt", "sts"):
        folders = {start.parent.name for start in (package / kind / "models").glob("*/__init__.py")}
        remapped = _pairs(_tree(package / kind / "utils.py"), "MODEL_REMAPPING")
        lists[kind] = _filled(_with_aliases(folders - shared, remapped), f"models of {kind}")
    return lists


# --- images and sound ---------------------------------------------------------------------------------------


def diffusers(root: Path) -> dict[str, Iterable[str]]:
    """The pipelines it exports by name, but those that choose one themselves and those that need ONNX files."""
    exported = {
        text
        for node in ast.walk(_tree(_one(root, "diffusers/__init__.py")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_import_structure['pipelines'].extend"
        for text in _texts(node.args[0])
    }
    pipelines = {name for name in exported if "Pipeline" in name and not name.endswith("Output")}
    return {"pipelines": _filled((name for name in pipelines if not name.startswith(("Auto", "Onnx"))), "pipelines")}


# --- converters ---------------------------------------------------------------------------------------------

_OPENVINO_TASKS = {"text": "text-generation", "multimodal": "image-text-to-text"}


def optimum_intel(root: Path) -> dict[str, Iterable[str]]:
    """The model types of Transformers that its exporter converts for OpenVINO, for each of a few tasks."""
    tree = _tree(_one(root, "optimum/exporters/openvino/model_configs.py"))
    found: dict[str, set[str]] = {key: set() for key in _OPENVINO_TASKS}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "register_in_tasks_manager"):
            continue
        library = next((keyword.value for keyword in node.keywords if keyword.arg == "library_name"), None)
        if library is not None and _texts(library) != ("transformers",):
            continue
        model_type, *tasks = [text for argument in node.args for text in _texts(_resolved(argument, tree))]
        for key, task in _OPENVINO_TASKS.items():
            if task in tasks:
                found[key].add(model_type)
    return {key: _filled(names, f"models for {_OPENVINO_TASKS[key]}") for key, names in found.items()}


def _resolved(argument: ast.expr, tree: ast.Module) -> ast.expr:
    """An argument as it is, or the list that a starred name stands for."""
    starred = isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name)
    return _assigned(tree, ast.unparse(argument)[1:]) if starred else argument
