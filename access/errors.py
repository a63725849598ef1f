"""What stands in the way of the records, in sentences for the person who can act."""


class ClosedSessionError(Exception):
    """What the closed session does not allow now; the text says why."""


class RecordsError(Exception):
    """The records database cannot be used; the text says why and what to do. It holds no secret."""


class AuditError(RecordsError):
    """The audit trail cannot be written or read, so the act does not happen. The text says why."""
