"""What names and shapes of tensors tell: each method's own, as its packers write them."""

from __future__ import annotations

import math

import pytest

from compat.extraction.safetensors_header import DTYPE_BITS, Tensor
from compat.extraction.tensor_facts import LAYOUTS, facts_of_tensors

UP = "model.layers.0.mlp.up_proj"
IN, OUT = 4096, 11008
EMBEDDING = ("model.embed_tokens.weight", "F16", 32000, IN)
PACKED = {
    "awq": [("qweight", "I32", IN, OUT // 8), ("qzeros", "I32", 32, OUT // 8), ("scales", "F16", 32, OUT)],
    "awq-gemv": [("qweight", "I32", OUT, IN // 8), ("qzeros", "I32", OUT, 4), ("scales", "F16", OUT, 32)],
    "gptq": [
        *(("qweight", "I32", IN // 8, OUT), ("qzeros", "I32", 32, OUT // 8)),
        *(("scales", "F16", 32, OUT), ("g_idx", "I32", IN)),
    ],
    "bitsandbytes": [
        *(("weight", "U8", IN * OUT // 2, 1), ("weight.absmax", "U8", IN * OUT // 64), ("weight.quant_map", "F32", 16)),
        *(("weight.nested_absmax", "F32", 2752), ("weight.quant_state.bitsandbytes__nf4", "U8", 90)),
    ],
    "fp8": [("weight", "F8_E4M3", OUT, IN), ("weight_scale_inv", "F32", OUT // 128, IN // 128)],
    "nvfp4": [("weight", "U8", OUT, IN // 2), ("weight_scale", "F8_E4M3", OUT, IN // 16), ("weight_scale_2", "F32")],
    "mxfp4": [("up_proj_blocks", "U8", OUT, IN // 32, 16), ("up_proj_scales", "U8", OUT, IN // 32)],
    "mlx": [("weight", "U32", OUT, IN // 8), ("scales", "BF16", OUT, IN // 64), ("biases", "BF16", OUT, IN // 64)],
    "compressed-tensors": [
        *(("weight_packed", "I32", OUT, IN // 8), ("weight_scale", "BF16", OUT, IN // 128)),
        ("weight_shape", "I64", 2),
    ],
}
WORDS = ("mlx", "compressed-tensors")
"""The layouts whose shapes do not tell how many weights a word holds."""


def tensor(name, dtype, *shape):
    count = math.prod(shape)
    return Tensor(name, dtype, shape, count, -(-count * DTYPE_BITS.get(dtype, 8) // 8))


def module(layout, name=UP):
    return [tensor(f"{name}.{part}", *rest) for part, *rest in PACKED[layout]]


def test_every_layout_has_an_example():
    assert set(PACKED) == set(LAYOUTS)


@pytest.mark.parametrize("layout", PACKED)
def test_the_weights_behind_packed_tensors_are_counted_and_their_scales_are_not(layout):
    found = facts_of_tensors([tensor(*EMBEDDING), *module(layout)])
    assert found.layout == layout
    inside = found.weights - 32000 * IN + found.words * 8
    assert inside == IN * OUT
    assert (found.words > 0) == (layout in WORDS)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptq_tells_its_width_by_its_zeros(bits):
    parts = [
        ("qweight", "I32", IN * bits // 32, 4096),
        ("qzeros", "I32", 32, 4096 * bits // 32),
        ("scales", "F16", 32, 4096),
    ]
    found = facts_of_tensors([tensor(f"{UP}.{part}", *rest) for part, *rest in parts])
    assert (found.layout, found.weights) == ("gptq", IN * 4096)


def test_the_fast_gemv_layout_is_gemv_too():
    parts = [("qweight", "I16", OUT // 4, IN), ("scales", "F16", 32, OUT), ("qzeros", "F16", 32, OUT)]
    found = facts_of_tensors([tensor(f"{UP}.{part}", *rest) for part, *rest in parts])
    assert (found.layout, found.weights) == ("awq-gemv", IN * OUT)


def test_eight_bits_of_bitsandbytes_are_a_byte_each():
    parts = [("weight", "I8", OUT, IN), ("SCB", "F32", OUT), ("weight_format", "U8")]
    found = facts_of_tensors([tensor(f"{UP}.{part}", *rest) for part, *rest in parts])
    assert (found.layout, found.weights) == ("bitsandbytes", IN * OUT)


def test_plain_weights_have_no_layout_and_tables_of_positions_do_not_hide_them():
    tables = [tensor("h.0.attn.bias", "U8", 1, 1, 1024, 1024), tensor("embeddings.position_ids", "I32", 1, 512)]
    found = facts_of_tensors([tensor(*EMBEDDING), tensor(f"{UP}.weight", "F16", OUT, IN), *tables])
    assert (found.layout, found.words) == ("", 0)
    assert found.weights == 32000 * IN + IN * OUT + 1024 * 1024 + 512


def test_packed_in_a_way_that_nobody_here_knows_nothing_is_counted():
    found = facts_of_tensors([tensor(*EMBEDDING), tensor(f"{UP}.trellis", "I16", 256, 688, 64)])
    assert (found.layout, found.weights) == (None, None)
    assert found.counts == {"F16": 32000 * IN, "I16": 256 * 688 * 64}


def test_two_methods_in_one_file_are_no_layout_and_still_a_count():
    found = facts_of_tensors([*module("nvfp4"), *module("fp8", "model.layers.1.mlp.up_proj")])
    assert (found.layout, found.weights, found.layers) == (None, 2 * IN * OUT, 2)


@pytest.mark.parametrize("missing", ["scales", "qzeros"])
def test_a_module_that_lacks_tensors_promises_nothing(missing):
    parts = [part for part in module("gptq") if not part.name.endswith((missing, "g_idx"))]
    found = facts_of_tensors(parts)
    assert found.weights is None or found.words


@pytest.mark.parametrize("shape", [(), (0,), (0, 5), (5, 0), (1,), (2, 3, 4)])
def test_odd_shapes_end_in_no_error(shape):
    for layout, parts in PACKED.items():
        for at in range(len(parts)):
            odd = [tensor(one.name, one.dtype, *shape) if n == at else one for n, one in enumerate(module(layout))]
            assert facts_of_tensors(odd).tensors == len(odd)


def test_bytes_are_summed_by_type_and_by_role():
    head, expert = tensor("lm_head.weight", "F32", 10, 10), tensor("model.layers.3.mlp.experts.7.w1.weight", "F16", 4)
    found = facts_of_tensors([tensor(*EMBEDDING), head, expert])
    assert found.bytes == {"F16": 2 * 32000 * IN + 8, "F32": 400}
    assert list(found.bytes) == ["F16", "F32"]
    assert found.roles == {"embed": 2 * 32000 * IN, "head": 400, "experts": 8}
    assert (found.tensors, found.layers) == (3, 1)
