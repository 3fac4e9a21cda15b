"""Machines as strangers type them: read as they are meant, or not at all."""

from __future__ import annotations

import pytest

from compat.engines.accelerator_names import accelerator_labels, general_names, read_name, wrong_count
from compat.engines.hardware import GIB
from compat.engines.hosted_machines import hosted_machines
from compat.engines.machine_text import completions, read_machine
from compat.engines.macs import MAC_CHIPS

READ = [
    # laptops
    ("laptop 4060", {"accelerator": "RTX 4060 Laptop"}),
    ("gaming laptop with a 4060 and 16GB RAM", {"accelerator": "RTX 4060 Laptop", "ram": "16"}),
    ("notebook mit rtx 4070, 32 gb ram", {"accelerator": "RTX 4070 Laptop", "ram": "32"}),
    ("Laptop RTX 4070 16GB", {"accelerator": "RTX 4070 Laptop", "ram": "16"}),
    ("laptop RX 6800", {"accelerator": "RX 6800M"}),
    ("4060, not a laptop", {"accelerator": "RTX 4060"}),
    ("laptop with eGPU 3090", {"accelerator": "RTX 3090"}),
    ("laptop gtx 970", {"accelerator": "GTX 970M"}),
    ("laptop RX 7600M XT", {"accelerator": "RX 7600M XT"}),
    ("K80 24GB, 64GB RAM", {"accelerator": "K80", "count": "2", "ram": "64"}),
    ("Core Ultra 7 258V, Arc 140V, 32GB", {"accelerator": "Arc 140V", "memory": "32"}),
    ("64GB DDR5 6000", {"ram": "64"}),
    ("4090m", {"accelerator": "RTX 4090 Laptop"}),
    ("Radeon 780M 32GB + RTX 4070", {"accelerator": "RTX 4070", "ram": "32"}),
    ("Ryzen 7 7840HS, Radeon 780M, RTX 4060 laptop, 32GB", {"accelerator": "RTX 4060 Laptop", "ram": "32"}),
    ("Intel Iris Xe 16GB", {"ram": "16"}),
    ("UHD 620 8GB RAM", {"ram": "8"}),
    # Macs
    ("Mac mini M4 16", {"accelerator": "Apple M4", "memory": "16"}),
    ("Mac Studio M3 Ultra 512", {"accelerator": "Apple M3 Ultra", "memory": "512"}),
    ("m4pro48gb", {"accelerator": "Apple M4 Pro", "memory": "48"}),
    ("Macbook pro 14 m3 pro 18gb", {"accelerator": "Apple M3 Pro", "memory": "18"}),
    ("MacBook Pro 16 M1 Pro", {"accelerator": "Apple M1 Pro"}),
    ('MacBook Pro 16" M1 Pro 16GB', {"accelerator": "Apple M1 Pro", "memory": "16"}),
    ("MacBook Pro 2021 M1 Max 32GB", {"accelerator": "Apple M1 Max", "memory": "32"}),
    ("iMac 24 M3", {"accelerator": "Apple M3"}),
    ("Mac mini M4 16/512", {"accelerator": "Apple M4", "memory": "16"}),
    ("Apple M4 Max (16-core CPU, 40-core GPU), 64GB", {"accelerator": "Apple M4 Max", "memory": "64"}),
    # sizes that are no memory of the one or the other
    ("1TB SSD, 32GB RAM, RTX 4070", {"accelerator": "RTX 4070", "ram": "32"}),
    ("i5 12400f rtx 3060 16gb ram 512gb ssd", {"accelerator": "RTX 3060", "ram": "16"}),
    ("4090 24GB VRAM 1TB NVMe", {"accelerator": "RTX 4090"}),
    ("I have an RTX 3060 with 12GB and 32GB of RAM", {"accelerator": "RTX 3060 12 GB", "ram": "32"}),
    ("RTX 4060 Ti with 16 GB", {"accelerator": "RTX 4060 Ti 16 GB"}),
    ("I have an RTX 4060 Ti with 16 GB", {"accelerator": "RTX 4060 Ti 16 GB"}),
    ("RTX 4090 with 24GB", {"accelerator": "RTX 4090"}),
    ("24x 64GB RAM", {"ram": "1536"}),
    ("RTX 3060 12GB, 64GB", {"accelerator": "RTX 3060 12 GB", "ram": "64"}),
    ("RTX 4090 24 GB GDDR6X", {"accelerator": "RTX 4090"}),
    ("3090 and 3060 12GB, 36GB VRAM", {"accelerator": "RTX 3090", "beside": "RTX 3060 12 GB"}),
    ("2x3090, 48GB VRAM", {"accelerator": "RTX 3090", "count": "2"}),
    ("2x RTX 3090 24GB 48GB VRAM", {"accelerator": "RTX 3090", "count": "2"}),
    ("two 3060, 24 GB VRAM, 64 GB RAM", {"accelerator": "RTX 3060 12 GB", "count": "2", "ram": "64"}),
    ("2x 4060 Ti, 16GB VRAM", {"accelerator": "RTX 4060 Ti 16 GB", "count": "2"}),
    ("RTX 3070 8GB 8GB", {"accelerator": "RTX 3070", "ram": "8"}),
    ("RTX 4090 24 GB, 24 GB", {"accelerator": "RTX 4090", "ram": "24"}),
    ("VRAM 24GB RAM 64GB", {"memory": "24", "ram": "64"}),
    ("4090 64 RAM", {"accelerator": "RTX 4090", "ram": "64"}),
    ("16,5 GB RAM", {"ram": "16.5"}),
    ("1,024 GB RAM", {"ram": "1024"}),
    ("no gpu 16gb", {"ram": "16"}),
    ("CPU-only mini PC 16 GB", {"ram": "16"}),
    ("N100 mini pc 16gb", {"ram": "16"}),
    ("Intel Celeron N5105, 8GB", {"ram": "8"}),
    ("CPU with 32 GB", {"ram": "32"}),
    ("CPU 32GB", {"ram": "32"}),
    ("32 GB CPU", {"ram": "32"}),
    ("cpu only, 32 GB", {"ram": "32"}),
    ("nur ein Prozessor, 32 GB", {"ram": "32"}),
    ("CPU 2x16GB", {"ram": "32"}),
    ("CPU and 24 GB VRAM", {"memory": "24"}),
    ("CPU and RTX 3090, 32 GB", {"accelerator": "RTX 3090", "ram": "32"}),
    ("mba m2 8gb", {"accelerator": "Apple M2", "memory": "8"}),
    ("AI Max+ 395 128GB", {"accelerator": "Ryzen AI Max+ 395", "memory": "128"}),
    ("RTX 3060 12 Go, 32 Go de RAM", {"accelerator": "RTX 3060 12 GB", "ram": "32"}),
    ("64GB DDR5-6000 + 4090", {"accelerator": "RTX 4090", "ram": "64"}),
    ("32gb ddr5 6800 xt", {"accelerator": "RX 6800 XT", "ram": "32"}),
    ("EPYC 9654 12-channel DDR5-4800 384GB", {"ram": "384", "ram_bandwidth": "460.8"}),
    ("12-channel DDR5-4800, 384 GB", {"ram": "384", "ram_bandwidth": "460.8"}),
    ("RTX 4070, DDR5, 32 GB", {"accelerator": "RTX 4070", "ram": "32"}),
    ("dual channel DDR4-3200 32GB", {"ram": "32", "ram_bandwidth": "51.2"}),
    # processors
    ("2x Xeon Gold 6248 512GB RAM", {"ram": "512"}),
    ("Xeon 256GB", {"ram": "256"}),
    ("E5-2680v4 128gb", {"ram": "128"}),
    ("raspberry pi 5 8gb", {"ram": "8"}),
    ("Threadripper 3970X 256GB", {"ram": "256"}),
    ("4070 12GB 5600X 32GB", {"accelerator": "RTX 4070", "ram": "32"}),
    ("Ryzen 5 rx 6600 16gb", {"accelerator": "RX 6600", "ram": "16"}),
    ("Ryzen 7 4070", {"accelerator": "RTX 4070"}),
    ("Xeon RTX3060 64GB", {"accelerator": "RTX 3060", "ram": "64"}),
    ("Ryzen AI Max+ 395 Radeon 8060S 128GB", {"accelerator": "Ryzen AI Max+ 395", "memory": "128"}),
    # how many
    ("2 3090", {"accelerator": "RTX 3090", "count": "2"}),
    ("2 3090s", {"accelerator": "RTX 3090", "count": "2"}),
    ("a pair of 3090s", {"accelerator": "RTX 3090", "count": "2"}),
    ("2 Stück 3090", {"accelerator": "RTX 3090", "count": "2"}),
    ("3090 2 Stück", {"accelerator": "RTX 3090", "count": "2"}),
    ("zwei 3090", {"accelerator": "RTX 3090", "count": "2"}),
    ("RTX 3090 PCIe x16", {"accelerator": "RTX 3090"}),
    ("RTX 3090 PCIe 4.0 x16, 64 GB RAM", {"accelerator": "RTX 3090", "ram": "64"}),
    ("2x rtx 3060 8gb, 1x 3090, 64gb", {"accelerator": "RTX 3090", "beside": "2x RTX 3060 8 GB", "ram": "64"}),
    # how many of a size
    ("2x24GB", {"count": "2", "memory": "24"}),
    ("8 x 80GB", {"count": "8", "memory": "80"}),
    ("8x80GB, 512 GB RAM", {"count": "8", "memory": "80", "ram": "512"}),
    ("2x24GB and 64 GB", {"count": "2", "memory": "24", "ram": "64"}),
    ("2x16GB DDR5", {"ram": "32"}),
    ("RTX 3090, 2x16GB", {"accelerator": "RTX 3090", "ram": "32"}),
    # what runs there, and how much of it
    ("4x H100, 64k context, vLLM", {"accelerator": "H100", "count": "4"}),
    ("RTX 3090 with llama.cpp", {"accelerator": "RTX 3090"}),
    ("RTX 3090 llamacpp 16384 ctx", {"accelerator": "RTX 3090"}),
    ("RTX 3090, context length of 32k, 64 GB RAM", {"accelerator": "RTX 3090", "ram": "64"}),
    ("RTX 4090 using LM Studio and num_ctx 8192", {"accelerator": "RTX 4090"}),
    ("RTX 4090 context 32,768", {"accelerator": "RTX 4090"}),
    ("Radeon 780M context 32k, 32 GB", {"accelerator": "Radeon 780M", "memory": "32"}),
    ("context 8k RTX 4090 1m tokens", {"accelerator": "RTX 4090"}),
    ("M3 Max 64GB mlx", {"accelerator": "Apple M3 Max", "memory": "64"}),
    # other languages
    ("Ich habe eine RTX 3060 mit 12 GB und 32 GB Arbeitsspeicher", {"accelerator": "RTX 3060 12 GB", "ram": "32"}),
    ("8 GB Grafikspeicher", {"memory": "8"}),
    ("4090两张", {"accelerator": "RTX 4090", "count": "2"}),
    ("两张4090", {"accelerator": "RTX 4090", "count": "2"}),
    ("2张 4090", {"accelerator": "RTX 4090", "count": "2"}),
    ("双卡3090 64G内存", {"accelerator": "RTX 3090", "count": "2", "ram": "64"}),
    ("显卡4090 内存64GB", {"accelerator": "RTX 4090", "ram": "64"}),
    ("4090 24G 内存128G", {"accelerator": "RTX 4090", "ram": "128"}),
    ("4090显存24G内存64G", {"accelerator": "RTX 4090", "ram": "64"}),
    ("24G 显存 64G 内存", {"memory": "24", "ram": "64"}),
    ("我的电脑是4060笔记本", {"accelerator": "RTX 4060 Laptop"}),
    ("单卡 4090", {"accelerator": "RTX 4090"}),
    ("苹果 M4芯片 16G", {"accelerator": "Apple M4", "memory": "16"}),
    ("无显卡 32G内存", {"ram": "32"}),
    ("核显 16G内存", {"ram": "16"}),
    # what stands around it
    ("4090+3090", {"accelerator": "RTX 4090", "beside": "RTX 3090"}),
    ("RTX 4090+64GB", {"accelerator": "RTX 4090", "ram": "64"}),
    ("Ryzen AI Max+395 128GB", {"accelerator": "Ryzen AI Max+ 395", "memory": "128"}),
    ("4090 w/ 64GB", {"accelerator": "RTX 4090", "ram": "64"}),
    ("RTX 4090: 24 GB, RAM: 64 GB", {"accelerator": "RTX 4090", "ram": "64"}),
    ("Intel(R) UHD Graphics 630, 16 GB RAM", {"ram": "16"}),
    ("4090 \U0001f680", {"accelerator": "RTX 4090"}),
    ('"4090".', {"accelerator": "RTX 4090"}),
    ("4090 at 450W", {"accelerator": "RTX 4090"}),
    ("RTX 4090 Windows 11 64GB", {"accelerator": "RTX 4090", "ram": "64"}),
    ("GPU: RTX 4090 / CPU: 7950X / RAM: 64GB", {"accelerator": "RTX 4090", "ram": "64"}),
    ("Google Colab T4", {"accelerator": "T4"}),
    ("4070tis", {"accelerator": "RTX 4070 Ti SUPER"}),
    # a card's own memory, right behind its name
    ("RTX 3050 4GB", {"accelerator": "RTX 3050", "memory": "4"}),
    ("RTX 3050 4096 MB", {"accelerator": "RTX 3050", "memory": "4"}),
    ("RTX 3050 (4 GB), 16 GB RAM", {"accelerator": "RTX 3050", "memory": "4", "ram": "16"}),
    ("RTX 3050 4GB, 16GB", {"accelerator": "RTX 3050", "memory": "4", "ram": "16"}),
    ("2x RTX 3050 4GB", {"accelerator": "RTX 3050", "count": "2", "memory": "4"}),
    ("RX 580 4GB and 16 GB", {"accelerator": "RX 580", "memory": "4", "ram": "16"}),
    ("RTX 4090 (48GB), 64GB", {"accelerator": "RTX 4090", "memory": "48", "ram": "64"}),
    ("RTX 4060 laptop 6GB", {"accelerator": "RTX 4060 Laptop", "memory": "6"}),
    ("RTX 3050 4GB RAM", {"accelerator": "RTX 3050", "ram": "4"}),
    ("RTX 3050 (4 GB RAM)", {"accelerator": "RTX 3050", "ram": "4"}),
    ("RTX 3050, 4 GB", {"accelerator": "RTX 3050", "ram": "4"}),
    ("RTX 4070 780M, 32 GB", {"accelerator": "RTX 4070", "ram": "32"}),
    ("32 GB RAM, RTX 4070 7 GB/s", {"accelerator": "RTX 4070", "ram": "32", "ram_bandwidth": "7"}),
    ("laptop with RTX 4050 6GB", {"accelerator": "RTX 4050 Laptop"}),
    ("laptop 4050, 16 GB RAM", {"accelerator": "RTX 4050 Laptop", "ram": "16"}),
    # as people turn them
    ("RTX 6000 Pro", {"accelerator": "RTX PRO 6000"}),
    ("2x 6000 Pro 96GB, 256 GB RAM", {"accelerator": "RTX PRO 6000", "count": "2", "ram": "256"}),
    ("RTX 6000 Pro Max-Q", {"accelerator": "RTX PRO 6000 Max-Q"}),
    ("RTX 4000 Pro", {"accelerator": "RTX PRO 4000"}),
    ("Quadro RTX 6000", {"accelerator": "Quadro RTX 6000"}),
    ("4090/64GB", {"accelerator": "RTX 4090", "ram": "64"}),
    ("RTX 3060/12GB/32GB RAM", {"accelerator": "RTX 3060 12 GB", "ram": "32"}),
    ("4090/24GB/64GB", {"accelerator": "RTX 4090", "ram": "64"}),
    ("8xH100 16TB ram", {"accelerator": "H100", "count": "8", "ram": "16384"}),
    # computers
    ("Framework Desktop 128GB", {"accelerator": "Ryzen AI Max+ 395", "memory": "128"}),
    ("128GB Framework Desktop", {"accelerator": "Ryzen AI Max+ 395", "memory": "128"}),
    ("framework desktop with 64 GB", {"accelerator": "Ryzen AI Max+ 395", "memory": "64"}),
    ("Mac mini 2018 i7 32GB RAM", {"ram": "32"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), READ, ids=lambda value: ascii(value)[:40])
def test_it_is_read_as_it_is_meant(text, told):
    read = read_machine(text)
    assert dict(read.parameters) == told
    assert read.whole


@pytest.mark.parametrize(
    ("text", "unread", "near"),
    [
        ("rtx 4090 not 3090", "not 3090", "RTX 3090"),
        ("Titan X", "Titan X", "TITAN X Pascal"),
        ("RTX 6000, 64 GB RAM", "RTX 6000", "RTX 6000 Ada"),
        ("2x RTX 4000", "2x RTX 4000", "2x RTX PRO 4000"),
        ("laptop rtx 5000", "laptop rtx 5000", "RTX 5000 Ada Laptop"),
        ("GTX 1650 with Max-Q Design", "Max-Q", "RTX A2000 Max-Q"),
        ("4090 64", "64", "64 GB RAM"),
        ("M3 Max 64GB 1TB", "1TB", "1TB SSD"),
        ("4090 64GB 2TB", "2TB", "2TB SSD"),
        ("3090, 64GB, 32GB RAM", "64GB", "64GB SSD"),
        ("64GB DDR5 6600", "DDR5 6600", "DDR5-6600"),
        ("laptop 3060 12GB", "RTX 3060 12 GB", "RTX 3060 Laptop"),
        ("Orin AGX 64GB", "Orin AGX", "Jetson AGX Orin 64GB"),
        ("g5.12xlarge", "g5.12xlarge", "4x A10G"),
        ("colab", "colab", "T4"),
        ("4090 x 100", "4090 x 100", "16x 4090"),
        ("4060ti 16", "16", "16 GB VRAM"),
        ("4070 and 32 TB", "32 TB", "32 GB RAM"),
        ("4070 and 32 TB", "32 TB", "32 TB SSD"),
        ("4070, 64 TB RAM", "64 TB RAM", "64 GB RAM"),
        ("laptop 4070 6GB", "RTX 4070 6 GB", "RTX 4070 Laptop"),
        ("Framework Desktop", "Framework Desktop", "Ryzen AI Max+ 395 128 GB"),
        ("Framework Desktop 32GB, 128 GB SSD", "Framework Desktop", "Ryzen AI Max+ 395 64 GB"),
        ("Framework Desktop 32GB", "Framework Desktop", "Ryzen AI Max+ 395 64 GB"),
    ],
)
def test_what_may_mean_two_things_is_named_with_what_would_be_understood(text, unread, near):
    read = read_machine(text)
    assert unread in read.unread
    assert not read.whole
    assert near in read.near()[unread]


def test_more_memory_than_a_machine_holds_is_said():
    read = read_machine("4070 and 32 TB")
    assert (read.accelerator, read.ram) == ("RTX 4070", None)
    assert "32 TB is more memory than is read of one machine: 16 TB is the most." in read.said


def test_a_size_that_unlike_cards_cannot_have_is_given_to_none_of_them():
    read = read_machine("3090 and 3060 12GB, 40GB VRAM")
    assert "memory" not in read.parameters
    assert read.unread == ("40GB VRAM",)


@pytest.mark.parametrize("text", ["laptop 2x16GB", "24x 64GB", "CPU 32GB, GPU 24GB"])
def test_sizes_that_may_be_of_cards_or_of_the_system_are_asked_about(text):
    read = read_machine(text)
    assert read.bare is not None
    assert not read.whole


def test_a_size_that_is_counted_is_said_to_be_taken_as_cards():
    taken = "2 x 24 GB is taken as 2 accelerators with 24 GB each: write RAM behind it if it is system memory."
    assert taken in read_machine("2x24GB").said
    assert not read_machine("2x24GB VRAM").said
    assert "32 GB is taken as system memory." in read_machine("CPU 2x16GB").said
    assert not read_machine("CPU 32GB").said


def test_what_tells_an_engine_or_a_context_is_said_to_be_left_out():
    left = "Engine and context are told beside a machine: 64k context, vLLM is left out."
    assert left in read_machine("4x H100, 64k context, vLLM").said
    assert not read_machine("4x H100").said


@pytest.mark.parametrize("text", ["vLLM", "64k context", "ollama, 8k ctx"])
def test_an_engine_or_a_context_alone_is_no_machine(text):
    read = read_machine(text)
    assert not read.told
    assert read.unread


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("M3 64GB", "No Apple M3 was sold with 64 GB, but with 8, 16 or 24 GB: 64 GB is taken all the same."),
        ("M2 Pro 64GB", "No Apple M2 Pro was sold with 64 GB, but with 16 or 32 GB: 64 GB is taken all the same."),
    ],
)
def test_a_size_that_a_chip_was_not_sold_with_is_said(text, said):
    assert said in read_machine(text).said


@pytest.mark.parametrize("text", ["M3 24GB", "M3 Max 64GB", "M3", "M1 Max 64 GB RAM", "Radeon 780M 24GB"])
def test_a_size_that_a_chip_was_sold_with_needs_no_words(text):
    assert not read_machine(text).said


def test_a_size_that_is_taken_as_a_cards_is_said():
    assert "4 GB is taken as the memory of the RTX 3050." in read_machine("RTX 3050 4GB").said


def test_a_name_of_several_accelerators_is_asked_about():
    asked = "RTX 6000 may be the RTX PRO 6000, RTX 6000 Ada or Quadro RTX 6000: choose one, or tell its memory."
    assert asked in read_machine("RTX 6000, 64 GB RAM").said


@pytest.mark.parametrize(("text", "taken"), [("K80", "1 is taken"), ("Tesla K80 24 GB", "2 are taken")])
def test_of_a_board_with_several_gpus_it_is_said_how_many_are_taken(text, taken):
    said = f"One board holds 2 K80, each with 12 GB, and engines see each by itself: {taken}."
    assert said in read_machine(text).said


def test_of_two_sizes_without_a_name_none_is_dropped():
    read = read_machine("24GB/64GB")
    assert (read.bare, read.unread, read.whole) == (24.0, ("64GB",), False)


@pytest.mark.parametrize("text", ["4090 64", "0 GB RAM", "RTX 3060 12 GB or 8 GB", "16 MB RAM"])
def test_nothing_far_from_what_was_typed_is_offered(text):
    offered = [one for labels in read_machine(text).near().values() for one in labels]
    assert not [one for one in offered if "GB RAM" not in one and "GB VRAM" not in one]


def test_all_that_is_offered_for_a_machine_with_a_name_is_understood():
    for name in HOSTED:
        assert hosted_machines(name)
        assert all(read_machine(one).whole for one in hosted_machines(name)), name


HOSTED = (
    *("g4dn.metal", "g5.xlarge", "g6.48xlarge", "g6e.xlarge", "p3.8xlarge", "p3dn.24xlarge", "p4d.24xlarge"),
    *("p4de.24xlarge", "p5.48xlarge", "p5e.48xlarge", "p5en.48xlarge", "p6-b200.48xlarge", "a2-highgpu-4g"),
    *("a2-ultragpu-1g", "a3-highgpu-8g", "a3-megagpu-8g", "a3-ultragpu-8g", "colab", "kaggle"),
    "Framework Desktop",
)


# --- how many ---------------------------------------------------------------------------------------------------

WRONG = {
    "-3 x 4090": ("-3", ["3x 4090"]),
    "0 x 4090": ("0", ["4090"]),
    "0x4090": ("0", ["4090"]),
    "3.5x 4090": ("3.5", ["3x 4090", "4x 4090"]),
    "2,5 x 4090": ("2,5", ["2x 4090", "3x 4090"]),
    "1e3 x 4090": ("1e3", ["16x 4090"]),
    "1,000 x 4090": ("1,000", ["16x 4090"]),
    "99999999 x 4090": ("99999999", ["16x 4090"]),
    "17x 4090": ("17", ["16x 4090"]),
    "1/2 x 4090": ("1/2", ["4090"]),
    "4090 x 0": ("0", ["4090"]),
    "4090 x -2": ("-2", ["2x 4090"]),
    "4090 x1.5": ("1.5", ["4090", "2x 4090"]),
    "0x 24 GB VRAM": ("0", ["24 GB VRAM"]),
}


@pytest.mark.parametrize(("text", "number", "near"), [(text, *told) for text, told in WRONG.items()])
def test_a_number_of_cards_that_none_is_is_said_with_what_would_be(text, number, near):
    for whole in (text, f"64 GB RAM, {text}", f"RTX 3060 + {text}"):
        read = read_machine(whole)
        assert not read.whole
        assert text in read.unread
        assert read.near()[text] == near
        assert f"“{number}” is no number of accelerators: use a whole number from 1 to 16" in " ".join(read.said)
        assert read.accelerator != "RTX 4090"
    assert read_name(text).label == ""


def test_no_name_is_taken_for_a_wrong_number():
    for label in (*accelerator_labels(), *general_names()):
        for text in (label, f"2x {label}", f"{label}, 64 GB RAM", label.replace(" ", "")):
            assert wrong_count(text) is None, text


@pytest.mark.parametrize("text", ["2x3090", "2 x 3090", "3060,2x3090", "RTX 4070, 2x16GB RAM", "MI300X x8", "16x 4090"])
def test_a_right_number_is_none_that_is_wrong(text):
    assert wrong_count(text) is None


def test_what_is_offered_while_somebody_types_is_written_as_people_write_it():
    assert completions("4090 + 2xRTX 306")[0] == "4090 + 2x RTX 3060"
    assert completions("2xrtx 309")[0] == "2x RTX 3090"
    assert completions("4090 + 2 RTX 306")[0] == "4090 + 2 RTX 3060"


# --- several machines -------------------------------------------------------------------------------------------

APART = [
    ("M3 Max 64GB and RTX 4090", "not in one machine",
     [{"accelerator": "RTX 4090"}, {"accelerator": "Apple M3 Max", "memory": "64"}]),
    ("M1 Max 64 GB RAM, 2x4090", "not in one machine",
     [{"accelerator": "RTX 4090", "count": "2"}, {"accelerator": "Apple M1 Max", "memory": "64"}]),
    ("M3 Max 64GB, M4 Pro 24GB", "not in one machine",
     [{"accelerator": "Apple M3 Max", "memory": "64"}, {"accelerator": "Apple M4 Pro", "memory": "24"}]),
    ("DGX Spark + 4090", "not in one machine", [{"accelerator": "RTX 4090"}, {"accelerator": "GB10"}]),
    ("Mac mini M4 16GB and a PC with RTX 3060 12GB, 64 GB RAM", "not in one machine",
     [{"accelerator": "RTX 3060 12 GB", "ram": "64"}, {"accelerator": "Apple M4", "memory": "16"}]),
    ("4090 + RX 7600 + 3060, 64GB RAM", "several makers",
     [{"accelerator": "RTX 4090", "beside": "RTX 3060", "ram": "64"}, {"accelerator": "RX 7600", "ram": "64"}]),
    ("Ryzen AI Max+ 395 128GB + RTX 4090", "not judged together",
     [{"accelerator": "RTX 4090"}, {"accelerator": "Ryzen AI Max+ 395", "memory": "128"}]),
    ("Framework Desktop 128GB, RTX 4090", "not judged together",
     [{"accelerator": "RTX 4090"}, {"accelerator": "Ryzen AI Max+ 395", "memory": "128"}]),
    ("3090 or 2x4090", "several machines", [{"accelerator": "RTX 3090"}, {"accelerator": "RTX 4090", "count": "2"}]),
    ("M4 Pro 24GB oder 3090", "several machines",
     [{"accelerator": "Apple M4 Pro", "memory": "24"}, {"accelerator": "RTX 3090"}]),
]  # fmt: skip


_WITH_64 = ["M1 Max", "M1 Ultra", "M2 Max", "M2 Ultra", "M3 Max", "M4 Pro", "M4 Max", "M5 Pro", "M5 Max"]
MACS = [
    ("Mac mini 16GB", "Mac mini", 16, ["M1", "M2", "M2 Pro", "M4"]),
    ("MacBook Air 8GB", "MacBook Air", 8, ["M1", "M2", "M3"]),
    ("my MacBook Air 13 with 8 GB RAM", "MacBook Air", 8, ["M1", "M2", "M3"]),
    ("Mac Studio 512GB", "Mac Studio", 512, ["M3 Ultra"]),
    ("Mac mini 64 GB, 1 TB SSD", "Mac mini", 64, ["M4 Pro"]),
    ("iMac 24 24GB", "iMac", 24, ["M3", "M4"]),
    ("Apple MacBook Pro 18GB", "MacBook Pro", 18, ["M3 Pro"]),
    ("Mac Pro 192 GB", "Mac Pro", 192, ["M2 Ultra"]),
    ("64 GB Mac", "Mac", 64, _WITH_64),
    ("Mac 64 GB", "Mac", 64, _WITH_64),
    ("my mac has 64GB of unified memory", "Mac", 64, _WITH_64),
    ("apple silicon 64gb", "Mac", 64, _WITH_64),
    ("MacBook 64GB", "MacBook", 64, ["M1 Max", "M2 Max", "M3 Max", "M4 Max", "M5 Pro", "M5 Max"]),
    ("MacBook 8GB", "MacBook", 8, ["M1", "M2", "M3"]),
    ("mbp 18gb", "MacBook Pro", 18, ["M3 Pro"]),
    ("mba 8gb", "MacBook Air", 8, ["M1", "M2", "M3"]),
]


@pytest.mark.parametrize(("text", "name", "size", "chips"), MACS)
def test_of_a_mac_without_its_chip_those_with_that_memory_are_offered(text, name, size, chips):
    read = read_machine(text)
    assert not read.whole
    assert not read.parameters
    assert (read.bare, read.unread) == (None, ())
    assert f"Which chip does the {name} have?" in read.said[0]
    assert [dict(one.parameters) for one in read.apart] == [
        {"accelerator": f"Apple {chip}", "memory": str(size)} for chip in chips
    ]


@pytest.mark.parametrize(
    "text",
    ["Mac mini 256GB", "Mac 20GB", "mac 2015 16gb", "MacBook Pro 2015 16GB", "Macintosh 16GB", "Mac mini 16GB 512GB"],
)
def test_nothing_is_offered_for_a_mac_that_was_not_sold_so(text):
    read = read_machine(text)
    assert not read.whole
    assert not read.apart


def test_a_macs_memory_is_one_that_its_chip_has():
    for sizes in MAC_CHIPS.values():
        for chip, gbs in sizes.items():
            assert {gb * GIB for gb in gbs} <= set(accelerator_labels()[f"Apple {chip}"].memory_options), chip


@pytest.mark.parametrize(("text", "why", "alone"), APART)
def test_what_is_in_no_single_machine_is_offered_each_alone(text, why, alone):
    read = read_machine(text)
    assert not read.whole
    assert not read.parameters
    assert why in read.said[0]
    assert [dict(one.parameters) for one in read.apart] == alone
    assert all(one.whole for one in read.apart)


def test_graphics_inside_a_processor_are_left_out_beside_a_card_and_that_is_said():
    assert "Radeon 780M is left out" in " ".join(read_machine("Radeon 780M + RTX 4070").said)
    assert "Intel Iris Xe" in " ".join(read_machine("Intel Iris Xe, RTX 3050 laptop, 16 GB RAM").said)
