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
