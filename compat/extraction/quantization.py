"""How a record's safetensors weights are packed, from exact fields first and the name's words last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from compat.architectures import name_words
from compat.extraction.facts import Provenance
from compat.extraction.filenames import read_name
from compat.extraction.tensor_facts import AWQ, AWQ_GEMV, BITSANDBYTES, COMPRESSED, FP8, GPTQ, MXFP4, NVFP4
from compat.extraction.tensor_facts import MLX as TENSORS_OF_MLX
from compat.hub.payloads import HubModel, SafetensorsFileHeaders
from compat.shapes.layer_facts import NESTED_CONFIGS, is_whole
from compat.shapes.packed_bits import packed_bits

_METHODS = {
    "awq": "AWQ",
    "awq_marlin": "AWQ",
    "gptq": "GPTQ",
    "gptq_marlin": "GPTQ",
    "fp8": "FP8",
    "mxfp4": "MXFP4",
    "mxfp8": "MXFP8",
    "nvfp4": "NVFP4",
    "bitsandbytes": "bitsandbytes",
    "exl2": "EXL2",
    "exl3": "EXL3",
    "compressed-tensors": "compressed-tensors",
    "auto-round": "AutoRound",
    "intel/auto-round": "AutoRound",
    "inc": "AutoRound",
    "hqq": "HQQ",
    "aqlm": "AQLM",
    "modelopt": "ModelOpt",
    "modelopt_fp4": "ModelOpt",
    "quark": "Quark",
    "torchao": "torchao",
    "eetq": "EETQ",
    "spqr": "SpQR",
    "vptq": "VPTQ",
    "bitnet": "BitNet",
    "w4afp8": "W4AFP8",
}
"""What ``quantization_config.quant_method`` says, and what it is called; a method not listed keeps its own name."""

_NAME_WORDS = {
    **{
        key: value
        for key, value in _METHODS.items()
        if "-" not in key and "_" not in key and key not in ("quark", "inc")
    },
    "bnb": "bitsandbytes",
    "nf4": "bitsandbytes",
    "autoround": "AutoRound",
    "nvfp4a16": "NVFP4",
    "w4a16": "W4A16",
    "w8a8": "W8A8",
    "w8a16": "W8A16",
    "w4a8": "W4A8",
    "mxfp6": "MXFP6",
    "gsq": "GSQ",
    "paro": "ParoQuant",
    "paroquant": "ParoQuant",
    "svdquant": "SVDQuant",
    "quip": "QuIP",
    "quip#": "QuIP",
    "float8": "FP8",
    "gptaq": "GPTQ",
    **dict.fromkeys(("sinq", "asinq"), "sinq"),
    **dict.fromkeys(("fpquant", "fp_quant"), "fp_quant"),
    "quanto": "quanto",
    # FastFlowLM's, for AMD's NPUs of the second generation: its repositories hold model.q4nx and the NPU's programs.
    **dict.fromkeys(("npu2", "q4nx"), "Q4NX"),
    "1.58": "BitNet",
    "fp4": "FP4",
    **{f"int{bits}": f"INT{bits}" for bits in range(2, 9)},
}
_TAGS = (
    *("awq", "gptq", "fp8", "mxfp4", "nvfp4", "exl2", "exl3", "bitsandbytes"),
    *("compressed-tensors", "auto-round", "modelopt", "torchao", "quark", "hqq", "aqlm"),
)
_TAG_WORDS = {tag: _METHODS[tag] for tag in _TAGS}
_SCHEMES = (
    ("nvfp4", "NVFP4"),
    ("mxfp4", "MXFP4"),
    ("mxfp8", "MXFP8"),
    ("w4a16", "W4A16"),
    ("w4a8", "W4A8"),
    ("fp8", "FP8"),
    ("float-quantized", "FP8"),
    ("int-quantized", "INT8"),
    ("int8_sq", "INT8"),
    ("fp4", "NVFP4"),
)
"""What the fields of ModelOpt, compressed-tensors and Quark say of the numbers they hold, most telling first."""
_COMPOUND_SCHEMES = {
    "w4a8_nvfp4_fp8": "W4A8 NVFP4",
    "w4a8_mxfp4_fp8": "W4A8 MXFP4",
    "nvfp4_awq": "AWQ NVFP4",
}
"""ModelOpt's algorithms that are computed otherwise than others of their numbers, which stand last."""

MLX = "MLX"
"""Made for Apple's MLX, where nothing tells whether the weights are packed and how wide."""
PACKED = "packed"
"""Packed for certain, by a method that nothing tells."""
_MARLIN = "Marlin"
"""Laid out for the Marlin kernels, which read the weights of several methods."""
VAGUE = frozenset(
    (MLX, PACKED, _MARLIN, "FP4", *(f"INT{bits}" for bits in range(1, 9)), *(f"{bits}-bit" for bits in range(1, 10)))
)
"""Labels that name a width or a maker and no method: whether an engine reads it depends on what is not told."""

_MODES = ("mxfp4", "mxfp8", "nvfp4")
ODD_GROUPS = "odd-groups"
"""Weights in groups of a size that MLX's kernels of their mode, or GPTQ's Marlin kernels, do not have."""
_GROUPS = {-1: "whole-rows", 32: "groups-of-32", 64: "groups-of-64", 128: "groups-of-128"}
"""What a scheme says of the group sizes of the Marlin kernels, with which all servers compute GPTQ on NVIDIA's GPUs."""
ACT_ORDER, IN_ORDER = "act-order", "in-order"
"""Whether groups were made in the order of the activations (``desc_act``, ``actorder``), so that an index tells which
group a weight belongs to. Groups of whole rows have no order; without a word it is not told."""
UNMARKED = "unmarked"
"""MLX weights as a whole config.json tells them that lacks ``quantization``, which MLX's own tools always write."""
_MLX_FIELDS = frozenset({"bits", "group_size", "mode", "quant_method"})
_GROUP_SIZES = {"affine": (32, 64, 128), "mxfp4": (32,), "mxfp8": (32,), "nvfp4": (16,)}
"""mlx 0.32.4, ops.cpp: the group sizes of ``quantize``'s modes."""
SHARED_NAMES = frozenset({"AWQ", "GPTQ", "AutoRound"})
"""Methods after which files are named that llm-compressor wrote with them, as compressed-tensors; their own ``bits`` is
a whole number up to eight."""

QUANTIZATIONS = frozenset(
    (
        *_METHODS.values(),
        *_NAME_WORDS.values(),
        *(scheme for _, scheme in _SCHEMES),
        *VAGUE,
        *(f"MLX {bits}-bit" for bits in range(1, 10)),
        *(f"MLX {mode.upper()}" for mode in _MODES),
        "JANG",
    )
)
"""Every packing that is told by a name of ours; a method nobody here has heard of keeps its own."""

_GPTQ_METHODS = frozenset({"gptq", "gptq_marlin"})
_MLX_OWNERS = frozenset({"mlx-community"})


def _word(pattern: str) -> re.Pattern[str]:
    """Finds the first whole word of a name of this form, its words joined by dashes."""
    return re.compile(rf"(?<![^-])(?:{pattern})(?![^-])")


_MLX_WORD = _word(r"mlx|mlxfast|mtplx|[ov]mlx|optiq|dwq\d*|oq\d(?:\.\d)?[a-z]?")
_TURBO_WORD = _word(r"tq[1-8][a-z]{0,2}(?!-\d)")
"""TurboQuant's widths, for which there are loaders of several makers, and none in an engine; ``TQ1_0`` is GGUF's."""
_JANG_WORD = _word(r"jang(?:[a-z]{1,2})?\d*")
_JANG_FILE = "jang_config.json"
_MODELOPT_FILE = "hf_quant_config.json"
_METHOD_FILES = ("quantize_config.json", "quant_config.json", "quantization_config.json")
"""Files at the root in which packers write how they packed; each is written by several methods' packers."""
_SCHEME_WORDS = ("nvfp4", "mxfp4", "mxfp8", "fp8")
"""Words of a name that say what numbers ModelOpt holds."""
_QUARK_WORDS = {"mxfp4": "MXFP4", "fp8": "FP8", "int4": "INT4", "w4a16": "INT4", "int8": "INT8", "w8a8": None}
"""The same of AMD's Quark, of which W8A8 may be integers or FP8."""
_QUARK_NUMBERS = {"fp8_e4m3": "FP8", "fp4": "MXFP4", "int4": "INT4", "uint4": "INT4", "int8": "INT8"}
"""What Quark calls them in a configuration."""
_OWN_PACKERS = {"amd": "mxfp4"}
"""Owners whose weights in certain numbers are all packed by Quark, which few of their names say."""
GEMV = "GEMV"
"""AWQ's layout for its GEMV kernels, which packs along the inputs where all other kernels expect the outputs."""
_GEMV_VERSIONS = frozenset({"gemv", "gemv_fast"})
ASYMMETRIC = "asymmetric"
"""What a scheme ends with where the codes have zero points of their own: GPTQ's with ``sym`` set to false."""
_BITBLAS = "BitBLAS"
"""What a scheme begins with where GPTQ's codes are laid out for the BitBLAS kernels."""
_V2 = "v2"
"""What a scheme begins with where GPTQ's zero points are written as they are, and not one less as usual."""
ODD_LAYOUT = "odd-layout"
"""What a scheme begins with where AutoRound names a layout or a kernel that no server has."""
_AWQ_LAYOUT = "AWQ"
"""What a scheme ends with where AutoRound's integers are laid out as AWQ's, and not as GPTQ's."""
_LYING = {"pack-quantized": "in-words", "int-quantized": "in-bytes"}
"""How compressed-tensors' integers of four bits lie that are multiplied with integers, as its format tells."""
_ASIDE = frozenset({ASYMMETRIC, *_LYING.values(), ODD_GROUPS, *_GROUPS.values(), ACT_ORDER, IN_ORDER, _AWQ_LAYOUT})
"""Words behind the numbers of a scheme."""
_LAYOUT_WORDS = frozenset(
    {GEMV, _MARLIN, _BITBLAS, _V2, ODD_LAYOUT, *(name for name, label in _METHODS.items() if label == "AutoRound")}
)
"""Words of a scheme that may stand alone, before numbers that are not told."""
ONLINE = "online"
"""BitNet's weights in 16 bits, rounded to three values while loading; without this scheme four lie in a byte."""
BLOCKWISE, UNBLOCKED = "blockwise", "unblocked"
"""What the scheme of FP8 begins with: a scale for each block of 128 x 128 weights, or one for a tensor or a channel."""
_UNDECLARED = f"undeclared {UNBLOCKED}"
"""Without blocks, and the settings do not say so: a reader that takes blocks for the usual expects them."""
_LAYOUTS = {
    AWQ: "AWQ",
    AWQ_GEMV: "AWQ",
    GPTQ: "GPTQ",
    BITSANDBYTES: "bitsandbytes",
    FP8: "FP8",
    TENSORS_OF_MLX: MLX,
    NVFP4: "NVFP4",
    MXFP4: "MXFP4",
    COMPRESSED: "compressed-tensors",
}
_BLOCKS = ("quantization_config", "compression_config")
"""Where a configuration says how its weights are packed; engines read the first that is there."""
PLAIN_WORDS = frozenset({"bf16", "fp16", "f16", "16bit", "fp32", "f32", "32bit"})
"""Words that say the weights are plain numbers."""
_UNPACKED_WORDS = frozenset({"unquantized", "dequantized"})
"""Words that say the weights are not packed, whatever the rest of the name tells of another build."""
_WIDTH = re.compile(r"(?<![\d.])(\d{1,2}(?:\.\d{1,3})?)-?(?:bits?|bpw)(?![a-z])", re.IGNORECASE)
_SHORT_WIDTH = _word(r"(?:o?q|dwq)(\d(?:\.\d)?)(?:[a-z]|q\d)?")
_INTEGERS = _word(r"(?:int|w|nf|awq|gptq|bnb)([2-8])(?:a\d+(?:kv\d+)?)?")
_CLOSING_WIDTH = re.compile(r"[2-9]bit")
CLOSING = "MLX or bitsandbytes"
"""What a name that closes with its width (``Foo-4bit``) was packed by, in all cases where that is known."""
_WIDEST = 12
_NUMBER_LAST = re.compile(r"(?<=[a-z])\.(?=w\d)")


@dataclass(frozen=True, slots=True)
class Packing:
    """How weights are packed, and where that was read.

    ``label`` is None where nothing tells of a packing, which is also what plain weights give: no field says "not
    quantized". ``scheme`` is what a method holds that can hold several (``NVFP4`` in ModelOpt), ``bits`` what a packed
    weight takes with its scales; None where not told.
    """

    label: str | None = None
    provenance: Provenance = Provenance.UNKNOWN
    evidence: str = ""
    scheme: str | None = None
    bits: float | None = None

    @property
    def known(self) -> bool:
        """Whether the weights are told to be packed."""
        return self.label is not None


def packing_of(model: HubModel, config: Mapping[str, Any]) -> Packing:
    """The packing of the safetensors weights: fields of the configuration, then files that packers write beside them,
    then tags, then words of the repository's name and of its weight files' names."""
    tags = tuple(tag.lower() for tag in model.tags or ())
    words = name_words(_NUMBER_LAST.sub("-", model.name.lower()))
    paths = frozenset([sibling.rfilename for sibling in model.siblings or ()])
    if _JANG_FILE in paths:
        return Packing("JANG", Provenance.HUB, f"its files hold JANG's {_JANG_FILE}")
    key, block = _block(config)
    if isinstance(block, Mapping):
        told = _told_by_block(block, words, key)
        if told:
            of_mlx = (told.label or "").startswith(f"{MLX} ") and "quantization" not in config and is_whole(config)
            return replace(told, scheme=told.scheme or UNMARKED) if of_mlx else told
    mlx = config.get("quantization")
    width = _width(mlx.get("bits")) if isinstance(mlx, Mapping) else None
    if isinstance(mlx, Mapping) and width:
        return _mlx(mlx, width, "quantization.bits")
    if _MODELOPT_FILE in paths:
        return _modelopt(words)
    by_words = _by_tags_and_name(model, tags, words)
    if by_words.known:
        return by_words
    if block:
        return Packing(PACKED, Provenance.CONFIG, f"{key} is there, and tells no method that can be read")
    return (_by_method_file(paths) or _by_weight_files(paths)) if paths else by_words


def named_packing(name: str) -> Packing:
    """The packing that the words of a repository's name tell."""
    return _by_words((), name_words(_NUMBER_LAST.sub("-", name.lower())), "its name says")


def packing_in_headers(told: Packing, header: SafetensorsFileHeaders | None) -> Packing:
    """What the tensors of the weights add to what is ``told``: engines go by config.json, else by what is there.

    Names and tags do not count against tensors, and of AWQ these tell the layout.
    """
    if header is None or header.layout is None:
        return told
    if not header.layout:
        return Packing() if told.provenance is Provenance.NAME and header.whole else told
    label = _LAYOUTS.get(header.layout)
    if label is None:
        return told
    gemv = GEMV if header.layout == AWQ_GEMV else None
    if told.label is not None and (told.provenance is Provenance.CONFIG or told.label.startswith(f"{label} ")):
        return replace(told, scheme=gemv) if gemv and told.label == label else told
    evidence = f"the names and shapes of its tensors in {header.file} are those of {label}"
    bits = told.bits if told.label == label else packed_bits(label)
    scheme = told.scheme if told.label == label else None
    return Packing(label, Provenance.FILE_HEADER, evidence, gemv or scheme, bits)


def _by_tags_and_name(model: HubModel, tags: tuple[str, ...], words: tuple[str, ...]) -> Packing:
    jang = _JANG_WORD.search("-".join(words))
    if jang:
        return Packing("JANG", Provenance.NAME, f"its name says “{jang[0].upper()}”")
    if "gguf" in words or _UNPACKED_WORDS.intersection(words):
        return Packing()
    maker = _mlx_maker(model, tags, words)
    if maker:
        return _mlx_by_name(model, tags, words, maker)
    for tag in tags:
        if tag in _TAG_WORDS:
            return Packing(_TAG_WORDS[tag], Provenance.TAG, f"tagged “{tag}”", bits=_bits(_TAG_WORDS[tag], tags, words))
    return _by_quark(model.owner, words) or _by_words(tags, words, "its name says")


def _by_quark(owner: str, words: tuple[str, ...]) -> Packing | None:
    """What the name of weights tells that AMD's Quark packed, by whatever algorithm; None of others."""
    word = next((word for word in words if word in _QUARK_WORDS), None)
    named, own = "quark" in words[1:], _OWN_PACKERS.get(owner.lower()) == word
    if word is None or not (named or own):
        return None
    scheme = _QUARK_WORDS[word]
    says = f"its name says “QUARK” and “{word.upper()}”"
    evidence = says if named else f"published by {owner}, and its name says “{word.upper()}”"
    return Packing("Quark", Provenance.NAME, evidence, scheme, packed_bits(scheme or word))


def _by_words(tags: tuple[str, ...], words: tuple[str, ...], where: str) -> Packing:
    for word in words:
        label = _NAME_WORDS.get(word)
        if label:
            return Packing(label, Provenance.NAME, f"{where} “{word.upper()}”", bits=_bits(label, tags, words))
    own = _OWN_WORD.search("-".join(words))
    if own:
        label = _NAME_WORDS.get(own["known"] or own["method"] or "", PACKED)
        return Packing(label, Provenance.NAME, f"{where} “{own[0].upper()}”", bits=_bits(label, tags, words))
    if _TURBO_WORD.search("-".join(words)):
        return Packing(PACKED, Provenance.NAME, f"{where} that its weights are packed by TurboQuant")
    # A model may be called Marlin; a packing's word stands behind the model's own.
    if "marlin" in words[1:]:
        return Packing(_MARLIN, Provenance.NAME, f"{where} “MARLIN”", bits=_bits(_MARLIN, tags, words))
    return Packing() if PLAIN_WORDS.intersection(words) else _width_alone(tags, words, where)


_OWN_WORD = re.compile(
    r"(?<![^-])(?:(?P<known>fp8|float8|int[48])(?:dyn|wo|a8|dq)(?![^-])|(?P<method>awq|gptq|bnb)(?:[2-8]|v2|model)(?![^-])"
    r"|[^-]*(?:nvfp4|mxfp[468]|mxint[48]|fp6(?!4)|paro(?=\d))[^-]*"
    r"|(?:(?!de|pre|un)[a-z]{2,}quant|qtip|e8p|qqq|df(?:loat)?11)(?![^-]))"
)
"""A word of a packer's own making: a known one with how it is computed or how wide behind it, numbers with more around
them, or a method of which there is no loader in an engine (``SmoothQuant``, ``PrismaQuant``)."""


def _modelopt(words: tuple[str, ...]) -> Packing:
    """What ModelOpt's own file beside the weights tells: the method, and nothing of the numbers that it holds."""
    word = next((word for word in _SCHEME_WORDS if word in words), None)
    evidence = f"its files hold ModelOpt's {_MODELOPT_FILE}"
    if word is None:
        return Packing("ModelOpt", Provenance.HUB, evidence)
    scheme = word.upper()
    return Packing("ModelOpt", Provenance.HUB, f"{evidence}, and its name says “{scheme}”", scheme, packed_bits(scheme))


def _by_method_file(paths: frozenset[str]) -> Packing | None:
    """What a file of packers at the root tells. Beside ONNX files it is of these: their converters write one too."""
    if paths.isdisjoint(_METHOD_FILES):
        return None
    found = next(name for name in _METHOD_FILES if name in paths)
    if any(path.lower().endswith(".onnx") for path in paths):
        return None
    return Packing(PACKED, Provenance.HUB, f"its files hold {found}, in which packers write how they packed")


def _by_weight_files(paths: frozenset[str]) -> Packing:
    """What the names of the weight files at the root tell, where all of them tell the same."""
    names = [read_name(path) for path in paths if "/" not in path and path.endswith(".safetensors")]
    stems = {name.stem for name in names if name.role == "weights"}
    told = [packing_of_file(stem) for stem in sorted(stems)]
    return told[0] if told and len({one.label for one in told}) == 1 else Packing()


def packing_of_file(stem: str) -> Packing:
    """What one weight file's name tells: ``gptq_model-4bit-128g``, ``model_fp8``."""
    words = name_words(stem.lower().replace(".", "-"))
    if _UNPACKED_WORDS.intersection(words):
        return Packing()
    # How a name that closes with its width was packed is known of repositories alone.
    return replace(_by_words((), words, f"the name of {stem} says"), scheme=None)


def _block(config: Mapping[str, Any], depth: int = 2) -> tuple[str, Any]:
    """What tells of a packing, at the top or with the language model it is about, after the key it stands under."""
    for key in _BLOCKS:
        if config.get(key):
            return key, config[key]
    for name in NESTED_CONFIGS if depth else ():
        if name in config and isinstance(config[name], Mapping):
            key, block = _block(config[name], depth - 1)
            if key:
                return key, block
    return "", None


def _told_by_block(block: Mapping[str, Any], words: tuple[str, ...], key: str) -> Packing | None:
    """What a ``quantization_config``, or what stands under ``key`` in its place, says; None where that is nothing.

    The name may tell a width beside it.
    """
    method, scheme = block.get("quant_method"), _scheme(block)
    width = _width(block.get("bits")) or _width(_bits_of_groups(block))
    if isinstance(method, str) and method:
        label = _METHODS.get(method.lower(), method[:40])
        if label in SHARED_NAMES and not _may_be_width(block.get("bits")):
            evidence = f"{key}.quant_method is “{method[:40]}”, and its bits are a width that this method does not have"
            return Packing(PACKED, Provenance.CONFIG, evidence)
        bits = _bits_of(label, scheme, width, words)
        if bits is None and block.get("format") == "pack-quantized":
            # Integers in words are of four bits but for few, and the Hub leaves out the groups that would tell.
            bits = packed_bits("INT4")
        return Packing(label, Provenance.CONFIG, f"{key}.quant_method is “{method[:40]}”", scheme, bits)
    algorithm = block.get("quant_algo")
    if isinstance(algorithm, str) and algorithm:
        evidence = f"{key}.quant_algo is “{algorithm[:40]}”"
        return Packing("ModelOpt", Provenance.CONFIG, evidence, scheme, packed_bits(_numbers_in(scheme) or ""))
    if width:
        other = next((name for name, value in block.items() if _is_of_no_mlx(name, value)), None)
        if other is not None:
            evidence = f"{key} has bits, no method, and “{other[:40]}”, which MLX does not write"
            return Packing(PACKED, Provenance.CONFIG, evidence)
        # Only MLX writes a width and no method, and the Hub keeps of its block what is in this one.
        return _mlx(block, width, f"{key} has no method, and bits")
    return None


def _is_of_no_mlx(name: str, value: Any) -> bool:
    """Whether a field beside ``bits`` is none of MLX's, which writes settings of its own for single layers too."""
    return name not in _MLX_FIELDS and "." not in name and name != "lm_head" and not isinstance(value, Mapping)


def _bits_of(label: str, scheme: str | None, width: float | None, words: tuple[str, ...]) -> float | None:
    """What a weight takes under a method, by what it holds; the name may tell a width where the fields do not."""
    numbers = _numbers_in(scheme)
    if numbers is None:
        return packed_bits(label, width or _width_told((), words)) or packed_bits(label, width)
    own = label if numbers.startswith("INT") else numbers
    known = packed_bits(f"{label}-{numbers}")
    return known or packed_bits(own, width or _width_told((), words)) or packed_bits(numbers, width)


def _mlx(block: Mapping[str, Any], width: float, where: str) -> Packing:
    mode = block.get("mode")
    mode = mode.lower() if isinstance(mode, str) else "affine"
    label = f"MLX {mode.upper()}" if mode in _MODES else f"MLX {width:g}-bit"
    group = block.get("group_size")
    odd = isinstance(group, int) and group not in _GROUP_SIZES.get(mode, (group,))
    return Packing(label, Provenance.CONFIG, f"{where} is {width:g}", ODD_GROUPS if odd else None, packed_bits(label))


def _mlx_maker(model: HubModel, tags: tuple[str, ...], words: tuple[str, ...]) -> tuple[Provenance, str] | None:
    """What says that the weights were made for MLX; None where nothing does."""
    if model.library_name == "mlx" or "mlx" in tags:
        return Provenance.TAG, "tagged “mlx”"
    if model.owner in _MLX_OWNERS:
        return Provenance.TAG, f"published by {model.owner}"
    word = _MLX_WORD.search("-".join(words))
    return (Provenance.NAME, f"its name says “{word[0]}”") if word else None


def made_for_mlx(model: HubModel) -> bool:
    """Whether the Hub's library, its owner, or its name and tags together say that MLX's converters wrote it."""
    if model.library_name == "mlx" or model.owner in _MLX_OWNERS:
        return True
    tags = [tag.lower() for tag in model.tags or ()]
    return "mlx" in tags and _MLX_WORD.search("-".join(name_words(model.name))) is not None


def _mlx_by_name(
    model: HubModel, tags: tuple[str, ...], words: tuple[str, ...], maker: tuple[Provenance, str]
) -> Packing:
    provenance, evidence = maker
    mode = next((mode for mode in _MODES if mode in words), None)
    width = _width_told(tags, words) or _short_width(words)
    if mode:
        return Packing(f"MLX {mode.upper()}", provenance, f"{evidence}, and its name {mode}", bits=packed_bits(mode))
    if width:
        label = f"MLX {width:g}-bit"
        return Packing(label, provenance, f"{evidence}, {width:g} bits", bits=packed_bits(label))
    if PLAIN_WORDS.intersection(words):
        return Packing()
    return Packing(MLX, provenance, evidence)


def _width_alone(tags: tuple[str, ...], words: tuple[str, ...], told_in: str) -> Packing:
    """A packing of which a tag or the name tells the width alone."""
    width = _width_told((), words)
    provenance, where = (Provenance.NAME, told_in) if width else (Provenance.TAG, "tagged")
    width = width or _width_told(tags, ())
    if not width:
        return Packing()
    label = f"{width:g}-bit" if width in range(1, 10) else PACKED
    closing = CLOSING if words and _CLOSING_WIDTH.fullmatch(words[-1]) else None
    return Packing(label, provenance, f"{where} {width:g} bits", closing, packed_bits("exl3", width))


def _scheme(block: Mapping[str, Any]) -> str | None:
    """The numbers a packing method holds (``NVFP4``, ``FP8``, ``INT4``...), or their layout, where fields tell it; of
    FP8 with what shares a scale before it."""
    method = str(block.get("quant_method")).lower()
    found = _numbers_or_layout(block, method)
    before, behind = _scales_of_fp8(block, method) if found == "FP8" else "", ""
    if method in _GPTQ_METHODS:
        before, behind = _layout_of_gptq(block), _codes_of_gptq(block)
    elif _METHODS.get(method) == "AWQ":
        behind = _groups(block)
    elif method == "compressed-tensors":
        weights = _weights_of_groups(block)
        before = " ".join(filter(None, (ACT_ORDER if any(map(_is_reordered, weights)) else "", before)))
        groups = {_groups_of_compressed(one) for one in weights}
        behind = groups.pop() if str(found).startswith("INT") and len(groups) == 1 else ""
    elif _METHODS.get(method) == "AutoRound":
        before, behind = _layout_of_rounded(block, method, found), _codes_of_rounded(block, found)
    return " ".join(filter(None, (before, found, behind))) or None


def _layout_of_gptq(block: Mapping[str, Any]) -> str:
    """The kernels that GPTQ's codes are laid out for, empty where they lie as usual."""
    told = block.get("checkpoint_format")
    if told == "marlin" or block.get("is_marlin_format") is True:
        return _MARLIN
    if told == "bitblas" or block.get("is_bitblas_format") is True:
        return _BITBLAS
    return _V2 if told == "gptq_v2" else ""


def _codes_of_gptq(block: Mapping[str, Any]) -> str:
    """What of GPTQ's codes kernels differ in, as words: zero points, groups, their order."""
    return " ".join(filter(None, (ASYMMETRIC if block.get("sym") is False else "", _groups(block), _order(block))))


def _groups(block: Mapping[str, Any]) -> str:
    """How many weights share a scale, as a word; empty where it is not told."""
    group = block.get("group_size", block.get("q_group_size"))
    return _GROUPS.get(group, ODD_GROUPS) if isinstance(group, int) and not isinstance(group, bool) else ""


def _groups_of_compressed(weights: Mapping[str, Any]) -> str:
    """How many of compressed-tensors' weights share a scale, as a word."""
    return _GROUPS[-1] if weights.get("strategy") == "channel" else _groups(weights)


def _order(block: Mapping[str, Any]) -> str:
    """The order in which GPTQ's groups were made, of all layers; empty where it is not told."""
    rules = block.get("dynamic")
    layers = [
        {**block, **rule}
        for pattern, rule in (rules.items() if isinstance(rules, Mapping) else ())
        if isinstance(rule, Mapping) and not str(pattern).startswith("-:")
    ]
    ordered = [layer.get("desc_act") if layer.get("group_size") != -1 else False for layer in (block, *layers)]
    if any(one is True for one in ordered):
        return ACT_ORDER
    return IN_ORDER if all(one is False for one in ordered) else ""


def _is_reordered(weights: Mapping[str, Any]) -> bool:
    """Whether a group of compressed-tensors' weights is read by an index, as ``actorder`` tells: “static” and “weight”
    leave the weights where they are."""
    return str(weights.get("actorder")).lower() in ("group", "dynamic", "true")


_AUTO_ROUND = "auto-round"
_GPTQ_LAYOUT = "auto_round:auto_gptq"
_ROUNDED_LAYOUTS = {
    "INT": (_GPTQ_LAYOUT, "auto_round:auto_awq"),
    "MXFP": ("auto_round:llm_compressor",),
    "FP": ("auto_round:fp8",),
}
"""The layouts of each kind of AutoRound's numbers that any server reads."""
_ROUNDED_BACKENDS = ("auto", "gptq", "gptq:marlin", "awq", "awq:marlin", "marlin")


def _layout_of_rounded(block: Mapping[str, Any], method: str, numbers: str | None) -> str:
    """Another name of AutoRound's than the usual one, and a layout or kernel that no server has, as words."""
    layout, backend = block.get("packing_format"), block.get("backend")
    known = _ROUNDED_LAYOUTS.get((numbers or "INT").rstrip("12345678"), (layout,))
    odd = (layout is not None and layout not in known) or (backend is not None and backend not in _ROUNDED_BACKENDS)
    return " ".join([method] * (method != _AUTO_ROUND) + [ODD_LAYOUT] * odd)


def _codes_of_rounded(block: Mapping[str, Any], numbers: str | None) -> str:
    """That AutoRound's integers lie as AWQ's, or what the layout of GPTQ says of them, as words."""
    if numbers is not None and not numbers.startswith("INT"):
        return ""
    told = " ".join(str(block.get(key)) for key in ("packing_format", "backend"))
    if "gptq" not in told and "awq" in told:
        return _AWQ_LAYOUT
    return _codes_of_gptq(block)


def _scales_of_fp8(block: Mapping[str, Any], method: str) -> str:
    """What shares a scale in FP8, empty where that is not told. The Hub leaves out the fields that tell it."""
    if method == "fp8":
        if "weight_block_size" in block:
            size = block["weight_block_size"]
            return BLOCKWISE if size in ([128, 128], (128, 128)) else UNBLOCKED if size is None else ""
        return _UNDECLARED if "activation_scheme" in block else ""
    if method == "quark":
        return BLOCKWISE if _quark_weight(block).get("qscheme") == "per_block" else UNBLOCKED
    if method == "compressed-tensors":
        strategies = {weights.get("strategy") for weights in _weights_of_groups(block)}
        return {"block": BLOCKWISE, "tensor": UNBLOCKED, "channel": UNBLOCKED}.get(
            str(strategies.pop()) if len(strategies) == 1 else "", ""
        )
    algorithm = str(block.get("quant_algo")).lower()
    return {"fp8": UNBLOCKED, "fp8_per_channel_per_token": UNBLOCKED, "fp8_pb_wo": BLOCKWISE}.get(algorithm, "")


def _quark_weight(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """How Quark packed weights, where it packed all layers alike but for some."""
    told = block.get("global_quant_config")
    weight = told.get("weight") if isinstance(told, Mapping) else None
    return weight if isinstance(weight, Mapping) else {}


def _numbers_or_layout(block: Mapping[str, Any], method: str) -> str | None:
    kind = _kind_by_method(block, method)
    if kind:
        return kind
    told = " ".join(str(block.get(key, "")) for key in ("quant_algo", "format", "quant_method")).lower()
    for word, scheme in _SCHEMES:
        if word in told:
            return scheme
    bits = block.get("bits")
    if method == "bitsandbytes":
        bits = 4 if block.get("load_in_4bit") is True else 8 if block.get("load_in_8bit") is True else None
    if block.get("format") == "pack-quantized":
        # INT8 of compressed-tensors are the integers that are not packed into words, with activations of 8 bits too.
        bits = _bits_of_groups(block)
        if bits == 8:
            return "W8A16"
    return f"INT{bits}" if _is_width(bits) else None


def _kind_by_method(block: Mapping[str, Any], method: str) -> str | None:
    """What fields that one method has alone tell of it."""
    if method == "awq":
        layouts = {str(block.get(key)).lower() for key in ("version", "format")}
        if not _GEMV_VERSIONS.isdisjoint(layouts):
            return GEMV
        return _MARLIN if "marlin" in layouts else None
    if method == "compressed-tensors":
        return _kind_of_compressed(block)
    if _METHODS.get(method) == "AutoRound":
        return _kind_of_rounded(block)
    if method == "bitnet":
        return ONLINE if block.get("quantization_mode") == ONLINE else None
    if method == "quark":
        return _QUARK_NUMBERS.get(str(_quark_weight(block).get("dtype")))
    return _COMPOUND_SCHEMES.get(str(block.get("quant_algo")).lower())


def _kind_of_compressed(block: Mapping[str, Any]) -> str | None:
    """Kinds of compressed-tensors that neither its format nor the width of its weights tells: sparse ones, and integers
    that are multiplied with narrow activations."""
    sparsity = block.get("sparsity_config")
    if isinstance(sparsity, Mapping) and sparsity.get("targets"):
        return "sparse"
    if block.get("format") == "marlin-24":
        return "marlin-24"
    groups = block.get("config_groups")
    kinds = {_kind_of_group(group) for group in groups.values()} if isinstance(groups, Mapping) else set()
    kind = kinds.pop() if len(kinds) == 1 else None
    lying = _LYING.get(str(block.get("format"))) if kind in ("W4A8", "W4A4") else None
    return f"{kind} {lying}" if lying else kind


def _kind_of_group(group: Any) -> str | None:
    sides = [group.get(key) if isinstance(group, Mapping) else None for key in ("weights", "input_activations")]
    weights, activations = (
        [one.get("type"), one.get("num_bits")] if isinstance(one, Mapping) else None for one in sides
    )
    if weights == ["int", 4]:
        return {"float 8": "W4AFP8", "int 8": "W4A8", "int 4": "W4A4"}.get(" ".join(map(str, activations or ())))
    lopsided = isinstance(sides[0], Mapping) and sides[0].get("symmetric") is False
    return f"INT8 {ASYMMETRIC}" if lopsided and weights == activations == ["int", 8] else None


_ROUNDED = (("nv_fp", "NVFP"), ("mx_fp", "MXFP"), ("fp", "FP"))


def _kind_of_rounded(block: Mapping[str, Any]) -> str | None:
    """The numbers that AutoRound rounded to, where they are no integers."""
    numbers, bits = block.get("data_type"), block.get("bits")
    if not isinstance(numbers, str):
        return None
    kind = next((kind for start, kind in _ROUNDED if numbers.startswith(start)), None)
    return f"{kind}{bits}" if kind and _is_width(bits) else None


def _may_be_width(bits: Any) -> bool:
    """Whether this is a width in whole bits, or not told at all."""
    return bits is None or _is_width(bits) or (isinstance(bits, float) and bits in range(1, 9))


def _is_width(bits: Any) -> bool:
    return isinstance(bits, int) and not isinstance(bits, bool) and 1 <= bits <= 8


def _bits_of_groups(block: Mapping[str, Any]) -> int | None:
    """The width that all groups of compressed-tensors' weights have; None where they differ or do not tell."""
    widths = [weights.get("num_bits") for weights in _weights_of_groups(block)]
    first = widths[0] if widths else None
    return first if _is_width(first) and all(width == first for width in widths) else None


def _weights_of_groups(block: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """How each group of compressed-tensors packs its weights."""
    groups = block.get("config_groups")
    weights = [
        group.get("weights") if isinstance(group, Mapping) else None
        for group in (groups.values() if isinstance(groups, Mapping) else ())
    ]
    return [one if isinstance(one, Mapping) else {} for one in weights]


def _numbers_in(scheme: str | None) -> str | None:
    """The numbers that a scheme of one or several words holds: ``INT4`` of ``INT4 asymmetric``; None of a layout."""
    words = [word for word in (scheme or "").split() if word not in _ASIDE]
    return words[-1] if words and words[-1] not in _LAYOUT_WORDS else None


def _bits(label: str, tags: tuple[str, ...], words: tuple[str, ...]) -> float | None:
    return packed_bits(label, _width_told(tags, words))


def _width(value: Any) -> float | None:
    """A believable width in bits, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= _WIDEST else None


def _width_told(tags: tuple[str, ...], words: tuple[str, ...]) -> float | None:
    """The width that the name says, else the Hub's own tag (``4-bit``); None where neither does."""
    name = "-".join(words)
    named = _WIDTH.search(name) if "bit" in name or "bpw" in name else None
    tagged = (_WIDTH.fullmatch(tag) for tag in tags if tag[:1].isdecimal())
    told = (float(found[1]) for found in (named, *tagged) if found)
    return next((width for width in told if width <= _WIDEST), None) or _width_of_words(words)


def _width_of_words(words: tuple[str, ...]) -> float | None:
    """The width in a word such as ``int8``, ``w8a16`` or ``nf4``."""
    found = _INTEGERS.search("-".join(words))
    return float(found[1]) if found else None


def _short_width(words: tuple[str, ...]) -> float | None:
    """The width in a word of MLX's people: ``q4``, ``oQ4e``, ``DWQ4``, ``Q4Q8``."""
    found = _SHORT_WIDTH.search("-".join(words))
    return float(found[1]) if found else None
