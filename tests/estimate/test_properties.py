"""What must hold for any model: more never needs less, unknown in is unknown out."""

from dataclasses import fields, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from compat.engines.hardware import GIB
from compat.estimate import (
    Accelerator,
    Fit,
    Hardware,
    LoadOptions,
    ModelShape,
    VariantInputs,
    estimate_memory,
    estimate_weights,
    from_config,
    from_gguf,
    judge_fit,
)
from compat.estimate.kv import hybrid_pages
from compat.estimate.quant import kv_bits
from compat.shapes.counting import active_parameters, split_parameters

ENGINES = st.sampled_from(["llama.cpp", "ollama", "vllm", "sglang", "transformers", "mlx-lm", "rbee", "tgi"])
TYPES = st.sampled_from(
    ["llama", "gemma2", "gemma3", "gpt_oss", "qwen3", "qwen3_5", "deepseek_v3", "falcon_h1", "llama4", "mamba"]
)
KV_TYPES = ["q4_0", "q5_0", "q8_0", "f16", "f32"]
QUANTS = st.sampled_from(["Q4_K_M", "Q8_0", "F16", "IQ2_M", "AWQ", "bf16", "4bit"])


@st.composite
def configs(draw):
    heads = draw(st.sampled_from([4, 8, 16, 32]))
    config = {
        "model_type": draw(TYPES),
        "num_hidden_layers": draw(st.integers(1, 40)),
        "hidden_size": heads * draw(st.sampled_from([32, 64, 128])),
        "num_attention_heads": heads,
        "num_key_value_heads": draw(st.sampled_from([1, 2, heads])),
        "vocab_size": draw(st.integers(1000, 150_000)),
        "intermediate_size": draw(st.integers(256, 20_000)),
        "tie_word_embeddings": draw(st.booleans()),
        "sliding_window": draw(st.sampled_from([128, 1024, 4096])),
    }
    if config["model_type"] == "qwen3_5":
        config |= {
            "linear_conv_kernel_dim": 4,
            "linear_num_key_heads": 16,
            "linear_num_value_heads": 32,
            "linear_key_head_dim": 128,
            "linear_value_head_dim": 128,
        }
    if config["model_type"] in ("falcon_h1", "mamba"):
        config |= {"mamba_d_conv": 4, "mamba_d_state": 16, "mamba_expand": 2}
    return config


def machine(count):
    return Hardware((Accelerator("x", "nvidia", "gpu", 80 * GIB, 1e12),) * count, 256 * GIB)


@settings(max_examples=60)
@given(configs(), ENGINES, QUANTS, st.integers(1, 200_000), st.integers(0, 50_000), st.integers(1, 3))
def test_memory_never_falls_as_the_context_grows(config, engine, quant, context, more, cards):
    variant = VariantInputs(from_config(config, 3 * 10**9), quant=quant)
    small = estimate_memory(variant, engine, machine(cards), LoadOptions(context))
    large = estimate_memory(variant, engine, machine(cards), LoadOptions(context + more))
    assert (small.total is None) == (large.total is None)
    if small.total is not None:
        assert 0 <= small.total <= large.total
        assert max(small.per_device) <= max(large.per_device)
        assert all(c.bytes >= 0 for c in small.components)


@settings(max_examples=60)
@given(configs(), QUANTS, st.integers(2 * 10**9, 10**11), st.integers(0, 10**10))
def test_weights_grow_with_parameters(config, quant, count, more):
    shape = from_config(config)
    small = estimate_weights(shape, parameters=count, quant=quant)
    large = estimate_weights(shape, parameters=count + more, quant=quant)
    assert 0 < small.total <= large.total


@settings(max_examples=60)
@given(configs(), ENGINES, st.integers(1, 100_000))
def test_cache_grows_with_its_bits(config, engine, context):
    shape = from_config(config, 10**9)
    sizes = [
        estimate_memory(VariantInputs(shape, quant="F16"), engine, machine(1), LoadOptions(context, kv_type=t))
        .component("kv")
        .bytes
        for t in KV_TYPES
    ]
    # vLLM's pages of a hybrid are as large as a state, so that the last one may be fuller or emptier.
    assert sizes == sorted(sizes) or hybrid_pages(shape, engine) is not None
    assert [kv_bits(t) for t in KV_TYPES] == sorted(kv_bits(t) for t in KV_TYPES)


@settings(max_examples=60)
@given(configs(), ENGINES, st.sampled_from(["layers", "hidden", "caches"]))
def test_unknown_in_unknown_out(config, engine, fact):
    shape = replace(from_config(config, 10**9), **{fact: None})
    if fact == "layers":
        shape = replace(shape, caches=None)
    estimate = estimate_memory(VariantInputs(shape, quant="F16"), engine, machine(1))
    assert estimate.total is None
    assert estimate.missing


CARDS = st.lists(st.integers(GIB // 2, 12 * GIB), min_size=1, max_size=4)


@settings(max_examples=200)
@given(configs(), QUANTS, CARDS, st.integers(0, 64 * GIB), st.integers(0, 2 * GIB), st.booleans())
def test_a_part_in_system_memory_is_a_part_and_more_system_memory_never_hurts(
    config, quant, cards, ram, projector, unified
):
    variant = VariantInputs(from_config(config, 8 * 10**9), quant=quant, projector_bytes=projector)
    kind = "unified" if unified else "gpu"
    devices = tuple(Accelerator("x", "nvidia", kind, size, 1e12) for size in cards)
    found = judge_fit(variant, "llama.cpp", Hardware(devices, ram))
    if found.fit is Fit.PARTIAL:
        assert 0 < found.gpu_layers < variant.shape.layers
        assert found.host_need > found.estimate.host
        assert found.need <= found.room
        assert found.need + found.host_need == found.estimate.total + found.estimate.host
    more = judge_fit(variant, "llama.cpp", Hardware(devices, ram + GIB))
    worse = [Fit.FITS, Fit.TIGHT, Fit.PARTIAL, Fit.TOO_LARGE]
    assert Fit.UNKNOWN in (found.fit, more.fit) or worse.index(more.fit) <= worse.index(found.fit)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(64, 4096), st.integers(2, 40))
def test_a_mixture_reads_at_most_all_and_at_least_its_dense_part(experts, used, width, layers):
    used = min(used, experts)
    config = {
        "model_type": "qwen3_moe",
        "num_hidden_layers": layers,
        "hidden_size": 512,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 64,
        "vocab_size": 1000,
        "tie_word_embeddings": True,
        "num_experts": experts,
        "num_experts_per_tok": used,
        "moe_intermediate_size": width,
    }
    shape = from_config(config)
    total, read = split_parameters(shape).total, active_parameters(shape)
    dense = 3 * 512 * width * used * layers
    assert dense <= read <= total
    assert (read == total) == (used == experts)


@given(
    st.dictionaries(
        st.sampled_from(
            ["model_type", "num_hidden_layers", "num_key_value_heads", "head_dim", "layer_types", "text_config"]
        ),
        st.one_of(st.none(), st.integers(-5, 5), st.text("a1_.-é\0", max_size=5), st.lists(st.integers(), max_size=3)),
    )
)
def test_odd_configurations_give_unknowns_and_never_raise(config):
    for shape in (from_config(config), from_gguf({f"llama.{k}": v for k, v in config.items()})):
        assert isinstance(shape, ModelShape)
        assert {f.name for f in fields(shape)}
