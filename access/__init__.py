"""Who may see what: identity, roles, views and the grants that open a Board.

What needs the records database or a browser is imported from its module.
"""

from access.errors import AuditError, ClosedSessionError, RecordsError
from access.identity import Identity, Role, command_line_identity, demonstration_identities
from access.incidents import log_incident
from access.policy import (
    Action,
    ClosedSession,
    Denied,
    Grant,
    decide,
    pages_of,
    rights_of,
    views_of,
)
from access.view import View

__all__ = [
    "Action",
    "AuditError",
    "ClosedSession",
    "ClosedSessionError",
    "Denied",
    "Grant",
    "Identity",
    "RecordsError",
    "Role",
    "View",
    "command_line_identity",
    "decide",
    "demonstration_identities",
    "log_incident",
    "pages_of",
    "rights_of",
    "views_of",
]
