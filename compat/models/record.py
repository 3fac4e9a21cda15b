"""Model records, their variants, the facts the rules judge, and the verdicts on those facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import Value
from django.db.models.functions import Lower, StrIndex
from django.urls import get_script_prefix, get_urlconf, reverse

from compat.extraction.columns import OPEN
from compat.extraction.facts import parameters_text
from compat.hub.documents import MOST_SHA, Document, Kind, merged, unpacked
from compat.rules import CompatibilityResult, Confidence

from .composed import ComposedQuery

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class FactSheet(models.Model):
    """The facts of a record's variants, without names and sizes: all a verdict depends on.

    Records with equal facts share a sheet, so a change of the rules judges a few thousand sheets, not a million
    records. Sheets are never changed; a record whose facts change points to another.
    """

    digest = models.CharField(max_length=32, unique=True, help_text="Digest of the facts.")
    facts = models.JSONField(help_text="One object a variant, in the record's order of variants.")
    task = models.CharField(max_length=60, blank=True)
    family = models.CharField(max_length=80, blank=True)
    architecture = models.CharField(max_length=80, blank=True)
    formats = models.CharField(max_length=80, blank=True, help_text="Weight formats, separated by blanks.")
    gated = models.BooleanField(null=True, help_text="Whether terms are asked for; empty where it is not told.")

    verdicts: RelatedManager[Verdict]

    class Meta:
        verbose_name = "fact sheet"

    def __str__(self) -> str:
        """The sheet by its digest."""
        return f"facts {self.digest[:8]}"


class ModelRecord(models.Model):
    """One cached Hub repository: what the Hub said, read into columns for browsing."""

    OPEN: ClassVar = OPEN
    GATED_CHOICES: ClassVar = [
        ("", "not in our record"),
        (OPEN, "open"),
        ("auto", "terms to accept"),
        ("manual", "approval needed"),
    ]
    GONE_CHOICES: ClassVar = [
        ("", "there, as far as is known"),
        ("missing", "deleted, or private"),
        ("disabled", "disabled"),
    ]
    ORIGIN_CHOICES: ClassVar = [("snapshot", "bundled snapshot"), ("file", "imported file"), ("hub", "Hub")]

    repo_id = models.CharField("repository", max_length=200, unique=True)
    owner = models.CharField(max_length=100, blank=True)
    name = models.CharField(max_length=100)
    sha = models.CharField(max_length=64, blank=True)
    gated = models.CharField(max_length=8, blank=True, choices=GATED_CHOICES)
    disabled = models.BooleanField(default=False)
    gone = models.CharField(
        "on the Hub",
        max_length=8,
        blank=True,
        choices=GONE_CHOICES,
        help_text="Why its files cannot be had any more; empty where nothing says so.",
    )
    gone_since = models.DateTimeField(null=True, blank=True, help_text="When this site was first told so.")
    downloads = models.BigIntegerField(null=True, blank=True)
    likes = models.BigIntegerField(null=True, blank=True)
    trending = models.FloatField(null=True, blank=True)
    popularity = models.BigIntegerField(
        default=0,
        help_text="Sort key: downloads, then likes, packed into one number; zero where neither is told.",
    )
    created = models.DateTimeField(null=True, blank=True)
    modified = models.DateTimeField(null=True, blank=True)

    task = models.CharField(max_length=60, blank=True)
    library = models.CharField(max_length=60, blank=True)
    license = models.CharField(max_length=80, blank=True)
    family = models.CharField(max_length=80, blank=True)
    architecture = models.CharField(max_length=80, blank=True)
    architecture_from = models.CharField(max_length=12, blank=True)
    parameters = models.BigIntegerField(null=True, blank=True)
    parameters_from = models.CharField(max_length=12, blank=True)
    context = models.BigIntegerField(null=True, blank=True, help_text="Tokens; empty where nothing tells it.")
    formats = models.CharField(max_length=80, blank=True, help_text="Weight formats, separated by blanks.")
    shape_facts = models.TextField(
        blank=True, help_text="What the configuration tells of layers, heads and widths, as JSON; for memory estimates."
    )
    packed_model = models.CharField(  # noqa: DJ001 - SQLite copies a large table for a column that cannot be empty
        max_length=100,
        null=True,
        blank=True,
        help_text="What the model of its GGUF files is called, in lower case, where nothing but its name tells it.",
    )
    size_bytes = models.BigIntegerField(null=True, blank=True, help_text="Sum of all files, where all are told.")
    projector = models.BooleanField(default=False, help_text="Whether a vision projector lies beside GGUF files.")
    projector_bytes = models.BigIntegerField(null=True, blank=True, help_text="Its size, where it is told.")

    origin = models.CharField(max_length=8, choices=ORIGIN_CHOICES)
    as_of = models.CharField(
        max_length=10,
        blank=True,
        help_text="When the newest of these facts was recorded: a year, month or day.",
    )
    fetched = models.DateTimeField(null=True, blank=True, help_text="When this site last asked the Hub for it.")
    updated = models.DateTimeField(help_text="When this record last changed here.")
    digest = models.CharField(max_length=32, help_text="Digest of the payload as kept.")
    search_text = models.TextField(help_text="What searches look in, in lower case.")

    sheet = models.ForeignKey(FactSheet, on_delete=models.PROTECT, related_name="records", db_index=False)

    variants: RelatedManager[RecordVariant]
    relations: RelatedManager[RecordRelation]
    documents: RelatedManager[RecordDocument]
    former_names: RelatedManager[FormerName]

    class Meta:
        verbose_name = "model record"
        ordering = ["-popularity", "repo_id"]
        indexes = [
            # Lists and their orders are read from an index beside the database: here is what asks for a few records.
            models.Index(fields=["-popularity", "repo_id", "sheet", "license"], name="record_in_order_popular"),
            models.Index(Lower("name"), "repo_id", name="record_in_order_name"),
            models.Index(Lower("owner"), name="record_by_owner"),
            models.Index(Lower("repo_id"), name="record_by_lowered_id"),
            models.Index(fields=["sheet"], name="record_by_sheet"),
            models.Index(fields=["gone"], condition=~models.Q(gone=""), name="record_gone"),
            models.Index(
                fields=["packed_model"], condition=models.Q(packed_model__isnull=False), name="record_by_packed_model"
            ),
        ]

    def __str__(self) -> str:
        """The repository's id."""
        return self.repo_id

    def get_absolute_url(self) -> str:
        """The detail page."""
        return _address_of(self.repo_id, get_script_prefix(), get_urlconf())

    @cached_property
    def payload(self) -> dict[str, Any]:
        """All that is told of it, in the Hub's shape. One query where its documents are not there yet."""
        return merged(self.repo_id, [kept.document for kept in self.kept_documents])

    @cached_property
    def kept_documents(self) -> Sequence[RecordDocument]:
        """Its documents as they are when first asked for. One query where they were not read with the record."""
        prefetched: Sequence[RecordDocument] | None = getattr(self, "_prefetched_objects_cache", {}).get("documents")
        return _DOCUMENTS.objects([self.pk]) if prefetched is None else prefetched

    @property
    def lacks_documents(self) -> bool:
        """Whether something was read at an older commit only, so that it may be wrong of this one and is left out."""
        return any(kept.sha and kept.sha != self.sha for kept in self.kept_documents)

    @property
    def asks_for_terms(self) -> bool:
        """Whether it is told that terms must be accepted, or access asked for, before a download."""
        return self.gated not in ("", self.OPEN)

    @property
    def parameters_text(self) -> str:
        """The parameter count for people; a count read from the name alone carries a tilde."""
        return parameters_text(self.parameters, self.parameters_from)


@lru_cache(maxsize=4096)
def _address_of(repo_id: str, _prefix: str, _urls: object) -> str:
    """Django takes longer to make an address than to fill a row; it depends on where the site stands as well."""
    return reverse("detail", args=[repo_id])


class RecordDocument(models.Model):
    """One thing that the Hub, or a file, said of a record: kept by itself, apart from the rows that browsing reads."""

    KIND_CHOICES: ClassVar = [
        (Kind.CONFIG.value, "config.json"),
        (Kind.GGUF.value, "header of a GGUF file"),
        (Kind.GGUF_TENSORS.value, "tensors of GGUF files"),
        (Kind.SAFETENSORS.value, "headers of safetensors files"),
        (Kind.TREE.value, "file tree"),
        (Kind.DETAIL.value, "the model's own answer"),
        (Kind.LIST.value, "row of a list"),
        (Kind.FILE.value, "line of a record file"),
        (Kind.REFUSAL.value, "word that it is gone"),
    ]

    record = models.ForeignKey(ModelRecord, on_delete=models.CASCADE, related_name="documents", db_index=False)
    kind = models.CharField(max_length=12, choices=KIND_CHOICES)
    sha = models.CharField(max_length=MOST_SHA, blank=True, help_text="The commit it tells of; empty if untold.")
    read = models.DateTimeField(help_text="When it was read from the Hub; of a file's line, how new it says it is.")
    data = models.BinaryField(help_text="What it said without the id: canonical JSON, compressed.")

    class Meta:
        verbose_name = "document"
        constraints = [models.UniqueConstraint(fields=["record", "kind"], name="document_once_a_kind")]

    def __str__(self) -> str:
        """Where it is from, and the record it belongs to."""
        return f"{self.kind} of {self.record_id}"

    @property
    def document(self) -> Document:
        """What :mod:`compat.hub.documents` merges."""
        return Document(Kind(self.kind), self.sha, self.read, unpacked(self.data))


def in_any_case(repo_ids: Iterable[str]) -> models.QuerySet[ModelRecord]:
    """The records of these ids, whatever the case of their letters: to the Hub that is one repository."""
    return _lowered_in(sorted({repo_id.lower() for repo_id in repo_ids}))


def records_in_any_case(repo_ids: Iterable[str]) -> list[ModelRecord]:
    """The same of many ids, the best known first. One query."""
    return _IN_ANY_CASE.objects(sorted({repo_id.lower() for repo_id in repo_ids}))


def keys_in_any_case(repo_ids: Iterable[str]) -> dict[str, int]:
    """The keys of the records of many ids, by these in lower case. One query."""
    rows = _KEYS_IN_ANY_CASE.rows(sorted({repo_id.lower() for repo_id in repo_ids}))
    return {repo_id.lower(): pk for repo_id, pk in rows}


def keys_of(repo_ids: Sequence[str]) -> dict[str, int]:
    """The keys of the records of these very ids. One query."""
    return dict(_KEYS.rows(repo_ids))


def _lowered_in(lowered: Sequence[str]) -> models.QuerySet[ModelRecord]:
    return ModelRecord.objects.alias(lowered=Lower("repo_id")).filter(lowered__in=lowered)


_IN_ANY_CASE = ComposedQuery(_lowered_in)
_KEYS_IN_ANY_CASE = ComposedQuery(lambda lowered: _lowered_in(lowered).values_list("repo_id", "pk"))
_KEYS = ComposedQuery(lambda ids: ModelRecord.objects.filter(repo_id__in=ids).order_by().values_list("repo_id", "pk"))
_NAMES = ComposedQuery(lambda keys: ModelRecord.objects.filter(pk__in=keys).order_by("pk").values_list("pk", "repo_id"))
_KEPT = ComposedQuery(
    lambda ids: (
        RecordDocument.objects.filter(record__repo_id__in=ids)
        .exclude(sha="")
        .order_by()
        .values_list("record__repo_id", "sha", "kind")
    )
)
_DOCUMENTS = ComposedQuery(lambda records: RecordDocument.objects.filter(record__id__in=records).order_by("pk"))


def read_documents(records: Sequence[ModelRecord]) -> None:
    """Read the documents of some records, so that no record asks for its own. One query, none for none."""
    if not records:
        return
    kept: dict[int, list[RecordDocument]] = {record.pk: [] for record in records}
    for one in _DOCUMENTS.objects(list(kept)):
        kept[one.record_id].append(one)
    for record in records:
        record.kept_documents = kept[record.pk]


def documents_kept(repo_ids: Sequence[str]) -> set[tuple[str, ...]]:
    """Repository, commit and kind of all documents of some repositories that tell a commit. One query."""
    return set(_KEPT.rows(repo_ids))


def payloads_of(record_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What is told of some records, by their keys and in the order of these, in the Hub's shape. Two queries."""
    names = dict(_NAMES.rows(sorted(record_ids)))
    kept: dict[int, list[Document]] = {pk: [] for pk in names}
    for row in _DOCUMENTS.objects(list(kept)):
        kept[row.record_id].append(row.document)
    return {pk: merged(names[pk], documents) for pk, documents in kept.items()}


class FormerName(models.Model):
    """An id under which a repository was known before it was renamed: its address leads to the record."""

    lowered = models.CharField(max_length=200, primary_key=True, help_text="The id in lower case.")
    repo_id = models.CharField("repository", max_length=200)
    record = models.ForeignKey(ModelRecord, on_delete=models.CASCADE, related_name="former_names")
    noticed = models.DateTimeField()

    class Meta:
        verbose_name = "former name"
        ordering = ["lowered"]

    def __str__(self) -> str:
        """The id."""
        return self.repo_id


def current_names(repo_ids: Iterable[str]) -> dict[str, str]:
    """The ids that repositories have now, by their former ones, in lower case and in the order of these. One query."""
    return dict(_CURRENT_NAMES.rows(sorted({repo_id.lower() for repo_id in repo_ids})))


_CURRENT_NAMES = ComposedQuery(
    lambda lowered: (
        FormerName.objects.filter(lowered__in=lowered).order_by("lowered").values_list("lowered", "record__repo_id")
    )
)


class RecordLanguage(models.Model):
    """A language a record says it speaks, as a lower-case code."""

    record = models.ForeignKey(ModelRecord, on_delete=models.CASCADE, related_name="languages")
    code = models.CharField(max_length=12)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "record"], name="language_once_a_record")]

    def __str__(self) -> str:
        """The code."""
        return self.code


class RecordTags(models.Model):
    """All that a record is tagged with, and the library that it is for: what a Hub's clients filter by.

    One narrow row a record, to be looked through in a moment; a record without any has none.
    """

    record = models.OneToOneField(ModelRecord, on_delete=models.CASCADE, primary_key=True, related_name="+")
    lines = models.TextField(help_text="A tag a line, with a line's end before the first and after each.")

    class Meta:
        verbose_name = "tags"
        verbose_name_plural = "tags"

    def __str__(self) -> str:
        """The tags."""
        return " ".join(self.lines.split())

    @classmethod
    def ids_with(cls, tag: str) -> list[int]:
        """The ids of the records with a tag, written exactly so. One query, which looks at every row."""
        found = cls.objects.alias(at=StrIndex("lines", Value(f"\n{tag}\n"))).filter(at__gt=0)
        return list(found.values_list("record", flat=True)) if "\n" not in tag else []


class RecordRelation(models.Model):
    """A record says that it was made from another repository, which may not be in the catalogue."""

    record = models.ForeignKey(ModelRecord, on_delete=models.CASCADE, related_name="relations", db_index=False)
    base = models.CharField(max_length=200)
    kind = models.CharField(max_length=10)

    class Meta:
        verbose_name = "relation"
        constraints = [models.UniqueConstraint(fields=["record", "base"], name="relation_once_a_base")]
        indexes = [models.Index(fields=["base"], name="relation_by_base")]

    def __str__(self) -> str:
        """Kind and base."""
        return f"{self.kind} of {self.base}"


class RecordVariant(models.Model):
    """One runnable set of weight files of a record, in the order of its fact sheet."""

    record = models.ForeignKey(ModelRecord, on_delete=models.CASCADE, related_name="variants", db_index=False)
    position = models.PositiveIntegerField()
    key = models.CharField(max_length=1100)
    label = models.CharField(max_length=300)
    format = models.CharField(max_length=20, blank=True)
    quantization = models.CharField(max_length=40, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True, help_text="Empty unless every file's size is told.")
    bits = models.FloatField(null=True, blank=True, help_text="Bits a packed weight takes; empty where not told.")
    as_made = models.BooleanField(
        null=True,
        blank=True,
        help_text="Whether its packed weights are the model's own release, so that no build of it keeps more.",
    )
    tensors = models.CharField(  # noqa: DJ001 - SQLite copies a large table for a column that cannot be empty
        max_length=120,
        null=True,
        blank=True,
        help_text="Bytes of the tensors that its files list: all, embedding, output head, looked up by layer, experts.",
    )
    files = models.JSONField(default=list)
    missing_shards = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "variant"
        ordering = ["record_id", "position"]
        constraints = [models.UniqueConstraint(fields=["record", "position"], name="variant_once_a_position")]

    def __str__(self) -> str:
        """The variant's label."""
        return self.label


class Verdict(models.Model):
    """What one engine profile says of one fact sheet, and with which version of the rules it was judged."""

    CONFIDENCE_CHOICES: ClassVar = [(level.value, level.word) for level in Confidence]

    sheet = models.ForeignKey(FactSheet, on_delete=models.CASCADE, related_name="verdicts")
    profile = models.CharField(max_length=40)
    confidence = models.PositiveSmallIntegerField(choices=CONFIDENCE_CHOICES)
    cause = models.CharField(max_length=20, blank=True, help_text="Code of the first refusal; empty if compatible.")
    best = models.PositiveIntegerField(help_text="Position of the best variant.")
    results = models.JSONField(help_text="One result a variant.")
    rules = models.CharField(max_length=40, help_text="Version of the rules and of the profile.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["profile", "sheet"], name="verdict_once_a_profile")]
        indexes = [models.Index(fields=["profile", "confidence", "cause"], name="verdict_by_confidence")]

    def __str__(self) -> str:
        """Engine and answer."""
        return f"{self.profile}: {self.result.confidence}"

    @property
    def compatible(self) -> bool:
        """Whether the best variant runs."""
        return self.confidence > Confidence.NONE

    @property
    def result(self) -> CompatibilityResult:
        """The result of the best variant, which is the record's."""
        return self.result_of(self.best)

    def result_of(self, position: int) -> CompatibilityResult:
        """The result of one variant."""
        return CompatibilityResult.from_stored(self.results[position])
