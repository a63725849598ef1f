"""Windows that lost their connection, and the browser that may take them up again."""

import hmac
import threading
import weakref
from dataclasses import dataclass

from access.entries import NOBODY, Actor
from access.errors import AuditError
from access.incidents import log_incident
from access.session import Session
from access.trail import Trail


@dataclass
class _Bound:
    browser: str
    session: Session
    trail: Trail
    noted: bool = False


class Windows:
    """Whose browser each signed-in window is in. What is not known here nobody takes up again."""

    def __init__(self) -> None:
        """No window has signed in yet."""
        # A window that is forgotten elsewhere is forgotten here.
        self._bound: weakref.WeakValueDictionary[str, _Bound] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def bind(self, window: str, browser: str, session: Session, trail: Trail) -> object:
        """Bind a window to the browser that signed in there, for as long as what is returned lives.

        Args:
            window: what the web server calls it; whoever has that has nothing yet.
            browser: the random name that the guard gave it; without one nobody takes it up again.
        """
        bound = _Bound(browser, session, trail)
        with self._lock:
            self._bound[window] = bound
        return bound

    def may_take_over(self, window: str, browser: str) -> bool:
        """Whether this browser may have the window again; that is recorded before it does."""
        with self._lock:
            bound = self._bound.get(window)
        if bound is None or not bound.session.holds():
            return False
        identity = bound.session.identity
        try:
            if bound.browser and hmac.compare_digest(bound.browser, browser):
                bound.trail.write("window taken up again", Actor.of(identity))
                return True
            if not bound.noted:
                bound.noted = True
                bound.trail.write(
                    "window taken up again",
                    NOBODY,
                    outcome="refused",
                    reason=f"It is the window of {identity.name}, in another browser.",
                )
        except AuditError as error:
            log_incident(error, page="", role=identity.role.value)
        return False


WINDOWS = Windows()
