"""What is typed to start each engine, read back by a small reader of its own: it carries the numbers of the plan."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace

import pytest

from compat.estimate import Fit, Hardware, LoadOptions, ModelFiles, judge_fit, make_plans, rooms_of
from compat.estimate.plan import Plan
from compat.estimate.run_line import take_line
from compat.extraction.variants import FORMATS
from tests.estimate.test_plan import EXPERTS, GIB, HALVES, LARGE, TEXT, VISION, WINDOWS, card, cards, unified

FILES = ("it's $(a) model-Q4_K_M.gguf",)
STRANGE = ModelFiles("org/na me;$x", "gguf", "Q4_K_M", FILES)
MACHINES = (
    cards(24, ram=64),
    cards(5, ram=64),
    cards(24, 24, ram=64),
    cards(40, 40, 40, ram=64),
    Hardware((card(8 * GIB, "a"), card(24 * GIB, "b")), 64 * GIB),
    Hardware((), 64 * GIB),
    unified(32 * GIB),
)
ASKED = (
    LoadOptions(),
    LoadOptions(context=30_000, parallel=1),
    LoadOptions(kv_type="q8_0", ubatch=1024),
    LoadOptions(kv_type="q4_0", parallel=1, ubatch=128),
    LoadOptions(parallel=3),
)


@dataclass
class Typed:
    """A line as a shell gives it to a program: environment, words before any option, options with their values."""

    environment: dict[str, str]
    words: list[str]
    options: dict[str, list[str]]

    def number(self, name: str) -> float:
        (value,) = self.options[name]
        return float(value)

    def has(self, name: str) -> bool:
        return name in self.options


def read(line: str) -> list[Typed]:
    """Each command of a line."""
    found, rest = [], shlex.split(line)
    while rest:
        end = rest.index("&&") if "&&" in rest else len(rest)
        command, rest = rest[:end], rest[end + 1 :]
        one = Typed({}, [], {})
        values = one.words
        for word in command:
            if not one.words and re.fullmatch(r"[A-Z_]+=.*", word):
                name, _, value = word.partition("=")
                one.environment[name] = value
            elif re.fullmatch(r"-{1,2}[a-zA-Z][\w-]*", word):
                values = one.options.setdefault(word, [])
            else:
                values.append(word)
        found.append(one)
    return found


def every_plan(engine: str, *variants) -> list[Plan]:
    return [
        plan
        for variant in variants
        for machine in MACHINES
        for options in ASKED
        for plan in make_plans(
            variant, engine, machine, options, model=replace(STRANGE, format=variant.format, files=files_of(variant))
        ).plans
    ]


def files_of(variant) -> tuple[str, ...]:
    return FILES if variant.format == "gguf" else ()


def lines_of(engine: str, *variants) -> list[tuple[Plan, list[Typed]]]:
    """Every plan that has a line, with its commands read back."""
    found = [(plan, plan.line.lines) for plan in every_plan(engine, *variants) if not isinstance(plan.line, str)]
    assert len(found) > 5
    return [(plan, read(" && ".join(lines))) for plan, lines in found]


def layers_told(plan: Plan, layers: int) -> int:
    """Layers on accelerators, the output head among them, as the verdict has them."""
    offload = plan.fit.offload
    return layers + 1 if offload is None or offload.experts is not None else offload.layers + 1


GGUF = (TEXT, LARGE, EXPERTS, WINDOWS)


def test_koboldcpp_is_told_the_plan():
    seen = set()
    for variant in GGUF:
        for plan, (typed,) in lines_of("koboldcpp", variant):
            assert typed.words == ["koboldcpp"]
            (address,) = typed.options["--model"]
            assert (
                address
                == f"https://huggingface.co/{STRANGE.repo_id}/resolve/main/it%27s%20%24%28a%29%20model-Q4_K_M.gguf"
            )
            assert typed.number("--contextsize") == plan.options.context
            assert typed.has("--flashattention")
            assert typed.options.get("--quantkv", ["0"]) == [
                {"f16": "0", "q8_0": "1", "q4_0": "2"}[plan.options.kv_type]
            ]
            assert typed.options.get("--batchsize", ["512"]) == [str(plan.options.ubatch or 512)]
            if not plan.hardware.accelerators:
                assert typed.has("--usecpu")
                assert not typed.has("--gpulayers")
                continue
            assert typed.number("--gpulayers") == layers_told(plan, variant.shape.layers)
            offload = plan.fit.offload
            experts = None if offload is None else offload.experts
            assert typed.options.get("--moecpu") == (None if experts is None else [str(experts)])
            if offload is not None and offload.split:
                assert typed.options["--tensor_split"] == [str(one) for one in offload.split]
            seen |= set(typed.options)
    assert {"--moecpu", "--quantkv", "--tensor_split", "--batchsize"} <= seen


def test_llamafile_is_told_what_llama_cpp_is():
    for plan, (typed,) in lines_of("llamafile", *GGUF):
        told = replace(STRANGE, format="gguf", files=FILES)
        assert typed.words == ["llamafile"]
        assert typed.has("--server")
        assert typed.options["-hf"] == [f"{told.repo_id}:Q4_K_M"]
        assert typed.number("-c") == plan.options.context
        assert typed.options.get("-ctk", ["f16"]) == [plan.options.kv_type]


def test_lm_studio_is_told_what_its_command_takes_and_the_rest_in_words():
    shares = set()
    for variant in GGUF:
        for plan, (get, load) in lines_of("lm-studio", variant):
            assert get.words == ["lms", "get", f"https://huggingface.co/{STRANGE.repo_id}@Q4_K_M"]
            assert load.words == ["lms", "load", f"{STRANGE.repo_id}/Q4_K_M"]
            assert load.number("--context-length") == plan.options.context
            assert load.options.get("--parallel") == (None if plan.options.parallel is None else [str(plan.slots)])
            (share,) = load.options["--gpu"]
            if not plan.hardware.accelerators:
                assert share == "off"
            elif plan.fit.offload is None or plan.fit.offload.experts is not None:
                assert share == "max"
            else:
                kept, layers = plan.fit.offload.layers, variant.shape.layers
                assert float(share) * layers <= kept
                assert (float(share) + 0.01) * layers > kept
                shares.add(share)
            assert (plan.options.kv_type in plan.line.note) == (plan.options.kv_type != "f16")
    assert len(shares) > 2


@pytest.mark.parametrize(
    ("engine", "context", "cards_told", "slots"),
    [
        ("tgi", "--max-total-tokens", "--num-shard", None),
        ("lmdeploy", "--session-len", "--tp", "--max-batch-size"),
        ("tensorrt-llm", "--max_seq_len", "--tp_size", "--max_batch_size"),
        ("vllm", "--max-model-len", "--tensor-parallel-size", "--max-num-seqs"),
        ("sglang", "--context-length", "--tp-size", "--max-running-requests"),
    ],
)
def test_servers_of_whole_cards_are_told_context_cards_and_slots(engine, context, cards_told, slots):
    several = 0
    for plan, (typed,) in lines_of(engine, HALVES):
        assert STRANGE.repo_id in [*typed.words, *(word for values in typed.options.values() for word in values)]
        assert typed.number(context) == plan.options.context
        used = max(plan.fit.estimate.devices, 1)
        assert typed.options.get(cards_told, ["1"]) == [str(used)]
        several += used > 1
        if slots is not None:
            told = None if plan.options.parallel is None else [str(plan.options.parallel)]
            assert typed.options.get(slots) == told
        if engine == "tgi":
            assert typed.number("--max-input-tokens") < typed.number(context)
            if plan.options.parallel is not None:
                assert typed.number("--max-batch-total-tokens") == plan.options.context * plan.options.parallel
    assert several


@pytest.mark.parametrize(("packing", "told"), [("fbgemm_fp8", True), ("fp_quant", True), ("FP8", False)])
def test_vllm_is_told_to_load_deprecated_packings(packing, told):
    model = replace(STRANGE, format="safetensors", quantization=packing)
    (plan, *_) = make_plans(HALVES, "vllm", cards(24, ram=64), LoadOptions(), model=model).plans
    assert ("--allow-deprecated-quantization" in plan.line.arguments) is told


@pytest.mark.parametrize(("packing", "told", "used"), [("bitsandbytes", ["bitsandbytes"], None), ("FP8", None, ["2"])])
def test_sglang_is_told_what_bitsandbytes_packed_and_to_load_it_onto_one_card(packing, told, used):
    model = replace(STRANGE, format="safetensors", quantization=packing)
    variant = replace(HALVES, quant=packing, file_bytes=6 * GIB)
    (plan, *_) = make_plans(variant, "sglang", cards(24, 24, ram=64), LoadOptions(), model=model).plans
    (typed,) = read(plan.line.lines[0])
    assert (typed.options.get("--load-format"), typed.options.get("--tp-size")) == (told, used)


def test_sglang_has_no_plan_for_what_bitsandbytes_packed_beyond_one_card():
    packed = replace(LARGE, quant="bitsandbytes", format="safetensors", file_bytes=40 * GIB)
    model = replace(STRANGE, format="safetensors", quantization="bitsandbytes", files=())
    machine = cards(24, 24, 24, 24, ram=64)
    assert make_plans(packed, "vllm", machine, LoadOptions(), model=model).plans
    assert not make_plans(packed, "sglang", machine, LoadOptions(), model=model).plans
    assert "bitsandbytes packed" in judge_fit(packed, "sglang", machine).sentence


@pytest.mark.parametrize(
    ("engine", "option", "default", "before"),
    [
        ("lmdeploy", "--cache-max-entry-count", 0.8, ("weights", "overhead", "projector")),
        (
            "tensorrt-llm", "--kv_cache_free_gpu_memory_fraction", 0.9,
            ("weights", "overhead", "projector", "compute"),
        ),
    ],
)  # fmt: skip
def test_the_cache_of_the_plan_fits_the_share_of_free_memory_that_is_told(engine, option, default, before):
    told = 0
    for context in range(8_000, 130_000, 4_000):
        options = LoadOptions(context=context)
        for plan in make_plans(HALVES, engine, cards(24), options, model=ModelFiles("org/name", "safetensors")).plans:
            (typed,) = read(plan.line.lines[0])
            (parts,), (room,) = plan.fit.devices, rooms_of(plan.hardware, engine, plan.options)
            free = room - sum(parts[name] for name in before)
            share = typed.number(option) if typed.has(option) else default
            assert parts["kv"] <= share * free + 1
            assert share <= 1
            told += typed.has(option)
    assert told


def test_transformers_serves_and_says_what_it_has_no_option_for():
    for plan, (typed,) in lines_of("transformers", HALVES):
        assert typed.words == ["transformers", "serve", STRANGE.repo_id]
        assert typed.options == ({} if plan.hardware.accelerators else {"--device": ["cpu"]})
        assert f"{plan.options.context:,} tokens" in plan.line.note


@pytest.mark.parametrize("engine", ["jan", "exllamav3"])
def test_what_has_no_command_is_told_in_words_with_the_numbers_of_the_plan(engine):
    variants = GGUF if engine == "jan" else (HALVES,)
    for variant in variants:
        for plan in every_plan(engine, variant):
            assert plan.line.startswith("No command: ")
            assert f"{plan.options.context:,} tokens" in plan.line
            if engine == "jan" and plan.hardware.accelerators:
                assert f"{layers_told(plan, variant.shape.layers)} layers on the GPU" in plan.line


def test_the_cards_that_are_left_free_are_hidden_where_others_come_first():
    machine = Hardware((card(24 * GIB, "slow", 3e11), card(24 * GIB, "fast", 9e11)))
    found = make_plans(HALVES, "lmdeploy", machine, model=ModelFiles("org/name", "safetensors")).plans
    told = [plan for plan in found if len(plan.hardware.accelerators) == 1]
    (typed,) = read(told[0].line.lines[0])
    assert typed.environment == {"CUDA_VISIBLE_DEVICES": "1"}
    assert not typed.has("--tp")


@pytest.mark.parametrize(
    ("variant", "engine", "options", "told", "why"),
    [
        (TEXT, "koboldcpp", LoadOptions(), {"files": ()}, "which file"),
        (TEXT, "koboldcpp", LoadOptions(kv_type="bf16"), {}, "cache of bf16 was not read"),
        (TEXT, "koboldcpp", LoadOptions(parallel=2), {}, "one request at a time"),
        (TEXT, "koboldcpp", LoadOptions(ubatch=500), {}, "takes a batch of 16"),
        (TEXT, "koboldcpp", LoadOptions(context=255), {}, "256 to 262,144"),
        (HALVES, "koboldcpp", LoadOptions(), {}, "was not read"),
        (TEXT, "llamafile", LoadOptions(), {"format": "llamafile"}, "program with the model in it"),
        (TEXT, "lm-studio", LoadOptions(), {"files": ("a.gguf", "b.gguf")}, "Choose it there"),
        (TEXT, "tgi", LoadOptions(), {}, "GGUF"),
        (HALVES, "tgi", LoadOptions(context=1), {}, "2 tokens at least"),
        (TEXT, "lmdeploy", LoadOptions(), {}, "GGUF"),
        (TEXT, "tensorrt-llm", LoadOptions(), {}, "GGUF"),
        (TEXT, "transformers", LoadOptions(), {"files": ("a.gguf", "b.gguf")}, "one GGUF file"),
        (TEXT, "sglang", LoadOptions(), {"files": ()}, "one GGUF file"),
        (HALVES, "rbee-worker", LoadOptions(), {}, "not known here"),
    ],
)
def test_why_there_is_no_line_is_said_in_a_sentence(variant, engine, options, told, why):
    model = replace(STRANGE, **{"format": variant.format, "files": files_of(variant), **told})
    plan = make_plans(variant, engine, cards(80, ram=64), options, model=model).plans[0]
    assert isinstance(plan.line, str)
    assert why in plan.line
    assert plan.line.endswith(".")
    assert plan.flags == ()


def test_borders_of_what_koboldcpp_takes():
    for context, takes in ((255, False), (256, True), (262_144, True), (262_145, False)):
        options = LoadOptions(context=context)
        (plan, *_) = make_plans(TEXT, "koboldcpp", cards(80), options, model=STRANGE).plans
        assert isinstance(plan.line, str) is not takes


def test_a_projector_is_told_of_where_the_line_does_not_load_or_leave_it():
    for projector, engine, words in ((True, "koboldcpp", "--mmproj"), (False, "llamafile", "loads the repository's")):
        model = replace(STRANGE, projector=projector)
        (plan, *_) = make_plans(VISION, engine, cards(24), model=model).plans
        assert words in plan.line.note


def test_sglang_is_told_to_compute_on_the_processor_where_there_is_nothing_else():
    for machine, environment in ((Hardware((), 64 * GIB), {"SGLANG_USE_CPU_ENGINE": "1"}), (cards(80), {})):
        (plan, *_) = make_plans(HALVES, "sglang", machine, model=replace(STRANGE, format="safetensors")).plans
        (typed,) = read(plan.line.lines[0])
        assert typed.environment == environment


@pytest.mark.parametrize(
    ("engine", "variable"),
    [
        ("vllm", "VLLM_ALLOW_LONG_MAX_MODEL_LEN"),
        ("sglang", "SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN"),
        ("tensorrt-llm", "TLLM_ALLOW_LONG_MAX_MODEL_LEN"),
    ],
)
def test_a_context_beyond_the_model_s_own_is_allowed_by_the_variable_that_the_engine_asks_for(engine, variable):
    model = replace(STRANGE, format="safetensors", context=16_384)
    for context, told in ((16_384, False), (16_385, True)):
        options = LoadOptions(context=context)
        (plan, *_) = make_plans(HALVES, engine, cards(80), options, model=model).plans
        (typed,) = read(plan.line.lines[0])
        assert typed.environment == ({variable: "1"} if told else {})
        assert ("16,384 tokens" in plan.line.note) == told
    (plan, *_) = make_plans(HALVES, engine, cards(80), options, model=replace(model, context=0)).plans
    assert not read(plan.line.lines[0])[0].environment


def test_tgi_starts_beyond_the_model_s_own_context_and_says_so():
    model = replace(STRANGE, format="safetensors", context=16_384)
    for context, told in ((16_384, False), (16_385, True)):
        options = LoadOptions(context=context)
        (plan, *_) = make_plans(HALVES, "tgi", cards(80), options, model=model).plans
        (typed,) = read(plan.line.lines[0])
        assert not typed.environment
        assert ("made for 16,384 tokens, and TGI starts beyond" in plan.line.note) == told


@pytest.mark.parametrize(
    ("accelerator", "type_"),
    [
        (card(80 * GIB), "fp8_e4m3"),
        (replace(card(80 * GIB), compute_capability=10.0), "fp8_e4m3"),
        (replace(card(80 * GIB), compute_capability=8.6), "fp8_e5m2"),
        (replace(card(80 * GIB), compute_capability=None), "fp8_e5m2"),
        (replace(card(80 * GIB, bandwidth=None), vendor="", compute_capability=None), "fp8_e5m2"),
        (replace(card(80 * GIB), vendor="amd", compute_capability=None), "fp8_e4m3"),
        (None, "fp8_e4m3"),
    ],
)
def test_sglang_is_told_the_kind_of_fp8_that_its_kernels_take_there(accelerator, type_):
    machine = Hardware((accelerator,) if accelerator else (), 80 * GIB)
    model, options = replace(STRANGE, format="safetensors"), LoadOptions(kv_type="fp8")
    (plan, *_) = make_plans(HALVES, "sglang", machine, options, model=model).plans
    assert read(plan.line.lines[0])[0].options["--kv-cache-dtype"] == [type_]


def test_vllm_on_a_processor_is_told_the_share_of_the_system_s_memory_that_the_estimate_has():
    machine = Hardware((), 64 * GIB)
    for asked, share in ((0.92, 0.9), (0.5, 0.5)):
        options = LoadOptions(memory_utilization=asked)
        (plan, *_) = make_plans(HALVES, "vllm", machine, options, model=replace(STRANGE, format="safetensors")).plans
        (typed,) = read(plan.line.lines[0])
        assert typed.number("--gpu-memory-utilization") == share
        assert rooms_of(machine, "vllm", options) == (round(64 * GIB * share),)


@pytest.mark.parametrize(
    ("engine", "named"),
    [
        ("transformers", ["transformers", "serve", "org/name:q4/m-Q4_K_M.gguf"]),
        ("sglang", ["--model-path", "org/name/q4/m-Q4_K_M.gguf"]),
    ],
)
def test_a_gguf_file_of_the_hub_is_named_as_the_server_reads_it(engine, named):
    model = ModelFiles("org/name", "gguf", "Q4_K_M", ("q4/m-Q4_K_M.gguf",))
    (plan, *_) = make_plans(TEXT, engine, cards(80), model=model).plans
    arguments = list(plan.line.arguments)
    at = arguments.index(named[0])
    assert arguments[at : at + len(named)] == named


@pytest.mark.parametrize(
    ("engine", "words"), [("llama-cpp", "gives a request no more"), ("ollama", "cuts the context")]
)
def test_servers_that_cut_the_context_to_the_file_s_own_are_told_of(engine, words):
    for context, told in ((16_384, False), (16_385, True)):
        model = replace(STRANGE, context=16_384)
        (plan, *_) = make_plans(TEXT, engine, cards(80), LoadOptions(context=context), model=model).plans
        assert (words in plan.line.note and "16,384 tokens" in plan.line.note) == told


def test_lm_studio_loads_safetensors_by_mlx_onto_the_one_device():
    alone, several = unified(64 * GIB), Hardware(unified(64 * GIB).accelerators * 2, 64 * GIB)
    model = replace(STRANGE, format="safetensors", files=())
    for machine in (alone, several):
        (plan, *rest) = make_plans(HALVES, "lm-studio", machine, model=model).plans
        by_mlx = judge_fit(HALVES, "mlx-lm", machine)
        assert (plan.fit, rest) == (by_mlx, [])
        (get, load) = read(plan.line.lines[0])
        assert get.words[-1] == f"https://huggingface.co/{STRANGE.repo_id}"
        assert load.options == {"--context-length": ["8192"]}
        assert "cards" not in plan.line.note
    small = make_plans(HALVES, "lm-studio", unified(8 * GIB), model=model)
    assert (small.plans, "system memory" in small.lacks) == ((), False)
    assert judge_fit(HALVES, "lm-studio", cards(8, ram=64)).fit is Fit.TOO_LARGE
    assert judge_fit(TEXT, "lm-studio", cards(4, ram=64)).fit is Fit.PARTIAL


BESIDE = " ".join(
    f"--include '{pattern}'" for pattern in ("*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja", "*.py")
)
LEFT = " ".join(f"--exclude '{pattern}'" for pattern in ("original/*", "metal/*", "*.fp16*", "*.fp32*"))
IN_MISTRAL_S_LAYOUT = "--exclude 'consolidated*'"


@pytest.mark.parametrize(
    ("slug", "model", "line"),
    [
        ("ollama", ModelFiles("a/B-GGUF", "gguf", "Q4_K_M", ("B-Q4_K_M.gguf",)), "ollama run hf.co/a/B-GGUF:Q4_K_M"),
        ("ollama", ModelFiles("a/B-GGUF", "gguf", "Q4_K_M"), "ollama run hf.co/a/B-GGUF:Q4_K_M"),
        (
            "ollama",
            ModelFiles("a/B", "safetensors", "", ("x.safetensors",)),
            f"hf download a/B --include x.safetensors {BESIDE}",
        ),
        (
            "ollama",
            ModelFiles("a/B-GGUF", "gguf", "Q8_0", ("B-Q8_0-1.gguf", "B-Q8_0-2.gguf")),
            "hf download a/B-GGUF B-Q8_0-1.gguf B-Q8_0-2.gguf",
        ),
        ("llama-cpp", ModelFiles("a/B-GGUF", "gguf", "Q4_K_M", ("B.gguf",)), "hf download a/B-GGUF B.gguf"),
        ("llama-cpp", ModelFiles("a/B-GGUF", "gguf", "Q4_K_M"), "hf download a/B-GGUF --include '*Q4_K_M*.gguf'"),
        ("vllm", ModelFiles("gpt2", "safetensors"), f"hf download gpt2 --include '*.safetensors' {BESIDE} {LEFT}"),
        (
            "vllm",
            ModelFiles("a/B", "safetensors", "", tuple(f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3))),
            f"hf download a/B --include 'model-*-of-00003.safetensors' {BESIDE}",
        ),
        (
            "sglang",
            ModelFiles("a/B", "safetensors"),
            f"hf download a/B --include '*.safetensors' {BESIDE} {LEFT} {IN_MISTRAL_S_LAYOUT}",
        ),
        (
            "diffusers",
            ModelFiles("a/B", "safetensors", pipeline=True),
            f"hf download a/B --include '*/*.safetensors' {BESIDE} {LEFT} {IN_MISTRAL_S_LAYOUT}",
        ),
        (
            "diffusers",
            ModelFiles("a/B", "safetensors", "", ("x.safetensors",), pipeline=True),
            f"hf download a/B --include x.safetensors {BESIDE}",
        ),
        ("llama-cpp", ModelFiles("a/B-GGUF", "gguf"), "llama-server -hf a/B-GGUF"),
        ("ollama", ModelFiles("a/B-GGUF", "gguf"), "ollama run hf.co/a/B-GGUF"),
        ("ollama", ModelFiles("a/B-GGUF", "gguf", collected=True), ""),
        ("llama-cpp", ModelFiles("a/B-GGUF", "gguf", others=("B-Q8_0.gguf",)), ""),
        ("llama-cpp", ModelFiles("b", "gguf"), ""),
        ("koboldcpp", ModelFiles("a/B-GGUF", "gguf"), ""),
        ("", ModelFiles("a/B", "nemo"), ""),
        ("diffusers", ModelFiles("a/B", "transformers", collected=True), ""),
        (
            "diffusers",
            ModelFiles("a/B", "safetensors", files=("x.safetensors",), collected=True),
            f"hf download a/B --include x.safetensors {BESIDE}",
        ),
        ("", ModelFiles("a/B", "nemo", "", ("B.nemo",)), f"hf download a/B --include B.nemo {BESIDE}"),
        (
            "",
            ModelFiles("a/B", "coreml", "", tuple(f"{n}/weight.bin" for n in range(9))),
            f"hf download a/B --include '*.bin' {BESIDE}",
        ),
    ],
)
def test_a_variant_is_got_as_its_engine_gets_it(slug, model, line):
    assert take_line(slug, model) == line
    words = shlex.split(line)
    for word, before in zip(words[1:], words, strict=False):
        assert "*" not in word or before in {"--include", "--exclude"}, "the Hub's command takes it as a file's name"


@pytest.mark.parametrize("engine", ["ollama", "llama-cpp", "vllm", "sglang", "mlx-lm"])
def test_what_is_guessed_to_be_packed_as_the_engine_does_not_read_has_no_line(engine):
    variant, format_ = (TEXT, "gguf") if engine in ("ollama", "llama-cpp") else (HALVES, "safetensors")
    model = replace(STRANGE, format=format_, quantization="EXL3")
    machine = unified(64 * GIB) if engine == "mlx-lm" else cards(24, ram=64)
    plans = [
        make_plans(variant, engine, machine, LoadOptions(), model=replace(model, unread=unread)).plans[0]
        for unread in (False, True)
    ]
    assert [isinstance(plan.line, str) for plan in plans] == [False, True]
    assert plans[0].fit == plans[1].fit


@pytest.mark.parametrize(("slug", "unread"), [("ollama", "ollama run"), ("llama-cpp", "llama-server -hf")])
def test_what_the_engine_does_not_read_is_fetched_and_not_started(slug, unread):
    model = ModelFiles("a/B-GGUF", "gguf", "EXL3" if slug == "ollama" else "")
    assert take_line(slug, model).startswith(unread)
    assert not take_line(slug, replace(model, unread=True)).startswith(unread)


@pytest.mark.parametrize("format_", sorted(FORMATS))
@pytest.mark.parametrize("files", [(), ("B.bin",), tuple(f"{n}/B.bin" for n in range(9))])
def test_no_command_fetches_all_that_a_repository_holds(format_, files):
    words = shlex.split(take_line("", ModelFiles("a/B", format_, "", files)))
    assert not words or len(words) > 3
    assert not {"*", "*.gguf", "*.*"} & set(words)
