"""Is the model made for a task the engine serves? An embedding model has a language model's architecture,
not its use.
"""

from __future__ import annotations

from collections.abc import Iterator

from compat.architectures import AUDIO_TASKS, EXTRACTIVE, IMAGE_TASKS, architecture_of
from compat.engines.profile import EngineProfile, join_words
from compat.extraction.facts import Provenance, VariantFacts
from compat.extraction.task import task_label
from compat.rules.architecture_match import match_architecture
from compat.rules.result import Confidence, Finding, Severity

CODE = "task"
_MANY_TASKS = 6
_SUGGESTED = "text-generation"
"""What the class of a language model suggests where nothing else tells the task."""
_EMBEDDING = frozenset({"feature-extraction", "sentence-similarity", "text-ranking"})
"""What models of such a class are made for as well."""
_WRITING = frozenset({"text-generation", "conversational"})
_HEADED = _WRITING | {
    *("image-classification", "image-segmentation", "object-detection", "depth-estimation"),
    *("video-classification", "audio-classification"),
}
"""Tasks that ask for an output layer beside the model without one."""
_SORTING = frozenset({"text-classification", "token-classification", "text-ranking"})
_BEYOND_TEXT = IMAGE_TASKS | AUDIO_TASKS


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """A told task must be among those served with this architecture; an untold one is taken to be the usual one."""
    task = facts.task
    if task is None:
        return
    group = match_architecture(facts, profile).group if facts.architecture is not None else None
    served = group is None or bool(group.refused) or task in group.tasks
    if served and group is not None and group.by == "model_type" and task in _BEYOND_TEXT:
        # A text type that sees holds weights that the type's code does not know.
        served = not architecture_of(facts.architecture or "").reads_only_text
    if task in profile.tasks and served:
        yield Finding(CODE, Severity.SUPPORTS, f"It is made for {task_label(task).lower()}.")
        if task in _HEADED and group is not None and group.by == "model_type" and _is_bare(facts):
            shared = ", which only models that share it with their embeddings do without" if task in _WRITING else ""
            text = (
                f"Its class “{facts.hf_class}” has no output layer; {profile.name} goes by the type and expects "
                f"one{shared}."
            )
            yield Finding(CODE, Severity.WARNS, text, "no output layer told", Confidence.LOW)
        elif task in _SORTING and group is not None and group.by == "model_type" and _is_no_classifier(facts):
            text = (
                f"Its class “{facts.hf_class}” is none that classifies; {profile.name} goes by the type and expects a "
                "layer for that, without which its answers mean nothing. Some such models rank by the words they write."
            )
            yield Finding(CODE, Severity.WARNS, text, "no classifying layer told", Confidence.LOW)
        if task in _SORTING and facts.task_from is Provenance.NAME and facts.hf_class is None:
            text = (
                "Only its name tells that it classifies or ranks: models that do so in words have no layer for it, and "
                "which this is the class in config.json tells."
            )
            yield Finding("guess", Severity.WARNS, text, "task guessed", Confidence.LOW)
        return
    if _only_suggested(facts) and task not in profile.tasks and _EMBEDDING.intersection(profile.tasks):
        text = (
            f"Models that write text, and embedding models made of them, are of one class: only the latter run on "
            f"{profile.name}, and the record does not say which this is."
        )
        yield Finding("unknown", Severity.BLOCKS, text, "task not told")
        return
    made_for = f"It is made for {task_label(task).lower()} ({facts.task_from.label})"
    if task == EXTRACTIVE and task in profile.tasks and architecture_of(facts.architecture or "").marks_answers:
        text = (
            f"{made_for}, and marks the answer in a text that it is given, as encoders do; {profile.name} answers by "
            "writing alone."
        )
    elif task in profile.tasks and group is not None and facts.architecture_from.guessed:
        text = f"{made_for}, which {profile.name} does not serve with an architecture that is only guessed here."
        yield Finding("unknown", Severity.BLOCKS, text, "architecture guessed")
        return
    elif task in profile.tasks and group is not None:
        text = f"{made_for}, which {profile.name} does not serve with this architecture."
    elif len(profile.tasks) > _MANY_TASKS:
        text = f"{made_for}, which {profile.name} does not serve."
    else:
        names = join_words(task_label(name).lower() for name in profile.tasks)
        text = f"{made_for}; {profile.name} serves {names}."
    yield Finding(CODE, Severity.BLOCKS, text, f"{task_label(task)} model")


def _is_no_classifier(facts: VariantFacts) -> bool:
    """Whether its class was read and is none of those with a layer that sorts texts or words."""
    return facts.format != "gguf" and facts.hf_class is not None and "Classification" not in facts.hf_class


def _is_bare(facts: VariantFacts) -> bool:
    told = facts.hf_class is not None and facts.format != "gguf"
    return told and architecture_of(facts.architecture or "").is_bare(facts.hf_class or "")


def _only_suggested(facts: VariantFacts) -> bool:
    """Whether nothing but the class of a language model tells that it writes text."""
    return facts.task == _SUGGESTED and facts.task_from is Provenance.CONFIG
