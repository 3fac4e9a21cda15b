"""Logs held against the estimates of pages: the same functions, asked with what the log tells."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.core.management import call_command

from compat.catalogue.detail import detail
from compat.catalogue.measured import compare, kept_fields
from compat.catalogue.measured_points import memory_lines, speed_lines
from compat.catalogue.measurements import measured_by_engine, measured_here
from compat.catalogue.needs import fit_of
from compat.catalogue.question import Question
from compat.catalogue.rows import find_record
from compat.catalogue.same_model import Same
from compat.catalogue.workers import Machine, workers
from compat.ingest import measurements
from compat.ingest import store as sync
from compat.ingest.measurements import keep
from compat.logs import read_log
from compat.models import Measurement
from tests.logs.real_logs import log
from tests.logs.test_reading import dp_log, vllm_log
from tools.evaluation.point_rows import check_memory_point, check_speed_point

pytestmark = pytest.mark.django_db

LLAMA, QWEN, OSS = "meta-llama/Llama-3.1-8B", "Qwen/Qwen3-8B-Base", "openai/gpt-oss-120b"
R1 = "ollama-0.9-deepseek-r1-8b-journald"


def compared(repo_id, text, slug="llama-cpp", machine=None):
    record = find_record(repo_id)
    worker = workers()[slug]
    worker = replace(worker, machine=machine) if machine else worker
    return compare(record, list(record.variants.all()), worker, read_log(text))


def parts(found):
    return {part.name: part for part in found.parts}


def test_a_load_of_ollama_is_within_percents_of_the_estimate_part_by_part():
    found = compared(LLAMA, log(R1))
    assert {name: abs(part.difference) < 0.03 for name, part in parts(found).items()} == {
        "weights": True,
        "kv": True,
        "compute": True,
    }
    assert found.total.measured == sum(part.measured for part in found.parts)
    assert abs(found.total.difference) < 0.01


def test_the_log_tells_engine_machine_context_and_slots():
    found = compared(LLAMA, log(R1), "vllm", Machine("RTX 3090"))
    assert found.worker.profile.slug == "ollama"
    assert (found.worker.machine.accelerator, found.worker.machine.count) == ("GTX 1080", 1)
    assert (found.worker.context, found.worker.launch.slots) == (2048, 4)
    assert any("look through vLLM" in note for note in found.notes)
    assert any("your worker has RTX 3090" in note for note in found.notes)


def test_the_estimate_is_the_one_that_the_page_shows_for_such_a_worker():
    record = find_record(QWEN)
    found = compared(QWEN, log("sglang-0.5-qwen3-8b"), "sglang", Machine("H200"))
    shown = detail(QWEN, Question(worker="sglang", accelerator="H200", context=found.worker.context))
    fit = fit_of(record, found.variant, shown.worker)
    for name in ("weights", "kv"):
        assert parts(found)[name].estimated == fit.estimate.component(name).bytes


@pytest.mark.parametrize("name", ["sglang-0.5-qwen3-8b", "vllm-0.21-qwen3-8b"])
def test_a_pool_is_compared_for_the_tokens_that_it_holds(name):
    assert abs(parts(compared(QWEN, log(name)))["kv"].difference) < 0.001


@pytest.mark.parametrize(
    ("repo_id", "text", "why"),
    [
        (LLAMA, log("llama-cpp-glm-5.2-4gpu"), "its architecture is glm-dsa"),
        (QWEN, log(R1), "its architecture is llama"),
        ("meta-llama/Llama-3.2-1B", log(R1), "32 layers, and this page's model has 16"),
        ("meta-llama/Llama-2-7b-hf", log(R1).replace("n_embd           = 4096", "n_embd = 5120"), "5,120"),
        (LLAMA, log("mlx-lm-llama-3.1-8b"), "packed in another way"),
        (QWEN, log("vllm-0.8-qwen3-14b-config") + log("vllm-0.20-15gib-bf16"), "14.0B parameters"),
        (QWEN, log("sglang-0.4-qwen3-14b"), "weights take 27.6 GiB"),
    ],
    ids=["architecture", "family", "layers", "width", "packing", "size in its name", "size of its weights"],
)
def test_a_log_of_another_model_is_told_and_not_compared(repo_id, text, why):
    found = compared(repo_id, text)
    assert found.match.same is Same.NO
    assert why in found.match.sentence
    assert not found.compared
    assert found.why_not_kept


def test_what_no_card_of_the_machine_can_hold_is_not_kept_as_measured_there():
    """The log names no card: whoever pastes it says which machine it is of."""
    found = compared(QWEN, log("sglang-0.5-qwen3-8b"), "sglang", Machine("RTX 4090"))
    assert found.parts
    assert "more than your worker's RTX 4090 has" in found.why_not_kept
    assert compared(QWEN, log("sglang-0.5-qwen3-8b"), "sglang", Machine("B300")).why_not_kept == ""


def test_weights_that_are_packed_as_they_are_loaded_are_others():
    config = log("vllm-0.8-qwen3-14b-config").replace("Qwen/Qwen3-14B", QWEN).replace("zation=None", "zation='fp8'")
    # The record's own id is the first thing that counts: what is then loaded is seen by its size.
    found = compared(QWEN, config.replace(QWEN, "/models/mine") + log("vllm-0.20-15gib-bf16"))
    assert "its weights are packed (fp8)" in found.match.sentence


@pytest.mark.parametrize(
    ("repo_id", "name", "same"),
    [
        (LLAMA, "Llama 3.1 8B", Same.YES),
        (LLAMA, "DeepSeek R1 Distill Llama 8B", Same.PERHAPS),
        (LLAMA, "Llama 3.1 8B Instruct", Same.PERHAPS),
    ],
)
def test_the_same_model_is_proven_by_its_name_alone(repo_id, name, same):
    assert compared(repo_id, log(R1).replace("DeepSeek R1 Distill Llama 8B", name)).match.same is same


@pytest.mark.parametrize(
    "path",
    [
        "/root/.cache/huggingface/hub/models--Qwen--Qwen3-8B-Base/snapshots/b968826d9c46dd6066d109eabc6255188de91218",
        "/hub/models--Qwen--Qwen3-8B-Base/snapshots/b968826d/",
        "C:\\\\hub\\\\models--Qwen--Qwen3-8B-Base\\\\snapshots\\\\b968826d",
    ],
)
def test_a_path_in_the_hubs_cache_names_the_repository(path):
    text = log("vllm-0.8-qwen3-14b-config").replace("Qwen/Qwen3-14B", path) + log("vllm-0.20-15gib-bf16")
    assert compared(QWEN, text).match.same is Same.YES
    assert compared(QWEN, text.replace("Qwen3-8B-Base", "Qwen3-14B")).match.same is Same.NO


def test_all_stages_of_a_pipeline_are_compared():
    workers = [f"Worker_PP{stage}_TP{rank}" for stage in (0, 1) for rank in (0, 1)]
    text = vllm_log(*workers, options="tensor_parallel_size=2, pipeline_parallel_size=2").replace("Qwen/Qwen3-8B", QWEN)
    found = compared(QWEN, text, "vllm", Machine("RTX 4090", 4))
    assert found.match.same is Same.YES
    assert abs(parts(found)["weights"].difference) < 0.01
    assert len(parts(found)["weights"].devices) == 4


def test_one_of_several_replicas_is_compared_on_its_part_of_the_machine():
    found = compared(QWEN, dp_log((0, 1)).replace("Qwen/Qwen3-8B", QWEN), "vllm", Machine("RTX 4090", 4))
    assert found.match.same is Same.YES
    assert found.worker.machine.count == 2
    assert abs(parts(found)["weights"].difference) < 0.05
    assert any("loaded 2 times" in note for note in found.notes)


def test_a_log_that_names_no_model_is_compared_and_says_so():
    found = compared(QWEN, log("vllm-0.21-qwen3-8b"))
    assert found.match.same is Same.PERHAPS
    assert "does not say which model" in found.match.sentence
    assert found.missing == ("the weights", "the model's name", "the speed of writing")


def gguf(repo_id="sample/Llama-3.1-8B-GGUF", quants=("Q4_K_M", "Q8_0")):
    """A repository of GGUF files of Llama 3.1 8B."""
    config = {
        "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128256,
        "max_position_embeddings": 131072,
    }  # fmt: skip
    sizes = {"Q4_K_M": 4_920_739_232, "Q8_0": 8_540_775_840}
    raw = {
        "id": repo_id,
        "pipeline_tag": "text-generation",
        "config": config,
        "gguf": {"architecture": "llama", "context_length": 131072, "total": 8_030_261_312},
        "siblings": [{"rfilename": f"Llama-3.1-8B-{quant}.gguf", "size": sizes[quant]} for quant in quants],
    }
    assert sync.store_raw([("1", raw)], origin="file").new == 1
    return repo_id


def test_the_variant_is_the_one_whose_file_or_packing_was_loaded():
    repo_id = gguf()
    assert compared(repo_id, log(R1)).variant.quantization == "Q4_K_M"
    eight = log(R1).replace("Q4_K - Medium", "Q8_0").replace("4403.49", "7605.33").replace("281.81", "532.31")
    found = compared(repo_id, eight)
    assert found.variant.quantization == "Q8_0"
    assert abs(parts(found)["weights"].difference) < 0.01


def test_a_packing_that_the_page_does_not_list_is_compared_as_such_a_file():
    found = compared(gguf(quants=("Q8_0",)), log(R1))
    assert (found.variant.pk, found.variant.quantization) == (None, "Q4_K_M")
    assert abs(parts(found)["weights"].difference) < 0.01


def test_layers_in_system_memory_are_counted_wherever_they_are():
    partly = log(R1).replace("33/33", "20/33").replace("4403.49", "2600.00").replace("281.81", "2085.30")
    found = compared(gguf(), partly, "ollama", Machine("GTX 1080"))
    weights = parts(found)["weights"]
    assert weights.measured == round((2600.00 + 2085.30) * 2**20)
    assert abs(weights.difference) < 0.01
    assert any("20 of 33 layers" in note for note in found.notes)


def test_a_load_on_the_processor_is_compared_with_one():
    text = log(R1).replace("CUDA0 ", "CPU ").replace("CUDA_Host", "CPU").replace("offloaded 33/33", "offloaded 0/33")
    text = "\n".join(line for line in text.splitlines() if "using device" not in line and "Device 0" not in line)
    found = compared(gguf(), text, "ollama", Machine("RTX 3090"))
    assert not found.worker.machine.accelerator
    assert abs(parts(found)["weights"].difference) < 0.01
    assert abs(parts(found)["kv"].difference) < 0.001


def test_speeds_are_compared_with_the_range_that_pages_show():
    found = compared("unsloth/Qwen3.5-9B-GGUF", log("llama-bench"))
    assert found.worker.machine.accelerator == "RTX 4060 Laptop"
    assert found.decode.low < found.decode.measured < found.decode.high
    assert found.decode.inside
    assert found.prompt.measured == 2100.22
    assert found.prompt.low <= found.prompt.estimated <= found.prompt.high


def test_a_speed_with_drafting_is_shown_without_an_estimate():
    found = compared("unsloth/Qwen3.5-9B-GGUF", log("llama-server-timings"), machine=Machine("RTX 3090"))
    assert found.decode.estimated is None
    assert "guessed ahead" in found.decode.reason


def test_a_load_that_stopped_says_at_which_part_and_compares_what_it_had():
    found = compared(LLAMA, log("ollama-out-of-memory-compute"))
    assert found.sentence == "The engine ran out of memory when it took its compute buffers. It asked for 4.4 GiB more."
    assert abs(parts(found)["kv"].difference) < 0.001
    assert found.why_not_kept == "A load that did not come to its end is not kept."


def test_what_was_only_planned_is_said_and_not_kept():
    found = compared(LLAMA, log("ollama-0.5-llama3.1-8b-offload"))
    assert any("planned before it loaded" in note for note in found.notes)
    assert found.why_not_kept


def test_what_is_not_known_is_not_summed():
    found = compared(OSS, log("ollama-0.11-gpt-oss-120b-rocm"))
    assert parts(found)["weights"].estimated is None
    assert found.total.measured == parts(found)["kv"].measured + parts(found)["compute"].measured


def test_several_loads_are_told():
    found = compared(LLAMA, log(R1) + log(R1))
    assert any("tells of 2 loads: the last one that came to its end" in note for note in found.notes)


# --- what is kept ----------------------------------------------------------------------------------------------------


def kept(text=None, repo_id=LLAMA):
    record = find_record(repo_id)
    return keep(kept_fields(record, compared(repo_id, text or log(R1))), None)


def test_a_kept_log_is_found_for_its_engine_and_machine_and_no_other():
    one = kept()
    ollama = workers()["ollama"]
    assert measured_here(LLAMA, ollama) == [one]  # no machine told: that of the log is named
    assert measured_here(LLAMA, replace(ollama, machine=Machine("GTX 1080"))) == [one]
    assert measured_here(LLAMA, replace(ollama, machine=Machine("RTX 3090"))) == []
    assert measured_here(LLAMA, replace(ollama, machine=Machine("GTX 1080", 2))) == []
    assert measured_here(LLAMA, replace(ollama, machine=Machine(memory=8))) == []
    assert measured_here(LLAMA, replace(ollama, machine=Machine(ram=32))) == []
    assert measured_here(LLAMA, workers()["llama-cpp"]) == []
    assert measured_here(QWEN, ollama) == []


def test_the_same_log_is_kept_once():
    first, second = kept(), kept()
    assert first.pk == second.pk
    assert Measurement.objects.count() == 1


def test_the_oldest_make_room(monkeypatch):
    monkeypatch.setattr(measurements, "MOST", 3)
    made = [kept(log(R1).replace("560.00", f"56{n}.00")) for n in range(5)]
    assert set(Measurement.objects.values_list("pk", flat=True)) == {one.pk for one in made[-3:]}


def test_a_measurement_outlives_its_record():
    kept()
    find_record(LLAMA).delete()
    assert Measurement.objects.get().repo_id == LLAMA


def test_errors_are_counted_by_engine():
    assert measured_by_engine() == []
    one = kept()
    kept(log("llama-bench"), "unsloth/Qwen3.5-9B-GGUF")
    llama, ollama = measured_by_engine()
    assert (ollama.name, ollama.loads, ollama.speeds) == ("Ollama", 1, 0)
    assert ollama.memory == pytest.approx(one.error)
    assert (llama.engine, llama.loads, llama.speeds) == ("llama-cpp", 0, 1)
    assert llama.speed == pytest.approx(43.21 / 37.75 - 1, abs=0.01)


def test_what_was_measured_here_is_told_alike_by_page_api_and_command(client, capsys):
    kept()
    kept(log("llama-bench"), "unsloth/Qwen3.5-9B-GGUF")
    llama, ollama = measured_by_engine()
    call_command("accuracy", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["measuredHere"] == [llama.as_json(), ollama.as_json()]
    assert client.get("/api/v1/accuracy").json() == client.get("/accuracy/?format=json").json() == found
    call_command("accuracy")
    told = capsys.readouterr().out
    assert f"  Ollama: memory 1, {100 * ollama.memory:.1f} %; speed 0\n" in told
    assert f"  llama.cpp: memory 0; speed 1, {100 * llama.speed:.1f} %\n" in told


def test_an_answer_kept_from_before_a_measurement_is_asked_for_again(client):
    before = client.get("/api/v1/accuracy")
    assert client.get("/api/v1/accuracy", headers={"If-None-Match": before["ETag"]}).status_code == 304
    kept()
    after = client.get("/api/v1/accuracy", headers={"If-None-Match": before["ETag"]})
    assert (after.status_code, after["ETag"] == before["ETag"]) == (200, False)


def test_exported_lines_are_points_that_the_accuracy_command_takes():
    kept()
    kept(log("llama-bench"), "unsloth/Qwen3.5-9B-GGUF")
    every = Measurement.objects.order_by("pk")
    (load,) = memory_lines(every)
    point = check_memory_point(load, "line 1")
    assert (point.engine, point.quant, point.ctx, point.n_parallel) == ("ollama", "Q4_K_M", 2048, 4)
    assert (point.weights_mib, point.kv_mib, point.compute_mib) == (4403.49, 1024.0, 560.0)
    assert (point.accelerator, point.k_type, point.flash_attention) == ("GTX 1080", "f16", False)
    decode, prefill = (check_speed_point(line, "line") for line in speed_lines(every))
    assert (decode.measures, decode.tok_s, decode.quant) == ("decode", 37.75, "IQ4_NL")
    assert (prefill.measures, prefill.tok_s) == ("prefill", 2100.22)
