"""What strangers try at the web server itself, without a browser and without a sign-in.

One server for all, which writes down whom it calls; the last test ends it.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from access import Role
from access.guard import Guard
from access.trail import Trail
from display.web_server import not_answered
from tests.browser.dashboard_server import CHECKOUT, Server, running
from tests.browser.socket_client import Session, connected
from tests.browser.visitor import EVERYBODY, NAMES
from tests.browser.whole_page import question_of

MEGABYTE = 1024**2
RECORDER = Path(__file__).parent / "recorder"
# Names that need no look-up.
HERE = ("'127.0.0.1'", "localhost", "127.0.0.1")


@dataclass(frozen=True)
class Watched:
    """A server, what it looked up and connected to, and its only way out."""

    server: Server
    record: Path
    proxy: socket.socket

    @property
    def place(self) -> str:
        """Host and port."""
        return urlsplit(self.server.url).netloc

    def called(self) -> list[str]:
        """Whom it has called or looked up beyond this machine, the proxy included."""
        lines = self.record.read_text("utf-8").splitlines() if self.record.exists() else []
        found = [line for line in lines if not any(name in line for name in HERE)]
        with suppress(BlockingIOError):
            self.proxy.accept()
            found.append("the proxy")
        return found

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request, its headers as they stand."""
        connection = http.client.HTTPConnection(self.place, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in ({"Host": self.place} | dict(headers)).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        found = answer.status, answer.headers, answer.read()
        connection.close()
        return found

    def health(self) -> float:
        """Seconds until it says that it is well."""
        start = perf_counter()
        assert self.ask("GET", "/_stcore/health", {})[0] == 200
        return perf_counter() - start

    def is_refused(self, headers: Mapping[str, str]) -> bool:
        """Whether a socket that asks with these headers is closed before it is open."""
        try:
            with connected(self.server, headers):
                return False
        except InvalidStatus as error:
            return error.response.status_code == 403


def watched(
    settings: Mapping[str, str], folder: Path, script: str = "server.py"
) -> Iterator[Watched]:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        way = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        record = folder / "calls"
        given = dict(settings) | {
            "PYTHONPATH": str(RECORDER),
            "RECORD_FILE": str(record),
            **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), way),
        }
        with running(given, folder / "stderr", CHECKOUT / script) as server:
            server.get_ready()
            yield Watched(server, record, proxy)


@pytest.fixture(scope="module")
def under_attack(
    server_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """The demonstration, as `make run` starts it."""
    for started in watched(server_settings, tmp_path_factory.mktemp("attacked")):
        yield started
        assert started.server.complaints() == []


def signed_in(session: Session, role: Role = Role.BOARD) -> str:
    session.run()
    return session.run(button=NAMES[role])


# Strangers at the door


def test_strangers_handshakes_call_nobody_and_keep_nobody_waiting(under_attack: Watched) -> None:
    stranger = under_attack.server.handshake() | {"Origin": "http://stranger.example:8501"}
    start, taken = perf_counter(), []
    for _ in range(50):
        assert under_attack.is_refused(stranger)
        taken.append(under_attack.health())
    # A second by itself; other tests are at work, too. A call outside took two seconds each.
    assert perf_counter() - start - sum(taken) < 10
    # One of the other tests' processes may be in the way now and then.
    assert sorted(taken)[-5] <= 0.2
    assert under_attack.called() == []


def test_only_its_own_pages_at_this_machine_are_answered(under_attack: Watched) -> None:
    """Whatever name leads here, whichever page asks, and whatever stands between."""
    own, place = under_attack.server.handshake(), under_attack.place
    port = place.rpartition(":")[2]
    for headers in (
        {"Host": f"rebound.example:{port}"},
        {"Host": f"127.0.0.1.rebound.example:{port}"},
        {"Host": f"127.0.0.1@rebound.example:{port}"},
        {"Host": f"rebound.example:{port}", "Origin": f"http://rebound.example:{port}"},
        {"Origin": "http://localhost:3000"},
        {"Origin": f"http://localhost:{port}"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": f"https://{place}"},
        {"Origin": "null"},
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=203.0.113.7"},
    ):
        status, answered, _ = under_attack.ask("GET", "/", headers)
        assert status == 403, headers
        assert "set-cookie" not in answered
        if "Host" not in headers:
            assert under_attack.is_refused(own | headers), headers
    assert under_attack.is_refused({"Cookie": own["Cookie"]})
    assert under_attack.is_refused({"Origin": own["Origin"]})
    for name in ("localhost", "[::1]", "127.0.0.1"):
        host = f"{name}:{port}"
        assert under_attack.ask("GET", "/", {"Host": host, "Origin": f"http://{host}"})[0] == 200


def test_no_file_is_taken_before_a_byte_of_it_is_kept(under_attack: Watched) -> None:
    """Not even to the window of one's own, with the token against forged requests."""
    _, headers, _ = under_attack.ask("GET", "/_stcore/health", {})
    token = next(
        whole.partition(";")[0]
        for whole in headers.get_all("set-cookie", [])
        if whole.startswith("_streamlit_xsrf=")
    )
    own = under_attack.server.handshake()
    own |= {"Cookie": f"{own['Cookie']}; {token}", "X-Xsrftoken": token.partition("=")[2]}
    process = psutil.Process(under_attack.server.process_id)
    with connected(under_attack.server, own) as session:
        session.run()
        address = f"/_stcore/upload_file/{session.id}/any"
        before = process.memory_info().rss
        part = b"--x\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n"
        whole = part + bytes(100 * MEGABYTE) + b"\r\n--x--\r\n"
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        sized = own | kind | {"Content-Length": str(len(whole))}
        # It may have hung up before all of it is sent.
        with suppress(ConnectionError):
            assert under_attack.ask("PUT", address, sized, whole)[0] == 403
        assert process.memory_info().rss < before + 20 * MEGABYTE
        for method in ("PUT", "POST", "DELETE", "OPTIONS"):
            # It answers though nothing of what was announced has come.
            assert under_attack.ask(method, address, sized)[0] == 403


def test_nothing_is_told_that_no_page_needs(under_attack: Watched) -> None:
    assert under_attack.ask("GET", "/_stcore/metrics", {})[0] == 403
    assert under_attack.ask("POST", "/", {"Content-Length": "0"})[0] == 403
    # The browser's part of Streamlit asks for it; no page of another origin is named in it.
    assert b'"allowedOrigins":[]' in under_attack.ask("GET", "/_stcore/host-config", {})[2]


# Windows of others


def test_a_window_is_taken_up_by_the_browser_that_signed_in_there_alone(
    under_attack: Watched, trail: Trail
) -> None:
    """Neither while it is open nor after it was closed; the others get a sign-in."""
    overview = question_of("board-overview")
    own, last = under_attack.server.handshake(), trail.select(limit=1)[0].sequence

    def taken_up(headers: Mapping[str, str], window: str) -> str:
        with connected(under_attack.server, headers, window) as session:
            return session.run().replace("\\", "")

    def acts() -> list[tuple[str, str]]:
        rows = [row for row in trail.select() if row.sequence > last]
        rows = [row for row in reversed(rows) if row.act == "window taken up again"]
        return [(row.outcome, row.name) for row in rows]

    with connected(under_attack.server, own) as session:
        signed_in(session)
        window = session.id
        for _ in range(2):
            assert overview not in taken_up(under_attack.server.handshake(), window)
        # Nobody was thrown out of it.
        assert overview in session.run("board-overview").replace("\\", "")
        refused, done = ("refused", ""), ("done", NAMES[Role.BOARD])
        assert acts() == [refused]
        # One's own connection may have gone without the server's knowing.
        assert overview in taken_up(own, window)
    assert overview not in taken_up(under_attack.server.handshake(), window)
    assert acts() == [refused, done]
    assert overview in taken_up(own, window)
    assert acts() == [refused, done, done]
    with connected(under_attack.server, own, window) as session:
        session.run()
        session.run("board-overview", "Sign out")
    assert overview not in taken_up(own, window)
    assert window not in under_attack.server.log.read_text("utf-8")
    assert all(window not in row.reason + row.resource for row in trail.select())
    # The name of the browser is for the browser alone.
    cookies = under_attack.ask("GET", "/", {})[1].get_all("set-cookie", [])
    assert all("HttpOnly; SameSite=Strict" in cookie for cookie in cookies)


# Floods


def flood(session: Session, messages: int) -> None:
    """Send reruns of the page as fast as they go, until the server has had enough.

    Raises:
        TimeoutError: it takes all of them, and keeps the socket open.
    """
    with suppress(ConnectionClosed):
        session.ask_again("board-overview", messages)
        while True:
            session.socket.recv(10)


def test_a_flood_ends_with_its_socket_others_go_on_and_so_does_the_end(
    under_attack: Watched,
) -> None:
    process = psutil.Process(under_attack.server.process_id)
    with (
        connected(under_attack.server) as flooding,
        connected(under_attack.server) as steady,
        connected(under_attack.server) as other,
        ThreadPoolExecutor(1) as stranger,
    ):
        for session in (flooding, steady, other):
            signed_in(session)
        other.run("board-safety")
        flooded = stranger.submit(flood, flooding, 5_000)
        # Fewer than are refused, but enough to be busy with for seconds.
        steady.ask_again("board-overview", 80)
        taken: list[float] = []
        while not flooded.done() or len(taken) < 8:
            start = perf_counter()
            other.run(("board-overview", "board-safety")[len(taken) % 2])
            taken.append(perf_counter() - start)
        flooded.result()
        assert sorted(taken)[-2] <= 1
        assert under_attack.health() <= 0.2
    # Gone: nothing of it is drawn any more.
    assert process.cpu_percent(interval=1) <= 20
    with connected(under_attack.server) as session:
        signed_in(session)
        session.ask_again("board-overview", 80)
        os.kill(process.pid, signal.SIGTERM)
        start = perf_counter()
        process.wait(10)
        assert perf_counter() - start <= 10


def test_what_still_runs_does_not_keep_the_server_from_its_end() -> None:
    endless = """
import signal, display.web_server as web_server
signal.signal(signal.SIGTERM, lambda *_: None)
web_server.END_WITHIN = 0.1
web_server.end_in_time()
print("ready", flush=True)
while True: signal.pause()
"""
    command = [sys.executable, "-c", endless]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(10) == 0


# Without the guard


@pytest.mark.parametrize("identity", ["oidc", "none"])
def test_without_the_guard_only_the_demonstration_is_shown(
    monkeypatch: pytest.MonkeyPatch, identity: str
) -> None:
    monkeypatch.setattr("display.web_server._headers", lambda: {"host": "127.0.0.1:8501"})
    monkeypatch.setattr(Guard, "stands", False)
    assert "streamlit run server.py" in not_answered(identity)
    monkeypatch.setattr(Guard, "stands", True)
    assert not_answered(identity) == ""


def test_without_the_guard_the_same_is_refused_by_the_page(
    server_settings: dict[str, str], tmp_path: Path
) -> None:
    for alone in watched(server_settings, tmp_path, "dashboard.py"):
        port = alone.place.rpartition(":")[2]
        for headers in (
            {"Origin": "http://localhost:3000"},
            {"Origin": f"http://localhost:{port}"},
            {"X-Forwarded-For": "203.0.113.7"},
        ):
            with connected(alone.server, headers) as session:
                session.run()
                assert session.errors
                assert not set(EVERYBODY) & set(session.buttons)
        stranger = {"Origin": "http://stranger.example:8501"}
        start = perf_counter()
        assert alone.is_refused(stranger)
        assert perf_counter() - start < 1
        assert alone.called() == []
        with connected(alone.server, {"Origin": alone.server.url}) as session:
            session.run()
            assert set(EVERYBODY) <= set(session.buttons)
