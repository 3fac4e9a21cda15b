"""Is the model made for a task the engine serves? An embedding model has a language model's architecture, not its use."""

from __future__ import annotations

from collections.abc import Iterator

from compat.engine.profile import EngineProfile, join_words
from compat.engine.result import Finding, Severity
from compat.metadata.facts import VariantFacts
from compat.metadata.task import task_label

CODE = "task"


def check(facts: VariantFacts, profile: EngineProfile) -> Iterator[Finding]:
    """A told task must be among the engine's; an untold one is taken to be the architecture's usual one."""
    if facts.task is None:
        return
    if facts.task in profile.tasks:
        yield Finding(CODE, Severity.SUPPORTS, f"It is made for {task_label(facts.task).lower()}.")
        return
    served = join_words(task_label(task).lower() for task in profile.tasks)
    yield Finding(
        CODE,
        Severity.BLOCKS,
        f"It is made for {task_label(facts.task).lower()} ({facts.task_from.label}); {profile.name} serves {served}.",
        f"{task_label(facts.task)} model",
    )
