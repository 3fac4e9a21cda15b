"""Shapes of models from the catalogue, for comparing estimates with measurements of models that only a site knows."""

from __future__ import annotations

from compat.catalogue.needs import shape_of_record
from compat.estimate import ModelShape
from compat.models import ModelRecord


def find_shape_in_catalogue(model_id: str) -> ModelShape | None:
    """A model's shape from the catalogue, by its whole id or else by its name. One query, or two."""
    name = model_id.strip().rpartition("/")[2]
    found = ModelRecord.objects.filter(repo_id__iexact=model_id.strip()).exclude(shape_facts="").first()
    if found is None:
        found = ModelRecord.objects.filter(name__iexact=name).exclude(shape_facts="").first()
    return shape_of_record(found.shape_facts, found.parameters, found.name).shape if found else None
