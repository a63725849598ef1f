"""Somebody without a browser: a WebSocket that speaks as a browser does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.browser.dashboard_server import Server
from tests.browser.visitor import PATIENCE


@dataclass
class Session:
    """Somebody without a browser.

    Attributes:
        taken: seconds from each move to the last that the server sent of the page.
        errors: what a page showed instead of itself.
        id: what the server calls it.
    """

    socket: ClientConnection
    pages: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)
    taken: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    id: str = ""

    def run(self, address: str = "", button: str = "") -> str:
        """Ask for a page, or press a button; returns all text of what comes until it is whole."""
        asked = BackMsg()
        asked.rerun_script.page_script_hash = self.pages.get(address, "")
        if button:
            pressed = asked.rerun_script.widget_states.widgets.add()
            pressed.id, pressed.trigger_value = self.buttons[button], True
        self.socket.send(asked.SerializeToString())
        texts = []
        while True:
            frame = self.socket.recv(PATIENCE / 1000, decode=False)
            message = ForwardMsg.FromString(frame)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.id = message.new_session.initialize.session_id
            elif kind == "navigation":
                self.pages = {
                    item.url_pathname: item.page_script_hash
                    for item in message.navigation.app_pages
                }
            elif kind == "delta":
                element = message.delta.new_element
                shown = element.WhichOneof("type")
                texts.append(element.markdown.body + element.heading.body)
                if shown == "button":
                    self.buttons[element.button.label] = element.button.id
                elif shown == "exception":
                    self.errors.append(element.exception.message)
                elif shown == "alert" and element.alert.format == Alert.ERROR:
                    self.errors.append(element.alert.body)
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    return "\n".join(texts)
                if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise AssertionError("The script did not run.")
                texts.clear()

    def ask_again(self, address: str, times: int) -> None:
        """Ask for a page again and again, and wait for nothing."""
        asked = BackMsg()
        asked.rerun_script.page_script_hash = self.pages[address]
        message = asked.SerializeToString()
        for _ in range(times):
            self.socket.send(message)


@contextmanager
def connected(
    server: Server, headers: Mapping[str, str] | None = None, earlier: str = ""
) -> Iterator[Session]:
    """A session on a server.

    Args:
        server: where.
        headers: of the handshake; by default those of a browser that has opened the page.
        earlier: the id of the session that is to be taken up again.
    """
    asked = [Subprotocol(name) for name in ("streamlit", *(["none", earlier] if earlier else []))]
    with connect(
        server.url.replace("http:", "ws:") + "/_stcore/stream",
        subprotocols=asked,
        additional_headers=server.handshake() if headers is None else headers,
        # As a browser takes what comes while somebody reads: a full queue answers no ping.
        max_size=None,
        max_queue=None,
    ) as socket:
        yield Session(socket)
