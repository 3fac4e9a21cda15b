"""The models that records are builds of, as the index knows them, with their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from compat.catalogue.builds import BuildBy
from compat.catalogue.index import CatalogueIndex
from compat.catalogue.index_columns import Column, IndexColumns, ranges
from compat.catalogue.order import ORDERS
from compat.extraction.original_name import original_name
from compat.extraction.relatives import UNLIKE
from compat.models import ModelRecord, RecordRelation
from compat.models.composed import ComposedQuery


@dataclass(frozen=True, slots=True)
class ModelOf:
    """The model that a repository is a build of.

    ``name`` is its id, or what its builds call it where the catalogue knows no repository of it; ``repositories`` how
    many have it, this one included; ``by`` what tells that this is one of them; ``known`` whether the catalogue has
    the model's own repository, whose ``license`` it is then; ``created`` since when there is any build of it.
    """

    name: str
    repositories: int
    by: BuildBy
    known: bool
    license: str = ""
    created: datetime | None = None

    @property
    def by_name(self) -> bool:
        """Whether nothing but the repository's name tells it."""
        return self.by is BuildBy.NAME


def models_of(index: CatalogueIndex, records: Sequence[ModelRecord]) -> dict[int, ModelOf]:
    """The models of some records, by the records' keys; those that came after the index was made have none.

    At most two queries: for the names of models that are not among the records.
    """
    columns = index.columns
    rows = {record.pk: int(row) for record in records for row in index.rows_of([record.pk])}
    models = {pk: int(columns.model[row]) for pk, row in rows.items()}
    named = {record.pk: (record.repo_id, record.license) for record in records}
    itself = {model: int(columns.model_self[model]) for model in models.values()}
    keys = {model: int(columns.ids[row]) for model, row in itself.items() if row >= 0}
    elsewhere = sorted({key for key in keys.values() if key not in named})
    lacking = sorted(model for model, row in itself.items() if row < 0)
    first = {model: int(columns.ids[columns.builds_of(model)[0]]) for model in lacking}
    elsewhere += sorted({key for key in first.values() if key not in named})
    named |= {key: (repo_id, license_) for key, repo_id, license_ in _NAMES.rows(elsewhere)} if elsewhere else {}
    told = _told_names(index, lacking)
    found = {}
    for record in records:
        if record.pk in models:
            model = models[record.pk]
            own = told.get(model) or _cut(named[first[model]][0].rpartition("/")[2]) if model in first else ""
            name, license_ = named.get(keys.get(model, -1)) or (own, "")
            since = int(columns.model_created[model])
            created = datetime.fromtimestamp(since, UTC) if since >= 0 else None
            count = len(columns.builds_of(model))
            by = BuildBy(int(columns.model_by[rows[record.pk]]))
            found[record.pk] = ModelOf(name, count, by, model in keys, license_, created)
    return found


def rows_of_model(index: CatalogueIndex, record: ModelRecord) -> Column:
    """The rows of all repositories that have the same model as a record."""
    row = index.rows_of([record.pk])
    return index.columns.builds_of(index.columns.model[row[0]]) if len(row) else row


def rows_of_models(columns: IndexColumns, models: Column) -> Column:
    """The rows of all repositories of some models, model by model."""
    starts = columns.model_first[models]
    sizes = columns.model_first[models + 1] - starts
    found: Column = columns.model_rows[ranges(starts.astype(np.int64), sizes.astype(np.int64))]
    return found


def best_first(index: CatalogueIndex, builds: Column, scores: Column) -> Column:
    """The rows of a model's builds by their scores.

    Of equally good ones the model itself comes first, then those that say whose they are, or whose packer everybody
    trusts; of these the best known.
    """
    known = index.places(ORDERS["popular"])[builds]
    found: Column = builds[np.lexsort((known, _told_by(index, builds), -scores.astype(np.int64)))]
    return found


def _told_by(index: CatalogueIndex, rows: Column) -> Column:
    """What tells whose builds some rows are, where the word of a trusted packer's name is taken for its own."""
    columns = index.columns
    found: Column = np.where(
        columns.trusted[columns.group[rows]],
        np.minimum(columns.model_by[rows], int(BuildBy.RELATION)),
        columns.model_by[rows],
    )
    return found


def shown_rows(index: CatalogueIndex, models: Column, scores: Column) -> Column:
    """The row that lists show for each of some models, by the scores of all groups: the first of :func:`best_first`."""
    columns = index.columns
    rows = rows_of_models(columns, models)
    known = index.places(ORDERS["popular"])[rows]
    model = columns.model[rows]
    order = np.lexsort((known, _told_by(index, rows), -scores[columns.group[rows]].astype(np.int64), model))
    found: Column = rows[order[np.diff(model[order], prepend=-1) != 0]]
    return found


def _told_names(index: CatalogueIndex, models: Iterable[int]) -> dict[int, str]:
    """What builds say that they were made from, by the model's number; as most of them write it."""
    columns = index.columns
    of = {int(key): model for model in models for key in columns.ids[columns.builds_of(model)]}
    told: dict[int, Counter[str]] = {}
    for key, base in _BASES.rows(sorted(of)) if of else ():
        told.setdefault(of[key], Counter())[base] += 1
    return {model: min(names, key=lambda name: (-names[name], name)) for model, names in told.items()}


def _cut(name: str) -> str:
    """What packed weights are called without what tells the packing, as their packer writes it."""
    original = original_name(name)
    return name[: len(original)] if original else name


_OWN = ("pk", "repo_id", "license")
_NAMES = ComposedQuery(lambda keys: ModelRecord.objects.filter(pk__in=keys).order_by().values_list(*_OWN))
_BASES = ComposedQuery(
    lambda records: (
        RecordRelation.objects.filter(record__id__in=records)
        .exclude(kind__in=UNLIKE)
        .order_by()
        .values_list("record_id", "base")
    )
)
