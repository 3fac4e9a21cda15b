"""Records of the catalogue, for comparing what pages show with measurements of models that only a site knows."""

from __future__ import annotations

from compat.models import ModelRecord


def find_record(model_id: str) -> ModelRecord | None:
    """A record whose configuration is told, by its whole id or else by its name. One query, or two."""
    name = model_id.strip().rpartition("/")[2]
    told = ModelRecord.objects.exclude(shape_facts="")
    return (
        told.filter(repo_id__iexact=model_id.strip()).first()
        or told.filter(name__iexact=name).order_by("-popularity", "repo_id").first()
    )
