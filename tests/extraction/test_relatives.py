"""What relatives tell of a model: who is one, who is believed, and what is never taken from them."""

from __future__ import annotations

import json

import pytest

from compat.extraction.extract import extract, witness_of
from compat.extraction.facts import Provenance
from compat.extraction.relatives import MOST_OF_A_KIND, Kin, Witnesses, kin_of, shape_facts_by
from compat.hub.payloads import HubModel

SAFETENSORS = [{"rfilename": "model.safetensors"}]


def model(repo_id, model_type=None, *, made_from="", kind="quantized", context=None, count=None, **told):
    config = {"model_type": model_type, "max_position_embeddings": context}
    told.setdefault("siblings", SAFETENSORS)
    relation = f"base_model:{made_from}" if kind == "base" else f"base_model:{kind}:{made_from}"
    return HubModel(
        id=repo_id,
        config={key: value for key, value in config.items() if value is not None} or None,
        tags=[relation] if made_from else None,
        safetensors={"total": count} if count else None,
        **told,
    )


def gguf(repo_id, architecture, *, made_from="", context=None):
    return model(
        repo_id,
        made_from=made_from,
        siblings=[{"rfilename": "m-Q4_K_M.gguf"}],
        gguf={"architecture": architecture, "context_length": context},
    )


def read(one, *others):
    """The facts of one record among others."""
    witnesses = Witnesses(witness_of(other, extract(other)) for other in (one, *others))
    return extract(one, witnesses.relatives_of(witness_of(one, extract(one))))


def witness(repo_id, **told):
    one = model(repo_id, "llama", **told)
    return witness_of(one, extract(one))


def packed(repo_id, **told):
    """What a record of GGUF files that names no architecture tells its relatives."""
    one = model(repo_id, siblings=[{"rfilename": "m-Q4_K_M.gguf"}], **told)
    return witness_of(one, extract(one))


SILENT = model("maker/Thing-1B")


@pytest.mark.parametrize(
    ("one", "other", "kin"),
    [
        (witness("a/x", made_from="b/y"), witness("b/y"), Kin.BASE),
        (witness("a/x", made_from="b/y", kind="finetune"), witness("b/y"), Kin.BASE),
        (witness("b/y"), witness("a/x", made_from="b/y"), Kin.CONVERSION),
        (witness("a/x", made_from="b/y"), witness("c/z", made_from="b/y"), Kin.SIBLING),
        (witness("a/Thing-7B"), witness("b/thing-7b"), Kin.COPY),
        (witness("b/y"), witness("a/x", made_from="b/y", kind="finetune"), None),
        (witness("a/x", made_from="b/y", kind="adapter"), witness("b/y"), None),
        (witness("a/x", made_from="b/y", kind="merge"), witness("b/y"), None),
        (witness("a/x", made_from="b/y"), witness("c/z", made_from="b/y", kind="finetune"), None),
        (packed("a/Thing-7B-GGUF"), witness("b/thing-7b"), Kin.NAMED),
        (packed("a/Thing-7B-Q4_K_M-GGUF"), witness("b/Thing-7B"), Kin.NAMED),
        (packed("a/Maker_Thing-GGUF"), witness("Maker/Thing"), Kin.NAMED),
        (packed("a/DeepSeek-R1-GGUF"), witness("b/DeepSeek-R1-Distill-Qwen-7B"), None),
        (packed("a/Thing-7B-Merged-GGUF"), witness("b/Thing-7B"), None),
        (packed("a/gemma-3n-4B-GGUF"), witness("b/gemma-3-4B"), None),
        (packed("a/Thing-7B-VL-GGUF"), witness("b/Thing-7B"), None),
        (packed("a/Thing-7B-AWQ"), witness("b/Thing-7B"), None),
        (packed("a/my-model-GGUF"), witness("b/my-model"), None),
        (packed("a/Thing-7B-GGUF", made_from="c/d"), witness("b/Thing-7B"), None),
        (witness("b/Thing-7B"), packed("a/Thing-7B-GGUF"), None),
        (witness("a/my-model"), witness("b/my-model"), None),
        (witness("a/Thing-7B"), witness("a/Thing-7B"), None),
        (witness("a/x"), witness("b/y"), None),
    ],
)
def test_who_is_a_relative(one, other, kin):
    assert kin_of(one, other) is kin


def test_conversions_tell_what_their_model_leaves_out():
    conversions = [
        model(f"p{n}/Thing-1B-{n}bit", "phi3", made_from=SILENT.id, context=131_072, pipeline_tag="text-generation")
        for n in (3, 4, 8)
    ]
    found = read(SILENT, *conversions)
    assert (found.architecture.value, found.architecture.provenance) == ("phi3", Provenance.RELATIVES)
    assert (found.context.value, found.context.provenance) == (131_072, Provenance.RELATIVES)
    assert (found.task.value, found.task.provenance) == ("text-generation", Provenance.RELATIVES)
    named = "; ".join(f"p{n}/Thing-1B-{n}bit, a conversion of it" for n in (3, 4, 8))
    assert found.context.evidence == f"3 relatives were made for 131,072: {named}"


def test_relatives_that_disagree_tell_nothing_of_it():
    two = [
        model("p/a", "phi3", made_from=SILENT.id, context=4096),
        model("p/b", "phi3", made_from=SILENT.id, context=8192),
    ]
    found = read(SILENT, *two)
    assert found.architecture.value == "phi3"
    assert found.context.provenance is Provenance.DEFAULT
    assert not read(SILENT, two[0], model("p/c", "llama", made_from=SILENT.id)).architecture.known


def test_a_header_that_may_mean_several_architectures_only_agrees_or_not():
    as_llama = gguf("p/a-GGUF", "llama", made_from=SILENT.id, context=32_768)
    assert not read(SILENT, as_llama).architecture.known
    mistral = model("p/b", "mistral", made_from=SILENT.id)
    found = read(SILENT, as_llama, mistral)
    assert (found.architecture.value, found.architecture.provenance) == ("mistral", Provenance.RELATIVES)
    assert (found.context.value, found.context.provenance) == (32_768, Provenance.RELATIVE)
    assert not read(SILENT, as_llama, model("p/c", "phi3", made_from=SILENT.id)).architecture.known


def test_one_conversion_alone_is_not_believed_against_the_name():
    named = model("maker/Phi-4-thing")
    assert read(named).architecture.value == "phi3"
    rewritten = model("packer/phi-4-bnb-4bit", "llama", made_from=named.id)
    assert read(named, rewritten).architecture.provenance is Provenance.NAME
    again = model("other/phi-4-fp8", "llama", made_from=named.id)
    assert read(named, rewritten, again).architecture.value == "llama"
    agreeing = model("packer/phi-4-fp8", "phi3", made_from=named.id)
    assert read(named, agreeing).architecture.provenance is Provenance.RELATIVE


def test_one_relative_alone_is_not_believed_against_a_published_context():
    named = model("maker/OmniCoder-9B", "qwen3_5")
    assert (read(named).context.value, read(named).context.provenance) == (262_144, Provenance.KNOWN)
    cut = model("packer/OmniCoder-9B-cut", "qwen3_5", made_from=named.id, context=32_768)
    assert read(named, cut).context.value == 262_144
    assert read(named, cut, model("p/b", "qwen3_5", made_from=named.id, context=32_768)).context.value == 32_768


def test_a_conversion_to_another_architecture_tells_no_context():
    own = model("maker/Thing-1B", "phi3")
    assert read(own, model("p/a", "llama", made_from=own.id, context=4096)).context.provenance is Provenance.DEFAULT
    assert read(own, model("p/a", "phi3", made_from=own.id, context=4096)).context.value == 4096


def test_counts_come_from_the_base_and_copies_alone():
    base = model("maker/Thing-1B", "phi3", count=1_000_000_000)
    made = model("packer/Thing-1B-tuned", made_from=base.id, kind="finetune")
    assert (read(made, base).parameters.value, read(made, base).parameters.provenance) == (10**9, Provenance.RELATIVE)
    silent = model("other/Thing-1B", "phi3")
    assert read(silent, base).parameters.value == 10**9
    packed = model("p/a", "phi3", made_from=silent.id, count=900_000_000)
    assert read(silent, packed).parameters.provenance is Provenance.NAME


@pytest.mark.parametrize(("counts", "told"), [((1000, 1030), 1000), ((1000, 1031), None), ((1000, 1010, 1020), 1010)])
def test_counts_that_differ_by_more_than_a_table_are_not_believed(counts, told):
    copies = [model(f"p{n}/Thing-1B", "phi3", count=count * 10**6) for n, count in enumerate(counts)]
    found = read(model("maker/Thing-1B", "phi3"), *copies).parameters
    assert (found.value if found.provenance is Provenance.RELATIVES else None) == (told and told * 10**6)


@pytest.mark.parametrize(("count", "believed"), [(500, True), (499, False), (1900, True), (1901, False)])
def test_a_count_far_from_the_size_in_the_name_is_not_taken_over(count, believed):
    base = model("maker/Thing", "phi3", count=count * 10**6)
    found = read(model("packer/Thing-1B-small", made_from=base.id, kind="finetune"), base)
    assert (found.parameters.provenance is Provenance.RELATIVE) is believed


def test_what_a_record_has_from_relatives_is_not_handed_on():
    base = model("maker/Thing-1B", "phi3", context=4096)
    middle = model("packer/Thing-1B-tuned", made_from=base.id, kind="finetune")
    last = model("other/last", made_from=middle.id)
    assert read(middle, base, last).architecture.value == "phi3"
    heard = read(middle, base)
    told = witness_of(middle, heard)
    assert (told.architectures, told.context) == (frozenset(), None)
    assert not read(last, middle, base).architecture.known


def test_a_guess_is_no_witness():
    guessed = model("maker/Llama-3-8B")
    assert guessed.config is None
    assert not read(model("packer/made", made_from=guessed.id), guessed).architecture.known


def test_only_the_first_few_of_many_are_asked():
    many = [model(f"p{n:03}/x", "phi3", made_from=SILENT.id, context=4096) for n in range(MOST_OF_A_KIND)]
    late = model("z/x", "phi3", made_from=SILENT.id, context=8192)
    assert read(SILENT, *many, late).context.value == 4096
    assert read(SILENT, *many[1:], late).context.provenance is Provenance.DEFAULT


def test_a_conversion_by_its_name_alone_hears_others_but_is_none_for_them():
    others = [model(f"p{n}/Thing-{n}bit", "phi3", made_from="maker/Thing", context=4096) for n in (4, 8)]
    named = model("q/Thing-GGUF", made_from="maker/Thing", kind="base")
    assert read(named, *others).context.provenance is Provenance.RELATIVES
    assert not read(model("q/Other-GGUF", made_from="maker/Thing", kind="base"), *others).architecture.known
    upward = read(model("maker/Thing"), model("q/Thing-x", "phi3", made_from="maker/Thing", kind="base", context=4096))
    assert upward.context.provenance is Provenance.DEFAULT


def test_layers_are_told_by_who_read_an_architecture():
    read_it = model("a/x", "phi3")
    assert witness_of(read_it, extract(read_it), "{}").shape_facts == "{}"
    assert witness_of(SILENT, extract(SILENT), "{}").shape_facts == ""


# --- what its name alone tells ---------------------------------------------------------------------------------

UNTOLD = model("packer/Thing-1B-GGUF", siblings=[{"rfilename": "Thing-1B-Q4_K_M.gguf"}])
"""GGUF files of which nothing but the repository's name tells what they are of."""


def test_a_name_guesses_the_architecture_and_nothing_else():
    maker = model("maker/Thing-1B", "phi3", context=4096, count=1_100_000_000, pipeline_tag="text-generation")
    found, alone = read(UNTOLD, maker), read(UNTOLD)
    assert (found.architecture.value, found.architecture.provenance) == ("phi3", Provenance.NAME)
    assert found.architecture.evidence == "maker/Thing-1B, which it is named after, is “phi3”"
    assert (found.context, found.task, found.parameters) == (alone.context, alone.task, alone.parameters)
    assert found.family == "phi"


def test_models_of_one_name_that_are_not_alike_tell_nothing_by_it():
    makers = model("a/Thing-1B", "phi3"), model("b/Thing-1B", "llama")
    assert read(UNTOLD, makers[0], model("c/thing-1b", "phi3")).architecture.value == "phi3"
    assert not read(UNTOLD, *makers).architecture.known


def test_what_a_record_says_it_is_made_from_comes_before_its_name():
    maker = model("maker/Thing-1B", "phi3")
    made = model(UNTOLD.id, made_from="maker/Other", siblings=[{"rfilename": "m.gguf"}])
    assert not read(made, maker).architecture.known
    found = read(made, maker, model("maker/Other", "llama"))
    assert (found.architecture.value, found.architecture.provenance) == ("llama", Provenance.RELATIVE)


def test_what_is_read_of_a_copy_of_the_files_comes_before_their_name():
    found = read(UNTOLD, model("maker/Thing-1B", "phi3"), gguf("other/Thing-1B-GGUF", "qwen3"))
    assert (found.architecture.value, found.architecture.provenance) == ("qwen3", Provenance.RELATIVE)


def test_a_name_is_not_believed_against_what_its_first_words_or_its_id_tell():
    files = [{"rfilename": "m-Q4_K_M.gguf"}]
    named = model("packer/Qwen3-8B-GGUF", siblings=files)
    other = read(named, model("maker/Qwen3-8B", "llama"))
    assert (other.architecture.value, other.architecture.provenance) == ("qwen3", Provenance.NAME)
    assert other.architecture.evidence == "its name begins with “qwen3”"


def test_the_layers_are_of_the_nearest_relative_that_tells_any():
    def of(repo_id, **shape):
        return witness_of(model(repo_id, "llama"), extract(model(repo_id, "llama")), json.dumps(shape))

    told, untold = of("b/Thing-1B", num_hidden_layers=16), of("a/Thing-1B", model_type="llama")
    relatives = Witnesses([told, untold]).relatives_of(packed(UNTOLD.id))
    assert [one.witness.repo_id for one in relatives] == ["a/Thing-1B", "b/Thing-1B"]
    assert shape_facts_by(relatives) == told.shape_facts
    assert shape_facts_by(relatives[:1]) == untold.shape_facts
    assert shape_facts_by(()) == ""
