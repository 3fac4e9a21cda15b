"""What a record leaves out, its relatives' records tell: in any order of arrival, and never more than that."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from compat import catalogue as queries
from compat import check_model_compatibility, check_model_worker_compatibility
from compat.catalogue.question import Question
from compat.catalogue.workers import workers
from compat.engines.confidence import Confidence
from compat.engines.evidence import sureness
from compat.extraction.facts import Provenance, VariantFacts
from compat.hub.payloads import parse_record
from compat.ingest import store as sync
from compat.ingest.reading import extract_again
from compat.models import Catalogue, ModelRecord, Verdict
from compat.models.engines import engines
from compat.models.lineage import extraction_of
from tests.samples import every_record, record, whole

pytestmark = pytest.mark.django_db

BASE = "sample/base"
MADE = "sample/made-GGUF"
FILES = [{"rfilename": "made-Q4_K_M.gguf", "size": 1_800_000_000}]


def base(**changes):
    """Phi-2 under a name that tells nothing."""
    return record("microsoft/phi-2", id=BASE) | changes


def made(kind="quantized", of=(BASE,), **changes):
    """A conversion whose record tells nothing but its files and what it was made from."""
    tags = [tag for one in of for tag in (f"base_model:{one}", f"base_model:{kind}:{one}")]
    return {"id": MADE, "siblings": FILES, "tags": ["gguf", *tags]} | changes


def store(*batches):
    for batch in batches:
        assert not sync.store_raw([(item["id"], item) for item in batch], origin="file").rejected
    return ModelRecord.objects.get(repo_id=MADE)


def told(kept):
    return kept.architecture, kept.architecture_from, kept.context, kept.task


ORDERS = {
    "one batch, base first": lambda a, b: ([a, b],),
    "one batch, base last": lambda a, b: ([b, a],),
    "two batches, base first": lambda a, b: ([a], [b]),
    "two batches, base last": lambda a, b: ([b], [a]),
}


@pytest.mark.parametrize("order", ORDERS)
def test_architecture_context_and_task_come_from_the_base(order):
    kept = store(*ORDERS[order](base(), made()))
    assert told(kept) == ("phi", "relative", 2048, "text-generation")
    assert kept.family == "phi"
    assert kept.shape_facts
    verdict = Verdict.objects.get(sheet=kept.sheet_id, profile="rbee")
    assert verdict.result.confidence == "low"
    assert "guess" in " ".join(verdict.result.codes) or verdict.result.warnings
    assert verdict.results == [verdict.result.as_stored()]


def test_the_order_of_arrival_makes_no_difference():
    found = []
    for make in ORDERS.values():
        ModelRecord.objects.filter(repo_id__startswith="sample/").delete()
        kept = store(*make(base(), made()))
        found.append((told(kept), kept.sheet_id, kept.shape_facts, kept.formats, kept.digest))
    assert len(set(found)) == 1


def test_without_its_base_a_record_is_not_judged():
    kept = store([made()])
    assert told(kept) == ("", "unknown", None, "")
    assert Verdict.objects.get(sheet=kept.sheet_id, profile="rbee").cause == "unknown"


def test_no_engine_is_surer_than_such_facts_were_right():
    kept = store([base(), made()])
    level = sureness("architecture", Provenance.RELATIVE)
    for verdict in Verdict.objects.filter(sheet=kept.sheet_id):
        assert verdict.confidence <= level, verdict.profile
    assert Verdict.objects.filter(sheet=kept.sheet_id, confidence__gt=0).count() >= 2


def test_the_page_says_where_each_fact_comes_from(client):
    store([base(), made()])
    extraction = queries.detail(MADE, Question(), workers()).extraction
    assert extraction.architecture.provenance is extraction.context.provenance is Provenance.RELATIVE
    assert extraction.task.provenance is Provenance.RELATIVE
    assert extraction.architecture.evidence == f"{BASE}, which it is made from, is “phi”"
    assert extraction.context.evidence == f"{BASE}, which it is made from, was made for 2,048"
    assert extraction.task.evidence == f"{BASE}, which it is made from, is made for text-generation"
    page = client.get(f"/models/{MADE}/").content.decode()
    assert f"{BASE}, which it is made from, is “phi”" in page
    assert "a relative&#x27;s record" in page


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "adapter"},
        {"kind": "merge"},
        {"of": (BASE, "sample/other")},
        {"of": ("sample/nowhere",)},
        {"tags": ["gguf"]},
    ],
    ids=str,
)
def test_what_may_be_like_none_of_its_bases_inherits_nothing(changes):
    kept = store([base(), base(id="sample/other"), made(**changes)])
    assert kept.architecture_from == "unknown"


@pytest.mark.parametrize("kind", ["quantized", "finetune"])
def test_conversions_and_tunes_inherit(kind):
    assert store([base(), made(kind)]).architecture_from == "relative"


def test_a_base_named_on_the_card_counts_too():
    kept = store([base(), made(tags=["gguf"], cardData={"base_model": BASE})])
    assert kept.architecture_from == "relative"


def test_a_record_that_tells_its_own_is_never_changed():
    alone = store([made(config={"model_type": "llama", "max_position_embeddings": 4096})])
    before = (told(alone), alone.sheet_id, alone.updated)
    after = store([base()])
    assert (told(after), after.sheet_id, after.updated) == before
    assert told(after)[:3] == ("llama", "config", 4096)


def test_an_own_context_and_task_stay_where_only_the_architecture_is_missing():
    kept = store([base(), made(config={"max_position_embeddings": 1024}, pipeline_tag="feature-extraction")])
    assert told(kept) == ("phi", "relative", 1024, "feature-extraction")


def test_a_guess_from_the_name_gives_way_to_the_base():
    item = made() | {"id": "sample/Llama-3-8B-made"}
    sync.store_raw([("1", item), ("2", base())], origin="file")
    kept = ModelRecord.objects.get(repo_id="sample/Llama-3-8B-made")
    assert (kept.architecture, kept.architecture_from) == ("phi", "relative")


def test_a_base_that_only_guesses_or_inherits_itself_is_no_witness():
    guessed = {"id": BASE, "siblings": [{"rfilename": "model.safetensors"}]}
    assert store([guessed, made()]).architecture_from == "unknown"
    inherited = {"id": BASE, "tags": ["base_model:microsoft/phi-2"], "siblings": FILES}
    assert store([inherited]).architecture_from == "unknown"
    assert ModelRecord.objects.get(repo_id=BASE).architecture_from == "relative"


def test_a_model_that_names_itself_as_base_is_no_riddle():
    kept = store([made(of=(MADE,))])
    assert kept.architecture_from == "unknown"
    two = [made(of=(BASE,)), {"id": BASE, "tags": [f"base_model:{MADE}"], "siblings": FILES}]
    assert store(two).architecture_from == "unknown"


def test_a_relative_that_arrives_again_changes_nothing():
    kept = store([made()], [base()])
    ids = list(kept.variants.values_list("pk", flat=True))
    version = Catalogue.objects.get().version
    store([base()])
    assert Catalogue.objects.get().version == version
    store([base(downloads=77)])
    assert list(kept.variants.values_list("pk", flat=True)) == ids


SILENT = {"id": "sample/silent-3B", "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]}
"""A model whose own record tells nothing but its files."""


def conversion(number, **changes):
    tags = [f"base_model:{SILENT['id']}", f"base_model:quantized:{SILENT['id']}"]
    return record("microsoft/phi-2", id=f"packer{number}/silent-3B-{number}bit", tags=tags) | changes


@pytest.mark.parametrize("order", range(4))
def test_conversions_and_copies_speak_for_their_model_whenever_they_arrive(order):
    copy = base(id="other/Silent-3B")
    batches = [
        [[SILENT, conversion(4), conversion(8), copy]],
        [[copy, conversion(8)], [conversion(4), SILENT]],
        [[SILENT], [conversion(4)], [conversion(8)], [copy]],
        [[conversion(4)], [SILENT], [copy, conversion(8)]],
    ][order]
    for batch in batches:
        assert not sync.store_raw([(item["id"], item) for item in batch], origin="file").rejected
    kept = ModelRecord.objects.get(repo_id=SILENT["id"])
    assert told(kept) == ("phi", "relatives", 2048, "text-generation")
    assert kept.shape_facts == ModelRecord.objects.get(repo_id=copy["id"]).shape_facts
    assert (kept.parameters, kept.parameters_from) == (2_779_683_840, "relative")
    alone = extraction_of(parse_record(SILENT).model)
    assert alone.judged == tuple(VariantFacts.from_json(facts) for facts in kept.sheet.facts)
    assert extraction_of(parse_record(SILENT).model, heard=True) == alone


def test_a_base_that_has_its_context_from_relatives_still_tells_its_layers():
    told_layers = base(config={"model_type": "phi", "num_hidden_layers": 32, "hidden_size": 2560})
    sync.store_raw([("1", told_layers), ("2", made())], origin="file")
    assert ModelRecord.objects.get(repo_id=MADE).shape_facts == ModelRecord.objects.get(repo_id=BASE).shape_facts != ""


@pytest.mark.parametrize("order", ORDERS)
def test_a_conversion_of_which_the_hub_tells_the_kind_alone_has_the_layers_of_its_base(order):
    """The Hub's own answers have no dimensions in ``config``; how the weights are packed is its own."""
    packing = {"quant_method": "awq", "bits": 4, "group_size": 64}
    told = {"architectures": ["PhiForCausalLM"], "model_type": "phi", "quantization_config": packing}
    files = [{"rfilename": "model.safetensors"}]
    kept = store(*ORDERS[order](base(), made(config=told, siblings=files, tags=["safetensors", *made()["tags"][1:]])))
    facts, of_base = json.loads(kept.shape_facts), json.loads(ModelRecord.objects.get(repo_id=BASE).shape_facts)
    assert facts.pop("quantization_config") == {"group_size": 64}
    assert of_base.pop("quantization_config", None) is None
    assert facts == of_base
    assert facts["num_hidden_layers"] == 32


@pytest.mark.parametrize("kind", ["finetune", "base"])
def test_what_may_be_a_tune_and_tells_its_kind_alone_is_not_given_layers(kind):
    """What was stretched out of copies of layers is called so too."""
    told = {"architectures": ["PhiForCausalLM"], "model_type": "phi"}
    kept = store([base(id="sample/made"), made(kind, of=("sample/made",), config=told)])
    assert json.loads(kept.shape_facts) == {"model_type": "phi"}


def test_other_conversions_of_its_model_speak_for_one_whose_base_is_not_here():
    tags = conversion(3)["tags"]
    silent = {"id": "sample/silent-3B-GGUF", "siblings": FILES, "tags": ["gguf", *tags]}
    sync.store_raw([("1", silent)], origin="file")
    assert ModelRecord.objects.get(repo_id=silent["id"]).architecture == ""
    sync.store_raw([("1", conversion(4)), ("2", conversion(8))], origin="file")
    kept = ModelRecord.objects.get(repo_id=silent["id"])
    assert told(kept) == ("phi", "relatives", 2048, "text-generation")


def test_a_relative_that_says_otherwise_later_takes_back_what_was_told():
    sync.store_raw([("1", SILENT), ("2", conversion(4)), ("3", conversion(8))], origin="file")
    other = conversion(8, config={"model_type": "llama"})
    sync.store_told([whole(other, "hub")], origin="hub")
    assert ModelRecord.objects.get(repo_id=SILENT["id"]).architecture == ""


def test_as_sure_as_relatives_that_agree_were_right():
    sync.store_raw([("1", SILENT), ("2", conversion(4)), ("3", conversion(8))], origin="file")
    kept = ModelRecord.objects.get(repo_id=SILENT["id"])
    level = sureness("architecture", Provenance.RELATIVES)
    verdict = Verdict.objects.get(sheet=kept.sheet_id, profile="transformers")
    assert verdict.confidence == level
    assert level > sureness("architecture", Provenance.RELATIVE)


def test_inheriting_keeps_where_a_record_comes_from():
    sync.store_told([whole(made(), "hub")], origin="hub")
    before = ModelRecord.objects.get(repo_id=MADE)
    after = store([base()])
    assert after.architecture_from == "relative"
    assert (after.origin, after.fetched, after.as_of, after.digest) == (
        "hub",
        before.fetched,
        before.as_of,
        before.digest,
    )


def test_reading_everything_again_keeps_what_was_inherited():
    before = told(store([base(), made()]))
    extract_again()
    assert told(ModelRecord.objects.get(repo_id=MADE)) == before


def test_fetching_a_base_later_is_seen_by_the_functions():
    store([made()])
    assert check_model_compatibility(made()).cause == "unknown"
    store([base()])
    assert check_model_compatibility(made()).confidence == "low"
    assert check_model_compatibility(ModelRecord.objects.get(repo_id=MADE)).confidence == "low"


# --- what a name alone tells -----------------------------------------------------------------------------------

MODEL, PACKED = "maker/Thing-3B", "packer/Thing-3B-GGUF"
LAYERS = {"model_type": "phi", "num_hidden_layers": 32, "hidden_size": 2560, "num_attention_heads": 32}


def packing(**changes):
    """GGUF files of which nothing but their repository's name tells what they are of."""
    return {"id": PACKED, "siblings": FILES, "tags": ["gguf"]} | changes


def model(**changes):
    return base(id=MODEL, config=LAYERS) | changes


def kept_packing(*batches):
    for batch in batches:
        assert not sync.store_raw([(item["id"], item) for item in batch], origin="file").rejected
    return ModelRecord.objects.get(repo_id=PACKED)


def guessed(kept):
    return kept.architecture, kept.architecture_from, kept.shape_facts


NAMED = ("phi", "name", json.dumps(LAYERS, sort_keys=True, separators=(",", ":")))
UNTOLD = ("", "unknown", "")


@pytest.mark.parametrize("order", ORDERS)
def test_a_name_guesses_architecture_and_layers_whatever_arrives_first(order):
    kept = kept_packing(*ORDERS[order](model(), packing()))
    assert guessed(kept) == NAMED
    assert (kept.context, kept.task, kept.license, kept.gated) == (None, "", "", "")


@pytest.mark.parametrize(
    ("packer", "maker", "known"),
    [
        ("packer/maker_Thing-GGUF", "maker/Thing", True),
        ("packer/Maker_Thing-GGUF", "Maker/Thing", True),
        ("packer/Thing-3B-i1-GGUF", "maker/thing-3b", True),
        ("packer/Thing-GGUF", "maker/Thing", False),
        ("packer/Thing-3B-Distill-GGUF", "maker/Thing-3B", False),
        ("packer/Thing-3B-GGUF", "maker/Thing-3B-Instruct", False),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
def test_which_model_a_name_tells_whatever_arrives_first(packer, maker, known, order):
    for batch in ORDERS[order](model(id=maker), packing(id=packer)):
        sync.store_raw([(item["id"], item) for item in batch], origin="file")
    assert (ModelRecord.objects.get(repo_id=packer).architecture == "phi") is known


def test_a_guess_by_name_promises_nothing_and_refuses_nothing():
    unknown = kept_packing([packing()])
    refused = {one.profile for one in Verdict.objects.filter(sheet=unknown.sheet_id) if one.cause != "unknown"}
    kept = kept_packing([model()])
    for verdict in Verdict.objects.filter(sheet=kept.sheet_id):
        assert verdict.confidence <= Confidence.LOW, verdict.profile
        assert verdict.cause in ("", "unknown") or verdict.profile in refused, verdict.profile
    llama = Verdict.objects.get(sheet=kept.sheet_id, profile="llama-cpp")
    assert (llama.confidence, llama.result.brief) == (Confidence.LOW, "architecture guessed")


def test_the_page_says_that_architecture_and_layers_are_guessed(client):
    kept_packing([model(), packing()])
    page = client.get(f"/models/{PACKED}/?worker=llama-cpp&accelerator=RTX+4090").content.decode()
    assert f"{MODEL}, which it is named after, is “phi”" in page
    assert "guessed from the name" in page
    assert "layers and heads from the record of the model it is named after" in page


def test_what_goes_in_only_without_the_cache_that_is_guessed_is_not_refused():
    """Its file of 1.8 GB goes into 3 GB, and not with the cache of 32 layers."""
    kept_packing([model(), packing()])
    asked = Question(worker="llama-cpp", accelerator="RTX 4090", memory=3)
    row = queries.detail(PACKED, asked, workers()).row
    listed = asked.changed(q="packer thing-3b", unit="repository")
    assert [one.record.repo_id for one in queries.browse(listed).rows] == [PACKED]
    assert not queries.browse(listed.changed(memory=1)).rows
    assert (row.result.compatible, row.result.brief) == (True, "cache only guessed")
    assert "with the layers of the model it is named after" in " ".join(row.result.warnings)
    small = queries.detail(PACKED, Question(worker="llama-cpp", accelerator="RTX 4090", memory=1), workers()).row
    assert small.result.cause == "memory"


def test_another_model_of_the_name_that_is_not_alike_takes_the_guess_back():
    other = model(id="other/Thing-3B", config=LAYERS | {"model_type": "llama"})
    assert guessed(kept_packing([packing()], [model()], [other])) == UNTOLD
    sync.store_told([whole(model(id="other/Thing-3B"), "hub")], origin="hub")
    assert guessed(kept_packing()) == NAMED


def test_a_model_that_changes_changes_what_is_guessed():
    kept = kept_packing([packing(), model()], [model(config=LAYERS | {"num_hidden_layers": 24})])
    assert '"num_hidden_layers":24' in kept.shape_facts
    assert guessed(kept_packing([{"id": MODEL, "siblings": FILES}])) == UNTOLD


def test_a_record_that_tells_its_own_later_is_guessed_no_more():
    kept = kept_packing([packing(), model()], [packing(config={"model_type": "llama"})])
    assert guessed(kept)[:2] == ("llama", "config")
    assert kept.packed_model is None


def test_a_record_that_says_later_what_it_is_made_from_is_guessed_no_more():
    kept = kept_packing([packing(), model()], [packing(tags=["gguf", "base_model:maker/other"])])
    assert guessed(kept) == UNTOLD


def test_reading_everything_again_fills_what_an_older_version_did_not_know():
    kept_packing([packing(), model()])
    ModelRecord.objects.filter(repo_id=PACKED).update(
        packed_model=None, architecture="", architecture_from="unknown", shape_facts=""
    )
    extract_again()
    kept = kept_packing()
    assert guessed(kept) == NAMED
    assert kept.packed_model == "thing-3b"


def test_the_functions_see_what_is_guessed():
    kept_packing([model(), packing()])
    assert check_model_worker_compatibility(packing(), "llama-cpp").confidence == "low"
    found = extraction_of(parse_record(packing()).model)
    assert found.architecture == queries.detail(PACKED, Question(), workers()).extraction.architecture


@pytest.mark.parametrize("index", ["record_by_packed_model"])
def test_whom_an_arrival_concerns_is_looked_up_in_an_index(index):
    kept_packing([packing()])
    found = ModelRecord.objects.filter(packed_model__in=["thing-3b", "maker_thing-3b"])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert index in found.explain()


# --- the functions ---------------------------------------------------------------------------------------------


def test_the_bundled_sample_has_records_that_inherit():
    assert ModelRecord.objects.filter(architecture_from="relative").count() >= 3


def test_functions_and_stored_verdicts_agree_for_every_record():
    stored = {(verdict.sheet_id, verdict.profile): verdict.result for verdict in Verdict.objects.all()}
    items = {item["id"]: item for item in every_record()}
    for kept in ModelRecord.objects.prefetch_related("documents"):
        expected = stored[kept.sheet_id, "rbee"]
        assert check_model_compatibility(kept) == expected, kept.repo_id
        assert check_model_compatibility(items[kept.repo_id]) == expected, kept.repo_id


def test_functions_and_stored_verdicts_agree_on_every_engine():
    for slug in engines():
        verdicts = {verdict.sheet_id: verdict.result for verdict in Verdict.objects.filter(profile=slug)}
        for kept in ModelRecord.objects.prefetch_related("documents").order_by("pk")[::6]:
            found = check_model_worker_compatibility(kept, slug)
            assert found == verdicts[kept.sheet_id], (slug, kept.repo_id)
            assert check_model_worker_compatibility(kept.payload, slug) == found


def test_an_extraction_takes_two_queries_at_most(django_assert_max_num_queries):
    for item in every_record()[:60]:
        with django_assert_max_num_queries(2):
            extraction_of(parse_record(item).model)
