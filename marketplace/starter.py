"""The lists a new site begins with, so that its curator finds something to change rather than an empty page."""

from __future__ import annotations

from django.db import transaction

from compat.models import CuratedList, ListEntry, ModelRecord

LISTS = (
    (
        "Small and open",
        "small-and-open",
        "Up to four billion parameters, under Apache 2.0 or MIT: quick to try on modest hardware.",
        (
            ("Qwen/Qwen2.5-1.5B-Instruct", ""),
            ("microsoft/phi-2", "Made for a context of 2,048 tokens."),
            ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", ""),
            ("HuggingFaceTB/SmolLM2-135M", "The smallest here."),
            ("Qwen/Qwen2.5-Coder-0.5B-Instruct", "For code."),
        ),
    ),
    (
        "Seven to nine billion",
        "seven-to-nine-billion",
        "The size most people run on one card, from several families.",
        (
            ("mistralai/Mistral-7B-Instruct-v0.3", ""),
            ("Qwen/Qwen2.5-Coder-7B-Instruct", "For code."),
            ("meta-llama/Meta-Llama-3-8B", ""),
            ("Qwen/Qwen3-8B-Base", ""),
            (
                "meta-llama/Llama-3.1-8B-Instruct",
                "Made for a context of 131,072 tokens: see whether your worker takes that.",
            ),
        ),
    ),
)


@transaction.atomic
def create_lists() -> int:
    """Make the starter lists where there is no list yet; models the catalogue lacks are left out."""
    if CuratedList.objects.exists():
        return 0
    for position, (title, slug, description, entries) in enumerate(LISTS):
        curated = CuratedList.objects.create(title=title, slug=slug, description=description, position=position)
        records = {record.repo_id: record for record in ModelRecord.objects.filter(repo_id__in=dict(entries))}
        ListEntry.objects.bulk_create(
            ListEntry(curated_list=curated, record=records[repo_id], note=note, position=place)
            for place, (repo_id, note) in enumerate(entries)
            if repo_id in records
        )
    return len(LISTS)
