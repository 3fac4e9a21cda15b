"""What hardware takes away: every border of the profiles, one step to each side of it."""

from __future__ import annotations

import pytest

from compat.engines import Capability, all_profiles
from compat.engines.hardware import accelerators
from compat.extraction.facts import Provenance, VariantFacts
from compat.rules import CompatibilityResult, judge

NVIDIA = {7.0: "V100", 7.5: "T4", 8.0: "A100", 8.6: "A10", 8.9: "RTX 4090", 9.0: "H100", 10.0: "B200", 12.0: "RTX 5090"}


def said(
    engine: str,
    hardware: Capability | None,
    quantization: str | None = None,
    *,
    scheme: str | None = None,
    architecture: str = "llama",
    hf_class: str | None = "LlamaForCausalLM",
    format_: str = "safetensors",
) -> CompatibilityResult:
    """What an engine says of an otherwise ordinary model on hardware."""
    config = Provenance.CONFIG
    facts = VariantFacts(
        architecture=architecture,
        architecture_from=config,
        hf_class=hf_class,
        format=format_,
        format_from=config,
        quantization=quantization,
        quantization_from=config if quantization else Provenance.UNKNOWN,
        scheme=scheme,
        context=8192,
        context_from=config,
        task="text-generation",
        task_from=config,
    )
    return judge(facts, all_profiles()[engine], hardware)


def nvidia(capability: float) -> Capability:
    return Capability("nvidia", capability)


def amd(gfx: str) -> Capability:
    return Capability("amd", gfx=gfx)


# --- a format that an engine reads on one platform only ----------------------------------------------------------


def test_lm_studio_loads_safetensors_on_apple_silicon_alone():
    assert said("lm-studio", Capability("apple")).compatible
    for hardware in (nvidia(8.9), amd("gfx1100"), Capability("intel"), Capability("cpu")):
        result = said("lm-studio", hardware)
        assert (result.compatible, result.cause) == (False, "platform")
        assert "Safetensors files on Apple silicon only" in result.reasons[0]
        assert result.recommendations == ("Look for a GGUF version of this model.",)


def test_where_the_hardware_is_not_known_a_formats_platform_is_a_condition():
    result = said("lm-studio", None)
    assert result.confidence == "medium"
    assert any("on Apple silicon only; check" in text for text in result.warnings)


def test_its_other_format_is_read_anywhere():
    for hardware in (nvidia(8.9), Capability("apple"), Capability("cpu"), None):
        assert said("lm-studio", hardware, "Q4_K_M", format_="gguf").compatible


# --- NVIDIA's generations ----------------------------------------------------------------------------------------

MIXTURE = {"architecture": "qwen3_moe", "hf_class": "Qwen3MoeForCausalLM"}
LEAST = [
    ("vllm", "AWQ", None, {}, 7.5),
    ("vllm", "FP8", None, {}, 7.5),
    ("vllm", "FP8", None, MIXTURE, 7.5),
    ("vllm", "MXFP8", None, {}, 8.0),
    ("vllm", "ModelOpt", "NVFP4", {}, 7.5),
    ("sglang", "FP8", None, {}, 8.0),
    ("sglang", "FP8", None, MIXTURE, 8.9),
    ("sglang", "compressed-tensors", "FP8", {}, 8.0),
    ("sglang", "compressed-tensors", "FP8", MIXTURE, 8.9),
    ("sglang", "compressed-tensors", "NVFP4", {}, 8.0),
    ("sglang", "ModelOpt", "NVFP4", MIXTURE, 8.0),
    ("sglang", "MXFP8", None, {}, 10.0),
    ("sglang", "w8a8_fp8", None, {}, 8.9),
    ("exllamav3", "EXL3", None, {}, 8.0),
    ("exllamav3", None, None, {}, 8.0),
]


@pytest.mark.parametrize(("engine", "packing", "scheme", "model", "least"), LEAST)
def test_a_packing_begins_at_a_generation(engine, packing, scheme, model, least):
    for capability in NVIDIA:
        result = said(engine, nvidia(capability), packing, scheme=scheme, **model)
        assert result.compatible is (capability >= least), (capability, result.reasons)
        if not result.compatible:
            assert result.cause == "platform"


@pytest.mark.parametrize("packing", ["W8A8", "compressed-tensors"])
def test_vllm_computes_int8_before_blackwell_alone(packing):
    for capability in NVIDIA:
        result = said("vllm", nvidia(capability), packing, scheme="INT8")
        assert result.compatible is (7.5 <= capability < 10.0), capability
    assert "older than Blackwell only; this one is Blackwell" in result.reasons[0]
    assert any("NVIDIA GPUs older than Blackwell" in text for text in said("vllm", None, "W8A8").warnings)


def test_a_mixture_of_experts_is_named_where_it_needs_more():
    assert "mixture of experts" in said("sglang", nvidia(8.6), "FP8", **MIXTURE).reasons[0]
    assert "mixture of experts" not in said("sglang", nvidia(7.5), "FP8").reasons[0]


@pytest.mark.parametrize("name", ["deepseek_v32", "glm_moe_dsa", "deepseek_v4"])
def test_sparse_attention_runs_on_vllm_from_hopper_on(name):
    classes = {
        "deepseek_v32": "DeepseekV32ForCausalLM",
        "glm_moe_dsa": "GlmMoeDsaForCausalLM",
        "deepseek_v4": "DeepseekV4ForCausalLM",
    }
    for capability in (*NVIDIA, 11.0):
        result = said("vllm", nvidia(capability), "AWQ", architecture=name, hf_class=classes[name])
        assert result.compatible is (capability in (9.0, 10.0, 12.0)), capability
    assert said("vllm", nvidia(8.0), architecture="deepseek_v3", hf_class="DeepseekV3ForCausalLM").compatible


# --- AMD's generations -------------------------------------------------------------------------------------------


def test_vllm_is_built_for_some_of_amds_generations():
    assert said("vllm", amd("gfx942")).compatible
    assert said("vllm", amd("gfx1030")).compatible
    assert said("vllm", Capability("amd")).compatible
    result = said("vllm", amd("gfx1032"))
    assert (result.cause, result.brief) == ("platform", "not built for gfx1032")
    assert said("llama-cpp", amd("gfx1032"), "Q4_K_M", format_="gguf").compatible


def test_fp8_is_built_into_some_of_amds_generations():
    for scheme, elsewhere in (("blockwise FP8", "medium"), ("FP8", "low"), ("unblocked FP8", "none")):
        for method in ("FP8", "compressed-tensors"):
            words = {
                gfx: said("vllm", amd(gfx), method, scheme=scheme).confidence
                for gfx in ("gfx90a", "gfx942", "gfx1100", "gfx1201")
            }
            assert words == {"gfx90a": elsewhere, "gfx942": "high", "gfx1100": elsewhere, "gfx1201": "high"}
            assert said("vllm", Capability("amd"), method, scheme=scheme).compatible


@pytest.mark.parametrize(
    ("method", "scheme"), [("fbgemm_fp8", None), ("Quark", "unblocked FP8"), ("ModelOpt", "unblocked FP8")]
)
def test_fp8_without_blocks_has_no_kernel_on_amds_older_generations(method, scheme):
    assert said("vllm", amd("gfx942"), method, scheme=scheme).compatible
    for gfx in ("gfx90a", "gfx1100"):
        result = said("vllm", amd(gfx), method, scheme=scheme)
        assert (result.cause, result.brief.endswith("not on this GPU")) == ("platform", True)


def test_what_quark_holds_is_told_before_it_is_promised_on_amds_older_generations():
    assert said("vllm", amd("gfx90a"), "Quark").confidence == "low"
    assert said("vllm", amd("gfx90a"), "Quark", scheme="MXFP4").confidence == "medium"


def test_vllm_computes_quarks_mxfp4_on_nvidia_and_in_hardware_on_some_generations():
    for capability in (7.5, 8.0, 8.9, 9.0):
        result = said("vllm", nvidia(capability), "Quark", scheme="MXFP4")
        assert (result.confidence, result.brief) == ("medium", "Quark MXFP4 without hardware help")
    for hardware in (nvidia(10.0), nvidia(12.0), amd("gfx950")):
        assert said("vllm", hardware, "Quark", scheme="MXFP4").warnings == ()
    assert "the weights are unpacked" in " ".join(said("vllm", amd("gfx942"), "Quark", scheme="MXFP4").warnings)


@pytest.mark.parametrize("model", [{}, MIXTURE])
def test_sglang_computes_quarks_mxfp4_on_one_of_amds_generations_alone(model):
    assert said("sglang", amd("gfx950"), "Quark", scheme="MXFP4", **model).compatible
    for hardware in (*map(nvidia, NVIDIA), amd("gfx942")):
        assert said("sglang", hardware, "Quark", scheme="MXFP4", **model).cause == "platform"


def test_sglang_computes_quarks_fp8_from_ada_on_and_none_of_its_other_numbers():
    for capability in NVIDIA:
        assert said("sglang", nvidia(capability), "Quark", scheme="unblocked FP8").compatible is (capability >= 8.9)
    assert said("sglang", amd("gfx942"), "Quark", scheme="unblocked FP8").compatible
    for scheme in ("blockwise FP8", "INT4", "INT8", "NVFP4"):
        assert said("sglang", None, "Quark", scheme=scheme).cause == "quantization"
    assert said("sglang", nvidia(9.0), "Quark").confidence == "low"
    assert said("sglang", nvidia(8.6), "Quark").cause == "platform"


def test_quark_told_by_a_name_alone_is_doubted_where_it_would_be_refused():
    facts = VariantFacts(
        architecture="qwen3_moe",
        architecture_from=Provenance.CONFIG,
        hf_class="Qwen3MoeForCausalLM",
        format="safetensors",
        format_from=Provenance.CONFIG,
        quantization="Quark",
        quantization_from=Provenance.NAME,
        scheme="MXFP4",
        context=8192,
        context_from=Provenance.CONFIG,
        task="text-generation",
        task_from=Provenance.CONFIG,
    )
    result = judge(facts, all_profiles()["sglang"], nvidia(9.0))
    assert (result.confidence, result.doubted) == ("low", True)
    assert not judge(facts, all_profiles()["vllm"], nvidia(9.0)).doubted


def test_sglang_reads_mxfp4_on_one_of_amds_generations():
    gpt_oss = {"architecture": "gpt_oss", "hf_class": "GptOssForCausalLM"}
    assert said("sglang", amd("gfx950"), "MXFP4", **gpt_oss).compatible
    result = said("sglang", amd("gfx942"), "MXFP4", **gpt_oss)
    assert result.cause == "platform"
    assert "needs AMD's Instinct MI350 (gfx950); this GPU is Instinct MI300 (gfx942)" in result.reasons[0]
    assert said("sglang", Capability("amd"), "MXFP4", **gpt_oss).compatible


@pytest.mark.parametrize("packing", ["torchao", "NVFP4"])
def test_vllm_reads_on_amd_what_its_platform_lists(packing):
    assert said("vllm", amd("gfx942"), packing).compatible
    assert said("vllm", Capability("intel"), packing).cause == "platform"


@pytest.mark.parametrize("packing", ["NVFP4", "ModelOpt NVFP4", "compressed-tensors NVFP4"])
def test_no_amd_gpu_has_nvfp4_built_in_as_no_nvidia_gpu_before_blackwell_has(packing):
    label, _, scheme = packing.partition(" ")
    packed = {"scheme": scheme or None}
    on_amd, on_ada = said("vllm", amd("gfx942"), label, **packed), said("vllm", nvidia(8.9), label, **packed)
    assert on_amd.confidence == on_ada.confidence == "medium"
    assert f"There is no hardware for {packing} in AMD GPUs: the weights are unpacked" in " ".join(on_amd.warnings)
    assert said("vllm", nvidia(10.0), label, **packed).confidence == "high"


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_hopper_and_ada_have_hardware_for_fp8_and_none_for_nvfp4(engine):
    for capability, aided in ((8.0, ()), (8.9, ("FP8",)), (9.0, ("FP8",)), (10.0, ("FP8", "NVFP4"))):
        for packing in ("FP8", "NVFP4"):
            scheme = "unblocked FP8" if packing == "FP8" else packing
            result = said(engine, nvidia(capability), "compressed-tensors", scheme=scheme)
            assert result.compatible
            assert result.unaided is (packing not in aided), (capability, packing)


def test_vllm_reads_modelopt_on_intel():
    assert said("vllm", Capability("intel"), "ModelOpt").compatible


@pytest.mark.parametrize("scheme", ["NVFP4", "FP8", "blockwise FP8"])
def test_transformers_unpacks_what_compressed_tensors_packed_anywhere_and_is_not_sure_of_8_bit_floats_on_apple(scheme):
    for hardware in (nvidia(8.0), nvidia(10.0), amd("gfx942"), Capability("cpu")):
        result = said("transformers", hardware, "compressed-tensors", scheme=scheme)
        assert result.confidence == "medium"
        assert "unpacks the weights to 16 bits" in " ".join(result.reasons)
    on_mac = said("transformers", Capability("apple"), "compressed-tensors", scheme=scheme)
    assert on_mac.confidence == "low"
    assert "PyTorch has on Apple silicon from 2.15 on" in " ".join(on_mac.warnings)
    assert said("transformers", Capability("apple"), "compressed-tensors", scheme="INT4").confidence == "medium"


def test_accelerators_know_their_generation():
    told = {one.name: one.gfx for one in accelerators() if one.vendor == "amd"}
    assert {name: told[name] for name in ("MI300X", "MI250", "RX 7900 XTX", "RX 9070", "Ryzen AI Max+ 395")} == {
        "MI300X": "gfx942",
        "MI250": "gfx90a",
        "RX 7900 XTX": "gfx1100",
        "RX 9070": "gfx1201",
        "Ryzen AI Max+ 395": "gfx1151",
    }
    assert not any(one.gfx for one in accelerators() if one.vendor != "amd")


# --- packings by engine ------------------------------------------------------------------------------------------

MLX_LM = [
    ("AWQ", "INT4", "llama", True),
    ("AWQ", None, "llama", True),
    ("AWQ", "INT8", "llama", False),
    ("GPTQ", "INT4", "llama", False),
    ("GPTQ", None, "llama", False),
    ("NVFP4", None, "llama", True),
    ("ModelOpt", "NVFP4", "muse_spark", True),
    ("ModelOpt", "NVFP4", "llama", False),
    ("ModelOpt", "FP8", "muse_spark", False),
    ("compressed-tensors", "NVFP4", "llama", False),
    ("compressed-tensors", "MXFP4", "kimi_k3", True),
    ("compressed-tensors", "MXFP4", "llama", False),
    ("compressed-tensors", None, "kimi_k2", True),
    ("compressed-tensors", None, "llama", False),
    ("compressed-tensors", "FP8", "deepseek_v3", False),
    ("MXFP8", None, "minimax_m3_vl", True),
    ("MXFP8", None, "llama", False),
    ("FP8", None, "llama", False),
    ("FP8", None, "deepseek_v3", True),
    ("FP8", None, "kimi_k2", True),
    ("FP8", None, "minimax_m2", True),
    ("FP8", None, "qwen3_moe", False),
]


@pytest.mark.parametrize(("packing", "scheme", "architecture", "loads"), MLX_LM)
def test_mlx_lm_loads_what_its_loader_has_a_branch_for(packing, scheme, architecture, loads):
    result = said("mlx-lm", Capability("apple"), packing, scheme=scheme, architecture=architecture, hf_class=None)
    assert result.compatible is loads
    assert loads or result.cause == "quantization"


def test_a_refused_packing_says_why():
    assert "g_idx" in said("mlx-lm", None, "GPTQ").reasons[0]
    assert "deepseek_v3" in said("mlx-lm", None, "FP8").reasons[0]


@pytest.mark.parametrize("engine", ["vllm", "sglang", "transformers", "mlx-lm"])
def test_mxfp8_is_read_where_the_engine_has_it(engine):
    hardware = Capability("apple") if engine == "mlx-lm" else nvidia(10.0)
    architecture, hf_class = (
        ("minimax_m3_vl", "MiniMaxM3SparseForConditionalGeneration") if engine != "transformers" else ("llama", None)
    )
    assert said(engine, hardware, "MXFP8", architecture=architecture, hf_class=hf_class).compatible


def test_transformers_loads_no_packed_nvfp4():
    assert said("transformers", nvidia(10.0), "NVFP4").cause == "quantization"
    assert said("transformers", nvidia(10.0), "MXFP4", architecture="gpt_oss").compatible


def test_ollama_converts_mxfp4_of_gpt_oss_alone():
    gpt_oss = {"architecture": "gpt_oss", "hf_class": "GptOssForCausalLM"}
    assert said("ollama", None, "MXFP4", **gpt_oss).compatible
    assert said("ollama", None, "MXFP4").cause == "quantization"


# --- processors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packing", "scheme"), [("GPTQ", "INT8"), ("W8A16", None), ("compressed-tensors", "W8A16"), ("AutoRound", "INT8")]
)
@pytest.mark.parametrize("vendor", ["cpu", "intel"])
def test_vllm_has_no_kernel_for_weights_of_8_bits_alone_on_processors_and_intel_gpus(packing, scheme, vendor):
    refused = said("vllm", Capability(vendor), packing, scheme=scheme)
    assert (refused.compatible, refused.cause) == (False, "platform")
    assert said("vllm", nvidia(8.9), packing, scheme=scheme).compatible
    assert said("vllm", amd("gfx942"), packing, scheme=scheme).compatible


@pytest.mark.parametrize(
    ("packing", "scheme"),
    [("GPTQ", "INT4 in-order"), ("GPTQ", "in-order"), ("AWQ", None), ("W4A16", None), ("W8A8", None)],
)
def test_vllm_computes_4_bits_on_a_processor_and_needs_more_of_it_for_experts(packing, scheme):
    plain = said("vllm", Capability("cpu"), packing, scheme=scheme)
    assert (plain.compatible, plain.confidence) == (True, "high")
    mixture = said("vllm", Capability("cpu"), packing, scheme=scheme, **MIXTURE)
    assert (mixture.compatible, mixture.confidence) == (True, "medium")
    assert any("with the weights of a mixture of experts, needs AMX" in text for text in mixture.warnings)


def test_vllm_computes_fp8_on_processors_with_amx_alone():
    for packing, scheme in (("FP8", None), ("compressed-tensors", "FP8")):
        found = said("vllm", Capability("cpu"), packing, scheme=scheme)
        assert (found.compatible, found.confidence, found.brief) == (True, "medium", "needs certain processors")
        assert any("needs AMX" in text for text in found.warnings)
        told = said("vllm", None, packing, scheme=scheme)
        assert any("the processor alone, with AMX" in text for text in told.warnings)


# --- platforms beside an engine's own ----------------------------------------------------------------------------


@pytest.mark.parametrize(("engine", "how"), [("vllm", "built from source"), ("sglang", "SGLANG_USE_MLX=1")])
def test_apple_silicon_is_experimental_and_says_how(engine, how):
    result = said(engine, Capability("apple"))
    assert (result.confidence, result.brief) == ("low", "experimental on Apple silicon")
    assert any(how in text for text in result.warnings)
    assert said(engine, nvidia(9.0)).confidence == said(engine, None).confidence == "high"
    assert not said("tensorrt-llm", Capability("apple")).compatible


def test_packed_weights_run_there_as_on_the_platform_that_the_engine_takes_it_for():
    mac = Capability("apple")
    assert said("vllm", mac, "AWQ").confidence == "low"
    for packing in ("FP8", "NVFP4"):
        assert said("vllm", mac, packing).cause == "platform"
    assert said("sglang", mac, "AWQ").cause == "platform"


@pytest.mark.parametrize("packing", ["W4A16", "W8A8", "INT8"])
def test_a_packing_that_nothing_tells_of_is_doubted_where_the_engine_runs_other_code(packing):
    on_mac, on_nvidia = said("sglang", Capability("apple"), packing), said("sglang", nvidia(9.0), packing)
    assert (on_mac.compatible, on_mac.doubted) == (True, True)
    assert any(f"packed as {packing} on Apple silicon, nothing tells" in text for text in on_mac.warnings)
    assert not any("nothing tells" in text for text in on_nvidia.warnings)
    assert not said("sglang", Capability("apple")).doubted


@pytest.mark.parametrize("hardware", [Capability("apple"), Capability("cpu"), amd("gfx942")])
def test_sglang_computes_gguf_files_on_nvidia_alone(hardware):
    told = {"format_": "gguf", "hf_class": None}
    assert said("sglang", hardware, "Q4_K_M", **told).cause == "platform"
    assert said("sglang", nvidia(8.9), "Q4_K_M", **told).compatible


# --- packings that an engine is slow with ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "packing", "architecture"),
    [
        ("sglang", "bitsandbytes", "llama"),
        ("sglang", "blockwise_int8", "llama"),
        ("tgi", "bitsandbytes", "olmo2"),
    ],
)
def test_what_an_engine_says_that_it_is_slow_with_counts_so_and_is_told(engine, packing, architecture):
    hf_class = {"llama": "LlamaForCausalLM", "olmo2": "Olmo2ForCausalLM"}[architecture]
    result = said(engine, nvidia(9.0), packing, architecture=architecture, hf_class=hf_class)
    assert (result.compatible, result.unoptimized) == (True, True)
    assert any("it says itself that" in text for text in result.reasons)


def test_what_it_does_not_say_that_of_does_not_count_so():
    assert said("sglang", nvidia(9.0), "Q4_K_M", format_="gguf", hf_class=None).unoptimized
    for packing in ("AWQ", "GPTQ", "FP8", "compressed-tensors", None):
        assert not said("sglang", nvidia(9.0), packing).unoptimized
    assert not said("transformers", nvidia(9.0), "bitsandbytes").unoptimized
    assert not said("llama-cpp", nvidia(9.0), "Q4_K_M", format_="gguf", hf_class=None).unoptimized


@pytest.mark.parametrize(("engine", "who"), [("vllm", "vLLM-Metal"), ("sglang", "MLX-LM")])
def test_the_refusal_of_mlx_weights_says_what_reads_them(engine, who):
    result = said(engine, nvidia(9.0), "MLX 4-bit")
    assert result.cause == "quantization"
    assert who in result.reasons[0]


def test_a_machine_without_a_gpu_is_told_of_its_processor():
    result = said("vllm", Capability("cpu"), "GPTQ", scheme="INT8")
    assert (result.cause, result.brief) == ("platform", "GPTQ INT8 not on a processor")
    assert not any("GPU" in text for text in result.recommendations)
    assert said("vllm", Capability("apple"), "GPTQ", scheme="INT8").brief == "GPTQ INT8 not on this GPU"


# --- Ollama's MLX runner -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hardware", "cause"),
    [(Capability("apple"), ""), (nvidia(8.9), ""), (amd("gfx1100"), "platform"), (Capability("cpu"), "platform")],
)
def test_ollama_loads_what_its_converter_lacks_with_mlx_on_apple_silicon_and_nvidia_alone(hardware, cause):
    plain = said("ollama", hardware, architecture="qwen3", hf_class="Qwen3ForCausalLM")
    packed = said("ollama", hardware, "MLX 4-bit")
    for result in (plain, packed):
        assert (result.cause, result.confidence) == (cause, "none" if cause else "low")
        assert cause or "--experimental" in " ".join((*result.reasons, *result.warnings))


@pytest.mark.parametrize("label", ["MLX 3-bit", "MLX 6-bit", "MLX 2.5-bit"])
def test_ollama_refuses_widths_of_mlx_that_its_runner_does_not_compute(label):
    result = said("ollama", Capability("apple"), label)
    assert (result.cause, result.brief) == ("quantization", f"{label} packing")
    assert "4 and 8 bits" in result.reasons[0]


def test_ollama_refuses_mlx_weights_of_what_its_runner_has_no_code_for():
    result = said("ollama", Capability("apple"), "MLX 4-bit", architecture="mixtral", hf_class="MixtralForCausalLM")
    assert result.cause == "quantization"


# --- FP8 in blocks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capability", "confidence"), [(8.6, "medium"), (8.9, "medium"), (9.0, "high"), (12.0, "high")]
)
def test_vllm_unpacks_fp8_in_blocks_on_ada_and_computes_it_from_hopper_on(capability, confidence):
    assert said("vllm", nvidia(capability), "FP8", scheme="blockwise FP8").confidence == confidence
    assert said("vllm", nvidia(8.9), "FP8", scheme="unblocked FP8").confidence == "high"


@pytest.mark.parametrize("capability", [8.9, 9.0, 10.0, 12.0])
def test_sglang_computes_fp8_in_blocks_from_ada_on(capability):
    assert said("sglang", nvidia(capability), "FP8", scheme="blockwise FP8").confidence == "high"


@pytest.mark.parametrize(("capability", "confidence"), [(8.9, "low"), (9.0, "high"), (10.0, "high"), (12.0, "low")])
def test_tensorrt_llm_lists_fp8_in_blocks_for_hopper_and_data_centre_blackwell(capability, confidence):
    result = said("tensorrt-llm", nvidia(capability), "FP8", scheme="blockwise FP8")
    assert (result.compatible, result.confidence) == (True, confidence)
    assert said("tensorrt-llm", nvidia(capability), "ModelOpt", scheme="unblocked FP8").confidence == "high"


@pytest.mark.parametrize("scheme", ["blockwise FP8", "unblocked FP8", "FP8"])
def test_tensorrt_llm_computes_no_fp8_on_ampere(scheme):
    result = said("tensorrt-llm", nvidia(8.0), "FP8", scheme=scheme)
    assert (result.cause, result.brief) == ("platform", "needs Ada or newer")


# --- TGI ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "hardware", "answer"),
    [
        (None, nvidia(7.0), "platform"),
        (None, nvidia(8.0), "high"),
        (None, amd("gfx90a"), "high"),
        (None, amd("gfx1100"), "platform"),
        (None, Capability("apple"), "platform"),
        ("FP8", nvidia(8.0), "medium"),
        ("FP8", nvidia(7.5), "platform"),
        ("FP8", Capability("intel"), "platform"),
        ("GPTQ", amd("gfx942"), "high"),
        ("GPTQ", Capability("cpu"), "low"),
        ("compressed-tensors", amd("gfx942"), "platform"),
        ("compressed-tensors", nvidia(7.5), "platform"),
        ("EXL2", nvidia(8.9), "low"),
        ("EXL2", amd("gfx942"), "platform"),
    ],
)
def test_tgi_computes_each_packing_where_it_has_kernels_for_it(label, hardware, answer):
    result = said("tgi", hardware, label)
    assert (result.confidence if result.compatible else result.cause) == answer


# --- hardware of an engine's own platforms on which it runs less surely -------------------------------------------

KEPLER, MAXWELL, PASCAL = 3.7, 5.2, 6.1
ON_LLAMA_CPP = ("llama-cpp", "koboldcpp", "jan", "lm-studio", "llamafile", "rbee-worker")


@pytest.mark.parametrize("engine", sorted(all_profiles()))
def test_kepler_is_promised_by_nobody(engine):
    for format_, packing in (
        ("gguf", "Q4_K_M"),
        ("safetensors", None),
        ("safetensors", "MLX 4-bit"),
        ("ctranslate2", None),
    ):
        found = said(engine, nvidia(KEPLER), packing, format_=format_)
        assert not found.compatible or found.confidence == "low", (engine, format_)


@pytest.mark.parametrize("engine", ON_LLAMA_CPP)
def test_what_has_to_be_compiled_for_kepler_is_unsure_there_and_says_why(engine):
    old, newer = (said(engine, nvidia(one), "Q4_K_M", format_="gguf") for one in (KEPLER, 5.0))
    assert (old.confidence, old.brief) == ("low", "not prebuilt for Kepler")
    assert any("CUDA 12" in text and "https://" in text for text in old.warnings)
    assert newer.confidence == said(engine, None, "Q4_K_M", format_="gguf").confidence != "low"


def test_ollama_and_pytorch_refuse_kepler():
    assert said("ollama", nvidia(KEPLER), "Q4_K_M", format_="gguf").cause == "platform"
    for engine in ("transformers", "vllm", "mlx-vlm"):
        found = said(engine, nvidia(KEPLER))
        assert found.cause == "platform"
        assert "this one is Kepler" in found.reasons[0]


def test_transformers_says_which_pytorch_gpus_before_turing_need():
    for capability in (MAXWELL, PASCAL, 7.0):
        found = said("transformers", nvidia(capability))
        assert found.confidence == "medium"
        assert any("CUDA 12.6" in text for text in found.warnings)
    assert said("transformers", nvidia(7.5)).confidence == "high"
    assert said("transformers", None).confidence == "high"


def test_mlx_vlm_needs_turing_on_nvidia_as_mlx_does():
    assert said("mlx-vlm", nvidia(7.0), "MLX 4-bit").cause == "platform"
    assert said("mlx-vlm", nvidia(7.5), "MLX 4-bit").cause != "platform"


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi"])
def test_intels_graphics_inside_a_processor_are_not_promised_what_its_cards_are(engine):
    inside, card = (Capability("intel", integrated=one) for one in (True, False))
    assert said(engine, inside).confidence == "low"
    assert said(engine, card).confidence == "high"
    assert said(engine, Capability("amd", gfx="gfx942", integrated=True)).confidence != "low"
    assert said("llama-cpp", inside, "Q4_K_M", format_="gguf").confidence == "medium"
