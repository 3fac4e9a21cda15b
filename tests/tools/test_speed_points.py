"""Which measured speeds are decode speeds of one sequence on one device."""

import pytest

from tools.evaluation.speed_points import usable

POINT = {
    "hardware": "RTX 4090",
    "vram_gb": 24,
    "bandwidth_gb_s": 1010.0,
    "model": "Qwen/Qwen3-8B",
    "quant": "Q4_K_M",
    "engine": "llama.cpp",
    "ctx": 4096,
    "batch": 1,
    "tok_s": 120.0,
    "metric": "decode tok/s",
    "source": "x",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"spec_decoding": True}, "speculative decoding"),
        ({"mtp": True}, "speculative decoding"),
        ({"gpu_count": 2}, "several devices"),
        ({"batch": 8}, "several sequences at once"),
        ({"engine": "hipfire"}, "engine 'hipfire' is not modelled"),
        ({"hw_class": "CPU_ONLY"}, "a CPU run: its memory bandwidth is not known"),
        ({"metric": "generated tokens / total time", "prompt_tokens": 6144}, "the prompt is counted in"),
        ({"vram_gb": 4}, "a partial offload: the model is larger than the card"),
        ({"gpu_layers": 20}, "a partial offload: fewer layers on the GPU than the model has"),
        ({"tok_s": 900.0}, "faster than the memory can be read: drafted tokens, a cache, or a wrong label"),
        ({"model": "nobody/knows"}, "no shape is known for the model"),
        ({"quant": None}, "the quantization is not given"),
    ],
)
def test_what_is_no_decode_speed_is_left_out_with_its_reason(change, reason):
    assert usable(POINT).measured == 120
    assert usable({**POINT, **change}) == reason
