"""Weights that an engine holds wider in memory than they are stored, or narrower, and on which hardware.

Read in the sources of the versions that the profiles name (28 November 2026): vLLM 0.33.0 ``config/model.py``
(``_resolve_auto_dtype``, ``_FLOAT16_NOT_SUPPORTED_MODELS``), ``platforms/cuda.py`` (``supported_dtypes``) and
``fused_moe/oracle/mxfp4.py`` (Hopper's Triton kernels take experts as they are, Marlin and FlashInfer round them up),
Transformers 5.24.0 ``quantizers/quantizer_mxfp4.py``, ``quantizer_finegrained_fp8.py`` and
``quantizer_compressed_tensors.py``, compressed-tensors 0.20.1 ``model_compressor.py`` (``add_decompress_hook``; tried
on a processor as well: of a small Llama packed as NVFP4, 51 MB were 182 MB after the first pass), mlx-lm 0.32.2
``sanitize`` of the modules that know ``weight_scale_inv``, Ollama fb30760 ``convert/reader_safetensors.go`` and
``convert/reader.go`` (``Kind``), SGLang 0.5.23 ``configs/model_config.py`` (``_get_and_verify_dtype``), TensorRT-LLM's
list of models, ExLlamaV3 1.6.5 ``modules/linear.py``, rbee's loaders, Text Embeddings Inference 0d124dc
``backends/src/dtype.rs`` (what its builds for processors take) and ``router/src/lib.rs`` (``gemma3_text``).
"""

from dataclasses import dataclass

from compat.engines.hardware import Hardware
from compat.extraction.variants import is_among
from compat.shapes.counting import routed_parameters
from compat.shapes.shape import ModelShape

_PLAIN = frozenset({"", "bf16", "f16"})
_WIDE = frozenset({"f32"})
_NO_FLOAT16 = frozenset({"gemma2", "gemma3", "gemma3_text", "glm4"})


@dataclass(frozen=True)
class Widening:
    """Weights that ``engine`` holds in ``bits`` where it does not compute them as they are.

    ``quants`` are the labels of the packing, in lower case (empty: any). On ``vendors`` they are always wide, on
    NVIDIA's GPUs below the compute capability ``keeps_from`` (None: never), and on those from ``comes_from`` on;
    ``everywhere``: on any hardware. ``cache`` is how much wider the cache becomes with them, where it is kept in the
    model's own 16 bits. ``all_alike``: the engine reads no weights that it holds otherwise there, so that how wide they
    are stored does not matter. ``pads``: only experts are, whose (own width, width of the model) are rounded up to
    multiples of these, on all NVIDIA's GPUs but those of the generations ``spares``.
    """

    engine: str
    bits: float
    quants: frozenset[str]
    formats: frozenset[str] = frozenset({"safetensors", "pytorch"})
    types: frozenset[str] = frozenset()
    vendors: frozenset[str] = frozenset()
    keeps_from: float | None = None
    comes_from: float | None = None
    everywhere: bool = False
    cache: int = 1
    all_alike: bool = False
    pads: tuple[int, int] | None = None
    spares: frozenset[int] = frozenset()

    def concerns(self, engine: str, format_: str | None, quant: str | None, shape: ModelShape | None) -> bool:
        """Whether it is about these weights, on whatever hardware."""
        return (
            engine == self.engine
            and is_among(format_, self.formats)
            and (not self.quants or (quant or "").lower() in self.quants)
            and (not self.types or (shape is not None and self._is_one_of(shape)))
        )

    def _is_one_of(self, shape: ModelShape) -> bool:
        # The engine asks for the outer type: a PaliGemma has a Gemma 2 inside and is none.
        return shape.model_type in self.types and (not shape.vision or str(shape.model_type).startswith("gemma3"))

    def happens_on(self, hardware: Hardware | None) -> bool:
        """Whether it happens on this hardware; of hardware that is not known it is not assumed."""
        if self.everywhere or hardware is None:
            return self.everywhere
        if not hardware.accelerators:
            return "cpu" in self.vendors
        first = hardware.accelerators[0]
        known = first.compute_capability
        happens = self.keeps_from is not None and known is not None and known < self.keeps_from
        if self.comes_from is not None and known is not None:
            happens = known >= self.comes_from
        if self.pads is not None and known is not None:
            happens = int(known) not in self.spares
        return first.vendor in self.vendors or (first.vendor == "nvidia" and happens)

    def padding(self, shape: ModelShape) -> int:
        """Bytes that rounding up the experts adds, of one device that holds them whole."""
        width, routed = shape.expert_width, routed_parameters(shape)
        if self.pads is None or not (shape.hidden and width and routed):
            return 0
        wide = [-(-size // step) * step for size, step in zip((width, shape.hidden), self.pads, strict=True)]
        added = routed * (wide[0] * wide[1] - width * shape.hidden) // (width * shape.hidden)
        return round(added * self.bits / 8)


WIDENINGS = (
    Widening("rbee", 32, frozenset(), formats=frozenset({"safetensors"}), everywhere=True),
    Widening("exllamav3", 16, frozenset({"fp8", "mxfp4"}), everywhere=True),
    Widening("mlx-lm", 16, frozenset({"fp8"}), everywhere=True),
    Widening("ollama", 16, frozenset({"fp8"}), everywhere=True),
    Widening("tensorrt-llm", 16, frozenset({"mxfp8"}), everywhere=True),
    Widening("vllm", 32, _PLAIN, types=_NO_FLOAT16, keeps_from=8.0, cache=2),
    # Of 32 bits it makes what the hardware computes in best, which of these models is 32 where bfloat16 is not.
    Widening("vllm", 16, _WIDE, types=_NO_FLOAT16, vendors=frozenset({"amd", "intel", "cpu"}), comes_from=8.0),
    Widening("vllm", 16, _WIDE, everywhere=True),
    Widening("sglang", 16, _WIDE, everywhere=True),
    Widening("ollama", 16, _WIDE, everywhere=True),
    Widening(
        "vllm",
        4.25,
        frozenset({"mxfp4"}),
        formats=frozenset({"safetensors"}),
        types=frozenset({"gpt_oss"}),
        pads=(128, 256),
        spares=frozenset({9}),
    ),
    Widening("text-embeddings-inference", 32, _PLAIN, types=frozenset({"gemma3_text"}), everywhere=True),
    Widening("text-embeddings-inference", 32, _PLAIN, vendors=frozenset({"cpu"}), all_alike=True),
    Widening("transformers", 16, frozenset(), formats=frozenset({"gguf"}), everywhere=True),
    Widening(
        "transformers",
        16,
        frozenset({"compressed-tensors", "nvfp4", "w4a16", "w8a16", "w8a8"}),
        everywhere=True,
    ),
    Widening("transformers", 16, frozenset({"mxfp4"}), vendors=frozenset({"apple"}), keeps_from=7.5),
    Widening("transformers", 16, frozenset({"fp8", "mxfp8"}), vendors=frozenset({"apple", "cpu"}), keeps_from=8.9),
)
"""Every case that is known."""


def widening_of(engine: str, format_: str | None, quant: str | None, shape: ModelShape | None) -> Widening | None:
    """What is about these weights on some hardware; None where they are held as they are stored on any."""
    return next((one for one in WIDENINGS if one.concerns(engine, format_, quant, shape)), None)
