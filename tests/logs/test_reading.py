"""Real logs of each engine, in several versions: the very numbers that they print."""

from __future__ import annotations

import pytest

from compat.logs import LogError, engines_read, read_log
from tests.logs.real_logs import DATA, log
from tests.own_database import ROOT

MIB, GIB = 2**20, 2**30


def mib(load, part):
    """Bytes of a part on each device, in MiB as they were printed."""
    found = load.part(part)
    return {device: round(size / MIB, 2) for device, size in found.devices.items()}


def test_llama_server_tells_every_part_and_how_it_was_started():
    found = read_log(log("llama-cpp-b8946-27b-q8-cache"))
    load = found.load
    assert (load.engine, load.version, load.build) == ("llama-cpp", "b8946", 8946)
    assert [part.name for part in load.parts] == ["weights", "kv", "state", "compute"]
    assert mib(load, "weights") == {"CUDA0": 14032.23}
    assert load.part("weights").host == round(682.03 * MIB)
    assert mib(load, "kv") == {"CUDA0": 6647.0}
    assert mib(load, "state") == {"CUDA0": 149.62}
    assert mib(load, "compute") == {"CUDA0": 654.78}
    assert (load.context, load.ubatch, load.k_type, load.v_type) == (200_192, 512, "q8_0", "q8_0")
    assert load.flash_attention is True
    assert (load.layers_on_gpu, load.layers_offered) == (65, 65)
    assert load.accelerators == ("NVIDIA GeForce RTX 3090",)
    assert load.whole
    assert found.missing == ("model", "speed")


def test_several_caches_of_one_model_are_summed_device_by_device():
    load = read_log(log("llama-cpp-glm-5.2-4gpu")).load
    assert mib(load, "kv") == {"CUDA0": 33728.0, "CUDA1": 5440.0, "CUDA2": 4864.0, "CUDA3": 3584.0}
    assert mib(load, "compute") == {"CUDA0": 4648.07, "CUDA1": 2300.07, "CUDA2": 2292.07, "CUDA3": 2284.07}
    assert (load.name, load.architecture, load.layers, load.hidden) == ("Glm-5.2", "glm-dsa", 78, 6144)
    assert load.parameters == 753_860_000_000
    assert load.file == "GLM-5.2-UD-Q5_K_XL-00001-of-00013.gguf"
    assert len(load.accelerators) == 4
    assert load.context == 524_288  # told by the cells of its cache alone


def test_the_table_before_a_load_is_a_plan_and_counts_for_nothing():
    load = read_log(log("llama-cpp-glm-5.2-4gpu")).load
    assert load.part("weights") is None


def test_the_table_at_the_end_stands_in_for_buffers_that_were_not_printed():
    load = read_log(log("llama-cpp-table-only")).load
    assert mib(load, "weights") == {"CUDA0": 17904.0}
    assert load.part("weights").host == 58_259 * MIB
    assert mib(load, "kv") == {"CUDA0": 384.0}
    assert load.part("kv").more == ("state",)
    assert mib(load, "compute") == {"CUDA0": 898.0}
    assert load.file == "qwen_3-30b3a-f16.gguf"
    assert load.accelerators == ("RTX 4090",)


def test_builds_of_2024_name_no_kind_of_the_weights():
    load = read_log(log("llama-cpp-2024-two-cards")).load
    assert mib(load, "weights") == {"CUDA0": 5434.38, "CUDA1": 13989.53}
    assert load.part("weights").host == round(1640.62 * MIB)
    assert mib(load, "kv") == {"CUDA0": 1536.0, "CUDA1": 3584.0}
    assert mib(load, "compute") == {"CUDA0": 672.01}
    assert (load.build, load.version) == (0, "")  # older than any build that is told apart


def test_speeds_of_llama_server_and_that_something_was_drafted():
    found = read_log(log("llama-server-timings"))
    assert found.load.decode == pytest.approx(784 / 24.27043)
    assert found.load.prompt == pytest.approx(4113 / 6.26520)
    assert found.load.prompt_tokens == 4113
    assert found.load.drafting
    assert found.missing == ("memory", "model")


def test_llama_bench_tells_file_options_and_speeds():
    found = read_log(log("llama-bench"))
    load = found.load
    assert (load.decode, load.prompt, load.prompt_tokens) == (37.75, 2100.22, 4096)
    assert (load.architecture, load.quantization) == ("qwen35", "IQ4_NL")
    assert load.file_bytes == round(6.15 * GIB)
    assert (load.k_type, load.ubatch, load.flash_attention) == ("q8_0", 256, True)
    assert found.missing == ()


def test_another_test_of_llama_bench_is_not_taken_for_plain_writing():
    deeper = log("llama-bench").replace("          tg256 |", "  tg256 @ d5000 |")
    assert read_log(deeper).load.decode is None


def test_ollama_tells_what_llama_cpp_took_beneath_it():
    found = read_log(log("ollama-0.9-deepseek-r1-8b-journald"))
    load = found.load
    assert (load.engine, load.planned, found.loads) == ("ollama", False, 1)
    assert mib(load, "weights") == {"CUDA0": 4403.49}
    assert mib(load, "kv") == {"CUDA0": 1024.0}
    assert mib(load, "compute") == {"CUDA0": 560.0}
    assert (load.context, load.slots, load.flash_attention) == (8192, 4, False)
    assert (load.name, load.quantization, load.layers) == ("DeepSeek R1 Distill Llama 8B", "Q4_K_M", 32)
    assert load.accelerators == ("NVIDIA GeForce GTX 1080",)


@pytest.mark.parametrize(
    ("name", "weights", "kv", "compute"),
    [
        ("ollama-0.17-codegeex4-metal-plan", {"Metal": 4.7}, {"Metal": 1.2}, {"Metal": 2.1}),
        ("ollama-0.5-llama3.1-8b-offload", {"CUDA": 4.9}, {"CUDA": 1.0}, {"CUDA": 560 / 1024}),
    ],
)
def test_what_ollama_planned_is_called_so(name, weights, kv, compute):
    load = read_log(log(name)).load
    assert load.planned
    told = {
        part.name: {device: pytest.approx(size / GIB, abs=1e-6) for device, size in part.devices.items()}
        for part in load.parts
    }
    assert told == {"weights": weights, "kv": kv, "compute": compute}


def test_ollamas_own_engine_tells_what_it_took():
    load = read_log(log("ollama-0.11-gpt-oss-120b-rocm")).load
    assert not load.planned
    assert mib(load, "weights") == {"ROCm0": 61_235.2}
    assert load.part("weights").host == round(1.1 * GIB)
    assert mib(load, "kv") == {"ROCm0": 450.0}
    assert mib(load, "compute") == {"ROCm0": 121.8}


def test_of_several_layouts_that_ollama_tries_the_last_one_is_loaded():
    first = log("ollama-0.11-gpt-oss-120b-rocm").replace("59.8 GiB", "40.0 GiB").replace("450.0 MiB", "900.0 MiB")
    load = read_log(first + log("ollama-0.11-gpt-oss-120b-rocm")).load
    assert mib(load, "weights") == {"ROCm0": 61_235.2}
    assert mib(load, "kv") == {"ROCm0": 450.0}


def test_ollama_run_and_ps_tell_speed_and_name():
    text = (
        "NAME        ID              SIZE      PROCESSOR    CONTEXT    UNTIL\n"
        "qwen3:8b    500a1f067a9f    7.5 GB    100% GPU     8192       4 minutes from now\n"
        "prompt eval rate:     301.50 tokens/s\n"
        "eval rate:            45.25 tokens/s\n"
    )
    load = read_log(text).load
    assert (load.engine, load.name, load.context) == ("ollama", "qwen3:8b", 8192)
    assert (load.decode, load.prompt) == (45.25, 301.5)


def test_vllm_tells_weights_the_pool_and_its_graphs():
    found = read_log(log("vllm-0.20-15gib-bf16"))
    load = found.load
    assert load.part("weights").bytes == round(14.25 * GIB)
    assert load.part("kv").bytes == round(31.92 * GIB)
    assert (load.pool, load.context) == (597_776, 16_384)
    assert load.beside == {"graphs": round(0.32 * GIB)}


def test_the_first_vllm_tells_a_profile_in_one_sentence():
    load = read_log(log("vllm-0.8-memory-profile")).load
    sizes = {part.name: round(part.bytes / GIB, 2) for part in load.parts}
    assert sizes == {"weights": 12.55, "kv": 56.18, "compute": 2.38}
    assert load.pool == 7191 * 16


def test_every_rank_of_vllm_counts():
    load = read_log(log("vllm-0.8-qwen3-235b-4gpu-docker")).load
    assert sorted(load.part("weights").devices) == ["GPU0", "GPU1", "GPU2", "GPU3"]
    assert load.part("weights").bytes == 4 * round(14.2474 * GIB)


def test_ranks_that_told_nothing_hold_as_much_as_the_one_that_did():
    config = log("vllm-0.8-qwen3-14b-config").replace("tensor_parallel_size=1", "tensor_parallel_size=2")
    found = read_log(config + log("vllm-0.20-15gib-bf16"))
    assert found.load.part("weights").bytes == 2 * round(14.25 * GIB)
    assert (found.load.name, found.load.version, found.load.context) == ("Qwen/Qwen3-14B", "0.8.5.post1", 4096)


def vllm_log(*workers, weights="3.8200", options="tensor_parallel_size=2", pool="466,000"):
    """A log of vLLM 0.11 whose workers go by these names, each with its lines."""
    head = (
        f"INFO 11-20 [core.py:93] Initializing a V1 LLM engine (v0.11.0) with config: model='Qwen/Qwen3-8B', {options}"
    )
    lines = [f"({one} pid=1) INFO 11-20 [runner.py:2653] Model loading took {weights} GiB" for one in workers]
    lines += [f"({one} pid=1) INFO 11-20 [worker.py:298] Available KV cache memory: 16.00 GiB" for one in workers]
    return "\n".join([head, *lines, f"INFO 11-20 [kv_cache_utils.py:1087] GPU KV cache size: {pool} tokens", ""])


def test_stages_of_a_pipeline_hold_other_layers_and_all_count():
    workers = [f"Worker_PP{stage}_TP{rank}" for stage in (0, 1) for rank in (0, 1)]
    options = "tensor_parallel_size=2, pipeline_parallel_size=2"
    load = read_log(vllm_log(*workers, options=options)).load
    assert list(load.part("weights").devices) == ["PP0 GPU0", "PP0 GPU1", "PP1 GPU0", "PP1 GPU1"]
    assert load.part("weights").bytes == 4 * round(3.82 * GIB)
    assert load.part("kv").bytes == 4 * 16 * GIB
    assert (load.ranks, load.replicas, load.name) == (4, 1, "Qwen/Qwen3-8B")


def test_what_a_stage_holds_that_told_nothing_is_not_guessed():
    options = "tensor_parallel_size=2, pipeline_parallel_size=2"
    found = read_log(vllm_log("Worker_PP0_TP0", "Worker_PP0_TP1", options=options) + "CUDA out of memory\n")
    assert found.load.parts == ()
    assert "weights" in found.missing


def dp_log(replicas, name="EngineCore_DP{}", options="tensor_parallel_size=1, data_parallel_size=2"):
    """Replicas that load one after the other."""
    lines = vllm_log(options=options).splitlines()[:1]
    for one in replicas:
        who = name.format(one, one)
        lines += [
            f"({who} pid=1) INFO 11-20 [runner.py:2653] Model loading took 15.2683 GiB",
            f"({who} pid=1) INFO 11-20 [worker.py:298] Available KV cache memory: {4 + one}.00 GiB",
            f"({who} pid=1) INFO 11-20 [utils.py:1087] GPU KV cache size: {31 + one},552 tokens",
        ]
    return "\n".join(lines)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_several_replicas_one_counts_with_its_own_pool(order):
    found = read_log(dp_log(order))
    assert found.loads == 1
    assert (found.load.name, found.load.replicas, found.load.pool) == ("Qwen/Qwen3-8B", 2, 31_552)
    assert found.load.part("weights").bytes == round(15.2683 * GIB)
    assert found.load.part("kv").bytes == 4 * GIB


def test_a_replica_that_begins_after_another_has_loaded_is_of_the_same_load():
    lines = dp_log((0, 1)).splitlines()
    started = lines[0].replace("INFO", "(EngineCore_DP1 pid=1) INFO", 1)
    found = read_log("\n".join([*lines[:4], started, *lines[4:]]))
    assert (found.loads, found.load.replicas, found.load.pool) == (1, 2, 31_552)


def test_weights_that_are_loaded_again_on_a_device_are_another_load():
    lines = vllm_log("Worker_TP0", "Worker_TP1").splitlines()
    found = read_log("\n".join([*lines, *lines[1:]]))
    assert found.loads == 2


def test_replicas_whose_experts_are_spread_tell_no_weights():
    found = read_log(dp_log((0, 1), "Worker_DP{}_EP{}"))
    assert found.load.part("weights") is None
    assert found.load.part("kv").bytes == 4 * GIB


def test_experts_over_the_ranks_of_one_replica_change_nothing():
    load = read_log(vllm_log("Worker_TP0_EP0", "Worker_TP1_EP1")).load
    assert load.part("weights").devices == {"GPU0": round(3.82 * GIB), "GPU1": round(3.82 * GIB)}


@pytest.mark.parametrize("words", ["/models/myTP3", "EP4b", "HTTP1", "TP1x"])
def test_words_that_look_like_a_rank_are_none(words):
    line = f"INFO 11-20 {words} Model loading took 3.8200 GiB\n"
    assert list(read_log(line).load.part("weights").devices) == ["GPU0"]


def test_each_start_of_an_engine_with_a_pipeline_is_a_load():
    text = vllm_log("Worker_PP0", "Worker_PP1", options="tensor_parallel_size=1, pipeline_parallel_size=2")
    found = read_log(text + text.replace("3.8200", "7.6400"))
    assert found.loads == 2
    assert found.load.part("weights").bytes == 2 * round(7.64 * GIB)


def test_ranks_of_sglang_that_replicate_attention_alone_all_count():
    text = log("sglang-0.5-qwen3.5-two-ranks").replace(" TP0]", " DP0 TP0 EP0]").replace(" TP1]", " DP1 TP1 EP1]")
    load = read_log(text).load
    assert load.part("weights").devices == {"GPU0": round(3.76 * GIB), "GPU1": round(3.76 * GIB)}
    assert load.replicas == 1


def test_vllms_speed_is_that_of_one_request_alone():
    text = log("vllm-0.20-15gib-bf16") + "".join(
        f"INFO 09-11 Engine 000: Avg prompt throughput: 3.0 tokens/s, Avg generation throughput: {speed} tokens/s, "
        f"Running: {running} reqs, Waiting: 0 reqs\n"
        for speed, running in ((44.0, 1), (260.0, 8), (45.0, 1), (9.0, 0), (3.0, 1))
    )
    assert read_log(text).load.decode == 44.5


@pytest.mark.parametrize(
    ("name", "weights", "kv", "pool"),
    [
        ("sglang-0.4-qwen3-14b", 27.57, 14.0, 91_749),
        ("sglang-0.5-qwen3-8b", 15.28, 234.56, 1_707_904),
        ("sglang-0.4-llama-3.1-8b", 15.09, 54.26, 444_500),  # what was free before, less what was free after
    ],
)
def test_sglang_tells_weights_and_the_pool(name, weights, kv, pool):
    load = read_log(log(name)).load
    assert load.part("weights").bytes / GIB == pytest.approx(weights)
    assert load.part("kv").bytes / GIB == pytest.approx(kv)
    assert load.pool == pool


def test_sglang_tells_recurrent_state_on_each_rank():
    load = read_log(log("sglang-0.5-qwen3.5-two-ranks")).load
    assert load.part("state").bytes == 2 * round(7.42 * GIB)
    assert load.part("weights").bytes == 2 * round(3.76 * GIB)


def test_sglangs_first_numbers_after_a_pause_do_not_count():
    assert read_log(log("sglang-0.4-llama-3.1-8b")).load.decode == 144.03


def test_mlx_tells_its_peak_in_gb_of_a_thousand():
    load = read_log(log("mlx-lm-llama-3.1-8b")).load
    assert load.peak == 5_197_000_000
    assert (load.prompt, load.decode) == (775.695, 72.733)
    assert (load.prompt_tokens, load.context) == (1929, 1929 + 256)
    assert load.name == "mlx-community/Meta-Llama-3.1-8B-Instruct-4bit"


def test_mlx_benchmark_tells_averages():
    load = read_log(log("mlx-lm-benchmark-qwen3-4b")).load
    assert (load.peak, load.prompt, load.decode) == (3_285_000_000, 2902.166, 205.099)
    assert load.context == 2048 + 128


@pytest.mark.parametrize(
    ("name", "stage", "wanted"),
    [
        ("llama-cpp-out-of-memory-weights", "weights", 132_345.77),
        ("ollama-out-of-memory-compute", "compute", 4507.0),
        ("vllm-out-of-memory", "weights", 896.0),
    ],
)
def test_a_load_without_enough_memory_tells_where_it_stopped(name, stage, wanted):
    load = read_log(log(name)).load
    assert (load.stopped, round(load.wanted / MIB, 2)) == (stage, wanted)
    assert not load.whole


def test_a_server_that_then_loads_after_all_did_not_stop():
    retried = log("llama-cpp-out-of-memory-weights") + log("llama-cpp-b8946-27b-q8-cache")
    found = read_log(retried)
    assert found.load.whole
    assert found.load.stopped == ""


def test_of_several_loads_the_last_whole_one_counts():
    first, second = log("ollama-0.9-deepseek-r1-8b-journald"), log("ollama-0.9-deepseek-r1-8b-journald")
    second = second.replace("4403.49", "5000.00")
    cut = "\n".join(second.splitlines()[:4])
    found = read_log(first + second)
    assert found.loads == 2
    assert mib(found.load, "weights") == {"CUDA0": 5000.0}
    assert mib(read_log(second + first + cut).load, "weights") == {"CUDA0": 4403.49}


def test_a_second_context_of_a_load_takes_the_place_of_the_first():
    lines = log("llama-cpp-b8946-27b-q8-cache").splitlines()
    start = next(i for i, line in enumerate(lines) if "n_ctx         =" in line)
    again = [line.replace("6647.00", "1000.00") for line in lines[start:]]
    assert mib(read_log("\n".join(lines + again)).load, "kv") == {"CUDA0": 1000.0}


def test_what_drafts_is_beside_the_load_and_no_part_of_it():
    draft = (
        "srv    load_model: creating MTP draft context against the target model\n"
        "llama_kv_cache:      CUDA0 KV buffer size =   320.00 MiB\n"
    )
    text = log("llama-cpp-b8946-27b-q8-cache")
    load = read_log(text.replace("main: model loaded\n", draft + "main: model loaded\n")).load
    assert mib(load, "kv") == {"CUDA0": 6647.0}
    assert load.beside == {"draft": 320 * MIB}


def test_a_log_that_tells_no_size_says_what_to_do():
    with pytest.raises(LogError, match="looks like a log of vLLM"):
        read_log(log("vllm-0.8-qwen3-14b-config"))


def test_every_engine_that_is_read_is_named_to_visitors():
    assert engines_read() in " ".join((ROOT / "docs/users.md").read_text("utf-8").split())


def test_every_log_names_its_source():
    told = (DATA / "README.md").read_text("utf-8")
    assert [path.name for path in sorted(DATA.glob("*.log")) if f"`{path.name}`" not in told] == []
