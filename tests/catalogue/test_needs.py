"""From records to estimates: what is kept of a configuration, and what an estimate rests on."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compat.catalogue.needs import context_room, fit_of, inputs_of_variant, shape_of_record, speed_of
from compat.catalogue.workers import Machine, Worker, choose_worker, workers
from compat.engines import all_profiles
from compat.engines.hardware import GIB
from compat.estimate import (
    Basis,
    Fit,
    VariantInputs,
    estimate_memory,
    from_config,
    from_gguf,
    known_shape,
)
from compat.extraction.extract import extract
from compat.extraction.gguf_header import parse_gguf_header
from compat.hub.payloads import parse_record
from compat.ingest import store as sync
from compat.models import ModelRecord
from compat.shapes.gguf_keys import config_from_gguf
from compat.shapes.layer_facts import SHAPE_KEYS, shape_facts
from tests.extraction.test_gguf_header import WRITTEN
from tests.samples import every_record, record, whole

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "intermediate_size": 14336,
    "max_position_embeddings": 131072,
}


def kept(config):
    return json.loads(shape_facts(config) or "{}")


# --- what is kept ----------------------------------------------------------------------------------------------


def test_what_is_kept_of_a_configuration_gives_the_same_shape():
    told = 0
    for item in every_record():
        config, count = item.get("config") or {}, (item.get("safetensors") or {}).get("total")
        if config:
            assert from_config(kept(config), count) == from_config(config, count), item["id"]
            told += bool(from_config(config).layers)
    assert told > 50


class Asked(dict):
    """A configuration that notes what is looked up in it."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.keys_asked = set()

    def get(self, key, default=None):
        self.keys_asked.add(key)
        return super().get(key, default)

    def __contains__(self, key):
        self.keys_asked.add(key)
        return super().__contains__(key)


def test_every_key_an_estimate_looks_up_is_kept():
    asked = set()
    for model_type in ("llama", "gemma3", "deepseek_v3", "mamba", "jamba", "nemotron_h", "qwen3_next", "exaone4"):
        for more in ({}, {"layer_types": ["full_attention", "sliding_attention"] * 16, "sliding_window": 4096}):
            config = Asked(LLAMA | {"model_type": model_type} | more)
            from_config(config)
            asked |= config.keys_asked
    nested = {"text_config", "llm_config", "language_config", "thinker_config", "vision_config", "vision_encoder"}
    assert asked - nested - {"quantization_config"} <= SHAPE_KEYS


@pytest.mark.parametrize(
    ("base", "change"),
    [
        (LLAMA, {"num_key_value_heads": None}),
        (LLAMA, {"num_key_value_heads": None, "model_type": "a-type-nobody-knows"}),
        (LLAMA, {"model_type": "exaone4", "sliding_window": None, "sliding_window_pattern": None}),
        (LLAMA, {"sliding_window": 4096, "model_type": "exaone4"}),
        (LLAMA, {"vision_encoder": {}}),
        (LLAMA, {"vision_config": {"hidden_size": 7}}),
        (LLAMA, {"quantization_config": {"quant_method": "awq", "bits": 4}}),
        (LLAMA, {"text_config": LLAMA | {"num_hidden_layers": 4}}),
        (LLAMA, {"text_config": {}, "llm_config": {"num_hidden_layers": 4}}),
    ],
)
def test_what_a_null_or_a_nested_part_says_is_kept(base, change):
    config = base | change
    assert from_config(kept(config)) == from_config(config)


def test_long_and_senseless_values_are_left_out():
    config = {
        "model_type": "x" * 700,
        "num_hidden_layers": 10**700,
        "layer_types": ["full_attention"] * 600,
        "hidden_size": {"a": 1},
        "head_dim": [{"a": 1}],
        "chat_template": "x",
        "vocab_size": None,
    }
    assert shape_facts(config) == shape_facts({}) == shape_facts(None) == ""


def test_endless_nesting_is_cut():
    config = {"hidden_size": 64}
    for _ in range(800):
        config = {"text_config": config}
    assert len(shape_facts(config)) < 1000
    assert shape_facts({"text_config": {"hidden_size": 64}}) == '{"text_config":{"hidden_size":64}}'


def test_what_is_kept_is_small_and_always_written_alike():
    for item in every_record():
        text = shape_facts(item.get("config"))
        assert len(text) < 8_000, item["id"]
        assert shape_facts(dict(reversed((item.get("config") or {}).items()))) == text


# --- GGUF headers ----------------------------------------------------------------------------------------------


def header_of(values, **more):
    return {"_gguf_header": {"file": "model.gguf", "values": values, **more}}


def test_what_is_kept_of_a_header_gives_the_same_shape():
    values = parse_gguf_header(WRITTEN.read_bytes()).values
    config = config_from_gguf(values, "gemma3_text")
    assert config["kv_heads_per_layer"] == [1, 1, 2, 1]
    assert from_config(kept(config)) == from_config(config) == from_gguf(values)
    assert len({cache.k_width for cache in from_config(kept(config)).caches}) > 1


@pytest.mark.django_db
def test_the_header_speaks_before_the_configuration():
    told = header_of(
        {
            "general.architecture": "qwen3moe",
            "qwen3moe.block_count": 48,
            "qwen3moe.embedding_length": 2048,
            "qwen3moe.attention.head_count": 32,
            "qwen3moe.attention.head_count_kv": 4,
            "qwen3moe.context_length": 40960,
        },
        vocab_size=151936,
    )
    sync.store_told([whole({"id": "sample/header", "config": LLAMA, **told})], origin="file")
    shape = shape_of_record(ModelRecord.objects.get(repo_id="sample/header").shape_facts, None, "header").shape
    assert (shape.layers, shape.hidden, shape.vocab, shape.context) == (48, 2048, 151936, 40960)
    # The header's own name for it is led to the family whose heads are 128 wide, which the header need not say.
    assert (shape.model_type, shape.head_dim) == ("qwen3_moe", 128)
    assert not any("attends to all" in assumption for assumption in shape.assumptions)


@pytest.mark.django_db
def test_a_header_that_says_nothing_of_layers_leaves_the_configuration():
    sync.store_told([whole({"id": "sample/mute", "config": LLAMA, **header_of({"general.name": "x"})})], origin="file")
    assert ModelRecord.objects.get(repo_id="sample/mute").shape_facts == shape_facts(LLAMA)


@pytest.mark.django_db
def test_a_record_without_either_takes_its_bases():
    base = record("microsoft/phi-2", id="sample/base")
    made = {"id": "sample/made-GGUF", "tags": ["base_model:sample/base", "base_model:quantized:sample/base"]}
    sync.store_told([whole(item) for item in (base, made)], origin="file")
    first, second = ModelRecord.objects.filter(repo_id__startswith="sample/").order_by("repo_id")
    assert first.shape_facts == second.shape_facts == shape_facts(base["config"])


# --- whose shape -----------------------------------------------------------------------------------------------

KNOWN = "Llama-3.1-8B-Instruct"
FROM = "from published facts of the model it is named after"


def test_a_whole_configuration_of_its_own_is_believed():
    found = shape_of_record(shape_facts(LLAMA | {"num_hidden_layers": 7}), None, KNOWN)
    assert found.shape.layers == 7
    assert found.assumed == ()


def test_published_facts_stand_in_for_a_record_that_tells_nothing():
    found = shape_of_record("", 8_030_261_248, KNOWN)
    assert found.shape == replace(known_shape(KNOWN), parameters=8_030_261_248)
    assert found.assumed == (f"layers and heads {FROM}",)


def test_published_facts_complete_what_says_nothing_of_layers():
    found = shape_of_record(shape_facts({"model_type": "llama", "max_position_embeddings": 8192}), None, KNOWN)
    assert (found.shape.layers, found.shape.kv_heads, found.shape.hidden) == (32, 8, 4096)
    assert found.shape.context == 8192
    assert found.assumed == (f"layers and heads {FROM}",)


def test_published_facts_complete_widths():
    told = {key: LLAMA[key] for key in ("model_type", "num_hidden_layers", "num_attention_heads")}
    found = shape_of_record(shape_facts(told), None, KNOWN)
    assert (found.shape.hidden, found.shape.ffn, len(found.shape.caches)) == (4096, 14336, 32)
    assert found.assumed == (f"widths {FROM}",)


@pytest.mark.parametrize(
    "told", [{"model_type": "whisper"}, {"model_type": "llama", "num_hidden_layers": 7}, {"hidden_size": 64}]
)
def test_a_published_model_that_disagrees_in_anything_is_not_taken(told):
    found = shape_of_record(shape_facts(told), None, KNOWN)
    assert found.shape == from_config(told)
    assert found.assumed == ()


def test_of_nothing_nothing_is_known():
    assert shape_of_record("", None, "nobody-knows-me") == shape_of_record("", 7, "nobody-knows-me")
    assert shape_of_record("", None, "nobody-knows-me").shape is None


# --- inputs ----------------------------------------------------------------------------------------------------


def variant(format_="safetensors", quantization="", size=None, bits=None, key=""):
    told = {"format": format_, "quantization": quantization, "size_bytes": size, "bits": bits, "key": key}
    return SimpleNamespace(**told, as_made=None, tensors=None)


def model(config=LLAMA, parameters=None, name="sample"):
    return SimpleNamespace(
        projector=False,
        projector_bytes=None,
        shape_facts=shape_facts(config),
        packed_model=None,
        parameters=parameters,
        parameters_from="hub",
        name=name,
        context=131072,
        task="",
    )


@pytest.mark.parametrize(("bits", "quant"), [(16, "BF16"), (32, "F32")])
def test_a_told_data_type_is_not_assumed(bits, quant):
    needed, assumed = inputs_of_variant(model(parameters=10**9), variant(bits=bits))
    assert (needed.quant, needed.width_assumed, assumed) == (quant, False, ())


def test_sixteen_bits_are_assumed_only_where_nothing_tells_and_said():
    needed, assumed = inputs_of_variant(model(parameters=10**9), variant())
    assert needed.quant == "BF16"
    assert assumed == ("files of 16 bits a weight, as unquantized models usually have: the record tells no data type",)
    for told in (variant(quantization="AWQ"), variant(size=2 * 10**9), variant("gguf", "Q4_K_M"), variant("gguf")):
        needed, assumed = inputs_of_variant(model(parameters=10**9), told)
        assert assumed == ()
        assert needed.quant == (told.quantization or None)


def test_eight_bits_of_a_published_model_are_taken_and_said():
    needed, assumed = inputs_of_variant(model(), variant(bits=8.0))
    assert needed.quant == "FP8"
    assert not needed.width_assumed
    assert assumed == ("files of 8 bits a weight, as its authors published them: the record tells no data type",)


@pytest.mark.parametrize(("bits", "quant"), [(32, "F32"), (16, None), (None, None)])
def test_files_of_32_bits_are_told_as_such_with_their_size(bits, quant):
    needed, assumed = inputs_of_variant(model(), variant(bits=bits, size=10**9))
    assert (needed.quant, needed.file_bytes, assumed) == (quant, 10**9, ())


@pytest.mark.parametrize("told", [{"quantization": "GPTQ"}, {"size": 10**9}])
def test_a_packing_or_a_size_that_is_told_leaves_nothing_of_eight_bits_to_assume(told):
    assert inputs_of_variant(model(), variant(bits=8.0, **told))[1] == ()


def test_published_facts_are_named_as_assumed():
    _, assumed = inputs_of_variant(model({}, name=KNOWN), variant(size=16 * GIB))
    assert assumed == (f"layers and heads {FROM}",)


def test_the_size_of_the_files_beats_the_formula():
    needed, _ = inputs_of_variant(model(parameters=8_000_000_000), variant("gguf", "Q4_K_M", 5 * GIB))
    weights = estimate_memory(needed, "sglang").component("weights")
    assert (weights.bytes, weights.basis) == (5 * GIB, Basis.FILE)
    guessed, _ = inputs_of_variant(model(parameters=8_000_000_000), variant("gguf", "Q4_K_M"))
    weights = estimate_memory(guessed, "sglang").component("weights")
    assert weights.basis is not Basis.FILE
    assert weights.bytes != 5 * GIB
    # Transformers unpacks GGUF files while it loads them.
    assert estimate_memory(needed, "transformers").component("weights").bytes == 16_000_000_000


def test_the_name_of_a_file_tells_of_dynamic_types():
    needed, _ = inputs_of_variant(model(parameters=8_000_000_000), variant("gguf", "IQ2_M", key="gguf:Model-UD-IQ2_M"))
    assert needed.quant == "UD-IQ2_M"
    needed, _ = inputs_of_variant(model(parameters=8_000_000_000), variant("gguf", "IQ2_M", key="gguf:Claude-IQ2_M"))
    assert needed.quant == "IQ2_M"


def test_a_tune_takes_the_shape_of_the_model_in_its_name_unless_its_size_disagrees():
    tune = "Qwen3-30B-A3B-Thinking-Distill"
    told, assumed = inputs_of_variant(model({}, name=tune, parameters=30_500_000_000), variant("gguf", "Q4_K_M"))
    assert told.shape.layers == 48
    assert any("named after" in words for words in assumed)
    told, _ = inputs_of_variant(model({}, name=tune, parameters=8_000_000_000), variant("gguf", "Q4_K_M"))
    assert told.shape is None


@pytest.mark.django_db
def test_an_extracted_variant_and_a_stored_one_need_the_same():
    for kept_record in ModelRecord.objects.prefetch_related("documents", "variants")[:120]:
        if kept_record.architecture_from == "base":
            continue
        extracted = extract(parse_record(kept_record.payload).model).variants
        for stored, fresh in zip(kept_record.variants.all(), extracted, strict=True):
            assert inputs_of_variant(kept_record, stored) == inputs_of_variant(kept_record, fresh), kept_record.repo_id


# --- estimates -------------------------------------------------------------------------------------------------


@pytest.fixture
def phi(db):
    found = ModelRecord.objects.get(repo_id="microsoft/phi-2")
    return found, found.variants.first()


def test_without_a_machine_nothing_is_estimated(phi):
    worker = choose_worker(workers(), "vllm")
    assert fit_of(*phi, worker) is context_room(*phi, worker) is speed_of(*phi, worker) is None


def test_a_machine_gets_a_fit_a_context_and_a_speed(phi):
    worker = choose_worker(workers(), "vllm", accelerator="RTX 4090")
    fit = fit_of(*phi, worker)
    assert fit.fit is Fit.FITS
    assert context_room(*phi, worker) == phi[0].context == 2048
    speed = speed_of(*phi, worker)
    assert 0 < speed.low <= speed.tokens_per_second <= speed.high


@pytest.mark.django_db
def test_the_longest_context_is_where_the_fit_turns():
    llama = model(parameters=8_030_261_248), variant(size=16 * GIB)

    def worker(context):
        return choose_worker(workers(), "transformers", memory=22.0, context=context)

    longest = context_room(*llama, worker(8192))
    assert 8192 < longest < 131072
    assert fit_of(*llama, worker(longest)).fit in (Fit.FITS, Fit.TIGHT)
    assert fit_of(*llama, worker(longest + 1)).fit is Fit.TOO_LARGE


def told_speed(kept, slug, **machine):
    return speed_of(*kept, choose_worker(workers(), slug, **machine))


def test_speed_is_told_on_several_cards_and_on_the_processor(phi):
    one, two = (told_speed(phi, "vllm", accelerator="RTX 4090", count=n).tokens_per_second for n in (1, 2))
    assert one < two < 2 * one
    assert told_speed(phi, "llama-cpp", ram=64.0, ram_bandwidth=89.6).tokens_per_second


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ({"slug": "llama-cpp", "ram": 64.0}, "The processor alone computes it: give the bandwidth"),
        ({"slug": "vllm", "memory": 24.0}, "Name the accelerator"),
        (
            {"slug": "llama-cpp", "accelerator": "RTX 4090", "memory": 4.0, "ram": 64.0},
            "Part of it lies in system",
        ),
        ({"slug": "vllm", "accelerator": "RTX 4090", "memory": 4.0}, "It does not fit this machine."),
        ({"slug": "tensorrt-llm", "accelerator": "RTX 4090"}, "No measured runs of TensorRT-LLM"),
    ],
    ids=["processor", "unnamed", "system memory", "too large", "not measured"],
)
def test_where_no_speed_is_told_the_reason_stands_in_its_place(phi, machine, words):
    found = told_speed(phi, **machine)
    assert found.tokens_per_second is found.low is found.high is None
    assert found.reason.startswith(words)
    assert found.reason.endswith(".")


@pytest.mark.parametrize("slug", all_profiles())
def test_every_engine_can_be_estimated(slug):
    needed = VariantInputs(known_shape(KNOWN), parameters=8_030_261_248, quant="BF16", format="safetensors")
    assert estimate_memory(needed, slug).total > 8_030_261_248


def test_the_two_rbee_profiles_are_one_engine():
    needed = VariantInputs(known_shape(KNOWN), parameters=8_030_261_248, quant="BF16", format="safetensors")
    assert estimate_memory(needed, "rbee") == estimate_memory(needed, "rbee-worker")


def test_every_record_of_the_catalogue_can_be_estimated(db):
    worker = choose_worker(workers(), "llama-cpp", accelerator="RTX 4090", ram=64.0)
    records = ModelRecord.objects.prefetch_related("variants")
    found = [fit_of(one, each, worker) for one in records for each in one.variants.all()]
    assert len(found) > 500
    assert {one.fit for one in found} >= {Fit.FITS, Fit.PARTIAL, Fit.TOO_LARGE, Fit.UNKNOWN}
    for one in found:
        assert isinstance(one.estimate.components, tuple)
        assert one.sentence.endswith(".")


# --- nothing in a record breaks a page -------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-5, 200),
    st.sampled_from([4096, 2**31, 2**62, 10**18, 10**300]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.text("a1_.-é\0", max_size=5),
)
VALUES = NUMBERS | st.lists(NUMBERS, max_size=6) | st.lists(st.sampled_from(["full_attention", "mamba"]), max_size=6)
CONFIGS = st.dictionaries(st.sampled_from(sorted(SHAPE_KEYS)), VALUES, max_size=25)
MODEL_TYPES = st.sampled_from(["llama", "gemma3", "deepseek_v3", "mamba", "jamba", "qwen3_next", "falcon_h1", "nobody"])
COUNTS = st.none() | st.integers(0, 2**62)


@settings(max_examples=300)
@given(CONFIGS, MODEL_TYPES, st.booleans(), COUNTS, COUNTS, st.sampled_from(["vllm", "ollama", "transformers", "rbee"]))
def test_no_configuration_however_senseless_breaks_an_estimate(config, model_type, whole, count, size, engine):
    config = {**(LLAMA if whole else {}), **config, "model_type": model_type}
    profile = all_profiles()[engine]
    odd = model(config, parameters=count)
    for machine in (Machine("RTX 4090", ram=64.0), Machine(memory=8.0, count=3), Machine(ram=64.0)):
        worker = Worker(engine, profile.name, profile, machine)
        found = fit_of(odd, variant("gguf", "Q4_K_M", size), worker)
        assert found.estimate.floor >= 0
        context_room(odd, variant("gguf", "Q4_K_M", size), worker)
        speed_of(odd, variant("gguf", "Q4_K_M", size), worker)


@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "vocab_size", "kv_heads_per_layer"])
def test_a_number_beyond_any_model_is_not_known(key):
    shape = from_config(LLAMA | {key: [10**15] * 32 if key == "kv_heads_per_layer" else 10**15})
    assert None in (shape.layers, shape.hidden, shape.vocab, shape.caches)
    assert from_config(LLAMA, 10**12).parameters == 10**12
    assert from_config(LLAMA | {"active_parameters": 37 * 10**9}).active_parameters == 37 * 10**9


def test_a_vision_projector_counts_where_its_size_is_told_and_is_named_where_it_is_not(db):
    payload = {
        "id": "sample/seeing-GGUF",
        "gguf": {"total": 4_000_000_000, "architecture": "llama", "context_length": 8192},
        "siblings": [{"rfilename": "seeing-Q4_K_M.gguf", "size": 2_400_000_000}],
    }
    small = {"rfilename": "mmproj-seeing-f16.gguf", "size": 800_000_000}
    large = {"rfilename": "mmproj-seeing-f32.gguf", "size": 1_600_000_000}
    untold = {"rfilename": "mmproj-seeing-f16.gguf"}
    for extra, expected, usual, words in (
        ([], 0, 0, ""),
        ([small, large], 800_000_000, 0, "with its vision projector"),
        ([untold], 0, 1_200_000_000, ""),
    ):
        sync.store_told([whole({**payload, "siblings": payload["siblings"] + extra})], origin="file")
        record = ModelRecord.objects.get(repo_id="sample/seeing-GGUF")
        told, assumed = inputs_of_variant(record, record.variants.get())
        assert (told.projector_bytes, told.projector_usual) == (expected, usual)
        assert words in " ".join(assumed)


@pytest.mark.parametrize("size", [{"size": 800_000_000}, {}], ids=["of told size", "of untold size"])
def test_a_projector_file_concerns_the_gguf_files_beside_it_only(db, size):
    """Safetensors hold the vision part among their own weights: nothing is loaded or assumed beside them."""
    payload = {
        "id": "sample/seeing",
        "config": LLAMA,
        "siblings": [
            {"rfilename": "model.safetensors", "size": 16_000_000_000},
            {"rfilename": "seeing-Q4_K_M.gguf", "size": 4_900_000_000},
            {"rfilename": "mmproj-seeing-f16.gguf", **size},
        ],
    }
    sync.store_told([whole(payload)], origin="file")
    stored = ModelRecord.objects.get(repo_id="sample/seeing")
    told = {each.format: inputs_of_variant(stored, each) for each in stored.variants.all()}
    assert told["safetensors"][0].projector_bytes == 0
    assert "projector" not in " ".join(told["safetensors"][1])
    assert told["gguf"][0].projector_bytes == size.get("size", 0)
    assert bool(told["gguf"][0].projector_usual) is not bool(size)
