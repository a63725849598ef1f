"""Rows of the audit trail: who acted, what is recorded, and the bytes that a row's HMAC is over."""

import json
import os
import pwd
import re
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal

from access.identity import Identity

Outcome = Literal["done", "refused", "intended", "failed"]

# Changes with the meaning of a row; rows that were written before keep theirs.
_PURPOSE = b"dsmb audit row 1\n"
_TYPES: dict[str, type | UnionType] = {"sequence": int, "intent": int | None}
_NOT_STORED = re.compile("[\\\\\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Actor:
    """Who acts, as the trail records it."""

    issuer: str
    subject: str
    name: str
    role: str

    @classmethod
    def of(cls, identity: Identity | None) -> "Actor":
        """The person who is signed in; None is somebody who is not."""
        if identity is None:
            return NOBODY
        return cls(identity.issuer, identity.subject, identity.name, str(identity.role))


NOBODY = Actor("", "", "", "")


def command_line_actor() -> Actor:
    """The user of this process, as the operating system knows it, whatever the environment says."""
    number = os.getuid()
    try:
        user = pwd.getpwuid(number).pw_name
    except KeyError:
        user = f"uid {number}"
    return Actor("operating system", user, user, "command line")


@dataclass(frozen=True)
class Entry:
    """One row of the trail, its text as `escaped` stores it.

    Attributes:
        sequence: 1, 2, 3, … without a gap.
        at: when, UTC, to the microsecond.
        act: what, in the past tense or as a noun: "view opened", "load".
        outcome: "intended" before an act outside the database; "done" or "failed" after it;
            "refused" where the policy or the data said no.
        intent: the sequence of the intended act that this row ends.
        issuer: who vouches for the person; "operating system" for commands.
        subject: the person, unique within the issuer.
        resource: what the act was about: a page, an exhibit, an extract, a file.
        reason: why, in the person's words; for a failure, its kind.
        previous: the HMAC of the row before.
        mac: the HMAC of this row.
    """

    sequence: int
    at: str
    act: str
    outcome: str
    intent: int | None
    issuer: str
    subject: str
    name: str
    role: str
    trial: str
    snapshot: str
    view: str
    resource: str
    reason: str
    previous: str
    mac: str

    @property
    def holder(self) -> str:
        """The person, as `Identity.holder` names them."""
        return f"{self.issuer}/{self.subject}"

    def content(self) -> bytes:
        """What the HMAC is over: all but itself, unambiguously."""
        plain = {name: value for name, value in vars(self).items() if name != "mac"}
        return _PURPOSE + json.dumps(plain, sort_keys=True).encode("ascii")

    def is_well_formed(self) -> bool:
        """Whether every value is of the type that a row has; in SQLite any could be put there."""
        return all(isinstance(value, _TYPES.get(name, str)) for name, value in vars(self).items())

    def readable(self) -> "Entry":
        """The same for people to read, whatever somebody put into the database."""
        values: dict[str, Any] = {
            name: value if isinstance(value, int | None) else readable(value)
            for name, value in vars(self).items()
        }
        return Entry(**values)


def escaped(text: str) -> str:
    r"""Text as it is stored, from which the original can be told without doubt.

    NUL and lone surrogates, which not every database takes, become `\u0000` and the like; so a
    backslash becomes two.
    """
    return _NOT_STORED.sub(
        lambda found: "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}", text
    )


def readable(value: object) -> str:
    """A value of the database as valid text, which what `escaped` made is already."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")
