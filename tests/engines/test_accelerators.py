"""The list of graphics cards, and what reading it says of a file that is wrong."""

from __future__ import annotations

import json

import pytest

from compat.engines.accelerator_names import accelerator_labels, find_accelerator
from compat.engines.hardware import GIB, accelerators, read_accelerators
from compat.strict_data import DataError

CARD = {"name": "Demo 9000", "vendor": "nvidia", "kind": "gpu", "gb": 24, "gb_s": 1010, "cc": 8.9, "src": [0]}
SHARED = {"name": "Demo M1", "vendor": "apple", "kind": "unified", "gb_options": [16, 24], "src": [1]}


def text(*cards: dict[str, object], **changes: object) -> str:
    return json.dumps({"note": "demo", "sources": ["a table", "another"], "accelerators": cards, **changes})


def test_a_good_file_is_read():
    card, shared = read_accelerators(text(CARD, SHARED))
    assert (card.memory, card.bandwidth, card.compute_capability) == (24 * GIB, 1010e9, 8.9)
    assert card.sources == ("a table",)
    assert shared.memory is None
    assert shared.memory_options == (16 * GIB, 24 * GIB)


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in CARD.items() if name != key}


WRONG = [
    ("not JSON", text(CARD)[:-1], "demo.json: not valid JSON: "),
    ("a list", "[]", "demo.json: should be a table, not []"),
    ("a field in another place", text(CARD, colour="red"), "demo.json: colour is not a field here"),
    (
        "a misspelt field",
        text(SHARED, {**without("gb"), "gib": 24}),
        "demo.json: accelerators 2 (Demo 9000): gib is not a field here",
    ),
    (
        "an unknown vendor",
        text({**CARD, "vendor": "nvdia"}),
        "demo.json: accelerators 1 (Demo 9000): vendor should be one of nvidia, amd, apple, intel, qualcomm, not",
    ),
    (
        "an unknown kind",
        text({**CARD, "kind": "card"}),
        "demo.json: accelerators 1 (Demo 9000): kind should be one of gpu, unified, not 'card'",
    ),
    (
        "text for a number",
        text({**CARD, "gb": "24"}),
        "demo.json: accelerators 1 (Demo 9000): gb should be float or int, not '24'",
    ),
    (
        "no memory at all",
        text({**CARD, "gb": 0}),
        "demo.json: accelerators 1 (Demo 9000): gb should be greater than 0, not 0",
    ),
    ("a missing vendor", text(without("vendor")), "demo.json: accelerators 1 (Demo 9000): vendor is missing"),
    ("a missing name", text(without("name")), "demo.json: accelerators 1: name is missing"),
    ("a card without memory", text(without("gb")), "demo.json: accelerators 1 (Demo 9000): gb is missing"),
    (
        "sizes of a card",
        text({**CARD, "gb_options": [8]}),
        "demo.json: accelerators 1 (Demo 9000): gb_options is only for kind unified",
    ),
    (
        "CUDA without NVIDIA",
        text({**CARD, "vendor": "amd"}),
        "demo.json: accelerators 1 (Demo 9000): cc is only for vendor nvidia",
    ),
    (
        "AMD's generation without AMD",
        text({**CARD, "gfx": "gfx942"}),
        "demo.json: accelerators 1 (Demo 9000): gfx is only for vendor amd",
    ),
    (
        "a generation by another name",
        text({**SHARED, "vendor": "amd", "gfx": "RDNA3"}),
        "demo.json: accelerators 1 (Demo M1): gfx String should match pattern",
    ),
    ("no source", text({**CARD, "src": []}), "demo.json: accelerators 1 (Demo 9000): src is empty"),
    (
        "a source that is not there",
        text({**CARD, "src": [0, 2]}),
        "demo.json: accelerators 1 (Demo 9000): src names source 2, but they end at 1",
    ),
    (
        "a source before the first",
        text({**CARD, "src": [-1]}),
        "demo.json: accelerators 1 (Demo 9000): src names source -1, but they end at 1",
    ),
    (
        "a card twice",
        text(CARD, SHARED, {**CARD, "name": "DEMO 9000", "gb": 24.0, "gb_s": 900}),
        "demo.json: accelerators 3 (DEMO 9000): name and gb are those of entry 1",
    ),
    ("no card", text(), "demo.json: accelerators is empty"),
    (
        "a field twice",
        text(CARD).replace('"gb": 24', '"gb": 24, "gb": 48'),
        "demo.json: 'gb' stands twice in one object",
    ),
]


@pytest.mark.parametrize(("content", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_file_is_refused_with_file_card_and_field(content, message):
    with pytest.raises(DataError) as caught:
        read_accelerators(content, "demo.json")
    assert str(caught.value).startswith(message)


MAKERS_TELL = [
    # name, GB, GB/s, NVIDIA's compute capability or AMD's generation
    ("GTX 750 Ti", 2, 86.4, 5.0),
    ("GTX 960M", 4, 80.2, 5.0),
    ("GTX 980", 4, 224.4, 5.2),
    ("GTX 980 Ti", 6, 336.6, 5.2),
    ("GTX TITAN X", 12, 336.6, 5.2),
    ("M40", 24, 288.4, 5.2),
    ("M60", 8, 160.4, 5.2),
    ("K80", 12, 240.6, 3.7),
    ("K40", 12, 288.4, 3.5),
    ("GTX 1050", 2, 112.1, 6.1),
    ("GTX 1060", 5, 160.2, 6.1),
    ("GTX 1060 Laptop", 6, 192.2, 6.1),
    ("GH200", 96, 4000, 9.0),
    ("GH200", 144, 4900, 9.0),
    ("Jetson Orin Nano Super", 8, 102.4, 8.7),
    ("Jetson AGX Thor", 128, 273.2, 11.0),
    ("RTX A400", 4, 96, 8.6),
    ("MI325X", 256, 6000, "gfx942"),
    ("MI308X", 192, 5300, "gfx942"),
    ("Radeon VII", 16, 1020, "gfx906"),
    ("RX 6500 XT", 4, 143.9, "gfx1034"),
    ("Arc A310", 4, 124, None),
]


@pytest.mark.parametrize(("name", "gb", "gb_s", "generation"), MAKERS_TELL)
def test_a_card_that_people_own_is_what_its_maker_tells(name, gb, gb_s, generation):
    found = find_accelerator(name, gb)
    assert (found.memory, found.bandwidth) == (gb * GIB, pytest.approx(gb_s * 1e9))
    assert (found.gfx if isinstance(generation, str) else found.compute_capability) == generation


@pytest.mark.parametrize(("name", "box", "gib"), [("B200", 192, 179), ("B300", 288, 268), ("GB200", 192, 185)])
def test_memory_that_a_box_tells_in_decimal_gb_is_what_its_driver_finds(name, box, gib):
    assert find_accelerator(name).memory == find_accelerator(name, box).memory == gib * GIB


def test_a_card_that_computes_16_bits_slowly_is_told_by_its_32_bits():
    """Of compute capability 6.1 nothing computes in 16 bits, at a sixty-fourth of the rate."""
    pascal = {label: one for label, one in accelerator_labels().items() if one.compute_capability == 6.1}
    assert len(pascal) > 30
    assert all(one.tflops is not None and one.tflops > 0.7 for one in pascal.values())
    assert find_accelerator("P4").tflops == pytest.approx(5.7, rel=0.01)


def test_each_die_of_a_module_is_a_device_of_its_own():
    """An MI250 shows as two devices of 64 GB; an MI300A as one, whose memory the processor's cores share."""
    for name in ("MI250", "MI250X"):
        found = find_accelerator(name)
        assert (found.memory, found.on_board, found.bandwidth) == (64 * GIB, 2, 1.64e12)
    found = find_accelerator("MI300A")
    assert (found.memory, found.on_board, found.unified, found.gfx) == (128 * GIB, 1, True, "gfx942")


def test_graphics_inside_a_processor_tell_the_sizes_they_are_sold_with():
    for name, sizes in {"Arc 140V": (16, 32), "Radeon 8050S": (32, 64, 96, 128)}.items():
        found = find_accelerator(name)
        assert found.unified
        assert found.memory_options == tuple(size * GIB for size in sizes)


def test_every_mobile_card_is_one_of_laptops_and_no_other():
    built_in = {one.name for one in accelerators() if one.of_laptop and not one.unified}
    assert {
        "GTX 970M",
        "GTX 980MX",
        "RX 7600M XT",
        "RX 6800S",
        "RTX 3070 TiM",
        "RTX 4070 Laptop",
        "MX450",
        "940MX",
    } <= built_in
    assert not {"L40S", "V100S", "A10M", "RTX PRO 6000 Max-Q", "RX 7600", "GTX 970"} & built_in


def test_one_name_in_two_sizes_is_two_cards():
    small, large = read_accelerators(text(CARD, {**CARD, "gb": 48}))
    assert (small.memory, large.memory) == (24 * GIB, 48 * GIB)
