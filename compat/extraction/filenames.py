"""What a repository's file names tell: formats, quantization labels, shards, and files that are no model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from compat.architectures import name_words

_PIECE = re.compile(
    r"^(?P<whole>.+\.gguf)(?:\.part(?P<number>\d{1,3})of(?P<count>\d{1,3})|-split-(?P<letter>[a-z]))$", re.IGNORECASE
)
"""A file that was cut at some byte, as the Hub once took no larger ones: ``m.gguf.part1of2``, ``m.gguf-split-a``."""
SHARD = re.compile(r"^(?P<stem>.+?)[-.](?P<number>\d{5})-of-(?P<count>\d{5})$")

_SUFFIX_FORMATS = {
    "safetensors": "safetensors",
    "gguf": "gguf",
    "onnx": "onnx",
    "tflite": "tflite",
    "h5": "tensorflow",
    "msgpack": "flax",
    "nemo": "nemo",
    "mlmodel": "coreml",
    "mlpackage": "coreml",
    "llamafile": "llamafile",
    "ckpt": "pytorch",
    "pth": "pytorch",
    "pt": "pytorch",
    "engine": "tensorrt",
    "pdparams": "paddle",
}
_NOT_WEIGHTS = (
    "training_args",
    "optimizer",
    "scheduler",
    "scaler",
    "rng_state",
    "random_states",
    # What DeepSpeed keeps of a training.
    "mp_rank_",
    "zero_pp_rank_",
    "vocab",
    "tokenizer",
)

GGUF_LABELS = (  # noqa: SIM905 - a name a line would be pages
    "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q2_K_S Q2_K_L Q3_K Q3_K_S Q3_K_M Q3_K_L Q4_K "
    "Q4_K_S Q4_K_M Q4_K_L Q5_K Q5_K_S Q5_K_M Q5_K_L Q6_K Q6_K_L Q8_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S "
    "IQ2_M IQ3_XXS IQ3_XS IQ3_S IQ3_M IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4_MOE MXFP4 NVFP4 Q1_0 Q2_0 "
    "Q2_K_XL Q3_K_XL Q4_K_XL Q5_K_XL Q6_K_XL Q8_K_XL Q4_K_XXL IQ1_XL IQ2_XL IQ3_XL IQ4_NL_XL Q4_0_4_4 "
    "Q4_0_4_8 Q4_0_8_8 Q4_2 Q4_3 FP16 FP32 "
    # known to forks of llama.cpp only
    "IQ1_S_R4 IQ1_M_R4 IQ2_XXS_R4 IQ2_XS_R4 IQ2_K_R4 IQ3_XXS_R4 IQ3_S_R4 IQ3_K_R4 IQ4_K_R4 IQ4_KS_R4 IQ4_NL_R4 "
    "IQ4_XS_R4 IQ4_XS_R8 IQ5_K_R4 IQ5_KS_R4 Q2_K_R4 Q3_K_R4 Q4_0_R4 Q4_0_R8 Q4_K_R4 Q5_0_R4 Q5_K_R4 Q6_0 Q6_0_R4 "
    "Q6_K_R4 Q8_0_R4 Q8_0_R8 Q8_K_R8 Q8_KV Q8_KV_R8 BF16_R16 TQ3_0 TQ3_1S TQ3_4S TQ4_0 TQ4_1S IQ3_KL "
    "IQ1_KT IQ2_K IQ2_KS IQ2_KL IQ2_KT IQ3_K IQ3_KS IQ3_KT IQ4_K IQ4_KS IQ4_KSS IQ4_KT IQ5_K IQ5_KS "
    "IQ6_K I2_S TL1 TL2 "
).split()
_LABEL = re.compile(
    r"(?<![A-Za-z0-9])(?:" + "|".join(sorted(map(re.escape, GGUF_LABELS), key=len, reverse=True)) + r")(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_FLOATS = ("F32", "F16", "BF16", "FP16", "FP32")
_LABEL_SPELLING = {"FP16": "F16", "FP32": "F32", "MXFP4": "MXFP4_MOE"}

_HELPER_WORDS = frozenset(
    {"mmproj", "imatrix", "mtp", "draft", "eagle", "eagle3", "dflash", "dflash2", "lora", "adapter"}
)
_ADAPTER_FILES = (
    "adapter_model.safetensors",
    "adapter_model.bin",
    "adapters.safetensors",
    "pytorch_lora_weights.safetensors",
    "adapter_config.json",
)
_LORA_WORD = re.compile(r"q?loras?(?:v?\d+)?")
_MERGED_WORDS = frozenset({"merged", "fused"})
"""Words that say an adapter is in the weights already."""
_COPIES = frozenset({"onnx", "openvino", "coreml", "original", "metal", "runs", "checkpoints"})
"""Folders of the same weights in another form."""
_TRAINING_STEP = re.compile(r"checkpoint-\d+", re.IGNORECASE)
_COMPONENT = re.compile(
    r"(?:unet|transformer|vae|text_encoder|image_encoder|vision_encoder|controlnet|prior|safety_checker)(?:_\d)?"
)
"""Folders in which Diffusers keeps the models that a pipeline is made of."""


@dataclass(frozen=True, slots=True)
class FileName:
    """One file name taken apart.

    ``role`` is ``weights``, ``projector``, ``helper`` (importance matrix, draft model), ``adapter``,
    ``duplicate`` (weights that engines leave alone: in another program's folder, of a step of the training) or
    ``other``; ``stem`` is the path without shard number and suffix, equal for all shards. ``cut`` ones are pieces of
    one file, and of no use before they are joined.
    """

    path: str
    role: str
    format: str | None = None
    stem: str = ""
    quantization: str | None = None
    shard: int | None = None
    shards: int | None = None
    cut: bool = False


def missing_shards(files: Iterable[FileName]) -> int:
    """How many parts of one split file are not there; a part beyond the last stands in for none."""
    files = list(files)
    expected = max((file.shards or 0 for file in files), default=0)
    return expected - len({file.shard for file in files if file.shard and file.shard <= expected})


def gguf_label(name: str) -> str | None:
    """The quantization label of a GGUF file name; the last one counts, upper or lower case.

    Except that in ``Q4_K_M-fp16`` the second word is about the embeddings alone.
    """
    found = list(_LABEL.finditer(name))
    if not found:
        return None
    last = found[-1]
    if len(found) > 1 and last[0].upper() in _FLOATS and last.start() - found[-2].end() == 1:
        last = found[-2]
    label: str = last[0].upper()
    return _LABEL_SPELLING.get(label, label)


def _gguf_role(base: str) -> str:
    lowered, words = base.lower(), name_words(base)
    if "mmproj" in lowered and any(word.startswith("mmproj") for word in words):
        return "projector"
    if words and (words[0] in _HELPER_WORDS or words[-1].rpartition(".")[2] == "imatrix"):
        return "adapter" if words[0] in ("lora", "adapter") else "helper"
    if "draft" in words or ("dflash" in lowered and any(word.startswith("dflash") for word in words)):
        return "helper"
    before_label = name_words(_LABEL.sub("", base).replace(".", "-"))
    if before_label and (before_label[-1] == "adapter" or _LORA_WORD.fullmatch(before_label[-1])):
        return "adapter"
    return "weights"


def _is_lora(base: str) -> bool:
    words = name_words(base.replace(".", "-"))
    return _MERGED_WORDS.isdisjoint(words) and any(_LORA_WORD.fullmatch(word) for word in words)


def without_components(names: Sequence[FileName]) -> tuple[FileName, ...]:
    """The files of a repository that is no pipeline: models in a pipeline's folders are no weights that it runs by."""
    return tuple(
        replace(name, role="duplicate")
        if (name.role, name.format) == ("weights", "safetensors") and _COMPONENT.fullmatch(name.path.rpartition("/")[0])
        else name
        for name in names
    )


def opens_no_safetensors(names: Iterable[FileName]) -> bool:
    """Whether there are safetensors files, and none of them is what an engine opens as the model's weights."""
    roles = {name.role for name in names if name.format == "safetensors"}
    return bool(roles) and "weights" not in roles


def _bin_format(base: str) -> tuple[str, str]:
    """Format and role of a ``.bin`` file, which may be almost anything."""
    lower = base.lower()
    if lower.startswith("adapter_model"):
        return "pytorch", "adapter"
    if lower.startswith(("pytorch_model", "diffusion_pytorch_model", "model", "consolidated")):
        return "pytorch", "weights"
    if lower.startswith("openvino"):
        return "openvino", "other" if "tokenizer" in lower else "weights"
    if any(word.startswith("ggml") for word in name_words(base.replace(".", "-"))):
        return "ggml", "weights"
    return "pytorch", "other"


@lru_cache(maxsize=8192)
def read_name(path: str) -> FileName:
    """What one file of a repository is, by its name alone. The names of a few files are in most repositories."""
    piece = _PIECE.match(path)
    if piece:
        number = int(piece["number"]) if piece["number"] else ord(piece["letter"].lower()) - ord("a") + 1
        count = int(piece["count"]) if piece["count"] else None
        return replace(read_name(piece["whole"]), path=path, shard=number, shards=count, cut=True)
    folder, _, base = path.rpartition("/")
    root, dot, suffix = base.rpartition(".")
    suffix = suffix.lower() if dot else ""
    if base in _ADAPTER_FILES:
        return FileName(path, "adapter", "safetensors" if suffix == "safetensors" else None)
    if suffix == "bin":
        format_, role = _bin_format(base)
    else:
        format_, role = _SUFFIX_FORMATS.get(suffix, ""), "weights"
    if not format_:
        return FileName(path, "other")
    if root.lower().startswith(_NOT_WEIGHTS):
        return FileName(path, "other")
    shard = SHARD.match(root)
    bare = shard["stem"] if shard else root
    outer = folder.split("/")[0].lower()
    if format_ == "gguf":
        role = _gguf_role(bare)
    elif format_ == "safetensors" and _is_lora(bare):
        role = "adapter"
    elif outer in _COPIES or _TRAINING_STEP.fullmatch(outer):
        role = "duplicate" if format_ != "onnx" else role
    stem = f"{folder}/{bare}" if folder else bare
    return FileName(
        path,
        role,
        format_,
        stem,
        gguf_label(bare) or gguf_label(folder) if format_ == "gguf" else None,
        int(shard["number"]) if shard else None,
        int(shard["count"]) if shard else None,
    )
