"""The curators' and operators' view: records come from the Hub and are read-only, lists are made here."""

from .builds import BuildCorrectionAdmin
from .catalogue import ModelRecordAdmin, RecordVariantAdmin, VerdictAdmin
from .engines import EngineSettingAdmin, SiteWorkerAdmin, SiteWorkerForm
from .lists import CuratedListAdmin
from .measurements import MeasurementAdmin
from .operation import HubFetchAdmin, SyncRunAdmin
from .webhooks import WebhookAdmin, WebhookDeliveryAdmin

__all__ = [
    "BuildCorrectionAdmin",
    "CuratedListAdmin",
    "EngineSettingAdmin",
    "HubFetchAdmin",
    "MeasurementAdmin",
    "ModelRecordAdmin",
    "RecordVariantAdmin",
    "SiteWorkerAdmin",
    "SiteWorkerForm",
    "SyncRunAdmin",
    "VerdictAdmin",
    "WebhookAdmin",
    "WebhookDeliveryAdmin",
]
