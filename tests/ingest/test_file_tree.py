"""The tree of a repository's files: asked for where sizes are left out, once a commit, and never forgotten at it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from compat.hub import HubSettings
from compat.hub.documents import Kind, told
from compat.hub.payloads import HubModel
from compat.ingest import store as sync
from compat.ingest.file_tree import lacks_sizes
from compat.models import ModelRecord
from compat.tasks import fetch_now
from tests.hub_server import HubServer
from tests.ingest.conftest import NO_WAITING

ONE = "sample/one"
OLD, NEW = "0" * 40, "f" * 40
NOW = timezone.now()
UNSIZED = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
SIZED = [{"rfilename": "config.json", "size": 5}, {"rfilename": "model.safetensors", "size": 4_000_000_000}]
MORE = [*SIZED, {"rfilename": "model-Q4_K_M.gguf", "size": 1_000_000_000}]


@pytest.mark.parametrize(
    ("files", "lacking"),
    [
        (None, True),
        ([], False),
        (SIZED, False),
        (UNSIZED, True),
        ([{"rfilename": "README.md"}, SIZED[1]], False),
        ([{"rfilename": "m.safetensors", "lfs": {"size": 7}}], False),
        ([{"rfilename": "m.gguf", "size": 7}, {"rfilename": "mmproj-F16.gguf"}], True),
        ([{"rfilename": "model-00001-of-00002.safetensors", "size": 7}], True),
        ([{"rfilename": f"model-0000{n}-of-00002.safetensors", "size": 7} for n in (1, 2)], False),
    ],
)
def test_an_answer_lacks_sizes_where_weights_have_none_or_parts_are_missing(files, lacking):
    assert lacks_sizes(HubModel(id=ONE, siblings=files)) is lacking


# --- among other documents -----------------------------------------------------------------------------------------


def answer(kind, sha=NEW, minutes=0, files=UNSIZED, more=None, **fields):
    told_ = {"id": ONE, "sha": sha, "likes": minutes, **fields, **({} if files is None else {"siblings": files})}
    return told(kind, told_, NOW + timedelta(minutes=minutes), more or {}, whole=kind is Kind.DETAIL)


def with_tree(sha=NEW, minutes=0, files=UNSIZED, tree=MORE):
    return answer(Kind.DETAIL, sha, minutes, files, {Kind.TREE: {"siblings": tree}})


def store(*batch):
    for one in batch:
        sync.store_told([one], origin="hub")


def kept():
    return ModelRecord.objects.get(repo_id=ONE)


def everything():
    found = kept()
    documents = found.documents.order_by("kind").values_list("kind", "sha", "read", "data")
    kept_documents = [(kind, sha, read, bytes(data)) for kind, sha, read, data in documents]
    return found.payload, list(found.variants.values_list("key", "size_bytes")), kept_documents


@pytest.mark.django_db
@pytest.mark.parametrize(
    "later",
    [
        answer(Kind.LIST, minutes=5),
        answer(Kind.LIST, minutes=5, files=None),
        answer(Kind.DETAIL, minutes=5),
        answer(Kind.DETAIL, minutes=5, files=SIZED[:1]),
    ],
)
def test_no_later_answer_at_the_commit_erases_the_tree(later):
    store(with_tree())
    before = list(kept().variants.values_list("key", "size_bytes"))
    assert before == [("safetensors", 4_000_000_000), ("gguf:model-Q4_K_M", 1_000_000_000)]
    store(later)
    assert list(kept().variants.values_list("key", "size_bytes")) == before
    assert kept().size_bytes == 5_000_000_005
    assert kept().likes == 5


@pytest.mark.django_db
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_in_whatever_order_answers_arrive_the_end_is_the_same(order):
    answers = [with_tree(OLD, 1, tree=SIZED), answer(Kind.LIST, NEW, 3), with_tree(NEW, 2), answer(Kind.LIST, NEW, 4)]
    for number in range(4):
        store(answers[number])
    expected = everything()
    assert [file["rfilename"] for file in expected[0]["siblings"]] == [file["rfilename"] for file in MORE]
    ModelRecord.objects.filter(repo_id=ONE).delete()
    for number in order:
        store(answers[number])
    assert everything() == expected


@pytest.mark.django_db
def test_a_tree_of_an_older_commit_tells_nothing_of_a_new_one():
    store(with_tree(OLD), answer(Kind.LIST, NEW, 5))
    assert kept().variants.get().size_bytes is None
    assert kept().lacks_documents
    store(with_tree(NEW, 9, tree=SIZED))
    assert kept().variants.get().size_bytes == 4_000_000_000
    assert set(kept().documents.values_list("sha", flat=True)) == {NEW}


# --- against a Hub -------------------------------------------------------------------------------------------------


@pytest.fixture
def at(settings):
    """The site asks the Hub given."""

    def point(hub, **changes):
        settings.HUB = replace(HubSettings(endpoint=hub.url, **NO_WAITING), **changes)

    return point


def trees(hub):
    return [path for path in hub.paths() if "/tree/" in path]


@pytest.mark.django_db
def test_a_hub_whose_answers_leave_sizes_out_is_asked_for_the_tree_once_a_commit(at):
    with HubServer([{"id": ONE, "sha": NEW, "siblings": SIZED}]) as hub:
        hub.tells_sizes = False
        at(hub)
        assert [fetch_now(ONE)[1] for _ in range(3)] == ["new", "unchanged", "unchanged"]
        assert trees(hub) == [f"/api/models/{ONE}/tree/{NEW}"]
        assert kept().variants.get().size_bytes == 4_000_000_000
        hub.put({"id": ONE, "sha": OLD, "siblings": MORE})
        fetch_now(ONE)
        assert trees(hub)[1:] == [f"/api/models/{ONE}/tree/{OLD}"]
    assert kept().variants.count() == 2


@pytest.mark.django_db
def test_a_hub_that_tells_sizes_is_not_asked_for_the_tree(at):
    with HubServer([{"id": ONE, "sha": NEW, "siblings": SIZED}]) as hub:
        at(hub)
        fetch_now(ONE)
        assert trees(hub) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fault", "asked_again"),
    [
        ({"status": 404}, True),
        ({"status": 500}, True),
        ({"status": 403}, True),
        ({"cut_after": 5}, True),
        ({"body": b"<html>"}, True),
        ({"body": b"{}"}, False),
        ({"body": b'[{"type": "file"}]'}, False),
        ({"body": b'[{"type": "file", "path": "a", "size": -1}]'}, False),
    ],
    ids=str,
)
def test_a_tree_that_cannot_be_had_costs_nothing_else(at, fault, asked_again):
    with HubServer([{"id": ONE, "sha": NEW, "siblings": SIZED, "likes": 7}]) as hub:
        hub.tells_sizes = False
        at(hub)
        hub.fail_next(NO_WAITING["max_attempts"], path="/tree/", **fault)
        assert fetch_now(ONE)[1] == "new"
        assert (kept().likes, kept().variants.get().size_bytes) == (7, None)
        before = len(trees(hub))
        fetch_now(ONE)
        assert (len(trees(hub)) > before) is asked_again
