"""The guard in front of the web server, and what it does not pass on."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from access import Identity, Role
from access.guard import Guard, browser_of, refusal
from access.pace import (
    AT_ONCE,
    MOST_WAITING,
    MOST_WAITING_BYTES,
    PER_SECOND,
    Pace,
    TooMuchError,
)
from access.session import Session
from access.takeover import Windows
from tests.access.conftest import Records

PUBLIC = "https://dsmb.example"
BROWSER, OTHER = "0" * 64, "f" * 64
PERSON = Identity("https://provider", "4711", "Some Person", Role.BOARD)


def to_its_end(asked: Coroutine[Any, Any, None]) -> None:
    """In a thread of its own: where a browser is open, the main one has a running loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, asked).result()


@dataclass
class Asked:
    """A guard, and what it let through."""

    public: str | None = PUBLIC
    windows: Callable[[str, str], bool] = lambda _window, _browser: False
    passed: list[Scope] = field(default_factory=list)
    ended: list[Mapping[str, str]] = field(default_factory=list)

    def ask(self, headers: Mapping[str, str], path: str = "/", **scope: Any) -> dict[str, Any]:
        """Status, cookies and whatever else is answered; as a browser that came by the proxy."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            self.passed.append(scope)
            if scope["type"] == "websocket":
                return await send({"type": "websocket.accept"})
            answer = Response()
            answer.set_cookie("_streamlit_user", "signed", httponly=True)
            return await answer(scope, receive, send)

        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        given = {"host": "dsmb.example"} | dict(headers)
        asked = {"type": "http", "method": "GET", "scheme": "http", "path": path} | scope
        asked["headers"] = [(n.lower().encode(), value.encode()) for n, value in given.items()]
        guard = Guard(
            app,
            public=lambda: self.public,
            end_sign_in=self.ended.append,
            may_take_over=self.windows,
        )
        to_its_end(guard(asked, receive, send))
        cookies = [v.decode() for n, v in sent[0].get("headers", []) if n == b"set-cookie"]
        return {"status": sent[0].get("status"), "type": sent[0]["type"], "cookies": cookies}

    def socket(self, headers: Mapping[str, str]) -> bool:
        """Whether a socket is opened."""
        scope = {"type": "websocket", "scheme": "ws", "path": "/_stcore/stream"}
        return bool(self.ask(headers, **scope)["type"] == "websocket.accept")


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        ({"host": "dsmb.example"}, True),
        ({"host": "dsmb.example", "x-forwarded-for": "203.0.113.7"}, True),
        ({"host": "dsmb.example", "origin": PUBLIC}, True),
        ({"host": "127.0.0.1:8501", "origin": PUBLIC}, True),
        ({"host": "127.0.0.1:8501"}, True),
        ({"host": "dsmb.example", "origin": "http://dsmb.example"}, False),
        ({"host": "dsmb.example:8501"}, False),
        ({"host": "evil@127.0.0.1"}, False),
        ({"host": "127.0.0.1#evil.example"}, False),
        ({"host": "127.0.0.1:8501", "origin": "http://127.0.0.1:8501"}, False),
        ({"host": "stranger.example"}, False),
        ({"host": "[::1"}, False),
        ({}, False),
    ],
)
def test_behind_a_proxy_one_origin_is_answered(headers: dict[str, str], answered: bool) -> None:
    assert (refusal(headers, "http", PUBLIC) == "") == answered


def test_of_two_hosts_neither_is_taken() -> None:
    """One could be for the guard, and the other for who comes after it."""
    asked = Asked()
    assert asked.ask({"host": "dsmb.example", "Host": "stranger.example"})["status"] == 403
    assert not asked.passed


def test_only_its_own_machine_has_the_entry_script_run_without_a_window() -> None:
    asked = Asked()
    ready = "/_stcore/script-health-check"
    assert asked.ask({}, ready)["status"] == 403
    assert not asked.passed
    assert asked.ask({"host": "127.0.0.1:8501"}, ready)["status"] == 200


def test_cookies_are_for_encrypted_connections_where_the_address_is_one() -> None:
    asked = Asked()
    theirs, ours = asked.ask({})["cookies"]
    assert theirs == "_streamlit_user=signed; HttpOnly; Path=/; SameSite=lax; Secure"
    name, _, value = ours.partition("=")
    assert name == "__Host-dsmb-browser"
    assert value.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")
    assert browser_of({name: value.partition(";")[0]})
    asked = Asked(public=None)
    theirs, ours = asked.ask({"host": "localhost:8501"})["cookies"]
    assert "Secure" not in theirs + ours
    theirs, ours = asked.ask({"host": "localhost:8501"}, scheme="https")["cookies"]
    assert "; Secure" in theirs
    assert ours.startswith("__Host-")


def test_a_browser_gets_a_name_once_and_where_it_would_tell_the_one_it_has() -> None:
    asked = Asked()
    names = {asked.ask({})["cookies"][1] for _ in range(2)}
    assert len(names) == 2
    assert len(asked.ask({"cookie": f"__Host-dsmb-browser={BROWSER}"})["cookies"]) == 1
    assert len(asked.ask({"cookie": "__Host-dsmb-browser=chosen"})["cookies"]) == 2
    assert len(asked.ask({"sec-fetch-site": "cross-site"})["cookies"]) == 1
    assert len(asked.ask({}, "/static/js/index.js")["cookies"]) == 1


@pytest.mark.parametrize(
    ("headers", "passed"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"referer": f"{PUBLIC}/board-overview?trial=x"}, True),
        ({"sec-fetch-site": "cross-site", "referer": f"{PUBLIC}/"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"referer": "https://dsmb.example.stranger.example/"}, False),
        ({"referer": "https://stranger.example/?https://dsmb.example/"}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("path", ["/auth/logout", "/auth/logout/"])
def test_signing_out_is_asked_for_by_an_own_page_alone_and_ends_the_sign_in(
    headers: dict[str, str], passed: bool, path: str
) -> None:
    asked = Asked()
    answered = asked.ask(headers | {"cookie": "_streamlit_user=theirs"}, path)
    assert answered["status"] == (200 if passed else 403)
    assert bool(asked.passed) == passed
    assert asked.ended == ([{"_streamlit_user": "theirs"}] if passed else [])
    assert passed or not answered["cookies"]


def test_a_socket_gets_the_earlier_session_of_its_own_browser_alone() -> None:
    own = {"origin": PUBLIC, "cookie": f"__Host-dsmb-browser={BROWSER}"}
    wanted = own | {"sec-websocket-protocol": "streamlit, token, a-window"}
    for known, passed_on in ((BROWSER, "streamlit, token, a-window"), (OTHER, "streamlit, token")):
        asked = Asked(
            windows=lambda window, browser, known=known: (  # type: ignore[misc]
                (window, browser) == ("a-window", known)
            )
        )
        assert asked.socket(wanted)
        (scope,) = asked.passed
        assert HTTPConnection(scope).headers["sec-websocket-protocol"] == passed_on
    asked = Asked()
    assert not asked.socket({"origin": PUBLIC})
    assert not asked.socket({"cookie": own["cookie"]})
    assert not asked.socket({"origin": PUBLIC, "cookie": f"dsmb-browser={BROWSER[1:]}"})
    assert not asked.passed


def test_a_window_is_taken_up_while_its_session_lasts_and_it_is_recorded(
    sqlite_records: Records,
) -> None:
    windows, session, trail = Windows(), Session(PERSON), sqlite_records.trail()
    bound = windows.bind("a-window", BROWSER, session, trail)
    for _ in range(2):
        assert not windows.may_take_over("a-window", OTHER)
    assert not windows.may_take_over("another", BROWSER)
    assert windows.may_take_over("a-window", BROWSER)
    act = "window taken up again"
    rows = [(row.act, row.outcome, row.subject) for row in reversed(trail.select())]
    assert rows == [(act, "refused", ""), (act, "done", "4711")]
    session.end(trail, "signed out")
    assert not windows.may_take_over("a-window", BROWSER)
    # Without a guard no browser has a name, and none is everybody's.
    unguarded = windows.bind("another", "", Session(PERSON), trail)
    assert not windows.may_take_over("another", "")
    del bound, unguarded
    assert not windows._bound


def test_what_cannot_be_recorded_is_not_taken_up(
    sqlite_records: Records, capsys: pytest.CaptureFixture[str]
) -> None:
    trail = sqlite_records.trail()
    windows, session = Windows(), Session(PERSON)
    bound = windows.bind("a-window", BROWSER, session, trail)
    sqlite_records.run("alter table audit_trail rename to gone")
    assert not windows.may_take_over("a-window", BROWSER)
    assert "a-window" not in capsys.readouterr().err
    del bound


# What a socket sends


@dataclass
class Socket:
    """A socket whose messages come when the test says so, and the clock of its pace."""

    came: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    now: float = 0.0

    def send(self, *bodies: bytes) -> None:
        for body in bodies:
            self.came.put_nowait({"type": "websocket.receive", "bytes": body})

    def end(self) -> None:
        self.came.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def given(self, pace: Pace) -> list[bytes | None]:
        """What can be had now, None for the end."""
        found: list[bytes | None] = []
        while found[-1:] != [None]:
            try:
                message = await asyncio.wait_for(pace.receive(), 0.02)
            except TimeoutError:
                break
            found.append(message.get("bytes"))
        return found


def paced(monkeypatch: pytest.MonkeyPatch, act: Callable[[Socket, Pace], Awaitable[None]]) -> None:
    async def run() -> None:
        socket = Socket()
        monkeypatch.setattr("access.pace.monotonic", lambda: socket.now)
        pace = Pace(socket.came.get)
        try:
            await act(socket, pace)
        finally:
            await pace.stop()

    to_its_end(run())


def test_a_socket_gets_its_handful_at_once_and_then_its_pace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bodies = [str(place).encode() for place in range(AT_ONCE + 20)]

    async def act(socket: Socket, pace: Pace) -> None:
        socket.send(*bodies)
        assert await socket.given(pace) == bodies[:AT_ONCE]
        socket.now += 2 / PER_SECOND + 0.01
        assert await socket.given(pace) == bodies[AT_ONCE : AT_ONCE + 2]
        # Whoever was quiet for long has no more than the handful.
        socket.now += 3600
        assert await socket.given(pace) == bodies[AT_ONCE + 2 :]
        socket.send(*bodies)
        assert len(await socket.given(pace)) == AT_ONCE - 18

    paced(monkeypatch, act)


def test_what_waits_ends_with_its_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(socket: Socket, pace: Pace) -> None:
        socket.send(*[b"again"] * AT_ONCE)
        assert len(await socket.given(pace)) == AT_ONCE
        socket.send(*[b"again"] * MOST_WAITING)
        assert not await socket.given(pace)
        socket.end()
        assert await socket.given(pace) == [None]
        assert await socket.given(pace) == [None]

    paced(monkeypatch, act)


@pytest.mark.parametrize(
    "bodies",
    [[b"again"] * (MOST_WAITING + 1), [bytes(MOST_WAITING_BYTES // 2 + 1)] * 2],
)
def test_a_socket_that_sends_more_than_may_wait_is_ended(
    monkeypatch: pytest.MonkeyPatch, bodies: list[bytes]
) -> None:
    async def act(socket: Socket, pace: Pace) -> None:
        socket.send(*[b"again"] * AT_ONCE)
        assert len(await socket.given(pace)) == AT_ONCE
        socket.send(*bodies)
        with pytest.raises(TooMuchError):
            await socket.given(pace)
        assert not pace._waiting

    paced(monkeypatch, act)
