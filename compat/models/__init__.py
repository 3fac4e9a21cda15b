"""What the database keeps. Models are data: rules decide, ``compat.ingest`` writes, ``compat.catalogue`` reads."""

from .curation import BuildCorrection, CuratedList, ListEntry
from .job import Job, Schedule
from .measurement import Measurement
from .operation import Catalogue, EngineSetting, HubFetch, SiteWorker, VisitorAddition
from .record import (
    FactSheet,
    FormerName,
    ModelRecord,
    RecordDocument,
    RecordLanguage,
    RecordRelation,
    RecordTags,
    RecordVariant,
    Verdict,
    current_names,
    documents_kept,
    in_any_case,
    keys_in_any_case,
    keys_of,
    payloads_of,
    read_documents,
    records_in_any_case,
)
from .sync import ClosedRecord, HubSelection, HubWindow, SelectedModel
from .webhook import GatheredModel, Webhook, WebhookDelivery

__all__ = [
    "BuildCorrection",
    "Catalogue",
    "ClosedRecord",
    "CuratedList",
    "EngineSetting",
    "FactSheet",
    "FormerName",
    "GatheredModel",
    "HubFetch",
    "HubSelection",
    "HubWindow",
    "Job",
    "ListEntry",
    "Measurement",
    "ModelRecord",
    "RecordDocument",
    "RecordLanguage",
    "RecordRelation",
    "RecordTags",
    "RecordVariant",
    "Schedule",
    "SelectedModel",
    "SiteWorker",
    "Verdict",
    "VisitorAddition",
    "Webhook",
    "WebhookDelivery",
    "current_names",
    "documents_kept",
    "in_any_case",
    "keys_in_any_case",
    "keys_of",
    "payloads_of",
    "read_documents",
    "records_in_any_case",
]
