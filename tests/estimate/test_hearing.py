"""Whisper: an encoder of sound, and a decoder whose layers keep the recording beside what is written."""

import pytest

from compat.architectures.published import published_parameters
from compat.engines.hardware import GIB, Accelerator, Hardware
from compat.estimate import (
    LoadOptions,
    VariantInputs,
    estimate_memory,
    estimate_speed,
    from_config,
    judge_fit,
    known_shape,
)
from compat.estimate.fit import Fit
from compat.estimate.kv import CacheOptions, estimate_cache
from compat.shapes.counting import split_by_dimensions

CARD = Hardware((Accelerator("card", "nvidia", "gpu", 24 * GIB, 1e12),))
LARGE = known_shape("openai/whisper-large-v3")
VARIANT = VariantInputs(LARGE, None, 1_543_490_560, "F16", 0, "safetensors")
SIZES = ("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en", "large", "large-v3")


@pytest.mark.parametrize("size", [*SIZES, "large-v2", "large-v3-turbo"])
def test_the_published_dimensions_make_the_published_number_of_weights(size):
    counted = split_by_dimensions(known_shape(f"openai/whisper-{size}"))
    # Without norms and biases.
    assert 0.9985 < counted.total / published_parameters(f"openai/whisper-{size}") < 1


@pytest.mark.parametrize(
    ("name", "millions"), [("large-v3", 756), ("large-v2", 756), ("medium.en", 394), ("small.en", 166)]
)
def test_so_do_those_of_the_distilled_ones(name, millions):
    counted = split_by_dimensions(known_shape(f"distil-whisper/distil-{name}"))
    assert round(counted.total / 0.999 / 1e6) in (millions, millions + 1)


def test_every_layer_keeps_the_recording_whatever_is_written():
    row = 2 * 1280 * 2 * 32
    for context in (1, 448):
        assert estimate_cache(LARGE, "transformers", CacheOptions(context)).kv == row * (context + 1500)
    # In pages of sixteen tokens, and once for each sequence.
    assert estimate_cache(LARGE, "vllm", CacheOptions(448)).kv == row * (448 + 1504)
    assert estimate_cache(LARGE, "transformers", CacheOptions(448, parallel=3)).kv == 3 * row * (448 + 1500)


def test_the_recording_is_what_transformers_computes_at_once_where_it_is_longer():
    each = 2 * (3 * 5120 + 4 * 1280)
    for context, tokens in ((448, 1500), (1500, 1500), (1501, 1501)):
        compute = estimate_memory(VARIANT, "transformers", CARD, LoadOptions(context=context)).component("compute")
        assert compute.bytes == each * tokens + 32 * 1024**2


def test_a_configuration_tells_the_decoders_layers_not_the_encoders():
    told = {
        "model_type": "whisper", "num_hidden_layers": 32, "encoder_layers": 32, "decoder_layers": 4, "d_model": 1280,
        "encoder_attention_heads": 20, "decoder_attention_heads": 20, "decoder_ffn_dim": 5120, "num_mel_bins": 128,
        "max_source_positions": 1500, "max_target_positions": 448, "vocab_size": 51866,
    }  # fmt: skip
    shape = from_config(told)
    assert (shape.layers, shape.heads, shape.ffn, shape.context, shape.hears) == (4, 20, 5120, 448, 1500)
    assert from_config({key: value for key, value in told.items() if key != "decoder_layers"}).layers is None
    del told["encoder_layers"]
    assert split_by_dimensions(from_config(told)) is None


def test_it_fits_and_has_no_speed_of_writing():
    fit = judge_fit(VARIANT, "transformers", CARD, LoadOptions(context=448))
    assert fit.fit is Fit.FITS
    assert fit.estimate.component("kv").detail == "448 tokens, f16, and 1,500 of a recording"
    speed = estimate_speed(VARIANT, "transformers", CARD, fit)
    assert speed.tokens_per_second is None
    assert "how long it listens before it writes" in speed.reason or "No measured runs" in speed.reason
