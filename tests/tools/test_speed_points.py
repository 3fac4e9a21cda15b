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
        ({"batch": 8}, "several sequences at once"),
        ({"engine": "hipfire"}, "engine 'hipfire' is not modelled"),
        ({"metric": "prefill tok/s"}, "a speed of reading, not of writing"),
        ({"hw_class": "CPU_ONLY", "bandwidth_gb_s": None}, "the memory bandwidth is not known"),
        ({"hw_class": "CPU_ONLY", "backend": "cuda"}, "a processor by its class, an accelerator by its backend"),
        ({"backend": "cpu"}, "an accelerator by its class, the processor by its backend"),
        (
            {"hardware": "Pi 5 (AMD RX 7600)"},
            "a graphics card on a single-board computer, whose processor is slow to start it",
        ),
        ({"metric": "generated tokens / total time", "prompt_tokens": 6144}, "the prompt is counted in"),
        ({"vram_gb": 4}, "the memory bandwidth is not known"),
        ({"gpu_layers": 20}, "the memory bandwidth is not known"),
        ({"vram_gb": 4, "engine": "vllm"}, "larger than its cards, on an engine that keeps nothing in system memory"),
        ({"tok_s": 900.0}, "faster than the memory can be read: drafted tokens, a cache, or a wrong label"),
        ({"model": "nobody/knows"}, "no shape is known for the model"),
        ({"quant": None}, "the quantization is not given"),
    ],
)
def test_what_is_no_decode_speed_is_left_out_with_its_reason(change, reason):
    assert usable(POINT).measured == 120
    assert usable({**POINT, **change}) == reason


def test_where_a_run_lay_is_told_by_the_point_or_by_the_memory_it_needs():
    """Layers by count, by size, on several cards of which the sum is told, and on the processor."""
    host = {"cpu": "Ryzen 5 5600X", "tok_s": 20.0}
    assert usable({**POINT, **host, "gpu_layers": 18}).placement.host.share == 0.5
    assert 0 < usable({**POINT, **host, "vram_gb": 4}).placement.host.share < 1
    two = usable({**POINT, "gpu_count": 2, "vram_gb": 48}).placement
    assert [portion.share for portion in two.portions] == [0.5, 0.5]
    alone = usable({**POINT, "hw_class": "CPU_ONLY", "bandwidth_gb_s": 51.2, "tok_s": 8.0}).placement
    assert [(portion.hardware, portion.bandwidth) for portion in alone.portions] == [("cpu", 51.2e9)]
