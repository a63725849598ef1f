"""The guard in front of the web server: who may ask it for what.

It stands before Streamlit, so what it refuses is neither kept nor drawn, and nobody waits for it.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import ClassVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from access.pace import Pace, TooMuchError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Of two names the first only where the connection is encrypted: no other host can set it.
_COOKIES = ("__Host-dsmb-browser", "dsmb-browser")
_BROWSER = re.compile(r"[0-9a-f]{64}")
_CLOSED = ("/_stcore/upload_file", "/_stcore/metrics")
_LOGOUT = "/auth/logout"
_READY = "/_stcore/script-health-check"
_POLICY_VIOLATION = 1008


def refusal(headers: Mapping[str, str], scheme: str, public: str | None) -> str:
    """Why whoever sends these headers is not answered; empty if they are.

    Args:
        headers: by lower-case name.
        scheme: of the connection, `http` or `https`.
        public: the origin under which people reach the dashboard; None where only this machine may.
    """
    host = headers.get("host", "").lower()
    if public is None and any(
        name == "forwarded" or name.startswith("x-forwarded-") for name in headers
    ):
        return "The dashboard is not shown here through a proxy."
    if not _is_loopback(host) and (public is None or host != urlsplit(public).netloc.lower()):
        return "The dashboard is not reached by this host name."
    if headers.get("origin", own := public or f"{scheme}://{host}") != own:
        return "The dashboard answers its own pages only."
    return ""


def _is_loopback(host: str) -> bool:
    if set(host) & set("@#?/\\"):  # more than a name and a port, of which parts would be left out
        return False
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False


def browser_of(cookies: Mapping[str, str]) -> str:
    """The random name that the guard gave a browser; empty without one."""
    named = next((cookies[name] for name in _COOKIES if name in cookies), "")
    return named if _BROWSER.fullmatch(named) else ""


class Guard:
    """Passes on what its own pages ask for by GET, and their sockets at a pace; refuses the rest.

    Every browser gets a random name in a cookie that no script can read. A socket without one is
    refused; one that names an earlier session gets it only if `may_take_over` says so.

    Attributes:
        stands: whether one stands in this process.
    """

    stands: ClassVar[bool] = False

    def __init__(
        self,
        app: ASGIApp,
        *,
        public: Callable[[], str | None],
        end_sign_in: Callable[[Mapping[str, str]], None],
        may_take_over: Callable[[str, str], bool],
    ) -> None:
        """Stand before `app`.

        Args:
            public: the origin under which people reach the dashboard; None where only this machine
                may.
            end_sign_in: ends the sign-in that cookies hold.
            may_take_over: whether the window of a session (first) is this browser's (second).
        """
        Guard.stands = True
        self._app, self._public = app, public
        self._end_sign_in, self._may_take_over = end_sign_in, may_take_over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        scheme = scope["scheme"].replace("ws", "http")
        headers = Headers(scope=scope)
        if any(len(headers.getlist(name)) > 1 for name in ("host", "origin")):
            return "The dashboard answers its own pages only."
        return refusal(headers, scheme, self._public())

    def _closed(self, asked: HTTPConnection) -> str:
        """Why nobody gets what is asked for, or not so; empty if somebody does."""
        path = asked.scope["path"].rstrip("/")
        if asked.scope["method"] not in ("GET", "HEAD") or any(each in path for each in _CLOSED):
            return "The dashboard takes no files, and nothing else either."
        if path.endswith(_READY) and not _is_loopback(asked.headers["host"]):
            # It runs the entry script, for whoever asks.
            return "Whether the dashboard is ready is asked on its machine."
        if path.endswith(_LOGOUT) and not self._asked_by_own_page(asked):
            return "Sign out by the button on the page."
        return ""

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = HTTPConnection(scope)
        if why := self._refusal(scope) or self._closed(asked):
            return await _refused(why)(scope, receive, send)
        if scope["path"].rstrip("/").endswith(_LOGOUT):
            await asyncio.to_thread(self._end_sign_in, asked.cookies)
        secure = self._is_secure(scope)
        new = "" if self._is_named(asked) else secrets.token_hex(32)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _see_to_cookies(MutableHeaders(scope=message), new, secure=secure)
            await send(message)

        return await self._app(scope, receive, answer)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = HTTPConnection(scope)
        browser = browser_of(asked.cookies)
        if self._refusal(scope) or "origin" not in asked.headers or not browser:
            return await WebSocketClose(_POLICY_VIOLATION)(scope, receive, send)
        await self._without_what_is_not_its_own(scope, browser)
        pace, ended = Pace(receive), False

        async def paced() -> Message:
            nonlocal ended
            try:
                return await pace.receive()
            except TooMuchError:
                ended = True
                # It may have gone.
                with suppress(OSError):
                    await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
                return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}

        async def answer(message: Message) -> None:
            if ended:
                raise OSError
            await send(message)

        try:
            return await self._app(scope, paced, answer)
        finally:
            await pace.stop()

    def _is_secure(self, scope: Scope) -> bool:
        public = self._public()
        return scope["scheme"] == "https" or (public is not None and public.startswith("https:"))

    @staticmethod
    def _is_named(asked: HTTPConnection) -> bool:
        """Whether a browser has its name, or is to get it another time.

        What is kept for everybody names nobody. And a browser that comes from another site leaves
        out the name that it may have.
        """
        return (
            bool(browser_of(asked.cookies))
            or asked.scope["path"].startswith(("/static/", "/media/"))
            or asked.headers.get("sec-fetch-site") == "cross-site"
        )

    def _asked_by_own_page(self, asked: HTTPConnection) -> bool:
        site = asked.headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        own = self._public() or f"{asked.scope['scheme']}://{asked.headers['host']}"
        return f"{asked.headers.get('referer', '')}/".startswith(f"{own}/")

    async def _without_what_is_not_its_own(self, scope: Scope, browser: str) -> None:
        """Take an earlier session out of what a socket asks for, unless the browser may have it.

        Streamlit has it third in the list of subprotocols, after the token against forged requests.
        """
        headers = MutableHeaders(scope=scope)
        asked = [part.strip() for part in headers.get("sec-websocket-protocol", "").split(",")]
        window = asked[2] if len(asked) > 2 else ""
        if window and not await asyncio.to_thread(self._may_take_over, window, browser):
            headers["sec-websocket-protocol"] = ", ".join(asked[:2])


def _see_to_cookies(headers: MutableHeaders, new: str, *, secure: bool) -> None:
    """Name a browser that is `new`; no cookie goes unencrypted where the connection is not."""
    if new:
        name = _COOKIES[0] if secure else _COOKIES[1]
        headers.append("set-cookie", f"{name}={new}; Path=/; HttpOnly; SameSite=Strict")
    if secure:
        cookies = headers.getlist("set-cookie")
        del headers["set-cookie"]
        for cookie in cookies:
            whole = cookie if "; secure" in cookie.lower() else f"{cookie}; Secure"
            headers.append("set-cookie", whole)


def _refused(why: str) -> Response:
    # What is still being sent is not read: the connection ends.
    return PlainTextResponse(why, 403, {"connection": "close", "cache-control": "no-store"})
