"""What people use a model for: read off its task, its tags, its architecture and its name.

Nothing is concluded from how large or well known a model is: a use is told by its makers, by the Hub or by its name,
and each comes with what tells it. A model may have several.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from compat.architectures import architecture_of, name_words, uses_of_line
from compat.extraction.facts import Provenance
from compat.extraction.task import task_label

USES = {
    "chat": "Chat",
    "code": "Code",
    "reasoning": "Reasoning",
    "vision": "Vision",
    "embedding": "Embeddings",
    "speech": "Speech",
}
"""What models are used for, in the order in which pages name it, with what people call it."""

SENSING = frozenset({"vision", "speech"})
"""The uses for which the language part alone is of no use."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a model, where that is from, and what tells it, as the end of a sentence."""

    name: str
    provenance: Provenance
    evidence: str

    @property
    def label(self) -> str:
        """What people call the use."""
        return USES[self.name]


_SEES = frozenset({
    *("image-text-to-text", "visual-question-answering", "document-question-answering", "video-text-to-text"),
    *("any-to-any", "image-to-text"),
})  # fmt: skip
_OF_TASKS = {
    "vision": _SEES,
    "embedding": frozenset({"feature-extraction", "sentence-similarity"}),
    "speech": frozenset({"automatic-speech-recognition", "text-to-speech", "audio-text-to-text"}),
}


def tasks_of_use(use: str) -> frozenset[str]:
    """The tasks that tell a use by themselves; none where something else does."""
    return _OF_TASKS.get(use, frozenset())


_WRITES = frozenset({"text-generation", "conversational", "image-text-to-text", "video-text-to-text", "any-to-any"})
"""The tasks of what may talk, write code or reason."""
_TEXT = frozenset({"text", "moe", "newer", "vision"})
"""The kinds of architecture that may, where no task is told."""
_TALKS = re.compile(r"instruct|chat|it|inst|instruction|assistant|hermes|dolphin")
_CODES = re.compile(r"\w*coder\d*|code|codestral|devstral|codellama|codegemma|codeqwen|starcoder\d*")
_REASONS = re.compile(r"thinking|think|reasoning|reasoner|qwq|magistral|r1|z1|openthinker\d*|deepscaler")
_NOT_TO_TALK = frozenset({
    *("base", "pretrain", "pretrained", "guard", "reward", "prm", "orm", "embedding", "embed", "reranker", "ocr"),
    *("tts", "asr", "draft", "tiny-random", "random"),
})  # fmt: skip
"""Words of the names of models that finish a text, judge one, or do something else with it."""


@lru_cache(maxsize=4096)
def _kind(architecture: str) -> str:
    return architecture_of(architecture).kind if architecture else ""


def uses_of(
    name: str, task: str = "", tags: Collection[str] = (), architecture: str = "", *, projector: bool = False
) -> tuple[Use, ...]:
    """What a model is used for, each use once. ``projector``: a vision projector lies beside its files."""
    found: dict[str, Use] = {}
    for use in _told(name, task, tags, architecture, projector=projector):
        found.setdefault(use.name, use)
    return tuple(found[name] for name in USES if name in found)


def use_names(name: str, task: str, architecture: str, projector: bool, tags: str) -> tuple[str, ...]:
    """The uses' names alone, of a row of the database with the tags behind it, a line each."""
    told = uses_of(name, task, tags.split("\n"), architecture, projector=projector)
    return tuple(use.name for use in told)


def _told(name: str, task: str, tags: Collection[str], architecture: str, *, projector: bool) -> Iterator[Use]:
    words, kind = name_words(name), _kind(architecture)
    for use, tasks in _OF_TASKS.items():
        if task in tasks and "ocr" not in words:
            yield Use(use, Provenance.HUB, f"its task is {task_label(task).lower()}")
    if "imatrix" in words:
        # What is told beside the word is then of the text by which the importance of weights was measured.
        words = tuple(word for word in words if word != "code")
    writes = task in _WRITES if task else kind in _TEXT
    if not writes or _NOT_TO_TALK.intersection(words):
        return
    if projector:
        yield Use("vision", Provenance.HUB, "a vision projector lies beside its files")
    if kind == "vision":
        yield Use("vision", Provenance.CONFIG, f"its architecture, {architecture}, sees")
    yield from _talks(words, tags, task)
    for use, start in uses_of_line(name):
        yield Use(use, Provenance.KNOWN, f"models whose name begins with {start} are made for it")


def _talks(words: tuple[str, ...], tags: Collection[str], task: str) -> Iterator[Use]:
    code = next((word for word in words if _CODES.fullmatch(word)), "")
    reason = next((word for word in words if _REASONS.fullmatch(word)), "")
    talk = next((word for word in words if _TALKS.fullmatch(word)), "") or reason
    if code:
        yield Use("code", Provenance.NAME, f"its name says “{code}”")
    if reason:
        yield Use("reasoning", Provenance.NAME, f"its name says “{reason}”")
    if code:
        return
    if task == "conversational" or not {"conversational", "chat"}.isdisjoint(tags):
        yield Use("chat", Provenance.TAG, "the Hub lists it as conversational")
    if talk:
        yield Use("chat", Provenance.NAME, f"its name says “{talk}”")
