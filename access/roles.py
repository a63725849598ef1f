"""Which group of the identity provider has which role: the role file, a short TOML.

    claim = "groups"                  # the claim of the ID token that holds a person's groups

    [[role]]
    group = "dsmb-members"            # as the provider writes it
    role = "board"                    # see access/policy.py
    trials = ["nct05689008"]          # left out: every trial

It is read again whenever it has changed, so that a right that is taken away ends at once.
"""

import tomllib
from collections.abc import Mapping
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


_read: dict[Path, tuple[tuple[int, int, int], Roles]] = {}


def read_roles(path: Path | None) -> Roles:
    """The role file as it is now.

    Raises:
        RolesError: there is none, or it cannot be used.
    """
    if path is None:
        raise RolesError("No role file is set up (DSMB_ROLES_FILE), so nobody has a role.")
    try:
        status = path.stat()
        # A file that was replaced differs in one of these, even within one tick of the clock.
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = _read.get(path)
        if known is None or known[0] != version:
            known = _read[path] = (version, Roles.model_validate(_parsed(path)))
        return known[1]
    except OSError as error:
        raise RolesError(f"The role file {path} cannot be read ({error.strerror}).") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RolesError(
            f"The role file {path} cannot be used: {where}: {first['msg']}. Until it is mended, "
            "nobody has a role."
        ) from None


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RolesError(f"The role file {path} is not valid TOML: {error}.") from None
