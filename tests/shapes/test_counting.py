"""How many weights of a mixture are its experts', and how many one token reads."""

from __future__ import annotations

import pytest

from compat.shapes.counting import active_parameters, routed_parameters
from compat.shapes.known import known_shape
from compat.shapes.shape import from_config


def test_experts_that_come_out_as_more_than_all_weights_are_not_counted():
    jamba = {
        "model_type": "jamba",
        "num_hidden_layers": 32,
        "hidden_size": 4096,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 65536,
        "intermediate_size": 14336,
        "tie_word_embeddings": False,
        "num_experts": 16,
        "num_experts_per_tok": 2,
        "attn_layer_period": 8,
        "attn_layer_offset": 4,
    }
    shape = from_config(jamba, 51_570_323_328)
    assert routed_parameters(shape) is None
    assert active_parameters(shape) is None


def test_experts_in_every_second_layer_are_counted_there():
    shape = known_shape("ai21labs/AI21-Jamba2-Mini")
    assert shape is not None
    assert shape.dense_layers == 16
    assert routed_parameters(shape) == 16 * 16 * 3 * 4096 * 14336
    assert 11.5e9 < (active_parameters(shape) or 0) < 12.5e9  # AI21 tells 12 billion


@pytest.mark.parametrize(("offset", "dense"), [(0, 7), (1, 7), (2, 8), (None, 8), (-1, 8), ("1", 8)])
def test_a_period_of_experts_begins_at_its_offset(offset, dense):
    config = {"model_type": "jamba", "num_hidden_layers": 11, "expert_layer_period": 3, "expert_layer_offset": offset}
    assert from_config(config).dense_layers == dense


def test_no_period_tells_no_dense_layers():
    assert (
        from_config({"model_type": "qwen2_moe", "num_hidden_layers": 24, "decoder_sparse_step": 1}).dense_layers is None
    )
