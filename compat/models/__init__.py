"""What the database keeps. Models are data: rules decide, ``compat.ingest`` writes, ``compat.catalogue`` reads."""

from .curation import CuratedList, ListEntry
from .measurement import Measurement
from .operation import Catalogue, EngineSetting, HubFetch, SiteWorker, SyncRun
from .record import (
    FactSheet,
    ModelRecord,
    RecordDocument,
    RecordLanguage,
    RecordRelation,
    RecordTags,
    RecordVariant,
    Verdict,
    documents_kept,
    in_any_case,
    payloads_of,
    read_documents,
)
from .webhook import GatheredModel, Webhook, WebhookDelivery

__all__ = [
    "Catalogue",
    "CuratedList",
    "EngineSetting",
    "FactSheet",
    "GatheredModel",
    "HubFetch",
    "ListEntry",
    "Measurement",
    "ModelRecord",
    "RecordDocument",
    "RecordLanguage",
    "RecordRelation",
    "RecordTags",
    "RecordVariant",
    "SiteWorker",
    "SyncRun",
    "Verdict",
    "Webhook",
    "WebhookDelivery",
    "documents_kept",
    "in_any_case",
    "payloads_of",
    "read_documents",
]
