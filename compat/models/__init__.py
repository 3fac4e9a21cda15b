"""What the database keeps. Models are data: rules decide, ``compat.ingest`` writes, ``compat.catalogue`` reads."""

from .curation import CuratedList, ListEntry
from .operation import Catalogue, EngineSetting, HubFetch, SiteWorker, SyncRun
from .record import (
    FactSheet,
    ModelRecord,
    RecordLanguage,
    RecordPayload,
    RecordRelation,
    RecordVariant,
    Verdict,
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
    "ModelRecord",
    "RecordLanguage",
    "RecordPayload",
    "RecordRelation",
    "RecordVariant",
    "SiteWorker",
    "SyncRun",
    "Verdict",
    "Webhook",
    "WebhookDelivery",
]
