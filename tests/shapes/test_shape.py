"""Shapes read from configurations, from GGUF headers and by name."""

from dataclasses import replace

import pytest

from compat.architectures.layers import LayerKind
from compat.estimate import complete, find_shape, from_config, from_gguf, known_shape
from compat.shapes.counting import active_parameters, counted_width, split_parameters
from compat.shapes.known import candidates


def test_sizes_sit_in_the_nested_text_config():
    shape = from_config(
        {
            "model_type": "gemma3",
            "text_config": {"num_hidden_layers": 34, "hidden_size": 2560, "sliding_window": 1024},
            "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27},
        }
    )
    assert (shape.layers, shape.hidden, shape.vision) == (34, 2560, True)
    assert shape.kv_heads is None


def test_an_empty_configuration_is_all_unknown():
    shape = from_config({})
    assert shape.layers is None
    assert shape.caches is None
    assert shape.tied is None


def test_an_explicit_null_means_one_key_head_a_query_head():
    base = {"model_type": "phi3", "num_attention_heads": 32, "hidden_size": 3072}
    assert from_config({**base, "num_key_value_heads": None}).kv_heads == 32
    assert from_config(base).kv_heads is None


def test_an_unknown_type_is_assumed_to_attend_fully_and_says_so():
    config = {
        "model_type": "brand_new",
        "num_hidden_layers": 4,
        "num_key_value_heads": 2,
        "head_dim": 64,
    }
    shape = from_config(config)
    assert [c.kind for c in shape.caches] == [LayerKind.FULL] * 4
    assert "brand_new" in shape.assumptions[0]


@pytest.mark.parametrize(
    ("model", "full"),
    [
        ("google/gemma-2-2b", 13),
        ("google/gemma-3-27b-it", 10),
        ("openai/gpt-oss-20b", 12),
        ("Qwen/Qwen3.6-27B", 16),
        ("CohereLabs/c4ai-command-r7b-12-2024", 8),
        ("meta-llama/Llama-3.1-8B-Instruct", 32),
        ("LiquidAI/LFM2-1.2B", 6),
    ],
)
def test_layers_that_keep_every_token(model, full):
    assert sum(c.kind is LayerKind.FULL for c in known_shape(model).caches) == full


def test_stated_layer_types_win_over_the_family():
    config = {
        "model_type": "gemma2",
        "num_hidden_layers": 2,
        "num_key_value_heads": 1,
        "layer_types": ["full_attention", "full_attention"],
    }
    assert [c.kind for c in from_config(config).caches] == [LayerKind.FULL] * 2


def test_nemotron_letters():
    config = {
        "model_type": "nemotron_h",
        "num_hidden_layers": 4,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "hybrid_override_pattern": "M-*E",
    }
    kinds = [c.kind for c in from_config(config).caches]
    assert kinds == [LayerKind.STATE, LayerKind.NONE, LayerKind.FULL, LayerKind.NONE]


def test_gguf_header_of_a_windowed_model():
    shape = from_gguf(
        {
            "general.architecture": "gemma3",
            "gemma3.block_count": 26,
            "gemma3.embedding_length": 1152,
            "gemma3.attention.head_count": 4,
            "gemma3.attention.head_count_kv": 1,
            "gemma3.attention.key_length": 256,
            "gemma3.attention.value_length": 256,
            "gemma3.attention.sliding_window": 512,
            "tokenizer.ggml.tokens": ["a"] * 100,
        }
    )
    assert shape.vocab == 100
    assert sum(c.kind is LayerKind.WINDOW for c in shape.caches) == 22
    assert shape.caches == known_shape("google/gemma-3-1b-it").caches


@pytest.mark.parametrize(
    "name",
    [
        "Qwen/Qwen3-0.6B",
        "Qwen3-0.6B-Q8_0.gguf",
        "Qwen_Qwen3-0.6B-Q4_K_M.gguf",
        "Qwen3-0.6B.Q4_K_M.gguf",
        "unsloth/Qwen3-0.6B-GGUF",
        "qwen3:0.6b",
        "Qwen/Qwen3-0.6B (unsloth)",
        "Qwen3-0.6B-UD-Q4_K_XL-00001-of-00002.gguf",
    ],
)
def test_packaging_words_do_not_hide_a_model(name):
    assert known_shape(name) == known_shape("Qwen/Qwen3-0.6B")


@pytest.mark.parametrize("name", ["my-Qwen3-0.6B-clone", "Qwen3", "0.6B", "NotQwen3-0.6B", "qwen3-0.6bx"])
def test_a_name_is_never_found_inside_another(name):
    assert known_shape(name) is None


def test_dates_are_dropped_only_as_a_second_try():
    assert list(candidates("Qwen/Qwen3-4B-Instruct-2507")) == ["qwen3-4b-2507", "qwen3-4b"]


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("Qwen/Qwen3-0.6B", 596_049_920),
        ("Qwen/Qwen2.5-72B", 72_706_203_648),
        ("meta-llama/Llama-3.1-70B", 70_553_706_496),
        ("Qwen/Qwen3-235B-A22B", 235_093_634_560),
        ("mistralai/Mixtral-8x7B-v0.1", 46_702_792_704),
        ("google/gemma-2-27b", 27_227_128_320),
        ("Qwen/Qwen3.5-9B", 8_953_803_264),
        ("Qwen/Qwen3.6-35B-A3B", 34_660_610_688),
        ("google/gemma-4-26B-A4B", 25_233_141_790),
    ],
)
def test_counted_parameters_agree_with_the_published_files(model, parameters):
    assert split_parameters(known_shape(model)).total == pytest.approx(parameters, rel=0.002)


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("Qwen/Qwen3-30B-A3B", 3.04),
        ("openai/gpt-oss-20b", 3.6),
        ("deepseek-ai/DeepSeek-V3", 36.6),
        ("zai-org/GLM-4.5-Air", 12.8),
        ("zai-org/GLM-4.7-Flash", 3.58),
    ],
)
def test_active_parameters_of_mixtures(model, billions):
    assert active_parameters(known_shape(model)) / 1e9 == pytest.approx(billions, rel=0.02)


@pytest.mark.parametrize(
    ("model", "published"),
    [("deepseek-ai/DeepSeek-V3", 684_531_386_000), ("Qwen/Qwen3.6-35B-A3B", 35_951_822_704)],
)
def test_layers_that_guess_ahead_and_towers_are_read_for_no_token(model, published):
    """What the repository counts, with all that lies beside the stack."""
    shape = known_shape(model)
    assert active_parameters(shape, published) == pytest.approx(active_parameters(shape), rel=0.01)


def test_a_table_that_is_stored_twice_is_loaded_once():
    shape = known_shape("Qwen/Qwen3-0.6B")
    assert split_parameters(shape, 751_632_384).total == pytest.approx(596_049_920, rel=0.002)
    assert split_parameters(shape, 596_049_920).total == 596_049_920


def test_the_number_of_weights_tells_the_feed_forward_width_that_a_configuration_leaves_out():
    shape = replace(known_shape("Llama-3.1-8B"), parameters=8_030_261_248)
    assert counted_width(replace(shape, ffn=None)) == pytest.approx(shape.ffn, rel=0.001)
    assert counted_width(known_shape("Qwen/Qwen3-30B-A3B")) is None


def test_lists_make_as_many_key_heads_as_query_heads_of_a_name_they_do_not_know():
    told = {"model_type": "chatglm", "num_attention_heads": 32, "hidden_size": 4096, "num_hidden_layers": 28}
    assert from_config(told | {"num_key_value_heads": 32}).kv_heads is None
    assert from_config(told | {"num_key_value_heads": 32, "multi_query_group_num": 2}).kv_heads == 2


def test_a_mixture_without_expert_counts_has_unknown_active_parameters():
    shape = from_config(
        {"model_type": "qwen3_moe", "num_hidden_layers": 4, "hidden_size": 64, "vocab_size": 100}, 10**6
    )
    assert active_parameters(shape) is None


def partial(**more):
    return from_config(
        {
            "model_type": "qwen3_5",
            "num_hidden_layers": 32,
            "num_attention_heads": 16,
            "num_key_value_heads": 4,
            "hidden_size": 4096,
            **more,
        }
    )


def test_a_fine_tune_takes_its_structure_from_the_published_model_of_its_size():
    shape = complete(partial())
    assert shape.state == known_shape("Qwen/Qwen3.5-9B").state
    assert "published" in shape.assumptions[0]


def test_four_of_five_dimensions_are_not_enough():
    shape = partial(hidden_size=4097)
    assert complete(shape) is shape


def test_a_vision_tower_is_left_out_of_the_text_count():
    shape = complete(
        from_config(
            {
                "model_type": "qwen3_5",
                "num_hidden_layers": 32,
                "num_attention_heads": 16,
                "num_key_value_heads": 4,
                "hidden_size": 4096,
            },
            9_653_104_368,
        )
    )
    assert split_parameters(shape).total == pytest.approx(8_953_803_264, rel=0.002)


def test_the_resolver_is_asked_when_the_table_does_not_know():
    asked = []

    def resolve(model_id):
        asked.append(model_id)
        return partial()

    assert find_shape("Qwen/Qwen3-8B", resolve) == known_shape("Qwen/Qwen3-8B")
    assert asked == []
    assert find_shape("someone/tune", resolve).state is not None
    assert find_shape("someone/tune") is None
