"""What people call an accelerator: one of the list, or none; never one of several."""

from __future__ import annotations

import pytest

from compat.catalogue.accelerator_names import as_listed
from compat.catalogue.workers import accelerator_labels
from tests.markup import Page


@pytest.mark.parametrize(
    ("spelled", "label"),
    [
        ("4070", "RTX 4070"),
        ("rtx 4070", "RTX 4070"),
        ("RTX4070", "RTX 4070"),
        ("NVIDIA GeForce RTX 4070", "RTX 4070"),
        ("Radeon RX 7900 XTX", "RX 7900 XTX"),
        ("7900 xtx", "RX 7900 XTX"),
        ("M3 Max", "Apple M3 Max"),
        ("Tesla P40", "P40"),
        ("NVIDIA RTX A6000", "RTX A6000"),
        ("A100 80GB", "A100 80 GB"),
        ("3060 12GB", "RTX 3060 12 GB"),
        ("MI300X", "MI300"),
        ("AMD Instinct MI300X", "MI300"),
        ("AMD Instinct MI250", "MI250"),
        ("strix halo", "Ryzen AI Max+ 395"),
        ("Strix-Halo", "Ryzen AI Max+ 395"),
    ],
)
def test_one_is_known_by_what_people_and_drivers_call_it(spelled, label):
    assert as_listed(spelled) == label


@pytest.mark.parametrize(
    "spelled", ["RTX 3060", "a100", "MI300A", "strix point", "rtx", "40", "", "nvidia", "x" * 10_000]
)
def test_what_may_be_several_or_none_stays_as_it_was_told(spelled):
    assert as_listed(spelled) == spelled


def test_an_mi300x_is_what_its_maker_tells():
    found = accelerator_labels()[as_listed("MI300X")]
    assert (found.memory, found.bandwidth, found.gfx) == (192 * 2**30, 5.3e12, "gfx942")


def test_every_label_is_itself():
    assert [as_listed(label) for label in accelerator_labels()] == list(accelerator_labels())


@pytest.mark.django_db
def test_pages_and_api_take_it_and_show_the_label(client):
    page = Page(client.get("/models/?worker=llama-cpp&accelerator=nvidia+geforce+rtx+4070"))
    assert "llama.cpp · RTX 4070" in page.text
    listed = client.get("/api/v1/models?worker=llama-cpp&accelerator=4070&limit=1").json()
    assert listed["worker"]["machine"]["accelerator"] == "RTX 4070"
