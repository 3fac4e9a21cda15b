"""Are the weights in a format the engine loads?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from compat.engines.evidence import sureness
from compat.engines.profile import EngineProfile, join_words
from compat.extraction.extract import format_label
from compat.extraction.facts import BY_RANK, IN_FOLDER, INDEXED, PICKLED, PREFIXED, RENAMED, Provenance, VariantFacts
from compat.extraction.variants import EITHER, MISTRAL, PADDLE, TRANSFORMERS
from compat.rules.result import Confidence, Finding, Severity

CODE = "format"


def check(facts: VariantFacts, profile: EngineProfile) -> tuple[Finding, ...]:
    """The format must be on the engine's list, which also says how sure a verdict for it can be."""
    guessed = facts.format_from.guessed
    followed = facts.format_from is Provenance.PACKING
    if facts.no_weights and (facts.format is None or guessed or followed):
        return _PROJECTOR_ALONE if facts.projector else _NO_WEIGHTS
    found = _findings(profile, _Files(facts.format, facts.layout, facts.file_names, facts.sharded, guessed))
    return (*found, _followed()) if followed else found


_FETCH = Finding("unknown", Severity.RECOMMENDS, "Fetch this model from the Hub: its file list tells the format.")
_GUESSED = Finding(
    "guess",
    Severity.WARNS,
    "The file format is not told, only likely.",
    "format guessed",
    Confidence.LOW,
)
_NO_WEIGHTS = (
    Finding(
        "unknown",
        Severity.BLOCKS,
        "Its file list holds no weights that this site knows (they may be on another branch).",
        "no weights listed",
    ),
    Finding("unknown", Severity.RECOMMENDS, "Look at its branches on the Hub, or for another upload of this model."),
)
_PROJECTOR_ALONE = (
    Finding(
        "format",
        Severity.BLOCKS,
        "Its files are a projector (mmproj) for images or sound alone, which stands beside a model's own file.",
        "projector only",
    ),
    Finding("format", Severity.RECOMMENDS, "Take the model it belongs to, and this file beside it."),
)


@cache
def _followed() -> Finding:
    """That the format was not told, with how sure a verdict can be for it."""
    sure = sureness(CODE, Provenance.PACKING)
    text = f"Its record does not tell the file format, which is told by {Provenance.PACKING.label}."
    return Finding("guess", Severity.WARNS, text, "" if sure is Confidence.HIGH else "format not told", sure)


class _Files(NamedTuple):
    """What of a variant's facts is about its files."""

    format: str | None
    layout: str | None
    names: str | None
    sharded: bool
    guessed: bool


@lru_cache(maxsize=1024)
def _findings(profile: EngineProfile, files: _Files) -> tuple[Finding, ...]:
    return tuple(_check(profile, files))


def _check(profile: EngineProfile, files: _Files) -> Iterator[Finding]:
    format_ = files.format
    if format_ is None:
        yield Finding(
            "unknown",
            Severity.BLOCKS,
            "The record does not tell in which format the weights are.",
            "format not known",
        )
        yield _FETCH
        return
    rule = profile.format(format_)
    if rule is None and format_ == TRANSFORMERS and (files.guessed or any(map(profile.format, EITHER))):
        loads = join_words(format_label(rule.name) for rule in profile.formats)
        likely = "likely " if files.guessed else ""
        text = (
            f"Its weights are {likely}safetensors or PyTorch files, and no more is told; {profile.name} loads {loads}."
        )
        yield Finding("unknown", Severity.BLOCKS, text, "format not known")
        yield _FETCH
        return
    if rule is None:
        yield from _refusal(format_, profile)
        return
    if files.layout and files.layout not in rule.layouts and not profile.criteria:
        if files.layout == MISTRAL:
            yield from _other_layout(profile)
            return
        yield from _of_paddle(profile) if files.layout == PADDLE else _of_mlx(profile)
    if files.layout in rule.layouts and rule.layout_note:
        text = f"Its safetensors files are in Mistral's own layout: {profile.name} reads it {rule.layout_note}."
        yield Finding(CODE, Severity.WARNS, text, "Mistral's own layout", Confidence.LOW)
    if files.names and rule.opens is not None and files.names not in rule.opens:
        yield from _other_names(profile, format_, files.names)
        return
    label = format_label(format_)
    note = f" ({rule.note})" if rule.note else ""
    text = f"{profile.name} loads {label} files{note}."
    yield Finding(CODE, Severity.SUPPORTS, text, rule.brief, rule.confidence, unoptimized=rule.unoptimized)
    best = max(profile.formats, key=lambda other: other.confidence)
    if rule.confidence < best.confidence:
        yield Finding(
            CODE,
            Severity.RECOMMENDS,
            f"A {format_label(best.name)} version, if there is one, is the surer choice.",
        )
    if rule.single_file and files.sharded:
        yield Finding(
            CODE,
            Severity.BLOCKS,
            f"The model is split into several files; {profile.name} takes one.",
            "split into parts",
        )
        yield Finding(
            CODE,
            Severity.RECOMMENDS,
            "Join the parts with llama.cpp's llama-gguf-split --merge, or take a smaller file.",
        )
    if files.guessed:
        yield _GUESSED


def _other_layout(profile: EngineProfile) -> Iterator[Finding]:
    yield Finding(
        CODE,
        Severity.BLOCKS,
        "Its only safetensors files are consolidated ones in Mistral's own layout, with params.json; "
        f"{profile.name} loads them as Transformers lays them out.",
        "Mistral's own layout",
    )
    advice = "Look for a version of it in the layout of Transformers, whose files are called model*.safetensors."
    yield Finding(CODE, Severity.RECOMMENDS, advice)


def _of_mlx(profile: EngineProfile) -> Iterator[Finding]:
    text = (
        "It was written for MLX, whose converters rename, turn or shift the tensors of some models: "
        f"{profile.name} expects them as Transformers lays them out."
    )
    return _by_others(text, "written for MLX", "Take the model that it was converted from.")


def _of_paddle(profile: EngineProfile) -> Iterator[Finding]:
    text = (
        "It is told to be written by PaddlePaddle, whose safetensors files hold matrices the other way round: "
        f"{profile.name} expects them as Transformers lays them out."
    )
    advice = "Look for the version of it that its authors wrote for PyTorch; the names of those often end with -PT."
    return _by_others(text, "PaddlePaddle's layout", advice)


def _by_others(text: str, brief: str, advice: str) -> Iterator[Finding]:
    """Weights that another program may have laid out in a way of its own: not promised."""
    yield Finding(CODE, Severity.WARNS, text, brief, Confidence.LOW, doubts=True)
    yield Finding(CODE, Severity.RECOMMENDS, advice)


_NAMED = {
    BY_RANK: "cut for each of several GPUs (model-rank-...), as vLLM's sharded state is",
    PREFIXED: "files called model-… that no index lists",
    INDEXED: "files of other names than model*.safetensors",
    RENAMED: "files of other names than model.safetensors, which no index lists",
    IN_FOLDER: "in folders alone",
}


def _other_names(profile: EngineProfile, format_: str, file_names: str) -> Iterator[Finding]:
    folder = file_names == IN_FOLDER
    if format_ != "safetensors" and not folder:
        are = (
            "neither pytorch_model.bin nor parts that pytorch_model.bin.index.json lists; other names"
            if file_names == PICKLED
            else ".pth or .ckpt files; those"
        )
        text = f"Its PyTorch weights are {are} {profile.name} does not open by itself."
        yield Finding(CODE, Severity.BLOCKS, text, "names of files")
        yield Finding(CODE, Severity.RECOMMENDS, "Look for a version of it in the layout of Transformers.")
        return
    yield Finding(
        CODE,
        Severity.BLOCKS,
        f"Its {format_label(format_)} weights are {_NAMED[file_names]}; {profile.name} opens "
        f"{'those beside config.json' if folder else 'none of such names by itself'}.",
        "weights in a folder" if folder else "names of files",
    )
    advice = "Download the folder that has the weights and config.json, and name its path instead of the repository."
    renamed = "Download it, rename the file to model.safetensors, and name the folder instead of the repository."
    if file_names == BY_RANK:
        renamed = "Take the whole weights; vLLM loads these alone with --load-format sharded_state on as many GPUs."
    yield Finding(CODE, Severity.RECOMMENDS, advice if folder else renamed)


def _refusal(format_: str, profile: EngineProfile) -> Iterator[Finding]:
    loads = join_words(format_label(rule.name) for rule in profile.formats)
    label = format_label(format_)
    adapter = format_ == "adapter"
    what = "only an adapter, without the base model's weights" if adapter else f"in {label} files"
    yield Finding(
        CODE,
        Severity.BLOCKS,
        f"The weights are {what}; {profile.name} loads {loads}.",
        "adapter only" if adapter else f"{label} files only",
    )
    if adapter and not profile.criteria:
        advice = "Load it on top of the base model it was made for, or look for a version merged into one model."
    else:
        advice = profile.advice.get(format_) or f"Look for a {loads.replace(' and ', ' or ')} version of this model."
    yield Finding(CODE, Severity.RECOMMENDS, advice)
