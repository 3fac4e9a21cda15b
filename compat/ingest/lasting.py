"""What reading a file again at the same commit would end with as well; any other failure may pass."""

from __future__ import annotations

from compat.extraction.header_bytes import HeaderError
from compat.hub import HubBadPayload, HubFileNotFound

LASTING = (HeaderError, HubBadPayload, HubFileNotFound)
