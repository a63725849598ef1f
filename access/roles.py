"""Which group of the identity provider has which role: the role file, a short TOML.

    claim = "groups"                  # the claim of the ID token that holds a person's groups

    [[role]]
    group = "dsmb-members"            # as the provider writes it
    role = "board"                    # see access/policy.py
    trials = ["nct05689008"]          # left out: every trial

It is read each time that somebody's role is asked for, so that a right that is taken away ends at
once. It belongs to the dashboard's user or to root, and nobody else may write it.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from access.identity import Role


class RolesError(Exception):
    """The role file cannot be used, so nobody has a role. The text says why, and what to do."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GroupRole(_Model):
    """One group of the provider, and the role that its members have."""

    group: str = Field(min_length=1)
    role: Role
    trials: tuple[str, ...] | None = None


class Roles(_Model):
    """What the role file says."""

    claim: str = "groups"
    role: tuple[GroupRole, ...] = Field(min_length=1)

    def of(self, claims: Mapping[str, Any]) -> tuple[Role, frozenset[str] | None] | None:
        """The role of whom these claims describe, and the trials it is for (None: every trial).

        Somebody without a group of the file has none. Whoever is in groups of two roles has none
        either: which of the two should hold is not for a program to guess.
        """
        held = claims.get(self.claim)
        groups = [held] if isinstance(held, str) else held if isinstance(held, list) else []
        matching = [entry for entry in self.role if entry.group in groups]
        if len({entry.role for entry in matching}) != 1:
            return None
        if any(entry.trials is None for entry in matching):
            return matching[0].role, None
        return matching[0].role, frozenset(
            trial for entry in matching for trial in entry.trials or ()
        )


def read_roles(path: Path | None) -> Roles:
    """The role file as it is now; what counts is what it says, not when it was written.

    Raises:
        RolesError: there is none, it cannot be used, or others than its owner may write it. The
            text names the file, and is for the log.
    """
    if path is None:
        raise RolesError("No role file is set up (DSMB_ROLES_FILE), so nobody has a role.")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _check(path, os.fstat(descriptor))
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read()
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RolesError(f"The role file {path} cannot be read ({error.strerror}).") from None
    try:
        return _parsed(content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RolesError(f"The role file {path} is not valid TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RolesError(
            f"The role file {path} cannot be used: {where}: {first['msg']}. Until it is mended, "
            "nobody has a role."
        ) from None


def _check(path: Path, status: os.stat_result) -> None:
    """Raise RolesError unless it is a file that this process's user, or root, alone may write."""
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise RolesError(f"The role file {path} is not a file.")
    if status.st_uid not in {os.geteuid(), 0}:
        raise RolesError(
            f"The role file {path} belongs to user {status.st_uid}, so it is not used: who can "
            "write it gives roles. Have it belong to the dashboard's user, or to root."
        )
    if mode & 0o022:
        raise RolesError(
            f"The role file {path} can be written by others than its owner (mode {mode:04o}), so "
            f"it is not used. Run: chmod go-w {path}"
        )


@lru_cache(maxsize=2)
def _parsed(content: bytes) -> Roles:
    return Roles.model_validate(tomllib.loads(content.decode("utf-8")))
