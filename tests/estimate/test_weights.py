"""Weights: the file first, then the count by tensor class."""

from dataclasses import replace

import pytest

from compat.estimate import Basis, ModelShape, estimate_weights, find_shape, known_shape
from compat.estimate.gguf_types import LABELS, MixFacts, Tensors, tensor_types
from compat.estimate.memory import place_weights
from compat.estimate.quant import gguf_mix, packed_mix
from compat.estimate.token_work import experts_held, token_work
from compat.estimate.weights import output_head
from compat.shapes.tensor_bytes import TensorBytes

GIB = 1024**3


def test_tables_by_layer_are_packed_where_embeddings_are_left_wide():
    """Gemma 4 E2B UD-Q8_K_XL takes 5.26 GB; its tables alone would be 5.5 in 16 bits."""
    packed, wide = (estimate_weights(known_shape("google/gemma-4-E2B-it"), quant=q) for q in ("UD-Q8_K_XL", "BF16"))
    assert packed.lookup == pytest.approx(packed.parts.lookup * 8.5 / 8)
    assert packed.embed == wide.embed
    assert wide.lookup == wide.parts.lookup * 2


@pytest.mark.parametrize(
    ("name", "quant", "size"),
    [
        ("google/gemma-4-E2B-it", "MLX 4-bit", 3_540_000_000),
        ("google/gemma-4-E4B-it", "MLX 4-bit", 5_261_334_938),
        ("google/gemma-4-E4B-it", "MLX MXFP8", 8_697_308_774),
        ("google/gemma-4-E4B-it", "MLX 8-bit", 8_912_057_139),
    ],
)
def test_mlx_packs_tables_by_layer_like_everything_else(name, quant, size):
    """The sizes are of mlx-community's files, which have towers for images and sounds in 16 bits too."""
    told = estimate_weights(known_shape(name), quant=quant)
    assert 0.75 * size < told.total < size
    assert told.lookup + told.embed < told.total


def test_a_label_that_only_mixtures_have_is_of_experts_where_layers_are_not_known():
    told = estimate_weights(None, parameters=14_000_000_000, quant="MXFP4_MOE").total
    assert told < 0.8 * estimate_weights(None, parameters=14_000_000_000, quant="MXFP4").total


def test_the_file_size_is_believed():
    weights = estimate_weights(known_shape("Qwen/Qwen3-8B"), file_bytes=5_027_783_488, quant="Q4_K_M")
    assert weights.total == 5_027_783_488
    assert weights.basis is Basis.FILE


MEASURED_BPW = {
    "IQ1_S": 2.0042,
    "IQ1_M": 2.146,
    "IQ2_XXS": 2.3824,
    "IQ2_XS": 2.5882,
    "IQ2_S": 2.7403,
    "IQ2_M": 2.9294,
    "IQ3_XXS": 3.2548,
    "IQ3_XS": 3.4977,
    "IQ3_S": 3.6606,
    "IQ3_M": 3.7628,
    "Q2_K_S": 2.9697,
    "Q2_K": 3.1593,
    "Q3_K_S": 3.6429,
    "Q3_K_M": 3.996,
    "Q3_K_L": 4.2979,
    "Q4_K_S": 4.6672,
    "Q4_K_M": 4.8944,
    "Q5_K_S": 5.5704,
    "Q5_K_M": 5.7036,
    "Q6_K": 6.5633,
}
"""Bits a weight of whole files of Llama 3.1 8B, as llama.cpp's authors list them (``tools/quantize/README.md``)."""


@pytest.mark.parametrize("label", sorted(MEASURED_BPW))
def test_mixes_reproduce_the_measured_llama(label):
    found = estimate_weights(known_shape("Llama-3.1-8B"), quant=label).total * 8 / 8_030_261_248
    assert found == pytest.approx(MEASURED_BPW[label], rel=0.001)
    bare = estimate_weights(None, parameters=8_030_261_248, quant=label).total * 8 / 8_030_261_248
    assert bare == pytest.approx(MEASURED_BPW[label], rel=0.001)


def test_the_rules_look_at_heads_layers_and_experts():
    """Values of heads that share no key are few weights more, and are not widened; Mixtral's are kept in eight bits."""
    plain = tensor_types("IQ2_M", MixFacts(shared_keys=1))
    assert plain[Tensors.VALUE] == {"IQ3_S": 1.0}
    assert tensor_types("IQ2_M", MixFacts())[Tensors.VALUE] == {"Q4_K": 1.0}
    assert tensor_types("Q4_K_M", MixFacts(experts=8))[Tensors.VALUE] == {"Q8_0": 1.0}
    assert tensor_types("Q4_K_S", MixFacts(layers=80, shared_keys=8))[Tensors.VALUE] == {"Q5_K": 1.0}
    assert set(tensor_types("MXFP4", MixFacts(experts=32))[Tensors.UP]) == {"MXFP4"}
    assert set(tensor_types("MXFP4", MixFacts())[Tensors.UP]) == {"Q8_0"}


@pytest.mark.parametrize("label", sorted(LABELS))
@pytest.mark.parametrize("layers", [1, 7, 48, 80])
def test_every_tensor_has_a_type(label, layers):
    for shares in tensor_types(label, MixFacts(layers=layers)).values():
        assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("model", "quant", "gib"),
    [
        ("Qwen3-30B-A3B", "Q4_K_M", 17.35),
        ("Llama-3.1-70B", "Q4_0", 37.22),
        ("Llama-3.3-70B", "Q4_K_M", 39.59),
        ("DeepSeek-R1-Distill-Qwen-7B", "Q4_K_M", 4.353),
        # Rows of 29568 weights are no multiple of 256: half the feed-forward steps up to Q8_0.
        ("Qwen2.5-72B", "Q4_K_M", 44.18),
    ],
)
def test_published_files(model, quant, gib):
    assert estimate_weights(known_shape(model), quant=quant).total / GIB == pytest.approx(gib, rel=0.01)


@pytest.mark.parametrize(
    ("model", "quant", "size"),
    [
        ("Qwen/Qwen3.6-35B-A3B", "UD-Q5_K_XL", 27_159_116_064),
        ("openai/gpt-oss-20b", "MXFP4", 12_109_566_560),
        ("openai/gpt-oss-20b", "MXFP4_MOE", 12_109_566_560),
        ("openai/gpt-oss-120b", "MXFP4_MOE", round(59.02 * 2**30)),
        # Its experts stay in four bits whatever the file is called.
        ("openai/gpt-oss-20b", "F16", 13_792_639_168),
        ("openai/gpt-oss-120b", "F16", 65_369_017_184),
    ],
)
def test_files_of_mixes_that_are_not_llama_cpps_own(model, quant, size):
    assert estimate_weights(find_shape(model), quant=quant).total == pytest.approx(size, rel=0.025)


def test_a_gguf_file_holds_the_language_model_alone():
    """Qwen3.5 2B counts 2.27 billion weights with its tower; its 16-bit GGUF file takes 3.76 GB."""
    shape = find_shape("Qwen/Qwen3.5-2B")
    assert estimate_weights(shape, parameters=2_274_069_824, quant="BF16").total == pytest.approx(3.76e9, rel=0.01)
    packed = estimate_weights(shape, parameters=2_274_069_824, quant="BF16", engine="vllm")
    assert packed.total == pytest.approx(4.55e9, rel=0.01)


def test_packed_schemes_keep_embedding_and_head_in_16_bits():
    shape = known_shape("Qwen/Qwen2.5-7B")
    weights = estimate_weights(shape, quant="AWQ", engine="vllm")
    tables = 2 * 152064 * 3584 * 2
    assert weights.total == pytest.approx(tables + (7_615_283_200 - 2 * 152064 * 3584) * 4.156 / 8, rel=0.001)


def test_attention_that_a_packing_leaves_out_stays_in_16_bits():
    shape = known_shape("Qwen/Qwen3-8B")
    packed, mixed = (
        estimate_weights(replace(shape, unpacked=unpacked), quant="NVFP4", engine="vllm").total
        for unpacked in ((), ("self_attn",))
    )
    # 36 layers of 4,096 queries and outputs, 1,024 keys and values, over 4,096 hidden values.
    assert mixed - packed == 36 * (2 * 4096 + 2 * 1024) * 4096 * (16 - 4.5) / 8


@pytest.mark.parametrize("quant", [None, "", "any", "unknown", "Q4_K_S/M?", "llama", "IQ9_X"])
def test_an_unknown_label_is_unknown(quant):
    weights = estimate_weights(known_shape("Qwen/Qwen3-8B"), quant=quant)
    assert weights.total is None
    assert weights.basis is Basis.UNKNOWN
    assert weights.missing


def test_a_model_without_counts_is_unknown():
    weights = estimate_weights(ModelShape(), quant="Q4_K_M")
    assert weights.total is None
    assert weights.missing == ("parameters",)


def test_a_bare_count_rests_on_a_default():
    weights = estimate_weights(None, parameters=8_000_000_000, quant="Q4_K_M")
    assert weights.basis is Basis.DEFAULT
    assert weights.total == pytest.approx(8e9 * 4.8944 / 8, rel=0.01)


def test_labels_of_two_worlds():
    assert gguf_mix("UD-Q4_K_XL") == gguf_mix("q4_k_xl")
    # Of this name there are two: a dynamic mix, and Q3_K_L with embedding and head in eight bits.
    assert gguf_mix("Q3_K_XL") == replace(gguf_mix("Q3_K_L"), embed=8.5, head=8.5)
    assert gguf_mix("UD-Q3_K_XL") != gguf_mix("Q3_K_XL")
    assert gguf_mix("UD-Q4_K_M") == gguf_mix("q4_k_m")
    assert packed_mix("4bit").body == 4.5
    assert packed_mix("MLX-8bit").embed == 8.5
    assert packed_mix("bf16").body == 16
    assert gguf_mix("AWQ") is None
    assert packed_mix("Q4_K_M") is None


def test_what_the_files_list_is_believed_before_their_size_and_the_label():
    shape = known_shape("Qwen/Qwen3-8B")
    listed = TensorBytes(5_020_000_000, 350_000_000, 510_000_000)
    weights = estimate_weights(shape, file_bytes=5_027_783_488, quant="Q8_0", tensors=listed)
    assert (weights.total, weights.basis) == (5_020_000_000, Basis.FILE)
    assert place_weights(weights) == (5_020_000_000 - 350_000_000, 350_000_000)
    assert output_head(weights) == 510_000_000


def test_a_table_that_is_the_output_head_too_is_in_both_memories():
    weights = estimate_weights(None, tensors=TensorBytes(2_000_000_000, 300_000_000))
    assert place_weights(weights) == (2_000_000_000, 300_000_000)
    assert output_head(weights) == 300_000_000


def test_listed_experts_are_what_goes_aside_and_what_a_token_reads():
    shape = known_shape("Qwen/Qwen3-30B-A3B")
    listed = TensorBytes(18_500_000_000, 170_000_000, 260_000_000, experts=17_000_000_000)
    weights = estimate_weights(shape, quant="Q4_K_M", tensors=listed)
    assert experts_held(shape, weights, "llama.cpp", "Q4_K_M") == 17_000_000_000
    work = token_work(shape, weights, "llama.cpp", "Q4_K_M", 0)
    assert work.expert_bytes == pytest.approx(17_000_000_000 * 8 / 128, rel=1e-6)
    assert work.weight_bytes == pytest.approx(18_500_000_000 - 170_000_000 - 17_000_000_000 * 120 / 128, rel=1e-3)


@pytest.mark.parametrize("label", ["IQ1_S", "IQ2_XXS", "IQ2_M", "IQ3_XXS", "Q2_K"])
def test_rows_that_are_no_whole_blocks_take_a_wider_type(label):
    """Experts of Gemma 4 26B are 704 wide, and Nemotron 3 Nano is 2,688: no multiples of 256."""
    whole = known_shape("Qwen/Qwen3-30B-A3B")
    narrow = estimate_weights(whole, quant=label).total
    down = estimate_weights(replace(whole, expert_ffn=704), quant=label, parameters=whole.parameters)
    all_rows = estimate_weights(replace(whole, hidden=2016), quant=label, parameters=whole.parameters)
    assert narrow * 1.02 < down.total < all_rows.total
    assert down.mix.ffn_down == 4.5
    assert all_rows.mix.body == 4.5


def test_a_hybrid_of_odd_width_is_as_large_as_its_files_are():
    """Sizes of unsloth's files of Nemotron 3 Nano 30B, in GB."""
    shape = find_shape("NVIDIA-Nemotron-3-Nano-30B-A3B")
    assert shape.hidden % 256
    for label, size in (("IQ2_M", 18.0), ("IQ3_XXS", 18.2)):
        found = estimate_weights(shape, quant=label, engine="llama.cpp").total
        assert found == pytest.approx(size * 1e9, rel=0.06), label
