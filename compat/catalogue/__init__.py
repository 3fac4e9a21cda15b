"""The only reader of the catalogue: a question comes in, a page's worth of plain data goes out.

Pages, commands and programs all ask here, so that they cannot disagree. Nothing here runs a rule: verdicts are read
as they are stored. Every function says how many database queries it takes, and tests hold it to that.
"""

from compat.catalogue.browse import PAGE_SIZE, BrowsePage, NoSuchPage, browse
from compat.catalogue.current import catalogue_state
from compat.catalogue.detail import DetailPage, detail
from compat.catalogue.overview import (
    HomePage,
    ListPage,
    Report,
    curated_list,
    home,
    listed,
    published_lists,
    report,
    report_of,
    worker_page,
    workers_page,
)
from compat.catalogue.rows import Row, UnknownModel, find_record, rows_of, worker_of

__all__ = [
    "PAGE_SIZE",
    "BrowsePage",
    "DetailPage",
    "HomePage",
    "ListPage",
    "NoSuchPage",
    "Report",
    "Row",
    "UnknownModel",
    "browse",
    "catalogue_state",
    "curated_list",
    "detail",
    "find_record",
    "home",
    "listed",
    "published_lists",
    "report",
    "report_of",
    "rows_of",
    "worker_of",
    "worker_page",
    "workers_page",
]
