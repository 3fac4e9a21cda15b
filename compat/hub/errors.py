"""Everything that can go wrong between this site and a Hub, as one small tree.

::

    HubError                 anything below; ``str(error)`` is a sentence that says what to do
    ├── HubOffline           HF_HUB_OFFLINE is set: no request was made
    ├── HubUnavailable       no answer, a time-out, a 5xx, a cut connection; worth trying later
    ├── HubRateLimited       429; ``retry_after`` is the wait in seconds the Hub asked for, if it said
    ├── HubNotFound          the repository does not exist (or is private: the Hub does not tell which)
    │   ├── HubDisabled      the Hub has closed the repository
    │   └── HubFileNotFound  the repository exists, but not this file
    ├── HubGated             the repository exists, but its files need access that this token lacks
    ├── HubUnauthorized      the token itself was refused
    └── HubBadPayload        an answer that is too large, is not JSON or has the wrong types

Callers catch at the edge: a sync records the failure and goes on, a page shows what is cached.
"""

# ruff: noqa: N818 - the names say what happened, which reads better than another "Error"
from __future__ import annotations


class HubError(Exception):
    """The Hub could not give what was asked; the message names what happened and what to do."""


class HubOffline(HubError):
    """The site runs offline (``HF_HUB_OFFLINE``), so the Hub was not asked."""


class HubUnavailable(HubError):
    """The Hub did not answer in time or answered with a server error."""


class HubRateLimited(HubError):
    """The Hub's request quota is used up.

    ``retry_after`` is in seconds, None where the Hub did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class HubNotFound(HubError):
    """No such repository, or a private one asked for without access.

    ``is_told`` says that this is the Hub's own word of the repository, and not what any server says of an address that
    it does not know.
    """

    def __init__(self, message: str, *, is_told: bool = False) -> None:
        super().__init__(message)
        self.is_told = is_told


class HubDisabled(HubNotFound):
    """The Hub has disabled the repository: nobody can have its files."""


class HubFileNotFound(HubNotFound):
    """The repository exists, but has no such file."""


class HubGated(HubError):
    """The repository is gated and this site's token has not been granted access."""


class HubUnauthorized(HubError):
    """The Hub refused the token."""


class HubBadPayload(HubError):
    """The answer cannot be used: too large, not JSON, or a field of the wrong type.

    ``field`` is the dotted path of the first offending field, empty when the whole answer is at fault.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field
