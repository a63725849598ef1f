"""What a provider's claims say: who it is, in which role, and whether the sign-in still holds.

A provider's sign-in is kept in a cookie for weeks and nobody is asked again. So whatever it says is
looked at in every run: until when the provider vouches, when the sign-in was last used, and which
role the person has by the role file as it is now.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

from access.clock import now
from access.identity import Identity
from access.incidents import log_line
from access.roles import RolesError, read_roles
from access.session import ACTIVITY, SignIn

EXPIRED = "Your sign-in has expired. Sign in again."
ENDED = "Somebody has signed out of this sign-in. Sign in again."
LOCKED = "Locked after {minutes:g} minutes without activity. Sign in again."
NO_ROLE = (
    "You are signed in, but have no role here, or more than one. "
    "Ask who looks after the dashboard to put you into the group of your role."
)
NOT_PROVED = (
    "Who has which role cannot be looked up now, so nobody has one and nothing is shown. "
    "Ask who looks after the dashboard: its log says why."
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
) -> tuple[str, Identity | None]:
    """Who the claims say it is; or a sentence that says why it is nobody.

    Args:
        used_now: see `Activity.last_use`.
    """
    found = sign_in_of(claims)
    expires = claims.get("exp")
    if found is None or not isinstance(expires, int | float):
        return "The provider did not say who you are, or until when (iss, sub, iat, exp).", None
    if now() >= _moment(expires):
        return EXPIRED, None
    if ACTIVITY.has_ended(found):
        return ENDED, None
    idle = timedelta(minutes=asked.idle_minutes)
    if ACTIVITY.last_use(found, _moment(found[2]), idle, used_now=used_now) is None:
        return LOCKED.format(minutes=asked.idle_minutes), None
    try:
        held = read_roles(asked.roles_file).of(claims)
    except RolesError as error:
        _log_once(str(error))
        return NOT_PROVED, None
    _log_once.cache_clear()
    if held is None:
        return NO_ROLE, None
    role, trials = held
    name = str(claims.get("name") or claims.get("email") or claims["sub"])
    email = "" if claims.get("email_verified") is False else str(claims.get("email") or "")
    return "", Identity(found[0], found[1], name, role, trials, _moment(expires), email)


def is_still(identity: Identity, claims: Mapping[str, Any], asked: SignInSettings) -> bool:
    """Whether the sign-in goes on, in whatever window, and the person has the same role."""
    return identified(claims, asked, used_now=False)[1] == identity


def end_sign_in(claims: Mapping[str, Any]) -> None:
    """Accept what has these claims no longer, whoever has its cookie."""
    found, expires = sign_in_of(claims), claims.get("exp")
    if found is not None and isinstance(expires, int | float):
        ACTIVITY.end(found, _moment(expires))


def sign_in_of(claims: Mapping[str, Any]) -> SignIn | None:
    """Which sign-in of whom the claims are of: issuer, subject and moment of issue."""
    match (claims.get("iss"), claims.get("sub"), claims.get("iat")):
        case (str(issuer), str(subject), int() | float() as issued) if issuer and subject:
            return issuer, subject, int(issued)
        case _:
            return None


@lru_cache(maxsize=1)
def _log_once(why: str) -> None:
    """Log why no role can be proved; windows ask every few seconds, and the answer is the same."""
    log_line("no role can be proved", why=why)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
