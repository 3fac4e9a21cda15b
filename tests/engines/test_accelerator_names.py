"""What people, drivers and tools call an accelerator: the one that is meant, the least of several, or none."""

from __future__ import annotations

import pytest

from compat.engines.accelerator_names import (
    ReadName,
    accelerator_labels,
    accelerator_named,
    find_accelerator,
    general_names,
    meant_by,
    near_names,
    read_name,
    suggested_names,
)
from compat.engines.hardware import GIB

SPELLED = [
    ("4070", "RTX 4070"),
    ("rtx 4070", "RTX 4070"),
    ("RTX4070", "RTX 4070"),
    ("NVIDIA GeForce RTX 4070", "RTX 4070"),
    ("GeForce RTX 4070 AD103", "RTX 4070"),
    ("4070 ti super", "RTX 4070 Ti SUPER"),
    ("rtx4070tisuper", "RTX 4070 Ti SUPER"),
    ("NVIDIA GeForce RTX 4070 Laptop GPU", "RTX 4070 Laptop"),
    ("RTX 4070 Mobile", "RTX 4070 Laptop"),
    ("NVIDIA GeForce RTX 2070 with Max-Q Design", "RTX 2070 Max-Q"),
    ("Radeon RX 7900 XTX", "RX 7900 XTX"),
    ("7900xtx", "RX 7900 XTX"),
    ("M3 Max", "Apple M3 Max"),
    ("m3max", "Apple M3 Max"),
    ("Tesla P40", "P40"),
    ("NVIDIA RTX A6000", "RTX A6000"),
    ("A6000", "RTX A6000"),
    ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
    ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX PRO 6000"),
    ("A100 80GB", "A100 80 GB"),
    ("NVIDIA A100-SXM4-80GB", "A100 80 GB"),
    ("NVIDIA A100-PCIE-40GB", "A100 40 GB"),
    ("NVIDIA A100 80GB PCIe", "A100 80 GB"),
    ("Tesla V100-SXM2-16GB", "V100 16 GB"),
    ("Tesla P100-PCIE-16GB", "P100 16 GB"),
    ("H100 SXM", "H100 SXM"),
    ("NVIDIA H100 80GB HBM3", "H100 SXM"),
    ("NVIDIA H100 PCIe", "H100"),
    ("l40s", "L40S"),
    ("3060 12GB", "RTX 3060 12 GB"),
    ("MI300X", "MI300X"),
    ("MI300", "MI300X"),
    ("AMD Instinct MI300X OAM", "MI300X"),
    ("AMD Instinct MI250", "MI250"),
    ("AMD Instinct MI300A", "MI300A"),
    ("NVIDIA GeForce MX150", "MX150"),
    ("gt1030", "GT 1030"),
    ("Snapdragon X Elite", "Snapdragon X Elite"),
    ("X1E-84-100", "Snapdragon X Elite X1E-84-100"),
    ("Valve Steam Deck OLED", "Steam Deck OLED"),
    ("strix halo", "Ryzen AI Max+ 395"),
    ("Strix-Halo", "Ryzen AI Max+ 395"),
    ("AMD Ryzen AI Max+ 395", "Ryzen AI Max+ 395"),
    ("gfx1100 24 GB", "RX 7900 XTX"),
    ("RTX A5000 8 GB", "RTX A5000-8Q"),
    ("Quadro RTX 6000", "Quadro RTX 6000"),
    ("NVIDIA Quadro RTX 6000", "Quadro RTX 6000"),
    ("RTX 6000 48GB", "RTX 6000 Ada"),
    ("RTX 6000 24 GB", "Quadro RTX 6000"),
    ("RTX 6000 96GB", "RTX PRO 6000"),
    ("RTX PRO 6000 Blackwell Max-Q", "RTX PRO 6000 Max-Q"),
    ("Tesla K80", "K80"),
    ("GTX Titan X", "GTX TITAN X"),
    ("W7900", "Radeon PRO W7900"),
    ("Radeon Pro W6800", "Radeon PRO W6800"),
    ("R9700", "Radeon AI PRO R9700"),
    ("WX 7100", "Radeon PRO WX 7100"),
    ("NVIDIA GH200 480GB", "GH200 96 GB"),
    ("Ryzen AI Max 390", "Radeon 8050S"),
]


@pytest.mark.parametrize(("spelled", "label"), SPELLED)
def test_one_is_known_by_what_people_and_drivers_call_it(spelled, label):
    assert read_name(spelled) == ReadName(label)


@pytest.mark.parametrize(
    ("spelled", "label", "count", "memory"),
    [
        ("2x3090", "RTX 3090", 2, None),
        ("2 x RTX 3090", "RTX 3090", 2, None),
        ("2\u00d7 RTX 3090", "RTX 3090", 2, None),
        ("3090 x2", "RTX 3090", 2, None),
        ("dual 3090", "RTX 3090", 2, None),
        ("8xH100", "H100", 8, None),
        ("M3 Max 64GB", "Apple M3 Max", 1, 64.0),
        ("Strix Halo 128 GB", "Ryzen AI Max+ 395", 1, 128.0),
        ("RTX 5000 Ada Embedded X2", "RTX 5000 Ada Embedded X2", 1, None),
    ],
)
def test_a_name_may_tell_how_many_and_how_much(spelled, label, count, memory):
    assert read_name(spelled) == ReadName(label, count, memory)


@pytest.mark.parametrize(
    ("general", "least"),
    [("RTX 3060", "RTX 3060 8 GB"), ("a100", "A100 40 GB"), ("V100", "V100 16 GB"), ("gfx1100", "RX 7900M")],
)
def test_a_name_of_several_stands_for_the_least_of_them(general, least):
    label = read_name(general).label
    several = general_names()[label]
    assert several[0] == least
    assert accelerator_named(label) is accelerator_labels()[least]
    assert accelerator_named(label).memory == min(accelerator_labels()[one].memory for one in several)
    assert find_accelerator(general) is None


def test_a_memory_says_which_size_is_meant():
    assert read_name("RTX 3060", 12).label == "RTX 3060 12 GB"
    assert read_name("NVIDIA GeForce RTX 4060 Ti", 15.99).label == "RTX 4060 Ti 16 GB"
    assert find_accelerator("RTX 3060", 12).memory == 12 * GIB
    assert find_accelerator("M3 Max", 64).memory == 64 * GIB


@pytest.mark.parametrize(
    "spelled",
    [
        "RTX 6000",
        "RTX 5000",
        "RTX 4000",
        "Titan X",
        "strix point",
        "rtx",
        "40",
        "",
        "nvidia",
        "x" * 10_000,
        "RTX 4070 16GB",
        "RTX 9999",
        "(((",
        "\0",
        "0x3090",
    ],
)
def test_what_is_none_is_not_guessed(spelled):
    assert read_name(spelled).label == ""


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("RTX 4071", "RTX 4070"), ("RTX 4070 16GB", "RTX 4070"), ("4070 tii", "RTX 4070 Ti"), ("M3 Maxx", "Apple M3 Max")],
)
def test_what_is_none_has_near_ones(wrong, near):
    assert near in near_names(wrong)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("RTX 6000", {"Quadro RTX 6000", "RTX 6000 Ada", "RTX PRO 6000"}),
        ("2x NVIDIA RTX 6000", {"Quadro RTX 6000", "RTX 6000 Ada", "RTX PRO 6000"}),
        ("RTX 5000", {"Quadro RTX 5000", "RTX 5000 Ada", "RTX PRO 5000"}),
        ("RTX 4000", {"Quadro RTX 4000", "RTX 4000 Ada", "RTX PRO 4000"}),
        ("RTX 4500", {"RTX 4500 Ada", "RTX PRO 4500"}),
        ("RTX 5000 Laptop", {"Quadro RTX 5000 Laptop", "RTX 5000 Ada Laptop", "RTX PRO 5000 Laptop"}),
        ("Titan X", {"GTX TITAN X", "TITAN X Pascal"}),
        ("RTX 8000", set()),
        ("A6000", set()),
        ("RTX 3060", set()),
        ("RTX 9999", set()),
    ],
)
def test_a_name_of_several_accelerators_is_none_and_offers_them_first(name, meant):
    assert set(meant_by(name)) == meant
    assert not meant or set(near_names(name, len(meant))) == meant


@pytest.mark.parametrize(
    ("board", "label", "count"),
    [("K80 24GB", "K80", 2), ("2x Tesla K80 24 GB", "K80", 4), ("M60 16GB", "M60", 2), ("A16 64 GB", "A16", 4)],
)
def test_the_memory_of_a_whole_board_means_all_that_is_on_it(board, label, count):
    assert read_name(board) == ReadName(label, count)


def test_nothing_is_near_to_nonsense():
    assert near_names("nonsense9999") == []


def test_names_are_suggested_while_they_are_typed():
    assert suggested_names("rtx 407")[0] == "RTX 4070"
    assert suggested_names("m3 m") == ["Apple M3 Max"]
    assert suggested_names("") == []
    assert len(suggested_names("40", 6)) == 6


def test_every_label_is_itself_in_any_case():
    for spell in (str, str.lower, str.upper):
        labels = [*accelerator_labels(), *general_names()]
        assert [read_name(spell(label)).label for label in labels] == labels


def test_an_mi300x_is_what_its_maker_tells():
    found = accelerator_named("MI300X")
    assert (found.memory, found.bandwidth, found.gfx) == (192 * 2**30, 5.3e12, "gfx942")
