"""A session: one person at one browser window, from sign-in until it ends.

It ends by signing out, by the idle lock, when the provider's word expires, or when the role is
taken away. Whatever was opened in it is closed then.
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from access.clock import now
from access.closed_session import note_leaving, withdrawal
from access.entries import Actor
from access.identity import Identity
from access.policy import ClosedSession
from access.trail import Trail
from access.view import View


class Closable(Protocol):
    """What a session opens and closes: a Board."""

    def close(self) -> None:
        """Give back what was opened."""


@dataclass
class Session:
    """One person at one window.

    Attributes:
        identity: as it was at sign-in; a session whose identity would now be another one ends.
        entitled: asked again and again, whether the sign-in goes on and gives the same role.
        closed: the closed session that it has entered.
        opened: what is to be closed when it ends.
    """

    identity: Identity
    entitled: Callable[[], bool] = lambda: True
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    closed: ClosedSession | None = None
    opened: Closable | None = None
    ended: bool = False
    last_active: datetime = field(default_factory=lambda: now())  # noqa: PLW0108 (a test sets it)

    def holds(self) -> bool:
        """Whether it still goes on: what grants, pages, fragments and the clock ask alike."""
        expires = self.identity.expires
        in_time = expires is None or now() < expires
        return not self.ended and in_time and self.entitled()

    def holds_in(self, trial: str, snapshot: str, view: View) -> bool:
        """Whether it holds, and is still in the closed session that a comparative view needs."""
        if view is View.POOLED:
            return self.holds()
        closed = self.closed
        return (
            self.holds()
            and closed is not None
            and closed.covers(self.identity, trial, snapshot, view)
        )

    def is_idle(self, minutes: float) -> bool:
        """Whether nothing was done for so long."""
        return now() - self.last_active >= timedelta(minutes=minutes)

    def close_opened(self) -> None:
        """Close what is open, if anything is."""
        if self.opened is not None:
            self.opened.close()
        self.opened = None

    def end(self, trail: Trail, why: str) -> None:
        """End it: nothing that was granted to it holds any longer. Then record it.

        Raises:
            AuditError: it is not recorded yet; it has ended all the same.
        """
        if self.ended:
            return
        self.ended = True
        note_leaving(self, trail, why)
        trail.note("session ended", Actor.of(self.identity), reason=why, also=withdrawal(self.id))
        trail.settle()


# Issuer, subject and moment of issue: one act of signing in at the provider.
SignIn = tuple[str, str, int]


class Activity:
    """When each sign-in was last used, by whatever window of whatever browser has its cookie.

    A provider's sign-in is kept in a cookie for weeks. Without this, closing a locked window and
    opening another one would unlock it. A sign-in that is not known here counts as used when it
    was issued, so that a restart of the server unlocks nothing either.
    """

    def __init__(self) -> None:
        """Nobody has been here yet."""
        self._last: dict[SignIn, datetime] = {}
        # Each with when the provider's word for it expires: then nobody need remember it.
        self._ended: dict[SignIn, datetime] = {}
        self._lock = threading.Lock()

    def last_use(
        self, sign_in: SignIn, issued: datetime, idle: timedelta, *, used_now: bool
    ) -> datetime | None:
        """When it was last used; None if it has ended or lay idle for too long.

        Args:
            used_now: whether somebody does something now, which is noted; a window that looks by
                itself whether it is locked is no use, or two of them would keep each other open.
        """
        moment = now()
        with self._lock:
            # What is forgotten here was issued longer ago than `idle`, so it is refused unknown.
            for key in [key for key, at in self._last.items() if moment - at >= idle]:
                del self._last[key]
            for key in [key for key, until in self._ended.items() if moment >= until]:
                del self._ended[key]
            last = self._last.get(sign_in, issued)
            if sign_in in self._ended or moment - last >= idle:
                return None
            if used_now:
                self._last[sign_in] = last = moment
            return last

    def has_ended(self, sign_in: SignIn) -> bool:
        """Whether somebody ended it."""
        with self._lock:
            return sign_in in self._ended

    def end(self, sign_in: SignIn, expires: datetime) -> None:
        """Refuse this sign-in from now on.

        Args:
            expires: until when the provider vouches for it.
        """
        with self._lock:
            self._last.pop(sign_in, None)
            self._ended[sign_in] = expires


ACTIVITY = Activity()
