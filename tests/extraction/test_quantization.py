"""How weights are packed, from the most telling field down to a word of the name."""

from __future__ import annotations

import pytest

from compat.extraction.facts import Provenance
from compat.extraction.quantization import quantization_of, scheme_of
from compat.hub.payloads import HubModel


def _of(name="a/model", config=None, **fields):
    return quantization_of(HubModel(id=name, **fields), config or {})


@pytest.mark.parametrize(
    ("method", "label"),
    [
        ("awq", "AWQ"),
        ("GPTQ", "GPTQ"),
        ("fp8", "FP8"),
        ("auto-round", "AutoRound"),
        ("brand-new", "brand-new"),
    ],
)
def test_the_config_speaks_first(method, label):
    found = _of("a/model-EXL2", {"quantization_config": {"quant_method": method}})
    assert (found.value, found.provenance) == (label, Provenance.CONFIG)


def test_mlx_tells_its_width():
    assert _of(config={"quantization": {"bits": 4, "group_size": 64}}).value == "MLX 4-bit"
    assert _of("mlx-community/model-8bit", tags=["mlx"]).value == "MLX 8-bit"


def test_tags_then_words_of_the_name():
    assert _of(tags=["awq"]).provenance is Provenance.TAG
    assert _of("a/model-GPTQ").provenance is Provenance.NAME
    assert _of("a/model-bnb-4bit").value == "bitsandbytes"
    assert _of("a/model-GGUF").value is None


@pytest.mark.parametrize("name", ["a/hawqs", "a/fp8less", "a/unint4x", "a/model"])
def test_words_are_whole(name):
    assert not _of(name).known


@pytest.mark.parametrize(
    "config",
    [
        {"quantization_config": "awq"},
        {"quantization_config": {"quant_method": 4}},
        {"quantization_config": {"quant_method": ""}},
        {"quantization": {"bits": "four"}},
        {"quantization": []},
    ],
)
def test_odd_types_tell_nothing(config):
    assert not _of(config=config).known
    assert scheme_of(config) is None


@pytest.mark.parametrize(
    ("block", "scheme"),
    [
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "NVFP4"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "FP8"),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "FP8"),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, "NVFP4"),
        ({"quant_method": "gptq", "bits": 4}, "INT4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "INT4"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "INT8"),
        ({"quant_method": "gptq", "bits": True}, None),
        ({"quant_method": "gptq", "bits": 400}, None),
    ],
)
def test_the_scheme_is_what_the_method_holds(block, scheme):
    assert scheme_of({"quantization_config": block}) == scheme
