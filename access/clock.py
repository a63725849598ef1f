"""The time by which rights end.

Whoever sets the system's clock back would make an hour's right last longer, and an idle window
stay open. So within a process the time goes on as long as it runs, whatever the clock says.
"""

from datetime import UTC, datetime, timedelta
from time import monotonic

_BEGIN, _BEGUN = datetime.now(UTC), monotonic()


def now() -> datetime:
    """The time in UTC: the system's, or if that was set back what it would be."""
    return max(datetime.now(UTC), _BEGIN + timedelta(seconds=monotonic() - _BEGUN))
