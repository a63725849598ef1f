"""Who may see what: identity, roles, views and the grants that open a Board."""

from access.audit import record
from access.errors import AuditError, RecordsError
from access.identity import Identity, Role, command_line_identity, demonstration_identities
from access.incidents import log_incident
from access.policy import Action, Denied, Grant, decide, pages_of, views_of
from access.view import View

__all__ = [
    "Action",
    "AuditError",
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
    "record",
    "views_of",
]
