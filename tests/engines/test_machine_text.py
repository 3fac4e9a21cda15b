"""A machine out of text: what people type, and what programs print, as they print it."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compat.engines.accelerator_names import accelerator_labels, accelerator_named, general_names, read_name
from compat.engines.machine_text import MOST_CHARACTERS, completions, read_machine

NVIDIA_SMI = """
Sat Nov 28 10:00:00 2026
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.54.14              Driver Version: 550.54.14      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA GeForce RTX 4060 Ti     Off |   00000000:01:00.0  On |                  N/A |
|  0%   45C    P8             12W /  165W |     512MiB /  16380MiB |      3%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
|   1  NVIDIA GeForce RTX 4060 Ti     Off |   00000000:02:00.0 Off |                  N/A |
|  0%   45C    P8             12W /  165W |       2MiB /  16380MiB |      3%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
+-----------------------------------------------------------------------------------------+
| Processes:                                                                              |
|  GPU   GI   CI        PID   Type   Process name                              GPU Memory |
|    0   N/A  N/A      1234      G   /usr/lib/xorg/Xorg                            300MiB |
+-----------------------------------------------------------------------------------------+
"""
NVIDIA_SMI_OLD = """
+-----------------------------------------------------------------------------+
| NVIDIA-SMI 460.91.03    Driver Version: 460.91.03    CUDA Version: 11.2     |
|-------------------------------+----------------------+----------------------+
| GPU  Name        Persistence-M| Bus-Id        Disp.A | Volatile Uncorr. ECC |
|===============================+======================+======================|
|   0  GeForce RTX 207...  Off  | 00000000:01:00.0  On |                  N/A |
| 29%   38C    P8    15W / 175W |    250MiB /  7982MiB |      2%      Default |
+-------------------------------+----------------------+----------------------+
"""
NVIDIA_LIST = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-2c1d3a52-75f2-0a6b-24a5-5d2a0a7a1111)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-2c1d3a52-75f2-0a6b-24a5-5d2a0a7a2222)
"""
NVIDIA_MIG = """\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 1g.10gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 3g.40gb     Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
"""
NVIDIA_CSV = "name, memory.total [MiB]\nNVIDIA GeForce RTX 3090, 24576 MiB\nNVIDIA GeForce RTX 3090, 24576 MiB\n"
ROCM_SMI = """
============================ ROCm System Management Interface ============================
====================================== Product Info ======================================
GPU[0]\t\t: Card Series: \t\tRadeon RX 7900 XTX
GPU[0]\t\t: Card Model: \t\t0x744c
GPU[0]\t\t: Card Vendor: \t\tAdvanced Micro Devices, Inc. [AMD/ATI]
GPU[0]\t\t: Card SKU: \t\tEXT94393
GPU[0]\t\t: GFX Version: \t\tgfx1100
==========================================================================================
GPU[0]\t\t: VRAM Total Memory (B): 25753026560
GPU[0]\t\t: VRAM Total Used Memory (B): 27873280
"""
ROCM_SMI_UNNAMED = """
GPU[0]\t\t: Card series: \t\tAMD Radeon Graphics
GPU[0]\t\t: GFX Version: \t\tgfx1100
GPU[0]\t\t: VRAM Total Memory (B): 21458059264
"""
ROCM_SMI_BARE = """
======================= ROCm System Management Interface =======================
================================= Concise Info =================================
GPU  Temp (DieEdge)  AvgPwr  SCLK  MCLK     Fan  Perf  PwrCap  VRAM%  GPU%
0    35.0c           18.0W   0Mhz  96Mhz    0%   auto  327.0W    0%   0%
"""
ROCMINFO = "  Name:  gfx942\n  Marketing Name:          AMD Instinct MI300X\n  Vendor Name: AMD\n"
MAC = """
Hardware:

    Hardware Overview:

      Model Name: MacBook Pro
      Model Identifier: Mac15,9
      Chip: Apple M3 Max
      Total Number of Cores: 16 (12 performance and 4 efficiency)
      Memory: 64 GB
      System Firmware Version: 10151.81.1
      Serial Number (system): XXXXXXXXXX
"""
INTEL_MAC = "      Processor Name: 8-Core Intel Core i9\n      Number of Processors: 1\n      Memory: 32 GB\n"
SYSCTL = "hw.memsize: 68719476736\nmachdep.cpu.brand_string: Apple M1 Ultra\n"
LSPCI = """
00:02.0 VGA compatible controller: Intel Corporation Raptor Lake-S GT1 [UHD Graphics 770] (rev 04)
01:00.0 VGA compatible controller: NVIDIA Corporation AD104 [GeForce RTX 4070] (rev a1)
01:00.1 Audio device: NVIDIA Corporation AD104 High Definition Audio Controller (rev a1)
"""
LSPCI_AMD = (
    "03:00.0 VGA compatible controller [0300]: Advanced Micro Devices, Inc. [AMD/ATI] Navi 31 "
    "[Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M] [1002:744c] (rev c8)\n"
)
LSPCI_LAPTOP = "01:00.0 3D controller: NVIDIA Corporation AD107M [GeForce RTX 4060 Max-Q / Mobile] (rev a1)\n"
LSPCI_SLOWED = (
    "01:00.0 VGA compatible controller: NVIDIA Corporation GA106 [GeForce RTX 3060 Lite Hash Rate] (rev a1)\n"
)
LSPCI_SERVER = (
    "05:00.0 VGA compatible controller: ASPEED Technology, Inc. ASPEED Graphics Family (rev 41)\n"
    "17:00.0 3D controller: NVIDIA Corporation GA100 [A100 SXM4 80GB] (rev a1)\n"
    "31:00.0 3D controller: NVIDIA Corporation GA100 [A100 SXM4 80GB] (rev a1)\n"
)
FREE_H = """\
               total        used        free      shared  buff/cache   available
Mem:            62Gi       5.1Gi        20Gi       1.2Gi        37Gi        55Gi
Swap:          8.0Gi          0B       8.0Gi
"""
FREE = "               total        used        free\nMem:        65739884     5353780    21220216\nSwap: 0 0 0\n"
MEMINFO = "MemTotal:       65739884 kB\nMemFree:        21220216 kB\nMemAvailable:   58000000 kB\n"
DXDIAG = "Card name: RTX 4080\nDedicated Memory: 16048 MB\nMemory: 32768MB RAM"
NEOFETCH = """\
OS: Ubuntu 22.04.3 LTS x86_64
Host: MS-7C91 1.0
Uptime: 3 hours, 12 mins
Shell: bash 5.1.16
Resolution: 2560x1440
CPU: AMD Ryzen 9 5900X (24) @ 3.700GHz
GPU: NVIDIA GeForce RTX 3090
Memory: 8123MiB / 32051MiB
"""
FASTFETCH = """\
OS: Ubuntu 24.04 x86_64
Display (DELL U2720Q): 3840x2160 @ 60 Hz in 27" [External]
CPU: AMD Ryzen 9 7950X (32) @ 5.88 GHz
GPU 1: NVIDIA GeForce RTX 4090 [Discrete]
GPU 2: AMD Raphael [Integrated]
Memory: 7.93 GiB / 31.30 GiB (25%)
Swap: 0 B / 2.00 GiB (0%)
Disk (/): 100.00 GiB / 900.00 GiB (11%) - ext4
"""
FASTFETCH_MAC = """\
OS: macOS Sequoia 15.1 arm64
Host: MacBook Pro (14-inch, Nov 2023)
CPU: Apple M3 Pro (12) @ 4.06 GHz
GPU: Apple M3 Pro (18) @ 1.38 GHz [Integrated]
Memory: 12.52 GiB / 18.00 GiB (70%)
"""
LSCPU = "Architecture:  x86_64\nModel name:                           AMD Ryzen 9 7950X 16-Core Processor\n"

TYPED = [
    ("4070", {"accelerator": "RTX 4070"}),
    ("CPU only, 16 GB RAM", {"ram": "16"}),
    ("processor only with 16 GB RAM", {"ram": "16"}),
    ("no GPU, 32 GB RAM", {"ram": "32"}),
    ("nur CPU und 32 GB RAM", {"ram": "32"}),
    ("integrated graphics, 8 GB RAM", {"ram": "8"}),
    ("4070 and 32 GB", {"accelerator": "RTX 4070", "ram": "32"}),
    ("NVIDIA GeForce RTX 4070 Laptop GPU, 16GB RAM", {"accelerator": "RTX 4070 Laptop", "ram": "16"}),
    ("M3 Max", {"accelerator": "Apple M3 Max"}),
    ("M3 Max 64GB", {"accelerator": "Apple M3 Max", "memory": "64"}),
    ("MacBook Pro M3 Max with 64 GB unified memory", {"accelerator": "Apple M3 Max", "memory": "64"}),
    ("M3 Max, 36 GB RAM", {"accelerator": "Apple M3 Max", "memory": "36"}),
    ("2x3090 64GB ram", {"accelerator": "RTX 3090", "count": "2", "ram": "64"}),
    ("2 RTX 3090s + 128 gigs", {"accelerator": "RTX 3090", "count": "2", "ram": "128"}),
    ("dual rtx 3090", {"accelerator": "RTX 3090", "count": "2"}),
    ("8xH100 2TB ram", {"accelerator": "H100", "count": "8", "ram": "2048"}),
    ("MI300X x8", {"accelerator": "MI300X", "count": "8"}),
    ("RTX 3060", {"accelerator": "RTX 3060"}),
    ("RTX 3060 12GB", {"accelerator": "RTX 3060 12 GB"}),
    ("rtx 4060 ti, 16 GB", {"accelerator": "RTX 4060 Ti 16 GB"}),
    ("rtx 4060 ti and 16 GB", {"accelerator": "RTX 4060 Ti", "ram": "16"}),
    ("4090 24GB 64GB", {"accelerator": "RTX 4090", "ram": "64"}),
    ("4090 48 GB VRAM", {"accelerator": "RTX 4090", "memory": "48"}),
    ("strix halo 128gb", {"accelerator": "Ryzen AI Max+ 395", "memory": "128"}),
    ("Ryzen AI Max+ 395", {"accelerator": "Ryzen AI Max+ 395"}),
    ("RTX 4070, 2x16GB RAM", {"accelerator": "RTX 4070", "ram": "32"}),
    ("RAM: 64 GB, GPU: RTX 4070", {"accelerator": "RTX 4070", "ram": "64"}),
    ("i9-13900K 64gb", {"ram": "64"}),
    ("4070, 64 GB DDR5 at 80 GB/s", {"accelerator": "RTX 4070", "ram": "64", "ram_bandwidth": "80"}),
    ("32 GB RAM", {"ram": "32"}),
    ("2x 24 GB VRAM", {"count": "2", "memory": "24"}),
    ("2 * RTX 3090", {"accelerator": "RTX 3090", "count": "2"}),
    ("2\u00d7 24Gi VRAM", {"count": "2", "memory": "24"}),
    ("RTX 3090 x 2, 2 \u00d7 16 GB RAM", {"accelerator": "RTX 3090", "count": "2", "ram": "32"}),
    ("RTX 3090, 2 \u00d7", {"accelerator": "RTX 3090", "count": "2"}),
    ("RTX 3060 12Gi and 32Gi", {"accelerator": "RTX 3060 12 GB", "ram": "32"}),
    ("RTX 3060 12 GB RAM", {"accelerator": "RTX 3060", "ram": "12"}),
    ("12288 MiB VRAM", {"memory": "12"}),
    ("MI300X 64 GB RAM", {"accelerator": "MI300X", "ram": "64"}),
]
PRINTED = [
    (NVIDIA_SMI, {"accelerator": "RTX 4060 Ti 16 GB", "count": "2"}),
    (NVIDIA_LIST, {"accelerator": "H100 SXM", "count": "2"}),
    (NVIDIA_MIG, {"memory": "10"}),
    (NVIDIA_CSV, {"accelerator": "RTX 3090", "count": "2"}),
    (ROCM_SMI, {"accelerator": "RX 7900 XTX"}),
    (ROCM_SMI_UNNAMED, {"accelerator": "RX 7900 XT"}),
    (ROCMINFO, {"accelerator": "MI300X"}),
    (MAC, {"accelerator": "Apple M3 Max", "memory": "64"}),
    (INTEL_MAC, {"ram": "32"}),
    (SYSCTL, {"accelerator": "Apple M1 Ultra", "memory": "64"}),
    (LSPCI, {"accelerator": "RTX 4070"}),
    (LSPCI_SLOWED, {"accelerator": "RTX 3060 8 GB"}),
    (LSPCI_LAPTOP, {"accelerator": "RTX 4060 Max-Q"}),
    (LSPCI_SERVER, {"accelerator": "A100 80 GB", "count": "2"}),
    (LSPCI + FREE_H, {"accelerator": "RTX 4070", "ram": "62"}),
    (FREE, {"ram": "62.6"}),
    (MEMINFO + LSCPU, {"ram": "62.6"}),
    ("Mem:  64199  5228  20722", {"ram": "62.6"}),
    (NEOFETCH, {"accelerator": "RTX 3090", "ram": "31.2"}),
    (" ".join(NEOFETCH.split("\n")), {"accelerator": "RTX 3090", "ram": "31.2"}),
    (FASTFETCH, {"accelerator": "RTX 4090", "ram": "31.3"}),
    (FASTFETCH_MAC, {"accelerator": "Apple M3 Pro", "memory": "18"}),
    (" ".join(FASTFETCH_MAC.split("\n")), {"accelerator": "Apple M3 Pro", "memory": "18"}),
    (NEOFETCH + NVIDIA_CSV, {"accelerator": "RTX 3090", "count": "2", "ram": "31.2"}),
    (
        "GPU: AMD ATI Radeon RX 6800/6800 XT / 6900 XT\nMemory: 900MiB / 15.5GiB",
        {"accelerator": "RX 6800", "ram": "15.5"},
    ),
    ("Memory: 8123MiB / 32051MiB", {"ram": "31.2"}),
    ("RTX 3090, Memory: 7.93 GiB / 31.30 GiB (25%)", {"accelerator": "RTX 3090", "ram": "31.3"}),
    (DXDIAG, {"accelerator": "RTX 4080", "ram": "32"}),
    (" ".join(DXDIAG.split("\n")), {"accelerator": "RTX 4080", "ram": "32"}),
    (DXDIAG.replace("\n", " / "), {"accelerator": "RTX 4080", "ram": "32"}),
    (f"System Model: PC\n{DXDIAG}\nAvailable OS Memory: 32560MB RAM", {"accelerator": "RTX 4080", "ram": "32"}),
    (
        DXDIAG.replace("RTX 4080", "NVIDIA GeForce RTX 3060").replace("16048", "12124"),
        {"accelerator": "RTX 3060 12 GB", "ram": "32"},
    ),
    ("Mem:  62  5  20", {"ram": "62"}),
]


@pytest.mark.parametrize(("text", "told"), [*TYPED, *PRINTED], ids=lambda value: str(value)[:40])
def test_a_machine_is_read(text, told):
    read = read_machine(text)
    assert dict(read.parameters) == told
    assert read.whole


@pytest.mark.parametrize(
    "text",
    [
        "\uff12\u00d7\uff13\uff10\uff19\uff10\uff0c\uff16\uff14 \uff27\uff22 \uff32\uff21\uff2d",
        "2x RTX\u200b 3090,\ufeff 64\u00a0GB RAM",
        "2\u202f\u00d7\u202fRTX\u20113090 + 64\u2009GB R\u00adAM",
    ],
    ids=ascii,
)
def test_it_is_no_matter_how_a_character_is_written(text):
    assert read_machine(text).parameters == {"accelerator": "RTX 3090", "count": "2", "ram": "64"}
    assert read_machine(text).whole


def test_a_card_is_found_by_its_name_with_characters_that_nobody_sees():
    assert read_name("RTX\u200b\u00a04090\u2122").label == "RTX 4090"


@pytest.mark.parametrize("memory", [", 64 GB RAM", " 64GB RAM", " and 64 GB", " + 64 GB DDR5 at 60 GB/s"])
def test_every_accelerator_is_read_with_memory_said_beside_it(memory):
    for label in (*accelerator_labels(), *general_names()):
        read = read_machine(f"{label}{memory}")
        assert (read.accelerator, read.count, read.unread) == (label, 1, ())
        assert (read.memory, read.ram) in {(64.0, None), (None, 64.0)}
        assert read.ram or accelerator_named(label).unified


def test_a_size_is_kept_as_it_is_and_told_to_a_tenth():
    read = read_machine(FREE)
    assert read.ram == 65739884 / 1024**2
    assert read.parameters == {"ram": "62.6"}


@pytest.mark.parametrize("text", ["780 m", "RX 9999M", "64m"])
def test_a_bare_m_is_no_unit(text):
    assert not read_machine(text).parameters


@pytest.mark.parametrize("text", [text for text, _ in PRINTED if "Mem" not in text and "name, " not in text])
def test_what_is_pasted_into_one_line_is_read_as_well(text):
    assert read_machine(text.replace("\n", " ")).parameters == read_machine(text).parameters


def test_windows_line_ends_are_no_matter():
    assert read_machine(NVIDIA_SMI.replace("\n", "\r\n")).parameters == read_machine(NVIDIA_SMI).parameters


def test_of_several_that_one_number_stands_for_the_least_is_taken_and_that_is_said():
    read = read_machine(LSPCI_AMD)
    assert read.whole
    assert accelerator_named(read.accelerator).memory == min(
        accelerator_named(name).memory for name in ("RX 7900 XT", "RX 7900 XTX", "RX 7900 GRE", "RX 7900M")
    )
    assert "7900 XT/7900 XTX" in " ".join(read.said)


def test_what_is_left_out_is_named():
    assert "UHD Graphics 770" in " ".join(read_machine(LSPCI).said)
    assert "RX 7600" in " ".join(read_machine("3090 and RX 7600").said)
    assert "Processor: AMD Ryzen 9 7950X" in " ".join(read_machine(LSCPU + MEMINFO).said)
    assert "MIG" in " ".join(read_machine(NVIDIA_MIG).said)
    assert "rocm-smi --showproductname" in " ".join(read_machine(ROCM_SMI_BARE).said)


def test_a_name_that_was_cut_off_is_named_and_its_memory_is_known():
    read = read_machine(NVIDIA_SMI_OLD)
    assert read.parameters == {"memory": "7.7"}
    assert not read.whole
    assert read.unread == ("GeForce RTX 207...",)
    assert "nvidia-smi -L" in " ".join(read.said)


@pytest.mark.parametrize(
    ("text", "unread", "near"),
    [
        ("RTX 4071 and 32 GB", "RTX 4071", "RTX 4070"),
        ("4070 frobnicate", "frobnicate", None),
        ("<script>alert(1)</script>", "<script>alert 1 </script>", None),
        ("999999999 GB RAM", "999999999 GB RAM", None),
    ],
)
def test_what_is_not_understood_is_named(text, unread, near):
    read = read_machine(text)
    assert unread in read.unread
    assert not read.whole
    assert near is None or near in read.near()[unread]


def test_a_size_alone_is_asked_about():
    read = read_machine("24 GB")
    assert (read.bare, read.told, read.whole) == (24.0, False, False)
    assert not read.parameters


@pytest.mark.parametrize("text", ["", " \n\t", "\0\0", "hello", "gpu", "my laptop"])
def test_nothing_is_made_of_nothing(text):
    read = read_machine(text)
    assert not read.told
    assert not read.parameters


def test_a_text_that_is_too_long_is_read_as_far_as_it_goes():
    read = read_machine(NVIDIA_LIST + "x" * MOST_CHARACTERS)
    assert read.accelerator == "H100 SXM"
    assert "characters were read" in " ".join(read.said)


HOSTILE = (
    "| 0 A", "GPU[0] : Card ", " ", "1x", "[", "Mem: ", "a b ", "1 gb ", "xeon-", "ryzen pro ", "MIG 1g.", ",", "x ",
    "9" * 50, "\u0661 gb ", "rtx ", "GPU 0: ", "| 0 NVIDIA ", "Chip: Apple M", "((((", "\u202e", "and ", "-L ", "GB/s ",
    "Memory: 1MiB / 2MiB GPU: a ", "VGA compatible controller: [/] ", "1 k ", "max context ",
)  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_text_is_harmless(part):
    """Twice the text takes no more than about twice as long: no expression looks at it again and again."""

    def seconds(length):
        text = (part * (length // len(part) + 1))[:length]
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            read_machine(text)
            best = min(best, time.process_time() - start)
        return best

    short, long = seconds(MOST_CHARACTERS // 8), seconds(MOST_CHARACTERS)
    assert long < 8 * 4 * max(short, 0.005)


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text):
    read = read_machine(text)
    assert read.told == bool(read.parameters.keys() - {"count", "ram_bandwidth"})


def test_parts_of_real_outputs_are_read_without_an_error():
    chance = random.Random(3)
    for text, _ in PRINTED:
        for _ in range(20):
            start = chance.randrange(len(text))
            read_machine(text[start : start + chance.randrange(400)])


def test_what_may_be_typed_goes_on_where_the_text_ends():
    assert completions("rtx 407")[0] == "RTX 4070"
    assert completions("32 GB RAM, rtx 407")[0] == "32 GB RAM, RTX 4070"
    assert completions("2x 309")[0].startswith("2x RTX 309")
    assert completions("RTX 4070") == [one for one in completions("RTX 4070") if one != "RTX 4070"]
    assert completions("") == []
    assert completions("RTX 4070 and 32 GB") == completions("16 GB") == []
