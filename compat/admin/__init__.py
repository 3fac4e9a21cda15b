"""The curators' and operators' view: records come from the Hub and are read-only, lists are made here."""

from .builds import BuildCorrectionAdmin
from .catalogue import ModelRecordAdmin, RecordVariantAdmin, VerdictAdmin
from .engines import EngineSettingAdmin, SiteWorkerAdmin, SiteWorkerForm
from .lists import CuratedListAdmin
from .measurements import MeasurementAdmin
from .operation import HubFetchAdmin, JobAdmin, ScheduleAdmin
from .webhooks import WebhookAdmin, WebhookDeliveryAdmin

__all__ = [
    "BuildCorrectionAdmin",
    "CuratedListAdmin",
    "EngineSettingAdmin",
    "HubFetchAdmin",
    "JobAdmin",
    "MeasurementAdmin",
    "ModelRecordAdmin",
    "RecordVariantAdmin",
    "ScheduleAdmin",
    "SiteWorkerAdmin",
    "SiteWorkerForm",
    "VerdictAdmin",
    "WebhookAdmin",
    "WebhookDeliveryAdmin",
]
