"""What a provider's claims say: who it is, in which role, and whether the sign-in still holds.

A provider's sign-in is kept in a cookie for weeks and nobody is asked again. So whatever it says is
looked at in every run: until when the provider vouches, when the sign-in was last used, and which
role the person has by the role file as it is now.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from access.identity import Identity
from access.roles import RolesError, read_roles
from access.session import ACTIVITY, SignIn

EXPIRED = "Your sign-in has expired. Sign in again."
LOCKED = "Locked after {minutes:g} minutes without activity. Sign in again."
NO_ROLE = (
    "You are signed in, but have no role here, or more than one. "
    "Ask who looks after the dashboard to put you into the group of your role."
)


class SignInSettings(Protocol):
    """What signing in needs of `settings.Settings`."""

    @property
    def identity(self) -> Literal["none", "demonstration", "oidc"]:
        """How people sign in."""

    @property
    def roles_file(self) -> Path | None:
        """Which group of the provider has which role."""

    @property
    def idle_minutes(self) -> float:
        """A session in which nothing is done for so long is locked."""


def identified(
    claims: Mapping[str, Any], asked: SignInSettings, *, used_now: bool
) -> tuple[str, Identity | None, datetime]:
    """Who the claims say it is, and the last use; or a sentence that says why it is nobody."""
    never = datetime.min.replace(tzinfo=UTC)
    found = sign_in_of(claims)
    expires = claims.get("exp")
    if found is None or not isinstance(expires, int | float):
        return (
            "The provider did not say who you are, or until when (iss, sub, iat, exp).",
            None,
            never,
        )
    if datetime.now(UTC) >= _moment(expires):
        return EXPIRED, None, never
    idle = timedelta(minutes=asked.idle_minutes)
    last_use = ACTIVITY.last_use(found, _moment(found[2]), idle, used_now=used_now)
    if last_use is None:
        return LOCKED.format(minutes=asked.idle_minutes), None, never
    held = read_roles(asked.roles_file).of(claims)
    if held is None:
        return NO_ROLE, None, last_use
    role, trials = held
    name = str(claims.get("name") or claims.get("email") or claims["sub"])
    return "", Identity(found[0], found[1], name, role, trials, _moment(expires)), last_use


def is_still(identity: Identity, claims: Mapping[str, Any], asked: SignInSettings) -> bool:
    """Whether the role file still gives the identity its role and trials."""
    try:
        return read_roles(asked.roles_file).of(claims) == (identity.role, identity.trials)
    except RolesError:
        return False


def sign_in_of(claims: Mapping[str, Any]) -> SignIn | None:
    """Which sign-in of whom the claims are of: issuer, subject and moment of issue."""
    match (claims.get("iss"), claims.get("sub"), claims.get("iat")):
        case (str(issuer), str(subject), int() | float() as issued) if issuer and subject:
            return issuer, subject, int(issued)
        case _:
            return None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
